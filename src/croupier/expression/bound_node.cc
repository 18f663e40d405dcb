#include "croupier/expression/bound_node.h"

#include <algorithm>
#include <string>

#include <arrow/array.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/array/util.h>
#include <arrow/compute/api_scalar.h>
#include <arrow/compute/api_vector.h>
#include <arrow/compute/cast.h>
#include <arrow/extension_type.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>

#include "croupier/expression/takeable.h"

namespace croupier::expression {

namespace {

using arrow::Datum;
using arrow::Result;

const std::shared_ptr<arrow::Scalar> kNoLiteral;

class Literal : public BoundNode {
 public:
  Literal(std::shared_ptr<arrow::Scalar> value, Place place)
      : BoundNode(value->type, place), value_(std::move(value)) {}

  Result<Datum> Evaluate(const EvalContext&) const override { return Datum(value_); }
  const std::shared_ptr<arrow::Scalar>& literal() const override { return value_; }

 private:
  std::shared_ptr<arrow::Scalar> value_;
};

// Values as PlainType says.
Result<std::shared_ptr<arrow::Array>> Plain(std::shared_ptr<arrow::Array> array,
                                            arrow::compute::ExecContext* exec) {
  while (array->type_id() == arrow::Type::EXTENSION) {
    array = static_cast<const arrow::ExtensionArray&>(*array).storage();
  }
  const auto type = PlainType(array->type());
  if (type->Equals(array->type()) || type->id() == arrow::Type::STRUCT) return array;
  return arrow::compute::Cast(*array, type, arrow::compute::CastOptions::Safe(), exec);
}

class Column : public BoundNode {
 public:
  Column(std::vector<int> indices, std::shared_ptr<arrow::DataType> type, Place place)
      : BoundNode(std::move(type), place), indices_(std::move(indices)) {}

  Result<Datum> Evaluate(const EvalContext& context) const override {
    ARROW_ASSIGN_OR_RAISE(auto array, Plain(context.batch->column(indices_[0]), context.exec));
    for (size_t i = 1; i < indices_.size(); ++i) {
      // Flattened, a field of a null is null.
      ARROW_ASSIGN_OR_RAISE(array, static_cast<const arrow::StructArray&>(*array).GetFlattenedField(
                                       indices_[i], context.exec->memory_pool()));
      ARROW_ASSIGN_OR_RAISE(array, Plain(std::move(array), context.exec));
    }
    if (context.rows == nullptr) return Datum(array);
    ARROW_ASSIGN_OR_RAISE(array, Takeable(std::move(array), context.exec->memory_pool()));
    return arrow::compute::Take(Datum(array), Datum(context.rows->data()),
                                arrow::compute::TakeOptions::NoBoundsCheck(), context.exec);
  }

 private:
  std::vector<int> indices_;
};

bool AnyCanFail(const std::vector<BoundPtr>& operands) {
  return std::any_of(operands.begin(), operands.end(),
                     [](const BoundPtr& it) { return it->can_fail(); });
}

class Application : public BoundNode {
 public:
  Application(std::vector<BoundPtr> operands, std::shared_ptr<arrow::DataType> type, Place place,
              Kernel kernel, bool can_fail)
      : BoundNode(std::move(type), place),
        operands_(std::move(operands)),
        kernel_(std::move(kernel)),
        can_fail_(can_fail) {}

  Result<Datum> Evaluate(const EvalContext& context) const override {
    std::vector<Datum> values;
    values.reserve(operands_.size());
    for (const auto& operand : operands_) {
      ARROW_ASSIGN_OR_RAISE(auto value, operand->Evaluate(context));
      values.push_back(std::move(value));
    }
    auto result = kernel_({values, context.num_rows(), context.exec});
    if (!result.ok()) {
      return result.status().WithMessage(
          WithCaret(context.text, place(), result.status().message()));
    }
    return result;
  }

  bool can_fail() const override { return can_fail_; }

