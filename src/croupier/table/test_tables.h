#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/status.h>
#include <arrow/type_fwd.h>

#include "croupier/format/wire/test_messages.h"
#include "croupier/table.h"

// Tables for tests: golden ones, copies to damage, and datasets put together by hand.
namespace croupier::table {

/// A golden table, opened. Aborts the test program if it cannot be.
std::shared_ptr<const TableSource> OpenGoldenTable(const std::string& name);

/// The rows of an IPC file below tests/golden.
std::shared_ptr<arrow::Table> ReadArrowFile(const std::string& relative_path);

/// The rows that a golden table must give, `_rowid` included.
std::shared_ptr<arrow::Table> ReadGoldenRows(const std::string& name);

/// Copy a golden table to a directory of its own.
/// \return the root of the copy
std::string CopyGoldenTable(const std::string& name);

/// The files right below a directory, sorted.
std::vector<std::string> FilesIn(const std::string& directory);

/// The newest manifest of a table with manifests named by the newer scheme.
std::string NewestManifest(const std::string& table_path);

std::vector<uint8_t> ReadFile(const std::string& path);

/// The row ids of a column of golden or scanned rows.
std::vector<uint64_t> RowIdsOf(const arrow::Table& rows);

/// Scan to the end.
///
/// \return Invalid if a batch is not well formed, or not as long as the options say
arrow::Result<std::shared_ptr<arrow::Table>> ScanAll(const TableSource& table,
                                                     const ScanOptions& options);

/// The rows of these ranks, in this order.
///
/// Threads may call it while another forks: it stays away from Arrow's own pool, as the rooms do.
std::shared_ptr<arrow::RecordBatch> TakeRows(const arrow::Table& rows,
                                             std::span<const uint64_t> ranks,
                                             const std::vector<std::string>& columns);

/// Whether the message of a status has this text in it.
bool Mentions(const arrow::Status& status, const std::string& text);

/// A field of a hand-made manifest.
format::test::Message FieldMessage(int32_t id, const std::string& name,
                                   const std::string& logical_type);

/// A data file of a hand-made manifest: field `fields[i]` is column i.
format::test::Message DataFileMessage(const std::string& path, const std::vector<uint64_t>& fields);

/// A fragment of a hand-made manifest, of one data file.
format::test::Message FragmentMessage(uint64_t id, uint64_t num_rows,
                                      const format::test::Message& data_file);

/// Make a manifest the newest of a table.
void WriteManifest(const std::string& table_path, uint64_t version,
                   const format::test::Message& manifest);

}  // namespace croupier::table
