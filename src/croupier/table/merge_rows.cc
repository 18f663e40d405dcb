#include <algorithm>
#include <limits>
#include <utility>

#include <arrow/array.h>
#include <arrow/array/util.h>
#include <arrow/builder.h>
#include <arrow/compute/api_vector.h>
#include <arrow/compute/exec.h>
#include <arrow/compute/row/grouper.h>
#include <arrow/record_batch.h>
#include <arrow/status.h>
#include <arrow/table.h>
#include <arrow/type.h>

#include "croupier/base/memory_pool.h"
#include "croupier/expression/arrow_kernels.h"
#include "croupier/expression/takeable.h"
#include "croupier/table_edit.h"

namespace croupier {

namespace {

using arrow::compute::Grouper;

constexpr int64_t kNoGroup = -1;

arrow::MemoryPool* PoolOf(const WriteOptions& options) {
  return options.pool != nullptr ? options.pool : DefaultMemoryPool();
}

// The rows of the source by key: those of one key are a group. A key with a null has none.
class Keys {
 public:
  static arrow::Result<Keys> Make(const arrow::RecordBatch& source,
                                  const std::vector<std::string>& on,
                                  arrow::compute::ExecContext* context) {
    Keys keys;
    ARROW_ASSIGN_OR_RAISE(const auto columns, ColumnsOf(source, on));
    std::vector<arrow::TypeHolder> types;
    types.reserve(columns.size());
    for (const auto& column : columns) types.emplace_back(column->type());
    ARROW_ASSIGN_OR_RAISE(keys.grouper_, Grouper::Make(types, context));
    ARROW_ASSIGN_OR_RAISE(const auto ids, keys.IdsOf(columns, source.num_rows(), /*is_new=*/true));
    keys.last_row_.assign(keys.grouper_->num_groups(), -1);
    keys.is_repeated_.assign(keys.grouper_->num_groups(), false);
    for (int64_t row = 0; row < source.num_rows(); ++row) {
      const int64_t group = HasNull(columns, row) ? kNoGroup : int64_t{ids->Value(row)};
      keys.group_of_row_.push_back(group);
      if (group == kNoGroup) continue;
      auto& last = keys.last_row_[static_cast<size_t>(group)];
      if (last >= 0) keys.is_repeated_[static_cast<size_t>(group)] = true;
      last = row;
    }
    return keys;
  }

  size_t num_groups() const { return last_row_.size(); }
  int64_t GroupOfRow(int64_t row) const { return group_of_row_[static_cast<size_t>(row)]; }
  int64_t LastRow(int64_t group) const { return last_row_[static_cast<size_t>(group)]; }
  bool IsRepeated(int64_t group) const { return is_repeated_[static_cast<size_t>(group)]; }

  // For each row of a batch, the group of its key, or kNoGroup.
  arrow::Result<std::vector<int64_t>> Match(const arrow::RecordBatch& rows,
                                            const std::vector<std::string>& on) const {
    ARROW_ASSIGN_OR_RAISE(const auto columns, ColumnsOf(rows, on));
    ARROW_ASSIGN_OR_RAISE(const auto ids, IdsOf(columns, rows.num_rows(), /*is_new=*/false));
    std::vector<int64_t> groups(static_cast<size_t>(rows.num_rows()), kNoGroup);
    for (int64_t row = 0; row < rows.num_rows(); ++row) {
      if (ids->IsNull(row) || HasNull(columns, row)) continue;
      groups[static_cast<size_t>(row)] = int64_t{ids->Value(row)};
    }
    return groups;
  }

 private:
  static arrow::Result<arrow::ArrayVector> ColumnsOf(const arrow::RecordBatch& batch,
                                                     const std::vector<std::string>& on) {
    arrow::ArrayVector columns;
    for (const auto& name : on) columns.push_back(batch.GetColumnByName(name));
    return columns;
  }

