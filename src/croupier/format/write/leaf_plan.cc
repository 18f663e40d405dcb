#include "croupier/format/write/leaf_plan.h"

#include <utility>

#include <arrow/status.h>
#include <arrow/type.h>

#include "croupier/format/manifest/schema_writer.h"

namespace croupier::format {

namespace {

constexpr std::string_view kKeyPrefix = "lance-encoding:";
constexpr std::string_view kStructuralEncodingKey = "lance-encoding:structural-encoding";

std::string NameBelow(const std::string& parent, const Field& field) {
  return parent.empty() ? field.name : parent + "." + field.name;
}

// Puts the leaves of a column at the end of a list.
class Planner {
 public:
  Planner(int column, std::string structural_encoding, std::vector<LeafPlan>* plans)
      : column_(column), structural_encoding_(std::move(structural_encoding)), plans_(plans) {}

  arrow::Status Add(const Field& field, const LeafPlan& above, int child) {
    LeafPlan plan = above;
    plan.name = NameBelow(above.name, field);
    if (!plan.layers.empty()) plan.layers.back().child = child;
    if (field.is_leaf()) return AddLeaf(field, std::move(plan));
    plan.layers.push_back(
        {PathLayer::Of(*field.arrow_field->type()), 0, field.nullable, plan.name});
    for (size_t i = 0; i < field.children.size(); ++i) {
      ARROW_RETURN_NOT_OK(Add(field.children[i], plan, static_cast<int>(i)));
    }
    return arrow::Status::OK();
  }

 private:
  arrow::Status AddLeaf(const Field& field, LeafPlan plan) {
    auto status = SetKind(field, &plan);
    if (status.ok() && plan.page_rows_per_row() > 1 && plan.has_lists()) {
      status = arrow::Status::NotImplemented(
          "the Lance format has no lists above or below fixed-size lists of structs");
    }
    if (status.ok() && plan.kind == WriteKind::kBlobV1 && plan.has_lists()) {
      status = arrow::Status::NotImplemented("format 2.1 has no lists of blobs");
    }
    if (!status.ok()) {
      return status.WithMessage("cannot write column '", plan.name, "': ", status.message());
    }
    plan.field_id = field.id;
    plan.column = column_;
    plan.is_nullable = field.nullable;
    plan.metadata = field.metadata;
    plan.structural_encoding = structural_encoding_;
    plans_->push_back(std::move(plan));
    return arrow::Status::OK();
  }

  static arrow::Status SetKind(const Field& field, LeafPlan* plan) {
    const auto& type = *field.arrow_field->type();
    if (field.is_unknown) {
      return arrow::Status::NotImplemented("this library does not know the type '",
                                           field.logical_type, "'");
    }
    if (field.is_json()) {
      plan->kind = WriteKind::kJson;
      plan->shape.kind = LeafShape::Kind::kVariable;
      plan->shape.offset_bits = 64;
      return arrow::Status::OK();
    }
    if (field.is_blob()) {
      plan->kind = field.logical_type == "large_binary" ? WriteKind::kBlobV1 : WriteKind::kBlobV2;
    } else if (type.id() == arrow::Type::STRUCT && type.num_fields() == 0) {
      plan->kind = WriteKind::kEmptyStruct;
      return arrow::Status::OK();
    }
    ARROW_ASSIGN_OR_RAISE(plan->shape, LeafShape::Of(type));
    return arrow::Status::OK();
  }

