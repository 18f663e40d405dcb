#include "croupier/table/referenced_bytes.h"

#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/extension_type.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/type_traits.h>
#include <arrow/util/checked_cast.h>

namespace croupier::table {

namespace {

// Bytes that hold the bits [offset, offset + length).
int64_t BitmapBytes(int64_t offset, int64_t length) {
  return length == 0 ? 0 : (offset + length + 7) / 8 - offset / 8;
}

int64_t BytesOf(const arrow::ArrayData& array, const arrow::DataType& type, int64_t offset,
                int64_t length);

int64_t BytesOf(const arrow::ArrayData& array, int64_t offset, int64_t length) {
  return BytesOf(array, *array.type, array.offset + offset, length);
}

// Of everything below, whatever of it is needed.
int64_t BytesOfAll(const arrow::ArrayData& array) {
  int64_t num_bytes = 0;
  for (const auto& buffer : array.buffers) num_bytes += buffer == nullptr ? 0 : buffer->size();
  for (const auto& child : array.child_data) num_bytes += BytesOfAll(*child);
  return num_bytes;
}

// Of offsets, without the last one, and of the values or items that they cut out.
template <typename Offset>
int64_t BytesByOffsets(const arrow::ArrayData& array, int64_t offset, int64_t length) {
  if (length == 0 || array.buffers[1] == nullptr) return 0;
  const auto* const offsets = array.buffers[1]->data_as<Offset>() + offset;
  const int64_t num_bytes = length * static_cast<int64_t>(sizeof(Offset));
  const int64_t count = offsets[length] - offsets[0];
  if (array.child_data.empty()) return num_bytes + count;
  return num_bytes + BytesOf(*array.child_data[0], offsets[0], count);
}

int64_t BytesOf(const arrow::ArrayData& array, const arrow::DataType& type, int64_t offset,
                int64_t length) {
  const bool has_validity = !array.buffers.empty() && array.buffers[0] != nullptr;
  int64_t num_bytes = has_validity ? BitmapBytes(offset, length) : 0;
  switch (type.id()) {
    case arrow::Type::EXTENSION: {
      const auto& extension = arrow::internal::checked_cast<const arrow::ExtensionType&>(type);
      return BytesOf(array, *extension.storage_type(), offset, length);
    }
    case arrow::Type::NA:
      return num_bytes;
    case arrow::Type::BOOL:
      return num_bytes + BitmapBytes(offset, length);
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
    case arrow::Type::LIST:
    case arrow::Type::MAP:
      return num_bytes + BytesByOffsets<int32_t>(array, offset, length);
    case arrow::Type::LARGE_STRING:
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::LARGE_LIST:
      return num_bytes + BytesByOffsets<int64_t>(array, offset, length);
    case arrow::Type::FIXED_SIZE_LIST: {
      const auto& list = arrow::internal::checked_cast<const arrow::FixedSizeListType&>(type);
      return num_bytes +
             BytesOf(*array.child_data[0], offset * list.list_size(), length * list.list_size());
    }
    case arrow::Type::STRUCT:
      for (const auto& child : array.child_data) num_bytes += BytesOf(*child, offset, length);
      return num_bytes;
    default:
      break;
  }
  if (array.dictionary != nullptr) num_bytes += ReferencedBytes(*array.dictionary);
  if (!arrow::is_fixed_width(type)) return BytesOfAll(array);
  return num_bytes + length * type.byte_width();
}

}  // namespace

int64_t ReferencedBytes(const arrow::ArrayData& array) { return BytesOf(array, 0, array.length); }

int64_t ReferencedBytes(const arrow::RecordBatch& batch) {
  int64_t num_bytes = 0;
  for (const auto& column : batch.column_data()) num_bytes += ReferencedBytes(*column);
  return num_bytes;
}

}  // namespace croupier::table
