#include "croupier/expression/pattern.h"

#include <optional>

#include <arrow/compute/exec.h>

#include "croupier/base/memory_pool.h"
#include "croupier/expression/kernel_io.h"
#include "croupier/expression/operators.h"

namespace croupier::expression {

namespace {

size_t CodepointSize(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : (byte < 0xE0 ? 2 : (byte < 0xF0 ? 3 : 4));
}

}  // namespace

LikePattern::LikePattern(std::string_view pattern, std::string_view escape) : parts_(1) {
  bool has_wildcard = false;
  const auto end_part = [&] {
    if (!has_wildcard) parts_.back().wildcards.clear();
    has_wildcard = false;
  };
  for (size_t i = 0; i < pattern.size(); ++i) {
    Part& part = parts_.back();
    if (pattern[i] == '%') {
      end_part();
      parts_.emplace_back();
      continue;
    }
    const bool is_wildcard = pattern[i] == '_';
    if (pattern.substr(i).starts_with(escape) && i + escape.size() < pattern.size()) {
      i += escape.size();
      part.text += pattern[i];
      part.wildcards.push_back(false);
      continue;
    }
    part.text += pattern[i];
    part.wildcards.push_back(is_wildcard);
    has_wildcard = has_wildcard || is_wildcard;
  }
  end_part();
}

bool LikePattern::Matches(std::string_view text) const {
  // Match a part at the begin of a text; its size there.
  const auto match_at = [](const Part& part, std::string_view rest) -> std::optional<size_t> {
    if (part.wildcards.empty()) {
      return rest.starts_with(part.text) ? std::optional(part.text.size()) : std::nullopt;
    }
    size_t at = 0;
    for (size_t i = 0; i < part.text.size(); ++i) {
      if (at >= rest.size()) return std::nullopt;
      if (part.wildcards[i]) {
        at += std::min(CodepointSize(rest[at]), rest.size() - at);
      } else if (rest[at++] != part.text[i]) {
        return std::nullopt;
      }
    }
    return at;
  };
  const auto first = match_at(parts_.front(), text);
  if (!first) return false;
  if (parts_.size() == 1) return *first == text.size();
  text.remove_prefix(*first);
  for (size_t i = 1; i + 1 < parts_.size(); ++i) {
    const Part& part = parts_[i];
    if (part.wildcards.empty()) {
      const size_t found = text.find(part.text);
      if (found == std::string_view::npos) return false;
      text.remove_prefix(found + part.text.size());
      continue;
    }
    std::optional<size_t> size;
    while (!(size = match_at(part, text))) {
      if (text.empty()) return false;
      text.remove_prefix(std::min(CodepointSize(text.front()), text.size()));
    }
    text.remove_prefix(*size);
  }
  const Part& last = parts_.back();
  if (last.wildcards.empty()) return text.ends_with(last.text);
  // As many codepoints from the end as the part has.
  size_t num_codepoints = 0;
  const auto is_start = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  for (const char c : last.text) num_codepoints += is_start(c) ? 1 : 0;
  size_t begin = text.size();
  while (begin > 0 && num_codepoints > 0) {
    --begin;
    if (is_start(text[begin])) --num_codepoints;
  }
  if (num_codepoints > 0) return false;
  const auto size = match_at(last, text.substr(begin));
  return size && *size == text.size() - begin;
}

arrow::Result<BoundPtr> MakeLike(const NodeMaker& make, BoundPtr value, BoundPtr pattern,
                                 bool any_case, const std::string& escape, Place place) {
  // Whatever the case: both sides in small letters.
  if (any_case) {
    const auto type = value->type();
    ARROW_ASSIGN_OR_RAISE(value,
                          make.Apply({std::move(value)}, type, place, ArrowKernel("utf8_lower")));
    ARROW_ASSIGN_OR_RAISE(pattern,
                          make.Apply({std::move(pattern)}, type, place, ArrowKernel("utf8_lower")));
  }
  std::optional<LikePattern> constant;
  if (pattern->literal() != nullptr && pattern->literal()->is_valid) {
    ARROW_ASSIGN_OR_RAISE(const auto input,
                          Input::Make(arrow::Datum(pattern->literal()), DefaultMemoryPool()));
    constant.emplace(TextInput(input)[0], escape);
  }
  return make.Apply(
      {std::move(value), std::move(pattern)}, arrow::boolean(), place,
      [constant, escape](const KernelArgs& args) -> arrow::Result<arrow::Datum> {
        ARROW_ASSIGN_OR_RAISE(const auto inputs, MakeInputs(args));
        ARROW_ASSIGN_OR_RAISE(const auto validity,
                              Validity::Make(inputs, args.num_rows, args.pool()));
        const TextInput texts(inputs[0]);
        if (constant) {
          return MapToBooleans(args.num_rows, validity, args.pool(),
                               [&](int64_t row) { return constant->Matches(texts[row]); });
        }
        const TextInput patterns(inputs[1]);
        return MapToBooleans(args.num_rows, validity, args.pool(), [&](int64_t row) {
          return validity[row] && LikePattern(patterns[row], escape).Matches(texts[row]);
        });
      });
}

}  // namespace croupier::expression
