#include "croupier/storage/local_store.h"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <arrow/buffer.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "croupier/testing/child_process.h"
#include "croupier/testing/golden.h"

namespace croupier::storage {
namespace {

TEST(LocalStoreTest, AChildOpensMoreFilesThanItMayHaveDescriptors) {
  constexpr int kNumFiles = 200;
  const auto root = testing::MakeTemporaryDirectory();
  const auto name = [](int i) { return std::to_string(i); };
  for (int i = 0; i < kNumFiles; ++i) {
    const std::string text = "text " + name(i);
    testing::WriteFile(root + "/" + name(i), {text.begin(), text.end()});
  }
  const auto child = testing::RunInForkedChild([&] {
    const rlimit limit{64, 64};
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return 1;
    const auto store = OpenLocalStore(root).ValueOrDie();
    for (int round = 0; round < 2; ++round) {  // descriptors come back
      std::vector<std::shared_ptr<const Object>> files;
      for (int i = 0; i < kNumFiles; ++i) {
        auto file = store->Open(name(i));
        if (!file.ok()) return 2;
        files.push_back(*std::move(file));
      }
      for (int i = 0; i < kNumFiles; ++i) {
        if (ReadWhole(files[static_cast<size_t>(i)], 100).ValueOrDie()->ToString() !=
            "text " + name(i)) {
          return 3;
        }
      }
      // A file without a descriptor that is gone is an error.
      std::filesystem::remove(root + "/" + name(kNumFiles - 1));
      std::vector<uint8_t> byte(1);
      if (!files.back()->ReadAt(0, byte, CancelToken::Never()).IsIOError()) return 4;
      if (files.back()->ReadCached(0, byte) != 0) return 5;
      testing::WriteFile(root + "/" + name(kNumFiles - 1),
                         {'t', 'e', 'x', 't', ' ', '1', '9', '9'});
    }
    return 0;
  });
  EXPECT_EQ(child.exit_code, 0);
  EXPECT_FALSE(child.timed_out);
}

}  // namespace
}  // namespace croupier::storage
