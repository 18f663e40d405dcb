#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <arrow/memory_pool.h>
#include <arrow/record_batch.h>
#include <arrow/status.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include "croupier/base/memory_pool.h"
#include "croupier/table.h"
#include "croupier/table/test_tables.h"
#include "croupier/testing/golden.h"

namespace croupier::table {
namespace {

// Reads may hold far more than a few kilobytes of file, but not what a changed byte asks for.
constexpr int64_t kAllowedBytes = 64 << 20;

struct DamagedTable {
  std::string name;
  int64_t stride = 1;  // of the bytes that are changed: larger for files that take long
};

void PrintTo(const DamagedTable& table, std::ostream* out) { *out << table.name; }

class HostileTableTest : public ::testing::TestWithParam<DamagedTable> {
 protected:
  // Everything that a user may do with a table.
  arrow::Status ReadEverything() const {
    arrow::ProxyMemoryPool pool(arrow::default_memory_pool());
    arrow::CappedMemoryPool capped(&pool, kAllowedBytes);
    ARROW_ASSIGN_OR_RAISE(const auto table, OpenLanceTable(path_));
    ARROW_ASSIGN_OR_RAISE(const int64_t num_rows, table->CountRows());
    ARROW_ASSIGN_OR_RAISE(const auto index, table->RowIds());
    if (index->num_rows() != num_rows) return arrow::Status::Invalid("the index counts otherwise");
    ScanOptions options{{.pool = &capped}, table->schema()->field_names()};
    for (const auto* column : {kRowIdColumn, kRowAddressColumn, kRowCreatedAtVersionColumn,
                               kRowLastUpdatedAtVersionColumn}) {
      if (table->schema()->GetFieldIndex(column) < 0) options.columns.push_back(column);
    }
    ARROW_ASSIGN_OR_RAISE(const auto rows, ScanAll(*table, options));
    if (rows->num_rows() != num_rows) return arrow::Status::Invalid("the scan counts otherwise");
    if (num_rows == 0) return arrow::Status::OK();
    std::vector<uint64_t> ranks = {static_cast<uint64_t>(num_rows) - 1, 0};
    index->Lookup(ranks);
    ARROW_ASSIGN_OR_RAISE(const auto taken, table->Take(ranks, options.columns, options));
    return taken->ValidateFull();
  }

  // Reads a table that something is wrong with: an error of the file, that names it, or rows.
  void ExpectSoundRead(const std::string& what) const {
    const int64_t before = DefaultMemoryPool()->total_bytes_allocated();
    const auto status = ReadEverything();
    EXPECT_LT(DefaultMemoryPool()->total_bytes_allocated() - before, kAllowedBytes)
        << what << ": " << status;
    if (status.ok()) return;
    EXPECT_TRUE(status.IsSerializationError() || status.IsIOError() || status.IsNotImplemented() ||
                status.IsCapacityError())
        << what << ": " << status;
    if (status.IsNotImplemented() || status.IsCapacityError()) return;  // of a column, by its name
    EXPECT_NE(status.message().find(path_), std::string::npos) << what << ": " << status;
  }

  // Changes bytes of a file one at a time, each in several ways.
  void ExpectSoundReadsWithChangedBytes(const std::string& file_path) const {
    const auto bytes = ReadFile(file_path);
    std::fstream file(file_path, std::ios::binary | std::ios::in | std::ios::out);
    for (size_t at = 0; at < bytes.size() && !HasFailure();
         at += static_cast<size_t>(GetParam().stride)) {
      for (const int change : {0x01, 0x80, 0xff}) {
        file.seekp(static_cast<std::streamoff>(at)).put(static_cast<char>(bytes[at] ^ change));
        file.flush();
        ExpectSoundRead(file_path + ", byte " + std::to_string(at) + ", change " +
                        std::to_string(change));
      }
      file.seekp(static_cast<std::streamoff>(at)).put(static_cast<char>(bytes[at]));
    }
    file.flush();
    ASSERT_TRUE(file.good());
    EXPECT_TRUE(ReadEverything().ok());
  }

