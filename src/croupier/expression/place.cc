#include "croupier/expression/place.h"

#include <algorithm>

namespace croupier::expression {

namespace {

constexpr size_t kContextBytes = 60;

bool IsContinuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

size_t CountCodepoints(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char byte) { return !IsContinuation(byte); }));
}

}  // namespace

std::string WithCaret(std::string_view text, Place place, std::string_view message) {
  const size_t begin = std::min<size_t>(place.begin, text.size());
  size_t end = std::clamp<size_t>(place.end, begin, text.size());
  size_t line_begin = begin == 0 ? 0 : text.rfind('\n', begin - 1) + 1;
  if (begin > 0 && text.rfind('\n', begin - 1) == std::string_view::npos) line_begin = 0;
  size_t line_end = std::min(text.find('\n', begin), text.size());
  end = std::min(end, line_end);
  std::string before;
  std::string after;
  if (begin - line_begin > kContextBytes) {
    line_begin = begin - kContextBytes;
    while (line_begin < begin && IsContinuation(text[line_begin])) ++line_begin;
    before = "...";
  }
  if (line_end - begin > 2 * kContextBytes) {
    line_end = begin + 2 * kContextBytes;
    while (line_end > begin && IsContinuation(text[line_end])) --line_end;
    after = "...";
    end = std::min(end, line_end);
  }
  std::string line = before;
  for (const char byte : text.substr(line_begin, line_end - line_begin)) {
    line += static_cast<unsigned char>(byte) < 0x20 ? ' ' : byte;
  }
  line += after;
  const size_t indent =
      before.size() + CountCodepoints(text.substr(line_begin, begin - line_begin));
  const size_t width = std::max<size_t>(1, CountCodepoints(text.substr(begin, end - begin)));
  std::string result(message);
  result += "\n  " + line + "\n  " + std::string(indent, ' ') + "^" + std::string(width - 1, '~');
  return result;
}

arrow::Status ErrorAt(arrow::StatusCode code, std::string_view text, Place place,
                      std::string_view message) {
  return {code, WithCaret(text, place, message)};
}

}  // namespace croupier::expression
