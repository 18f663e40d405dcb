#include "croupier/format/file/file_footer.h"

#include <string>

#include <gtest/gtest.h>

#include "croupier/format/wire/test_messages.h"
#include "croupier/testing/golden.h"

namespace croupier::format {
namespace {

using test::ByteVector;

constexpr const char* kSmallFile =
    "tables/numbers.lance/data/0000111111111010011100115962d54bb9afdf24294e538d0e.lance";

// The fields of a footer as they lie in the file.
struct RawFooter {
  int64_t column_metadata_start = 100;
  int64_t column_metadata_offsets_start = 150;
  int64_t global_buffer_offsets_start = 182;
  uint32_t num_global_buffers = 1;
  uint32_t num_columns = 2;
  uint16_t major_version = 2;
  uint16_t minor_version = 2;

  static constexpr int64_t kFileSize = 182 + 16 + FileFooter::kEncodedBytes;

  ByteVector Encode() const {
    ByteVector bytes;
    test::AppendValue(&bytes, column_metadata_start);
    test::AppendValue(&bytes, column_metadata_offsets_start);
    test::AppendValue(&bytes, global_buffer_offsets_start);
    test::AppendValue(&bytes, num_global_buffers);
    test::AppendValue(&bytes, num_columns);
    test::AppendValue(&bytes, major_version);
    test::AppendValue(&bytes, minor_version);
    test::AppendBytes(&bytes, "LANC", 4);
    return bytes;
  }

