#include "croupier/storage/s3_client.h"

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "croupier/storage/failure.h"
#include "croupier/storage/object_store.h"

namespace croupier::storage {
namespace {

// Keeps what it is sent, and gives the answers that it was told.
class FakeHttp : public HttpClient {
 public:
  struct Sent {
    std::string method, url, body, signer;
    std::vector<std::pair<std::string, std::string>> headers;
    bool is_repeatable = true;
  };

  arrow::Result<HttpResponse> Send(const HttpRequest& request,
                                   const CancelToken& /*cancel*/) override {
    const auto* const signer = request.signer;
    const std::lock_guard lock(mutex);
    sent.push_back({request.method,
                    request.url,
                    {request.body.begin(), request.body.end()},
                    signer == nullptr ? ""
                                      : signer->region + " " + signer->access_key_id + " " +
                                            signer->secret_access_key + " " + signer->session_token,
                    request.headers,
                    request.is_repeatable});
    HttpResponse answer = answers.front();
    answers.pop_front();
    if (request.sink == nullptr || answer.status >= 300) return answer;
    std::ranges::copy(answer.body, request.sink->destination.begin());
    request.sink->num_bytes = answer.body.size();
    answer.body.clear();
    request.sink->head = answer;
    if (breaks) return MakeFailure(Failure::kTransient, "the connection broke");
    return answer;
  }

  std::mutex mutex;     // guards what follows
  bool breaks = false;  // after the body of a sink has come

  std::vector<Sent> sent;
  std::deque<HttpResponse> answers;
};

// Gives the first keys until they are renewed, then the others.
class FakeCredentials : public AwsCredentials {
 public:
  arrow::Result<std::shared_ptr<const AwsKeys>> Get(const CancelToken& /*cancel*/) override {
    return keys;
  }
  bool Renew(const AwsKeys& /*refused*/) override {
    if (others == nullptr) return false;
    keys = std::exchange(others, nullptr);
    return true;
  }

  std::shared_ptr<const AwsKeys> keys =
      std::make_shared<const AwsKeys>(AwsKeys{"key", "secret", "token", {}});
  std::shared_ptr<const AwsKeys> others;
};

const CancelFlag kNever;
const std::vector<uint8_t> kBytes = {'a', 'b', 'c'};

class S3ClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    access_.endpoint = {"http", "localhost:9000"};
    access_.region = "eu-central-1";
    access_.credentials = credentials_;
    access_.http = http_;
    client_ = MakeS3Client(access_);
  }

  ObjectWrites& writes() { return *client_->writes(); }
  void Answer(int status, std::string body = "", std::string etag = "") {
    Answer(status, std::move(body), {{"etag", std::move(etag)}});
  }
  Failure Classify(const arrow::Status& status) { return client_->Classify(status); }

  // Answer with these headers.
  void Answer(int status, std::string body, std::map<std::string, std::string> headers) {
    http_->answers.push_back({status, std::move(headers), std::move(body)});
  }

  arrow::Result<std::string> Read(ClientObject* object, int64_t offset_bytes, size_t size) {
    std::vector<uint8_t> bytes(size);
    ARROW_ASSIGN_OR_RAISE(const int64_t count, object->ReadAt(offset_bytes, bytes, kNever));
    return std::string(bytes.begin(), bytes.begin() + count);
  }

  arrow::Result<std::vector<std::string>> List(const std::string& directory) {
    std::vector<std::string> names;
    ARROW_RETURN_NOT_OK(client_->List(
        directory,
        [&](std::string_view name, bool is_directory) {
          names.push_back(std::string(name) + (is_directory ? "/" : ""));
          return true;
        },
        kNever));
    return names;
  }

  const std::shared_ptr<FakeHttp> http_ = std::make_shared<FakeHttp>();
  const std::shared_ptr<FakeCredentials> credentials_ = std::make_shared<FakeCredentials>();
  S3Access access_;
  std::shared_ptr<ObjectClient> client_;
};

