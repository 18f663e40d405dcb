#include "croupier/expression/coercion.h"

#include <algorithm>

#include <arrow/type.h>
#include <arrow/type_traits.h>

namespace croupier::expression {

namespace {

using arrow::Type;

int BitWidth(const arrow::DataType& type) { return type.bit_width(); }

bool IsUnsigned(const arrow::DataType& type) {
  return type.id() == Type::UINT8 || type.id() == Type::UINT16 || type.id() == Type::UINT32 ||
         type.id() == Type::UINT64;
}

TypePtr SignedOfWidth(int bits) {
  return bits <= 8 ? arrow::int8()
                   : (bits <= 16 ? arrow::int16() : (bits <= 32 ? arrow::int32() : arrow::int64()));
}

TypePtr CommonInteger(const TypePtr& left, const TypePtr& right) {
  if (IsUnsigned(*left) == IsUnsigned(*right)) {
    return BitWidth(*left) >= BitWidth(*right) ? left : right;
  }
  const auto& natural = IsUnsigned(*left) ? left : right;
  const auto& integer = IsUnsigned(*left) ? right : left;
  // No integer type holds both.
  if (BitWidth(*natural) == 64) return arrow::decimal128(20, 0);
  return SignedOfWidth(std::max(BitWidth(*integer), 2 * BitWidth(*natural)));
}

TypePtr CommonDecimal(const arrow::DataType& left, const arrow::DataType& right) {
  const auto& a = static_cast<const arrow::DecimalType&>(left);
  const auto& b = static_cast<const arrow::DecimalType&>(right);
  const int scale = std::max(a.scale(), b.scale());
  const int digits = std::max(a.precision() - a.scale(), b.precision() - b.scale());
  return arrow::decimal128(std::min(38, digits + scale), scale);
}

// Numbers of any two types; null for a decimal that is too wide.
TypePtr CommonNumber(const TypePtr& left, const TypePtr& right) {
  if (left->id() == Type::DECIMAL256 || right->id() == Type::DECIMAL256) return nullptr;
  if (IsFloat(*left) || IsFloat(*right)) {
    if (left->id() == Type::DECIMAL128 || right->id() == Type::DECIMAL128) return arrow::float64();
    if (IsFloat(*left) && IsFloat(*right)) {
      return BitWidth(*left) >= BitWidth(*right) ? left : right;
    }
    return IsFloat(*left) ? left : right;
  }
  if (left->id() == Type::DECIMAL128 || right->id() == Type::DECIMAL128) {
    return CommonDecimal(*DecimalFor(*left), *DecimalFor(*right));
  }
  return CommonInteger(left, right);
}

arrow::TimeUnit::type UnitOf(const arrow::DataType& type) {
  return type.id() == Type::DURATION ? static_cast<const arrow::DurationType&>(type).unit()
                                     : static_cast<const arrow::TimestampType&>(type).unit();
}

TypePtr CommonTemporal(const TypePtr& left, const TypePtr& right) {
  const bool is_left = left->id() == Type::TIMESTAMP;
  const bool is_right = right->id() == Type::TIMESTAMP;
  if (is_left && is_right) {
    const auto& zone = static_cast<const arrow::TimestampType&>(*left).timezone();
    return arrow::timestamp(
        std::min(UnitOf(*left), UnitOf(*right)),
        zone.empty() ? static_cast<const arrow::TimestampType&>(*right).timezone() : zone);
  }
  const auto is_date = [](const arrow::DataType& type) {
    return type.id() == Type::DATE32 || type.id() == Type::DATE64;
  };
  if (is_date(*left) && is_date(*right)) return arrow::date64();
  if (is_left && is_date(*right)) return left;
  if (is_right && is_date(*left)) return right;
  return nullptr;
}

TypePtr CommonList(const TypePtr& left, const TypePtr& right) {
  const auto item = CommonType(static_cast<const arrow::BaseListType&>(*left).value_type(),
                               static_cast<const arrow::BaseListType&>(*right).value_type());
  return item == nullptr ? nullptr : arrow::list(arrow::field("item", item));
}

bool IsExact(const arrow::DataType& type) {
  return IsInteger(type) || type.id() == Type::DECIMAL128;
}

ArithmeticTypes DecimalArithmetic(Operator op, const TypePtr& left, const TypePtr& right) {
  const auto& a = static_cast<const arrow::DecimalType&>(*left);
  const auto& b = static_cast<const arrow::DecimalType&>(*right);
  const int p1 = a.precision();
  const int s1 = a.scale();
  const int p2 = b.precision();
  const int s2 = b.scale();
  int scale = std::max(s1, s2);
  int precision = 0;
  switch (op) {
    case Operator::kMultiply:
      scale = s1 + s2;
      precision = p1 + p2 + 1;
      break;
    case Operator::kDivide:
      scale = std::min(38, s1 + 4);
      precision = p1 - s1 + s2 + scale;
      break;
    case Operator::kModulo:
      precision = std::min(p1 - s1, p2 - s2) + scale;
      break;
    default:
      precision = std::max(p1 - s1, p2 - s2) + scale + 1;
      break;
  }
  if (scale > 38) return {};
  return {left, right, arrow::decimal128(std::clamp(precision, std::max(1, scale), 38), scale)};
}

ArithmeticTypes TemporalArithmetic(Operator op, const TypePtr& left, const TypePtr& right) {
  const auto is = [](const TypePtr& type, Type::type id) { return type->id() == id; };
  const bool is_sum = op == Operator::kAdd;
  if (!is_sum && op != Operator::kSubtract) return {};
  if (is(left, Type::DURATION) && is(right, Type::DURATION)) {
    const auto type = arrow::duration(std::min(UnitOf(*left), UnitOf(*right)));
    return {type, type, type};
  }
  if (is(left, Type::TIMESTAMP) && is(right, Type::DURATION)) {
    return {left, arrow::duration(UnitOf(*left)), left};
  }
  if (is(left, Type::DURATION) && is(right, Type::TIMESTAMP) && is_sum) {
    return {arrow::duration(UnitOf(*right)), right, right};
  }
  if (is_sum) return {};
  const auto is_date = [](const TypePtr& type) { return arrow::is_date(type->id()); };
  if (is_date(left) && is_date(right)) return {arrow::date32(), arrow::date32(), arrow::int64()};
  if ((is_date(left) && is(right, Type::TIMESTAMP)) ||
      (is(left, Type::TIMESTAMP) && is_date(right))) {
    const auto nanoseconds = arrow::timestamp(arrow::TimeUnit::NANO);
    return {nanoseconds, nanoseconds, arrow::duration(arrow::TimeUnit::NANO)};
  }
  const auto type = CommonType(left, right);
  if (type != nullptr && is(type, Type::TIMESTAMP) && IsTemporal(*left) && IsTemporal(*right)) {
    return {type, type, arrow::duration(UnitOf(*type))};
  }
  return {};
}

}  // namespace

bool IsInteger(const arrow::DataType& type) { return arrow::is_integer(type.id()); }
bool IsFloat(const arrow::DataType& type) { return arrow::is_floating(type.id()); }
bool IsNumber(const arrow::DataType& type) {
  return IsInteger(type) || IsFloat(type) || arrow::is_decimal(type.id());
}
bool IsText(const arrow::DataType& type) { return arrow::is_string(type.id()); }
bool IsBytes(const arrow::DataType& type) {
  return type.id() == Type::BINARY || type.id() == Type::LARGE_BINARY;
}
bool IsTemporal(const arrow::DataType& type) {
  return arrow::is_date(type.id()) || arrow::is_time(type.id()) || type.id() == Type::TIMESTAMP;
}
bool IsList(const arrow::DataType& type) {
  return type.id() == Type::LIST || type.id() == Type::LARGE_LIST ||
         type.id() == Type::FIXED_SIZE_LIST;
}

TypePtr DecimalFor(const arrow::DataType& type) {
  switch (type.id()) {
    case Type::INT8:
    case Type::UINT8:
      return arrow::decimal128(3, 0);
    case Type::INT16:
    case Type::UINT16:
      return arrow::decimal128(5, 0);
    case Type::INT32:
    case Type::UINT32:
      return arrow::decimal128(10, 0);
    case Type::INT64:
    case Type::UINT64:
      return arrow::decimal128(20, 0);
    case Type::DECIMAL128:
      return type.GetSharedPtr();
    default:
      return nullptr;
  }
}

TypePtr CommonType(const TypePtr& left, const TypePtr& right) {
  if (left->Equals(right)) return left;
  if (left->id() == Type::NA) return right;
  if (right->id() == Type::NA) return left;
  if (IsNumber(*left) && IsNumber(*right)) return CommonNumber(left, right);
  if (IsText(*left) && IsText(*right)) return arrow::large_utf8();
  if ((IsBytes(*left) || IsText(*left)) && (IsBytes(*right) || IsText(*right))) {
    const auto is_large = [](const arrow::DataType& type) {
      return type.id() == Type::LARGE_BINARY || type.id() == Type::LARGE_STRING;
    };
    return is_large(*left) || is_large(*right) ? arrow::large_binary() : arrow::binary();
  }
  const auto takes_text = [](const arrow::DataType& type) {
    return IsNumber(type) || IsTemporal(type);
  };
  if (IsText(*left) && takes_text(*right)) return right;
  if (IsText(*right) && takes_text(*left)) return left;
  if (IsTemporal(*left) && IsTemporal(*right)) return CommonTemporal(left, right);
  if (IsList(*left) && IsList(*right)) return CommonList(left, right);
  // A date counts days.
  if (left->id() == Type::DATE32 && IsInteger(*right)) return arrow::int64();
  if (right->id() == Type::DATE32 && IsInteger(*left)) return arrow::int64();
  return nullptr;
}

TypePtr CommonType(const std::vector<TypePtr>& types) {
  TypePtr common = arrow::null();
  for (const auto& type : types) {
    common = CommonType(common, type);
    if (common == nullptr) break;
  }
  return common;
}

ArithmeticTypes TypesOfArithmetic(Operator op, const TypePtr& left, const TypePtr& right) {
  const bool is_shift = op == Operator::kShiftLeft || op == Operator::kShiftRight;
  if (left->id() == Type::NA && right->id() == Type::NA) {
    return {arrow::int64(), arrow::int64(), arrow::int64()};
  }
  if (left->id() == Type::NA) return TypesOfArithmetic(op, right, right);
  if (right->id() == Type::NA) return TypesOfArithmetic(op, left, left);
  if (IsNumber(*left) && IsNumber(*right)) {
    if (is_shift) {
      if (!IsInteger(*left) || !IsInteger(*right)) return {};
      const auto type = CommonInteger(left, right);
      if (!IsInteger(*type)) return {};
      return {type, type, type};
    }
    auto type = CommonNumber(left, right);
    if (type == nullptr) return {};
    // Decimals are computed with in the type of the float.
    if (left->id() == Type::FLOAT && arrow::is_decimal(right->id())) type = left;
    if (right->id() == Type::FLOAT && arrow::is_decimal(left->id())) type = right;
    if (IsExact(*left) && IsExact(*right) && type->id() == Type::DECIMAL128) {
      const bool is_mixed = IsInteger(*left) && IsInteger(*right);
      return DecimalArithmetic(op, is_mixed ? type : DecimalFor(*left),
                               is_mixed ? type : DecimalFor(*right));
    }
    return {type, type, type};
  }
  if (is_shift) return {};
  return TemporalArithmetic(op, left, right);
}

}  // namespace croupier::expression
