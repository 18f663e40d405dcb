#include <cstdlib>
#include <fstream>

#include <arrow/array/builder_binary.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/json/from_string.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <arrow/util/float16.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "croupier/base/hash.h"
#include "croupier/permutation.h"
#include "croupier/permutation/packed_numbers.h"
#include "croupier/permutation/position_map.h"
#include "croupier/permutation/position_shuffle.h"
#include "croupier/permutation/row_hash.h"
#include "croupier/permutation/split_lists.h"
#include "croupier/permutation/test_tables.h"
#include "croupier/testing/golden.h"

namespace croupier::permutation {
namespace {

using Json = nlohmann::json;

const Json& Vectors() {
  static const Json vectors = [] {
    std::ifstream file(testing::GoldenPath("../vectors/splits.json"));
    return Json::parse(file);
  }();
  return vectors;
}

uint64_t Number(const Json& text) { return std::stoull(text.get<std::string>()); }

std::vector<uint64_t> Numbers(const Json& texts) {
  std::vector<uint64_t> numbers;
  numbers.reserve(texts.size());
  for (const Json& text : texts) numbers.push_back(Number(text));
  return numbers;
}

ShuffleSpec ShuffleOf(const Json& json) {
  ShuffleSpec shuffle;
  if (json.contains("seed")) shuffle.seed = Number(json["seed"]);
  if (json.contains("clump_size")) {
    shuffle.clump_size = static_cast<int64_t>(Number(json["clump_size"]));
  }
  if (json.contains("window_clumps")) {
    shuffle.window_clumps = static_cast<int64_t>(Number(json["window_clumps"]));
  }
  return shuffle;
}

std::shared_ptr<arrow::DataType> TypeOf(const std::string& name) {
  for (const auto& type :
       {arrow::boolean(), arrow::null(), arrow::int8(), arrow::int16(), arrow::int32(),
        arrow::int64(), arrow::uint8(), arrow::uint16(), arrow::uint32(), arrow::uint64(),
        arrow::date32(), arrow::utf8(), arrow::large_utf8(), arrow::utf8_view()}) {
    if (type->name() == name || (name == "string" && type->id() == arrow::Type::STRING) ||
        (name == "large_string" && type->id() == arrow::Type::LARGE_STRING) ||
        (name == "string_view" && type->id() == arrow::Type::STRING_VIEW)) {
      return type;
    }
  }
  if (name == "timestamp") return arrow::timestamp(arrow::TimeUnit::MICRO);
  if (name == "duration") return arrow::duration(arrow::TimeUnit::MILLI);
  if (name == "time32") return arrow::time32(arrow::TimeUnit::SECOND);
  if (name == "time64") return arrow::time64(arrow::TimeUnit::NANO);
  if (name == "decimal128") return arrow::decimal128(38, 0);
  if (name == "decimal256") return arrow::decimal256(76, 0);
  if (name == "dictionary") return arrow::dictionary(arrow::int16(), arrow::utf8());
  ADD_FAILURE() << "a type that this test does not know: " << name;
  return arrow::null();
}

std::string BytesOfHex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

template <typename Builder>
std::shared_ptr<arrow::Array> BuildOf(Builder&& builder, const Json& values, auto value_of) {
  for (const Json& value : values) {
    EXPECT_TRUE((value.is_null() ? builder.AppendNull()
                                 : builder.Append(value_of(value.get<std::string>())))
                    .ok());
  }
  return builder.Finish().ValueOrDie();
}

std::shared_ptr<arrow::Array> ArrayOf(const std::string& type, const Json& values) {
  const auto to_double = [](const std::string& text) { return std::strtod(text.c_str(), nullptr); };
  if (type == "float64") return BuildOf(arrow::DoubleBuilder(), values, to_double);
  if (type == "float32") {
    return BuildOf(arrow::FloatBuilder(), values,
                   [&](const auto& text) { return static_cast<float>(to_double(text)); });
  }
  if (type == "float16") {
    return BuildOf(arrow::HalfFloatBuilder(), values, [&](const auto& text) {
      return arrow::util::Float16::FromDouble(to_double(text)).bits();
    });
  }
  if (type == "binary") return BuildOf(arrow::BinaryBuilder(), values, BytesOfHex);
  if (type == "large_binary") return BuildOf(arrow::LargeBinaryBuilder(), values, BytesOfHex);
  if (type == "binary_view") return BuildOf(arrow::BinaryViewBuilder(), values, BytesOfHex);
  if (type == "fixed_size_binary") {
    return BuildOf(arrow::FixedSizeBinaryBuilder(arrow::fixed_size_binary(2)), values, BytesOfHex);
  }
  const auto arrow_type = TypeOf(type);
  const bool is_text = type.find("string") != std::string::npos || type == "dictionary" ||
                       type.starts_with("decimal");
  std::string json = "[";
  for (const Json& value : values) {
    if (json.size() > 1) json += ',';
    json += value.is_string() && !is_text ? value.get<std::string>() : value.dump();
  }
  return arrow::json::ArrayFromJSONString(arrow_type, json + "]").ValueOrDie();
}

TEST(SplitVectorsTest, Shuffles) {
  ASSERT_FALSE(Vectors()["shuffles"].empty());
  for (const Json& vector : Vectors()["shuffles"]) {
    const PositionShuffle shuffle(Number(vector["num_rows"]), ShuffleOf(vector),
                                  Number(vector["key"]));
    auto positions = Numbers(vector["positions"]);
    shuffle.MapAll(positions);
    EXPECT_EQ(positions, Numbers(vector["mapped"])) << vector;
  }
}

void ExpectSplits(const PermutationTable& table, const Json& vector) {
  EXPECT_EQ(table.spec().ToString(), vector["order"].get<std::string>());
  EXPECT_EQ(table.order_id(), vector["order_id"].get<std::string>());
  ASSERT_EQ(table.num_splits(), std::ssize(vector["splits"]));
  for (int64_t split = 0; split < table.num_splits(); ++split) {
    const Json& expected = vector["splits"][static_cast<size_t>(split)];
    auto positions = Numbers(expected["positions"]);
    ASSERT_TRUE(table.MapPositions(split, positions).ok());
    EXPECT_EQ(positions, Numbers(expected["ranks"])) << vector["order"] << " split " << split;
  }
}

TEST(SplitVectorsTest, ComputedOrders) {
  ASSERT_FALSE(Vectors()["orders"].empty());
  for (const Json& vector : Vectors()["orders"]) {
    const auto spec = OrderSpec::Parse(vector["order"].get<std::string>());
    ASSERT_TRUE(spec.ok()) << spec.status();
    ExpectSplits(*PermutationTable::Make(*spec).ValueOrDie(), vector);
  }
}

TEST(SplitVectorsTest, Joins) {
  ASSERT_FALSE(Vectors()["joins"].empty());
  for (const Json& vector : Vectors()["joins"]) {
    const auto num_rows = static_cast<int64_t>(Number(vector["num_rows"]));
    const auto all = Permutation::Make(std::make_shared<MinimalTable>(num_rows)).ValueOrDie();
    const auto joined = Permutation::Join({all->Slice(0, 1, 3).ValueOrDie(),
                                           all->Slice(3, 1, num_rows - 3).ValueOrDie()},
                                          ShuffleOf(vector["shuffle"]))
                            .ValueOrDie();
    std::vector<uint64_t> expected;
    for (const uint64_t position : Numbers(vector["positions"])) {
      expected.push_back(MinimalTable::RowId(static_cast<int64_t>(position)));
    }
    EXPECT_EQ(AllRowIds(*joined), expected);
  }
}

TEST(SplitVectorsTest, HashesOfEveryType) {
  ASSERT_FALSE(Vectors()["hashes"].empty());
  for (const Json& vector : Vectors()["hashes"]) {
    const auto array = ArrayOf(vector["type"].get<std::string>(), vector["values"]);
    const auto batch = arrow::RecordBatch::Make(
        arrow::schema({arrow::field("column", array->type())}), array->length(), {array});
    ASSERT_TRUE(CheckHashable(*batch->schema()).ok()) << vector["type"];
    std::vector<uint64_t> hashes(static_cast<size_t>(array->length()));
    ASSERT_TRUE(HashRows(*batch, std::vector<int>{0}, Number(vector["start"]), hashes).ok());
    EXPECT_EQ(hashes, Numbers(vector["hashes"])) << vector;
  }
}

TEST(SplitVectorsTest, HashesOfLists) {
  ASSERT_FALSE(Vectors()["lists"].empty());
  for (const Json& vector : Vectors()["lists"]) {
    SplitListsBuilder builder(nullptr);
    for (size_t split = 0; split < vector["lists"].size(); ++split) {
      for (const uint64_t row : Numbers(vector["lists"][split])) {
        ASSERT_TRUE(builder.Append(split, row).ok());
      }
    }
    const auto lists = builder.Finish(vector["lists"].size()).ValueOrDie();
    EXPECT_EQ(HexDigits(HashOfLists(lists).ValueOrDie()), vector["hash"].get<std::string>());
  }
}

TEST(SplitVectorsTest, SplitsOfATable) {
  const Json& vectors = Vectors()["table"];
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  for (const Json& column : vectors["columns"]) {
    const auto type = column["type"].get<std::string>();
    const auto arrow_type = type == "float64" ? arrow::float64() : TypeOf(type);
    fields.push_back(arrow::field(column["name"].get<std::string>(), arrow_type));
    arrays.push_back(
        arrow::json::ArrayFromJSONString(arrow_type, column["values"].dump()).ValueOrDie());
  }
  const auto rows = arrow::Table::Make(arrow::schema(fields), arrays);
  ASSERT_FALSE(vectors["orders"].empty());
  for (const auto& base :
       {MakeMemoryTable("t", rows).ValueOrDie(),
        std::shared_ptr<const TableSource>(std::make_shared<MinimalTable>(rows, /*version=*/1))}) {
    for (const Json& vector : vectors["orders"]) {
      const auto spec = OrderSpec::Parse(vector["order"].get<std::string>()).ValueOrDie();
      ExpectSplits(
          *Build(base,
                 [&](PermutationBuilder* builder) {
                   if (spec.filter.has_value()) {
                     ASSERT_TRUE(builder->Filter(*spec.filter).ok());
                   }
                   if (spec.split_rule.has_value()) {
                     ASSERT_TRUE(builder->SplitBy(*spec.split_rule).ok());
                   }
                   if (spec.split == OrderSpec::Split::kRandom) {
                     ASSERT_TRUE(builder
                                     ->SplitRandom({.counts = spec.split_sizes},
                                                   spec.split_shuffle.seed, {},
                                                   spec.split_shuffle.clump_size)
                                     .ok());
                   }
                   if (spec.shuffle.has_value()) {
                     ASSERT_TRUE(builder
                                     ->Shuffle(spec.shuffle->seed, spec.shuffle->clump_size,
                                               spec.shuffle->window_clumps)
                                     .ok());
                   }
                 }),
          vector);
    }
  }
}

}  // namespace
}  // namespace croupier::permutation
