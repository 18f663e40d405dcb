#include "croupier/format/manifest/schema.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>
#include <gtest/gtest.h>

#include "croupier/format/wire/test_messages.h"

namespace croupier::format {
namespace {

using test::Message;

constexpr int32_t kNoParent = -1;

Message FieldMessage(std::string_view name, int32_t id, int32_t parent_id,
                     std::string_view logical_type) {
  const auto sign_extended = static_cast<uint64_t>(int64_t{parent_id});
  return Message()
      .Text(2, name)
      .Number(3, static_cast<uint64_t>(int64_t{id}))
      .Number(4, sign_extended)
      .Text(5, logical_type)
      .Number(6, 1);
}

Message WithMetadata(Message field, std::string_view key, std::string_view value) {
  return field.Child(10, Message().Text(1, key).Text(2, value));
}

arrow::Result<std::vector<Field>> Parse(const std::vector<Message>& messages) {
  std::vector<std::span<const uint8_t>> spans;
  for (const auto& message : messages) spans.emplace_back(message.bytes());
  return ParseFields(spans);
}

Field ParseOne(const std::vector<Message>& messages) {
  auto fields = Parse(messages);
  EXPECT_TRUE(fields.ok()) << fields.status();
  if (!fields.ok() || fields->size() != 1) return {};
  return std::move(fields->front());
}

void ExpectTypes(
    const std::vector<std::pair<const char*, std::shared_ptr<arrow::DataType>>>& types) {
  for (const auto& [logical_type, expected] : types) {
    const auto type = ParseLogicalType(logical_type);
    ASSERT_TRUE(type.ok()) << logical_type << ": " << type.status();
    EXPECT_TRUE((*type)->Equals(*expected)) << logical_type << ": " << (*type)->ToString();
  }
}

TEST(LogicalTypeTest, SimpleTypesAreFound) {
  ExpectTypes({{"null", arrow::null()},
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
               {"json", arrow::utf8()}});
}

TEST(LogicalTypeTest, TypesOfTimeAreFound) {
  ExpectTypes({{"date32:day", arrow::date32()},
               {"date64:ms", arrow::date64()},
               {"time32:s", arrow::time32(arrow::TimeUnit::SECOND)},
               {"time32:ms", arrow::time32(arrow::TimeUnit::MILLI)},
               {"time64:us", arrow::time64(arrow::TimeUnit::MICRO)},
               {"time64:ns", arrow::time64(arrow::TimeUnit::NANO)},
               {"timestamp:s:-", arrow::timestamp(arrow::TimeUnit::SECOND)},
               {"timestamp:ms:UTC", arrow::timestamp(arrow::TimeUnit::MILLI, "UTC")},
               {"timestamp:us:+08:00", arrow::timestamp(arrow::TimeUnit::MICRO, "+08:00")},
               {"duration:ns", arrow::duration(arrow::TimeUnit::NANO)}});
}

TEST(LogicalTypeTest, ParametersOfTypesAreRead) {
  ExpectTypes(
      {{"decimal:128:20:2", arrow::decimal128(20, 2)},
       {"decimal:256:60:-3", arrow::decimal256(60, -3)},
       {"fixed_size_binary:16", arrow::fixed_size_binary(16)},
       {"fixed_size_list:float:768", arrow::fixed_size_list(arrow::float32(), 768)},
       {"fixed_size_list:lance.bfloat16:4", arrow::fixed_size_list(arrow::fixed_size_binary(2), 4)},
       {"fixed_size_list:timestamp:us:+08:00:3",
        arrow::fixed_size_list(arrow::timestamp(arrow::TimeUnit::MICRO, "+08:00"), 3)},
       {"fixed_size_list:fixed_size_list:int16:3:2",
        arrow::fixed_size_list(arrow::fixed_size_list(arrow::int16(), 3), 2)},
       {"dict:string:int8:false", arrow::dictionary(arrow::int8(), arrow::utf8())}});
}

TEST(LogicalTypeTest, UnknownTypesAreNotImplementedByName) {
  for (const std::string logical_type : {"",
                                         "int128",
                                         "String",
                                         "timestamp",
                                         "timestamp:minutes:-",
                                         "duration:",
                                         "decimal:64:9:2",
                                         "decimal:128:x:2",
                                         "decimal:128:9",
                                         "decimal:128:9:2:1",
                                         "fixed_size_binary:-1",
                                         "fixed_size_binary:4294967296",
                                         "fixed_size_list:int8",
                                         "fixed_size_list:int8:-1",
                                         "fixed_size_list:int8:3x",
                                         "fixed_size_list:nothing:3",
                                         "dict:string:float:false",
                                         "dict:string",
                                         "dict:nothing:int8:false",
                                         "time32:us",
                                         "interval"}) {
    const auto status = ParseLogicalType(logical_type).status();
    EXPECT_TRUE(status.IsNotImplemented()) << logical_type << ": " << status;
    EXPECT_NE(status.message().find("unknown logical type"), std::string::npos) << status;
  }
}

TEST(LogicalTypeTest, NestingIsBounded) {
  std::string logical_type;
  for (int i = 0; i < 100000; ++i) logical_type += "fixed_size_list:";
  logical_type += "int8";
  for (int i = 0; i < 100000; ++i) logical_type += ":1";
  EXPECT_TRUE(ParseLogicalType(logical_type).status().IsNotImplemented());
}

TEST(SchemaTest, AFieldKeepsWhatItsMessageSays) {
  const auto field = ParseOne({WithMetadata(FieldMessage("a", 7, kNoParent, "int32"), "k", "v")});
  EXPECT_EQ(field.name, "a");
  EXPECT_EQ(field.id, 7);
  EXPECT_EQ(field.parent_id, -1);
  EXPECT_EQ(field.logical_type, "int32");
  EXPECT_TRUE(field.nullable);
  EXPECT_TRUE(field.is_leaf());
  EXPECT_TRUE(field.arrow_field->Equals(
      arrow::field("a", arrow::int32(), true, arrow::key_value_metadata({{"k", "v"}})), true));
}

TEST(SchemaTest, AFieldIsNotNullableUnlessItsMessageSaysSo) {
  const auto field = ParseOne({Message().Text(2, "a").Number(4, UINT64_MAX).Text(5, "int8")});
  EXPECT_EQ(field.id, 0);
  EXPECT_FALSE(field.arrow_field->nullable());
}

TEST(SchemaTest, TheOrderOfMetadataDoesNotMatter) {
  const auto plain = FieldMessage("a", 0, kNoParent, "int8");
  const auto one = ParseOne({WithMetadata(WithMetadata(plain, "x", "1"), "y", "2")});
  const auto other = ParseOne({WithMetadata(WithMetadata(plain, "y", "2"), "x", "1")});
  EXPECT_TRUE(one.arrow_field->Equals(*other.arrow_field, true));
}

TEST(SchemaTest, UnknownLogicalTypesAreShownAsBinary) {
  const auto field = ParseOne({FieldMessage("a", 0, kNoParent, "hologram:3")});
  EXPECT_TRUE(field.is_unknown);
  EXPECT_TRUE(field.arrow_field->type()->Equals(*arrow::large_binary()));
}

TEST(SchemaTest, StructsHoldTheirMembersInOrder) {
  const auto field =
      ParseOne({FieldMessage("st", 0, kNoParent, "struct"), FieldMessage("x", 1, 0, "int64"),
                FieldMessage("y", 2, 0, "string")});
  EXPECT_TRUE(field.arrow_field->type()->Equals(
      *arrow::struct_({arrow::field("x", arrow::int64()), arrow::field("y", arrow::utf8())})));
  EXPECT_FALSE(field.is_leaf());
}

TEST(SchemaTest, ListsHoldTheirItem) {
  for (const auto* kind : {"list", "list.struct"}) {
    const auto field =
        ParseOne({FieldMessage("l", 0, kNoParent, kind), FieldMessage("item", 1, 0, "int32")});
    EXPECT_TRUE(field.arrow_field->type()->Equals(*arrow::list(arrow::int32()))) << kind;
  }
  const auto field = ParseOne(
      {FieldMessage("l", 0, kNoParent, "large_list"), FieldMessage("item", 1, 0, "int32")});
  EXPECT_TRUE(field.arrow_field->type()->Equals(*arrow::large_list(arrow::int32())));
}

TEST(SchemaTest, FixedSizeListsOfStructsHoldTheirItem) {
  const auto field =
      ParseOne({FieldMessage("fs", 0, kNoParent, "fixed_size_list:struct:2"),
                FieldMessage("item", 1, 0, "struct"), FieldMessage("x", 2, 1, "int32")});
  const auto item = arrow::field("item", arrow::struct_({arrow::field("x", arrow::int32())}));
  EXPECT_TRUE(field.arrow_field->type()->Equals(*arrow::fixed_size_list(item, 2)));
}

// A map whose entries and keys may be null or not.
std::vector<Message> MapMessages(uint64_t nullable_entries) {
  return {FieldMessage("m", 0, kNoParent, "map"),
          FieldMessage("entries", 1, 0, "struct").Number(6, nullable_entries),
          FieldMessage("key", 2, 1, "string").Number(6, 0), FieldMessage("value", 3, 1, "int32")};
}

TEST(SchemaTest, MapsHoldTheirEntries) {
  const auto field = ParseOne(MapMessages(0));
  EXPECT_TRUE(field.arrow_field->type()->Equals(*arrow::map(arrow::utf8(), arrow::int32())))
      << field.arrow_field->ToString();
}

TEST(SchemaTest, MapsWhoseEntriesMayBeNullAreErrors) {
  EXPECT_TRUE(Parse(MapMessages(1)).status().IsSerializationError());
}

TEST(SchemaTest, BlobsAndPackedStructsAreLeaves) {
  const auto blob = ParseOne({WithMetadata(FieldMessage("b", 0, kNoParent, "large_binary"),
                                           "lance-encoding:blob", "true")});
  EXPECT_TRUE(blob.is_blob());
  EXPECT_TRUE(blob.is_leaf());
  EXPECT_EQ(blob.arrow_field->type()->ToString(), "struct<position: uint64, size: uint64>");
  const auto described = ParseOne({WithMetadata(FieldMessage("b", 0, kNoParent, "struct"),
                                                "ARROW:extension:name", "lance.blob.v2"),
                                   FieldMessage("data", 1, 0, "large_binary")});
  EXPECT_TRUE(described.is_blob());
  EXPECT_TRUE(described.is_leaf());
  EXPECT_EQ(described.arrow_field->type()->ToString(),
            "struct<kind: uint8 not null, position: uint64 not null, size: uint64 not null, "
            "blob_id: uint32 not null, blob_uri: string not null>");
  EXPECT_EQ(described.arrow_field->metadata()->Get("lance-encoding:blob").ValueOrDie(), "true");
  EXPECT_FALSE(described.arrow_field->metadata()->Contains("ARROW:extension:name"));
  for (const auto* key : {"packed", "lance-encoding:packed"}) {
    for (const auto* value : {"true", "1", "Yes", "ON", "y"}) {
      const auto packed =
          ParseOne({WithMetadata(FieldMessage("p", 0, kNoParent, "struct"), key, value),
                    FieldMessage("x", 1, 0, "int8")});
      EXPECT_TRUE(packed.is_packed_struct()) << key << value;
      EXPECT_TRUE(packed.is_leaf()) << key << value;
    }
    const auto loose =
        ParseOne({WithMetadata(FieldMessage("p", 0, kNoParent, "struct"), key, "false"),
                  FieldMessage("x", 1, 0, "int8")});
    EXPECT_FALSE(loose.is_packed_struct()) << key;
  }
}

TEST(SchemaTest, JsonIsShownAsArrowsExtensionOfStrings) {
  const auto field = ParseOne({WithMetadata(FieldMessage("j", 0, kNoParent, "json"),
                                            "ARROW:extension:name", "lance.json")});
  EXPECT_TRUE(field.is_json());
  EXPECT_TRUE(field.arrow_field->type()->Equals(*arrow::utf8()));
  EXPECT_EQ(field.arrow_field->metadata()->Get("ARROW:extension:name").ValueOrDie(), "arrow.json");
}

TEST(SchemaTest, ItemsOfBfloat16ListsAreOfTheExtension) {
  const auto type = ParseLogicalType("fixed_size_list:lance.bfloat16:3").ValueOrDie();
  EXPECT_TRUE(type->field(0)->type()->Equals(*arrow::fixed_size_binary(2)));
  EXPECT_EQ(type->field(0)->metadata()->Get("ARROW:extension:name").ValueOrDie(), "lance.bfloat16");
}

TEST(SchemaTest, SiblingsKeepTheirOrderAtEveryLevel) {
  const auto fields =
      Parse({FieldMessage("a", 3, kNoParent, "struct"), FieldMessage("x", 5, 3, "struct"),
             FieldMessage("p", 1, 5, "int8"), FieldMessage("q", 0, 5, "int8"),
             FieldMessage("y", 4, 3, "int8"), FieldMessage("b", 2, kNoParent, "int8")});
  ASSERT_TRUE(fields.ok()) << fields.status();
  ASSERT_EQ(fields->size(), 2u);
  EXPECT_EQ((*fields)[0].arrow_field->type()->ToString(),
            "struct<x: struct<p: int8, q: int8>, y: int8>");
  EXPECT_EQ((*fields)[1].name, "b");
}

struct BadSchema {
  const char* what;
  std::vector<Message> messages;
};

TEST(SchemaTest, WrongSchemasAreErrors) {
  const std::vector<BadSchema> schemas = {
      {"a repeated id",
       {FieldMessage("a", 0, kNoParent, "int8"), FieldMessage("b", 0, kNoParent, "int8")}},
      {"a negative id", {FieldMessage("a", -3, kNoParent, "int8")}},
      {"no such parent", {FieldMessage("a", 0, 9, "int8")}},
      {"its own parent", {FieldMessage("a", 0, 0, "struct")}},
      {"a parent behind its child",
       {FieldMessage("x", 1, 0, "int8"), FieldMessage("a", 0, kNoParent, "struct")}},
      {"two columns of one name",
       {FieldMessage("a", 0, kNoParent, "int8"), FieldMessage("a", 1, kNoParent, "int8")}},
      {"a list of nothing", {FieldMessage("a", 0, kNoParent, "list")}},
      {"a list of two",
       {FieldMessage("a", 0, kNoParent, "list"), FieldMessage("x", 1, 0, "int8"),
        FieldMessage("y", 2, 0, "int8")}},
      {"a map without entries", {FieldMessage("a", 0, kNoParent, "map")}},
      {"a map of values",
       {FieldMessage("a", 0, kNoParent, "map"), FieldMessage("x", 1, 0, "int8")}},
      {"a number with members",
       {FieldMessage("a", 0, kNoParent, "int8"), FieldMessage("x", 1, 0, "int8")}},
      {"structs of a negative number",
       {FieldMessage("a", 0, kNoParent, "fixed_size_list:struct:-1"),
        FieldMessage("item", 1, 0, "struct")}},
      {"a decimal of too many digits", {FieldMessage("a", 0, kNoParent, "decimal:128:99:2")}},
      {"a name that is no text", {FieldMessage("\xff", 0, kNoParent, "int8")}},
  };
  for (const auto& [what, messages] : schemas) {
    const auto status = Parse(messages).status();
    EXPECT_TRUE(status.IsSerializationError()) << what << ": " << status;
  }
}

// Structs in structs; the innermost has no member.
std::vector<Message> NestedStructs(int depth) {
  std::vector<Message> messages;
  for (int id = 0; id < depth; ++id) messages.push_back(FieldMessage("a", id, id - 1, "struct"));
  return messages;
}

TEST(SchemaTest, FieldsMayNest64DeepAndNoDeeper) {
  EXPECT_TRUE(Parse(NestedStructs(64)).ok());
  EXPECT_TRUE(Parse(NestedStructs(65)).status().IsSerializationError());
}

TEST(SchemaTest, AVeryDeepSchemaDoesNotExhaustTheStack) {
  EXPECT_TRUE(Parse(NestedStructs(200000)).status().IsSerializationError());
}

}  // namespace
}  // namespace croupier::format
