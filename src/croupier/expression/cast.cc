#include "croupier/expression/cast.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <type_traits>

#include <arrow/compute/cast.h>
#include <arrow/scalar.h>
#include <arrow/util/utf8.h>

#include "croupier/expression/cast_task.h"
#include "croupier/expression/kernel_io.h"
#include "croupier/expression/text_values.h"
#include "croupier/expression/type_names.h"

namespace croupier::expression {

namespace {

using arrow::Datum;
using arrow::Decimal128;
using arrow::Result;
using arrow::Type;

constexpr int64_t kSecondsPerDay = 86400;
constexpr int64_t kMillisPerDay = 86400000;

template <typename From, typename To>
Result<Datum> NumberToNumber(const CastTask& task) {
  const FixedInput<From> values(task.input);
  return Convert<To>(
      task, [&](int64_t row, To* out) { return FitNumber(values[row], out); },
      [&](int64_t row) { return Show(values[row]); });
}

template <typename From>
Result<Datum> NumberToDecimal(const CastTask& task) {
  const auto& type = static_cast<const arrow::DecimalType&>(*task.to);
  const FixedInput<From> values(task.input);
  const double factor = std::pow(10.0, type.scale());
  const Decimal128 multiplier(Decimal128::GetScaleMultiplier(type.scale()));
  const Decimal128 most(Decimal128::GetMaxValue(
      type.precision() - type.scale() < 1 ? 1 : type.precision() - type.scale()));
  return Convert<Decimal128>(
      task,
      [&](int64_t row, Decimal128* out) {
        if constexpr (std::is_floating_point_v<From>) {
          const double scaled = std::round(static_cast<double>(values[row]) * factor);
          if (!std::isfinite(scaled)) return false;
          const auto exact = Decimal128::FromReal(scaled, 38, 0);
          if (!exact.ok()) return false;
          *out = *exact;
        } else {
          const Decimal128 whole(values[row]);
          if (whole > most || whole < Decimal128(-most)) return false;
          *out = whole * multiplier;
        }
        return out->FitsInPrecision(type.precision());
      },
      [&](int64_t row) { return Show(values[row]); });
}

// Divide by a power of ten, rounding half away from zero, or toward zero.
Decimal128 ReduceScale(const Decimal128& value, int32_t by, bool rounds) {
  if (by == 0) return value;
  if (by > 38) return Decimal128(0);
  return Decimal128(value.ReduceScaleBy(by, rounds));
}

Result<Datum> DecimalToDecimal(const CastTask& task) {
  const auto& from = static_cast<const arrow::DecimalType&>(task.from);
  const auto& to = static_cast<const arrow::DecimalType&>(*task.to);
  const FixedInput<Decimal128> values(task.input);
  const int32_t more = to.scale() - from.scale();
  // Beyond this a rescaled value has no room.
  const Decimal128 most(Decimal128::GetMaxValue(std::max(1, 38 - std::max(0, more))));
  return Convert<Decimal128>(
      task,
      [&](int64_t row, Decimal128* out) {
        const Decimal128 value = values[row];
        if (more > 0) {
          if (value > most || value < Decimal128(-most)) return false;
          *out = Decimal128(value.IncreaseScaleBy(more));
        } else {
          *out = ReduceScale(value, -more, /*rounds=*/true);
        }
        return out->FitsInPrecision(to.precision());
      },
      [&](int64_t row) {
        std::string text;
        AppendDecimal(values[row], from.scale(), &text);
        return text;
      });
}

template <typename To>
Result<Datum> DecimalToNumber(const CastTask& task) {
  const int32_t scale = static_cast<const arrow::DecimalType&>(task.from).scale();
  const FixedInput<Decimal128> values(task.input);
  const double divisor = std::pow(10.0, scale);
  return Convert<To>(
      task,
      [&](int64_t row, To* out) {
        const Decimal128 value = values[row];
        if constexpr (std::is_floating_point_v<To>) {
          *out = static_cast<To>(value.ToDouble(0) / divisor);
          return true;
        } else {
          const Decimal128 whole = ReduceScale(value, scale, /*rounds=*/false);
          if (whole.high_bits() == 0) return FitNumber(whole.low_bits(), out);
          const auto low = static_cast<int64_t>(whole.low_bits());
          return whole.high_bits() == -1 && low < 0 && FitNumber(low, out);
        }
      },
      [&](int64_t row) {
        std::string text;
        AppendDecimal(values[row], scale, &text);
        return text;
      });
}

// From units of one size to another; toward zero, or down.
template <typename From, typename To>
Result<Datum> ScaleUnits(const CastTask& task, int64_t multiplier, int64_t divisor,
                         bool rounds_down) {
  const FixedInput<From> values(task.input);
  return Convert<To>(
      task,
      [&](int64_t row, To* out) {
        int64_t value = values[row];
        if (__builtin_mul_overflow(value, multiplier, &value)) return false;
        return FitNumber(rounds_down ? FloorDivide(value, divisor) : value / divisor, out);
      },
      [&](int64_t row) { return Show(values[row]); });
}

arrow::TimeUnit::type UnitOf(const arrow::DataType& type) {
  return type.id() == Type::DURATION ? static_cast<const arrow::DurationType&>(type).unit()
                                     : static_cast<const arrow::TimestampType&>(type).unit();
}

Result<Datum> BetweenUnits(const CastTask& task) {
  const int64_t from = UnitsPerSecond(UnitOf(task.from));
  const int64_t to = UnitsPerSecond(UnitOf(*task.to));
  return to >= from ? ScaleUnits<int64_t, int64_t>(task, to / from, 1, false)
                    : ScaleUnits<int64_t, int64_t>(task, 1, from / to, false);
}

bool IsWide(const arrow::DataType& type) { return type.bit_width() == 64; }
bool IsCounted(const arrow::DataType& type) {
  return IsTemporal(type) || type.id() == Type::DURATION;
}

// Dates and times as the integers that they are stored as.
Datum AsIntegers(const Datum& value, const TypePtr& type) {
  if (value.is_array()) {
    auto data = value.array()->Copy();
    data->type = type;
    return data;
  }
  const auto& scalar = *value.scalar();
  if (!scalar.is_valid) return arrow::MakeNullScalar(type);
  const auto* bytes = static_cast<const arrow::internal::PrimitiveScalarBase&>(scalar).data();
  if (IsWide(*type)) {
    int64_t wide = 0;
    std::copy_n(static_cast<const char*>(bytes), sizeof(wide), reinterpret_cast<char*>(&wide));
    return arrow::MakeScalar(type, wide).ValueOr(arrow::MakeNullScalar(type));
  }
  int32_t narrow = 0;
  std::copy_n(static_cast<const char*>(bytes), sizeof(narrow), reinterpret_cast<char*>(&narrow));
  return arrow::MakeScalar(type, narrow).ValueOr(arrow::MakeNullScalar(type));
}

Result<Datum> TemporalToTemporal(const CastTask& task) {
  const auto from = task.from.id();
  const auto to = task.to->id();
  if ((from == Type::TIMESTAMP && to == Type::TIMESTAMP) ||
      (from == Type::DURATION && to == Type::DURATION)) {
    return BetweenUnits(task);
  }
  if (from == Type::DATE32 && to == Type::DATE64) {
    return ScaleUnits<int32_t, int64_t>(task, kMillisPerDay, 1, true);
  }
  if (from == Type::DATE64 && to == Type::DATE32) {
    return ScaleUnits<int64_t, int32_t>(task, 1, kMillisPerDay, true);
  }
  if (to == Type::TIMESTAMP) {
    const int64_t per_second = UnitsPerSecond(UnitOf(*task.to));
    if (from == Type::DATE32) {
      return ScaleUnits<int32_t, int64_t>(task, kSecondsPerDay * per_second, 1, true);
    }
    return per_second >= 1000 ? ScaleUnits<int64_t, int64_t>(task, per_second / 1000, 1, true)
                              : ScaleUnits<int64_t, int64_t>(task, 1, 1000, true);
  }
  const int64_t per_second = UnitsPerSecond(UnitOf(task.from));
  if (to == Type::DATE32) {
    return ScaleUnits<int64_t, int32_t>(task, 1, kSecondsPerDay * per_second, true);
  }
  return per_second >= 1000 ? ScaleUnits<int64_t, int64_t>(task, 1, per_second / 1000, true)
                            : ScaleUnits<int64_t, int64_t>(task, 1000, 1, true);
}

Result<Datum> NumberTo(const CastTask& task) {
  return VisitNumber(task.from.id(), [&](auto from) {
    using From = decltype(from);
    if (task.to->id() == Type::DECIMAL128) return NumberToDecimal<From>(task);
    return VisitNumber(task.to->id(),
                       [&](auto to) { return NumberToNumber<From, decltype(to)>(task); });
  });
}

Result<Datum> CastItems(const Datum& value, const TypePtr& to, CastMode mode,
                        arrow::compute::ExecContext* exec) {
  ARROW_ASSIGN_OR_RAISE(auto input, Input::Make(value, exec->memory_pool()));
  auto array = input.array();
  const auto item_type = static_cast<const arrow::BaseListType&>(*array->type()).value_type();
  if (array->type_id() != Type::LIST) {
    ARROW_ASSIGN_OR_RAISE(array, arrow::compute::Cast(*array, arrow::list(item_type),
                                                      arrow::compute::CastOptions::Safe(), exec));
  }
  const auto& list = static_cast<const arrow::ListArray&>(*array);
  ARROW_ASSIGN_OR_RAISE(
      auto items,
      CastValues(Datum(list.values()), static_cast<const arrow::BaseListType&>(*to).value_type(),
                 mode, exec));
  ARROW_ASSIGN_OR_RAISE(auto item_input, Input::Make(items, exec->memory_pool()));
  auto data = list.data()->Copy();
  data->type = arrow::list(item_input.array()->type());
  data->child_data = {item_input.array()->data()};
  if (!input.is_scalar()) return Datum(std::move(data));
  ARROW_ASSIGN_OR_RAISE(auto scalar, arrow::MakeArray(data)->GetScalar(0));
  return Datum(std::move(scalar));
}

Result<Datum> ByArrow(const Datum& value, const TypePtr& to, arrow::compute::ExecContext* exec) {
  arrow::compute::CastOptions options = arrow::compute::CastOptions::Unsafe(to);
  return arrow::compute::Cast(value, options, exec);
}

bool IsHalf(const arrow::DataType& type) { return type.id() == Type::HALF_FLOAT; }

}  // namespace

bool CanCast(const arrow::DataType& from, const arrow::DataType& to) {
  if (from.Equals(to) || from.id() == Type::NA) return true;
  const bool from_number = IsNumber(from) && from.id() != Type::DECIMAL256;
  const bool to_number = IsNumber(to) && to.id() != Type::DECIMAL256;
  if (from_number && to_number) return true;
  if (from.id() == Type::BOOL && to_number) return to.id() != Type::DECIMAL128;
  if (from_number && to.id() == Type::BOOL) return from.id() != Type::DECIMAL128;
  if (IsText(from)) {
    return IsText(to) || IsBytes(to) || to_number || to.id() == Type::BOOL || IsTemporal(to);
  }
  if (IsBytes(from)) return IsBytes(to) || IsText(to);
  if (IsText(to)) return from_number || from.id() == Type::BOOL || IsTemporal(from);
  if (IsCounted(from) && IsInteger(to)) return true;
  if (IsInteger(from) && IsCounted(to)) return true;
  if (from.id() == Type::DURATION || to.id() == Type::DURATION) return from.id() == to.id();
  if (IsTemporal(from) && IsTemporal(to)) {
    return !arrow::is_time(from.id()) && !arrow::is_time(to.id());
  }
  if (IsList(from) && IsList(to)) {
    return to.id() == Type::LIST &&
           CanCast(*static_cast<const arrow::BaseListType&>(from).value_type(),
                   *static_cast<const arrow::BaseListType&>(to).value_type());
  }
  return false;
}

bool CastCanFail(const arrow::DataType& from, const arrow::DataType& to) {
  if (from.Equals(to) || from.id() == Type::NA || IsText(to)) return IsBytes(from);
  if (IsBytes(to) || to.id() == Type::BOOL) return IsText(from) && to.id() == Type::BOOL;
  return !(IsFloat(to) && IsNumber(from)) && from.id() != Type::BOOL;
}

arrow::Status CannotCast(const CastTask& task, const std::string& shown) {
  return arrow::Status::Invalid("cannot cast ", shown, " to ", TypeToSql(*task.to));
}

arrow::Result<arrow::Datum> CastValues(const arrow::Datum& value, const TypePtr& to, CastMode mode,
                                       arrow::compute::ExecContext* exec) {
  const TypePtr& from = value.type();
  if (from->Equals(to)) return value;
  if (from->id() == Type::NA) return Datum(arrow::MakeNullScalar(to));
  // Half floats go by way of floats.
  if (IsHalf(*from)) {
    ARROW_ASSIGN_OR_RAISE(auto wide, ByArrow(value, arrow::float32(), exec));
    if (!IsText(*to)) return CastValues(wide, to, mode, exec);
    return CastHalvesToText(wide, to, exec);
  }
  if (IsHalf(*to)) {
    ARROW_ASSIGN_OR_RAISE(auto wide, CastValues(value, arrow::float32(), mode, exec));
    return ByArrow(wide, to, exec);
  }
  if (IsList(*from)) return CastItems(value, to, mode, exec);
  if (IsText(*from) && to->id() == Type::DATE64) {
    ARROW_ASSIGN_OR_RAISE(auto date, CastValues(value, arrow::date32(), mode, exec));
    return CastValues(date, to, mode, exec);
  }
  const bool is_plain =
      (from->id() == Type::BOOL && !IsText(*to)) || (IsNumber(*from) && to->id() == Type::BOOL) ||
      ((IsText(*from) || IsBytes(*from)) && IsBytes(*to)) || (IsText(*from) && IsText(*to));
  if (is_plain) return ByArrow(value, to, exec);
  if (IsCounted(*from) && IsInteger(*to)) {
    return CastValues(AsIntegers(value, IsWide(*from) ? arrow::int64() : arrow::int32()), to, mode,
                      exec);
  }
  if (IsInteger(*from) && IsCounted(*to)) {
    ARROW_ASSIGN_OR_RAISE(
        auto integers,
        CastValues(value, IsWide(*to) ? arrow::int64() : arrow::int32(), mode, exec));
    return AsIntegers(integers, to);
  }

  ARROW_ASSIGN_OR_RAISE(auto input, Input::Make(value, exec->memory_pool()));
  const int64_t num_rows = input.is_scalar() ? 1 : value.length();
  const CastTask task{std::move(input), *from, to, mode, num_rows, exec};
  const auto cast = [&]() -> Result<Datum> {
    if (IsText(*from)) return CastFromText(task);
    if (IsBytes(*from)) return CastBytesToText(task);
    if (IsText(*to)) return CastToText(task);
    if (IsCounted(*from)) return TemporalToTemporal(task);
    if (from->id() != Type::DECIMAL128) return NumberTo(task);
    if (to->id() == Type::DECIMAL128) return DecimalToDecimal(task);
    return VisitNumber(to->id(),
                       [&](auto number) { return DecimalToNumber<decltype(number)>(task); });
  };
  ARROW_ASSIGN_OR_RAISE(auto result, cast());
  if (!value.is_scalar()) return result;
  ARROW_ASSIGN_OR_RAISE(auto scalar, result.make_array()->GetScalar(0));
  return Datum(std::move(scalar));
}

arrow::Result<BoundPtr> MakeCast(const NodeMaker& make, BoundPtr operand, const TypePtr& type,
                                 Place place, CastMode mode) {
  if (operand->type()->Equals(type)) return operand;
  if (!CanCast(*operand->type(), *type)) {
    return make.Error(arrow::StatusCode::TypeError, place,
                      "cannot cast " + ArrowName(*operand->type()) + " to " + ArrowName(*type));
  }
  const auto failure = mode == CastMode::kError && CastCanFail(*operand->type(), *type)
                           ? Failure::kPossible
                           : Failure::kNever;
  return make.Apply(
      {std::move(operand)}, type, place,
      [type, mode](const KernelArgs& args) {
        return CastValues(args.values[0], type, mode, args.exec);
      },
      failure);
}

}  // namespace croupier::expression
