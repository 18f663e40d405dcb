#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <arrow/array/array_base.h>
#include <arrow/array/util.h>
#include <arrow/buffer.h>
#include <arrow/io/file.h>
#include <arrow/ipc/reader.h>
#include <arrow/memory_pool.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include "croupier/base/hash.h"
#include "croupier/base/memory_pool.h"
#include "croupier/format/page/page.h"
#include "croupier/format/page/page_test_reader.h"
#include "croupier/testing/golden.h"

namespace croupier::format {
namespace {

constexpr uint64_t kSeed = 21;

struct HostileFile {
  std::string table;
  std::string version;
  int64_t stride = 1;  // of the bytes that are changed: larger for files that take long
};

void PrintTo(const HostileFile& file, std::ostream* out) { *out << file.table << file.version; }

std::shared_ptr<arrow::Schema> ReadSchema(const std::string& table) {
  const auto path = testing::GoldenPath("pages/" + table + ".arrow");
  auto file = arrow::io::ReadableFile::Open(path).ValueOrDie();
  return arrow::ipc::RecordBatchFileReader::Open(file).ValueOrDie()->schema();
}

class HostilePagesTest : public ::testing::TestWithParam<HostileFile> {
 protected:
  void SetUp() override {
    const auto bytes =
        testing::ReadGolden("pages/" + GetParam().table + GetParam().version + ".lance");
    auto file = TestFile::Parse(bytes);
    ASSERT_TRUE(file.ok()) << file.status();
    file_ = *std::move(file);
    auto leaves = LeavesOf(ReadSchema(GetParam().table)->fields());
    ASSERT_TRUE(leaves.ok()) << leaves.status();
    leaves_ = *std::move(leaves);
    ASSERT_EQ(file_.columns.size(), leaves_.size());
  }

  const std::shared_ptr<const LeafPath>& path(size_t column) const { return leaves_[column].path; }

  std::span<const uint8_t> Slice(ByteRange range) const {
    return std::span<const uint8_t>(file_.bytes)
        .subspan(static_cast<size_t>(range.offset_bytes), static_cast<size_t>(range.size_bytes));
  }

  std::vector<std::shared_ptr<arrow::Buffer>> Headers(const PageMetadata& metadata) const {
    std::vector<std::shared_ptr<arrow::Buffer>> headers;
    for (const ByteRange range : Page::HeaderRanges(metadata)) {
      const auto bytes = Slice(range);
      headers.push_back(arrow::Buffer::FromString(std::string(bytes.begin(), bytes.end())));
    }
    return headers;
  }

