#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <type_traits>

#include <arrow/array/array_base.h>
#include <arrow/scalar.h>

#include "croupier/expression/call_site.h"

namespace croupier::expression {

namespace {

using arrow::Datum;
using arrow::Result;
using arrow::Status;
using arrow::Type;

// Functions of floats are computed in the type of a float, and in double for other numbers.
Status CoerceToFloat(CallSite* call) {
  TypePtr type = arrow::null();
  for (size_t i = 0; i < call->size(); ++i) {
    if (!IsNumber(*call->type(i)) && call->type(i)->id() != Type::NA) {
      return call->WrongType(i, "a number");
    }
    const auto other = call->type(i)->id() == Type::HALF_FLOAT ? arrow::float32() : call->type(i);
    type = type->id() == Type::FLOAT && other->id() == Type::INT64 ? type : CommonType(type, other);
    if (type == nullptr) type = arrow::float64();
  }
  if (type->id() != Type::FLOAT) type = arrow::float64();
  for (size_t i = 0; i < call->size(); ++i) ARROW_RETURN_NOT_OK(call->Coerce(i, type));
  return Status::OK();
}

// `function(a)` or `function(a, b)`, for float and double.
template <int kOperands, typename Function>
Result<BoundPtr> ApplyFloat(CallSite* call, Function function) {
  ARROW_RETURN_NOT_OK(call->CheckCount(kOperands, kOperands));
  ARROW_RETURN_NOT_OK(CoerceToFloat(call));
  const auto type = call->type(0);
  const auto compute = [function, type](const KernelArgs& args, auto zero) -> Result<Datum> {
    using T = decltype(zero);
    ARROW_ASSIGN_OR_RAISE(const auto operands, Operands::Make(args));
    const FixedInput<T> first(operands.inputs[0]);
    const FixedInput<T> second(operands.inputs[kOperands - 1]);
    return MapRows<T>(type, args.num_rows, operands.validity, args.pool(), [&](int64_t row) -> T {
      if constexpr (kOperands == 1) {
        return static_cast<T>(function(first[row]));
      } else {
        return static_cast<T>(function(first[row], second[row]));
      }
    });
  };
  return call->Apply(type, [compute, type](const KernelArgs& args) {
    return type->id() == Type::FLOAT ? compute(args, 0.0F) : compute(args, 0.0);
  });
}

// One line for each function of floats.
#define CROUPIER_FLOAT_FUNCTION(Name, expression)                                   \
  Result<BoundPtr> Name(CallSite* call) {                                           \
    return ApplyFloat<1>(call, [](auto x) -> decltype(x) { return (expression); }); \
  }
CROUPIER_FLOAT_FUNCTION(BindSqrt, std::sqrt(x))
CROUPIER_FLOAT_FUNCTION(BindCbrt, std::cbrt(x))
CROUPIER_FLOAT_FUNCTION(BindExp, std::exp(x))
CROUPIER_FLOAT_FUNCTION(BindLn, std::log(x))
CROUPIER_FLOAT_FUNCTION(BindLog2, std::log2(x))
CROUPIER_FLOAT_FUNCTION(BindLog10, std::log10(x))
CROUPIER_FLOAT_FUNCTION(BindSin, std::sin(x))
CROUPIER_FLOAT_FUNCTION(BindCos, std::cos(x))
CROUPIER_FLOAT_FUNCTION(BindTan, std::tan(x))
CROUPIER_FLOAT_FUNCTION(BindCot, 1 / std::tan(x))
CROUPIER_FLOAT_FUNCTION(BindAsin, std::asin(x))
CROUPIER_FLOAT_FUNCTION(BindAcos, std::acos(x))
CROUPIER_FLOAT_FUNCTION(BindAtan, std::atan(x))
CROUPIER_FLOAT_FUNCTION(BindSinh, std::sinh(x))
CROUPIER_FLOAT_FUNCTION(BindCosh, std::cosh(x))
CROUPIER_FLOAT_FUNCTION(BindTanh, std::tanh(x))
CROUPIER_FLOAT_FUNCTION(BindAsinh, std::asinh(x))
CROUPIER_FLOAT_FUNCTION(BindAcosh, std::acosh(x))
CROUPIER_FLOAT_FUNCTION(BindAtanh, std::atanh(x))
CROUPIER_FLOAT_FUNCTION(BindDegrees, x* static_cast<decltype(x)>(180 / std::numbers::pi))
CROUPIER_FLOAT_FUNCTION(BindRadians, x*(std::numbers::pi_v<decltype(x)> / 180))
CROUPIER_FLOAT_FUNCTION(BindSignum,
                        x == 0 ? 0 : (std::isnan(x) ? x : std::copysign(decltype(x){1}, x)))
#undef CROUPIER_FLOAT_FUNCTION

Result<BoundPtr> BindAtan2(CallSite* call) {
  return ApplyFloat<2>(call, [](auto y, auto x) { return std::atan2(y, x); });
}
// power is computed in double, whatever it is of.
Result<BoundPtr> BindPower(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(2, 2));
  ARROW_RETURN_NOT_OK(CoerceToFloat(call));
  for (size_t i = 0; i < 2; ++i) ARROW_RETURN_NOT_OK(call->Coerce(i, arrow::float64()));
  return ApplyFloat<2>(call, [](auto x, auto y) { return std::pow(x, y); });
}

// log(x) is decimal, log(base, x) of any base.
Result<BoundPtr> BindLog(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(1, 2));
  if (call->size() == 1) return BindLog10(call);
  return ApplyFloat<2>(call, [](auto base, auto x) -> decltype(x) {
    if (base == 2) return std::log2(x);
    if (base == 10) return std::log10(x);
    return std::log(x) / std::log(base);
  });
}

