#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/status.h>

#include "croupier/cancel.h"
#include "croupier/format/manifest/manifest_draft.h"
#include "croupier/format/manifest/transaction.h"
#include "croupier/storage/object_store.h"
#include "croupier/table/version_file.h"

namespace croupier::table {

/// Files that a change has written, and that go again unless a version refers to them.
class NewFiles {
 public:
  /// \param cancel asked while a file is written; lives as long as this and the writers
  NewFiles(std::shared_ptr<const storage::ObjectStore> store, const CancelToken& cancel)
      : store_(std::move(store)), cancel_(cancel) {}
  NewFiles(const NewFiles&) = delete;
  NewFiles& operator=(const NewFiles&) = delete;
  ~NewFiles() { Delete(); }

  /// Begin a file.
  arrow::Result<std::unique_ptr<storage::ObjectWriter>> Begin(const std::string& path);
  /// Leave the files: a version refers to them, or may do so.
  void Keep() { paths_.clear(); }
  /// Delete the files; what cannot be deleted is left to a clean-up.
  void Delete();

 private:
  const std::shared_ptr<const storage::ObjectStore> store_;
  const CancelToken& cancel_;
  std::vector<std::string> paths_;
};

/// A change of a table that becomes one version.
class Change {
 public:
  virtual ~Change() = default;

  /// Compute the change from a version, and write the files that it needs; called again, with a
  /// newer version, where others changed what it is about.
  virtual arrow::Status Prepare(const VersionFile& base) = 0;

  /// Whether there is nothing to change, so that no version is made.
  virtual bool is_empty() const { return false; }

  /// Whether rows that others add, remove or change make it wrong, whichever they are.
  virtual bool depends_on_other_rows() const { return false; }

  virtual format::Transaction::Operation operation() const = 0;
  /// Fragments whose rows or files it changes, ascending.
  virtual std::vector<uint64_t> changed_fragments() const { return {}; }

  /// Change the draft of the next version, which may come after newer ones than Prepare has seen:
  /// those changed nothing that this is about. Called once for each attempt.
  ///
  /// \return the body of the transaction
  virtual arrow::Result<format::WireWriter> Apply(format::ManifestDraft* draft) = 0;

  /// What Prepare wrote: deleted when the change is, unless it was committed.
  virtual NewFiles* files() = 0;
};

struct CommitOptions {
  /// Versions of others that may come in between before it is given up.
  int max_attempts = 20;
  const CancelToken* cancel = &CancelToken::Never();
};

/// What became of a change.
struct Committed {
  uint64_t version = 0;  ///< of the table now: the new one, or the newest if nothing changed
  int num_attempts = 0;  ///< 0: nothing changed
};

/// Make a change the next version of a branch.
///
/// Optimistic: computed and written without a lock, published by one PutIfAbsent. Another writer
/// that was faster makes it start again, by the rules of format::ConflictOf. An error says that the
/// table is as it was, unless it says that nobody knows.
///
/// \return IOError if `branch` has no version; Invalid if others changed what makes it impossible,
///         or are faster each time; errors of the change
/// Source: lance-table.md, section 12.
arrow::Result<Committed> Commit(const std::shared_ptr<const storage::ObjectStore>& store,
                                const std::string& branch, Change* change,
                                const CommitOptions& options);

/// The error of a table that is to be made and exists.
arrow::Status TableExists(const std::string& location);

/// Make a change the first version of a new table.
///
/// \param draft of version 1, which the change is applied to
/// \return AlreadyExists if there is a table
arrow::Result<Committed> CommitFirst(const std::shared_ptr<const storage::ObjectStore>& store,
                                     format::ManifestDraft draft, Change* change,
                                     const CommitOptions& options);

}  // namespace croupier::table
