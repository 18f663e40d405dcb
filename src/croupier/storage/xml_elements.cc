#include "croupier/storage/xml_elements.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <utility>
#include <vector>

namespace croupier::storage {

namespace {

constexpr size_t kMaxDepth = 16;
constexpr std::string_view kBlanks = " \t\r\n";

struct Entity {
  std::string_view name;
  char character;
};
constexpr std::array<Entity, 5> kEntities = {
    {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}}};

void AppendUtf8(uint32_t code_point, std::string* text) {
  const auto append = [&](uint32_t byte) { text->push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    append(code_point);
    return;
  }
  if (code_point < 0x800) {
    append(0xC0 | (code_point >> 6));
  } else {
    if (code_point < 0x10000) {
      append(0xE0 | (code_point >> 12));
    } else {
      append(0xF0 | (code_point >> 18));
      append(0x80 | ((code_point >> 12) & 0x3F));
    }
    append(0x80 | ((code_point >> 6) & 0x3F));
  }
  append(0x80 | (code_point & 0x3F));
}

// Reads a document piece by piece.
class Cursor {
 public:
  explicit Cursor(std::string_view xml) : xml_(xml) {}

  bool at_end() const { return position_ == xml_.size(); }
  bool StartsWith(std::string_view text) const { return xml_.substr(position_).starts_with(text); }
  arrow::Status Malformed(const char* what) const {
    return arrow::Status::SerializationError("malformed XML at byte ", position_, ": ", what);
  }

  // Take what comes before `end`, and skip that too.
  arrow::Result<std::string_view> TakeUntil(std::string_view end) {
    const size_t found = xml_.find(end, position_);
    if (found == xml_.npos) return Malformed("it ends early");
    const auto taken = xml_.substr(position_, found - position_);
    position_ = found + end.size();
    return taken;
  }

  // Take text up to the next markup.
  arrow::Status TakeText(std::string* text) {
    const size_t end = std::min(xml_.find('<', position_), xml_.size());
    while (position_ < end) {
      const size_t plain = std::min(xml_.find('&', position_), end);
      text->append(xml_.substr(position_, plain - position_));
      position_ = plain;
      if (position_ < end) ARROW_RETURN_NOT_OK(TakeEntity(end, text));
    }
    return arrow::Status::OK();
  }

 private:
  arrow::Status TakeEntity(size_t end, std::string* text) {
    const size_t semicolon = xml_.substr(0, end).find(';', position_);
    if (semicolon == xml_.npos) return Malformed("an entity without an end");
    std::string_view name = xml_.substr(position_ + 1, semicolon - position_ - 1);
    if (name.starts_with('#')) {
      name.remove_prefix(1);
      const int base = name.starts_with('x') ? 16 : 10;
      if (base == 16) name.remove_prefix(1);
      uint32_t code_point = 0;
      const auto [last, error] =
          std::from_chars(name.data(), name.data() + name.size(), code_point, base);
      const bool is_surrogate = 0xD800 <= code_point && code_point < 0xE000;
      if (error != std::errc() || last != name.data() + name.size() || code_point == 0 ||
          code_point > 0x10FFFF || is_surrogate) {
        return Malformed("no such character");
      }
      AppendUtf8(code_point, text);
    } else {
      const auto entity = std::ranges::find(kEntities, name, &Entity::name);
      if (entity == kEntities.end()) return Malformed("no such entity");
      text->push_back(entity->character);
    }
    position_ = semicolon + 1;
    return arrow::Status::OK();
  }

  const std::string_view xml_;
  size_t position_ = 0;
};

}  // namespace

arrow::Status VisitXml(std::string_view xml,
                       const std::function<arrow::Status(std::span<const std::string_view> path,
                                                         std::string text)>& visit) {
  Cursor cursor(xml);
  std::vector<std::string_view> path;
  std::vector<std::string> texts;
  std::string around;  // between the elements of the document: blanks
  const auto end_element = [&] {
    auto visited = visit(path, std::move(texts.back()));
    path.pop_back();
    texts.pop_back();
    return visited;
  };
  bool has_root = false;
  while (!cursor.at_end()) {
    ARROW_RETURN_NOT_OK(cursor.TakeText(texts.empty() ? &around : &texts.back()));
    if (around.find_first_not_of(kBlanks) != around.npos) {
      return cursor.Malformed("text outside of elements");
    }
    if (cursor.at_end()) break;
    if (cursor.StartsWith("<!--")) {
      ARROW_RETURN_NOT_OK(cursor.TakeUntil("-->").status());
    } else if (cursor.StartsWith("<?")) {
      ARROW_RETURN_NOT_OK(cursor.TakeUntil("?>").status());
    } else if (cursor.StartsWith("<!")) {
      return cursor.Malformed("a declaration");
    } else if (cursor.StartsWith("</")) {
      ARROW_ASSIGN_OR_RAISE(std::string_view name, cursor.TakeUntil(">"));
      name = name.substr(2, name.find_last_not_of(kBlanks) - 1);
      if (path.empty() || path.back() != name) return cursor.Malformed("another element ends");
      ARROW_RETURN_NOT_OK(end_element());
    } else {
      ARROW_ASSIGN_OR_RAISE(std::string_view tag, cursor.TakeUntil(">"));
      tag.remove_prefix(1);
      const bool is_empty = tag.ends_with('/');
      if (is_empty) tag.remove_suffix(1);
      const auto name = tag.substr(0, tag.find_first_of(kBlanks));
      if (name.empty() || (path.empty() && has_root)) return cursor.Malformed("no element");
      if (path.size() == kMaxDepth) return cursor.Malformed("nested too deep");
      has_root = true;
      path.push_back(name);
      texts.emplace_back();
      if (is_empty) ARROW_RETURN_NOT_OK(end_element());
    }
  }
  return path.empty() && has_root ? arrow::Status::OK() : cursor.Malformed("it ends early");
}

std::string XmlText(std::string_view xml, std::string_view element) {
  std::string found;
  bool is_found = false;
  const auto status = VisitXml(xml, [&](auto path, std::string text) {
    if (path.back() != element) return arrow::Status::OK();
    found = std::move(text);
    is_found = true;
    return arrow::Status::Cancelled("found");
  });
  return is_found && status.IsCancelled() ? found : "";
}

std::string EscapeXml(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    const auto entity = std::ranges::find(kEntities, c, &Entity::character);
    if (entity == kEntities.end()) {
      escaped += c;
    } else {
      escaped.append("&").append(entity->name).append(";");
    }
  }
  return escaped;
}

}  // namespace croupier::storage
