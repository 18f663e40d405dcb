#include <cmath>
#include <limits>
#include <type_traits>

#include <arrow/compute/exec.h>
#include <arrow/scalar.h>
#include <arrow/util/decimal.h>

#include "croupier/expression/cast.h"
#include "croupier/expression/kernel_io.h"
#include "croupier/expression/operators.h"
#include "croupier/expression/text_values.h"
#include "croupier/expression/type_names.h"

namespace croupier::expression {

namespace {

using arrow::Datum;
using arrow::Decimal128;
using arrow::Decimal256;
using arrow::Result;
using arrow::Type;

// Wraps around, as two's complement does.
template <typename T>
T Wrapped(Operator op, T left, T right) {
  using U = std::make_unsigned_t<T>;
  // In 64 bits narrower types cannot overflow as int would.
  const auto a = static_cast<uint64_t>(static_cast<U>(left));
  const auto b = static_cast<uint64_t>(static_cast<U>(right));
  switch (op) {
    case Operator::kAdd:
      return static_cast<T>(static_cast<U>(a + b));
    case Operator::kSubtract:
      return static_cast<T>(static_cast<U>(a - b));
    case Operator::kShiftLeft:
      return static_cast<T>(static_cast<U>(a << (b % (8 * sizeof(T)))));
    case Operator::kShiftRight:
      return static_cast<T>(left >> (b % (8 * sizeof(T))));
    default:
      return static_cast<T>(static_cast<U>(a * b));
  }
}

template <typename T>
Result<Datum> DivideIntegers(bool is_modulo, const TypePtr& type, const std::vector<Input>& inputs,
                             const KernelArgs& args) {
  ARROW_ASSIGN_OR_RAISE(auto validity, Validity::Make(inputs, args.num_rows, args.pool()));
  const FixedInput<T> left(inputs[0]);
  const FixedInput<T> right(inputs[1]);
  ARROW_ASSIGN_OR_RAISE(auto values, AllocateValues<T>(args.num_rows, args.pool()));
  T* out = values->template mutable_data_as<T>();
  for (int64_t row = 0; row < args.num_rows; ++row) {
    out[row] = 0;
    if (!validity[row]) continue;
    const T dividend = left[row];
    const T divisor = right[row];
    if (divisor == 0) return arrow::Status::Invalid("division by zero");
    if (std::is_signed_v<T> && divisor == static_cast<T>(-1)) {
      if (is_modulo) continue;
      if (dividend == std::numeric_limits<T>::min()) {
        return arrow::Status::Invalid("overflow: ", std::to_string(dividend), " / -1");
      }
    }
    out[row] = static_cast<T>(is_modulo ? dividend % divisor : dividend / divisor);
  }
  return FixedResult(type, args.num_rows, validity.buffer(), std::move(values));
}

template <typename T>
T FloatResult(Operator op, T left, T right) {
  switch (op) {
    case Operator::kAdd:
      return left + right;
    case Operator::kSubtract:
      return left - right;
    case Operator::kMultiply:
      return left * right;
    case Operator::kDivide:
      return left / right;
    default:
      return std::fmod(left, right);
  }
}

// The operator is chosen outside of the loop over rows.
template <typename T, typename Choose>
Result<Datum> MapOperator(Operator op, const TypePtr& type, const std::vector<Input>& inputs,
                          const KernelArgs& args, Choose&& apply) {
  ARROW_ASSIGN_OR_RAISE(const auto validity, Validity::Make(inputs, args.num_rows, args.pool()));
  const FixedInput<T> left(inputs[0]);
  const FixedInput<T> right(inputs[1]);
  const auto map = [&](auto constant) {
    return MapRows<T>(type, args.num_rows, validity, args.pool(), [&](int64_t row) {
      return apply(decltype(constant)::value, left[row], right[row]);
    });
  };
  switch (op) {
    case Operator::kAdd:
      return map(std::integral_constant<Operator, Operator::kAdd>{});
    case Operator::kSubtract:
      return map(std::integral_constant<Operator, Operator::kSubtract>{});
    case Operator::kMultiply:
      return map(std::integral_constant<Operator, Operator::kMultiply>{});
    case Operator::kDivide:
      return map(std::integral_constant<Operator, Operator::kDivide>{});
    case Operator::kModulo:
      return map(std::integral_constant<Operator, Operator::kModulo>{});
    case Operator::kShiftLeft:
      return map(std::integral_constant<Operator, Operator::kShiftLeft>{});
    default:
      return map(std::integral_constant<Operator, Operator::kShiftRight>{});
  }
}

template <typename T>
Result<Datum> Compute(Operator op, const TypePtr& type, const std::vector<Input>& inputs,
                      const KernelArgs& args) {
  if constexpr (std::is_floating_point_v<T>) {
    return MapOperator<T>(op, type, inputs, args, [](Operator chosen, T left, T right) {
      return FloatResult(chosen, left, right);
    });
  } else {
    if (op == Operator::kDivide || op == Operator::kModulo) {
      return DivideIntegers<T>(op == Operator::kModulo, type, inputs, args);
    }
    return MapOperator<T>(op, type, inputs, args, [](Operator chosen, T left, T right) {
      return Wrapped(chosen, left, right);
    });
  }
}

// Decimals are computed in 256 bits, and must fit into 128 in the end.
Result<Datum> ComputeDecimals(Operator op, const ArithmeticTypes& types,
                              const std::vector<Input>& inputs, const KernelArgs& args) {
  const int32_t s1 = static_cast<const arrow::DecimalType&>(*types.left).scale();
  const int32_t s2 = static_cast<const arrow::DecimalType&>(*types.right).scale();
  const int32_t scale = static_cast<const arrow::DecimalType&>(*types.result).scale();
  int32_t left_shift = scale - s1;
  int32_t right_shift = scale - s2;
  if (op == Operator::kMultiply) left_shift = right_shift = 0;
  if (op == Operator::kDivide) {
    left_shift = scale - s1 + s2;
    right_shift = 0;
  }
  const Decimal256 left_factor(Decimal256::GetScaleMultiplier(left_shift));
  const Decimal256 right_factor(Decimal256::GetScaleMultiplier(right_shift));
  ARROW_ASSIGN_OR_RAISE(auto validity, Validity::Make(inputs, args.num_rows, args.pool()));
  const FixedInput<Decimal128> left(inputs[0]);
  const FixedInput<Decimal128> right(inputs[1]);
  ARROW_ASSIGN_OR_RAISE(auto values, AllocateValues<Decimal128>(args.num_rows, args.pool()));
  auto* out = values->template mutable_data_as<Decimal128>();
  const Decimal256 most{Decimal128(Decimal128::GetMaxValue())};
  for (int64_t row = 0; row < args.num_rows; ++row) {
    out[row] = Decimal128(0);
    if (!validity[row]) continue;
    const Decimal256 a = Decimal256(left[row]) * left_factor;
    const Decimal256 b = Decimal256(right[row]) * right_factor;
    Decimal256 result;
    if (op == Operator::kDivide || op == Operator::kModulo) {
      if (b == Decimal256(0)) return arrow::Status::Invalid("division by zero");
      ARROW_ASSIGN_OR_RAISE(const auto parts, a.Divide(b));
      result = Decimal256(op == Operator::kDivide ? parts.first : parts.second);
    } else if (op == Operator::kMultiply) {
      result = a * b;
    } else {
      result = op == Operator::kAdd ? Decimal256(a + b) : Decimal256(a + Decimal256(-b));
    }
    if (result > most || result < Decimal256(-most)) {
      return arrow::Status::Invalid("a decimal overflows 38 digits");
    }
    const auto bytes = result.little_endian_array();
    out[row] = Decimal128(static_cast<int64_t>(bytes[1]), bytes[0]);
  }
  return FixedResult(types.result, args.num_rows, validity.buffer(), std::move(values));
}

Result<Datum> ComputeNumbers(Operator op, const TypePtr& type, const std::vector<Input>& inputs,
                             const KernelArgs& args) {
  switch (type->id()) {
    case Type::INT8:
      return Compute<int8_t>(op, type, inputs, args);
    case Type::INT16:
      return Compute<int16_t>(op, type, inputs, args);
    case Type::INT32:
      return Compute<int32_t>(op, type, inputs, args);
    case Type::INT64:
    case Type::TIMESTAMP:
    case Type::DURATION:
      return Compute<int64_t>(op, type, inputs, args);
    case Type::UINT8:
      return Compute<uint8_t>(op, type, inputs, args);
    case Type::UINT16:
      return Compute<uint16_t>(op, type, inputs, args);
    case Type::UINT32:
      return Compute<uint32_t>(op, type, inputs, args);
    case Type::UINT64:
      return Compute<uint64_t>(op, type, inputs, args);
    case Type::FLOAT:
      return Compute<float>(op, type, inputs, args);
    case Type::DOUBLE:
      return Compute<double>(op, type, inputs, args);
    default:
      return arrow::Status::NotImplemented("arithmetic of ", type->ToString());
  }
}

Result<Datum> ComputeArithmetic(Operator op, const ArithmeticTypes& types, const KernelArgs& args) {
  if (types.result->id() == Type::HALF_FLOAT) {
    std::vector<Datum> wide;
    for (const auto& value : args.values) {
      ARROW_ASSIGN_OR_RAISE(auto cast,
                            CastValues(value, arrow::float32(), CastMode::kError, args.exec));
      wide.push_back(std::move(cast));
    }
    const ArithmeticTypes floats{arrow::float32(), arrow::float32(), arrow::float32()};
    ARROW_ASSIGN_OR_RAISE(auto result,
                          ComputeArithmetic(op, floats, {wide, args.num_rows, args.exec}));
    return CastValues(result, types.result, CastMode::kError, args.exec);
  }
  if (types.left->id() == Type::DATE32) {
    std::vector<Datum> days;
    for (const auto& value : args.values) {
      ARROW_ASSIGN_OR_RAISE(auto cast,
                            CastValues(value, arrow::int64(), CastMode::kError, args.exec));
      days.push_back(std::move(cast));
    }
    const ArithmeticTypes integers{arrow::int64(), arrow::int64(), arrow::int64()};
    return ComputeArithmetic(op, integers, {days, args.num_rows, args.exec});
  }
  ARROW_ASSIGN_OR_RAISE(const auto inputs, MakeInputs(args));
  if (types.result->id() == Type::DECIMAL128) return ComputeDecimals(op, types, inputs, args);
  return ComputeNumbers(op, types.result, inputs, args);
}

}  // namespace

arrow::Result<BoundPtr> MakeArithmetic(const NodeMaker& make, Operator op,
                                       const ArithmeticTypes& types, BoundPtr left, BoundPtr right,
                                       Place place) {
  const bool divides = op == Operator::kDivide || op == Operator::kModulo;
  const bool can_fail =
      types.result->id() == Type::DECIMAL128 || (divides && !IsFloat(*types.result));
  return make.Apply(
      {std::move(left), std::move(right)}, types.result, place,
      [op, types](const KernelArgs& args) { return ComputeArithmetic(op, types, args); },
      can_fail ? Failure::kPossible : Failure::kNever);
}

arrow::Result<BoundPtr> MakeNegative(const NodeMaker& make, BoundPtr operand, Place place) {
  const auto type = operand->type();
  if (type->id() == Type::NA) return operand;
  const bool is_signed = arrow::is_signed_integer(type->id()) || IsFloat(*type) ||
                         type->id() == Type::DECIMAL128 || type->id() == Type::DURATION;
  if (!is_signed) {
    return make.Error(arrow::StatusCode::TypeError, place,
                      "there is no negative of " + ArrowName(*type));
  }
  // A float's sign is turned, also that of zero; Arrow's kernel takes all of the types but
  // durations.
  if (type->id() == Type::DURATION) {
    return make.Apply(
        {std::move(operand)}, type, place, [type](const KernelArgs& args) -> Result<Datum> {
          ARROW_ASSIGN_OR_RAISE(auto integers, CastValues(args.values[0], arrow::int64(),
                                                          CastMode::kError, args.exec));
          ARROW_ASSIGN_OR_RAISE(integers,
                                arrow::compute::CallFunction("negate", {integers}, args.exec));
          return CastValues(integers, type, CastMode::kError, args.exec);
        });
  }
  if (type->id() == Type::HALF_FLOAT) {
    return make.Apply(
        {std::move(operand)}, type, place, [type](const KernelArgs& args) -> Result<Datum> {
          ARROW_ASSIGN_OR_RAISE(
              auto wide, CastValues(args.values[0], arrow::float32(), CastMode::kError, args.exec));
          ARROW_ASSIGN_OR_RAISE(wide, arrow::compute::CallFunction("negate", {wide}, args.exec));
          return CastValues(wide, type, CastMode::kError, args.exec);
        });
  }
  return make.Apply({std::move(operand)}, type, place, ArrowKernel("negate"));
}

}  // namespace croupier::expression
