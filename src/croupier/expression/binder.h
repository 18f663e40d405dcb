#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/expression/ast.h"
#include "croupier/expression/bound_node.h"

namespace croupier::expression {

/// An expression with its columns found and its types chosen.
struct BindResult {
  BoundPtr root;
  std::vector<std::vector<std::string>> columns;  ///< paths that are read, each once
};

/// Find columns in a schema and choose types.
///
/// As pylance does, literals beside a column take its type where it holds them, but only in what
/// AND and OR combine; elsewhere both sides meet in CommonType.
/// \param is_filter `regexp_match` stands for whether there is a match
/// \return the errors of Expression::Bind
arrow::Result<BindResult> BindNode(const Node& root, const arrow::Schema& schema,
                                   std::string_view text, bool is_filter,
                                   arrow::compute::ExecContext* exec);

}  // namespace croupier::expression
