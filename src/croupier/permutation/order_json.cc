#include "croupier/permutation/order_json.h"

#include <array>
#include <utility>

#include <arrow/status.h>
#include <nlohmann/json.hpp>

#include "croupier/permutation/order_text.h"

namespace croupier::permutation {

namespace {

// Keys keep the order in which they are written.
using Json = nlohmann::ordered_json;

constexpr std::array<const char*, 4> kRuleNames = {"hash", "calculated", "grouped", "stratified"};
constexpr std::array<const char*, 3> kRemainderNames = {"drop", "spread", "repeat"};

// Numbers that may not fit a double are strings of digits.
template <typename T>
Json Number(T value) {
  return std::to_string(value);
}

template <typename T>
bool ReadNumber(const Json& object, const char* key, T* value) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() &&
         ParseNumber(found->get_ref<const std::string&>(), value);
}

bool ReadText(const Json& object, const char* key, std::string* text) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return false;
  *text = found->get<std::string>();
  return true;
}

template <size_t kCount>
bool ReadName(const Json& object, const char* key, const std::array<const char*, kCount>& names,
              size_t* index) {
  std::string name;
  if (!ReadText(object, key, &name)) return false;
  for (*index = 0; *index < kCount; ++*index) {
    if (names[*index] == name) return true;
  }
  return false;
}

Json WriteNumbers(const std::vector<int64_t>& numbers) {
  Json array = Json::array();
  for (const int64_t number : numbers) array.push_back(Number(number));
  return array;
}

bool ReadNumbers(const Json& object, const char* key, std::vector<int64_t>* numbers) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array()) return false;
  for (const Json& each : *found) {
    if (!each.is_string() ||
        !ParseNumber(each.get_ref<const std::string&>(), &numbers->emplace_back())) {
      return false;
    }
  }
  return true;
}

bool ReadTexts(const Json& object, const char* key, std::vector<std::string>* texts) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array()) return false;
  for (const Json& each : *found) {
    if (!each.is_string()) return false;
    texts->push_back(each.get<std::string>());
  }
  return true;
}

Json WriteShuffle(const ShuffleSpec& shuffle) {
  Json json = {{"seed", Number(shuffle.seed)}};
  if (shuffle.clump_size != 1) json["clump_size"] = Number(shuffle.clump_size);
  if (shuffle.window_clumps != 1) json["window_clumps"] = Number(shuffle.window_clumps);
  return json;
}

bool ReadShuffle(const Json& json, ShuffleSpec* shuffle) {
  if (!json.is_object() || !ReadNumber(json, "seed", &shuffle->seed)) return false;
  if (json.contains("clump_size") && !ReadNumber(json, "clump_size", &shuffle->clump_size)) {
    return false;
  }
  if (json.contains("window_clumps") &&
      !ReadNumber(json, "window_clumps", &shuffle->window_clumps)) {
    return false;
  }
  return shuffle->clump_size >= 1 && shuffle->window_clumps >= 1;
}

Json WriteRule(const SplitRule& rule) {
  Json json = {{"by", kRuleNames[static_cast<size_t>(rule.kind)]}};
  switch (rule.kind) {
    case SplitRule::Kind::kCalculated:
      json["expression"] = rule.expression;
      break;
    case SplitRule::Kind::kHash:
      json["columns"] = rule.columns;
      json["weights"] = WriteNumbers(rule.weights);
      json["discard_weight"] = Number(rule.discard_weight);
      break;
    case SplitRule::Kind::kGrouped:
    case SplitRule::Kind::kStratified:
      json["columns"] = rule.columns;
      json["ratios"] = WriteNumbers(rule.ratios);
      json["seed"] = Number(rule.seed);
      break;
  }
  return json;
}

bool ReadRule(const Json& json, SplitRule* rule) {
  size_t kind = 0;
  if (!ReadName(json, "by", kRuleNames, &kind)) return false;
  rule->kind = static_cast<SplitRule::Kind>(kind);
  switch (rule->kind) {
    case SplitRule::Kind::kCalculated:
      return ReadText(json, "expression", &rule->expression);
    case SplitRule::Kind::kHash:
      return ReadTexts(json, "columns", &rule->columns) &&
             ReadNumbers(json, "weights", &rule->weights) &&
             ReadNumber(json, "discard_weight", &rule->discard_weight);
    case SplitRule::Kind::kGrouped:
    case SplitRule::Kind::kStratified:
      return ReadTexts(json, "columns", &rule->columns) &&
             ReadNumbers(json, "ratios", &rule->ratios) && ReadNumber(json, "seed", &rule->seed);
  }
  return false;
}

