#include <atomic>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <arrow/buffer.h>
#include <arrow/util/io_util.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "croupier/storage/local_store.h"
#include "croupier/storage/memory_store.h"
#include "croupier/storage/object_store.h"
#include "croupier/storage/test_remote.h"
#include "croupier/testing/child_process.h"
#include "croupier/testing/golden.h"

namespace croupier::storage {
namespace {

std::span<const uint8_t> BytesOf(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string ReadText(const ObjectStore& store, const std::string& path) {
  return ReadWhole(store.Open(path).ValueOrDie(), 1 << 30).ValueOrDie()->ToString();
}

std::shared_ptr<const ObjectStore> MakeLocal() {
  return OpenLocalStore(testing::MakeTemporaryDirectory() + "/not/there/yet").ValueOrDie();
}

std::shared_ptr<const ObjectStore> MakeMemory() { return MakeMemoryStore("writing", {}); }

std::shared_ptr<const ObjectStore> MakeRemote() {
  return test::StoreOf(std::make_shared<test::FaultyService>(std::map<std::string, std::string>()));
}

// One request in two fails: it is not done, or its answer is lost.
template <bool is_done>
std::shared_ptr<const ObjectStore> MakeFaulty() {
  auto service = std::make_shared<test::FaultyService>(std::map<std::string, std::string>());
  service->SetFaults([](int number, const std::string&) {
    test::Fault fault;
    if (number % 2 == 0) fault.status = test::Fails(Failure::kTransient);
    fault.is_done = is_done;
    return fault;
  });
  return test::StoreOf(service, {.max_retries = 100,
                                 .total_seconds = 30,
                                 .first_delay_seconds = 0.0001,
                                 .max_delay_seconds = 0.0001});
}

// Null without a server, as OpenTestStore says.
std::shared_ptr<const ObjectStore> MakeS3() {
  return test::OpenTestStore("CROUPIER_TEST_S3").store;
}

struct StoreCase {
  const char* name;
  std::shared_ptr<const ObjectStore> (*make)();
  // Directories are no more than parts of names.
  bool is_flat = false;
};

// What every store does that can be written.
class WritableStoreTest : public ::testing::TestWithParam<StoreCase> {
 protected:
  void SetUp() override {
    if (store_ == nullptr) GTEST_SKIP() << "no server: tests/stores/with_servers.py starts one";
  }

  const std::shared_ptr<const ObjectStore> store_ = GetParam().make();
};

TEST_P(WritableStoreTest, WhatIsAppendedIsReadAfterClose) {
  ASSERT_TRUE(store_->CheckWritable().ok());
  // Small pieces, larger ones than are gathered, and ones of just that size.
  std::string all;
  auto writer = store_->OpenWrite("data/x.lance").ValueOrDie();
  for (const size_t size : {1, 0, 100, 1 << 20, 3 << 20, 7, (1 << 20) - 7, 9 << 20, 5}) {
    const std::string piece(size, static_cast<char>('a' + all.size() % 26));
    ASSERT_TRUE(writer->Append(BytesOf(piece)).ok());
    all += piece;
    EXPECT_EQ(writer->size_bytes(), std::ssize(all));
  }
  ASSERT_TRUE(writer->Close().ok());
  EXPECT_FALSE(writer->Append(BytesOf("x")).ok());
  EXPECT_FALSE(writer->Close().ok());
  writer.reset();
  EXPECT_EQ(ReadText(*store_, "data/x.lance"), all);
}

TEST_P(WritableStoreTest, WhatIsGivenUpLeavesNothing) {
  auto writer = store_->OpenWrite("data/x").ValueOrDie();
  ASSERT_TRUE(writer->Append(BytesOf(std::string(2 << 20, 'x'))).ok());
  writer.reset();
  EXPECT_TRUE(IsNotFound(store_->Open("data/x").status()));
  // Also what does not fit into memory.
  writer = store_->OpenWrite("data/x").ValueOrDie();
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(writer->Append(BytesOf(std::string(2 << 20, 'x'))).ok());
  }
  writer.reset();
  EXPECT_TRUE(IsNotFound(store_->Open("data/x").status()));
}

TEST_P(WritableStoreTest, AnObjectIsNotBegunTwice) {
  ASSERT_TRUE(store_->Put("x", BytesOf("old")).ok());
  auto writer = store_->OpenWrite("x");
  const auto status = writer.ok() ? (*writer)->Close() : writer.status();
  EXPECT_EQ(arrow::internal::ErrnoFromStatus(status), EEXIST) << status;
  writer = arrow::Status::Invalid("");
  EXPECT_EQ(ReadText(*store_, "x"), "old");
}

TEST_P(WritableStoreTest, PutIfAbsentMakesAnObjectOnce) {
  EXPECT_TRUE(store_->PutIfAbsent("_versions/1.manifest", BytesOf("first")).ValueOrDie());
  EXPECT_FALSE(store_->PutIfAbsent("_versions/1.manifest", BytesOf("second")).ValueOrDie());
  EXPECT_EQ(ReadText(*store_, "_versions/1.manifest"), "first");
  EXPECT_EQ(store_->ListFiles("_versions").ValueOrDie(), std::vector<std::string>{"1.manifest"});
}

TEST_P(WritableStoreTest, OfManyPutsOneWins) {
  constexpr int kNumThreads = 8;
  for (int round = 0; round < 20; ++round) {
    const std::string path = "d/" + std::to_string(round);
    std::atomic<int> num_winners = 0;
    std::atomic<int> winner = -1;
    std::vector<std::thread> threads;
    threads.reserve(kNumThreads);
    for (int i = 0; i < kNumThreads; ++i) {
      threads.emplace_back([&, i] {
        if (!store_->PutIfAbsent(path, BytesOf("of " + std::to_string(i))).ValueOrDie()) return;
        ++num_winners;
        winner = i;
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(num_winners, 1);
    EXPECT_EQ(ReadText(*store_, path), "of " + std::to_string(winner));
  }
  EXPECT_EQ(store_->ListFiles("d").ValueOrDie().size(), 20);
}

TEST_P(WritableStoreTest, PutReplaces) {
  ASSERT_TRUE(store_->Put("_refs/tags/a.json", BytesOf("1")).ok());
  const auto before = store_->Open("_refs/tags/a.json").ValueOrDie();
  ASSERT_TRUE(store_->Put("_refs/tags/a.json", BytesOf("22")).ok());
  EXPECT_EQ(ReadText(*store_, "_refs/tags/a.json"), "22");
  // An object that is open stays what it was, where it is more than a name.
  if (GetParam().is_flat) return;
  EXPECT_EQ(ReadWhole(before, 100).ValueOrDie()->ToString(), "1");
}

TEST_P(WritableStoreTest, DeletesObjectsAndDirectories) {
  for (const char* path : {"t/a", "t/d/b", "tt/c"}) {
    ASSERT_TRUE(store_->Put(path, BytesOf("x")).ok());
  }
  ASSERT_TRUE(store_->Delete("t/a").ok());
  EXPECT_TRUE(IsNotFound(store_->Delete("t/a")));
  EXPECT_TRUE(IsNotFound(store_->Open("t/a").status()));
  ASSERT_TRUE(store_->DeleteDirectory("t").ok());
  EXPECT_TRUE(store_->DeleteDirectory("t").ok());
  EXPECT_EQ(store_->ListDirectories("").ValueOrDie(), std::vector<std::string>{"tt"});
  for (const char* path : {"", "..", "/", "x/../.."}) {
    EXPECT_FALSE(store_->DeleteDirectory(path).ok()) << path;
  }
  EXPECT_EQ(ReadText(*store_, "tt/c"), "x");
}

TEST_P(WritableStoreTest, DirectoriesComeAndGoWithTheirObjects) {
  ASSERT_TRUE(store_->Put("t/d/a", BytesOf("x")).ok());
  ASSERT_TRUE(store_->Put("t/b", BytesOf("x")).ok());
  ASSERT_TRUE(store_->Delete("t/d/a").ok());
  EXPECT_TRUE(store_->ListDirectories("t").ValueOrDie().empty());
  ASSERT_TRUE(store_->OpenWrite("t/e/f/x").ok());  // given up at once
  EXPECT_TRUE(store_->ListDirectories("t").ValueOrDie().empty());
  ASSERT_TRUE(store_->Delete("t/b").ok());
  EXPECT_TRUE(IsNotFound(store_->ListFiles("t").status()));
}

TEST_P(WritableStoreTest, RenamesDirectories) {
  ASSERT_TRUE(store_->Put("a/d/x", BytesOf("1")).ok());
  ASSERT_TRUE(store_->Put("b/y", BytesOf("2")).ok());
  EXPECT_FALSE(store_->RenameDirectory("a", "b").ok());
  if (GetParam().is_flat) {
    EXPECT_TRUE(store_->RenameDirectory("a", "c").IsNotImplemented());
    return;
  }
  EXPECT_TRUE(IsNotFound(store_->RenameDirectory("nope", "c")));
  ASSERT_TRUE(store_->RenameDirectory("a", "c").ok());
  EXPECT_EQ(ReadText(*store_, "c/d/x"), "1");
  EXPECT_TRUE(IsNotFound(store_->ListFiles("a/d").status()));
}

TEST_P(WritableStoreTest, KnowsWhenAnObjectWasWritten) {
  ASSERT_TRUE(store_->Put("a", BytesOf("1")).ok());
  const int64_t first = store_->ModifiedAt("a").ValueOrDie();
  EXPECT_GT(first, int64_t{1700000000} * 1000000);
  ASSERT_TRUE(store_->Put("a", BytesOf("2")).ok());
  EXPECT_GE(store_->ModifiedAt("a").ValueOrDie(), first);
  EXPECT_TRUE(IsNotFound(store_->ModifiedAt("b").status()));
}

TEST_P(WritableStoreTest, APathThatLeadsOutOfTheRootIsNotWritten) {
  for (const char* path : {"/tmp/x", "../x", "d/../../x"}) {
    EXPECT_TRUE(store_->OpenWrite(path).status().IsIOError()) << path;
    EXPECT_TRUE(store_->PutIfAbsent(path, {}).status().IsIOError()) << path;
    EXPECT_TRUE(store_->Put(path, {}).IsIOError()) << path;
    EXPECT_TRUE(store_->Delete(path).IsIOError()) << path;
    EXPECT_TRUE(store_->RenameDirectory("d", path).IsIOError()) << path;
  }
}

TEST_P(WritableStoreTest, IsWrittenInAForkedChild) {
  ASSERT_TRUE(store_->Put("a", BytesOf("1")).ok());
  const auto result = testing::RunInForkedChild([&] {
    return store_->PutIfAbsent("b", BytesOf("2")).ValueOrDie() &&
                   !store_->PutIfAbsent("a", BytesOf("2")).ValueOrDie() &&
                   ReadText(*store_, "b") == "2" && ReadText(*store_, "a") == "1"
               ? 0
               : 1;
  });
  EXPECT_FALSE(result.timed_out);
  EXPECT_EQ(result.exit_code, 0);
}

INSTANTIATE_TEST_SUITE_P(Stores, WritableStoreTest,
                         ::testing::Values(StoreCase{"Local", &MakeLocal},
                                           StoreCase{"Memory", &MakeMemory},
                                           StoreCase{"Remote", &MakeRemote, true},
                                           StoreCase{"Faulty", &MakeFaulty<false>, true},
                                           StoreCase{"LostAnswers", &MakeFaulty<true>, true},
                                           StoreCase{"S3", &MakeS3, true}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(UnwritableStoreTest, RefusesAndSaysWhy) {
  for (const char* uri : {"gs://bucket/d", "az://container/d"}) {
    const auto store = OpenObjectStore(uri, {{"google_skip_signature", "true"},
                                             {"azure_storage_account_name", "account"}})
                           .ValueOrDie();
    const auto status = store->CheckWritable();
    EXPECT_TRUE(status.IsNotImplemented());
    EXPECT_NE(status.message().find("only if it does not exist"), std::string::npos) << status;
    EXPECT_EQ(store->OpenWrite("b").status(), status);
    EXPECT_EQ(store->PutIfAbsent("b", {}).status(), status);
    EXPECT_EQ(store->Put("b", {}), status);
    EXPECT_EQ(store->Delete("a"), status);
    EXPECT_EQ(store->DeleteDirectory("a"), status);
    EXPECT_EQ(store->RenameDirectory("a", "b"), status);
    EXPECT_EQ(store->ModifiedAt("a").status(), status);
  }
}

// The disk is full, as far as this child may write.
TEST(LocalStoreWriteTest, AFullDiskIsAnErrorThatLeavesNothing) {
  const auto root = testing::MakeTemporaryDirectory();
  const auto result = testing::RunInForkedChild([&] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    const auto store = OpenLocalStore(root).ValueOrDie();
    const std::string large(5000, 'x');
    const auto is_full = [](const arrow::Status& status) {
      return status.IsIOError() && arrow::internal::ErrnoFromStatus(status) == EFBIG &&
             status.message().find("cannot write") != std::string::npos;
    };
    if (!is_full(store->PutIfAbsent("d/a", BytesOf(large)).status())) return 2;
    if (!is_full(store->Put("d/a", BytesOf(large)))) return 3;
    auto writer = store->OpenWrite("d/a").ValueOrDie();
    auto status = writer->Append(BytesOf(large));
    if (status.ok()) status = writer->Close();
    if (!is_full(status)) return 4;
    writer.reset();
    return IsNotFound(store->ListFiles("d").status()) ? 0 : 5;
  });
  EXPECT_EQ(result.exit_code, 0);
}

TEST(LocalStoreWriteTest, WithoutPermissionNothingIsWritten) {
  const auto root = testing::MakeTemporaryDirectory();
  using std::filesystem::perms;
  std::filesystem::permissions(root, perms::owner_read | perms::owner_exec | perms::group_read |
                                         perms::group_exec | perms::others_read |
                                         perms::others_exec);
  const auto result = testing::RunInForkedChild([&] {
    if (geteuid() == 0 && setuid(65534) != 0) return 1;
    const auto store = OpenLocalStore(root).ValueOrDie();
    for (const auto& status : {store->OpenWrite("d/a").status(), store->OpenWrite("a").status(),
                               store->PutIfAbsent("a", {}).status(), store->Put("a", {})}) {
      if (arrow::internal::ErrnoFromStatus(status) != EACCES) return 2;
      if (status.message().find(root) == std::string::npos) return 3;
    }
    return 0;
  });
  std::filesystem::permissions(root, perms::owner_all);
  EXPECT_EQ(result.exit_code, 0);
}

TEST(LocalStoreWriteTest, APutThatLosesLeavesNoTemporaryFile) {
  const auto root = testing::MakeTemporaryDirectory();
  const auto store = OpenLocalStore(root).ValueOrDie();
  std::filesystem::create_directories(root + "/_versions/1.manifest");
  EXPECT_FALSE(store->PutIfAbsent("_versions/1.manifest", BytesOf("x")).ValueOrDie());
  EXPECT_TRUE(store->ListFiles("_versions").ValueOrDie().empty());
}

}  // namespace
}  // namespace croupier::storage
