#include "croupier/format/manifest/row_id_sequence.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "croupier/base/byte_reader.h"
#include "croupier/format/wire/wire_reader.h"
#include "croupier/format/wire/wire_writer.h"

namespace croupier::format {

namespace {

// A shorter run costs more as a piece of its own, with the piece behind it, than as single ids.
constexpr uint64_t kMinRunRows = 4;

arrow::Status Malformed(const char* what) {
  return arrow::Status::SerializationError("row ids: ", what);
}

// Integers of an EncodedU64Array: base + element, each element of 2, 4 or 8 bytes.
struct EncodedArray {
  uint64_t base = 0;
  size_t width_bytes = 8;
  std::span<const uint8_t> bytes;

  size_t size() const { return bytes.size() / width_bytes; }
  uint64_t element(size_t i) const {
    const uint8_t* at = bytes.data() + i * width_bytes;
    if (width_bytes == 2) return LoadLittleEndian<uint16_t>(at);
    if (width_bytes == 4) return LoadLittleEndian<uint32_t>(at);
    return LoadLittleEndian<uint64_t>(at);
  }

  static arrow::Result<EncodedArray> Parse(std::span<const uint8_t> message) {
    std::optional<WireField> found;
    for (WireReader reader(message); !reader.done();) {
      ARROW_ASSIGN_OR_RAISE(const WireField field, reader.Next());
      if (field.number >= 1 && field.number <= 3) found = field;
    }
    if (!found.has_value()) return Malformed("an array of an unknown kind");
    EncodedArray array;
    array.width_bytes = size_t{1} << found->number;
    ARROW_ASSIGN_OR_RAISE(const auto inner, found->AsBytes());
    for (WireReader reader(inner); !reader.done();) {
      ARROW_ASSIGN_OR_RAISE(const WireField field, reader.Next());
      if (field.number == 1 && array.width_bytes < 8) {
        ARROW_ASSIGN_OR_RAISE(array.base, field.AsUnsigned());
      } else if (field.number == 2) {
        ARROW_ASSIGN_OR_RAISE(array.bytes, field.AsBytes());
      }
    }
    if (array.bytes.size() % array.width_bytes != 0) return Malformed("an array ends early");
    const uint64_t largest =
        array.width_bytes == 8 ? 0 : (uint64_t{1} << (8 * array.width_bytes)) - 1;
    if (array.base > UINT64_MAX - largest) return Malformed("an id has more than 64 bits");
    return array;
  }
};

// One segment, its parts borrowed from the message.
struct Segment {
  enum class Kind : uint8_t { kRange = 1, kHoles = 2, kBitmap = 3, kSorted = 4, kArray = 5 };
  Kind kind = Kind::kRange;
  uint64_t begin = 0;
  uint64_t end = 0;
  EncodedArray array;  // the holes, or the ids
  std::span<const uint8_t> bitmap;

  static arrow::Result<Segment> Parse(std::span<const uint8_t> message) {
    std::optional<WireField> found;
    for (WireReader reader(message); !reader.done();) {
      ARROW_ASSIGN_OR_RAISE(const WireField field, reader.Next());
      if (field.number >= 1 && field.number <= 5) found = field;
    }
    if (!found.has_value()) return Malformed("a segment of an unknown kind");
    Segment segment;
    segment.kind = static_cast<Kind>(found->number);
    ARROW_ASSIGN_OR_RAISE(const auto inner, found->AsBytes());
    if (segment.kind == Kind::kSorted || segment.kind == Kind::kArray) {
      ARROW_ASSIGN_OR_RAISE(segment.array, EncodedArray::Parse(inner));
      return segment;
    }
    for (WireReader reader(inner); !reader.done();) {
      ARROW_ASSIGN_OR_RAISE(const WireField field, reader.Next());
      if (field.number == 1) {
        ARROW_ASSIGN_OR_RAISE(segment.begin, field.AsUnsigned());
      } else if (field.number == 2) {
        ARROW_ASSIGN_OR_RAISE(segment.end, field.AsUnsigned());
      } else if (field.number == 3 && segment.kind == Kind::kHoles) {
        ARROW_ASSIGN_OR_RAISE(const auto bytes, field.AsBytes());
        ARROW_ASSIGN_OR_RAISE(segment.array, EncodedArray::Parse(bytes));
      } else if (field.number == 3 && segment.kind == Kind::kBitmap) {
        ARROW_ASSIGN_OR_RAISE(segment.bitmap, field.AsBytes());
      }
    }
    return segment.CheckRange();
  }

