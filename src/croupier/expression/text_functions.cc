#include <cstdio>
#include <limits>
#include <utility>

#include <arrow/compute/api_scalar.h>
#include <arrow/compute/exec.h>

#include "croupier/expression/call_site.h"
#include "croupier/expression/codepoints.h"

namespace croupier::expression {

namespace {

using arrow::Datum;
using arrow::Result;
using arrow::Status;

constexpr size_t kAnyNumber = std::numeric_limits<size_t>::max();
// The most that one text may be padded or repeated to.
constexpr int64_t kMostTextBytes = int64_t{16} << 20;

// A function of one text that gives text: one of Arrow's.
template <const char* kFunction>
Result<BoundPtr> BindArrowText(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(1, 1));
  ARROW_RETURN_NOT_OK(call->NeedText(0));
  return call->Apply(call->type(0), ArrowKernel(kFunction));
}

constexpr char kLower[] = "utf8_lower";
constexpr char kReverse[] = "utf8_reverse";

// The one small letter of which Arrow makes another capital than most: two letters.
constexpr std::string_view kSharpS = "\u00df";
constexpr std::string_view kCapitalSharpS = "\u1e9e";

Result<BoundPtr> BindUpper(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(1, 1));
  ARROW_RETURN_NOT_OK(call->NeedText(0));
  return call->Apply(call->type(0), [](const KernelArgs& args) -> Result<Datum> {
    const arrow::compute::ReplaceSubstringOptions options{std::string(kSharpS), "SS"};
    ARROW_ASSIGN_OR_RAISE(
        const auto texts,
        arrow::compute::CallFunction("replace_substring", {args.values[0]}, &options, args.exec));
    return arrow::compute::CallFunction("utf8_upper", {texts}, args.exec);
  });
}

bool IsLarge(const arrow::DataType& type) { return type.id() == arrow::Type::LARGE_STRING; }

// Lengths and places are as wide as the text's offsets.
TypePtr LengthType(const arrow::DataType& text) {
  return IsLarge(text) ? arrow::int64() : arrow::int32();
}

template <typename Function>
Result<Datum> MapToLength(const TypePtr& type, const KernelArgs& args, const Validity& validity,
                          Function&& function) {
  if (type->id() == arrow::Type::INT64) {
    return MapRows<int64_t>(type, args.num_rows, validity, args.pool(), function);
  }
  return MapRows<int32_t>(type, args.num_rows, validity, args.pool(),
                          [&](int64_t row) { return static_cast<int32_t>(function(row)); });
}

enum class LengthOf { kCharacters, kBytes, kBits };

template <LengthOf kUnit>
Result<BoundPtr> BindLength(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(1, 1));
  const bool is_number = IsNumber(*call->type(0)) && kUnit == LengthOf::kCharacters;
  ARROW_RETURN_NOT_OK(is_number ? call->Coerce(0, arrow::utf8()) : call->NeedText(0));
  const auto type = LengthType(*call->type(0));
  return call->Apply(type, [type](const KernelArgs& args) -> Result<Datum> {
    ARROW_ASSIGN_OR_RAISE(const auto operands, Operands::Make(args));
    const TextInput texts(operands.inputs[0]);
    return MapToLength(type, args, operands.validity, [&](int64_t row) -> int64_t {
      const auto text = texts[row];
      if (kUnit == LengthOf::kCharacters) return CountCodepoints(text);
      return static_cast<int64_t>(text.size()) * (kUnit == LengthOf::kBits ? 8 : 1);
    });
  });
}

// A function of a text and other operands: `function(row, operands, output)` writes the result.
template <typename Function>
Result<BoundPtr> ApplyText(const CallSite& call, Function function,
                           Failure failure = Failure::kNever) {
  const auto type = call.type(0);
  return call.Apply(
      type,
      [type, function](const KernelArgs& args) -> Result<Datum> {
        ARROW_ASSIGN_OR_RAISE(const auto operands, Operands::Make(args));
        const auto prepared = function(operands.inputs);
        return MapToText(type, args.num_rows, operands.validity, args.pool(), prepared);
      },
      failure);
}

