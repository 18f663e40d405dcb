#include "croupier/table/find_column.h"

#include <arrow/type.h>
#include <gtest/gtest.h>

#include "croupier/table.h"

namespace croupier::table {
namespace {

std::shared_ptr<arrow::Schema> MakeSchema() {
  const auto inner = arrow::struct_(
      {arrow::field("c.d", arrow::int8()),
       arrow::field("c", arrow::struct_({arrow::field("d", arrow::int16(), false)}))});
  return arrow::schema({arrow::field("i", arrow::int64(), false), arrow::field("a", inner),
                        arrow::field("a.x", arrow::utf8()), arrow::field("l", arrow::list(inner))});
}

TEST(FindColumnTest, MembersOfStructsAreFoundByTheirPath) {
  const auto schema = MakeSchema();
  EXPECT_EQ(FindColumn(*schema, "i").ValueOrDie(), (std::vector<int>{0}));
  EXPECT_EQ(FindColumn(*schema, "a").ValueOrDie(), (std::vector<int>{1}));
  EXPECT_EQ(FindColumn(*schema, "a.c").ValueOrDie(), (std::vector<int>{1, 1}));
}

TEST(FindColumnTest, ANameWithADotComesBeforeAPath) {
  const auto schema = MakeSchema();
  EXPECT_EQ(FindColumn(*schema, "a.x").ValueOrDie(), (std::vector<int>{2}));
  EXPECT_EQ(FindColumn(*schema, "a.c.d").ValueOrDie(), (std::vector<int>{1, 0}));
}

TEST(FindColumnTest, WhatIsNotThereNamesWhatThereIs) {
  const auto schema = MakeSchema();
  const auto message = [&](const std::string& name) {
    const auto status = FindColumn(*schema, name).status();
    EXPECT_TRUE(status.IsKeyError()) << status;
    return status.message();
  };
  EXPECT_NE(message("b").find("the columns are: i, a, a.x, l"), std::string::npos);
  EXPECT_NE(message("a.b").find("the members of 'a' are: c.d, c"), std::string::npos);
  EXPECT_NE(message("l.c").find("'l' has no members"), std::string::npos);
  EXPECT_NE(message("").find("the columns are"), std::string::npos);
  EXPECT_NE(message("a.").find("the members of 'a'"), std::string::npos);
}

TEST(FindColumnTest, AMemberIsNullableIfAStructAboveItIs) {
  const auto projected = ProjectSchema(*MakeSchema(), {"a.c", "i"}).ValueOrDie();
  EXPECT_TRUE(projected->field(0)->nullable());
  EXPECT_EQ(projected->field(0)->name(), "a.c");
  EXPECT_FALSE(projected->field(1)->nullable());
}

}  // namespace
}  // namespace croupier::table
