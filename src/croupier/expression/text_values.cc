#include "croupier/expression/text_values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "croupier/expression/lexer.h"

namespace croupier::expression {

namespace {

constexpr int64_t kSecondsPerDay = 86400;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::string_view TrimBlanks(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

template <typename T>
std::optional<T> ParseFloating(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-') || text.starts_with('+')) return std::nullopt;
  }
  if (text.empty() || text.back() == ')') return std::nullopt;
  T value = 0;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (result.ptr != end) return std::nullopt;
  if (result.ec == std::errc::result_out_of_range) {
    // Too large is infinite, too small is zero.
    const double wide = std::strtod(std::string(text).c_str(), nullptr);
    return static_cast<T>(wide);
  }
  if (result.ec != std::errc()) return std::nullopt;
  return value;
}

// Takes digits off the front of a text.
class DigitReader {
 public:
  explicit DigitReader(std::string_view text) : text_(text) {}

  bool empty() const { return text_.empty(); }
  std::string_view rest() const { return text_; }

  bool Take(char c) {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }

  // At least `least` and at most `most` digits.
  std::optional<int64_t> Number(size_t least, size_t most) {
    size_t size = 0;
    int64_t value = 0;
    while (size < most && size < text_.size() && IsDigit(text_[size])) {
      value = value * 10 + (text_[size] - '0');
      ++size;
    }
    if (size < least) return std::nullopt;
    text_.remove_prefix(size);
    return value;
  }

