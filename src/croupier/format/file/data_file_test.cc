#include "croupier/format/file/data_file.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "croupier/format/encoding/test_arrays.h"
#include "croupier/format/wire/test_messages.h"
#include "croupier/testing/golden.h"

namespace croupier::format {
namespace {

using test::ByteVector;
using test::Message;
using ColumnResult = arrow::Result<std::shared_ptr<const ColumnMetadata>>;

constexpr const char* kSmallFile =
    "tables/numbers.lance/data/0000111111111010011100115962d54bb9afdf24294e538d0e.lance";

// What a reader knows of a file before it reads values.
struct OpenedFile {
  FileFooter footer;
  ColumnDirectory directory;
  std::vector<std::shared_ptr<const ColumnMetadata>> columns;
};

arrow::Result<OpenedFile> Open(std::span<const uint8_t> file) {
  const auto slice = [file](ByteRange range) {
    return file.subspan(static_cast<size_t>(range.offset_bytes),
                        static_cast<size_t>(range.size_bytes));
  };
  const int64_t size = std::ssize(file);
  OpenedFile opened;
  ARROW_ASSIGN_OR_RAISE(opened.footer, FileFooter::Parse(file, size));
  const auto tables = slice(ColumnDirectory::Range(opened.footer, size));
  ARROW_ASSIGN_OR_RAISE(opened.directory, ColumnDirectory::Parse(tables, opened.footer, size));
  for (const ByteRange range : opened.directory.columns) {
    ARROW_ASSIGN_OR_RAISE(auto column, ColumnMetadata::Parse(slice(range), opened.footer, size));
    opened.columns.push_back(std::move(column));
  }
  return opened;
}

// Whatever the bytes hold: an error of the right kind, or ranges and rows that can be used.
void ExpectSound(const arrow::Result<OpenedFile>& opened, int64_t file_size) {
  if (!opened.ok()) {
    EXPECT_TRUE(opened.status().IsSerializationError() || opened.status().IsNotImplemented())
        << opened.status();
    return;
  }
  const auto lies_inside = [file_size](ByteRange range) {
    return range.offset_bytes >= 0 && range.size_bytes >= 0 &&
           range.size_bytes <= file_size - range.offset_bytes;
  };
  const auto& directory = opened->directory;
  ASSERT_EQ(directory.columns.size(), opened->footer.num_columns);
  ASSERT_EQ(directory.global_buffers.size(), opened->footer.num_global_buffers);
  EXPECT_TRUE(std::all_of(directory.columns.begin(), directory.columns.end(), lies_inside));
  EXPECT_TRUE(
      std::all_of(directory.global_buffers.begin(), directory.global_buffers.end(), lies_inside));
  for (const auto& column : opened->columns) {
    int64_t num_rows = 0;
    for (const PageMetadata& page : column->pages) {
      EXPECT_EQ(page.first_row, num_rows);
      EXPECT_GT(page.num_rows, 0);
      num_rows += page.num_rows;
      EXPECT_TRUE(std::all_of(page.buffers.begin(), page.buffers.end(), lies_inside));
      EXPECT_FALSE(Describe(page.layout).empty());
    }
    EXPECT_EQ(column->num_rows(), num_rows);
  }
}

std::vector<std::string> GoldenFiles() {
  std::vector<std::string> paths;
  const std::filesystem::path root = testing::GoldenPath("");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    const auto path = std::filesystem::relative(entry.path(), root).string();
    if (entry.is_regular_file() && entry.path().extension() == ".lance") paths.push_back(path);
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

// --- Files of the reference writer.

TEST(GoldenDataFileTest, AllColumnsOfAFileHaveTheSameRows) {
  const auto paths = GoldenFiles();
  EXPECT_GE(paths.size(), 20u);
  for (const auto& path : paths) {
    SCOPED_TRACE(path);
    const auto bytes = testing::ReadGolden(path);
    const auto opened = Open(bytes);
    ASSERT_TRUE(opened.ok()) << opened.status();
    ExpectSound(opened, std::ssize(bytes));
    for (const auto& column : opened->columns) {
      // Pages below lists (in format 2.0), or below a fixed-size list of structs, count items.
      if (path.find("nested") != std::string::npos) continue;
      if (path.find("mixed") != std::string::npos) continue;
      if (path.find("text_0_12") != std::string::npos) continue;
      EXPECT_EQ(column->num_rows(), opened->columns[0]->num_rows());
    }
  }
}

TEST(GoldenDataFileTest, PagesSayHowTheyAreLaidOut) {
  const auto opened = Open(testing::ReadGolden(kSmallFile));
  ASSERT_TRUE(opened.ok()) << opened.status();
  ASSERT_EQ(opened->columns.size(), 2u);
  ASSERT_EQ(opened->columns[0]->pages.size(), 1u);
  EXPECT_EQ(opened->columns[0]->num_rows(), 100);
  EXPECT_EQ(Describe(opened->columns[0]->pages[0].layout), "mini-block(flat(32))");
  EXPECT_EQ(Describe(opened->columns[1]->pages[0].layout), "mini-block(variable(flat(32)))");
  EXPECT_EQ(opened->directory.global_buffers.size(), 1u);
}

TEST(GoldenDataFileTest, PagesFollowOneAnother) {
  const auto opened = Open(testing::ReadGolden("pages/many_pages_v2_2.lance"));
  ASSERT_TRUE(opened.ok()) << opened.status();
  for (const auto& column : opened->columns) EXPECT_GT(column->pages.size(), 1u);
}

TEST(HostileDataFileTest, EveryTruncationIsAnError) {
  test::ForEachTruncation(testing::ReadGolden(kSmallFile), [](const ByteVector& cut) {
    EXPECT_TRUE(Open(cut).status().IsSerializationError()) << cut.size();
  });
}

TEST(HostileDataFileTest, AFileThatLostItsFrontIsAnError) {
  const auto whole = testing::ReadGolden(kSmallFile);
  for (size_t lost = 1; lost <= whole.size(); ++lost) {
    const ByteVector cut(whole.begin() + static_cast<int64_t>(lost), whole.end());
    EXPECT_TRUE(Open(cut).status().IsSerializationError()) << lost;
  }
}

TEST(HostileDataFileTest, EveryChangedByteOfTheMetadataGivesAnErrorOrASoundFile) {
  for (const auto& path : GoldenFiles()) {
    SCOPED_TRACE(path);
    const auto bytes = testing::ReadGolden(path);
    const auto footer = FileFooter::Parse(bytes, std::ssize(bytes)).ValueOrDie();
    // Large metadata is sampled, so that this takes seconds.
    const auto begin = static_cast<size_t>(footer.column_metadata_start);
    const size_t stride = 1 + (bytes.size() - begin) / 200;
    test::ForEachChangedByte(bytes, begin, stride, [](const ByteVector& changed, size_t place) {
      SCOPED_TRACE(place);
      ExpectSound(Open(changed), std::ssize(changed));
    });
  }
}

// --- The tables at the end.

constexpr FileFooter kFooter = {.column_metadata_start = 100,
                                .column_metadata_offsets_start = 150,
                                .global_buffer_offsets_start = 166,
                                .num_global_buffers = 1,
                                .num_columns = 1,
                                .major_version = 2,
                                .minor_version = 2};
constexpr int64_t kFileSize = 166 + 16 + FileFooter::kEncodedBytes;

ByteVector Tables(ByteRange column, ByteRange global_buffer) {
  ByteVector bytes;
  for (const ByteRange range : {column, global_buffer}) {
    test::AppendValue(&bytes, range.offset_bytes);
    test::AppendValue(&bytes, range.size_bytes);
  }
  return bytes;
}

arrow::Status ParseTables(ByteRange column, ByteRange global_buffer) {
  return ColumnDirectory::Parse(Tables(column, global_buffer), kFooter, kFileSize).status();
}

TEST(ColumnDirectoryTest, TheTablesLieBetweenTheMetadataAndTheFooter) {
  EXPECT_EQ(ColumnDirectory::Range(kFooter, kFileSize), (ByteRange{150, 32}));
  const auto directory =
      ColumnDirectory::Parse(Tables({100, 50}, {64, 30}), kFooter, kFileSize).ValueOrDie();
  EXPECT_EQ(directory.columns, (std::vector<ByteRange>{{100, 50}}));
  EXPECT_EQ(directory.global_buffers, (std::vector<ByteRange>{{64, 30}}));
}

TEST(ColumnDirectoryTest, ColumnMetadataOutsideItsPlaceIsAnError) {
  for (const ByteRange range :
       {ByteRange{99, 10}, ByteRange{100, 51}, ByteRange{151, 0}, ByteRange{150, 1},
        ByteRange{-1, 1}, ByteRange{100, -1}, ByteRange{INT64_MAX, INT64_MAX}}) {
    EXPECT_TRUE(ParseTables(range, {0, 0}).IsSerializationError()) << range.offset_bytes;
  }
}

TEST(ColumnDirectoryTest, GlobalBuffersAmongTheTablesAreErrors) {
  for (const ByteRange range :
       {ByteRange{0, 151}, ByteRange{151, 0}, ByteRange{-1, 1}, ByteRange{1, -1}}) {
    EXPECT_TRUE(ParseTables({100, 0}, range).IsSerializationError()) << range.offset_bytes;
  }
}

TEST(ColumnDirectoryTest, TablesOfAnotherSizeAreErrors) {
  const auto tables = Tables({100, 50}, {64, 30});
  ASSERT_TRUE(ColumnDirectory::Parse(tables, kFooter, kFileSize).ok());
  test::ForEachTruncation(tables, [](const ByteVector& cut) {
    EXPECT_TRUE(ColumnDirectory::Parse(cut, kFooter, kFileSize).status().IsSerializationError())
        << cut.size();
  });
}

// --- Column metadata by hand.

// Encoding{direct{Any{type_url, value}}}
Message Direct(std::string_view type_url, const Message& value) {
  return Message().Child(2, Message().Child(1, Message().Text(1, type_url).Child(2, value)));
}

// A mini-block layout of flat int32s, with chunk words of 2.2 or 2.1.
Message FlatMiniBlock(bool has_large_chunk) {
  const auto flat = Message().Child(1, Message().Number(1, 32));
  return Message().Child(
      1, Message().Child(3, flat).Packed(6, {1}).Number(7, 1).Number(9, 4).Number(10,
                                                                                  has_large_chunk));
}

Message PageEncoding() { return Direct("/lance.encodings21.PageLayout", FlatMiniBlock(true)); }

Message Page(const std::vector<uint64_t>& offsets, const std::vector<uint64_t>& sizes,
             uint64_t num_rows) {
  return Message().Packed(1, offsets).Packed(2, sizes).Number(3, num_rows).Child(4, PageEncoding());
}

ColumnResult ParseColumn(const Message& column) {
  return ColumnMetadata::Parse(column.bytes(), kFooter, kFileSize);
}

ColumnResult ParsePage(const Message& page) { return ParseColumn(Message().Child(2, page)); }

TEST(ColumnMetadataTest, APageKeepsWhatItsMessageSays) {
  const auto column = ParsePage(Page({0, 64}, {4, 24}, 4));
  ASSERT_TRUE(column.ok()) << column.status();
  ASSERT_EQ((*column)->pages.size(), 1u);
  const PageMetadata& page = (*column)->pages[0];
  EXPECT_EQ(page.first_row, 0);
  EXPECT_EQ(page.num_rows, 4);
  EXPECT_EQ(page.buffers, (std::vector<ByteRange>{{0, 4}, {64, 24}}));
  EXPECT_EQ(Describe(page.layout), "mini-block(flat(32))");
}

TEST(ColumnMetadataTest, RepeatedNumbersNeedNotBePacked) {
  const auto page =
      Message().Number(1, 8).Number(1, 64).Number(2, 4).Number(2, 24).Number(3, 4).Child(
          4, PageEncoding());
  const auto column = ParsePage(page);
  ASSERT_TRUE(column.ok()) << column.status();
  EXPECT_EQ((*column)->pages[0].buffers, (std::vector<ByteRange>{{8, 4}, {64, 24}}));
}

// A column of format 2.0: its encoding and pages of four rows each.
ColumnResult ParseColumnOf20(const Message& column_encoding, const std::vector<Message>& pages) {
  auto column = Message().Child(1, Direct("/lance.encodings.ColumnEncoding", column_encoding));
  for (const auto& page : pages) {
    column.Child(2,
                 Message().Number(3, 4).Child(4, Direct("/lance.encodings.ArrayEncoding", page)));
  }
  FileFooter footer = kFooter;
  footer.major_version = 0;
  footer.minor_version = 3;
  return ColumnMetadata::Parse(column.bytes(), footer, kFileSize);
}

const Message kValuesColumn = Message().Child(1);

TEST(ColumnMetadataTest, PagesOfFormat20AreTreesOfArrays) {
  const auto column = ParseColumnOf20(kValuesColumn, {test::FlatArrayOf(32, 0)});
  ASSERT_TRUE(column.ok()) << column.status();
  EXPECT_EQ(Describe((*column)->pages.at(0).layout), "flat(32)");
  EXPECT_TRUE(ParseColumn(Message().Child(2, Message().Number(3, 4).Child(
                                                 4, Direct("/lance.encodings.ArrayEncoding",
                                                           test::FlatArrayOf(32, 0)))))
                  .status()
                  .IsNotImplemented());
}

TEST(ColumnMetadataTest, ItemsOfListsFollowThoseOfThePageBefore) {
  const auto lists = [](uint64_t num_items) {
    return test::ListArrayOf(test::FlatArrayOf(64, 0), num_items + 1, num_items);
  };
  const auto column = ParseColumnOf20(kValuesColumn, {lists(7), lists(0), lists(5)});
  ASSERT_TRUE(column.ok()) << column.status();
  EXPECT_EQ((*column)->pages.at(1).first_item, 7);
  EXPECT_EQ((*column)->pages.at(2).first_item, 7);
  EXPECT_EQ((*column)->num_items, 12);
  const uint64_t huge = uint64_t{1} << 60;
  EXPECT_TRUE(
      ParseColumnOf20(kValuesColumn, {lists(huge), lists(huge)}).status().IsSerializationError());
}

TEST(ColumnMetadataTest, AColumnOfFormat20SaysThatItHoldsBlobs) {
  const auto descriptors =
      test::PackedStructArrayOf({test::FlatArrayOf(64, 0), test::FlatArrayOf(64, 0)}, 0);
  const Message blobs = Message().Child(3, Message().Child(1, kValuesColumn));
  const auto column = ParseColumnOf20(blobs, {descriptors});
  ASSERT_TRUE(column.ok()) << column.status();
  EXPECT_EQ(Describe((*column)->pages.at(0).layout), "blob(packed_struct(flat(64), flat(64)))");
}

TEST(ColumnMetadataTest, PagesFollowOneAnotherAndEmptyOnesAreLeftOut) {
  const auto column = ParseColumn(Message()
                                      .Child(2, Page({}, {}, 4))
                                      .Child(2, Message().Number(3, 0))
                                      .Child(2, Page({}, {}, 6)));
  ASSERT_TRUE(column.ok()) << column.status();
  ASSERT_EQ((*column)->pages.size(), 2u);
  EXPECT_EQ((*column)->pages[1].first_row, 4);
  EXPECT_EQ((*column)->num_rows(), 10);
}

TEST(ColumnMetadataTest, AColumnMayHaveNoPages) {
  const auto column = ParseColumn({});
  ASSERT_TRUE(column.ok()) << column.status();
  EXPECT_EQ((*column)->num_rows(), 0);
}

TEST(ColumnMetadataTest, UnknownFieldsArePassedOver) {
  const auto column =
      ParseColumn(Message().Number(99, 1).Child(1).Child(2, Page({}, {}, 4).Text(98, "new")));
  ASSERT_TRUE(column.ok()) << column.status();
  EXPECT_EQ((*column)->num_rows(), 4);
}

TEST(ColumnMetadataTest, BuffersOutsideTheFileAreErrors) {
  EXPECT_TRUE(ParsePage(Page({0}, {kFileSize}, 4)).ok());
  const std::pair<uint64_t, uint64_t> ranges[] = {{0, kFileSize + 1},       {kFileSize, 1},
                                                  {kFileSize + 1, 0},       {UINT64_MAX, 1},
                                                  {UINT64_MAX, UINT64_MAX}, {1, UINT64_MAX}};
  for (const auto& [offset, size] : ranges) {
    EXPECT_TRUE(ParsePage(Page({offset}, {size}, 4)).status().IsSerializationError()) << offset;
  }
}

TEST(ColumnMetadataTest, OffsetsWithoutSizesAreErrors) {
  EXPECT_TRUE(ParsePage(Page({0, 1}, {1}, 4)).status().IsSerializationError());
  EXPECT_TRUE(ParsePage(Page({}, {1}, 4)).status().IsSerializationError());
}

TEST(ColumnMetadataTest, APageOfTooManyRowsIsAnError) {
  EXPECT_TRUE(ParsePage(Page({}, {}, UINT32_MAX)).ok());
  EXPECT_TRUE(ParsePage(Page({}, {}, uint64_t{1} << 32)).status().IsSerializationError());
  EXPECT_TRUE(ParsePage(Page({}, {}, UINT64_MAX)).status().IsSerializationError());
}

arrow::Status ParseEncoding(const Message& encoding) {
  return ParsePage(Message().Number(3, 4).Child(4, encoding)).status();
}

TEST(ColumnMetadataTest, TheHostOfATypeUrlMeansNothing) {
  for (const auto* url : {"lance.encodings21.PageLayout", "/lance.encodings21.PageLayout",
                          "type.googleapis.com/lance.encodings21.PageLayout"}) {
    const auto status = ParseEncoding(Direct(url, FlatMiniBlock(true)));
    EXPECT_TRUE(status.ok()) << url << ": " << status;
  }
}

TEST(ColumnMetadataTest, EncodingsOfOtherVersionsAreNotImplementedByName) {
  for (const std::string name :
       {"lance.encodings.ArrayEncoding", "lance.encodings23.PageLayout", "PageLayout"}) {
    const auto status = ParseEncoding(Direct("/" + name, FlatMiniBlock(true)));
    EXPECT_TRUE(status.IsNotImplemented()) << status;
    EXPECT_NE(status.message().find("'" + name + "'"), std::string::npos) << status;
  }
}

TEST(ColumnMetadataTest, EncodingsStoredElsewhereAreNotImplemented) {
  const auto status = ParseEncoding(Message().Child(1, Message().Number(1, 0).Number(2, 10)));
  EXPECT_TRUE(status.IsNotImplemented()) << status;
}

TEST(ColumnMetadataTest, APageWithoutAnEncodingIsAnError) {
  EXPECT_TRUE(ParsePage(Message().Number(3, 4)).status().IsSerializationError());
  EXPECT_TRUE(ParseEncoding({}).IsSerializationError());
  EXPECT_TRUE(ParseEncoding(Message().Child(3)).IsSerializationError());
}

TEST(ColumnMetadataTest, ChunkWordsOfTheOtherVersionAreErrors) {
  const auto status = ParseEncoding(Direct("/lance.encodings21.PageLayout", FlatMiniBlock(false)));
  EXPECT_TRUE(status.IsSerializationError()) << status;
}

TEST(ColumnMetadataTest, EveryTruncationIsAnErrorUnlessItFallsBetweenPages) {
  const auto one_page = Message().Child(2, Page({0, 64}, {4, 24}, 4));
  const auto two_pages = Message(one_page).Child(2, Page({0, 64}, {4, 24}, 4));
  test::ForEachTruncation(two_pages.bytes(), [&](const ByteVector& cut) {
    const auto column = ColumnMetadata::Parse(cut, kFooter, kFileSize);
    if (cut.empty() || cut == one_page.bytes()) {
      EXPECT_TRUE(column.ok()) << column.status();
    } else {
      EXPECT_TRUE(column.status().IsSerializationError()) << cut.size();
    }
  });
}

}  // namespace
}  // namespace croupier::format