TEST_F(S3ClientTest, AConditionalPutHasItsHeaderAndIsSigned) {
  Answer(200);
  EXPECT_TRUE(writes().PutIfAbsent("bucket/a b/1.manifest", kBytes, kNever).ValueOrDie());
  const auto& sent = http_->sent.at(0);
  EXPECT_EQ(sent.method, "PUT");
  EXPECT_EQ(sent.url, "http://localhost:9000/bucket/a%20b/1.manifest");
  EXPECT_EQ(sent.body, "abc");
  EXPECT_EQ(sent.signer, "eu-central-1 key secret token");
  EXPECT_EQ(sent.headers.back(), (std::pair<std::string, std::string>("If-None-Match", "*")));
  EXPECT_FALSE(sent.is_repeatable);
  Answer(412, "<Error><Code>PreconditionFailed</Code></Error>");
  EXPECT_FALSE(writes().PutIfAbsent("bucket/a", kBytes, kNever).ValueOrDie());
}

TEST_F(S3ClientTest, AnUnconditionalPutHasNoCondition) {
  Answer(200);
  ASSERT_TRUE(writes().Put("bucket/a", kBytes, kNever).ok());
  for (const auto& [name, value] : http_->sent.at(0).headers) EXPECT_NE(name, "If-None-Match");
  EXPECT_TRUE(http_->sent.at(0).is_repeatable);
}

TEST_F(S3ClientTest, WithoutCredentialsNothingIsSigned) {
  credentials_->keys = nullptr;
  Answer(200);
  ASSERT_TRUE(writes().Put("bucket/a", kBytes, kNever).ok());
  EXPECT_EQ(http_->sent.at(0).signer, "");
}

TEST_F(S3ClientTest, CredentialsAreAskedForByEachRequest) {
  Answer(200);
  Answer(204);
  ASSERT_TRUE(writes().Put("bucket/a", kBytes, kNever).ok());
  credentials_->keys = std::make_shared<const AwsKeys>(AwsKeys{"newer", "secret", "token", {}});
  ASSERT_TRUE(writes().Delete("bucket/a", kNever).ok());
  EXPECT_EQ(http_->sent.at(1).signer, "eu-central-1 newer secret token");
}

TEST_F(S3ClientTest, AnUploadIsBegunSentAndCompleted) {
  Answer(200, "<R><UploadId>a/b+c&amp;=</UploadId></R>");
  const auto upload = writes().BeginUpload("bucket/x", kNever).ValueOrDie();
  EXPECT_EQ(upload, "a/b+c&=");
  EXPECT_EQ(http_->sent.back().url, "http://localhost:9000/bucket/x?uploads=");
  Answer(200, "", "\"e1\"");
  const std::vector<std::string> marks = {
      writes().UploadPart("bucket/x", upload, 1, kBytes, kNever).ValueOrDie()};
  EXPECT_EQ(marks.front(), "\"e1\"");
  EXPECT_EQ(http_->sent.back().url,
            "http://localhost:9000/bucket/x?partNumber=1&uploadId=a%2Fb%2Bc%26%3D");
  Answer(200, "<CompleteMultipartUploadResult/>");
  EXPECT_TRUE(writes().CompleteUpload("bucket/x", upload, marks, kNever).ValueOrDie());
  EXPECT_EQ(http_->sent.back().body,
            "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Part>"
            "<PartNumber>1</PartNumber><ETag>&quot;e1&quot;</ETag></Part>"
            "</CompleteMultipartUpload>");
  Answer(204);
  ASSERT_TRUE(writes().AbortUpload("bucket/x", upload, kNever).ok());
  EXPECT_EQ(http_->sent.back().method, "DELETE");
}

TEST_F(S3ClientTest, WhatMakesObjectsSaysHowTheyAreEncrypted) {
  const std::pair<std::string, std::string> header = {"x-amz-server-side-encryption", "AES256"};
  access_.object_headers = {header};
  client_ = MakeS3Client(access_);
  for (int i = 0; i < 3; ++i) Answer(200, "<UploadId>1</UploadId>", "e");
  ASSERT_TRUE(writes().PutIfAbsent("b/a", kBytes, kNever).ok());
  ASSERT_TRUE(writes().BeginUpload("b/a", kNever).ok());
  ASSERT_TRUE(writes().UploadPart("b/a", "1", 1, kBytes, kNever).ok());
  EXPECT_EQ(http_->sent.at(0).headers.at(1), header);
  EXPECT_EQ(http_->sent.at(1).headers.at(1), header);
  EXPECT_EQ(http_->sent.at(2).headers.size(), 1);
}

