#include "croupier/format/page/column_assembler.h"

#include <cstring>
#include <utility>

#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/status.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>

#include "croupier/format/page/dictionary_assembler.h"
#include "croupier/format/page/leaf_array.h"
#include "croupier/format/page/leaf_shape.h"
#include "croupier/format/page/nested_assembler.h"
#include "croupier/format/page/packed_assembler.h"
#include "croupier/format/page/slot_bitmap.h"
#include "croupier/format/page/variable_assembler.h"

namespace croupier::format {

namespace {

class NullAssembler : public ColumnAssembler {
 public:
  explicit NullAssembler(int64_t num_slots) : num_slots_(num_slots) {}
  arrow::Status Append(const DecodedRows&, std::span<const RowRun>) override {
    return arrow::Status::OK();
  }
  arrow::Status AppendNulls(std::span<const RowRun>) override { return arrow::Status::OK(); }
  uint8_t* FillInPlace(uint32_t, uint32_t) override { return nullptr; }
  void Keep(std::shared_ptr<const void>) override {}
  arrow::Result<std::shared_ptr<arrow::ArrayData>> Finish() override {
    return arrow::ArrayData::Make(arrow::null(), num_slots_, {nullptr}, num_slots_);
  }

 private:
  const int64_t num_slots_;
};

// Copy rows of a fixed width known to the compiler.
template <size_t kWidth>
void CopyRows(const uint8_t* source, std::span<const RowRun> runs, uint8_t* destination) {
  for (const RowRun& run : runs) {
    if (run.count == 1) {
      std::memcpy(destination + size_t{run.slot} * kWidth, source + size_t{run.row} * kWidth,
                  kWidth);
    } else {
      std::memcpy(destination + size_t{run.slot} * kWidth, source + size_t{run.row} * kWidth,
                  size_t{run.count} * kWidth);
    }
  }
}

void CopyRows(const uint8_t* source, std::span<const RowRun> runs, size_t width,
              uint8_t* destination) {
  switch (width) {
    case 1:
      return CopyRows<1>(source, runs, destination);
    case 2:
      return CopyRows<2>(source, runs, destination);
    case 4:
      return CopyRows<4>(source, runs, destination);
    case 8:
      return CopyRows<8>(source, runs, destination);
    case 16:
      return CopyRows<16>(source, runs, destination);
    default:
      for (const RowRun& run : runs) {
        std::memcpy(destination + run.slot * width, source + run.row * width, run.count * width);
      }
  }
}

/// Assembles fixed-width values and fixed-size lists of them.
class FixedAssembler : public ColumnAssembler {
 public:
  FixedAssembler(std::shared_ptr<arrow::DataType> type, LeafShape shape, int64_t num_slots,
                 arrow::MemoryPool* pool)
      : type_(std::move(type)), shape_(std::move(shape)), num_slots_(num_slots) {
    int64_t items = num_slots;
    validity_.emplace_back(items, pool);
    for (const int64_t dimension : shape_.dimensions) {
      items *= dimension;
      validity_.emplace_back(items, pool);
    }
  }

  arrow::Status AllocateValues(arrow::MemoryPool* pool) {
    // Bits are set one by one, so their bytes need a value.
    if (shape_.item_bits == 1) {
      ARROW_ASSIGN_OR_RAISE(values_,
                            arrow::AllocateEmptyBitmap(num_slots_ * shape_.items_per_row, pool));
    } else {
      ARROW_ASSIGN_OR_RAISE(values_, arrow::AllocateBuffer(num_slots_ * row_bytes(), pool));
    }
    return arrow::Status::OK();
  }

  arrow::Status Append(const DecodedRows& rows, std::span<const RowRun> runs) override {
    if (rows.array->dictionary != nullptr) return AppendDictionary(*rows.array, runs);
    // Down from the rows to their innermost items.
    const arrow::ArrayData* level = rows.array.get();
    int64_t items_per_row = 1;
    for (size_t depth = 0;; ++depth) {
      ARROW_RETURN_NOT_OK(
          validity_[depth].Copy(level->buffers[0].get(), level->offset, runs, items_per_row));
      if (depth == shape_.dimensions.size()) break;
      items_per_row *= shape_.dimensions[depth];
      level = level->child_data[0].get();
    }
    if (shape_.item_bits == 1) {
      CopyRowBits(level->buffers[1]->data(), level->offset, runs, items_per_row,
                  values_->mutable_data());
    } else {
      CopyRows(level->buffers[1]->data() + level->offset * (shape_.item_bits / 8), runs,
               static_cast<size_t>(row_bytes()), values_->mutable_data());
    }
    return arrow::Status::OK();
  }

  void Prefetch(const DecodedRows& rows, std::span<const RowRun> runs) const override {
    const arrow::ArrayData* level = rows.array.get();
    if (level->dictionary != nullptr) return;
    for (size_t depth = 0; depth < shape_.dimensions.size(); ++depth) {
      level = level->child_data[0].get();
    }
    const uint8_t* values = level->buffers[1]->data();
    for (const RowRun& run : runs) __builtin_prefetch(values + run.row * shape_.row_bits() / 8);
  }

  arrow::Status AppendNulls(std::span<const RowRun> runs) override {
    ARROW_RETURN_NOT_OK(validity_[0].Clear(runs));
    if (shape_.item_bits == 1) return arrow::Status::OK();
    for (const RowRun& run : runs) {
      std::memset(values_->mutable_data() + run.slot * row_bytes(), 0,
                  static_cast<size_t>(run.count * row_bytes()));
    }
    return arrow::Status::OK();
  }

