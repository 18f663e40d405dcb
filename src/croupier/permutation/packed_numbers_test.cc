#include "croupier/permutation/packed_numbers.h"

#include <numeric>

#include <gtest/gtest.h>

#include "croupier/base/hash.h"
#include "croupier/permutation/spill_file.h"

namespace croupier::permutation {
namespace {

using Numbers = std::vector<uint64_t>;
using List = std::shared_ptr<const PackedNumbers>;

List Pack(const Numbers& numbers, std::shared_ptr<SpillFile> spill = nullptr) {
  PackedNumbersBuilder builder(std::move(spill));
  EXPECT_TRUE(builder.Append(numbers).ok());
  EXPECT_EQ(builder.size(), std::ssize(numbers));
  return builder.Finish().ValueOrDie();
}

Numbers AllOf(const PackedNumbers& list) {
  Numbers numbers(static_cast<size_t>(list.size()));
  std::iota(numbers.begin(), numbers.end(), uint64_t{0});
  EXPECT_TRUE(list.Lookup(numbers).ok());
  return numbers;
}

// Numbers of up to `width` bits above a smallest one; one of them has them all.
Numbers RandomNumbers(size_t count, int width, uint64_t smallest) {
  SplitMix64 generator(static_cast<uint64_t>(width) + count);
  Numbers numbers(count);
  const uint64_t mask = width == 0 ? 0 : UINT64_MAX >> (64 - width);
  for (uint64_t& number : numbers) number = smallest + (generator.Next() & mask);
  if (count > 1) {
    numbers.front() = smallest;
    numbers.back() = smallest + mask;
  }
  return numbers;
}

TEST(PackedNumbersTest, EveryWidthAndEndOfABlockReadsBack) {
  for (const size_t count : {0, 1, 2, 63, 255, 256, 257, 511, 512, 1000}) {
    for (int width = 0; width <= 64; ++width) {
      const Numbers numbers = RandomNumbers(count, width, width == 64 ? 0 : 12345 >> (width / 8));
      const List list = Pack(numbers);
      ASSERT_EQ(list->size(), std::ssize(numbers));
      ASSERT_EQ(AllOf(*list), numbers) << count << " numbers of " << width << " bits";
    }
  }
}

TEST(PackedNumbersTest, ConsecutiveNumbersTakeABlockAndNothingElse) {
  Numbers numbers(256 * 1000);
  std::iota(numbers.begin(), numbers.end(), uint64_t{1} << 40);
  const List list = Pack(numbers);
  EXPECT_EQ(AllOf(*list), numbers);
  EXPECT_EQ(list->num_bytes(), 16 * 1000);
  EXPECT_EQ(Pack(Numbers(25600, 7))->num_bytes(), 16 * 100);
}

TEST(PackedNumbersTest, AscendingRanksOfWhichHalfAreThereTakeLessThanTwoBytes) {
  Numbers numbers;
  for (uint64_t rank = 0; rank < 1000000; ++rank) {
    if ((Mix64(rank) & 1) != 0) numbers.push_back(rank);
  }
  EXPECT_LT(static_cast<double>(Pack(numbers)->num_bytes()),
            1.4 * static_cast<double>(numbers.size()));
}

TEST(PackedNumbersTest, NumbersThatWrapAroundAreNotConsecutive) {
  const Numbers numbers = {UINT64_MAX - 1, UINT64_MAX, 0, 1};
  EXPECT_EQ(AllOf(*Pack(numbers)), numbers);
  const Numbers extremes = {UINT64_MAX, 0, UINT64_MAX, 1};
  EXPECT_EQ(AllOf(*Pack(extremes)), extremes);
  EXPECT_EQ(AllOf(*Pack({UINT64_MAX})), Numbers{UINT64_MAX});
}

TEST(PackedNumbersTest, AppendingOneByOneIsAppendingAll) {
  const Numbers numbers = RandomNumbers(1000, 17, 5);
  PackedNumbersBuilder builder;
  for (const uint64_t number : numbers) ASSERT_TRUE(builder.Append(number).ok());
  const List list = builder.Finish().ValueOrDie();
  EXPECT_EQ(AllOf(*list), numbers);
  EXPECT_EQ(list->num_bytes(), Pack(numbers)->num_bytes());
}

TEST(PackedNumbersTest, ListsOfSeveralSegmentsReadBackFromMemoryAndFromAFile) {
  const Numbers numbers = RandomNumbers((size_t{3} << 20) + 100, 60, 1);  // 22 MiB
  const auto spill = std::make_shared<SpillFile>(int64_t{9} << 20);
  const List in_memory = Pack(numbers);
  const List spilled = Pack(numbers, spill);
  EXPECT_GT(spill->num_bytes_spilled(), int64_t{10} << 20);
  EXPECT_EQ(AllOf(*in_memory), numbers);
  EXPECT_EQ(AllOf(*spilled), numbers);
  EXPECT_EQ(in_memory->num_bytes(), spilled->num_bytes());
}

TEST(PackedNumbersTest, ManyListsAtOnceKeepToTheBudget) {
  const auto spill = std::make_shared<SpillFile>(int64_t{1} << 20);
  std::vector<PackedNumbersBuilder> builders;
  for (int i = 0; i < 300; ++i) builders.emplace_back(spill);
  const Numbers numbers = RandomNumbers(4096, 60, 1);
  for (int round = 0; round < 12; ++round) {  // 108 MB
    for (auto& builder : builders) ASSERT_TRUE(builder.Append(numbers).ok());
  }
  EXPECT_GT(spill->num_bytes_spilled(), int64_t{30} << 20);
  for (auto& builder : builders) {
    const List list = builder.Finish().ValueOrDie();
    Numbers last = {uint64_t{11} * 4096 + 4095, 0};
    ASSERT_TRUE(list->Lookup(last).ok());
    EXPECT_EQ(last, (Numbers{numbers.back(), numbers.front()}));
  }
}

}  // namespace
}  // namespace croupier::permutation
