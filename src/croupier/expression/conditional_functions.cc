#include <limits>

#include <arrow/compute/exec.h>
#include <arrow/scalar.h>

#include "croupier/expression/call_site.h"
#include "croupier/expression/type_names.h"

namespace croupier::expression {

namespace {

using arrow::Datum;
using arrow::Result;
using arrow::Status;

constexpr size_t kAnyNumber = std::numeric_limits<size_t>::max();

// Bring operands from `begin` on to the type in which they are compared.
Status CoerceToCommon(CallSite* call, size_t begin) {
  TypePtr common = arrow::null();
  for (size_t i = begin; i < call->size(); ++i) {
    const auto next = CommonType(common, call->type(i));
    if (next == nullptr) {
      return call->make.Error(arrow::StatusCode::TypeError, call->operands[i]->place(),
                              std::string(call->name) + " takes values of one type, not " +
                                  ArrowName(*common) + " and " + ArrowName(*call->type(i)));
    }
    common = next;
  }
  for (size_t i = begin; i < call->size(); ++i) ARROW_RETURN_NOT_OK(call->Coerce(i, common));
  return Status::OK();
}

Result<BoundPtr> BindCoalesce(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(1, kAnyNumber));
  ARROW_RETURN_NOT_OK(CoerceToCommon(call, 0));
  return call->make.Coalesce(call->operands, call->place);
}

Result<BoundPtr> BindIfNull(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(2, 2));
  return BindCoalesce(call);
}

// nvl2(x, a, b): a, or b where x is null.
Result<BoundPtr> BindNvl2(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(3, 3));
  ARROW_RETURN_NOT_OK(CoerceToCommon(call, 1));
  ARROW_ASSIGN_OR_RAISE(auto condition, MakeIsNull(call->make, call->operands[0],
                                                   /*negated=*/true, call->place));
  return call->make.Case({std::move(condition), call->operands[1], call->operands[2]}, call->place);
}

// nullif(a, b): a, or null where it equals b.
Result<BoundPtr> BindNullIf(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(2, 2));
  ARROW_RETURN_NOT_OK(CoerceToCommon(call, 0));
  const auto type = call->type(0);
  return call->Apply(type, [type](const KernelArgs& args) -> Result<Datum> {
    ARROW_ASSIGN_OR_RAISE(auto equal, CompareValues(Operator::kEqual, args));
    ARROW_ASSIGN_OR_RAISE(
        equal, arrow::compute::CallFunction("coalesce", {equal, Datum(false)}, args.exec));
    return arrow::compute::CallFunction(
        "if_else", {equal, Datum(arrow::MakeNullScalar(type)), args.values[0]}, args.exec);
  });
}

// The greatest, or least, of the operands that are not null.
template <bool kGreatest>
Result<BoundPtr> BindExtreme(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(1, kAnyNumber));
  ARROW_RETURN_NOT_OK(CoerceToCommon(call, 0));
  constexpr auto kKeeps = kGreatest ? Operator::kGreaterEqual : Operator::kLessEqual;
  return call->Apply(call->type(0), [](const KernelArgs& args) -> Result<Datum> {
    const auto function = [&](const char* name, const std::vector<Datum>& values) {
      return arrow::compute::CallFunction(name, values, args.exec);
    };
    Datum best = args.values[0];
    for (size_t i = 1; i < args.values.size(); ++i) {
      const std::vector<Datum> pair = {best, args.values[i]};
      ARROW_ASSIGN_OR_RAISE(auto keeps, CompareValues(kKeeps, {pair, args.num_rows, args.exec}));
      // Where one is null, whichever is not.
      ARROW_ASSIGN_OR_RAISE(const auto is_valid, function("is_valid", {best}));
      ARROW_ASSIGN_OR_RAISE(keeps, function("coalesce", {keeps, is_valid}));
      ARROW_ASSIGN_OR_RAISE(best, function("if_else", {keeps, best, args.values[i]}));
    }
    return best;
  });
}

Result<BoundPtr> BindIsValid(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(1, 1));
  return MakeIsNull(call->make, call->operands[0], /*negated=*/true, call->place);
}

Result<BoundPtr> BindArrowCast(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(2, 2));
  const auto name = call->LiteralText(1);
  if (!name) return call->WrongType(1, "the name of a type in quotes");
  const auto type = TypeOfArrowName(*name);
  if (!type.ok()) {
    return call->make.Error(type.status().code(), call->operands[1]->place(),
                            type.status().message());
  }
  return MakeCast(call->make, call->operands[0], *type, call->place);
}

Result<BoundPtr> BindArrowTypeof(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(1, 1));
  return MakeLiteral(arrow::MakeScalar(ArrowName(*call->type(0))), call->place);
}

constexpr FunctionEntry kFunctions[] = {
    {"coalesce", BindCoalesce},    {"nvl", BindIfNull},
    {"ifnull", BindIfNull},        {"nvl2", BindNvl2},
    {"nullif", BindNullIf},        {"greatest", BindExtreme<true>},
    {"least", BindExtreme<false>}, {"is_valid", BindIsValid},
    {"arrow_cast", BindArrowCast}, {"arrow_typeof", BindArrowTypeof},
};

}  // namespace

std::span<const FunctionEntry> ConditionalFunctions() { return kFunctions; }

}  // namespace croupier::expression