  void ExpectErrorForEveryTruncation(const std::string& file_path) const {
    const auto bytes = ReadFile(file_path);
    for (int64_t size = std::ssize(bytes) - 1; size >= 0 && !HasFailure();
         size -= GetParam().stride) {
      std::filesystem::resize_file(file_path, static_cast<uintmax_t>(size));
      EXPECT_FALSE(ReadEverything().ok()) << file_path << " of " << size << " bytes";
      ExpectSoundRead(file_path + " of " + std::to_string(size) + " bytes");
    }
    testing::WriteFile(file_path, bytes);
  }

  std::vector<std::string> FilesBelow(const std::string& directory) const {
    const auto folder = path_ + "/" + directory;
    return std::filesystem::exists(folder) ? FilesIn(folder) : std::vector<std::string>();
  }

  // Data files of columns that were dropped stay behind, unread.
  bool IsRead(const std::string& file_path) const {
    std::filesystem::rename(file_path, file_path + ".away");
    const bool is_read = !ReadEverything().ok();
    std::filesystem::rename(file_path + ".away", file_path);
    return is_read;
  }

  const std::string path_ = CopyGoldenTable(GetParam().name);
};

class HostileDeletionsTest : public HostileTableTest {};
class SwappedDataFilesTest : public HostileTableTest {};

TEST_P(HostileTableTest, EveryTruncationOfTheManifestIsAnError) {
  ExpectErrorForEveryTruncation(NewestManifest(path_));
}

TEST_P(HostileTableTest, EveryTruncationOfADataFileIsAnError) {
  int num_read = 0;
  for (const auto& file : FilesBelow("data")) {
    if (!IsRead(file)) continue;
    ++num_read;
    ExpectErrorForEveryTruncation(file);
  }
  EXPECT_GE(num_read, 1);
}

TEST_P(HostileDeletionsTest, EveryTruncationOfADeletionFileIsAnError) {
  for (const auto& file : FilesBelow("_deletions")) ExpectErrorForEveryTruncation(file);
}

TEST_P(HostileTableTest, AChangedByteOfTheManifestGivesAnErrorOrAWellFormedTable) {
  ExpectSoundReadsWithChangedBytes(NewestManifest(path_));
}

TEST_P(HostileTableTest, AChangedByteOfADataFileGivesAnErrorOrAWellFormedTable) {
  for (const auto& file : FilesBelow("data")) ExpectSoundReadsWithChangedBytes(file);
}

TEST_P(HostileDeletionsTest, AChangedByteOfADeletionFileGivesAnErrorOrAWellFormedTable) {
  for (const auto& file : FilesBelow("_deletions")) ExpectSoundReadsWithChangedBytes(file);
}

TEST_P(SwappedDataFilesTest, ADataFileInPlaceOfAnotherGivesAnErrorOrAWellFormedTable) {
  const auto files = FilesBelow("data");
  for (const auto& file : files) {
    const auto bytes = ReadFile(file);
    for (const auto& other : files) {
      testing::WriteFile(file, ReadFile(other));
      SCOPED_TRACE(other);
      ExpectSoundRead(file);
    }
    testing::WriteFile(file, bytes);
  }
}

const auto kNameOfTable = [](const ::testing::TestParamInfo<DamagedTable>& info) {
  return info.param.name;
};

INSTANTIATE_TEST_SUITE_P(
    Tables, HostileTableTest,
    ::testing::Values(DamagedTable{"numbers", 1}, DamagedTable{"numbers_v2_1", 1},
                      DamagedTable{"old_format", 1}, DamagedTable{"nested_v2_0", 23},
                      DamagedTable{"evolved", 2}, DamagedTable{"deletions_arrow", 7},
                      DamagedTable{"deletions_bitmap", 29}, DamagedTable{"records", 41},
                      DamagedTable{"stable_row_ids", 5}, DamagedTable{"stable_row_ids_spilled", 3}),
    kNameOfTable);
INSTANTIATE_TEST_SUITE_P(Tables, HostileDeletionsTest,
                         ::testing::Values(DamagedTable{"deletions_arrow", 3},
                                           DamagedTable{"deletions_bitmap", 47}),
                         kNameOfTable);
INSTANTIATE_TEST_SUITE_P(Tables, SwappedDataFilesTest,
                         ::testing::Values(DamagedTable{"evolved"}, DamagedTable{"deletions_arrow"},
                                           DamagedTable{"records"}),
                         kNameOfTable);

}  // namespace
}  // namespace croupier::table
