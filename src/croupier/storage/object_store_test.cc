#include "croupier/storage/object_store.h"

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <arrow/buffer.h>
#include <arrow/filesystem/filesystem.h>
#include <arrow/io/interfaces.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "croupier/storage/cloud_store.h"
#include "croupier/storage/local_store.h"
#include "croupier/storage/memory_store.h"
#include "croupier/storage/test_remote.h"
#include "croupier/testing/child_process.h"
#include "croupier/testing/golden.h"

namespace croupier::storage {
namespace {

using Objects = std::map<std::string, std::string>;

std::shared_ptr<const ObjectStore> MakeLocal(const Objects& objects) {
  const std::filesystem::path root = testing::MakeTemporaryDirectory();
  for (const auto& [path, text] : objects) {
    std::filesystem::create_directories((root / path).parent_path());
    testing::WriteFile(root / path, {text.begin(), text.end()});
  }
  return OpenLocalStore(root).ValueOrDie();
}

std::shared_ptr<const ObjectStore> MakeMemory(const Objects& objects) {
  std::map<std::string, std::shared_ptr<arrow::Buffer>> buffers;
  for (const auto& [path, text] : objects) buffers[path] = arrow::Buffer::FromString(text);
  return MakeMemoryStore("suite", std::move(buffers));
}

std::shared_ptr<const ObjectStore> MakeRemote(const Objects& objects) {
  Objects in_bucket;
  for (const auto& [path, text] : objects) in_bucket["bucket/" + path] = text;
  return test::StoreOf(std::make_shared<test::FaultyService>(std::move(in_bucket)));
}

// One request in two fails, and reads come in small pieces.
std::shared_ptr<const ObjectStore> MakeFaulty(const Objects& objects) {
  Objects in_bucket;
  for (const auto& [path, text] : objects) in_bucket["bucket/" + path] = text;
  auto service = std::make_shared<test::FaultyService>(std::move(in_bucket));
  service->SetFaults([](int number, const std::string&) {
    test::Fault fault;
    if (number % 2 == 0) fault.status = test::Fails(Failure::kThrottled);
    fault.max_bytes = 4;
    return fault;
  });
  return test::StoreOf(service, {.max_retries = 20,
                                 .total_seconds = 30,
                                 .first_delay_seconds = 0.0001,
                                 .max_delay_seconds = 0.0001});
}

template <const char* variable>
std::shared_ptr<const ObjectStore> MakeCloud(const Objects& objects) {
  const auto opened = test::OpenTestStore(variable);
  if (opened.store == nullptr) return nullptr;
  if (opened.store->CheckWritable().ok()) {
    for (const auto& [path, text] : objects) {
      const auto* const bytes = reinterpret_cast<const uint8_t*>(text.data());
      EXPECT_TRUE(opened.store->Put(path, {bytes, text.size()}).ok());
    }
    return opened.store;
  }
  const auto parsed = StoreUri::Parse(opened.uri).ValueOrDie();
  const auto file_system =
      MakeCloudFileSystem(parsed, StorageSettings::Make(opened.options).ValueOrDie()).ValueOrDie();
  for (const auto& [path, bytes] : objects) {
    const auto stream =
        file_system->OpenOutputStream(parsed.bucket + "/" + parsed.prefix + "/" + path)
            .ValueOrDie();
    EXPECT_TRUE(stream->Write(bytes.data(), std::ssize(bytes)).ok());
    EXPECT_TRUE(stream->Close().ok());
  }
  return opened.store;
}
constexpr char kS3[] = "CROUPIER_TEST_S3";
constexpr char kGcs[] = "CROUPIER_TEST_GCS";
constexpr char kAzure[] = "CROUPIER_TEST_AZURE";

// What every store does.
class ObjectStoreTest
    : public ::testing::TestWithParam<std::shared_ptr<const ObjectStore> (*)(const Objects&)> {
 protected:
  void SetUp() override {
    if (store_ == nullptr) GTEST_SKIP() << "no server was started";
  }

  std::shared_ptr<const ObjectStore> store_ =
      GetParam()({{"a.txt", "hello world"}, {"d/b.txt", "b"}, {"d/e/c.txt", ""}});
};

TEST_P(ObjectStoreTest, ReadsAnyRange) {
  const auto object = store_->Open("a.txt").ValueOrDie();
  EXPECT_EQ(object->size_bytes(), 11);
  std::vector<uint8_t> bytes(5);
  ASSERT_TRUE(object->ReadAt(6, bytes, CancelToken::Never()).ok());
  EXPECT_EQ(std::string(bytes.begin(), bytes.end()), "world");
  EXPECT_EQ(ReadWhole(object, 100).ValueOrDie()->ToString(), "hello world");
  EXPECT_TRUE(ReadWhole(object, 10).status().IsCapacityError());
}

TEST_P(ObjectStoreTest, AReadPastTheEndIsAnErrorThatNamesThePlace) {
  const auto object = store_->Open("a.txt").ValueOrDie();
  std::vector<uint8_t> bytes(5);
  const auto status = object->ReadAt(8, bytes, CancelToken::Never());
  EXPECT_TRUE(status.IsIOError());
  EXPECT_NE(status.message().find("a.txt"), std::string::npos);
  EXPECT_LE(object->ReadCached(8, bytes), 3);
  EXPECT_EQ(object->ReadCached(800, bytes), 0);
}

TEST_P(ObjectStoreTest, AMissingObjectIsNotFound) {
  EXPECT_TRUE(IsNotFound(store_->Open("nope").status()));
  EXPECT_TRUE(IsNotFound(store_->ListFiles("nope").status())) << store_->ListFiles("nope").status();
}

TEST_P(ObjectStoreTest, ListsNamesOfFilesAndOfDirectories) {
  auto files = store_->ListFiles("d").ValueOrDie();
  EXPECT_EQ(files, std::vector<std::string>{"b.txt"});
  EXPECT_EQ(store_->ListDirectories("d").ValueOrDie(), std::vector<std::string>{"e"});
  EXPECT_EQ(store_->ListDirectories("").ValueOrDie(), std::vector<std::string>{"d"});
}

TEST_P(ObjectStoreTest, ListsInOrderAndToALimit) {
  const auto store = GetParam()({{"d/c", ""}, {"d/a", ""}, {"d/b/x", ""}, {"d/B", ""}});
  EXPECT_EQ(store->ListFiles("d").ValueOrDie(), (std::vector<std::string>{"B", "a", "c"}));
  EXPECT_EQ(store->ListFiles("d", {.limit = 2}).ValueOrDie(), (std::vector<std::string>{"B", "a"}));
  EXPECT_TRUE(store->ListFiles("d", {.limit = 0}).ValueOrDie().empty());
}

TEST_P(ObjectStoreTest, APathThatLeadsOutOfTheRootIsRefused) {
  for (const char* path : {"/etc/passwd", "../a.txt", "d/../../a.txt", "..", "d/.."}) {
    EXPECT_TRUE(store_->Open(path).status().IsIOError()) << path;
    EXPECT_TRUE(store_->Open(path, 5).status().IsIOError()) << path;
    EXPECT_TRUE(store_->ListFiles(path).status().IsIOError()) << path;
    EXPECT_FALSE(IsNotFound(store_->Open(path).status())) << path;
  }
}

TEST_P(ObjectStoreTest, IsReadInAForkedChild) {
  const auto object = store_->Open("a.txt").ValueOrDie();
  ASSERT_TRUE(ReadWhole(object, 100).ok());
  const auto result = testing::RunInForkedChild([&] {
    // Its client would share connections with the parent's.
    if (store_->location().starts_with("az://")) {
      return ReadWhole(object, 100).status().IsNotImplemented() ? 0 : 1;
    }
    const auto again = store_->Open("a.txt").ValueOrDie();
    return ReadWhole(object, 100).ValueOrDie()->ToString() == "hello world" &&
                   ReadWhole(again, 100).ok() && store_->ListFiles("d").ok()
               ? 0
               : 1;
  });
  EXPECT_FALSE(result.timed_out);
  EXPECT_EQ(result.exit_code, 0);
}

// Named, because the default name would be the address of the function.
constexpr const char* kStoreNames[] = {"Local", "Memory", "Remote", "Faulty", "S3", "Gcs", "Azure"};
INSTANTIATE_TEST_SUITE_P(Stores, ObjectStoreTest,
                         ::testing::Values(&MakeLocal, &MakeMemory, &MakeRemote, &MakeFaulty,
                                           &MakeCloud<kS3>, &MakeCloud<kGcs>, &MakeCloud<kAzure>),
                         [](const auto& info) { return std::string(kStoreNames[info.index]); });

TEST(LocalStoreTest, AFileOfAnotherSizeThanKnownIsAnError) {
  const auto store = MakeLocal({{"a", "xyz"}});
  EXPECT_TRUE(store->Open("a", 3).ok());
  const auto status = store->Open("a", 4).status();
  EXPECT_TRUE(status.IsIOError());
  EXPECT_NE(status.message().find("has 3 bytes, it should have 4"), std::string::npos);
}

TEST(LocalStoreTest, ADirectoryIsNoObject) {
  const auto store = MakeLocal({{"d/a", "x"}});
  EXPECT_TRUE(store->Open("d").status().IsIOError());
}

TEST(LocalStoreTest, AFileThatShrankSinceItWasOpenedIsAnError) {
  const auto store = MakeLocal({{"a", "hello world"}});
  const auto object = store->Open("a").ValueOrDie();
  ASSERT_EQ(truncate((store->location() + "/a").c_str(), 4), 0);
  std::vector<uint8_t> bytes(11);
  EXPECT_TRUE(object->ReadAt(0, bytes, CancelToken::Never()).IsIOError());
}

TEST(OpenObjectStoreTest, TakesPathsAndFileUris) {
  const auto root = testing::MakeTemporaryDirectory() + "/with space";
  std::filesystem::create_directory(root);
  testing::WriteFile(root + "/a", {1, 2, 3});
  auto escaped = root;
  escaped.replace(escaped.find(' '), 1, "%20");
  for (const auto& uri : {root, root + "/", "file://" + escaped, "file://localhost" + escaped}) {
    const auto store = OpenObjectStore(uri);
    ASSERT_TRUE(store.ok()) << uri << store.status();
    EXPECT_EQ((*store)->location(), root);
    EXPECT_TRUE((*store)->Open("a").ok());
  }
  EXPECT_TRUE(OpenObjectStore("ftp://host/x").status().IsNotImplemented());
  EXPECT_TRUE(OpenObjectStore("file://elsewhere/x").status().IsInvalid());
  EXPECT_TRUE(OpenObjectStore("").status().IsInvalid());
}

TEST(OpenObjectStoreTest, FindsObjectsInMemoryByName) {
  MakeMemory({{"t/a.txt", "old"}});
  MakeMemory({{"t/a.txt", "new"}, {"tt", ""}});
  const auto store = OpenObjectStore("memory://suite/t").ValueOrDie();
  EXPECT_EQ(store->location(), "memory://suite/t");
  EXPECT_EQ(store->ListFiles("").ValueOrDie(), std::vector<std::string>{"a.txt"});
  EXPECT_EQ(ReadWhole(store->Open("a.txt").ValueOrDie(), 100).ValueOrDie()->ToString(), "new");
  // A new name is an empty store.
  const auto empty = OpenObjectStore("memory://nobody/t").ValueOrDie();
  EXPECT_TRUE(IsNotFound(empty->Open("a.txt").status()));
  EXPECT_TRUE(IsNotFound(empty->ListFiles("").status()));
}

TEST(OpenObjectStoreTest, OpensCloudStoresWithoutAskingThem) {
  const StorageOptions options = {{"account_name", "a"}, {"account_key", "a2V5"}};
  for (const char* uri : {"s3://bucket/x", "gs://bucket/x", "az://bucket/x",
                          "abfss://bucket@a.dfs.core.windows.net/x"}) {
    const auto store = OpenObjectStore(uri, options);
    EXPECT_TRUE(store.ok()) << store.status();
  }
  EXPECT_TRUE(OpenObjectStore("s3://bucket/x", {{"aws_regoin", "r"}}).status().IsInvalid());
  EXPECT_TRUE(OpenObjectStore("/a/path", {{"aws_regoin", "r"}}).status().IsInvalid());
}

TEST(StoreCountersTest, LocalReadsAreCounted) {
  const auto store = MakeLocal({{"a", "hello"}});
  const auto before = ReadStoreCounters()["file://"];
  ASSERT_TRUE(ReadWhole(store->Open("a").ValueOrDie(), 100).ok());
  const auto after = ReadStoreCounters()["file://"];
  EXPECT_EQ(after.num_requests - before.num_requests, 1);
  EXPECT_EQ(after.num_bytes - before.num_bytes, 5);
}

}  // namespace
}  // namespace croupier::storage
