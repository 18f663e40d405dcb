#include <memory>
#include <string>
#include <vector>

#include <arrow/array.h>
#include <arrow/array/builder_dict.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/array/concatenate.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include "croupier/table.h"
#include "croupier/table/test_tables.h"

namespace croupier::table {
namespace {

std::shared_ptr<arrow::Array> Integers(int64_t count) {
  arrow::Int64Builder builder;
  for (int64_t i = 0; i < count; ++i) {
    EXPECT_TRUE((i % 4 == 3 ? builder.AppendNull() : builder.Append(i)).ok());
  }
  return builder.Finish().ValueOrDie();
}

// A column of any type: alternately a value and a null.
std::shared_ptr<arrow::Array> ValuesAndNulls(const std::shared_ptr<arrow::DataType>& type) {
  arrow::ArrayVector parts;
  for (int i = 0; i < 10; ++i) {
    parts.push_back(i % 2 == 1 ? arrow::MakeArrayOfNull(type, 1).ValueOrDie()
                               : arrow::MakeEmptyArray(type).ValueOrDie());
    if (i % 2 == 1) continue;
    auto builder = arrow::MakeBuilder(type).ValueOrDie();
    EXPECT_TRUE(builder->AppendEmptyValue().ok());
    parts.push_back(builder->Finish().ValueOrDie());
  }
  return arrow::Concatenate(parts).ValueOrDie();
}

std::shared_ptr<const TableSource> TableOf(const std::shared_ptr<arrow::Array>& array) {
  const auto schema = arrow::schema({arrow::field("x", array->type())});
  return MakeMemoryTable("t", arrow::Table::Make(schema, {array})).ValueOrDie();
}

arrow::Status StatusOfColumns(const std::vector<std::string>& names) {
  arrow::FieldVector fields;
  for (const auto& name : names) fields.push_back(arrow::field(name, arrow::int64()));
  const arrow::ArrayVector arrays(names.size(), Integers(3));
  return MakeMemoryTable("t", arrow::Table::Make(arrow::schema(fields), arrays)).status();
}

TEST(MemoryTableTest, IsLocatedByItsName) {
  EXPECT_EQ(TableOf(Integers(1))->location(), "memory://t");
}

TEST(MemoryTableTest, TwoColumnsOfOneNameAreInvalid) {
  const auto status = StatusOfColumns({"a", "b", "a"});
  EXPECT_TRUE(status.IsInvalid());
  EXPECT_EQ(status.message(), "two columns have the name 'a'");
}

TEST(MemoryTableTest, AColumnNamedAsTheRowIdIsInvalid) {
  EXPECT_TRUE(StatusOfColumns({"a", kRowIdColumn}).IsInvalid());
}

TEST(MemoryTableTest, ColumnsOfDifferentLengthsAreInvalid) {
  const auto schema =
      arrow::schema({arrow::field("a", arrow::int64()), arrow::field("b", arrow::int64())});
  const auto rows = arrow::Table::Make(schema, {Integers(3), Integers(4)}, 3);
  EXPECT_TRUE(MakeMemoryTable("t", rows).status().IsInvalid());
}

TEST(MemoryTableTest, EveryTypeIsTakenAndScanned) {
  const auto& text = arrow::utf8();
  for (const auto& type : std::vector<std::shared_ptr<arrow::DataType>>{
           arrow::null(),
           arrow::boolean(),
           arrow::int8(),
           arrow::uint64(),
           arrow::float16(),
           arrow::float64(),
           text,
           arrow::large_utf8(),
           arrow::binary(),

           arrow::fixed_size_binary(3),
           arrow::date32(),
           arrow::date64(),
           arrow::time32(arrow::TimeUnit::MILLI),
           arrow::time64(arrow::TimeUnit::NANO),
           arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"),
           arrow::duration(arrow::TimeUnit::SECOND),
           arrow::decimal128(10, 2),
           arrow::decimal256(50, 3),
           arrow::list(arrow::int32()),
           arrow::large_list(text),
           arrow::fixed_size_list(arrow::float32(), 4),
           arrow::struct_({arrow::field("x", text)}),
           arrow::map(text, arrow::int32())}) {
    SCOPED_TRACE(type->ToString());
    const auto array = ValuesAndNulls(type);
    const auto table = TableOf(array);
    const auto taken = table->Take(std::vector<uint64_t>{1, 8, 8, 3}, {"x"});
    ASSERT_TRUE(taken.ok()) << taken.status();
    ASSERT_TRUE((*taken)->ValidateFull().ok());
    const auto expected = arrow::Concatenate({array->Slice(1, 1), array->Slice(8, 1),
                                              array->Slice(8, 1), array->Slice(3, 1)})
                              .ValueOrDie();
    EXPECT_TRUE((*taken)->column(0)->Equals(expected));
    const auto scanned = ScanAll(*table, {{}, {"x"}, 3});
    ASSERT_TRUE(scanned.ok()) << scanned.status();
    EXPECT_TRUE((*scanned)->column(0)->Equals(arrow::ChunkedArray(array)));
  }
}

TEST(MemoryTableTest, ChunksWithDictionariesOfTheirOwnAreTaken) {
  arrow::ArrayVector chunks;
  for (const std::string word : {"a", "b", "a"}) {
    arrow::StringDictionaryBuilder builder;
    ASSERT_TRUE(builder.AppendNull().ok());
    ASSERT_TRUE(builder.Append(word).ok());
    chunks.push_back(builder.Finish().ValueOrDie());
  }
  const auto schema = arrow::schema({arrow::field("x", chunks[0]->type())});
  const auto column = std::make_shared<arrow::ChunkedArray>(chunks);
  const auto table = MakeMemoryTable("t", arrow::Table::Make(schema, {column})).ValueOrDie();
  const auto taken = table->Take(std::vector<uint64_t>{5, 3, 0, 1}, {"x"});
  ASSERT_TRUE(taken.ok()) << taken.status();
  const auto& words = static_cast<const arrow::DictionaryArray&>(*(*taken)->column(0));
  const auto& dictionary = static_cast<const arrow::StringArray&>(*words.dictionary());
  EXPECT_TRUE(words.ValidateFull().ok());
  EXPECT_EQ(dictionary.GetView(words.GetValueIndex(0)), "a");
  EXPECT_EQ(dictionary.GetView(words.GetValueIndex(1)), "b");
  EXPECT_TRUE(words.IsNull(2));
  EXPECT_EQ(dictionary.GetView(words.GetValueIndex(3)), "a");
}

TEST(MemoryTableTest, AColumnThatArrowCannotTakeIsNamedWithItsType) {
  const auto status =
      TableOf(ValuesAndNulls(arrow::utf8_view()))->Take(std::vector<uint64_t>{1}, {"x"}).status();
  EXPECT_TRUE(status.IsNotImplemented());
  EXPECT_TRUE(status.message().starts_with("column 'x' (string_view): ")) << status;
}

TEST(MemoryTableTest, ASliceOfATableIsATableOfItsOwn) {
  const auto schema = arrow::schema({arrow::field("x", arrow::int64())});
  const auto rows = arrow::Table::Make(schema, {Integers(100)})->Slice(40, 20);
  const auto table = MakeMemoryTable("t", rows).ValueOrDie();
  EXPECT_EQ(table->CountRows().ValueOrDie(), 20);
  const auto taken = table->Take(std::vector<uint64_t>{19, 0}, {"x", kRowIdColumn}).ValueOrDie();
  EXPECT_TRUE(taken->column(0)->GetScalar(0).ValueOrDie()->is_valid == false);
  EXPECT_TRUE(taken->column(0)->GetScalar(1).ValueOrDie()->Equals(arrow::Int64Scalar(40)));
  EXPECT_TRUE(taken->column(1)->GetScalar(0).ValueOrDie()->Equals(arrow::UInt64Scalar(19)));
  EXPECT_TRUE(table->Take(std::vector<uint64_t>{20}, {"x"}).status().IsIndexError());
}

TEST(MemoryTableTest, RowsOfSlicesOfNestedFixedSizeListsAreTheRightOnes) {
  arrow::Int64Builder builder;
  for (int64_t i = 0; i < 60; ++i) ASSERT_TRUE(builder.Append(i).ok());
  auto array = builder.Finish().ValueOrDie();
  for (int i = 0; i < 2; ++i) array = arrow::FixedSizeListArray::FromArrays(array, 2).ValueOrDie();
  array = array->Slice(4);
  const std::vector<uint64_t> row_ids = {3, 0, 3};
  const auto taken = TableOf(array)->Take(row_ids, {"x"}).ValueOrDie()->column(0);
  for (size_t i = 0; i < row_ids.size(); ++i) {
    EXPECT_TRUE(taken->RangeEquals(*array, static_cast<int64_t>(i), static_cast<int64_t>(i) + 1,
                                   static_cast<int64_t>(row_ids[i])));
  }
}

TEST(MemoryTableTest, ATableWithoutRowsIsRead) {
  const auto table = TableOf(Integers(0));
  EXPECT_EQ(table->CountRows().ValueOrDie(), 0);
  EXPECT_EQ(ScanAll(*table, {{}, {"x", kRowIdColumn}}).ValueOrDie()->num_rows(), 0);
  EXPECT_EQ(table->Take({}, {"x"}).ValueOrDie()->num_rows(), 0);
  EXPECT_EQ(table->RowIds().ValueOrDie()->num_rows(), 0);
}

TEST(MemoryTableTest, ATableWithoutColumnsHasRowIds) {
  const auto rows = arrow::Table::Make(arrow::schema({}), arrow::ChunkedArrayVector{}, 7);
  const auto table = MakeMemoryTable("t", rows).ValueOrDie();
  const auto scanned = ScanAll(*table, {{}, {kRowIdColumn}, 3}).ValueOrDie();
  EXPECT_EQ(RowIdsOf(*scanned), (std::vector<uint64_t>{0, 1, 2, 3, 4, 5, 6}));
}

}  // namespace
}  // namespace croupier::table
