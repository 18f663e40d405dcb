#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/expression.h"
#include "croupier/order_spec.h"
#include "croupier/table.h"
#include "croupier/table_writer.h"

namespace croupier {

namespace permutation {
struct TableParts;
}  // namespace permutation

/// How a permutation is built; nothing here changes what is built.
struct BuildOptions : ReadOptions {
  /// Bytes of lists that stay in memory; what is over goes to a temporary file. 0: by Config
  /// (CROUPIER_ORDER_BYTES).
  int64_t list_bytes = 0;
  /// Where that file is; empty: TMPDIR, else /tmp.
  std::string spill_directory = {};
};

/// Which rows of a base table are read, in which order, divided into splits; never a copy of the
/// data.
///
/// As a table it has the rows (row_id, split_id), sorted by split, computed when they are read. An
/// order that depends on numbers alone is computed; of one that depends on what is in the rows,
/// the rows of each split are listed, in 1 to 8 bytes each. Immutable; any number of threads;
/// usable in a forked child. Rows of a split have positions [0, split_num_rows(split)).
class PermutationTable : public std::enable_shared_from_this<PermutationTable> {
 public:
  /// Make one of its numbers. Invalid if they contradict each other, or if the order is not
  /// computed.
  ///
  /// \param split_names one for each split, all different, or none
  /// \param base_branch that the version of the base table is on; empty for the main branch
  static arrow::Result<std::shared_ptr<const PermutationTable>> Make(
      OrderSpec spec, std::vector<std::string> split_names = {}, std::string base_branch = {});

  /// Find the version and branch of the base table that a kept permutation was built on.
  ///
  /// \return nothing set where an old table does not say; Invalid if the metadata cannot be read
  static arrow::Result<VersionRef> BaseOf(const TableSource& kept);

  /// Read a permutation that was kept as a table, by this library or by LanceDB.
  ///
  /// \param kept has the columns row_id and split_id, of any integer type; of each split the rows
  ///        are in reading order. Rows whose split is null or negative are in no split.
  /// \param base the table that it orders, at the version that the metadata of `kept` names, if it
  ///        names one
  /// \return Invalid if columns are missing ("Permutation table must contain a column named …"),
  ///         if the metadata cannot be read or contradicts the rows, or for another base table
  static arrow::Result<std::shared_ptr<const PermutationTable>> Read(
      const TableSource& kept, const TableSource& base, const BuildOptions& options = {});

  /// Make one of its parts, which only this room can make.
  static arrow::Result<std::shared_ptr<const PermutationTable>> FromParts(
      permutation::TableParts parts);
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
  /// Bytes that lists of rows take; 0 for an order that is computed.
  int64_t num_list_bytes() const;

  /// (row_id: uint64, split_id: uint64) with the metadata keys of LanceDB (split_names,
  /// base_version, base_branch unless it is the main one) and ours (croupier.order,
  /// croupier.order_id, croupier.base_identity).
  const std::shared_ptr<arrow::Schema>& schema() const;

  /// Tell what MapPositions gives: ranks among the live rows, or row ids.
  bool maps_to_row_ids() const;
  /// Replace positions of a split, each in [0, split_num_rows(split)), by ranks or row ids.
  ///
  /// \return SerializationError if the file that the lists are mapped from was damaged; Invalid for
  ///         a split that Serialize left out; of a table that was built in this process no errors
  arrow::Status MapPositions(int64_t split, std::span<uint64_t> positions) const;

  /// Tell whether a table may be the one that this orders.
  ///
  /// \return Invalid if it is of another version or branch, has another number of rows, or is known
  ///         to be another table
  arrow::Status CheckBase(const TableSource& base) const;

  /// Show the rows (row_id, split_id) as a table: by split, in reading order; computed when they
  /// are read.
  ///
  /// \param base the table that this orders; errors as for CheckBase
  arrow::Result<std::shared_ptr<const TableSource>> AsTable(
      std::shared_ptr<const TableSource> base) const;

  /// Keep the permutation as a Lance table, which LanceDB reads too.
  ///
  /// An order that is computed is kept as its numbers, in the metadata of a table without rows; one
  /// that is listed, or with `materialize`, as its rows. Beside the rows of one that is listed, in
  /// a local directory, its lists are kept as a file that Read maps (docs/format/order-file.md).
  ///
  /// \param uri of the new table's directory
  /// \return errors as for CheckBase and TableWriter::Create
  arrow::Status Keep(const std::shared_ptr<const TableSource>& base, const std::string& uri,
                     bool materialize = false, const CreateOptions& create = {},
                     const LanceOptions& options = {}) const;

