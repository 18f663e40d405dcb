#include <memory>
#include <string>
#include <vector>

#include <arrow/table.h>
#include <gtest/gtest.h>

#include "croupier/table.h"
#include "croupier/table/test_tables.h"
#include "croupier/testing/golden.h"

namespace croupier::table {
namespace {

TEST(DescribeTest, ATableIsDescribedByItsManifest) {
  const auto table =
      OpenGoldenTable("deletions_arrow")->Describe(DescriptionDetail::kTable).ValueOrDie();
  EXPECT_EQ(table.location, testing::GoldenPath("tables/deletions_arrow.lance"));
  EXPECT_EQ(table.version, 2u);
  EXPECT_EQ(table.writer, "lance 14.0.2");
  EXPECT_EQ(table.data_format_version, "2.2");
  EXPECT_EQ(table.num_rows, 59);
  EXPECT_EQ(table.num_deleted_rows, 41);
  EXPECT_EQ(table.num_fragments, 4);
  EXPECT_EQ(table.num_data_files, 4);
  EXPECT_EQ(table.num_deletion_files, 4);
  EXPECT_GT(table.data_file_bytes, 0);
  EXPECT_GT(table.timestamp_us, 0);
  EXPECT_FALSE(table.has_stable_row_ids);
  EXPECT_TRUE(table.columns.empty());
  EXPECT_TRUE(table.fragments.empty());
}

TEST(DescribeTest, ColumnsAreAddedUpOverFiles) {
  const auto source = OpenGoldenTable("records");
  const auto table = source->Describe(DescriptionDetail::kColumns).ValueOrDie();
  ASSERT_EQ(table.columns.size(), 6u);
  EXPECT_TRUE(table.fragments.empty());
  const auto& vector = table.columns[0];
  EXPECT_EQ(vector.name, "vector");
  EXPECT_EQ(vector.logical_type, "fixed_size_list:float:72");
  EXPECT_EQ(vector.num_pages, 3);
  EXPECT_EQ(vector.size_bytes, 40 * 72 * 4);
  EXPECT_EQ(vector.encodings.size(), 1u);

  int64_t size_bytes = 0;
  int64_t num_pages = 0;
  const auto pages = source->Describe(DescriptionDetail::kPages).ValueOrDie();
  for (const auto& fragment : pages.fragments) {
    for (const auto& page : fragment.files.at(0).columns.at(0).pages) {
      size_bytes += page.size_bytes;
      num_pages += 1;
      EXPECT_EQ(vector.encodings.count(page.encoding), 1u) << page.encoding;
    }
  }
  EXPECT_EQ(size_bytes, vector.size_bytes);
  EXPECT_EQ(num_pages, vector.num_pages);
}

TEST(DescribeTest, FilesOfFragmentsAreListedWithDroppedColumns) {
  const auto table = OpenGoldenTable("evolved")->Describe(DescriptionDetail::kFiles).ValueOrDie();
  ASSERT_EQ(table.fragments.size(), 2u);
  const auto& first = table.fragments[0];
  EXPECT_EQ(first.num_physical_rows, 10);
  EXPECT_GE(first.files.size(), 2u);
  EXPECT_EQ(first.files[0].version, "2.2");
  EXPECT_GT(first.files[0].size_bytes, 0);
  for (const auto& file : first.files) {
    for (const auto& column : file.columns) EXPECT_TRUE(column.pages.empty());
  }
  std::vector<std::string> names;
  for (const auto& column : table.columns) names.push_back(column.name);
  // In the order of fields: "renamed" has a field of its own since it was cast.
  EXPECT_EQ(names, (std::vector<std::string>{"c", "renamed", "later"}));
}

TEST(DescribeTest, HiddenColumnsHaveNames) {
  const auto table =
      OpenGoldenTable("stable_row_ids_spilled")->Describe(DescriptionDetail::kColumns).ValueOrDie();
  EXPECT_TRUE(table.has_stable_row_ids);
  ASSERT_EQ(table.columns.size(), 4u);
  EXPECT_EQ(table.columns[2].name, "_rowid");
  EXPECT_EQ(table.columns[3].name, "k");
}

TEST(DescribeTest, NestedColumnsAreNamedWithTheFieldsAbove) {
  const auto table = OpenGoldenTable("nested")->Describe(DescriptionDetail::kColumns).ValueOrDie();
  std::vector<std::string> names;
  for (const auto& column : table.columns) names.push_back(column.name);
  EXPECT_EQ(names, (std::vector<std::string>{"i", "l.item", "st.x", "st.y", "m.entries.key",
                                             "m.entries.value", "d", "fs.item.x"}));
}

TEST(DescribeTest, ADamagedFileIsAnErrorThatNamesIt) {
  const auto path = CopyGoldenTable("numbers");
  const auto file = FilesIn(path + "/data").front();
  testing::WriteFile(file, std::vector<uint8_t>(ReadFile(file).size(), 7));
  const auto status =
      OpenLanceTable(path).ValueOrDie()->Describe(DescriptionDetail::kColumns).status();
  EXPECT_TRUE(status.IsSerializationError()) << status;
  EXPECT_NE(status.message().find(file), std::string::npos) << status;
}

TEST(DescribeTest, ATableInMemoryHasRowsAndAVersion) {
  const auto table =
      MakeMemoryTable("t", ReadGoldenRows("numbers")->RemoveColumn(2).ValueOrDie()).ValueOrDie();
  const auto description = table->Describe(DescriptionDetail::kPages).ValueOrDie();
  EXPECT_EQ(description.num_rows, 100);
  EXPECT_EQ(description.version, 1u);
  EXPECT_EQ(description.location, "memory://t");
}

}  // namespace
}  // namespace croupier::table
