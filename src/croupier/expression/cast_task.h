#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>

#include <arrow/result.h>

#include "croupier/expression/cast.h"
#include "croupier/expression/kernel_io.h"
#include "croupier/expression/text_values.h"

namespace croupier::expression {

/// One cast: its operand by row, and what to do with values that do not fit.
struct CastTask {
  Input input;
  const arrow::DataType& from;
  const TypePtr& to;
  CastMode mode;
  int64_t num_rows;
  arrow::compute::ExecContext* exec;

  arrow::MemoryPool* pool() const { return exec->memory_pool(); }
};

arrow::Status CannotCast(const CastTask& task, const std::string& shown);

/// Compute `function(row, &out)`, which says whether the value fits; `show(row)` writes it for an
// error.
template <typename T, typename Function, typename Show>
arrow::Result<arrow::Datum> Convert(const CastTask& task, Function&& function, Show&& show) {
  ARROW_ASSIGN_OR_RAISE(auto validity, Validity::Make({task.input}, task.num_rows, task.pool()));
  ARROW_ASSIGN_OR_RAISE(auto values, AllocateValues<T>(task.num_rows, task.pool()));
  T* out = values->template mutable_data_as<T>();
  for (int64_t row = 0; row < task.num_rows; ++row) {
    out[row] = T{};
    if (!validity[row] || function(row, &out[row])) continue;
    if (task.mode == CastMode::kError) return CannotCast(task, show(row));
    validity.SetNull(row);
  }
  return FixedResult(task.to, task.num_rows, validity.buffer(), std::move(values));
}

template <typename To, typename From>
bool FitNumber(From value, To* out) {
  if constexpr (std::is_floating_point_v<To>) {
    *out = static_cast<To>(value);
    return true;
  } else if constexpr (std::is_floating_point_v<From>) {
    // The bounds are powers of two, which a float holds; what lies between loses its fraction.
    const From truncated = std::trunc(value);
    const From upper = std::ldexp(From{1}, std::numeric_limits<To>::digits);
    if (!(truncated < upper) || truncated < static_cast<From>(std::numeric_limits<To>::min())) {
      return false;
    }
    *out = static_cast<To>(truncated);
    return true;
  } else {
    *out = static_cast<To>(value);  // NOLINT(bugprone-signed-char-misuse): int8_t is a number
    return std::in_range<To>(value);
  }
}

template <typename T>
std::string Show(T value) {
  std::string text;
  if constexpr (std::is_same_v<T, double>) {
    AppendDouble(value, &text);
  } else if constexpr (std::is_same_v<T, float>) {
    AppendFloat(value, &text);
  } else {
    text = std::to_string(value);
  }
  return text;
}

/// Call `function` with a value of the C type of a number's type (half floats excepted).
template <typename Function>
arrow::Result<arrow::Datum> VisitNumber(arrow::Type::type id, Function&& function) {
  switch (id) {
    case arrow::Type::INT8:
      return function(int8_t{});
    case arrow::Type::INT16:
      return function(int16_t{});
    case arrow::Type::INT32:
      return function(int32_t{});
    case arrow::Type::INT64:
      return function(int64_t{});
    case arrow::Type::UINT8:
      return function(uint8_t{});
    case arrow::Type::UINT16:
      return function(uint16_t{});
    case arrow::Type::UINT32:
      return function(uint32_t{});
    case arrow::Type::UINT64:
      return function(uint64_t{});
    case arrow::Type::FLOAT:
      return function(float{});
    case arrow::Type::DOUBLE:
      return function(double{});
    default:
      return arrow::Status::NotImplemented("a number of this type");
  }
}

arrow::Result<arrow::Datum> CastFromText(const CastTask& task);
arrow::Result<arrow::Datum> CastToText(const CastTask& task);
arrow::Result<arrow::Datum> CastBytesToText(const CastTask& task);

/// \param floats of 32 bits, which were half floats
arrow::Result<arrow::Datum> CastHalvesToText(const arrow::Datum& floats, const TypePtr& to,
                                             arrow::compute::ExecContext* exec);

}  // namespace croupier::expression
