#pragma once

#include <memory>
#include <vector>

#include <arrow/type_fwd.h>

#include "croupier/expression/ast.h"

namespace croupier::expression {

using TypePtr = std::shared_ptr<arrow::DataType>;

bool IsNumber(const arrow::DataType& type);  ///< integers, floats, decimals
bool IsInteger(const arrow::DataType& type);
bool IsFloat(const arrow::DataType& type);
bool IsText(const arrow::DataType& type);
bool IsBytes(const arrow::DataType& type);
bool IsTemporal(const arrow::DataType& type);  ///< dates, timestamps, times
bool IsList(const arrow::DataType& type);

/// The type in which two values are compared; null if they cannot be.
///
/// As DataFusion has it: numbers meet in a type that holds both, or in the float; text becomes the
/// type of the other side; timestamps meet in the coarser unit.
TypePtr CommonType(const TypePtr& left, const TypePtr& right);

/// The type in which all of these are compared; null if they cannot be.
TypePtr CommonType(const std::vector<TypePtr>& types);

/// The types in which an arithmetic operator takes its operands, and of its result.
struct ArithmeticTypes {
  TypePtr left;
  TypePtr right;
  TypePtr result;  ///< null if the operator does not take such operands
};
ArithmeticTypes TypesOfArithmetic(Operator op, const TypePtr& left, const TypePtr& right);

/// The decimal that holds every value of an integer type, or the decimal itself; null for other
/// types.
TypePtr DecimalFor(const arrow::DataType& type);

}  // namespace croupier::expression
