// Forks at any moment, of everything at once: tables, scans, filters, permutations, loaders,
// writers.

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <arrow/array.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/memory_pool.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "croupier/base/hash.h"
#include "croupier/base/memory_pool.h"
#include "croupier/expression.h"
#include "croupier/loader.h"
#include "croupier/permutation.h"
#include "croupier/table.h"
#include "croupier/table_writer.h"
#include "croupier/testing/child_process.h"
#include "croupier/testing/golden.h"

namespace croupier {
namespace {

constexpr int64_t kNumRows = 5000;
constexpr int64_t kSum = kNumRows * (kNumRows - 1) / 2;

// How many times a test is repeated that looks for a moment: CROUPIER_FORK_ROUNDS, or a few.
int NumRounds(int otherwise) {
  const char* text = std::getenv("CROUPIER_FORK_ROUNDS");
  return text == nullptr ? otherwise : std::atoi(text);
}

std::shared_ptr<arrow::Table> Rows() {
  arrow::Int64Builder builder(DefaultMemoryPool());
  for (int64_t i = 0; i < kNumRows; ++i) EXPECT_TRUE(builder.Append(i).ok());
  return arrow::Table::Make(arrow::schema({arrow::field("x", arrow::int64())}),
                            {builder.Finish().ValueOrDie()});
}

arrow::Status Write(const std::string& uri) {
  const auto rows = Rows();
  const auto reader = std::make_shared<arrow::TableBatchReader>(*rows);
  CreateOptions options;
  options.max_rows_per_file = kNumRows / 4;
  return TableWriter::Create(uri, reader, options).status();
}

int64_t SumOf(const arrow::RecordBatch& batch) {
  const auto& column = static_cast<const arrow::Int64Array&>(*batch.column(0));
  int64_t sum = 0;
  for (int64_t i = 0; i < column.length(); ++i) sum += column.Value(i);
  return sum;
}

bool ScansRight(const TableSource& table) {
  ScanOptions options;
  options.columns = {"x"};
  options.batch_rows = 512;
  auto reader = table.Scan(options);
  if (!reader.ok()) return false;
  int64_t sum = 0;
  while (true) {
    const auto batch = (*reader)->Next();
    if (!batch.ok()) return false;
    if (*batch == nullptr) return sum == kSum;
    sum += SumOf(**batch);
  }
}

bool FiltersRight(const TableSource& table) {
  const auto filter = Expression::Parse("x % 2 = 0");
  return filter.ok() && table.CountRowsWhere(*filter).ValueOr(-1) == kNumRows / 2;
}

std::shared_ptr<const Permutation> Shuffled(const std::shared_ptr<const TableSource>& table) {
  PermutationBuilder builder(table);
  EXPECT_TRUE(builder.Shuffle(7).ok());
  return Permutation::Make(table, builder.Execute().ValueOrDie()).ValueOrDie();
}

std::unique_ptr<Loader> LoaderOf(const std::shared_ptr<const TableSource>& table) {
  return Loader::Make(Shuffled(table), {.batch_rows = 100, .num_threads = 2}).ValueOrDie();
}

// The sum of what a loader has not delivered yet; -1 if it fails.
int64_t SumOfRest(Loader* loader) {
  int64_t sum = 0;
  while (true) {
    const auto batch = loader->Next();
    if (!batch.ok()) return -1;
    if (*batch == nullptr) return sum;
    sum += SumOf(**batch);
  }
}

bool LoadsRight(const std::shared_ptr<const TableSource>& table) {
  return SumOfRest(LoaderOf(table).get()) == kSum;
}

bool ReadsRight(const std::shared_ptr<const TableSource>& table) {
  return ScansRight(*table) && FiltersRight(*table) && LoadsRight(table);
}

// Everything that the library does, from opening a table on.
bool WorksRight(const std::string& uri) {
  static std::atomic<int> num_tables{0};
  const auto table = OpenLanceTable(uri);
  if (!table.ok() || !ReadsRight(*table)) return false;
  const auto written =
      "memory://" + std::to_string(getpid()) + "_" + std::to_string(num_tables++) + "/t.lance";
  if (!Write(written).ok()) return false;
  const auto read = OpenLanceTable(written);
  return read.ok() && ScansRight(**read);
}

void ExpectRightInChild(const std::function<bool()>& body) {
  const auto result = testing::RunInForkedChild([&] { return body() ? 0 : 1; });
  EXPECT_FALSE(result.timed_out);
  EXPECT_EQ(result.signal, 0);
  EXPECT_EQ(result.exit_code, 0);
}

bool IsRightInChild(const std::function<bool()>& body) {
  const auto result = testing::RunInForkedChild([&] { return body() ? 0 : 1; });
  const bool is_right = !result.timed_out && result.exit_code == 0;
  // Perhaps in a child itself, whose expectations nobody sees.
  if (!is_right) {
    std::cerr << "a child ended with the exit code " << result.exit_code << ", signal "
              << result.signal << (result.timed_out ? ", hung\n" : "\n");
  }
  return is_right;
}

// Run threads that do something again and again, right each time, until they are stopped.
class Busy {
 public:
  Busy(int num_threads, const std::function<bool()>& work) {
    for (int i = 0; i < num_threads; ++i) {
      threads_.emplace_back([this, work] {
        while (!stop_) num_wrong_ += !work();
      });
    }
  }

