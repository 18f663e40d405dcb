#include "croupier/storage/http_client.h"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <arrow/buffer.h>
#include <gtest/gtest.h>

#include "croupier/storage/failure.h"
#include "croupier/storage/object_store.h"
#include "croupier/storage/test_http_server.h"
#include "croupier/testing/child_process.h"

namespace croupier::storage {
namespace {

using test::HttpAnswer;
using test::ServeObjects;
using test::TestHttpServer;

const CancelFlag kNever;

std::shared_ptr<HttpClient> MakeClient(double idle_timeout_seconds = 30) {
  HttpSettings settings;
  settings.idle_timeout_seconds = idle_timeout_seconds;
  return MakeHttpClient(settings).ValueOrDie();
}

HttpRequest Get(const std::string& url) {
  HttpRequest request;
  request.method = "GET";
  request.url = url;
  return request;
}

class HttpClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (LoadHttpLibrary().IsNotImplemented()) GTEST_SKIP() << "built without libcurl";
  }
};

TEST_F(HttpClientTest, SendsARequestAndGivesItsAnswer) {
  TestHttpServer server([](const TestHttpServer::Request& request) {
    return HttpAnswer(404,
                      request.method + " " + request.target + " " + request.body + " " +
                          request.headers.at("x-a"),
                      {{"ETag", " \"e\" "}});
  });
  auto request = Get(server.url() + "/a%20b/../c?d=e");
  const std::string body = "body";
  request.method = "POST";
  request.headers = {{"X-A", "b"}};
  request.body = {reinterpret_cast<const uint8_t*>(body.data()), body.size()};
  const auto answer = MakeClient()->Send(request, kNever).ValueOrDie();
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.body, "POST /a%20b/../c?d=e body b");
  EXPECT_EQ(answer.headers.at("etag"), "\"e\"");
}

TEST_F(HttpClientTest, AConnectionIsKeptForTheNextRequest) {
  TestHttpServer server([](const TestHttpServer::Request& request) {
    if (request.method == "HEAD") return HttpAnswer(200, "", {{"Content-Length", "1000"}});
    return HttpAnswer(200, "x");
  });
  const auto client = MakeClient();
  auto request = Get(server.url());
  for (const char* method : {"GET", "HEAD", "PUT", "DELETE", "GET"}) {
    request.method = method;
    EXPECT_EQ(client->Send(request, kNever).ValueOrDie().status, 200);
  }
  EXPECT_EQ(server.num_connections(), 1);
}

TEST_F(HttpClientTest, ABodyGoesToItsSinkAndARefusalDoesNot) {
  std::string bytes(1000000, 'x');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7919 >> 3);
  TestHttpServer server([&](const TestHttpServer::Request& request) {
    return HttpAnswer(request.target == "/ok" ? 206 : 403, bytes);
  });
  std::vector<uint8_t> place(bytes.size());
  HttpSink sink = {place, 0};
  auto request = Get(server.url() + "/ok");
  request.sink = &sink;
  EXPECT_EQ(MakeClient()->Send(request, kNever).ValueOrDie().body, "");
  EXPECT_EQ(sink.num_bytes, bytes.size());
  EXPECT_TRUE(std::string(place.begin(), place.end()) == bytes);
  sink.num_bytes = 0;
  request.url = server.url() + "/no";
  EXPECT_EQ(MakeClient()->Send(request, kNever).ValueOrDie().body.size(), bytes.size());
  EXPECT_EQ(sink.num_bytes, 0);
}

TEST_F(HttpClientTest, MoreThanThereIsPlaceForIsAnErrorAndIsNotWritten) {
  TestHttpServer server([](const auto&) { return HttpAnswer(200, std::string(2000, 'x')); });
  std::vector<uint8_t> place(2000, 'o');
  HttpSink sink = {std::span(place).first(1999), 0};
  auto request = Get(server.url());
  request.sink = &sink;
  EXPECT_EQ(FailureOf(MakeClient()->Send(request, kNever).status()), Failure::kFinal);
  EXPECT_EQ(place.back(), 'o');
  request.sink = nullptr;
  request.max_body_bytes = 1999;
  EXPECT_EQ(FailureOf(MakeClient()->Send(request, kNever).status()), Failure::kFinal);
  request.max_body_bytes = 2000;
  EXPECT_TRUE(MakeClient()->Send(request, kNever).ok());
}

TEST_F(HttpClientTest, WhatCameBeforeAConnectionBrokeIsInTheSink) {
  TestHttpServer server([](const auto&) {
    return HttpAnswer(206, "abc", {{"Content-Length", "10"}, {"Connection", "close"}});
  });
  std::vector<uint8_t> place(10);
  HttpSink sink = {place, 0};
  auto request = Get(server.url());
  request.sink = &sink;
  EXPECT_EQ(FailureOf(MakeClient()->Send(request, kNever).status()), Failure::kTransient);
  EXPECT_EQ(sink.num_bytes, 3);
  EXPECT_EQ(sink.head.status, 206);
  EXPECT_EQ(sink.head.headers.at("content-length"), "10");
}