TEST_F(S3ClientTest, AnUploadThatFailsWithStatus200IsAFailure) {
  const std::vector<std::string> marks = {"e"};
  Answer(200, "<Error><Code>InternalError</Code><Message>again</Message></Error>");
  const auto status = writes().CompleteUpload("bucket/x", "id", marks, kNever).status();
  EXPECT_EQ(status.message(), "HTTP status 500, InternalError, again");
  EXPECT_EQ(Classify(status), Failure::kTransient);
  Answer(200, "<Error><Code>PreconditionFailed</Code></Error>");
  EXPECT_FALSE(writes().CompleteUpload("bucket/x", "id", marks, kNever).ValueOrDie());
}

TEST_F(S3ClientTest, AnAnswerWithoutWhatIsNeededIsAnError) {
  Answer(200, "<R><UploadId></UploadId></R>");
  EXPECT_TRUE(writes().BeginUpload("bucket/x", kNever).status().IsIOError());
  Answer(200);
  EXPECT_TRUE(writes().UploadPart("bucket/x", "id", 1, kBytes, kNever).status().IsIOError());
}

TEST_F(S3ClientTest, KnowsWhatARefusalMeans) {
  const auto of = [&](int status, const std::string& code) {
    return Classify(S3Refusal(status, "<Error><Code>" + code + "</Code></Error>"));
  };
  EXPECT_EQ(of(403, "AccessDenied"), Failure::kFinal);
  EXPECT_EQ(of(400, "EntityTooLarge"), Failure::kFinal);
  EXPECT_EQ(of(404, "NoSuchUpload"), Failure::kFinal);
  EXPECT_EQ(of(301, "PermanentRedirect"), Failure::kFinal);
  EXPECT_EQ(of(400, "RequestTimeout"), Failure::kTransient);
  EXPECT_EQ(of(409, "ConditionalRequestConflict"), Failure::kTransient);
  EXPECT_EQ(of(500, "InternalError"), Failure::kTransient);
  EXPECT_EQ(of(502, ""), Failure::kTransient);
  EXPECT_EQ(of(503, "SlowDown"), Failure::kThrottled);
  EXPECT_EQ(of(429, ""), Failure::kThrottled);
  EXPECT_TRUE(S3Refusal(501, "").IsNotImplemented());
  EXPECT_TRUE(IsNotFound(S3Refusal(404, "<Error><Code>NoSuchBucket</Code></Error>")));
  EXPECT_TRUE(IsNotFound(S3Refusal(404, "<Error><Code>NoSuchKey</Code></Error>")));
  EXPECT_TRUE(IsNotFound(S3Refusal(404, "")));
}

TEST_F(S3ClientTest, OnlyAmazonIsTrustedUntried) {
  EXPECT_FALSE(writes().is_trusted());
  access_.endpoint = {};
  EXPECT_TRUE(MakeS3Client(access_)->writes()->is_trusted());
}

TEST_F(S3ClientTest, AnObjectIsOpenedByItsHead) {
  Answer(200, "", {{"content-length", "11"}, {"etag", "\"e\""}});
  const auto object = client_->Open("bucket/d/a", std::nullopt, kNever).ValueOrDie();
  EXPECT_EQ(object->size_bytes(), 11);
  EXPECT_EQ(http_->sent.at(0).method, "HEAD");
  EXPECT_EQ(http_->sent.at(0).url, "http://localhost:9000/bucket/d/a");
  EXPECT_EQ(http_->sent.at(0).signer, "eu-central-1 key secret token");
  EXPECT_EQ(client_->Open("bucket/d/b", 7, kNever).ValueOrDie()->size_bytes(), 7);
  EXPECT_EQ(http_->sent.size(), 1);
  for (const char* length : {"", "-1", "1x", "99999999999999999999"}) {
    Answer(200, "", {{"content-length", length}});
    EXPECT_TRUE(client_->Open("bucket/a", std::nullopt, kNever).status().IsIOError()) << length;
  }
}

TEST_F(S3ClientTest, AMissingObjectIsNotFound) {
  Answer(404);
  EXPECT_TRUE(IsNotFound(client_->Open("bucket/a", std::nullopt, kNever).status()));
  Answer(404, "<Error><Code>NoSuchKey</Code></Error>");
  const auto object = client_->Open("bucket/a", 5, kNever).ValueOrDie();
  EXPECT_TRUE(IsNotFound(Read(object.get(), 0, 5).status()));
  Answer(404);
  EXPECT_TRUE(IsNotFound(client_->ModifiedAt("bucket/a", kNever).status()));
}

