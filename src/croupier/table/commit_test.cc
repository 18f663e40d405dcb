#include "croupier/table/commit.h"

#include <algorithm>
#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <arrow/array/array_primitive.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <arrow/util/io_util.h>
#include <gtest/gtest.h>

#include "croupier/storage/memory_store.h"
#include "croupier/table/row_change.h"
#include "croupier/table/table_changes.h"
#include "croupier/table/test_tables.h"

namespace croupier::table {
namespace {

using storage::ObjectStore;
using Bytes = std::span<const uint8_t>;

// What becomes of a request that writes.
enum class Fault : uint8_t {
  kNone,
  kFails,       ///< nothing is done
  kLosesAnswer  ///< it is done, and an error is told
};

arrow::Status DiskFull() {
  return arrow::internal::StatusFromErrno(ENOSPC, arrow::StatusCode::IOError, "no room");
}

// Passes on to another store, with faults.
class FaultyStore : public ObjectStore {
 public:
  explicit FaultyStore(std::shared_ptr<const ObjectStore> store) : store_(std::move(store)) {}

  // Asked before each request that writes, with its number from 1 on and the path.
  std::function<Fault(int number, const std::string& path)> fault = [](int, const std::string&) {
    return Fault::kNone;
  };
  // Called before a manifest is put: what another writer does in this moment.
  std::function<void()> before_put = [] {};
  // What PutIfAbsent says instead of "yes".
  std::function<bool()> denies_success = [] { return false; };
  int num_writes() const { return num_writes_; }

  const std::string& location() const override { return store_->location(); }
  arrow::Result<std::shared_ptr<const storage::Object>> Open(
      const std::string& path, std::optional<int64_t> known_size_bytes,
      const CancelToken& cancel) const override {
    return store_->Open(path, known_size_bytes, cancel);
  }
  arrow::Result<std::vector<std::string>> ListFiles(
      const std::string& directory, const storage::ListOptions& options) const override {
    return store_->ListFiles(directory, options);
  }
  arrow::Result<std::vector<std::string>> ListDirectories(
      const std::string& directory, const storage::ListOptions& options) const override {
    return store_->ListDirectories(directory, options);
  }

  arrow::Status CheckWritable() const override { return arrow::Status::OK(); }
  arrow::Result<std::unique_ptr<storage::ObjectWriter>> OpenWrite(
      const std::string& path, const CancelToken& cancel) const override {
    if (Next(path) != Fault::kNone) return DiskFull();
    ARROW_ASSIGN_OR_RAISE(auto writer, store_->OpenWrite(path, cancel));
    return std::make_unique<Writer>(this, path, std::move(writer));
  }
  arrow::Result<bool> PutIfAbsent(const std::string& path, Bytes bytes) const override {
    before_put();
    const Fault next = Next(path);
    if (next == Fault::kFails) return DiskFull();
    ARROW_ASSIGN_OR_RAISE(const bool is_ours, store_->PutIfAbsent(path, bytes));
    if (next == Fault::kLosesAnswer) return DiskFull();
    return is_ours && !denies_success();
  }
  arrow::Status Delete(const std::string& path) const override { return store_->Delete(path); }

 private:
  class Writer : public storage::ObjectWriter {
   public:
    Writer(const FaultyStore* store, std::string path,
           std::unique_ptr<storage::ObjectWriter> writer)
        : store_(store), path_(std::move(path)), writer_(std::move(writer)) {}
    int64_t size_bytes() const override { return writer_->size_bytes(); }
    arrow::Status Append(Bytes bytes) override {
      return store_->Next(path_) == Fault::kNone ? writer_->Append(bytes) : DiskFull();
    }
    arrow::Status Close() override {
      return store_->Next(path_) == Fault::kNone ? writer_->Close() : DiskFull();
    }

   private:
    const FaultyStore* const store_;
    const std::string path_;
    const std::unique_ptr<storage::ObjectWriter> writer_;
  };

  Fault Next(const std::string& path) const { return fault(++num_writes_, path); }

