#include "croupier/format/page/rep_def.h"

#include <utility>

#include <arrow/buffer.h>
#include <arrow/status.h>
#include <arrow/util/bit_util.h>

#include "croupier/base/byte_reader.h"

namespace croupier::format {

arrow::Result<bool> CheckLeafLayers(const std::vector<RepDefLayer>& layers) {
  if (layers.size() != 1) {
    return arrow::Status::NotImplemented("cannot read values below structs or lists yet (",
                                         layers.size(), " layers)");
  }
  if (layers[0] != RepDefLayer::kAllValidItem && layers[0] != RepDefLayer::kNullableItem) {
    return arrow::Status::SerializationError("page layout: the leaf has the layer of a list: ",
                                             static_cast<int>(layers[0]));
  }
  return layers[0] == RepDefLayer::kNullableItem;
}

arrow::Result<Validity> ValidityFromLevels(Bytes levels, int64_t num_values,
                                           arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto bitmap, arrow::AllocateEmptyBitmap(num_values, pool));
  uint8_t* bits = bitmap->mutable_data();
  int64_t null_count = 0;
  for (int64_t i = 0; i < num_values; ++i) {
    const auto level = LoadLittleEndian<uint16_t>(levels.data() + 2 * i);
    if (level > 1) {
      return arrow::Status::SerializationError("a definition level is out of range: ", level);
    }
    null_count += level;
    bits[i / 8] = static_cast<uint8_t>(bits[i / 8] | (1 - level) << (i % 8));
  }
  if (null_count == 0) return Validity{};
  return Validity{std::move(bitmap), null_count};
}

}  // namespace croupier::format