Json WriteSplit(const OrderSpec& spec) {
  Json json;
  switch (spec.split) {
    case OrderSpec::Split::kNone:
      break;
    case OrderSpec::Split::kSequential:
      json["by"] = "sequence";
      break;
    case OrderSpec::Split::kRandom:
      json["by"] = "random";
      json.update(WriteShuffle(spec.split_shuffle));
      break;
    case OrderSpec::Split::kRule:
      json = WriteRule(*spec.split_rule);
      break;
    case OrderSpec::Split::kListed:
      json["by"] = "list";
      json["hash"] = spec.list_hash;
      break;
  }
  json["sizes"] = WriteSizes(spec.split_sizes);
  return json;
}

bool ReadSplit(const Json& json, OrderSpec* spec) {
  std::string by;
  std::string sizes;
  if (!json.is_object() || !ReadText(json, "by", &by) || !ReadText(json, "sizes", &sizes)) {
    return false;
  }
  int64_t min_size = 1;
  if (by == "sequence") {
    spec->split = OrderSpec::Split::kSequential;
  } else if (by == "random") {
    spec->split = OrderSpec::Split::kRandom;
    if (!ReadShuffle(json, &spec->split_shuffle) || spec->split_shuffle.window_clumps != 1) {
      return false;
    }
  } else if (by == "list") {
    min_size = 0;
    spec->split = OrderSpec::Split::kListed;
    if (!ReadText(json, "hash", &spec->list_hash)) return false;
  } else {
    min_size = 0;
    spec->split = OrderSpec::Split::kRule;
    if (!ReadRule(json, &spec->split_rule.emplace())) return false;
  }
  return ParseSizes(sizes, min_size, &spec->split_sizes);
}

bool ReadShard(const Json& json, ShardSpec* shard) {
  size_t remainder = 0;
  if (!json.is_object() || !ReadNumber(json, "index", &shard->index) ||
      !ReadNumber(json, "num_shards", &shard->num_shards) ||
      !ReadName(json, "remainder", kRemainderNames, &remainder)) {
    return false;
  }
  shard->remainder = static_cast<Remainder>(remainder);
  return shard->index >= 0 && shard->index < shard->num_shards;
}

bool ReadOrder(const Json& json, OrderSpec* spec) {
  if (!json.is_object() || !ReadNumber(json, "version", &spec->base_version) ||
      !ReadNumber(json, "rows", &spec->num_base_rows) || spec->num_base_rows < 0) {
    return false;
  }
  spec->num_selected_rows = spec->num_base_rows;
  if (json.contains("filter")) {
    if (!ReadText(json, "filter", &spec->filter.emplace()) ||
        !ReadNumber(json, "selected", &spec->num_selected_rows) || spec->num_selected_rows < 0 ||
        spec->num_selected_rows > spec->num_base_rows) {
      return false;
    }
  }
  if (json.contains("split")) {
    if (!ReadSplit(json["split"], spec)) return false;
  } else {
    spec->split_sizes = {spec->num_selected_rows};
  }
  if (json.contains("shuffle") && !ReadShuffle(json["shuffle"], &spec->shuffle.emplace())) {
    return false;
  }
  return !json.contains("shard") || ReadShard(json["shard"], &spec->shard);
}

}  // namespace

std::string WriteOrderJson(const OrderSpec& spec) {
  Json json = {{"version", Number(spec.base_version)}, {"rows", Number(spec.num_base_rows)}};
  if (spec.filter.has_value()) {
    json["filter"] = *spec.filter;
    json["selected"] = Number(spec.num_selected_rows);
  }
  if (spec.split != OrderSpec::Split::kNone) json["split"] = WriteSplit(spec);
  if (spec.shuffle.has_value()) json["shuffle"] = WriteShuffle(*spec.shuffle);
  if (spec.shard != ShardSpec()) {
    json["shard"] = {
        {"index", Number(spec.shard.index)},
        {"num_shards", Number(spec.shard.num_shards)},
        {"remainder", kRemainderNames[static_cast<size_t>(spec.shard.remainder)]},
    };
  }
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

arrow::Result<OrderSpec> ParseOrderJson(std::string_view text) {
  constexpr int kMaxDepth = 4;
  const auto no_deeper = [](int depth, Json::parse_event_t, Json&) { return depth < kMaxDepth; };
  const Json json = Json::parse(text.begin(), text.end(), no_deeper, /*allow_exceptions=*/false);
  OrderSpec spec;
  // One text for one order: what is written another way is no canonical line.
  if (json.is_discarded() || !ReadOrder(json, &spec) || WriteOrderJson(spec) != text) {
    return arrow::Status::Invalid("malformed order: '", text, "'");
  }
  return spec;
}

}  // namespace croupier::permutation
