#include "croupier/format/manifest/manifest.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arrow/io/file.h>
#include <arrow/ipc/reader.h>
#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>
#include <gtest/gtest.h>

#include "croupier/base/byte_reader.h"
#include "croupier/format/manifest/manifest_name.h"
#include "croupier/format/wire/test_messages.h"
#include "croupier/testing/golden.h"

namespace croupier::format {
namespace {

using test::ByteVector;
using test::Message;

// Paths of all golden manifests, below tests/golden.
std::vector<std::string> GoldenManifests() {
  std::vector<std::string> paths;
  const std::filesystem::path root = testing::GoldenPath("");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root / "tables")) {
    // Old writers left a copy of the newest one beside the directory.
    if (entry.path().parent_path().filename() != "_versions") continue;
    if (entry.path().extension() == ".manifest") {
      paths.push_back(std::filesystem::relative(entry.path(), root).string());
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

arrow::Result<std::shared_ptr<const Manifest>> ParseFile(const ByteVector& file) {
  ARROW_ASSIGN_OR_RAISE(const auto range, Manifest::MessageRange(file, std::ssize(file)));
  return Manifest::Parse({file.data() + range.offset_bytes, static_cast<size_t>(range.size_bytes)});
}

std::shared_ptr<const Manifest> ParseGolden(const std::string& table, uint64_t version) {
  const auto name = ManifestName{ManifestNaming::kV2, version}.ToString();
  const auto manifest =
      ParseFile(testing::ReadGolden("tables/" + table + ".lance/_versions/" + name));
  EXPECT_TRUE(manifest.ok()) << manifest.status();
  return manifest.ok() ? *manifest : std::make_shared<const Manifest>();
}

// A manifest file of a message, behind sections that a reader passes over.
ByteVector FileOf(const ByteVector& message, size_t sections_bytes = 0) {
  ByteVector file(sections_bytes, 0xee);
  test::AppendValue(&file, static_cast<uint32_t>(message.size()));
  test::AppendBytes(&file, message.data(), message.size());
  test::AppendValue(&file, static_cast<uint64_t>(sections_bytes));
  test::AppendValue(&file, uint32_t{2} << 16);
  test::AppendBytes(&file, "LANC", 4);
  return file;
}

arrow::Result<std::shared_ptr<const Manifest>> Parse(const Message& message) {
  return ParseFile(FileOf(message.bytes()));
}

arrow::Result<std::shared_ptr<const Manifest>> ParseWithFragment(const Message& fragment) {
  return Parse(Message().Child(2, fragment));
}

arrow::Result<std::shared_ptr<const Manifest>> ParseWithDataFile(const Message& data_file) {
  return ParseWithFragment(Message().Child(2, data_file));
}

bool StaysInItsDirectory(const std::string& path) {
  if (path.empty() || path.front() == '/') return false;
  const std::filesystem::path parts(path);
  return std::find(parts.begin(), parts.end(), "..") == parts.end();
}

void ExpectWellFormed(const Field& field) {
  ASSERT_NE(field.arrow_field, nullptr);
  EXPECT_EQ(field.arrow_field->name(), field.name);
  EXPECT_FALSE(field.arrow_field->ToString(true).empty());
  EXPECT_EQ(field.is_blob() || field.is_packed_struct() || field.children.empty(), field.is_leaf());
  for (const auto& child : field.children) ExpectWellFormed(child);
}

void ExpectWellFormed(const Fragment& fragment) {
  EXPECT_LE(fragment.id, UINT32_MAX);
  EXPECT_GE(fragment.num_physical_rows, 0);
  EXPECT_LE(fragment.num_physical_rows, UINT32_MAX);
  for (const auto& file : fragment.files) {
    EXPECT_TRUE(StaysInItsDirectory(file.path)) << file.path;
    EXPECT_TRUE(file.column_indices.empty() || file.column_indices.size() >= file.fields.size());
    EXPECT_GT(file.size_bytes.value_or(1), 0);
  }
  if (fragment.deletion_file.has_value()) {
    if (fragment.num_physical_rows > 0) {
      EXPECT_LE(fragment.deletion_file->num_deleted_rows,
                static_cast<uint64_t>(fragment.num_physical_rows));
    }
    EXPECT_EQ(fragment.deletion_file->Name(fragment.id).find('/'), std::string::npos);
  }
}

// Whatever the bytes hold: an error of the right kind, or a manifest that can be used.
void ExpectSound(const arrow::Result<std::shared_ptr<const Manifest>>& parsed) {
  if (!parsed.ok()) {
    EXPECT_TRUE(parsed.status().IsSerializationError() || parsed.status().IsNotImplemented())
        << parsed.status();
    return;
  }
  const Manifest& manifest = **parsed;
  ASSERT_NE(manifest.schema, nullptr);
  ASSERT_EQ(manifest.schema->num_fields(), std::ssize(manifest.fields));
  for (const auto& field : manifest.fields) ExpectWellFormed(field);
  for (const auto& fragment : manifest.fragments) ExpectWellFormed(fragment);
  const auto ascends = [](const Fragment& a, const Fragment& b) { return a.id >= b.id; };
  EXPECT_EQ(std::adjacent_find(manifest.fragments.begin(), manifest.fragments.end(), ascends),
            manifest.fragments.end());
}

TEST(GoldenManifestTest, EveryManifestHasTheVersionOfItsName) {
  const auto paths = GoldenManifests();
  EXPECT_GE(paths.size(), 14u);
  for (const auto& path : paths) {
    const auto manifest = ParseFile(testing::ReadGolden(path));
    ASSERT_TRUE(manifest.ok()) << path << ": " << manifest.status();
    const auto name = ManifestName::Parse(std::filesystem::path(path).filename().string());
    EXPECT_EQ((*manifest)->version, name->version) << path;
    ExpectSound(manifest);
  }
}

TEST(GoldenManifestTest, TheSchemaIsThatOfTheRowsThatWereWritten) {
  for (const auto& [table, version] :
       std::vector<std::pair<std::string, uint64_t>>{{"numbers", 1},
                                                     {"deletions_arrow", 2},
                                                     {"deletions_bitmap", 2},
                                                     {"empty", 1},
                                                     {"evolved", 6}}) {
    auto file = arrow::io::ReadableFile::Open(testing::GoldenPath("tables/" + table + ".arrow"));
    const auto rows = arrow::ipc::RecordBatchFileReader::Open(*file).ValueOrDie()->schema();
    const auto without_row_id = rows->RemoveField(rows->GetFieldIndex("_rowid")).ValueOrDie();
    const auto manifest = ParseGolden(table, version);
    EXPECT_TRUE(manifest->schema->Equals(*without_row_id, true))
        << table << ": " << manifest->schema->ToString(true);
  }
}

TEST(GoldenManifestTest, DataFormatsAreToldApart) {
  EXPECT_EQ(ParseGolden("numbers", 1)->data_format_version, "2.2");
  EXPECT_EQ(ParseGolden("numbers_v2_1", 1)->data_format_version, "2.1");
  EXPECT_EQ(ParseGolden("old_format", 1)->data_format_version, "2.0");
  EXPECT_EQ(ParseGolden("numbers_v2_1", 1)->fragments.at(0).files.at(0).minor_version, 1u);
  EXPECT_EQ(ParseGolden("old_format", 1)->fragments.at(0).files.at(0).minor_version, 0u);
}

TEST(GoldenManifestTest, ADataFileNamesItsColumnsAndItsSize) {
  const auto manifest = ParseGolden("numbers", 1);
  EXPECT_EQ(manifest->writer_version, "lance 14.0.2");
  EXPECT_EQ(manifest->branch, std::nullopt);
  ASSERT_EQ(manifest->fragments.size(), 1u);
  const Fragment& fragment = manifest->fragments[0];
  EXPECT_EQ(fragment.id, 0u);
  EXPECT_EQ(fragment.num_physical_rows, 100);
  EXPECT_FALSE(fragment.deletion_file.has_value());
  ASSERT_EQ(fragment.files.size(), 1u);
  const DataFile& file = fragment.files[0];
  EXPECT_EQ(file.path, "0000111111111010011100115962d54bb9afdf24294e538d0e.lance");
  EXPECT_EQ(file.fields, (std::vector<int32_t>{0, 1}));
  EXPECT_EQ(file.column_indices, (std::vector<int32_t>{0, 1}));
  EXPECT_EQ(file.major_version, 2u);
  EXPECT_EQ(file.minor_version, 2u);
  EXPECT_EQ(file.size_bytes, 2022);
  EXPECT_EQ(file.base_id, std::nullopt);
}

TEST(GoldenManifestTest, DeletionFilesAreNamedPerFragment) {
  const auto before = ParseGolden("deletions_arrow", 1);
  EXPECT_FALSE(before->fragments.at(0).deletion_file.has_value());
  const auto after = ParseGolden("deletions_arrow", 2);
  ASSERT_EQ(after->fragments.size(), 4u);
  const std::vector<uint64_t> deleted = {10, 17, 10, 4};
  for (size_t i = 0; i < 4; ++i) {
    const Fragment& fragment = after->fragments[i];
    EXPECT_EQ(fragment.id, i);
    EXPECT_EQ(fragment.num_physical_rows, i == 3 ? 10 : 30);
    ASSERT_TRUE(fragment.deletion_file.has_value());
    EXPECT_EQ(fragment.deletion_file->type, DeletionFile::Type::kArrow);
    EXPECT_EQ(fragment.deletion_file->read_version, 1u);
    EXPECT_EQ(fragment.deletion_file->num_deleted_rows, deleted[i]);
    const auto path =
        "tables/deletions_arrow.lance/_deletions/" + fragment.deletion_file->Name(fragment.id);
    EXPECT_TRUE(std::filesystem::exists(testing::GoldenPath(path))) << path;
  }
}

TEST(GoldenManifestTest, ADeletionFileMayBeABitmap) {
  const auto manifest = ParseGolden("deletions_bitmap", 2);
  const auto& file = manifest->fragments.at(0).deletion_file;
  ASSERT_TRUE(file.has_value());
  EXPECT_EQ(file->type, DeletionFile::Type::kBitmap);
  EXPECT_EQ(file->num_deleted_rows, 33099u);
  EXPECT_EQ(file->Name(0), "0-1-1230966753603876418.bin");
}

TEST(GoldenManifestTest, EvolvedTablesHaveSeveralFilesPerFragment) {
  const auto manifest = ParseGolden("evolved", 6);
  ASSERT_EQ(manifest->fields.size(), 3u);
  EXPECT_EQ(manifest->fields[0].name, "renamed");
  EXPECT_EQ(manifest->fields[0].id, 3);
  EXPECT_EQ(manifest->fields[2].id, 4);
  ASSERT_EQ(manifest->fragments.size(), 2u);
  ASSERT_EQ(manifest->fragments[0].files.size(), 2u);
  EXPECT_EQ(manifest->fragments[0].files[0].fields, (std::vector<int32_t>{2}));
  EXPECT_EQ(manifest->fragments[0].files[1].fields, (std::vector<int32_t>{3}));
  ASSERT_EQ(manifest->fragments[1].files.size(), 1u);
  EXPECT_EQ(manifest->fragments[1].files[0].fields, (std::vector<int32_t>{3, 2, 4}));
}

TEST(GoldenManifestTest, NestedFieldsHaveTheirTypes) {
  const auto manifest = ParseGolden("nested", 1);
  EXPECT_EQ(manifest->schema->ToString(),
            "i: int64\n"
            "l: list<item: int32>\n"
            "st: struct<x: int64, y: string>\n"
            "m: map<string, int32>\n"
            "d: dictionary<values=string, indices=int32, ordered=0>\n"
            "fs: fixed_size_list<item: struct<x: int32>>[2]");
}

TEST(GoldenManifestTest, AnEmptyTableHasNoFragments) {
  EXPECT_TRUE(ParseGolden("empty", 1)->fragments.empty());
}

TEST(HostileManifestTest, EveryTruncationIsAnError) {
  for (const auto& path : GoldenManifests()) {
    SCOPED_TRACE(path);
    test::ForEachTruncation(testing::ReadGolden(path), [](const ByteVector& cut) {
      EXPECT_TRUE(ParseFile(cut).status().IsSerializationError()) << cut.size();
    });
  }
}

TEST(HostileManifestTest, EveryTruncationOfTheMessageIsAnErrorOrAManifest) {
  for (const auto& path : GoldenManifests()) {
    SCOPED_TRACE(path);
    const auto file = testing::ReadGolden(path);
    const auto begin = LoadLittleEndian<uint64_t>(file.data() + file.size() - 16) + 4;
    const ByteVector message(file.begin() + static_cast<int64_t>(begin), file.end() - 16);
    test::ForEachTruncation(message, [](const ByteVector& cut) {
      const auto whole = FileOf(cut);
      ExpectSound(ParseFile(whole));
    });
  }
}

TEST(HostileManifestTest, EveryChangedByteGivesAnErrorOrAManifest) {
  for (const auto& path : GoldenManifests()) {
    SCOPED_TRACE(path);
    const auto file = testing::ReadGolden(path);
    test::ForEachChangedByte(file, 0, 1, [](const ByteVector& changed, size_t place) {
      SCOPED_TRACE(place);
      ExpectSound(ParseFile(changed));
    });
  }
}

TEST(HostileManifestTest, OffsetsAndLengthsOutsideTheFileAreErrors) {
  const auto good = FileOf(Message().Number(3, 1).bytes(), 10);
  ASSERT_TRUE(ParseFile(good).ok());
  const size_t offset_place = good.size() - 16;
  for (const uint64_t offset : {uint64_t{0}, uint64_t{9}, uint64_t{11}, uint64_t{14},
                                good.size() - 19, good.size(), uint64_t{1} << 63, UINT64_MAX}) {
    auto bad = good;
    std::memcpy(bad.data() + offset_place, &offset, sizeof(offset));
    EXPECT_TRUE(ParseFile(bad).status().IsSerializationError()) << offset;
  }
  for (const uint32_t length : {0u, 1u, 3u, UINT32_MAX}) {
    auto bad = good;
    std::memcpy(bad.data() + 10, &length, sizeof(length));
    EXPECT_TRUE(ParseFile(bad).status().IsSerializationError()) << length;
  }
}

TEST(HostileManifestTest, AFooterAloneIsAnError) {
  const auto file = FileOf({});
  for (size_t cut = 1; cut <= 4; ++cut) {
    const ByteVector short_file(file.begin() + static_cast<int64_t>(cut), file.end());
    EXPECT_TRUE(ParseFile(short_file).status().IsSerializationError()) << cut;
  }
}

// Version 1 of a table with one nullable int32 column "a" of 3 rows: lance-table.md, section 4.
TEST(ManifestTest, TheExampleOfTheSpecificationIsRead) {
  const std::string path = std::string(50, '0') + ".lance";
  const std::string transaction = std::string(38, 'f') + ".txn";
  ByteVector message = test::FromHex(
      "0a 19 12 01 61 20 ff ff ff ff ff ff ff ff ff 01 2a 05 69 6e 74 33 32 30 01 38 01"
      "12 49 12 45 0a 38");
  test::AppendBytes(&message, path.data(), path.size());
  const ByteVector middle = test::FromHex(
      "12 01 00 1a 01 00 20 02 30 90 02 20 03"
      "18 01"
      "3a 0b 08 ec 9a 8f d8 06 10 84 db 8b 0f"
      "58 00"
      "62 2a");
  test::AppendBytes(&message, middle.data(), middle.size());
  test::AppendBytes(&message, transaction.data(), transaction.size());
  const ByteVector end = test::FromHex(
      "6a 0f 0a 05 6c 61 6e 63 65 12 06 31 34 2e 30 2e 32"
      "7a 0c 0a 05 6c 61 6e 63 65 12 03 32 2e 30"
      "b8 01 00");
  test::AppendBytes(&message, end.data(), end.size());
  ASSERT_EQ(message.size(), 197u);
  const auto file = FileOf(message, 0x93);
  ASSERT_EQ(file.size(), 364u);

  const auto parsed = ParseFile(file);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  const Manifest& manifest = **parsed;
  EXPECT_EQ(manifest.version, 1u);
  EXPECT_EQ(manifest.writer_version, "lance 14.0.2");
  EXPECT_EQ(manifest.data_format_version, "2.0");
  EXPECT_EQ(manifest.schema->ToString(), "a: int32");
  ASSERT_EQ(manifest.fragments.size(), 1u);
  EXPECT_EQ(manifest.fragments[0].num_physical_rows, 3);
  ASSERT_EQ(manifest.fragments[0].files.size(), 1u);
  EXPECT_EQ(manifest.fragments[0].files[0].path, path);
  EXPECT_EQ(manifest.fragments[0].files[0].size_bytes, 272);
}

TEST(ManifestTest, UnknownFieldsArePassedOver) {
  const auto manifest = Parse(Message().Number(3, 7).Number(99, 1).Text(100, "new").Child(101));
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ((*manifest)->version, 7u);
}

TEST(ManifestTest, SchemaMetadataAndBranchAreRead) {
  const auto manifest = Parse(Message()
                                  .Child(5, Message().Text(1, "owner").Text(2, "me"))
                                  .Child(5, Message().Text(1, "age").Text(2, "3"))
                                  .Text(20, "experiment"));
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ((*manifest)->branch, "experiment");
  EXPECT_TRUE((*manifest)->schema->metadata()->Equals(
      *arrow::key_value_metadata({{"age", "3"}, {"owner", "me"}})));
}

TEST(ManifestTest, ReaderFlagsThatAreNotKnownAreRefusedByNumber) {
  for (const uint64_t flag :
       {uint64_t{64}, uint64_t{512}, uint64_t{4096}, uint64_t{8192}, uint64_t{65536},
        uint64_t{1} << 17, uint64_t{1} << 18, uint64_t{1} << 63}) {
    const auto status = Parse(Message().Number(9, flag | 1).Number(10, flag | 1)).status();
    EXPECT_TRUE(status.IsNotImplemented()) << status;
    EXPECT_NE(status.message().find(std::to_string(flag) + "):"), std::string::npos) << status;
  }
}

TEST(ManifestTest, ReaderFlagsThatAReaderMayPassOverAreAccepted) {
  for (const uint64_t flag : {1, 2, 4, 16, 32, 128, 256, 1024, 2048, 16384}) {
    const auto manifest = Parse(Message().Number(9, flag).Number(10, flag));
    ASSERT_TRUE(manifest.ok()) << manifest.status();
    EXPECT_EQ((*manifest)->reader_feature_flags, flag);
    EXPECT_EQ((*manifest)->has_stable_row_ids(), flag == 2);
  }
}

TEST(ManifestTest, WriterFlagsDoNotKeepAReaderOut) {
  constexpr uint64_t kAllButPaired = ~(uint64_t{256} | 1024 | 16384 | 32768 | 65536);
  const auto manifest = Parse(Message().Number(10, kAllButPaired));
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ((*manifest)->writer_feature_flags, kAllButPaired);
}

TEST(ManifestTest, FlagsForReadersAndWritersMustBeSetForBoth) {
  for (const uint64_t flag : {256, 1024, 16384, 65536}) {
    for (const uint32_t word : {9, 10}) {
      const auto status = Parse(Message().Number(word, flag)).status();
      EXPECT_TRUE(status.IsSerializationError()) << status;
      EXPECT_NE(status.message().find(std::to_string(flag)), std::string::npos) << status;
    }
  }
}

TEST(ManifestTest, TheFlagOfFieldIdsGoesWithALargestFieldId) {
  constexpr uint64_t kFlag = 32768;
  EXPECT_TRUE(Parse(Message().Number(10, kFlag).Number(24, 5)).ok());
  EXPECT_TRUE(Parse(Message().Number(10, kFlag)).status().IsSerializationError());
  EXPECT_TRUE(Parse(Message().Number(24, 5)).status().IsSerializationError());
  EXPECT_TRUE(Parse(Message().Number(9, kFlag).Number(10, kFlag).Number(24, 5))
                  .status()
                  .IsSerializationError());
}

TEST(ManifestTest, FlagsAreCheckedBeforeTheSchema) {
  const auto status = Parse(Message().Number(9, 64).Child(1, Message().Number(4, 99))).status();
  EXPECT_TRUE(status.IsNotImplemented()) << status;
}

TEST(ManifestTest, DataFormatsThatCannotBeReadAreRefusedByName) {
  for (const std::string version : {"0.1", "2.3", "3.0", "stable"}) {
    const auto status = Parse(Message().Child(15, Message().Text(2, version))).status();
    EXPECT_TRUE(status.IsNotImplemented()) << status;
    EXPECT_NE(status.message().find(version), std::string::npos) << status;
  }
}

TEST(ManifestTest, PathsOfDataFilesMustStayInTheirDirectory) {
  for (const std::string_view path :
       {std::string_view(""), std::string_view("/a"), std::string_view(".."),
        std::string_view("../a"), std::string_view("a/../b"), std::string_view("a/.."),
        std::string_view("a\\b"), std::string_view("a\0b", 3)}) {
    EXPECT_TRUE(ParseWithDataFile(Message().Text(1, path)).status().IsSerializationError()) << path;
  }
  for (const auto* path : {"a.lance", "a/b.lance", "..a", "a..b"}) {
    EXPECT_TRUE(ParseWithDataFile(Message().Text(1, path)).ok()) << path;
  }
}

TEST(ManifestTest, ADataFileMayHaveMoreColumnsThanFieldsOrNoneButNotFewer) {
  const Message file = Message().Text(1, "a").Packed(2, {0, 1});
  EXPECT_TRUE(ParseWithDataFile(file).ok());
  EXPECT_TRUE(ParseWithDataFile(Message(file).Packed(3, {0, 1, 2})).ok());
  EXPECT_TRUE(ParseWithDataFile(Message(file).Packed(3, {0})).status().IsSerializationError());
}

TEST(ManifestTest, FieldsOfADataFileMayBeNegative) {
  const auto manifest =
      ParseWithDataFile(Message().Text(1, "a").Packed(2, {0, UINT64_MAX - 1}).Packed(3, {0, 1}));
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ((*manifest)->fragments[0].files[0].fields, (std::vector<int32_t>{0, -2}));
}

TEST(ManifestTest, ABaseOfNumberZeroIsNotAnAbsentOne) {
  const auto manifest = ParseWithFragment(
      Message().Child(2, Message().Text(1, "a").Number(7, 0)).Child(2, Message().Text(1, "b")));
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ((*manifest)->fragments[0].files[0].base_id, 0u);
  EXPECT_EQ((*manifest)->fragments[0].files[1].base_id, std::nullopt);
}

TEST(ManifestTest, NumbersOutOfTheirRangeAreErrors) {
  constexpr uint64_t kTwoTo32 = uint64_t{1} << 32;
  const Message file = Message().Text(1, "a");
  EXPECT_TRUE(ParseWithFragment(Message().Number(1, kTwoTo32 - 1)).ok());
  EXPECT_TRUE(ParseWithFragment(Message().Number(1, kTwoTo32)).status().IsSerializationError());
  EXPECT_TRUE(ParseWithFragment(Message().Number(4, kTwoTo32 - 1)).ok());
  EXPECT_TRUE(ParseWithFragment(Message().Number(4, kTwoTo32)).status().IsSerializationError());
  for (const uint32_t field : {4, 5, 7}) {
    EXPECT_TRUE(
        ParseWithDataFile(Message(file).Number(field, kTwoTo32)).status().IsSerializationError())
        << field;
  }
  EXPECT_TRUE(
      ParseWithDataFile(Message(file).Number(6, UINT64_MAX)).status().IsSerializationError());
}

TEST(ManifestTest, FragmentIdsMustAscend) {
  const auto with_ids = [](uint64_t first, uint64_t second) {
    return Parse(
        Message().Child(2, Message().Number(1, first)).Child(2, Message().Number(1, second)));
  };
  EXPECT_TRUE(with_ids(0, 5).ok());
  EXPECT_TRUE(with_ids(5, 5).status().IsSerializationError());
  EXPECT_TRUE(with_ids(5, 0).status().IsSerializationError());
}

TEST(ManifestTest, AFragmentCannotHaveMoreDeletedRowsThanRows) {
  const auto with_deleted = [](uint64_t num_deleted) {
    return ParseWithFragment(Message().Number(4, 10).Child(3, Message().Number(4, num_deleted)));
  };
  EXPECT_TRUE(with_deleted(10).ok());
  EXPECT_TRUE(with_deleted(11).status().IsSerializationError());
  // The number of rows need not be known.
  EXPECT_TRUE(ParseWithFragment(Message().Child(3, Message().Number(4, 11))).ok());
}

TEST(ManifestTest, DeletionFilesOfAnUnknownTypeAreNotImplemented) {
  const auto manifest = ParseWithFragment(Message().Child(3, Message().Number(1, 2)));
  EXPECT_TRUE(manifest.status().IsNotImplemented()) << manifest.status();
}

TEST(ManifestTest, RowIdsOfAFragmentAreKeptAsTheyAre) {
  const auto manifest = ParseWithFragment(Message().Text(5, "\x0a\x06\xff"));
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ((*manifest)->fragments[0].row_ids, "\x0a\x06\xff");
}

TEST(ManifestTest, RowVersionsOfAFragmentAreKeptAsTheyAre) {
  const auto manifest = ParseWithFragment(Message().Text(7, "updated").Text(9, ""));
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ((*manifest)->fragments[0].last_updated_at_versions, "updated");
  EXPECT_EQ((*manifest)->fragments[0].created_at_versions, "");
  EXPECT_EQ((*manifest)->fragments[0].row_ids, std::nullopt);
}

TEST(ManifestTest, BasePathsAreReadAndHaveDistinctIds) {
  const Message first = Message().Child(18, Message().Text(4, "/a").Number(3, 1));
  const auto manifest = Parse(Message(first).Child(18, Message().Number(1, 7).Text(4, "s3://b/c")));
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  ASSERT_EQ((*manifest)->base_paths.size(), 2u);
  EXPECT_EQ((*manifest)->base_paths[0].id, 0u);
  EXPECT_EQ((*manifest)->base_paths[0].path, "/a");
  EXPECT_TRUE((*manifest)->base_paths[0].is_dataset_root);
  EXPECT_EQ((*manifest)->base_paths[1].id, 7u);
  EXPECT_EQ((*manifest)->base_paths[1].path, "s3://b/c");
  EXPECT_FALSE((*manifest)->base_paths[1].is_dataset_root);
  EXPECT_TRUE(
      Parse(Message(first).Child(18, Message().Text(4, "/b"))).status().IsSerializationError());
}

TEST(ManifestTest, TheTimeOfTheCommitIsReadInMicroseconds) {
  const auto with_time = [](uint64_t seconds, uint64_t nanoseconds) {
    return Parse(Message().Child(7, Message().Number(1, seconds).Number(2, nanoseconds)));
  };
  EXPECT_EQ(with_time(1795764764, 114623999).ValueOrDie()->timestamp_us, 1795764764114623);
  EXPECT_EQ(with_time(UINT64_MAX, 0).ValueOrDie()->timestamp_us, -1000000);
  EXPECT_TRUE(with_time(uint64_t{1} << 62, 0).status().IsSerializationError());
  EXPECT_TRUE(with_time(0, 1000000000).status().IsSerializationError());
}

TEST(ManifestTest, ASummaryCountsFragmentsFilesAndRows) {
  const Message data_file = Message().Text(1, "a").Number(6, 100);
  const auto bytes = FileOf(
      Message()
          .Number(3, 9)
          .Child(7, Message().Number(1, 2))
          .Child(2, Message().Number(4, 10).Child(2, data_file).Child(3, Message().Number(4, 3)))
          .Child(2, Message().Number(1, 1).Number(4, 5).Child(2, data_file).Child(2, data_file))
          .bytes());
  const auto summary = Manifest::Summarize({bytes.data(), bytes.size() - 16}).ValueOrDie();
  EXPECT_EQ(summary.version, 9u);
  EXPECT_EQ(summary.timestamp_us, 2000000);
  EXPECT_EQ(summary.num_fragments, 2u);
  EXPECT_EQ(summary.num_data_files, 3u);
  EXPECT_EQ(summary.num_deletion_files, 1u);
  EXPECT_EQ(summary.num_physical_rows, 15u);
  EXPECT_EQ(summary.num_deleted_rows, 3u);
  EXPECT_EQ(summary.data_file_bytes, 300u);
}

TEST(ManifestTest, NamesTooLongForTheirMessagesAreErrors) {
  ByteVector message = Message().Child(1, Message().Text(2, "name")).bytes();
  message[3] = 100;  // the length of the name
  EXPECT_TRUE(ParseFile(FileOf(message)).status().IsSerializationError());
}

}  // namespace
}  // namespace croupier::format
