#include "croupier/format/encoding/fsst.h"

#include <bit>
#include <cstring>

#include <arrow/status.h>

#include "croupier/base/byte_reader.h"

namespace croupier::format {

namespace {

constexpr uint32_t kMagic = 0x46535354;

// Codes that are looked at together: most groups have no escape.
constexpr int kGroup = 4;

// Count the codes of a group in front of its first escape.
int CountBeforeEscape(const uint8_t* codes) {
  // The lowest byte of 255 is the lowest byte of 0 of the inverse, of which subtraction borrows
  // first.
  const uint32_t inverse = ~LoadLittleEndian<uint32_t>(codes);
  const uint32_t escapes = (inverse - 0x01010101U) & ~inverse & 0x80808080U;
  return escapes == 0 ? kGroup : std::countr_zero(escapes) / 8;
}

}  // namespace

arrow::Result<FsstSymbolTable> FsstSymbolTable::Parse(std::string_view bytes) {
  if (bytes.size() != kEncodedBytes) {
    return arrow::Status::SerializationError("fsst: the symbol table has ", bytes.size(),
                                             " bytes, not ", kEncodedBytes);
  }
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  const auto header = LoadLittleEndian<uint64_t>(data);
  if (header >> 32 != kMagic) {
    return arrow::Status::SerializationError("fsst: the symbol table has no magic number");
  }
  FsstSymbolTable table;
  table.is_on_ = (header >> 24 & 1) != 0;
  const size_t num_symbols = header & 0xff;
  for (size_t i = 0; i < num_symbols; ++i) {
    table.symbols_[i] = LoadLittleEndian<uint64_t>(data + 8 + 8 * i);
    table.lengths_[i] = data[8 + 8 * num_symbols + i];
    if (table.lengths_[i] < 1 || table.lengths_[i] > 8) {
      return arrow::Status::SerializationError("fsst: symbol ", i, " has ", int{table.lengths_[i]},
                                               " bytes");
    }
  }
  return table;
}

arrow::Result<int64_t> FsstSymbolTable::DecodedSize(Bytes codes) const {
  if (!is_on_) return std::ssize(codes);
  const uint8_t* code = codes.data();
  const uint8_t* const end = code + codes.size();
  int64_t size = 0;
  bool has_unknown = false;
  const auto add = [&](uint8_t symbol) {
    size += lengths_[symbol];
    has_unknown |= lengths_[symbol] == 0;
  };
  while (end - code >= kGroup) {
    const int num_symbols = CountBeforeEscape(code);
    if (num_symbols == kGroup) {
      for (int i = 0; i < kGroup; ++i) add(code[i]);
      code += kGroup;
      continue;
    }
    for (int i = 0; i < num_symbols; ++i) add(code[i]);
    if (end - code < num_symbols + 2) {
      code += num_symbols;
      break;
    }
    ++size;
    code += num_symbols + 2;
  }
  while (code < end) {
    if (*code != kEscape) {
      add(*code++);
      continue;
    }
    if (end - code < 2) {
      return arrow::Status::SerializationError("fsst: a value ends in an escape");
    }
    ++size;
    code += 2;
  }
  if (has_unknown) return arrow::Status::SerializationError("fsst: a code has no symbol");
  return size;
}

uint8_t* FsstSymbolTable::Decode(Bytes codes, uint8_t* destination) const {
  if (!is_on_) {
    if (!codes.empty()) std::memcpy(destination, codes.data(), codes.size());
    return destination + codes.size();
  }
  const uint8_t* code = codes.data();
  const uint8_t* const end = code + codes.size();
  const auto put = [&](uint8_t symbol) {
    std::memcpy(destination, &symbols_[symbol], 8);
    destination += lengths_[symbol];
  };
  while (end - code >= kGroup) {
    const int num_symbols = CountBeforeEscape(code);
    if (num_symbols == kGroup) {
      for (int i = 0; i < kGroup; ++i) put(code[i]);
      code += kGroup;
      continue;
    }
    for (int i = 0; i < num_symbols; ++i) put(code[i]);
    if (end - code < num_symbols + 2) {
      code += num_symbols;
      break;
    }
    *destination++ = code[num_symbols + 1];
    code += num_symbols + 2;
  }
  while (code < end) {
    if (*code != kEscape) {
      put(*code++);
    } else {
      *destination++ = code[1];
      code += 2;
    }
  }
  return destination;
}

}  // namespace croupier::format
