#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include <arrow/status.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "croupier/permutation.h"
#include "croupier/permutation/order_file.h"
#include "croupier/permutation/row_lists.h"
#include "croupier/permutation/shared_order.h"
#include "croupier/permutation/table_parts.h"

namespace croupier {

namespace {

using permutation::OrderFile;
using permutation::OrderImage;
using permutation::SplitLists;
using permutation::TableParts;

// Lists up to this go by value.
constexpr int64_t kSmallBytes = 2048;

// What is known of a permutation table beside its lists, and where they are. Parts are written one
// behind another, each with its length in front.
struct Message {
  std::string order;
  std::string branch;
  std::string identity;
  std::string names;  // a list, as JSON
  std::string file;   // where the lists are
  uint64_t hash = 0;  // of the lists
  permutation::KeptPlace kept;
  std::vector<int64_t> splits;  // whose lists are in `lists`, where not all are
  std::string lists;            // by value; empty: they are not

  std::string Write() const {
    std::string bytes;
    for (const auto* part : {&order, &branch, &identity, &names, &file}) Append(*part, &bytes);
    Append(hash, &bytes);
    Append(kept.location, &bytes);
    Append(kept.version, &bytes);
    Append(splits.size(), &bytes);
    for (const int64_t split : splits) Append(static_cast<uint64_t>(split), &bytes);
    Append(lists, &bytes);
    return bytes;
  }

  bool Read(std::string_view bytes) {
    for (auto* part : {&order, &branch, &identity, &names, &file}) {
      if (!Take(&bytes, part)) return false;
    }
    uint64_t num_splits = 0;
    if (!Take(&bytes, &hash) || !Take(&bytes, &kept.location) || !Take(&bytes, &kept.version) ||
        !Take(&bytes, &num_splits) || num_splits > bytes.size() / sizeof(uint64_t)) {
      return false;
    }
    for (uint64_t i = 0; i < num_splits; ++i) {
      uint64_t split = 0;
      if (!Take(&bytes, &split) || split >= static_cast<uint64_t>(OrderSpec::kMaxSplits)) {
        return false;
      }
      splits.push_back(static_cast<int64_t>(split));
    }
    return Take(&bytes, &lists) && bytes.empty();
  }

