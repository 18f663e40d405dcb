#include "croupier/storage/remote_writes.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <deque>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include <arrow/buffer.h>
#include <arrow/util/io_util.h>

namespace croupier::storage {

namespace {

using Bytes = std::span<const uint8_t>;

constexpr size_t kFirstPartBytes = 8 << 20;
// Amazon takes 10,000 parts; they grow after so many, and all of them hold some 440 GB.
constexpr size_t kPartsBeforeGrowth = 1000;
constexpr size_t kMaxParts = 10000;
// Parts under way at a time: as many connections, each of some MB/s.
constexpr size_t kMaxPartsUnderWay = 4;
// How long it is tried to forget an upload that failed.
constexpr std::chrono::seconds kAbortPatience{5};

enum class Match : uint8_t { kSame, kOther, kMissing };

// Compares an object with what was written, if the answer was lost.
arrow::Result<Match> Compare(const ObjectStore& store, const std::string& path, Bytes bytes) {
  const auto object = store.Open(path);
  if (IsNotFound(object.status())) return Match::kMissing;
  ARROW_RETURN_NOT_OK(object.status());
  if ((*object)->size_bytes() != std::ssize(bytes)) return Match::kOther;
  const auto there = ReadWhole(*object, std::ssize(bytes));
  if (IsNotFound(there.status())) return Match::kMissing;
  ARROW_RETURN_NOT_OK(there.status());
  const bool is_same = std::ranges::equal(Bytes((*there)->data(), bytes.size()), bytes);
  return is_same ? Match::kSame : Match::kOther;
}

arrow::Result<bool> PutOrFindOwn(const RemoteConnection& connection, const ObjectStore& store,
                                 const std::string& path, Bytes bytes, const CancelToken& cancel) {
  bool is_ours = false;
  // After a failure nobody knows whether the service has done what it was asked for.
  bool is_sure = true;
  ARROW_RETURN_NOT_OK(
      connection.SendWrite(path, cancel, [&](ObjectWrites* writes) -> arrow::Status {
        auto put = writes->PutIfAbsent(connection.ServicePath(path), bytes, cancel);
        if (put.ok()) {
          is_ours = *put;
        } else {
          is_sure = false;
        }
        return put.status();
      }));
  if (is_ours || is_sure) return is_ours;
  ARROW_ASSIGN_OR_RAISE(const auto match, Compare(store, path, bytes));
  return match == Match::kSame;
}

std::string RandomName() {
  std::random_device entropy;
  std::string name = ".tmp_";
  for (int i = 0; i < 4; ++i) name += std::to_string(entropy());
  return name;
}

// Sees to it that the server obeys conditions, once for each client.
arrow::Status TryCondition(const RemoteConnection& connection, const std::string& beside) {
  if (connection.is_trusted()) return arrow::Status::OK();
  const std::string path = beside.substr(0, beside.rfind('/') + 1) + RandomName();
  const std::string service_path = connection.ServicePath(path);
  const auto& never = CancelToken::Never();
  bool is_made = true;
  for (int i = 0; i < 2; ++i) {
    ARROW_RETURN_NOT_OK(connection.SendWrite(path, never, [&](ObjectWrites* writes) {
      const auto put = writes->PutIfAbsent(service_path, {}, never).Value(&is_made);
      if (put.ok() && !is_made) writes->Trust();
      return put;
    }));
  }
  const auto deleted = connection.SendWrite(
      path, never, [&](ObjectWrites* writes) { return writes->Delete(service_path, never); });
  static_cast<void>(deleted);  // clean-ups know the name
  if (!is_made) return arrow::Status::OK();
  return arrow::Status::NotImplemented(
      connection.LocationOf(beside),
      ": cannot write here. The server ignores If-None-Match: two writers might replace each "
      "other's versions");
}

// A time after which nothing is waited for.
class Deadline : public CancelToken {
 public:
  explicit Deadline(std::chrono::steady_clock::duration from_now)
      : end_(std::chrono::steady_clock::now() + from_now) {}
  bool cancelled() const override { return std::chrono::steady_clock::now() >= end_; }

 private:
  const std::chrono::steady_clock::time_point end_;
};

// Says stop if the user does, or the writer is given up.
class UploadToken : public CancelToken {
 public:
  explicit UploadToken(const CancelToken& user) : user_(user) {}
  void GiveUp() { is_given_up_ = true; }
  bool cancelled() const override { return is_given_up_ || user_.cancelled(); }

 private:
  const CancelToken& user_;
  std::atomic<bool> is_given_up_{false};
};

class RemoteUpload : public ObjectWriter {
 public:
  RemoteUpload(std::shared_ptr<const RemoteConnection> connection,
               std::shared_ptr<const ObjectStore> store, std::string path,
               const CancelToken& cancel)
      : connection_(std::move(connection)),
        store_(std::move(store)),
        path_(std::move(path)),
        service_path_(connection_->ServicePath(path_)),
        cancel_(cancel) {}

  ~RemoteUpload() override {
    cancel_.GiveUp();
    under_way_.clear();  // joins
    if (upload_.empty() || is_complete_) return;
    const Deadline deadline(kAbortPatience);
    const auto aborted = connection_->SendWrite(path_, deadline, [&](ObjectWrites* writes) {
      return writes->AbortUpload(service_path_, upload_, deadline);
    });
    static_cast<void>(aborted);  // the service forgets parts by a rule of the bucket
  }

  int64_t size_bytes() const override { return size_bytes_; }

