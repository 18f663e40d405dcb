#include "croupier/storage/object_store.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>

#include <arrow/buffer.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "croupier/storage/local_store.h"
#include "croupier/storage/memory_store.h"
#include "croupier/testing/golden.h"

namespace croupier::storage {
namespace {

using Objects = std::map<std::string, std::string>;

std::shared_ptr<const ObjectStore> MakeLocal(const Objects& objects) {
  const auto root = testing::MakeTemporaryDirectory();
  for (const auto& [path, text] : objects) {
    std::filesystem::create_directories(std::filesystem::path(root + "/" + path).parent_path());
    testing::WriteFile(root + "/" + path, {text.begin(), text.end()});
  }
  return OpenLocalStore(root).ValueOrDie();
}

std::shared_ptr<const ObjectStore> MakeMemory(const Objects& objects) {
  std::map<std::string, std::shared_ptr<arrow::Buffer>> buffers;
  for (const auto& [path, text] : objects) buffers[path] = arrow::Buffer::FromString(text);
  return MakeMemoryStore(std::move(buffers));
}

// What every store does.
class ObjectStoreTest
    : public ::testing::TestWithParam<std::shared_ptr<const ObjectStore> (*)(const Objects&)> {
 protected:
  std::shared_ptr<const ObjectStore> store_ =
      GetParam()({{"a.txt", "hello world"}, {"d/b.txt", "b"}, {"d/e/c.txt", ""}});
};

TEST_P(ObjectStoreTest, ReadsAnyRange) {
  const auto object = store_->Open("a.txt").ValueOrDie();
  EXPECT_EQ(object->size_bytes(), 11);
  std::vector<uint8_t> bytes(5);
  ASSERT_TRUE(object->ReadAt(6, bytes).ok());
  EXPECT_EQ(std::string(bytes.begin(), bytes.end()), "world");
  EXPECT_EQ(ReadWhole(*object, 100).ValueOrDie()->ToString(), "hello world");
  EXPECT_TRUE(ReadWhole(*object, 10).status().IsCapacityError());
}

TEST_P(ObjectStoreTest, AReadPastTheEndIsAnErrorThatNamesThePlace) {
  const auto object = store_->Open("a.txt").ValueOrDie();
  std::vector<uint8_t> bytes(5);
  const auto status = object->ReadAt(8, bytes);
  EXPECT_TRUE(status.IsIOError());
  EXPECT_NE(status.message().find("a.txt"), std::string::npos);
  EXPECT_LE(object->ReadCached(8, bytes), 3);
  EXPECT_EQ(object->ReadCached(800, bytes), 0);
}

TEST_P(ObjectStoreTest, AMissingObjectIsNotFound) {
  EXPECT_TRUE(IsNotFound(store_->Open("nope").status()));
  EXPECT_TRUE(IsNotFound(store_->ListFiles("nope").status()));
}

TEST_P(ObjectStoreTest, ListsNamesOfFilesAndOfDirectories) {
  auto files = store_->ListFiles("d").ValueOrDie();
  EXPECT_EQ(files, std::vector<std::string>{"b.txt"});
  EXPECT_EQ(store_->ListDirectories("d").ValueOrDie(), std::vector<std::string>{"e"});
  EXPECT_EQ(store_->ListDirectories("").ValueOrDie(), std::vector<std::string>{"d"});
}

// Named, because the default name would be the address of the function.
INSTANTIATE_TEST_SUITE_P(Stores, ObjectStoreTest, ::testing::Values(&MakeLocal, &MakeMemory),
                         [](const auto& info) { return info.index == 0 ? "Local" : "Memory"; });

TEST(LocalStoreTest, APathThatLeadsOutOfTheRootIsRefused) {
  const auto store = MakeLocal({{"a", "x"}});
  for (const char* path : {"/etc/passwd", "../a", "d/../../a", ".."}) {
    EXPECT_TRUE(store->Open(path).status().IsIOError()) << path;
  }
}

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
  EXPECT_TRUE(object->ReadAt(0, bytes).IsIOError());
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
  EXPECT_TRUE(OpenObjectStore("s3://bucket/x").status().IsNotImplemented());
  EXPECT_TRUE(OpenObjectStore("file://elsewhere/x").status().IsInvalid());
  EXPECT_TRUE(OpenObjectStore("").status().IsInvalid());
}

}  // namespace
}  // namespace croupier::storage
