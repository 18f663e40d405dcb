#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/format/manifest/schema.h"
#include "croupier/format/page/leaf_path.h"

namespace croupier::format {

/// A leaf column of a table: a physical column of files of format 2.1 and 2.2.
struct LeafColumn {
  std::string name;  ///< with the fields above it: "person.name"
  int32_t field_id = 0;
  std::vector<int32_t>
      parents;  ///< ids of the fields above it, outermost first: one for each layer
  std::shared_ptr<const LeafPath> path;

  /// Count the fields above both, which are layers of both.
  size_t NumSharedLayers(const LeafColumn& other) const;
};

/// A column of a result: which leaves it has, and how their arrays become one.
///
/// It is a column of a table, or a field below structs of one. Immutable.
class ColumnTree {
 public:
  /// \param way fields from a column of the table down to the one that is wanted: all but the last
  /// are
  ///        structs
  /// \return NotImplemented, naming it, for a field of a kind that cannot be read
  static arrow::Result<ColumnTree> Make(const std::vector<const Field*>& way);

  /// List the leaves of a column that can be read, wanted or not.
  static std::vector<LeafColumn> AllLeaves(const Field& column);

  /// In pre-order.
  const std::vector<LeafColumn>& leaves() const { return leaves_; }

  /// Put the column together. It is null where a struct above it is.
  ///
  /// \param leaves an array of each leaf, of its path's type, as a ColumnAssembler gives it
  /// \return SerializationError if they disagree about the lists above them
  arrow::Result<std::shared_ptr<arrow::ArrayData>> Assemble(
      std::vector<std::shared_ptr<arrow::ArrayData>> leaves, arrow::MemoryPool* pool) const;

 private:
  // The way from a column down to a field.
  struct Way {
    std::string name;
    std::vector<int32_t> parents;
    std::vector<PathLayer> layers;

    void Enter(const Field& field);
  };
  struct Node {
    std::shared_ptr<arrow::Field> field;
    std::vector<Node> children;
    size_t first_leaf = 0;
    size_t end_leaf = 0;
  };

  using Arrays = std::vector<std::shared_ptr<arrow::ArrayData>>;

  static arrow::Result<LeafColumn> MakeLeaf(const Field& field, const Way& above);
  static arrow::Result<Node> Build(const Field& field, Way above, std::vector<LeafColumn>* leaves);
  static void AddReadable(const Field& field, Way above, std::vector<LeafColumn>* leaves);
  static arrow::Result<std::shared_ptr<arrow::ArrayData>> AssembleNode(const Node& node,
                                                                       Arrays* arrays,
                                                                       arrow::MemoryPool* pool);

  size_t num_structs_above_ = 0;
  Node root_;
  std::vector<LeafColumn> leaves_;
};

}  // namespace croupier::format