  arrow::Status Append(Bytes bytes) override {
    if (is_closed_) return Closed();
    size_bytes_ += std::ssize(bytes);
    while (!bytes.empty()) {
      if (part_.size() == PartBytes()) ARROW_RETURN_NOT_OK(StartPart());
      if (part_.empty()) part_.reserve(PartBytes());
      const auto piece = bytes.first(std::min(bytes.size(), PartBytes() - part_.size()));
      part_.insert(part_.end(), piece.begin(), piece.end());
      bytes = bytes.subspan(piece.size());
    }
    return arrow::Status::OK();
  }

  arrow::Status Close() override {
    if (is_closed_) return Closed();
    is_closed_ = true;
    if (upload_.empty()) {
      ARROW_ASSIGN_OR_RAISE(const bool is_ours,
                            PutOrFindOwn(*connection_, *store_, path_, part_, cancel_));
      return is_ours ? arrow::Status::OK() : Exists();
    }
    ARROW_RETURN_NOT_OK(StartPart());
    while (!under_way_.empty()) ARROW_RETURN_NOT_OK(FinishOldest());
    return Complete();
  }

 private:
  struct Part {
    std::vector<uint8_t> bytes;
    arrow::Result<std::string> mark;
    std::jthread thread;
  };

  arrow::Status Closed() const {
    return arrow::Status::Invalid(connection_->LocationOf(path_), ": closed already");
  }

  arrow::Status Exists() const {
    return arrow::internal::StatusFromErrno(EEXIST, arrow::StatusCode::IOError,
                                            connection_->LocationOf(path_),
                                            ": cannot create the object");
  }

  size_t PartBytes() const { return kFirstPartBytes * (1 + num_parts_ / kPartsBeforeGrowth); }

  arrow::Status StartPart() {
    if (upload_.empty()) {
      ARROW_RETURN_NOT_OK(connection_->SendWrite(path_, cancel_, [&](ObjectWrites* writes) {
        return writes->BeginUpload(service_path_, cancel_).Value(&upload_);
      }));
    }
    if (num_parts_ == kMaxParts) {
      return arrow::Status::CapacityError(connection_->LocationOf(path_), ": more than ", kMaxParts,
                                          " parts: write smaller files (max_bytes_per_file)");
    }
    if (under_way_.size() == kMaxPartsUnderWay) ARROW_RETURN_NOT_OK(FinishOldest());
    const auto number = static_cast<int>(++num_parts_);
    under_way_.push_back(std::make_unique<Part>());
    Part* const part = under_way_.back().get();
    part->bytes.swap(part_);
    part->thread = std::jthread([this, part, number] {
      const auto status =
          connection_->SendWrite(path_, cancel_, [&](ObjectWrites* writes) -> arrow::Status {
            part->mark = writes->UploadPart(service_path_, upload_, number, part->bytes, cancel_);
            return part->mark.status();
          });
      if (!status.ok()) part->mark = status;
    });
    return arrow::Status::OK();
  }

  arrow::Status FinishOldest() {
    const auto part = std::move(under_way_.front());
    under_way_.pop_front();
    part->thread.join();
    ARROW_ASSIGN_OR_RAISE(auto mark, std::move(part->mark));
    marks_.push_back(std::move(mark));
    return arrow::Status::OK();
  }

  arrow::Status Complete() {
    bool is_ours = false;
    bool is_sure = true;
    const auto status =
        connection_->SendWrite(path_, cancel_, [&](ObjectWrites* writes) -> arrow::Status {
          auto completed = writes->CompleteUpload(service_path_, upload_, marks_, cancel_);
          if (completed.ok()) {
            is_ours = *completed;
          } else if (!is_sure) {
            // The service knows an upload no more that it has completed already.
            ARROW_ASSIGN_OR_RAISE(is_ours, IsThere());
            if (is_ours) return arrow::Status::OK();
          } else {
            is_sure = false;
          }
          return completed.status();
        });
    ARROW_RETURN_NOT_OK(status);
    if (!is_ours && !is_sure) {
      ARROW_ASSIGN_OR_RAISE(is_ours, IsThere());
    }
    is_complete_ = is_ours;
    return is_ours ? arrow::Status::OK() : Exists();
  }

  // Nobody else writes an object of this name: with this size it is ours.
  arrow::Result<bool> IsThere() const {
    const auto object = store_->Open(path_);
    if (IsNotFound(object.status())) return false;
    ARROW_RETURN_NOT_OK(object.status());
    return (*object)->size_bytes() == size_bytes_;
  }

  const std::shared_ptr<const RemoteConnection> connection_;
  const std::shared_ptr<const ObjectStore> store_;
  const std::string path_;
  const std::string service_path_;
  int64_t size_bytes_ = 0;
  std::vector<uint8_t> part_;  // that is filled now
  size_t num_parts_ = 0;       // that were started
  std::string upload_;         // empty until there are parts
  std::vector<std::string> marks_;
  bool is_closed_ = false;
  bool is_complete_ = false;
  UploadToken cancel_;
  std::deque<std::unique_ptr<Part>> under_way_;  // last: its threads use the rest
};

}  // namespace

arrow::Result<bool> PutRemoteIfAbsent(const RemoteConnection& connection, const ObjectStore& store,
                                      const std::string& path, Bytes bytes) {
  ARROW_RETURN_NOT_OK(TryCondition(connection, path));
  // Not to be cancelled: then nobody would know whether it is there.
  return PutOrFindOwn(connection, store, path, bytes, CancelToken::Never());
}

std::unique_ptr<ObjectWriter> BeginRemoteObject(std::shared_ptr<const RemoteConnection> connection,
                                                std::shared_ptr<const ObjectStore> store,
                                                std::string path, const CancelToken& cancel) {
  return std::make_unique<RemoteUpload>(std::move(connection), std::move(store), std::move(path),
                                        cancel);
}

}  // namespace croupier::storage
