#include "croupier/format/encoding/page_layout_writer.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "croupier/format/wire/test_messages.h"

namespace croupier::format {
namespace {

using test::FromHex;

// Writes a layout, and what it is after it was parsed.
void ExpectGoesRound(const PageLayout& layout) {
  const auto message = MessageOf(layout);
  const auto parsed = PageLayout::Parse(message.bytes());
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(Describe(*parsed), Describe(layout));
  EXPECT_EQ(MessageOf(*parsed).bytes(), message.bytes());
}

MiniBlockLayout MiniBlockOf(EncodingPtr values) {
  MiniBlockLayout layout;
  layout.value_compression = std::move(values);
  layout.layers = {RepDefLayer::kNullableItem};
  layout.num_buffers = 1;
  layout.num_items = 4;
  layout.has_large_chunk = true;
  return layout;
}

TEST(PageLayoutWriterTest, AMessageIsThatOfTheReferenceWriter) {
  auto layout = MiniBlockOf(MakeFlat(32));
  layout.def_compression = MakeFlat(16);
  EXPECT_EQ(MessageOf(PageLayout{layout}).bytes(),
            FromHex("0a15 12040a020810 1a040a020820 320103 3801 4804 5001"));
}

TEST(PageLayoutWriterTest, EveryEncodingGoesRound) {
  const auto variable = MakeEncoding(VariableEncoding{MakeFlat(32)});
  const EncodingPtr encodings[] = {
      MakeFlat(1),
      variable,
      MakeEncoding(InlineBitpackingEncoding{32}),
      MakeEncoding(RleEncoding{MakeFlat(64), MakeFlat(8)}),
      MakeEncoding(ByteStreamSplitEncoding{MakeFlat(64)}),
      MakeEncoding(GeneralEncoding{CompressionScheme::kLz4, variable}),
      MakeEncoding(FsstEncoding{std::string(2312, 'x'), variable}),
      MakeEncoding(FixedSizeListEncoding{3, true, MakeFlat(8)}),
      MakeEncoding(FixedSizeListEncoding{3, false, MakeEncoding(ConstantEncoding{})}),
      MakeEncoding(PackedStructEncoding{{8, 64}, MakeFlat(72)}),
      MakeEncoding(VariablePackedStructEncoding{
          {{MakeFlat(8), 8, std::nullopt}, {variable, std::nullopt, 32}}})};
  for (const auto& encoding : encodings) ExpectGoesRound(PageLayout{MiniBlockOf(encoding)});
}

TEST(PageLayoutWriterTest, EveryLayoutGoesRound) {
  auto lists = MiniBlockOf(MakeFlat(32));
  lists.rep_compression = MakeEncoding(OutOfLineBitpackingEncoding{16, MakeFlat(0)});
  lists.def_compression = MakeFlat(16);
  lists.dictionary = MakeEncoding(VariableEncoding{MakeFlat(32)});
  lists.num_dictionary_items = 7;
  lists.layers = {RepDefLayer::kAllValidItem, RepDefLayer::kNullAndEmptyList};
  lists.repetition_index_depth = 1;
  ExpectGoesRound(PageLayout{lists});
  FullZipLayout records;
  records.bits_rep = 1;
  records.bits_def = 2;
  records.bits_per_offset = 32;
  records.num_items = 5;
  records.num_visible_items = 3;
  records.value_compression = MakeEncoding(VariableEncoding{MakeFlat(32)});
  records.layers = lists.layers;
  ExpectGoesRound(PageLayout{records});
  ExpectGoesRound(PageLayout{ConstantLayout{{RepDefLayer::kNullableItem}, {}, {}, {}, 0, 0}});
  ExpectGoesRound(PageLayout{
      ConstantLayout{{RepDefLayer::kNullableItem}, "", MakeFlat(16), MakeFlat(16), 3, 4}});
  auto packed = MiniBlockOf(MakeEncoding(PackedStructEncoding{{64, 64}, MakeFlat(128)}));
  ExpectGoesRound(PageLayout{BlobLayout{std::make_shared<const PageLayout>(PageLayout{packed}),
                                        {RepDefLayer::kNullableItem}}});
}

}  // namespace
}  // namespace croupier::format
