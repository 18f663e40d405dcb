#include "croupier/permutation/row_hash.h"

#include <bit>
#include <cstring>
#include <memory>
#include <string_view>
#include <type_traits>

#include <arrow/array.h>
#include <arrow/array/array_dict.h>
#include <arrow/extension_type.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/float16.h>

#include "croupier/base/hash.h"

namespace croupier::permutation {

namespace {

constexpr uint64_t kGamma = 0x9e3779b97f4a7c15ULL;
const uint64_t kNullHash = Mix64(Fnv1a64("null"));
constexpr uint64_t kNanBits = 0x7ff8000000000000ULL;

uint64_t HashWord(uint64_t word) { return Mix64(word); }

uint64_t HashFloat(double value) {
  if (value == 0) value = 0;  // -0 too
  return HashWord(value != value ? kNanBits : std::bit_cast<uint64_t>(value));
}

// The length, then the bytes in words of eight, little-endian, the last one filled up with zeros.
uint64_t HashBytes(std::string_view bytes) {
  uint64_t hash = Mix64(bytes.size());
  while (!bytes.empty()) {
    const size_t count = bytes.size() < 8 ? bytes.size() : 8;
    uint64_t word = 0;
    for (size_t i = 0; i < count; ++i) {
      word |= uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    }
    hash = Mix64((hash ^ word) + kGamma);
    bytes.remove_prefix(count);
  }
  return hash;
}

// How the values of one type are hashed; false for types that have no hash. Calls
// `visit(array type, function of array and index)`.
template <typename Visit>
bool VisitHash(const arrow::DataType& type, Visit visit) {
  const auto words = [&]<typename ArrayType>(std::type_identity<ArrayType>) {
    visit([](const arrow::Array& array, int64_t i) {
      // Signed numbers are extended by their sign, unsigned ones by zeros.
      return HashWord(static_cast<uint64_t>(static_cast<const ArrayType&>(array).Value(i)));
    });
    return true;
  };
  const auto views = [&]<typename ArrayType>(std::type_identity<ArrayType>) {
    visit([](const arrow::Array& array, int64_t i) {
      return HashBytes(static_cast<const ArrayType&>(array).GetView(i));
    });
    return true;
  };
  switch (type.id()) {
    case arrow::Type::NA:
      visit([](const arrow::Array&, int64_t) { return kNullHash; });
      return true;
    case arrow::Type::BOOL:
      return words(std::type_identity<arrow::BooleanArray>());
    case arrow::Type::INT8:
      return words(std::type_identity<arrow::Int8Array>());
    case arrow::Type::INT16:
      return words(std::type_identity<arrow::Int16Array>());
    case arrow::Type::INT32:
      return words(std::type_identity<arrow::Int32Array>());
    case arrow::Type::INT64:
      return words(std::type_identity<arrow::Int64Array>());
    case arrow::Type::UINT8:
      return words(std::type_identity<arrow::UInt8Array>());
    case arrow::Type::UINT16:
      return words(std::type_identity<arrow::UInt16Array>());
    case arrow::Type::UINT32:
      return words(std::type_identity<arrow::UInt32Array>());
    case arrow::Type::UINT64:
      return words(std::type_identity<arrow::UInt64Array>());
    case arrow::Type::DATE32:
      return words(std::type_identity<arrow::Date32Array>());
    case arrow::Type::DATE64:
      return words(std::type_identity<arrow::Date64Array>());
    case arrow::Type::TIME32:
      return words(std::type_identity<arrow::Time32Array>());
    case arrow::Type::TIME64:
      return words(std::type_identity<arrow::Time64Array>());
    case arrow::Type::TIMESTAMP:
      return words(std::type_identity<arrow::TimestampArray>());
    case arrow::Type::DURATION:
      return words(std::type_identity<arrow::DurationArray>());
    case arrow::Type::HALF_FLOAT:
      visit([](const arrow::Array& array, int64_t i) {
        const auto bits = static_cast<const arrow::HalfFloatArray&>(array).Value(i);
        return HashFloat(arrow::util::Float16::FromBits(bits).ToDouble());
      });
      return true;
    case arrow::Type::FLOAT:
      visit([](const arrow::Array& array, int64_t i) {
        return HashFloat(static_cast<const arrow::FloatArray&>(array).Value(i));
      });
      return true;
    case arrow::Type::DOUBLE:
      visit([](const arrow::Array& array, int64_t i) {
        return HashFloat(static_cast<const arrow::DoubleArray&>(array).Value(i));
      });
      return true;
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
      return views(std::type_identity<arrow::BinaryArray>());
    case arrow::Type::LARGE_STRING:
    case arrow::Type::LARGE_BINARY:
      return views(std::type_identity<arrow::LargeBinaryArray>());
    case arrow::Type::STRING_VIEW:
    case arrow::Type::BINARY_VIEW:
      return views(std::type_identity<arrow::BinaryViewArray>());
    case arrow::Type::FIXED_SIZE_BINARY:
    case arrow::Type::DECIMAL128:
    case arrow::Type::DECIMAL256:
      return views(std::type_identity<arrow::FixedSizeBinaryArray>());
    default:
      return false;
  }
}

void HashColumn(const arrow::Array& array, std::span<uint64_t> hashes) {
  VisitHash(*array.type(), [&](auto hash) {
    for (int64_t i = 0; i < array.length(); ++i) {
      uint64_t& each = hashes[static_cast<size_t>(i)];
      const uint64_t value = array.IsNull(i) ? kNullHash : hash(array, i);
      each = Mix64((each ^ value) + kGamma);
    }
  });
}

// Values are hashed where they are in the dictionary.
arrow::Status HashDictionary(const arrow::DictionaryArray& array, std::span<uint64_t> hashes) {
  const auto& dictionary = *array.dictionary();
  std::vector<uint64_t> values(static_cast<size_t>(dictionary.length()));
  VisitHash(*dictionary.type(), [&](auto hash) {
    for (int64_t i = 0; i < dictionary.length(); ++i) {
      values[static_cast<size_t>(i)] = dictionary.IsNull(i) ? kNullHash : hash(dictionary, i);
    }
  });
  for (int64_t i = 0; i < array.length(); ++i) {
    uint64_t& each = hashes[static_cast<size_t>(i)];
    uint64_t value = kNullHash;
    if (!array.IsNull(i)) {
      const int64_t index = array.GetValueIndex(i);
      if (index < 0 || index >= dictionary.length()) {
        return arrow::Status::IndexError("dictionary index out of range: ", index, " of ",
                                         dictionary.length());
      }
      value = values[static_cast<size_t>(index)];
    }
    each = Mix64((each ^ value) + kGamma);
  }
  return arrow::Status::OK();
}

}  // namespace

arrow::Status CheckHashable(const arrow::Schema& columns) {
  for (const auto& field : columns.fields()) {
    const auto* type = field->type().get();
    if (type->id() == arrow::Type::EXTENSION) {
      type = static_cast<const arrow::ExtensionType*>(type)->storage_type().get();
    }
    if (type->id() == arrow::Type::DICTIONARY) {
      type = static_cast<const arrow::DictionaryType*>(type)->value_type().get();
    }
    if (!VisitHash(*type, [](auto) {})) {
      return arrow::Status::TypeError("column '", field->name(), "' of type ",
                                      field->type()->ToString(),
                                      " cannot be hashed: numbers, texts, bytes, dates and times, "
                                      "and dictionaries of these can");
    }
  }
  return arrow::Status::OK();
}

arrow::Status HashRows(const arrow::RecordBatch& batch, std::span<const int> columns,
                       uint64_t start, std::span<uint64_t> hashes) {
  for (uint64_t& hash : hashes) hash = start;
  for (const int column : columns) {
    const arrow::Array* array = batch.column(column).get();
    if (array->type_id() == arrow::Type::EXTENSION) {
      array = static_cast<const arrow::ExtensionArray*>(array)->storage().get();
    }
    if (array->type_id() == arrow::Type::DICTIONARY) {
      ARROW_RETURN_NOT_OK(
          HashDictionary(static_cast<const arrow::DictionaryArray&>(*array), hashes));
    } else {
      HashColumn(*array, hashes);
    }
  }
  return arrow::Status::OK();
}

}  // namespace croupier::permutation
