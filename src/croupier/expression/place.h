#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <arrow/status.h>

namespace croupier::expression {

/// A part of an expression's text: bytes [begin, end).
struct Place {
  uint32_t begin = 0;
  uint32_t end = 0;
};

/// Add the line of the expression that holds `place` to a message, with a caret under the place.
///
/// Of a long line the neighbourhood is shown.
std::string WithCaret(std::string_view text, Place place, std::string_view message);

/// Make an error about a place of an expression.
arrow::Status ErrorAt(arrow::StatusCode code, std::string_view text, Place place,
                      std::string_view message);

}  // namespace croupier::expression
