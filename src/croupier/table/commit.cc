#include "croupier/table/commit.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "croupier/base/wall_clock.h"
#include "croupier/table/unique_names.h"

namespace croupier::table {

namespace {

using format::Conflict;
using format::ManifestDraft;
using format::Transaction;
using storage::ObjectStore;

// Waits between attempts, each up to twice the one before.
constexpr std::chrono::milliseconds kFirstWait{10};
constexpr std::chrono::milliseconds kMaxWait{1000};
// How often a wait looks whether it was cancelled.
constexpr std::chrono::milliseconds kWaitStep{100};

// Let others go on: writers that wait for the same time would meet again.
arrow::Status WaitBeforeAttempt(int attempt, const CancelToken& cancel) {
  auto longest = kFirstWait;
  for (int i = 2; i < attempt && longest < kMaxWait; ++i) longest *= 2;
  std::random_device entropy;
  auto wait = std::chrono::milliseconds(1 + entropy() % longest.count());
  while (wait.count() > 0) {
    ARROW_RETURN_NOT_OK(cancel.Check());
    const auto step = std::min(wait, kWaitStep);
    std::this_thread::sleep_for(step);
    wait -= step;
  }
  return arrow::Status::OK();
}

// What became of the attempt to publish a manifest.
enum class Outcome : uint8_t { kWon, kLost, kAbsent, kUnknown };

// Publishes one version, and knows whose it is.
class Publication {
 public:
  // cancel is asked until there is a manifest to publish.
  Publication(std::shared_ptr<const ObjectStore> store, std::string branch,
              const CancelToken& cancel)
      : store_(std::move(store)), branch_(std::move(branch)), cancel_(cancel) {}

  // \return whether the version is ours; an error if it is not, and not another writer's
  arrow::Result<bool> Publish(Change* change, ManifestDraft draft, format::ManifestNaming naming,
                              uint64_t read_version) {
    const format::ManifestName name{naming, draft.version()};
    Transaction transaction{read_version, NewUuid(), change->operation(), {}};
    ARROW_ASSIGN_OR_RAISE(const auto body, change->Apply(&draft));
    const auto message = transaction.Write(body);

    // A reader of its name must find the file: it is complete before the manifest is there.
    NewFiles transaction_file(store_, cancel_);
    std::string file_name;
    if (!draft.has_inline_transactions_only() ||
        message.size() > format::kMaxInlineTransactionBytes) {
      file_name = transaction.FileName();
      ARROW_ASSIGN_OR_RAISE(auto writer, transaction_file.Begin(LanceDataset::PathOf(branch_) +
                                                                "_transactions/" + file_name));
      ARROW_RETURN_NOT_OK(writer->Append(message));
      ARROW_RETURN_NOT_OK(writer->Close());
    }
    ARROW_ASSIGN_OR_RAISE(const auto bytes,
                          draft.Write(WallClockNanoseconds(), message, file_name));
    // What this library could not read again nobody shall have to.
    ARROW_RETURN_NOT_OK(format::ManifestFile::Parse(bytes).status());

    const auto put = store_->PutIfAbsent(
        LanceDataset::VersionsDirectory(branch_) + "/" + name.ToString(), bytes);
    auto outcome = Outcome::kWon;
    if (!put.ok() || !*put) outcome = LookFor(name, transaction.uuid);
    if (outcome == Outcome::kWon || outcome == Outcome::kUnknown) {
      transaction_file.Keep();
      change->files()->Keep();
    }
    if (outcome == Outcome::kWon) return true;
    if (outcome == Outcome::kLost) return false;
    if (outcome == Outcome::kUnknown) {
      const auto status =
          put.ok() ? arrow::Status::IOError("cannot read what is there") : put.status();
      return status.WithMessage(status.message(), ". It is not known whether version ",
                                name.version, " was written: look at the newest version of ",
                                store_->location(), " before you repeat the change");
    }
    if (put.ok()) {
      return arrow::Status::IOError(store_->location(), ": version ", name.version,
                                    " exists and cannot be found");
    }
    return put.status();
  }

 private:
  // After an answer that may be wrong: one that was lost, or that repeats the loss of another.
  Outcome LookFor(format::ManifestName name, const std::string& uuid) const {
    const auto version = ReadVersionFile(*store_, branch_, name, CancelToken::Never());
    if (storage::IsNotFound(version.status())) return Outcome::kAbsent;
    if (!version.ok()) return Outcome::kUnknown;
    const auto transaction = ReadTransaction(*store_, *version, CancelToken::Never());
    if (!transaction.ok()) return Outcome::kUnknown;
    return transaction->uuid == uuid ? Outcome::kWon : Outcome::kLost;
  }

