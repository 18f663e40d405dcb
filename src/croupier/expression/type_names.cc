#include "croupier/expression/type_names.h"

#include <algorithm>
#include <charconv>

#include <arrow/type.h>

#include "croupier/expression/ast.h"

namespace croupier::expression {

namespace {

using TypePtr = std::shared_ptr<arrow::DataType>;

constexpr std::string_view kSqlTypeNames =
    "tinyint, smallint, int, bigint (each also unsigned), float, double, decimal(precision, "
    "scale), "
    "boolean, string, binary, date, timestamp(0, 3, 6 or 9)";

struct NamedType {
  std::string_view name;
  const TypePtr& (*type)();
};

constexpr NamedType kSqlTypes[] = {
    {"tinyint", arrow::int8},
    {"smallint", arrow::int16},
    {"int", arrow::int32},
    {"integer", arrow::int32},
    {"bigint", arrow::int64},
    {"tinyint unsigned", arrow::uint8},
    {"smallint unsigned", arrow::uint16},
    {"int unsigned", arrow::uint32},
    {"integer unsigned", arrow::uint32},
    {"bigint unsigned", arrow::uint64},
    {"float", arrow::float32},
    {"real", arrow::float32},
    {"double", arrow::float64},
    {"boolean", arrow::boolean},
    {"bool", arrow::boolean},
    {"string", arrow::utf8},
    {"text", arrow::utf8},
    {"varchar", arrow::utf8},
    {"binary", arrow::binary},
    {"date", arrow::date32},
};

struct UnitName {
  arrow::TimeUnit::type unit;
  int digits;
  std::string_view name;
  std::string_view symbol;
};
constexpr UnitName kUnits[] = {
    {arrow::TimeUnit::SECOND, 0, "Second", "s"},
    {arrow::TimeUnit::MILLI, 3, "Millisecond", "ms"},
    {arrow::TimeUnit::MICRO, 6, "Microsecond", "µs"},
    {arrow::TimeUnit::NANO, 9, "Nanosecond", "ns"},
};

const UnitName& NameOf(arrow::TimeUnit::type unit) {
  return *std::find_if(std::begin(kUnits), std::end(kUnits),
                       [unit](const UnitName& it) { return it.unit == unit; });
}

arrow::Result<TypePtr> Decimal(int precision, int scale) {
  if (precision < 1 || precision > 38 || scale < 0 || scale > precision) {
    return arrow::Status::Invalid(
        "a decimal has 1 to 38 digits, of which 0 to all are decimal places");
  }
  return arrow::decimal128(precision, scale);
}

constexpr NamedType kArrowTypes[] = {
    {"Null", arrow::null},
    {"Boolean", arrow::boolean},
    {"Int8", arrow::int8},
    {"Int16", arrow::int16},
    {"Int32", arrow::int32},
    {"Int64", arrow::int64},
    {"UInt8", arrow::uint8},
    {"UInt16", arrow::uint16},
    {"UInt32", arrow::uint32},
    {"UInt64", arrow::uint64},
    {"Float16", arrow::float16},
    {"Float32", arrow::float32},
    {"Float64", arrow::float64},
    {"Utf8", arrow::utf8},
    {"LargeUtf8", arrow::large_utf8},
    {"Binary", arrow::binary},
    {"LargeBinary", arrow::large_binary},
    {"Date32", arrow::date32},
    {"Date64", arrow::date64},
};

// Cut "Name(first, second)" at its parentheses and comma.
std::vector<std::string> Parts(std::string_view name) {
  std::vector<std::string> parts(1);
  for (const char c : name) {
    if (c == '(' || c == ',') {
      parts.emplace_back();
    } else if (c != ' ' && c != ')' && c != '"') {
      parts.back() += c;
    }
  }
  return parts;
}

}  // namespace

arrow::Result<TypePtr> TypeOfSqlName(const std::string& name, const std::vector<int>& arguments) {
  if (name == "timestamp" || name == "datetime") {
    const int digits = arguments.empty() ? 6 : arguments[0];
    for (const auto& unit : kUnits) {
      if (arguments.size() <= 1 && unit.digits == digits) return arrow::timestamp(unit.unit);
    }
    return arrow::Status::Invalid("a timestamp has 0, 3, 6 or 9 decimal places of a second");
  }
  if (name == "decimal" || name == "numeric") {
    if (arguments.size() != 2) {
      return arrow::Status::Invalid("a decimal needs its precision and scale: decimal(10, 2)");
    }
    return Decimal(arguments[0], arguments[1]);
  }
  for (const auto& candidate : kSqlTypes) {
    if (candidate.name == name && arguments.empty()) return candidate.type();
  }
  return arrow::Status::Invalid("no such type; there are: ", kSqlTypeNames);
}

arrow::Result<TypePtr> TypeOfArrowName(std::string_view name) {
  for (const auto& candidate : kArrowTypes) {
    if (candidate.name == name) return candidate.type();
  }
  const auto parts = Parts(name);
  const auto unit = [&]() -> const UnitName* {
    for (const auto& it : kUnits) {
      if (parts.size() > 1 &&
          (parts[1] == it.name || parts[1] == it.symbol || (parts[1] == "us" && it.digits == 6)))
        return &it;
    }
    return nullptr;
  }();
  if (unit != nullptr && parts[0] == "Timestamp") {
    if (parts.size() == 2 || (parts.size() == 3 && parts[2] == "None")) {
      return arrow::timestamp(unit->unit);
    }
    if (parts.size() == 4 && parts[2] == "Some") return arrow::timestamp(unit->unit, parts[3]);
  }
  if (unit != nullptr && parts[0] == "Duration" && parts.size() == 2) {
    return arrow::duration(unit->unit);
  }
  if (unit != nullptr && parts[0] == "Time32" && unit->digits <= 3)
    return arrow::time32(unit->unit);
  if (unit != nullptr && parts[0] == "Time64" && unit->digits >= 6)
    return arrow::time64(unit->unit);
  if (parts[0] == "Decimal128" && parts.size() == 3) {
    int numbers[2] = {0, -1};
    for (int i = 0; i < 2; ++i) {
      const auto& part = parts[static_cast<size_t>(i) + 1];
      std::from_chars(part.data(), part.data() + part.size(), numbers[i]);
    }
    return Decimal(numbers[0], numbers[1]);
  }
  return arrow::Status::Invalid("no such Arrow type: '", name,
                                "'; there are Int64, Float32, Utf8, Timestamp(Microsecond, None), "
                                "Decimal128(10, 2) and the like");
}

std::string ArrowName(const arrow::DataType& type) {
  for (const auto& candidate : kArrowTypes) {
    if (candidate.type()->id() == type.id()) return std::string(candidate.name);
  }
  switch (type.id()) {
    case arrow::Type::TIMESTAMP: {
      const auto& timestamp = static_cast<const arrow::TimestampType&>(type);
      return "Timestamp(" + std::string(NameOf(timestamp.unit()).symbol) +
             (timestamp.timezone().empty() ? "" : ", \"" + timestamp.timezone() + "\"") + ")";
    }
    case arrow::Type::DURATION:
      return "Duration(" +
             std::string(NameOf(static_cast<const arrow::DurationType&>(type).unit()).symbol) + ")";
    case arrow::Type::TIME32:
    case arrow::Type::TIME64:
      return std::string(type.id() == arrow::Type::TIME32 ? "Time32(" : "Time64(") +
             std::string(NameOf(static_cast<const arrow::TimeType&>(type).unit()).symbol) + ")";
    case arrow::Type::DECIMAL128: {
      const auto& decimal = static_cast<const arrow::Decimal128Type&>(type);
      return "Decimal128(" + std::to_string(decimal.precision()) + ", " +
             std::to_string(decimal.scale()) + ")";
    }
    case arrow::Type::LIST:
    case arrow::Type::LARGE_LIST:
      return std::string(type.id() == arrow::Type::LIST ? "List(" : "LargeList(")
                 .append(ArrowName(*static_cast<const arrow::BaseListType&>(type).value_type())) +=
             ')';
    default:
      return type.ToString();
  }
}

std::string TypeToSql(const arrow::DataType& type) {
  if (type.id() == arrow::Type::TIMESTAMP) {
    const auto unit = static_cast<const arrow::TimestampType&>(type).unit();
    return "timestamp(" + std::to_string(NameOf(unit).digits) + ")";
  }
  if (type.id() == arrow::Type::DECIMAL128) {
    const auto& decimal = static_cast<const arrow::Decimal128Type&>(type);
    return "decimal(" + std::to_string(decimal.precision()) + ", " +
           std::to_string(decimal.scale()) + ")";
  }
  // The first name; the others are aliases.
  for (const auto& candidate : kSqlTypes) {
    if (candidate.type()->id() == type.id()) return std::string(candidate.name);
  }
  return type.ToString();
}

}  // namespace croupier::expression
