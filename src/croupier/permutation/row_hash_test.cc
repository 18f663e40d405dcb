#include "croupier/permutation/row_hash.h"

#include <cmath>
#include <limits>
#include <memory>
#include <set>

#include <arrow/array.h>
#include <arrow/array/array_dict.h>
#include <arrow/array/builder_binary.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/extension_type.h>
#include <arrow/json/from_string.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

namespace croupier::permutation {
namespace {

using arrow::json::ArrayFromJSONString;

using ArrayPtr = std::shared_ptr<arrow::Array>;
using Hashes = std::vector<uint64_t>;

ArrayPtr FromJson(const std::shared_ptr<arrow::DataType>& type, const std::string& json) {
  return ArrayFromJSONString(type, json).ValueOrDie();
}

Hashes HashesOf(const arrow::ArrayVector& columns, uint64_t start = 0) {
  arrow::FieldVector fields;
  std::vector<int> numbers;
  for (size_t i = 0; i < columns.size(); ++i) {
    fields.push_back(arrow::field(std::to_string(i), columns[i]->type()));
    numbers.push_back(static_cast<int>(i));
  }
  const auto batch = arrow::RecordBatch::Make(arrow::schema(fields), columns[0]->length(), columns);
  EXPECT_TRUE(CheckHashable(*batch->schema()).ok()) << batch->schema()->ToString();
  Hashes hashes(static_cast<size_t>(columns[0]->length()), 99);
  EXPECT_TRUE(HashRows(*batch, numbers, start, hashes).ok());
  return hashes;
}

TEST(RowHashTest, IntegersOfAllWidthsHashAlike) {
  const Hashes expected = HashesOf({FromJson(arrow::int64(), "[0, 1, 100, null]")});
  for (const auto& type :
       {arrow::int8(), arrow::int16(), arrow::int32(), arrow::uint8(), arrow::uint16(),
        arrow::uint32(), arrow::uint64(), arrow::date32(), arrow::time64(arrow::TimeUnit::NANO),
        arrow::duration(arrow::TimeUnit::SECOND), arrow::timestamp(arrow::TimeUnit::MICRO)}) {
    EXPECT_EQ(HashesOf({FromJson(type, "[0, 1, 100, null]")}), expected) << type->ToString();
  }
  EXPECT_EQ(HashesOf({FromJson(arrow::int8(), "[-1, -128]")}),
            HashesOf({FromJson(arrow::int64(), "[-1, -128]")}));
  EXPECT_EQ(HashesOf({FromJson(arrow::boolean(), "[false, true]")}),
            HashesOf({FromJson(arrow::int8(), "[0, 1]")}));
}

TEST(RowHashTest, FloatsOfAllWidthsHashAlike) {
  const Hashes expected = HashesOf({FromJson(arrow::float64(), "[0.5, -2, 1024, null]")});
  EXPECT_EQ(HashesOf({FromJson(arrow::float32(), "[0.5, -2, 1024, null]")}), expected);
  EXPECT_EQ(HashesOf({FromJson(arrow::float16(), "[0.5, -2, 1024, null]")}), expected);
}

TEST(RowHashTest, ZerosAreOneValueAndSoAreNans) {
  arrow::DoubleBuilder builder;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  ASSERT_TRUE(builder.AppendValues({0.0, -0.0, nan, -nan, std::nan("7")}).ok());
  const Hashes hashes = HashesOf({builder.Finish().ValueOrDie()});
  EXPECT_EQ(hashes[0], hashes[1]);
  EXPECT_EQ(hashes[2], hashes[3]);
  EXPECT_EQ(hashes[2], hashes[4]);
  EXPECT_NE(hashes[0], hashes[2]);
}

TEST(RowHashTest, TextsAndBytesOfAllKindsHashAlike) {
  const std::string json = R"(["", "a", "eight888", "nine99999", "ein Märchen", null])";
  const Hashes expected = HashesOf({FromJson(arrow::utf8(), json)});
  for (const auto& type : {arrow::large_utf8(), arrow::utf8_view(), arrow::binary(),
                           arrow::large_binary(), arrow::binary_view()}) {
    EXPECT_EQ(HashesOf({FromJson(type, json)}), expected) << type->ToString();
  }
  EXPECT_EQ(HashesOf({FromJson(arrow::fixed_size_binary(3), R"(["abc", null])")}),
            HashesOf({FromJson(arrow::utf8(), R"(["abc", null])")}));
  EXPECT_EQ(std::set<uint64_t>(expected.begin(), expected.end()).size(), expected.size());
}

TEST(RowHashTest, TextsThatDifferInZerosAtTheEndDiffer) {
  arrow::BinaryBuilder builder;
  for (const std::string_view text :
       {std::string_view("a"), std::string_view("a\0", 2), std::string_view("a\0\0", 3)}) {
    ASSERT_TRUE(builder.Append(text).ok());
  }
  const Hashes hashes = HashesOf({builder.Finish().ValueOrDie()});
  EXPECT_EQ(std::set<uint64_t>(hashes.begin(), hashes.end()).size(), 3u);
}

TEST(RowHashTest, ADictionaryHashesAsItsValues) {
  const auto type = arrow::dictionary(arrow::int8(), arrow::utf8());
  const auto codes = FromJson(arrow::int8(), "[1, 0, null, 2, 1]");
  const auto values = FromJson(arrow::utf8(), R"(["x", "y", null])");
  const auto array = arrow::DictionaryArray::FromArrays(type, codes, values).ValueOrDie();
  EXPECT_EQ(HashesOf({array}),
            HashesOf({FromJson(arrow::utf8(), R"(["y", "x", null, null, "y"])")}));
}

TEST(RowHashTest, ADictionaryIndexOutOfRangeIsAnError) {
  const auto type = arrow::dictionary(arrow::int8(), arrow::utf8());
  const auto codes = FromJson(arrow::int8(), "[5]");
  const auto values = FromJson(arrow::utf8(), R"(["x"])");
  const ArrayPtr array = std::make_shared<arrow::DictionaryArray>(type, codes, values);
  const auto batch = arrow::RecordBatch::Make(arrow::schema({arrow::field("d", type)}), 1, {array});
  const std::vector<int> columns = {0};
  Hashes hashes(1);
  EXPECT_TRUE(HashRows(*batch, columns, 0, hashes).IsIndexError());
}

TEST(RowHashTest, SlicesHashAsTheirRows) {
  const auto dictionary = arrow::dictionary(arrow::int32(), arrow::utf8());
  for (const auto& type : {arrow::int16(), arrow::float32()}) {
    const auto all = FromJson(type, "[1, 2, null, 4, 5]");
    EXPECT_EQ(HashesOf({all->Slice(1, 3)}), HashesOf({FromJson(type, "[2, null, 4]")}));
  }
  for (const auto& type : {arrow::utf8(), arrow::utf8_view(), dictionary}) {
    const auto all = FromJson(type, R"(["a", "b", null, "c", "b"])");
    EXPECT_EQ(HashesOf({all->Slice(1, 3)}), HashesOf({FromJson(type, R"(["b", null, "c"])")}))
        << type->ToString();
  }
  const auto flags = FromJson(arrow::boolean(), "[true, false, null, true]");
  EXPECT_EQ(HashesOf({flags->Slice(1)}),
            HashesOf({FromJson(arrow::boolean(), "[false, null, true]")}));
}

class Meters : public arrow::ExtensionType {
 public:
  Meters() : arrow::ExtensionType(arrow::int32()) {}
  std::string extension_name() const override { return "test.meters"; }
  bool ExtensionEquals(const arrow::ExtensionType&) const override { return true; }
  ArrayPtr MakeArray(std::shared_ptr<arrow::ArrayData> data) const override {
    return std::make_shared<arrow::ExtensionArray>(data);
  }
  arrow::Result<std::shared_ptr<arrow::DataType>> Deserialize(std::shared_ptr<arrow::DataType>,
                                                              const std::string&) const override {
    return std::make_shared<Meters>();
  }
  std::string Serialize() const override { return ""; }
};

TEST(RowHashTest, AnExtensionTypeHashesAsItsStorage) {
  const auto storage = FromJson(arrow::int32(), "[3, null, 4]");
  const auto array = arrow::ExtensionType::WrapArray(std::make_shared<Meters>(), storage);
  EXPECT_EQ(HashesOf({array}), HashesOf({storage}));
  EXPECT_EQ(HashesOf({array->Slice(1)}), HashesOf({storage->Slice(1)}));
}

TEST(RowHashTest, NullsAreAValueOfTheirOwnInEveryType) {
  const Hashes expected = HashesOf({FromJson(arrow::null(), "[null]")});
  EXPECT_EQ(HashesOf({FromJson(arrow::int8(), "[null]")}), expected);
  EXPECT_EQ(HashesOf({FromJson(arrow::utf8(), "[null]")}), expected);
  EXPECT_EQ(HashesOf({FromJson(arrow::decimal128(10, 2), "[null]")}), expected);
  EXPECT_NE(HashesOf({FromJson(arrow::int8(), "[0]")}), expected);
  EXPECT_NE(HashesOf({FromJson(arrow::utf8(), R"(["null"])")}), expected);
}

TEST(RowHashTest, ColumnsCountInTheirOrderAndTheStartCounts) {
  const auto a = FromJson(arrow::int8(), "[1]");
  const auto b = FromJson(arrow::int8(), "[2]");
  const std::set<Hashes> different = {HashesOf({a}), HashesOf({b}), HashesOf({a, b}),
                                      HashesOf({b, a}), HashesOf({a, b}, 7)};
  EXPECT_EQ(different.size(), 5u);
  // Texts do not run into each other.
  EXPECT_NE(HashesOf({FromJson(arrow::utf8(), R"(["ab"])"), FromJson(arrow::utf8(), R"(["c"])")}),
            HashesOf({FromJson(arrow::utf8(), R"(["a"])"), FromJson(arrow::utf8(), R"(["bc"])")}));
}

TEST(RowHashTest, ColumnsWithoutAHashAreNamed) {
  for (const auto& type :
       {arrow::list(arrow::int8()), arrow::struct_({arrow::field("a", arrow::int8())}),
        arrow::dictionary(arrow::int8(), arrow::list(arrow::int8()))}) {
    const auto status =
        CheckHashable(*arrow::schema({arrow::field("i", arrow::int8()), arrow::field("x", type)}));
    EXPECT_TRUE(status.IsTypeError());
    EXPECT_NE(status.message().find("'x'"), std::string::npos) << status;
    EXPECT_NE(status.message().find(type->ToString()), std::string::npos) << status;
  }
}

}  // namespace
}  // namespace croupier::permutation
