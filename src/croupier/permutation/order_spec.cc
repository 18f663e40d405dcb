#include <algorithm>
#include <charconv>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>

#include <arrow/status.h>

#include "croupier/base/hash.h"
#include "croupier/permutation.h"

namespace croupier {

namespace {

constexpr std::string_view kOrderName = "croupier-order-1";

template <typename T>
bool ParseNumber(std::string_view text, T* value) {
  const auto result = std::from_chars(text.data(), text.data() + text.size(), *value);
  return result.ec == std::errc() && result.ptr == text.data() + text.size();
}

// Take the text up to `separator` (or the end) off the front.
std::string_view TakePart(std::string_view* text, char separator) {
  const size_t end = std::min(text->find(separator), text->size());
  const auto part = text->substr(0, end);
  text->remove_prefix(std::min(end + 1, text->size()));
  return part;
}

// Take "key=value " off the front; nothing if the key is another.
std::optional<std::string_view> TakeValue(std::string_view* text, std::string_view key) {
  const auto part = TakePart(text, ' ');
  if (part.size() <= key.size() || !part.starts_with(key) || part[key.size()] != '=') {
    return std::nullopt;
  }
  return part.substr(key.size() + 1);
}

// Sizes as runs: "450", or "250x4" for four splits of 250 rows.
std::string WriteSizes(const std::vector<int64_t>& sizes) {
  std::ostringstream text;
  for (size_t i = 0; i < sizes.size();) {
    size_t end = i + 1;
    while (end < sizes.size() && sizes[end] == sizes[i]) ++end;
    if (i > 0) text << ',';
    text << sizes[i];
    if (end - i > 1) text << 'x' << end - i;
    i = end;
  }
  return text.str();
}

bool ParseSizes(std::string_view text, std::vector<int64_t>* sizes) {
  constexpr auto kMaxSplits = static_cast<size_t>(OrderSpec::kMaxSplits);
  do {
    auto run = TakePart(&text, ',');
    int64_t size = 0;
    size_t repeats = 1;
    const auto size_text = TakePart(&run, 'x');
    if (!ParseNumber(size_text, &size) || (!run.empty() && !ParseNumber(run, &repeats)) ||
        size <= 0 || repeats == 0 || repeats > kMaxSplits - sizes->size()) {
      return false;
    }
    sizes->insert(sizes->end(), repeats, size);
  } while (!text.empty());
  return true;
}

bool ParseSplit(std::string_view text, OrderSpec* spec) {
  const auto kind = TakePart(&text, ':');
  if (kind == "none") {
    spec->split_sizes = {spec->num_base_rows};
    return text.empty();
  }
  if (kind == "random") {
    spec->split = OrderSpec::Split::kRandom;
    if (!ParseNumber(TakePart(&text, ':'), &spec->split_seed)) return false;
  } else if (kind == "sequential") {
    spec->split = OrderSpec::Split::kSequential;
  } else {
    return false;
  }
  return ParseSizes(text, &spec->split_sizes);
}

}  // namespace

std::string OrderSpec::ToString() const {
  std::ostringstream text;
  text << kOrderName << " version=" << base_version << " rows=" << num_base_rows << " split=";
  switch (split) {
    case Split::kNone:
      text << "none";
      break;
    case Split::kSequential:
      text << "sequential:" << WriteSizes(split_sizes);
      break;
    case Split::kRandom:
      text << "random:" << split_seed << ':' << WriteSizes(split_sizes);
      break;
  }
  text << " shuffle=";
  if (shuffle_seed.has_value()) {
    text << *shuffle_seed;
  } else {
    text << "none";
  }
  return text.str();
}

arrow::Result<OrderSpec> OrderSpec::Parse(const std::string& text) {
  std::string_view rest = text;
  const auto name = TakePart(&rest, ' ');
  if (name != kOrderName) {
    return arrow::Status::Invalid("not an order that this release knows: '", name,
                                  "' (known: ", kOrderName, ")");
  }
  OrderSpec spec;
  const auto version = TakeValue(&rest, "version");
  const auto rows = TakeValue(&rest, "rows");
  const auto split = TakeValue(&rest, "split");
  const auto shuffle = TakeValue(&rest, "shuffle");
  bool parsed = version.has_value() && rows.has_value() && split.has_value() &&
                shuffle.has_value() && rest.empty() && ParseNumber(*version, &spec.base_version) &&
                ParseNumber(*rows, &spec.num_base_rows) && spec.num_base_rows >= 0 &&
                ParseSplit(*split, &spec);
  if (parsed && *shuffle != "none") {
    parsed = ParseNumber(*shuffle, &spec.shuffle_seed.emplace());
  }
  // One text for one order: what is written another way is no canonical line.
  if (!parsed || spec.ToString() != text) {
    return arrow::Status::Invalid("malformed order: '", text, "'");
  }
  return spec;
}

std::string OrderSpec::OrderId() const {
  constexpr char kDigits[] = "0123456789abcdef";
  const uint64_t hash = Mix64(Fnv1a64(ToString()));
  std::string id;
  for (int shift = 60; shift >= 0; shift -= 4) id += kDigits[hash >> shift & 0xf];
  return id;
}

}  // namespace croupier