  // How many ids there are.
  uint64_t num_ids() const {
    switch (kind) {
      case Kind::kRange:
        return end - begin;
      case Kind::kHoles:
        return end - begin - array.size();
      case Kind::kBitmap: {
        uint64_t count = 0;
        for (const uint8_t byte : bitmap) count += static_cast<uint64_t>(std::popcount(byte));
        return count;
      }
      default:
        return array.size();
    }
  }

 private:
  arrow::Result<Segment> CheckRange() const {
    if (begin > end) return Malformed("a range ends before it begins");
    const uint64_t length = end - begin;
    if (kind == Kind::kHoles && array.size() > length) {
      return Malformed("a range has more holes than ids");
    }
    if (kind == Kind::kBitmap) {
      if (bitmap.size() != length / 8 + (length % 8 != 0 ? 1 : 0)) {
        return Malformed("a bitmap is not as long as its range");
      }
      if (length % 8 != 0 && bitmap.back() >> (length % 8) != 0) {
        return Malformed("a bitmap has bits behind its range");
      }
    }
    return *this;
  }
};

arrow::Status AppendWithHoles(const Segment& segment, RowIdSequenceBuilder* ids) {
  uint64_t next = segment.begin;
  for (size_t i = 0; i < segment.array.size(); ++i) {
    const uint64_t hole = segment.array.base + segment.array.element(i);
    if (hole < next || hole >= segment.end) {
      return Malformed("a hole lies outside its range, or holes are not sorted");
    }
    ids->Append(next, hole - next);
    next = hole + 1;
  }
  ids->Append(next, segment.end - next);
  return arrow::Status::OK();
}

void AppendBitmap(const Segment& segment, RowIdSequenceBuilder* ids) {
  for (size_t i = 0; i < segment.bitmap.size(); ++i) {
    uint32_t byte = segment.bitmap[i];
    uint64_t id = segment.begin + i * 8;
    while (byte != 0) {
      const int zeros = std::countr_zero(byte);
      const int ones = std::countr_one(byte >> zeros);
      ids->Append(id + static_cast<uint64_t>(zeros), static_cast<uint64_t>(ones));
      byte >>= zeros + ones;
      id += static_cast<uint64_t>(zeros + ones);
    }
  }
}

arrow::Status AppendArray(const Segment& segment, RowIdSequenceBuilder* ids) {
  uint64_t last = 0;
  for (size_t i = 0; i < segment.array.size(); ++i) {
    const uint64_t id = segment.array.base + segment.array.element(i);
    if (segment.kind == Segment::Kind::kSorted && i > 0 && id <= last) {
      return Malformed("a sorted array is not sorted");
    }
    ids->Append(id, 1);
    last = id;
  }
  return arrow::Status::OK();
}

arrow::Status AppendSegment(const Segment& segment, RowIdSequenceBuilder* ids) {
  switch (segment.kind) {
    case Segment::Kind::kRange:
      ids->Append(segment.begin, segment.end - segment.begin);
      return arrow::Status::OK();
    case Segment::Kind::kHoles:
      return AppendWithHoles(segment, ids);
    case Segment::Kind::kBitmap:
      AppendBitmap(segment, ids);
      return arrow::Status::OK();
    case Segment::Kind::kSorted:
    case Segment::Kind::kArray:
      break;
  }
  return AppendArray(segment, ids);
}

arrow::Status CheckNumRows(uint64_t num_rows, int64_t num_physical_rows) {
  if (num_rows == static_cast<uint64_t>(num_physical_rows)) return arrow::Status::OK();
  return arrow::Status::SerializationError("row ids: there are ", num_rows, " for ",
                                           num_physical_rows, " rows");
}

}  // namespace

void RowIdSequenceBuilder::Append(uint64_t first, uint64_t count) {
  if (count == 0) return;
  if (count_ > 0 && first == first_ + count_) {
    count_ += count;
    return;
  }
  Flush();
  first_ = first;
  count_ = count;
}

arrow::Status RowIdSequenceBuilder::Append(std::span<const uint64_t> row_ids) {
  for (const uint64_t id : row_ids) {
    // No more than this is checked: it keeps a page of one value from claiming any number of rows.
    if (count_ > 0 && id == first_ + count_ - 1) {
      return arrow::Status::SerializationError("row ids: two rows have the id ", id);
    }
    Append(id, 1);
  }
  return arrow::Status::OK();
}

void RowIdSequenceBuilder::Flush() {
  if (count_ == 0) return;
  const auto row = static_cast<uint32_t>(sequence_->num_rows_);
  auto& pieces = sequence_->pieces_;
  auto& scattered = sequence_->scattered_;
  if (count_ >= kMinRunRows) {
    pieces.push_back({row, false, first_});
  } else {
    if (pieces.empty() || !pieces.back().is_scattered) {
      pieces.push_back({row, true, scattered.size()});
    }
    for (uint64_t i = 0; i < count_; ++i) scattered.push_back(first_ + i);
  }
  sequence_->num_rows_ += static_cast<int64_t>(count_);
  count_ = 0;
}

std::shared_ptr<const RowIdSequence> RowIdSequenceBuilder::Finish() {
  Flush();
  return std::move(sequence_);
}

arrow::Result<std::shared_ptr<const RowIdSequence>> RowIdSequence::Parse(
    std::span<const uint8_t> message, int64_t num_physical_rows) {
  std::vector<Segment> segments;
  uint64_t num_ids = 0;
  for (WireReader reader(message); !reader.done();) {
    ARROW_ASSIGN_OR_RAISE(const WireField field, reader.Next());
    if (field.number != 1) continue;
    ARROW_ASSIGN_OR_RAISE(const auto bytes, field.AsBytes());
    ARROW_ASSIGN_OR_RAISE(auto segment, Segment::Parse(bytes));
    // Before the ids are written out: a range of a few bytes may claim any number.
    const uint64_t count = segment.num_ids();
    if (count > static_cast<uint64_t>(num_physical_rows) - num_ids) {
      return CheckNumRows(count > UINT64_MAX - num_ids ? UINT64_MAX : num_ids + count,
                          num_physical_rows);
    }
    num_ids += count;
    segments.push_back(segment);
  }
  ARROW_RETURN_NOT_OK(CheckNumRows(num_ids, num_physical_rows));
  RowIdSequenceBuilder builder;
  for (const Segment& segment : segments) ARROW_RETURN_NOT_OK(AppendSegment(segment, &builder));
  return builder.Finish();
}

size_t RowIdSequence::PieceOf(uint32_t row) const {
  const auto after =
      std::upper_bound(pieces_.begin(), pieces_.end(), row,
                       [](uint32_t value, const Piece& piece) { return value < piece.first_row; });
  return static_cast<size_t>(after - pieces_.begin()) - 1;
}

uint64_t RowIdSequence::At(uint32_t row) const {
  const Piece& piece = pieces_[PieceOf(row)];
  const uint64_t place = piece.first + (row - piece.first_row);
  return piece.is_scattered ? scattered_[place] : place;
}

void RowIdSequence::Read(uint32_t first_row, std::span<uint64_t> row_ids) const {
  if (row_ids.empty()) return;
  int64_t row = first_row;
  for (size_t i = PieceOf(first_row); !row_ids.empty(); ++i) {
    const Piece& piece = pieces_[i];
    const auto count = static_cast<size_t>(
        std::min<int64_t>(end_row(i) - row, static_cast<int64_t>(row_ids.size())));
    const uint64_t place = piece.first + static_cast<uint64_t>(row - piece.first_row);
    if (piece.is_scattered) {
      std::copy_n(scattered_.begin() + static_cast<std::ptrdiff_t>(place), count, row_ids.begin());
    } else {
      for (size_t k = 0; k < count; ++k) row_ids[k] = place + k;
    }
    row_ids = row_ids.subspan(count);
    row += static_cast<int64_t>(count);
  }
}

arrow::Result<std::shared_ptr<const RowVersionSequence>> RowVersionSequence::Parse(
    std::span<const uint8_t> message, int64_t num_physical_rows) {
  auto sequence = std::make_shared<RowVersionSequence>();
  uint64_t num_rows = 0;
  for (WireReader reader(message); !reader.done();) {
    ARROW_ASSIGN_OR_RAISE(const WireField field, reader.Next());
    if (field.number != 1) continue;
    ARROW_ASSIGN_OR_RAISE(const auto bytes, field.AsBytes());
    Segment span;
    uint64_t version = 0;
    for (WireReader run(bytes); !run.done();) {
      ARROW_ASSIGN_OR_RAISE(const WireField part, run.Next());
      if (part.number == 1) {
        ARROW_ASSIGN_OR_RAISE(const auto segment, part.AsBytes());
        ARROW_ASSIGN_OR_RAISE(span, Segment::Parse(segment));
      } else if (part.number == 2) {
        ARROW_ASSIGN_OR_RAISE(version, part.AsUnsigned());
      }
    }
    const uint64_t count = span.num_ids();
    if (count == 0) continue;
    if (count > static_cast<uint64_t>(num_physical_rows) - num_rows) {
      return arrow::Status::SerializationError("row versions: there are more than the ",
                                               num_physical_rows, " rows");
    }
    if (sequence->runs_.empty() || sequence->runs_.back().version != version) {
      sequence->runs_.push_back({static_cast<uint32_t>(num_rows), version});
    }
    num_rows += count;
  }
  if (num_rows != static_cast<uint64_t>(num_physical_rows)) {
    return arrow::Status::SerializationError("row versions: there are ", num_rows, " for ",
                                             num_physical_rows, " rows");
  }
  sequence->num_rows_ = num_physical_rows;
  return sequence;
}

std::shared_ptr<const RowVersionSequence> RowVersionSequence::Repeated(uint64_t version,
                                                                       int64_t num_rows) {
  auto sequence = std::make_shared<RowVersionSequence>();
  if (num_rows > 0) sequence->runs_.push_back({0, version});
  sequence->num_rows_ = num_rows;
  return sequence;
}

void RowVersionSequence::Append(std::span<const uint64_t> versions) {
  for (const uint64_t version : versions) {
    if (runs_.empty() || runs_.back().version != version) {
      runs_.push_back({static_cast<uint32_t>(num_rows_), version});
    }
    ++num_rows_;
  }
}

std::shared_ptr<const RowVersionSequence> RowVersionSequence::Default() {
  constexpr uint64_t kFirstVersion[] = {1};
  auto sequence = std::make_shared<RowVersionSequence>();
  sequence->Append(kFirstVersion);
  return sequence;
}

void RowVersionSequence::Read(uint32_t first_row, std::span<uint64_t> versions) const {
  if (versions.empty()) return;
  const auto after =
      std::upper_bound(runs_.begin(), runs_.end(), first_row,
                       [](uint32_t value, const Run& run) { return value < run.first_row; });
  uint64_t row = first_row;
  for (auto run = after - 1; !versions.empty(); ++run) {
    const uint64_t end = run + 1 != runs_.end() ? (run + 1)->first_row : row + versions.size();
    const auto count = static_cast<size_t>(std::min<uint64_t>(end - row, versions.size()));
    std::fill_n(versions.begin(), count, run->version);
    versions = versions.subspan(count);
    row += count;
  }
}

std::vector<uint8_t> RowIdSequence::Write() const {
  WireWriter message;
  for (size_t i = 0; i < pieces_.size(); ++i) {
    const Piece& piece = pieces_[i];
    const auto count = static_cast<uint64_t>(end_row(i)) - piece.first_row;
    WireWriter segment;
    if (!piece.is_scattered) {
      segment.Child(
          1,
          WireWriter().NumberUnlessZero(1, piece.first).NumberUnlessZero(2, piece.first + count));
    } else {
      std::vector<uint8_t> values(count * sizeof(uint64_t));
      for (size_t k = 0; k < count; ++k) {
        const uint64_t id = scattered_[piece.first + k];
        for (size_t byte = 0; byte < sizeof(id); ++byte) {
          values[k * sizeof(id) + byte] = static_cast<uint8_t>(id >> 8 * byte);
        }
      }
      // An array in any order, of numbers of 64 bits.
      segment.Child(5, WireWriter().Child(3, WireWriter().Bytes(2, values)));
    }
    message.Child(1, segment);
  }
  return std::move(message).Finish();
}

std::vector<uint8_t> RowVersionSequence::Write() const {
  WireWriter message;
  for (size_t i = 0; i < runs_.size(); ++i) {
    const int64_t end = i + 1 < runs_.size() ? int64_t{runs_[i + 1].first_row} : num_rows_;
    // Of the span only the number of elements counts.
    const auto count = static_cast<uint64_t>(end) - runs_[i].first_row;
    const auto range = WireWriter().Child(1, WireWriter().Number(2, count));
    message.Child(1, WireWriter().Child(1, range).NumberUnlessZero(2, runs_[i].version));
  }
  return std::move(message).Finish();
}

}  // namespace croupier::format
