#include "croupier/expression/kernel_io.h"

#include <limits>

#include <arrow/array/util.h>
#include <arrow/scalar.h>
#include <arrow/util/bitmap_ops.h>

namespace croupier::expression {

arrow::Result<Input> Input::Make(const arrow::Datum& value, arrow::MemoryPool* pool) {
  if (value.is_array()) return Input(value.make_array(), 1);
  ARROW_ASSIGN_OR_RAISE(auto array, arrow::MakeArrayFromScalar(*value.scalar(), 1, pool));
  return Input(std::move(array), 0);
}

arrow::Result<std::vector<Input>> MakeInputs(const KernelArgs& args) {
  std::vector<Input> inputs;
  inputs.reserve(args.values.size());
  for (const auto& value : args.values) {
    ARROW_ASSIGN_OR_RAISE(auto input, Input::Make(value, args.pool()));
    inputs.push_back(std::move(input));
  }
  return inputs;
}

TextInput::TextInput(const Input& input) : step_(input.step()) {
  static constexpr int32_t kNoOffsets[2] = {0, 0};
  const auto& data = *input.array()->data();
  const auto id = data.type->id();
  if (id == arrow::Type::LARGE_STRING || id == arrow::Type::LARGE_BINARY) {
    offsets64_ = data.GetValues<int64_t>(1);
  } else {
    offsets32_ = data.GetValues<int32_t>(1);
  }
  if (data.buffers[2] != nullptr) data_ = reinterpret_cast<const char*>(data.buffers[2]->data());
  if (offsets32_ == nullptr && offsets64_ == nullptr) {
    // An empty array may come without offsets.
    offsets32_ = kNoOffsets;
    step_ = 0;
  }
}

arrow::Result<Validity> Validity::Make(const std::vector<Input>& inputs, int64_t num_rows,
                                       arrow::MemoryPool* pool) {
  Validity validity;
  ARROW_ASSIGN_OR_RAISE(validity.buffer_, arrow::AllocateBitmap(num_rows, pool));
  validity.bits_ = validity.buffer_->mutable_data();
  arrow::bit_util::SetBitsTo(validity.bits_, 0, num_rows, true);
  for (const auto& input : inputs) {
    if (!input.has_nulls()) continue;
    if (input.is_scalar() || input.array()->type_id() == arrow::Type::NA) {
      arrow::bit_util::SetBitsTo(validity.bits_, 0, num_rows, false);
      continue;
    }
    const auto& data = *input.array()->data();
    if (data.buffers[0] == nullptr) continue;
    arrow::internal::BitmapAnd(validity.bits_, 0, data.buffers[0]->data(), data.offset, num_rows, 0,
                               validity.bits_);
  }
  return validity;
}

arrow::Datum FixedResult(std::shared_ptr<arrow::DataType> type, int64_t num_rows,
                         std::shared_ptr<arrow::Buffer> validity,
                         std::shared_ptr<arrow::Buffer> values) {
  return arrow::ArrayData::Make(std::move(type), num_rows,
                                {std::move(validity), std::move(values)});
}

TextOutput::TextOutput(std::shared_ptr<arrow::DataType> type, arrow::MemoryPool* pool)
    : type_(std::move(type)),
      is_large_(type_->id() == arrow::Type::LARGE_STRING ||
                type_->id() == arrow::Type::LARGE_BINARY),
      data_(pool),
      offsets32_(pool),
      offsets64_(pool) {}

arrow::Status TextOutput::Reserve(int64_t num_rows) {
  if (is_large_) {
    ARROW_RETURN_NOT_OK(offsets64_.Reserve(num_rows + 1));
    return offsets64_.Append(0);
  }
  ARROW_RETURN_NOT_OK(offsets32_.Reserve(num_rows + 1));
  return offsets32_.Append(0);
}

arrow::Status TextOutput::EndRow() {
  ++num_rows_;
  if (is_large_) return offsets64_.Append(data_.length());
  if (data_.length() > std::numeric_limits<int32_t>::max()) {
    return arrow::Status::CapacityError("the texts of one batch take more than 2 GiB");
  }
  return offsets32_.Append(static_cast<int32_t>(data_.length()));
}

arrow::Datum TextOutput::Finish(const Validity& validity) {
  auto offsets = is_large_ ? offsets64_.Finish() : offsets32_.Finish();
  auto data = data_.Finish();
  return arrow::ArrayData::Make(
      type_, num_rows_, {validity.buffer(), offsets.ValueOr(nullptr), data.ValueOr(nullptr)});
}

}  // namespace croupier::expression
