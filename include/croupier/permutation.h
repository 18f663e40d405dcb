#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/table.h"

namespace croupier {

/// How the rows of a table are ordered and divided: the numbers that determine it, no list.
///
/// The order is a specified function of these numbers (docs/concepts/order.md), the same in every
/// language and release.
struct OrderSpec {
  enum class Split : uint8_t {
    kNone,        ///< one split with all rows
    kSequential,  ///< splits are cut from the rows in storage order
    kRandom,      ///< splits are cut from the rows in an order shuffled by split_seed
  };

  static constexpr int64_t kMaxSplits = 1 << 24;

  uint64_t base_version = 0;
  int64_t num_base_rows = 0;  ///< live rows of that version
  Split split = Split::kNone;
  uint64_t split_seed = 0;           ///< of kRandom
  std::vector<int64_t> split_sizes;  ///< rows of each split; one entry for kNone
  /// If set, each split is shuffled by it.
  std::optional<uint64_t> shuffle_seed;

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
  std::optional<int64_t> fixed = {};  ///< number of splits of equal size, rounded down

  /// Check what can be checked without a table. Invalid with LanceDB's key phrases.
  arrow::Status Validate() const;
  /// The rows of each split of a table of `num_rows`.
  ///
  /// Ratios are rounded to nearest; rows too many are taken from the first splits in turn; if the
  /// ratios sum to 1, rows too few are given to the first splits in turn.
  arrow::Result<std::vector<int64_t>> Resolve(int64_t num_rows) const;
};

/// Which rows of a base table are read, in which order, divided into splits; never a copy of the
/// data.
///
/// As a table it has the rows (row_id, split_id), sorted by split, computed when they are read.
/// Immutable; any number of threads; usable in a forked child. Rows of a split have positions
/// [0, split_num_rows(split)).
class PermutationTable : public std::enable_shared_from_this<PermutationTable> {
 public:
  /// Make one of its numbers; Invalid if they contradict each other.
  ///
  /// \param split_names one for each split, all different, or none
  /// \param base_branch that the version of the base table is on; empty for the main branch
  static arrow::Result<std::shared_ptr<const PermutationTable>> Make(
      OrderSpec spec, std::vector<std::string> split_names = {}, std::string base_branch = {});
  ~PermutationTable();

  const OrderSpec& spec() const;
  /// Rows of all splits.
  int64_t num_rows() const;
  int64_t num_splits() const;
  int64_t split_num_rows(int64_t split) const;
  const std::vector<std::string>& split_names() const;  ///< empty if unnamed
  /// The number of a split; KeyError "No split named `x` found", with the names there are.
  arrow::Result<int64_t> SplitByName(const std::string& name) const;
  uint64_t base_version() const;
  const std::string& base_branch() const;  ///< empty for the main branch
  std::string order_id() const;

  /// (row_id: uint64, split_id: uint64) with the metadata keys of LanceDB (split_names,
  /// base_version, base_branch unless it is the main one) and ours (croupier.order,
  /// croupier.order_id).
  const std::shared_ptr<arrow::Schema>& schema() const;

  /// Replace positions of a split, each in [0, split_num_rows(split)), by ranks among the live
  /// rows.
  void PositionsToRanks(int64_t split, std::span<uint64_t> positions_to_ranks) const;

  /// Tell whether a table may be the one that this orders.
  ///
  /// \return Invalid if it is of another version or branch, or has another number of rows
  arrow::Status CheckBase(const TableSource& base) const;

  /// Read the rows (row_id, split_id) for the base table that this orders.
  ///
  /// \return errors as for CheckBase
  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> ToReader(
      const std::shared_ptr<const TableSource>& base, int64_t batch_rows = 65536) const;

 private:
  struct Impl;
  explicit PermutationTable(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

/// Builds a permutation table. Steps may come in any order: split, then shuffle are carried out.
///
/// Not thread-safe.
class PermutationBuilder {
 public:
  explicit PermutationBuilder(std::shared_ptr<const TableSource> base);

  /// Cut splits from the rows in random order. Without a seed, one is drawn and kept in the spec.
  arrow::Status SplitRandom(SplitSizes sizes, std::optional<uint64_t> seed = std::nullopt,
                            std::vector<std::string> split_names = {});
  /// Cut splits from the rows in storage order. The last call of any split method counts.
  arrow::Status SplitSequential(SplitSizes sizes, std::vector<std::string> split_names = {});
  /// Shuffle each split.
  arrow::Status Shuffle(std::optional<uint64_t> seed = std::nullopt);

  /// Build; a second call gives Invalid "Builder already consumed", as does every other call after
  /// it.
  arrow::Result<std::shared_ptr<const PermutationTable>> Execute();

 private:
  arrow::Status CheckNotConsumed() const;

  std::shared_ptr<const TableSource> base_;
  OrderSpec::Split split_ = OrderSpec::Split::kNone;
  SplitSizes sizes_;
  uint64_t split_seed_ = 0;
  std::vector<std::string> split_names_;
  std::optional<uint64_t> shuffle_seed_;
  bool consumed_ = false;
};

/// The rows of one split of a permutation table, or of a whole table in storage order.
///
/// Positions are [0, num_rows()); row ids are those of the base table at its version. Immutable;
/// any number of threads may read. Usable in a forked child.
class Permutation {
 public:
  /// Make one.
  ///
  /// \param permutation_table null for the identity: all live rows in storage order
  /// \return errors as for PermutationTable::CheckBase; IndexError for a split that does not exist
  static arrow::Result<std::shared_ptr<const Permutation>> Make(
      std::shared_ptr<const TableSource> base,
      std::shared_ptr<const PermutationTable> permutation_table = nullptr, int64_t split = 0);
  ~Permutation();

  const std::shared_ptr<const TableSource>& base() const;
  const std::shared_ptr<const PermutationTable>& permutation_table()
      const;  ///< null for the identity
  int64_t num_rows() const;

  /// Find the row ids at `positions`, each in [0, num_rows()).
  ///
  /// \return IndexError names the first bad position
  arrow::Result<std::vector<uint64_t>> RowIds(std::span<const int64_t> positions,
                                              const ReadOptions& options = {}) const;

  /// Read the rows at `positions`, in that order; repeats are allowed.
  ///
  /// \return batch with positions.size() rows; IndexError names the first bad position; other
  /// errors as
  ///         TableSource::Take; never a partial batch
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Take(std::span<const int64_t> positions,
                                                          const std::vector<std::string>& columns,
                                                          const ReadOptions& options = {}) const;

  /// Read the rows at positions [begin, end).
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> TakeRange(
      int64_t begin, int64_t end, const std::vector<std::string>& columns,
      const ReadOptions& options = {}) const;

 private:
  struct Impl;
  explicit Permutation(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace croupier
