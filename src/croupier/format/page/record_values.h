#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <arrow/buffer.h>
#include <arrow/result.h>
#include <arrow/status.h>
#include <arrow/type_fwd.h>

#include "croupier/format/encoding/fsst.h"
#include "croupier/format/encoding/page_layout.h"
#include "croupier/format/encoding/value_block.h"
#include "croupier/format/page/leaf_shape.h"
#include "croupier/format/page/variable_assembler.h"

namespace croupier::format {

/// The control words in front of full-zip records: repetition << bits | definition level.
class ControlWords {
 public:
  /// \return SerializationError for more bits than a level has
  static arrow::Result<ControlWords> Make(const FullZipLayout& layout);

  int64_t num_bytes() const { return num_bytes_; }
  uint16_t Rep(const uint8_t* record) const {
    return static_cast<uint16_t>(Load(record) >> bits_def_);
  }
  uint16_t Def(const uint8_t* record) const {
    return static_cast<uint16_t>(Load(record) & ((1U << bits_def_) - 1));
  }

 private:
  uint32_t Load(const uint8_t* record) const;

  int64_t num_bytes_ = 0;
  uint32_t bits_def_ = 0;
};

/// Bytes of the length in front of a variable-width value; SerializationError unless they are 4
/// or 8.
arrow::Result<int64_t> LengthBytes(uint32_t length_bits);

/// Variable-width values as records hold them: each compressed by itself, or not at all.
class VariableRecordValues {
 public:
  /// \param length_bits of the length in front of a value
  static arrow::Result<VariableRecordValues> Make(const CompressiveEncoding& encoding,
                                                  const LeafShape& shape, uint32_t length_bits);

  int64_t length_bytes() const { return length_bytes_; }
  int64_t memory_bytes() const {
    return fsst_.has_value() ? static_cast<int64_t>(sizeof(FsstSymbolTable)) : 0;
  }

  /// Note a value; this and its bytes must live until the assembler's Finish.
  arrow::Status Note(Bytes value, uint32_t slot, VariableAssembler* values) const;

 private:
  int64_t length_bytes_ = 4;
  std::optional<CompressionScheme> compression_;  // of each value by itself
  std::optional<FsstSymbolTable> fsst_;
};

/// Where the records of each row begin in a page, and where the last ones end.
///
/// Rows + 1 integers of 1, 2, 4 or 8 bytes, ascending.
class RecordIndex {
 public:
  /// \param index the bytes; kept
  /// \param data_bytes of all records: no row begins or ends behind them
  static arrow::Result<RecordIndex> Make(std::shared_ptr<arrow::Buffer> index, int64_t num_rows,
                                         int64_t data_bytes);

  int64_t Start(int64_t row) const;
  int64_t memory_bytes() const { return index_->size(); }

 private:
  std::shared_ptr<arrow::Buffer> index_;
  int64_t width_ = 1;
};

}  // namespace croupier::format