  static bool HasNull(const arrow::ArrayVector& columns, int64_t row) {
    return std::any_of(columns.begin(), columns.end(),
                       [row](const auto& column) { return column->IsNull(row); });
  }

  arrow::Result<std::shared_ptr<arrow::UInt32Array>> IdsOf(const arrow::ArrayVector& columns,
                                                           int64_t num_rows, bool is_new) const {
    std::vector<arrow::Datum> values(columns.begin(), columns.end());
    const arrow::compute::ExecBatch batch(std::move(values), num_rows);
    const arrow::compute::ExecSpan span(batch);
    ARROW_ASSIGN_OR_RAISE(const auto ids,
                          is_new ? grouper_->Consume(span) : grouper_->Lookup(span));
    return std::make_shared<arrow::UInt32Array>(ids.array());
  }

  std::unique_ptr<Grouper> grouper_;
  std::vector<int64_t> group_of_row_;
  std::vector<int64_t> last_row_;  // by group
  std::vector<bool> is_repeated_;
};

// What is to be done, found by one scan of the table.
struct Merge {
  std::vector<uint64_t> updated;  // addresses, and the rows of the source that take their place
  std::vector<int64_t> update_rows;
  std::vector<uint64_t> deleted;
  std::vector<bool> is_matched;  // by group of the source
};

class Merger {
 public:
  Merger(std::shared_ptr<arrow::RecordBatch> rows, const MergePlan& plan,
         const WriteOptions& options)
      : source_(std::move(rows)), plan_(plan), options_(options), context_(PoolOf(options)) {
    context_.set_use_threads(false);
  }

  arrow::Result<RowChange> Compute(const std::shared_ptr<const TableSource>& table,
                                   MergeResult* result) {
    ARROW_RETURN_NOT_OK(Prepare(*table));
    Merge merge;
    merge.is_matched.assign(keys_->num_groups(), false);
    ScanOptions scan;
    scan.columns = target_columns_;
    scan.cancel = options_.cancel;
    scan.pool = options_.pool;
    ARROW_ASSIGN_OR_RAISE(const auto rows, table->Scan(scan));
    while (true) {
      std::shared_ptr<arrow::RecordBatch> batch;
      ARROW_RETURN_NOT_OK(rows->ReadNext(&batch));
      if (batch == nullptr) break;
      ARROW_RETURN_NOT_OK(Look(batch, &merge));
    }
    std::vector<int64_t> added = merge.update_rows;
    if (plan_.insert_unmatched) {
      for (int64_t row = 0; row < source_->num_rows(); ++row) {
        const int64_t group = keys_->GroupOfRow(row);
        if (group == kNoGroup || !merge.is_matched[static_cast<size_t>(group)])
          added.push_back(row);
      }
    }
    RowChange change;
    change.num_updated = std::ssize(merge.updated);
    change.depends_on_other_rows = true;
    result->num_updated = change.num_updated;
    result->num_deleted = std::ssize(merge.deleted);
    result->num_inserted = std::ssize(added) - change.num_updated;
    change.removed = std::move(merge.updated);
    change.removed.insert(change.removed.end(), merge.deleted.begin(), merge.deleted.end());
    if (!added.empty()) {
      ARROW_ASSIGN_OR_RAISE(change.added, TakeSource(added));
    }
    return change;
  }