  // How many times it went wrong, when all threads have ended.
  int64_t Stop() {
    stop_ = true;
    threads_.clear();
    return num_wrong_;
  }

 private:
  std::atomic<bool> stop_ = false;
  std::atomic<int64_t> num_wrong_ = 0;
  std::vector<std::jthread> threads_;
};

class ForkTest : public ::testing::Test {
 protected:
  // The table is written by another process: this one has not used the library yet.
  void SetUp() override {
    ExpectRightInChild([&] { return Write(uri_).ok(); });
  }

  const std::string uri_ = testing::MakeTemporaryDirectory() + "/t.lance";
};

TEST_F(ForkTest, AtAnyMomentOfTheFirstUseOfAProcess) {
  const int num_rounds = NumRounds(20);
  for (int round = 0; round < num_rounds && !::testing::Test::HasFailure(); ++round) {
    SCOPED_TRACE(round);
    // A process in which nothing was used: threads begin to, and it forks meanwhile.
    ExpectRightInChild([&] {
      SplitMix64 random(static_cast<uint64_t>(round));
      Busy busy(2, [&] { return WorksRight(uri_); });
      bool right = true;
      for (int child = 0; child < 3; ++child) {
        const auto until =
            std::chrono::steady_clock::now() + std::chrono::microseconds(random.Next() % 1500);
        while (std::chrono::steady_clock::now() < until) {
        }
        right &= IsRightInChild([&] { return WorksRight(uri_); });
      }
      return busy.Stop() == 0 && right;
    });
  }
}

// Arrow's own pool has locks, which a thread of ours would hold at a fork now and then.
TEST_F(ForkTest, NothingIsAllocatedFromThePoolOfArrow) {
  if (arrow::default_memory_pool()->backend_name() == "system") {
    GTEST_SKIP() << "the pool of Arrow is that of the C library: ARROW_DEFAULT_MEMORY_POOL";
  }
  EXPECT_TRUE(WorksRight(uri_));
  const auto tables = testing::GoldenPath("tables");
  int num_tables = 0;
  for (const auto& entry : std::filesystem::directory_iterator(tables)) {
    if (entry.path().extension() != ".lance") continue;
    const auto table = OpenLanceTable(entry.path());
    if (!table.ok()) continue;
    ScanOptions options;
    options.columns = (*table)->schema()->field_names();
    auto reader = (*table)->Scan(options);
    while (reader.ok()) {
      const auto batch = (*reader)->Next();
      if (!batch.ok() || *batch == nullptr) break;
    }
    ++num_tables;
  }
  EXPECT_GT(num_tables, 10);
  EXPECT_EQ(arrow::default_memory_pool()->num_allocations(), 0);
}

TEST_F(ForkTest, WhileThreadsReadTheSameTable) {
  const auto table = OpenLanceTable(uri_).ValueOrDie();
  Busy busy(3, [&] { return ReadsRight(table); });
  const int num_rounds = NumRounds(30);
  for (int round = 0; round < num_rounds && !::testing::Test::HasFailure(); ++round) {
    ExpectRightInChild([&] { return ReadsRight(table); });
  }
  EXPECT_EQ(busy.Stop(), 0);
}

TEST_F(ForkTest, WhileThreadsWriteTables) {
  Busy busy(2, [&] { return WorksRight(uri_); });
  const auto directory = testing::MakeTemporaryDirectory();
  const int num_rounds = NumRounds(10);
  for (int round = 0; round < num_rounds && !::testing::Test::HasFailure(); ++round) {
    const auto own = directory + "/" + std::to_string(round) + ".lance";
    ExpectRightInChild([&] { return Write(own).ok(); });
    EXPECT_TRUE(ScansRight(*OpenLanceTable(own).ValueOrDie()));
  }
  EXPECT_EQ(busy.Stop(), 0);
}

TEST_F(ForkTest, OfManyGenerationsEachWithThreadsOfItsOwn) {
  const auto table = OpenLanceTable(uri_).ValueOrDie();
  const std::function<bool(int)> generation = [&](int left) {
    Busy busy(1, [&] { return ReadsRight(table); });
    const bool right =
        ReadsRight(table) && (left == 0 || IsRightInChild([&] { return generation(left - 1); }));
    return busy.Stop() == 0 && right;
  };
  EXPECT_TRUE(generation(4));
}

TEST_F(ForkTest, ByManyThreadsAtOnce) {
  const auto table = OpenLanceTable(uri_).ValueOrDie();
  ASSERT_TRUE(ReadsRight(table));
  Busy busy(1, [&] { return ReadsRight(table); });
  std::atomic<int> num_right = 0;
  {
    std::vector<std::jthread> threads;
    threads.reserve(4);
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int child = 0; child < 3; ++child) {
          num_right += IsRightInChild([&] { return ReadsRight(table); });
        }
      });
    }
  }
  EXPECT_EQ(num_right, 12);
  EXPECT_EQ(busy.Stop(), 0);
}

