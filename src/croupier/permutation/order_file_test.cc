#include "croupier/permutation/order_file.h"

#include <cstring>
#include <fstream>
#include <numeric>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "croupier/base/hash.h"
#include "croupier/testing/golden.h"

namespace croupier::permutation {
namespace {

using Numbers = std::vector<uint64_t>;

std::shared_ptr<const PackedNumbers> Pack(const Numbers& numbers) {
  PackedNumbersBuilder builder;
  EXPECT_TRUE(builder.Append(numbers).ok());
  return builder.Finish().ValueOrDie();
}

Numbers Drawn(size_t count, uint64_t range, uint64_t smallest = 0) {
  SplitMix64 generator(count + range);
  Numbers numbers(count);
  for (uint64_t& number : numbers) number = smallest + generator.Next() % range;
  return numbers;
}

Numbers Consecutive(size_t count, uint64_t first) {
  Numbers numbers(count);
  std::iota(numbers.begin(), numbers.end(), first);
  return numbers;
}

arrow::Result<Numbers> AllOf(const PackedNumbers& list) {
  Numbers numbers = Consecutive(static_cast<size_t>(list.size()), 0);
  ARROW_RETURN_NOT_OK(list.Lookup(numbers));
  return numbers;
}

// Lists of every kind of block, with ends of blocks at many places.
std::vector<Numbers> SomeLists() {
  return {Drawn(600, 4000),      {},        Consecutive(513, 77), Drawn(256, 1),
          Drawn(1, 10),          {4999, 0}, Drawn(300, 256),      Drawn(255, 5000),
          Consecutive(256, 4000)};
}

constexpr uint64_t kLimit = 5000;

std::string Written(const std::vector<Numbers>& lists, uint64_t limit = kLimit) {
  SplitLists packed;
  for (const Numbers& numbers : lists) packed.push_back(Pack(numbers));
  return OrderImage::Make(std::move(packed), limit).ValueOrDie().ToBytes().ValueOrDie();
}

std::string WriteFile(const std::string& bytes) {
  const std::string path = testing::MakeTemporaryDirectory() + "/an.order";
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

TEST(OrderFileTest, ListsReadBackFromBytesAndFromAFile) {
  const auto lists = SomeLists();
  const std::string bytes = Written(lists);
  EXPECT_EQ(bytes.size() % 8, 0u);
  for (const auto& file :
       {OrderFile::Copy(bytes).ValueOrDie(), OrderFile::Map(WriteFile(bytes)).ValueOrDie()}) {
    EXPECT_EQ(file.limit(), kLimit);
    EXPECT_EQ(file.name(), "");
    ASSERT_EQ(file.lists().size(), lists.size());
    for (size_t i = 0; i < lists.size(); ++i) {
      EXPECT_EQ(AllOf(*file.lists()[i]).ValueOrDie(), lists[i]);
      EXPECT_EQ(file.lists()[i]->num_bytes(), Pack(lists[i])->num_bytes());
    }
    // What was read is written the same.
    const auto again = OrderImage::Make(file.lists(), file.limit()).ValueOrDie();
    EXPECT_EQ(again.hash(), file.hash());
    EXPECT_EQ(again.ToBytes().ValueOrDie(), bytes);
    EXPECT_EQ(again.num_bytes(), std::ssize(bytes));
  }
}

TEST(OrderFileTest, EveryWidthReadsBack) {
  for (int width = 0; width < 64; ++width) {
    const auto numbers = Drawn(1000, uint64_t{1} << width, 12345 >> (width / 8));
    const auto file = OrderFile::Copy(Written({numbers}, UINT64_MAX)).ValueOrDie();
    ASSERT_EQ(AllOf(*file.lists()[0]).ValueOrDie(), numbers) << width << " bits";
  }
}

TEST(OrderFileTest, ListsOutliveTheFile) {
  const Numbers numbers = Drawn(1000, 4000);
  const std::string path = WriteFile(Written({numbers}));
  const auto list = OrderFile::Map(path).ValueOrDie().lists()[0];
  ASSERT_EQ(unlink(path.c_str()), 0);
  EXPECT_EQ(AllOf(*list).ValueOrDie(), numbers);
}

TEST(OrderFileTest, TheHashTellsListsApart) {
  const auto hash = [](const std::vector<Numbers>& lists) {
    return OrderFile::Copy(Written(lists)).ValueOrDie().hash();
  };
  const uint64_t one = hash({{1, 2, 3}, {4}});
  EXPECT_EQ(one, hash({{1, 2, 3}, {4}}));
  for (const std::vector<Numbers>& other : std::vector<std::vector<Numbers>>{{{1, 2, 4}, {3}},
                                                                             {{4}, {1, 2, 3}},
                                                                             {{1, 2, 3, 4}},
                                                                             {{1, 2}, {3, 4}},
                                                                             {{1, 2, 3}, {4}, {}},
                                                                             {{2, 1, 3}, {4}},
                                                                             {}}) {
    EXPECT_NE(one, hash(other));
  }
}

TEST(OrderFileTest, NamesComeBack) {
  std::string bytes;
  class Sink : public ByteSink {
   public:
    explicit Sink(std::string* text) : text_(text) {}
    arrow::Status Append(std::span<const uint8_t> some) override {
      text_->append(some.begin(), some.end());
      return arrow::Status::OK();
    }

   private:
    std::string* const text_;
  } sink(&bytes);
  const auto image = OrderImage::Make({Pack({1})}, 2).ValueOrDie();
  const std::string name(100, 'n');
  ASSERT_TRUE(image.Write(name, &sink).ok());
  EXPECT_EQ(OrderFile::Copy(bytes).ValueOrDie().name(), name);
}

TEST(OrderFileTest, WhatIsNoFileIsAnErrorNotAHang) {
  const std::string directory = testing::MakeTemporaryDirectory();
  EXPECT_TRUE(OrderFile::Map(directory).status().IsIOError());
  EXPECT_TRUE(OrderFile::Map(directory + "/none").status().IsIOError());
  EXPECT_TRUE(OrderFile::Map("").status().IsIOError());
  ASSERT_EQ(mkfifo((directory + "/pipe").c_str(), 0600), 0);
  EXPECT_TRUE(OrderFile::Map(directory + "/pipe").status().IsIOError());
  EXPECT_TRUE(OrderFile::Map(WriteFile("")).status().IsSerializationError());
}

TEST(OrderFileTest, EveryTruncationIsAnError) {
  const std::string bytes = Written({Drawn(300, 4000), Consecutive(10, 0)});
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_TRUE(OrderFile::Copy(bytes.substr(0, size)).status().IsSerializationError()) << size;
  }
  EXPECT_TRUE(OrderFile::Copy(bytes + '\0').status().IsSerializationError());
}

// The numbers that a damaged file gives are those that were written, or none.
void ExpectSameNumbersOrAnError(const std::string& bytes, const std::vector<Numbers>& lists) {
  const auto file = OrderFile::Copy(bytes);
  if (!file.ok()) {
    EXPECT_TRUE(file.status().IsSerializationError()) << file.status();
    return;
  }
  ASSERT_EQ(file->lists().size(), lists.size());
  for (size_t i = 0; i < lists.size(); ++i) {
    const auto numbers = AllOf(*file->lists()[i]);
    if (numbers.ok()) {
      EXPECT_EQ(*numbers, lists[i]);
    } else {
      EXPECT_TRUE(numbers.status().IsSerializationError()) << numbers.status();
    }
  }
}

TEST(OrderFileTest, AChangedByteGivesTheSameNumbersOrAnError) {
  const std::vector<Numbers> lists = {Drawn(300, 4000), {}, Consecutive(300, 5), Drawn(2, 2)};
  const std::string bytes = Written(lists);
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (const int bit : {1, 2, 4, 8, 16, 32, 64, 128}) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(changed[i] ^ bit);
      ExpectSameNumbersOrAnError(changed, lists);
    }
  }
}