 private:
  // Look up columns and expressions in the schema of this version.
  arrow::Status Prepare(const TableSource& table) {
    const auto& schema = *table.schema();
    if (plan_.on.empty()) return arrow::Status::Invalid("a merge needs a column to match rows on");
    arrow::FieldVector key_types;
    for (const auto& name : plan_.on) {
      ARROW_RETURN_NOT_OK(ProjectSchema(schema, {name}).status());
      ARROW_RETURN_NOT_OK(ProjectSchema(*source_->schema(), {name}).status());
      const auto& target_type = *schema.GetFieldByName(name)->type();
      const auto& source_type = *source_->schema()->GetFieldByName(name)->type();
      if (!target_type.Equals(source_type)) {
        return arrow::Status::TypeError("key column '", name, "' is ", target_type.ToString(),
                                        " in the table and ", source_type.ToString(),
                                        " in the rows to merge");
      }
    }
    if (plan_.update_matched || plan_.insert_unmatched) {
      for (const auto& name : schema.field_names()) {
        if (source_->schema()->GetFieldIndex(name) < 0) {
          return arrow::Status::Invalid("the rows to merge have no column '", name, "'");
        }
      }
    }
    ARROW_ASSIGN_OR_RAISE(auto keys, Keys::Make(*source_, plan_.on, &context_));
    keys_.emplace(std::move(keys));
    target_columns_ = plan_.on;
    const auto read = [&](const std::string& name) {
      if (std::find(target_columns_.begin(), target_columns_.end(), name) ==
          target_columns_.end()) {
        target_columns_.push_back(name);
      }
    };
    if (plan_.update_where.has_value()) {
      // Both sides as structs, so that target.a is a field of one.
      const auto both =
          arrow::schema({arrow::field("target", arrow::struct_(schema.fields())),
                         arrow::field("source", arrow::struct_(source_->schema()->fields()))});
      ARROW_ASSIGN_OR_RAISE(const auto bound, plan_.update_where->BindFilter(both));
      for (const ColumnPath& path : bound.columns()) {
        if (path.front() != "target") continue;
        if (path.size() == 1) {
          for (const auto& name : schema.field_names()) read(name);
        } else {
          read(path[1]);
        }
      }
    }
    if (plan_.delete_where.has_value()) {
      ARROW_ASSIGN_OR_RAISE(const auto bound, plan_.delete_where->BindFilter(table.schema()));
      for (const ColumnPath& path : bound.columns()) read(path.front());
    }
    read(kRowAddressColumn);
    ARROW_ASSIGN_OR_RAISE(const auto target, ProjectSchema(schema, target_columns_));
    if (plan_.update_where.has_value()) {
      ARROW_ASSIGN_OR_RAISE(
          auto bound, plan_.update_where->BindFilter(arrow::schema(
                          {arrow::field("target", arrow::struct_(target->fields())),
                           arrow::field("source", arrow::struct_(source_->schema()->fields()))})));
      update_where_.emplace(std::move(bound));
    }
    if (plan_.delete_where.has_value()) {
      ARROW_ASSIGN_OR_RAISE(auto bound, plan_.delete_where->BindFilter(target));
      delete_where_.emplace(std::move(bound));
    }
    return arrow::Status::OK();
  }

  arrow::Status Look(const std::shared_ptr<arrow::RecordBatch>& batch, Merge* merge) const {
    ARROW_ASSIGN_OR_RAISE(const auto groups, keys_->Match(*batch, plan_.on));
    const auto addresses =
        std::static_pointer_cast<arrow::UInt64Array>(batch->GetColumnByName(kRowAddressColumn));
    std::vector<int64_t> target_rows;
    std::vector<int64_t> source_rows;
    for (int64_t row = 0; row < batch->num_rows(); ++row) {
      const int64_t group = groups[static_cast<size_t>(row)];
      if (group == kNoGroup) continue;
      merge->is_matched[static_cast<size_t>(group)] = true;
      if (!plan_.update_matched) continue;
      if (keys_->IsRepeated(group)) {
        return arrow::Status::Invalid(
            "a row of the table matches several of the rows to merge; the "
            "last of them is row ",
            keys_->LastRow(group), " (from 0)");
      }
      target_rows.push_back(row);
      source_rows.push_back(keys_->LastRow(group));
    }
    if (!target_rows.empty()) {
      ARROW_ASSIGN_OR_RAISE(const auto kept, KeepUpdates(*batch, target_rows, source_rows));
      for (size_t i = 0; i < target_rows.size(); ++i) {
        if (kept != nullptr && !kept->Value(static_cast<int64_t>(i))) continue;
        merge->updated.push_back(addresses->Value(target_rows[i]));
        merge->update_rows.push_back(source_rows[i]);
      }
    }
    if (!plan_.delete_unmatched) return arrow::Status::OK();
    std::shared_ptr<arrow::BooleanArray> kept;
    if (delete_where_.has_value()) {
      ARROW_ASSIGN_OR_RAISE(kept, delete_where_->EvaluateFilter(*batch, PoolOf(options_)));
    }
    for (int64_t row = 0; row < batch->num_rows(); ++row) {
      if (groups[static_cast<size_t>(row)] != kNoGroup) continue;
      if (kept == nullptr || kept->Value(row)) merge->deleted.push_back(addresses->Value(row));
    }
    return arrow::Status::OK();
  }

