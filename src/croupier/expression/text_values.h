#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <arrow/type.h>
#include <arrow/util/decimal.h>

namespace croupier::expression {

/// A date of the proleptic Gregorian calendar.
struct CivilDate {
  int64_t year;
  int month;  ///< 1 to 12
  int day;    ///< 1 to 31
};

/// Days since 1970-01-01.
int64_t DaysOfCivil(int64_t year, int month, int day);
CivilDate CivilOfDays(int64_t days);
int DaysInMonth(int64_t year, int month);

/// Divide, rounding down.
constexpr int64_t FloorDivide(int64_t dividend, int64_t divisor) {
  return dividend / divisor - (dividend % divisor < 0 ? 1 : 0);
}
constexpr int64_t FloorModulo(int64_t dividend, int64_t divisor) {
  return dividend % divisor + (dividend % divisor < 0 ? divisor : 0);
}

constexpr int64_t UnitsPerSecond(arrow::TimeUnit::type unit) {
  return unit == arrow::TimeUnit::SECOND
             ? 1
             : (unit == arrow::TimeUnit::MILLI
                    ? 1000
                    : (unit == arrow::TimeUnit::MICRO ? 1000000 : 1000000000));
}

// What Arrow's Rust library reads from text, and writes, as casts do. Nothing if the text is no
// such value.

std::optional<bool> ParseBoolean(std::string_view text);
std::optional<double> ParseDouble(std::string_view text);
std::optional<float> ParseFloat(std::string_view text);
/// Days since the epoch; a time after the date is left out.
std::optional<int32_t> ParseDate(std::string_view text);
/// Units since the epoch, UTC; an offset at the end of the text is taken into account.
std::optional<int64_t> ParseTimestamp(std::string_view text, arrow::TimeUnit::type unit);
/// Units since midnight.
std::optional<int64_t> ParseTime(std::string_view text, arrow::TimeUnit::type unit);
/// Rounded half away from zero to `scale`; blanks around are left out, and without digits it is
/// zero.
std::optional<arrow::Decimal128> ParseDecimal(std::string_view text, int32_t precision,
                                              int32_t scale);

void AppendHalf(float value, std::string* text);  ///< a half float
void AppendDouble(double value, std::string* text);
void AppendFloat(float value, std::string* text);
void AppendDate(int64_t days, std::string* text);
/// \param zone "" for none; UTC is written as Z
void AppendTimestamp(int64_t value, arrow::TimeUnit::type unit, std::string_view zone,
                     std::string* text);
void AppendTime(int64_t value, arrow::TimeUnit::type unit, std::string* text);
void AppendDecimal(const arrow::Decimal128& value, int32_t scale, std::string* text);

}  // namespace croupier::expression
