#include "croupier/table/blob_reader.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <string_view>
#include <utility>

#include <arrow/array/builder_binary.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/status.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>

#include "croupier/base/memory_pool.h"
#include "croupier/storage/range_fetch.h"
#include "croupier/table.h"

namespace croupier::table {

namespace {

using storage::Object;

// A batch of whole blobs above this many bytes is a mistake, or hostile: descriptors may all name
// the same bytes.
constexpr int64_t kMaxBatchBytes = int64_t{16} << 30;
// Blobs up to this size are fetched together with their neighbours and copied; larger ones are read
// straight to where they belong.
constexpr int64_t kMaxCopiedBytes = 64 << 10;
// Large blobs are read in parts, so that several reads wait for the storage at once.
constexpr int64_t kPartBytes = 8 << 20;

enum class BlobKind : uint8_t {
  kInline = 0,
  kPacked = 1,
  kDedicated = 2,
  kExternal = 3,
};

// 32 characters, of which character i is bit i of the id.
std::string SidecarName(uint32_t blob_id) {
  std::string name;
  for (int bit = 0; bit < 32; ++bit) name += (blob_id >> bit & 1) != 0 ? '1' : '0';
  return name + ".blob";
}

arrow::Result<int64_t> AsOffset(uint64_t value, const char* what) {
  if (value <= static_cast<uint64_t>(INT64_MAX)) return static_cast<int64_t>(value);
  return arrow::Status::SerializationError("a blob with the ", what, " ", value);
}

arrow::Status SetRange(uint64_t position, uint64_t size, BlobPlace* place) {
  ARROW_ASSIGN_OR_RAISE(place->offset_bytes, AsOffset(position, "position"));
  ARROW_ASSIGN_OR_RAISE(place->size_bytes, AsOffset(size, "size"));
  return arrow::Status::OK();
}

// Descriptors of either version, by row.
class Descriptors {
 public:
  explicit Descriptors(const arrow::ArrayData& array) : array_(array) {
    const size_t first = is_v2() ? 1 : 0;
    positions_ = array.child_data[first]->GetValues<uint64_t>(1);
    sizes_ = array.child_data[first + 1]->GetValues<uint64_t>(1);
  }

  bool IsNull(int64_t row) const { return array_.IsNull(row); }
  bool IsExternal(int64_t row) const { return KindOf(row) == BlobKind::kExternal; }
  uint64_t position(int64_t row) const { return positions_[row]; }
  uint64_t size(int64_t row) const { return sizes_[row]; }
  uint32_t BlobId(int64_t row) const { return array_.child_data[3]->GetValues<uint32_t>(1)[row]; }
  std::string_view Uri(int64_t row) const {
    const auto& uris = *array_.child_data[4];
    const auto* offsets = uris.GetValues<int32_t>(1);
    return {reinterpret_cast<const char*>(uris.buffers[2]->data()) + offsets[row],
            static_cast<size_t>(offsets[row + 1] - offsets[row])};
  }

  arrow::Result<BlobPlace> Place(int64_t row, const FileLocation& file,
                                 const BlobFinder& finder) const {
    const uint64_t position = positions_[row];
    const uint64_t size = sizes_[row];
    const BlobKind kind = KindOf(row);
    switch (kind) {
      case BlobKind::kInline: {
        ARROW_ASSIGN_OR_RAISE(auto place, finder.DataFile(file));
        ARROW_RETURN_NOT_OK(SetRange(position, size, &place));
        return place;
      }
      case BlobKind::kPacked: {
        ARROW_ASSIGN_OR_RAISE(auto place, finder.Sidecar(file, SidecarName(BlobId(row))));
        ARROW_RETURN_NOT_OK(SetRange(position, size, &place));
        return place;
      }
      case BlobKind::kDedicated: {
        ARROW_ASSIGN_OR_RAISE(auto place, finder.Sidecar(file, SidecarName(BlobId(row))));
        ARROW_RETURN_NOT_OK(SetRange(0, size, &place));
        return place;
      }
      case BlobKind::kExternal: {
        ARROW_ASSIGN_OR_RAISE(auto place, finder.External(std::string(Uri(row)), BlobId(row)));
        ARROW_RETURN_NOT_OK(SetRange(position, size, &place));
        // Without a range the blob is the whole file.
        if (position == 0 && size == 0) place.size_bytes = BlobPlace::kToTheEnd;
        return place;
      }
    }
    return arrow::Status::NotImplemented("cannot read blobs of the kind ", static_cast<int>(kind));
  }

