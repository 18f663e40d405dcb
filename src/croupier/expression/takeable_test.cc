#include "croupier/expression/takeable.h"

#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include <arrow/array/array_nested.h>
#include <arrow/array/array_primitive.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/chunked_array.h>
#include <arrow/compute/api_vector.h>
#include <arrow/compute/initialize.h>
#include <arrow/datum.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

namespace croupier::expression {
namespace {

std::shared_ptr<arrow::Array> Count(int64_t length) {
  std::vector<int64_t> numbers(static_cast<size_t>(length));
  std::iota(numbers.begin(), numbers.end(), 0);
  arrow::Int64Builder builder;
  EXPECT_TRUE(builder.AppendValues(numbers).ok());
  return builder.Finish().ValueOrDie();
}

std::shared_ptr<arrow::Array> Lists(const std::shared_ptr<arrow::Array>& items, int32_t size) {
  return arrow::FixedSizeListArray::FromArrays(items, size).ValueOrDie();
}

// Slices of lists 2 x 3, at each layer, and such slices inside of a struct.
std::vector<std::shared_ptr<arrow::Array>> Slices() {
  const auto inner = Lists(Count(240), 3);
  const auto outer = Lists(inner, 2);
  const auto in_struct = arrow::StructArray::Make(arrow::ArrayVector{outer, Count(40)},
                                                  std::vector<std::string>{"a", "b"})
                             .ValueOrDie();
  return {outer->Slice(8), Lists(inner->Slice(10), 2), Lists(Lists(Count(240)->Slice(60), 3), 2),
          in_struct->Slice(5), Lists(in_struct, 4)->Slice(3)};
}

void ExpectTheRowsOf(const arrow::Array& array, const arrow::Array& taken) {
  ASSERT_EQ(taken.length(), array.length());
  // Not by a comparison of Arrow's, row by row as text.
  for (int64_t row = 0; row < array.length(); ++row) {
    EXPECT_EQ(taken.GetScalar(row).ValueOrDie()->ToString(),
              array.GetScalar(row).ValueOrDie()->ToString());
  }
}

TEST(TakeableTest, RowsOfSlicesAreTheRightOnes) {
  ASSERT_TRUE(arrow::compute::Initialize().ok());
  for (const auto& array : Slices()) {
    const auto takeable = Takeable(array, arrow::default_memory_pool()).ValueOrDie();
    ExpectTheRowsOf(*array, *takeable);
    const auto taken =
        arrow::compute::Take(arrow::Datum(takeable), arrow::Datum(Count(array->length())));
    ExpectTheRowsOf(*array, *taken.ValueOrDie().make_array());
    const auto column = std::make_shared<arrow::ChunkedArray>(array);
    const auto chunks = Takeable(column, arrow::default_memory_pool()).ValueOrDie();
    ExpectTheRowsOf(*array, *chunks->chunk(0));
  }
}

TEST(TakeableTest, AllElseIsGivenBack) {
  const auto unsliced = Lists(Lists(Count(24), 3), 2);
  const auto numbers = Count(24)->Slice(3);
  const auto batch = arrow::RecordBatch::Make(arrow::schema({arrow::field("x", numbers->type())}),
                                              numbers->length(), {numbers});
  auto* pool = arrow::default_memory_pool();
  EXPECT_EQ(Takeable(unsliced, pool).ValueOrDie(), unsliced);
  EXPECT_EQ(Takeable(numbers, pool).ValueOrDie(), numbers);
  EXPECT_EQ(Takeable(batch, pool).ValueOrDie(), batch);
}

TEST(TakeableTest, OnlySuchColumnsOfABatchAreCopied) {
  const auto lists = Slices().front();
  const auto numbers = Count(lists->length() + 1)->Slice(1);
  const auto schema =
      arrow::schema({arrow::field("n", numbers->type()), arrow::field("l", lists->type())});
  const auto batch = arrow::RecordBatch::Make(schema, lists->length(), {numbers, lists});
  const auto takeable = Takeable(batch, arrow::default_memory_pool()).ValueOrDie();
  EXPECT_EQ(takeable->column(0)->data()->buffers[1], numbers->data()->buffers[1]);
  ExpectTheRowsOf(*lists, *takeable->column(1));
  EXPECT_EQ(takeable->column_data(1)->offset, 0);
}

}  // namespace
}  // namespace croupier::expression
