#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/format/encoding/fsst.h"
#include "croupier/format/encoding/page_layout.h"
#include "croupier/format/encoding/value_block.h"
#include "croupier/format/page/column_assembler.h"
#include "croupier/format/page/leaf_shape.h"

namespace croupier::format {

/// Assembles strings or binary values: notes where each value is, copies all in slot order at the
/// end.
class VariableAssembler : public ColumnAssembler {
 public:
  VariableAssembler(std::shared_ptr<arrow::DataType> type, LeafShape shape, int64_t num_slots,
                    arrow::MemoryPool* pool);

  arrow::Status Append(const std::shared_ptr<const arrow::ArrayData>& rows,
                       std::span<const RowRun> runs) override;
  arrow::Status AppendNulls(std::span<const RowRun> runs) override;
  uint8_t* FillInPlace(uint32_t slot, uint32_t count) override;
  void Keep(std::shared_ptr<const void> owner) override;
  arrow::Result<std::shared_ptr<arrow::ArrayData>> Finish() override;

  /// Note a value that is stored as it is.
  void NotePlain(uint32_t slot, Bytes bytes) { values_[slot] = {bytes, std::ssize(bytes)}; }
  /// Note that values of records are among them, whose text is still to be checked.
  void NoteUnchecked() { has_unchecked_values_ = true; }
  /// Note a compressed value; SerializationError if its framing is malformed.
  arrow::Status NoteCompressed(uint32_t slot, CompressionScheme scheme, Bytes bytes);
  /// Note the codes of a value; `table` must live until Finish.
  arrow::Status NoteFsst(uint32_t slot, const FsstSymbolTable* table, Bytes codes);
  void NoteNull(uint32_t slot);

 private:
  enum class Coding : uint8_t { kPlain, kLz4, kZstd, kFsst };
  struct Value {
    Bytes bytes;
    int64_t size = 0;  // decoded
    Coding coding = Coding::kPlain;
    const FsstSymbolTable* table = nullptr;
  };

  template <typename Offset>
  void NoteRows(const arrow::ArrayData& rows, std::span<const RowRun> runs);
  template <typename Offset>
  arrow::Result<std::shared_ptr<arrow::ArrayData>> FinishAs();

  const std::shared_ptr<arrow::DataType> type_;
  const LeafShape shape_;
  arrow::MemoryPool* const pool_;
  std::vector<Value> values_;                         // by slot
  std::shared_ptr<arrow::ResizableBuffer> validity_;  // null until there is a null
  int64_t null_count_ = 0;
  bool has_unchecked_values_ = false;  // values that did not come in a decoded array
  std::vector<std::shared_ptr<const void>> kept_;
};

}  // namespace croupier::format
