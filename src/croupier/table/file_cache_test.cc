#include "croupier/table/file_cache.h"

#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/status.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include "croupier/storage/memory_store.h"

namespace croupier::table {
namespace {

constexpr int64_t kNoLimit = INT64_MAX;

std::shared_ptr<CachedFile> MakeFile(MetadataBudget* budget) {
  const auto store =
      storage::MakeMemoryStore("file_cache", {{"f", arrow::Buffer::FromString("bytes")}});
  return std::make_shared<CachedFile>(store->Open("f").ValueOrDie(), format::FileFooter{},
                                      format::ColumnDirectory{}, budget);
}

// A column with pages of so many rows.
std::shared_ptr<const CachedColumn> MakeColumn(const std::vector<int64_t>& rows_of_pages,
                                               std::shared_ptr<arrow::DataType> type) {
  auto metadata = std::make_shared<format::ColumnMetadata>();
  int64_t first_row = 0;
  for (const int64_t num_rows : rows_of_pages) {
    metadata->pages.push_back({first_row, num_rows, {}, {}});
    first_row += num_rows;
  }
  return std::make_shared<const CachedColumn>(std::move(metadata),
                                              format::LeafPath::Flat(std::move(type)));
}

class PageOfChunks : public format::ChunkPage {
 public:
  explicit PageOfChunks(int64_t memory_bytes)
      : ChunkPage(10, format::LeafPath::Flat(arrow::int32())), memory_bytes_(memory_bytes) {}
  int64_t memory_bytes() const override { return memory_bytes_; }
  int64_t num_chunks() const override { return 2; }
  Chunk chunk(int64_t chunk_index) const override { return {chunk_index * 5, 5, {}}; }
  int64_t ChunkOf(int64_t row) const override { return row / 5; }
  arrow::Result<format::DecodedRows> DecodeChunk(int64_t, std::span<const uint8_t>,
                                                 arrow::MemoryPool*) const override {
    return arrow::Status::NotImplemented("decode");
  }