TEST_F(S3ClientTest, ARangeIsReadIntoItsPlace) {
  const auto object = client_->Open("bucket/a", 11, kNever).ValueOrDie();
  Answer(206, "world", {{"content-range", "bytes 6-10/11"}});
  EXPECT_EQ(Read(object.get(), 6, 5).ValueOrDie(), "world");
  EXPECT_EQ(http_->sent.at(0).headers.at(0),
            (std::pair<std::string, std::string>("Range", "bytes=6-10")));
  // Fewer bytes than were asked for are what came.
  Answer(206, "wo", {{"content-range", "bytes 6-7/11"}});
  EXPECT_EQ(Read(object.get(), 6, 5).ValueOrDie(), "wo");
  // A server may give all of an object of which all was asked for.
  Answer(200, "hello world", "");
  EXPECT_EQ(Read(object.get(), 0, 11).ValueOrDie(), "hello world");
}

TEST_F(S3ClientTest, AnotherRangeThanAskedForIsAnError) {
  const auto object = client_->Open("bucket/a", 11, kNever).ValueOrDie();
  for (const char* range : {"bytes 5-9/11", "bytes */11", "bytes -6-10/11", "words 6-10/11", ""}) {
    Answer(206, "world", {{"content-range", range}});
    const auto status = Read(object.get(), 6, 5).status();
    EXPECT_EQ(Classify(status), Failure::kFinal) << range << status;
    EXPECT_FALSE(status.ok()) << range;
  }
  Answer(200, "hello", "");
  EXPECT_TRUE(Read(object.get(), 6, 5).status().IsIOError());
}

TEST_F(S3ClientTest, WhatCameBeforeAConnectionBrokeIsKept) {
  const auto object = client_->Open("bucket/a", 11, kNever).ValueOrDie();
  http_->breaks = true;
  Answer(206, "wor", {{"content-range", "bytes 6-10/11"}});
  EXPECT_EQ(Read(object.get(), 6, 5).ValueOrDie(), "wor");
  Answer(206, "", {{"content-range", "bytes 6-10/11"}});
  EXPECT_EQ(Classify(Read(object.get(), 6, 5).status()), Failure::kTransient);
}

TEST_F(S3ClientTest, WhatCameBeforeAConnectionBrokeIsOfThePlaceAndTheObjectOrAnError) {
  const auto opened = client_->Open("bucket/a", 11, kNever).ValueOrDie();
  http_->breaks = true;
  Answer(206, "wo", {{"content-range", "bytes 6-10/11"}, {"etag", "\"1\""}});
  EXPECT_EQ(Read(opened.get(), 6, 5).ValueOrDie(), "wo");
  Answer(206, "he", {{"content-range", "bytes 0-10/11"}, {"etag", "\"1\""}});
  EXPECT_EQ(Classify(Read(opened.get(), 6, 5).status()), Failure::kFinal);
  Answer(200, "he", {{"etag", "\"1\""}});
  EXPECT_EQ(Classify(Read(opened.get(), 6, 5).status()), Failure::kFinal);
  Answer(206, "wo", {{"content-range", "bytes 6-10/11"}, {"etag", "\"2\""}});
  EXPECT_EQ(Classify(Read(opened.get(), 6, 5).status()), Failure::kFinal);
}

TEST_F(S3ClientTest, AnObjectThatIsReplacedWhileItIsReadIsAnError) {
  Answer(200, "", {{"content-length", "11"}, {"etag", "\"1\""}});
  const auto opened = client_->Open("bucket/a", std::nullopt, kNever).ValueOrDie();
  Answer(206, "w", {{"content-range", "bytes 6-6/11"}, {"etag", "\"2\""}});
  EXPECT_EQ(Classify(Read(opened.get(), 6, 1).status()), Failure::kFinal);
  const auto known = client_->Open("bucket/a", 11, kNever).ValueOrDie();
  Answer(206, "w", {{"content-range", "bytes 6-6/11"}, {"etag", "\"1\""}});
  EXPECT_EQ(Read(known.get(), 6, 1).ValueOrDie(), "w");
  // Some servers give none.
  Answer(206, "o", {{"content-range", "bytes 7-7/11"}});
  EXPECT_EQ(Read(known.get(), 7, 1).ValueOrDie(), "o");
  Answer(206, "r", {{"content-range", "bytes 8-8/11"}, {"etag", "\"2\""}});
  const auto status = Read(known.get(), 8, 1).status();
  EXPECT_NE(status.message().find("was replaced while it was read"), std::string::npos) << status;
}

