#pragma once

#include <cstdint>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/format/encoding/output_bytes.h"
#include "croupier/format/encoding/page_layout.h"
#include "croupier/format/encoding/value_block.h"
#include "croupier/format/file/file_version.h"
#include "croupier/format/write/encoding_keys.h"
#include "croupier/format/write/leaf_values.h"
#include "croupier/format/write/page_levels_writer.h"

namespace croupier::format {

/// The values of a page as indices into those that differ.
class ValueDictionary {
 public:
  explicit ValueDictionary(arrow::MemoryPool* pool) : item_bytes_(pool), item_offsets_(pool) {}

  /// Find the values that differ, unless they are so many that a dictionary is no gain.
  ///
  /// \param values variable-width, or of 8 or 16 bytes
  /// \return whether there is a dictionary
  bool Build(const LeafValues& values, const WrittenLevels& levels, const EncodingKeys& keys);

  /// Indices of all values; 0 for nulls.
  const std::vector<uint32_t>& indices() const { return indices_; }
  /// The values that differ. Borrows from this.
  LeafValues items() const;

 private:
  Bytes ItemAt(uint32_t item) const;

  const LeafShape* shape_ = nullptr;
  std::vector<uint32_t> indices_;
  std::vector<uint32_t> slots_;   // of the hash table: 1 + the index of an item
  std::vector<uint64_t> hashes_;  // of the items
  int64_t num_items_ = 0;
  OutputBytes item_bytes_;
  OutputBytes item_offsets_;
};

/// Append the items of a dictionary as one block; gives its encoding.
///
/// \param values plain ones, at least one
arrow::Result<EncodingPtr> EncodeDictionaryItems(const LeafValues& values, const EncodingKeys& keys,
                                                 FileVersion version, arrow::MemoryPool* pool,
                                                 OutputBytes* out);

}  // namespace croupier::format