 private:
  int64_t memory_bytes_;
};

class PageOfOneValue : public format::ConstantPage {
 public:
  PageOfOneValue() : ConstantPage(10, format::LeafPath::Flat(arrow::int32())) {}
  int64_t memory_bytes() const override { return 0; }
  arrow::Status Decode(std::span<const format::RowRun>, format::ColumnAssembler*) const override {
    return arrow::Status::NotImplemented("decode");
  }
};

TEST(FileCacheTest, AFileIsFoundByItsNumberAfterItWasInserted) {
  MetadataBudget budget(kNoLimit);
  FileCache cache(3, &budget);
  EXPECT_EQ(cache.Find(1, 1), nullptr);
  const auto file = MakeFile(&budget);
  EXPECT_EQ(cache.Insert(1, file), file);
  EXPECT_EQ(cache.Find(1, 1), file);
  EXPECT_EQ(cache.Find(0, 1), nullptr);
  EXPECT_EQ(cache.Find(2, 1), nullptr);
}

TEST(FileCacheTest, TheFirstOfTwoOpenFilesIsShared) {
  MetadataBudget budget(kNoLimit);
  FileCache cache(1, &budget);
  const auto first = cache.Insert(0, MakeFile(&budget));
  EXPECT_EQ(cache.Insert(0, MakeFile(&budget)), first);
  EXPECT_EQ(cache.Find(0, 1), first);
}

TEST(FileCacheTest, ThreadsThatOpenAtOnceShareOneFile) {
  MetadataBudget budget(kNoLimit);
  FileCache cache(1, &budget);
  std::vector<std::shared_ptr<CachedFile>> files(8);
  {
    std::vector<std::jthread> threads;
    threads.reserve(files.size());
    for (auto& file : files) {
      threads.emplace_back([&] { file = cache.Insert(0, MakeFile(&budget)); });
    }
  }
  for (const auto& file : files) EXPECT_EQ(file, cache.Find(0, 1));
}

TEST(CachedFileTest, AColumnIsFoundByItsIndexAndType) {
  MetadataBudget budget(kNoLimit);
  const auto file = MakeFile(&budget);
  const auto column = MakeColumn({5}, arrow::int32());
  EXPECT_EQ(file->Find(0, *format::LeafPath::Flat(arrow::int32())), nullptr);
  EXPECT_EQ(file->Insert(0, column), column);
  EXPECT_EQ(file->Find(0, *format::LeafPath::Flat(arrow::int32())), column);
  EXPECT_EQ(file->Find(0, *format::LeafPath::Flat(arrow::int64())), nullptr);
  EXPECT_EQ(file->Find(1, *format::LeafPath::Flat(arrow::int32())), nullptr);
}

TEST(CachedFileTest, TheFirstOfTwoColumnsOfOneTypeIsShared) {
  MetadataBudget budget(kNoLimit);
  const auto file = MakeFile(&budget);
  const auto first = file->Insert(0, MakeColumn({5}, arrow::int32()));
  EXPECT_EQ(file->Insert(0, MakeColumn({5}, arrow::int32())), first);
}

TEST(CachedFileTest, AColumnIsNotSharedAsAnotherType) {
  MetadataBudget budget(kNoLimit);
  const auto file = MakeFile(&budget);
  const auto first = file->Insert(0, MakeColumn({5}, arrow::int32()));
  const auto other = MakeColumn({5}, arrow::utf8());
  EXPECT_EQ(file->Insert(0, other), other);
  EXPECT_EQ(file->Find(0, *format::LeafPath::Flat(arrow::int32())), first);
  EXPECT_EQ(file->Find(0, *format::LeafPath::Flat(arrow::utf8())), nullptr);
}

TEST(CachedColumnTest, EveryRowIsInThePageThatHoldsIt) {
  const auto column = MakeColumn({3, 1, 5}, arrow::int32());
  EXPECT_EQ(column->num_rows(), 9);
  EXPECT_EQ(column->num_pages(), 3);
  const std::vector<size_t> expected = {0, 0, 0, 1, 2, 2, 2, 2, 2};
  for (size_t row = 0; row < expected.size(); ++row) {
    EXPECT_EQ(column->PageOf(static_cast<int64_t>(row)), expected[row]) << row;
  }
}

std::shared_ptr<const OpenedPage> OpenChunks(DecodedCache* cache, int64_t memory_bytes = 0) {
  return std::make_shared<const OpenedPage>(std::make_shared<PageOfChunks>(memory_bytes), cache);
}

TEST(OpenedPageTest, APageOfChunksRemembersDecodedOnes) {
  DecodedCache cache(100);
  const auto opened = OpenChunks(&cache);
  ASSERT_NE(opened->decoded, nullptr);
  opened->decoded->Insert(1, {arrow::ArrayData::Make(arrow::null(), 5, {nullptr}, 5)}, 7);
  EXPECT_EQ(cache.used_bytes(), 7);
}

TEST(OpenedPageTest, APageWithoutChunksRemembersNothing) {
  DecodedCache cache(100);
  const OpenedPage opened(std::make_shared<PageOfOneValue>(), &cache);
  EXPECT_EQ(opened.decoded, nullptr);
}

TEST(CachedPageTest, TheFirstOfTwoOpenedPagesIsShared) {
  DecodedCache cache(100);
  MetadataBudget budget(kNoLimit);
  const auto file = MakeFile(&budget);
  const auto column = file->Insert(0, MakeColumn({10}, arrow::int32()));
  EXPECT_EQ(column->page(0).Find(1), nullptr);
  const auto first = file->Insert(&column->page(0), OpenChunks(&cache));
  EXPECT_EQ(file->Insert(&column->page(0), OpenChunks(&cache)), first);
  EXPECT_EQ(column->page(0).Find(1), first);
}

// Files of one column with pages, used one after another, each by a read of its own.
class MetadataBudgetTest : public ::testing::Test {
 protected:
  static constexpr int64_t kHeaderBytes = 10000;
  static constexpr size_t kNumFiles = 20;

  void UseFile(FileCache* cache, size_t file_number) {
    const int64_t now = cache->budget().BeginRead();
    auto file = cache->Find(file_number, now);
    if (file == nullptr) file = cache->Insert(file_number, MakeFile(&cache->budget()));
    auto column = file->Find(0, *format::LeafPath::Flat(arrow::int32()));
    if (column == nullptr) column = file->Insert(0, MakeColumn({10, 10}, arrow::int32()));
    for (size_t page = 0; page < 2; ++page) {
      if (column->page(page).Find(now) != nullptr) continue;
      file->Insert(&column->page(page), OpenChunks(&decoded_, kHeaderBytes));
    }
    cache->budget().EndRead();
  }

