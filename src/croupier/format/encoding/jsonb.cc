#include "croupier/format/encoding/jsonb.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>
#include <arrow/util/utf8.h>

namespace croupier::format {

namespace {

enum class Container : uint8_t { kScalar = 1, kObject = 2, kArray = 4 };
enum class Member : uint8_t {
  kNull = 0,
  kString = 1,
  kNumber = 2,
  kFalse = 3,
  kTrue = 4,
  kContainer = 5,
  kExtension = 6,
};

template <std::unsigned_integral T>
T LoadBigEndian(const uint8_t* bytes) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(uint64_t{value} << 8 | bytes[i]);
  return value;
}

arrow::Status Malformed(std::string_view what) {
  return arrow::Status::SerializationError("jsonb: ", what);
}

// The signed or unsigned integer of 1, 2, 4 or 8 bytes, as JSON.
template <typename Wide, typename Narrow1, typename Narrow2, typename Narrow4>
arrow::Status AppendInteger(Bytes bytes, std::string* text) {
  Wide value = 0;
  switch (bytes.size()) {
    case 1:
      value = static_cast<Narrow1>(bytes[0]);
      break;
    case 2:
      value = static_cast<Narrow2>(LoadBigEndian<uint16_t>(bytes.data()));
      break;
    case 4:
      value = static_cast<Narrow4>(LoadBigEndian<uint32_t>(bytes.data()));
      break;
    case 8:
      value = static_cast<Wide>(LoadBigEndian<uint64_t>(bytes.data()));
      break;
    default:
      return Malformed("an integer of " + std::to_string(bytes.size()) + " bytes");
  }
  *text += std::to_string(value);
  return arrow::Status::OK();
}

// The shortest digits that read back the same: as a decimal where the point is at most 16 places
// behind the first digit and 5 before it, else with an exponent.
void AppendDouble(double value, std::string* text) {
  if (!std::isfinite(value)) {
    *text += "null";
    return;
  }
  if (value == 0) {
    *text += std::signbit(value) ? "-0.0" : "0.0";
    return;
  }
  char scientific[32];
  const auto end = std::to_chars(scientific, scientific + sizeof(scientific), value,
                                 std::chars_format::scientific)
                       .ptr;
  std::string_view written(scientific, static_cast<size_t>(end - scientific));
  if (written[0] == '-') {
    *text += '-';
    written.remove_prefix(1);
  }
  const size_t e = written.find('e');
  std::string digits(written.substr(0, 1));
  if (e > 2) digits += written.substr(2, e - 2);
  int exponent = 0;
  std::from_chars(written.data() + e + (written[e + 1] == '+' ? 2 : 1), end, exponent);
  const int num_digits = static_cast<int>(digits.size());
  const int point = exponent + 1;  // digits before the decimal point
  if (num_digits <= point && point <= 16) {
    *text += digits;
    text->append(static_cast<size_t>(point - num_digits), '0');
    *text += ".0";
  } else if (0 < point && point <= 16) {
    text->append(digits, 0, static_cast<size_t>(point));
    *text += '.';
    text->append(digits, static_cast<size_t>(point));
  } else if (-5 < point && point <= 0) {
    *text += "0.";
    text->append(static_cast<size_t>(-point), '0');
    *text += digits;
  } else {
    *text += digits[0];
    if (num_digits > 1) {
      *text += '.';
      text->append(digits, 1);
    }
    *text += exponent < 0 ? "e-" : "e+";
    *text += std::to_string(std::abs(exponent));
  }
}

arrow::Status AppendNumber(Bytes number, std::string* text) {
  if (number.empty()) return Malformed("a number without bytes");
  const Bytes rest = number.subspan(1);
  switch (number[0]) {
    case 0x00:
      *text += '0';
      return arrow::Status::OK();
    case 0x10:
    case 0x20:
    case 0x30:
      *text += "null";
      return arrow::Status::OK();
    case 0x40:
      return AppendInteger<int64_t, int8_t, int16_t, int32_t>(rest, text);
    case 0x50:
      return AppendInteger<uint64_t, uint8_t, uint16_t, uint32_t>(rest, text);
    case 0x60: {
      if (rest.size() != 8) return Malformed("a double without its 8 bytes");
      const auto bits = LoadBigEndian<uint64_t>(rest.data());
      double value = 0;
      std::memcpy(&value, &bits, sizeof(value));
      AppendDouble(value, text);
      return arrow::Status::OK();
    }
    case 0x70:
      return arrow::Status::NotImplemented("cannot read decimal numbers of JSONB");
    default:
      return Malformed("a number of the kind " + std::to_string(number[0]));
  }
}

arrow::Status AppendString(Bytes string, std::string* text) {
  if (!arrow::util::ValidateUTF8(string.data(), std::ssize(string))) {
    return Malformed("a string is not valid UTF-8");
  }
  *text += '"';
  for (const uint8_t byte : string) {
    switch (byte) {
      case '"':
        *text += "\\\"";
        break;
      case '\\':
        *text += "\\\\";
        break;
      case '\b':
        *text += "\\b";
        break;
      case '\f':
        *text += "\\f";
        break;
      case '\n':
        *text += "\\n";
        break;
      case '\r':
        *text += "\\r";
        break;
      case '\t':
        *text += "\\t";
        break;
      default:
        if (byte < 0x20) {
          constexpr char kHexDigits[] = "0123456789abcdef";
          *text += "\\u00";
          *text += kHexDigits[byte >> 4];
          *text += kHexDigits[byte & 0xf];
        } else {
          *text += static_cast<char>(byte);
        }
    }
  }
  *text += '"';
  return arrow::Status::OK();
}

// A container whose members are being written.
struct OpenContainer {
  Container kind = Container::kScalar;
  size_t num_members = 0;
  size_t next_member = 0;
  Bytes entries;   // 4 bytes a member; an object's keys first
  Bytes payloads;  // of the values that are still to come
  Bytes keys;      // an object: payloads of the keys that are still to come
};

struct Entry {
  Member kind = Member::kNull;
  size_t size_bytes = 0;
};

Entry EntryAt(Bytes entries, size_t index) {
  const auto entry = LoadBigEndian<uint32_t>(entries.data() + 4 * index);
  return {static_cast<Member>(entry >> 28 & 0x7), entry & 0x0fffffff};
}

arrow::Result<Bytes> TakeFront(size_t size_bytes, Bytes* bytes) {
  if (size_bytes > bytes->size()) {
    return arrow::Status::SerializationError("jsonb: a member of ", size_bytes, " bytes in ",
                                             bytes->size());
  }
  const Bytes front = bytes->first(size_bytes);
  *bytes = bytes->subspan(size_bytes);
  return front;
}

arrow::Result<OpenContainer> Open(Bytes bytes) {
  if (bytes.size() < 4) return Malformed("a container without its header");
  const auto header = LoadBigEndian<uint32_t>(bytes.data());
  OpenContainer container;
  container.kind = static_cast<Container>(header >> 29);
  container.num_members = header & 0x1fffffff;
  size_t num_entries = container.num_members;
  switch (container.kind) {
    case Container::kScalar:
      // The count of a scalar is not used.
      container.num_members = num_entries = 1;
      break;
    case Container::kObject:
      num_entries *= 2;
      break;
    case Container::kArray:
      break;
    default:
      return Malformed("a container of the kind " + std::to_string(header >> 29));
  }
  if (num_entries > (bytes.size() - 4) / 4) {
    return arrow::Status::SerializationError("jsonb: ", num_entries, " entries in a container of ",
                                             bytes.size(), " bytes");
  }
  container.entries = bytes.subspan(4, num_entries * 4);
  container.payloads = bytes.subspan(4 + num_entries * 4);
  if (container.kind == Container::kObject) {
    size_t key_bytes = 0;
    for (size_t i = 0; i < container.num_members; ++i) {
      const Entry key = EntryAt(container.entries, i);
      if (key.kind != Member::kString) return Malformed("a key that is no string");
      key_bytes += key.size_bytes;
    }
    ARROW_ASSIGN_OR_RAISE(container.keys, TakeFront(key_bytes, &container.payloads));
  }
  return container;
}

}  // namespace

