#include "croupier/expression/call_site.h"

#include <algorithm>
#include <array>
#include <limits>

#include <arrow/scalar.h>

#include "croupier/expression/type_names.h"

namespace croupier::expression {

arrow::Status CallSite::CheckCount(size_t least, size_t most) const {
  if (size() >= least && size() <= most) return arrow::Status::OK();
  std::string takes = std::to_string(least);
  if (most == std::numeric_limits<size_t>::max()) {
    takes += " or more";
  } else if (most != least) {
    takes += " to " + std::to_string(most);
  }
  return make.Error(arrow::StatusCode::Invalid, place,
                    std::string(name) + " takes " + takes +
                        (takes == "1" ? " value, " : " values, ") + "not " +
                        std::to_string(size()));
}

arrow::Status CallSite::WrongType(size_t i, std::string_view takes) const {
  return make.Error(
      arrow::StatusCode::TypeError, operands[i]->place(),
      std::string(name) + " takes " + std::string(takes) + ", not " + ArrowName(*type(i)));
}

arrow::Status CallSite::Coerce(size_t i, const TypePtr& to) {
  return MakeCast(make, operands[i], to, operands[i]->place()).Value(&operands[i]);
}

arrow::Status CallSite::NeedText(size_t i) {
  if (IsText(*type(i))) return arrow::Status::OK();
  if (type(i)->id() == arrow::Type::NA) return Coerce(i, arrow::utf8());
  return WrongType(i, "text");
}

arrow::Status CallSite::NeedInteger(size_t i) {
  if (!IsInteger(*type(i)) && type(i)->id() != arrow::Type::NA) return WrongType(i, "an integer");
  return Coerce(i, arrow::int64());
}

std::optional<std::string> CallSite::LiteralText(size_t i) const {
  const auto& literal = operands[i]->literal();
  if (literal == nullptr || !literal->is_valid || !IsText(*literal->type)) return std::nullopt;
  return static_cast<const arrow::BaseBinaryScalar&>(*literal).value->ToString();
}

std::optional<int64_t> CallSite::LiteralInteger(size_t i) const {
  const auto& literal = operands[i]->literal();
  if (literal == nullptr || !literal->is_valid || literal->type->id() != arrow::Type::INT64) {
    return std::nullopt;
  }
  return static_cast<const arrow::Int64Scalar&>(*literal).value;
}

arrow::Result<Operands> Operands::Make(const KernelArgs& args) {
  ARROW_ASSIGN_OR_RAISE(auto inputs, MakeInputs(args));
  ARROW_ASSIGN_OR_RAISE(auto validity, Validity::Make(inputs, args.num_rows, args.pool()));
  return Operands{std::move(inputs), std::move(validity)};
}

namespace {

std::array<std::span<const FunctionEntry>, 7> Tables() {
  return {TextFunctions(),        TextSearchFunctions(), RegexFunctions(), MathFunctions(),
          ConditionalFunctions(), TimeFunctions(),       ListFunctions()};
}

}  // namespace

std::vector<std::string> FunctionNames() {
  std::vector<std::string> names;
  for (const auto table : Tables()) {
    for (const auto& entry : table) names.emplace_back(entry.name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

arrow::Result<BoundPtr> MakeCall(CallSite* call) {
  for (const auto table : Tables()) {
    for (const auto& entry : table) {
      if (entry.name == call->name) return entry.bind(call);
    }
  }
  std::string names;
  for (const auto& name : FunctionNames()) names += (names.empty() ? "" : ", ") + name;
  return call->make.Error(arrow::StatusCode::Invalid, call->place,
                          "no function " + std::string(call->name) + "; there are: " + names);
}

}  // namespace croupier::expression