 private:
  std::string_view text_;
};

std::optional<int64_t> CheckedDays(int64_t year, int64_t month, int64_t day) {
  if (month < 1 || month > 12 || day < 1) return std::nullopt;
  if (day > DaysInMonth(year, static_cast<int>(month))) return std::nullopt;
  return DaysOfCivil(year, static_cast<int>(month), static_cast<int>(day));
}

// YYYY-MM-DD, with `least` digits of month and day.
std::optional<int64_t> TakeDays(DigitReader* reader, size_t least) {
  // With a sign a year may have more digits.
  const bool is_before = reader->Take('-');
  const bool is_signed = is_before || reader->Take('+');
  auto year = reader->Number(4, is_signed ? 6 : 4);
  if (!year || !reader->Take('-')) return std::nullopt;
  if (is_before) year = -*year;
  const auto month = reader->Number(least, 2);
  if (!month || !reader->Take('-')) return std::nullopt;
  const auto day = reader->Number(least, 2);
  if (!day) return std::nullopt;
  return CheckedDays(*year, *month, *day);
}

struct ClockTime {
  int64_t seconds;
  int64_t nanoseconds;
};

// HH:MM:SS, with a fraction.
std::optional<ClockTime> TakeClock(DigitReader* reader) {
  const auto hour = reader->Number(2, 2);
  if (!hour || *hour > 23 || !reader->Take(':')) return std::nullopt;
  const auto minute = reader->Number(2, 2);
  if (!minute || *minute > 59 || !reader->Take(':')) return std::nullopt;
  const auto second = reader->Number(2, 2);
  if (!second || *second > 59) return std::nullopt;
  ClockTime time{*hour * 3600 + *minute * 60 + *second, 0};
  if (!reader->Take('.')) return time;
  int64_t scale = 100000000;
  bool has_digit = false;
  while (!reader->empty() && IsDigit(reader->rest().front())) {
    const auto digit = reader->Number(1, 1);
    time.nanoseconds += *digit * scale;
    scale /= 10;
    has_digit = true;
  }
  return has_digit ? std::optional(time) : std::nullopt;
}

// Z, +HH, +HHMM or +HH:MM, in seconds.
std::optional<int64_t> TakeOffset(DigitReader* reader) {
  reader->Take(' ');
  if (EqualsIgnoringCase(reader->rest(), "z") || EqualsIgnoringCase(reader->rest(), "utc")) {
    return 0;
  }
  const bool is_minus = !reader->empty() && reader->rest().front() == '-';
  if (!reader->Take('-') && !reader->Take('+')) return std::nullopt;
  const auto hours = reader->Number(2, 2);
  if (!hours || *hours > 23) return std::nullopt;
  int64_t seconds = *hours * 3600;
  if (!reader->empty()) {
    reader->Take(':');
    const auto minutes = reader->Number(2, 2);
    if (!minutes || *minutes > 59 || !reader->empty()) return std::nullopt;
    seconds += *minutes * 60;
  }
  return is_minus ? -seconds : seconds;
}

std::optional<int64_t> ToUnits(int64_t seconds, int64_t nanoseconds, arrow::TimeUnit::type unit) {
  const int64_t per_second = UnitsPerSecond(unit);
  int64_t value = 0;
  if (__builtin_mul_overflow(seconds, per_second, &value)) return std::nullopt;
  if (__builtin_add_overflow(value, nanoseconds / (1000000000 / per_second), &value)) {
    return std::nullopt;
  }
  return value;
}

// As ryu writes: a plain number of up to 16 digits before the point, or with an exponent.
template <typename T>
void AppendFloating(T value, std::string* text) {
  if (std::isnan(value)) {
    *text += "NaN";
    return;
  }
  if (std::isinf(value)) {
    *text += value < 0 ? "-inf" : "inf";
    return;
  }
  constexpr int kMostDigits = std::is_same_v<T, float> ? 13 : 16;
  char buffer[48];
  const auto result =
      std::to_chars(std::begin(buffer), std::end(buffer), value, std::chars_format::scientific);
  const std::string_view shown(buffer, static_cast<size_t>(result.ptr - buffer));
  const size_t e = shown.find('e');
  std::string digits;
  for (const char c : shown.substr(0, e)) {
    if (IsDigit(c)) digits += c;
  }
  int exponent = 0;
  const auto exponent_text = shown.substr(e + (shown[e + 1] == '+' ? 2 : 1));
  std::from_chars(exponent_text.data(), exponent_text.data() + exponent_text.size(), exponent);
  while (digits.size() > 1 && digits.back() == '0') digits.pop_back();
  if (std::signbit(value)) *text += '-';
  const int num_digits = static_cast<int>(digits.size());
  const int before_point = exponent + 1;
  if (value == 0) {
    *text += "0.0";
  } else if (before_point > 0 && before_point <= kMostDigits) {
    if (num_digits <= before_point) {
      text->append(digits).append(static_cast<size_t>(before_point - num_digits), '0').append(".0");
    } else {
      const auto point = static_cast<size_t>(before_point);
      text->append(digits, 0, point).append(".").append(digits, point);
    }
  } else if (before_point > -5 && before_point <= 0) {
    text->append("0.").append(static_cast<size_t>(-before_point), '0').append(digits);
  } else {
    text->append(digits, 0, 1);
    if (num_digits > 1) text->append(".").append(digits, 1);
    text->append("e").append(std::to_string(exponent));
  }
}

void AppendPadded(int64_t value, int width, std::string* text) {
  char buffer[32];
  const int size = std::snprintf(buffer, sizeof(buffer), "%0*lld", width,
                                 static_cast<long long>(value));  // NOLINT: the format's own type
  text->append(buffer, static_cast<size_t>(size));
}

// Of a fraction of a second as many digits as the unit has, in groups of three, and none if it is
// zero.
void AppendFraction(int64_t fraction, arrow::TimeUnit::type unit, std::string* text) {
  if (fraction == 0) return;
  int64_t nanoseconds = fraction * (1000000000 / UnitsPerSecond(unit));
  int width = 9;
  while (width > 3 && nanoseconds % 1000 == 0) {
    nanoseconds /= 1000;
    width -= 3;
  }
  *text += '.';
  AppendPadded(nanoseconds, width, text);
}

void AppendClock(int64_t seconds, std::string* text) {
  AppendPadded(seconds / 3600, 2, text);
  *text += ':';
  AppendPadded(seconds / 60 % 60, 2, text);
  *text += ':';
  AppendPadded(seconds % 60, 2, text);
}

}  // namespace

// Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".
int64_t DaysOfCivil(int64_t year, int month, int day) {
  year -= month <= 2 ? 1 : 0;
  const int64_t era = FloorDivide(year, 400);
  const int64_t year_of_era = year - era * 400;
  const int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

CivilDate CivilOfDays(int64_t days) {
  days += 719468;
  const int64_t era = FloorDivide(days, 146097);
  const int64_t day_of_era = days - era * 146097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t shifted = (5 * day_of_year + 2) / 153;
  const int day = static_cast<int>(day_of_year - (153 * shifted + 2) / 5 + 1);
  const int month = static_cast<int>(shifted < 10 ? shifted + 3 : shifted - 9);
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

int DaysInMonth(int64_t year, int month) {
  constexpr std::array<int, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return kDays[static_cast<size_t>(month) - 1] + (month == 2 && is_leap ? 1 : 0);
}

std::optional<bool> ParseBoolean(std::string_view text) {
  constexpr std::array<std::string_view, 9> kTrue = {"t",  "tr",  "tru", "true", "y",
                                                     "ye", "yes", "on",  "1"};
  constexpr std::array<std::string_view, 11> kFalse = {"f",  "fa", "fal", "fals", "false", "n",
                                                       "no", "of", "off", "0",    ""};
  const auto word = ToLowerAscii(TrimBlanks(text));
  if (std::find(kTrue.begin(), kTrue.end(), word) != kTrue.end()) return true;
  if (!word.empty() && std::find(kFalse.begin(), kFalse.end(), word) != kFalse.end()) return false;
  return std::nullopt;
}

std::optional<double> ParseDouble(std::string_view text) { return ParseFloating<double>(text); }
std::optional<float> ParseFloat(std::string_view text) { return ParseFloating<float>(text); }

std::optional<int32_t> ParseDate(std::string_view text) {
  // YYYYMMDD
  if (text.size() == 8 && std::all_of(text.begin(), text.end(), IsDigit)) {
    DigitReader reader(text);
    const auto year = reader.Number(4, 4);
    const auto month = reader.Number(2, 2);
    const auto day = reader.Number(2, 2);
    const auto days = CheckedDays(*year, *month, *day);
    return days ? std::optional(static_cast<int32_t>(*days)) : std::nullopt;
  }
  DigitReader reader(text);
  const auto days = TakeDays(&reader, 1);
  if (days && reader.empty()) return static_cast<int32_t>(*days);
  const auto timestamp = ParseTimestamp(text, arrow::TimeUnit::SECOND);
  if (!timestamp) return std::nullopt;
  return static_cast<int32_t>(FloorDivide(*timestamp, kSecondsPerDay));
}

std::optional<int64_t> ParseTimestamp(std::string_view text, arrow::TimeUnit::type unit) {
  DigitReader reader(text);
  const auto days = TakeDays(&reader, 2);
  if (!days) return std::nullopt;
  const int64_t midnight = *days * kSecondsPerDay;
  if (reader.empty()) return ToUnits(midnight, 0, unit);
  if (!reader.Take('T') && !reader.Take('t') && !reader.Take(' ')) return std::nullopt;
  const auto time = TakeClock(&reader);
  if (!time) return std::nullopt;
  int64_t offset = 0;
  if (!reader.empty()) {
    const auto parsed = TakeOffset(&reader);
    if (!parsed) return std::nullopt;
    offset = *parsed;
  }
  return ToUnits(midnight + time->seconds - offset, time->nanoseconds, unit);
}

std::optional<int64_t> ParseTime(std::string_view text, arrow::TimeUnit::type unit) {
  DigitReader reader(text);
  const auto time = TakeClock(&reader);
  if (!time || !reader.empty()) return std::nullopt;
  return ToUnits(time->seconds, time->nanoseconds, unit);
}

std::optional<arrow::Decimal128> ParseDecimal(std::string_view text, int32_t precision,
                                              int32_t scale) {
  text = TrimBlanks(text);
  const bool is_negative = text.starts_with('-');
  if (is_negative || text.starts_with('+')) text.remove_prefix(1);
  arrow::Decimal128 value(0);
  int32_t places = -1;  // after the point
  int num_digits = 0;
  bool rounds_up = false;
  bool has_digit = scale > 0;
  for (const char c : text) {
    if (c == '.' && places < 0) {
      places = 0;
      continue;
    }
    if (!IsDigit(c)) return std::nullopt;
    has_digit = true;
    if (places >= scale) {
      if (places == scale) rounds_up = c >= '5';
      ++places;
      continue;
    }
    value = value * arrow::Decimal128(10) + arrow::Decimal128(c - '0');
    if (places >= 0) ++places;
    if (num_digits > 0 || c != '0') ++num_digits;
    if (num_digits > precision) return std::nullopt;
  }
  if (!has_digit) return std::nullopt;
  const int32_t missing = scale - std::clamp(places, 0, scale);
  if (num_digits + missing > 38 && num_digits > 0) return std::nullopt;
  if (num_digits > 0) value = arrow::Decimal128(value.IncreaseScaleBy(missing));
  if (rounds_up) value += arrow::Decimal128(1);
  if (!value.FitsInPrecision(precision)) return std::nullopt;
  return is_negative ? arrow::Decimal128(-value) : value;
}

void AppendHalf(float value, std::string* text) {
  if (!std::isfinite(value)) return AppendFloating(value, text);
  char buffer[48];
  const auto result =
      std::to_chars(std::begin(buffer), std::end(buffer), value, std::chars_format::fixed);
  text->append(buffer, result.ptr);
}
void AppendDouble(double value, std::string* text) { AppendFloating(value, text); }
void AppendFloat(float value, std::string* text) { AppendFloating(value, text); }

void AppendDate(int64_t days, std::string* text) {
  const auto date = CivilOfDays(days);
  // Years beyond four digits have a sign.
  if (date.year > 9999) *text += '+';
  AppendPadded(date.year, date.year < 0 ? 5 : 4, text);
  *text += '-';
  AppendPadded(date.month, 2, text);
  *text += '-';
  AppendPadded(date.day, 2, text);
}

void AppendTimestamp(int64_t value, arrow::TimeUnit::type unit, std::string_view zone,
                     std::string* text) {
  const int64_t per_second = UnitsPerSecond(unit);
  const int64_t seconds = FloorDivide(value, per_second);
  AppendDate(FloorDivide(seconds, kSecondsPerDay), text);
  *text += 'T';
  AppendClock(FloorModulo(seconds, kSecondsPerDay), text);
  AppendFraction(FloorModulo(value, per_second), unit, text);
  if (!zone.empty()) *text += 'Z';
}

void AppendTime(int64_t value, arrow::TimeUnit::type unit, std::string* text) {
  const int64_t per_second = UnitsPerSecond(unit);
  AppendClock(value / per_second, text);
  AppendFraction(value % per_second, unit, text);
}

void AppendDecimal(const arrow::Decimal128& value, int32_t scale, std::string* text) {
  std::string digits = value.ToIntegerString();
  const bool is_negative = digits.starts_with('-');
  if (is_negative) digits.erase(0, 1);
  if (scale > 0 && digits.size() <= static_cast<size_t>(scale)) {
    digits.insert(0, static_cast<size_t>(scale) + 1 - digits.size(), '0');
  }
  if (is_negative) *text += '-';
  if (scale <= 0) {
    *text += digits;
    if (digits != "0") text->append(static_cast<size_t>(-scale), '0');
    return;
  }
  const size_t point = digits.size() - static_cast<size_t>(scale);
  text->append(digits, 0, point).append(".").append(digits, point);
}

}  // namespace croupier::expression
