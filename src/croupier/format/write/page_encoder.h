#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/status.h>
#include <arrow/type_fwd.h>

#include "croupier/format/encoding/output_bytes.h"
#include "croupier/format/encoding/page_layout.h"
#include "croupier/format/file/file_version.h"
#include "croupier/format/write/chunk_encoder.h"
#include "croupier/format/write/encoding_keys.h"
#include "croupier/format/write/leaf_plan.h"
#include "croupier/format/write/leaf_values.h"
#include "croupier/format/write/page_levels_writer.h"
#include "croupier/format/write/value_dictionary.h"
#include "croupier/format/write/value_encoding.h"

namespace croupier::format {

/// Rows of a leaf that are to become a page.
struct PageRows {
  LeafValues values;
  int64_t num_rows = 0;
  int64_t num_levels = 0;
  std::span<const uint16_t> rep;  ///< as ShreddedRows has them
  std::span<const uint16_t> def;
};

/// Levels that a page may have for which no value is stored, so that no chunk has more than it can
/// count; a single row may have more.
int64_t MaxInvisibleLevels(const LeafPlan& plan);

/// Check that strings are UTF-8; Invalid if not. Other values pass.
arrow::Status CheckText(const LeafValues& values);

/// Makes pages of rows: chooses how, and encodes.
///
/// Keeps its memory from page to page. Not thread-safe.
/// Source: lance-encodings.md, sections 6 to 8, 17 and 18.
class PageEncoder {
 public:
  PageEncoder(FileVersion version, arrow::MemoryPool* pool);

  /// Encode a page.
  ///
  /// \param rows at least one; their memory must last as long as `buffers` is used
  /// \return the layout; errors name the column
  arrow::Result<PageLayout> Encode(const LeafPlan& plan, const EncodingKeys& keys,
                                   const PageRows& rows);

  /// The buffers of the page that was encoded last; until the next call.
  const std::vector<std::span<const uint8_t>>& buffers() const { return buffers_; }

 private:
  bool is_v2_2() const { return version_ == FileVersion::kV2_2; }

  arrow::Result<PageLayout> EncodeValues(const LeafPlan& plan, const EncodingKeys& keys,
                                         const PageRows& rows, const WrittenLevels& levels);
  PageLayout EncodeAllNull(const LeafPlan& plan, const WrittenLevels& levels);
  /// Gives the layout if all valid values are the same.
  bool EncodeConstant(const PageRows& rows, const WrittenLevels& levels, ConstantLayout* layout);
  /// A page of an Arrow dictionary.
  arrow::Result<PageLayout> EncodeKeys(const LeafPlan& plan, const EncodingKeys& keys,
                                       const PageRows& rows, const WrittenLevels& levels);
  /// A page of indices into the values that differ, if these are few.
  arrow::Result<bool> EncodeIndices(const EncodingKeys& keys, const PageRows& rows,
                                    const WrittenLevels& levels, PageLayout* layout);
  arrow::Result<PageLayout> EncodeChunks(const EncodingKeys& keys, const PageRows& rows,
                                         const WrittenLevels& levels);
  /// \param layout what it says of a dictionary is kept; whose items are `extra_`
  arrow::Result<PageLayout> EncodeMiniBlock(ChunkEncoder* values, const PageRows& rows,
                                            const WrittenLevels& levels, MiniBlockLayout layout);
  arrow::Result<PageLayout> EncodeFixedRecords(const PageRows& rows, const WrittenLevels& levels,
                                               EncodingPtr encoding);
  /// \param is_crowded whether a row has more levels than a chunk can count
  arrow::Result<PageLayout> EncodePacked(const PageRows& rows, const WrittenLevels& levels,
                                         bool is_crowded);
  /// A page of places of blobs, as format 2.1 has them.
  arrow::Result<PageLayout> EncodeBlobs(const PageRows& rows, const WrittenLevels& levels);
  arrow::Result<PageLayout> EncodeVariableRecords(const EncodingKeys& keys, const PageRows& rows,
                                                  const WrittenLevels& levels);
  PageLayout WriteVariableRecords(const LeafValues& values, const PageRows& rows,
                                  const WrittenLevels& levels, EncodingPtr encoding);

  FileVersion version_;
  arrow::MemoryPool* pool_;
  std::vector<uint16_t> renumbered_;
  OutputBytes data_;
  OutputBytes words_;
  OutputBytes index_;
  OutputBytes extra_;
  FsstStrings fsst_;
  ValueDictionary dictionary_;
  std::vector<std::span<const uint8_t>> buffers_;
};

}  // namespace croupier::format