TEST(OrderFileTest, BlocksAndListsThatChangePlacesAreNoticed) {
  const std::vector<Numbers> lists = {Drawn(512, 4000), Drawn(512, 4000, 7)};
  const std::string bytes = Written(lists);
  const size_t blocks = 128;  // behind the header and two sizes
  for (const size_t other : {16, 32, 48}) {
    std::string changed = bytes;
    std::swap_ranges(changed.begin() + blocks, changed.begin() + blocks + 16,
                     changed.begin() + blocks + static_cast<ptrdiff_t>(other));
    ASSERT_NE(changed, bytes);
    const auto file = OrderFile::Copy(changed).ValueOrDie();
    EXPECT_TRUE(AllOf(*file.lists()[0]).status().IsSerializationError()) << other;
  }
}

TEST(OrderFileTest, DamageIsNoticedOnlyWhereItIs) {
  const Numbers numbers = Drawn(2560, 4000);
  std::string bytes = Written({numbers});
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  const auto list = OrderFile::Copy(bytes).ValueOrDie().lists()[0];
  Numbers some = {0, 2000};
  ASSERT_TRUE(list->Lookup(some).ok());
  EXPECT_EQ(some, (Numbers{numbers[0], numbers[2000]}));
  for (int again = 0; again < 2; ++again) {
    some = {0, 2559};
    const auto status = list->Lookup(some);
    EXPECT_TRUE(status.IsSerializationError());
    EXPECT_NE(status.message().find("block 9"), std::string::npos) << status;
  }
}

TEST(OrderFileTest, NumbersFromTheLimitOnAreRefused) {
  EXPECT_TRUE(AllOf(*OrderFile::Copy(Written({{1, 2, 100}}, 101)).ValueOrDie().lists()[0]).ok());
  // A writer that does not keep its own limit.
  const auto file = OrderFile::Copy(Written({{1, 2, 100}}, 100)).ValueOrDie();
  EXPECT_TRUE(AllOf(*file.lists()[0]).status().IsSerializationError());
}

TEST(OrderFileTest, HugeCountsAllocateNothing) {
  const std::string bytes = Written({{1, 5, 9}});
  for (size_t field = 8; field < 64; field += 8) {
    for (const uint64_t count : {uint64_t{1} << 20, uint64_t{1} << 40, UINT64_MAX}) {
      std::string changed = bytes;
      std::memcpy(changed.data() + field, &count, sizeof(count));
      EXPECT_TRUE(OrderFile::Copy(changed).status().IsSerializationError()) << field;
    }
  }
}

}  // namespace
}  // namespace croupier::permutation
