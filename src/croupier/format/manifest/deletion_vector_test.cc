#include "croupier/format/manifest/deletion_vector.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <memory>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include <arrow/array/builder_primitive.h>
#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/options.h>
#include <arrow/ipc/writer.h>
#include <arrow/memory_pool.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/compression.h>
#include <gtest/gtest.h>

#include "croupier/base/hash.h"
#include "croupier/format/wire/test_messages.h"
#include "croupier/testing/golden.h"

namespace croupier::format {
namespace {

using test::ByteVector;
using test::FromHex;
constexpr int64_t kMaxRows = UINT32_MAX;  // of a fragment

using Parsed = arrow::Result<std::shared_ptr<const DeletionVector>>;

std::vector<uint32_t> OffsetsOf(const DeletionVector& vector) {
  std::vector<uint32_t> offsets;
  for (const auto& run : vector.runs()) {
    for (uint32_t offset = run.begin; offset < run.end; ++offset) offsets.push_back(offset);
  }
  return offsets;
}

void ExpectOffsets(const Parsed& parsed, const std::vector<uint32_t>& expected) {
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(OffsetsOf(**parsed), expected);
  EXPECT_EQ((*parsed)->num_deleted(), std::ssize(expected));
}

// Whatever the bytes hold: an error, or runs of rows that there are.
void ExpectSound(const Parsed& parsed, int64_t num_physical_rows) {
  if (!parsed.ok()) {
    EXPECT_TRUE(parsed.status().IsSerializationError()) << parsed.status();
    return;
  }
  uint64_t num_deleted = 0;
  int64_t after = -1;
  for (const auto& run : (*parsed)->runs()) {
    ASSERT_GT(int64_t{run.begin}, after);
    ASSERT_LT(run.begin, run.end);
    ASSERT_EQ(run.num_deleted_before, num_deleted);
    num_deleted += run.end - run.begin;
    after = run.end;
  }
  EXPECT_LE(after, num_physical_rows);
  EXPECT_EQ((*parsed)->num_deleted(), static_cast<int64_t>(num_deleted));
}

std::vector<uint32_t> Range(uint32_t begin, uint32_t end) {
  std::vector<uint32_t> offsets(end - begin);
  std::iota(offsets.begin(), offsets.end(), begin);
  return offsets;
}

// --- The bitmap form.

constexpr const char* kGoldenBitmap =
    "tables/deletions_bitmap.lance/_deletions/0-1-1230966753603876418.bin";

// The rows 0 to 29 as one run: lance-table.md, section 8.1.
const ByteVector kSpecifiedRun = FromHex("3b300000 01 00001d00 0100 00001d00");
// The rows 3, 70000 and 70001 in two array containers.
const ByteVector kTwoArrays =
    FromHex("3a300000 02000000 00000000 01000100 18000000 1a000000 0300 70117111");

TEST(DeletionBitmapTest, TheGoldenFileHoldsTheRowsThatWereDeleted) {
  std::vector<uint32_t> expected;
  for (uint32_t row = 0; row < 80000; ++row) {
    if ((row % 2 == 1 && row < 66000) || row > 79900) expected.push_back(row);
  }
  ExpectOffsets(DeletionVector::ParseBitmap(testing::ReadGolden(kGoldenBitmap), 80000), expected);
}

TEST(DeletionBitmapTest, RunContainersAreRead) {
  ExpectOffsets(DeletionVector::ParseBitmap(kSpecifiedRun, 30), Range(0, 30));
}

TEST(DeletionBitmapTest, ArrayContainersAreRead) {
  ExpectOffsets(DeletionVector::ParseBitmap(kTwoArrays, 70002), {3, 70000, 70001});
}

TEST(DeletionBitmapTest, FewContainersWithRunsHaveNoTableOfOffsets) {
  // A run 5, 6, 7 and an array of 65536.
  const auto bytes = FromHex("3b300100 01 00000200 01000000 0100 05000200 0000");
  ExpectOffsets(DeletionVector::ParseBitmap(bytes, 100000), {5, 6, 7, 65536});
}

TEST(DeletionBitmapTest, FourContainersWithRunsHaveATableOfOffsets) {
  const auto bytes = FromHex(
      "3b300300 02 00000000 01000100 02000000 03000000"
      "00000000 00000000 00000000 00000000"  // not looked at
      "0700 0100 08000100 0900 0a00");
  ExpectOffsets(DeletionVector::ParseBitmap(bytes, 1 << 18),
                {7, 65544, 65545, 131072 + 9, 196608 + 10});
}

TEST(DeletionBitmapTest, BitsOfABitmapContainerAreRead) {
  ByteVector bytes = FromHex("3a300000 01000000 0000ff1f 10000000");
  bytes.resize(bytes.size() + 8192);
  const auto expected = Range(100, 100 + 0x2000);
  for (const uint32_t bit : expected) {
    bytes[16 + bit / 8] = static_cast<uint8_t>(bytes[16 + bit / 8] | 1 << bit % 8);
  }
  const auto parsed = DeletionVector::ParseBitmap(bytes, 65536);
  ExpectOffsets(parsed, expected);
  EXPECT_EQ((*parsed)->runs().size(), 1u);
}

TEST(DeletionBitmapTest, TheLastRowThereCanBeIsRead) {
  const auto bytes = FromHex("3a300000 01000000 ffff0000 10000000 feff");
  ExpectOffsets(DeletionVector::ParseBitmap(bytes, kMaxRows), {UINT32_MAX - 1});
}

TEST(DeletionBitmapTest, NoContainersAreNoRows) {
  ExpectOffsets(DeletionVector::ParseBitmap(FromHex("3a300000 00000000"), 0), {});
}

TEST(DeletionBitmapTest, RowsBehindTheFragmentAreErrors) {
  EXPECT_TRUE(DeletionVector::ParseBitmap(kSpecifiedRun, 29).status().IsSerializationError());
  EXPECT_TRUE(DeletionVector::ParseBitmap(kTwoArrays, 70001).status().IsSerializationError());
}

TEST(DeletionBitmapTest, WrongBytesAreErrors) {
  const std::pair<const char*, const char*> wrong[] = {
      {"another cookie", "39300000 00000000"},
      {"too many containers", "3a300000 01000100"},
      {"containers out of order",
       "3a300000 02000000 01000000 00000000 18000000 1a000000 0300 0300"},
      {"containers of one key", "3a300000 02000000 01000000 01000000 18000000 1a000000 0300 0300"},
      {"values out of order", "3a300000 01000000 00000100 10000000 0400 0300"},
      {"a value twice", "3a300000 01000000 00000100 10000000 0300 0300"},
      {"a run that leaves its container", "3b300000 01 00000200 0100 feff0200"},
      {"runs that overlap", "3b300000 01 00000300 0200 05000100 06000100"},
  };
  for (const auto& [what, hex] : wrong) {
    const auto status = DeletionVector::ParseBitmap(FromHex(hex), kMaxRows).status();
    EXPECT_TRUE(status.IsSerializationError()) << what << ": " << status;
  }
}

TEST(DeletionBitmapTest, EveryTruncationIsAnError) {
  for (const auto& bytes : {kSpecifiedRun, kTwoArrays, testing::ReadGolden(kGoldenBitmap)}) {
    test::ForEachTruncation(bytes, [](const ByteVector& cut) {
      const auto status = DeletionVector::ParseBitmap(cut, 80000).status();
      EXPECT_TRUE(status.IsSerializationError()) << cut.size() << ": " << status;
    });
  }
}

TEST(DeletionBitmapTest, EveryChangedByteGivesAnErrorOrRowsThatThereAre) {
  for (const auto& bytes : {kSpecifiedRun, kTwoArrays}) {
    test::ForEachChangedByte(bytes, 0, 1, [](const ByteVector& changed, size_t place) {
      SCOPED_TRACE(place);
      ExpectSound(DeletionVector::ParseBitmap(changed, 80000), 80000);
    });
  }
  const auto golden = testing::ReadGolden(kGoldenBitmap);
  test::ForEachChangedByte(golden, 0, 97, [](const ByteVector& changed, size_t place) {
    SCOPED_TRACE(place);
    ExpectSound(DeletionVector::ParseBitmap(changed, 80000), 80000);
  });
}

// --- The Arrow form.

// An IPC file of record batches; every column is uint32.
std::shared_ptr<arrow::Buffer> IpcFile(const std::vector<std::vector<uint32_t>>& batches,
                                       arrow::Compression::type compression) {
  const auto schema = arrow::schema({arrow::field("row_id", arrow::uint32(), false)});
  auto options = arrow::ipc::IpcWriteOptions::Defaults();
  if (compression != arrow::Compression::UNCOMPRESSED) {
    options.codec = arrow::util::Codec::Create(compression).ValueOrDie();
  }
  auto sink = arrow::io::BufferOutputStream::Create().ValueOrDie();
  auto writer = arrow::ipc::MakeFileWriter(sink, schema, options).ValueOrDie();
  for (const auto& offsets : batches) {
    arrow::UInt32Builder builder;
    EXPECT_TRUE(builder.AppendValues(offsets).ok());
    const auto column = builder.Finish().ValueOrDie();
    EXPECT_TRUE(
        writer->WriteRecordBatch(*arrow::RecordBatch::Make(schema, column->length(), {column}))
            .ok());
  }
  EXPECT_TRUE(writer->Close().ok());
  return sink->Finish().ValueOrDie();
}

// An IPC file of one batch with any columns.
std::shared_ptr<arrow::Buffer> IpcFileOf(const arrow::RecordBatch& batch) {
  auto sink = arrow::io::BufferOutputStream::Create().ValueOrDie();
  auto writer = arrow::ipc::MakeFileWriter(sink, batch.schema()).ValueOrDie();
  EXPECT_TRUE(writer->WriteRecordBatch(batch).ok());
  EXPECT_TRUE(writer->Close().ok());
  return sink->Finish().ValueOrDie();
}

Parsed ParseArrow(const ByteVector& bytes, int64_t num_physical_rows) {
  // In memory of its own, so that a sanitizer sees reads behind it.
  const auto buffer = std::make_shared<arrow::Buffer>(bytes.data(), std::ssize(bytes));
  return DeletionVector::ParseArrow(buffer, num_physical_rows);
}

std::vector<ByteVector> GoldenArrowFiles() {
  std::vector<ByteVector> files;
  for (const auto* name : {"0-1-2942600804577169311", "1-1-9042544727378380937",
                           "2-1-5037520167514315786", "3-1-8482888850012883725"}) {
    files.push_back(testing::ReadGolden(std::string("tables/deletions_arrow.lance/_deletions/") +
                                        name + ".arrow"));
  }
  return files;
}

TEST(DeletionArrowTest, TheGoldenFilesHoldTheRowsThatWereDeleted) {
  const auto files = GoldenArrowFiles();
  for (uint32_t fragment = 0; fragment < 4; ++fragment) {
    const uint32_t num_rows = fragment == 3 ? 10 : 30;
    std::vector<uint32_t> expected;
    for (uint32_t offset = 0; offset < num_rows; ++offset) {
      const uint32_t value = fragment * 30 + offset;
      if (value % 3 == 0 || (31 <= value && value <= 40)) expected.push_back(offset);
    }
    ExpectOffsets(ParseArrow(files[fragment], num_rows), expected);
  }
}

TEST(DeletionArrowTest, RowsMayComeInAnyOrderAndTwice) {
  const auto file = IpcFile({{7, 2, 9, 2, 8}}, arrow::Compression::UNCOMPRESSED);
  ExpectOffsets(DeletionVector::ParseArrow(file, 10), {2, 7, 8, 9});
}

TEST(DeletionArrowTest, SeveralBatchesAreOneSet) {
  const auto file = IpcFile({{7, 2}, {}, {1}}, arrow::Compression::UNCOMPRESSED);
  ExpectOffsets(DeletionVector::ParseArrow(file, 10), {1, 2, 7});
}

TEST(DeletionArrowTest, CompressedFilesAreRead) {
  std::vector<uint32_t> offsets = Range(0, 100000);
  SplitMix64 random(3);
  for (size_t i = offsets.size(); i > 1; --i) std::swap(offsets[i - 1], offsets[random.Next() % i]);
  for (const auto compression : {arrow::Compression::ZSTD, arrow::Compression::LZ4_FRAME}) {
    ExpectOffsets(DeletionVector::ParseArrow(IpcFile({offsets}, compression), 100000),
                  Range(0, 100000));
  }
}

TEST(DeletionArrowTest, SortedRowsMayCompressWell) {
  const auto offsets = Range(0, 1 << 20);
  const auto file = IpcFile({offsets}, arrow::Compression::ZSTD);
  ExpectOffsets(DeletionVector::ParseArrow(file, 1 << 20), offsets);
}

TEST(DeletionArrowTest, AFileMayLieAtAnyAddress) {
  const auto file = IpcFile({{7, 2, 9}}, arrow::Compression::UNCOMPRESSED);
  for (const char* padding : {"", "x", "xx", "xxx"}) {
    const auto shifted = arrow::Buffer::FromString(padding + file->ToString());
    const auto slice = arrow::SliceBuffer(shifted, static_cast<int64_t>(std::strlen(padding)));
    ExpectOffsets(DeletionVector::ParseArrow(slice, 10), {2, 7, 9});
  }
}

TEST(DeletionArrowTest, RowsBehindTheFragmentAreErrors) {
  const auto file = IpcFile({{7, 2, 9}}, arrow::Compression::UNCOMPRESSED);
  EXPECT_TRUE(DeletionVector::ParseArrow(file, 10).ok());
  EXPECT_TRUE(DeletionVector::ParseArrow(file, 9).status().IsSerializationError());
}

TEST(DeletionArrowTest, MoreRowsThanTheFragmentHasAreAnError) {
  const auto file = IpcFile({{0, 1}, {0, 1}}, arrow::Compression::UNCOMPRESSED);
  EXPECT_TRUE(DeletionVector::ParseArrow(file, 3).status().IsSerializationError());
}

TEST(DeletionArrowTest, OtherSchemasAreErrors) {
  arrow::UInt32Builder numbers;
  EXPECT_TRUE(numbers.AppendValues({1, 2}).ok());
  const auto column = numbers.Finish().ValueOrDie();
  arrow::Int32Builder wrong_numbers;
  EXPECT_TRUE(wrong_numbers.AppendValues({1, 2}).ok());
  const auto wrong_column = wrong_numbers.Finish().ValueOrDie();
  const auto field = arrow::field("row_id", arrow::uint32());
  const auto wrong_field = arrow::field("row_id", arrow::int32());
  for (const auto& batch :
       {arrow::RecordBatch::Make(arrow::schema({wrong_field}), 2, {wrong_column}),
        arrow::RecordBatch::Make(arrow::schema({field, field}), 2, {column, column}),
        arrow::RecordBatch::Make(arrow::schema({}), 2, arrow::ArrayVector{})}) {
    const auto status = DeletionVector::ParseArrow(IpcFileOf(*batch), 10).status();
    EXPECT_TRUE(status.IsSerializationError()) << status;
  }
}

TEST(DeletionArrowTest, NullRowsAreErrors) {
  arrow::UInt32Builder builder;
  EXPECT_TRUE(builder.AppendValues({1, 2}, {true, false}).ok());
  const auto column = builder.Finish().ValueOrDie();
  const auto schema = arrow::schema({arrow::field("row_id", arrow::uint32())});
  const auto batch = arrow::RecordBatch::Make(schema, 2, {column});
  const auto status = DeletionVector::ParseArrow(IpcFileOf(*batch), 10).status();
  EXPECT_TRUE(status.IsSerializationError()) << status;
}

TEST(DeletionArrowTest, EveryTruncationIsAnError) {
  for (const auto& file : GoldenArrowFiles()) {
    test::ForEachTruncation(file, [](const ByteVector& cut) {
      const auto status = ParseArrow(cut, 30).status();
      EXPECT_TRUE(status.IsSerializationError()) << cut.size() << ": " << status;
    });
  }
}

TEST(DeletionArrowTest, EveryChangedByteGivesAnErrorOrRowsThatThereAre) {
  auto* pool = arrow::default_memory_pool();
  for (const auto& file : GoldenArrowFiles()) {
    test::ForEachChangedByte(file, 0, 1, [pool](const ByteVector& changed, size_t place) {
      SCOPED_TRACE(place);
      const int64_t before = pool->total_bytes_allocated();
      ExpectSound(ParseArrow(changed, 30), 30);
      EXPECT_LT(pool->total_bytes_allocated() - before, 1 << 18);
    });
  }
}

TEST(DeletionArrowTest, ABufferThatSaysItIsHugeIsAnErrorWithoutMemoryForIt) {
  // The bytes of the values: the size before compression, -1 for none, then the first row.
  auto file = GoldenArrowFiles()[1];
  const auto stored = FromHex("ffffffffffffffff");
  const auto place = std::find_end(file.begin(), file.end(), stored.begin(), stored.end());
  ASSERT_NE(place, file.end());
  auto* pool = arrow::default_memory_pool();
  for (const int64_t size : {int64_t{1} << 20, int64_t{1} << 40, INT64_MAX}) {
    std::memcpy(&*place, &size, sizeof(size));
    const int64_t before = pool->total_bytes_allocated();
    EXPECT_TRUE(ParseArrow(file, kMaxRows).status().IsSerializationError()) << size;
    EXPECT_LT(pool->total_bytes_allocated() - before, 1 << 20) << size;
  }
}

TEST(DeletionArrowTest, RowsThatRepeatBeyondReasonAreAnErrorWithoutMemoryForThem) {
  const auto bomb = IpcFile({std::vector<uint32_t>(1 << 22, 5)}, arrow::Compression::ZSTD);
  ASSERT_LT(bomb->size(), 1 << 12);
  auto* pool = arrow::default_memory_pool();
  const int64_t before = pool->total_bytes_allocated();
  const auto status = DeletionVector::ParseArrow(bomb, kMaxRows).status();
  EXPECT_TRUE(status.IsSerializationError()) << status;
  EXPECT_LT(pool->total_bytes_allocated() - before, 2 << 20);
}

// --- What one asks of it.

std::shared_ptr<const DeletionVector> Make(const std::vector<uint32_t>& offsets,
                                           int64_t num_physical_rows) {
  return DeletionVector::FromSorted(offsets, num_physical_rows).ValueOrDie();
}

TEST(DeletionVectorTest, NeighboursShareARun) {
  const auto vector = Make({1, 2, 3, 7, 9, 10}, 11);
  ASSERT_EQ(vector->runs().size(), 3u);
  EXPECT_EQ(vector->runs()[0].begin, 1u);
  EXPECT_EQ(vector->runs()[0].end, 4u);
  EXPECT_EQ(vector->runs()[2].num_deleted_before, 4u);
}

TEST(DeletionVectorTest, OffsetsMustAscendAndExist) {
  EXPECT_TRUE(
      DeletionVector::FromSorted(std::vector<uint32_t>{2, 1}, 5).status().IsSerializationError());
  EXPECT_TRUE(
      DeletionVector::FromSorted(std::vector<uint32_t>{1, 1}, 5).status().IsSerializationError());
  EXPECT_TRUE(
      DeletionVector::FromSorted(std::vector<uint32_t>{5}, 5).status().IsSerializationError());
}

TEST(DeletionVectorTest, WithoutDeletedRowsRanksAreOffsets) {
  const auto vector = Make({}, 5);
  EXPECT_EQ(vector->num_deleted(), 0);
  EXPECT_FALSE(vector->Contains(0));
  EXPECT_EQ(vector->FirstRunEndingAfter(0), 0u);
  for (uint32_t rank = 0; rank < 5; ++rank) EXPECT_EQ(vector->Select(rank), rank);
}

TEST(DeletionVectorTest, AllRowsMayBeDeleted) {
  const auto vector = Make(Range(0, 5), 5);
  EXPECT_EQ(vector->num_deleted(), 5);
  for (uint32_t offset = 0; offset < 5; ++offset) EXPECT_TRUE(vector->Contains(offset));
}

TEST(DeletionVectorTest, RandomSetsAnswerAsASetDoes) {
  SplitMix64 random(17);
  for (const uint64_t one_in : {1, 2, 5, 50}) {
    constexpr uint32_t kNumRows = 500;
    std::set<uint32_t> deleted;
    for (uint32_t row = 0; row < kNumRows; ++row) {
      if (random.Next() % one_in == 0) deleted.insert(row);
    }
    const auto vector = Make({deleted.begin(), deleted.end()}, kNumRows);
    uint32_t live_rank = 0;
    for (uint32_t row = 0; row < kNumRows; ++row) {
      ASSERT_EQ(vector->Contains(row), deleted.contains(row)) << row;
      const size_t run = vector->FirstRunEndingAfter(row);
      ASSERT_TRUE(run == vector->runs().size() || vector->runs()[run].end > row) << row;
      ASSERT_TRUE(run == 0 || vector->runs()[run - 1].end <= row) << row;
      if (!deleted.contains(row)) {
        ASSERT_EQ(vector->Select(live_rank++), row);
      }
    }
  }
}

TEST(DeletionVectorTest, RowsAreFoundByRankHoweverRunsAreSpread) {
  SplitMix64 random(5);
  // Runs that get rarer and longer, so that some parts of the table have many and others none.
  std::vector<uint32_t> deleted;
  uint32_t num_rows = 0;
  for (uint32_t step = 1; step < 400; ++step) {
    num_rows += 1 + static_cast<uint32_t>(random.Next() % (step * step));
    for (uint32_t k = 0; k < 1 + step / 100; ++k) deleted.push_back(num_rows++);
  }
  num_rows += 100000;
  for (const auto& rows : {deleted, std::vector<uint32_t>{0}, std::vector<uint32_t>{num_rows - 1},
                           std::vector<uint32_t>{7, 8, 9}}) {
    const auto vector = Make(rows, num_rows);
    size_t next = 0;
    uint32_t live_rank = 0;
    for (uint32_t row = 0; row < num_rows; ++row) {
      if (next < rows.size() && rows[next] == row) {
        ++next;
      } else {
        ASSERT_EQ(vector->Select(live_rank++), row);
      }
    }
  }
}

TEST(DeletionVectorTest, WhatIsWrittenIsReadAgain) {
  // Few, a full container, one value more than an array holds, runs over containers, the ends.
  std::vector<std::vector<uint32_t>> cases = {{}, {0}, {5, 6, 7, 70000, 4294967294}};
  for (const uint32_t count : {4096, 4097, 65536, 200000}) {
    auto& dense = cases.emplace_back(count);
    std::iota(dense.begin(), dense.end(), 100);
    auto& sparse = cases.emplace_back(count);
    for (uint32_t i = 0; i < count; ++i) sparse[i] = i * 3;
  }
  for (const auto& offsets : cases) {
    const auto vector = DeletionVector::FromSorted(offsets, kMaxRows).ValueOrDie();
    ExpectOffsets(DeletionVector::ParseBitmap(vector->WriteBitmap(), kMaxRows), offsets);
  }
}

TEST(DeletionVectorTest, WritesTheBytesOfTheReferenceWriter) {
  // A bitmap file without run containers is what the reference writer wrote.
  int num_compared = 0;
  const auto root = testing::GoldenPath("tables/deletions_bitmap.lance/_deletions");
  for (const auto& entry : std::filesystem::directory_iterator(root)) {
    if (entry.path().extension() != ".bin") continue;
    const auto bytes = testing::ReadGolden("tables/deletions_bitmap.lance/_deletions/" +
                                           entry.path().filename().string());
    if (bytes[0] == 0x3b) continue;
    EXPECT_EQ(DeletionVector::ParseBitmap(bytes, kMaxRows).ValueOrDie()->WriteBitmap(), bytes);
    ++num_compared;
  }
  EXPECT_GT(num_compared, 0);
}

TEST(DeletionVectorTest, AUnionHasTheRowsOfBoth) {
  for (int round = 0; round < 200; ++round) {
    std::set<uint32_t> a;
    std::set<uint32_t> b;
    for (uint64_t i = 0; i < 40; ++i) {
      const uint64_t bits = Mix64(static_cast<uint64_t>(round) * 1000 + i);
      (bits % 2 == 0 ? a : b).insert(static_cast<uint32_t>(bits >> 8) % 60);
    }
    const auto make = [](const std::set<uint32_t>& offsets) {
      return DeletionVector::FromSorted(std::vector<uint32_t>(offsets.begin(), offsets.end()), 60)
          .ValueOrDie();
    };
    auto both = a;
    both.insert(b.begin(), b.end());
    ExpectOffsets(DeletionVector::Union(*make(a), *make(b)), {both.begin(), both.end()});
  }
}

}  // namespace
}  // namespace croupier::format
