#include "croupier/format/page/leaf_path.h"

#include <utility>

#include <arrow/status.h>
#include <arrow/type.h>

namespace croupier::format {

namespace {

// Structs of more items than this in one row do not occur; keeps products from overflowing.
constexpr int64_t kMaxPageRowsPerRow = int64_t{1} << 24;

std::shared_ptr<arrow::DataType> WrapInLayer(const PathLayer& layer,
                                             std::shared_ptr<arrow::DataType> type,
                                             bool as_in_pages) {
  auto member = arrow::field("", std::move(type));
  switch (layer.kind) {
    case PathLayer::Kind::kList:
      return arrow::list(std::move(member));
    case PathLayer::Kind::kLargeList:
      return arrow::large_list(std::move(member));
    case PathLayer::Kind::kFixedSizeList:
      if (!as_in_pages) return arrow::fixed_size_list(std::move(member), layer.dimension);
      break;
    case PathLayer::Kind::kStruct:
      break;
  }
  return arrow::struct_({std::move(member)});
}

// The type of a leaf's values in columns.
std::shared_ptr<arrow::DataType> ColumnType(const std::shared_ptr<arrow::DataType>& leaf_type,
                                            LeafKind kind) {
  return kind == LeafKind::kJson ? arrow::utf8() : leaf_type;
}

}  // namespace

PathLayer PathLayer::Of(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::LIST:
    case arrow::Type::MAP:  // its entries are a struct below it
      return {Kind::kList};
    case arrow::Type::LARGE_LIST:
      return {Kind::kLargeList};
    case arrow::Type::FIXED_SIZE_LIST:
      return {Kind::kFixedSizeList, static_cast<const arrow::FixedSizeListType&>(type).list_size()};
    default:
      return {Kind::kStruct};
  }
}

std::shared_ptr<arrow::DataType> WrapInLayers(const std::vector<PathLayer>& layers,
                                              std::shared_ptr<arrow::DataType> type,
                                              bool as_in_pages) {
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
    type = WrapInLayer(*layer, std::move(type), as_in_pages);
  }
  return type;
}

arrow::Result<std::shared_ptr<const LeafPath>> LeafPath::Make(
    std::vector<PathLayer> layers, std::shared_ptr<arrow::DataType> leaf_type, LeafKind kind) {
  // Not make_shared: the constructor is private.
  std::shared_ptr<LeafPath> path(new LeafPath);
  for (const PathLayer& layer : layers) {
    path->num_lists_ += layer.is_list() ? 1 : 0;
    if (layer.kind != PathLayer::Kind::kFixedSizeList) continue;
    if (layer.dimension <= 0 || path->page_rows_per_row_ > kMaxPageRowsPerRow / layer.dimension) {
      return arrow::Status::NotImplemented("cannot read fixed-size lists of ", layer.dimension,
                                           " structs");
    }
    path->page_rows_per_row_ *= layer.dimension;
  }
  path->type_ = WrapInLayers(layers, ColumnType(leaf_type, kind), /*as_in_pages=*/false);
  if (path->page_rows_per_row_ > 1 && path->num_lists_ > 0) {
    return arrow::Status::NotImplemented(
        "cannot read lists above or below fixed-size lists of structs: ", path->type_->ToString());
  }
  path->layers_ = std::move(layers);
  path->leaf_type_ = std::move(leaf_type);
  path->kind_ = kind;
  return path;
}

std::shared_ptr<const LeafPath> LeafPath::Flat(std::shared_ptr<arrow::DataType> leaf_type,
                                               LeafKind kind) {
  std::shared_ptr<LeafPath> path(new LeafPath);
  path->type_ = ColumnType(leaf_type, kind);
  path->leaf_type_ = std::move(leaf_type);
  path->kind_ = kind;
  return path;
}

bool LeafPath::Equals(const LeafPath& other) const {
  return this == &other || (layers_ == other.layers_ && kind_ == other.kind_ &&
                            leaf_type_->Equals(*other.leaf_type_));
}

}  // namespace croupier::format