 private:
  std::vector<BoundPtr> operands_;
  Kernel kernel_;
  bool can_fail_;
};

Result<std::shared_ptr<arrow::BooleanArray>> BooleansOf(const Datum& value, int64_t num_rows,
                                                        arrow::MemoryPool* pool) {
  if (value.is_array()) return std::static_pointer_cast<arrow::BooleanArray>(value.make_array());
  ARROW_ASSIGN_OR_RAISE(auto array, arrow::MakeArrayFromScalar(*value.scalar(), num_rows, pool));
  return std::static_pointer_cast<arrow::BooleanArray>(std::move(array));
}

Result<Datum> NullToFalse(const Datum& value, arrow::compute::ExecContext* exec) {
  return arrow::compute::CallFunction("coalesce", {value, Datum(false)}, exec);
}

// Evaluate for rows where `mask`, without nulls, is true; other rows may have any value.
Result<Datum> EvaluateWhere(const BoundNode& node, const Datum& mask, const EvalContext& context) {
  // Mostly nothing fails, and then all rows at once are cheaper than some.
  auto all = node.Evaluate(context);
  if (all.ok() || !node.can_fail()) return all;
  const int64_t num_rows = context.num_rows();
  ARROW_ASSIGN_OR_RAISE(auto wanted, BooleansOf(mask, num_rows, context.exec->memory_pool()));
  const int64_t num_true = wanted->true_count();
  if (num_true == num_rows) return all;
  if (num_true == 0) return Datum(arrow::MakeNullScalar(node.type()));
  // The rows of the batch, and where their values belong.
  arrow::Int64Builder row_builder(context.exec->memory_pool());
  arrow::Int64Builder place_builder(context.exec->memory_pool());
  ARROW_RETURN_NOT_OK(row_builder.Reserve(num_true));
  ARROW_RETURN_NOT_OK(place_builder.Reserve(num_rows));
  for (int64_t row = 0; row < num_rows; ++row) {
    if (!wanted->Value(row)) {
      place_builder.UnsafeAppendNull();
      continue;
    }
    place_builder.UnsafeAppend(row_builder.length());
    row_builder.UnsafeAppend(context.rows == nullptr ? row : context.rows->Value(row));
  }
  ARROW_ASSIGN_OR_RAISE(const auto rows, row_builder.Finish());
  ARROW_ASSIGN_OR_RAISE(const auto places, place_builder.Finish());
  EvalContext inner = context;
  inner.rows = static_cast<const arrow::Int64Array*>(rows.get());
  ARROW_ASSIGN_OR_RAISE(auto values, node.Evaluate(inner));
  if (values.is_scalar()) return values;
  return arrow::compute::Take(values, Datum(places), arrow::compute::TakeOptions::NoBoundsCheck(),
                              context.exec);
}

class Logic : public BoundNode {
 public:
  Logic(std::vector<BoundPtr> operands, bool is_and, Place place)
      : BoundNode(arrow::boolean(), place), operands_(std::move(operands)), is_and_(is_and) {}

  Result<Datum> Evaluate(const EvalContext& context) const override {
    Datum result(is_and_);
    for (const auto& operand : operands_) {
      Datum value;
      if (operand->can_fail() && result.is_array()) {
        // What is false already stays so, whatever else AND has; so does OR with true.
        ARROW_ASSIGN_OR_RAISE(
            auto undecided,
            arrow::compute::CallFunction("coalesce", {result, Datum(is_and_)}, context.exec));
        if (!is_and_) {
          ARROW_ASSIGN_OR_RAISE(undecided,
                                arrow::compute::CallFunction("invert", {undecided}, context.exec));
        }
        ARROW_ASSIGN_OR_RAISE(value, EvaluateWhere(*operand, undecided, context));
      } else {
        ARROW_ASSIGN_OR_RAISE(value, operand->Evaluate(context));
      }
      ARROW_ASSIGN_OR_RAISE(result,
                            arrow::compute::CallFunction(is_and_ ? "and_kleene" : "or_kleene",
                                                         {result, value}, context.exec));
    }
    return result;
  }

  bool can_fail() const override { return AnyCanFail(operands_); }

 private:
  std::vector<BoundPtr> operands_;
  bool is_and_;
};

class CaseNode : public BoundNode {
 public:
  CaseNode(std::vector<BoundPtr> parts, std::shared_ptr<arrow::DataType> type, Place place)
      : BoundNode(std::move(type), place), parts_(std::move(parts)) {}

  Result<Datum> Evaluate(const EvalContext& context) const override {
    Datum rest(true);
    std::vector<Datum> masks;
    std::vector<Datum> values;
    size_t i = 0;
    for (; i + 1 < parts_.size(); i += 2) {
      ARROW_ASSIGN_OR_RAISE(auto condition, EvaluateWhere(*parts_[i], rest, context));
      ARROW_ASSIGN_OR_RAISE(condition, NullToFalse(condition, context.exec));
      ARROW_ASSIGN_OR_RAISE(auto mask,
                            arrow::compute::CallFunction("and", {rest, condition}, context.exec));
      ARROW_ASSIGN_OR_RAISE(auto value, EvaluateWhere(*parts_[i + 1], mask, context));
      ARROW_ASSIGN_OR_RAISE(
          rest, arrow::compute::CallFunction("and_not", {rest, condition}, context.exec));
      masks.push_back(std::move(mask));
      values.push_back(std::move(value));
    }
    Datum result(arrow::MakeNullScalar(type()));
    if (i < parts_.size()) {
      ARROW_ASSIGN_OR_RAISE(result, EvaluateWhere(*parts_[i], rest, context));
    }
    for (size_t k = masks.size(); k-- > 0;) {
      ARROW_ASSIGN_OR_RAISE(result, arrow::compute::CallFunction(
                                        "if_else", {masks[k], values[k], result}, context.exec));
    }
    return result;
  }