// substr(text, start [, length]), from 1; what lies before the text counts, too.
Result<BoundPtr> BindSubstring(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(2, 3));
  ARROW_RETURN_NOT_OK(call->NeedText(0));
  for (size_t i = 1; i < call->size(); ++i) ARROW_RETURN_NOT_OK(call->NeedInteger(i));
  const bool has_length = call->size() == 3;
  return ApplyText(
      *call,
      [has_length](const std::vector<Input>& inputs) {
        return [texts = TextInput(inputs[0]), starts = FixedInput<int64_t>(inputs[1]),
                lengths = FixedInput<int64_t>(inputs[has_length ? 2 : 1]),
                has_length](int64_t row, TextOutput* output) -> Status {
          auto text = texts[row];
          const int64_t start = starts[row];
          int64_t end = std::numeric_limits<int64_t>::max();
          if (has_length) {
            if (lengths[row] < 0) {
              return Status::Invalid("the length of a part of a text is negative: ", lengths[row]);
            }
            if (__builtin_add_overflow(start, lengths[row], &end)) {
              end = std::numeric_limits<int64_t>::max();
            }
          }
          const int64_t first = std::max<int64_t>(start, 1);
          if (end <= first) return Status::OK();
          text.remove_prefix(BytesOfFirst(text, first - 1));
          return output->Add(text.substr(0, BytesOfFirst(text, end - first)));
        };
      },
      has_length ? Failure::kPossible : Failure::kNever);
}

template <bool kLeft, bool kRight>
Result<BoundPtr> BindTrim(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(1, 2));
  for (size_t i = 0; i < call->size(); ++i) ARROW_RETURN_NOT_OK(call->NeedText(i));
  const bool has_set = call->size() == 2;
  return ApplyText(*call, [has_set](const std::vector<Input>& inputs) {
    return [texts = TextInput(inputs[0]), sets = TextInput(inputs[has_set ? 1 : 0]), has_set](
               int64_t row, TextOutput* output) {
      auto text = texts[row];
      const std::string_view set = has_set ? sets[row] : " ";
      const auto is_in_set = [&](std::string_view character) {
        for (auto rest = set; !rest.empty(); rest.remove_prefix(FirstCodepoint(rest).size())) {
          if (FirstCodepoint(rest) == character) return true;
        }
        return false;
      };
      while (kLeft && !text.empty() && is_in_set(FirstCodepoint(text))) {
        text.remove_prefix(FirstCodepoint(text).size());
      }
      while (kRight && !text.empty()) {
        size_t begin = text.size() - 1;
        while (begin > 0 && !IsCodepointStart(text[begin])) --begin;
        if (!is_in_set(text.substr(begin))) break;
        text.remove_suffix(text.size() - begin);
      }
      return output->Add(text);
    };
  });
}

Status CoerceAllToText(CallSite* call) {
  bool is_large = false;
  for (size_t i = 0; i < call->size(); ++i) is_large = is_large || IsLarge(*call->type(i));
  for (size_t i = 0; i < call->size(); ++i) {
    ARROW_RETURN_NOT_OK(call->Coerce(i, is_large ? arrow::large_utf8() : arrow::utf8()));
  }
  return Status::OK();
}

// concat leaves nulls out.
Result<BoundPtr> BindConcat(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(1, kAnyNumber));
  ARROW_RETURN_NOT_OK(CoerceAllToText(call));
  const auto type = call->type(0);
  return call->Apply(type, [type](const KernelArgs& args) -> Result<Datum> {
    ARROW_ASSIGN_OR_RAISE(const auto inputs, MakeInputs(args));
    ARROW_ASSIGN_OR_RAISE(const auto validity, Validity::Make({}, args.num_rows, args.pool()));
    const std::vector<TextInput> texts(inputs.begin(), inputs.end());
    return MapToText(type, args.num_rows, validity, args.pool(),
                     [&](int64_t row, TextOutput* output) {
                       for (size_t i = 0; i < texts.size(); ++i) {
                         if (!inputs[i].IsValid(row)) continue;
                         ARROW_RETURN_NOT_OK(output->Add(texts[i][row]));
                       }
                       return Status::OK();
                     });
  });
}

