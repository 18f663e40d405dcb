#include <algorithm>
#include <cmath>
#include <limits>

#include <arrow/array/concatenate.h>
#include <arrow/array/util.h>
#include <arrow/compare.h>
#include <arrow/compute/api_scalar.h>
#include <arrow/scalar.h>
#include <arrow/util/float16.h>

#include "croupier/base/memory_pool.h"
#include "croupier/expression/call_site.h"

namespace croupier::expression {

namespace {

using arrow::Datum;
using arrow::Result;
using arrow::Type;

const char* ArrowComparison(Operator op) {
  switch (op) {
    case Operator::kNotEqual:
      return "not_equal";
    case Operator::kLess:
      return "less";
    case Operator::kLessEqual:
      return "less_equal";
    case Operator::kGreater:
      return "greater";
    case Operator::kGreaterEqual:
      return "greater_equal";
    default:
      return "equal";
  }
}

// The total order in which zeros are equal, and NaNs too, above all others. Written without
// branches.
template <typename T>
bool IsLess(T left, T right) {
  return (left < right) |
         ((left == left) & (right != right));  // NOLINT: NaN is what differs from itself
}
template <typename T>
bool IsEqual(T left, T right) {
  return (left == right) | ((left != left) & (right != right));  // NOLINT: as above
}

template <typename T>
Result<Datum> CompareFloats(Operator op, const KernelArgs& args) {
  ARROW_ASSIGN_OR_RAISE(const auto operands, Operands::Make(args));
  const FixedInput<T> left(operands.inputs[0]);
  const FixedInput<T> right(operands.inputs[1]);
  const auto compare = [&](auto holds) {
    return MapToBooleans(args.num_rows, operands.validity, args.pool(),
                         [&](int64_t row) { return holds(left[row], right[row]); });
  };
  switch (op) {
    case Operator::kNotEqual:
      return compare([](T a, T b) { return !IsEqual(a, b); });
    case Operator::kLess:
      return compare([](T a, T b) { return IsLess(a, b); });
    case Operator::kLessEqual:
      return compare([](T a, T b) { return !IsLess(b, a); });
    case Operator::kGreater:
      return compare([](T a, T b) { return IsLess(b, a); });
    case Operator::kGreaterEqual:
      return compare([](T a, T b) { return !IsLess(a, b); });
    default:
      return compare([](T a, T b) { return IsEqual(a, b); });
  }
}

// Lists and structs are equal if all their values are, nulls among them included.
Result<Datum> CompareNested(Operator op, const KernelArgs& args) {
  ARROW_ASSIGN_OR_RAISE(const auto inputs, MakeInputs(args));
  ARROW_ASSIGN_OR_RAISE(const auto validity, Validity::Make(inputs, args.num_rows, args.pool()));
  const auto options = arrow::EqualOptions::Defaults().nans_equal(true).signed_zeros_equal(true);
  return MapToBooleans(args.num_rows, validity, args.pool(), [&](int64_t row) {
    const int64_t left = row * inputs[0].step();
    const int64_t right = row * inputs[1].step();
    const bool is_equal = arrow::ArrayRangeEquals(*inputs[0].array(), *inputs[1].array(), left,
                                                  left + 1, right, options);
    return is_equal == (op == Operator::kEqual);
  });
}

// Times as integers: Arrow compares no timestamps with and without a zone.
Datum AsInteger(const Datum& value) {
  const auto type = value.type();
  if (!IsTemporal(*type) && type->id() != Type::DURATION) return value;
  if (!value.is_array()) return value;
  auto data = value.array()->Copy();
  data->type = type->bit_width() == 64 ? arrow::int64() : arrow::int32();
  return data;
}

}  // namespace

arrow::Result<arrow::Datum> CompareValues(Operator op, const KernelArgs& args) {
  const auto& type = args.values[0].type();
  switch (type->id()) {
    case Type::NA:
      return Datum(arrow::MakeNullScalar(arrow::boolean()));
    case Type::HALF_FLOAT: {
      std::vector<Datum> wide;
      for (const auto& value : args.values) {
        ARROW_ASSIGN_OR_RAISE(auto cast,
                              CastValues(value, arrow::float32(), CastMode::kError, args.exec));
        wide.push_back(std::move(cast));
      }
      return CompareFloats<float>(op, {wide, args.num_rows, args.exec});
    }
    case Type::FLOAT:
      return CompareFloats<float>(op, args);
    case Type::DOUBLE:
      return CompareFloats<double>(op, args);
    case Type::STRUCT:
    case Type::LIST:
    case Type::LARGE_LIST:
    case Type::FIXED_SIZE_LIST:
      return CompareNested(op, args);
    default:
      break;
  }
  Datum left = args.values[0];
  Datum right = args.values[1];
  if (left.is_array() && right.is_array()) {
    left = AsInteger(left);
    right = AsInteger(right);
  }
  return arrow::compute::CallFunction(ArrowComparison(op), {left, right}, args.exec);
}

namespace {

Result<Datum> CompareDistinct(bool is_distinct, const KernelArgs& args) {
  const auto call = [&](const char* function, const std::vector<Datum>& values) {
    return arrow::compute::CallFunction(function, values, args.exec);
  };
  ARROW_ASSIGN_OR_RAISE(auto equal, CompareValues(Operator::kEqual, args));
  ARROW_ASSIGN_OR_RAISE(equal, call("coalesce", {equal, Datum(false)}));
  ARROW_ASSIGN_OR_RAISE(auto left_null, call("is_null", {args.values[0]}));
  ARROW_ASSIGN_OR_RAISE(auto right_null, call("is_null", {args.values[1]}));
  ARROW_ASSIGN_OR_RAISE(auto both_null, call("and", {left_null, right_null}));
  ARROW_ASSIGN_OR_RAISE(auto same, call("or", {equal, both_null}));
  return is_distinct ? call("invert", {same}) : same;
}

// Floats by which sets are searched: one zero, one NaN.
template <typename T>
Result<std::shared_ptr<arrow::Array>> NormalFloats(const Input& input, arrow::MemoryPool* pool) {
  const int64_t num_rows = input.array()->length();
  ARROW_ASSIGN_OR_RAISE(const auto validity, Validity::Make({input}, num_rows, pool));
  const FixedInput<T> values(input);
  ARROW_ASSIGN_OR_RAISE(
      auto result, MapRows<T>(input.array()->type(), num_rows, validity, pool, [&](int64_t row) {
        const T value = values[row];
        return std::isnan(value) ? std::numeric_limits<T>::quiet_NaN()
                                 : (value == 0 ? T{0} : value);
      }));
  return result.make_array();
}

}  // namespace

arrow::Result<std::shared_ptr<arrow::Array>> SearchKeys(const Datum& value, int64_t num_rows,
                                                        arrow::compute::ExecContext* exec) {
  Datum plain = value;
  if (value.type()->id() == Type::HALF_FLOAT) {
    ARROW_ASSIGN_OR_RAISE(plain, CastValues(value, arrow::float32(), CastMode::kError, exec));
  }
  std::shared_ptr<arrow::Array> array;
  if (plain.is_array()) {
    array = plain.make_array();
  } else {
    ARROW_ASSIGN_OR_RAISE(
        array, arrow::MakeArrayFromScalar(*plain.scalar(), num_rows, exec->memory_pool()));
  }
  ARROW_ASSIGN_OR_RAISE(const auto input, Input::Make(Datum(array), exec->memory_pool()));
  if (array->type_id() == Type::FLOAT) return NormalFloats<float>(input, exec->memory_pool());
  if (array->type_id() == Type::DOUBLE) return NormalFloats<double>(input, exec->memory_pool());
  return array;
}

Kernel ArrowKernel(const char* function) {
  return [function](const KernelArgs& args) {
    return arrow::compute::CallFunction(function, args.values, args.exec);
  };
}

arrow::Result<BoundPtr> MakeComparison(const NodeMaker& make, Operator op, BoundPtr left,
                                       BoundPtr right, Place place) {
  if (op == Operator::kIsDistinct || op == Operator::kIsNotDistinct) {
    return make.Apply({std::move(left), std::move(right)}, arrow::boolean(), place,
                      [op](const KernelArgs& args) {
                        return CompareDistinct(op == Operator::kIsDistinct, args);
                      });
  }
  return make.Apply({std::move(left), std::move(right)}, arrow::boolean(), place,
                    [op](const KernelArgs& args) { return CompareValues(op, args); });
}

arrow::Result<BoundPtr> MakeNot(const NodeMaker& make, BoundPtr operand, Place place) {
  return make.Apply({std::move(operand)}, arrow::boolean(), place, ArrowKernel("invert"));
}

arrow::Result<BoundPtr> MakeIsNull(const NodeMaker& make, BoundPtr operand, bool negated,
                                   Place place) {
  return make.Apply({std::move(operand)}, arrow::boolean(), place,
                    ArrowKernel(negated ? "is_valid" : "is_null"));
}

arrow::Result<BoundPtr> MakeIsBoolean(const NodeMaker& make, BoundPtr operand, bool value,
                                      bool negated, Place place) {
  return make.Apply(
      {std::move(operand)}, arrow::boolean(), place,
      [value, negated](const KernelArgs& args) -> Result<Datum> {
        const auto call = [&](const char* function, const std::vector<Datum>& values) {
          return arrow::compute::CallFunction(function, values, args.exec);
        };
        // What is null is neither.
        ARROW_ASSIGN_OR_RAISE(auto is, call("coalesce", {args.values[0], Datum(!value)}));
        return value == negated ? call("invert", {is}) : Result<Datum>(is);
      });
}

arrow::Result<BoundPtr> MakeInLiterals(const NodeMaker& make, BoundPtr operand,
                                       const std::vector<BoundPtr>& items, Place place) {
  arrow::ArrayVector arrays;
  bool has_null = false;
  arrow::compute::ExecContext exec(DefaultMemoryPool());
  exec.set_use_threads(false);
  for (const auto& item : items) {
    if (!item->literal()->is_valid) {
      has_null = true;
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(auto array, SearchKeys(Datum(item->literal()), 1, &exec));
    arrays.push_back(std::move(array));
  }
  const Kernel no_match = [](const KernelArgs&) {
    return Datum(arrow::MakeNullScalar(arrow::boolean()));
  };
  if (arrays.empty()) {
    return make.Apply({std::move(operand)}, arrow::boolean(), place, no_match);
  }
  ARROW_ASSIGN_OR_RAISE(auto set, arrow::Concatenate(arrays, DefaultMemoryPool()));
  return make.Apply(
      {std::move(operand)}, arrow::boolean(), place,
      [set = std::move(set), has_null](const KernelArgs& args) -> Result<Datum> {
        const arrow::compute::SetLookupOptions options(
            set, arrow::compute::SetLookupOptions::INCONCLUSIVE);
        ARROW_ASSIGN_OR_RAISE(auto keys, SearchKeys(args.values[0], args.num_rows, args.exec));
        ARROW_ASSIGN_OR_RAISE(
            auto found, arrow::compute::CallFunction("is_in", {Datum(keys)}, &options, args.exec));
        if (!has_null) return found;
        // What is not among the others may equal the null.
        return arrow::compute::CallFunction(
            "if_else", {found, Datum(true), Datum(arrow::MakeNullScalar(arrow::boolean()))},
            args.exec);
      });
}

}  // namespace croupier::expression
