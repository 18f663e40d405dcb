#include "croupier/expression/regex_pattern.h"

#include <algorithm>

#include <arrow/status.h>

namespace croupier::expression {

namespace {

using arrow::Result;
using arrow::Status;

// What \w stands for, inside of a class.
constexpr std::string_view kWord = "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}";

// The length of the name of a class, such as [:alpha:], at the begin of `rest`, or 0.
size_t ClassNameLength(std::string_view rest) {
  if (!rest.starts_with("[:")) return 0;
  const auto end = rest.find(":]");
  return end == std::string_view::npos ? 0 : end + 2;
}

// The length of the class, brackets included, that begins at pattern[begin].
size_t ClassLength(std::string_view pattern, size_t begin) {
  size_t i = begin + 1;
  if (i < pattern.size() && pattern[i] == '^') ++i;
  // A bracket at the begin is one of the class's characters.
  if (i < pattern.size() && pattern[i] == ']') ++i;
  while (i < pattern.size() && pattern[i] != ']') {
    const auto name = ClassNameLength(pattern.substr(i));
    if (name > 0) {
      i += name;
    } else {
      i += pattern[i] == '\\' ? 2 : 1;
    }
  }
  return std::min(i + 1, pattern.size()) - begin;
}

Status CheckEscape(char escaped) {
  if (std::string_view("CEQ").find(escaped) == std::string_view::npos) return Status::OK();
  return Status::NotImplemented("a regular expression with \\", std::string(1, escaped));
}

// The class, brackets included, for RE2.
Result<std::string> Re2Class(std::string_view pattern) {
  std::string result = "[";
  for (size_t i = 1; i < pattern.size(); ++i) {
    const auto rest = pattern.substr(i);
    if (const auto name = ClassNameLength(rest); name > 0) {
      result += rest.substr(0, name);
      i += name - 1;
    } else if (rest.starts_with("[") || rest.starts_with("&&") || rest.starts_with("--") ||
               rest.starts_with("~~")) {
      return Status::NotImplemented("a regular expression with a class within a class");
    } else if (rest.starts_with("\\w")) {
      result += kWord;
      ++i;
    } else if (rest.size() > 1 && rest[0] == '\\') {
      ARROW_RETURN_NOT_OK(CheckEscape(rest[1]));
      if (rest[1] == 'd') {
        result += "\\p{Nd}";
      } else if (rest[1] == 'D') {
        result += "\\P{Nd}";
      } else {
        result += rest.substr(0, 2);
      }
      ++i;
    } else {
      result += rest[0];
    }
  }
  return result;
}

}  // namespace

Result<std::string> Re2Pattern(std::string_view pattern) {
  std::string result;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '[') {
      const auto length = ClassLength(pattern, i);
      ARROW_ASSIGN_OR_RAISE(const auto translated, Re2Class(pattern.substr(i, length)));
      result += translated;
      i += length - 1;
    } else if (c == '\\' && i + 1 < pattern.size()) {
      const char next = pattern[++i];
      ARROW_RETURN_NOT_OK(CheckEscape(next));
      if (next == 'w' || next == 'W') {
        result.append(next == 'w' ? "[" : "[^").append(kWord).append("]");
      } else if (next == 'd') {
        result += "\\p{Nd}";
      } else if (next == 'D') {
        result += "\\P{Nd}";
      } else {
        result += c;
        result += next;
      }
    } else {
      result += c;
    }
  }
  return result;
}

std::string WithNamedGroups(std::string_view pattern) {
  std::string result;
  int num_groups = 0;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const auto rest = pattern.substr(i);
    if (rest[0] == '[' || (rest[0] == '\\' && rest.size() > 1)) {
      const size_t length = rest[0] == '[' ? ClassLength(pattern, i) : 2;
      result += rest.substr(0, length);
      i += length - 1;
      continue;
    }
    result += rest[0];
    if (rest[0] != '(') continue;
    const bool is_named = rest.starts_with("(?P<") || rest.starts_with("(?<");
    const auto name_end = is_named ? rest.find('>') : std::string_view::npos;
    if (rest.starts_with("(?") && name_end == std::string_view::npos) continue;
    result += "?P<g" + std::to_string(num_groups++) + ">";
    if (is_named) i += name_end;
  }
  if (num_groups > 0) return result;
  // Flags at the begin hold for what follows, also in the group.
  return "(?P<g0>" + std::string(pattern) + ")";
}

}  // namespace croupier::expression
