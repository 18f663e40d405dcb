#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

namespace croupier::expression {

/// Find the type that SQL calls so: "int unsigned", "timestamp" with {3}, "decimal" with {10, 2}.
///
/// \param name in lower case
/// \return Invalid that names the types there are
arrow::Result<std::shared_ptr<arrow::DataType>> TypeOfSqlName(const std::string& name,
                                                              const std::vector<int>& arguments);

/// Find the type that arrow_cast calls so: "Int64", "Timestamp(Second, None)", "Decimal128(10, 2)".
arrow::Result<std::shared_ptr<arrow::DataType>> TypeOfArrowName(std::string_view name);

/// How arrow_typeof calls a type; a type that has no such name is called as Arrow C++ does.
std::string ArrowName(const arrow::DataType& type);

}  // namespace croupier::expression
