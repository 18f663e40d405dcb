#include "croupier/format/manifest/transaction.h"

#include <algorithm>

#include <arrow/status.h>

#include "croupier/format/wire/wire_reader.h"
#include "croupier/format/wire/wire_writer.h"

namespace croupier::format {

namespace {

using Operation = Transaction::Operation;

// Field numbers of operations; all of them are reserved for these.
constexpr uint32_t kFirstOperation = 100;
constexpr uint32_t kLastOperation = 199;

arrow::Status AppendFragmentId(std::span<const uint8_t> fragment, std::vector<uint64_t>* ids) {
  uint64_t id = 0;
  ARROW_RETURN_NOT_OK(ForEachField(fragment, [&](const WireField& field) {
    return field.number == 1 ? field.AsUnsigned().Value(&id) : arrow::Status::OK();
  }));
  ids->push_back(id);
  return arrow::Status::OK();
}

// The fragments that an operation changed. The same numbers mean other things in each.
arrow::Status AppendChangedFragments(Operation operation, std::span<const uint8_t> body,
                                     std::vector<uint64_t>* ids) {
  return ForEachField(body, [&](const WireField& field) -> arrow::Status {
    const auto append_fragment = [&]() -> arrow::Status {
      ARROW_ASSIGN_OR_RAISE(const auto fragment, field.AsBytes());
      return AppendFragmentId(fragment, ids);
    };
    switch (operation) {
      case Operation::kDelete:
        if (field.number == 1) return append_fragment();
        if (field.number == 2) return field.AppendTo(ids);
        return arrow::Status::OK();
      case Operation::kUpdate:
        if (field.number == 1) return field.AppendTo(ids);
        if (field.number == 2) return append_fragment();
        return arrow::Status::OK();
      case Operation::kRewrite: {
        // Old files have the old fragments in the message itself.
        if (field.number == 1) return append_fragment();
        if (field.number != 3) return arrow::Status::OK();
        ARROW_ASSIGN_OR_RAISE(const auto group, field.AsBytes());
        return ForEachField(group, [&](const WireField& part) -> arrow::Status {
          if (part.number != 1) return arrow::Status::OK();
          ARROW_ASSIGN_OR_RAISE(const auto fragment, part.AsBytes());
          return AppendFragmentId(fragment, ids);
        });
      }
      case Operation::kDataReplacement:
        // {1 fragment_id, 2 new_file}: the id is where a fragment has its own.
        return field.number == 1 ? append_fragment() : arrow::Status::OK();
      default:
        return arrow::Status::OK();
    }
  });
}

bool ShareFragments(const Transaction& a, const Transaction& b) {
  size_t i = 0;
  size_t k = 0;
  while (i < a.changed_fragments.size() && k < b.changed_fragments.size()) {
    if (a.changed_fragments[i] == b.changed_fragments[k]) return true;
    ++(a.changed_fragments[i] < b.changed_fragments[k] ? i : k);
  }
  return false;
}

void WriteAll(uint32_t number, std::span<const transaction_body::Message> messages,
              WireWriter* body) {
  for (const auto& message : messages) body->Bytes(number, message);
}

}  // namespace

arrow::Result<Transaction> Transaction::Parse(std::span<const uint8_t> message) {
  Transaction transaction;
  bool has_operation = false;
  ARROW_RETURN_NOT_OK(ForEachField(message, [&](const WireField& field) -> arrow::Status {
    if (field.number == 1) return field.AsUnsigned().Value(&transaction.read_version);
    if (field.number == 2) return field.AsString().Value(&transaction.uuid);
    if (field.number < kFirstOperation || field.number > kLastOperation) {
      return arrow::Status::OK();
    }
    ARROW_ASSIGN_OR_RAISE(const auto body, field.AsBytes());
    // Of two operations in one transaction nothing is known.
    const auto operation = static_cast<Operation>(field.number);
    const bool is_known = field.number <= static_cast<uint32_t>(Operation::kDataReplacement) ||
                          operation == Operation::kClone || operation == Operation::kUpdateBases;
    transaction.operation = is_known && !has_operation ? operation : Operation::kUnknown;
    has_operation = true;
    return AppendChangedFragments(operation, body, &transaction.changed_fragments);
  }));
  std::ranges::sort(transaction.changed_fragments);
  return transaction;
}

std::vector<uint8_t> Transaction::Write(const WireWriter& body) const {
  return WireWriter()
      .NumberUnlessZero(1, read_version)
      .Text(2, uuid)
      .Child(static_cast<uint32_t>(operation), body)
      .bytes();
}

std::string Transaction::FileName() const {
  return std::to_string(read_version) + "-" + uuid + ".txn";
}

namespace transaction_body {

WireWriter Append(std::span<const Message> fragments) {
  WireWriter body;
  WriteAll(1, fragments, &body);
  return body;
}

WireWriter Delete(std::span<const Message> updated_fragments,
                  const std::vector<uint64_t>& removed_fragment_ids, std::string_view predicate) {
  WireWriter body;
  WriteAll(1, updated_fragments, &body);
  body.Packed(2, removed_fragment_ids).TextUnlessEmpty(3, predicate);
  return body;
}

WireWriter Overwrite(std::span<const Message> fragments, std::span<const Message> schema,
                     std::span<const Message> schema_metadata) {
  WireWriter body;
  WriteAll(1, fragments, &body);
  WriteAll(2, schema, &body);
  WriteAll(3, schema_metadata, &body);
  return body;
}

WireWriter Rewrite(std::span<const Message> old_fragments, std::span<const Message> new_fragments) {
  WireWriter group;
  WriteAll(1, old_fragments, &group);
  WriteAll(2, new_fragments, &group);
  return WireWriter().Child(3, group);
}

WireWriter Merge(std::span<const Message> fragments, std::span<const Message> schema,
                 std::span<const Message> schema_metadata) {
  return Overwrite(fragments, schema, schema_metadata);
}

WireWriter Restore(uint64_t version) { return WireWriter().Number(1, version); }

WireWriter Update(const std::vector<uint64_t>& removed_fragment_ids,
                  std::span<const Message> updated_fragments,
                  std::span<const Message> new_fragments) {
  WireWriter body;
  body.Packed(1, removed_fragment_ids);
  WriteAll(2, updated_fragments, &body);
  WriteAll(3, new_fragments, &body);
  return body;
}

WireWriter Project(std::span<const Message> schema) {
  WireWriter body;
  WriteAll(1, schema, &body);
  return body;
}

}  // namespace transaction_body

Conflict ConflictOf(const Transaction& own, const Transaction& committed) {
  // Whatever was there before is replaced, except by a writer that also chose what there is.
  if (committed.operation == Operation::kUnknown) return Conflict::kFails;
  const bool is_replaced =
      committed.operation == Operation::kOverwrite || committed.operation == Operation::kRestore;
  switch (own.operation) {
    case Operation::kRestore:
      return Conflict::kNone;
    case Operation::kOverwrite:
      return committed.operation == Operation::kOverwrite ? Conflict::kRetry : Conflict::kNone;
    case Operation::kAppend:
      return is_replaced ? Conflict::kFails : Conflict::kNone;
    default:
      break;
  }
  if (is_replaced) return Conflict::kFails;

  const bool is_of_columns = own.operation == Operation::kMerge ||  //
                             own.operation == Operation::kProject;
  switch (committed.operation) {
    case Operation::kAppend:
      // New fragments lack the values of a new column.
      return own.operation == Operation::kMerge ? Conflict::kRetry : Conflict::kNone;
    case Operation::kDelete:
    case Operation::kUpdate:
    case Operation::kRewrite:
    case Operation::kDataReplacement:
      if (own.operation == Operation::kProject) return Conflict::kNone;
      if (own.operation == Operation::kMerge) return Conflict::kRetry;
      return ShareFragments(own, committed) ? Conflict::kRetry : Conflict::kNone;
    case Operation::kMerge:
      return Conflict::kRetry;
    case Operation::kProject:
      return is_of_columns || own.operation == Operation::kUpdate ||
                     own.operation == Operation::kRewrite
                 ? Conflict::kRetry
                 : Conflict::kNone;
    case Operation::kCreateIndex:
      // The index covers fragments that would be gone.
      return own.operation == Operation::kRewrite ? Conflict::kRetry : Conflict::kNone;
    default:
      return Conflict::kNone;
  }
}

}  // namespace croupier::format
