#include "croupier/storage/remote_store.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <arrow/buffer.h>
#include <gtest/gtest.h>

#include "croupier/storage/arrow_client.h"
#include "croupier/storage/io_scheduler.h"
#include "croupier/storage/test_remote.h"
#include "croupier/testing/child_process.h"

namespace croupier::storage {
namespace {

using test::Fails;
using test::Fault;
using test::FaultyService;

constexpr RetryPolicy kQuick = {.max_retries = 4,
                                .total_seconds = 30,
                                .first_delay_seconds = 0.001,
                                .max_delay_seconds = 0.004};

class RemoteStoreTest : public ::testing::Test {
 protected:
  RemoteStoreTest()
      : name_(std::string("test://") +
              ::testing::UnitTest::GetInstance()->current_test_info()->name()),
        service_(std::make_shared<FaultyService>(std::map<std::string, std::string>{
            {"bucket/a", "hello world"}, {"bucket/d/b", "b"}, {"bucket/d/c", "c"}})),
        store_(test::StoreOf(service_, kQuick, name_)) {}

  // Have the first `count` requests of a kind fail.
  void FailFirst(int count, const std::string& kind, Failure failure) {
    service_->SetFaults([=](int number, const std::string& asked) {
      Fault fault;
      if (number < count && asked == kind) fault.status = Fails(failure);
      return fault;
    });
  }

  arrow::Result<std::string> ReadAll(const std::string& path) const {
    ARROW_ASSIGN_OR_RAISE(const auto object, store_->Open(path));
    ARROW_ASSIGN_OR_RAISE(const auto bytes, ReadWhole(object, 100));
    return bytes->ToString();
  }

  StoreCounters counters() const { return ReadStoreCounters()[name_]; }

