#include "croupier/format/encoding/page_layout_writer.h"

#include <cstddef>
#include <variant>
#include <vector>

namespace croupier::format {

namespace {

WireWriter MessageOf(CompressionScheme scheme) {
  return WireWriter().Number(1, static_cast<uint64_t>(scheme));
}

// Add a member that is an encoding, if there is one.
void AddChild(uint32_t field, const EncodingPtr& encoding, WireWriter* message) {
  if (encoding != nullptr) message->Child(field, MessageOf(*encoding));
}

std::vector<uint64_t> NumbersOf(const std::vector<RepDefLayer>& layers) {
  std::vector<uint64_t> numbers;
  numbers.reserve(layers.size());
  for (const RepDefLayer layer : layers) numbers.push_back(static_cast<uint64_t>(layer));
  return numbers;
}

// Writes each kind of encoding as its member of CompressiveEncoding.
struct EncodingMessage {
  WireWriter operator()(const FlatEncoding& flat) const {
    return WireWriter().Child(1, WireWriter().NumberUnlessZero(1, flat.bits_per_value));
  }
  WireWriter operator()(const VariableEncoding& variable) const {
    WireWriter message;
    AddChild(1, variable.offsets, &message);
    return WireWriter().Child(2, message);
  }
  WireWriter operator()(const ConstantEncoding& constant) const {
    WireWriter message;
    if (constant.value.has_value()) message.Text(1, *constant.value);
    return WireWriter().Child(3, message);
  }
  WireWriter operator()(const OutOfLineBitpackingEncoding& packing) const {
    WireWriter message;
    message.NumberUnlessZero(1, packing.uncompressed_bits_per_value);
    AddChild(3, packing.values, &message);
    return WireWriter().Child(4, message);
  }
  WireWriter operator()(const InlineBitpackingEncoding& packing) const {
    return WireWriter().Child(
        5, WireWriter().NumberUnlessZero(1, packing.uncompressed_bits_per_value));
  }
  WireWriter operator()(const FsstEncoding& fsst) const {
    WireWriter message;
    message.Text(1, fsst.symbol_table);
    AddChild(2, fsst.values, &message);
    return WireWriter().Child(6, message);
  }
  WireWriter operator()(const DictionaryEncoding& dictionary) const {
    WireWriter message;
    AddChild(1, dictionary.indices, &message);
    AddChild(2, dictionary.items, &message);
    message.NumberUnlessZero(3, dictionary.num_dictionary_items);
    return WireWriter().Child(7, message);
  }
  WireWriter operator()(const RleEncoding& rle) const {
    WireWriter message;
    AddChild(1, rle.values, &message);
    AddChild(2, rle.run_lengths, &message);
    return WireWriter().Child(8, message);
  }
  WireWriter operator()(const ByteStreamSplitEncoding& split) const {
    WireWriter message;
    AddChild(1, split.values, &message);
    return WireWriter().Child(9, message);
  }
  WireWriter operator()(const GeneralEncoding& general) const {
    WireWriter message;
    message.Child(1, MessageOf(general.scheme));
    AddChild(3, general.values, &message);
    return WireWriter().Child(10, message);
  }
  WireWriter operator()(const FixedSizeListEncoding& list) const {
    WireWriter message;
    message.NumberUnlessZero(1, list.items_per_value);
    AddChild(2, list.values, &message);
    message.NumberUnlessZero(3, list.has_validity ? 1 : 0);
    return WireWriter().Child(11, message);
  }
  WireWriter operator()(const PackedStructEncoding& packed) const {
    WireWriter message;
    message.Packed(1, packed.bits_per_value);
    AddChild(2, packed.values, &message);
    return WireWriter().Child(12, message);
  }
  WireWriter operator()(const VariablePackedStructEncoding& packed) const {
    WireWriter message;
    for (const auto& field : packed.fields) {
      WireWriter member;
      AddChild(1, field.value, &member);
      if (field.bits_per_value.has_value()) member.Number(2, *field.bits_per_value);
      if (field.bits_per_length.has_value()) member.Number(3, *field.bits_per_length);
      message.Child(1, member);
    }
    return WireWriter().Child(13, message);
  }
};

// Writes each kind of layout as its member of PageLayout.
struct LayoutMessage {
  WireWriter operator()(const MiniBlockLayout& layout) const {
    WireWriter message;
    AddChild(1, layout.rep_compression, &message);
    AddChild(2, layout.def_compression, &message);
    AddChild(3, layout.value_compression, &message);
    AddChild(4, layout.dictionary, &message);
    message.NumberUnlessZero(5, layout.num_dictionary_items)
        .Packed(6, NumbersOf(layout.layers))
        .NumberUnlessZero(7, layout.num_buffers)
        .NumberUnlessZero(8, layout.repetition_index_depth)
        .NumberUnlessZero(9, layout.num_items)
        .NumberUnlessZero(10, layout.has_large_chunk ? 1 : 0);
    return WireWriter().Child(1, message);
  }
  WireWriter operator()(const ConstantLayout& layout) const {
    WireWriter message;
    message.Packed(5, NumbersOf(layout.layers));
    if (layout.inline_value.has_value()) message.Text(6, *layout.inline_value);
    AddChild(7, layout.rep_compression, &message);
    AddChild(8, layout.def_compression, &message);
    message.NumberUnlessZero(9, layout.num_rep_values).NumberUnlessZero(10, layout.num_def_values);
    return WireWriter().Child(2, message);
  }
  WireWriter operator()(const FullZipLayout& layout) const {
    WireWriter message;
    message.NumberUnlessZero(1, layout.bits_rep).NumberUnlessZero(2, layout.bits_def);
    if (layout.bits_per_value.has_value()) message.Number(3, *layout.bits_per_value);
    if (layout.bits_per_offset.has_value()) message.Number(4, *layout.bits_per_offset);
    message.NumberUnlessZero(5, layout.num_items).NumberUnlessZero(6, layout.num_visible_items);
    AddChild(7, layout.value_compression, &message);
    message.Packed(8, NumbersOf(layout.layers));
    return WireWriter().Child(3, message);
  }
  WireWriter operator()(const BlobLayout& layout) const {
    WireWriter message;
    if (layout.inner != nullptr) message.Child(1, format::MessageOf(*layout.inner));
    return WireWriter().Child(4, message.Packed(2, NumbersOf(layout.layers)));
  }
  WireWriter operator()(const ArrayLayout&) const { return {}; }
};

}  // namespace

WireWriter MessageOf(const CompressiveEncoding& encoding) {
  return std::visit(EncodingMessage{}, encoding.kind);
}

WireWriter MessageOf(const PageLayout& layout) { return std::visit(LayoutMessage{}, layout.kind); }

}  // namespace croupier::format
