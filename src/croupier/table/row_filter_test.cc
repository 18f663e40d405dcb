#include "croupier/table/row_filter.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/memory_pool.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

namespace croupier::table {
namespace {

RowFilter Bound(const arrow::FieldVector& fields, const std::string& filter, bool reads_alone) {
  return RowFilter::Make(*arrow::schema(fields), Expression::Parse(filter).ValueOrDie(),
                         [=](std::span<const int> /*way*/) { return reads_alone; })
      .ValueOrDie();
}

std::vector<std::string> ColumnsOf(const arrow::FieldVector& fields, const std::string& filter,
                                   bool reads_alone = true) {
  return Bound(fields, filter, reads_alone).columns();
}

const auto kInt = arrow::int64();
using Names = std::vector<std::string>;

TEST(RowFilterTest, ReadsTheMembersThatItNamesOrTheirColumn) {
  const auto inner = arrow::struct_({arrow::field("x", kInt), arrow::field("y", kInt)});
  const arrow::FieldVector fields = {
      arrow::field("a", arrow::struct_({arrow::field("b", inner), arrow::field("c", kInt)})),
      arrow::field("n", kInt)};
  EXPECT_EQ(ColumnsOf(fields, "n > 1 and a.b.x = 2 and a.c < n"), Names({"n", "a.c", "a.b.x"}));
  EXPECT_EQ(ColumnsOf(fields, "a.b.x = 2 and a.b is not null"), Names({"a.b"}));
  EXPECT_EQ(ColumnsOf(fields, "a.b.x = 2 and a is not null"), Names({"a"}));
  EXPECT_EQ(ColumnsOf(fields, "a.b.x = 2", /*reads_alone=*/false), Names({"a"}));
  EXPECT_EQ(ColumnsOf(fields, "1 < 2"), Names({"_rowid"}));
}

TEST(RowFilterTest, NamesWithDotsAreNotTakenForMembers) {
  const arrow::FieldVector fields = {
      arrow::field("a", arrow::struct_({arrow::field("b", kInt), arrow::field("c.d", kInt)})),
      arrow::field("a.b", kInt)};
  EXPECT_EQ(ColumnsOf(fields, "a.b = 1"), Names({"a"}));
  EXPECT_EQ(ColumnsOf(fields, "`a.b` = 1"), Names({"a.b"}));
  EXPECT_EQ(ColumnsOf(fields, "a.`c.d` = 1"), Names({"a.c.d"}));
}

TEST(RowFilterTest, AMemberIsNullWhereItsStructIs) {
  const auto filter =
      Bound({arrow::field(
                "a", arrow::struct_({arrow::field("b", kInt, false), arrow::field("c", kInt)}))},
            "a.b is null or a.c = 3", true);
  ASSERT_EQ(filter.columns(), Names({"a.b", "a.c"}));
  arrow::Int64Builder b;
  arrow::Int64Builder c;
  ASSERT_TRUE(b.AppendNull().ok() && b.AppendValues({1, 2}).ok());
  ASSERT_TRUE(c.AppendNull().ok() && c.AppendValues({3, 4}).ok());
  const auto kept = filter
                        .Evaluate({b.Finish().ValueOrDie(), c.Finish().ValueOrDie()}, 3,
                                  arrow::default_memory_pool())
                        .ValueOrDie();
  EXPECT_TRUE(kept->Value(0) && kept->Value(1) && !kept->Value(2));
}

}  // namespace
}  // namespace croupier::table