arrow::Status AppendJsonText(Bytes jsonb, std::string* text) {
  arrow::util::InitializeUTF8();
  if (jsonb.empty()) {
    *text += "null";
    return arrow::Status::OK();
  }
  std::vector<OpenContainer> open;
  const auto begin = [&](Bytes bytes) -> arrow::Status {
    ARROW_ASSIGN_OR_RAISE(auto container, Open(bytes));
    if (container.kind == Container::kArray) *text += '[';
    if (container.kind == Container::kObject) *text += '{';
    open.push_back(container);
    return arrow::Status::OK();
  };
  ARROW_RETURN_NOT_OK(begin(jsonb));
  while (!open.empty()) {
    OpenContainer& container = open.back();
    if (container.next_member == container.num_members) {
      if (container.kind == Container::kArray) *text += ']';
      if (container.kind == Container::kObject) *text += '}';
      open.pop_back();
      continue;
    }
    const size_t member = container.next_member++;
    if (member > 0) *text += ',';
    size_t value = member;
    if (container.kind == Container::kObject) {
      const Entry key = EntryAt(container.entries, member);
      ARROW_ASSIGN_OR_RAISE(const Bytes name, TakeFront(key.size_bytes, &container.keys));
      ARROW_RETURN_NOT_OK(AppendString(name, text));
      *text += ':';
      value += container.num_members;
    }
    const Entry entry = EntryAt(container.entries, value);
    ARROW_ASSIGN_OR_RAISE(const Bytes payload, TakeFront(entry.size_bytes, &container.payloads));
    switch (entry.kind) {
      case Member::kNull:
        *text += "null";
        break;
      case Member::kFalse:
        *text += "false";
        break;
      case Member::kTrue:
        *text += "true";
        break;
      case Member::kString:
        ARROW_RETURN_NOT_OK(AppendString(payload, text));
        break;
      case Member::kNumber:
        ARROW_RETURN_NOT_OK(AppendNumber(payload, text));
        break;
      case Member::kContainer:
        if (container.kind == Container::kScalar) return Malformed("a container in a scalar");
        ARROW_RETURN_NOT_OK(begin(payload));
        break;
      case Member::kExtension:
        return arrow::Status::NotImplemented("cannot read extension values of JSONB");
      default:
        return Malformed("a member of an unknown kind");
    }
  }
  return arrow::Status::OK();
}

