#pragma once

#include <string>
#include <string_view>

#include <arrow/result.h>

namespace croupier::expression {

// A pattern in the syntax of Rust's regular expressions, which pylance reads, in the syntax of RE2,
// which Arrow's kernels read: \w and \d stand for letters and digits of all scripts.
// NotImplemented for what only one of both has: \C, \E, \Q, and classes within classes.
arrow::Result<std::string> Re2Pattern(std::string_view pattern);

// The pattern with a name for each of its groups, as Arrow's extract_regex wants it; a pattern
// without groups becomes one. The pattern is one that RE2 takes.
std::string WithNamedGroups(std::string_view pattern);

}  // namespace croupier::expression