  const std::shared_ptr<const ObjectStore> store_;
  const std::string branch_;
  const CancelToken& cancel_;
};

std::string NameOf(Transaction::Operation operation) {
  using Operation = Transaction::Operation;
  switch (operation) {
    case Operation::kAppend:
      return "an append";
    case Operation::kDelete:
      return "a delete";
    case Operation::kOverwrite:
      return "an overwrite";
    case Operation::kRewrite:
      return "a compaction";
    case Operation::kMerge:
      return "added columns";
    case Operation::kRestore:
      return "a restore";
    case Operation::kUpdate:
      return "an update";
    case Operation::kProject:
      return "dropped columns";
    default:
      return "a change that this library does not know";
  }
}

bool ChangesRows(Transaction::Operation operation) {
  using Operation = Transaction::Operation;
  return operation == Operation::kAppend || operation == Operation::kDelete ||
         operation == Operation::kUpdate || operation == Operation::kRewrite ||
         operation == Operation::kDataReplacement;
}

// The newest version, and what became of a change since the version it was computed from.
struct Progress {
  VersionFile newest;
  Conflict conflict = Conflict::kNone;
  Transaction::Operation with = Transaction::Operation::kUnknown;
};

arrow::Result<Progress> LookAtNewerVersions(const ObjectStore& store, const std::string& branch,
                                            const VersionFile& base, const Change& change,
                                            const CancelToken& cancel) {
  Progress progress;
  ARROW_ASSIGN_OR_RAISE(auto newest, ReadNewestVersionFile(store, branch, cancel));
  if (!newest.has_value()) {
    return arrow::Status::IOError(store.location(), ": the table was dropped");
  }
  progress.newest = *std::move(newest);
  const Transaction own{base.version(), "", change.operation(), change.changed_fragments()};
  for (uint64_t version = base.version() + 1; version <= progress.newest.version(); ++version) {
    const auto transaction = [&]() -> arrow::Result<Transaction> {
      if (version == progress.newest.version()) {
        return ReadTransaction(store, progress.newest, cancel);
      }
      ARROW_ASSIGN_OR_RAISE(
          const auto between,
          ReadVersionFile(store, branch, {progress.newest.name.naming, version}, cancel));
      return ReadTransaction(store, between, cancel);
    }();
    Conflict conflict = Conflict::kRetry;  // a version that was cleaned up since
    if (!storage::IsNotFound(transaction.status())) {
      ARROW_RETURN_NOT_OK(transaction.status());
      conflict = format::ConflictOf(own, *transaction);
      if (change.depends_on_other_rows() && ChangesRows(transaction->operation)) {
        conflict = std::max(conflict, Conflict::kRetry);
      }
    }
    if (conflict <= progress.conflict) continue;
    progress.conflict = conflict;
    progress.with = transaction.ok() ? transaction->operation : Transaction::Operation::kUnknown;
  }
  return progress;
}

}  // namespace

arrow::Result<std::unique_ptr<storage::ObjectWriter>> NewFiles::Begin(const std::string& path) {
  ARROW_ASSIGN_OR_RAISE(auto writer, store_->OpenWrite(path, cancel_));
  paths_.push_back(path);
  return writer;
}

void NewFiles::Delete() {
  for (const auto& path : paths_) {
    const auto ignored = store_->Delete(path);
    (void)ignored;
  }
  paths_.clear();
}

arrow::Result<Committed> Commit(const std::shared_ptr<const ObjectStore>& store,
                                const std::string& branch, Change* change,
                                const CommitOptions& options) {
  ARROW_RETURN_NOT_OK(store->CheckWritable());
  const CancelToken& cancel = *options.cancel;
  ARROW_ASSIGN_OR_RAISE(auto found, ReadNewestVersionFile(*store, branch, cancel));
  if (!found.has_value()) {
    return arrow::Status::IOError(store->location(), ": not a Lance dataset: it has no version");
  }
  VersionFile base = *std::move(found);
  ARROW_RETURN_NOT_OK(format::CheckWriterFlags(*base.file.manifest));
  ARROW_RETURN_NOT_OK(change->Prepare(base));
  Publication publication(store, branch, cancel);
  for (int attempt = 1; attempt <= options.max_attempts; ++attempt) {
    if (attempt > 1) ARROW_RETURN_NOT_OK(WaitBeforeAttempt(attempt, cancel));
    if (change->is_empty()) return Committed{base.version(), 0};
    ARROW_ASSIGN_OR_RAISE(auto progress,
                          LookAtNewerVersions(*store, branch, base, *change, cancel));
    if (progress.conflict == Conflict::kFails) {
      return arrow::Status::Invalid(
          store->location(), ": ", NameOf(change->operation()), " of version ", base.version(),
          " does not go together with ", NameOf(progress.with), " that was committed since, up to ",
          "version ", progress.newest.version(), ": open the newest version and repeat it");
    }
    if (progress.conflict == Conflict::kRetry) {
      change->files()->Delete();
      base = std::move(progress.newest);
      ARROW_RETURN_NOT_OK(change->Prepare(base));
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(auto draft, ManifestDraft::After(progress.newest.file));
    ARROW_RETURN_NOT_OK(cancel.Check());
    const uint64_t version = draft.version();
    ARROW_ASSIGN_OR_RAISE(
        const bool won,
        publication.Publish(change, std::move(draft), progress.newest.name.naming, base.version()));
    if (won) return Committed{version, attempt};
  }
  return arrow::Status::Invalid(store->location(), ": other writers were faster ",
                                options.max_attempts, " times; nothing was changed. Repeat ",
                                NameOf(change->operation()), " when there are fewer");
}

arrow::Status TableExists(const std::string& location) {
  return arrow::Status::AlreadyExists("the table already exists: ", location);
}

arrow::Result<Committed> CommitFirst(const std::shared_ptr<const ObjectStore>& store,
                                     ManifestDraft draft, Change* change,
                                     const CommitOptions& options) {
  ARROW_RETURN_NOT_OK(store->CheckWritable());
  ARROW_RETURN_NOT_OK(options.cancel->Check());
  ARROW_ASSIGN_OR_RAISE(const auto names, LanceDataset::ListManifests(*store, "", *options.cancel));
  if (!names.empty()) return TableExists(store->location());
  Publication publication(store, "", *options.cancel);
  ARROW_ASSIGN_OR_RAISE(const bool won, publication.Publish(change, std::move(draft),
                                                            format::ManifestNaming::kV2, 0));
  if (!won) return TableExists(store->location());
  return Committed{1, 1};
}

}  // namespace croupier::table