  uint8_t* FillInPlace(uint32_t slot, uint32_t /*count*/) override {
    return shape_.item_bits == 1 ? nullptr : values_->mutable_data() + slot * row_bytes();
  }

  void Keep(std::shared_ptr<const void> /*owner*/) override {}  // values are copied at once

  arrow::Result<std::shared_ptr<arrow::ArrayData>> Finish() override {
    ValueBlock block;
    block.num_values = num_slots_;
    block.data = std::move(values_);
    for (size_t i = 1; i < validity_.size(); ++i) {
      block.item_validity.push_back(validity_[i].Release());
    }
    Validity validity{validity_[0].Release(), 0};
    if (validity.bitmap != nullptr) validity.null_count = arrow::kUnknownNullCount;
    return MakeLeafArray(type_, shape_, std::move(block), std::move(validity));
  }

 private:
  int64_t row_bytes() const { return shape_.row_bits() / 8; }

  arrow::Status AppendDictionary(const arrow::ArrayData& rows, std::span<const RowRun> runs) {
    const int32_t* indices = rows.GetValues<int32_t>(1);
    const uint8_t* items = rows.dictionary->buffers[1]->data();
    ARROW_RETURN_NOT_OK(validity_[0].Copy(rows.buffers[0].get(), rows.offset, runs));
    for (const RowRun& run : runs) {
      for (uint32_t i = 0; i < run.count; ++i) {
        const int64_t index = indices[run.row + i];
        const int64_t slot = int64_t{run.slot} + i;
        if (shape_.item_bits == 1) {
          arrow::bit_util::SetBitTo(values_->mutable_data(), slot,
                                    arrow::bit_util::GetBit(items, index));
        } else {
          std::memcpy(values_->mutable_data() + slot * row_bytes(), items + index * row_bytes(),
                      static_cast<size_t>(row_bytes()));
        }
      }
    }
    return arrow::Status::OK();
  }

  const std::shared_ptr<arrow::DataType> type_;
  const LeafShape shape_;
  const int64_t num_slots_;
  std::shared_ptr<arrow::Buffer> values_;
  std::vector<SlotBitmap> validity_;  // of the rows, then of the items of each dimension
};

/// Assembles structs without members.
class EmptyStructAssembler : public ColumnAssembler {
 public:
  EmptyStructAssembler(std::shared_ptr<arrow::DataType> type, int64_t num_slots,
                       arrow::MemoryPool* pool)
      : type_(std::move(type)), num_slots_(num_slots), validity_(num_slots, pool) {}

  arrow::Status Append(const DecodedRows&, std::span<const RowRun>) override {
    return arrow::Status::OK();
  }
  arrow::Status AppendNulls(std::span<const RowRun> runs) override { return validity_.Clear(runs); }
  uint8_t* FillInPlace(uint32_t, uint32_t) override { return nullptr; }
  void Keep(std::shared_ptr<const void>) override {}
  arrow::Result<std::shared_ptr<arrow::ArrayData>> Finish() override {
    return arrow::ArrayData::Make(type_, num_slots_, {validity_.Release()});
  }

 private:
  const std::shared_ptr<arrow::DataType> type_;
  const int64_t num_slots_;
  SlotBitmap validity_;
};

}  // namespace

arrow::Status ColumnAssembler::AppendLayers(const DecodedRows& /*rows*/, size_t /*num_layers*/,
                                            std::span<const RowRun> runs) {
  return AppendNulls(runs);
}

arrow::Status ColumnAssembler::NullLayer(size_t /*layer*/, uint32_t /*slot*/) {
  return arrow::Status::OK();  // a leaf by itself has no layers
}

arrow::Result<std::unique_ptr<ColumnAssembler>> ColumnAssembler::Make(
    const std::shared_ptr<const LeafPath>& path, int64_t num_slots, arrow::MemoryPool* pool) {
  if (path->num_lists() > 0) return std::make_unique<ListPathAssembler>(path, num_slots, pool);
  if (!path->layers().empty()) {
    const auto flat = LeafPath::Flat(path->leaf_type(), path->kind());
    ARROW_ASSIGN_OR_RAISE(auto leaf, Make(flat, num_slots, pool));
    return std::make_unique<StructPathAssembler>(path, std::move(leaf), num_slots, pool);
  }
  const auto& type = path->leaf_type();
  if (path->kind() == LeafKind::kEmptyStruct) {
    return std::make_unique<EmptyStructAssembler>(type, num_slots, pool);
  }
  ARROW_ASSIGN_OR_RAISE(auto shape, LeafShape::Of(*type));
  switch (shape.kind) {
    case LeafShape::Kind::kNull:
      return std::make_unique<NullAssembler>(num_slots);
    case LeafShape::Kind::kVariable:
      if (path->kind() == LeafKind::kJson) {
        return std::make_unique<JsonAssembler>(type, std::move(shape), num_slots, pool);
      }
      return std::make_unique<VariableAssembler>(type, std::move(shape), num_slots, pool);
    case LeafShape::Kind::kDictionary:
      return std::make_unique<DictionaryAssembler>(type, shape, num_slots, pool);
    case LeafShape::Kind::kPacked:
      return PackedAssembler::Make(type, num_slots, pool);
    case LeafShape::Kind::kFixed:
      break;
  }
  if (num_slots > 0 && shape.row_bits() > (INT64_MAX / 16) / num_slots) {
    return arrow::Status::CapacityError("a batch of ", num_slots, " rows of the type ",
                                        type->ToString());
  }
  auto assembler = std::make_unique<FixedAssembler>(type, std::move(shape), num_slots, pool);
  ARROW_RETURN_NOT_OK(assembler->AllocateValues(pool));
  return assembler;
}

}  // namespace croupier::format