// concat_ws(separator, …) leaves nulls out, too; without a separator it is null.
Result<BoundPtr> BindConcatSeparated(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(2, kAnyNumber));
  ARROW_RETURN_NOT_OK(CoerceAllToText(call));
  const auto type = call->type(0);
  return call->Apply(type, [type](const KernelArgs& args) -> Result<Datum> {
    ARROW_ASSIGN_OR_RAISE(const auto inputs, MakeInputs(args));
    ARROW_ASSIGN_OR_RAISE(const auto validity,
                          Validity::Make({inputs[0]}, args.num_rows, args.pool()));
    const std::vector<TextInput> texts(inputs.begin(), inputs.end());
    return MapToText(type, args.num_rows, validity, args.pool(),
                     [&](int64_t row, TextOutput* output) {
                       bool is_first = true;
                       for (size_t i = 1; i < texts.size(); ++i) {
                         if (!inputs[i].IsValid(row)) continue;
                         if (!is_first) ARROW_RETURN_NOT_OK(output->Add(texts[0][row]));
                         is_first = false;
                         ARROW_RETURN_NOT_OK(output->Add(texts[i][row]));
                       }
                       return Status::OK();
                     });
  });
}

// Every place where `from` begins, also between characters if it is empty.
Result<BoundPtr> BindReplace(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(3, 3));
  for (size_t i = 0; i < 3; ++i) ARROW_RETURN_NOT_OK(call->NeedText(i));
  return ApplyText(*call, [](const std::vector<Input>& inputs) {
    return [texts = TextInput(inputs[0]), from = TextInput(inputs[1]), to = TextInput(inputs[2])](
               int64_t row, TextOutput* output) {
      auto text = texts[row];
      const auto old = from[row];
      if (old.empty()) {
        ARROW_RETURN_NOT_OK(output->Add(to[row]));
        while (!text.empty()) {
          const auto character = FirstCodepoint(text);
          ARROW_RETURN_NOT_OK(output->Add(character));
          ARROW_RETURN_NOT_OK(output->Add(to[row]));
          text.remove_prefix(character.size());
        }
        return Status::OK();
      }
      size_t found = 0;
      while ((found = text.find(old)) != std::string_view::npos) {
        ARROW_RETURN_NOT_OK(output->Add(text.substr(0, found)));
        ARROW_RETURN_NOT_OK(output->Add(to[row]));
        text.remove_prefix(found + old.size());
      }
      return output->Add(text);
    };
  });
}

template <bool kLeft>
Result<BoundPtr> BindPad(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(2, 3));
  ARROW_RETURN_NOT_OK(call->NeedText(0));
  ARROW_RETURN_NOT_OK(call->NeedInteger(1));
  const bool has_fill = call->size() == 3;
  if (has_fill) ARROW_RETURN_NOT_OK(call->NeedText(2));
  return ApplyText(
      *call,
      [has_fill](const std::vector<Input>& inputs) {
        return [texts = TextInput(inputs[0]), lengths = FixedInput<int64_t>(inputs[1]),
                fills = TextInput(inputs[has_fill ? 2 : 0]),
                has_fill](int64_t row, TextOutput* output) {
          const auto text = texts[row];
          const auto fill = has_fill ? fills[row] : std::string_view(" ");
          const int64_t length = std::max<int64_t>(0, lengths[row]);
          if (length > kMostTextBytes) {
            return Status::Invalid("a text cannot be padded to ", length, " characters");
          }
          const int64_t missing = length - CountCodepoints(text);
          if (missing <= 0 || fill.empty()) {
            return output->Add(text.substr(0, BytesOfFirst(text, length)));
          }
          if (!kLeft) ARROW_RETURN_NOT_OK(output->Add(text));
          const int64_t fill_length = CountCodepoints(fill);
          for (int64_t i = 0; i < missing / fill_length; ++i) {
            ARROW_RETURN_NOT_OK(output->Add(fill));
          }
          ARROW_RETURN_NOT_OK(
              output->Add(fill.substr(0, BytesOfFirst(fill, missing % fill_length))));
          return kLeft ? output->Add(text) : Status::OK();
        };
      },
      Failure::kPossible);
}

