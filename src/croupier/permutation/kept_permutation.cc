#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include <arrow/array.h>
#include <arrow/compute/cast.h>
#include <arrow/compute/exec.h>
#include <arrow/record_batch.h>
#include <arrow/status.h>
#include <arrow/type.h>
#include <arrow/type_traits.h>
#include <arrow/util/key_value_metadata.h>
#include <nlohmann/json.hpp>

#include "croupier/base/hash.h"
#include "croupier/base/memory_pool.h"
#include "croupier/permutation.h"
#include "croupier/permutation/kept_order_file.h"
#include "croupier/permutation/order_text.h"
#include "croupier/permutation/spill_file.h"
#include "croupier/permutation/split_lists.h"
#include "croupier/permutation/table_parts.h"

namespace croupier {

namespace {

using permutation::kRowIdLimit;
using permutation::SplitListsBuilder;
using permutation::TableParts;

constexpr int64_t kBatchRows = 65536;
constexpr char kListHashKey[] = "croupier.list_hash";

std::string MetadataOf(const arrow::Schema& schema, const std::string& key) {
  return schema.metadata() == nullptr ? "" : schema.metadata()->Get(key).ValueOr("");
}

arrow::Status CheckColumns(const arrow::Schema& schema) {
  for (const char* name : {"row_id", "split_id"}) {
    const auto field = schema.GetFieldByName(name);
    if (field == nullptr) {
      return arrow::Status::Invalid("Permutation table must contain a column named ", name);
    }
    if (!arrow::is_integer(field->type()->id())) {
      return arrow::Status::TypeError("column '", name, "' of a permutation table must be of ",
                                      "integers, not ", field->type()->ToString());
    }
  }
  return arrow::Status::OK();
}

arrow::Result<std::vector<std::string>> ReadSplitNames(const arrow::Schema& schema) {
  const std::string text = MetadataOf(schema, "split_names");
  if (text.empty()) return std::vector<std::string>();
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  bool is_list = json.is_array();
  std::vector<std::string> names;
  for (size_t i = 0; is_list && i < json.size(); ++i) {
    is_list = json[i].is_string();
    if (is_list) names.push_back(json[i].get<std::string>());
  }
  if (!is_list) {
    return arrow::Status::Invalid("Invalid input, Permutation table has unreadable split_names: ",
                                  text);
  }
  return names;
}

// Append the rows of a batch (row_id, split_id) to the lists of their splits.
arrow::Status AppendRows(const arrow::RecordBatch& batch, SplitListsBuilder* lists) {
  arrow::compute::ExecContext exec(DefaultMemoryPool());
  exec.set_use_threads(false);
  const auto options = arrow::compute::CastOptions::Safe(arrow::uint64());
  ARROW_ASSIGN_OR_RAISE(const auto row_ids, arrow::compute::Cast(batch.column(0), options, &exec));
  // Numbers of splits may be negative; those are in no split.
  ARROW_ASSIGN_OR_RAISE(
      const auto split_ids,
      arrow::compute::Cast(batch.column(1), arrow::compute::CastOptions::Unsafe(arrow::int64()),
                           &exec));
  const auto ids = row_ids.array_as<arrow::UInt64Array>();
  const auto splits = split_ids.array_as<arrow::Int64Array>();
  if (ids->null_count() > 0) {
    return arrow::Status::Invalid("a permutation table has a null row_id");
  }
  for (int64_t i = 0; i < ids->length(); ++i) {
    if (splits->IsNull(i) || splits->Value(i) < 0) continue;
    if (splits->Value(i) >= OrderSpec::kMaxSplits) {
      return arrow::Status::Invalid("a split number is out of range: ", splits->Value(i));
    }
    if (ids->Value(i) >= kRowIdLimit) {
      return arrow::Status::Invalid("no row has the row_id ", ids->Value(i));
    }
    ARROW_RETURN_NOT_OK(lists->Append(static_cast<uint64_t>(splits->Value(i)), ids->Value(i)));
  }
  return arrow::Status::OK();
}

// The version of the base table that row ids are of; nothing where an old table does not say.
arrow::Result<std::optional<uint64_t>> ReadBaseVersion(const arrow::Schema& schema) {
  const std::string text = MetadataOf(schema, "base_version");
  if (text.empty()) return std::nullopt;
  uint64_t version = 0;
  if (!permutation::ParseNumber(std::string_view(text), &version)) {
    return arrow::Status::Invalid(
        "Invalid input, Permutation table has an unreadable base_version ", "of \"", text,
        "\": it must be a number");
  }
  return version;
}

ScanOptions ScanOfRows(const ReadOptions& options) {
  ScanOptions scan;
  static_cast<ReadOptions&>(scan) = options;
  scan.columns = {"row_id", "split_id"};
  scan.batch_rows = kBatchRows;
  return scan;
}

// The row ids of each split of a permutation table.
arrow::Result<permutation::SplitLists> ReadLists(const TableSource& rows, size_t min_splits,
                                                 const BuildOptions& options) {
  ARROW_ASSIGN_OR_RAISE(auto spill, permutation::SpillFile::Make(options));
  SplitListsBuilder lists(std::move(spill));
  ARROW_ASSIGN_OR_RAISE(const auto reader, rows.Scan(ScanOfRows(options)));
  while (true) {
    ARROW_RETURN_NOT_OK(options.cancel->Check());
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
    if (batch == nullptr) return lists.Finish(min_splits);
    ARROW_RETURN_NOT_OK(AppendRows(*batch, &lists));
  }
}

// The rows of a reader with other metadata.
class RowsOfSchema : public arrow::RecordBatchReader {
 public:
  RowsOfSchema(std::shared_ptr<arrow::RecordBatchReader> rows,
               std::shared_ptr<arrow::Schema> schema)
      : rows_(std::move(rows)), schema_(std::move(schema)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    ARROW_RETURN_NOT_OK(rows_->ReadNext(batch));
    if (*batch == nullptr) return arrow::Status::OK();
    *batch = (*batch)->ReplaceSchemaMetadata(schema_->metadata());
    return arrow::Status::OK();
  }

