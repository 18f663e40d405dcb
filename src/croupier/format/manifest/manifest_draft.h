#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/status.h>

#include "croupier/format/manifest/fragment.h"
#include "croupier/format/manifest/manifest_file.h"

namespace croupier::format {

/// Larger transactions are not written into manifests: they need a file of their own.
inline constexpr size_t kMaxInlineTransactionBytes = 20 << 20;

/// A version of a table in the making: the manifest of the version before, changed.
///
/// What this library does not know stays as it is: fields of the manifest, of its fragments and of
/// its schema are kept as bytes. No clock is asked and nothing is written here.
/// Source: lance-table.md, sections 5, 10 and 12.5.
class ManifestDraft {
 public:
  using Message = std::vector<uint8_t>;

  /// A fragment, as its message and as what is known of it.
  struct DraftFragment {
    Fragment parsed;
    Message message;

    static arrow::Result<DraftFragment> Parse(Message message);
  };

  /// Begin the first version of a table.
  ///
  /// \param data_format_version "2.1" or "2.2"
  ManifestDraft(const std::string& data_format_version, bool has_stable_row_ids);

  /// Begin the version after one.
  ///
  /// \return NotImplemented for writer feature flags that are not known; SerializationError
  static arrow::Result<ManifestDraft> After(const ManifestFile& file);

  /// Go back to an older version, as the version that this draft is of; nothing else can have been
  /// changed before.
  arrow::Status Restore(const ManifestFile& older);

  uint64_t version() const { return version_; }
  const std::string& data_format_version() const { return data_format_version_; }
  bool has_stable_row_ids() const { return has_stable_row_ids_; }
  /// Change the format of data files, where all of them are replaced.
  arrow::Status SetDataFormat(const std::string& version);

  /// By id, ascending.
  const std::vector<DraftFragment>& fragments() const { return fragments_; }
  const std::vector<Message>& schema() const { return schema_; }
  const std::vector<Message>& schema_metadata() const { return schema_metadata_; }
  std::vector<Message> FragmentMessages() const;
  /// Null if there is none.
  const DraftFragment* FindFragment(uint64_t id) const;

  /// The id that the next new field gets, above all that were ever used.
  int32_t next_field_id() const;
  /// The id that the first field gets where a new schema replaces all.
  int32_t first_field_id() const { return max_allocated_field_id_.value_or(-1) + 1; }

  /// Add fragments of new rows: ids are given to them and, where the table has stable ones, row ids
  /// and versions to those that have none yet.
  arrow::Status AppendFragments(std::vector<Fragment> fragments);
  /// Put another message in the place of that of a fragment with the same id.
  arrow::Status ReplaceFragment(Message message);
  void RemoveFragments(const std::set<uint64_t>& ids);
  /// Give out stable row ids.
  ///
  /// \return the first of `count`
  uint64_t TakeRowIds(uint64_t count);

  /// Replace the schema; fields keep their ids. Data files of which no field is left are removed
  /// from their fragments.
  ///
  /// \param fields Field messages, in pre-order
  arrow::Status SetSchema(std::vector<Message> fields);
  /// \param entries map entry messages
  void SetSchemaMetadata(std::vector<Message> entries) { schema_metadata_ = std::move(entries); }

  /// Remove fields from the schema, with their indexes.
  ///
  /// \param ids of columns and all that is below them
  arrow::Status DropFields(const std::set<int32_t>& ids);
  /// Remove the indexes of some columns.
  arrow::Status DropIndexesOf(const std::set<int32_t>& field_ids);
  /// Let no index cover these fragments; NotImplemented if the table maps rewritten fragments.
  arrow::Status UncoverFragments(const std::set<uint64_t>& fragment_ids);
  void DropIndexes() { index_section_.clear(); }

  /// Write the whole file.
  ///
  /// \param timestamp_ns of the commit, since the epoch, UTC
  /// \param transaction message, written into the file up to kMaxInlineTransactionBytes
  /// \param transaction_file its name below `_transactions/`; empty if there is none
  /// \return CapacityError if the file cannot hold its parts
  arrow::Result<std::vector<uint8_t>> Write(int64_t timestamp_ns,
                                            std::span<const uint8_t> transaction,
                                            const std::string& transaction_file) const;

  /// Whether transactions are kept in manifests only.
  bool has_inline_transactions_only() const;

 private:
  ManifestDraft() = default;
  arrow::Status Read(const ManifestFile& file);
  /// The feature flags of readers and writers.
  std::pair<uint64_t, uint64_t> FeatureFlags() const;

  uint64_t version_ = 1;
  std::string data_format_version_;
  bool has_stable_row_ids_ = false;
  uint64_t old_flags_ = 0;  // of readers and writers
  std::vector<DraftFragment> fragments_;
  std::vector<Message> schema_;
  std::vector<Message> schema_metadata_;
  Message index_section_;
  uint64_t next_row_id_ = 0;
  std::optional<uint32_t> max_fragment_id_;
  std::optional<int32_t> max_allocated_field_id_;
  bool has_config_ = false;
  bool has_base_paths_ = false;
  Message other_fields_;  // of the manifest, as they were
};

}  // namespace croupier::format
