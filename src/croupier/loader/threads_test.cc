// Everything that the library has, by many threads at once, and dropped in every order.

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <arrow/array.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include "croupier/database.h"
#include "croupier/expression.h"
#include "croupier/loader.h"
#include "croupier/permutation.h"
#include "croupier/table.h"
#include "croupier/table_writer.h"
#include "croupier/testing/golden.h"

namespace croupier {
namespace {

constexpr int kNumThreads = 8;
constexpr int64_t kNumRows = 2000;
constexpr int64_t kNumAdded = 10;  // by each thread that writes
constexpr int64_t kSum = kNumRows * (kNumRows - 1) / 2;

std::shared_ptr<arrow::RecordBatchReader> Rows(int64_t begin, int64_t end) {
  arrow::Int64Builder builder;
  for (int64_t i = begin; i < end; ++i) EXPECT_TRUE(builder.Append(i).ok());
  const auto schema = arrow::schema({arrow::field("x", arrow::int64())});
  return std::make_shared<arrow::TableBatchReader>(
      arrow::Table::Make(schema, {builder.Finish().ValueOrDie()}));
}

int64_t SumOf(const arrow::RecordBatch& batch) {
  const auto& column = static_cast<const arrow::Int64Array&>(*batch.column(0));
  return std::accumulate(column.raw_values(), column.raw_values() + column.length(), int64_t{0});
}

std::shared_ptr<const PermutationTable> Shuffle(const std::shared_ptr<const TableSource>& table,
                                                bool listed) {
  PermutationBuilder builder(table);
  EXPECT_TRUE(builder.Shuffle(7).ok());
  if (listed) {
    EXPECT_TRUE(builder.Filter("x >= 0").ok());
  }
  return builder.Execute().ValueOrDie();
}

std::shared_ptr<arrow::RecordBatchReader> Scan(const TableSource& table) {
  ScanOptions options;
  options.columns = {"x"};
  options.batch_rows = 128;
  return table.Scan(options).ValueOrDie();
}

// Runs a function on many threads, which begin together.
void OnThreads(const std::function<void(int)>& body) {
  std::atomic<int> num_ready = 0;
  std::vector<std::jthread> threads;
  threads.reserve(kNumThreads);
  for (int i = 0; i < kNumThreads; ++i) {
    threads.emplace_back([&, i] {
      ++num_ready;
      while (num_ready < kNumThreads) std::this_thread::yield();
      body(i);
    });
  }
}

class ThreadsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    CreateOptions options;
    options.max_rows_per_file = kNumRows / 4;
    ASSERT_TRUE(TableWriter::Create(uri_, Rows(0, kNumRows), options).ok());
  }

  const std::string folder_ = testing::MakeTemporaryDirectory();
  const std::string uri_ = folder_ + "/t.lance";
};

TEST_F(ThreadsTest, OneObjectOfEachKindIsUsedByAll) {
  const auto database = Database::Open(folder_).ValueOrDie();
  const auto table = OpenLanceTable(uri_).ValueOrDie();
  const auto filter = Expression::Parse("x % 2 = 0").ValueOrDie();
  const auto computed = WithComputedColumns(table, {{"half", filter}}).ValueOrDie();
  const auto shuffled = Shuffle(table, /*listed=*/false);
  const auto listed = Shuffle(table, /*listed=*/true);
  const auto permutation = Permutation::Make(table, shuffled).ValueOrDie();
  const auto of_list = Permutation::Make(table, listed).ValueOrDie();
  const auto first = permutation->Take(std::vector<int64_t>{0}, {"x"}).ValueOrDie();

  OnThreads([&](int) {
    for (int round = 0; round < 3; ++round) {
      EXPECT_EQ(database->TableNames().ValueOrDie(), std::vector<std::string>{"t"});
      EXPECT_EQ(database->OpenTable("t").ValueOrDie()->CountRows().ValueOrDie(), kNumRows);
      EXPECT_EQ(table->CountRowsWhere(filter).ValueOrDie(), kNumRows / 2);
      EXPECT_EQ(table->RowIds().ValueOrDie()->num_rows(), kNumRows);
      int64_t sum = 0;
      const auto reader = Scan(*computed);
      while (const auto batch = reader->Next().ValueOrDie()) sum += SumOf(*batch);
      EXPECT_EQ(sum, kSum);
      EXPECT_TRUE(permutation->Take(std::vector<int64_t>{0}, {"x"}).ValueOrDie()->Equals(*first));
      EXPECT_EQ(SumOf(*of_list->TakeRange(0, kNumRows, {"x"}).ValueOrDie()), kSum);
      EXPECT_EQ(Permutation::Join({permutation, of_list}).ValueOrDie()->num_rows(), 2 * kNumRows);
      EXPECT_EQ(PermutationTable::Deserialize(listed->Serialize().ValueOrDie(), table)
                    .ValueOrDie()
                    ->order_id(),
                listed->order_id());
    }
  });
}

