#include "croupier/format/encoding/jsonb_writer.h"

#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>

#include <nlohmann/json.hpp>

namespace croupier::format {

namespace {

using Json = nlohmann::json;

constexpr int kMaxDepth = 500;
constexpr size_t kMaxMemberBytes = size_t{1} << 28;

// Kinds of containers, of members and of numbers: encoding/jsonb.h.
constexpr uint32_t kScalar = uint32_t{1} << 29;
constexpr uint32_t kObject = uint32_t{2} << 29;
constexpr uint32_t kArray = uint32_t{4} << 29;
constexpr uint32_t kNull = 0;
constexpr uint32_t kString = 1;
constexpr uint32_t kNumber = 2;
constexpr uint32_t kFalse = 3;
constexpr uint32_t kTrue = 4;
constexpr uint32_t kContainer = 5;

void AppendBigEndian(uint64_t value, size_t num_bytes, std::string* out) {
  while (num_bytes-- > 0) *out += static_cast<char>(value >> (8 * num_bytes));
}

void PutBigEndian(uint32_t value, std::string* out, size_t place) {
  for (size_t i = 0; i < 4; ++i) (*out)[place + i] = static_cast<char>(value >> (8 * (3 - i)));
}

size_t WidthOf(uint64_t value) {
  return value <= UINT8_MAX ? 1 : value <= UINT16_MAX ? 2 : value <= UINT32_MAX ? 4 : 8;
}

size_t SignedWidthOf(int64_t value) {
  return value >= INT8_MIN ? 1 : value >= INT16_MIN ? 2 : value >= INT32_MIN ? 4 : 8;
}

void AppendNumber(const Json& number, std::string* out) {
  if (number.is_number_float()) {
    *out += '\x60';
    AppendBigEndian(std::bit_cast<uint64_t>(number.get<double>()), 8, out);
  } else if (number.is_number_unsigned() || number.get<int64_t>() == 0) {  // -0 is 0
    const auto value = number.get<uint64_t>();
    *out += value == 0 ? '\0' : '\x50';
    if (value != 0) AppendBigEndian(value, WidthOf(value), out);
  } else {
    const auto value = number.get<int64_t>();  // negative
    *out += '\x40';
    AppendBigEndian(static_cast<uint64_t>(value), SignedWidthOf(value), out);
  }
}

arrow::Status AppendContainer(const Json& json, int depth, std::string* out);

// Append the payload of a member and put its entry where it belongs.
arrow::Status AppendMember(const Json& json, int depth, size_t entry_place, std::string* out) {
  const size_t begin = out->size();
  uint32_t kind = kNull;
  switch (json.type()) {
    case Json::value_t::boolean:
      kind = json.get<bool>() ? kTrue : kFalse;
      break;
    case Json::value_t::string:
      kind = kString;
      *out += json.get_ref<const std::string&>();
      break;
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
    case Json::value_t::number_float:
      kind = kNumber;
      AppendNumber(json, out);
      break;
    case Json::value_t::object:
    case Json::value_t::array:
      kind = kContainer;
      ARROW_RETURN_NOT_OK(AppendContainer(json, depth + 1, out));
      break;
    default:
      break;
  }
  const size_t size = out->size() - begin;
  if (size >= kMaxMemberBytes)
    return arrow::Status::CapacityError("a JSON value of ", size, " bytes");
  PutBigEndian(kind << 28 | static_cast<uint32_t>(size), out, entry_place);
  return arrow::Status::OK();
}

arrow::Status AppendContainer(const Json& json, int depth, std::string* out) {
  if (depth > kMaxDepth) return arrow::Status::Invalid("JSON nests deeper than ", kMaxDepth);
  const bool is_object = json.is_object();
  const size_t num_members = json.is_structured() ? json.size() : 1;
  if (num_members >= kMaxMemberBytes)
    return arrow::Status::CapacityError("JSON of too many members");
  const uint32_t kind = is_object ? kObject : json.is_array() ? kArray : kScalar;
  AppendBigEndian(kind | (kind == kScalar ? 0 : static_cast<uint32_t>(num_members)), 4, out);
  size_t place = out->size();
  out->append(4 * num_members * (is_object ? 2 : 1), '\0');
  if (kind == kScalar) return AppendMember(json, depth, place, out);
  if (is_object) {
    for (const auto& item : json.items()) {
      ARROW_RETURN_NOT_OK(AppendMember(item.key(), depth, place, out));
      place += 4;
    }
  }
  for (const auto& value : json) {
    ARROW_RETURN_NOT_OK(AppendMember(value, depth, place, out));
    place += 4;
  }
  return arrow::Status::OK();
}

}  // namespace

arrow::Status AppendJsonb(std::string_view text, std::string* jsonb) {
  const auto json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) {
    return arrow::Status::Invalid("not JSON: '", text.substr(0, 80), "'");
  }
  return AppendContainer(json, 1, jsonb);
}

}  // namespace croupier::format
