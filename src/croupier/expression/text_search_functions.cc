#include <algorithm>
#include <numeric>

#include <arrow/scalar.h>

#include "croupier/expression/call_site.h"
#include "croupier/expression/codepoints.h"

namespace croupier::expression {

namespace {

using arrow::Datum;
using arrow::Result;
using arrow::Status;

// A predicate of two texts.
template <bool (*kHolds)(std::string_view, std::string_view)>
Result<BoundPtr> BindPredicate(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(2, 2));
  for (size_t i = 0; i < 2; ++i) ARROW_RETURN_NOT_OK(call->NeedText(i));
  return call->Apply(arrow::boolean(), [](const KernelArgs& args) -> Result<Datum> {
    ARROW_ASSIGN_OR_RAISE(const auto operands, Operands::Make(args));
    const TextInput texts(operands.inputs[0]);
    const TextInput parts(operands.inputs[1]);
    return MapToBooleans(args.num_rows, operands.validity, args.pool(),
                         [&](int64_t row) { return kHolds(texts[row], parts[row]); });
  });
}

bool StartsWith(std::string_view text, std::string_view part) { return text.starts_with(part); }
bool EndsWith(std::string_view text, std::string_view part) { return text.ends_with(part); }
bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// A number of two texts; as wide as the first one's offsets.
template <int64_t (*kNumber)(std::string_view, std::string_view)>
Result<BoundPtr> BindNumber(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(2, 2));
  for (size_t i = 0; i < 2; ++i) ARROW_RETURN_NOT_OK(call->NeedText(i));
  const bool is_large = call->type(0)->id() == arrow::Type::LARGE_STRING;
  return call->Apply(
      is_large ? arrow::int64() : arrow::int32(),
      [is_large](const KernelArgs& args) -> Result<Datum> {
        ARROW_ASSIGN_OR_RAISE(const auto operands, Operands::Make(args));
        const TextInput texts(operands.inputs[0]);
        const TextInput parts(operands.inputs[1]);
        const auto number = [&](int64_t row) { return kNumber(texts[row], parts[row]); };
        if (is_large) {
          return MapRows<int64_t>(arrow::int64(), args.num_rows, operands.validity, args.pool(),
                                  number);
        }
        return MapRows<int32_t>(arrow::int32(), args.num_rows, operands.validity, args.pool(),
                                [&](int64_t row) { return static_cast<int32_t>(number(row)); });
      });
}

// From 1; 0 if it is not there.
int64_t PositionOf(std::string_view text, std::string_view part) {
  const size_t found = text.find(part);
  return found == std::string_view::npos ? 0 : CountCodepoints(text.substr(0, found)) + 1;
}

// The place of a text among those that commas separate, from 1.
int64_t PlaceInSet(std::string_view text, std::string_view set) {
  if (set.empty()) return 0;
  for (int64_t place = 1;; ++place) {
    const size_t comma = std::min(set.find(','), set.size());
    if (set.substr(0, comma) == text) return place;
    if (comma == set.size()) return 0;
    set.remove_prefix(comma + 1);
  }
}

int64_t EditDistance(std::string_view left, std::string_view right) {
  const auto characters = [](std::string_view text) {
    std::vector<std::string_view> result;
    while (!text.empty()) {
      result.push_back(FirstCodepoint(text));
      text.remove_prefix(result.back().size());
    }
    return result;
  };
  const auto a = characters(left);
  const auto b = characters(right);
  std::vector<int64_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 0; i < a.size(); ++i) {
    int64_t diagonal = row[0];
    row[0] = static_cast<int64_t>(i) + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const int64_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row[b.size()];
}

