#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <arrow/result.h>
#include <arrow/status.h>

namespace croupier::format {

/// The row ids of the rows of a fragment, by physical offset.
///
/// Held as runs of consecutive ids, and one by one where ids do not follow each other: at most 8
/// bytes a row. Immutable; any number of threads.
///
/// Source: lance-table.md, section 9.1.
class RowIdSequence {
 public:
  /// Consecutive rows whose ids are consecutive, or any (scattered).
  struct Piece {
    uint32_t first_row = 0;
    bool is_scattered = false;
    uint64_t first = 0;  ///< the id of the first row; of scattered rows: its place in scattered()
  };

  /// Parse a RowIdSequence message.
  ///
  /// \param num_physical_rows of the fragment, below 2^32: there must be as many ids
  /// \return SerializationError for malformed bytes or another number of ids
  static arrow::Result<std::shared_ptr<const RowIdSequence>> Parse(std::span<const uint8_t> message,
                                                                   int64_t num_physical_rows);

  /// Write the RowIdSequence message.
  std::vector<uint8_t> Write() const;

  int64_t num_rows() const { return num_rows_; }
  const std::vector<Piece>& pieces() const { return pieces_; }
  const std::vector<uint64_t>& scattered() const { return scattered_; }
  /// Where a piece ends: the first row behind it.
  int64_t end_row(size_t piece) const {
    return piece + 1 < pieces_.size() ? pieces_[piece + 1].first_row : num_rows_;
  }

  /// The id of a row in [0, num_rows()).
  uint64_t At(uint32_t row) const;
  /// Write the ids of row_ids.size() rows from `first_row`.
  void Read(uint32_t first_row, std::span<uint64_t> row_ids) const;

 private:
  friend class RowIdSequenceBuilder;
  size_t PieceOf(uint32_t row) const;

  std::vector<Piece> pieces_;
  std::vector<uint64_t> scattered_;
  int64_t num_rows_ = 0;
};

/// Puts a RowIdSequence together from its first row on.
class RowIdSequenceBuilder {
 public:
  RowIdSequenceBuilder() : sequence_(std::make_shared<RowIdSequence>()) {}

  /// Append the ids first, first + 1, …; of fewer than 2^32 rows in all.
  void Append(uint64_t first, uint64_t count);
  /// Append ids as they are; SerializationError if one is that of the row before.
  arrow::Status Append(std::span<const uint64_t> row_ids);

  std::shared_ptr<const RowIdSequence> Finish();

 private:
  void Flush();

  std::shared_ptr<RowIdSequence> sequence_;
  uint64_t first_ = 0;  // of the run in the making
  uint64_t count_ = 0;
};

/// The version at which each row of a fragment was made, or last changed, by physical offset.
///
/// Immutable; any number of threads. Source: lance-table.md, section 9.2.
class RowVersionSequence {
 public:
  /// Parse a RowDatasetVersionSequence message. Of its spans only the number of elements counts.
  ///
  /// \param num_physical_rows of the fragment, below 2^32: the spans must have as many elements
  /// \return SerializationError for malformed bytes or another number of rows
  static arrow::Result<std::shared_ptr<const RowVersionSequence>> Parse(
      std::span<const uint8_t> message, int64_t num_physical_rows);

  /// Make one of rows that have the same version; fewer than 2^32.
  static std::shared_ptr<const RowVersionSequence> Repeated(uint64_t version, int64_t num_rows);

  /// Append the versions of the rows behind those there are, fewer than 2^32 in all.
  void Append(std::span<const uint64_t> versions);

  /// Write the RowDatasetVersionSequence message.
  std::vector<uint8_t> Write() const;

  /// Make the one that a fragment has which does not say: version 1 for every row.
  static std::shared_ptr<const RowVersionSequence> Default();

  /// Write the versions of versions.size() rows from `first_row`.
  void Read(uint32_t first_row, std::span<uint64_t> versions) const;

 private:
  // Rows of one version, up to the first row of the next run.
  struct Run {
    uint32_t first_row = 0;
    uint64_t version = 0;
  };
  std::vector<Run> runs_;
  int64_t num_rows_ = 0;
};

}  // namespace croupier::format
