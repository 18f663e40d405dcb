#include "croupier/format/manifest/schema.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include <arrow/status.h>
#include <arrow/type.h>
#include <arrow/type_traits.h>
#include <arrow/util/key_value_metadata.h>

namespace croupier::format {

namespace {

// Schemas nest a few levels deep in practice; a file must not choose our stack depth.
constexpr int kMaxDepth = 64;
constexpr std::string_view kExtensionNameKey = "ARROW:extension:name";
constexpr std::string_view kExtensionMetadataKey = "ARROW:extension:metadata";
constexpr std::string_view kBlobKey = "lance-encoding:blob";
constexpr std::string_view kPackedKey = "lance-encoding:packed";

constexpr std::string_view kBfloat16 = "lance.bfloat16";

// Metadata that makes a field one of an extension type.
std::shared_ptr<arrow::KeyValueMetadata> Extension(std::string_view name) {
  return arrow::key_value_metadata(
      {std::string(kExtensionNameKey), std::string(kExtensionMetadataKey)},
      {std::string(name), ""});
}

arrow::Status UnknownType(std::string_view logical_type) {
  return arrow::Status::NotImplemented("unknown logical type '", logical_type, "'");
}

template <typename T>
std::optional<T> ParseNumber(std::string_view text) {
  T value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<arrow::TimeUnit::type> ParseUnit(std::string_view text) {
  if (text == "s") return arrow::TimeUnit::SECOND;
  if (text == "ms") return arrow::TimeUnit::MILLI;
  if (text == "us") return arrow::TimeUnit::MICRO;
  if (text == "ns") return arrow::TimeUnit::NANO;
  return std::nullopt;
}

// Cut "head:rest" at the first colon; rest is empty without one.
std::pair<std::string_view, std::string_view> SplitFirst(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return {text, {}};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

// Cut "rest:tail" at the last colon; rest is empty without one.
std::pair<std::string_view, std::string_view> SplitLast(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return {{}, text};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

// Made when the library is loaded, because a fork during a first use would leave it locked.
using SimpleTypes = std::map<std::string_view, std::shared_ptr<arrow::DataType>>;
const SimpleTypes& simple_types = *new SimpleTypes{
    {"null", arrow::null()},
    {"bool", arrow::boolean()},
    {"int8", arrow::int8()},
    {"uint8", arrow::uint8()},
    {"int16", arrow::int16()},
    {"uint16", arrow::uint16()},
    {"int32", arrow::int32()},
    {"uint32", arrow::uint32()},
    {"int64", arrow::int64()},
    {"uint64", arrow::uint64()},
    {"halffloat", arrow::float16()},
    {"float", arrow::float32()},
    {"double", arrow::float64()},
    {"string", arrow::utf8()},
    {"large_string", arrow::large_utf8()},
    {"binary", arrow::binary()},
    {"large_binary", arrow::large_binary()},
    {"json", arrow::utf8()},
    {"date32:day", arrow::date32()},
    {"date64:ms", arrow::date64()},
    {"time32:s", arrow::time32(arrow::TimeUnit::SECOND)},
    {"time32:ms", arrow::time32(arrow::TimeUnit::MILLI)},
    {"time64:us", arrow::time64(arrow::TimeUnit::MICRO)},
    {"time64:ns", arrow::time64(arrow::TimeUnit::NANO)},
    {kBfloat16, arrow::fixed_size_binary(2)},
};

std::shared_ptr<arrow::DataType> FindSimpleType(std::string_view logical_type) {
  const auto found = simple_types.find(logical_type);
  return found == simple_types.end() ? nullptr : found->second;
}

arrow::Result<std::shared_ptr<arrow::DataType>> ParseDecimal(std::string_view parameters,
                                                             std::string_view logical_type) {
  const auto [bits, rest] = SplitFirst(parameters);
  const auto [precision_text, scale_text] = SplitFirst(rest);
  const auto precision = ParseNumber<int32_t>(precision_text);
  const auto scale = ParseNumber<int32_t>(scale_text);
  if (!precision.has_value() || !scale.has_value()) return UnknownType(logical_type);
  if (bits == "128") return arrow::Decimal128Type::Make(*precision, *scale);
  if (bits == "256") return arrow::Decimal256Type::Make(*precision, *scale);
  return UnknownType(logical_type);
}

arrow::Result<std::shared_ptr<arrow::DataType>> ParseType(std::string_view logical_type,
                                                          int depth) {
  if (auto simple = FindSimpleType(logical_type)) return simple;
  const auto [kind, parameters] = SplitFirst(logical_type);
  if (kind == "timestamp") {
    const auto [unit_text, zone] = SplitFirst(parameters);
    const auto unit = ParseUnit(unit_text);
    if (!unit.has_value()) return UnknownType(logical_type);
    return arrow::timestamp(*unit, zone == "-" ? "" : std::string(zone));
  }
  if (kind == "duration") {
    const auto unit = ParseUnit(parameters);
    if (!unit.has_value()) return UnknownType(logical_type);
    return arrow::duration(*unit);
  }
  if (kind == "decimal") return ParseDecimal(parameters, logical_type);
  if (kind == "fixed_size_binary") {
    const auto width = ParseNumber<int32_t>(parameters);
    if (!width.has_value() || *width < 0) return UnknownType(logical_type);
    return arrow::fixed_size_binary(*width);
  }
  if (kind == "fixed_size_list" && depth > 0) {
    const auto [item, dimension_text] = SplitLast(parameters);
    const auto dimension = ParseNumber<int32_t>(dimension_text);
    if (!dimension.has_value() || *dimension < 0) return UnknownType(logical_type);
    ARROW_ASSIGN_OR_RAISE(auto item_type, ParseType(item, depth - 1));
    std::shared_ptr<arrow::KeyValueMetadata> metadata;
    if (item == kBfloat16) metadata = Extension(kBfloat16);
    return arrow::fixed_size_list(
        arrow::field("item", std::move(item_type), /*nullable=*/true, std::move(metadata)),
        *dimension);
  }
  if (kind == "dict") {
    // dict:<value>:<index>:<ordered>; only value types without a colon can be written.
    const auto [value, rest] = SplitFirst(parameters);
    const auto [index, ordered] = SplitFirst(rest);
    const auto value_type = FindSimpleType(value);
    const auto index_type = FindSimpleType(index);
    if (value_type == nullptr || index_type == nullptr || !arrow::is_integer(index_type->id())) {
      return UnknownType(logical_type);
    }
    return arrow::dictionary(index_type, value_type, ordered == "true");
  }
  return UnknownType(logical_type);
}

arrow::Status WrongChildren(const Field& field) {
  return arrow::Status::SerializationError("schema: field '", field.name, "' of the type '",
                                           field.logical_type, "' has ", field.children.size(),
                                           " children");
}

// What files hold of blobs: where they are.
std::shared_ptr<arrow::DataType> DescriptorType(const Field& field) {
  if (!field.logical_type.starts_with("struct")) {
    return arrow::struct_(
        {arrow::field("position", arrow::uint64()), arrow::field("size", arrow::uint64())});
  }
  const auto member = [](const char* name, std::shared_ptr<arrow::DataType> type) {
    return arrow::field(name, std::move(type), /*nullable=*/false);
  };
  return arrow::struct_({member("kind", arrow::uint8()), member("position", arrow::uint64()),
                         member("size", arrow::uint64()), member("blob_id", arrow::uint32()),
                         member("blob_uri", arrow::utf8())});
}

// The metadata of a field as Arrow shows it.
std::shared_ptr<arrow::KeyValueMetadata> MetadataOf(const Field& field) {
  auto metadata = std::make_shared<arrow::KeyValueMetadata>();
  const bool is_blob_struct = field.is_blob() && field.logical_type.starts_with("struct");
  const bool hides_extension = field.is_json() || is_blob_struct;
  for (const auto& entry : field.metadata) {
    if (hides_extension && entry.key.starts_with("ARROW:extension:")) continue;
    metadata->Append(entry.key, entry.value);
  }
  if (field.is_json()) metadata = metadata->Merge(*Extension("arrow.json"));
  if (is_blob_struct) {
    metadata = metadata->Merge(*arrow::key_value_metadata(
        {std::string(kBlobKey), std::string(kPackedKey)}, {"true", "true"}));
  }
  return metadata->size() == 0 ? nullptr : metadata;
}

// Whether a flag in a field's metadata is set.
bool IsSet(const std::string* value) {
  if (value == nullptr) return false;
  std::string lower = *value;
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return lower == "1" || lower == "true" || lower == "on" || lower == "yes" || lower == "y";
}

// The type of a field whose children are complete.
arrow::Result<std::shared_ptr<arrow::DataType>> TypeOf(const Field& field) {
  if (field.is_blob()) return DescriptorType(field);
  const auto [kind, parameters] = SplitFirst(field.logical_type);
  const bool large = kind.starts_with("large_list");
  if (kind == "list" || kind == "list.struct" || large) {
    if (field.children.size() != 1) return WrongChildren(field);
    const auto& item = field.children[0].arrow_field;
    return large ? arrow::large_list(item) : arrow::list(item);
  }
  if (kind == "struct") {
    arrow::FieldVector members;
    for (const auto& child : field.children) members.push_back(child.arrow_field);
    return arrow::struct_(std::move(members));
  }
  if (kind == "map") {
    if (field.children.size() != 1 || field.children[0].children.size() != 2) {
      return WrongChildren(field);
    }
    return arrow::MapType::Make(field.children[0].arrow_field);
  }
  if (field.logical_type.starts_with("fixed_size_list:struct:")) {
    const auto dimension = ParseNumber<int32_t>(SplitLast(parameters).second);
    if (field.children.size() != 1 || !dimension.has_value() || *dimension < 0) {
      return WrongChildren(field);
    }
    return arrow::fixed_size_list(field.children[0].arrow_field, *dimension);
  }
  if (!field.children.empty()) return WrongChildren(field);
  return ParseType(field.logical_type, kMaxDepth);
}

arrow::Result<Field> ParseField(std::span<const uint8_t> message) {
  Field field;
  for (WireReader reader(message); !reader.done();) {
    ARROW_ASSIGN_OR_RAISE(const WireField part, reader.Next());
    switch (part.number) {
      case 2: {
        ARROW_ASSIGN_OR_RAISE(field.name, part.AsString());
        break;
      }
      case 3: {
        ARROW_ASSIGN_OR_RAISE(field.id, part.AsInt32());
        break;
      }
      case 4: {
        ARROW_ASSIGN_OR_RAISE(field.parent_id, part.AsInt32());
        break;
      }
      case 5: {
        ARROW_ASSIGN_OR_RAISE(field.logical_type, part.AsString());
        break;
      }
      case 6: {
        ARROW_ASSIGN_OR_RAISE(field.nullable, part.AsBool());
        break;
      }
      case 12: {
        ARROW_ASSIGN_OR_RAISE(field.is_primary_key, part.AsBool());
        break;
      }
      case 13: {
        ARROW_ASSIGN_OR_RAISE(field.primary_key_position, part.AsUint32());
        break;
      }
      case 15: {
        ARROW_ASSIGN_OR_RAISE(field.clustering_key_position, part.AsUint32());
        break;
      }
      case 10: {
        ARROW_ASSIGN_OR_RAISE(const auto bytes, part.AsBytes());
        ARROW_ASSIGN_OR_RAISE(auto entry, WireMapEntry::Parse(bytes));
        field.metadata.push_back(std::move(entry));
        break;
      }
      default:
        break;
    }
  }
  // Entries of a map come in any order; ours is fixed, so that equal schemas are equal.
  std::sort(field.metadata.begin(), field.metadata.end(),
            [](const WireMapEntry& a, const WireMapEntry& b) { return a.key < b.key; });
  return field;
}

}  // namespace

const std::string* Field::FindMetadata(std::string_view key) const {
  for (const auto& entry : metadata) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

bool Field::is_blob() const {
  const auto* extension = FindMetadata(kExtensionNameKey);
  return FindMetadata(kBlobKey) != nullptr ||
         (extension != nullptr && *extension == "lance.blob.v2");
}

bool Field::is_json() const { return logical_type == "json"; }

bool Field::is_packed_struct() const {
  if (!logical_type.starts_with("struct") || members_have_columns) return false;
  return IsSet(FindMetadata("packed")) || IsSet(FindMetadata(kPackedKey));
}

bool Field::is_leaf() const { return children.empty() || is_blob() || is_packed_struct(); }

arrow::Status CompleteField(Field* field) {
  for (auto& child : field->children) ARROW_RETURN_NOT_OK(CompleteField(&child));
  auto type = TypeOf(*field);
  if (type.status().IsNotImplemented()) {
    field->is_unknown = true;
    type = arrow::large_binary();
  }
  if (!type.ok()) {
    return arrow::Status::SerializationError("schema: field '", field->name,
                                             "': ", type.status().message());
  }
  field->arrow_field =
      arrow::field(field->name, *std::move(type), field->nullable, MetadataOf(*field));
  return arrow::Status::OK();
}

arrow::Result<std::vector<Field>> ParseFields(
    const std::vector<std::span<const uint8_t>>& messages) {
  struct Place {
    size_t index = 0;
    int depth = 0;
  };
  std::vector<Field> flat;
  std::map<int32_t, Place> by_id;
  for (const auto& message : messages) {
    ARROW_ASSIGN_OR_RAISE(auto field, ParseField(message));
    Place place{flat.size(), 1};
    if (field.parent_id >= 0) {
      const auto parent = by_id.find(field.parent_id);
      if (parent == by_id.end()) {
        return arrow::Status::SerializationError("schema: the parent of field '", field.name,
                                                 "' does not come before it: ", field.parent_id);
      }
      place.depth = parent->second.depth + 1;
      if (place.depth > kMaxDepth) {
        return arrow::Status::SerializationError("schema: fields nest deeper than ", kMaxDepth);
      }
    }
    if (field.id < 0 || !by_id.emplace(field.id, place).second) {
      return arrow::Status::SerializationError("schema: field '", field.name,
                                               "' has a negative or repeated id: ", field.id);
    }
    flat.push_back(std::move(field));
  }
  // Parents come before their children, so going backwards every field is complete when it moves.
  std::vector<Field> roots;
  for (size_t i = flat.size(); i-- > 0;) {
    auto* siblings = &roots;
    if (flat[i].parent_id >= 0) siblings = &flat[by_id.at(flat[i].parent_id).index].children;
    siblings->push_back(std::move(flat[i]));
    // Children were met last to first.
    std::reverse(siblings->back().children.begin(), siblings->back().children.end());
  }
  std::reverse(roots.begin(), roots.end());
  std::set<std::string_view> names;
  for (auto& root : roots) {
    ARROW_RETURN_NOT_OK(CompleteField(&root));
    if (!names.insert(root.name).second) {
      return arrow::Status::SerializationError("schema: two columns have the name '", root.name,
                                               "'");
    }
  }
  return roots;
}

arrow::Result<std::shared_ptr<arrow::DataType>> ParseLogicalType(std::string_view logical_type) {
  return ParseType(logical_type, kMaxDepth);
}

}  // namespace croupier::format