 private:
  bool is_v2() const { return array_.child_data.size() == kNumDescriptorMembersV2; }
  BlobKind KindOf(int64_t row) const {
    if (!is_v2()) return BlobKind::kInline;
    return static_cast<BlobKind>(array_.child_data[0]->GetValues<uint8_t>(1)[row]);
  }

  const arrow::ArrayData& array_;
  const uint64_t* positions_ = nullptr;
  const uint64_t* sizes_ = nullptr;
};

arrow::Result<std::shared_ptr<const Object>> OpenPlace(const BlobPlace& place) {
  if (place.object != nullptr) return place.object;
  return place.store->Open(place.path);
}

// The size of a blob in its opened file.
arrow::Result<int64_t> CheckSize(const BlobPlace& place, const Object& object) {
  const int64_t file_size = object.size_bytes();
  if (place.size_bytes == BlobPlace::kToTheEnd) return file_size;
  if (place.offset_bytes > file_size || place.size_bytes > file_size - place.offset_bytes) {
    return arrow::Status::SerializationError(object.location(), ": a blob of ", place.size_bytes,
                                             " bytes at ", place.offset_bytes, " in a file of ",
                                             file_size);
  }
  return place.size_bytes;
}

void AddParts(const std::shared_ptr<const Object>& object, int64_t offset_bytes,
              std::span<uint8_t> destination, storage::RangeFetch* fetch) {
  for (size_t at = 0; at < destination.size();) {
    const size_t count = std::min<size_t>(destination.size() - at, kPartBytes);
    fetch->AddInPlace(object, offset_bytes + static_cast<int64_t>(at),
                      destination.subspan(at, count));
    at += count;
  }
}

class TableBlob : public BlobFile {
 public:
  TableBlob(BlobPlace place, storage::IoScheduler* scheduler)
      : place_(std::move(place)), scheduler_(scheduler) {}
  ~TableBlob() override { delete opened_.load(); }

  arrow::Result<int64_t> SizeBytes() const override {
    if (place_.size_bytes != BlobPlace::kToTheEnd) return place_.size_bytes;
    ARROW_ASSIGN_OR_RAISE(const auto object, Open());
    return object->size_bytes();
  }

  arrow::Result<std::shared_ptr<arrow::Buffer>> ReadRange(
      int64_t offset_bytes, int64_t size_bytes, const ReadOptions& options) const override {
    ARROW_ASSIGN_OR_RAISE(const int64_t blob_size, SizeBytes());
    if (offset_bytes < 0 || size_bytes < 0 || offset_bytes > blob_size ||
        size_bytes > blob_size - offset_bytes) {
      return arrow::Status::IndexError("bytes out of range: ", size_bytes, " at ", offset_bytes,
                                       " of a blob of ", blob_size);
    }
    auto* pool = options.pool != nullptr ? options.pool : DefaultMemoryPool();
    if (size_bytes == 0) return arrow::AllocateBuffer(0, pool);
    ARROW_ASSIGN_OR_RAISE(const auto object, Open());
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> buffer,
                          arrow::AllocateBuffer(size_bytes, pool));
    storage::RangeFetch fetch;
    AddParts(object, place_.offset_bytes + offset_bytes,
             {buffer->mutable_data(), static_cast<size_t>(size_bytes)}, &fetch);
    ARROW_RETURN_NOT_OK(fetch.Run(scheduler_, buffer, *options.cancel, pool));
    return buffer;
  }

