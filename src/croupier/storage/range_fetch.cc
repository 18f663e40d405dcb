#include "croupier/storage/range_fetch.h"

#include <algorithm>
#include <utility>

#include <arrow/buffer.h>
#include <arrow/result.h>

namespace croupier::storage {

size_t RangeFetch::Add(const std::shared_ptr<const Object>& object, ByteRange range) {
  // Callers go through one object after another, so the last is nearly always the one.
  auto found = std::find(objects_.rbegin(), objects_.rend(), object);
  if (found == objects_.rend()) {
    objects_.push_back(object);
    found = objects_.rbegin();
  }
  object_of_range_.push_back(static_cast<uint32_t>(objects_.rend() - found - 1));
  ranges_.push_back(range);
  return ranges_.size() - 1;
}

void RangeFetch::AddInPlace(const std::shared_ptr<const Object>& object, int64_t offset_bytes,
                            std::span<uint8_t> destination) {
  requests_.push_back({object, offset_bytes, destination});
}

arrow::Status RangeFetch::Run(IoScheduler* scheduler, std::shared_ptr<const void> keep_alive,
                              const CancelToken& cancel, arrow::MemoryPool* pool) {
  places_.resize(ranges_.size());
  std::vector<std::vector<size_t>> ranges_of_object(objects_.size());
  for (size_t i = 0; i < ranges_.size(); ++i) ranges_of_object[object_of_range_[i]].push_back(i);
  std::vector<ByteRange> ranges;
  for (size_t object_index = 0; object_index < objects_.size(); ++object_index) {
    const auto& object = objects_[object_index];
    ranges.clear();
    for (const size_t i : ranges_of_object[object_index]) ranges.push_back(ranges_[i]);
    const auto coalesced = Coalesce(ranges, object->habits().coalesce);
    const size_t first_buffer = buffers_.size();
    for (const ByteRange& read : coalesced.reads) {
      if (read.offset_bytes < 0 || read.size_bytes < 0 ||
          read.offset_bytes > object->size_bytes() ||
          read.size_bytes > object->size_bytes() - read.offset_bytes) {
        return arrow::Status::SerializationError(
            object->location(), ": a range lies outside the file: ", read.size_bytes, " bytes at ",
            read.offset_bytes, " of ", object->size_bytes());
      }
      ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateBuffer(read.size_bytes, pool));
      requests_.push_back({object,
                           read.offset_bytes,
                           {buffer->mutable_data(), static_cast<size_t>(read.size_bytes)}});
      buffers_.push_back(std::move(buffer));
    }
    for (size_t i = 0; i < ranges.size(); ++i) {
      places_[ranges_of_object[object_index][i]] = {first_buffer + coalesced.places[i].read_index,
                                                    coalesced.places[i].offset_bytes};
    }
  }
  if (requests_.empty()) return arrow::Status::OK();
  // A read that is still under way after a failure writes into these buffers.
  using Kept = std::pair<std::shared_ptr<const void>, std::vector<std::shared_ptr<arrow::Buffer>>>;
  auto kept = std::make_shared<const Kept>(std::move(keep_alive), buffers_);
  return scheduler->Read(requests_, std::move(kept), cancel);
}

std::span<const uint8_t> RangeFetch::bytes(size_t index) const {
  const Place& place = places_[index];
  return {buffers_[place.buffer_index]->data() + place.offset_bytes,
          static_cast<size_t>(ranges_[index].size_bytes)};
}

const std::shared_ptr<arrow::Buffer>& RangeFetch::owner(size_t index) const {
  return buffers_[places_[index].buffer_index];
}

}  // namespace croupier::storage