std::string ListOf(const std::string& key, const std::string& next) {
  return "<ListBucketResult><Contents><Key>" + key + "</Key></Contents><IsTruncated>" +
         (next.empty() ? "false" : "true") + "</IsTruncated><NextContinuationToken>" + next +
         "</NextContinuationToken></ListBucketResult>";
}

TEST_F(S3ClientTest, AListIsAskedForPageByPage) {
  Answer(200, ListOf("d e/a", "t+1/="));
  Answer(200, ListOf("d e/b", ""));
  EXPECT_EQ(List("bucket/d e").ValueOrDie(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(http_->sent.at(0).url,
            "http://localhost:9000/bucket?delimiter=%2F&encoding-type=url&list-type=2&prefix="
            "d%20e%2F");
  EXPECT_EQ(http_->sent.at(1).url,
            "http://localhost:9000/bucket?continuation-token=t%2B1%2F%3D&delimiter=%2F&"
            "encoding-type=url&list-type=2&prefix=d%20e%2F");
}

TEST_F(S3ClientTest, AListEndsWhereItsVisitorDoes) {
  Answer(200, ListOf("d/a", "more"));
  int num_visits = 0;
  EXPECT_TRUE(client_->List("bucket/d", [&](auto, bool) { return ++num_visits < 1; }, kNever).ok());
  EXPECT_EQ(http_->sent.size(), 1);
}

TEST_F(S3ClientTest, AnEmptyListIsNotFoundButForABucket) {
  const std::string none = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
  Answer(200, none);
  EXPECT_TRUE(IsNotFound(List("bucket/d").status()));
  Answer(200, none);
  EXPECT_TRUE(List("bucket").ValueOrDie().empty());
  // An object that stands for a directory.
  Answer(200, ListOf("d/", ""));
  EXPECT_TRUE(List("bucket/d").ValueOrDie().empty());
}

TEST_F(S3ClientTest, AListThatIsNoneOrDoesNotGoOnIsAnError) {
  Answer(200, "<html></html>");
  EXPECT_EQ(Classify(List("bucket/d").status()), Failure::kFinal);
  Answer(200, ListOf("d/a", "same"));
  Answer(200, ListOf("d/b", "same"));
  EXPECT_EQ(Classify(List("bucket/d").status()), Failure::kFinal);
}

TEST_F(S3ClientTest, TellsWhenAnObjectWasWritten) {
  Answer(200, "", {{"last-modified", "Fri, 27 Nov 2026 18:20:01 GMT"}});
  EXPECT_EQ(client_->ModifiedAt("bucket/a", kNever).ValueOrDie(), 1795803601000000);
  Answer(200, "", {{"last-modified", "yesterday"}});
  EXPECT_TRUE(client_->ModifiedAt("bucket/a", kNever).status().IsIOError());
}

TEST_F(S3ClientTest, ABucketOfAnotherRegionIsAskedThereFromThenOn) {
  access_.endpoint = {};
  access_.region = "";
  client_ = MakeS3Client(access_);
  Answer(301, "", {{"x-amz-bucket-region", "eu-west-3"}});
  Answer(200, "", {{"content-length", "1"}});
  Answer(200, "", {{"content-length", "1"}});
  ASSERT_TRUE(client_->Open("bucket/a", std::nullopt, kNever).ok());
  ASSERT_TRUE(client_->Open("bucket/b", std::nullopt, kNever).ok());
  EXPECT_EQ(http_->sent.at(0).url, "https://bucket.s3.us-east-1.amazonaws.com/a");
  EXPECT_EQ(http_->sent.at(1).url, "https://bucket.s3.eu-west-3.amazonaws.com/a");
  EXPECT_EQ(http_->sent.at(1).signer, "eu-west-3 key secret token");
  EXPECT_EQ(http_->sent.at(2).url, "https://bucket.s3.eu-west-3.amazonaws.com/b");
}

TEST_F(S3ClientTest, ARegionIsAlsoInTheBodyOfARefusal) {
  Answer(400, "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-3</Region></Error>");
  Answer(200);
  ASSERT_TRUE(writes().Put("bucket/a", kBytes, kNever).ok());
  EXPECT_EQ(http_->sent.at(1).signer, "eu-west-3 key secret token");
  EXPECT_EQ(http_->sent.at(1).body, "abc");
}

TEST_F(S3ClientTest, ARegionThatIsNoneOrLeadsInCirclesIsNotFollowed) {
  for (const char* region : {"evil.example/", "", "eu-central-1", "EU", "a b"}) {
    http_->sent.clear();
    Answer(301, "", {{"x-amz-bucket-region", region}});
    EXPECT_TRUE(client_->Open("bucket/a", std::nullopt, kNever).status().IsIOError());
    EXPECT_EQ(http_->sent.size(), 1) << region;
  }
  Answer(301, "", {{"x-amz-bucket-region", "a"}});
  Answer(301, "", {{"x-amz-bucket-region", "b"}});
  EXPECT_TRUE(client_->Open("bucket/a", std::nullopt, kNever).status().IsIOError());
}

TEST_F(S3ClientTest, KeysThatHaveExpiredAreRenewedOnce) {
  const std::string expired = "<Error><Code>ExpiredToken</Code></Error>";
  credentials_->others = std::make_shared<const AwsKeys>(AwsKeys{"new", "secret2", "", {}});
  Answer(400, expired);
  Answer(200);
  ASSERT_TRUE(writes().Put("bucket/a", kBytes, kNever).ok());
  EXPECT_EQ(http_->sent.at(1).signer, "eu-central-1 new secret2 ");
  Answer(400, expired);
  EXPECT_EQ(Classify(writes().Put("bucket/a", kBytes, kNever)), Failure::kFinal);
}

TEST_F(S3ClientTest, ARefusalDoesNotRepeatKeys) {
  Answer(403, "<Error><Code>X</Code><Message>of secret by token</Message></Error>");
  const auto message = writes().Put("bucket/a", kBytes, kNever).message();
  EXPECT_EQ(message, "HTTP status 403, X, of *** by ***");
}

TEST(S3UrlTest, IsThatOfTheServiceOrTheEndpoint) {
  S3Access access;
  const std::string region = "eu-west-1";
  EXPECT_EQ(S3Url(access, region, "bucket/a/b.lance"),
            "https://bucket.s3.eu-west-1.amazonaws.com/a/b.lance");
  EXPECT_EQ(S3Url(access, region, "bucket"), "https://bucket.s3.eu-west-1.amazonaws.com/");
  EXPECT_EQ(S3Url(access, region, "my.bucket/a"), "https://s3.eu-west-1.amazonaws.com/my.bucket/a");
  EXPECT_EQ(S3Url(access, "cn-north-1", "bucket/a"),
            "https://bucket.s3.cn-north-1.amazonaws.com.cn/a");
  access.endpoint = {"https", "minio.example:9000"};
  EXPECT_EQ(S3Url(access, region, "bucket/a"), "https://minio.example:9000/bucket/a");
  EXPECT_EQ(S3Url(access, region, "bucket"), "https://minio.example:9000/bucket");
  access.virtual_hosted = true;
  EXPECT_EQ(S3Url(access, region, "bucket/a"), "https://bucket.minio.example:9000/a");
}

TEST(S3UrlTest, EncodesWhatIsNotUnreserved) {
  S3Access access;
  access.endpoint = {"http", "h"};
  EXPECT_EQ(S3Url(access, "", "b/a-._~Z0/%25 +?#&=é"),
            "http://h/b/a-._~Z0/%2525%20%2B%3F%23%26%3D%C3%A9");
}

TEST(ParseHttpDateTest, ReadsDatesAndNothingElse) {
  EXPECT_EQ(ParseHttpDate("Thu, 01 Jan 1970 00:00:01 GMT"), 1000000);
  EXPECT_EQ(ParseHttpDate("Thu, 29 Feb 2024 23:59:59 GMT"), 1709251199000000);
  for (const char* text : {"", "Thu, 30 Feb 2024 23:59:59 GMT", "Thu, 29 Foo 2024 23:59:59 GMT",
                           "Thu, 29 Feb 2024 24:00:00 GMT", "Thu, 29 Feb 2024 23:59:59 CET",
                           "Thu, -9 Feb 2024 23:59:59 GMT", "Thu, 2x Feb 2024 23:59:59 GMT",
                           "Thu, 29 Feb 2024 23:59:59 GMT "}) {
    EXPECT_EQ(ParseHttpDate(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace croupier::storage
