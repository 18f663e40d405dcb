#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "croupier/format/encoding/page_layout.h"
#include "croupier/format/wire/wire_writer.h"

namespace croupier::format {

/// Make a node of a tree of encodings.
template <typename Kind>
EncodingPtr MakeEncoding(Kind kind) {
  return std::make_shared<const CompressiveEncoding>(CompressiveEncoding{std::move(kind)});
}
inline EncodingPtr MakeFlat(uint64_t bits) { return MakeEncoding(FlatEncoding{bits}); }

/// Write the message of an encoding, as PageLayout::Parse reads it.
WireWriter MessageOf(const CompressiveEncoding& encoding);
/// Write the message of a page's layout; not of one of format 2.0.
WireWriter MessageOf(const PageLayout& layout);

}  // namespace croupier::format