  int column_;
  std::string structural_encoding_;
  std::vector<LeafPlan>* plans_;
};

arrow::Status WrongType(const Field& field, const arrow::DataType& type) {
  if (field.is_blob()) {
    return arrow::Status::Invalid("column '", field.name, "' has the type ", type.ToString(),
                                  "; blobs are written as bytes, or as structs of data and uri");
  }
  const auto& wanted = field.arrow_field->type();
  return arrow::Status::Invalid("column '", field.name, "' has the type ", type.ToString(),
                                "; the table has it as ",
                                wanted == nullptr ? field.logical_type : wanted->ToString());
}

bool IsText(arrow::Type::type id) {
  return id == arrow::Type::STRING || id == arrow::Type::LARGE_STRING ||
         id == arrow::Type::STRING_VIEW;
}

bool IsBinary(arrow::Type::type id) {
  return id == arrow::Type::BINARY || id == arrow::Type::LARGE_BINARY ||
         id == arrow::Type::BINARY_VIEW;
}

// The data, then perhaps the URI, then anything: position and size, if it has them.
bool IsBlobStruct(const arrow::DataType& type) {
  if (type.id() != arrow::Type::STRUCT || type.num_fields() == 0) return false;
  const auto& data = *type.field(0);
  if (data.name() != "data" || !IsBinary(data.type()->id())) return false;
  if (type.num_fields() == 1) return true;
  const auto& uri = *type.field(1);
  return uri.name() == "uri" && IsText(uri.type()->id());
}

std::string_view WithoutItemKind(std::string_view logical_type) {
  if (logical_type.ends_with("list.struct")) logical_type.remove_suffix(7);
  return logical_type;
}

arrow::Status CheckColumn(const Field& field, const arrow::Field& from) {
  const auto storage = StorageType::Of(from).type;
  const auto id = storage->id();
  if (field.is_json()) {
    return IsText(id) || id == arrow::Type::LARGE_BINARY ? arrow::Status::OK()
                                                         : WrongType(field, *from.type());
  }
  if (field.is_blob()) {
    const bool is_struct = field.logical_type == "struct" && IsBlobStruct(*storage);
    return IsBinary(id) || is_struct ? arrow::Status::OK() : WrongType(field, *from.type());
  }
  // The field that the batch's column would be in a table of its own.
  int32_t next_id = 0;
  const auto made = MakeField(*from.WithMetadata(nullptr), -1, &next_id);
  if (!made.ok()) return WrongType(field, *from.type());
  if (WithoutItemKind(made->logical_type) != WithoutItemKind(field.logical_type) ||
      made->children.size() != field.children.size()) {
    return WrongType(field, *from.type());
  }
  for (size_t i = 0; i < field.children.size(); ++i) {
    const Field& child = field.children[i];
    const auto& child_from = storage->field(static_cast<int>(i));
    // Items have no names of their own.
    if (field.logical_type.starts_with("struct") && child_from->name() != child.name) {
      return WrongType(field, *from.type());
    }
    if (!CheckColumn(child, *child_from).ok()) return WrongType(field, *from.type());
  }
  return arrow::Status::OK();
}

}  // namespace

bool LeafPlan::has_lists() const {
  for (const auto& layer : layers) {
    if (layer.layer.is_list()) return true;
  }
  return false;
}

int64_t LeafPlan::page_rows_per_row() const {
  int64_t rows = 1;
  for (const auto& layer : layers) {
    if (layer.layer.kind == PathLayer::Kind::kFixedSizeList) rows *= layer.layer.dimension;
  }
  return rows;
}

std::string_view LeafPlan::Key(std::string_view key) const {
  for (const auto& entry : metadata) {
    const std::string_view name = entry.key;
    if (name.starts_with(kKeyPrefix) && name.substr(kKeyPrefix.size()) == key) return entry.value;
  }
  return {};
}

arrow::Result<std::vector<LeafPlan>> PlanLeaves(const std::vector<Field>& fields) {
  std::vector<LeafPlan> plans;
  for (size_t i = 0; i < fields.size(); ++i) {
    const auto* structural = fields[i].FindMetadata(kStructuralEncodingKey);
    Planner planner(static_cast<int>(i), structural == nullptr ? "" : *structural, &plans);
    ARROW_RETURN_NOT_OK(planner.Add(fields[i], LeafPlan(), 0));
  }
  return plans;
}

arrow::Status CheckColumns(const std::vector<Field>& fields, const arrow::Schema& schema) {
  for (size_t i = 0; i < fields.size(); ++i) {
    if (static_cast<int>(i) >= schema.num_fields()) {
      return arrow::Status::Invalid("column '", fields[i].name, "' is missing");
    }
    const auto& from = *schema.field(static_cast<int>(i));
    if (from.name() != fields[i].name) {
      return arrow::Status::Invalid("column ", i, " is '", from.name(), "'; the table has '",
                                    fields[i].name, "' there");
    }
    ARROW_RETURN_NOT_OK(CheckColumn(fields[i], from));
  }
  if (schema.num_fields() > static_cast<int>(fields.size())) {
    return arrow::Status::Invalid("the table has no column '",
                                  schema.field(static_cast<int>(fields.size()))->name(), "'");
  }
  return arrow::Status::OK();
}

}  // namespace croupier::format