 private:
  const std::shared_ptr<arrow::RecordBatchReader> rows_;
  const std::shared_ptr<arrow::Schema> schema_;
};

int64_t NumRows(const OrderSpec& spec) {
  int64_t num_rows = 0;
  for (const int64_t size : spec.split_sizes) num_rows += spec.shard.NumRows(size);
  return num_rows;
}

arrow::Status WasChanged(const TableSource& kept, const std::string& order) {
  return arrow::Status::Invalid("the permutation table ", kept.location(),
                                " was changed after it was kept: its rows are not those of ",
                                order);
}

}  // namespace

arrow::Result<VersionRef> PermutationTable::BaseOf(const TableSource& kept) {
  VersionRef base;
  ARROW_ASSIGN_OR_RAISE(base.version, ReadBaseVersion(*kept.schema()));
  if (!base.version.has_value()) return base;
  const std::string branch = MetadataOf(*kept.schema(), "base_branch");
  base.branch = branch.empty() ? "main" : branch;
  return base;
}

arrow::Result<std::shared_ptr<const PermutationTable>> PermutationTable::Read(
    const TableSource& kept, const TableSource& base, const BuildOptions& options) {
  const auto& schema = *kept.schema();
  ARROW_RETURN_NOT_OK(CheckColumns(schema));
  TableParts parts;
  ARROW_ASSIGN_OR_RAISE(parts.split_names, ReadSplitNames(schema));
  ARROW_ASSIGN_OR_RAISE(const VersionRef built_on, BaseOf(kept));
  const auto& base_version = built_on.version;
  parts.base_branch = MetadataOf(schema, "base_branch");
  parts.base_identity = MetadataOf(schema, "croupier.base_identity");
  ARROW_ASSIGN_OR_RAISE(const int64_t num_rows, kept.CountRows());
  const std::string order = MetadataOf(schema, "croupier.order");
  std::optional<OrderSpec> spec;
  if (!order.empty()) {
    ARROW_ASSIGN_OR_RAISE(spec, OrderSpec::Parse(order));
    if (spec->base_version != base_version) {
      return arrow::Status::Invalid("the metadata of the permutation table ", kept.location(),
                                    " names two versions of its base table");
    }
  }
  if (spec.has_value() && spec->is_computed()) {
    // Its rows, where it has any, are for others: these are computed.
    if (num_rows != 0 && num_rows != NumRows(*spec)) return WasChanged(kept, order);
    parts.spec = *std::move(spec);
    ARROW_ASSIGN_OR_RAISE(auto table, FromParts(std::move(parts)));
    ARROW_RETURN_NOT_OK(table->CheckBase(base));
    return table;
  }
  const std::string list_hash = MetadataOf(schema, kListHashKey);
  if (!spec.has_value() || !permutation::UseKeptOrderFile(kept, num_rows, list_hash, &parts)) {
    const size_t num_known = spec.has_value() ? spec->split_sizes.size() : parts.split_names.size();
    ARROW_ASSIGN_OR_RAISE(parts.lists, ReadLists(kept, num_known, options));
    ARROW_ASSIGN_OR_RAISE(const uint64_t hash, permutation::HashOfLists(parts.lists));
    parts.spec.list_hash = HexDigits(hash);
  }
  parts.kept = permutation::PlaceOfKept(kept);
  parts.spec.base_version = base_version.value_or(base.version());
  ARROW_ASSIGN_OR_RAISE(const int64_t num_base_rows, base.CountRows());
  parts.spec.num_base_rows = spec.has_value() ? spec->num_base_rows : num_base_rows;
  parts.spec.num_selected_rows = parts.spec.num_base_rows;
  parts.spec.split = OrderSpec::Split::kListed;
  for (const auto& list : parts.lists) parts.spec.split_sizes.push_back(list->size());
  if (spec.has_value()) {
    bool fits = spec->split_sizes.size() == parts.lists.size();
    for (size_t i = 0; fits && i < parts.lists.size(); ++i) {
      fits = parts.lists[i]->size() == spec->shard.NumRows(spec->split_sizes[i]);
    }
    if (!fits || (!list_hash.empty() && list_hash != parts.spec.list_hash)) {
      return WasChanged(kept, order);
    }
  }
  ARROW_ASSIGN_OR_RAISE(auto table, FromParts(std::move(parts)));
  ARROW_RETURN_NOT_OK(table->CheckBase(base));
  return table;
}

arrow::Status PermutationTable::Keep(const std::shared_ptr<const TableSource>& base,
                                     const std::string& uri, bool materialize,
                                     const CreateOptions& create,
                                     const LanceOptions& options) const {
  ARROW_ASSIGN_OR_RAISE(const auto rows, AsTable(base));
  if (spec().is_computed() && !materialize) {
    ARROW_ASSIGN_OR_RAISE(auto none, arrow::RecordBatchReader::Make({}, schema()));
    return TableWriter::Create(uri, none, create, options).status();
  }
  BuildOptions read;
  read.cancel = create.cancel;
  auto kept_schema = schema();
  permutation::SplitLists lists;
  std::string list_hash;
  if (!spec().is_computed()) {
    // Who reads the rows can tell whether they are still the same.
    ARROW_ASSIGN_OR_RAISE(lists, ReadLists(*rows, spec().split_sizes.size(), read));
    ARROW_ASSIGN_OR_RAISE(const uint64_t hash, permutation::HashOfLists(lists));
    list_hash = HexDigits(hash);
    auto metadata = kept_schema->metadata()->Copy();
    metadata->Append(kListHashKey, list_hash);
    kept_schema = kept_schema->WithMetadata(std::move(metadata));
  }
  ARROW_ASSIGN_OR_RAISE(auto reader, rows->Scan(ScanOfRows(read)));
  ARROW_ASSIGN_OR_RAISE(
      const auto written,
      TableWriter::Create(uri, std::make_shared<RowsOfSchema>(reader, kept_schema), create,
                          options));
  if (list_hash.empty()) return arrow::Status::OK();
  // The permutation is kept. Without the file its rows are read, as LanceDB reads them.
  LanceOptions at = options;
  at.at = {};
  at.at.version = written.version;
  const auto kept = OpenLanceTable(uri, at);
  if (kept.ok()) {
    [[maybe_unused]] const auto status =
        permutation::WriteKeptOrderFile(**kept, std::move(lists), list_hash);
  }
  return arrow::Status::OK();
}

}  // namespace croupier
