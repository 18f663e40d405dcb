#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "croupier/base/hash.h"
#include "croupier/permutation/order_file.h"
#include "require.h"

// The bytes are a file of an order. Its header gets the checksum that it should have, so that what
// is behind it is reached. Numbers that can be read are below the limit, and are written back the
// same.

using croupier::Fnv1a64;
using croupier::Mix64;
using croupier::fuzz::Require;
using croupier::permutation::OrderFile;
using croupier::permutation::OrderImage;

namespace {

constexpr size_t kHeaderBytes = 64;

// As docs/format/order-file.md has it.
void SealHeader(std::string* bytes) {
  if (bytes->size() < kHeaderBytes) return;
  uint64_t fields[8];
  std::memcpy(fields, bytes->data(), sizeof(fields));
  const uint64_t num_lists = fields[2];
  const uint64_t num_name_bytes = fields[5];
  const size_t rest = bytes->size() - kHeaderBytes;
  if (num_lists > rest / 8 || num_name_bytes > rest) return;
  const size_t name = (kHeaderBytes + num_lists * 8 + 63) / 64 * 64;
  if (name > bytes->size() - num_name_bytes) return;
  uint64_t sum = 0;
  const auto add = [&](uint64_t value) { sum = Mix64((sum ^ value) + 0x9e3779b97f4a7c15ULL); };
  std::for_each(fields, fields + 7, add);
  for (uint64_t i = 0; i < num_lists; ++i) {
    uint64_t size = 0;
    std::memcpy(&size, bytes->data() + kHeaderBytes + i * 8, sizeof(size));
    add(size);
  }
  add(Fnv1a64(std::string_view(*bytes).substr(name, num_name_bytes)));
  std::memcpy(bytes->data() + 56, &sum, sizeof(sum));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  SealHeader(&bytes);
  const auto file = OrderFile::Copy(bytes);
  if (!file.ok()) {
    Require(file.status().IsSerializationError(), "other bytes are malformed");
    return 0;
  }
  for (const auto& list : file->lists()) {
    if (list->size() == 0) continue;
    const auto last = static_cast<uint64_t>(list->size()) - 1;
    for (const uint64_t place : {uint64_t{0}, last / 2, last}) {
      uint64_t number = place;
      const auto status = list->Lookup({&number, 1});
      Require(status.ok() || status.IsSerializationError(), "a list is damaged or not");
      Require(!status.ok() || number < file->limit(), "there is such a number");
    }
  }
  const auto image = OrderImage::Make(file->lists(), file->limit());
  if (!image.ok()) {
    Require(image.status().IsSerializationError(), "a list is damaged");
    return 0;
  }
  const auto again = OrderFile::Copy(image->ToBytes().ValueOrDie());
  Require(again.ok(), "what was written can be read");
  Require(again->hash() == image->hash(), "it has the same numbers");
  return 0;
}
