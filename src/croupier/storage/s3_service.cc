#include "croupier/storage/s3_service.h"

#include "croupier/storage/own_library.h"

namespace croupier::storage {

namespace {

OwnLibrary s3_library(CROUPIER_S3_LIBRARY, kConnectToS3Name, "s3:// cannot be read");

}  // namespace

arrow::Status LoadS3Library() { return s3_library.Load().status(); }

arrow::Result<S3Service> ConnectToS3(const S3Settings& settings, const std::string& bucket) {
  ARROW_ASSIGN_OR_RAISE(void* const function, s3_library.Load());
  arrow::Result<S3Service> service = arrow::Status::UnknownError("");
  reinterpret_cast<ConnectToS3Function*>(function)(&settings, &bucket, &service);
  return service;
}

}  // namespace croupier::storage
