// The mini-block half of PageEncoder: values in chunks, each with the levels that belong to them.
#include <algorithm>
#include <bit>
#include <optional>
#include <utility>

#include "croupier/format/write/page_encoder.h"

namespace croupier::format {

namespace {

// Values of a chunk of format 2.1, which has 32 KiB at most with all its levels.
constexpr int64_t kMaxOldChunkBytes = 8 << 10;

// Counts the rows of a page by chunk, as its repetition index has them.
class RowCounter {
 public:
  explicit RowCounter(const WrittenLevels& levels) : levels_(levels) {}

  // Add the chunk of levels [begin, end).
  void Add(size_t begin, size_t end, OutputBytes* index) {
    uint64_t starts = 0;
    size_t last_start = begin;
    for (size_t i = begin; i < end; ++i) {
      if (levels_.rep[i] != levels_.max_rep) continue;
      ++starts;
      last_start = i;
    }
    const bool ends_here = end == levels_.rep.size() || levels_.rep[end] == levels_.max_rep;
    uint64_t finished = starts + (continues_ ? 1 : 0) - (ends_here ? 0 : 1);
    if (starts == 0) finished = ends_here ? 1 : 0;
    index->AppendValue(finished);
    index->AppendValue(ends_here ? uint64_t{0} : static_cast<uint64_t>(end - last_start));
    continues_ = !ends_here;
  }

 private:
  const WrittenLevels& levels_;
  bool continues_ = false;  // whether the chunk before ended inside a row
};

// The end of the levels that belong to some values: those behind the last one, which have none, go
// to the next chunk.
size_t FindLevelsEnd(const WrittenLevels& levels, size_t begin, int64_t num_values) {
  if (levels.def.empty() || levels.rep.empty()) return begin + static_cast<size_t>(num_values);
  size_t end = begin;
  for (int64_t seen = 0; seen < num_values; ++end) seen += levels.is_visible(end) ? 1 : 0;
  return end;
}

template <typename T>
void Patch(OutputBytes* bytes, size_t* place, size_t value) {
  const auto narrow = static_cast<T>(value);
  std::memcpy(bytes->data() + *place, &narrow, sizeof(T));
  *place += sizeof(T);
}

}  // namespace

arrow::Result<PageLayout> PageEncoder::EncodeChunks(const EncodingKeys& keys, const PageRows& rows,
                                                    const WrittenLevels& levels) {
  const LeafValues& values = rows.values;
  const int64_t chunk_bytes =
      is_v2_2() ? keys.minichunk_bytes : std::min(keys.minichunk_bytes, kMaxOldChunkBytes);
  ChunkEncoderPtr chunks;
  if (values.shape->kind != LeafShape::Kind::kVariable) {
    chunks = ChooseFixedChunks(values, keys);
  } else if (WantsFsst(values, keys) && fsst_.Encode(values, MinFsstSaving(keys))) {
    chunks = MakeFsstChunks(MakeVariableChunks(fsst_.values(), chunk_bytes), fsst_.symbol_table());
  } else {
    chunks = MakeVariableChunks(values, chunk_bytes);
  }
  ARROW_ASSIGN_OR_RAISE(chunks, CompressChunks(std::move(chunks), values.num_values, keys, pool_));
  return EncodeMiniBlock(chunks.get(), rows, levels, {});
}

arrow::Result<PageLayout> PageEncoder::EncodeMiniBlock(ChunkEncoder* values, const PageRows& rows,
                                                       const WrittenLevels& levels,
                                                       MiniBlockLayout layout) {
  std::optional<LevelEncoder> rep;
  std::optional<LevelEncoder> def;
  // Runs of levels could take more bytes than a chunk can count.
  const bool allows_runs = is_v2_2() && rows.num_levels - rows.values.num_values < 8192;
  if (!levels.rep.empty()) rep.emplace(levels.rep, levels.max_rep, allows_runs);
  if (!levels.def.empty()) def.emplace(levels.def, levels.max_def, allows_runs);
  const bool has_levels = rep.has_value() || def.has_value();
  const size_t size_bytes = is_v2_2() ? 4 : 2;
  const size_t header_bytes = 2 + (rep.has_value() ? 2 : 0) + (def.has_value() ? 2 : 0) +
                              values->num_buffers() * size_bytes;
  const int64_t num_values = rows.values.num_values;
  RowCounter row_counter(levels);
  ChunkBuffers buffers(&data_);
  size_t level = 0;
  for (int64_t first = 0; first < num_values;) {
    const int64_t count = values->ItemsOf(first);
    const bool is_last = first + count == num_values;
    const size_t chunk_begin = data_.size();
    data_.AppendZeros(header_bytes);
    data_.PadTo(8);
    const size_t levels_end = !has_levels ? 0
                              : is_last   ? static_cast<size_t>(levels.num_levels)
                                          : FindLevelsEnd(levels, level, count);
    if (levels_end - level > UINT16_MAX) {
      return arrow::Status::CapacityError("two values have more than 65535 levels");
    }
    size_t place = chunk_begin;
    Patch<uint16_t>(&data_, &place, levels_end - level);
    for (const auto* encoder : {&rep, &def}) {
      if (!encoder->has_value()) continue;
      const size_t begin = data_.size();
      (*encoder)->Encode(static_cast<int64_t>(level), static_cast<int64_t>(levels_end), &data_);
      const size_t size = data_.size() - begin;
      if (size > UINT16_MAX) return arrow::Status::CapacityError("a chunk has too many levels");
      Patch<uint16_t>(&data_, &place, size);
      data_.PadTo(8);
    }
    buffers.Clear();
    ARROW_RETURN_NOT_OK(values->Encode(first, count, &buffers));
    buffers.End();
    for (const size_t size : buffers.sizes()) {
      is_v2_2() ? Patch<uint32_t>(&data_, &place, size) : Patch<uint16_t>(&data_, &place, size);
    }
    const size_t chunk_bytes = data_.size() - chunk_begin;
    const auto log_items =
        is_last ? 0U : static_cast<uint32_t>(std::bit_width(static_cast<uint64_t>(count)) - 1);
    const uint64_t word = (chunk_bytes / 8 - 1) << 4 | log_items;
    if (is_v2_2() ? word > UINT32_MAX : word > UINT16_MAX) {
      return arrow::Status::CapacityError("a chunk is too large: ", chunk_bytes, " bytes");
    }
    is_v2_2() ? words_.AppendValue(static_cast<uint32_t>(word))
              : words_.AppendValue(static_cast<uint16_t>(word));
    if (rep.has_value()) row_counter.Add(level, levels_end, &index_);
    level = levels_end;
    first += count;
  }
  layout.rep_compression = rep.has_value() ? rep->encoding() : nullptr;
  layout.def_compression = def.has_value() ? def->encoding() : nullptr;
  layout.value_compression = values->encoding();
  layout.layers = levels.layers;
  layout.num_buffers = values->num_buffers();
  layout.repetition_index_depth = rep.has_value() ? 1 : 0;
  layout.num_items = static_cast<uint64_t>(num_values);
  layout.has_large_chunk = is_v2_2();
  buffers_ = {words_.bytes(), data_.bytes()};
  if (layout.dictionary != nullptr) buffers_.push_back(extra_.bytes());
  if (rep.has_value()) buffers_.push_back(index_.bytes());
  return PageLayout{std::move(layout)};
}

}  // namespace croupier::format
