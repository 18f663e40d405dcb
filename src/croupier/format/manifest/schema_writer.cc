#include "croupier/format/manifest/schema_writer.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>
#include <utility>

#include <arrow/extension_type.h>
#include <arrow/status.h>
#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>

namespace croupier::format {

namespace {

constexpr int kMaxDepth = 64;  // of ParseFields
constexpr std::string_view kExtensionNameKey = "ARROW:extension:name";
constexpr std::string_view kExtensionMetadataKey = "ARROW:extension:metadata";
constexpr std::string_view kBlobKey = "lance-encoding:blob";
constexpr std::string_view kPackedKey = "lance-encoding:packed";
constexpr std::string_view kBlobV2 = "lance.blob.v2";
constexpr std::string_view kBfloat16 = "lance.bfloat16";
constexpr std::string_view kJson = "lance.json";
constexpr std::string_view kPrimaryKeyKey = "lance-schema:unenforced-primary-key";
constexpr std::string_view kPrimaryKeyPositionKey = "lance-schema:unenforced-primary-key:position";
constexpr std::string_view kClusteringKeyPositionKey =
    "lance-schema:unenforced-clustering-key:position";

arrow::Status NoSuchType(const arrow::DataType& type) {
  return arrow::Status::NotImplemented("the Lance format has no type ", type.ToString());
}

const char* UnitName(arrow::TimeUnit::type unit) {
  switch (unit) {
    case arrow::TimeUnit::SECOND:
      return "s";
    case arrow::TimeUnit::MILLI:
      return "ms";
    case arrow::TimeUnit::MICRO:
      return "us";
    case arrow::TimeUnit::NANO:
      return "ns";
  }
  return "";
}

arrow::Result<std::string> LogicalTypeOf(const arrow::DataType& type);

arrow::Result<std::string> DictionaryTypeOf(const arrow::DictionaryType& type) {
  ARROW_ASSIGN_OR_RAISE(const auto value, LogicalTypeOf(*type.value_type()));
  ARROW_ASSIGN_OR_RAISE(const auto index, LogicalTypeOf(*type.index_type()));
  auto logical_type = "dict:" + value + ":" + index + ":false";
  // Value types with parameters would not be found again.
  if (value == "null" || !ParseLogicalType(logical_type).ok()) return NoSuchType(type);
  return logical_type;
}

// Items that vectors may have: values of a fixed width, and vectors.
bool IsVectorItem(const arrow::DataType& type) {
  if (type.id() == arrow::Type::FIXED_SIZE_LIST) {
    return IsVectorItem(*StorageType::Of(*type.field(0)).type);
  }
  return type.id() != arrow::Type::DICTIONARY && type.bit_width() > 0;
}

arrow::Result<std::string> VectorTypeOf(const arrow::FixedSizeListType& type) {
  const auto item = StorageType::Of(*type.value_field());
  if (type.list_size() <= 0) {
    return arrow::Status::NotImplemented("the Lance format has no lists of the size ",
                                         type.list_size());
  }
  auto suffix = ":" + std::to_string(type.list_size());
  if (item.extension_name == kBfloat16) {
    return "fixed_size_list:" + std::string(kBfloat16) + suffix;
  }
  if (!IsVectorItem(*item.type)) return NoSuchType(type);
  ARROW_ASSIGN_OR_RAISE(auto item_type, LogicalTypeOf(*item.type));
  return "fixed_size_list:" + item_type + suffix;
}

arrow::Result<std::string> DecimalTypeOf(const arrow::DecimalType& type, const char* bits) {
  return std::string("decimal:") + bits + ":" + std::to_string(type.precision()) + ":" +
         std::to_string(type.scale());
}

// The logical type of a type without fields below it in the schema.
arrow::Result<std::string> LogicalTypeOf(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::NA:
    case arrow::Type::BOOL:
    case arrow::Type::INT8:
    case arrow::Type::UINT8:
    case arrow::Type::INT16:
    case arrow::Type::UINT16:
    case arrow::Type::INT32:
    case arrow::Type::UINT32:
    case arrow::Type::INT64:
    case arrow::Type::UINT64:
    case arrow::Type::HALF_FLOAT:
    case arrow::Type::FLOAT:
    case arrow::Type::DOUBLE:
      return type.name();  // Arrow and Lance have the same names
    case arrow::Type::STRING:
    case arrow::Type::STRING_VIEW:
      return "string";
    case arrow::Type::LARGE_STRING:
      return "large_string";
    case arrow::Type::BINARY:
    case arrow::Type::BINARY_VIEW:
      return "binary";
    case arrow::Type::LARGE_BINARY:
      return "large_binary";
    case arrow::Type::DATE32:
      return "date32:day";
    case arrow::Type::DATE64:
      return "date64:ms";
    case arrow::Type::TIME32:
      return std::string("time32:") + UnitName(static_cast<const arrow::Time32Type&>(type).unit());
    case arrow::Type::TIME64:
      return std::string("time64:") + UnitName(static_cast<const arrow::Time64Type&>(type).unit());
    case arrow::Type::DURATION:
      return std::string("duration:") +
             UnitName(static_cast<const arrow::DurationType&>(type).unit());
    case arrow::Type::TIMESTAMP: {
      const auto& timestamp = static_cast<const arrow::TimestampType&>(type);
      return std::string("timestamp:") + UnitName(timestamp.unit()) + ":" +
             (timestamp.timezone().empty() ? "-" : timestamp.timezone());
    }
    case arrow::Type::DECIMAL128:
      return DecimalTypeOf(static_cast<const arrow::DecimalType&>(type), "128");
    case arrow::Type::DECIMAL256:
      return DecimalTypeOf(static_cast<const arrow::DecimalType&>(type), "256");
    case arrow::Type::FIXED_SIZE_BINARY: {
      const int32_t width = static_cast<const arrow::FixedSizeBinaryType&>(type).byte_width();
      if (width == 0) return NoSuchType(type);
      return "fixed_size_binary:" + std::to_string(width);
    }
    case arrow::Type::FIXED_SIZE_LIST:
      return VectorTypeOf(static_cast<const arrow::FixedSizeListType&>(type));
    case arrow::Type::DICTIONARY:
      return DictionaryTypeOf(static_cast<const arrow::DictionaryType&>(type));
    default:
      return NoSuchType(type);
  }
}

void SetMetadata(Field* field, std::string_view key, std::string value) {
  std::erase_if(field->metadata, [&](const WireMapEntry& entry) { return entry.key == key; });
  field->metadata.push_back({std::string(key), std::move(value)});
}

uint32_t NumberOf(const std::string* text) {
  uint32_t number = 0;
  if (text != nullptr) std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

void ReadKeyMarks(Field* field) {
  const auto* mark = field->FindMetadata(kPrimaryKeyKey);
  field->primary_key_position = NumberOf(field->FindMetadata(kPrimaryKeyPositionKey));
  field->is_primary_key = (mark != nullptr && *mark == "true") || field->primary_key_position > 0;
  field->clustering_key_position = NumberOf(field->FindMetadata(kClusteringKeyPositionKey));
}

// Makes fields in pre-order.
class FieldMaker {
 public:
  FieldMaker(int32_t* next_id, BlobVersion blobs) : next_id_(next_id), blobs_(blobs) {}

  arrow::Result<Field> Make(const arrow::Field& from, int32_t parent_id, int depth) {
    if (depth > kMaxDepth) {
      return arrow::Status::NotImplemented("fields nest deeper than ", kMaxDepth);
    }
    if (*next_id_ == INT32_MAX) return arrow::Status::CapacityError("there are no more field ids");
    Field field;
    field.name = from.name();
    field.id = (*next_id_)++;
    field.parent_id = parent_id;
    field.nullable = from.nullable();
    if (from.HasMetadata()) {
      for (const auto& [key, value] : from.metadata()->sorted_pairs()) {
        field.metadata.push_back({key, value});
      }
    }
    const auto storage = StorageType::Of(from);
    if (!storage.extension_name.empty()) {
      SetMetadata(&field, kExtensionNameKey, storage.extension_name);
      SetMetadata(&field, kExtensionMetadataKey, storage.extension_metadata);
    }
    auto status = SetType(storage, depth, &field);
    if (!status.ok()) return InField(from, status);
    ReadKeyMarks(&field);
    std::sort(field.metadata.begin(), field.metadata.end(),
              [](const WireMapEntry& a, const WireMapEntry& b) { return a.key < b.key; });
    return field;
  }

 private:
  static arrow::Status InField(const arrow::Field& field, const arrow::Status& status) {
    return status.WithMessage("column '", field.name(), "': ", status.message());
  }

  arrow::Status AddChild(const arrow::Field& from, int depth, Field* field) {
    ARROW_ASSIGN_OR_RAISE(auto child, Make(from, field->id, depth + 1));
    field->children.push_back(std::move(child));
    return arrow::Status::OK();
  }

  arrow::Status AddChildren(const arrow::DataType& type, int depth, Field* field) {
    std::set<std::string_view> names;
    for (const auto& member : type.fields()) {
      if (!names.insert(member->name()).second) {
        return arrow::Status::Invalid("two members have the name '", member->name(), "'");
      }
      ARROW_RETURN_NOT_OK(AddChild(*member, depth, field));
    }
    return arrow::Status::OK();
  }

  arrow::Status SetJson(const arrow::DataType& type, Field* field) {
    switch (type.id()) {
      case arrow::Type::STRING:
      case arrow::Type::LARGE_STRING:
      case arrow::Type::STRING_VIEW:
      case arrow::Type::LARGE_BINARY:
        break;
      default:
        return NoSuchType(type);
    }
    field->logical_type = "json";
    SetMetadata(field, kExtensionNameKey, std::string(kJson));
    SetMetadata(field, kExtensionMetadataKey, "");
    return arrow::Status::OK();
  }

  // A blob as `data`, or as a struct that says where the data is.
  arrow::Status SetBlob(const arrow::DataType& type, int depth, Field* field) {
    const bool is_binary = type.id() == arrow::Type::LARGE_BINARY ||
                           type.id() == arrow::Type::BINARY ||
                           type.id() == arrow::Type::BINARY_VIEW;
    if (!is_binary && type.id() != arrow::Type::STRUCT) return NoSuchType(type);
    if (blobs_ == BlobVersion::kV1) {
      if (!is_binary) {
        return arrow::Status::NotImplemented("format 2.1 has no blobs of the type ",
                                             type.ToString());
      }
      field->logical_type = "large_binary";
      return arrow::Status::OK();
    }
    field->logical_type = "struct";
    std::erase_if(field->metadata, [](const WireMapEntry& entry) {
      return entry.key == kBlobKey || entry.key == kPackedKey || entry.key == kExtensionMetadataKey;
    });
    SetMetadata(field, kExtensionNameKey, std::string(kBlobV2));
    if (!is_binary) return AddChildren(type, depth, field);
    ARROW_RETURN_NOT_OK(AddChild(arrow::Field("data", arrow::large_binary()), depth, field));
    return AddChild(arrow::Field("uri", arrow::utf8()), depth, field);
  }

  arrow::Status SetType(const StorageType& storage, int depth, Field* field) {
    const auto& type = *storage.type;
    if (storage.extension_name == kJson || storage.extension_name == "arrow.json") {
      return SetJson(type, field);
    }
    if (storage.extension_name == kBlobV2 || field->FindMetadata(kBlobKey) != nullptr) {
      return SetBlob(type, depth, field);
    }
    switch (type.id()) {
      case arrow::Type::STRUCT:
        field->logical_type = "struct";
        return AddChildren(type, depth, field);
      case arrow::Type::LIST:
      case arrow::Type::LARGE_LIST: {
        const bool is_of_structs =
            StorageType::Of(*type.field(0)).type->id() == arrow::Type::STRUCT;
        field->logical_type = std::string(type.id() == arrow::Type::LIST ? "list" : "large_list") +
                              (is_of_structs ? ".struct" : "");
        return AddChild(*type.field(0), depth, field);
      }
      case arrow::Type::MAP:
        if (static_cast<const arrow::MapType&>(type).keys_sorted()) return NoSuchType(type);
        field->logical_type = "map";
        return AddChild(*type.field(0), depth, field);
      case arrow::Type::FIXED_SIZE_LIST:
        if (StorageType::Of(*type.field(0)).type->id() == arrow::Type::STRUCT) {
          const auto& list = static_cast<const arrow::FixedSizeListType&>(type);
          if (list.list_size() <= 0) return NoSuchType(type);
          field->logical_type = "fixed_size_list:struct:" + std::to_string(list.list_size());
          return AddChild(*type.field(0), depth, field);
        }
        break;
      default:
        break;
    }
    ARROW_ASSIGN_OR_RAISE(field->logical_type, LogicalTypeOf(type));
    return arrow::Status::OK();
  }

  int32_t* next_id_;
  BlobVersion blobs_;
};

// What older readers look for; ours and today's do not.
uint64_t LegacyEncodingOf(const Field& field) {
  const std::string_view type = field.logical_type;
  if (type == "null" || type == "struct") return 0;
  if (type.starts_with("dict:")) return 3;
  const bool is_variable = type == "string" || type == "large_string" || type == "binary" ||
                           type == "large_binary" || type == "json";
  return is_variable ? 2 : 1;
}

WireWriter MessageOf(const Field& field) {
  WireWriter message;
  message.TextUnlessEmpty(2, field.name);
  if (field.id != 0) message.Signed(3, field.id);
  if (field.parent_id != 0) message.Signed(4, field.parent_id);
  message.Text(5, field.logical_type)
      .NumberUnlessZero(6, field.nullable ? 1 : 0)
      .NumberUnlessZero(7, LegacyEncodingOf(field));
  if (field.logical_type.starts_with("dict:")) message.Child(8);
  if (const auto* name = field.FindMetadata(kExtensionNameKey)) message.Text(9, *name);
  for (const auto& entry : field.metadata) message.MapEntry(10, entry.key, entry.value);
  return message.NumberUnlessZero(12, field.is_primary_key ? 1 : 0)
      .NumberUnlessZero(13, field.primary_key_position)
      .NumberUnlessZero(15, field.clustering_key_position);
}

// A blob of the second version as files have it. Its members have no ids of their own.
Field FileFieldOf(const Field& field) {
  Field made = field;
  made.children.clear();
  if (field.is_blob() && field.logical_type == "struct") {
    std::erase_if(made.metadata,
                  [](const WireMapEntry& entry) { return entry.key == kExtensionNameKey; });
    SetMetadata(&made, kBlobKey, "true");
    SetMetadata(&made, kPackedKey, "true");
    for (const auto& [name, logical_type] :
         {std::pair("kind", "uint8"), std::pair("position", "uint64"), std::pair("size", "uint64"),
          std::pair("blob_id", "uint32"), std::pair("blob_uri", "string")}) {
      Field member;
      member.name = name;
      member.id = -1;
      member.parent_id = -1;
      member.logical_type = logical_type;
      made.children.push_back(std::move(member));
    }
    return made;
  }
  for (const Field& child : field.children) made.children.push_back(FileFieldOf(child));
  return made;
}

}  // namespace

StorageType StorageType::Of(const arrow::Field& field) {
  StorageType storage{field.type(), "", ""};
  if (field.type()->id() == arrow::Type::EXTENSION) {
    const auto& extension = static_cast<const arrow::ExtensionType&>(*field.type());
    return {extension.storage_type(), extension.extension_name(), extension.Serialize()};
  }
  if (!field.HasMetadata()) return storage;
  const auto get = [&](std::string_view key) {
    return field.metadata()->Get(std::string(key)).ValueOr("");
  };
  storage.extension_name = get(kExtensionNameKey);
  storage.extension_metadata = get(kExtensionMetadataKey);
  return storage;
}

arrow::Result<Field> MakeField(const arrow::Field& field, int32_t parent_id, int32_t* next_id,
                               BlobVersion blobs) {
  ARROW_ASSIGN_OR_RAISE(auto made, FieldMaker(next_id, blobs).Make(field, parent_id, 1));
  ARROW_RETURN_NOT_OK(CompleteField(&made));
  return made;
}

arrow::Result<std::vector<Field>> MakeFields(const arrow::Schema& schema, int32_t first_id,
                                             BlobVersion blobs) {
  std::vector<Field> fields;
  std::set<std::string_view> names;
  int32_t next_id = first_id;
  for (const auto& from : schema.fields()) {
    const auto& name = from->name();
    if (name.empty()) return arrow::Status::Invalid("a column has no name");
    if (name.find('.') != std::string::npos) {
      return arrow::Status::Invalid("the name of a column must not have a dot in it: '", name, "'");
    }
    if (!names.insert(name).second) {
      return arrow::Status::Invalid("two columns have the name '", name, "'");
    }
    ARROW_ASSIGN_OR_RAISE(auto field, MakeField(*from, -1, &next_id, blobs));
    fields.push_back(std::move(field));
  }
  return fields;
}

void AppendFields(uint32_t number, const std::vector<Field>& fields, WireWriter* message) {
  for (const Field& field : fields) {
    message->Child(number, MessageOf(field));
    AppendFields(number, field.children, message);
  }
}

void AppendFileFields(uint32_t number, const std::vector<Field>& fields, WireWriter* message) {
  for (const Field& field : fields) AppendFields(number, {FileFieldOf(field)}, message);
}

}  // namespace croupier::format