// split_part(text, separator, n): the n-th part, from 1, or from the end.
Result<BoundPtr> BindSplitPart(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(3, 3));
  for (size_t i = 0; i < 2; ++i) ARROW_RETURN_NOT_OK(call->NeedText(i));
  ARROW_RETURN_NOT_OK(call->NeedInteger(2));
  const auto type = call->type(0);
  return call->Apply(
      type,
      [type](const KernelArgs& args) -> Result<Datum> {
        ARROW_ASSIGN_OR_RAISE(const auto operands, Operands::Make(args));
        const TextInput texts(operands.inputs[0]);
        const TextInput separators(operands.inputs[1]);
        const FixedInput<int64_t> places(operands.inputs[2]);
        return MapToText(
            type, args.num_rows, operands.validity, args.pool(),
            [&](int64_t row, TextOutput* output) {
              auto text = texts[row];
              const auto separator = separators[row];
              int64_t place = places[row];
              if (place == 0)
                return Status::Invalid("parts of a text are counted from 1, not from 0");
              if (separator.empty()) {
                return place == 1 || place == -1 ? output->Add(text) : Status::OK();
              }
              while (place > 1) {
                const size_t found = text.find(separator);
                if (found == std::string_view::npos) return Status::OK();
                text.remove_prefix(found + separator.size());
                --place;
              }
              if (place == 1) return output->Add(text.substr(0, text.find(separator)));
              while (place < -1) {
                const size_t found = text.rfind(separator);
                if (found == std::string_view::npos) return Status::OK();
                text = text.substr(0, found);
                ++place;
              }
              const size_t found = text.rfind(separator);
              return output->Add(
                  found == std::string_view::npos ? text : text.substr(found + separator.size()));
            });
      },
      Failure::kPossible);
}

// substr_index(text, separator, n): what is before the n-th separator, or after it from the end.
Result<BoundPtr> BindSubstringIndex(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(3, 3));
  for (size_t i = 0; i < 2; ++i) ARROW_RETURN_NOT_OK(call->NeedText(i));
  ARROW_RETURN_NOT_OK(call->NeedInteger(2));
  const auto type = call->type(0);
  return call->Apply(type, [type](const KernelArgs& args) -> Result<Datum> {
    ARROW_ASSIGN_OR_RAISE(const auto operands, Operands::Make(args));
    const TextInput texts(operands.inputs[0]);
    const TextInput separators(operands.inputs[1]);
    const FixedInput<int64_t> counts(operands.inputs[2]);
    return MapToText(type, args.num_rows, operands.validity, args.pool(),
                     [&](int64_t row, TextOutput* output) {
                       const auto text = texts[row];
                       const auto separator = separators[row];
                       const int64_t count = counts[row];
                       if (count == 0 || separator.empty()) return Status::OK();
                       if (count > 0) {
                         size_t end = 0;
                         for (int64_t i = 0; i < count; ++i) {
                           const size_t found = text.find(separator, end);
                           if (found == std::string_view::npos) return output->Add(text);
                           end = found + separator.size();
                         }
                         return output->Add(text.substr(0, end - separator.size()));
                       }
                       auto rest = text;
                       for (int64_t i = count; i < 0; ++i) {
                         const size_t found = rest.rfind(separator);
                         if (found == std::string_view::npos) return output->Add(text);
                         rest = rest.substr(0, found);
                       }
                       return output->Add(text.substr(rest.size() + separator.size()));
                     });
  });
}

constexpr FunctionEntry kFunctions[] = {
    {"starts_with", BindPredicate<StartsWith>}, {"ends_with", BindPredicate<EndsWith>},
    {"contains", BindPredicate<Contains>},      {"strpos", BindNumber<PositionOf>},
    {"instr", BindNumber<PositionOf>},          {"find_in_set", BindNumber<PlaceInSet>},
    {"levenshtein", BindNumber<EditDistance>},  {"split_part", BindSplitPart},
    {"substr_index", BindSubstringIndex},       {"substring_index", BindSubstringIndex},
};

}  // namespace

std::span<const FunctionEntry> TextSearchFunctions() { return kFunctions; }

}  // namespace croupier::expression
