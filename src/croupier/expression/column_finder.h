#pragma once

#include <string>
#include <utility>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/expression/bound_node.h"

namespace croupier::expression {

/// Finds columns of a schema, and remembers which.
class ColumnFinder {
 public:
  /// Both are borrowed.
  ColumnFinder(const arrow::Schema& schema, const NodeMaker& make) : schema_(schema), make_(make) {}

  /// Tell whether a column has this name, in this case.
  bool Has(const std::string& name) const;

  /// Make the node that reads a column, or a field below structs.
  ///
  /// \param is_exact false: a column whose name differs by case is found, if none is the same
  /// \return KeyError that names the columns, or the fields, there are; also if two columns might
  /// be meant
  arrow::Result<BoundPtr> Find(const std::vector<std::string>& path, bool is_exact, Place place);

  /// Make the node that reads a field of a struct.
  arrow::Result<BoundPtr> FieldOf(BoundPtr value, const std::string& name, Place place) const;

  std::vector<std::vector<std::string>> TakePaths() { return std::move(paths_); }

 private:
  arrow::Result<int> FindColumn(const std::string& name, bool is_exact, Place place) const;
  arrow::Result<int> FindField(const arrow::DataType& type, const std::string& name,
                               Place place) const;

  const arrow::Schema& schema_;
  const NodeMaker& make_;
  std::vector<std::vector<std::string>> paths_;
};

}  // namespace croupier::expression