TEST_F(ThreadsTest, OneWriterIsUsedByAll) {
  const auto writer = TableWriter::Open(uri_).ValueOrDie();
  OnThreads([&](int thread) {
    const int64_t begin = kNumRows + kNumAdded * thread;
    EXPECT_TRUE(writer->Append(Rows(begin, begin + kNumAdded)).ok());
  });
  const auto table = OpenLanceTable(uri_).ValueOrDie();
  EXPECT_EQ(table->version(), 1 + kNumThreads);
  constexpr int64_t kNumRowsNow = kNumRows + kNumAdded * kNumThreads;
  const auto all = Permutation::Make(table).ValueOrDie()->TakeRange(0, kNumRowsNow, {"x"});
  EXPECT_EQ(SumOf(**all), kNumRowsNow * (kNumRowsNow - 1) / 2);
}

TEST_F(ThreadsTest, EachBatchOfOneLoaderGoesToOneThread) {
  const auto table = OpenLanceTable(uri_).ValueOrDie();
  const auto permutation = Permutation::Make(table, Shuffle(table, false)).ValueOrDie();
  const auto loader = Loader::Make(permutation, {.batch_rows = 7, .num_threads = 3}).ValueOrDie();
  std::atomic<int64_t> sum = 0;
  OnThreads([&](int) {
    while (const auto batch = loader->Next().ValueOrDie()) sum += SumOf(*batch);
  });
  EXPECT_EQ(sum, kSum);
  EXPECT_EQ(loader->counters().num_rows, kNumRows);
  EXPECT_EQ(loader->counters().num_batches, loader->num_batches());
}

TEST_F(ThreadsTest, ALoaderIsClosedByAnyOfThoseThatReadIt) {
  const auto table = OpenLanceTable(uri_).ValueOrDie();
  const auto permutation = Permutation::Make(table).ValueOrDie();
  for (int round = 0; round < 10; ++round) {
    const auto loader = Loader::Make(permutation, {.batch_rows = 1, .num_threads = 2}).ValueOrDie();
    OnThreads([&](int thread) {
      for (int i = 0; thread > 0 || i < 20 * round; ++i) {
        const auto batch = loader->Next();
        if (!batch.ok()) {
          EXPECT_TRUE(batch.status().IsInvalid()) << batch.status();
          return;
        }
        if (*batch == nullptr) return;
      }
      loader->Close();
    });
  }
}

// What a program holds, of which any may go first.
struct Things {
  explicit Things(const std::string& folder)
      : table(Database::Open(folder).ValueOrDie()->OpenTable("t").ValueOrDie()),
        permutation_table(Shuffle(table, /*listed=*/true)),
        permutation(Permutation::Make(table, permutation_table).ValueOrDie()),
        loader(Loader::Make(permutation, {.batch_rows = 50, .num_threads = 2}).ValueOrDie()),
        scan(Scan(*table)) {
    EXPECT_EQ(loader->Next().ValueOrDie()->num_rows(), 50);
    EXPECT_EQ(scan->Next().ValueOrDie()->num_rows(), 128);
  }

  void Drop(int which) {
    switch (which) {
      case 0:
        return table.reset();
      case 1:
        return permutation_table.reset();
      case 2:
        return permutation.reset();
      case 3:
        return loader.reset();
      default:
        return scan.reset();
    }
  }

  void UseWhatIsLeft() const {
    if (table) {
      EXPECT_EQ(table->CountRows().ValueOrDie(), kNumRows);
    }
    if (permutation_table) {
      EXPECT_FALSE(permutation_table->order_id().empty());
    }
    if (permutation) {
      EXPECT_TRUE(permutation->Take(std::vector<int64_t>{5}, {"x"}).ok());
    }
    if (loader) {
      EXPECT_EQ(loader->Next().ValueOrDie()->num_rows(), 50);
    }
    if (scan) {
      EXPECT_EQ(scan->Next().ValueOrDie()->num_rows(), 128);
    }
  }

  std::shared_ptr<const TableSource> table;
  std::shared_ptr<const PermutationTable> permutation_table;
  std::shared_ptr<const Permutation> permutation;
  std::unique_ptr<Loader> loader;
  std::shared_ptr<arrow::RecordBatchReader> scan;
};

TEST_F(ThreadsTest, ObjectsAreDroppedInEveryOrderWhileOthersOfThemAreUsed) {
  std::array<int, 5> order{};
  std::iota(order.begin(), order.end(), 0);
  do {
    Things things(folder_);
    for (const int which : order) {
      things.UseWhatIsLeft();
      things.Drop(which);
    }
  } while (std::next_permutation(order.begin(), order.end()) && !HasFailure());
}

TEST_F(ThreadsTest, AnObjectIsDroppedByOneThreadWhileItsOthersRead) {
  for (int round = 0; round < 5; ++round) {
    auto table = OpenLanceTable(uri_).ValueOrDie();
    auto permutation = Permutation::Make(table, Shuffle(table, true)).ValueOrDie();
    std::vector<std::unique_ptr<Loader>> loaders;
    loaders.reserve(kNumThreads);
    for (int i = 0; i < kNumThreads; ++i) {
      loaders.push_back(Loader::Make(permutation, {.batch_rows = 64}).ValueOrDie());
    }
    std::jthread dropping([table = std::exchange(table, nullptr),
                           permutation = std::exchange(permutation, nullptr)]() mutable {
      permutation.reset();
      table.reset();
    });
    OnThreads([&](int thread) {
      auto& loader = loaders[static_cast<size_t>(thread)];
      for (int i = 0; i <= thread; ++i) EXPECT_NE(loader->Next().ValueOrDie(), nullptr);
      loader.reset();
    });
  }
}

}  // namespace
}  // namespace croupier