Result<BoundPtr> BindRepeat(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(2, 2));
  ARROW_RETURN_NOT_OK(call->NeedText(0));
  ARROW_RETURN_NOT_OK(call->NeedInteger(1));
  return ApplyText(
      *call,
      [](const std::vector<Input>& inputs) {
        return [texts = TextInput(inputs[0]), counts = FixedInput<int64_t>(inputs[1])](
                   int64_t row, TextOutput* output) {
          const auto text = texts[row];
          if (text.empty() || counts[row] <= 0) return Status::OK();
          if (counts[row] > kMostTextBytes / static_cast<int64_t>(text.size())) {
            return Status::Invalid("a text cannot be repeated ", counts[row], " times");
          }
          for (int64_t i = 0; i < counts[row]; ++i) ARROW_RETURN_NOT_OK(output->Add(text));
          return Status::OK();
        };
      },
      Failure::kPossible);
}

// left(text, n), right(text, n); a negative n leaves |n| characters of the other end out.
template <bool kLeft>
Result<BoundPtr> BindEnd(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(2, 2));
  ARROW_RETURN_NOT_OK(call->NeedText(0));
  ARROW_RETURN_NOT_OK(call->NeedInteger(1));
  return ApplyText(*call, [](const std::vector<Input>& inputs) {
    return [texts = TextInput(inputs[0]), counts = FixedInput<int64_t>(inputs[1])](
               int64_t row, TextOutput* output) {
      const auto text = texts[row];
      const int64_t length = CountCodepoints(text);
      const int64_t count = counts[row] < 0
                                ? std::max(length + std::max(counts[row], -length), int64_t{0})
                                : std::min(counts[row], length);
      const size_t cut = BytesOfFirst(text, kLeft ? count : length - count);
      return output->Add(kLeft ? text.substr(0, cut) : text.substr(cut));
    };
  });
}

// Words, of letters and digits, begin with a capital letter.
Result<BoundPtr> BindInitCap(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(1, 1));
  ARROW_RETURN_NOT_OK(call->NeedText(0));
  const auto type = call->type(0);
  ARROW_ASSIGN_OR_RAISE(const auto small, call->Apply(type, ArrowKernel("utf8_lower")));
  ARROW_ASSIGN_OR_RAISE(const auto title, call->Apply(type, ArrowKernel("utf8_title")));
  const Kernel kernel = [type](const KernelArgs& args) -> Result<Datum> {
    ARROW_ASSIGN_OR_RAISE(const auto operands, Operands::Make(args));
    const TextInput small_texts(operands.inputs[0]);
    const TextInput titles(operands.inputs[1]);
    // Arrow begins a word after a digit, too. Both texts have the same number of characters.
    return MapToText(type, args.num_rows, operands.validity, args.pool(),
                     [&](int64_t row, TextOutput* output) {
                       auto lower = small_texts[row];
                       bool follows_digit = false;
                       for (auto rest = titles[row]; !rest.empty() && !lower.empty();) {
                         const auto capital = FirstCodepoint(rest);
                         const auto letter = FirstCodepoint(lower);
                         const auto first = capital == kCapitalSharpS ? "SS" : capital;
                         ARROW_RETURN_NOT_OK(output->Add(follows_digit ? letter : first));
                         follows_digit = capital[0] >= '0' && capital[0] <= '9';
                         rest.remove_prefix(capital.size());
                         lower.remove_prefix(letter.size());
                       }
                       return Status::OK();
                     });
  };
  return call->make.Apply({small, title}, type, call->place, kernel);
}

Result<BoundPtr> BindTranslate(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(3, 3));
  for (size_t i = 0; i < 3; ++i) ARROW_RETURN_NOT_OK(call->NeedText(i));
  return ApplyText(*call, [](const std::vector<Input>& inputs) {
    return [texts = TextInput(inputs[0]), from = TextInput(inputs[1]), to = TextInput(inputs[2])](
               int64_t row, TextOutput* output) {
      for (auto text = texts[row]; !text.empty();) {
        const auto character = FirstCodepoint(text);
        text.remove_prefix(character.size());
        auto old = from[row];
        auto replacement = to[row];
        while (!old.empty() && FirstCodepoint(old) != character) {
          old.remove_prefix(FirstCodepoint(old).size());
          if (!replacement.empty()) replacement.remove_prefix(FirstCodepoint(replacement).size());
        }
        if (old.empty()) {
          ARROW_RETURN_NOT_OK(output->Add(character));
        } else if (!replacement.empty()) {
          ARROW_RETURN_NOT_OK(output->Add(FirstCodepoint(replacement)));
        }
      }
      return Status::OK();
    };
  });
}

