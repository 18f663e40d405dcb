#include "croupier/format/manifest/deletion_vector.h"

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstring>
#include <utility>

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/options.h>
#include <arrow/ipc/reader.h>
#include <arrow/memory_pool.h>
#include <arrow/record_batch.h>
#include <arrow/status.h>
#include <arrow/type.h>

#include "croupier/base/byte_reader.h"
#include "croupier/base/memory_pool.h"

namespace croupier::format {

namespace {

constexpr uint32_t kCookieWithoutRuns = 12346;
constexpr uint16_t kCookieWithRuns = 12347;
constexpr uint32_t kMaxArrayCardinality = 4096;
constexpr uint32_t kMaxContainers = 1 << 16;
// Up to this many containers, a bitmap with run containers has no table of offsets.
constexpr uint32_t kMinContainersWithOffsets = 4;
constexpr size_t kBitmapContainerBytes = 8192;

template <std::unsigned_integral T>
void AppendLittleEndian(T value, std::vector<uint8_t>* bytes) {
  for (size_t i = 0; i < sizeof(T); ++i) bytes->push_back(static_cast<uint8_t>(value >> 8 * i));
}

// The values of the only column of an IPC file, in the order of the file.
arrow::Result<std::vector<uint32_t>> ReadOffsets(const std::shared_ptr<arrow::Buffer>& bytes,
                                                 int64_t num_physical_rows,
                                                 const arrow::ipc::IpcReadOptions& options) {
  std::vector<uint32_t> offsets;
  arrow::io::BufferReader input(bytes);
  ARROW_ASSIGN_OR_RAISE(auto reader, arrow::ipc::RecordBatchFileReader::Open(&input, options));
  if (reader->schema()->num_fields() != 1 ||
      reader->schema()->field(0)->type()->id() != arrow::Type::UINT32) {
    return arrow::Status::SerializationError("the schema is not one uint32 column: ",
                                             reader->schema()->ToString());
  }
  for (int i = 0; i < reader->num_record_batches(); ++i) {
    ARROW_ASSIGN_OR_RAISE(const auto batch, reader->ReadRecordBatch(i));
    ARROW_RETURN_NOT_OK(batch->ValidateFull());
    const auto& column = static_cast<const arrow::UInt32Array&>(*batch->column(0));
    if (column.null_count() != 0) {
      return arrow::Status::SerializationError("some rows are null: ", column.null_count());
    }
    if (column.length() > num_physical_rows - static_cast<int64_t>(offsets.size())) {
      return arrow::Status::SerializationError("more rows than the fragment has: ", column.length(),
                                               " of ", num_physical_rows);
    }
    // The values need not be aligned: they lie in the file as it was given.
    const auto* values = reinterpret_cast<const uint8_t*>(column.raw_values());
    const size_t num_before = offsets.size();
    const auto num_values = static_cast<size_t>(column.length());
    offsets.resize(num_before + num_values);
    if (num_values == 0) continue;
    std::memcpy(offsets.data() + num_before, values, num_values * sizeof(uint32_t));
  }
  return offsets;
}

uint32_t LiveRowsBefore(const DeletionVector::Run& run) {
  return run.begin - run.num_deleted_before;
}

}  // namespace

// Add a run; runs that touch the one before become one with it.
arrow::Status DeletionVector::Append(uint32_t begin, uint64_t end, int64_t num_physical_rows) {
  if (end > static_cast<uint64_t>(num_physical_rows)) {
    return arrow::Status::SerializationError(
        "deletion file: a deleted row does not exist: ", end - 1, " of ", num_physical_rows);
  }
  if (!runs_.empty() && begin < runs_.back().end) {
    return arrow::Status::SerializationError("deletion file: rows are not in order: ", begin);
  }
  if (!runs_.empty() && begin == runs_.back().end) {
    runs_.back().end = static_cast<uint32_t>(end);
  } else {
    runs_.push_back({begin, static_cast<uint32_t>(end), static_cast<uint32_t>(num_deleted_)});
  }
  num_deleted_ += static_cast<int64_t>(end - begin);
  return arrow::Status::OK();
}

arrow::Result<std::shared_ptr<const DeletionVector>> DeletionVector::ParseBitmap(
    std::span<const uint8_t> bytes, int64_t num_physical_rows) {
  ByteReader reader(bytes);
  ARROW_ASSIGN_OR_RAISE(const auto cookie, reader.Read<uint32_t>());
  uint32_t num_containers = 0;
  std::span<const uint8_t> run_flags;
  if (cookie == kCookieWithoutRuns) {
    ARROW_ASSIGN_OR_RAISE(num_containers, reader.Read<uint32_t>());
  } else if ((cookie & 0xffff) == kCookieWithRuns) {
    num_containers = (cookie >> 16) + 1;
    ARROW_ASSIGN_OR_RAISE(run_flags, reader.ReadBytes((num_containers + 7) / 8));
  } else {
    return arrow::Status::SerializationError("deletion file: not a roaring bitmap: cookie ",
                                             cookie);
  }
  if (num_containers > kMaxContainers) {
    return arrow::Status::SerializationError("deletion file: too many containers: ",
                                             num_containers);
  }
  ARROW_ASSIGN_OR_RAISE(const auto descriptors, reader.ReadBytes(uint64_t{num_containers} * 4));
  if (run_flags.empty() || num_containers >= kMinContainersWithOffsets) {
    // Containers follow one another; the table of offsets says the same again.
    ARROW_RETURN_NOT_OK(reader.ReadBytes(uint64_t{num_containers} * 4));
  }
  auto vector = std::make_shared<DeletionVector>();
  for (uint32_t i = 0; i < num_containers; ++i) {
    const uint32_t high = uint32_t{LoadLittleEndian<uint16_t>(descriptors.data() + size_t{i} * 4)}
                          << 16;
    const uint32_t cardinality =
        uint32_t{LoadLittleEndian<uint16_t>(descriptors.data() + size_t{i} * 4 + 2)} + 1;
    if (!run_flags.empty() && (run_flags[i / 8] >> (i % 8) & 1) != 0) {
      ARROW_ASSIGN_OR_RAISE(const auto num_runs, reader.Read<uint16_t>());
      for (uint16_t run = 0; run < num_runs; ++run) {
        ARROW_ASSIGN_OR_RAISE(const auto start, reader.Read<uint16_t>());
        ARROW_ASSIGN_OR_RAISE(const auto length, reader.Read<uint16_t>());
        if (uint32_t{start} + length > 0xffff) {
          return arrow::Status::SerializationError(
              "deletion file: a run leaves its container: ", start, " + ", length);
        }
        ARROW_RETURN_NOT_OK(
            vector->Append(high + start, uint64_t{high} + start + length + 1, num_physical_rows));
      }
    } else if (cardinality <= kMaxArrayCardinality) {
      ARROW_ASSIGN_OR_RAISE(const auto values, reader.ReadBytes(uint64_t{cardinality} * 2));
      for (uint32_t k = 0; k < cardinality; ++k) {
        const uint32_t value = high + LoadLittleEndian<uint16_t>(values.data() + size_t{k} * 2);
        ARROW_RETURN_NOT_OK(vector->Append(value, uint64_t{value} + 1, num_physical_rows));
      }
    } else {
      ARROW_ASSIGN_OR_RAISE(const auto bitmap, reader.ReadBytes(kBitmapContainerBytes));
      for (uint32_t word_index = 0; word_index < kBitmapContainerBytes / 8; ++word_index) {
        auto word = LoadLittleEndian<uint64_t>(bitmap.data() + size_t{word_index} * 8);
        while (word != 0) {
          const auto first = static_cast<uint32_t>(std::countr_zero(word));
          const auto length = static_cast<uint32_t>(std::countr_one(word >> first));
          const uint32_t begin = high + word_index * 64 + first;
          ARROW_RETURN_NOT_OK(vector->Append(begin, uint64_t{begin} + length, num_physical_rows));
          if (first + length >= 64) break;
          word &= ~uint64_t{0} << (first + length);
        }
      }
    }
  }
  vector->IndexRuns();
  return vector;
}

arrow::Result<std::shared_ptr<const DeletionVector>> DeletionVector::ParseArrow(
    const std::shared_ptr<arrow::Buffer>& bytes, int64_t num_physical_rows) {
  // The file states how large its buffers are before they were compressed; it does not get more
  // than all rows of the fragment could need, and never more than distinct numbers of its size
  // could be compressed from.
  constexpr int64_t kMaxCompression = 256;
  const int64_t limit_bytes =
      std::min(num_physical_rows * 5, bytes->size() * kMaxCompression) + (1 << 16);
  arrow::ProxyMemoryPool own_pool(DefaultMemoryPool());  // counts only what is read here
  arrow::CappedMemoryPool pool(&own_pool, limit_bytes);
  auto options = arrow::ipc::IpcReadOptions::Defaults();
  options.memory_pool = &pool;
  options.use_threads = false;
  auto offsets = ReadOffsets(bytes, num_physical_rows, options);
  if (!offsets.ok()) {
    return arrow::Status::SerializationError("deletion file: ", offsets.status().message());
  }
  std::sort(offsets->begin(), offsets->end());
  offsets->erase(std::unique(offsets->begin(), offsets->end()), offsets->end());
  return FromSorted(*offsets, num_physical_rows);
}

arrow::Result<std::shared_ptr<const DeletionVector>> DeletionVector::FromSorted(
    std::span<const uint32_t> offsets, int64_t num_physical_rows) {
  auto vector = std::make_shared<DeletionVector>();
  for (const uint32_t offset : offsets) {
    ARROW_RETURN_NOT_OK(vector->Append(offset, uint64_t{offset} + 1, num_physical_rows));
  }
  vector->IndexRuns();
  return vector;
}

size_t DeletionVector::FirstRunEndingAfter(uint32_t offset) const {
  return static_cast<size_t>(
      std::upper_bound(runs_.begin(), runs_.end(), offset,
                       [](uint32_t value, const Run& run) { return value < run.end; }) -
      runs_.begin());
}

std::shared_ptr<const DeletionVector> DeletionVector::Union(const DeletionVector& a,
                                                            const DeletionVector& b) {
  auto both = std::make_shared<DeletionVector>();
  auto i = a.runs_.begin();
  auto k = b.runs_.begin();
  while (i != a.runs_.end() || k != b.runs_.end()) {
    const bool is_of_a = k == b.runs_.end() || (i != a.runs_.end() && i->begin <= k->begin);
    const Run& next = is_of_a ? *i++ : *k++;
    if (both->runs_.empty() || next.begin > both->runs_.back().end) {
      both->runs_.push_back({next.begin, next.end, 0});
    } else {
      both->runs_.back().end = std::max(both->runs_.back().end, next.end);
    }
  }
  for (Run& run : both->runs_) {
    run.num_deleted_before = static_cast<uint32_t>(both->num_deleted_);
    both->num_deleted_ += run.end - run.begin;
  }
  both->IndexRuns();
  return both;
}

std::vector<uint8_t> DeletionVector::WriteBitmap() const {
  // Low halves of the values, by their high half.
  struct Container {
    uint16_t high = 0;
    std::vector<uint16_t> lows;
  };
  std::vector<Container> containers;
  for (const Run& run : runs_) {
    for (uint64_t value = run.begin; value < run.end; ++value) {
      const auto high = static_cast<uint16_t>(value >> 16);
      if (containers.empty() || containers.back().high != high) containers.push_back({high, {}});
      containers.back().lows.push_back(static_cast<uint16_t>(value));
    }
  }
  std::vector<uint8_t> bytes;
  AppendLittleEndian(kCookieWithoutRuns, &bytes);
  AppendLittleEndian(static_cast<uint32_t>(containers.size()), &bytes);
  for (const auto& container : containers) {
    AppendLittleEndian(container.high, &bytes);
    AppendLittleEndian(static_cast<uint16_t>(container.lows.size() - 1), &bytes);
  }
  const auto size_of = [](const Container& container) {
    const bool is_array = container.lows.size() <= kMaxArrayCardinality;
    return is_array ? container.lows.size() * sizeof(uint16_t) : kBitmapContainerBytes;
  };
  size_t offset = bytes.size() + containers.size() * sizeof(uint32_t);
  for (const auto& container : containers) {
    AppendLittleEndian(static_cast<uint32_t>(offset), &bytes);
    offset += size_of(container);
  }
  for (const auto& container : containers) {
    if (container.lows.size() <= kMaxArrayCardinality) {
      for (const uint16_t low : container.lows) AppendLittleEndian(low, &bytes);
      continue;
    }
    const size_t begin = bytes.size();
    bytes.resize(begin + kBitmapContainerBytes);
    for (const uint16_t low : container.lows) {
      bytes[begin + low / 8] = static_cast<uint8_t>(bytes[begin + low / 8] | 1U << low % 8);
    }
  }
  return bytes;
}

bool DeletionVector::Contains(uint32_t offset) const {
  const size_t run = FirstRunEndingAfter(offset);
  return run < runs_.size() && runs_[run].begin <= offset;
}

void DeletionVector::IndexRuns() {
  if (runs_.empty()) return;
  const uint64_t last = LiveRowsBefore(runs_.back());  // may take 32 bits, and so the shift
  while ((last >> rank_shift_) > runs_.size() / 4) ++rank_shift_;
  first_runs_.reserve((last >> rank_shift_) + 2);
  for (uint32_t run = 0; run < runs_.size(); ++run) {
    while (first_runs_.size() << rank_shift_ <= LiveRowsBefore(runs_[run])) {
      first_runs_.push_back(run);
    }
  }
  first_runs_.push_back(static_cast<uint32_t>(runs_.size()));
}

uint32_t DeletionVector::Select(uint32_t live_rank) const {
  // The last run with no more live rows before it than the rank lies in front of the row.
  const uint64_t part = uint64_t{live_rank} >> rank_shift_;
  auto after = runs_.end();
  if (part + 1 < first_runs_.size()) {
    after = std::upper_bound(
        runs_.begin() + first_runs_[part], runs_.begin() + first_runs_[part + 1], live_rank,
        [](uint32_t rank, const Run& run) { return rank < LiveRowsBefore(run); });
  }
  if (after == runs_.begin()) return live_rank;
  const Run& before = *(after - 1);
  return live_rank + before.num_deleted_before + (before.end - before.begin);
}

}  // namespace croupier::format
