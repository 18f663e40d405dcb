#include "croupier/table/file_cache.h"

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

std::shared_ptr<CachedFile> MakeFile() {
  const auto store = storage::MakeMemoryStore({{"f", arrow::Buffer::FromString("bytes")}});
  return std::make_shared<CachedFile>(store->Open("f").ValueOrDie(), format::FileFooter{},
                                      format::ColumnDirectory{});
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
  PageOfChunks() : ChunkPage(10, format::LeafPath::Flat(arrow::int32())) {}
  int64_t memory_bytes() const override { return 0; }
  int64_t num_chunks() const override { return 2; }
  Chunk chunk(int64_t chunk_index) const override { return {chunk_index * 5, 5, {}}; }
  int64_t ChunkOf(int64_t row) const override { return row / 5; }
  arrow::Result<format::DecodedRows> DecodeChunk(int64_t, std::span<const uint8_t>,
                                                 arrow::MemoryPool*) const override {
    return arrow::Status::NotImplemented("decode");
  }
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
  FileCache cache(3);
  EXPECT_EQ(cache.Find(1), nullptr);
  const auto file = MakeFile();
  EXPECT_EQ(cache.Insert(1, file), file);
  EXPECT_EQ(cache.Find(1), file);
  EXPECT_EQ(cache.Find(0), nullptr);
  EXPECT_EQ(cache.Find(2), nullptr);
}

TEST(FileCacheTest, TheFirstOfTwoOpenFilesIsShared) {
  FileCache cache(1);
  const auto first = cache.Insert(0, MakeFile());
  EXPECT_EQ(cache.Insert(0, MakeFile()), first);
  EXPECT_EQ(cache.Find(0), first);
}

TEST(FileCacheTest, ThreadsThatOpenAtOnceShareOneFile) {
  FileCache cache(1);
  std::vector<std::shared_ptr<CachedFile>> files(8);
  {
    std::vector<std::jthread> threads;
    threads.reserve(files.size());
    for (auto& file : files) {
      threads.emplace_back([&cache, &file] { file = cache.Insert(0, MakeFile()); });
    }
  }
  for (const auto& file : files) EXPECT_EQ(file, cache.Find(0));
}

TEST(CachedFileTest, AColumnIsFoundByItsIndexAndType) {
  const auto file = MakeFile();
  const auto column = MakeColumn({5}, arrow::int32());
  EXPECT_EQ(file->Find(0, *format::LeafPath::Flat(arrow::int32())), nullptr);
  EXPECT_EQ(file->Insert(0, column), column);
  EXPECT_EQ(file->Find(0, *format::LeafPath::Flat(arrow::int32())), column);
  EXPECT_EQ(file->Find(0, *format::LeafPath::Flat(arrow::int64())), nullptr);
  EXPECT_EQ(file->Find(1, *format::LeafPath::Flat(arrow::int32())), nullptr);
}

TEST(CachedFileTest, TheFirstOfTwoColumnsOfOneTypeIsShared) {
  const auto file = MakeFile();
  const auto first = file->Insert(0, MakeColumn({5}, arrow::int32()));
  EXPECT_EQ(file->Insert(0, MakeColumn({5}, arrow::int32())), first);
}

TEST(CachedFileTest, AColumnIsNotSharedAsAnotherType) {
  const auto file = MakeFile();
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

TEST(CachedPageTest, APageOfChunksRemembersDecodedOnes) {
  DecodedCache cache(100);
  const format::PageMetadata metadata{0, 10, {}, {}};
  CachedPage page(&metadata);
  EXPECT_EQ(page.page(), nullptr);
  EXPECT_EQ(page.decoded(), nullptr);
  page.SetPage(std::make_shared<PageOfChunks>(), &cache);
  ASSERT_NE(page.page(), nullptr);
  ASSERT_NE(page.decoded(), nullptr);
  page.decoded()->Insert(1, {arrow::ArrayData::Make(arrow::null(), 5, {nullptr}, 5)}, 7);
  EXPECT_EQ(cache.used_bytes(), 7);
}

TEST(CachedPageTest, APageWithoutChunksRemembersNothing) {
  DecodedCache cache(100);
  const format::PageMetadata metadata{0, 10, {}, {}};
  CachedPage page(&metadata);
  page.SetPage(std::make_shared<PageOfOneValue>(), &cache);
  EXPECT_NE(page.page(), nullptr);
  EXPECT_EQ(page.decoded(), nullptr);
}

TEST(CachedPageTest, TheFirstOfTwoOpenedPagesIsShared) {
  DecodedCache cache(100);
  const format::PageMetadata metadata{0, 10, {}, {}};
  CachedPage page(&metadata);
  const auto first = std::make_shared<PageOfChunks>();
  page.SetPage(first, &cache);
  const auto* decoded = page.decoded();
  page.SetPage(std::make_shared<PageOfChunks>(), &cache);
  EXPECT_EQ(page.page(), first.get());
  EXPECT_EQ(page.decoded(), decoded);
}

}  // namespace
}  // namespace croupier::table
