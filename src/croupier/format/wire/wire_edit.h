#pragma once

#include <cstdint>
#include <span>

#include <arrow/result.h>
#include <arrow/status.h>

#include "croupier/format/wire/wire_reader.h"
#include "croupier/format/wire/wire_writer.h"

namespace croupier::format {

/// Write a field as it was read.
inline void CopyField(const WireField& field, WireWriter* writer) {
  switch (field.type) {
    case WireField::Type::kVarint:
      writer->Number(field.number, field.value);
      return;
    case WireField::Type::kFixed64:
      writer->Fixed64(field.number, field.value);
      return;
    case WireField::Type::kBytes:
      writer->Bytes(field.number, field.bytes);
      return;
    case WireField::Type::kFixed32:
      writer->Fixed32(field.number, static_cast<uint32_t>(field.value));
      return;
  }
}

/// Begin a message with those fields of another that `is_kept(field)` accepts, in their order.
template <typename IsKept>
arrow::Result<WireWriter> CopyFields(std::span<const uint8_t> message, IsKept is_kept) {
  WireWriter writer;
  ARROW_RETURN_NOT_OK(ForEachField(message, [&](const WireField& field) {
    if (is_kept(field)) CopyField(field, &writer);
    return arrow::Status::OK();
  }));
  return writer;
}

}  // namespace croupier::format
