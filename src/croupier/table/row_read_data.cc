#include <algorithm>
#include <utility>

#include <arrow/array/data.h>
#include <arrow/type.h>
#include <arrow/util/byte_size.h>

#include "croupier/base/memory_pool.h"
#include "croupier/format/page/leaf_shape.h"
#include "croupier/format/page/list_page.h"
#include "croupier/table/row_read.h"

namespace croupier::table {

using format::RowRun;

arrow::Status RowRead::MakeAssembler(ListLeaf* leaf) {
  constexpr int64_t kMaxImpliedBits = int64_t{8} << 29;
  constexpr int64_t kMaxRatio = 64;  // of values of 64 bits that are stored in one
  const auto& path = leaf->columns.back().path;
  const int64_t num_slots = leaf->rows.num_slots();
  const auto shape = format::LeafShape::Of(*path->leaf_type());
  if (shape.ok() && shape->kind == format::LeafShape::Kind::kFixed) {
    const int64_t max_bits =
        std::min(leaf->file->object()->size_bytes(), INT64_MAX / 16 / kMaxRatio) * 8 * kMaxRatio +
        kMaxImpliedBits;
    if (num_slots > max_bits / std::max<int64_t>(shape->row_bits(), 1)) {
      return AtColumn(columns_[leaf->column],
                      AtFile(*leaf->file->object(),
                             arrow::Status::CapacityError("the lists of a batch have ", num_slots,
                                                          " items: read fewer rows at a time")));
    }
  }
  // Values as pages have them: it is the column's own assembler that makes text of JSON.
  const auto kind =
      path->kind() == format::LeafKind::kJson ? format::LeafKind::kValues : path->kind();
  auto assembler = format::ColumnAssembler::Make(format::LeafPath::Flat(path->leaf_type(), kind),
                                                 num_slots, pool_);
  if (!assembler.ok()) return AtColumn(columns_[leaf->column], assembler.status());
  leaf->assembler = *std::move(assembler);
  return arrow::Status::OK();
}

format::ColumnAssembler& RowRead::AssemblerOf(const PageRows& rows) {
  if (rows.list_leaf != nullptr) return *rows.list_leaf->assembler;
  auto& assembler = *assemblers_[rows.column];
  // In files of format 2.0 structs are no part of the pages below them, and are never null.
  return rows.file->footer().is_v2_0() ? *assembler.leaf() : assembler;
}

arrow::Status RowRead::PlanData() {
  for (const auto& fragment : fragments_) {
    for (size_t i = 0; i < columns_.size(); ++i) {
      const auto& location = fragment.locations[i];
      if (location.file != nullptr || location.layers_of.has_value()) continue;
      ARROW_RETURN_NOT_OK(assemblers_[i]->AppendNulls(Scaled(fragment.runs, *columns_[i].path)));
    }
  }
  for (auto& rows : page_rows_) {
    const format::Page& page = rows.page();
    if (const auto* chunks = page.AsChunks()) {
      PlanChunks(*chunks, &rows);
    } else if (const auto* records = page.AsRecords()) {
      PlanRecords(*records, rows);
    } else if (page.AsLists() != nullptr) {
      return AtPage(rows, arrow::Status::SerializationError("the page holds lists, not values"));
    }
  }
  return arrow::Status::OK();
}

void RowRead::PlanChunks(const format::ChunkPage& page, PageRows* rows) {
  const size_t first = chunk_rows_.size();
  std::vector<RowRun> runs;  // as rows->runs, cut at chunks
  runs.reserve(rows->runs.size());
  format::ChunkPage::Chunk chunk;
  int64_t chunk_index = -1;
  bool is_sorted = true;
  const auto move_to = [&](int64_t index) {
    is_sorted &= index >= chunk_index;
    chunk_index = index;
    chunk = page.chunk(index);
    chunk_rows_.push_back({rows, index, runs.size(), 0});
  };
  for (const RowRun& run : rows->runs) {
    const int64_t end = int64_t{run.row} + run.count;
    // A row that begins in this chunk may also be the first of it, going on from the chunk
    // before.
    if (chunk_index < 0 || run.row <= chunk.first_row ||
        run.row >= chunk.first_row + chunk.num_rows) {
      const int64_t index = page.ChunkOf(run.row);
      if (index != chunk_index) move_to(index);
    }
    while (true) {
      const int64_t chunk_end = chunk.first_row + chunk.num_rows;
      const int64_t begin = std::max<int64_t>(run.row, chunk.first_row);
      runs.push_back({static_cast<uint32_t>(begin - chunk.first_row),
                      static_cast<uint32_t>(run.slot + (begin - run.row)),
                      static_cast<uint32_t>(std::min(end, chunk_end) - begin)});
      ++chunk_rows_.back().num_runs;
      if (end < chunk_end || chunk_index + 1 == page.num_chunks()) break;
      // The last row may go on in the next chunk.
      if (end == chunk_end && page.chunk(chunk_index + 1).first_row >= end) break;
      move_to(chunk_index + 1);
    }
  }
  // Rows that go on in later chunks go back and forth between these if they are asked for again.
  if (!is_sorted) MergeChunks(first, &runs);
  rows->runs = std::move(runs);
  std::vector<int64_t> chunks;
  for (size_t i = first; i < chunk_rows_.size(); ++i) chunks.push_back(chunk_rows_[i].chunk);
  auto found = rows->opened->decoded->Find(chunks);
  for (size_t i = first; i < chunk_rows_.size(); ++i) {
    ChunkRows& chunk_rows = chunk_rows_[i];
    chunk_rows.known = std::move(found[i - first]);
    if (chunk_rows.known.decoded.array == nullptr) {
      chunk_rows.fetched = data_.Add(rows->file->object(), page.chunk(chunk_rows.chunk).bytes);
    }
  }
}

void RowRead::MergeChunks(size_t first, std::vector<RowRun>* runs) {
  const auto begin = chunk_rows_.begin() + static_cast<std::ptrdiff_t>(first);
  std::sort(begin, chunk_rows_.end(), [](const ChunkRows& a, const ChunkRows& b) {
    return a.chunk != b.chunk ? a.chunk < b.chunk : a.first_run < b.first_run;
  });
  std::vector<RowRun> merged;
  merged.reserve(runs->size());
  auto last = chunk_rows_.end();
  for (auto chunk_rows = begin; chunk_rows != chunk_rows_.end(); ++chunk_rows) {
    const auto from = runs->begin() + static_cast<std::ptrdiff_t>(chunk_rows->first_run);
    const auto to = from + static_cast<std::ptrdiff_t>(chunk_rows->num_runs);
    if (last != chunk_rows_.end() && last->chunk == chunk_rows->chunk) {
      last->num_runs += chunk_rows->num_runs;
    } else {
      last = last == chunk_rows_.end() ? begin : last + 1;
      *last = *chunk_rows;
      last->first_run = merged.size();
    }
    merged.insert(merged.end(), from, to);
  }
  chunk_rows_.erase(last + 1, chunk_rows_.end());
  *runs = std::move(merged);
}

void RowRead::PlanRecords(const format::RecordPage& page, const PageRows& rows) {
  const int64_t plain_bytes = page.plain_record_bytes();
  for (size_t i = 0; i < rows.runs.size(); ++i) {
    const RowRun& run = rows.runs[i];
    const ByteRange range = page.RecordRange(run.row, int64_t{run.row} + run.count);
    if (plain_bytes > 0) {
      uint8_t* values = AssemblerOf(rows).FillInPlace(run.slot, run.count);
      data_.AddInPlace(rows.file->object(), range.offset_bytes,
                       {values, static_cast<size_t>(range.size_bytes)});
    } else {
      record_rows_.push_back({&rows, i, data_.Add(rows.file->object(), range)});
    }
  }
}

arrow::Status RowRead::Decode(bool remember_chunks) {
  size_t num_prefetched = 0;
  for (size_t i = 0; i < chunk_rows_.size(); ++i) {
    if (i == num_prefetched) num_prefetched = PrefetchChunks(i);
    const ChunkRows& chunk_rows = chunk_rows_[i];
    ARROW_RETURN_NOT_OK(cancel_.Check());
    const auto status = DecodeChunk(chunk_rows, remember_chunks);
    if (!status.ok()) return AtPage(*chunk_rows.page_rows, status);
  }
  for (const auto& record_rows : record_rows_) {
    const PageRows& rows = *record_rows.page_rows;
    const auto* page = rows.page().AsRecords();
    auto& assembler = AssemblerOf(rows);
    assembler.Keep(data_.owner(record_rows.fetched));
    const auto status =
        page->Decode(rows.runs[record_rows.run].row, data_.bytes(record_rows.fetched),
                     std::span(rows.runs).subspan(record_rows.run, 1), &assembler);
    if (!status.ok()) return AtPage(rows, status);
  }
  for (const auto& rows : page_rows_) {
    const auto* page = rows.page().AsConstant();
    if (page == nullptr) continue;
    const auto status = page->Decode(rows.runs, &AssemblerOf(rows));
    if (!status.ok()) return AtPage(rows, status);
  }
  return arrow::Status::OK();
}

size_t RowRead::PrefetchChunks(size_t begin) {
  constexpr size_t kChunks = 128;
  const size_t end = std::min(begin + kChunks, chunk_rows_.size());
  for (size_t i = begin; i < end; ++i) {
    const ChunkRows& rows = chunk_rows_[i];
    if (rows.known.decoded.array != nullptr) {
      AssemblerOf(*rows.page_rows).Prefetch(rows.known.decoded, RunsOf(rows));
    }
  }
  return end;
}

std::span<const RowRun> RowRead::RunsOf(const ChunkRows& rows) {
  return std::span(rows.page_rows->runs).subspan(rows.first_run, rows.num_runs);
}

arrow::Status RowRead::DecodeChunk(const ChunkRows& chunk_rows, bool remember_chunks) {
  const PageRows& rows = *chunk_rows.page_rows;
  const KnownChunk& known = chunk_rows.known;
  auto& assembler = AssemblerOf(rows);
  if (known.decoded.array != nullptr) return assembler.Append(known.decoded, RunsOf(chunk_rows));
  const bool remember =
      remember_chunks && (known.is_reused || !rows.file->object()->habits().rereads_are_cheap);
  ARROW_ASSIGN_OR_RAISE(const auto decoded, rows.page().AsChunks()->DecodeChunk(
                                                chunk_rows.chunk, data_.bytes(chunk_rows.fetched),
                                                remember ? DefaultMemoryPool() : pool_));
  if (remember) {
    rows.opened->decoded->Insert(chunk_rows.chunk, decoded,
                                 arrow::util::TotalBufferSize(*decoded.array));
  }
  return assembler.Append(decoded, RunsOf(chunk_rows));
}

arrow::Status RowRead::FinishListLeaves() {
  for (ListLeaf& leaf : list_leaves_) {
    auto values = leaf.assembler->Finish();
    if (!values.ok()) return AtColumn(columns_[leaf.column], values.status());
    auto rows = leaf.rows.Finish(*std::move(values));
    if (!rows.ok()) return AtColumn(columns_[leaf.column], rows.status());
    const auto status = assemblers_[leaf.column]->Append(*rows, leaf.rows.runs());
    if (!status.ok()) return AtColumn(columns_[leaf.column], status);
  }
  return arrow::Status::OK();
}

arrow::Result<RowRead::Arrays> RowRead::Finish() {
  Arrays arrays(columns_.size());
  std::vector<bool> has_layers_of_another(columns_.size());
  for (const auto& fragment : fragments_) {
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (fragment.locations[i].layers_of.has_value()) has_layers_of_another[i] = true;
    }
  }
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (!has_layers_of_another[i]) ARROW_RETURN_NOT_OK(FinishColumn(i, &arrays[i]));
  }
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (!has_layers_of_another[i]) continue;
    for (const auto& fragment : fragments_) {
      const auto& location = fragment.locations[i];
      if (!location.layers_of.has_value()) continue;
      std::vector<RowRun> slots = Scaled(fragment.runs, *columns_[i].path);
      for (RowRun& run : slots) run.row = run.slot;
      ARROW_RETURN_NOT_OK(
          assemblers_[i]->AppendLayers({arrays[*location.layers_of]}, location.num_layers, slots));
    }
    ARROW_RETURN_NOT_OK(FinishColumn(i, &arrays[i]));
  }
  return arrays;
}

arrow::Status RowRead::FinishColumn(size_t column, std::shared_ptr<arrow::ArrayData>* array) {
  auto finished = assemblers_[column]->Finish();
  if (!finished.ok()) return AtColumn(columns_[column], finished.status());
  *array = *std::move(finished);
  assemblers_[column].reset();
  return arrow::Status::OK();
}

std::vector<RowRun> RowRead::Scaled(const std::vector<RowRun>& runs, const format::LeafPath& path) {
  const auto scale = static_cast<uint32_t>(path.page_rows_per_row());
  std::vector<RowRun> scaled = runs;
  for (RowRun& run : scaled) run = {run.row * scale, run.slot * scale, run.count * scale};
  return scaled;
}

}  // namespace croupier::table
