#include "croupier/table/row_reader.h"

#include <utility>

#include <arrow/array/data.h>
#include <arrow/status.h>

#include "croupier/table/row_read.h"

namespace croupier::table {

arrow::Result<RowRead::Arrays> RowRead::Run(int64_t num_slots, bool remember_chunks) {
  ARROW_RETURN_NOT_OK(OpenFiles());
  ARROW_RETURN_NOT_OK(OpenColumns());
  ARROW_RETURN_NOT_OK(FindListItems());
  ARROW_RETURN_NOT_OK(OpenPages(&page_rows_));
  // Only now: the pages say that values are as wide as the schema claims.
  for (const auto& column : columns_) {
    const int64_t scale = column.path->page_rows_per_row();
    if (num_slots > UINT32_MAX / scale) {
      return AtColumn(column, arrow::Status::CapacityError("a batch of ", num_slots, " rows of ",
                                                           scale, " items"));
    }
    auto assembler = format::ColumnAssembler::Make(column.path, num_slots * scale, pool_);
    if (!assembler.ok()) return AtColumn(column, assembler.status());
    assemblers_.push_back(*std::move(assembler));
  }
  for (ListLeaf& leaf : list_leaves_) ARROW_RETURN_NOT_OK(MakeAssembler(&leaf));
  ARROW_RETURN_NOT_OK(PlanData());
  ARROW_RETURN_NOT_OK(data_.Run(scheduler_, shared_from_this(), cancel_, pool_));
  ARROW_RETURN_NOT_OK(Decode(remember_chunks));
  ARROW_RETURN_NOT_OK(FinishListLeaves());
  return Finish();
}

arrow::Status RowRead::AtColumn(const format::LeafColumn& column, const arrow::Status& status) {
  return status.WithMessage("column '", column.name, "': ", status.message());
}

arrow::Status RowRead::AtPage(const PageRows& rows, const arrow::Status& status) const {
  if (status.IsCancelled()) return status;
  return status.WithMessage("column '", columns_[rows.column].name, "', ",
                            rows.file->object()->location(), ", page ", rows.page_index, ": ",
                            status.message());
}

arrow::Status RowRead::AtFile(const storage::Object& object, const arrow::Status& status) {
  return status.WithMessage(object.location(), ": ", status.message());
}

arrow::Result<std::vector<std::shared_ptr<arrow::ArrayData>>> RowReader::Read(
    const std::vector<format::LeafColumn>& leaves, const std::vector<FragmentRows>& fragments,
    int64_t num_slots, bool remember_chunks, const CancelToken& cancel,
    arrow::MemoryPool* pool) const {
  decoded_->BeginTake();
  auto read =
      std::make_shared<RowRead>(leaves, fragments, files_, decoded_, scheduler_, cancel, pool);
  auto arrays = read->Run(num_slots, remember_chunks);
  files_->budget().EndRead();
  return arrays;
}

}  // namespace croupier::table
