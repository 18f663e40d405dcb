#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <arrow/result.h>
#include <arrow/status.h>
#include <arrow/type_fwd.h>

#include "croupier/format/page/column_assembler.h"
#include "croupier/format/page/leaf_path.h"
#include "croupier/format/page/slot_bitmap.h"

namespace croupier::format {

/// Assembles a leaf below structs and fixed-size lists of structs: the leaf has as many slots as
/// the column, so its values go to their place at once.
class StructPathAssembler : public ColumnAssembler {
 public:
  /// \param leaf an assembler of the leaf's values with num_slots slots
  StructPathAssembler(std::shared_ptr<const LeafPath> path, std::unique_ptr<ColumnAssembler> leaf,
                      int64_t num_slots, arrow::MemoryPool* pool);

  arrow::Status Append(const DecodedRows& rows, std::span<const RowRun> runs) override;
  arrow::Status AppendNulls(std::span<const RowRun> runs) override;
  arrow::Status AppendLayers(const DecodedRows& rows, size_t num_layers,
                             std::span<const RowRun> runs) override;
  uint8_t* FillInPlace(uint32_t slot, uint32_t count) override;
  void Keep(std::shared_ptr<const void> owner) override;
  ColumnAssembler* leaf() override { return leaf_.get(); }
  arrow::Status NullLayer(size_t layer, uint32_t slot) override;
  arrow::Result<std::shared_ptr<arrow::ArrayData>> Finish() override;

 private:
  arrow::Status NullLayersFrom(size_t layer, std::span<const RowRun> runs);

  const std::shared_ptr<const LeafPath> path_;
  const std::unique_ptr<ColumnAssembler> leaf_;
  const int64_t num_slots_;
  arrow::MemoryPool* const pool_;
  std::vector<int64_t>
      slots_per_value_;               // of each layer: 1 without fixed-size lists in or below it
  std::vector<SlotBitmap> validity_;  // of each layer, by slot
};

/// Assembles a leaf below lists: notes which rows go where, and puts them together, layer by layer,
/// when all are known.
class ListPathAssembler : public ColumnAssembler {
 public:
  ListPathAssembler(std::shared_ptr<const LeafPath> path, int64_t num_slots,
                    arrow::MemoryPool* pool);

  arrow::Status Append(const DecodedRows& rows, std::span<const RowRun> runs) override;
  arrow::Status AppendNulls(std::span<const RowRun> runs) override;
  arrow::Status AppendLayers(const DecodedRows& rows, size_t num_layers,
                             std::span<const RowRun> runs) override;
  uint8_t* FillInPlace(uint32_t slot, uint32_t count) override;
  void Keep(std::shared_ptr<const void> owner) override;
  ColumnAssembler* leaf() override { return nullptr; }
  arrow::Result<std::shared_ptr<arrow::ArrayData>> Finish() override;

 private:
  struct Source {
    DecodedRows rows;
    size_t num_layers = 0;  // that are taken; below them all is null
  };
  // Some rows of a source and the slots they go to.
  struct Piece {
    uint32_t source = 0;
    RowRun run;
  };
  // Consecutive values of one source in the layer that is being put together.
  struct Range {
    const arrow::ArrayData* array = nullptr;  // null: all of them are null
    size_t num_layers = 0;                    // of the source that are left
    int64_t begin = 0;
    int64_t count = 0;
    uint32_t continued_lists = 0;  // in which the first value goes on with the one before

    int64_t num_new() const { return count - (continued_lists > 0); }
  };

  void Note(Source source, std::span<const RowRun> runs);
  arrow::Result<std::vector<Range>> TopRanges();
  arrow::Status AddValidity(const std::vector<Range>& ranges, arrow::ArrayData* layer) const;
  template <typename Offset>
  arrow::Status AddOffsets(std::vector<Range>* ranges, arrow::ArrayData* layer) const;
  arrow::Result<std::shared_ptr<arrow::ArrayData>> FinishLeaf(const std::vector<Range>& ranges);

  const std::shared_ptr<const LeafPath> path_;
  const int64_t num_slots_;
  arrow::MemoryPool* const pool_;
  std::vector<Source> sources_;
  std::vector<Piece> pieces_;
};

}  // namespace croupier::format
