#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace croupier::expression {

/// A pattern of LIKE: % stands for any text, _ for any one character (codepoint).
///
/// A match takes time O(text) for each part between two %, but O(text * part) where the part has an
/// _.
class LikePattern {
 public:
  /// \param escape one character, in UTF-8; what follows it stands for itself. At the end of the
  /// pattern
  ///        it stands for itself
  LikePattern(std::string_view pattern, std::string_view escape);

  bool Matches(std::string_view text) const;

 private:
  /// What stands between two %. In `text`, a place of `wildcards` is an _.
  struct Part {
    std::string text;
    std::vector<bool> wildcards;  // by byte; empty if there is none
  };

  std::vector<Part> parts_;  // at least one; the first begins the text, the last ends it
};

}  // namespace croupier::expression
