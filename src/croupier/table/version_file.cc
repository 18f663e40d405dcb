#include "croupier/table/version_file.h"

#include <span>
#include <utility>

#include <arrow/buffer.h>
#include <arrow/status.h>

namespace croupier::table {

namespace {

// Manifests list every fragment; larger ones than this do not occur.
constexpr int64_t kMaxManifestBytes = int64_t{2} << 30;
constexpr int64_t kMaxTransactionBytes = int64_t{2} << 30;
constexpr char kTransactionsDirectory[] = "_transactions/";
// A directory that is cleaned up while it is looked at is looked at again.
constexpr int kMaxTries = 3;

std::span<const uint8_t> BytesOf(const arrow::Buffer& buffer) {
  return {buffer.data(), static_cast<size_t>(buffer.size())};
}

arrow::Result<std::shared_ptr<arrow::Buffer>> ReadFile(const storage::ObjectStore& store,
                                                       const std::string& path, int64_t limit_bytes,
                                                       const CancelToken& cancel) {
  ARROW_ASSIGN_OR_RAISE(const auto object, store.Open(path, std::nullopt, cancel));
  return storage::ReadWhole(object, limit_bytes, cancel);
}

}  // namespace

arrow::Result<VersionFile> ReadVersionFile(const storage::ObjectStore& store,
                                           const std::string& branch, format::ManifestName name,
                                           const CancelToken& cancel) {
  VersionFile version;
  version.name = name;
  version.branch = branch;
  version.path = LanceDataset::VersionsDirectory(branch) + "/" + name.ToString();
  ARROW_ASSIGN_OR_RAISE(version.bytes, ReadFile(store, version.path, kMaxManifestBytes, cancel));
  auto file = format::ManifestFile::Parse(BytesOf(*version.bytes));
  const std::string place = store.location() + "/" + version.path;
  if (!file.ok()) {
    return file.status().WithMessage(place, ": ", file.status().message());
  }
  version.file = *std::move(file);
  if (version.file.manifest->version != name.version) {
    return arrow::Status::SerializationError(place, ": the manifest is of version ",
                                             version.file.manifest->version, ", its name says ",
                                             name.version);
  }
  return version;
}

arrow::Result<std::optional<VersionFile>> ReadNewestVersionFile(const storage::ObjectStore& store,
                                                                const std::string& branch,
                                                                const CancelToken& cancel) {
  for (int tries = 1;; ++tries) {
    ARROW_ASSIGN_OR_RAISE(const auto newest, LanceDataset::FindNewest(store, branch, cancel));
    if (!newest.has_value()) return std::nullopt;
    auto version = ReadVersionFile(store, branch, *newest, cancel);
    if (storage::IsNotFound(version.status()) && tries < kMaxTries) continue;
    ARROW_RETURN_NOT_OK(version.status());
    return *std::move(version);
  }
}

arrow::Result<format::Transaction> ReadTransaction(const storage::ObjectStore& store,
                                                   const VersionFile& version,
                                                   const CancelToken& cancel) {
  const auto at_place = [&](arrow::Result<format::Transaction> transaction) {
    if (transaction.ok()) return transaction;
    return arrow::Result<format::Transaction>(
        transaction.status().WithMessage(store.location(), ": the transaction of version ",
                                         version.version(), ": ", transaction.status().message()));
  };
  if (version.file.transaction.has_value()) {
    return at_place(format::Transaction::Parse(*version.file.transaction));
  }
  if (version.file.transaction_file.empty()) return format::Transaction();
  const auto bytes = ReadFile(
      store,
      LanceDataset::PathOf(version.branch) + kTransactionsDirectory + version.file.transaction_file,
      kMaxTransactionBytes, cancel);
  // Cleaned up: nobody knows what the version changed.
  if (storage::IsNotFound(bytes.status())) return format::Transaction();
  ARROW_RETURN_NOT_OK(bytes.status());
  return at_place(format::Transaction::Parse(BytesOf(**bytes)));
}

}  // namespace croupier::table
