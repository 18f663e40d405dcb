#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/format/file/data_file.h"
#include "croupier/format/file/file_footer.h"
#include "croupier/format/manifest/schema.h"
#include "croupier/format/page/column_assembler.h"
#include "croupier/format/page/column_tree.h"
#include "croupier/format/page/leaf_path.h"

namespace croupier::format {

/// A data file in memory, for tests: bytes and the metadata of its columns.
struct TestFile {
  std::vector<uint8_t> bytes;
  FileFooter footer;
  std::vector<std::shared_ptr<const ColumnMetadata>> columns;

  static arrow::Result<TestFile> Parse(std::vector<uint8_t> bytes);
};

/// Read rows of a column of a file in memory, by the steps that a table takes: open pages, plan,
/// decode.
///
/// Every decoded chunk and the result are checked by ValidateFull: Invalid says that they are not
/// well formed, whatever the bytes hold.
///
/// \param runs rows of the column, in any order
arrow::Result<std::shared_ptr<arrow::Array>> ReadRows(std::span<const uint8_t> file,
                                                      const ColumnMetadata& column,
                                                      const std::shared_ptr<arrow::DataType>& type,
                                                      std::span<const RowRun> runs,
                                                      int64_t num_slots);

/// List the leaf columns of an Arrow schema's columns, in their order in a file.
arrow::Result<std::vector<LeafColumn>> LeavesOf(const arrow::FieldVector& fields);

/// Read rows of a column of a table from the leaf columns below it, in their order in the file.
arrow::Result<std::shared_ptr<arrow::Array>> ReadNestedRows(
    std::span<const uint8_t> file, std::span<const std::shared_ptr<const ColumnMetadata>> columns,
    const std::shared_ptr<arrow::Field>& field, std::span<const RowRun> runs, int64_t num_slots);

/// Read rows of a leaf column, with its layers.
arrow::Result<std::shared_ptr<arrow::ArrayData>> ReadLeafRows(
    std::span<const uint8_t> file, const ColumnMetadata& column,
    const std::shared_ptr<const LeafPath>& path, std::span<const RowRun> runs, int64_t num_slots);

/// Read all rows of a column in one run.
arrow::Result<std::shared_ptr<arrow::Array>> ReadColumn(
    std::span<const uint8_t> file, const ColumnMetadata& column,
    const std::shared_ptr<arrow::DataType>& type);

}  // namespace croupier::format