Result<BoundPtr> BindPi(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(0, 0));
  return MakeLiteral(arrow::MakeScalar(std::numbers::pi), call->place);
}

// floor, ceil: decimals keep their type.
template <bool kUp>
Result<BoundPtr> BindToWhole(CallSite* call) {
  if (call->size() == 1 && call->type(0)->id() == Type::DECIMAL128) {
    return call->Apply(call->type(0), ArrowKernel(kUp ? "ceil" : "floor"), Failure::kPossible);
  }
  return ApplyFloat<1>(call, [](auto x) { return kUp ? std::ceil(x) : std::floor(x); });
}

// round(x [, places]), trunc(x [, places]): half away from zero, or toward zero.
template <bool kRound>
Result<BoundPtr> BindToPlaces(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(1, 2));
  if (kRound && call->type(0)->id() == Type::DECIMAL128 &&
      (call->size() == 1 || call->operands[1]->literal() != nullptr)) {
    if (call->size() == 2) ARROW_RETURN_NOT_OK(call->NeedInteger(1));
    const auto& type = static_cast<const arrow::DecimalType&>(*call->type(0));
    const int64_t places = call->size() == 1 ? 0 : call->LiteralInteger(1).value_or(0);
    if (places >= type.scale()) return call->operands[0];
    if (places >= 0) {
      return MakeCast(call->make, call->operands[0],
                      arrow::decimal128(type.precision(), static_cast<int32_t>(places)),
                      call->place);
    }
  }
  if (call->size() == 1) {
    return ApplyFloat<1>(call, [](auto x) { return kRound ? std::round(x) : std::trunc(x); });
  }
  ARROW_RETURN_NOT_OK(call->NeedInteger(1));
  auto places = call->operands[1];
  call->operands.pop_back();
  ARROW_RETURN_NOT_OK(CoerceToFloat(call));
  const auto type = call->type(0);
  call->operands.push_back(std::move(places));
  const auto compute = [type](const KernelArgs& args, auto zero) -> Result<Datum> {
    using T = decltype(zero);
    ARROW_ASSIGN_OR_RAISE(const auto operands, Operands::Make(args));
    const FixedInput<T> values(operands.inputs[0]);
    const FixedInput<int64_t> digits(operands.inputs[1]);
    return MapRows<T>(type, args.num_rows, operands.validity, args.pool(), [&](int64_t row) -> T {
      const auto factor = static_cast<T>(std::pow(10.0, static_cast<double>(digits[row])));
      const T scaled = values[row] * factor;
      if (!std::isfinite(scaled) || factor == 0) return factor == 0 ? T{0} : values[row];
      return (kRound ? std::round(scaled) : std::trunc(scaled)) / factor;
    });
  };
  return call->Apply(type, [compute, type](const KernelArgs& args) {
    return type->id() == Type::FLOAT ? compute(args, 0.0F) : compute(args, 0.0);
  });
}

// The value without its sign, of the same type; the least integer has none.
Result<BoundPtr> BindAbs(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(1, 1));
  const auto type = call->type(0);
  if (type->id() == Type::NA) return call->operands[0];
  if (!IsNumber(*type)) return call->WrongType(0, "a number");
  if (type->id() == Type::HALF_FLOAT) {
    return ApplyFloat<1>(call, [](auto x) { return std::fabs(x); });
  }
  const bool can_fail = arrow::is_signed_integer(type->id());
  return call->Apply(type, ArrowKernel(can_fail ? "abs_checked" : "abs"),
                     can_fail ? Failure::kPossible : Failure::kNever);
}

template <typename Predicate>
Result<BoundPtr> ApplyFloatPredicate(CallSite* call, Predicate predicate) {
  ARROW_RETURN_NOT_OK(call->CheckCount(1, 1));
  ARROW_RETURN_NOT_OK(CoerceToFloat(call));
  const bool is_float = call->type(0)->id() == Type::FLOAT;
  const auto compute = [predicate](const KernelArgs& args, auto zero) -> Result<Datum> {
    ARROW_ASSIGN_OR_RAISE(const auto operands, Operands::Make(args));
    const FixedInput<decltype(zero)> values(operands.inputs[0]);
    return MapToBooleans(args.num_rows, operands.validity, args.pool(),
                         [&](int64_t row) { return predicate(values[row]); });
  };
  return call->Apply(arrow::boolean(), [compute, is_float](const KernelArgs& args) {
    return is_float ? compute(args, 0.0F) : compute(args, 0.0);
  });
}

