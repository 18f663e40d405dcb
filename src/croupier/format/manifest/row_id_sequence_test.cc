#include "croupier/format/manifest/row_id_sequence.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "croupier/base/hash.h"
#include "croupier/format/wire/test_messages.h"

namespace croupier::format {
namespace {

using test::ByteVector;
using test::Message;

std::string TextOf(const ByteVector& bytes) { return {bytes.begin(), bytes.end()}; }

// An EncodedU64Array of 2, 4 or 8 bytes an element.
template <typename T>
Message Array(uint64_t base, const std::vector<T>& elements) {
  ByteVector bytes;
  for (const T element : elements) test::AppendValue(&bytes, element);
  const uint32_t kind = sizeof(T) == 2 ? 1 : sizeof(T) == 4 ? 2 : 3;
  Message inner;
  if (base != 0) inner.Number(1, base);
  return Message().Child(kind, inner.Text(2, TextOf(bytes)));
}

Message Range(uint64_t start, uint64_t end) {
  return Message().Child(1, Message().Number(1, start).Number(2, end));
}
Message WithHoles(uint64_t start, uint64_t end, const Message& holes) {
  return Message().Child(2, Message().Number(1, start).Number(2, end).Child(3, holes));
}
Message WithBitmap(uint64_t start, uint64_t end, const ByteVector& bitmap) {
  return Message().Child(3, Message().Number(1, start).Number(2, end).Text(3, TextOf(bitmap)));
}
Message Sorted(const Message& array) { return Message().Child(4, array); }
Message Unsorted(const Message& array) { return Message().Child(5, array); }

Message Sequence(const std::vector<Message>& segments) {
  Message sequence;
  for (const auto& segment : segments) sequence.Child(1, segment);
  return sequence;
}

std::vector<uint64_t> IdsOf(const RowIdSequence& sequence) {
  std::vector<uint64_t> ids(static_cast<size_t>(sequence.num_rows()));
  sequence.Read(0, ids);
  return ids;
}

void ExpectIds(const std::vector<Message>& segments, const std::vector<uint64_t>& ids) {
  const auto sequence = RowIdSequence::Parse(Sequence(segments).bytes(), std::ssize(ids));
  ASSERT_TRUE(sequence.ok()) << sequence.status();
  EXPECT_EQ((*sequence)->num_rows(), std::ssize(ids));
  EXPECT_EQ(IdsOf(**sequence), ids);
  for (size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ((*sequence)->At(static_cast<uint32_t>(i)), ids[i]) << i;
    std::vector<uint64_t> part(std::min<size_t>(3, ids.size() - i));
    (*sequence)->Read(static_cast<uint32_t>(i), part);
    EXPECT_TRUE(std::equal(part.begin(), part.end(), ids.begin() + static_cast<int64_t>(i))) << i;
  }
  for (const int64_t other : {std::ssize(ids) - 1, std::ssize(ids) + 1}) {
    if (other < 0) continue;
    EXPECT_TRUE(
        RowIdSequence::Parse(Sequence(segments).bytes(), other).status().IsSerializationError());
  }
}

void ExpectMalformed(const Message& segment, int64_t num_rows) {
  const auto status = RowIdSequence::Parse(Sequence({segment}).bytes(), num_rows).status();
  EXPECT_TRUE(status.IsSerializationError()) << status;
}

TEST(RowIdSequenceTest, TheExampleOfTheSpecificationIsRead) {
  const auto sequence =
      RowIdSequence::Parse(test::FromHex("0a 06 0a 04 08 64 10 78"), 20).ValueOrDie();
  std::vector<uint64_t> ids(20);
  std::iota(ids.begin(), ids.end(), uint64_t{100});
  EXPECT_EQ(IdsOf(*sequence), ids);
}

TEST(RowIdSequenceTest, EveryKindOfSegmentIsRead) {
  ExpectIds({Range(5, 11)}, {5, 6, 7, 8, 9, 10});
  ExpectIds({WithHoles(10, 20, Array<uint16_t>(10, {0, 3, 9}))}, {11, 12, 14, 15, 16, 17, 18});
  ExpectIds({WithHoles(10, 13, Array<uint32_t>(0, {11}))}, {10, 12});
  ExpectIds({WithHoles(10, 13, Array<uint64_t>(0, {10, 11, 12}))}, {});
  // The least significant bit is first.
  ExpectIds({WithBitmap(100, 111, {0b10010011, 0b00000101})}, {100, 101, 104, 107, 108, 110});
  ExpectIds({WithBitmap(0, 8, {0xff})}, {0, 1, 2, 3, 4, 5, 6, 7});
  ExpectIds({Sorted(Array<uint16_t>(1000, {0, 7, 65535}))}, {1000, 1007, 66535});
  ExpectIds({Unsorted(Array<uint32_t>(uint64_t{1} << 40, {9, 3, 0xffffffff}))},
            {(uint64_t{1} << 40) + 9, (uint64_t{1} << 40) + 3, (uint64_t{1} << 40) + 0xffffffff});
  ExpectIds({Unsorted(Array<uint64_t>(0, {UINT64_MAX, 0, 17}))}, {UINT64_MAX, 0, 17});
}

TEST(RowIdSequenceTest, EmptySegmentsAndSequencesHaveNoRows) {
  ExpectIds({}, {});
  ExpectIds({Range(7, 7), Range(3, 5), WithBitmap(9, 9, {}), Sorted(Array<uint16_t>(0, {}))},
            {3, 4});
}

TEST(RowIdSequenceTest, SegmentsFollowEachOther) {
  ExpectIds({Range(0, 5), Unsorted(Array<uint16_t>(0, {90, 80})), Range(5, 9), Range(70, 71)},
            {0, 1, 2, 3, 4, 90, 80, 5, 6, 7, 8, 70});
}

TEST(RowIdSequenceTest, ThousandsOfRangesOfOneIdAreOneRunWhereTheyFollowEachOther) {
  std::vector<Message> segments;
  for (uint64_t id = 0; id < 5000; ++id) segments.push_back(Range(id, id + 1));
  const auto sequence = RowIdSequence::Parse(Sequence(segments).bytes(), 5000).ValueOrDie();
  EXPECT_EQ(sequence->pieces().size(), 1u);
  EXPECT_TRUE(sequence->scattered().empty());
}

TEST(RowIdSequenceTest, NeverTakesMoreThanEightBytesARow) {
  SplitMix64 random(5);
  std::vector<uint64_t> ids;
  while (ids.size() < 20000) {
    const uint64_t first = random.Next() % 1000000;
    const uint64_t count = 1 + random.Next() % 6;
    if (!ids.empty() && ids.back() == first) continue;
    for (uint64_t i = 0; i < count; ++i) ids.push_back(first + i);
  }
  RowIdSequenceBuilder builder;
  ASSERT_TRUE(builder.Append(ids).ok());
  const auto sequence = builder.Finish();
  EXPECT_EQ(IdsOf(*sequence), ids);
  EXPECT_LE(sequence->pieces().size() * sizeof(RowIdSequence::Piece) +
                sequence->scattered().size() * sizeof(uint64_t),
            8 * ids.size() + sizeof(RowIdSequence::Piece));
}

TEST(RowIdSequenceTest, APageOfOneIdIsAnError) {
  RowIdSequenceBuilder builder;
  EXPECT_TRUE(builder.Append(std::vector<uint64_t>{7, 8, 7, 9}).ok());
  EXPECT_TRUE(builder.Append(std::vector<uint64_t>{9}).IsSerializationError());
}

TEST(RowIdSequenceTest, ARangeAsLargeAsItClaimsTakesNoMemory) {
  const auto sequence =
      RowIdSequence::Parse(Sequence({Range(0, UINT32_MAX)}).bytes(), UINT32_MAX).ValueOrDie();
  EXPECT_EQ(sequence->At(UINT32_MAX - 1), UINT32_MAX - 1);
  ExpectMalformed(Range(0, UINT64_MAX), UINT32_MAX);
  ExpectMalformed(Range(0, uint64_t{1} << 62), 10);
}

TEST(HostileRowIdSequenceTest, SegmentsThatContradictThemselvesAreErrors) {
  ExpectMalformed(Range(5, 4), 1);
  ExpectMalformed(WithHoles(0, 4, Array<uint16_t>(0, {4})), 3);        // outside
  ExpectMalformed(WithHoles(2, 6, Array<uint16_t>(0, {1})), 3);        // outside
  ExpectMalformed(WithHoles(0, 4, Array<uint16_t>(0, {2, 2})), 2);     // repeated
  ExpectMalformed(WithHoles(0, 4, Array<uint16_t>(0, {2, 1})), 2);     // not sorted
  ExpectMalformed(WithHoles(0, 1, Array<uint16_t>(0, {0, 1})), 0);     // too many
  ExpectMalformed(WithBitmap(0, 9, {0xff}), 8);                        // too short
  ExpectMalformed(WithBitmap(0, 8, {0xff, 0}), 8);                     // too long
  ExpectMalformed(WithBitmap(0, 7, {0xff}), 8);                        // bits behind the range
  ExpectMalformed(WithBitmap(0, UINT64_MAX, {0xff}), 8);               // far too short
  ExpectMalformed(Sorted(Array<uint16_t>(0, {1, 1})), 2);              // not ascending
  ExpectMalformed(Unsorted(Array<uint32_t>(UINT64_MAX - 5, {0})), 1);  // beyond 64 bits
  ExpectMalformed(Unsorted(Message().Child(1, Message().Text(2, "abc"))), 1);  // half an element
  ExpectMalformed(Unsorted(Message()), 0);                                     // no array
  ExpectMalformed(Message(), 0);                                               // no segment
}

TEST(HostileRowIdSequenceTest, EveryTruncationAndChangedByteGivesAnErrorOrAllRows) {
  const auto bytes =
      Sequence({Range(1, 3), WithHoles(10, 20, Array<uint16_t>(10, {0, 3})),
                WithBitmap(40, 50, {0x0f, 0x03}), Unsorted(Array<uint32_t>(90, {5, 1}))})
          .bytes();
  const int64_t num_rows = 2 + 8 + 6 + 2;
  ASSERT_TRUE(RowIdSequence::Parse(bytes, num_rows).ok());
  const auto check = [&](const ByteVector& changed) {
    for (const int64_t rows : {num_rows, num_rows - 1, int64_t{2}}) {
      const auto sequence = RowIdSequence::Parse(changed, rows);
      if (!sequence.ok()) {
        EXPECT_TRUE(sequence.status().IsSerializationError()) << sequence.status();
        continue;
      }
      EXPECT_EQ(std::ssize(IdsOf(**sequence)), rows);
    }
  };
  test::ForEachTruncation(bytes, check);
  test::ForEachChangedByte(bytes, 0, 1, [&](const ByteVector& changed, size_t) { check(changed); });
}

Message VersionRun(const Message& span, uint64_t version) {
  return Message().Child(1, span).Number(2, version);
}

TEST(RowVersionSequenceTest, ARunCoversAsManyRowsAsItsSpanHasElements) {
  const auto sequence =
      RowVersionSequence::Parse(
          Sequence({VersionRun(Range(0, 3), 4), VersionRun(WithBitmap(16, 24, {0x81}), 7),
                    VersionRun(Range(5, 5), 9), VersionRun(Range(9, 10), 7),
                    VersionRun(Sorted(Array<uint16_t>(0, {1, 2})), 5)})
              .bytes(),
          8)
          .ValueOrDie();
  std::vector<uint64_t> versions(8);
  sequence->Read(0, versions);
  EXPECT_EQ(versions, (std::vector<uint64_t>{4, 4, 4, 7, 7, 7, 5, 5}));
  std::vector<uint64_t> part(4);
  sequence->Read(2, part);
  EXPECT_EQ(part, (std::vector<uint64_t>{4, 7, 7, 7}));
  RowVersionSequence again;
  again.Append({versions.data(), 4});
  again.Append({versions.data() + 4, 4});
  std::vector<uint64_t> read(8);
  again.Read(0, read);
  EXPECT_EQ(read, versions);
}

TEST(RowVersionSequenceTest, WithoutASequenceEveryRowIsOfVersionOne) {
  std::vector<uint64_t> versions(3);
  RowVersionSequence::Default()->Read(1000, versions);
  EXPECT_EQ(versions, (std::vector<uint64_t>{1, 1, 1}));
}

TEST(RowVersionSequenceTest, OtherNumbersOfRowsAreErrors) {
  const auto bytes = Sequence({VersionRun(Range(0, 3), 4)}).bytes();
  for (const int64_t rows : {0, 2, 4}) {
    EXPECT_TRUE(RowVersionSequence::Parse(bytes, rows).status().IsSerializationError()) << rows;
  }
  EXPECT_TRUE(RowVersionSequence::Parse(Sequence({VersionRun(Range(0, UINT64_MAX), 4)}).bytes(), 3)
                  .status()
                  .IsSerializationError());
}

TEST(RowIdSequenceTest, WhatIsWrittenIsReadAgain) {
  RowIdSequenceBuilder builder;
  builder.Append(0, 5);
  builder.Append(100, 1000);
  const std::vector<uint64_t> scattered = {7, 3, UINT64_MAX - 1, 50, 51, 52, 53, 54, 9};
  ASSERT_TRUE(builder.Append(scattered).ok());
  const auto sequence = builder.Finish();
  const auto again = RowIdSequence::Parse(sequence->Write(), sequence->num_rows()).ValueOrDie();
  for (uint32_t row = 0; row < sequence->num_rows(); ++row) {
    ASSERT_EQ(again->At(row), sequence->At(row)) << row;
  }
  // The bytes of the specification for new rows.
  RowIdSequenceBuilder range;
  range.Append(100, 20);
  EXPECT_EQ(range.Finish()->Write(), test::FromHex("0a 06 0a 04 08 64 10 78"));
}

TEST(RowVersionSequenceTest, WhatIsWrittenIsReadAgain) {
  RowVersionSequence versions;
  const std::vector<uint64_t> values = {3, 3, 3, 1, 7, 7};
  versions.Append(values);
  std::vector<uint64_t> read(values.size());
  RowVersionSequence::Parse(versions.Write(), std::ssize(values)).ValueOrDie()->Read(0, read);
  EXPECT_EQ(read, values);
  const auto repeated = RowVersionSequence::Repeated(9, 4)->Write();
  RowVersionSequence::Parse(repeated, 4).ValueOrDie()->Read(0, std::span(read).first(4));
  EXPECT_EQ(read, (std::vector<uint64_t>{9, 9, 9, 9, 7, 7}));
}

}  // namespace
}  // namespace croupier::format
