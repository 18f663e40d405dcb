#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <arrow/result.h>
#include <arrow/status.h>
#include <arrow/type_fwd.h>

#include "croupier/base/byte_range.h"
#include "croupier/format/encoding/array_encoding.h"
#include "croupier/format/encoding/value_block.h"
#include "croupier/format/page/column_assembler.h"

namespace croupier::format {

/// The buffers of a page of format 2.0, and the bytes of those that are read to open it.
class ArrayBuffers {
 public:
  /// \param ranges of all buffers of the page, absolute; borrowed
  /// \param headers bytes of the buffers that HeaderNumbers lists
  ArrayBuffers(const ArrayEncoding& encoding, const std::vector<ByteRange>& ranges,
               const std::vector<std::shared_ptr<arrow::Buffer>>& headers);

  /// List the buffers without which no row of a page can be found: validity, indices of strings,
  /// offsets of lists, items of dictionaries.
  static std::vector<uint32_t> HeaderNumbers(const ArrayEncoding& encoding);

  /// Where a buffer is; SerializationError if there is no such.
  arrow::Result<ByteRange> Range(uint32_t buffer) const;
  /// The bytes of a header; SerializationError if the buffer is none or is cut off.
  arrow::Result<Bytes> Header(uint32_t buffer) const;
  /// The bytes of a range within a header.
  arrow::Result<Bytes> Slice(ByteRange range) const;

 private:
  const std::vector<ByteRange>& ranges_;
  std::vector<Bytes> headers_;  // by buffer; no data where it is none
};

/// Rows of at least this many bits in the mean are read one by one, others by chunks.
inline constexpr int64_t kWideRowBits = int64_t{256} * 8;

/// The values of a page of format 2.0, or of its dictionary: where the bytes of rows are, and how
/// they become an array. Immutable; any number of threads.
class ArrayValues {
 public:
  virtual ~ArrayValues() = default;

  /// Make the values of an encoding.
  ///
  /// \param type a leaf's, an Arrow dictionary, or a struct for packed ones
  /// \return SerializationError if the buffers do not hold num_rows values of the type;
  ///         NotImplemented, describing it, for an encoding that cannot be read in this place
  static arrow::Result<std::unique_ptr<const ArrayValues>> Open(
      const ArrayEncoding& encoding, const std::shared_ptr<arrow::DataType>& type, int64_t num_rows,
      const ArrayBuffers& buffers);

  /// Memory that is held, in bytes.
  virtual int64_t memory_bytes() const = 0;
  /// Mean size of a row in the file, in bits.
  virtual int64_t mean_row_bits() const = 0;
  /// Rows whose number a part must begin at a multiple of: 1, 8, 1024, or INT64_MAX if all rows can
  /// only be decoded together.
  virtual int64_t row_alignment() const = 0;

  /// Locate the bytes of rows [begin, end); `begin` is aligned. Absolute.
  virtual ByteRange DataRange(int64_t begin, int64_t end) const = 0;

  /// Decode the bytes of DataRange(begin, end) into an array that owns its memory and passes
  /// ValidateFull, whatever the bytes hold.
  ///
  /// \return values looked up in a dictionary as an Arrow dictionary array with indices of 32 bits
  virtual arrow::Result<std::shared_ptr<arrow::ArrayData>> Decode(
      int64_t begin, int64_t end, Bytes bytes, arrow::MemoryPool* pool) const = 0;

  /// Whether rows are best read one by one: then their alignment is 1, and Append is for them.
  virtual bool are_wide() const { return false; }
  /// Bytes of a row if it is nothing but its fixed-width value, else 0.
  virtual int64_t plain_row_bytes() const { return 0; }
  /// Decode rows of the bytes of DataRange(first_row, …) into an assembler.
  virtual arrow::Status Append(int64_t first_row, Bytes bytes, std::span<const RowRun> runs,
                               ColumnAssembler* assembler) const;
};

/// Copy `count` bits from bit `begin` on; null if there is no bitmap, or no bit of it is unset.
arrow::Result<std::shared_ptr<arrow::Buffer>> SliceValidity(
    const std::shared_ptr<arrow::Buffer>& bitmap, int64_t begin, int64_t count,
    arrow::MemoryPool* pool);

// Kinds of values, each in a file of its own; ArrayValues::Open chooses.
arrow::Result<std::unique_ptr<const ArrayValues>> OpenFixedArray(
    const ArrayEncoding& encoding, const std::shared_ptr<arrow::DataType>& type, int64_t num_rows,
    const ArrayBuffers& buffers);
arrow::Result<std::unique_ptr<const ArrayValues>> OpenVariableArray(
    const ArrayEncoding& encoding, const std::shared_ptr<arrow::DataType>& type, int64_t num_rows,
    const ArrayBuffers& buffers);
arrow::Result<std::unique_ptr<const ArrayValues>> OpenDictionaryArray(
    const DictionaryArray& encoding, const std::shared_ptr<arrow::DataType>& type, int64_t num_rows,
    const ArrayBuffers& buffers);
arrow::Result<std::unique_ptr<const ArrayValues>> OpenPackedStructArray(
    const PackedStructArray& encoding, const std::shared_ptr<arrow::DataType>& type,
    int64_t num_rows, const ArrayBuffers& buffers);

/// Locate the values of a flat encoding (below "no nulls") of fixed width in a buffer.
///
/// \return SerializationError if the buffer is too small; NotImplemented for another encoding
arrow::Result<ByteRange> LocateFlat(const ArrayEncoding& encoding, int64_t bits, int64_t num_values,
                                    const ArrayBuffers& buffers);

/// Unsigned integers of a flat encoding, read from a header by their number.
struct FlatIntegers {
  Bytes bytes;
  int64_t bits = 64;

  /// \return SerializationError if the header does not hold num_values
  static arrow::Result<FlatIntegers> Open(const ArrayEncoding& encoding, int64_t num_values,
                                          const ArrayBuffers& buffers);
  uint64_t operator[](int64_t i) const;
};

/// Ends of consecutive pieces of some whole, ascending, and which of them are null.
///
/// A stored value v below the adjustment is an end; one from it on belongs to a null, whose end is
/// v - adjustment. Source: lance-file.md, B.2, "binary" and "list".
struct NullableEnds {
  std::shared_ptr<arrow::Buffer> offsets;   ///< num_rows + 1 from 0, of offset_bits each
  std::shared_ptr<arrow::Buffer> validity;  ///< null if no row is null
  int64_t offset_bits = 32;                 ///< or 64, where the whole is larger
  int64_t total = 0;                        ///< the last end

  /// \return SerializationError if ends descend or are beyond 2^62
  static arrow::Result<NullableEnds> Parse(const FlatIntegers& stored, uint64_t adjustment,
                                           int64_t num_rows);
  /// The begin of a row in [0, num_rows), or the last end.
  int64_t Begin(int64_t row) const;
  int64_t memory_bytes() const;
};

}  // namespace croupier::format
