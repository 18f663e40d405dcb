#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <arrow/array/array_base.h>
#include <arrow/array/array_dict.h>
#include <arrow/array/concatenate.h>
#include <arrow/chunked_array.h>
#include <arrow/io/file.h>
#include <arrow/ipc/reader.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include "croupier/base/hash.h"
#include "croupier/format/page/page_test_reader.h"
#include "croupier/testing/golden.h"

namespace croupier::format {
namespace {

constexpr uint64_t kSeed = 20;

arrow::Result<std::shared_ptr<arrow::Table>> ReadExpected(const std::string& name) {
  const auto path = testing::GoldenPath("pages/" + name + ".arrow");
  ARROW_ASSIGN_OR_RAISE(auto file, arrow::io::ReadableFile::Open(path));
  ARROW_ASSIGN_OR_RAISE(auto reader, arrow::ipc::RecordBatchFileReader::Open(file));
  return reader->ToTable();
}

// Whether two arrays have the same type and values. Dictionaries may differ, but not what they say.
::testing::AssertionResult SameValues(const arrow::Array& array, const arrow::Array& expected) {
  if (expected.type_id() != arrow::Type::DICTIONARY) {
    if (array.Equals(expected)) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << array.Diff(expected);
  }
  if (!array.type()->Equals(expected.type()) || array.length() != expected.length()) {
    return ::testing::AssertionFailure() << array.type()->ToString() << " of " << array.length();
  }
  const auto& left = static_cast<const arrow::DictionaryArray&>(array);
  const auto& right = static_cast<const arrow::DictionaryArray&>(expected);
  for (int64_t row = 0; row < left.length(); ++row) {
    if (left.IsNull(row) != right.IsNull(row)) {
      return ::testing::AssertionFailure() << "row " << row << " is null in one";
    }
    if (left.IsNull(row)) continue;
    const int64_t index = left.GetValueIndex(row);
    if (!left.dictionary()->RangeEquals(*right.dictionary(), index, index + 1,
                                        right.GetValueIndex(row))) {
      return ::testing::AssertionFailure() << "row " << row << " differs";
    }
  }
  return ::testing::AssertionSuccess();
}

// Runs of rows that cover all of them once, in a random order, each row to the slot of its number.
std::vector<RowRun> ScatteredRuns(int64_t num_rows, uint32_t max_run) {
  SplitMix64 random(kSeed);
  std::vector<RowRun> runs;
  for (uint32_t row = 0; row < num_rows;) {
    const auto left = static_cast<uint32_t>(num_rows) - row;
    const auto count = std::min(left, 1 + static_cast<uint32_t>(random.Next() % max_run));
    runs.push_back({row, row, count});
    row += count;
  }
  for (size_t i = runs.size(); i > 1; --i) std::swap(runs[i - 1], runs[random.Next() % i]);
  return runs;
}

struct GoldenFile {
  std::string table;
  std::string version;
};

void PrintTo(const GoldenFile& file, std::ostream* out) { *out << file.table << file.version; }

struct Column {
  std::shared_ptr<arrow::Field> field;
  std::span<const std::shared_ptr<const ColumnMetadata>> leaves;
};

class GoldenPagesTest : public ::testing::TestWithParam<GoldenFile> {
 protected:
  void SetUp() override {
    const auto bytes =
        testing::ReadGolden("pages/" + GetParam().table + GetParam().version + ".lance");
    auto file = TestFile::Parse(bytes);
    ASSERT_TRUE(file.ok()) << file.status();
    file_ = *std::move(file);
    auto expected = ReadExpected(GetParam().table);
    ASSERT_TRUE(expected.ok()) << expected.status();
    expected_ = *std::move(expected);
    auto leaves = LeavesOf(expected_->schema()->fields());
    ASSERT_TRUE(leaves.ok()) << leaves.status();
    ASSERT_EQ(file_.columns.size(), leaves->size());
  }