  TestFile file_;
  std::vector<LeafColumn> leaves_;
};

// A read of changed bytes is an error, or gives an array that ReadColumn found well formed; and it
// takes no more memory than the file explains.
void ExpectSoundRead(const std::vector<uint8_t>& bytes, const ColumnMetadata& column,
                     const std::shared_ptr<const LeafPath>& path, int64_t changed_byte) {
  constexpr int64_t kAllowedBytes = 64 << 20;
  const int64_t before = DefaultMemoryPool()->total_bytes_allocated();
  const RowRun all{0, 0, static_cast<uint32_t>(column.num_rows())};
  const auto array = ReadLeafRows(bytes, column, path, {&all, 1}, all.count);
  const int64_t allocated = DefaultMemoryPool()->total_bytes_allocated() - before;
  EXPECT_LT(allocated, kAllowedBytes) << "byte " << changed_byte << " " << array.status();
  if (array.ok()) return;
  EXPECT_TRUE(array.status().IsSerializationError() || array.status().IsNotImplemented() ||
              array.status().IsCapacityError())
      << "byte " << changed_byte << ": " << array.status();
}

TEST_P(HostilePagesTest, AChangedByteOfAPageGivesAnErrorOrAWellFormedColumn) {
  SplitMix64 random(kSeed);
  for (size_t i = 0; i < file_.columns.size(); ++i) {
    const ColumnMetadata& column = *file_.columns[i];
    SCOPED_TRACE(leaves_[i].name);
    for (const PageMetadata& page : column.pages) {
      for (const ByteRange buffer : page.buffers) {
        for (int64_t at = buffer.offset_bytes; at < buffer.end_bytes(); at += GetParam().stride) {
          const auto change = static_cast<uint8_t>(1 + random.Next() % 255);
          file_.bytes[static_cast<size_t>(at)] ^= change;
          ExpectSoundRead(file_.bytes, column, path(i), at);
          file_.bytes[static_cast<size_t>(at)] ^= change;
        }
      }
    }
  }
}

TEST_P(HostilePagesTest, AChangedByteOfTheMetadataGivesAnErrorOrAWellFormedColumn) {
  const auto size = static_cast<int64_t>(file_.bytes.size());
  const auto directory =
      ColumnDirectory::Parse(Slice(ColumnDirectory::Range(file_.footer, size)), file_.footer, size)
          .ValueOrDie();
  SplitMix64 random(kSeed);
  for (size_t i = 0; i < file_.columns.size(); ++i) {
    SCOPED_TRACE(leaves_[i].name);
    const ByteRange range = directory.columns[i];
    for (int64_t at = range.offset_bytes; at < range.end_bytes(); ++at) {
      const auto change = static_cast<uint8_t>(1 + random.Next() % 255);
      file_.bytes[static_cast<size_t>(at)] ^= change;
      const auto column = ColumnMetadata::Parse(Slice(range), file_.footer, size);
      // A table knows how many rows a column must have.
      if (column.ok() && (*column)->num_rows() == file_.columns[i]->num_rows()) {
        ExpectSoundRead(file_.bytes, **column, path(i), at);
      }
      file_.bytes[static_cast<size_t>(at)] ^= change;
    }
  }
}

TEST_P(HostilePagesTest, AColumnReadAsAnotherTypeGivesAnErrorOrAWellFormedColumn) {
  for (size_t i = 0; i < file_.columns.size(); ++i) {
    for (size_t other = 0; other < file_.columns.size(); other += 3) {
      SCOPED_TRACE(leaves_[i].name + " as " + path(other)->type()->ToString());
      ExpectSoundRead(file_.bytes, *file_.columns[i], path(other), -1);
    }
  }
}

TEST_P(HostilePagesTest, EveryTruncationOfAHeaderIsAnError) {
  for (size_t i = 0; i < file_.columns.size(); ++i) {
    SCOPED_TRACE(leaves_[i].name);
    for (const PageMetadata& metadata : file_.columns[i]->pages) {
      const auto headers = Headers(metadata);
      ASSERT_TRUE(Page::Open(metadata, path(i), headers).ok());
      for (size_t cut = 0; cut < headers.size(); ++cut) {
        // Levels of a constant page may be left out: an empty buffer is none. How many items the
        // last list has, nothing else says.
        const bool is_constant = metadata.layout.As<ConstantLayout>() != nullptr;
        if (is_constant && path(i)->num_lists() > 0) continue;
        const int64_t first = is_constant ? 1 : 0;
        for (int64_t size = first; size < headers[cut]->size(); size += GetParam().stride) {
          auto cut_headers = headers;
          cut_headers[cut] = arrow::Buffer::FromString(
              headers[cut]->ToString().substr(0, static_cast<size_t>(size)));
          EXPECT_TRUE(Page::Open(metadata, path(i), cut_headers).status().IsSerializationError())
              << "header " << cut << " of " << size << " bytes";
        }
      }
    }
  }
}

TEST_P(HostilePagesTest, EveryTruncationOfRecordsIsAnError) {
  for (size_t i = 0; i < file_.columns.size(); ++i) {
    SCOPED_TRACE(leaves_[i].name);
    for (const PageMetadata& metadata : file_.columns[i]->pages) {
      const auto page = Page::Open(metadata, path(i), Headers(metadata)).ValueOrDie();
      const auto* records = page->AsRecords();
      if (records == nullptr) continue;
      const auto num_rows = static_cast<uint32_t>(page->num_rows());
      const auto bytes = Slice(records->RecordRange(0, num_rows));
      for (size_t size = 0; size < bytes.size(); size += static_cast<size_t>(GetParam().stride)) {
        auto assembler =
            ColumnAssembler::Make(path(i), num_rows, arrow::default_memory_pool()).ValueOrDie();
        const RowRun all{0, 0, num_rows};
        EXPECT_TRUE(records->Decode(0, bytes.first(size), {&all, 1}, assembler.get())
                        .IsSerializationError())
            << size;
      }
    }
  }
}

TEST_P(HostilePagesTest, EveryTruncationOfAChunkIsAnErrorUnlessOnlyPaddingIsCut) {
  for (size_t i = 0; i < file_.columns.size(); ++i) {
    SCOPED_TRACE(leaves_[i].name);
    for (const PageMetadata& metadata : file_.columns[i]->pages) {
      const auto page = Page::Open(metadata, path(i), Headers(metadata)).ValueOrDie();
      const auto* chunks = page->AsChunks();
      if (chunks == nullptr) continue;
      auto* pool = arrow::default_memory_pool();
      const auto bytes = Slice(chunks->chunk(0).bytes);
      const auto whole =
          arrow::MakeArray(chunks->DecodeChunk(0, bytes, pool).ValueOrDie().array->Copy());
      for (size_t size = 0; size < bytes.size(); size += static_cast<size_t>(GetParam().stride)) {
        // In memory of its own size, so that a sanitizer sees reads behind it.
        const std::vector<uint8_t> cut(bytes.begin(), bytes.begin() + static_cast<int64_t>(size));
        const auto decoded = chunks->DecodeChunk(0, cut, pool);
        if (decoded.ok()) {
          EXPECT_GE(size + 8, bytes.size());
          EXPECT_TRUE(arrow::MakeArray(decoded->array->Copy())->Equals(whole)) << size;
        } else {
          EXPECT_TRUE(decoded.status().IsSerializationError()) << size << decoded.status();
        }
      }
    }
  }
}

std::vector<HostileFile> HostileFiles() {
  std::vector<HostileFile> files;
  for (const auto* version : {"_v2_1", "_v2_2"}) {
    files.push_back({"types", version, 3});
    files.push_back({"full_zip", version, 5});
    files.push_back({"compressed", version, 29});
    files.push_back({"encodings", version, 37});
    files.push_back({"constants", version, 1});
    files.push_back({"many_pages", version, 17});
    files.push_back({"nested", version, 19});
    files.push_back({"nested_many_pages", version, 31});
    files.push_back({"dictionaries", version, 7});
    files.push_back({"packed", version, 23});
  }
  files.push_back({"packed_variable", "_v2_2", 17});
  files.push_back({"nested_2_2", "_v2_2", 11});
  files.push_back({"types", "_v2_0", 3});
  files.push_back({"strings", "_v2_0", 3});
  files.push_back({"compressed_strings", "_v2_0", 97});
  files.push_back({"wide", "_v2_0", 53});
  files.push_back({"old_types", "_v2_0_0_18_2", 7});
  return files;
}

INSTANTIATE_TEST_SUITE_P(Files, HostilePagesTest, ::testing::ValuesIn(HostileFiles()),
                         [](const auto& info) { return info.param.table + info.param.version; });

}  // namespace
}  // namespace croupier::format