  // Whether the headers of a file's pages are remembered; does not count as a use.
  static bool HasHeaders(FileCache* cache, size_t file_number) {
    const auto file = cache->Find(file_number, 0);
    if (file == nullptr) return false;
    const auto column = file->Find(0, *format::LeafPath::Flat(arrow::int32()));
    return column != nullptr && column->page(0).Find(0) != nullptr;
  }

  DecodedCache decoded_{1000};
};

TEST_F(MetadataBudgetTest, IsKeptHoweverManyFilesAreRead) {
  MetadataBudget budget(5 * 2 * kHeaderBytes);
  FileCache cache(kNumFiles, &budget);
  for (size_t i = 0; i < kNumFiles; ++i) {
    UseFile(&cache, i);
    EXPECT_LE(budget.used_bytes(), 5 * 2 * kHeaderBytes);
    EXPECT_TRUE(HasHeaders(&cache, i)) << i;
  }
  EXPECT_FALSE(HasHeaders(&cache, 0));
}

TEST_F(MetadataBudgetTest, WhatIsInUseStaysAndTheOldestGoes) {
  MetadataBudget budget(6 * 2 * kHeaderBytes);
  FileCache cache(kNumFiles, &budget);
  for (size_t i = 1; i < kNumFiles; ++i) {
    UseFile(&cache, 0);
    UseFile(&cache, i);
  }
  EXPECT_TRUE(HasHeaders(&cache, 0));
  EXPECT_FALSE(HasHeaders(&cache, 1));
}

TEST_F(MetadataBudgetTest, IsSharedByAllTablesOfAProcess) {
  MetadataBudget budget(6 * 2 * kHeaderBytes);
  FileCache idle(kNumFiles, &budget);
  for (size_t i = 0; i < 5; ++i) UseFile(&idle, i);
  FileCache busy(kNumFiles, &budget);
  for (size_t i = 0; i < kNumFiles; ++i) UseFile(&busy, i);
  EXPECT_LE(budget.used_bytes(), 6 * 2 * kHeaderBytes);
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(idle.Find(i, 0), nullptr) << i;
}

TEST_F(MetadataBudgetTest, IsFreedByATableThatGoes) {
  MetadataBudget budget(kNoLimit);
  {
    FileCache cache(kNumFiles, &budget);
    for (size_t i = 0; i < kNumFiles; ++i) UseFile(&cache, i);
    EXPECT_GE(budget.used_bytes(), int64_t{kNumFiles} * 2 * kHeaderBytes);
  }
  EXPECT_EQ(budget.used_bytes(), 0);
}

TEST_F(MetadataBudgetTest, WhatAReadHoldsOutlivesThatItIsForgotten) {
  MetadataBudget budget(1);
  FileCache cache(1, &budget);
  const auto file = cache.Insert(0, MakeFile(&budget));
  const auto column = file->Insert(0, MakeColumn({10}, arrow::int32()));
  const auto opened = file->Insert(&column->page(0), OpenChunks(&decoded_, kHeaderBytes));
  budget.EndRead();
  EXPECT_EQ(cache.Find(0, 0), nullptr);
  EXPECT_EQ(budget.used_bytes(), 0);
  EXPECT_EQ(opened->page->num_rows(), 10);
  // What a read that still goes on opens in a forgotten file does not count.
  file->Insert(1, MakeColumn({10}, arrow::int32()));
  file->Insert(&column->page(0), OpenChunks(&decoded_, kHeaderBytes));
  EXPECT_EQ(budget.used_bytes(), 0);
}

TEST_F(MetadataBudgetTest, ThreadsThatForgetForEachOtherCountRight) {
  MetadataBudget budget(3 * 2 * kHeaderBytes);
  {
    FileCache cache(kNumFiles, &budget);
    {
      std::vector<std::jthread> threads;
      threads.reserve(4);
      for (size_t thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&, thread] {
          for (size_t i = 0; i < 2000; ++i) UseFile(&cache, (i * (thread + 1)) % kNumFiles);
        });
      }
    }
    EXPECT_LE(budget.used_bytes(), 3 * 2 * kHeaderBytes);
  }
  EXPECT_EQ(budget.used_bytes(), 0);
}

}  // namespace
}  // namespace croupier::table