  // Which pairs of rows are updated; null: all.
  arrow::Result<std::shared_ptr<arrow::BooleanArray>> KeepUpdates(
      const arrow::RecordBatch& target, const std::vector<int64_t>& target_rows,
      const std::vector<int64_t>& source_rows) const {
    if (!update_where_.has_value()) return nullptr;
    ARROW_ASSIGN_OR_RAISE(const auto target_side, TakeAsStruct(target, target_rows));
    ARROW_ASSIGN_OR_RAISE(const auto source_side, TakeAsStruct(*source_, source_rows));
    const auto both = arrow::RecordBatch::Make(update_where_->schema(), std::ssize(target_rows),
                                               {target_side, source_side});
    return update_where_->EvaluateFilter(*both, PoolOf(options_));
  }

  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Take(
      const arrow::RecordBatch& rows, const std::vector<int64_t>& numbers) const {
    arrow::Int64Builder builder(PoolOf(options_));
    ARROW_RETURN_NOT_OK(builder.AppendValues(numbers));
    ARROW_ASSIGN_OR_RAISE(const auto indices, builder.Finish());
    auto context = context_;
    ARROW_ASSIGN_OR_RAISE(auto takeable, expression::Takeable(rows.Slice(0), PoolOf(options_)));
    ARROW_ASSIGN_OR_RAISE(
        const auto taken,
        arrow::compute::Take(arrow::Datum(std::move(takeable)), arrow::Datum(indices),
                             arrow::compute::TakeOptions::NoBoundsCheck(), &context));
    return taken.record_batch();
  }

  arrow::Result<std::shared_ptr<arrow::Array>> TakeAsStruct(
      const arrow::RecordBatch& rows, const std::vector<int64_t>& numbers) const {
    ARROW_ASSIGN_OR_RAISE(const auto taken, Take(rows, numbers));
    return taken->ToStructArray();
  }

  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> TakeSource(
      const std::vector<int64_t>& numbers) const {
    ARROW_ASSIGN_OR_RAISE(auto batch, Take(*source_, numbers));
    return arrow::RecordBatchReader::Make({std::move(batch)}, source_->schema());
  }

  const std::shared_ptr<arrow::RecordBatch> source_;
  const MergePlan& plan_;
  const WriteOptions& options_;
  arrow::compute::ExecContext context_;
  std::optional<Keys> keys_;
  std::vector<std::string> target_columns_;
  std::optional<BoundExpression> update_where_;
  std::optional<BoundExpression> delete_where_;
};

}  // namespace

arrow::Result<MergeResult> MergeRows(TableWriter* writer, const std::shared_ptr<arrow::Table>& rows,
                                     const MergePlan& plan, const WriteOptions& options) {
  ARROW_RETURN_NOT_OK(expression::CheckKernels());
  ARROW_ASSIGN_OR_RAISE(auto source, rows->CombineChunksToBatch(PoolOf(options)));
  Merger merger(std::move(source), plan, options);
  MergeResult result;
  ARROW_ASSIGN_OR_RAISE(static_cast<WriteResult&>(result),
                        writer->ChangeRows(
                            [&](const std::shared_ptr<const TableSource>& table) {
                              return merger.Compute(table, &result);
                            },
                            options));
  return result;
}

}  // namespace croupier
