#include "croupier/expression/text_values.h"

#include <limits>
#include <string>

#include <gtest/gtest.h>

namespace croupier::expression {
namespace {

using arrow::TimeUnit;

TEST(CivilDateTest, CountsDaysBothWays) {
  EXPECT_EQ(DaysOfCivil(1970, 1, 1), 0);
  EXPECT_EQ(DaysOfCivil(2000, 2, 29), 11016);
  EXPECT_EQ(DaysOfCivil(1, 1, 1), -719162);
  for (int64_t days = -800000; days < 800000; days += 37) {
    const auto date = CivilOfDays(days);
    ASSERT_EQ(DaysOfCivil(date.year, date.month, date.day), days);
    ASSERT_GE(date.day, 1);
    ASSERT_LE(date.day, DaysInMonth(date.year, date.month));
  }
}

TEST(ParseTest, DatesMayLackZerosOrHaveATime) {
  EXPECT_EQ(ParseDate("2024-02-29"), 19782);
  EXPECT_EQ(ParseDate("2024-2-9"), 19762);
  EXPECT_EQ(ParseDate("20240229"), 19782);
  EXPECT_EQ(ParseDate("2024-02-29 23:59:59"), 19782);
  EXPECT_EQ(ParseDate("1969-12-31"), -1);
  for (const auto* wrong : {"", "2023-02-29", "2024-13-01", "2024-00-01", "2024-02-30",
                            " 2024-02-09", "2024-02-09x", "20240230", "24-02-09", "2024-02"}) {
    EXPECT_EQ(ParseDate(wrong), std::nullopt) << wrong;
  }
}

TEST(ParseTest, TimestampsMayHaveAnOffset) {
  EXPECT_EQ(ParseTimestamp("1970-01-02", TimeUnit::SECOND), 86400);
  EXPECT_EQ(ParseTimestamp("1970-01-01T00:00:01.5", TimeUnit::MILLI), 1500);
  EXPECT_EQ(ParseTimestamp("1970-01-01 00:00:01.1234567891", TimeUnit::NANO), 1123456789);
  EXPECT_EQ(ParseTimestamp("1970-01-01 02:00:00+02:00", TimeUnit::SECOND), 0);
  EXPECT_EQ(ParseTimestamp("1970-01-01 00:00:00 -0130", TimeUnit::SECOND), 5400);
  EXPECT_EQ(ParseTimestamp("1970-01-01T00:00:00Z", TimeUnit::MICRO), 0);
  EXPECT_EQ(ParseTimestamp("1969-12-31 23:59:59.999999", TimeUnit::MICRO), -1);
  for (const auto* wrong : {"1970-01-01 00:00", "1970-01-01 24:00:00", "1970-01-01 00:60:00",
                            "1970-01-01 00:00:00.", "1970-01-01 00:00:00 x", "1970-01-01x"}) {
    EXPECT_EQ(ParseTimestamp(wrong, TimeUnit::SECOND), std::nullopt) << wrong;
  }
  EXPECT_EQ(ParseTimestamp("2300-01-01", TimeUnit::NANO), std::nullopt);
}

TEST(ParseTest, NumbersAreReadWhole) {
  EXPECT_EQ(ParseDouble("1e3"), 1000);
  EXPECT_EQ(ParseDouble("+.5"), 0.5);
  EXPECT_EQ(ParseDouble("1e400"), std::numeric_limits<double>::infinity());
  EXPECT_EQ(ParseDouble("-inf"), -std::numeric_limits<double>::infinity());
  EXPECT_TRUE(ParseDouble("NaN").has_value());
  for (const auto* wrong : {"", " 1", "1 ", "x", "+-1", "1x", "nan(1)"}) {
    EXPECT_EQ(ParseDouble(wrong), std::nullopt) << wrong;
  }
  EXPECT_EQ(ParseBoolean(" YES "), true);
  EXPECT_EQ(ParseBoolean("off"), false);
  EXPECT_EQ(ParseBoolean("2"), std::nullopt);
  EXPECT_EQ(ParseBoolean(""), std::nullopt);
}

TEST(ParseTest, DecimalsAreRoundedHalfAwayFromZero) {
  EXPECT_EQ(ParseDecimal("1.255", 10, 2), arrow::Decimal128(126));
  EXPECT_EQ(ParseDecimal("-1.245", 10, 2), arrow::Decimal128(-125));
  EXPECT_EQ(ParseDecimal(" .5 ", 10, 2), arrow::Decimal128(50));
  EXPECT_EQ(ParseDecimal("", 10, 2), arrow::Decimal128(0));
  EXPECT_EQ(ParseDecimal("99999999.99", 10, 2), arrow::Decimal128(int64_t{9999999999}));
  for (const auto* wrong : {"1e2", "x", "1.2.3", "100000000", "99999999.999",
                            "99999999999999999999999999999999999999999999"}) {
    EXPECT_EQ(ParseDecimal(wrong, 10, 2), std::nullopt) << wrong;
  }
}

TEST(AppendTest, FloatsAreTheShortestThatReadEqual) {
  const auto text = [](double value) {
    std::string result;
    AppendDouble(value, &result);
    return result;
  };
  EXPECT_EQ(text(1), "1.0");
  EXPECT_EQ(text(-0.0), "-0.0");
  EXPECT_EQ(text(0.1), "0.1");
  EXPECT_EQ(text(1e15), "1000000000000000.0");
  EXPECT_EQ(text(1e16), "1e16");
  EXPECT_EQ(text(1.5e300), "1.5e300");
  EXPECT_EQ(text(0.00001), "0.00001");
  EXPECT_EQ(text(0.000001), "1e-6");
  EXPECT_EQ(text(123.456), "123.456");
  EXPECT_EQ(text(std::numeric_limits<double>::quiet_NaN()), "NaN");
  EXPECT_EQ(text(-std::numeric_limits<double>::infinity()), "-inf");
}

TEST(AppendTest, TimesHaveNoMoreDigitsThanTheyNeed) {
  std::string text;
  AppendTimestamp(-1, TimeUnit::MICRO, "UTC", &text);
  EXPECT_EQ(text, "1969-12-31T23:59:59.999999Z");
  text.clear();
  AppendTimestamp(1500, TimeUnit::MILLI, "", &text);
  EXPECT_EQ(text, "1970-01-01T00:00:01.500");
  text.clear();
  AppendTime(86399, TimeUnit::SECOND, &text);
  EXPECT_EQ(text, "23:59:59");
  text.clear();
  AppendDate(DaysOfCivil(12024, 2, 9), &text);
  EXPECT_EQ(text, "+12024-02-09");
  text.clear();
  AppendDecimal(arrow::Decimal128(-5), 2, &text);
  EXPECT_EQ(text, "-0.05");
}

}  // namespace
}  // namespace croupier::expression
