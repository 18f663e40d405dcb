#pragma once

#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

namespace croupier::table {

/// Find a column, or a field below structs of one ("person.name").
///
/// A column whose own name is `name` comes first.
///
/// \return the number of the column, then that of the member of each struct; KeyError that names
/// the
///         columns or members there are
arrow::Result<std::vector<int>> FindColumn(const arrow::Schema& schema, const std::string& name);

}  // namespace croupier::table
