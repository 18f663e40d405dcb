#include "croupier/format/write/blob_store.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arrow/array/array_base.h>
#include <arrow/array/builder_binary.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/extension_type.h>
#include <arrow/type.h>
#include <arrow/util/binary_view_util.h>
#include <arrow/util/bit_util.h>

namespace croupier::format {

namespace {

enum class BlobKind : uint8_t { kInline = 0, kPacked = 1, kDedicated = 2, kExternal = 3 };

// The digits of an id are its bits, the lowest first.
std::string SidecarName(uint32_t blob_id) {
  std::string name;
  for (int bit = 0; bit < 32; ++bit) name += (blob_id >> bit & 1) != 0 ? '1' : '0';
  return name + ".blob";
}

bool IsValid(const arrow::ArrayData& array, int64_t slot) {
  return array.buffers[0] == nullptr ||
         arrow::bit_util::GetBit(array.buffers[0]->data(), array.offset + slot);
}

template <typename Offset>
Bytes ValueAt(const arrow::ArrayData& array, int64_t slot) {
  const auto* offsets = array.GetValues<Offset>(1) + slot;
  return {array.buffers[2]->data() + offsets[0], static_cast<size_t>(offsets[1] - offsets[0])};
}

// A string or binary value of any kind.
Bytes ValueAt(const arrow::ArrayData& array, int64_t slot) {
  switch (array.type->id()) {
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
      return ValueAt<int32_t>(array, slot);
    case arrow::Type::STRING_VIEW:
    case arrow::Type::BINARY_VIEW: {
      const auto view = arrow::util::FromBinaryView(
          array.GetValues<arrow::BinaryViewType::c_type>(1)[slot], array.buffers.data() + 2);
      return {reinterpret_cast<const uint8_t*>(view.data()), view.size()};
    }
    default:
      return ValueAt<int64_t>(array, slot);
  }
}

// The members of a blob column: the data itself, or a struct of it and of where else it may be.
struct BlobSource {
  explicit BlobSource(const arrow::ArrayData& leaf) {
    const auto& type = leaf.type->id() == arrow::Type::EXTENSION
                           ? *static_cast<const arrow::ExtensionType&>(*leaf.type).storage_type()
                           : *leaf.type;
    if (type.id() != arrow::Type::STRUCT) {
      data = &leaf;
      return;
    }
    offset = leaf.offset;
    for (int i = 0; i < type.num_fields(); ++i) {
      const auto* child = leaf.child_data[static_cast<size_t>(i)].get();
      const auto& name = type.field(i)->name();
      if (i == 0) data = child;
      if (i == 1) uri = child;
      if (name == "position" && child->type->id() == arrow::Type::UINT64) position = child;
      if (name == "size" && child->type->id() == arrow::Type::UINT64) size = child;
    }
  }

  bool HasData(int64_t slot) const { return data != nullptr && IsValid(*data, offset + slot); }
  bool HasUri(int64_t slot) const { return uri != nullptr && IsValid(*uri, offset + slot); }
  uint64_t NumberAt(const arrow::ArrayData* member, int64_t slot) const {
    if (member == nullptr || !IsValid(*member, offset + slot)) return 0;
    return member->GetValues<uint64_t>(1)[offset + slot];
  }

