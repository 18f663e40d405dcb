#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <arrow/array/builder_primitive.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>

#include "croupier/permutation.h"
#include "croupier/table.h"
#include "require.h"

// The bytes are what the metadata of a kept permutation says: split_names, base_version,
// base_branch and croupier.order, each behind the other with a line end between. What is behind
// them are the rows, a byte for a row id and a byte for a split each.

using croupier::PermutationTable;
using croupier::fuzz::Require;

namespace {

constexpr int64_t kNumBaseRows = 100;

std::string_view TakeLine(std::string_view* text) {
  const size_t end = text->find('\n');
  const auto line = text->substr(0, end);
  text->remove_prefix(end == std::string_view::npos ? text->size() : end + 1);
  return line;
}

std::shared_ptr<const croupier::TableSource> MakeBase() {
  arrow::Int8Builder builder;
  Require(builder.AppendEmptyValues(kNumBaseRows).ok(), "rows are made");
  const auto schema = arrow::schema({arrow::field("x", arrow::int8())});
  return croupier::MakeMemoryTable("base",
                                   arrow::Table::Make(schema, {builder.Finish().ValueOrDie()}))
      .ValueOrDie();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto base = MakeBase();
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto metadata = std::make_shared<arrow::KeyValueMetadata>();
  for (const char* key : {"split_names", "base_version", "base_branch", "croupier.order"}) {
    const auto value = TakeLine(&text);
    if (!value.empty()) metadata->Append(key, std::string(value));
  }
  arrow::UInt64Builder row_ids;
  arrow::Int64Builder split_ids;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    Require(row_ids.Append(static_cast<uint8_t>(text[i])).ok(), "rows are made");
    // Some are negative.
    Require(split_ids.Append(static_cast<signed char>(text[i + 1])).ok(), "rows are made");
  }
  const auto schema = arrow::schema(
      {arrow::field("row_id", arrow::uint64()), arrow::field("split_id", arrow::int64())},
      std::move(metadata));
  const auto kept = croupier::MakeMemoryTable(
                        "kept", arrow::Table::Make(schema, {row_ids.Finish().ValueOrDie(),
                                                            split_ids.Finish().ValueOrDie()}))
                        .ValueOrDie();
  const auto table = PermutationTable::Read(*kept, *base);
  if (!table.ok()) {
    Require(table.status().IsInvalid(), "others are Invalid");
    return 0;
  }
  Require((*table)->CheckBase(*base).ok(), "it is of the table that it was read for");
  if ((*table)->num_splits() > 1000) return 0;
  const auto copy = PermutationTable::Deserialize((*table)->Serialize().ValueOrDie());
  Require(copy.ok(), "it can be sent to another process");
  Require((*copy)->order_id() == (*table)->order_id(), "with the same order");
  return 0;
}