  // Call `check` with every column, its expected values and its name.
  template <typename Check>
  void ForEachColumn(const Check& check) {
    std::span<const std::shared_ptr<const ColumnMetadata>> left = file_.columns;
    for (int i = 0; i < expected_->num_columns(); ++i) {
      SCOPED_TRACE(expected_->field(i)->name());
      const auto values = arrow::Concatenate(expected_->column(i)->chunks()).ValueOrDie();
      const size_t num_leaves = LeavesOf({expected_->field(i)}).ValueOrDie().size();
      check(Column{expected_->field(i), left.first(num_leaves)}, *values);
      left = left.subspan(num_leaves);
    }
  }

  arrow::Result<std::shared_ptr<arrow::Array>> Read(const Column& column,
                                                    std::span<const RowRun> runs,
                                                    int64_t num_slots) const {
    return ReadNestedRows(file_.bytes, column.leaves, column.field, runs, num_slots);
  }

  TestFile file_;
  std::shared_ptr<arrow::Table> expected_;
};

TEST_P(GoldenPagesTest, AScanGivesTheValuesThatWereWritten) {
  ForEachColumn([&](const Column& column, const arrow::Array& expected) {
    const RowRun all{0, 0, static_cast<uint32_t>(expected.length())};
    const auto array = Read(column, {&all, 1}, expected.length());
    ASSERT_TRUE(array.ok()) << array.status();
    EXPECT_TRUE(SameValues(**array, expected));
  });
}

TEST_P(GoldenPagesTest, SingleRowsInRandomOrderGiveTheSame) {
  ForEachColumn([&](const Column& column, const arrow::Array& expected) {
    const auto runs = ScatteredRuns(expected.length(), 1);
    const auto array = Read(column, runs, expected.length());
    ASSERT_TRUE(array.ok()) << array.status();
    EXPECT_TRUE(SameValues(**array, expected));
  });
}

TEST_P(GoldenPagesTest, ShortRunsInRandomOrderGiveTheSame) {
  ForEachColumn([&](const Column& column, const arrow::Array& expected) {
    const auto runs = ScatteredRuns(expected.length(), 9);
    const auto array = Read(column, runs, expected.length());
    ASSERT_TRUE(array.ok()) << array.status();
    EXPECT_TRUE(SameValues(**array, expected));
  });
}

TEST_P(GoldenPagesTest, RowsGoToTheSlotsTheyAreGivenAndMayRepeat) {
  ForEachColumn([&](const Column& column, const arrow::Array& expected) {
    // Backwards, and each row twice.
    std::vector<RowRun> runs;
    const auto num_rows = static_cast<uint32_t>(expected.length());
    for (uint32_t slot = 0; slot < 2 * num_rows; ++slot) {
      runs.push_back({num_rows - 1 - slot / 2, slot, 1});
    }
    const auto array = Read(column, runs, 2 * expected.length());
    ASSERT_TRUE(array.ok()) << array.status();
    for (const RowRun& run : runs) {
      ASSERT_TRUE(SameValues(*(*array)->Slice(run.slot, 1), *expected.Slice(run.row, 1)))
          << run.slot;
    }
  });
}

std::vector<GoldenFile> GoldenFiles() {
  std::vector<GoldenFile> files;
  for (const auto* table :
       {"types", "full_zip", "compressed", "encodings", "constants", "many_pages", "nested",
        "nested_many_pages", "dictionaries", "dictionary_pages", "packed"}) {
    files.push_back({table, "_v2_1"});
    files.push_back({table, "_v2_2"});
  }
  files.push_back({"nested_2_2", "_v2_2"});
  files.push_back({"packed_variable", "_v2_2"});
  for (const auto* table : {"types", "strings", "compressed_strings", "wide", "many_pages"}) {
    files.push_back({table, "_v2_0"});
  }
  for (const auto* table : {"old_types", "strings", "many_pages"}) {
    files.push_back({table, "_v2_0_0_18_2"});
  }
  for (const auto* table : {"types", "compressed_strings"}) {
    files.push_back({table, "_v2_0_0_23_2"});
  }
  return files;
}

INSTANTIATE_TEST_SUITE_P(Files, GoldenPagesTest, ::testing::ValuesIn(GoldenFiles()),
                         [](const auto& info) { return info.param.table + info.param.version; });

}  // namespace
}  // namespace croupier::format