 private:
  // Open the file at the first use. Without a lock, for forks: of two threads that come first, the
  // file of one is dropped.
  arrow::Result<std::shared_ptr<const Object>> Open() const {
    const auto* opened = opened_.load();
    if (opened != nullptr) return *opened;
    ARROW_ASSIGN_OR_RAISE(auto object, OpenPlace(place_));
    ARROW_RETURN_NOT_OK(CheckSize(place_, *object).status());
    auto fresh = std::make_unique<const std::shared_ptr<const Object>>(std::move(object));
    if (opened_.compare_exchange_strong(opened, fresh.get())) return *fresh.release();
    return *opened;
  }

  const BlobPlace place_;
  storage::IoScheduler* const scheduler_;
  mutable std::atomic<const std::shared_ptr<const Object>*> opened_{nullptr};
};

}  // namespace

bool IsExternalBlob(const arrow::ArrayData& descriptors, int64_t row) {
  return Descriptors(descriptors).IsExternal(row);
}

arrow::Result<std::vector<std::optional<BlobPlace>>> LocateBlobs(
    const arrow::ArrayData& descriptors, std::span<const FileLocation* const> files,
    const BlobFinder& finder, bool with_external) {
  std::vector<std::optional<BlobPlace>> places(static_cast<size_t>(descriptors.length));
  const Descriptors blobs(descriptors);
  for (int64_t row = 0; row < descriptors.length; ++row) {
    const auto* file = files[static_cast<size_t>(row)];
    if (blobs.IsNull(row) || file == nullptr) continue;
    if (!with_external && blobs.IsExternal(row)) continue;
    auto place = blobs.Place(row, *file, finder);
    if (!place.ok()) {
      return place.status().WithMessage(file->path, ": ", place.status().message());
    }
    places[static_cast<size_t>(row)] = *std::move(place);
  }
  return places;
}

arrow::Result<std::shared_ptr<arrow::ArrayData>> ReadBlobs(
    const std::vector<std::optional<BlobPlace>>& places, storage::IoScheduler* scheduler,
    const CancelToken& cancel, arrow::MemoryPool* pool) {
  const int64_t num_rows = std::ssize(places);
  ARROW_ASSIGN_OR_RAISE(auto offsets, arrow::AllocateBuffer((num_rows + 1) * 8, pool));
  ARROW_ASSIGN_OR_RAISE(auto validity, arrow::AllocateEmptyBitmap(num_rows, pool));
  auto* ends = reinterpret_cast<int64_t*>(offsets->mutable_data());
  // Files that are not open yet, each once.
  std::map<std::pair<const storage::ObjectStore*, std::string>, std::shared_ptr<const Object>>
      files;
  std::vector<std::shared_ptr<const Object>> objects(places.size());
  int64_t num_nulls = 0;
  int64_t total = 0;
  ends[0] = 0;
  for (int64_t row = 0; row < num_rows; ++row) {
    ARROW_RETURN_NOT_OK(cancel.Check());
    const auto& place = places[static_cast<size_t>(row)];
    auto& object = objects[static_cast<size_t>(row)];
    if (!place.has_value()) {
      ++num_nulls;
    } else if (place->size_bytes != 0) {
      if (place->object != nullptr) {
        object = place->object;
      } else {
        auto& file = files[{place->store.get(), place->path}];
        if (file == nullptr) {
          ARROW_ASSIGN_OR_RAISE(file, OpenPlace(*place));
        }
        object = file;
      }
      ARROW_ASSIGN_OR_RAISE(const int64_t size, CheckSize(*place, *object));
      if (size > kMaxBatchBytes - total) {
        return arrow::Status::CapacityError("the blobs of a batch are more than ", kMaxBatchBytes,
                                            " bytes: read fewer rows at a time (row ", row, " of ",
                                            num_rows, ")");
      }
      total += size;
    }
    if (place.has_value()) arrow::bit_util::SetBit(validity->mutable_data(), row);
    ends[row + 1] = total;
  }
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> bytes, arrow::AllocateBuffer(total, pool));
  storage::RangeFetch fetch;
  struct Copied {
    int64_t row;
    size_t fetched;
  };
  std::vector<Copied> copied;
  for (int64_t row = 0; row < num_rows; ++row) {
    const auto& object = objects[static_cast<size_t>(row)];
    if (object == nullptr) continue;
    const int64_t offset_bytes = places[static_cast<size_t>(row)]->offset_bytes;
    const int64_t size_bytes = ends[row + 1] - ends[row];
    if (size_bytes <= kMaxCopiedBytes) {
      copied.push_back({row, fetch.Add(object, {offset_bytes, size_bytes})});
    } else {
      AddParts(object, offset_bytes,
               {bytes->mutable_data() + ends[row], static_cast<size_t>(size_bytes)}, &fetch);
    }
  }
  ARROW_RETURN_NOT_OK(fetch.Run(scheduler, bytes, cancel, pool));
  for (const auto& each : copied) {
    const auto blob = fetch.bytes(each.fetched);
    std::memcpy(bytes->mutable_data() + ends[each.row], blob.data(), blob.size());
  }
  std::shared_ptr<arrow::Buffer> bitmap;
  if (num_nulls > 0) bitmap = std::move(validity);
  return arrow::ArrayData::Make(arrow::large_binary(), num_rows,
                                {std::move(bitmap), std::move(offsets), std::move(bytes)},
                                num_nulls);
}

