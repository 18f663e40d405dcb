#include <charconv>
#include <optional>

#include <arrow/util/utf8.h>

#include "croupier/expression/cast_task.h"

namespace croupier::expression {

namespace {

using arrow::Datum;
using arrow::Decimal128;
using arrow::Result;
using arrow::Type;

// A text, cut to a length that a message can bear.
std::string ShowText(std::string_view text) {
  constexpr size_t kMostBytes = 80;
  std::string shown = "'";
  shown.append(text.substr(0, kMostBytes)).append(text.size() > kMostBytes ? "..." : "'");
  return shown;
}

// Compute from text: `parse(text)` is an optional value.
template <typename T, typename Parse>
Result<Datum> FromText(const CastTask& task, Parse&& parse) {
  const TextInput texts(task.input);
  return Convert<T>(
      task,
      [&](int64_t row, T* out) {
        const auto value = parse(texts[row]);
        if (value) *out = static_cast<T>(*value);
        return value.has_value();
      },
      [&](int64_t row) { return ShowText(texts[row]); });
}

template <typename T>
std::optional<T> ParseInteger(std::string_view text) {
  if (text.starts_with('+') && text.size() > 1 && text[1] != '-') text.remove_prefix(1);
  T value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<Datum> TextToBoolean(const CastTask& task) {
  const TextInput texts(task.input);
  ARROW_ASSIGN_OR_RAISE(auto validity, Validity::Make({task.input}, task.num_rows, task.pool()));
  ARROW_ASSIGN_OR_RAISE(auto bits, arrow::AllocateEmptyBitmap(task.num_rows, task.pool()));
  for (int64_t row = 0; row < task.num_rows; ++row) {
    if (!validity[row]) continue;
    const auto value = ParseBoolean(texts[row]);
    if (!value && task.mode == CastMode::kError) {
      return CannotCast(task, ShowText(texts[row]));
    }
    if (!value) validity.SetNull(row);
    if (value.value_or(false)) arrow::bit_util::SetBit(bits->mutable_data(), row);
  }
  return FixedResult(task.to, task.num_rows, validity.buffer(), std::move(bits));
}

}  // namespace

arrow::Result<arrow::Datum> CastFromText(const CastTask& task) {
  switch (task.to->id()) {
    case Type::BOOL:
      return TextToBoolean(task);
    case Type::FLOAT:
      return FromText<float>(task, ParseFloat);
    case Type::DOUBLE:
      return FromText<double>(task, ParseDouble);
    case Type::DATE32:
      return FromText<int32_t>(task, ParseDate);
    case Type::TIMESTAMP: {
      const auto unit = static_cast<const arrow::TimestampType&>(*task.to).unit();
      return FromText<int64_t>(
          task, [unit](std::string_view text) { return ParseTimestamp(text, unit); });
    }
    case Type::TIME32: {
      const auto unit = static_cast<const arrow::TimeType&>(*task.to).unit();
      return FromText<int32_t>(task,
                               [unit](std::string_view text) { return ParseTime(text, unit); });
    }
    case Type::TIME64: {
      const auto unit = static_cast<const arrow::TimeType&>(*task.to).unit();
      return FromText<int64_t>(task,
                               [unit](std::string_view text) { return ParseTime(text, unit); });
    }
    case Type::DECIMAL128: {
      const auto& type = static_cast<const arrow::DecimalType&>(*task.to);
      return FromText<Decimal128>(task, [&](std::string_view text) {
        return ParseDecimal(text, type.precision(), type.scale());
      });
    }
    default:
      return VisitNumber(task.to->id(), [&](auto number) {
        using T = decltype(number);
        if constexpr (std::is_floating_point_v<T>) {
          return Result<Datum>(arrow::Status::NotImplemented("a float of this type"));
        } else {
          return FromText<T>(task, ParseInteger<T>);
        }
      });
  }
}

namespace {

// Write each value: `append(row, text)`.
template <typename Append>
Result<Datum> WriteTexts(const CastTask& task, Append&& append) {
  ARROW_ASSIGN_OR_RAISE(auto validity, Validity::Make({task.input}, task.num_rows, task.pool()));
  std::string text;
  return MapToText(task.to, task.num_rows, validity, task.pool(),
                   [&](int64_t row, TextOutput* output) {
                     text.clear();
                     append(row, &text);
                     return output->Add(text);
                   });
}

}  // namespace

arrow::Result<arrow::Datum> CastToText(const CastTask& task) {
  switch (task.from.id()) {
    case Type::BOOL: {
      const auto& values = static_cast<const arrow::BooleanArray&>(*task.input.array());
      const int64_t step = task.input.step();
      return WriteTexts(task, [&](int64_t row, std::string* text) {
        *text += values.Value(row * step) ? "true" : "false";
      });
    }
    case Type::DATE32: {
      const FixedInput<int32_t> values(task.input);
      return WriteTexts(task,
                        [&](int64_t row, std::string* text) { AppendDate(values[row], text); });
    }
    case Type::DATE64: {
      const FixedInput<int64_t> values(task.input);
      return WriteTexts(task, [&](int64_t row, std::string* text) {
        AppendTimestamp(values[row], arrow::TimeUnit::MILLI, "", text);
      });
    }
    case Type::TIMESTAMP: {
      const auto& type = static_cast<const arrow::TimestampType&>(task.from);
      const FixedInput<int64_t> values(task.input);
      return WriteTexts(task, [&](int64_t row, std::string* text) {
        AppendTimestamp(values[row], type.unit(), type.timezone(), text);
      });
    }
    case Type::TIME32: {
      const auto unit = static_cast<const arrow::TimeType&>(task.from).unit();
      const FixedInput<int32_t> values(task.input);
      return WriteTexts(
          task, [&](int64_t row, std::string* text) { AppendTime(values[row], unit, text); });
    }
    case Type::TIME64: {
      const auto unit = static_cast<const arrow::TimeType&>(task.from).unit();
      const FixedInput<int64_t> values(task.input);
      return WriteTexts(
          task, [&](int64_t row, std::string* text) { AppendTime(values[row], unit, text); });
    }
    case Type::DECIMAL128: {
      const int32_t scale = static_cast<const arrow::DecimalType&>(task.from).scale();
      const FixedInput<Decimal128> values(task.input);
      return WriteTexts(
          task, [&](int64_t row, std::string* text) { AppendDecimal(values[row], scale, text); });
    }
    default:
      return VisitNumber(task.from.id(), [&](auto number) {
        const FixedInput<decltype(number)> values(task.input);
        return WriteTexts(task,
                          [&](int64_t row, std::string* text) { *text += Show(values[row]); });
      });
  }
}

// Bytes that are no UTF-8 are no text.
arrow::Result<arrow::Datum> CastBytesToText(const CastTask& task) {
  arrow::util::InitializeUTF8();
  const TextInput bytes(task.input);
  ARROW_ASSIGN_OR_RAISE(auto validity, Validity::Make({task.input}, task.num_rows, task.pool()));
  for (int64_t row = 0; row < task.num_rows; ++row) {
    if (!validity[row] || arrow::util::ValidateUTF8(bytes[row])) continue;
    if (task.mode == CastMode::kError) {
      return arrow::Status::Invalid("cannot cast bytes that are not UTF-8 to text");
    }
    validity.SetNull(row);
  }
  return MapToText(task.to, task.num_rows, validity, task.pool(),
                   [&](int64_t row, TextOutput* output) { return output->Add(bytes[row]); });
}

arrow::Result<arrow::Datum> CastHalvesToText(const arrow::Datum& floats, const TypePtr& to,
                                             arrow::compute::ExecContext* exec) {
  ARROW_ASSIGN_OR_RAISE(auto input, Input::Make(floats, exec->memory_pool()));
  const int64_t num_rows = input.array()->length();
  const bool is_scalar = input.is_scalar();
  const FixedInput<float> values(input);
  ARROW_ASSIGN_OR_RAISE(
      auto result,
      WriteTexts({input, *floats.type(), to, CastMode::kError, num_rows, exec},
                 [&](int64_t row, std::string* text) { AppendHalf(values[row], text); }));
  if (!is_scalar) return result;
  ARROW_ASSIGN_OR_RAISE(auto scalar, result.make_array()->GetScalar(0));
  return Datum(std::move(scalar));
}

}  // namespace croupier::expression
