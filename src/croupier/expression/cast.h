#pragma once

#include "croupier/expression/bound_node.h"
#include "croupier/expression/coercion.h"

namespace croupier::expression {

/// What a value becomes that its new type does not hold.
enum class CastMode { kError, kNull };

/// Tell whether values of one type can be cast to another at all.
bool CanCast(const arrow::DataType& from, const arrow::DataType& to);

/// Tell whether there are values for which such a cast fails.
bool CastCanFail(const arrow::DataType& from, const arrow::DataType& to);

/// Cast values as Arrow's Rust library does.
///
/// Floats lose their fraction, decimals too; decimals of fewer places are rounded half away from
/// zero; a coarser timestamp is rounded toward zero. CanCast(type of value, to) holds.
/// \return Invalid that names the first value that `to` does not hold, in mode kError
arrow::Result<arrow::Datum> CastValues(const arrow::Datum& value, const TypePtr& to, CastMode mode,
                                       arrow::compute::ExecContext* exec);

/// Make the cast of a node; the node itself if it has the type.
///
/// \return TypeError with a caret unless CanCast; Invalid if it is a literal that `type` does not
/// hold
arrow::Result<BoundPtr> MakeCast(const NodeMaker& make, BoundPtr operand, const TypePtr& type,
                                 Place place, CastMode mode = CastMode::kError);

}  // namespace croupier::expression
