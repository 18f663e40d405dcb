#include "croupier/storage/aws_profiles.h"

#include <algorithm>

namespace croupier::storage {

namespace {

constexpr std::string_view kBlanks = " \t\r";

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == text.npos) return "";
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// The profile that a section "[…]" is of; empty for other sections.
std::string_view ProfileOf(std::string_view section, AwsFile file) {
  section.remove_prefix(1);
  section = Trim(section.substr(0, section.find(']')));
  if (file == AwsFile::kCredentials || section == "default") return section;
  constexpr std::string_view kPrefix = "profile";
  if (!section.starts_with(kPrefix)) return "";
  section.remove_prefix(kPrefix.size());
  if (section.empty() || kBlanks.find(section.front()) == kBlanks.npos) return "";
  section = Trim(section);
  if (section.size() >= 2 && section.starts_with('"') && section.ends_with('"')) {
    section = section.substr(1, section.size() - 2);
  }
  return section;
}

std::string_view WithoutComment(std::string_view value) {
  for (size_t i = 1; i < value.size(); ++i) {
    const bool is_mark = value[i] == '#' || value[i] == ';';
    if (is_mark && kBlanks.find(value[i - 1]) != kBlanks.npos) return value.substr(0, i);
  }
  return value;
}

}  // namespace

void AddAwsProfiles(std::string_view text, AwsFile file, AwsProfiles* profiles) {
  AwsProfile* profile = nullptr;
  size_t indent = 0;  // of the settings of a section, which its first one shows
  bool is_first = false;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto trimmed = Trim(line);
    if (trimmed.empty() || trimmed.starts_with('#') || trimmed.starts_with(';')) continue;
    if (trimmed.starts_with('[')) {
      const auto name = ProfileOf(trimmed, file);
      profile = name.empty() ? nullptr : &(*profiles)[std::string(name)];
      is_first = true;
      continue;
    }
    const size_t column = line.find_first_not_of(kBlanks);
    if (is_first) indent = column;
    is_first = false;
    // A line that is indented further belongs to the setting above it.
    const size_t equals = trimmed.find('=');
    if (profile == nullptr || column > indent || equals == trimmed.npos) continue;
    std::string name(Trim(trimmed.substr(0, equals)));
    std::ranges::transform(name, name.begin(), [](char c) {
      return 'A' <= c && c <= 'Z' ? static_cast<char>(c | 32) : c;
    });
    (*profile)[name] = Trim(WithoutComment(trimmed.substr(equals + 1)));
  }
}

}  // namespace croupier::storage
