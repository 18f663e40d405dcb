#include "croupier/format/page/rep_def.h"

#include <memory>
#include <string>
#include <vector>

#include <arrow/array/array_base.h>
#include <arrow/array/array_primitive.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/array/util.h>
#include <arrow/buffer.h>
#include <arrow/json/from_string.h>
#include <arrow/memory_pool.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>
#include <gtest/gtest.h>

#include "croupier/base/hash.h"

namespace croupier::format {
namespace {

using Kind = PathLayer::Kind;
using LevelVector = std::vector<uint16_t>;

constexpr auto kItem = RepDefLayer::kAllValidItem;
constexpr auto kNullableItem = RepDefLayer::kNullableItem;
constexpr auto kList = RepDefLayer::kAllValidList;
constexpr auto kNullableList = RepDefLayer::kNullableList;
constexpr auto kEmptyableList = RepDefLayer::kEmptyableList;
constexpr auto kNullAndEmptyList = RepDefLayer::kNullAndEmptyList;

struct Case {
  std::vector<Kind> path;           // outermost first
  std::vector<RepDefLayer> layers;  // innermost first
};

// Unravel levels over the leaf values 0, 1, 2 …
arrow::Result<DecodedRows> Unravel(const Case& shape, const LevelVector& rep,
                                   const LevelVector& def, int64_t num_items) {
  std::vector<PathLayer> above;
  for (const Kind kind : shape.path) above.push_back({kind, 1});
  ARROW_ASSIGN_OR_RAISE(const auto path, LeafPath::Make(above, arrow::int32()));
  ARROW_ASSIGN_OR_RAISE(const auto page, PageLevels::Make(*path, shape.layers, arrow::int32()));
  const Levels levels{rep.empty() ? nullptr : rep.data(), def.empty() ? nullptr : def.data(),
                      rep.empty() ? std::ssize(def) : std::ssize(rep)};
  ARROW_ASSIGN_OR_RAISE(auto nesting,
                        page.Unravel(levels, num_items, arrow::default_memory_pool()));
  arrow::Int32Builder builder;
  for (int64_t i = 0; i < num_items; ++i) {
    ARROW_RETURN_NOT_OK(builder.Append(static_cast<int32_t>(i)));
  }
  ARROW_ASSIGN_OR_RAISE(const auto values, builder.Finish());
  auto leaf = values->data()->Copy();
  leaf->buffers[0] = nesting.leaf.bitmap;
  leaf->null_count = nesting.leaf.null_count;
  return page.Nest(std::move(nesting), std::move(leaf));
}

void ExpectRows(const arrow::Result<DecodedRows>& rows, const std::string& json,
                uint32_t continued_lists = 0) {
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ(rows->continued_lists, continued_lists);
  const auto array = arrow::MakeArray(rows->array->Copy());
  ASSERT_TRUE(array->ValidateFull().ok()) << array->ValidateFull();
  const auto expected = arrow::json::ArrayFromJSONString(array->type(), json);
  ASSERT_TRUE(expected.ok()) << expected.status();
  EXPECT_TRUE(array->Equals(**expected)) << array->ToString();
}

TEST(RepDefTest, LevelsOfALeafOfAnyNumberBecomeBits) {
  SplitMix64 random(5);
  const auto path = LeafPath::Flat(arrow::int8());
  const auto page = PageLevels::Make(*path, {kNullableItem}, arrow::int8()).ValueOrDie();
  for (size_t num_levels = 0; num_levels < 70; ++num_levels) {
    LevelVector def;
    int64_t null_count = 0;
    for (size_t i = 0; i < num_levels; ++i) {
      def.push_back(static_cast<uint16_t>(random.Next() % 2));
      null_count += def.back();
    }
    const auto nesting = page.Unravel({nullptr, def.data(), std::ssize(def)}, std::ssize(def),
                                      arrow::default_memory_pool());
    ASSERT_TRUE(nesting.ok()) << nesting.status();
    EXPECT_EQ(nesting->leaf.null_count, null_count);
    EXPECT_EQ(nesting->leaf.bitmap == nullptr, null_count == 0);
    for (size_t i = 0; null_count > 0 && i < num_levels; ++i) {
      EXPECT_EQ(arrow::bit_util::GetBit(nesting->leaf.bitmap->data(), static_cast<int64_t>(i)),
                def[i] == 0)
          << i << " of " << num_levels;
    }
  }
}

TEST(RepDefTest, TheListExampleOfTheSpecificationIsRead) {
  ExpectRows(
      Unravel({{Kind::kList}, {kItem, kNullAndEmptyList}}, {1, 0, 1, 1, 1}, {0, 0, 1, 2, 0}, 3),
      "[[0, 1], null, [], [2]]");
  ExpectRows(Unravel({{Kind::kLargeList}, {kItem, kNullAndEmptyList}}, {1, 0, 1, 1, 1},
                     {0, 0, 1, 2, 0}, 3),
             "[[0, 1], null, [], [2]]");
}

TEST(RepDefTest, TheStructExampleOfTheSpecificationIsRead) {
  ExpectRows(Unravel({{Kind::kStruct}, {kNullableItem, kNullableItem}}, {}, {0, 2, 1, 0}, 4),
             R"([{"": 0}, null, {"": null}, {"": 3}])");
}

TEST(RepDefTest, ListsOfNullableStructsTellTheirNullsApart) {
  // 1: the leaf is null, 2: the struct, 3: the list; 4: the list is empty
  ExpectRows(
      Unravel({{Kind::kList, Kind::kStruct}, {kNullableItem, kNullableItem, kNullAndEmptyList}},
              {1, 0, 0, 1, 1, 1}, {0, 1, 2, 3, 4, 2}, 4),
      R"([[{"": 0}, {"": null}, null], null, [], [null]])");
}

TEST(RepDefTest, AListBelowANullStructIsNull) {
  // 1: the list is null, 2: it is empty, 3: the struct is null
  ExpectRows(Unravel({{Kind::kStruct, Kind::kList}, {kItem, kNullAndEmptyList, kNullableItem}},
                     {1, 0, 1, 1, 1}, {0, 0, 3, 2, 1}, 2),
             R"([{"": [0, 1]}, null, {"": []}, {"": null}])");
}

TEST(RepDefTest, AnAllValidListInsideANullableStructInsideAListIsRead) {
  // 1: the struct is null, 2: the outer list is null
  ExpectRows(Unravel({{Kind::kList, Kind::kStruct, Kind::kList},
                      {kItem, kList, kNullableItem, kNullableList}},
                     {2, 0, 1, 1, 2, 2}, {0, 0, 1, 0, 2, 0}, 4),
             R"([[{"": [0, 1]}, null, {"": [2]}], null, [{"": [3]}]])");
}

TEST(RepDefTest, ListsOfListsKeepEmptyOnesApart) {
  // 1, 2: the inner list is null, empty; 3, 4: the outer one
  ExpectRows(Unravel({{Kind::kList, Kind::kList}, {kItem, kNullAndEmptyList, kNullAndEmptyList}},
                     {2, 0, 1, 1, 2, 2, 2}, {0, 0, 1, 2, 3, 4, 0}, 3),
             "[[[0, 1], null, []], null, [], [[2]]]");
}

TEST(RepDefTest, OneKindOfListHasOneLevel) {
  ExpectRows(Unravel({{Kind::kList}, {kItem, kNullableList}}, {1, 1, 0}, {1, 0, 0}, 2),
             "[null, [0, 1]]");
  ExpectRows(Unravel({{Kind::kList}, {kItem, kEmptyableList}}, {1, 1, 0}, {1, 0, 0}, 2),
             "[[], [0, 1]]");
  ExpectRows(Unravel({{Kind::kList}, {kItem, kList}}, {1, 1, 0, 0, 0, 0, 1}, {}, 7),
             "[[0], [1, 2, 3, 4, 5], [6]]");
}

TEST(RepDefTest, LevelsThatBeginInsideARowSayHowManyListsGoOn) {
  const Case lists{{Kind::kList, Kind::kList}, {kNullableItem, kNullAndEmptyList, kList}};
  ExpectRows(Unravel(lists, {0, 0, 1, 2}, {0, 1, 2, 0}, 3), "[[[0, null], null], [[2]]]", 2);
  ExpectRows(Unravel(lists, {1, 0, 2}, {0, 0, 0}, 3), "[[[0, 1]], [[2]]]", 1);
  ExpectRows(Unravel(lists, {1, 1, 2}, {2, 0, 0}, 2), "[[null, [0]], [[1]]]", 1);
  ExpectRows(Unravel({{Kind::kList, Kind::kStruct}, {kItem, kNullableItem, kNullableList}},
                     {0, 0, 1}, {0, 1, 2}, 2),
             R"([[{"": 0}, null], null])", 1);
}

TEST(RepDefTest, LevelsThatContradictTheLayersAreErrors) {
  const Case list{{Kind::kList}, {kNullableItem, kNullAndEmptyList}};
  const auto is_error = [](const arrow::Result<DecodedRows>& rows) {
    return rows.status().IsSerializationError();
  };
  EXPECT_TRUE(is_error(Unravel(list, {2, 0}, {0, 0}, 2))) << "a list that is not there";
  EXPECT_TRUE(is_error(Unravel(list, {1, 0}, {0, 4}, 2))) << "a layer that is not there";
  EXPECT_TRUE(is_error(Unravel(list, {1, 0}, {0, 2}, 1))) << "a null list inside a list";
  EXPECT_TRUE(is_error(Unravel(list, {1, 0}, {0, 0}, 3))) << "fewer values";
  EXPECT_TRUE(is_error(Unravel(list, {1, 1}, {0, 2}, 2))) << "more values";
  EXPECT_TRUE(is_error(Unravel(list, {}, {0, 0}, 2))) << "no repetition levels";
  EXPECT_TRUE(is_error(Unravel({{}, {kNullableItem}}, {}, {0, 2}, 2)));
  EXPECT_TRUE(is_error(Unravel({{}, {kNullableItem}}, {0, 0}, {0, 0}, 2)));
}

TEST(RepDefTest, LayersThatAreNotThoseOfThePathAreErrors) {
  const auto list = LeafPath::Make({{Kind::kList}}, arrow::int8()).ValueOrDie();
  for (const auto& layers : std::vector<std::vector<RepDefLayer>>{
           {}, {kItem}, {kItem, kItem}, {kList, kItem}, {kItem, kList, kItem}}) {
    EXPECT_TRUE(PageLevels::Make(*list, layers, arrow::int8()).status().IsSerializationError());
  }
  EXPECT_TRUE(PageLevels::Make(*list, {kItem, kNullableList}, arrow::int8()).ok());
  EXPECT_TRUE(PageLevels::Make(*LeafPath::Flat(arrow::int8()), {kList}, arrow::int8())
                  .status()
                  .IsSerializationError());
}

}  // namespace
}  // namespace croupier::format