  const std::shared_ptr<const ObjectStore> store_;
  mutable int num_writes_ = 0;
};

std::shared_ptr<arrow::RecordBatchReader> StreamOf(std::vector<int64_t> ids) {
  arrow::Int64Builder builder;
  EXPECT_TRUE(builder.AppendValues(ids).ok());
  const auto schema = arrow::schema({arrow::field("id", arrow::int64())});
  const auto batch =
      arrow::RecordBatch::Make(schema, std::ssize(ids), {builder.Finish().ValueOrDie()});
  return arrow::RecordBatchReader::Make({batch}, schema).ValueOrDie();
}

bool IsManifest(const std::string& path) { return path.ends_with(".manifest"); }

class CommitTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(TableWriter::Create(uri_, StreamOf({1, 2, 3})).ok()); }

  std::vector<int64_t> Read() const {
    ScanOptions options;
    options.columns = {"id"};
    const auto rows = ScanAll(*OpenLanceTable(uri_).ValueOrDie(), options).ValueOrDie();
    const auto batch = rows->CombineChunksToBatch().ValueOrDie();
    const auto& ids = static_cast<const arrow::Int64Array&>(*batch->column(0));
    std::vector<int64_t> values(ids.raw_values(), ids.raw_values() + ids.length());
    std::ranges::sort(values);
    return values;
  }

  size_t NumFiles() const {
    size_t num_files = 0;
    for (const char* directory : {"data", "_versions", "_transactions", "_deletions"}) {
      const auto files = store_->ListFiles(directory);
      num_files += files.ok() ? files->size() : 0;
    }
    return num_files;
  }

  std::shared_ptr<const LanceDataset> Dataset() const {
    return LanceDataset::InStore(faulty_, {}).ValueOrDie();
  }

  arrow::Result<Committed> Append(std::vector<int64_t> ids) const {
    const WriteOptions options;
    AppendChange change({Dataset(), "", &options}, StreamOf(std::move(ids)));
    return Commit(faulty_, "", &change, {});
  }

  // Removes the first live row, by whatever address it has then.
  arrow::Result<Committed> DeleteFirst(int* num_computed) const {
    const WriteOptions options;
    const RowsChange::Compute compute =
        [&](const std::shared_ptr<const TableSource>& source) -> arrow::Result<RowChange> {
      ++*num_computed;
      ScanOptions scan;
      scan.columns = {kRowAddressColumn};
      ARROW_ASSIGN_OR_RAISE(const auto reader, source->Scan(scan));
      ARROW_ASSIGN_OR_RAISE(const auto batch, reader->Next());
      return RowChange{
          .removed = {static_cast<const arrow::UInt64Array&>(*batch->column(0)).Value(0)}};
    };
    RowsChange change({Dataset(), "", &options}, compute);
    return Commit(faulty_, "", &change, {});
  }

  static std::string NextUri() {
    static int num_tables = 0;
    return "memory://commits-" + std::to_string(++num_tables) + "/t.lance";
  }

  const std::string uri_ = NextUri();
  const std::shared_ptr<const ObjectStore> store_ = storage::OpenObjectStore(uri_).ValueOrDie();
  const std::shared_ptr<FaultyStore> faulty_ = std::make_shared<FaultyStore>(store_);
};

TEST_F(CommitTest, AnyRequestThatFailsLeavesTheTableAsItWas) {
  ASSERT_TRUE(Append({4}).ok());
  const int num_writes = faulty_->num_writes();
  ASSERT_GT(num_writes, 5);
  const auto before = Read();
  const size_t num_files = NumFiles();
  for (int failing = 1; failing <= num_writes; ++failing) {
    const int first = faulty_->num_writes();
    faulty_->fault = [&](int number, const std::string&) {
      return number == first + failing ? Fault::kFails : Fault::kNone;
    };
    const auto status = Append({5}).status();
    EXPECT_EQ(arrow::internal::ErrnoFromStatus(status), ENOSPC) << failing << ": " << status;
    EXPECT_EQ(Read(), before) << failing;
    EXPECT_EQ(NumFiles(), num_files) << failing;
  }
}

TEST_F(CommitTest, AnAnswerThatIsLostIsFoundOut) {
  faulty_->fault = [](int, const std::string& path) {
    return IsManifest(path) ? Fault::kLosesAnswer : Fault::kNone;
  };
  EXPECT_EQ(Append({4})->version, 2);
  EXPECT_EQ(Read(), (std::vector<int64_t>{1, 2, 3, 4}));
  // A request that was repeated by itself, and found what it had made.
  faulty_->fault = [](int, const std::string&) { return Fault::kNone; };
  faulty_->denies_success = [] { return true; };
  EXPECT_EQ(Append({5})->version, 3);
  EXPECT_EQ(Read(), (std::vector<int64_t>{1, 2, 3, 4, 5}));
}

