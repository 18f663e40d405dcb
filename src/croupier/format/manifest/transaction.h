#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <arrow/result.h>

#include "croupier/format/wire/wire_writer.h"

namespace croupier::format {

/// What a version changed, as its writer tells those whose own change began before it.
///
/// Source: lance-table.md, section 12.1.
struct Transaction {
  /// Field numbers of the messages; others are kUnknown, and go together with nothing.
  enum class Operation : uint32_t {
    kUnknown = 0,
    kAppend = 100,
    kDelete = 101,
    kOverwrite = 102,
    kCreateIndex = 103,
    kRewrite = 104,
    kMerge = 105,
    kRestore = 106,
    kReserveFragments = 107,
    kUpdate = 108,
    kProject = 109,
    kUpdateConfig = 110,
    kDataReplacement = 111,
    kClone = 113,
    kUpdateBases = 114,
  };

  uint64_t read_version = 0;
  std::string uuid;
  Operation operation = Operation::kUnknown;
  /// Of a delete, update, rewrite or data replacement: fragments whose rows or files it changed,
  /// ascending.
  std::vector<uint64_t> changed_fragments;

  /// Parse a Transaction message; SerializationError if it is malformed.
  static arrow::Result<Transaction> Parse(std::span<const uint8_t> message);

  /// Write the message.
  ///
  /// \param body of the operation: see TransactionBody
  std::vector<uint8_t> Write(const WireWriter& body) const;

  /// The name below `_transactions/`.
  std::string FileName() const;
};

/// The messages that operations consist of. Fragments and fields are messages themselves.
namespace transaction_body {

using Message = std::vector<uint8_t>;

/// Of kAppend: new fragments, without ids.
WireWriter Append(std::span<const Message> fragments);
WireWriter Delete(std::span<const Message> updated_fragments,
                  const std::vector<uint64_t>& removed_fragment_ids, std::string_view predicate);
/// Of kOverwrite, also for a new table.
///
/// \param schema Field messages
WireWriter Overwrite(std::span<const Message> fragments, std::span<const Message> schema,
                     std::span<const Message> schema_metadata);
WireWriter Rewrite(std::span<const Message> old_fragments, std::span<const Message> new_fragments);
/// Of kMerge: all fragments of the table, and its schema.
WireWriter Merge(std::span<const Message> fragments, std::span<const Message> schema,
                 std::span<const Message> schema_metadata);
WireWriter Restore(uint64_t version);
WireWriter Update(const std::vector<uint64_t>& removed_fragment_ids,
                  std::span<const Message> updated_fragments,
                  std::span<const Message> new_fragments);
WireWriter Project(std::span<const Message> schema);

}  // namespace transaction_body

/// Whether a change that was computed from an older version still applies.
enum class Conflict : uint8_t {
  kNone,   ///< it applies to the newest version, too
  kRetry,  ///< it has to be computed again, from the newest version
  kFails,  ///< what it is about is gone
};

/// Compare a change with one that was committed since the version it was computed from.
///
/// Source: lance-table.md, section 12.4.
Conflict ConflictOf(const Transaction& own, const Transaction& committed);

}  // namespace croupier::format
