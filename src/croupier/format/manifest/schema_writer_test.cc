#include "croupier/format/manifest/schema_writer.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <arrow/extension/json.h>
#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>
#include <gtest/gtest.h>

#include "croupier/format/wire/test_messages.h"

namespace croupier::format {
namespace {

using test::FromHex;

// Serializes fields and parses the messages.
std::vector<Field> GoRound(const std::vector<Field>& fields) {
  WireWriter schema;
  AppendFields(1, fields, &schema);
  std::vector<std::span<const uint8_t>> messages;
  for (WireReader reader(schema.bytes()); !reader.done();) {
    messages.push_back(reader.Next().ValueOrDie().bytes);
  }
  return ParseFields(messages).ValueOrDie();
}

std::string LogicalTypeOf(std::shared_ptr<arrow::DataType> type) {
  int32_t next_id = 0;
  const auto field = MakeField(arrow::Field("a", std::move(type)), -1, &next_id);
  return field.ok() ? field->logical_type : field.status().ToString();
}

std::shared_ptr<arrow::KeyValueMetadata> Metadata(std::string key, std::string value) {
  return arrow::key_value_metadata({std::move(key)}, {std::move(value)});
}

TEST(SchemaWriterTest, SchemasComeBackFromTheirMessages) {
  const auto entry = arrow::struct_({arrow::field("z", arrow::large_utf8())});
  const auto schema = arrow::schema({
      arrow::field("n", arrow::null()),
      arrow::field("b", arrow::boolean(), false),
      arrow::field("i", arrow::int32(), Metadata("k", "v")),
      arrow::field("h", arrow::float16()),
      arrow::field("d", arrow::date64()),
      arrow::field("t", arrow::time64(arrow::TimeUnit::NANO)),
      arrow::field("u", arrow::duration(arrow::TimeUnit::SECOND)),
      arrow::field("ts", arrow::timestamp(arrow::TimeUnit::MICRO, "+08:00")),
      arrow::field("dec", arrow::decimal256(60, -3)),
      arrow::field("fsb", arrow::fixed_size_binary(3)),
      arrow::field("v", arrow::fixed_size_list(arrow::fixed_size_list(arrow::int16(), 3), 2)),
      arrow::field("l", arrow::list(entry)),
      arrow::field("ll", arrow::large_list(arrow::field("item", arrow::int8(), false))),
      arrow::field("m", arrow::map(arrow::utf8(), arrow::list(arrow::int32()))),
      arrow::field("fs", arrow::fixed_size_list(entry, 3)),
      arrow::field("dict", arrow::dictionary(arrow::uint16(), arrow::utf8())),
      arrow::field("st", arrow::struct_({arrow::field("x", entry), arrow::field("y", entry)})),
      arrow::field("nothing", arrow::struct_(arrow::FieldVector{})),
      arrow::field("p", entry, Metadata("lance-encoding:packed", "true")),
  });
  const auto fields = MakeFields(*schema).ValueOrDie();
  const auto read = GoRound(fields);
  ASSERT_EQ(read.size(), static_cast<size_t>(schema->num_fields()));
  for (int i = 0; i < schema->num_fields(); ++i) {
    const auto& field = read[static_cast<size_t>(i)];
    EXPECT_TRUE(field.arrow_field->Equals(*schema->field(i), true))
        << field.arrow_field->ToString();
    EXPECT_TRUE(fields[static_cast<size_t>(i)].arrow_field->Equals(*schema->field(i), true)) << i;
  }
}

TEST(SchemaWriterTest, MessagesAreThoseOfTheReferenceWriter) {
  const auto of = [](const arrow::Field& from, int32_t id) {
    WireWriter message;
    AppendFields(1, {MakeField(from, -1, &id).ValueOrDie()}, &message);
    return message.bytes();
  };
  EXPECT_EQ(of(arrow::Field("a", arrow::int32()), 0),
            FromHex("0a19 120161 20ffffffffffffffffff01 2a05696e743332 3001 3801"));
  EXPECT_EQ(of(arrow::Field("id", arrow::int32(), false,
                            Metadata("lance-schema:unenforced-primary-key", "true")),
               0),
            FromHex("0a47 12026964 20ffffffffffffffffff01 2a05696e743332 3801 522b 0a23 "
                    "6c616e63652d736368656d613a756e656e666f726365642d7072696d6172792d6b6579 "
                    "1204 74727565 6001"));
  EXPECT_EQ(
      of(arrow::Field("bl", arrow::large_binary(), true, Metadata("lance-encoding:blob", "true")),
         6),
      FromHex("0a51 1202626c 1806 20ffffffffffffffffff01 2a06737472756374 3001 "
              "4a0d6c616e63652e626c6f622e7632 5225 0a144152524f573a657874656e73696f6e3a6e616d65"
              "120d6c616e63652e626c6f622e7632 "
              "0a1c 120464617461 1807 2006 2a0c6c617267655f62696e617279 3001 3802 "
              "0a15 1203757269 1808 2006 2a06737472696e67 3001 3802"));
}

TEST(SchemaWriterTest, IdsAreGivenInPreOrder) {
  const auto inner = arrow::struct_({arrow::field("p", arrow::int8())});
  const auto schema =
      arrow::schema({arrow::field("a", arrow::list(inner)), arrow::field("b", arrow::int8())});
  const auto fields = MakeFields(*schema, 7).ValueOrDie();
  EXPECT_EQ(fields[0].id, 7);
  EXPECT_EQ(fields[0].children[0].id, 8);
  EXPECT_EQ(fields[0].children[0].parent_id, 7);
  EXPECT_EQ(fields[0].children[0].children[0].id, 9);
  EXPECT_EQ(fields[1].id, 10);
  EXPECT_EQ(fields[1].parent_id, -1);
}

TEST(SchemaWriterTest, ViewsBecomePlainTypes) {
  EXPECT_EQ(LogicalTypeOf(arrow::utf8_view()), "string");
  EXPECT_EQ(LogicalTypeOf(arrow::binary_view()), "binary");
}

TEST(SchemaWriterTest, JsonIsJsonAsATypeAndAsMetadata) {
  const auto by_metadata =
      arrow::field("j", arrow::utf8(), Metadata("ARROW:extension:name", "arrow.json"));
  const auto by_type = arrow::field("j", arrow::extension::json());
  for (const auto& from : {by_metadata, by_type}) {
    int32_t next_id = 0;
    const auto field = GoRound({MakeField(*from, -1, &next_id).ValueOrDie()})[0];
    EXPECT_TRUE(field.is_json());
    EXPECT_EQ(*field.FindMetadata("ARROW:extension:name"), "lance.json");
    EXPECT_TRUE(field.arrow_field->type()->Equals(*arrow::utf8()));
  }
}

TEST(SchemaWriterTest, OtherExtensionTypesAreStorageAndMetadata) {
  const auto metadata = arrow::key_value_metadata(
      {"ARROW:extension:metadata", "ARROW:extension:name"}, {"x", "mine"});
  int32_t next_id = 0;
  const auto field =
      MakeField(arrow::Field("a", arrow::int64(), true, metadata), -1, &next_id).ValueOrDie();
  EXPECT_EQ(field.logical_type, "int64");
  EXPECT_TRUE(GoRound({field})[0].arrow_field->metadata()->Equals(*metadata));
}

TEST(SchemaWriterTest, VectorsOfBfloat16AreNamed) {
  const auto item = arrow::field("item", arrow::fixed_size_binary(2), true,
                                 Metadata("ARROW:extension:name", "lance.bfloat16"));
  EXPECT_EQ(LogicalTypeOf(arrow::fixed_size_list(item, 4)), "fixed_size_list:lance.bfloat16:4");
}

TEST(SchemaWriterTest, BlobsOfTheOlderFormatAreBinary) {
  int32_t next_id = 0;
  const arrow::Field from("b", arrow::large_binary(), true,
                          Metadata("lance-encoding:blob", "true"));
  const auto field = MakeField(from, -1, &next_id, BlobVersion::kV1).ValueOrDie();
  EXPECT_EQ(field.logical_type, "large_binary");
  EXPECT_TRUE(field.is_blob());
  EXPECT_EQ(next_id, 1);
}

TEST(SchemaWriterTest, TypesWithoutALogicalTypeAreNamedWithTheirColumn) {
  for (const auto& type : std::vector<std::shared_ptr<arrow::DataType>>{
           arrow::month_interval(), arrow::decimal32(5, 2), arrow::fixed_size_binary(0),
           arrow::fixed_size_list(arrow::utf8(), 2), arrow::fixed_size_list(arrow::int8(), 0),
           arrow::fixed_size_list(arrow::list(arrow::int8()), 2), arrow::list_view(arrow::int8()),
           arrow::dictionary(arrow::int8(), arrow::date32()),
           arrow::dictionary(arrow::int8(), arrow::null()),
           arrow::run_end_encoded(arrow::int32(), arrow::int8()),
           arrow::dense_union({arrow::field("x", arrow::int8())}),
           arrow::map(arrow::utf8(), arrow::int8(), /*keys_sorted=*/true)}) {
    const auto schema = arrow::schema({arrow::field("here", type)});
    const auto status = MakeFields(*schema).status();
    EXPECT_TRUE(status.IsNotImplemented()) << type->ToString() << status;
    EXPECT_NE(status.message().find("'here'"), std::string::npos) << status;
  }
}

TEST(SchemaWriterTest, NamesMustBeUniqueAndWithoutDots) {
  const auto a = arrow::field("a", arrow::int8());
  for (const auto& fields :
       {arrow::FieldVector{a, a}, arrow::FieldVector{arrow::field("a.b", arrow::int8())},
        arrow::FieldVector{arrow::field("", arrow::int8())},
        arrow::FieldVector{arrow::field("s", arrow::struct_({a, a}))}}) {
    EXPECT_TRUE(MakeFields(*arrow::schema(fields)).status().IsInvalid());
  }
  EXPECT_TRUE(MakeFields(*arrow::schema({arrow::field(
                             "s", arrow::struct_({arrow::field("a.b", arrow::int8())}))}))
                  .ok());
}

TEST(SchemaWriterTest, AVeryDeepSchemaIsRefused) {
  auto type = arrow::int8();
  for (int i = 0; i < 100; ++i) type = arrow::list(type);
  EXPECT_TRUE(MakeFields(*arrow::schema({arrow::field("a", type)})).status().IsNotImplemented());
}

}  // namespace
}  // namespace croupier::format