  const arrow::ArrayData* data = nullptr;
  const arrow::ArrayData* uri = nullptr;
  const arrow::ArrayData* position = nullptr;
  const arrow::ArrayData* size = nullptr;
  int64_t offset = 0;
};

}  // namespace

struct BlobStore::Place {
  BlobKind kind = BlobKind::kInline;
  uint64_t position = 0;
  uint64_t size = 0;
  uint32_t blob_id = 0;
  std::string_view uri;
};

arrow::Result<BlobStore::Place> BlobStore::PutBytes(Bytes blob, const EncodingKeys& keys,
                                                    bool may_leave) {
  Place place;
  place.size = blob.size();
  if (blob.empty()) return place;
  const auto size = std::ssize(blob);
  if (!may_leave || sidecars_ == nullptr || size <= keys.blob_inline_bytes) {
    ARROW_ASSIGN_OR_RAISE(const int64_t position, append_inline_(blob));
    place.position = static_cast<uint64_t>(position);
    return place;
  }
  if (size > keys.blob_dedicated_bytes) {
    place.kind = BlobKind::kDedicated;
    place.blob_id = ++last_id_;
    ARROW_ASSIGN_OR_RAISE(auto file, sidecars_->Open(SidecarName(place.blob_id)));
    ARROW_RETURN_NOT_OK(file->Append(blob));
    ARROW_RETURN_NOT_OK(sidecars_->Close(std::move(file)));
    return place;
  }
  if (packed_ != nullptr && size > keys.blob_pack_file_bytes - packed_bytes_) {
    ARROW_RETURN_NOT_OK(Finish());
  }
  if (packed_ == nullptr) {
    packed_id_ = ++last_id_;
    packed_bytes_ = 0;
    ARROW_ASSIGN_OR_RAISE(packed_, sidecars_->Open(SidecarName(packed_id_)));
  }
  place.kind = BlobKind::kPacked;
  place.blob_id = packed_id_;
  place.position = static_cast<uint64_t>(packed_bytes_);
  ARROW_RETURN_NOT_OK(packed_->Append(blob));
  packed_bytes_ += size;
  return place;
}

arrow::Result<std::shared_ptr<arrow::ArrayData>> BlobStore::Put(const LeafPlan& plan,
                                                                const EncodingKeys& keys,
                                                                const arrow::ArrayData& leaf,
                                                                SlotRange slots,
                                                                arrow::MemoryPool* pool) {
  const BlobSource source(leaf);
  ARROW_ASSIGN_OR_RAISE(const auto nulls, LeafNulls::Of(plan, leaf, pool));
  const bool is_v2 = plan.kind == WriteKind::kBlobV2;
  arrow::UInt8Builder kinds(pool);
  arrow::UInt64Builder positions(pool);
  arrow::UInt64Builder sizes(pool);
  arrow::UInt32Builder ids(pool);
  arrow::StringBuilder uris(pool);
  for (int64_t slot = slots.begin; slot < slots.end; ++slot) {
    Place place;
    const bool is_null = nulls.bitmap != nullptr &&
                         !arrow::bit_util::GetBit(nulls.bitmap->data(), nulls.offset_bits + slot);
    if (!is_null && source.HasData(slot)) {
      const Bytes blob = ValueAt(*source.data, source.offset + slot);
      ARROW_ASSIGN_OR_RAISE(place, PutBytes(blob, keys, is_v2));
    } else if (!is_null && source.HasUri(slot)) {
      const Bytes uri = ValueAt(*source.uri, source.offset + slot);
      place = {BlobKind::kExternal, source.NumberAt(source.position, slot),
               source.NumberAt(source.size, slot), 0,
               std::string_view(reinterpret_cast<const char*>(uri.data()), uri.size())};
      if (place.uri.find(':') == std::string_view::npos) {
        return arrow::Status::Invalid("column '", plan.name, "': the URI of a blob must say its ",
                                      "scheme: '", place.uri, "'");
      }
    }
    ARROW_RETURN_NOT_OK(positions.Append(place.position));
    ARROW_RETURN_NOT_OK(sizes.Append(place.size));
    if (!is_v2) continue;
    ARROW_RETURN_NOT_OK(kinds.Append(static_cast<uint8_t>(place.kind)));
    ARROW_RETURN_NOT_OK(ids.Append(place.blob_id));
    ARROW_RETURN_NOT_OK(uris.Append(place.uri));
  }
  std::vector<arrow::ArrayBuilder*> builders = {&positions, &sizes};
  if (is_v2) builders = {&kinds, &positions, &sizes, &ids, &uris};
  std::vector<std::shared_ptr<arrow::ArrayData>> members;
  arrow::FieldVector fields;
  for (auto* builder : builders) {
    std::shared_ptr<arrow::ArrayData> member;
    ARROW_RETURN_NOT_OK(builder->FinishInternal(&member));
    fields.push_back(arrow::field("", member->type));
    members.push_back(std::move(member));
  }
  return arrow::ArrayData::Make(arrow::struct_(fields), slots.size(), {nullptr},
                                std::move(members));
}

arrow::Status BlobStore::Finish() {
  if (packed_ == nullptr) return arrow::Status::OK();
  return sidecars_->Close(std::move(packed_));
}

}  // namespace croupier::format
