#include "croupier/format/page/rep_def.h"

#include <bit>
#include <utility>

#include <arrow/buffer.h>
#include <arrow/status.h>
#include <arrow/util/bit_util.h>

#include "croupier/base/byte_reader.h"

namespace croupier::format {

namespace {

// Four bits from four levels of 16 bits, each 0 or 1: the product moves bit 16 * i to bit 60 + i.
uint64_t GatherFour(uint64_t levels) { return levels * 0x1000200040008000ULL >> 60; }

}  // namespace

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
  const auto level = [levels](int64_t i) {
    return LoadLittleEndian<uint16_t>(levels.data() + 2 * i);
  };
  uint32_t all = 0;
  for (int64_t i = 0; i < num_values; ++i) all |= level(i);
  if (all == 0) return Validity{};
  if (all > 1) {
    return arrow::Status::SerializationError("a definition level is out of range: more than 1");
  }
  ARROW_ASSIGN_OR_RAISE(auto bitmap, arrow::AllocateEmptyBitmap(num_values, pool));
  uint8_t* bits = bitmap->mutable_data();
  int64_t null_count = 0;
  int64_t i = 0;
  for (; i + 8 <= num_values; i += 8) {
    const uint64_t nulls = GatherFour(LoadLittleEndian<uint64_t>(levels.data() + 2 * i)) |
                           GatherFour(LoadLittleEndian<uint64_t>(levels.data() + 2 * i + 8)) << 4;
    null_count += std::popcount(nulls);
    bits[i / 8] = static_cast<uint8_t>(~nulls);
  }
  for (; i < num_values; ++i) {
    null_count += level(i);
    arrow::bit_util::SetBitTo(bits, i, level(i) == 0);
  }
  return Validity{std::move(bitmap), null_count};
}

}  // namespace croupier::format