Result<BoundPtr> BindAscii(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(1, 1));
  ARROW_RETURN_NOT_OK(call->NeedText(0));
  return call->Apply(arrow::int32(), [](const KernelArgs& args) -> Result<Datum> {
    ARROW_ASSIGN_OR_RAISE(const auto operands, Operands::Make(args));
    const TextInput texts(operands.inputs[0]);
    return MapRows<int32_t>(arrow::int32(), args.num_rows, operands.validity, args.pool(),
                            [&](int64_t row) {
                              const auto text = texts[row];
                              return text.empty() ? 0 : CodepointValue(FirstCodepoint(text));
                            });
  });
}

// A function of an integer that gives text.
template <typename Function>
Result<BoundPtr> ApplyIntegerToText(CallSite* call, Function function, Failure failure) {
  ARROW_RETURN_NOT_OK(call->CheckCount(1, 1));
  ARROW_RETURN_NOT_OK(call->NeedInteger(0));
  return call->Apply(
      arrow::utf8(),
      [function](const KernelArgs& args) -> Result<Datum> {
        ARROW_ASSIGN_OR_RAISE(const auto operands, Operands::Make(args));
        const FixedInput<int64_t> values(operands.inputs[0]);
        return MapToText(
            arrow::utf8(), args.num_rows, operands.validity, args.pool(),
            [&](int64_t row, TextOutput* output) { return function(values[row], output); });
      },
      failure);
}

Result<BoundPtr> BindChr(CallSite* call) {
  const auto add = [](int64_t value, TextOutput* output) {
    if (value < 0 || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) {
      return Status::Invalid("there is no character with the number ", value);
    }
    const auto bits = [value](int shift, int lead, int mask) {
      return static_cast<char>(lead | ((value >> shift) & mask));
    };
    std::string text;
    if (value < 0x80) {
      text = {bits(0, 0, 0x7F)};
    } else if (value < 0x800) {
      text = {bits(6, 0xC0, 0x1F), bits(0, 0x80, 0x3F)};
    } else if (value < 0x10000) {
      text = {bits(12, 0xE0, 0x0F), bits(6, 0x80, 0x3F), bits(0, 0x80, 0x3F)};
    } else {
      text = {bits(18, 0xF0, 0x07), bits(12, 0x80, 0x3F), bits(6, 0x80, 0x3F), bits(0, 0x80, 0x3F)};
    }
    return output->Add(text);
  };
  return ApplyIntegerToText(call, add, Failure::kPossible);
}

Result<BoundPtr> BindToHex(CallSite* call) {
  const auto add = [](int64_t value, TextOutput* output) {
    char digits[24];
    const int size =
        std::snprintf(digits, sizeof(digits), "%llx",
                      static_cast<unsigned long long>(value));  // NOLINT: of the format
    return output->Add({digits, static_cast<size_t>(size)});
  };
  return ApplyIntegerToText(call, add, Failure::kNever);
}

constexpr FunctionEntry kFunctions[] = {
    {"lower", BindArrowText<kLower>},
    {"upper", BindUpper},
    {"reverse", BindArrowText<kReverse>},
    {"initcap", BindInitCap},
    {"length", BindLength<LengthOf::kCharacters>},
    {"char_length", BindLength<LengthOf::kCharacters>},
    {"character_length", BindLength<LengthOf::kCharacters>},
    {"octet_length", BindLength<LengthOf::kBytes>},
    {"bit_length", BindLength<LengthOf::kBits>},
    {"substr", BindSubstring},
    {"substring", BindSubstring},
    {"btrim", BindTrim<true, true>},
    {"trim", BindTrim<true, true>},
    {"ltrim", BindTrim<true, false>},
    {"rtrim", BindTrim<false, true>},
    {"concat", BindConcat},
    {"concat_ws", BindConcatSeparated},
    {"replace", BindReplace},
    {"lpad", BindPad<true>},
    {"rpad", BindPad<false>},
    {"repeat", BindRepeat},
    {"left", BindEnd<true>},
    {"right", BindEnd<false>},
    {"translate", BindTranslate},
    {"ascii", BindAscii},
    {"chr", BindChr},
    {"to_hex", BindToHex},
};

}  // namespace

std::span<const FunctionEntry> TextFunctions() { return kFunctions; }

}  // namespace croupier::expression
