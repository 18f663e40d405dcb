#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/format/page/column_assembler.h"
#include "croupier/format/page/leaf_shape.h"
#include "croupier/format/page/slot_bitmap.h"

namespace croupier::format {

/// Assembles a column of Arrow's dictionary type.
///
/// Rows of one page share its dictionary, which the column takes as it is. Where rows come from
/// several dictionaries, the column gets one with the items that they use, each once, in the order
/// of the slots. CapacityError if those are more than the column's index type can number.
class DictionaryAssembler : public ColumnAssembler {
 public:
  /// \param shape of the kind kDictionary
  DictionaryAssembler(std::shared_ptr<arrow::DataType> type, const LeafShape& shape,
                      int64_t num_slots, arrow::MemoryPool* pool);

  arrow::Status Append(const DecodedRows& rows, std::span<const RowRun> runs) override;
  arrow::Status AppendNulls(std::span<const RowRun> runs) override;
  uint8_t* FillInPlace(uint32_t /*slot*/, uint32_t /*count*/) override { return nullptr; }
  void Keep(std::shared_ptr<const void> /*owner*/) override {}  // dictionaries are held anyway
  arrow::Result<std::shared_ptr<arrow::ArrayData>> Finish() override;

 private:
  static constexpr uint32_t kNull = UINT32_MAX;
  // An item of one of the dictionaries.
  struct Item {
    uint32_t dictionary = kNull;
    uint32_t index = 0;
  };

  arrow::Result<std::shared_ptr<arrow::ArrayData>> UnifyDictionaries();
  template <typename Index>
  arrow::Result<std::shared_ptr<arrow::Buffer>> MakeIndices() const;

  const std::shared_ptr<arrow::DataType> type_;
  const LeafShape item_shape_;
  arrow::MemoryPool* const pool_;
  SlotBitmap validity_;
  std::vector<Item> items_;  // by slot
  std::vector<std::shared_ptr<arrow::ArrayData>> dictionaries_;
};

}  // namespace croupier::format
