#include "croupier/format/page/list_page.h"

#include <utility>

#include <arrow/buffer.h>
#include <arrow/status.h>
#include <arrow/util/bit_util.h>

namespace croupier::format {

arrow::Result<std::shared_ptr<const ListPage>> ListPage::Open(const ListArray& encoding,
                                                              int64_t num_rows,
                                                              std::shared_ptr<const LeafPath> path,
                                                              const ArrayBuffers& buffers) {
  ARROW_ASSIGN_OR_RAISE(const auto offsets,
                        FlatIntegers::Open(*encoding.offsets, num_rows, buffers));
  ARROW_ASSIGN_OR_RAISE(auto ends,
                        NullableEnds::Parse(offsets, encoding.null_offset_adjustment, num_rows));
  if (static_cast<uint64_t>(ends.total) > encoding.num_items) {
    return arrow::Status::SerializationError("the lists have ", ends.total, " items of ",
                                             encoding.num_items);
  }
  return std::make_shared<const ListPage>(num_rows, std::move(path), std::move(ends));
}

bool ListPage::IsValid(int64_t row) const {
  return ends_.validity == nullptr || arrow::bit_util::GetBit(ends_.validity->data(), row);
}

}  // namespace croupier::format
