#include "croupier/expression.h"

#include <string>

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <nanobind/stl/string.h>

#include "arrow_objects.h"
#include "croupier/base/memory_pool.h"
#include "register.h"
#include "signal_cancel.h"
#include "status.h"

namespace croupier::python {

namespace {

arrow::Result<std::shared_ptr<arrow::RecordBatch>> Evaluate(const std::string& text,
                                                            const arrow::Table& rows,
                                                            bool is_filter) {
  ARROW_ASSIGN_OR_RAISE(const auto expression, Expression::Parse(text));
  ARROW_ASSIGN_OR_RAISE(const auto bound, is_filter ? expression.BindFilter(rows.schema())
                                                    : expression.Bind(rows.schema()));
  ARROW_ASSIGN_OR_RAISE(const auto batch, rows.CombineChunksToBatch(DefaultMemoryPool()));
  std::shared_ptr<arrow::Array> values;
  if (is_filter) {
    ARROW_ASSIGN_OR_RAISE(values, bound.EvaluateFilter(*batch));
  } else {
    ARROW_ASSIGN_OR_RAISE(values, bound.Evaluate(*batch));
  }
  const auto field = arrow::field("value", values->type());
  return arrow::RecordBatch::Make(arrow::schema({field}), batch->num_rows(), {values});
}

}  // namespace

void RegisterExpression(nb::module_& module) {
  module.def(
      "evaluate",
      [](const std::string& text, const nb::object& rows, bool is_filter) {
        const auto table = TakeOverTable(rows);
        return GiveBatch(ValueOrRaise([&] {
          const GilReleased released;
          return Evaluate(text, *table, is_filter);
        }()));
      },
      nb::arg("text"), nb::arg("rows"), nb::kw_only(), nb::arg("is_filter") = false);
}

}  // namespace croupier::python
