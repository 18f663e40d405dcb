#include "croupier/format/encoding/rle.h"

#include <algorithm>
#include <utility>

#include <arrow/buffer.h>
#include <arrow/status.h>

#include "croupier/base/byte_reader.h"

namespace croupier::format {

namespace {

template <typename Value>
void Expand(Bytes values, Bytes lengths, uint8_t* destination) {
  auto* out = reinterpret_cast<Value*>(destination);
  for (size_t run = 0; run < lengths.size(); ++run) {
    out = std::fill_n(out, lengths[run],
                      LoadLittleEndian<Value>(values.data() + run * sizeof(Value)));
  }
}

}  // namespace

arrow::Result<ValueBlock> DecodeRle(int64_t value_bits, Bytes values, Bytes lengths,
                                    int64_t num_values, arrow::MemoryPool* pool) {
  if (std::ssize(values) != std::ssize(lengths) * (value_bits / 8)) {
    return arrow::Status::SerializationError("rle: ", values.size(), " bytes of values of ",
                                             value_bits, " bits for ", lengths.size(), " runs");
  }
  int64_t total = 0;
  for (const uint8_t length : lengths) total += length;
  if (total != num_values) {
    return arrow::Status::SerializationError("rle: the runs have ", total, " values, not ",
                                             num_values);
  }
  ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateBuffer(num_values * (value_bits / 8), pool));
  switch (value_bits) {
    case 8:
      Expand<uint8_t>(values, lengths, buffer->mutable_data());
      break;
    case 16:
      Expand<uint16_t>(values, lengths, buffer->mutable_data());
      break;
    case 32:
      Expand<uint32_t>(values, lengths, buffer->mutable_data());
      break;
    case 64:
      Expand<uint64_t>(values, lengths, buffer->mutable_data());
      break;
    default:
      return arrow::Status::SerializationError("rle: values of ", value_bits, " bits");
  }
  return ValueBlock{num_values, std::move(buffer), nullptr, {}};
}

namespace {

constexpr int64_t kMaxRun = 255;

// Calls `add(value, length)` for each run.
template <typename Word, typename Add>
void ForEachRun(const uint8_t* values, int64_t num_values, const Add& add) {
  const auto at = [values](int64_t i) {
    return LoadLittleEndian<Word>(values + static_cast<size_t>(i) * sizeof(Word));
  };
  for (int64_t begin = 0; begin < num_values;) {
    const Word value = at(begin);
    const int64_t limit = std::min(num_values, begin + kMaxRun);
    int64_t end = begin + 1;
    while (end < limit && at(end) == value) ++end;
    add(value, end - begin);
    begin = end;
  }
}

}  // namespace

template <std::unsigned_integral Word>
int64_t CountRuns(const uint8_t* values, int64_t num_values) {
  int64_t num_runs = 0;
  ForEachRun<Word>(values, num_values, [&](Word, int64_t) { ++num_runs; });
  return num_runs;
}

template <std::unsigned_integral Word>
void EncodeRle(const uint8_t* values, int64_t num_values, uint8_t* run_values, uint8_t* lengths) {
  ForEachRun<Word>(values, num_values, [&](Word value, int64_t length) {
    std::memcpy(run_values, &value, sizeof(Word));
    run_values += sizeof(Word);
    *lengths++ = static_cast<uint8_t>(length);
  });
}

template int64_t CountRuns<uint8_t>(const uint8_t*, int64_t);
template int64_t CountRuns<uint16_t>(const uint8_t*, int64_t);
template int64_t CountRuns<uint32_t>(const uint8_t*, int64_t);
template int64_t CountRuns<uint64_t>(const uint8_t*, int64_t);
template void EncodeRle<uint8_t>(const uint8_t*, int64_t, uint8_t*, uint8_t*);
template void EncodeRle<uint16_t>(const uint8_t*, int64_t, uint8_t*, uint8_t*);
template void EncodeRle<uint32_t>(const uint8_t*, int64_t, uint8_t*, uint8_t*);
template void EncodeRle<uint64_t>(const uint8_t*, int64_t, uint8_t*, uint8_t*);

}  // namespace croupier::format
