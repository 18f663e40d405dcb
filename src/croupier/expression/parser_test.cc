#include <string>

#include <gtest/gtest.h>

#include "croupier/expression.h"

namespace croupier {
namespace {

// The canonical form, which parses to the same again; or the error.
std::string Parsed(std::string_view text) {
  const auto expression = Expression::Parse(text);
  if (!expression.ok()) return expression.status().message();
  std::string shown = expression->ToString();
  const auto again = Expression::Parse(shown);
  if (!again.ok()) return shown + ": " + again.status().message();
  EXPECT_EQ(again->ToString(), shown);
  return shown;
}

TEST(ParserTest, PrecedenceIsThatOfSql) {
  EXPECT_EQ(Parsed("a + b * c - d"), "(a + (b * c)) - d");
  EXPECT_EQ(Parsed("a or b and not c = d"), "a OR (b AND (NOT (c = d)))");
  EXPECT_EQ(Parsed("-a::int"), "-(CAST(a AS int))");
  EXPECT_EQ(Parsed("-a * b"), "(-(a)) * b");
  EXPECT_EQ(Parsed("not a is null"), "NOT (a IS NULL)");
  EXPECT_EQ(Parsed("a = b is true"), "(a = b) IS TRUE");
  EXPECT_EQ(Parsed("a + 1 between 1 and 3 or b"), "((a + 1) BETWEEN 1 AND 3) OR b");
  EXPECT_EQ(Parsed("a in (1) = true"), "(a IN (1)) = TRUE");
  EXPECT_EQ(Parsed("a || b = c"), "(a || b) = c");
  EXPECT_EQ(Parsed("a << 1 + 2"), "a << (1 + 2)");
}

TEST(ParserTest, ChainsOfAndAndOrAreOneNode) {
  EXPECT_EQ(Parsed("a and b and (c and d)"), "a AND b AND (c AND d)");
  std::string text = "a = 0";
  for (int i = 1; i < 20000; ++i) text += " or a = " + std::to_string(i);
  EXPECT_TRUE(Expression::Parse(text).ok());
}

TEST(ParserTest, LiteralsKeepTheirValues) {
  EXPECT_EQ(Parsed("-9223372036854775808"), "-9223372036854775808");
  EXPECT_EQ(Parsed("18446744073709551615"), "18446744073709551615");
  EXPECT_EQ(Parsed("18446744073709551616"), "18446744073709551616.0");
  EXPECT_EQ(Parsed("007"), "7");
  EXPECT_EQ(Parsed(".5"), "0.5");
  EXPECT_EQ(Parsed("1."), "1.0");
  EXPECT_EQ(Parsed("1e999"), "1e999");
  EXPECT_EQ(Parsed("'it''s'"), "'it''s'");
  EXPECT_EQ(Parsed("x'0AFF'"), "x'0aff'");
  EXPECT_EQ(Parsed("0xAFF"), "x'0aff'");
  EXPECT_EQ(Parsed("null is null"), "NULL IS NULL");
  EXPECT_EQ(Parsed("date '2024-01-01'"), "CAST('2024-01-01' AS date)");
  EXPECT_EQ(Parsed("timestamp(3) '2024-01-01'"), "CAST('2024-01-01' AS timestamp(3))");
  EXPECT_EQ(Parsed("decimal(10, 2) '1.5'"), "CAST('1.5' AS decimal(10, 2))");
  EXPECT_EQ(Parsed("[1, 'a', []]"), "[1, 'a', []]");
}

TEST(ParserTest, NamesMayBeQuotedAndNested) {
  EXPECT_EQ(Parsed("a.b.`c d`"), "a.`b`.`c d`");
  EXPECT_EQ(Parsed("`a.b`"), "`a.b`");
  EXPECT_EQ(Parsed("\"a\".b"), "`a`.`b`");
  EXPECT_EQ(Parsed("\"a\""), "\"a\"");
  EXPECT_EQ(Parsed("a['b'][\"c\"]"), "a.`b`.`c`");
  EXPECT_EQ(Parsed("\"a\"['b']"), "`a`.`b`");
  EXPECT_EQ(Parsed("0['b']"), "(0).`b`");
  EXPECT_EQ(Parsed("a[1][b]"), "a[(1)][(b)]");
  EXPECT_EQ(Parsed("get_field(a, 'b')"), "a.`b`");
  EXPECT_EQ(Parsed("date = 1"), "date = 1");
}

TEST(ParserTest, SpecialFormsBecomeCalls) {
  EXPECT_EQ(Parsed("extract(YEAR from d)"), "date_part('year', d)");
  EXPECT_EQ(Parsed("substring(s from 2 for 3)"), "substring(s, 2, 3)");
  EXPECT_EQ(Parsed("substring(s for 3)"), "substring(s, 1, 3)");
  EXPECT_EQ(Parsed("trim(leading 'x' from s)"), "ltrim(s, 'x')");
  EXPECT_EQ(Parsed("trim(s)"), "btrim(s)");
  EXPECT_EQ(Parsed("trim(both)"), "btrim(both)");
  EXPECT_EQ(Parsed("position('b' in s)"), "strpos(s, 'b')");
  EXPECT_EQ(Parsed("CURRENT_DATE"), "current_date()");
  EXPECT_EQ(Parsed("Lower(s)"), "lower(s)");
  EXPECT_EQ(Parsed("try_cast(a as bigint unsigned)"), "TRY_CAST(a AS bigint unsigned)");
  EXPECT_EQ(Parsed("a::double precision"), "CAST(a AS double)");
  EXPECT_EQ(Parsed("case a when 1 then 2 else 3 end"), "CASE a WHEN 1 THEN 2 ELSE 3 END");
  EXPECT_EQ(Parsed("case when a then b end"), "CASE WHEN a THEN b END");
  EXPECT_EQ(Parsed("a not like 'b' escape '!'"), "a NOT LIKE 'b' ESCAPE '!'");
  EXPECT_EQ(Parsed("a ilike b"), "a ILIKE b");
  EXPECT_EQ(Parsed("a is not distinct from b and c"), "(a IS NOT DISTINCT FROM b) AND c");
}

TEST(ParserTest, TextLeftOverIsAnError) {
  EXPECT_EQ(Parsed("a = 1 limit 2"),
            "the expression ends before this\n  a = 1 limit 2\n        ^~~~~~~");
  EXPECT_EQ(Parsed("a)"), "the expression ends before this\n  a)\n   ^");
  EXPECT_EQ(Parsed("a b"), "the expression ends before this\n  a b\n    ^");
  EXPECT_EQ(Parsed("a, b"), "the expression ends before this\n  a, b\n   ^~~");
}

TEST(ParserTest, ErrorsPointAtThePlace) {
  EXPECT_EQ(Parsed(""), "an expression is missing\n  \n  ^");
  EXPECT_EQ(Parsed("a ="), "expected a value, and the expression ends here\n  a =\n     ^");
  EXPECT_EQ(
      Parsed("a and or b"),
      "expected a value here; a column of this name needs backticks\n  a and or b\n        ^~");
  EXPECT_EQ(Parsed("(a"), "expected ')', and the expression ends here\n  (a\n    ^");
  EXPECT_EQ(Parsed("a in ()"), "IN needs at least one value\n  a in ()\n  ^~~~~~~");
  EXPECT_EQ(Parsed("a in (1,)"), "expected a value here\n  a in (1,)\n          ^");
  EXPECT_EQ(Parsed("a is b"),
            "expected NULL, TRUE, FALSE or DISTINCT FROM here\n  a is b\n       ^");
  EXPECT_EQ(Parsed("a between 1 or 2"), "expected AND here\n  a between 1 or 2\n              ^~");
  EXPECT_EQ(Parsed("case a end"), "expected WHEN here\n  case a end\n         ^~~");
  EXPECT_NE(Parsed("cast(a as nothing)").find("no such type; there are: tinyint"),
            std::string::npos);
  EXPECT_NE(Parsed("decimal(99, 2) '1'").find("1 to 38 digits"), std::string::npos);
  EXPECT_NE(Parsed("interval '1 day'").find("intervals are not supported"), std::string::npos);
}

TEST(ParserTest, NestingIsBounded) {
  for (const std::string open :
       {"(", "not ", "- ", "a[", "lower(", "case when ", "[", "a in (", "cast("}) {
    std::string text;
    for (int i = 0; i < 100000; ++i) text += open;
    const auto status = Expression::Parse(text).status();
    EXPECT_TRUE(status.IsCapacityError()) << open << status.ToString();
  }
  for (const std::string more : {" + a", "::int", "[1]", " is null", " || a", "[0]['x']", " = a"}) {
    std::string text = "a";
    for (int i = 0; i < 100000; ++i) text += more;
    EXPECT_TRUE(Expression::Parse(text).status().IsCapacityError()) << more;
  }
}

TEST(ParserTest, LengthIsBoundedAndTheTextIsUtf8) {
  EXPECT_TRUE(Expression::Parse(std::string(Expression::kMaxTextBytes + 1, ' '))
                  .status()
                  .IsCapacityError());
  EXPECT_TRUE(Expression::Parse("a = '\xff'").status().IsInvalid());
}

TEST(ParserTest, ColumnsAreNamedOnce) {
  const auto expression = Expression::Parse("a + A.b > a and lower(`c d`) = \"e\" and a.b is null");
  const std::vector<ColumnPath> expected = {{"a"}, {"A", "b"}, {"c d"}, {"a", "b"}};
  EXPECT_EQ(expression->columns(), expected);
}

}  // namespace
}  // namespace croupier
