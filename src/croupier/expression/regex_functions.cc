#include <limits>

#include <arrow/array.h>
#include <arrow/array/array_nested.h>
#include <arrow/array/builder_binary.h>
#include <arrow/array/builder_nested.h>
#include <arrow/compute/api_scalar.h>
#include <arrow/scalar.h>

#include "croupier/base/memory_pool.h"
#include "croupier/expression/call_site.h"
#include "croupier/expression/regex_pattern.h"

namespace croupier::expression {

namespace {

using arrow::Datum;
using arrow::Result;
using arrow::Status;

// A pattern with flags, as RE2 reads them.
struct Regex {
  std::string pattern;
  bool is_global = false;
  bool is_null = false;
};

// The pattern is operand 1, its flags operand `flags` if there is one. Both must be literals.
Result<Regex> LiteralRegex(CallSite* call, size_t flags) {
  ARROW_RETURN_NOT_OK(call->NeedText(0));
  ARROW_RETURN_NOT_OK(call->NeedText(1));
  Regex regex;
  const auto literal = [&](size_t i) -> Result<std::string> {
    if (call->operands[i]->literal() == nullptr) {
      return call->make.Error(arrow::StatusCode::NotImplemented, call->operands[i]->place(),
                              "a regular expression and its flags must be literals");
    }
    const auto text = call->LiteralText(i);
    regex.is_null = regex.is_null || !text;
    return text.value_or("");
  };
  ARROW_ASSIGN_OR_RAISE(const auto pattern, literal(1));
  auto translated = Re2Pattern(pattern);
  if (!translated.ok()) {
    return call->make.Error(translated.status().code(), call->operands[1]->place(),
                            translated.status().message());
  }
  regex.pattern = std::move(translated).ValueUnsafe();
  if (call->size() <= flags) return regex;
  ARROW_RETURN_NOT_OK(call->NeedText(flags));
  ARROW_ASSIGN_OR_RAISE(const auto letters, literal(flags));
  std::string inline_flags;
  for (const char letter : letters) {
    if (letter == 'g') {
      regex.is_global = true;
    } else if (std::string_view("imsU").find(letter) != std::string_view::npos) {
      inline_flags += letter;
    } else {
      return call->make.Error(arrow::StatusCode::Invalid, call->operands[flags]->place(),
                              "flags of a regular expression are i, m, s, U, and g to replace all");
    }
  }
  if (!inline_flags.empty()) regex.pattern = "(?" + inline_flags + ")" + regex.pattern;
  return regex;
}

Result<BoundPtr> NullOf(const CallSite& call, const TypePtr& type) {
  return MakeLiteral(arrow::MakeNullScalar(type), call.place);
}

// Try a kernel on no text at all, so that a wrong pattern is an error of the expression.
Status TryOnce(const CallSite& call, const Kernel& kernel) {
  arrow::compute::ExecContext exec(DefaultMemoryPool());
  exec.set_use_threads(false);
  const std::vector<Datum> values = {Datum(arrow::MakeScalar(""))};
  const auto result = kernel({values, 1, &exec});
  if (result.ok()) return Status::OK();
  return call.make.Error(arrow::StatusCode::Invalid, call.operands[1]->place(),
                         result.status().message());
}

// Apply a kernel to the text alone.
Result<BoundPtr> ApplyRegex(const CallSite& call, const TypePtr& type, Kernel kernel) {
  ARROW_RETURN_NOT_OK(TryOnce(call, kernel));
  return call.make.Apply({call.operands[0]}, type, call.place, std::move(kernel));
}

Kernel MatchKernel(const Regex& regex) {
  return [options = arrow::compute::MatchSubstringOptions(regex.pattern)](const KernelArgs& args) {
    return arrow::compute::CallFunction("match_substring_regex", {args.values[0]}, &options,
                                        args.exec);
  };
}

Result<BoundPtr> BindLike(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(2, 3));
  ARROW_ASSIGN_OR_RAISE(const auto regex, LiteralRegex(call, 2));
  if (regex.is_global) {
    return call->make.Error(arrow::StatusCode::Invalid, call->operands[2]->place(),
                            "regexp_like takes no flag g");
  }
  if (regex.is_null) return NullOf(*call, arrow::boolean());
  return ApplyRegex(*call, arrow::boolean(), MatchKernel(regex));
}

Result<BoundPtr> BindCount(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(2, 2));
  ARROW_ASSIGN_OR_RAISE(const auto regex, LiteralRegex(call, 2));
  if (regex.is_null) return MakeLiteral(arrow::MakeScalar(int64_t{0}), call->place);
  const arrow::compute::MatchSubstringOptions options(regex.pattern);
  // A null has no match: 0.
  return ApplyRegex(*call, arrow::int64(), [options](const KernelArgs& args) -> Result<Datum> {
    ARROW_ASSIGN_OR_RAISE(auto counts,
                          arrow::compute::CallFunction("count_substring_regex", {args.values[0]},
                                                       &options, args.exec));
    ARROW_ASSIGN_OR_RAISE(counts, CastValues(counts, arrow::int64(), CastMode::kError, args.exec));
    return arrow::compute::CallFunction("coalesce", {counts, Datum(int64_t{0})}, args.exec);
  });
}

