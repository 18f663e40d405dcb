#include "croupier/permutation/kept_order_file.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "croupier/permutation/order_file.h"
#include "croupier/storage/object_store.h"

namespace croupier::permutation {

namespace {

// In the directory of the table. Readers of tables know the directories of the format alone.
constexpr char kDirectory[] = "_croupier";

// The absolute path of a local table's directory; nothing for other tables.
std::optional<std::string> DirectoryOf(const TableSource& kept) {
  const auto path = storage::LocalPathOf(kept.location());
  if (!path.ok() || !path->has_value()) return std::nullopt;
  std::error_code error;
  const auto absolute = std::filesystem::absolute(**path, error);
  return error ? std::nullopt : std::optional(absolute.string());
}

// The hash is from metadata, which may say anything.
std::string NameOfFile(const std::string& list_hash) {
  const bool is_hash = list_hash.size() == 16 &&
                       list_hash.find_first_not_of("0123456789abcdef") == std::string::npos;
  return is_hash ? std::string(kDirectory) + "/" + list_hash + ".order" : std::string();
}

// What the file is of: a table that was changed since then has another identity.
std::string NameOfLists(const TableSource& kept, const std::string& list_hash) {
  return kept.identity() + " " + list_hash;
}

}  // namespace

arrow::Status WriteKeptOrderFile(const TableSource& kept, SplitLists lists,
                                 const std::string& list_hash) {
  const auto directory = DirectoryOf(kept);
  if (!directory.has_value()) return arrow::Status::OK();
  ARROW_ASSIGN_OR_RAISE(const auto image, OrderImage::Make(std::move(lists), kRowIdLimit));
  ARROW_ASSIGN_OR_RAISE(const auto store, storage::OpenObjectStore(*directory));
  ARROW_ASSIGN_OR_RAISE(const auto writer, store->OpenWrite(NameOfFile(list_hash)));
  ARROW_RETURN_NOT_OK(image.Write(NameOfLists(kept, list_hash), writer.get()));
  return writer->Close();
}

bool UseKeptOrderFile(const TableSource& kept, int64_t num_rows, const std::string& list_hash,
                      TableParts* parts) {
  const auto directory = DirectoryOf(kept);
  const std::string name = NameOfFile(list_hash);
  if (!directory.has_value() || name.empty() || kept.identity().empty()) return false;
  const std::string path = *directory + "/" + name;
  const auto file = OrderFile::Map(path);
  if (!file.ok() || file->name() != NameOfLists(kept, list_hash) || file->limit() != kRowIdLimit) {
    return false;
  }
  int64_t num_listed = 0;
  for (const auto& list : file->lists()) num_listed += list->size();
  if (num_listed != num_rows) return false;
  parts->lists = file->lists();
  parts->file = path;
  *parts->hash = file->hash();
  parts->spec.list_hash = list_hash;
  return true;
}

KeptPlace PlaceOfKept(const TableSource& kept) {
  // One in memory ends with its process; a kind that does not know itself apart is not opened here.
  if (kept.identity().empty() || kept.location().starts_with("memory://")) return {};
  return {DirectoryOf(kept).value_or(kept.location()), kept.version()};
}

}  // namespace croupier::permutation