Result<BoundPtr> BindIsNan(CallSite* call) {
  return ApplyFloatPredicate(call, [](auto x) { return std::isnan(x); });
}
// nanvl(x, y): y where x is NaN.
Result<BoundPtr> BindNanvl(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(2, 2));
  ARROW_RETURN_NOT_OK(CoerceToFloat(call));
  CallSite test{call->make, call->name, {call->operands[0]}, call->place};
  ARROW_ASSIGN_OR_RAISE(auto is_nan, BindIsNan(&test));
  return call->make.Case({std::move(is_nan), call->operands[1], call->operands[0]}, call->place);
}
Result<BoundPtr> BindIsZero(CallSite* call) {
  return ApplyFloatPredicate(call, [](auto x) { return x == 0; });
}

uint64_t Magnitude(int64_t value) {
  return value < 0 ? uint64_t{0} - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
}

// `function(a, b, &result)` says whether the result fits.
template <typename Function>
Result<BoundPtr> ApplyIntegers(CallSite* call, Function function) {
  ARROW_RETURN_NOT_OK(call->CheckCount(2, 2));
  for (size_t i = 0; i < 2; ++i) ARROW_RETURN_NOT_OK(call->NeedInteger(i));
  const std::string name(call->name);
  return call->Apply(
      arrow::int64(),
      [function, name](const KernelArgs& args) -> Result<Datum> {
        ARROW_ASSIGN_OR_RAISE(const auto operands, Operands::Make(args));
        const FixedInput<int64_t> left(operands.inputs[0]);
        const FixedInput<int64_t> right(operands.inputs[1]);
        ARROW_ASSIGN_OR_RAISE(auto values, AllocateValues<int64_t>(args.num_rows, args.pool()));
        auto* out = values->template mutable_data_as<int64_t>();
        for (int64_t row = 0; row < args.num_rows; ++row) {
          uint64_t result = 0;
          const bool fits = !operands.validity[row] || function(left[row], right[row], &result);
          if (!fits || result > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
            return Status::Invalid("overflow: ", name, "(", left[row], ", ", right[row], ")");
          }
          out[row] = static_cast<int64_t>(result);
        }
        return FixedResult(arrow::int64(), args.num_rows, operands.validity.buffer(),
                           std::move(values));
      },
      Failure::kPossible);
}

Result<BoundPtr> BindGcd(CallSite* call) {
  return ApplyIntegers(call, [](int64_t left, int64_t right, uint64_t* result) {
    *result = std::gcd(Magnitude(left), Magnitude(right));
    return true;
  });
}

Result<BoundPtr> BindLcm(CallSite* call) {
  return ApplyIntegers(call, [](int64_t left, int64_t right, uint64_t* result) {
    const uint64_t a = Magnitude(left);
    const uint64_t b = Magnitude(right);
    if (a == 0 || b == 0) return true;
    return !__builtin_mul_overflow(a / std::gcd(a, b), b, result);
  });
}

constexpr FunctionEntry kFunctions[] = {
    {"abs", BindAbs},
    {"ceil", BindToWhole<true>},
    {"floor", BindToWhole<false>},
    {"round", BindToPlaces<true>},
    {"trunc", BindToPlaces<false>},
    {"sqrt", BindSqrt},
    {"cbrt", BindCbrt},
    {"power", BindPower},
    {"pow", BindPower},
    {"exp", BindExp},
    {"ln", BindLn},
    {"log", BindLog},
    {"log2", BindLog2},
    {"log10", BindLog10},
    {"sin", BindSin},
    {"cos", BindCos},
    {"tan", BindTan},
    {"cot", BindCot},
    {"asin", BindAsin},
    {"acos", BindAcos},
    {"atan", BindAtan},
    {"atan2", BindAtan2},
    {"sinh", BindSinh},
    {"cosh", BindCosh},
    {"tanh", BindTanh},
    {"asinh", BindAsinh},
    {"acosh", BindAcosh},
    {"atanh", BindAtanh},
    {"degrees", BindDegrees},
    {"radians", BindRadians},
    {"signum", BindSignum},
    {"pi", BindPi},
    {"isnan", BindIsNan},
    {"iszero", BindIsZero},
    {"nanvl", BindNanvl},
    {"gcd", BindGcd},
    {"lcm", BindLcm},
};

}  // namespace

std::span<const FunctionEntry> MathFunctions() { return kFunctions; }

}  // namespace croupier::expression
