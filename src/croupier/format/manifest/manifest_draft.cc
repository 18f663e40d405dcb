#include "croupier/format/manifest/manifest_draft.h"

#include <algorithm>
#include <utility>

#include "croupier/format/manifest/index_section.h"
#include "croupier/format/manifest/row_id_sequence.h"
#include "croupier/format/wire/wire_edit.h"
#include "croupier/version.h"

namespace croupier::format {

namespace {

using Message = ManifestDraft::Message;

constexpr char kLibrary[] = "croupier";
constexpr char kFileFormat[] = "lance";
constexpr uint32_t kDataFormat = 15;  // of the manifest

// Feature flags: lance-table.md, section 10.
constexpr uint64_t kFlagDeletions = 1;
constexpr uint64_t kFlagConfig = 8;
constexpr uint64_t kFlagBasePaths = 16;
constexpr uint64_t kFlagNoTransactionFiles = 32;
constexpr uint64_t kFlagCoveringIndexes = 128;
constexpr uint64_t kFlagFragmentReuse = 1024;
constexpr uint64_t kFlagSpilledLineage = 2048;
constexpr uint64_t kFlagManagedBlobs = 16384;
constexpr uint64_t kFlagFieldIds = 32768;

WireWriter DataFormatMessage(const std::string& version) {
  return WireWriter().Text(1, kFileFormat).Text(2, version);
}

std::string ToText(const Message& bytes) { return {bytes.begin(), bytes.end()}; }

void AppendAll(uint32_t number, const std::vector<Message>& messages, WireWriter* writer) {
  for (const auto& message : messages) writer->Bytes(number, message);
}

template <typename T>
void AppendLittleEndian(T value, std::vector<uint8_t>* bytes) {
  for (size_t i = 0; i < sizeof(T); ++i) {
    bytes->push_back(static_cast<uint8_t>(static_cast<uint64_t>(value) >> 8 * i));
  }
}

// A section with its length in front.
arrow::Status AppendSection(std::span<const uint8_t> section, std::vector<uint8_t>* file) {
  if (section.size() > UINT32_MAX) {
    return arrow::Status::CapacityError("a section of the manifest is too large: ", section.size(),
                                        " bytes, at most ", UINT32_MAX);
  }
  AppendLittleEndian(static_cast<uint32_t>(section.size()), file);
  file->insert(file->end(), section.begin(), section.end());
  return arrow::Status::OK();
}

arrow::Result<int32_t> FieldIdOf(const Message& field_message) {
  int32_t id = 0;
  ARROW_RETURN_NOT_OK(ForEachField(field_message, [&](const WireField& field) {
    return field.number == 3 ? field.AsInt32().Value(&id) : arrow::Status::OK();
  }));
  return id;
}

// Files of format 2.0 call themselves 0.3, too.
std::string VersionOf(const DataFile& file) {
  if (file.major_version == 0 && file.minor_version == 3) return "2.0";
  return std::to_string(file.major_version) + "." + std::to_string(file.minor_version);
}

}  // namespace

arrow::Result<ManifestDraft::DraftFragment> ManifestDraft::DraftFragment::Parse(Message message) {
  ARROW_ASSIGN_OR_RAISE(auto parsed, Fragment::Parse(message));
  return DraftFragment{std::move(parsed), std::move(message)};
}

ManifestDraft::ManifestDraft(const std::string& data_format_version, bool has_stable_row_ids)
    : data_format_version_(data_format_version), has_stable_row_ids_(has_stable_row_ids) {
  other_fields_ = WireWriter().Child(kDataFormat, DataFormatMessage(data_format_version)).bytes();
}

arrow::Status ManifestDraft::SetDataFormat(const std::string& version) {
  ARROW_ASSIGN_OR_RAISE(auto others, CopyFields(other_fields_, [](const WireField& field) {
                          return field.number != kDataFormat;
                        }));
  others.Child(kDataFormat, DataFormatMessage(version));
  other_fields_ = std::move(others).Finish();
  data_format_version_ = version;
  return arrow::Status::OK();
}

arrow::Result<ManifestDraft> ManifestDraft::After(const ManifestFile& file) {
  ManifestDraft draft;
  ARROW_RETURN_NOT_OK(draft.Read(file));
  return draft;
}

arrow::Status ManifestDraft::Read(const ManifestFile& file) {
  ARROW_RETURN_NOT_OK(CheckWriterFlags(*file.manifest));
  version_ = file.manifest->version + 1;
  data_format_version_ = file.manifest->data_format_version;
  has_stable_row_ids_ = file.manifest->has_stable_row_ids();
  old_flags_ = file.manifest->reader_feature_flags | file.manifest->writer_feature_flags;
  index_section_.assign(file.index_section.begin(), file.index_section.end());
  WireWriter others;
  ARROW_RETURN_NOT_OK(ForEachField(file.message, [&](const WireField& field) -> arrow::Status {
    const auto append_to = [&](std::vector<Message>* messages) -> arrow::Status {
      ARROW_ASSIGN_OR_RAISE(const auto bytes, field.AsBytes());
      messages->emplace_back(bytes.begin(), bytes.end());
      return arrow::Status::OK();
    };
    switch (field.number) {
      case 1:
        return append_to(&schema_);
      case 2: {
        ARROW_ASSIGN_OR_RAISE(const auto bytes, field.AsBytes());
        ARROW_ASSIGN_OR_RAISE(auto fragment, DraftFragment::Parse({bytes.begin(), bytes.end()}));
        fragments_.push_back(std::move(fragment));
        return arrow::Status::OK();
      }
      case 5:
        return append_to(&schema_metadata_);
      case 11:
        return field.AsUint32().Value(&max_fragment_id_.emplace());
      case 14:
        return field.AsUnsigned().Value(&next_row_id_);
      case 24:
        return field.AsInt32().Value(&max_allocated_field_id_.emplace());
      // Those of a version, which the next one has anew.
      case 3:
      case 4:
      case 6:
      case 7:
      case 8:
      case 9:
      case 10:
      case 12:
      case 13:
      case 21:
      case 23:
        return arrow::Status::OK();
      default:
        has_config_ = has_config_ || field.number == 16;
        has_base_paths_ = has_base_paths_ || field.number == 18;
        CopyField(field, &others);
        return arrow::Status::OK();
    }
  }));
  if (!fragments_.empty()) {
    // Manifest::Parse has seen that ids ascend and have 32 bits.
    const auto last = static_cast<uint32_t>(fragments_.back().parsed.id);
    max_fragment_id_ = std::max(max_fragment_id_.value_or(0), last);
  }
  other_fields_ = std::move(others).Finish();
  return arrow::Status::OK();
}

arrow::Status ManifestDraft::Restore(const ManifestFile& older) {
  ARROW_ASSIGN_OR_RAISE(auto restored, After(older));
  // What was given out is not given out again.
  restored.version_ = version_;
  restored.next_row_id_ = std::max(next_row_id_, restored.next_row_id_);
  if (max_fragment_id_.has_value()) {
    restored.max_fragment_id_ = std::max(*max_fragment_id_, restored.max_fragment_id_.value_or(0));
  }
  if (max_allocated_field_id_.has_value() && restored.max_allocated_field_id_.has_value()) {
    restored.max_allocated_field_id_ =
        std::max(*max_allocated_field_id_, *restored.max_allocated_field_id_);
  }
  *this = std::move(restored);
  return arrow::Status::OK();
}

std::vector<Message> ManifestDraft::FragmentMessages() const {
  std::vector<Message> messages;
  messages.reserve(fragments_.size());
  for (const auto& fragment : fragments_) messages.push_back(fragment.message);
  return messages;
}

const ManifestDraft::DraftFragment* ManifestDraft::FindFragment(uint64_t id) const {
  const auto found = std::ranges::lower_bound(
      fragments_, id, {}, [](const DraftFragment& fragment) { return fragment.parsed.id; });
  return found != fragments_.end() && found->parsed.id == id ? &*found : nullptr;
}

int32_t ManifestDraft::next_field_id() const {
  int32_t largest = max_allocated_field_id_.value_or(-1);
  for (const auto& message : schema_) largest = std::max(largest, FieldIdOf(message).ValueOr(-1));
  for (const auto& fragment : fragments_) {
    for (const auto& file : fragment.parsed.files) {
      for (const int32_t id : file.fields) largest = std::max(largest, id);
    }
  }
  return largest + 1;
}

arrow::Status ManifestDraft::AppendFragments(std::vector<Fragment> fragments) {
  for (auto& fragment : fragments) {
    if (max_fragment_id_ == UINT32_MAX) {
      return arrow::Status::CapacityError("the table has had too many fragments: ", UINT32_MAX);
    }
    max_fragment_id_ = max_fragment_id_.has_value() ? *max_fragment_id_ + 1 : 0;
    fragment.id = *max_fragment_id_;
    if (has_stable_row_ids_) {
      const auto num_rows = static_cast<uint64_t>(fragment.num_physical_rows);
      if (!fragment.row_ids.has_value()) {
        RowIdSequenceBuilder row_ids;
        row_ids.Append(TakeRowIds(num_rows), num_rows);
        fragment.row_ids = ToText(row_ids.Finish()->Write());
      }
      const auto now =
          ToText(RowVersionSequence::Repeated(version_, fragment.num_physical_rows)->Write());
      if (!fragment.created_at_versions.has_value()) fragment.created_at_versions = now;
      if (!fragment.last_updated_at_versions.has_value()) fragment.last_updated_at_versions = now;
    }
    auto message = fragment.Write().bytes();
    fragments_.push_back({std::move(fragment), std::move(message)});
  }
  return arrow::Status::OK();
}

arrow::Status ManifestDraft::ReplaceFragment(Message message) {
  ARROW_ASSIGN_OR_RAISE(auto fragment, DraftFragment::Parse(std::move(message)));
  const auto* place = FindFragment(fragment.parsed.id);
  if (place == nullptr) {
    return arrow::Status::Invalid("the table has no fragment ", fragment.parsed.id);
  }
  fragments_[static_cast<size_t>(place - fragments_.data())] = std::move(fragment);
  return arrow::Status::OK();
}

void ManifestDraft::RemoveFragments(const std::set<uint64_t>& ids) {
  std::erase_if(fragments_,
                [&](const DraftFragment& fragment) { return ids.contains(fragment.parsed.id); });
}

arrow::Status ManifestDraft::SetSchema(std::vector<Message> fields) {
  std::set<int32_t> ids;
  for (const auto& message : fields) {
    ARROW_ASSIGN_OR_RAISE(const int32_t id, FieldIdOf(message));
    ids.insert(id);
  }
  if (max_allocated_field_id_.has_value() && !ids.empty()) {
    max_allocated_field_id_ = std::max(*max_allocated_field_id_, *ids.rbegin());
  }
  const auto has_nothing_left = [&](const DataFile& file) {
    return std::ranges::none_of(file.fields,
                                [&](int32_t id) { return ids.contains(id) || IsLineageField(id); });
  };
  for (auto& fragment : fragments_) {
    if (std::ranges::none_of(fragment.parsed.files, has_nothing_left)) continue;
    // One file stays: it tells how many rows the fragment has.
    bool keeps_first = std::ranges::all_of(fragment.parsed.files, has_nothing_left);
    ARROW_ASSIGN_OR_RAISE(auto message,
                          RemoveDataFiles(fragment.message, [&](const DataFile& file) {
                            return !std::exchange(keeps_first, false) && has_nothing_left(file);
                          }));
    ARROW_ASSIGN_OR_RAISE(fragment, DraftFragment::Parse(std::move(message)));
  }
  schema_ = std::move(fields);
  return arrow::Status::OK();
}

uint64_t ManifestDraft::TakeRowIds(uint64_t count) {
  return std::exchange(next_row_id_, next_row_id_ + count);
}

arrow::Status ManifestDraft::DropFields(const std::set<int32_t>& ids) {
  std::vector<Message> kept;
  for (auto& message : schema_) {
    ARROW_ASSIGN_OR_RAISE(const int32_t id, FieldIdOf(message));
    if (!ids.contains(id)) kept.push_back(message);
  }
  ARROW_RETURN_NOT_OK(SetSchema(std::move(kept)));
  return DropIndexesOf(ids);
}

arrow::Status ManifestDraft::DropIndexesOf(const std::set<int32_t>& field_ids) {
  return RemoveIndexesOfFields(index_section_, field_ids).Value(&index_section_);
}

arrow::Status ManifestDraft::UncoverFragments(const std::set<uint64_t>& fragment_ids) {
  ARROW_ASSIGN_OR_RAISE(const bool is_mapped, HasFragmentReuseIndex(index_section_));
  if (is_mapped || (old_flags_ & kFlagFragmentReuse) != 0) {
    return arrow::Status::NotImplemented(
        "cannot rewrite fragments of a table with an index that maps rewritten ones "
        "(__lance_frag_reuse): drop that index, or compact with Lance");
  }
  return RemoveIndexedFragments(index_section_, fragment_ids).Value(&index_section_);
}

bool ManifestDraft::has_inline_transactions_only() const {
  return (old_flags_ & kFlagNoTransactionFiles) != 0;
}

std::pair<uint64_t, uint64_t> ManifestDraft::FeatureFlags() const {
  uint64_t both = old_flags_ & (kFlagMixedFileVersions | kFlagFragmentReuse | kFlagManagedBlobs);
  if (has_stable_row_ids_) both |= kFlagStableRowIds;
  if (has_base_paths_) both |= kFlagBasePaths;
  if (!index_section_.empty()) both |= old_flags_ & kFlagCoveringIndexes;
  for (const auto& fragment : fragments_) {
    if (fragment.parsed.deletion_file.has_value()) both |= kFlagDeletions;
    if (fragment.parsed.has_lineage_columns) both |= kFlagSpilledLineage;
    for (const auto& file : fragment.parsed.files) {
      const bool is_other =
          !data_format_version_.empty() && VersionOf(file) != data_format_version_;
      if (is_other) both |= kFlagMixedFileVersions;
    }
  }
  uint64_t writer = both | (old_flags_ & kFlagNoTransactionFiles);
  if (has_config_) writer |= kFlagConfig;
  if (max_allocated_field_id_.has_value()) writer |= kFlagFieldIds;
  return {both, writer};
}

arrow::Result<std::vector<uint8_t>> ManifestDraft::Write(
    int64_t timestamp_ns, std::span<const uint8_t> transaction,
    const std::string& transaction_file) const {
  std::vector<uint8_t> file;
  WireWriter message;
  AppendAll(1, schema_, &message);
  for (const auto& fragment : fragments_) message.Bytes(2, fragment.message);
  message.Number(3, version_);
  AppendAll(5, schema_metadata_, &message);
  if (!index_section_.empty()) {
    message.Number(6, file.size());
    ARROW_RETURN_NOT_OK(AppendSection(index_section_, &file));
  }
  constexpr int64_t kSecond = 1000000000;
  message.Child(7,
                WireWriter().Signed(1, timestamp_ns / kSecond).Signed(2, timestamp_ns % kSecond));
  const auto [reader_flags, writer_flags] = FeatureFlags();
  message.NumberUnlessZero(9, reader_flags).NumberUnlessZero(10, writer_flags);
  if (max_fragment_id_.has_value()) message.Number(11, *max_fragment_id_);
  message.TextUnlessEmpty(12, transaction_file);
  message.Child(13, WireWriter().Text(1, kLibrary).Text(2, CROUPIER_VERSION));
  message.NumberUnlessZero(14, next_row_id_);
  if (transaction.size() <= kMaxInlineTransactionBytes) {
    message.Number(23, file.size());
    ARROW_RETURN_NOT_OK(AppendSection(transaction, &file));
  }
  if (max_allocated_field_id_.has_value()) message.Signed(24, *max_allocated_field_id_);

  // Fields that were kept are written as they came, behind the others.
  auto bytes = std::move(message).Finish();
  bytes.insert(bytes.end(), other_fields_.begin(), other_fields_.end());
  const auto offset = static_cast<uint64_t>(file.size());
  ARROW_RETURN_NOT_OK(AppendSection(bytes, &file));
  AppendLittleEndian(offset, &file);
  AppendLittleEndian(uint16_t{0}, &file);  // major version of the layout
  AppendLittleEndian(uint16_t{2}, &file);  // minor
  for (const char letter : {'L', 'A', 'N', 'C'}) file.push_back(static_cast<uint8_t>(letter));
  return file;
}

}  // namespace croupier::format
