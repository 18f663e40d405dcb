#include "croupier/format/encoding/array_encoding.h"

#include <utility>

#include <arrow/status.h>

#include "croupier/format/wire/wire_reader.h"

namespace croupier::format {

namespace {

// Encodings nest a few levels deep in practice; a file must not choose our stack depth.
constexpr int kMaxDepth = 32;

arrow::Result<ArrayEncodingPtr> ParseArray(const WireField& message, int depth);

arrow::Status AssignArray(const WireField& field, int depth, ArrayEncodingPtr* target) {
  return ParseArray(field, depth).Value(target);
}

arrow::Status Require(const ArrayEncodingPtr& encoding, const char* what) {
  if (encoding != nullptr) return arrow::Status::OK();
  return arrow::Status::SerializationError("page encoding: ", what, " is missing");
}

// Buffer { 1 index, 2 type }: a missing message is the first buffer of the page.
arrow::Status AssignBuffer(const WireField& message, uint32_t* target) {
  *target = 0;
  return ForEachField(message, [&](const WireField& field) -> arrow::Status {
    if (field.number == 1) return field.AsUint32().Value(target);
    if (field.number != 2) return arrow::Status::OK();
    ARROW_ASSIGN_OR_RAISE(const auto type, field.AsUnsigned());
    if (type == 0) return arrow::Status::OK();
    return arrow::Status::NotImplemented("cannot read a page with buffers of the ",
                                         type == 1 ? "column" : "file");
  });
}

arrow::Status AssignCompression(const WireField& message,
                                std::optional<CompressionScheme>* target) {
  std::string scheme;
  ARROW_RETURN_NOT_OK(ForEachField(message, [&](const WireField& field) {
    return field.number == 1 ? field.AsString().Value(&scheme) : arrow::Status::OK();
  }));
  if (scheme == "zstd") {
    *target = CompressionScheme::kZstd;
  } else if (scheme == "lz4") {
    *target = CompressionScheme::kLz4;
  } else if (scheme.empty() || scheme == "none") {
    target->reset();
  } else {
    return arrow::Status::NotImplemented("cannot read the compression scheme '", scheme,
                                         "'; readable: 'zstd', 'lz4'");
  }
  return arrow::Status::OK();
}

arrow::Result<FlatArray> ParseFlat(const WireField& message) {
  FlatArray flat;
  ARROW_RETURN_NOT_OK(ForEachField(message, [&](const WireField& field) -> arrow::Status {
    switch (field.number) {
      case 1:
        return field.AsUnsigned().Value(&flat.bits_per_value);
      case 2:
        return AssignBuffer(field, &flat.buffer);
      case 3:
        return AssignCompression(field, &flat.compression);
      default:
        return arrow::Status::OK();
    }
  }));
  return flat;
}

arrow::Result<NullableArray> ParseNullable(const WireField& message, int depth) {
  NullableArray nullable;
  bool has_kind = false;
  ARROW_RETURN_NOT_OK(ForEachField(message, [&](const WireField& kind) -> arrow::Status {
    nullable = {};
    has_kind = true;
    switch (kind.number) {
      case 1:
        ARROW_RETURN_NOT_OK(ForEachField(kind, [&](const WireField& field) {
          return field.number == 1 ? AssignArray(field, depth, &nullable.values)
                                   : arrow::Status::OK();
        }));
        return Require(nullable.values, "nullable.no_nulls.values");
      case 2:
        ARROW_RETURN_NOT_OK(ForEachField(kind, [&](const WireField& field) {
          if (field.number == 1) return AssignArray(field, depth, &nullable.validity);
          return field.number == 2 ? AssignArray(field, depth, &nullable.values)
                                   : arrow::Status::OK();
        }));
        ARROW_RETURN_NOT_OK(Require(nullable.validity, "nullable.some_nulls.validity"));
        return Require(nullable.values, "nullable.some_nulls.values");
      case 3:
        return arrow::Status::OK();
      default:
        return arrow::Status::NotImplemented("cannot read the nulls of the kind ", kind.number);
    }
  }));
  if (!has_kind) return arrow::Status::SerializationError("page encoding: nullable has no kind");
  return nullable;
}

arrow::Result<FixedSizeListArray> ParseFixedSizeList(const WireField& message, int depth) {
  FixedSizeListArray list;
  ARROW_RETURN_NOT_OK(ForEachField(message, [&](const WireField& field) -> arrow::Status {
    if (field.number == 1) return field.AsUint32().Value(&list.dimension);
    if (field.number == 2) return AssignArray(field, depth, &list.items);
    if (field.number != 3) return arrow::Status::OK();
    ARROW_ASSIGN_OR_RAISE(const bool has_validity, field.AsBool());
    if (!has_validity) return arrow::Status::OK();
    return arrow::Status::NotImplemented("cannot read fixed-size lists with their own validity");
  }));
  ARROW_RETURN_NOT_OK(Require(list.items, "fixed_size_list.items"));
  return list;
}

arrow::Result<ListArray> ParseList(const WireField& message, int depth) {
  ListArray list;
  ARROW_RETURN_NOT_OK(ForEachField(message, [&](const WireField& field) -> arrow::Status {
    if (field.number == 1) return AssignArray(field, depth, &list.offsets);
    if (field.number == 2) return field.AsUnsigned().Value(&list.null_offset_adjustment);
    return field.number == 3 ? field.AsUnsigned().Value(&list.num_items) : arrow::Status::OK();
  }));
  ARROW_RETURN_NOT_OK(Require(list.offsets, "list.offsets"));
  return list;
}

arrow::Result<BinaryArray> ParseBinary(const WireField& message, int depth) {
  BinaryArray binary;
  ARROW_RETURN_NOT_OK(ForEachField(message, [&](const WireField& field) -> arrow::Status {
    if (field.number == 1) return AssignArray(field, depth, &binary.indices);
    if (field.number == 2) return AssignArray(field, depth, &binary.bytes);
    return field.number == 3 ? field.AsUnsigned().Value(&binary.null_adjustment)
                             : arrow::Status::OK();
  }));
  ARROW_RETURN_NOT_OK(Require(binary.indices, "binary.indices"));
  ARROW_RETURN_NOT_OK(Require(binary.bytes, "binary.bytes"));
  return binary;
}

arrow::Result<DictionaryArray> ParseDictionary(const WireField& message, int depth) {
  DictionaryArray dictionary;
  ARROW_RETURN_NOT_OK(ForEachField(message, [&](const WireField& field) -> arrow::Status {
    if (field.number == 1) return AssignArray(field, depth, &dictionary.indices);
    if (field.number == 2) return AssignArray(field, depth, &dictionary.items);
    return field.number == 3 ? field.AsUint32().Value(&dictionary.num_dictionary_items)
                             : arrow::Status::OK();
  }));
  ARROW_RETURN_NOT_OK(Require(dictionary.indices, "dictionary.indices"));
  ARROW_RETURN_NOT_OK(Require(dictionary.items, "dictionary.items"));
  return dictionary;
}

arrow::Result<FsstArray> ParseFsst(const WireField& message, int depth) {
  FsstArray fsst;
  ARROW_RETURN_NOT_OK(ForEachField(message, [&](const WireField& field) -> arrow::Status {
    if (field.number == 1) return AssignArray(field, depth, &fsst.binary);
    if (field.number != 2) return arrow::Status::OK();
    ARROW_ASSIGN_OR_RAISE(const auto table, field.AsBytes());
    fsst.symbol_table.assign(table.begin(), table.end());
    return arrow::Status::OK();
  }));
  ARROW_RETURN_NOT_OK(Require(fsst.binary, "fsst.binary"));
  return fsst;
}

arrow::Result<PackedStructArray> ParsePackedStruct(const WireField& message, int depth) {
  PackedStructArray packed;
  ARROW_RETURN_NOT_OK(ForEachField(message, [&](const WireField& field) -> arrow::Status {
    if (field.number == 1) return AssignArray(field, depth, &packed.inner.emplace_back());
    return field.number == 2 ? AssignBuffer(field, &packed.buffer) : arrow::Status::OK();
  }));
  return packed;
}

arrow::Result<BitpackedArray> ParseBitpacked(const WireField& message) {
  BitpackedArray packed;
  packed.is_fast_lanes = message.number == 12;
  ARROW_RETURN_NOT_OK(ForEachField(message, [&](const WireField& field) -> arrow::Status {
    switch (field.number) {
      case 1:
        return field.AsUnsigned().Value(&packed.compressed_bits_per_value);
      case 2:
        return field.AsUnsigned().Value(&packed.uncompressed_bits_per_value);
      case 3:
        return AssignBuffer(field, &packed.buffer);
      case 4:
        return packed.is_fast_lanes ? arrow::Status::OK() : field.AsBool().Value(&packed.is_signed);
      default:
        return arrow::Status::OK();
    }
  }));
  return packed;
}

arrow::Result<FixedSizeBinaryArray> ParseFixedSizeBinary(const WireField& message, int depth) {
  FixedSizeBinaryArray binary;
  ARROW_RETURN_NOT_OK(ForEachField(message, [&](const WireField& field) -> arrow::Status {
    if (field.number == 1) return AssignArray(field, depth, &binary.bytes);
    return field.number == 2 ? field.AsUint32().Value(&binary.byte_width) : arrow::Status::OK();
  }));
  ARROW_RETURN_NOT_OK(Require(binary.bytes, "fixed_size_binary.bytes"));
  return binary;
}

arrow::Status ParseMember(const WireField& member, int depth, ArrayEncoding* encoding) {
  switch (member.number) {
    case 1:
      return ParseFlat(member).Value(&encoding->kind.emplace<FlatArray>());
    case 2:
      return ParseNullable(member, depth).Value(&encoding->kind.emplace<NullableArray>());
    case 3:
      return ParseFixedSizeList(member, depth).Value(&encoding->kind.emplace<FixedSizeListArray>());
    case 4:
      return ParseList(member, depth).Value(&encoding->kind.emplace<ListArray>());
    case 5:
      encoding->kind.emplace<StructArray>();
      return member.AsBytes().status();
    case 6:
      return ParseBinary(member, depth).Value(&encoding->kind.emplace<BinaryArray>());
    case 7:
      return ParseDictionary(member, depth).Value(&encoding->kind.emplace<DictionaryArray>());
    case 8:
      return ParseFsst(member, depth).Value(&encoding->kind.emplace<FsstArray>());
    case 9:
      return ParsePackedStruct(member, depth).Value(&encoding->kind.emplace<PackedStructArray>());
    case 10:
    case 12:
      return ParseBitpacked(member).Value(&encoding->kind.emplace<BitpackedArray>());
    case 11:
      return ParseFixedSizeBinary(member, depth)
          .Value(&encoding->kind.emplace<FixedSizeBinaryArray>());
    default:
      return arrow::Status::NotImplemented("cannot read the page encoding with the number ",
                                           member.number, ": files of format 2.0 have none such");
  }
}

arrow::Result<ArrayEncodingPtr> ParseMessage(std::span<const uint8_t> message, int depth) {
  if (depth <= 0) {
    return arrow::Status::SerializationError("page encoding: encodings nest deeper than ",
                                             kMaxDepth);
  }
  std::shared_ptr<ArrayEncoding> parsed;
  for (WireReader reader(message); !reader.done();) {
    ARROW_ASSIGN_OR_RAISE(const WireField member, reader.Next());
    parsed = std::make_shared<ArrayEncoding>();
    ARROW_RETURN_NOT_OK(ParseMember(member, depth - 1, parsed.get()));
  }
  if (parsed == nullptr) {
    return arrow::Status::SerializationError("page encoding: an encoding without a kind");
  }
  return parsed;
}

arrow::Result<ArrayEncodingPtr> ParseArray(const WireField& message, int depth) {
  ARROW_ASSIGN_OR_RAISE(const auto bytes, message.AsBytes());
  return ParseMessage(bytes, depth);
}

// Describes one kind of encoding each.
struct Describer {
  std::string operator()(const FlatArray& e) const {
    std::string flat = "flat(" + std::to_string(e.bits_per_value) + ")";
    if (!e.compression.has_value()) return flat;
    return (*e.compression == CompressionScheme::kZstd ? "zstd(" : "lz4(") + flat + ")";
  }
  std::string operator()(const NullableArray& e) const {
    if (e.values == nullptr) return "all_nulls";
    if (e.validity == nullptr) return Describe(*e.values);
    return "nullable(" + Describe(*e.validity) + ", " + Describe(*e.values) + ")";
  }
  std::string operator()(const FixedSizeListArray& e) const {
    return "fixed_size_list(" + std::to_string(e.dimension) + ", " + Describe(*e.items) + ")";
  }
  std::string operator()(const ListArray& e) const {
    return "list(" + Describe(*e.offsets) + ", " + std::to_string(e.num_items) + " items)";
  }
  std::string operator()(const StructArray&) const { return "struct"; }
  std::string operator()(const BinaryArray& e) const {
    return "binary(" + Describe(*e.indices) + ", " + Describe(*e.bytes) + ")";
  }
  std::string operator()(const DictionaryArray& e) const {
    return "dictionary(" + Describe(*e.indices) + ", " + Describe(*e.items) + ")";
  }
  std::string operator()(const FsstArray& e) const { return "fsst(" + Describe(*e.binary) + ")"; }
  std::string operator()(const PackedStructArray& e) const {
    std::string text = "packed_struct(";
    for (const auto& member : e.inner) {
      if (&member != &e.inner.front()) text += ", ";
      text += Describe(*member);
    }
    return text + ")";
  }
  std::string operator()(const BitpackedArray& e) const {
    return std::string(e.is_fast_lanes ? "bitpacked_for_non_neg(" : "bitpacked(") +
           std::to_string(e.uncompressed_bits_per_value) + ", " +
           std::to_string(e.compressed_bits_per_value) + ")";
  }
  std::string operator()(const FixedSizeBinaryArray& e) const {
    return "fixed_size_binary(" + std::to_string(e.byte_width) + ", " + Describe(*e.bytes) + ")";
  }
};

}  // namespace

arrow::Result<ArrayEncodingPtr> ArrayEncoding::Parse(std::span<const uint8_t> message) {
  return ParseMessage(message, kMaxDepth);
}

const ArrayEncoding& ArrayEncoding::WithoutNoNulls() const {
  const ArrayEncoding* encoding = this;
  for (;;) {
    const auto* nullable = encoding->As<NullableArray>();
    if (nullable == nullptr || nullable->validity != nullptr || nullable->values == nullptr) {
      return *encoding;
    }
    encoding = nullable->values.get();
  }
}

std::string Describe(const ArrayEncoding& encoding) {
  return std::visit(Describer(), encoding.kind);
}

}  // namespace croupier::format