std::shared_ptr<arrow::DataType> BlobSourceType() {
  return arrow::struct_(
      {arrow::field("data", arrow::large_binary()), arrow::field("uri", arrow::utf8()),
       arrow::field("position", arrow::uint64()), arrow::field("size", arrow::uint64())});
}

arrow::Result<std::shared_ptr<arrow::ArrayData>> MakeBlobSources(
    const arrow::ArrayData& descriptors, std::shared_ptr<arrow::ArrayData> bytes,
    arrow::MemoryPool* pool) {
  const Descriptors blobs(descriptors);
  arrow::StringBuilder uris(pool);
  arrow::UInt64Builder positions(pool);
  arrow::UInt64Builder sizes(pool);
  for (int64_t row = 0; row < descriptors.length; ++row) {
    if (blobs.IsNull(row) || !blobs.IsExternal(row)) {
      ARROW_RETURN_NOT_OK(uris.AppendNull());
      ARROW_RETURN_NOT_OK(positions.AppendNull());
      ARROW_RETURN_NOT_OK(sizes.AppendNull());
      continue;
    }
    if (blobs.BlobId(row) != 0) {
      return arrow::Status::NotImplemented("a blob below the base path ", blobs.BlobId(row), ": '",
                                           blobs.Uri(row), "' cannot be written anew");
    }
    ARROW_RETURN_NOT_OK(uris.Append(blobs.Uri(row)));
    ARROW_RETURN_NOT_OK(positions.Append(blobs.position(row)));
    ARROW_RETURN_NOT_OK(sizes.Append(blobs.size(row)));
  }
  std::vector<std::shared_ptr<arrow::ArrayData>> members(4);
  members[0] = std::move(bytes);
  ARROW_RETURN_NOT_OK(uris.FinishInternal(&members[1]));
  ARROW_RETURN_NOT_OK(positions.FinishInternal(&members[2]));
  ARROW_RETURN_NOT_OK(sizes.FinishInternal(&members[3]));
  return arrow::ArrayData::Make(BlobSourceType(), descriptors.length, {descriptors.buffers[0]},
                                std::move(members));
}

std::shared_ptr<const BlobFile> MakeBlobFile(BlobPlace place, storage::IoScheduler* scheduler) {
  return std::make_shared<const TableBlob>(std::move(place), scheduler);
}

}  // namespace croupier::table

namespace croupier {

arrow::Result<std::shared_ptr<arrow::Buffer>> BlobFile::ReadAll(const ReadOptions& options) const {
  ARROW_ASSIGN_OR_RAISE(const int64_t size, SizeBytes());
  return ReadRange(0, size, options);
}

}  // namespace croupier
