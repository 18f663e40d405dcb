#include "croupier/storage/remote_writes.h"

#include <atomic>
#include <map>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "croupier/storage/object_store.h"
#include "croupier/storage/test_remote.h"

namespace croupier::storage {
namespace {

using test::Fails;
using test::Fault;
using test::FaultyService;

std::span<const uint8_t> BytesOf(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

class RemoteWritesTest : public ::testing::Test {
 protected:
  // Let the first request of a kind fail, after it was done if `is_done`.
  void FailFirst(const std::string& kind, Failure failure, bool is_done) {
    auto left = std::make_shared<std::atomic<int>>(1);
    service_->SetFaults([=](int, const std::string& each) {
      Fault fault;
      if (each == kind && left->fetch_sub(1) > 0) fault.status = Fails(failure);
      fault.is_done = is_done;
      return fault;
    });
  }

  arrow::Status WriteLarge(const std::string& path) {
    ARROW_ASSIGN_OR_RAISE(const auto writer, store_->OpenWrite(path));
    for (int i = 0; i < 5; ++i) {
      ARROW_RETURN_NOT_OK(writer->Append(BytesOf(std::string(5 << 20, static_cast<char>(i)))));
    }
    return writer->Close();
  }

  const std::shared_ptr<FaultyService> service_ =
      std::make_shared<FaultyService>(std::map<std::string, std::string>());
  const std::shared_ptr<const ObjectStore> store_ = test::StoreOf(service_);
};

TEST_F(RemoteWritesTest, AServerThatIgnoresTheConditionIsNotWritten) {
  service_->SetIgnoresConditions(true);
  const auto put = store_->PutIfAbsent("_versions/1.manifest", BytesOf("x"));
  EXPECT_TRUE(put.status().IsNotImplemented());
  EXPECT_NE(put.status().message().find("ignores If-None-Match"), std::string::npos)
      << put.status();
  EXPECT_TRUE(service_->objects().empty());
}

TEST_F(RemoteWritesTest, AServerIsTriedOnce) {
  EXPECT_TRUE(store_->PutIfAbsent("d/a", BytesOf("x")).ValueOrDie());
  EXPECT_EQ(service_->num_requests(), 4);  // two that try it, a deletion, the object
  EXPECT_TRUE(store_->PutIfAbsent("d/b", BytesOf("x")).ValueOrDie());
  EXPECT_EQ(service_->num_requests(), 5);
  EXPECT_EQ(service_->objects().size(), 2);
}

TEST_F(RemoteWritesTest, AnObjectWhoseAnswerWasLostIsOurs) {
  ASSERT_TRUE(store_->PutIfAbsent("a", BytesOf("x")).ValueOrDie());
  FailFirst("put if absent", Failure::kTransient, /*is_done=*/true);
  EXPECT_TRUE(store_->PutIfAbsent("b", BytesOf("ours")).ValueOrDie());
  FailFirst("put if absent", Failure::kTransient, /*is_done=*/true);
  EXPECT_FALSE(store_->PutIfAbsent("b", BytesOf("more")).ValueOrDie());
  FailFirst("put if absent", Failure::kTransient, /*is_done=*/true);
  EXPECT_FALSE(store_->PutIfAbsent("b", BytesOf("longer")).ValueOrDie());
  EXPECT_EQ(service_->objects().at("bucket/b"), "ours");
}

TEST_F(RemoteWritesTest, WhatIsRefusedIsAnErrorThatNamesThePlace) {
  for (const char* kind : {"put", "put if absent", "delete"}) {
    ASSERT_TRUE(store_->Put("d", BytesOf("x")).ok());
    FailFirst(kind, Failure::kFinal, /*is_done=*/false);
    const auto status = kind == std::string("put")      ? store_->Put("d", {})
                        : kind == std::string("delete") ? store_->Delete("d")
                                                        : store_->PutIfAbsent("d", {}).status();
    EXPECT_TRUE(status.IsIOError()) << kind;
    EXPECT_NE(status.message().find("refused for good"), std::string::npos) << status;
    EXPECT_NE(status.message().find("test://bucket/"), std::string::npos) << status;
    service_->SetFaults({});
  }
}

TEST_F(RemoteWritesTest, ASmallObjectIsOneRequest) {
  const auto writer = store_->OpenWrite("a").ValueOrDie();
  ASSERT_TRUE(writer->Append(BytesOf("abc")).ok());
  EXPECT_EQ(service_->num_requests(), 0);
  ASSERT_TRUE(writer->Close().ok());
  EXPECT_EQ(service_->num_requests(), 1);
}

TEST_F(RemoteWritesTest, EveryRequestOfAnUploadMayFailForAMoment) {
  for (const char* kind : {"begin", "part", "complete"}) {
    for (const bool is_done : {false, true}) {
      SCOPED_TRACE(std::string(kind) + (is_done ? ", done" : ""));
      const std::string path = std::string(kind) + (is_done ? "1" : "0");
      FailFirst(kind, Failure::kThrottled, is_done);
      ASSERT_TRUE(WriteLarge(path).ok());
      const auto objects = service_->objects();
      const std::string& text = objects.at("bucket/" + path);
      ASSERT_EQ(text.size(), 25 << 20);
      for (size_t i = 0; i < text.size(); i += 1 << 20) EXPECT_EQ(text[i], i / (5 << 20));
    }
  }
  // A beginning whose answer was lost nobody can end but the service.
  EXPECT_EQ(service_->num_open_uploads(), 1);
}

TEST_F(RemoteWritesTest, AnUploadThatFailsIsForgotten) {
  for (const char* kind : {"begin", "part", "complete"}) {
    FailFirst(kind, Failure::kFinal, /*is_done=*/false);
    const auto status = WriteLarge("a");
    EXPECT_TRUE(status.IsIOError()) << kind;
    EXPECT_NE(status.message().find("refused for good"), std::string::npos) << status;
    EXPECT_TRUE(service_->objects().empty());
    EXPECT_EQ(service_->num_open_uploads(), 0) << kind;
  }
}

TEST_F(RemoteWritesTest, AnUploadThatIsGivenUpIsForgotten) {
  {
    const auto writer = store_->OpenWrite("a").ValueOrDie();
    for (int i = 0; i < 20; ++i) {
      ASSERT_TRUE(writer->Append(BytesOf(std::string(4 << 20, 'x'))).ok());
    }
    EXPECT_EQ(service_->num_open_uploads(), 1);
  }
  EXPECT_TRUE(service_->objects().empty());
  EXPECT_EQ(service_->num_open_uploads(), 0);
}

TEST_F(RemoteWritesTest, AnUploadEndsSoonWhenCancelled) {
  CancelFlag cancel;
  const auto store = test::StoreOf(service_, {.max_retries = 1000,
                                              .total_seconds = 1000,
                                              .first_delay_seconds = 100,
                                              .max_delay_seconds = 100});
  service_->SetFaults([&](int, const std::string& kind) {
    Fault fault;
    if (kind == "part") {
      fault.status = Fails(Failure::kThrottled);
      cancel.Cancel();
    }
    return fault;
  });
  auto writer = store->OpenWrite("a", cancel).ValueOrDie();
  ASSERT_TRUE(writer->Append(BytesOf(std::string(9 << 20, 'x'))).ok());
  EXPECT_TRUE(writer->Close().IsCancelled());
  writer.reset();
  EXPECT_EQ(service_->num_open_uploads(), 0);
}

TEST_F(RemoteWritesTest, ALargeObjectIsNotWrittenOverAnother) {
  ASSERT_TRUE(store_->Put("a", BytesOf("old")).ok());
  const auto status = WriteLarge("a");
  EXPECT_TRUE(status.IsIOError());
  EXPECT_EQ(service_->objects().at("bucket/a"), "old");
  EXPECT_EQ(service_->num_open_uploads(), 0);
}

}  // namespace
}  // namespace croupier::storage
