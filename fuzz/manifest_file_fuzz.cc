#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <arrow/status.h>

#include "croupier/format/manifest/index_section.h"
#include "croupier/format/manifest/manifest_draft.h"
#include "croupier/format/manifest/manifest_file.h"
#include "croupier/format/manifest/transaction.h"
#include "require.h"

// The bytes are the file of a manifest; they are also taken for a transaction and an index section.
// What can be read can be written as the next version, and that is read again.

namespace {

using croupier::format::Conflict;
using croupier::format::ManifestDraft;
using croupier::format::ManifestFile;
using croupier::format::Transaction;
using croupier::fuzz::Require;

void RequireKnown(const arrow::Status& status) {
  Require(status.ok() || status.IsSerializationError() || status.IsNotImplemented(),
          status.ToString());
}

void CheckTransaction(std::span<const uint8_t> bytes) {
  const auto transaction = Transaction::Parse(bytes);
  RequireKnown(transaction.status());
  if (!transaction.ok()) return;
  Require(!transaction->FileName().empty(), "a transaction has a name");
  Require(transaction->operation != Transaction::Operation::kUnknown ||
              ConflictOf({1, "u", Transaction::Operation::kAppend, {}}, *transaction) ==
                  Conflict::kFails,
          "what is unknown conflicts with all");
}

void CheckIndexes(std::span<const uint8_t> bytes) {
  RequireKnown(croupier::format::HasFragmentReuseIndex(bytes).status());
  RequireKnown(croupier::format::RemoveIndexesOfFields(bytes, {0, 1}).status());
  RequireKnown(croupier::format::RemoveIndexedFragments(bytes, {0, 1}).status());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const uint8_t> bytes(data, size);
  CheckTransaction(bytes);
  CheckIndexes(bytes);
  const auto file = ManifestFile::Parse(bytes);
  RequireKnown(file.status());
  if (!file.ok()) return 0;
  if (file->transaction.has_value()) CheckTransaction(*file->transaction);
  CheckIndexes(file->index_section);
  if (file->manifest->version == UINT64_MAX) return 0;
  const auto draft = ManifestDraft::After(*file);
  RequireKnown(draft.status());
  if (!draft.ok()) return 0;
  const auto written = draft->Write(0, {}, "");
  Require(written.ok(), written.status().ToString());
  const auto again = ManifestFile::Parse(*written);
  Require(again.ok(), again.status().ToString());
  Require(again->manifest->version == file->manifest->version + 1 &&
              again->manifest->fragments.size() == file->manifest->fragments.size(),
          "the next version has the same fragments");
  return 0;
}
