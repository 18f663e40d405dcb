#include "croupier/format/encoding/page_layout.h"

#include <utility>

#include <arrow/status.h>

#include "croupier/format/encoding/array_encoding.h"
#include "croupier/format/wire/wire_reader.h"

namespace croupier::format {

namespace {

// Encodings nest a few levels deep in practice; a file must not choose our stack depth.
constexpr int kMaxDepth = 32;

arrow::Result<EncodingPtr> ParseEncoding(const WireField& field, int depth);

arrow::Status Assign(arrow::Result<EncodingPtr> parsed, EncodingPtr* target) {
  ARROW_ASSIGN_OR_RAISE(*target, std::move(parsed));
  return arrow::Status::OK();
}

template <typename T>
arrow::Status AssignNumber(const WireField& field, T* target) {
  if constexpr (std::is_same_v<T, bool>) {
    ARROW_ASSIGN_OR_RAISE(*target, field.AsBool());
  } else if constexpr (std::is_same_v<T, uint32_t> || std::is_same_v<T, std::optional<uint32_t>>) {
    ARROW_ASSIGN_OR_RAISE(*target, field.AsUint32());
  } else {
    ARROW_ASSIGN_OR_RAISE(*target, field.AsUnsigned());
  }
  return arrow::Status::OK();
}

arrow::Status AssignBytes(const WireField& field, std::string* target) {
  ARROW_ASSIGN_OR_RAISE(const auto bytes, field.AsBytes());
  target->assign(bytes.begin(), bytes.end());
  return arrow::Status::OK();
}

arrow::Status Require(const EncodingPtr& encoding, const char* what) {
  if (encoding != nullptr) return arrow::Status::OK();
  return arrow::Status::SerializationError("page layout: ", what, " is missing");
}

// Flat.data, Variable.values and InlineBitpacking.values: a compression that no writer sets.
arrow::Status RefuseBufferCompression(const char* encoding) {
  return arrow::Status::NotImplemented("cannot read the encoding ", encoding,
                                       " with a compressed buffer");
}

arrow::Result<CompressionScheme> ParseScheme(const WireField& message) {
  uint64_t scheme = 0;
  ARROW_RETURN_NOT_OK(ForEachField(message, [&](const WireField& field) {
    return field.number == 1 ? AssignNumber(field, &scheme) : arrow::Status::OK();
  }));
  if (scheme != 1 && scheme != 2) {
    return arrow::Status::NotImplemented("cannot read the compression scheme with the number ",
                                         scheme);
  }
  return static_cast<CompressionScheme>(scheme);
}

arrow::Result<CompressiveEncoding> ParseMember(const WireField& member, int depth) {
  CompressiveEncoding encoding;
  switch (member.number) {
    case 1: {
      auto& flat = encoding.kind.emplace<FlatEncoding>();
      ARROW_RETURN_NOT_OK(ForEachField(member, [&](const WireField& field) {
        if (field.number == 2) return RefuseBufferCompression("flat");
        return field.number == 1 ? AssignNumber(field, &flat.bits_per_value) : arrow::Status::OK();
      }));
      break;
    }
    case 2: {
      auto& variable = encoding.kind.emplace<VariableEncoding>();
      ARROW_RETURN_NOT_OK(ForEachField(member, [&](const WireField& field) {
        if (field.number == 2) return RefuseBufferCompression("variable");
        return field.number == 1 ? Assign(ParseEncoding(field, depth), &variable.offsets)
                                 : arrow::Status::OK();
      }));
      ARROW_RETURN_NOT_OK(Require(variable.offsets, "variable.offsets"));
      break;
    }
    case 3: {
      auto& constant = encoding.kind.emplace<ConstantEncoding>();
      ARROW_RETURN_NOT_OK(ForEachField(member, [&](const WireField& field) {
        return field.number == 1 ? AssignBytes(field, &constant.value.emplace())
                                 : arrow::Status::OK();
      }));
      break;
    }
    case 4: {
      auto& packed = encoding.kind.emplace<OutOfLineBitpackingEncoding>();
      ARROW_RETURN_NOT_OK(ForEachField(member, [&](const WireField& field) {
        if (field.number == 1) return AssignNumber(field, &packed.uncompressed_bits_per_value);
        return field.number == 3 ? Assign(ParseEncoding(field, depth), &packed.values)
                                 : arrow::Status::OK();
      }));
      ARROW_RETURN_NOT_OK(Require(packed.values, "out_of_line_bitpacking.values"));
      break;
    }
    case 5: {
      auto& packed = encoding.kind.emplace<InlineBitpackingEncoding>();
      ARROW_RETURN_NOT_OK(ForEachField(member, [&](const WireField& field) {
        if (field.number == 2) return RefuseBufferCompression("inline_bitpacking");
        return field.number == 1 ? AssignNumber(field, &packed.uncompressed_bits_per_value)
                                 : arrow::Status::OK();
      }));
      break;
    }
    case 6: {
      auto& fsst = encoding.kind.emplace<FsstEncoding>();
      ARROW_RETURN_NOT_OK(ForEachField(member, [&](const WireField& field) {
        if (field.number == 1) return AssignBytes(field, &fsst.symbol_table);
        return field.number == 2 ? Assign(ParseEncoding(field, depth), &fsst.values)
                                 : arrow::Status::OK();
      }));
      ARROW_RETURN_NOT_OK(Require(fsst.values, "fsst.values"));
      break;
    }
    case 7: {
      auto& dictionary = encoding.kind.emplace<DictionaryEncoding>();
      ARROW_RETURN_NOT_OK(ForEachField(member, [&](const WireField& field) {
        if (field.number == 1) return Assign(ParseEncoding(field, depth), &dictionary.indices);
        if (field.number == 2) return Assign(ParseEncoding(field, depth), &dictionary.items);
        return field.number == 3 ? AssignNumber(field, &dictionary.num_dictionary_items)
                                 : arrow::Status::OK();
      }));
      ARROW_RETURN_NOT_OK(Require(dictionary.indices, "dictionary.indices"));
      ARROW_RETURN_NOT_OK(Require(dictionary.items, "dictionary.items"));
      break;
    }
    case 8: {
      auto& rle = encoding.kind.emplace<RleEncoding>();
      ARROW_RETURN_NOT_OK(ForEachField(member, [&](const WireField& field) {
        if (field.number == 1) return Assign(ParseEncoding(field, depth), &rle.values);
        return field.number == 2 ? Assign(ParseEncoding(field, depth), &rle.run_lengths)
                                 : arrow::Status::OK();
      }));
      ARROW_RETURN_NOT_OK(Require(rle.values, "rle.values"));
      ARROW_RETURN_NOT_OK(Require(rle.run_lengths, "rle.run_lengths"));
      break;
    }
    case 9: {
      auto& split = encoding.kind.emplace<ByteStreamSplitEncoding>();
      ARROW_RETURN_NOT_OK(ForEachField(member, [&](const WireField& field) {
        return field.number == 1 ? Assign(ParseEncoding(field, depth), &split.values)
                                 : arrow::Status::OK();
      }));
      ARROW_RETURN_NOT_OK(Require(split.values, "byte_stream_split.values"));
      break;
    }
    case 10: {
      auto& general = encoding.kind.emplace<GeneralEncoding>();
      bool has_scheme = false;
      ARROW_RETURN_NOT_OK(ForEachField(member, [&](const WireField& field) {
        if (field.number == 1) {
          has_scheme = true;
          ARROW_ASSIGN_OR_RAISE(general.scheme, ParseScheme(field));
          return arrow::Status::OK();
        }
        return field.number == 3 ? Assign(ParseEncoding(field, depth), &general.values)
                                 : arrow::Status::OK();
      }));
      if (!has_scheme) {
        return arrow::Status::SerializationError("page layout: general.compression is missing");
      }
      ARROW_RETURN_NOT_OK(Require(general.values, "general.values"));
      break;
    }
    case 11: {
      auto& list = encoding.kind.emplace<FixedSizeListEncoding>();
      ARROW_RETURN_NOT_OK(ForEachField(member, [&](const WireField& field) {
        if (field.number == 1) return AssignNumber(field, &list.items_per_value);
        if (field.number == 3) return AssignNumber(field, &list.has_validity);
        return field.number == 2 ? Assign(ParseEncoding(field, depth), &list.values)
                                 : arrow::Status::OK();
      }));
      ARROW_RETURN_NOT_OK(Require(list.values, "fixed_size_list.values"));
      break;
    }
    case 12: {
      auto& packed = encoding.kind.emplace<PackedStructEncoding>();
      ARROW_RETURN_NOT_OK(ForEachField(member, [&](const WireField& field) {
        if (field.number == 1) return field.AppendTo(&packed.bits_per_value);
        return field.number == 2 ? Assign(ParseEncoding(field, depth), &packed.values)
                                 : arrow::Status::OK();
      }));
      ARROW_RETURN_NOT_OK(Require(packed.values, "packed_struct.values"));
      break;
    }
    case 13: {
      auto& packed = encoding.kind.emplace<VariablePackedStructEncoding>();
      ARROW_RETURN_NOT_OK(ForEachField(member, [&](const WireField& child) -> arrow::Status {
        if (child.number != 1) return arrow::Status::OK();
        auto& packed_field = packed.fields.emplace_back();
        ARROW_RETURN_NOT_OK(ForEachField(child, [&](const WireField& field) {
          if (field.number == 1) return Assign(ParseEncoding(field, depth), &packed_field.value);
          if (field.number == 2) return AssignNumber(field, &packed_field.bits_per_value.emplace());
          return field.number == 3 ? AssignNumber(field, &packed_field.bits_per_length.emplace())
                                   : arrow::Status::OK();
        }));
        return Require(packed_field.value, "variable_packed_struct.field.value");
      }));
      break;
    }
    default:
      return arrow::Status::NotImplemented(
          "cannot read the encoding with the number ", member.number,
          ": the file was written by a newer Lance than this library knows");
  }
  return encoding;
}

arrow::Result<EncodingPtr> ParseEncoding(const WireField& field, int depth) {
  if (depth <= 0) {
    return arrow::Status::SerializationError("page layout: encodings nest deeper than ", kMaxDepth);
  }
  EncodingPtr parsed;
  ARROW_RETURN_NOT_OK(ForEachField(field, [&](const WireField& member) -> arrow::Status {
    ARROW_ASSIGN_OR_RAISE(auto encoding, ParseMember(member, depth - 1));
    parsed = std::make_shared<const CompressiveEncoding>(std::move(encoding));
    return arrow::Status::OK();
  }));
  if (parsed == nullptr) {
    return arrow::Status::NotImplemented(
        "cannot read an encoding without a kind: the file was written by a newer Lance than this "
        "library knows");
  }
  return parsed;
}

arrow::Status AppendLayers(const WireField& field, std::vector<RepDefLayer>* layers) {
  std::vector<uint64_t> numbers;
  ARROW_RETURN_NOT_OK(field.AppendTo(&numbers));
  for (const uint64_t number : numbers) {
    if (number < 1 || number > 6) {
      return arrow::Status::SerializationError("page layout: unknown layer kind ", number);
    }
    layers->push_back(static_cast<RepDefLayer>(number));
  }
  return arrow::Status::OK();
}

arrow::Result<MiniBlockLayout> ParseMiniBlock(const WireField& message) {
  MiniBlockLayout layout;
  ARROW_RETURN_NOT_OK(ForEachField(message, [&](const WireField& field) -> arrow::Status {
    switch (field.number) {
      case 1:
        return Assign(ParseEncoding(field, kMaxDepth), &layout.rep_compression);
      case 2:
        return Assign(ParseEncoding(field, kMaxDepth), &layout.def_compression);
      case 3:
        return Assign(ParseEncoding(field, kMaxDepth), &layout.value_compression);
      case 4:
        return Assign(ParseEncoding(field, kMaxDepth), &layout.dictionary);
      case 5:
        return AssignNumber(field, &layout.num_dictionary_items);
      case 6:
        return AppendLayers(field, &layout.layers);
      case 7:
        return AssignNumber(field, &layout.num_buffers);
      case 8:
        return AssignNumber(field, &layout.repetition_index_depth);
      case 9:
        return AssignNumber(field, &layout.num_items);
      case 10:
        return AssignNumber(field, &layout.has_large_chunk);
      default:
        return arrow::Status::OK();
    }
  }));
  ARROW_RETURN_NOT_OK(Require(layout.value_compression, "mini_block_layout.value_compression"));
  return layout;
}

arrow::Result<FullZipLayout> ParseFullZip(const WireField& message) {
  FullZipLayout layout;
  ARROW_RETURN_NOT_OK(ForEachField(message, [&](const WireField& field) -> arrow::Status {
    switch (field.number) {
      case 1:
        return AssignNumber(field, &layout.bits_rep);
      case 2:
        return AssignNumber(field, &layout.bits_def);
      case 3:
        layout.bits_per_offset.reset();
        return AssignNumber(field, &layout.bits_per_value.emplace());
      case 4:
        layout.bits_per_value.reset();
        return AssignNumber(field, &layout.bits_per_offset.emplace());
      case 5:
        return AssignNumber(field, &layout.num_items);
      case 6:
        return AssignNumber(field, &layout.num_visible_items);
      case 7:
        return Assign(ParseEncoding(field, kMaxDepth), &layout.value_compression);
      case 8:
        return AppendLayers(field, &layout.layers);
      default:
        return arrow::Status::OK();
    }
  }));
  ARROW_RETURN_NOT_OK(Require(layout.value_compression, "full_zip_layout.value_compression"));
  if (!layout.bits_per_value.has_value() && !layout.bits_per_offset.has_value()) {
    return arrow::Status::SerializationError("page layout: full_zip_layout has no width");
  }
  return layout;
}

arrow::Result<ConstantLayout> ParseConstant(const WireField& message) {
  ConstantLayout layout;
  ARROW_RETURN_NOT_OK(ForEachField(message, [&](const WireField& field) -> arrow::Status {
    switch (field.number) {
      case 5:
        return AppendLayers(field, &layout.layers);
      case 6:
        return AssignBytes(field, &layout.inline_value.emplace());
      case 7:
        return Assign(ParseEncoding(field, kMaxDepth), &layout.rep_compression);
      case 8:
        return Assign(ParseEncoding(field, kMaxDepth), &layout.def_compression);
      case 9:
        return AssignNumber(field, &layout.num_rep_values);
      case 10:
        return AssignNumber(field, &layout.num_def_values);
      default:
        return arrow::Status::OK();
    }
  }));
  return layout;
}

arrow::Result<PageLayout> ParseLayout(std::span<const uint8_t> message, int depth) {
  if (depth <= 0) {
    return arrow::Status::SerializationError("page layout: layouts nest deeper than ", kMaxDepth);
  }
  std::optional<PageLayout> layout;
  for (WireReader reader(message); !reader.done();) {
    ARROW_ASSIGN_OR_RAISE(const WireField member, reader.Next());
    switch (member.number) {
      case 1: {
        ARROW_ASSIGN_OR_RAISE(layout.emplace().kind, ParseMiniBlock(member));
        break;
      }
      case 2: {
        ARROW_ASSIGN_OR_RAISE(layout.emplace().kind, ParseConstant(member));
        break;
      }
      case 3: {
        ARROW_ASSIGN_OR_RAISE(layout.emplace().kind, ParseFullZip(member));
        break;
      }
      case 4: {
        BlobLayout blob;
        ARROW_RETURN_NOT_OK(ForEachField(member, [&](const WireField& field) -> arrow::Status {
          if (field.number == 2) return AppendLayers(field, &blob.layers);
          if (field.number != 1) return arrow::Status::OK();
          ARROW_ASSIGN_OR_RAISE(const auto bytes, field.AsBytes());
          ARROW_ASSIGN_OR_RAISE(auto inner, ParseLayout(bytes, depth - 1));
          blob.inner = std::make_shared<const PageLayout>(std::move(inner));
          return arrow::Status::OK();
        }));
        if (blob.inner == nullptr) {
          return arrow::Status::SerializationError("page layout: blob_layout has no inner layout");
        }
        layout.emplace().kind = std::move(blob);
        break;
      }
      default:
        return arrow::Status::NotImplemented("cannot read the page layout with the number ",
                                             member.number,
                                             ": the file was written by a newer Lance than this "
                                             "library knows");
    }
  }
  if (!layout.has_value()) {
    return arrow::Status::SerializationError("page layout: the message is empty");
  }
  return *std::move(layout);
}

// Describes one kind of encoding each.
struct Describer {
  std::string operator()(const FlatEncoding& e) const {
    return "flat(" + std::to_string(e.bits_per_value) + ")";
  }
  std::string operator()(const VariableEncoding& e) const {
    return "variable(" + Describe(e.offsets) + ")";
  }
  std::string operator()(const ConstantEncoding&) const { return "constant"; }
  std::string operator()(const OutOfLineBitpackingEncoding& e) const {
    return "out_of_line_bitpacking(" + std::to_string(e.uncompressed_bits_per_value) + ", " +
           Describe(e.values) + ")";
  }
  std::string operator()(const InlineBitpackingEncoding& e) const {
    return "inline_bitpacking(" + std::to_string(e.uncompressed_bits_per_value) + ")";
  }
  std::string operator()(const FsstEncoding& e) const { return "fsst(" + Describe(e.values) + ")"; }
  std::string operator()(const DictionaryEncoding& e) const {
    return "dictionary(" + Describe(e.indices) + ", " + Describe(e.items) + ")";
  }
  std::string operator()(const RleEncoding& e) const {
    return "rle(" + Describe(e.values) + ", " + Describe(e.run_lengths) + ")";
  }
  std::string operator()(const ByteStreamSplitEncoding& e) const {
    return "byte_stream_split(" + Describe(e.values) + ")";
  }
  std::string operator()(const GeneralEncoding& e) const {
    return std::string("general(") + (e.scheme == CompressionScheme::kZstd ? "zstd" : "lz4") +
           ", " + Describe(e.values) + ")";
  }
  std::string operator()(const FixedSizeListEncoding& e) const {
    return "fixed_size_list(" + std::to_string(e.items_per_value) + ", " + Describe(e.values) + ")";
  }
  std::string operator()(const PackedStructEncoding& e) const {
    return "packed_struct(" + Describe(e.values) + ")";
  }
  std::string operator()(const VariablePackedStructEncoding& e) const {
    std::string text = "variable_packed_struct(";
    for (const auto& field : e.fields) {
      if (&field != &e.fields.front()) text += ", ";
      text += Describe(field.value);
    }
    return text + ")";
  }

  std::string operator()(const MiniBlockLayout& l) const {
    const std::string values = Describe(l.value_compression);
    if (l.dictionary == nullptr) return "mini-block(" + values + ")";
    return "mini-block(" + values + ", dictionary " + Describe(l.dictionary) + ")";
  }
  std::string operator()(const FullZipLayout& l) const {
    return "full-zip(" + Describe(l.value_compression) + ")";
  }
  std::string operator()(const ConstantLayout& l) const {
    return l.inline_value.has_value() ? "constant(inline value)" : "constant";
  }
  std::string operator()(const BlobLayout& l) const { return "blob(" + Describe(*l.inner) + ")"; }
  std::string operator()(const ArrayLayout& l) const { return Describe(*l.encoding); }
};

}  // namespace

arrow::Result<PageLayout> PageLayout::Parse(std::span<const uint8_t> message) {
  return ParseLayout(message, kMaxDepth);
}

std::string Describe(const CompressiveEncoding& encoding) {
  return std::visit(Describer(), encoding.kind);
}

std::string Describe(const EncodingPtr& encoding) {
  return encoding == nullptr ? "none" : Describe(*encoding);
}

std::string Describe(const PageLayout& layout) { return std::visit(Describer(), layout.kind); }

}  // namespace croupier::format
