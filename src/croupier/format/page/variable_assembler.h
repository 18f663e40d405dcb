#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/format/encoding/fsst.h"
#include "croupier/format/encoding/jsonb.h"
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

  arrow::Status Append(const DecodedRows& rows, std::span<const RowRun> runs) override;
  void Prefetch(const DecodedRows& rows, std::span<const RowRun> runs) const override;
  arrow::Status AppendNulls(std::span<const RowRun> runs) override;
  uint8_t* FillInPlace(uint32_t slot, uint32_t count) override;
  void Keep(std::shared_ptr<const void> owner) override;
  arrow::Result<std::shared_ptr<arrow::ArrayData>> Finish() override;

  /// Note a value that is stored as it is.
  void NotePlain(uint32_t slot, Bytes bytes) {
    values_[slot] = {bytes.data(), std::ssize(bytes), 0};
  }
  /// Note that values of records are among them, whose text is still to be checked.
  void NoteUnchecked() { has_unchecked_values_ = true; }
  /// Note a compressed value; SerializationError if its framing is malformed.
  arrow::Status NoteCompressed(uint32_t slot, CompressionScheme scheme, Bytes bytes);
  /// Note the codes of a value; `table` must live until Finish.
  arrow::Status NoteFsst(uint32_t slot, const FsstSymbolTable* table, Bytes codes);
  arrow::Status NoteNull(uint32_t slot);

 private:
  enum class Coding : uint8_t { kLz4, kZstd, kFsst };
  // Where a value is: one for each slot, so it is kept small.
  struct Value {
    const uint8_t* data = nullptr;  // plain bytes, if `coded` is 0
    int64_t size = 0;               // decoded
    uint32_t coded = 0;             // else 1 + its place in coded_
  };
  struct CodedValue {
    Bytes bytes;
    Coding coding = Coding::kZstd;
    const FsstSymbolTable* table = nullptr;
  };

  template <typename Offset>
  arrow::Status NoteRows(const arrow::ArrayData& rows, std::span<const RowRun> runs);
  arrow::Status NoteCoded(uint32_t slot, int64_t size, CodedValue value);
  template <typename Offset>
  arrow::Result<std::shared_ptr<arrow::ArrayData>> FinishAs();
  arrow::Status CopyValues(uint8_t* destination) const;

  const std::shared_ptr<arrow::DataType> type_;
  const LeafShape shape_;
  arrow::MemoryPool* const pool_;
  std::vector<Value> values_;  // by slot
  std::vector<CodedValue> coded_;
  std::shared_ptr<arrow::Buffer> validity_;  // null until there is a null
  int64_t null_count_ = 0;
  bool has_unchecked_values_ = false;  // values that did not come in a decoded array
  std::vector<std::shared_ptr<const void>> kept_;
};

/// Assembles JSON: JSONB values, which become texts at the end.
class JsonAssembler : public VariableAssembler {
 public:
  JsonAssembler(std::shared_ptr<arrow::DataType> type, LeafShape shape, int64_t num_slots,
                arrow::MemoryPool* pool)
      : VariableAssembler(std::move(type), std::move(shape), num_slots, pool), pool_(pool) {}

  arrow::Result<std::shared_ptr<arrow::ArrayData>> Finish() override {
    ARROW_ASSIGN_OR_RAISE(const auto jsonb, VariableAssembler::Finish());
    return JsonTextOf(*jsonb, pool_);
  }

 private:
  arrow::MemoryPool* const pool_;
};

}  // namespace croupier::format
