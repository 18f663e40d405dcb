#include "croupier/format/encoding/fsst.h"

#include <cstring>

#include <arrow/status.h>

#include "croupier/base/byte_reader.h"

namespace croupier::format {

namespace {

constexpr uint32_t kMagic = 0x46535354;

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
  int64_t size = 0;
  for (size_t i = 0; i < codes.size(); ++i) {
    if (codes[i] == kEscape) {
      if (++i == codes.size()) {
        return arrow::Status::SerializationError("fsst: a value ends in an escape");
      }
      ++size;
    } else {
      const uint8_t length = lengths_[codes[i]];
      if (length == 0) {
        return arrow::Status::SerializationError("fsst: no symbol has the code ", int{codes[i]});
      }
      size += length;
    }
  }
  return size;
}

uint8_t* FsstSymbolTable::Decode(Bytes codes, uint8_t* destination) const {
  if (!is_on_) {
    if (!codes.empty()) std::memcpy(destination, codes.data(), codes.size());
    return destination + codes.size();
  }
  const uint8_t* code = codes.data();
  const uint8_t* const end = code + codes.size();
  while (code < end) {
    if (*code == kEscape) {
      *destination++ = code[1];
      code += 2;
    } else {
      std::memcpy(destination, &symbols_[*code], 8);
      destination += lengths_[*code];
      ++code;
    }
  }
  return destination;
}

}  // namespace croupier::format
