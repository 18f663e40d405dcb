#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "croupier/base/index_shuffle.h"
#include "croupier/permutation.h"
#include "croupier/testing/golden.h"

namespace croupier {
namespace {

uint64_t Number(const nlohmann::json& text) { return std::stoull(text.get<std::string>()); }

TEST(OrderVectorsTest, AreThoseOfTheSpecification) {
  std::ifstream file(testing::GoldenPath("../vectors/order.json"));
  const auto vectors = nlohmann::json::parse(file);
  for (const auto& vector : vectors["bijections"]) {
    const KeyedBijection bijection(Number(vector["num_values"]), Number(vector["key"]));
    for (size_t i = 0; i < vector["values"].size(); ++i) {
      EXPECT_EQ(bijection.Map(Number(vector["values"][i])), Number(vector["mapped"][i])) << vector;
    }
  }
  EXPECT_FALSE(vectors["orders"].empty());
  for (const auto& vector : vectors["orders"]) {
    const auto spec = OrderSpec::Parse(vector["order"].get<std::string>()).ValueOrDie();
    EXPECT_EQ(spec.OrderId(), vector["order_id"].get<std::string>());
    const auto table = PermutationTable::Make(spec).ValueOrDie();
    ASSERT_EQ(table->num_splits(), std::ssize(vector["splits"]));
    for (int64_t split = 0; split < table->num_splits(); ++split) {
      const auto& expected = vector["splits"][static_cast<size_t>(split)];
      for (size_t i = 0; i < expected["positions"].size(); ++i) {
        uint64_t value = Number(expected["positions"][i]);
        ASSERT_TRUE(table->MapPositions(split, {&value, 1}).ok());
        EXPECT_EQ(value, Number(expected["ranks"][i])) << spec.ToString() << " split " << split;
      }
    }
  }
}

}  // namespace
}  // namespace croupier