TEST_F(CommitTest, TheLoserOfARaceGoesOn) {
  bool has_raced = false;
  faulty_->before_put = [&] {
    if (std::exchange(has_raced, true)) return;
    EXPECT_TRUE(TableWriter::Open(uri_).ValueOrDie()->Append(StreamOf({10})).ok());
  };
  const auto committed = Append({4}).ValueOrDie();
  EXPECT_EQ(committed.version, 3);
  EXPECT_EQ(committed.num_attempts, 2);
  EXPECT_EQ(Read(), (std::vector<int64_t>{1, 2, 3, 4, 10}));
  // The transaction of the attempt that lost is gone.
  EXPECT_EQ(store_->ListFiles("_transactions")->size(), 3);
}

TEST_F(CommitTest, ADeleteIsComputedAgainWhereRowsHaveChanged) {
  int num_computed = 0;
  bool has_raced = false;
  faulty_->before_put = [&] {
    if (std::exchange(has_raced, true)) return;
    EXPECT_TRUE(
        TableWriter::Open(uri_)
            .ValueOrDie()
            ->ChangeRows([](const std::shared_ptr<const TableSource>&) -> arrow::Result<RowChange> {
              return RowChange{.removed = {0}};
            })
            .ok());
  };
  EXPECT_EQ(DeleteFirst(&num_computed)->version, 3);
  EXPECT_EQ(num_computed, 2);
  EXPECT_EQ(Read(), std::vector<int64_t>{3});
  // The deletion file of the first attempt is gone.
  EXPECT_EQ(store_->ListFiles("_deletions")->size(), 2);
}

TEST_F(CommitTest, ADeleteAppliesToNewerVersionsThatDoNotTouchItsRows) {
  int num_computed = 0;
  bool has_raced = false;
  faulty_->before_put = [&] {
    if (std::exchange(has_raced, true)) return;
    EXPECT_TRUE(TableWriter::Open(uri_).ValueOrDie()->Append(StreamOf({10})).ok());
  };
  EXPECT_EQ(DeleteFirst(&num_computed)->version, 3);
  EXPECT_EQ(num_computed, 1);
  EXPECT_EQ(Read(), (std::vector<int64_t>{2, 3, 10}));
}

TEST_F(CommitTest, WhatIsGoneIsNotChanged) {
  int num_computed = 0;
  faulty_->before_put = [&] {
    EXPECT_TRUE(TableWriter::Open(uri_).ValueOrDie()->Overwrite(StreamOf({7})).ok());
  };
  const auto status = DeleteFirst(&num_computed).status();
  EXPECT_TRUE(status.IsInvalid());
  EXPECT_NE(status.message().find("does not go together with an overwrite"), std::string::npos)
      << status;
  EXPECT_EQ(Read(), std::vector<int64_t>{7});
}

TEST_F(CommitTest, WritersThatAreFasterEachTimeEndIt) {
  faulty_->before_put = [&] {
    EXPECT_TRUE(TableWriter::Open(uri_).ValueOrDie()->Append(StreamOf({10})).ok());
  };
  const WriteOptions options;
  AppendChange change({Dataset(), "", &options}, StreamOf({4}));
  const auto status = Commit(faulty_, "", &change, {.max_attempts = 3}).status();
  EXPECT_TRUE(status.IsInvalid());
  EXPECT_NE(status.message().find("faster 3 times"), std::string::npos) << status;
  EXPECT_EQ(Read(), (std::vector<int64_t>{1, 2, 3, 10, 10, 10}));
}

TEST_F(CommitTest, ACancelledCommitChangesNothing) {
  CancelFlag flag;
  flag.Cancel();
  const WriteOptions options;
  AppendChange change({Dataset(), "", &options}, StreamOf({4}));
  EXPECT_TRUE(Commit(faulty_, "", &change, {.cancel = &flag}).status().IsCancelled());
  EXPECT_EQ(Read(), (std::vector<int64_t>{1, 2, 3}));
}

}  // namespace
}  // namespace croupier::table