arrow::Result<std::shared_ptr<arrow::ArrayData>> JsonTextOf(const arrow::ArrayData& jsonb,
                                                            arrow::MemoryPool* pool) {
  const auto* ends = jsonb.GetValues<int64_t>(1);
  const uint8_t* bytes = jsonb.buffers[2] != nullptr ? jsonb.buffers[2]->data() : nullptr;
  const uint8_t* validity = jsonb.buffers[0] != nullptr ? jsonb.buffers[0]->data() : nullptr;
  ARROW_ASSIGN_OR_RAISE(auto offsets, arrow::AllocateBuffer((jsonb.length + 1) * 4, pool));
  auto* text_ends = reinterpret_cast<int32_t*>(offsets->mutable_data());
  std::string text;
  text_ends[0] = 0;
  for (int64_t row = 0; row < jsonb.length; ++row) {
    if (validity == nullptr || arrow::bit_util::GetBit(validity, row)) {
      const Bytes value(bytes + ends[row], static_cast<size_t>(ends[row + 1] - ends[row]));
      const auto status = AppendJsonText(value, &text);
      if (!status.ok()) return status.WithMessage("row ", row, ": ", status.message());
    }
    if (text.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max())) {
      return arrow::Status::CapacityError(
          "the JSON texts of a batch are more than 2 GiB: read fewer rows at a time (row ", row,
          " of ", jsonb.length, ")");
    }
    text_ends[row + 1] = static_cast<int32_t>(text.size());
  }
  return arrow::ArrayData::Make(
      arrow::utf8(), jsonb.length,
      {jsonb.buffers[0], std::move(offsets), arrow::Buffer::FromString(std::move(text))},
      jsonb.null_count.load());
}

}  // namespace croupier::format
