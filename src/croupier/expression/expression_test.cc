#include "croupier/expression.h"

#include <limits>
#include <string>
#include <thread>
#include <vector>

#include <arrow/api.h>
#include <arrow/json/from_string.h>
#include <gtest/gtest.h>

#include "croupier/expression/call_site.h"
#include "croupier/expression/float_comparison.h"

namespace croupier {
namespace {

std::shared_ptr<arrow::RecordBatch> Rows() {
  const auto column = [](const std::shared_ptr<arrow::DataType>& type, const std::string& json) {
    return arrow::json::ArrayFromJSONString(type, json).ValueOrDie();
  };
  const auto point =
      arrow::struct_({arrow::field("x", arrow::int32()), arrow::field("name", arrow::utf8())});
  const std::vector<std::pair<std::string, std::shared_ptr<arrow::Array>>> columns = {
      {"i", column(arrow::int32(), "[1, -5, null, 2147483647]")},
      {"big", column(arrow::int64(), "[1, 9007199254740993, null, -9223372036854775808]")},
      {"small", column(arrow::uint8(), "[1, 255, null, 0]")},
      {"f", column(arrow::float64(), "[1.5, NaN, null, -0.0]")},
      {"b", column(arrow::boolean(), "[true, false, null, true]")},
      {"s", column(arrow::utf8(), R"(["abc", "żółć", null, "a%b"])")},
      {"d", column(arrow::date32(), "[0, 19782, null, -1]")},
      {"p", column(point, R"([{"x": 1, "name": "u"}, null, {"x": null, "name": "v"}, {"x": 4}])")},
      {"l", column(arrow::list(arrow::int32()), "[[1, 2], [], null, [null, 3]]")},
      {"with space", column(arrow::int32(), "[10, 20, 30, 40]")},
      {"Key", column(arrow::int32(), "[1, 2, 3, 4]")},
      {"KEY", column(arrow::int32(), "[5, 6, 7, 8]")},
  };
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  for (const auto& [name, array] : columns) {
    fields.push_back(arrow::field(name, array->type()));
    arrays.push_back(array);
  }
  return arrow::RecordBatch::Make(arrow::schema(fields), 4, arrays);
}

arrow::Result<std::shared_ptr<arrow::Array>> Evaluate(std::string_view text) {
  const auto rows = Rows();
  ARROW_ASSIGN_OR_RAISE(const auto expression, Expression::Parse(text));
  ARROW_ASSIGN_OR_RAISE(const auto bound, expression.Bind(rows->schema()));
  ARROW_ASSIGN_OR_RAISE(auto values, bound.Evaluate(*rows));
  ARROW_RETURN_NOT_OK(values->ValidateFull());
  EXPECT_TRUE(values->type()->Equals(bound.type())) << text;
  return values;
}

// The values as Arrow prints them, on one line; or the error.
std::string Values(std::string_view text) {
  const auto values = Evaluate(text);
  if (!values.ok()) return values.status().ToString();
  std::string shown;
  for (int64_t i = 0; i < (*values)->length(); ++i) {
    const auto scalar = (*values)->GetScalar(i).ValueOrDie();
    if (i > 0) shown += ' ';
    shown += scalar->ToString();
  }
  return shown;
}

std::string FilteredRows(std::string_view text) {
  const auto rows = Rows();
  const auto expression = Expression::Parse(text);
  if (!expression.ok()) return expression.status().ToString();
  const auto bound = expression->BindFilter(rows->schema());
  if (!bound.ok()) return bound.status().ToString();
  const auto mask = bound->EvaluateFilter(*rows);
  if (!mask.ok()) return mask.status().ToString();
  EXPECT_EQ((*mask)->null_count(), 0);
  std::string shown;
  for (int64_t i = 0; i < (*mask)->length(); ++i) shown += (*mask)->Value(i) ? '1' : '0';
  return shown;
}

TEST(ExpressionTest, LogicIsThreeValued) {
  EXPECT_EQ(Values("b and null"), "null false null null");
  EXPECT_EQ(Values("b or null"), "true null null true");
  EXPECT_EQ(Values("not b"), "false true null false");
  EXPECT_EQ(Values("b is not true"), "false true true false");
  EXPECT_EQ(Values("i = null"), "null null null null");
  EXPECT_EQ(Values("i in (1, null)"), "true null null null");
  EXPECT_EQ(Values("i is distinct from 1"), "false true true true");
  EXPECT_EQ(FilteredRows("b or null"), "1001");
  EXPECT_EQ(FilteredRows("true"), "1111");
}

TEST(ExpressionTest, IntegersWrapAroundButDivisionIsChecked) {
  EXPECT_EQ(Values("i + 1"), "2 -4 null -2147483648");
  EXPECT_EQ(Values("small - 2"), "255 253 null 254");
  EXPECT_EQ(Values("i % 3"), "1 -2 null 1");
  EXPECT_EQ(Values("i / 2"), "0 -2 null 1073741823");
  EXPECT_EQ(Values("10 / (i - 1)"), "Invalid: division by zero\n  10 / (i - 1)\n  ^~~~~~~~~~~~");
  EXPECT_NE(Values("big / -1").find("overflow: -9223372036854775808 / -1"), std::string::npos);
  EXPECT_EQ(Values("big % -1"), "0 0 null 0");
}

TEST(ExpressionTest, WhatIsDecidedIsNotComputed) {
  EXPECT_EQ(FilteredRows("i <> 1 and 10 / (i - 1) < 0"), "0100");
  EXPECT_EQ(FilteredRows("i = 1 or 10 / (i - 1) < 0"), "1100");
  EXPECT_EQ(Values("case when i = 1 then 0 else 10 / (i - 1) end"), "0 -1 null 0");
  EXPECT_EQ(Values("coalesce(i, cast(s as int))"), "1 -5 null 2147483647");
}

TEST(ExpressionTest, FloatsAreInTotalOrder) {
  EXPECT_EQ(Values("f > 1e300"), "false true null false");
  EXPECT_EQ(Values("f = cast('nan' as double)"), "false true null false");
  EXPECT_EQ(Values("f = 0"), "false false null true");
  EXPECT_EQ(Values("f in (0, 1.5)"), "true false null true");
  EXPECT_EQ(Values("f = f"), "true true null true");
}

TEST(ExpressionTest, IntegersAreComparedWithFloatsExactly) {
  EXPECT_EQ(Values("big > 9007199254740992.0"), "false true null false");
  EXPECT_EQ(Values("big = 9007199254740992.0"), "false false null false");
  EXPECT_EQ(Values("1.5 > i"), "true true null false");
  EXPECT_EQ(Values("small > -1.5"), "true true null true");
  EXPECT_EQ(Values("i in (1.0, 2.5)"), "true false null false");
  EXPECT_EQ(Values("i <> 1.5"), "true true null true");
}

TEST(CompareWithFloatTest, IsTrueForTheSameIntegers) {
  using expression::CompareWithFloat;
  using expression::Operator;
  const auto holds = [](Operator op, double left, double right) {
    switch (op) {
      case Operator::kEqual:
        return left == right;
      case Operator::kNotEqual:
        return left != right;
      case Operator::kLess:
        return left < right;
      case Operator::kLessEqual:
        return left <= right;
      case Operator::kGreater:
        return left > right;
      default:
        return left >= right;
    }
  };
  for (const auto op : {Operator::kEqual, Operator::kNotEqual, Operator::kLess,
                        Operator::kLessEqual, Operator::kGreater, Operator::kGreaterEqual}) {
    for (const double value : {-1e300, -129.0, -128.5, -128.0, -1.5, -1.0, 0.0, 0.5, 127.0, 127.5,
                               128.0, std::numeric_limits<double>::infinity()}) {
      const auto exact = CompareWithFloat(op, *arrow::int8(), value);
      for (int integer = -128; integer < 128; ++integer) {
        ASSERT_EQ(holds(exact.op, integer, exact.bound), holds(op, integer, value))
            << integer << " " << expression::OperatorText(op) << " " << value;
      }
    }
  }
}

TEST(ExpressionTest, ColumnsAreFoundInEitherCaseUnlessQuoted) {
  EXPECT_EQ(Values("I"), "1 -5 null 2147483647");
  EXPECT_EQ(Values("Key"), "1 2 3 4");
  EXPECT_EQ(Values("`with space` + 1"), "11 21 31 41");
  EXPECT_EQ(Values("\"with space\" + 1"), "11 21 31 41");
  EXPECT_NE(Values("`I`").find("no column 'I'; there are: i, big, small"), std::string::npos);
  EXPECT_NE(Values("kEY").find("may be one of several columns: Key, KEY"), std::string::npos);
  EXPECT_TRUE(Evaluate("nothing").status().IsKeyError());
  EXPECT_TRUE(Evaluate("p.nothing").status().IsKeyError());
  EXPECT_NE(Values("p.y").find("no field 'y'; there are: x, name\n  p.y\n  ^~~"),
            std::string::npos);
}

TEST(ExpressionTest, DoubleQuotesAreTextUnlessAColumnHasTheName) {
  EXPECT_EQ(FilteredRows("s = \"abc\""), "1000");
  EXPECT_NE(FilteredRows("s = \"i\"").find("this may be a column or text"), std::string::npos);
  EXPECT_EQ(FilteredRows("\"s\" = 'abc'"), "1000");
}

TEST(ExpressionTest, AFieldOfANullIsNull) {
  EXPECT_EQ(Values("p.x"), "1 null null 4");
  EXPECT_EQ(Values("p['x'] is null"), "false true true false");
  EXPECT_EQ(Values("p is null"), "false true false false");
}

TEST(ExpressionTest, TextIsCountedInCharacters) {
  EXPECT_EQ(Values("length(s)"), "3 4 null 3");
  EXPECT_EQ(Values("octet_length(s)"), "3 8 null 3");
  EXPECT_EQ(Values("substr(s, 2, 2)"), "bc ół null %b");
  EXPECT_EQ(Values("substr(s, -1, 3)"), "a ż null a");
  EXPECT_EQ(Values("upper(s)"), "ABC ŻÓŁĆ null A%B");
  EXPECT_EQ(Values("lpad(s, 5, 'xy')"), "xyabc xżółć null xya%b");
  EXPECT_EQ(Values("s like 'a\\%b'"), "false false null true");
  EXPECT_EQ(Values("s ilike 'ŻÓ%'"), "false true null false");
  EXPECT_EQ(Values("strpos(s, 'ł')"), "0 3 null 0");
  EXPECT_EQ(Values("concat(s, i, null)"), "abc1 żółć-5  a%b2147483647");
  EXPECT_EQ(Values("split_part('a,b,c', ',', -1)"), "c c c c");
  EXPECT_NE(Values("repeat(s, 9223372036854775807)").find("cannot be repeated"), std::string::npos);
}

TEST(ExpressionTest, DatesHaveParts) {
  EXPECT_EQ(Values("date_part('year', d)"), "1970 2024 null 1969");
  EXPECT_EQ(Values("extract(doy from d)"), "1 60 null 365");
  EXPECT_EQ(Values("d = date '2024-02-29'"), "false true null false");
  EXPECT_EQ(Values("d >= '1970-01-01'"), "true true null false");
  EXPECT_EQ(Values("d - date '1970-01-02'"), "-1 19781 null -2");
  EXPECT_NE(Values("date_part('century', d)").find("no such part; there are: year"),
            std::string::npos);
}

TEST(ExpressionTest, ListsAreSearched) {
  EXPECT_EQ(Values("array_has(l, 3)"), "false false null true");
  EXPECT_EQ(Values("array_has_any(l, [2, 3])"), "true false null true");
  EXPECT_EQ(Values("array_has_all(l, [1, 2])"), "true false null false");
  EXPECT_EQ(Values("array_length(l)"), "2 0 null 2");
  EXPECT_EQ(Values("l[-1]"), "2 null null 3");
  EXPECT_EQ(Values("array_position(l, 2)"), "2 null null null");
}

TEST(ExpressionTest, RegularExpressionsMayStandForAMatch) {
  EXPECT_EQ(FilteredRows("regexp_match(s, '^a') and i > 1"), "0001");
  EXPECT_EQ(FilteredRows("not regexp_match(s, '^a')"), "0110");
  EXPECT_EQ(Values("regexp_replace(s, '(a)(b)', '$2$1')"), "bac żółć null a%b");
  EXPECT_NE(Values("regexp_like(s, '(')").find("\n  regexp_like(s, '(')\n                 ^~~"),
            std::string::npos);
}

TEST(ExpressionTest, BracketsInClassesOpenNoGroups) {
  EXPECT_EQ(Values("array_length(regexp_match(s, '[[:alpha:](]'))"), "1 null null 1");
  EXPECT_EQ(Values("array_length(regexp_match(s, '[](^[:alpha:]](.)'))"), "1 null null 1");
  EXPECT_EQ(Values("array_length(regexp_match(s, '[^](]((b|.))'))"), "2 2 null 2");
  EXPECT_EQ(Values("array_length(regexp_match(s, '(?P<first>.)(?:.)(?i)(B)?'))"), "2 2 null 2");
  EXPECT_TRUE(Evaluate("regexp_match(s, '(?P<)')").status().IsInvalid());
  for (const auto* pattern : {"[a[b]]", "[a&&b]", "[a--b]", "[a~~b]", "\\Qa", "[\\Q]", "\\C"}) {
    EXPECT_TRUE(
        Evaluate("regexp_like(s, '" + std::string(pattern) + "')").status().IsNotImplemented())
        << pattern;
  }
}

TEST(ExpressionTest, CastsSayWhatTheyCannotDo) {
  EXPECT_EQ(Values("cast(i as string)"), "1 -5 null 2147483647");
  EXPECT_EQ(Values("try_cast(s as int)"), "null null null null");
  EXPECT_EQ(Values("f::int"), "Invalid: cannot cast NaN to int\n  f::int\n  ^~~~~~");
  EXPECT_EQ(Values("cast('x' as int)"),
            "Invalid: cannot cast 'x' to int\n  cast('x' as int)\n  ^~~~~~~~~~~~~~~~");
  EXPECT_TRUE(Evaluate("cast(p as int)").status().IsTypeError());
}

TEST(ExpressionTest, TypesThatDoNotMeetAreErrorsWithACaret) {
  EXPECT_EQ(Values("b = 1"),
            "Type error: = takes no Boolean and Int64; CAST one of them\n  b = 1\n  ^~~~~");
  EXPECT_NE(Values("s = 1").find("the column beside this number is text; write '1'"),
            std::string::npos);
  EXPECT_TRUE(Evaluate("i and b").status().IsTypeError());
  EXPECT_TRUE(Evaluate("lower(i)").status().IsTypeError());
  EXPECT_TRUE(Evaluate("-s").status().IsTypeError());
  EXPECT_NE(FilteredRows("i + 1").find("this must be true or false, and is of type Int32"),
            std::string::npos);
}

TEST(ExpressionTest, UnknownFunctionsNameThoseThereAre) {
  EXPECT_NE(Values("lowre(s)").find("no function lowre; there are: abs, acos"), std::string::npos);
  EXPECT_NE(Values("lower(s, s)").find("lower takes 1 value, not 2"), std::string::npos);
}

TEST(ExpressionTest, EveryFunctionRefusesWrongOperands) {
  const auto rows = Rows();
  for (const auto& name : expression::FunctionNames()) {
    for (const std::string arguments :
         {"", "p", "p, p", "p, p, p", "p, p, p, p", "null", "null, null", "null, null, null", "s",
          "l, l", "'year', p", "s, 'a', p"}) {
      const auto text = std::string(name).append("(").append(arguments).append(")");
      const auto expression = Expression::Parse(text);
      if (!expression.ok()) continue;
      const auto bound = expression->Bind(rows->schema());
      if (!bound.ok()) continue;
      const auto values = bound->Evaluate(*rows);
      EXPECT_TRUE(!values.ok() || (*values)->ValidateFull().ok()) << text;
    }
  }
}

TEST(ExpressionTest, SlicesAndEmptyBatchesAreRowsToo) {
  const auto rows = Rows();
  for (const auto* text :
       {"i + 1", "f > 1", "s like 'a%'", "upper(s)", "p.x", "array_has(l, 3)", "l[1]",
        "i in (1, 5)", "cast(f as string)", "case when b then s else 'x' end",
        "date_part('year', d)", "concat(s, i)", "regexp_match(s, 'a')", "1 + 1", "b and i > 0",
        "coalesce(i, 7)", "make_array(i, 1)", "array_to_string(l, ',')"}) {
    const auto bound = Expression::Parse(text)->Bind(rows->schema()).ValueOrDie();
    const auto all = bound.Evaluate(*rows).ValueOrDie();
    for (int64_t begin = 0; begin <= 4; ++begin) {
      for (int64_t end = begin; end <= 4; ++end) {
        const auto part = bound.Evaluate(*rows->Slice(begin, end - begin)).ValueOrDie();
        ASSERT_TRUE(part->ValidateFull().ok()) << text;
        ASSERT_TRUE(part->Equals(all->Slice(begin, end - begin),
                                 arrow::EqualOptions::Defaults().nans_equal(true)))
            << text << " of [" << begin << ", " << end << "): " << part->ToString();
      }
    }
  }
}

TEST(ExpressionTest, DictionariesAndLargeTextReadAsText) {
  const auto words = arrow::json::ArrayFromJSONString(arrow::utf8(), R"(["x", "y"])").ValueOrDie();
  const auto indices = arrow::json::ArrayFromJSONString(arrow::int8(), "[0, 1, null]").ValueOrDie();
  const auto dictionary = arrow::DictionaryArray::FromArrays(indices, words).ValueOrDie();
  const auto large =
      arrow::json::ArrayFromJSONString(arrow::large_utf8(), R"(["x", "z", null])").ValueOrDie();
  const auto batch = arrow::RecordBatch::Make(
      arrow::schema({arrow::field("k", dictionary->type()), arrow::field("t", large->type())}), 3,
      {dictionary, large});
  const auto bound = Expression::Parse("k = 'x' and k = t and t in ('x')")->Bind(batch->schema());
  const auto values = bound->Evaluate(*batch).ValueOrDie();
  EXPECT_EQ(values->ToString(), "[\n  true,\n  false,\n  null\n]");
}

TEST(ExpressionTest, BoundColumnsAreThoseOfTheSchema) {
  const auto bound = Expression::Parse("I > 0 and P.x = i and \"s\" = 'a'")->Bind(Rows()->schema());
  const std::vector<ColumnPath> expected = {{"i"}, {"p", "x"}, {"s"}};
  EXPECT_EQ(bound->columns(), expected);
}

TEST(ExpressionTest, ABatchOfAnotherSchemaIsRefused) {
  const auto rows = Rows();
  const auto bound = Expression::Parse("i")->Bind(rows->schema());
  EXPECT_TRUE(bound->Evaluate(*rows->RemoveColumn(0).ValueOrDie()).status().IsTypeError());
}

TEST(ExpressionTest, ThreadsMayShareOne) {
  const auto rows = Rows();
  const auto bound = Expression::Parse("upper(s) like 'A%' and f > 0 or i in (1, 2, 3)")
                         ->BindFilter(rows->schema());
  const auto expected = bound->EvaluateFilter(*rows).ValueOrDie();
  std::vector<std::thread> threads;
  std::vector<int> num_equal(4);
  threads.reserve(num_equal.size());
  for (size_t t = 0; t < num_equal.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        num_equal[t] += bound->EvaluateFilter(*rows).ValueOrDie()->Equals(*expected) ? 1 : 0;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(num_equal, std::vector<int>(4, 200));
}

}  // namespace
}  // namespace croupier
