#include "croupier/format/wire/wire_reader.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "croupier/format/wire/test_messages.h"

namespace croupier::format {
namespace {

using test::ByteVector;
using test::Message;

arrow::Result<WireField> ReadOne(const ByteVector& message) { return WireReader(message).Next(); }

arrow::Result<std::vector<WireField>> ReadAll(std::span<const uint8_t> message) {
  std::vector<WireField> fields;
  for (WireReader reader(message); !reader.done();) {
    ARROW_ASSIGN_OR_RAISE(fields.emplace_back(), reader.Next());
  }
  return fields;
}

// A field of each wire type: 1 varint 150, 2 fixed64, 3 "abc", 4 fixed32, 5 bytes of none.
const ByteVector kEveryType = {0x08, 0x96, 0x01, 0x11, 1,   2,    3, 4, 5, 6, 7,    0x80,
                               0x1a, 3,    'a',  'b',  'c', 0x25, 1, 2, 3, 4, 0x2a, 0};

TEST(WireReaderTest, FieldsOfEveryWireTypeAreReadInOrder) {
  const auto fields = ReadAll(kEveryType);
  ASSERT_TRUE(fields.ok()) << fields.status();
  ASSERT_EQ(fields->size(), 5u);
  for (uint32_t i = 0; i < 5; ++i) EXPECT_EQ((*fields)[i].number, i + 1);
  EXPECT_EQ((*fields)[0].AsUnsigned().ValueOrDie(), 150u);
  EXPECT_EQ((*fields)[1].AsUnsigned().ValueOrDie(), 0x8007060504030201u);
  EXPECT_EQ((*fields)[2].AsString().ValueOrDie(), "abc");
  EXPECT_EQ((*fields)[3].AsUnsigned().ValueOrDie(), 0x04030201u);
  EXPECT_TRUE((*fields)[4].AsBytes().ValueOrDie().empty());
}

TEST(WireReaderTest, AnEmptyMessageIsDone) { EXPECT_TRUE(WireReader({}).done()); }

TEST(WireReaderTest, ATruncationIsAnErrorUnlessItFallsBetweenFields) {
  const std::vector<size_t> ends = {0, 3, 12, 17, 22};
  test::ForEachTruncation(kEveryType, [&](const ByteVector& cut) {
    const auto fields = ReadAll(cut);
    const auto end = std::find(ends.begin(), ends.end(), cut.size());
    if (end == ends.end()) {
      EXPECT_TRUE(fields.status().IsSerializationError()) << cut.size();
    } else {
      ASSERT_TRUE(fields.ok()) << cut.size();
      EXPECT_EQ(std::ssize(*fields), end - ends.begin());
    }
  });
}

TEST(WireReaderTest, VarintsOfEveryWidthComeBack) {
  for (int bits = 0; bits < 64; ++bits) {
    for (const uint64_t value : {uint64_t{1} << bits, ~uint64_t{0} >> bits}) {
      const auto field = ReadOne(Message().Number(7, value).bytes());
      ASSERT_TRUE(field.ok()) << field.status();
      EXPECT_EQ(field->AsUnsigned().ValueOrDie(), value);
    }
  }
}

TEST(WireReaderTest, AVarintMayBeLongerThanItsValueNeeds) {
  const auto field = ReadOne({0x08, 0x85, 0x80, 0x80, 0x00});
  ASSERT_TRUE(field.ok()) << field.status();
  EXPECT_EQ(field->AsUnsigned().ValueOrDie(), 5u);
}

TEST(WireReaderTest, AVarintOfMoreThanTenBytesIsAnError) {
  ByteVector message = {0x08};
  message.insert(message.end(), 10, 0x80);
  message.push_back(0);
  EXPECT_TRUE(ReadOne(message).status().IsSerializationError());
}

TEST(WireReaderTest, FieldNumbersEndBelowTwoToThe29) {
  constexpr uint32_t kLast = (1u << 29) - 1;
  const auto last = ReadOne(Message().Number(kLast, 0).bytes());
  ASSERT_TRUE(last.ok()) << last.status();
  EXPECT_EQ(last->number, kLast);
  for (const uint32_t number : {0u, kLast + 1}) {
    EXPECT_TRUE(ReadOne(Message().Number(number, 0).bytes()).status().IsSerializationError())
        << number;
  }
  // The largest tag that a varint can hold.
  const ByteVector huge = {0xf8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0};
  EXPECT_TRUE(ReadOne(huge).status().IsSerializationError());
}

TEST(WireReaderTest, GroupsAndUnknownWireTypesAreErrors) {
  for (const int type : {3, 4, 6, 7}) {
    const auto status = ReadOne({static_cast<uint8_t>(0x08 | type), 0, 0, 0, 0, 0, 0, 0}).status();
    EXPECT_TRUE(status.IsSerializationError()) << type;
  }
}

TEST(WireReaderTest, ALengthBeyondTheMessageIsAnError) {
  for (const uint64_t length : {uint64_t{4}, uint64_t{1} << 32, UINT64_MAX}) {
    ByteVector message = {0x0a};
    AppendVarint(&message, length);
    message.insert(message.end(), 3, 'x');
    const auto status = ReadOne(message).status();
    EXPECT_TRUE(status.IsSerializationError()) << length;
    EXPECT_NE(status.message().find(std::to_string(length)), std::string::npos) << status;
  }
}

TEST(WireReaderTest, NestedMessagesAreReadOneLevelAtATime) {
  constexpr int kDepth = 1000;
  Message message;
  for (int i = 0; i < kDepth; ++i) message = Message().Child(1, message);
  std::span<const uint8_t> level = message.bytes();
  for (int i = 0; i < kDepth; ++i) {
    WireReader reader(level);
    const auto field = reader.Next();
    ASSERT_TRUE(field.ok()) << field.status();
    EXPECT_TRUE(reader.done());
    level = field->AsBytes().ValueOrDie();
  }
  EXPECT_TRUE(level.empty());
}

TEST(WireFieldTest, ANegativeInt32IsReadFromItsTenBytes) {
  const auto field =
      ReadOne({0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}).ValueOrDie();
  EXPECT_EQ(field.AsInt32().ValueOrDie(), -1);
}

TEST(WireFieldTest, ANumberAboveItsRangeIsNotAUint32) {
  const auto most = ReadOne(Message().Number(1, UINT32_MAX).bytes()).ValueOrDie();
  EXPECT_EQ(most.AsUint32().ValueOrDie(), UINT32_MAX);
  const auto more = ReadOne(Message().Number(1, uint64_t{UINT32_MAX} + 1).bytes()).ValueOrDie();
  EXPECT_TRUE(more.AsUint32().status().IsSerializationError());
}

TEST(WireFieldTest, EveryNumberButZeroIsTrue) {
  for (const uint64_t value : {uint64_t{0}, uint64_t{1}, uint64_t{2}, UINT64_MAX}) {
    const auto field = ReadOne(Message().Number(1, value).bytes()).ValueOrDie();
    EXPECT_EQ(field.AsBool().ValueOrDie(), value != 0) << value;
  }
}

TEST(WireFieldTest, BytesAreNoNumberAndANumberIsNoBytes) {
  const auto bytes = ReadOne(Message().Text(1, "x").bytes()).ValueOrDie();
  EXPECT_TRUE(bytes.AsUnsigned().status().IsSerializationError());
  EXPECT_TRUE(bytes.AsInt32().status().IsSerializationError());
  EXPECT_TRUE(bytes.AsUint32().status().IsSerializationError());
  EXPECT_TRUE(bytes.AsBool().status().IsSerializationError());
  const auto number = ReadOne(Message().Number(1, 8).bytes()).ValueOrDie();
  EXPECT_TRUE(number.AsBytes().status().IsSerializationError());
  EXPECT_TRUE(number.AsString().status().IsSerializationError());
}

TEST(WireFieldTest, TextMustBeUtf8) {
  const auto field = [](std::string_view text) {
    return ReadOne(Message().Text(1, text).bytes()).ValueOrDie().AsString();
  };
  EXPECT_EQ(field("na\xc3\xafve").ValueOrDie(), "na\xc3\xafve");
  EXPECT_TRUE(field("cut \xc3").status().IsSerializationError());
  EXPECT_TRUE(field("\xff").status().IsSerializationError());
}

TEST(WireFieldTest, RepeatedNumbersAreReadPackedAndOneByOne) {
  const auto message = Message().Number(1, 5).Packed(1, {300, 0}).Number(1, 7);
  std::vector<uint64_t> values;
  for (const auto& field : ReadAll(message.bytes()).ValueOrDie()) {
    ASSERT_TRUE(field.AppendTo(&values).ok());
  }
  EXPECT_EQ(values, (std::vector<uint64_t>{5, 300, 0, 7}));
}

TEST(WireFieldTest, RepeatedInt32sMayBeNegative) {
  const auto message = Message().Packed(1, {3, UINT64_MAX});
  const auto field = ReadOne(message.bytes()).ValueOrDie();
  std::vector<int32_t> values;
  ASSERT_TRUE(field.AppendTo(&values).ok());
  EXPECT_EQ(values, (std::vector<int32_t>{3, -1}));
}

TEST(WireFieldTest, APackedNumberThatIsCutOffIsAnError) {
  const auto message = Message().Text(1, "\x05\x80");
  const auto field = ReadOne(message.bytes()).ValueOrDie();
  std::vector<uint64_t> values;
  EXPECT_TRUE(field.AppendTo(&values).IsSerializationError());
}

TEST(WireMapEntryTest, UnknownFieldsArePassedOver) {
  const auto message = Message().Number(9, 1).Text(1, "key").Child(15).Text(2, "value").bytes();
  const auto entry = WireMapEntry::Parse(message);
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ(entry->key, "key");
  EXPECT_EQ(entry->value, "value");
}

TEST(WireMapEntryTest, ValuesMayBeAnyBytesAndEitherPartMayBeAbsent) {
  const auto entry = WireMapEntry::Parse(Message().Text(2, "\xff").bytes());
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ(entry->key, "");
  EXPECT_EQ(entry->value, "\xff");
}

}  // namespace
}  // namespace croupier::format