  bool can_fail() const override { return AnyCanFail(parts_); }

 private:
  std::vector<BoundPtr> parts_;
};

class CoalesceNode : public BoundNode {
 public:
  CoalesceNode(std::vector<BoundPtr> operands, Place place)
      : BoundNode(operands[0]->type(), place), operands_(std::move(operands)) {}

  Result<Datum> Evaluate(const EvalContext& context) const override {
    ARROW_ASSIGN_OR_RAISE(auto result, operands_[0]->Evaluate(context));
    for (size_t i = 1; i < operands_.size(); ++i) {
      ARROW_ASSIGN_OR_RAISE(const auto is_null,
                            arrow::compute::CallFunction("is_null", {result}, context.exec));
      ARROW_ASSIGN_OR_RAISE(const auto value, EvaluateWhere(*operands_[i], is_null, context));
      ARROW_ASSIGN_OR_RAISE(
          result, arrow::compute::CallFunction("coalesce", {result, value}, context.exec));
    }
    return result;
  }

  bool can_fail() const override { return AnyCanFail(operands_); }

 private:
  std::vector<BoundPtr> operands_;
};

}  // namespace

int64_t EvalContext::num_rows() const {
  return rows == nullptr ? batch->num_rows() : rows->length();
}

const std::shared_ptr<arrow::Scalar>& BoundNode::literal() const { return kNoLiteral; }

BoundPtr MakeLiteral(std::shared_ptr<arrow::Scalar> value, Place place) {
  return std::make_shared<Literal>(std::move(value), place);
}

BoundPtr MakeColumn(std::vector<int> indices, std::shared_ptr<arrow::DataType> type, Place place) {
  return std::make_shared<Column>(std::move(indices), std::move(type), place);
}

std::shared_ptr<arrow::DataType> PlainType(const std::shared_ptr<arrow::DataType>& type) {
  switch (type->id()) {
    case arrow::Type::EXTENSION:
      return PlainType(static_cast<const arrow::ExtensionType&>(*type).storage_type());
    case arrow::Type::DICTIONARY:
      return PlainType(static_cast<const arrow::DictionaryType&>(*type).value_type());
    case arrow::Type::STRING_VIEW:
      return arrow::utf8();
    case arrow::Type::BINARY_VIEW:
    case arrow::Type::FIXED_SIZE_BINARY:
      return arrow::binary();
    default:
      return type;
  }
}

arrow::Result<BoundPtr> NodeMaker::Fold(BoundPtr node,
                                        const std::vector<BoundPtr>& operands) const {
  const bool is_constant = std::all_of(operands.begin(), operands.end(),
                                       [](const BoundPtr& it) { return it->literal() != nullptr; });
  if (!is_constant) return node;
  const auto batch = arrow::RecordBatch::Make(arrow::schema({}), 1, arrow::ArrayVector{});
  ARROW_ASSIGN_OR_RAISE(auto value, node->Evaluate({batch.get(), exec_, text_, nullptr}));
  if (value.is_scalar()) return MakeLiteral(value.scalar(), node->place());
  ARROW_ASSIGN_OR_RAISE(auto scalar, value.make_array()->GetScalar(0));
  return MakeLiteral(std::move(scalar), node->place());
}

arrow::Result<BoundPtr> NodeMaker::Apply(const std::vector<BoundPtr>& operands,
                                         std::shared_ptr<arrow::DataType> type, Place place,
                                         Kernel kernel, Failure failure) const {
  const bool can_fail = failure == Failure::kPossible || AnyCanFail(operands);
  const auto node =
      std::make_shared<Application>(operands, std::move(type), place, std::move(kernel), can_fail);
  return Fold(node, operands);
}

arrow::Result<BoundPtr> NodeMaker::AndOr(const std::vector<BoundPtr>& operands, bool is_and,
                                         Place place) const {
  // FALSE decides an AND, and TRUE an OR, whatever the others are.
  for (const auto& operand : operands) {
    const auto& value = operand->literal();
    if (value != nullptr && value->Equals(arrow::BooleanScalar(!is_and))) {
      return MakeLiteral(value, place);
    }
  }
  return Fold(std::make_shared<Logic>(operands, is_and, place), operands);
}

arrow::Result<BoundPtr> NodeMaker::Coalesce(const std::vector<BoundPtr>& operands,
                                            Place place) const {
  return Fold(std::make_shared<CoalesceNode>(operands, place), operands);
}

arrow::Result<BoundPtr> NodeMaker::Case(const std::vector<BoundPtr>& parts, Place place) const {
  return Fold(std::make_shared<CaseNode>(parts, parts[1]->type(), place), parts);
}

}  // namespace croupier::expression