// In Rust's replacements $1 and ${1} stand for groups, in RE2's \1.
std::string Rewritten(const std::string& replacement) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  std::string result;
  for (size_t i = 0; i < replacement.size(); ++i) {
    const char c = replacement[i];
    const char next = i + 1 < replacement.size() ? replacement[i + 1] : '\0';
    if (c == '$' && is_digit(next)) {
      result += '\\';
    } else if (c == '$' && next == '{' && i + 3 < replacement.size() &&
               is_digit(replacement[i + 2]) && replacement[i + 3] == '}') {
      result += '\\';
      result += replacement[i + 2];
      i += 3;
    } else if (c == '\\' && !is_digit(next)) {
      result += "\\\\";
    } else {
      result += c;
    }
  }
  return result;
}

Result<BoundPtr> BindReplace(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(3, 4));
  ARROW_ASSIGN_OR_RAISE(auto regex, LiteralRegex(call, 3));
  ARROW_RETURN_NOT_OK(call->NeedText(2));
  if (call->operands[2]->literal() == nullptr) {
    return call->make.Error(arrow::StatusCode::NotImplemented, call->operands[2]->place(),
                            "the replacement of a regular expression must be a literal");
  }
  const auto replacement = call->LiteralText(2);
  const auto type = call->type(0);
  if (regex.is_null || !replacement) return NullOf(*call, type);
  const arrow::compute::ReplaceSubstringOptions options(regex.pattern, Rewritten(*replacement),
                                                        regex.is_global ? -1 : 1);
  return ApplyRegex(*call, type, [options](const KernelArgs& args) {
    return arrow::compute::CallFunction("replace_substring_regex", {args.values[0]}, &options,
                                        args.exec);
  });
}

// A list of what the groups of the first match hold; null without a match.
Result<BoundPtr> BindMatch(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(2, 3));
  ARROW_ASSIGN_OR_RAISE(const auto regex, LiteralRegex(call, 2));
  const auto item = call->type(0);
  const auto type = arrow::list(arrow::field("item", item));
  if (regex.is_global) {
    return call->make.Error(arrow::StatusCode::Invalid, call->operands[2]->place(),
                            "regexp_match takes no flag g");
  }
  if (regex.is_null) return NullOf(*call, type);
  ARROW_RETURN_NOT_OK(TryOnce(*call, MatchKernel(regex)));
  const arrow::compute::ExtractRegexOptions options(WithNamedGroups(regex.pattern));
  const auto extract = [options](const KernelArgs& args) {
    return arrow::compute::CallFunction("extract_regex", {args.values[0]}, &options, args.exec);
  };
  return ApplyRegex(*call, type, [extract, type](const KernelArgs& args) -> Result<Datum> {
    ARROW_ASSIGN_OR_RAISE(auto matches, extract(args));
    ARROW_ASSIGN_OR_RAISE(const auto input, Input::Make(matches, args.pool()));
    const auto& rows = static_cast<const arrow::StructArray&>(*input.array());
    std::unique_ptr<arrow::ArrayBuilder> builder;
    ARROW_RETURN_NOT_OK(arrow::MakeBuilder(args.pool(), type, &builder));
    auto& lists = static_cast<arrow::ListBuilder&>(*builder);
    std::vector<std::shared_ptr<arrow::Array>> groups;
    for (int i = 0; i < rows.num_fields(); ++i) groups.push_back(rows.field(i));
    for (int64_t row = 0; row < rows.length(); ++row) {
      if (rows.IsNull(row)) {
        ARROW_RETURN_NOT_OK(lists.AppendNull());
        continue;
      }
      ARROW_RETURN_NOT_OK(lists.Append());
      for (const auto& group : groups) {
        ARROW_RETURN_NOT_OK(
            lists.value_builder()->AppendArraySlice(arrow::ArraySpan(*group->data()), row, 1));
      }
    }
    ARROW_ASSIGN_OR_RAISE(auto result, lists.Finish());
    if (!input.is_scalar()) return Datum(std::move(result));
    ARROW_ASSIGN_OR_RAISE(auto scalar, result->GetScalar(0));
    return Datum(std::move(scalar));
  });
}

constexpr FunctionEntry kFunctions[] = {
    {"regexp_like", BindLike},
    {"regexp_match", BindMatch},
    {"regexp_count", BindCount},
    {"regexp_replace", BindReplace},
};

}  // namespace

std::span<const FunctionEntry> RegexFunctions() { return kFunctions; }

}  // namespace croupier::expression
