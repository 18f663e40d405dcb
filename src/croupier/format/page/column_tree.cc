#include "croupier/format/page/column_tree.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/status.h>
#include <arrow/type.h>
#include <arrow/util/bitmap_ops.h>

#include "croupier/format/page/leaf_shape.h"

namespace croupier::format {

namespace {

using ArrayPtr = std::shared_ptr<arrow::ArrayData>;

// The kind of a leaf; NotImplemented for one that cannot be read.
arrow::Result<LeafKind> KindOf(const Field& leaf, const std::string& name) {
  const auto& type = *leaf.arrow_field->type();
  const auto cannot = [&](const char* what) {
    return arrow::Status::NotImplemented("cannot read column '", name, "' yet: it is ", what, " (",
                                         leaf.logical_type, ", ", type.ToString(), ")");
  };
  if (leaf.is_unknown) return cannot("of a type that this library does not know");
  if (leaf.logical_type == "json") return LeafKind::kJson;
  if (type.id() == arrow::Type::STRUCT && type.num_fields() == 0) return LeafKind::kEmptyStruct;
  const auto shape = LeafShape::Of(type);
  if (shape.ok()) return LeafKind::kValues;
  return shape.status().WithMessage("column '", name, "': ", shape.status().message());
}

std::string NameBelow(const std::string& parent, const Field& field) {
  return parent.empty() ? field.name : parent + "." + field.name;
}

// Two validity bitmaps as one: valid in both. No bitmap is all valid.
arrow::Result<std::shared_ptr<arrow::Buffer>> ValidInBoth(const std::shared_ptr<arrow::Buffer>& a,
                                                          const std::shared_ptr<arrow::Buffer>& b,
                                                          int64_t length, arrow::MemoryPool* pool) {
  if (a == nullptr || b == nullptr) return a == nullptr ? b : a;
  return arrow::internal::BitmapAnd(pool, a->data(), 0, b->data(), 0, length, 0);
}

bool AreSameValidity(const std::shared_ptr<arrow::Buffer>& a,
                     const std::shared_ptr<arrow::Buffer>& b, int64_t length) {
  if (a == nullptr || b == nullptr) return a == b;
  return a->data() == b->data() ||
         arrow::internal::BitmapEquals(a->data(), 0, b->data(), 0, length);
}

// Find the validity of a struct from that of its leaves. These agree, but for members that were
// added later, in other files: a struct is null where all of them say so, and elsewhere the members
// are null that say so.
arrow::Result<std::shared_ptr<arrow::Buffer>> JoinValidity(std::span<ArrayPtr> leaves,
                                                           arrow::MemoryPool* pool) {
  const int64_t length = leaves[0]->length;
  auto joined = leaves[0]->buffers[0];
  const bool do_agree = std::all_of(leaves.begin(), leaves.end(), [&](const ArrayPtr& leaf) {
    return AreSameValidity(leaf->buffers[0], joined, length);
  });
  if (do_agree) return joined;
  for (ArrayPtr& leaf : leaves) {
    const auto& validity = leaf->buffers[0];
    if (joined == nullptr || validity == nullptr) {
      joined = nullptr;
    } else {
      ARROW_ASSIGN_OR_RAISE(joined, arrow::internal::BitmapOr(pool, joined->data(), 0,
                                                              validity->data(), 0, length, 0));
    }
    auto member = leaf->child_data[0]->Copy();
    if (member->type->id() == arrow::Type::NA) continue;
    ARROW_ASSIGN_OR_RAISE(member->buffers[0],
                          ValidInBoth(validity, member->buffers[0], length, pool));
    member->null_count = arrow::kUnknownNullCount;
    leaf->child_data = {std::move(member)};
  }
  return joined;
}

arrow::Status Disagreement(const std::string& name) {
  return arrow::Status::SerializationError("the members of '", name,
                                           "' have different numbers of items");
}

bool HaveSameBytes(const arrow::Buffer& a, const arrow::Buffer& b) {
  return a.size() == b.size() &&
         (a.data() == b.data() ||
          std::memcmp(a.data(), b.data(), static_cast<size_t>(a.size())) == 0);
}

}  // namespace

size_t LeafColumn::NumSharedLayers(const LeafColumn& other) const {
  const auto ends =
      std::mismatch(parents.begin(), parents.end(), other.parents.begin(), other.parents.end());
  return static_cast<size_t>(ends.first - parents.begin());
}

void ColumnTree::Way::Enter(const Field& field) {
  name = NameBelow(name, field);
  parents.push_back(field.id);
  layers.push_back(PathLayer::Of(*field.arrow_field->type()));
}

arrow::Result<LeafColumn> ColumnTree::MakeLeaf(const Field& field, const Way& above) {
  auto name = NameBelow(above.name, field);
  ARROW_ASSIGN_OR_RAISE(const LeafKind kind, KindOf(field, name));
  auto path = LeafPath::Make(
      above.layers, kind == LeafKind::kJson ? arrow::large_binary() : field.arrow_field->type(),
      kind);
  if (!path.ok()) {
    return path.status().WithMessage("column '", name, "': ", path.status().message());
  }
  return LeafColumn{std::move(name), field.id, above.parents, *std::move(path)};
}

arrow::Result<ColumnTree::Node> ColumnTree::Build(const Field& field, Way above,
                                                  std::vector<LeafColumn>* leaves) {
  Node node;
  node.field = field.arrow_field;
  node.first_leaf = leaves->size();
  if (field.is_leaf()) {
    ARROW_ASSIGN_OR_RAISE(auto leaf, MakeLeaf(field, above));
    leaves->push_back(std::move(leaf));
  } else {
    above.Enter(field);
    for (const Field& child : field.children) {
      ARROW_ASSIGN_OR_RAISE(auto below, Build(child, above, leaves));
      node.children.push_back(std::move(below));
    }
  }
  node.end_leaf = leaves->size();
  return node;
}

arrow::Result<ColumnTree> ColumnTree::Make(const std::vector<const Field*>& way) {
  ColumnTree tree;
  tree.num_structs_above_ = way.size() - 1;
  Way above;
  for (size_t i = 0; i + 1 < way.size(); ++i) {
    // A struct that is a leaf is read as a whole.
    if (way[i]->is_leaf()) {
      ARROW_RETURN_NOT_OK(MakeLeaf(*way[i], above).status());
      return arrow::Status::NotImplemented("cannot read a part of the column '",
                                           NameBelow(above.name, *way[i]), "'");
    }
    above.Enter(*way[i]);
  }
  ARROW_ASSIGN_OR_RAISE(tree.root_, Build(*way.back(), std::move(above), &tree.leaves_));
  return tree;
}

std::vector<LeafColumn> ColumnTree::AllLeaves(const Field& column) {
  std::vector<LeafColumn> leaves;
  AddReadable(column, {}, &leaves);
  return leaves;
}

void ColumnTree::AddReadable(const Field& field, Way above, std::vector<LeafColumn>* leaves) {
  if (field.is_leaf()) {
    auto leaf = MakeLeaf(field, above);
    if (leaf.ok()) leaves->push_back(*std::move(leaf));
    return;
  }
  above.Enter(field);
  for (const Field& child : field.children) AddReadable(child, above, leaves);
}

arrow::Result<std::shared_ptr<arrow::ArrayData>> ColumnTree::Assemble(
    Arrays leaves, arrow::MemoryPool* pool) const {
  // Where a struct above is null, so is the column.
  std::shared_ptr<arrow::Buffer> above;
  for (size_t layer = 0; layer < num_structs_above_; ++layer) {
    ARROW_ASSIGN_OR_RAISE(above,
                          ValidInBoth(above, leaves[0]->buffers[0], leaves[0]->length, pool));
    for (ArrayPtr& leaf : leaves) leaf = ArrayPtr(leaf->child_data[0]);
  }
  ARROW_ASSIGN_OR_RAISE(auto column, AssembleNode(root_, &leaves, pool));
  if (above == nullptr || column->type->id() == arrow::Type::NA) return column;
  ARROW_ASSIGN_OR_RAISE(column->buffers[0],
                        ValidInBoth(above, column->buffers[0], column->length, pool));
  column->null_count = arrow::kUnknownNullCount;
  return column;
}

// The arrays are those of the leaves, of those below the node from the node's layer inwards.
arrow::Result<std::shared_ptr<arrow::ArrayData>> ColumnTree::AssembleNode(const Node& node,
                                                                          Arrays* arrays,
                                                                          arrow::MemoryPool* pool) {
  ArrayPtr& first = (*arrays)[node.first_leaf];
  const auto& type = node.field->type();
  if (node.children.empty()) {
    // Not the names of items of vectors, but all else is as the leaf's type has it.
    first->type = type;
    return std::move(first);
  }
  auto array = arrow::ArrayData::Make(type, first->length, first->buffers, first->null_count);
  if (type->id() == arrow::Type::STRUCT) {
    const auto below = std::span(*arrays).subspan(node.first_leaf, node.end_leaf - node.first_leaf);
    for (const ArrayPtr& leaf : below) {
      if (leaf->length != array->length) return Disagreement(node.field->name());
    }
    ARROW_ASSIGN_OR_RAISE(array->buffers[0], JoinValidity(below, pool));
    array->null_count = arrow::kUnknownNullCount;
  }
  for (size_t i = node.first_leaf; i < node.end_leaf; ++i) {
    ArrayPtr& leaf = (*arrays)[i];
    if (leaf->length != array->length ||
        (array->buffers.size() > 1 && !HaveSameBytes(*leaf->buffers[1], *array->buffers[1]))) {
      return Disagreement(node.field->name());
    }
    leaf = ArrayPtr(leaf->child_data[0]);
  }
  for (const Node& child : node.children) {
    ARROW_ASSIGN_OR_RAISE(auto below, AssembleNode(child, arrays, pool));
    array->child_data.push_back(std::move(below));
  }
  if (type->id() == arrow::Type::MAP) {
    const auto& entries = *array->child_data[0];
    if (entries.GetNullCount() != 0 || entries.child_data[0]->GetNullCount() != 0) {
      return arrow::Status::SerializationError("entries or keys of the map '", node.field->name(),
                                               "' are null");
    }
  }
  return array;
}

}  // namespace croupier::format