  const std::string name_;
  const std::shared_ptr<FaultyService> service_;
  const std::shared_ptr<const ObjectStore> store_;
};

TEST_F(RemoteStoreTest, NothingIsAskedBeforeTheFirstUse) {
  EXPECT_EQ(service_->num_connections(), 0);
  const auto object = store_->Open("a", 11).ValueOrDie();
  EXPECT_EQ(service_->num_connections(), 0);
  EXPECT_EQ(object->size_bytes(), 11);
}

TEST_F(RemoteStoreTest, RequestsAndBytesAreCounted) {
  EXPECT_EQ(ReadAll("a").ValueOrDie(), "hello world");
  EXPECT_EQ(store_->ListFiles("d").ValueOrDie(), (std::vector<std::string>{"b", "c"}));
  EXPECT_EQ(counters().num_requests, 3);  // size, read, list
  EXPECT_EQ(counters().num_bytes, 11);
  EXPECT_EQ(counters().num_retries, 0);
  EXPECT_EQ(counters().num_errors, 0);
  EXPECT_EQ(service_->num_connections(), 1);
}

TEST_F(RemoteStoreTest, WhatFailsForAMomentIsAskedAgain) {
  for (const char* kind : {"open", "read", "list"}) {
    SCOPED_TRACE(kind);
    FailFirst(3, kind, Failure::kTransient);
    if (std::string(kind) == "list") {
      EXPECT_TRUE(store_->ListFiles("d").ok());
    } else {
      EXPECT_EQ(ReadAll("a").ValueOr("failed"), "hello world");
    }
  }
  EXPECT_EQ(counters().num_retries, 3 + 2 + 3);  // the read's first request is its size
  EXPECT_EQ(counters().num_throttled, 0);
  EXPECT_EQ(counters().num_errors, 0);
}

TEST_F(RemoteStoreTest, AShortReadGoesOnWhereItEnded) {
  service_->SetFaults([](int, const std::string&) {
    Fault fault;
    fault.max_bytes = 4;
    return fault;
  });
  const auto object = store_->Open("a", 11).ValueOrDie();
  EXPECT_EQ(ReadWhole(object, 100).ValueOrDie()->ToString(), "hello world");
  EXPECT_EQ(service_->num_requests(), 3);
  EXPECT_EQ(counters().num_bytes, 11);
}

TEST_F(RemoteStoreTest, ThrottlingIsCountedAndSurvived) {
  FailFirst(2, "list", Failure::kThrottled);
  EXPECT_TRUE(store_->ListFiles("d").ok());
  EXPECT_EQ(counters().num_throttled, 2);
  EXPECT_EQ(counters().num_retries, 2);
}

TEST_F(RemoteStoreTest, WhatIsRefusedIsNotAskedAgain) {
  FailFirst(100, "open", Failure::kFinal);
  const auto status = store_->Open("a").status();
  EXPECT_TRUE(status.IsIOError());
  EXPECT_EQ(status.message(), name_ + "/a: refused for good");
  EXPECT_EQ(service_->num_requests(), 1);
  EXPECT_EQ(counters().num_errors, 1);
}

TEST_F(RemoteStoreTest, WhatFailsForGoodNamesThePlaceTheCauseAndTheAttempts) {
  FailFirst(100, "read", Failure::kTransient);
  const auto object = store_->Open("a", 11).ValueOrDie();
  const auto status = ReadWhole(object, 100).status();
  EXPECT_TRUE(status.IsIOError());
  EXPECT_EQ(status.message(), name_ + "/a: connection lost (5 attempts)");
  EXPECT_EQ(counters().num_errors, 1);
  EXPECT_EQ(counters().num_retries, 4);
}

TEST_F(RemoteStoreTest, TheDeadlineEndsRetries) {
  const auto store = test::StoreOf(service_, {.max_retries = 1000000,
                                              .total_seconds = 0.05,
                                              .first_delay_seconds = 0.001,
                                              .max_delay_seconds = 0.002});
  FailFirst(1000000, "list", Failure::kTransient);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(store->ListFiles("d").status().IsIOError());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
  EXPECT_GT(service_->num_requests(), 1);
}

TEST_F(RemoteStoreTest, AMissingObjectIsNoErrorOfTheStore) {
  EXPECT_TRUE(IsNotFound(store_->Open("nope").status()));
  EXPECT_TRUE(IsNotFound(store_->ListFiles("nope").status()));
  EXPECT_EQ(counters().num_errors, 0);
  EXPECT_EQ(counters().num_retries, 0);
  // The size of the manifest may be wrong about what is there.
  const auto object = store_->Open("gone", 5).ValueOrDie();
  EXPECT_TRUE(IsNotFound(ReadWhole(object, 100).status()));
}

TEST_F(RemoteStoreTest, CredentialsInAMessageOfTheServiceAreHidden) {
  service_->SetFaults([](int, const std::string&) {
    Fault fault;
    fault.status = arrow::Status::IOError("refused: key hunter2 is unknown");
    return fault;
  });
  EXPECT_EQ(store_->Open("a").status().message(), name_ + "/a: refused: key *** is unknown");
}

TEST_F(RemoteStoreTest, AListingEndsAtItsLimit) {
  EXPECT_EQ(store_->ListFiles("d", {.limit = 1}).ValueOrDie(), std::vector<std::string>{"b"});
  EXPECT_TRUE(store_->ListFiles("d", {.limit = 0}).ValueOrDie().empty());
}

// Calls `call` with a token that is cancelled once the service hangs; gives its status and seconds.
std::pair<arrow::Status, double> CancelWhenHung(
    FaultyService* service, const std::function<arrow::Status(const CancelToken&)>& call) {
  const auto hang = std::make_shared<std::atomic<bool>>(true);
  service->SetFaults([hang](int, const std::string&) {
    Fault fault;
    fault.hang = hang;
    return fault;
  });
  CancelFlag cancel;
  auto cancelled_at = std::chrono::steady_clock::now();
  std::jthread canceller([&] {
    while (service->num_requests() == 0) std::this_thread::yield();
    cancelled_at = std::chrono::steady_clock::now();
    cancel.Cancel();
  });
  const auto status = call(cancel);
  const auto end = std::chrono::steady_clock::now();
  canceller.join();
  *hang = false;
  return {status, std::chrono::duration<double>(end - cancelled_at).count()};
}

TEST_F(RemoteStoreTest, OpeningListingAndReadingEndSoonWhenCancelled) {
  const auto object = store_->Open("a", 11).ValueOrDie();
  const std::vector<std::function<arrow::Status(const CancelToken&)>> calls = {
      [&](const CancelToken& cancel) { return store_->Open("a", {}, cancel).status(); },
      [&](const CancelToken& cancel) {
        ListOptions options;
        options.cancel = &cancel;
        return store_->ListFiles("d", options).status();
      },
      [&](const CancelToken& cancel) { return ReadWhole(object, 100, cancel).status(); }};
  for (const auto& call : calls) {
    const auto [status, seconds] = CancelWhenHung(service_.get(), call);
    EXPECT_TRUE(status.IsCancelled()) << status;
    EXPECT_LT(seconds, 0.2);
  }
}

TEST_F(RemoteStoreTest, APauseBetweenAttemptsEndsSoonWhenCancelled) {
  const auto store = test::StoreOf(service_, {.max_retries = 10,
                                              .total_seconds = 1000,
                                              .first_delay_seconds = 200,
                                              .max_delay_seconds = 200});
  FailFirst(1000, "list", Failure::kThrottled);
  CancelFlag cancel;
  std::jthread canceller([&] {
    while (service_->num_requests() == 0) std::this_thread::yield();
    cancel.Cancel();
  });
  ListOptions options;
  options.cancel = &cancel;
  EXPECT_TRUE(store->ListFiles("d", options).status().IsCancelled());
}

TEST_F(RemoteStoreTest, AForkedChildConnectsByItselfAndCountsFromZero) {
  EXPECT_EQ(ReadAll("a").ValueOrDie(), "hello world");
  const auto object = store_->Open("a").ValueOrDie();
  const auto result = testing::RunInForkedChild([&] {
    if (ReadWhole(object, 100).ValueOrDie()->ToString() != "hello world") return 1;
    if (service_->num_connections() != 2) return 2;
    return counters().num_requests == 1 ? 0 : 3;
  });
  EXPECT_FALSE(result.timed_out);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(service_->num_connections(), 1);
}

TEST_F(RemoteStoreTest, ConnectingIsRetriedWhereTheNetworkFailed) {
  arrow::Status failure = arrow::Status::IOError("no network");
  int num_failures = 3;
  RemoteStoreOptions options;
  options.location = options.store = name_;
  options.root = "bucket";
  options.retry = kQuick;
  options.connect = [&]() -> arrow::Result<std::shared_ptr<ObjectClient>> {
    if (--num_failures >= 0) return failure;
    return FaultyService::Connect(service_);
  };
  const auto store = MakeRemoteStore(options);
  EXPECT_TRUE(store->ListFiles("d").ok());
  EXPECT_EQ(service_->num_connections(), 1);
  EXPECT_EQ(counters().num_retries, 3);
  failure = arrow::Status::Invalid("no key");
  num_failures = 1;
  const auto other = MakeRemoteStore(options);
  EXPECT_EQ(other->ListFiles("d").status().message(), name_ + "/d: no key");
  EXPECT_TRUE(other->ListFiles("d").ok());
}

TEST(ClassifyCloudFailureTest, KnowsWhatArrowSaysAboutEachService) {
  const auto of = [](const char* message) {
    return ClassifyCloudFailure(arrow::Status::IOError(message));
  };
  EXPECT_EQ(of("AWS Error ACCESS_DENIED during HeadObject operation"), Failure::kFinal);
  EXPECT_EQ(of("AWS Error SLOW_DOWN during GetObject operation"), Failure::kThrottled);
  EXPECT_EQ(of("AWS Error UNKNOWN (HTTP status 503) during HeadObject"), Failure::kThrottled);
  EXPECT_EQ(of("AWS Error UNKNOWN (HTTP status 429) during GetObject"), Failure::kThrottled);
  EXPECT_EQ(of("AWS Error INTERNAL_FAILURE (HTTP status 500)"), Failure::kTransient);
  EXPECT_EQ(of("AWS Error NETWORK_CONNECTION during GetObject operation: curlCode: 28"),
            Failure::kTransient);
  EXPECT_EQ(of("google::cloud::Status(PERMISSION_DENIED: no)"), Failure::kFinal);
  EXPECT_EQ(of("google::cloud::Status(UNAVAILABLE: later)"), Failure::kTransient);
  EXPECT_EQ(of("403 This request is not authorized. AuthorizationFailure"), Failure::kFinal);
  EXPECT_EQ(ClassifyCloudFailure(arrow::Status::Invalid("not a path")), Failure::kFinal);
}

}  // namespace
}  // namespace croupier::storage