TEST_F(HttpClientTest, AnAnswerThatStaysAwayIsAFailureOrIsCancelled) {
  std::atomic<bool> hang = true;
  TestHttpServer server([&](const auto&) {
    while (hang) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return std::string();
  });
  EXPECT_EQ(FailureOf(MakeClient(0.05)->Send(Get(server.url()), kNever).status()),
            Failure::kTransient);
  CancelFlag cancel;
  cancel.Cancel();
  EXPECT_TRUE(MakeClient()->Send(Get(server.url()), cancel).status().IsCancelled());
  hang = false;
}

TEST_F(HttpClientTest, AChildThatEndsLeavesItsRequests) {
  const auto result = testing::RunInForkedChild([] {
    static auto& is_asked = *new std::atomic<bool>(false);
    // Not destroyed, as it would wait.
    static const auto& server = *new TestHttpServer([](const auto&) {
      is_asked = true;
      while (true) std::this_thread::sleep_for(std::chrono::seconds(1));
      return std::string();
    });
    std::thread([client = MakeClient(), url = server.url()] {
      static_cast<void>(client->Send(Get(url), kNever));
    }).detach();
    while (!is_asked) std::this_thread::yield();
    return 0;
  });
  EXPECT_FALSE(result.timed_out);
  EXPECT_EQ(result.exit_code, 0);
}

TEST_F(HttpClientTest, AHeaderWithALineEndIsNotSent) {
  TestHttpServer server([](const auto&) { return HttpAnswer(200, ""); });
  auto request = Get(server.url());
  request.headers = {{"X-A", "b\r\nX-C: d"}};
  EXPECT_EQ(FailureOf(MakeClient()->Send(request, kNever).status()), Failure::kFinal);
  EXPECT_EQ(server.num_connections(), 0);
}

// How many forks the tests make that do so while other threads read: CROUPIER_TEST_FORKS.
int NumForks() {
  const char* const text = std::getenv("CROUPIER_TEST_FORKS");
  return text == nullptr ? 10 : std::atoi(text);
}

// Threads that read one object of S3 over and over, until it is destroyed.
class Readers {
 public:
  explicit Readers(const std::shared_ptr<const ObjectStore>& store) {
    threads_.reserve(8);
    for (int i = 0; i < 8; ++i) {
      threads_.emplace_back([this, store](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
          if (Read(*store)) {
            ++num_reads_;
          } else {
            ++num_failures_;
          }
        }
      });
    }
  }

  static bool Read(const ObjectStore& store) {
    const auto object = store.Open("object");
    if (!object.ok()) return false;
    const auto bytes = ReadWhole(*object, 1 << 20);
    return bytes.ok() && (*bytes)->ToString() == std::string(100000, 'x');
  }

  void AwaitMore() const {
    const int before = num_reads_;
    while (num_reads_ < before + 8 && num_failures_ == 0) std::this_thread::yield();
  }
  int num_failures() const { return num_failures_; }

 private:
  std::atomic<int> num_reads_{0};
  std::atomic<int> num_failures_{0};
  std::vector<std::jthread> threads_;
};

TEST_F(HttpClientTest, AChildThatIsForkedWhileThreadsReadReadsAtOnceAndEnds) {
  TestHttpServer server(ServeObjects({{"/bucket/object", std::string(100000, 'x')}}));
  const auto store = OpenObjectStore("s3://bucket", {{"aws_endpoint", server.url()},
                                                     {"allow_http", "true"},
                                                     {"aws_region", "us-east-1"},
                                                     {"aws_access_key_id", "key"},
                                                     {"aws_secret_access_key", "secret"}})
                         .ValueOrDie();
  const Readers readers(store);
  readers.AwaitMore();
  for (int i = 0; i < NumForks(); ++i) {
    const auto result = testing::RunInForkedChild([&] {
      if (i % 4 == 3) return 0;  // unused
      if (!Readers::Read(*store)) return 1;
      const auto nested = testing::RunInForkedChild([&] { return Readers::Read(*store) ? 0 : 1; });
      if (nested.exit_code != 0) return 2;
      const Readers more(store);
      more.AwaitMore();
      return more.num_failures() == 0 ? 0 : 3;
    });
    ASSERT_FALSE(result.timed_out) << i;
    ASSERT_EQ(result.exit_code, 0) << i << ", signal " << result.signal;
  }
  readers.AwaitMore();
  EXPECT_EQ(readers.num_failures(), 0);
}

}  // namespace
}  // namespace croupier::storage
