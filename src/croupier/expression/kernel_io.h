#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include <arrow/array.h>
#include <arrow/buffer_builder.h>
#include <arrow/datum.h>
#include <arrow/result.h>
#include <arrow/util/bit_util.h>

#include "croupier/expression/bound_node.h"

namespace croupier::expression {

/// An operand of a kernel by row: an array, or a scalar that is the same in every row.
class Input {
 public:
  static arrow::Result<Input> Make(const arrow::Datum& value, arrow::MemoryPool* pool);

  bool is_scalar() const { return step_ == 0; }
  bool has_nulls() const { return array_->null_count() > 0; }
  bool IsValid(int64_t row) const { return array_->IsValid(row * step_); }
  const std::shared_ptr<arrow::Array>& array() const { return array_; }
  int64_t step() const { return step_; }

 private:
  Input(std::shared_ptr<arrow::Array> array, int64_t step)
      : array_(std::move(array)), step_(step) {}

  std::shared_ptr<arrow::Array> array_;
  int64_t step_;  // 0 for a scalar, of which array_ holds one value
};

/// Values of fixed width, also those that are null.
template <typename T>
class FixedInput {
 public:
  explicit FixedInput(const Input& input)
      : values_(input.array()->data()->GetValues<T>(1)), step_(input.step()) {}

  T operator[](int64_t row) const { return values_[row * step_]; }

 private:
  const T* values_;
  int64_t step_;
};

/// Texts or bytes, with offsets of 32 or 64 bits; a null is as good as empty.
class TextInput {
 public:
  explicit TextInput(const Input& input);

  std::string_view operator[](int64_t row) const {
    const int64_t i = row * step_;
    if (offsets32_ != nullptr) {
      return {data_ + offsets32_[i], static_cast<size_t>(offsets32_[i + 1] - offsets32_[i])};
    }
    return {data_ + offsets64_[i], static_cast<size_t>(offsets64_[i + 1] - offsets64_[i])};
  }

 private:
  const int32_t* offsets32_ = nullptr;
  const int64_t* offsets64_ = nullptr;
  const char* data_ = nullptr;
  int64_t step_;
};

/// Which rows of a result are null, as bits that may be cleared.
class Validity {
 public:
  /// Begin with the rows where no input is null.
  static arrow::Result<Validity> Make(const std::vector<Input>& inputs, int64_t num_rows,
                                      arrow::MemoryPool* pool);

  bool operator[](int64_t row) const { return arrow::bit_util::GetBit(bits_, row); }
  void SetNull(int64_t row) { arrow::bit_util::ClearBit(bits_, row); }

  const std::shared_ptr<arrow::Buffer>& buffer() const { return buffer_; }

 private:
  std::shared_ptr<arrow::Buffer> buffer_;
  uint8_t* bits_ = nullptr;
};

/// Make an array of values of fixed width.
arrow::Datum FixedResult(std::shared_ptr<arrow::DataType> type, int64_t num_rows,
                         std::shared_ptr<arrow::Buffer> validity,
                         std::shared_ptr<arrow::Buffer> values);

/// Room for the values of a result.
template <typename T>
arrow::Result<std::shared_ptr<arrow::Buffer>> AllocateValues(int64_t num_rows,
                                                             arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto buffer,
                        arrow::AllocateBuffer(num_rows * static_cast<int64_t>(sizeof(T)), pool));
  return std::shared_ptr<arrow::Buffer>(std::move(buffer));
}

/// Compute `function(row)` of type T for every row; false bits of `validity` are null.
template <typename T, typename Function>
arrow::Result<arrow::Datum> MapRows(const std::shared_ptr<arrow::DataType>& type, int64_t num_rows,
                                    const Validity& validity, arrow::MemoryPool* pool,
                                    Function&& function) {
  ARROW_ASSIGN_OR_RAISE(auto values, AllocateValues<T>(num_rows, pool));
  T* out = values->template mutable_data_as<T>();
  for (int64_t row = 0; row < num_rows; ++row) out[row] = function(row);
  return FixedResult(type, num_rows, validity.buffer(), std::move(values));
}

/// Compute a boolean for every row.
template <typename Function>
arrow::Result<arrow::Datum> MapToBooleans(int64_t num_rows, const Validity& validity,
                                          arrow::MemoryPool* pool, Function&& function) {
  ARROW_ASSIGN_OR_RAISE(auto bits, arrow::AllocateEmptyBitmap(num_rows, pool));
  uint8_t* out = bits->mutable_data();
  int64_t row = 0;
  for (; row + 8 <= num_rows; row += 8) {
    unsigned byte = 0;
    for (int64_t i = 0; i < 8; ++i) byte |= static_cast<unsigned>(function(row + i)) << i;
    out[row / 8] = static_cast<uint8_t>(byte);
  }
  for (; row < num_rows; ++row) {
    if (function(row)) arrow::bit_util::SetBit(out, row);
  }
  return FixedResult(arrow::boolean(), num_rows, validity.buffer(), std::move(bits));
}

/// The texts or bytes of a result, added row by row.
class TextOutput {
 public:
  /// \param type of text or bytes
  TextOutput(std::shared_ptr<arrow::DataType> type, arrow::MemoryPool* pool);

  arrow::Status Reserve(int64_t num_rows);

  /// Add to the text of the row at hand.
  arrow::Status Add(std::string_view part) {
    return data_.Append(part.data(), static_cast<int64_t>(part.size()));
  }
  /// End the row at hand.
  ///
  /// \return CapacityError for more than 2 GiB of a type with small offsets
  arrow::Status EndRow();

  arrow::Datum Finish(const Validity& validity);

 private:
  std::shared_ptr<arrow::DataType> type_;
  bool is_large_;
  int64_t num_rows_ = 0;
  arrow::BufferBuilder data_;
  arrow::TypedBufferBuilder<int32_t> offsets32_;
  arrow::TypedBufferBuilder<int64_t> offsets64_;
};

/// Compute a text for every row that is not null: `function(row, output)` adds its parts.
template <typename Function>
arrow::Result<arrow::Datum> MapToText(const std::shared_ptr<arrow::DataType>& type,
                                      int64_t num_rows, const Validity& validity,
                                      arrow::MemoryPool* pool, Function&& function) {
  TextOutput output(type, pool);
  ARROW_RETURN_NOT_OK(output.Reserve(num_rows));
  for (int64_t row = 0; row < num_rows; ++row) {
    if (validity[row]) ARROW_RETURN_NOT_OK(function(row, &output));
    ARROW_RETURN_NOT_OK(output.EndRow());
  }
  return output.Finish(validity);
}

/// Prepare all operands of a kernel.
arrow::Result<std::vector<Input>> MakeInputs(const KernelArgs& args);

}  // namespace croupier::expression
