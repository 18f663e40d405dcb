#include "croupier/storage/s3_client.h"

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

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
    return answer;
  }

  std::vector<Sent> sent;
  std::deque<HttpResponse> answers;
};

class S3ClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    S3Access access;
    access.endpoint = {"http", "localhost:9000"};
    access.region = "eu-central-1";
    access.credentials = [this] { return credentials_; };
    access.make_http = [this] { return http_; };
    client_ = MakeS3Client(nullptr, access);
  }

  ObjectWrites& writes() { return *client_->writes(); }
  void Answer(int status, std::string body = "", std::string etag = "") {
    http_->answers.push_back({status, {{"etag", std::move(etag)}}, std::move(body)});
  }
  Failure Classify(const arrow::Status& status) { return client_->Classify(status); }

  const std::shared_ptr<FakeHttp> http_ = std::make_shared<FakeHttp>();
  S3Credentials credentials_ = {"key", "secret", "token"};
  std::shared_ptr<ObjectClient> client_;
};

const CancelToken& kNever = CancelToken::Never();
const std::vector<uint8_t> kBytes = {'a', 'b', 'c'};

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
  credentials_ = {};
  Answer(200);
  ASSERT_TRUE(writes().Put("bucket/a", kBytes, kNever).ok());
  EXPECT_EQ(http_->sent.at(0).signer, "");
}

TEST_F(S3ClientTest, CredentialsAreAskedForByEachRequest) {
  Answer(200);
  Answer(204);
  ASSERT_TRUE(writes().Put("bucket/a", kBytes, kNever).ok());
  credentials_.access_key_id = "newer";
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
  S3Access access;
  access.credentials = [] { return S3Credentials(); };
  access.object_headers = {header};
  access.make_http = [this] { return http_; };
  client_ = MakeS3Client(nullptr, access);
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
}

TEST_F(S3ClientTest, OnlyAmazonIsTrustedUntried) {
  EXPECT_FALSE(writes().is_trusted());
  S3Access access;
  access.region = "us-east-1";
  EXPECT_TRUE(MakeS3Client(nullptr, access)->writes()->is_trusted());
}

TEST(S3UrlTest, IsThatOfTheServiceOrTheEndpoint) {
  S3Access access;
  access.region = "eu-west-1";
  EXPECT_EQ(S3Url(access, "bucket/a/b.lance"),
            "https://bucket.s3.eu-west-1.amazonaws.com/a/b.lance");
  EXPECT_EQ(S3Url(access, "my.bucket/a"), "https://s3.eu-west-1.amazonaws.com/my.bucket/a");
  access.region = "cn-north-1";
  EXPECT_EQ(S3Url(access, "bucket/a"), "https://bucket.s3.cn-north-1.amazonaws.com.cn/a");
  access.endpoint = {"https", "minio.example:9000"};
  EXPECT_EQ(S3Url(access, "bucket/a"), "https://minio.example:9000/bucket/a");
  access.virtual_hosted = true;
  EXPECT_EQ(S3Url(access, "bucket/a"), "https://bucket.minio.example:9000/a");
}

TEST(S3UrlTest, EncodesWhatIsNotUnreserved) {
  S3Access access;
  access.endpoint = {"http", "h"};
  EXPECT_EQ(S3Url(access, "b/a-._~Z0/%25 +?#&=é"),
            "http://h/b/a-._~Z0/%2525%20%2B%3F%23%26%3D%C3%A9");
}

TEST(XmlTextTest, FindsTheTextOfAnElement) {
  EXPECT_EQ(XmlText("<a><Code>x&lt;&amp;&quot;</Code></a>", "Code"), "x<&\"");
  EXPECT_EQ(XmlText("<a><Code>x&amp;lt;</Code></a>", "Code"), "x&lt;");
  for (const char* text :
       {"", "<", "<Code>", "<Code>abc", "<Codes>x</Codes>", "Code>x<", "</Code>"}) {
    EXPECT_EQ(XmlText(text, "Code"), "") << text;
  }
}

}  // namespace
}  // namespace croupier::storage