TEST_F(ForkTest, OfLoadersAndScansThatAreHalfConsumed) {
  const auto table = OpenLanceTable(uri_).ValueOrDie();
  std::vector<std::unique_ptr<Loader>> loaders;
  std::vector<int64_t> sums;  // of what is still to come
  for (int i = 0; i < 4; ++i) {
    loaders.push_back(LoaderOf(table));
    sums.push_back(kSum);
    for (int batch = 0; batch < 10 * i; ++batch) {
      sums.back() -= SumOf(*loaders.back()->Next().ValueOrDie());
    }
  }
  const auto rest_is_right = [&] {
    bool right = true;
    for (size_t i = 0; i < loaders.size(); ++i) right &= SumOfRest(loaders[i].get()) == sums[i];
    loaders.clear();
    return right;
  };
  ExpectRightInChild([&] { return IsRightInChild(rest_is_right) && rest_is_right(); });
  EXPECT_TRUE(rest_is_right());
}

TEST_F(ForkTest, AChildThatUsesNothingExitsWhileThreadsOfItsParentReadAndWrite) {
  Busy busy(3, [&] { return WorksRight(uri_); });
  const auto table = OpenLanceTable(uri_).ValueOrDie();
  const auto loader = LoaderOf(table);
  ASSERT_TRUE(loader->Next().ok());
  const int num_rounds = NumRounds(30);
  for (int round = 0; round < num_rounds && !::testing::Test::HasFailure(); ++round) {
    ExpectRightInChild([] { return true; });
  }
  EXPECT_EQ(busy.Stop(), 0);
}

TEST_F(ForkTest, AChildExitsWhileALoaderOfItsOwnReads) {
  const auto table = OpenLanceTable(uri_).ValueOrDie();
  ASSERT_TRUE(ReadsRight(table));
  const int num_rounds = NumRounds(10);
  for (int round = 0; round < num_rounds && !::testing::Test::HasFailure(); ++round) {
    ExpectRightInChild([&] {
      // Left behind, as what is on the stack of the parent's main by a child that calls exit.
      return LoaderOf(table).release()->Next().ok();
    });
  }
}

}  // namespace
}  // namespace croupier
