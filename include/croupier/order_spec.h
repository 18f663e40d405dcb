#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/status.h>

namespace croupier {

/// How rows are shuffled, within a split or before splits are cut.
///
/// Rows move in clumps of `clump_size` consecutive ones, of which the last may be shorter. With
/// windows, the rows of every `window_clumps` clumps that follow each other in the new order are
/// shuffled among themselves: nearly full randomness, while what is read together stays together.
struct ShuffleSpec {
  uint64_t seed = 0;
  int64_t clump_size = 1;     ///< rows; at least 1
  int64_t window_clumps = 1;  ///< clumps of a window; at least 1, which leaves clumps as they are

  bool operator==(const ShuffleSpec&) const = default;
  /// Invalid for sizes below 1.
  arrow::Status Check() const;
};

/// What becomes of rows that cannot be dealt out evenly.
enum class Remainder : uint8_t {
  kDrop,    ///< they are left out
  kSpread,  ///< the first parts get one row more
  kRepeat,  ///< the first rows are repeated, so that all parts have as many (shards only)
};

/// One of several equal parts of every split, for one reader of several: positions index, index +
/// num_shards, …
struct ShardSpec {
  int64_t num_shards = 1;
  int64_t index = 0;
  Remainder remainder = Remainder::kSpread;

  bool operator==(const ShardSpec&) const = default;
  /// Invalid unless `index` is in [0, num_shards).
  arrow::Status Check() const;
  /// The rows that a split of `num_rows` leaves.
  int64_t NumRows(int64_t num_rows) const;
};

/// How the values of a row say which split it is in.
struct SplitRule {
  enum class Kind : uint8_t {
    kHash,        ///< by a hash of columns and weights; rows never move to another split
    kCalculated,  ///< by an SQL expression that gives the number of the split
    kGrouped,     ///< by a keyed hash of columns and ratios; rows never move to another split
    kStratified,  ///< at random, with the same ratios among rows of equal values
  };
  /// Ratios are multiples of 1 / kRatioUnit.
  static constexpr int64_t kRatioUnit = int64_t{1} << 53;

  Kind kind = Kind::kHash;
  std::vector<std::string> columns = {};  ///< of all but kCalculated
  std::string expression = {};            ///< of kCalculated
  std::vector<int64_t> weights = {};      ///< kHash: of each split
  int64_t discard_weight = 0;             ///< kHash: of rows in no split
  std::vector<int64_t> ratios = {};  ///< kGrouped, kStratified: of each split, in 1 / kRatioUnit
  uint64_t seed = 0;                 ///< of kGrouped and kStratified

  bool operator==(const SplitRule&) const = default;
};

/// How the rows of a table are ordered and divided: what determines it, not a list.
///
/// The order is a specified function of this and of the base table (docs/concepts/order.md), the
/// same in every language and release.
struct OrderSpec {
  enum class Split : uint8_t {
    kNone,        ///< one split with all rows
    kSequential,  ///< splits are cut from the rows in storage order
    kRandom,      ///< splits are cut from the rows in an order shuffled by split_shuffle
    kRule,        ///< the values of a row say which split it is in
    kListed,      ///< a table lists the rows of each split; what made it is not known
  };

  static constexpr int64_t kMaxSplits = 1 << 24;

  uint64_t base_version = 0;
  int64_t num_base_rows = 0;  ///< live rows of that version
  /// SQL: only the rows that it keeps are ordered.
  std::optional<std::string> filter = std::nullopt;
  int64_t num_selected_rows = 0;  ///< rows that the filter keeps; num_base_rows without one
  Split split = Split::kNone;
  ShuffleSpec split_shuffle = {};                      ///< of kRandom; no windows
  std::optional<SplitRule> split_rule = std::nullopt;  ///< of kRule
  std::string list_hash = {};  ///< of kListed: 16 hexadecimal digits that tell lists apart
  std::vector<int64_t> split_sizes =
      {};  ///< rows of each split, before it is sharded; one for kNone
  /// If set, each split is shuffled by it.
  std::optional<ShuffleSpec> shuffle = std::nullopt;
  ShardSpec shard = {};

  /// Tell whether the order is computed of these numbers alone, whatever is in the rows.
  bool is_computed() const;

  /// Write the spec as its canonical line of text.
  std::string ToString() const;
  /// Read a canonical line; Invalid, saying why, for any other text.
  static arrow::Result<OrderSpec> Parse(const std::string& text);
  /// Identify the order: 16 hexadecimal digits, a hash of the canonical line.
  std::string OrderId() const;
};

/// Sizes of splits, asked for in exactly one of three ways.
struct SplitSizes {
  std::optional<std::vector<double>> ratios = {};   ///< shares of the rows; sum at most 1
  std::optional<std::vector<int64_t>> counts = {};  ///< rows of each split; sum at most the rows
  std::optional<int64_t> fixed = {};                ///< number of splits of equal size
  /// What becomes of rows over where `fixed` does not divide them: dropped or spread.
  Remainder remainder = Remainder::kDrop;

  /// Check what can be checked without a table. Invalid with LanceDB's key phrases.
  arrow::Status Validate() const;
  /// The rows of each split of a table of `num_rows`.
  ///
  /// Ratios are rounded to nearest; rows too many are taken from the first splits in turn; if the
  /// ratios sum to 1, rows too few are given to the first splits in turn.
  arrow::Result<std::vector<int64_t>> Resolve(int64_t num_rows) const;
};

}  // namespace croupier
