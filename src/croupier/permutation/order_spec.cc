#include "croupier/order_spec.h"

#include <optional>
#include <string_view>
#include <utility>

#include <arrow/status.h>

#include "croupier/base/hash.h"
#include "croupier/permutation/order_json.h"
#include "croupier/permutation/order_text.h"

namespace croupier {

namespace {

using permutation::ParseNumber;
using permutation::ParseSizes;
using permutation::TakePart;
using permutation::WriteSizes;

// The first form has orders of all rows, of splits that are cut, and of shuffles of single rows; it
// is written wherever it is enough.
constexpr std::string_view kFirstName = "croupier-order-1";
constexpr std::string_view kSecondName = "croupier-order-2";

bool FitsFirstForm(const OrderSpec& spec) {
  const auto moves_rows = [](const ShuffleSpec& shuffle) {
    return shuffle.clump_size == 1 && shuffle.window_clumps == 1;
  };
  return spec.is_computed() &&
         (spec.split != OrderSpec::Split::kRandom || moves_rows(spec.split_shuffle)) &&
         moves_rows(spec.shuffle.value_or(ShuffleSpec())) && spec.shard == ShardSpec();
}

// Take "key=value " off the front; nothing if the key is another.
std::optional<std::string_view> TakeValue(std::string_view* text, std::string_view key) {
  const auto part = TakePart(text, ' ');
  if (part.size() <= key.size() || !part.starts_with(key) || part[key.size()] != '=') {
    return std::nullopt;
  }
  return part.substr(key.size() + 1);
}

bool ParseSplit(std::string_view text, OrderSpec* spec) {
  const auto kind = TakePart(&text, ':');
  if (kind == "none") {
    spec->split_sizes = {spec->num_base_rows};
    return text.empty();
  }
  if (kind == "random") {
    spec->split = OrderSpec::Split::kRandom;
    if (!ParseNumber(TakePart(&text, ':'), &spec->split_shuffle.seed)) return false;
  } else if (kind == "sequential") {
    spec->split = OrderSpec::Split::kSequential;
  } else {
    return false;
  }
  return ParseSizes(text, 1, &spec->split_sizes);
}

std::string WriteFirstForm(const OrderSpec& spec) {
  std::string text = "version=" + std::to_string(spec.base_version) +
                     " rows=" + std::to_string(spec.num_base_rows) + " split=";
  if (spec.split == OrderSpec::Split::kSequential) {
    text += "sequential:" + WriteSizes(spec.split_sizes);
  } else if (spec.split == OrderSpec::Split::kRandom) {
    text +=
        "random:" + std::to_string(spec.split_shuffle.seed) + ':' + WriteSizes(spec.split_sizes);
  } else {
    text += "none";
  }
  return text +
         " shuffle=" + (spec.shuffle.has_value() ? std::to_string(spec.shuffle->seed) : "none");
}

arrow::Result<OrderSpec> ParseFirstForm(std::string_view rest, const std::string& text) {
  OrderSpec spec;
  const auto version = TakeValue(&rest, "version");
  const auto rows = TakeValue(&rest, "rows");
  const auto split = TakeValue(&rest, "split");
  const auto shuffle = TakeValue(&rest, "shuffle");
  bool parsed = version.has_value() && rows.has_value() && split.has_value() &&
                shuffle.has_value() && rest.empty() && ParseNumber(*version, &spec.base_version) &&
                ParseNumber(*rows, &spec.num_base_rows) && spec.num_base_rows >= 0 &&
                ParseSplit(*split, &spec);
  spec.num_selected_rows = spec.num_base_rows;
  if (parsed && *shuffle != "none") {
    parsed = ParseNumber(*shuffle, &spec.shuffle.emplace().seed);
  }
  // One text for one order: what is written another way is no canonical line.
  if (!parsed || spec.ToString() != text) {
    return arrow::Status::Invalid("malformed order: '", text, "'");
  }
  return spec;
}

}  // namespace

arrow::Status ShuffleSpec::Check() const {
  if (clump_size <= 0) {
    return arrow::Status::Invalid("clump_size must be greater than 0: ", clump_size);
  }
  if (window_clumps <= 0) {
    return arrow::Status::Invalid("window_clumps must be greater than 0: ", window_clumps);
  }
  return arrow::Status::OK();
}

arrow::Status ShardSpec::Check() const {
  if (index >= 0 && index < num_shards) return arrow::Status::OK();
  return arrow::Status::Invalid("a shard is in [0, num_shards): ", index, " of ", num_shards);
}

int64_t ShardSpec::NumRows(int64_t num_rows) const {
  const int64_t quotient = num_rows / num_shards;
  const int64_t rest = num_rows % num_shards;
  switch (remainder) {
    case Remainder::kDrop:
      return quotient;
    case Remainder::kSpread:
      return quotient + (index < rest ? 1 : 0);
    case Remainder::kRepeat:
      return quotient + (rest > 0 ? 1 : 0);
  }
  return quotient;
}

bool OrderSpec::is_computed() const {
  return !filter.has_value() && split != Split::kRule && split != Split::kListed;
}

std::string OrderSpec::ToString() const {
  if (FitsFirstForm(*this)) return std::string(kFirstName) + ' ' + WriteFirstForm(*this);
  return std::string(kSecondName) + ' ' + permutation::WriteOrderJson(*this);
}

arrow::Result<OrderSpec> OrderSpec::Parse(const std::string& text) {
  std::string_view rest = text;
  const auto name = TakePart(&rest, ' ');
  if (name == kFirstName) return ParseFirstForm(rest, text);
  if (name != kSecondName) {
    return arrow::Status::Invalid("not an order that this release knows: '", name,
                                  "' (known: ", kFirstName, ", ", kSecondName, ")");
  }
  ARROW_ASSIGN_OR_RAISE(auto spec, permutation::ParseOrderJson(rest));
  if (spec.ToString() != text) return arrow::Status::Invalid("malformed order: '", text, "'");
  return spec;
}

std::string OrderSpec::OrderId() const { return HexDigits(Mix64(Fnv1a64(ToString()))); }

}  // namespace croupier