  /// Write it as a few bytes for another process, which has the base table too.
  ///
  /// Lists over 2 KiB go by a file that the other process maps: that of a kept permutation, else
  /// one in `croupier-<user id>` of the directory of temporary files, which this process removes at
  /// its exit. Where the file is gone, the order is built or read again as it was here. Lists of
  /// neither origin, as of a kept table in memory, go by value.
  ///
  /// \param splits whose rows are needed there, where they go by value; none: all
  /// \return SerializationError if the file of its own lists was damaged
  arrow::Result<std::string> Serialize(std::span<const int64_t> splits = {}) const;
  /// Read what Serialize wrote.
  ///
  /// \param base the table that it orders, to build the order again; may be null if it will not be
  /// \param kept how a kept table is opened to be read again; `at` is not looked at
  /// \return SerializationError or Invalid for other bytes; Invalid, with the remedy, if the file
  ///         is gone and the order cannot be made again, or has other rows now
  static arrow::Result<std::shared_ptr<const PermutationTable>> Deserialize(
      std::string_view bytes, const std::shared_ptr<const TableSource>& base = nullptr,
      const BuildOptions& options = {}, const LanceOptions& kept = {});

 private:
  struct Impl;
  const permutation::TableParts& parts() const;
  explicit PermutationTable(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

/// Builds a permutation table. Steps may come in any order: filter, then split, shuffle and shard
/// are carried out.
///
/// One thread at a time.
class PermutationBuilder {
 public:
  explicit PermutationBuilder(std::shared_ptr<const TableSource> base);

  /// Keep only the rows for which an SQL expression is true.
  ///
  /// \return errors of Expression::Parse and BindFilter
  arrow::Status Filter(const std::string& filter);
  /// Cut splits from the rows in random order. Without a seed, one is drawn and kept in the spec.
  ///
  /// \param clump_size rows that stay together
  arrow::Status SplitRandom(SplitSizes sizes, std::optional<uint64_t> seed = std::nullopt,
                            std::vector<std::string> split_names = {}, int64_t clump_size = 1);
  /// Cut splits from the rows in storage order. The last call of any split method counts.
  arrow::Status SplitSequential(SplitSizes sizes, std::vector<std::string> split_names = {});
  /// Divide the rows by their values. The rows of each split are in storage order.
  ///
  /// \return Invalid, KeyError or TypeError if the rule does not fit itself or the base table
  arrow::Status SplitBy(SplitRule rule, std::vector<std::string> split_names = {});
  /// Shuffle each split.
  arrow::Status Shuffle(std::optional<uint64_t> seed = std::nullopt, int64_t clump_size = 1,
                        int64_t window_clumps = 1);
  /// Keep one of several equal parts of each split, as it is then read.
  arrow::Status Shard(ShardSpec shard);

  /// Build; a second call gives Invalid "Builder already consumed", as does every other call after
  /// it.
  arrow::Result<std::shared_ptr<const PermutationTable>> Execute(const BuildOptions& options = {});

 private:
  arrow::Status CheckNotConsumed() const;
  arrow::Status CutSplits(OrderSpec::Split split, SplitSizes sizes,
                          std::vector<std::string> split_names);

  std::shared_ptr<const TableSource> base_;
  std::optional<Expression> filter_;
  OrderSpec::Split split_ = OrderSpec::Split::kNone;
  SplitSizes sizes_;
  ShuffleSpec split_shuffle_;
  std::optional<SplitRule> split_rule_;
  std::vector<std::string> split_names_;
  std::optional<ShuffleSpec> shuffle_;
  ShardSpec shard_;
  bool consumed_ = false;
};

/// Rows of a table in an order: one split of a permutation table, a whole table in storage order,
/// or what was made of these.
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

  /// Read several permutations of one base table as one, computed and listed ones alike.
  ///
  /// \param shuffle of all rows together; nothing: one part after the other
  /// \return Invalid for no parts, or parts of different tables
  static arrow::Result<std::shared_ptr<const Permutation>> Join(
      const std::vector<std::shared_ptr<const Permutation>>& parts,
      const std::optional<ShuffleSpec>& shuffle = std::nullopt);
  ~Permutation();

  const std::shared_ptr<const TableSource>& base() const;
  int64_t num_rows() const;

  /// The same rows, read from the same table with other columns, as of WithComputedColumns.
  ///
  /// \return Invalid for a table of another version, branch, identity or number of rows
  arrow::Result<std::shared_ptr<const Permutation>> WithBase(
      std::shared_ptr<const TableSource> base) const;

  /// The `count` positions begin, begin + step, …; Invalid unless all are in [0, num_rows()).
  arrow::Result<std::shared_ptr<const Permutation>> Slice(int64_t begin, int64_t step,
                                                          int64_t count) const;
  /// One of several equal parts, as of a split.
  arrow::Result<std::shared_ptr<const Permutation>> Shard(const ShardSpec& shard) const;
  /// All rows `times` times over, in the same order; Invalid if that is negative or too much.
  arrow::Result<std::shared_ptr<const Permutation>> Repeat(int64_t times) const;
  /// The rows by the value of a column, in their order where values are equal; nulls come last.
  ///
  /// The column is read; 1 to 8 bytes a row are held.
  arrow::Result<std::shared_ptr<const Permutation>> SortBy(const std::string& column,
                                                           bool descending = false,
                                                           const BuildOptions& options = {}) const;

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
