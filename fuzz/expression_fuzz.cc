#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/array.h>
#include <arrow/array/util.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "croupier/expression.h"
#include "require.h"

// The bytes are an expression. It is written and read again, bound to columns of many types, and
// evaluated.

using croupier::Expression;
using croupier::fuzz::Require;

namespace {

std::shared_ptr<arrow::RecordBatch> MakeRows() {
  const std::vector<std::shared_ptr<arrow::Field>> fields = {
      arrow::field("i", arrow::int32()),
      arrow::field("u", arrow::uint64()),
      arrow::field("f", arrow::float64()),
      arrow::field("h", arrow::float16()),
      arrow::field("b", arrow::boolean()),
      arrow::field("s", arrow::utf8()),
      arrow::field("x", arrow::binary()),
      arrow::field("d", arrow::date32()),
      arrow::field("t", arrow::timestamp(arrow::TimeUnit::MICRO)),
      arrow::field("n", arrow::decimal128(10, 2)),
      arrow::field("l", arrow::list(arrow::int32())),
      arrow::field("p", arrow::struct_({arrow::field("a", arrow::int32())})),
      arrow::field("k", arrow::dictionary(arrow::int8(), arrow::utf8())),
  };
  arrow::ArrayVector arrays;
  for (const auto& field : fields) {
    std::unique_ptr<arrow::ArrayBuilder> builder;
    const auto status = arrow::MakeBuilder(arrow::default_memory_pool(), field->type(), &builder);
    Require(status.ok() && builder->AppendEmptyValues(2).ok() && builder->AppendNull().ok(),
            "a column is made");
    arrays.push_back(builder->Finish().ValueOrDie());
  }
  return arrow::RecordBatch::Make(arrow::schema(fields), 3, arrays);
}

// Functions that make much of little are left to the tests.
bool MayGrow(std::string_view text) {
  for (const std::string_view word : {"pad", "PAD", "peat", "PEAT", "place", "PLACE"}) {
    if (text.find(word) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto rows = MakeRows();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto expression = Expression::Parse(text);
  if (!expression.ok()) return 0;
  const std::string canonical = expression->ToString();
  const auto again = Expression::Parse(canonical);
  // The canonical form has parentheses, so its nesting may be too deep.
  Require(again.ok() || again.status().IsCapacityError(), "the canonical form is an expression");
  Require(!again.ok() || again->ToString() == canonical, "the canonical form stays");
  if (MayGrow(text)) return 0;
  const auto bound = expression->Bind(rows->schema());
  if (!bound.ok()) return 0;
  const auto values = bound->Evaluate(*rows);
  if (!values.ok()) return 0;
  Require((*values)->length() == rows->num_rows(), "there is a value for each row");
  Require((*values)->type()->Equals(*bound->type()), "values are of the type");
  Require((*values)->Validate().ok(), "values are valid");
  return 0;
}