 private:
  static void Append(uint64_t number, std::string* bytes) {
    bytes->append(reinterpret_cast<const char*>(&number), sizeof(number));
  }
  static void Append(std::string_view part, std::string* bytes) {
    Append(part.size(), bytes);
    bytes->append(part);
  }
  static bool Take(std::string_view* bytes, uint64_t* number) {
    if (bytes->size() < sizeof(*number)) return false;
    std::memcpy(number, bytes->data(), sizeof(*number));
    bytes->remove_prefix(sizeof(*number));
    return true;
  }
  static bool Take(std::string_view* bytes, std::string* part) {
    uint64_t size = 0;
    if (!Take(bytes, &size) || size > bytes->size()) return false;
    *part = bytes->substr(0, size);
    bytes->remove_prefix(size);
    return true;
  }
};

arrow::Status Malformed() {
  return arrow::Status::SerializationError("malformed bytes of a permutation table");
}

bool IsListed(const OrderSpec& spec) { return spec.split == OrderSpec::Split::kListed; }

// What all numbers of the lists are below.
uint64_t LimitOf(const OrderSpec& spec) {
  return IsListed(spec) ? permutation::kRowIdLimit : static_cast<uint64_t>(spec.num_base_rows);
}

// All lists that an order has, as one: a filter has a list of its own.
SplitLists ListsOf(const TableParts& parts) {
  return parts.selected != nullptr ? SplitLists{parts.selected} : parts.lists;
}

arrow::Status UseLists(SplitLists lists, TableParts* parts) {
  const auto& spec = parts->spec;
  if (IsListed(spec) || spec.split == OrderSpec::Split::kRule) {
    parts->lists = std::move(lists);
    return arrow::Status::OK();
  }
  if (lists.size() != 1) return Malformed();
  parts->selected = std::move(lists.front());
  return arrow::Status::OK();
}

// The lists that came by value.
arrow::Status UseBytes(const Message& message, TableParts* parts) {
  ARROW_ASSIGN_OR_RAISE(const auto file, OrderFile::Copy(message.lists));
  if (file.limit() != LimitOf(parts->spec)) return Malformed();
  if (message.splits.empty()) return UseLists(file.lists(), parts);
  if (message.splits.size() != file.lists().size()) return Malformed();
  SplitLists lists(parts->spec.split_sizes.size());
  for (size_t i = 0; i < message.splits.size(); ++i) {
    const auto split = static_cast<size_t>(message.splits[i]);
    if (split >= lists.size()) return Malformed();
    lists[split] = file.lists()[i];
  }
  parts->has_all_lists = false;
  return UseLists(std::move(lists), parts);
}

// List the rows again, as they were listed when the order was built.
arrow::Status ListAgain(const Message& message, const std::shared_ptr<const TableSource>& base,
                        const BuildOptions& options, TableParts* parts) {
  const OrderSpec& spec = parts->spec;
  std::optional<Expression> filter;
  if (spec.filter.has_value()) {
    ARROW_ASSIGN_OR_RAISE(filter, Expression::Parse(*spec.filter));
  }
  ARROW_ASSIGN_OR_RAISE(auto rows, permutation::ListRows(base, filter, spec.split_rule,
                                                         spec.split_sizes.size(), options));
  parts->selected = std::move(rows.selected);
  parts->lists = std::move(rows.lists);
  ARROW_ASSIGN_OR_RAISE(const auto image, OrderImage::Make(ListsOf(*parts), LimitOf(spec)));
  return image.hash() == message.hash ? arrow::Status::OK()
                                      : arrow::Status::Invalid("its rows are others now");
}

bool UseFile(const Message& message, TableParts* parts) {
  const auto file = OrderFile::Map(message.file);
  if (!file.ok() || file->hash() != message.hash || file->limit() != LimitOf(parts->spec)) {
    return false;
  }
  parts->file = message.file;
  *parts->hash = message.hash;
  return UseLists(file->lists(), parts).ok();
}

}  // namespace

arrow::Result<std::string> PermutationTable::Serialize(std::span<const int64_t> splits) const {
  const TableParts& parts = this->parts();
  Message message;
  message.order = parts.spec.ToString();
  message.branch = parts.base_branch;
  message.identity = parts.base_identity;
  message.names = nlohmann::json(parts.split_names)
                      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (parts.spec.is_computed()) return message.Write();
  message.kept = parts.kept;
  const bool can_be_made_again = !IsListed(parts.spec) || !parts.kept.location.empty();
  if (num_list_bytes() > kSmallBytes && can_be_made_again) {
    message.hash = *parts.hash;
    message.file = parts.file;
    if (message.file.empty() || access(message.file.c_str(), R_OK) != 0) {
      message.file = permutation::FindSharedOrder(message.hash);
    }
    if (message.file.empty()) {
      ARROW_ASSIGN_OR_RAISE(const auto image,
                            OrderImage::Make(ListsOf(parts), LimitOf(parts.spec)));
      message.hash = *parts.hash = image.hash();
      // Without a file the order is made again there.
      message.file = permutation::ShareOrder(image).ValueOr("");
    }
    return message.Write();
  }
  SplitLists lists = ListsOf(parts);
  const bool leaves_out = num_list_bytes() > kSmallBytes && !splits.empty();
  if (parts.selected == nullptr && (leaves_out || !parts.has_all_lists)) {
    lists.clear();
    for (int64_t split = 0; split < num_splits(); ++split) {
      const auto& list = parts.lists[static_cast<size_t>(split)];
      const bool is_needed =
          !leaves_out || std::find(splits.begin(), splits.end(), split) != splits.end();
      if (list == nullptr || !is_needed) continue;
      message.splits.push_back(split);
      lists.push_back(list);
    }
  }
  ARROW_ASSIGN_OR_RAISE(const auto image, OrderImage::Make(std::move(lists), LimitOf(parts.spec)));
  ARROW_ASSIGN_OR_RAISE(message.lists, image.ToBytes());
  return message.Write();
}

arrow::Result<std::shared_ptr<const PermutationTable>> PermutationTable::Deserialize(
    std::string_view bytes, const std::shared_ptr<const TableSource>& base,
    const BuildOptions& options, const LanceOptions& kept) {
  Message message;
  if (!message.Read(bytes)) return Malformed();
  TableParts parts;
  ARROW_ASSIGN_OR_RAISE(parts.spec, OrderSpec::Parse(message.order));
  parts.base_branch = message.branch;
  parts.base_identity = message.identity;
  parts.kept = message.kept;
  const auto names = nlohmann::json::parse(message.names, nullptr, /*allow_exceptions=*/false);
  if (!names.is_array()) return Malformed();
  for (const auto& name : names) {
    if (!name.is_string()) return Malformed();
    parts.split_names.push_back(name.get<std::string>());
  }
  if (parts.spec.is_computed()) return FromParts(std::move(parts));
  if (!message.lists.empty()) {
    ARROW_RETURN_NOT_OK(UseBytes(message, &parts));
    return FromParts(std::move(parts));
  }
  if (UseFile(message, &parts)) return FromParts(std::move(parts));
  const auto cannot = [&](const arrow::Status& why) {
    return why.WithMessage(
        "the rows of the permutation are not in ", message.file,
        " (any more), as when the process that built it has ended, and it cannot "
        "be built again: ",
        why.message(),
        ". A permutation that is kept as a table (persist) can be opened "
        "anywhere");
  };
  if (base == nullptr) return cannot(arrow::Status::Invalid("its base table is not given"));
  if (message.kept.location.empty()) {
    if (IsListed(parts.spec)) return Malformed();
    const auto status = ListAgain(message, base, options, &parts);
    if (!status.ok()) return cannot(status);
    return FromParts(std::move(parts));
  }
  LanceOptions at = kept;
  at.at = {};
  at.at.version = message.kept.version;
  const auto table = OpenLanceTable(message.kept.location, at);
  if (!table.ok()) return cannot(table.status());
  auto read = Read(**table, *base, options);
  if (read.ok() && (*read)->spec().ToString() != message.order) {
    return cannot(
        arrow::Status::Invalid("the table ", message.kept.location, " has other rows now"));
  }
  return read.ok() ? read : cannot(read.status());
}

}  // namespace croupier