  arrow::Result<FileFooter> Parse(int64_t file_size = kFileSize) const {
    return FileFooter::Parse(Encode(), file_size);
  }
};

void ExpectSound(const arrow::Result<FileFooter>& footer, int64_t file_size) {
  if (!footer.ok()) {
    EXPECT_TRUE(footer.status().IsSerializationError() || footer.status().IsNotImplemented())
        << footer.status();
    return;
  }
  EXPECT_LE(0, footer->column_metadata_start);
  EXPECT_LE(footer->column_metadata_start, footer->column_metadata_offsets_start);
  EXPECT_EQ(footer->global_buffer_offsets_start - footer->column_metadata_offsets_start,
            int64_t{16} * footer->num_columns);
  EXPECT_EQ(file_size - FileFooter::kEncodedBytes - footer->global_buffer_offsets_start,
            int64_t{16} * footer->num_global_buffers);
}

TEST(FileFooterTest, EveryFieldIsRead) {
  const auto footer = RawFooter().Parse();
  ASSERT_TRUE(footer.ok()) << footer.status();
  EXPECT_EQ(footer->column_metadata_start, 100);
  EXPECT_EQ(footer->column_metadata_offsets_start, 150);
  EXPECT_EQ(footer->global_buffer_offsets_start, 182);
  EXPECT_EQ(footer->num_global_buffers, 1u);
  EXPECT_EQ(footer->num_columns, 2u);
  EXPECT_EQ(footer->major_version, 2);
  EXPECT_EQ(footer->minor_version, 2);
  EXPECT_TRUE(footer->is_v2_2());
}

TEST(FileFooterTest, BytesInFrontOfTheFooterAreNotLookedAt) {
  ByteVector tail(1000, 0xff);
  const auto footer = RawFooter().Encode();
  tail.insert(tail.end(), footer.begin(), footer.end());
  EXPECT_TRUE(FileFooter::Parse(tail, RawFooter::kFileSize).ok());
}

TEST(FileFooterTest, GoldenFilesHaveTheVersionOfTheirName) {
  for (const std::string table : {"types", "full_zip", "compressed", "encodings", "constants"}) {
    for (const uint16_t minor : {uint16_t{1}, uint16_t{2}}) {
      const auto path = "pages/" + table + "_v2_" + std::to_string(minor) + ".lance";
      const auto bytes = testing::ReadGolden(path);
      const auto footer = FileFooter::Parse(bytes, std::ssize(bytes));
      ASSERT_TRUE(footer.ok()) << path << ": " << footer.status();
      EXPECT_EQ(footer->major_version, 2) << path;
      EXPECT_EQ(footer->minor_version, minor) << path;
      EXPECT_EQ(footer->is_v2_2(), minor == 2) << path;
      ExpectSound(footer, std::ssize(bytes));
    }
  }
}

TEST(FileFooterTest, VersionsThatCannotBeReadAreRefusedByName) {
  const struct {
    uint16_t major;
    uint16_t minor;
    const char* said;
  } versions[] = {{0, 0, "0.1"}, {0, 2, "0.1"}, {0, 4, "0.4"},
                  {2, 3, "2.3"}, {3, 1, "3.1"}, {65535, 65535, "65535.65535"}};
  for (const auto& [major, minor, said] : versions) {
    RawFooter footer;
    footer.major_version = major;
    footer.minor_version = minor;
    const auto status = footer.Parse().status();
    EXPECT_TRUE(status.IsNotImplemented()) << major << "." << minor << ": " << status;
    EXPECT_NE(status.message().find(said), std::string::npos) << status;
    EXPECT_NE(status.message().find("readable file versions: 2.0, 2.1, 2.2"), std::string::npos)
        << status;
  }
}

TEST(FileFooterTest, BothNumbersOfVersion20AreRead) {
  // lance-file.md, section A.7.
  auto bytes = test::FromHex(
      "5f00000000000000 c800000000000000 d800000000000000 01000000 01000000 0000 0300 4c414e43");
  auto footer = FileFooter::Parse(bytes, 272);
  ASSERT_TRUE(footer.ok()) << footer.status();
  EXPECT_TRUE(footer->is_v2_0());
  EXPECT_FALSE(footer->is_v2_2());
  EXPECT_EQ(footer->column_metadata_start, 0x5f);
  EXPECT_EQ(footer->num_columns, 1u);
  bytes[32] = 2;
  bytes[34] = 0;
  footer = FileFooter::Parse(bytes, 272);
  ASSERT_TRUE(footer.ok()) << footer.status();
  EXPECT_TRUE(footer->is_v2_0());
}

TEST(FileFooterTest, AnotherMagicIsAnError) {
  auto bytes = RawFooter().Encode();
  bytes.back() = 'X';
  EXPECT_TRUE(FileFooter::Parse(bytes, RawFooter::kFileSize).status().IsSerializationError());
}

TEST(FileFooterTest, TablesOutOfOrderAreErrors) {
  constexpr int64_t kMin = INT64_MIN;
  constexpr int64_t kMax = INT64_MAX;
  for (const int64_t start : {int64_t{151}, int64_t{-1}, kMin, kMax}) {
    EXPECT_TRUE(RawFooter{.column_metadata_start = start}.Parse().status().IsSerializationError())
        << start;
  }
  for (const int64_t start : {int64_t{99}, int64_t{183}, int64_t{-1}, kMin, kMax}) {
    EXPECT_TRUE(
        RawFooter{.column_metadata_offsets_start = start}.Parse().status().IsSerializationError())
        << start;
  }
  for (const int64_t start : {int64_t{149}, int64_t{199}, int64_t{-1}, kMin, kMax}) {
    EXPECT_TRUE(
        RawFooter{.global_buffer_offsets_start = start}.Parse().status().IsSerializationError())
        << start;
  }
}

TEST(FileFooterTest, CountsThatDoNotFitTheirTablesAreErrors) {
  for (const uint32_t count : {0u, 1u, 3u, 1u << 28, UINT32_MAX}) {
    EXPECT_TRUE(RawFooter{.num_columns = count}.Parse().status().IsSerializationError()) << count;
  }
  for (const uint32_t count : {0u, 2u, 1u << 28, UINT32_MAX}) {
    EXPECT_TRUE(RawFooter{.num_global_buffers = count}.Parse().status().IsSerializationError())
        << count;
  }
}

TEST(FileFooterTest, AFileOfAnotherSizeIsAnError) {
  for (const int64_t size : {RawFooter::kFileSize - 1, RawFooter::kFileSize + 1, int64_t{0},
                             int64_t{-1}, int64_t{39}, INT64_MAX}) {
    EXPECT_TRUE(RawFooter().Parse(size).status().IsSerializationError()) << size;
  }
}

TEST(FileFooterTest, EveryTruncationOfAFileIsAnError) {
  test::ForEachTruncation(testing::ReadGolden(kSmallFile), [](const ByteVector& cut) {
    EXPECT_TRUE(FileFooter::Parse(cut, std::ssize(cut)).status().IsSerializationError())
        << cut.size();
  });
}

TEST(FileFooterTest, EveryTruncationOfATailIsAnError) {
  test::ForEachTruncation(RawFooter().Encode(), [](const ByteVector& cut) {
    EXPECT_TRUE(FileFooter::Parse(cut, RawFooter::kFileSize).status().IsSerializationError())
        << cut.size();
  });
}

TEST(FileFooterTest, EveryChangedByteGivesAnErrorOrTablesInTheFile) {
  test::ForEachChangedByte(RawFooter().Encode(), 0, 1, [](const ByteVector& changed, size_t place) {
    SCOPED_TRACE(place);
    ExpectSound(FileFooter::Parse(changed, RawFooter::kFileSize), RawFooter::kFileSize);
  });
}

}  // namespace
}  // namespace croupier::format
