#include "croupier/storage/failure.h"

#include <cstring>
#include <memory>
#include <utility>

namespace croupier::storage {

namespace {

constexpr char kTypeId[] = "croupier::storage::Failure";

class FailureDetail : public arrow::StatusDetail {
 public:
  explicit FailureDetail(Failure failure) : failure_(failure) {}

  const char* type_id() const override { return kTypeId; }
  std::string ToString() const override {
    return failure_ == Failure::kFinal ? "final" : "may be sent again";
  }
  Failure failure() const { return failure_; }

 private:
  const Failure failure_;
};

}  // namespace

arrow::Status MakeFailure(Failure failure, std::string message) {
  return arrow::Status(arrow::StatusCode::IOError, std::move(message),
                       std::make_shared<FailureDetail>(failure));
}

std::optional<Failure> FailureOf(const arrow::Status& status) {
  const auto& detail = status.detail();
  // Two libraries have this code: the identifiers differ in address alone.
  if (detail == nullptr || std::strcmp(detail->type_id(), kTypeId) != 0) return std::nullopt;
  return static_cast<const FailureDetail&>(*detail).failure();
}

}  // namespace croupier::storage
