#include <algorithm>
#include <limits>

#include <arrow/array/array_nested.h>
#include <arrow/array/array_primitive.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/array/concatenate.h>
#include <arrow/array/util.h>
#include <arrow/compute/api_vector.h>
#include <arrow/compute/exec.h>
#include <arrow/scalar.h>

#include "croupier/expression/call_site.h"
#include "croupier/expression/takeable.h"
#include "croupier/expression/type_names.h"

namespace croupier::expression {

namespace {

using arrow::Datum;
using arrow::Result;
using arrow::Status;
using arrow::Type;

TypePtr ItemType(const arrow::DataType& list) {
  return static_cast<const arrow::BaseListType&>(list).value_type();
}

// Take an operand as a list with offsets of 32 bits, of items of a type.
Status NeedList(CallSite* call, size_t i, const TypePtr& item = nullptr) {
  const auto type = call->type(i);
  if (type->id() == Type::NA) {
    return call->Coerce(i, arrow::list(item == nullptr ? arrow::null() : item));
  }
  if (!IsList(*type)) return call->WrongType(i, "a list");
  const auto wanted = item == nullptr ? PlainType(ItemType(*type)) : item;
  if (type->id() == Type::LIST && ItemType(*type)->Equals(wanted)) return Status::OK();
  return call->Coerce(i, arrow::list(arrow::field("item", wanted)));
}

// A list operand by row.
class ListInput {
 public:
  explicit ListInput(const Input& input)
      : list_(static_cast<const arrow::ListArray*>(input.array().get())), step_(input.step()) {}

  int64_t begin(int64_t row) const { return list_->value_offset(row * step_); }
  int64_t end(int64_t row) const {
    return list_->value_offset(row * step_) + list_->value_length(row * step_);
  }
  const std::shared_ptr<arrow::Array>& items() const { return list_->values(); }

 private:
  const arrow::ListArray* list_;
  int64_t step_;
};

// Numbers for values, so that equal values have equal ones: -1 for null.
struct Codes {
  std::vector<int32_t> left;
  std::vector<int32_t> right;
};

Result<Codes> NumberValues(const std::shared_ptr<arrow::Array>& left,
                           const std::shared_ptr<arrow::Array>& right, const KernelArgs& args) {
  ARROW_ASSIGN_OR_RAISE(auto all, arrow::Concatenate({left, right}, args.pool()));
  ARROW_ASSIGN_OR_RAISE(all, SearchKeys(Datum(all), all->length(), args.exec));
  ARROW_ASSIGN_OR_RAISE(
      auto encoded,
      arrow::compute::DictionaryEncode(
          Datum(all), arrow::compute::DictionaryEncodeOptions::Defaults(), args.exec));
  const auto array = encoded.make_array();
  const auto& indices = static_cast<const arrow::Int32Array&>(
      *static_cast<const arrow::DictionaryArray&>(*array).indices());
  Codes codes;
  codes.left.reserve(static_cast<size_t>(left->length()));
  codes.right.reserve(static_cast<size_t>(right->length()));
  const auto code = [&](int64_t i) { return indices.IsNull(i) ? -1 : indices.Value(i); };
  for (int64_t i = 0; i < left->length(); ++i) codes.left.push_back(code(i));
  for (int64_t i = 0; i < right->length(); ++i) codes.right.push_back(code(left->length() + i));
  return codes;
}

// The type of items that operands 0 and 1 have in common; `is_list`: operand 1 is a list, too.
Status CoerceItems(CallSite* call, bool is_list) {
  const auto item = [&](size_t i) -> TypePtr {
    return call->type(i)->id() == Type::NA ? arrow::null() : PlainType(ItemType(*call->type(i)));
  };
  if (!IsList(*call->type(0)) && call->type(0)->id() != Type::NA) {
    return call->WrongType(0, "a list");
  }
  if (is_list && !IsList(*call->type(1)) && call->type(1)->id() != Type::NA) {
    return call->WrongType(1, "a list");
  }
  const auto left = item(0);
  const auto right = is_list ? item(1) : call->type(1);
  const bool is_mixed =
      IsText(*left) != IsText(*right) && left->id() != Type::NA && right->id() != Type::NA;
  const auto common = is_mixed ? nullptr : CommonType(left, right);
  if (common == nullptr) {
    return call->make.Error(arrow::StatusCode::TypeError, call->place,
                            std::string(call->name) + " cannot look for " + ArrowName(*right) +
                                " among items of " + ArrowName(*left));
  }
  ARROW_RETURN_NOT_OK(NeedList(call, 0, common));
  return is_list ? NeedList(call, 1, common) : call->Coerce(1, common);
}

// Call `function(row, list, codes)` for each row, where operand 1 is one value.
template <typename Function>
Result<Datum> FindInLists(const KernelArgs& args, Function&& function) {
  ARROW_ASSIGN_OR_RAISE(const auto inputs, MakeInputs(args));
  const ListInput lists(inputs[0]);
  ARROW_ASSIGN_OR_RAISE(const auto codes, NumberValues(lists.items(), inputs[1].array(), args));
  return function(inputs, lists, codes);
}

// Whether lists have one value: all items are compared with it at once.
Result<Datum> HasLiteral(const KernelArgs& args) {
  ARROW_ASSIGN_OR_RAISE(const auto operands, Operands::Make(args));
  const ListInput lists(operands.inputs[0]);
  const std::vector<Datum> pair = {Datum(lists.items()), args.values[1]};
  ARROW_ASSIGN_OR_RAISE(
      const auto equal,
      CompareValues(Operator::kEqual, {pair, lists.items()->length(), args.exec}));
  if (!equal.is_array()) return Datum(arrow::MakeNullScalar(arrow::boolean()));
  const auto array = equal.make_array();
  const auto& is_equal = static_cast<const arrow::BooleanArray&>(*array);
  return MapToBooleans(args.num_rows, operands.validity, args.pool(), [&](int64_t row) {
    if (!operands.validity[row]) return false;
    bool has = false;
    for (int64_t i = lists.begin(row); i < lists.end(row); ++i) {
      has = has || (is_equal.IsValid(i) && is_equal.Value(i));
    }
    return has;
  });
}

Result<BoundPtr> BindHas(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(2, 2));
  ARROW_RETURN_NOT_OK(CoerceItems(call, /*is_list=*/false));
  return call->Apply(arrow::boolean(), [](const KernelArgs& args) {
    if (args.values[0].is_array() && args.values[1].is_scalar()) return HasLiteral(args);
    return FindInLists(
        args, [&](const auto& inputs, const auto& lists, const auto& codes) -> Result<Datum> {
          ARROW_ASSIGN_OR_RAISE(const auto validity,
                                Validity::Make(inputs, args.num_rows, args.pool()));
          return MapToBooleans(args.num_rows, validity, args.pool(), [&](int64_t row) {
            if (!validity[row]) return false;
            const int32_t wanted = codes.right[static_cast<size_t>(row * inputs[1].step())];
            const auto begin = codes.left.begin();
            const auto end = begin + lists.end(row);
            return std::find(begin + lists.begin(row), end, wanted) != end;
          });
        });
  });
}

// The place of the first such item, from 1; a null is found, too.
Result<BoundPtr> BindPosition(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(2, 2));
  ARROW_RETURN_NOT_OK(CoerceItems(call, /*is_list=*/false));
  return call->Apply(arrow::uint64(), [](const KernelArgs& args) {
    return FindInLists(
        args, [&](const auto& inputs, const auto& lists, const auto& codes) -> Result<Datum> {
          ARROW_ASSIGN_OR_RAISE(auto validity,
                                Validity::Make({inputs[0]}, args.num_rows, args.pool()));
          return MapRows<uint64_t>(
              arrow::uint64(), args.num_rows, validity, args.pool(), [&](int64_t row) -> uint64_t {
                if (!validity[row]) return 0;
                const int32_t wanted = codes.right[static_cast<size_t>(row * inputs[1].step())];
                const auto begin = codes.left.begin() + lists.begin(row);
                const auto end = codes.left.begin() + lists.end(row);
                const auto found = std::find(begin, end, wanted);
                if (found == end) validity.SetNull(row);
                return static_cast<uint64_t>(found - begin) + 1;
              });
        });
  });
}

// Whether any, or all, items of the second list are in the first.
template <bool kAll>
Result<BoundPtr> BindHasSeveral(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(2, 2));
  ARROW_RETURN_NOT_OK(CoerceItems(call, /*is_list=*/true));
  return call->Apply(arrow::boolean(), [](const KernelArgs& args) -> Result<Datum> {
    ARROW_ASSIGN_OR_RAISE(const auto operands, Operands::Make(args));
    const ListInput lists(operands.inputs[0]);
    const ListInput wanted(operands.inputs[1]);
    ARROW_ASSIGN_OR_RAISE(const auto codes, NumberValues(lists.items(), wanted.items(), args));
    // Marks the values of the list at hand by its row.
    std::vector<int64_t> seen(codes.left.size() + codes.right.size() + 1, -1);
    return MapToBooleans(args.num_rows, operands.validity, args.pool(), [&](int64_t row) {
      if (!operands.validity[row]) return false;
      for (int64_t i = lists.begin(row); i < lists.end(row); ++i) {
        seen[static_cast<size_t>(codes.left[static_cast<size_t>(i)]) + 1] = row;
      }
      for (int64_t i = wanted.begin(row); i < wanted.end(row); ++i) {
        const bool has = seen[static_cast<size_t>(codes.right[static_cast<size_t>(i)]) + 1] == row;
        if (has != kAll) return !kAll;
      }
      return kAll;
    });
  });
}

// A number of each list: `function(begin, end)`.
template <typename T, typename Function>
Result<BoundPtr> ApplyToRange(CallSite* call, const TypePtr& type, Function function) {
  ARROW_RETURN_NOT_OK(NeedList(call, 0));
  return call->make.Apply(
      {call->operands[0]}, type, call->place,
      [type, function](const KernelArgs& args) -> Result<Datum> {
        ARROW_ASSIGN_OR_RAISE(const auto operands, Operands::Make(args));
        const ListInput lists(operands.inputs[0]);
        return MapRows<T>(type, args.num_rows, operands.validity, args.pool(),
                          [&](int64_t row) { return function(lists.begin(row), lists.end(row)); });
      });
}

Result<BoundPtr> BindLength(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(1, 2));
  if (call->size() == 2) {
    ARROW_RETURN_NOT_OK(call->NeedInteger(1));
    if (call->LiteralInteger(1) != 1) {
      return call->make.Error(arrow::StatusCode::NotImplemented, call->operands[1]->place(),
                              "array_length counts the items of the outer list: dimension 1");
    }
  }
  return ApplyToRange<uint64_t>(call, arrow::uint64(), [](int64_t begin, int64_t end) {
    return static_cast<uint64_t>(end - begin);
  });
}

Result<BoundPtr> BindEmpty(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(1, 1));
  ARROW_RETURN_NOT_OK(NeedList(call, 0));
  return call->Apply(arrow::boolean(), [](const KernelArgs& args) -> Result<Datum> {
    ARROW_ASSIGN_OR_RAISE(const auto operands, Operands::Make(args));
    const ListInput lists(operands.inputs[0]);
    return MapToBooleans(args.num_rows, operands.validity, args.pool(),
                         [&](int64_t row) { return lists.begin(row) == lists.end(row); });
  });
}

// The item at a place, from 1, or from the end; null where there is none.
Result<BoundPtr> BindElement(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(2, 2));
  ARROW_RETURN_NOT_OK(NeedList(call, 0));
  ARROW_RETURN_NOT_OK(call->NeedInteger(1));
  const auto type = ItemType(*call->type(0));
  return call->Apply(type, [](const KernelArgs& args) -> Result<Datum> {
    ARROW_ASSIGN_OR_RAISE(const auto operands, Operands::Make(args));
    const ListInput lists(operands.inputs[0]);
    const FixedInput<int64_t> places(operands.inputs[1]);
    arrow::Int64Builder indices(args.pool());
    ARROW_RETURN_NOT_OK(indices.Reserve(args.num_rows));
    for (int64_t row = 0; row < args.num_rows; ++row) {
      const int64_t size = operands.validity[row] ? lists.end(row) - lists.begin(row) : 0;
      const int64_t place = operands.validity[row] ? places[row] : 0;
      if (place == 0 || place > size || place < -size) {
        indices.UnsafeAppendNull();
      } else {
        indices.UnsafeAppend((place > 0 ? lists.begin(row) - 1 : lists.end(row)) + place);
      }
    }
    ARROW_ASSIGN_OR_RAISE(auto index_array, indices.Finish());
    ARROW_ASSIGN_OR_RAISE(const auto items, Takeable(lists.items(), args.pool()));
    return arrow::compute::Take(Datum(items), Datum(index_array),
                                arrow::compute::TakeOptions::NoBoundsCheck(), args.exec);
  });
}

// Items as text, with a separator between; nulls are left out, or written as the third operand.
Result<BoundPtr> BindToString(CallSite* call) {
  ARROW_RETURN_NOT_OK(call->CheckCount(2, 3));
  ARROW_RETURN_NOT_OK(NeedList(call, 0, arrow::utf8()));
  for (size_t i = 1; i < call->size(); ++i) {
    ARROW_RETURN_NOT_OK(call->NeedText(i));
    ARROW_RETURN_NOT_OK(call->Coerce(i, arrow::utf8()));
  }
  return call->Apply(arrow::utf8(), [](const KernelArgs& args) -> Result<Datum> {
    ARROW_ASSIGN_OR_RAISE(const auto inputs, MakeInputs(args));
    ARROW_ASSIGN_OR_RAISE(const auto validity, Validity::Make({inputs.begin(), inputs.begin() + 2},
                                                              args.num_rows, args.pool()));
    const ListInput lists(inputs[0]);
    ARROW_ASSIGN_OR_RAISE(const auto items, Input::Make(Datum(lists.items()), args.pool()));
    const TextInput texts(items);
    const TextInput separators(inputs[1]);
    const TextInput fills(inputs.back());
    const bool has_fill = inputs.size() == 3;
    return MapToText(arrow::utf8(), args.num_rows, validity, args.pool(),
                     [&](int64_t row, TextOutput* output) {
                       bool is_first = true;
                       for (int64_t i = lists.begin(row); i < lists.end(row); ++i) {
                         const bool is_valid = items.IsValid(i);
                         if (!is_valid && !(has_fill && inputs[2].IsValid(row))) continue;
                         if (!is_first) ARROW_RETURN_NOT_OK(output->Add(separators[row]));
                         is_first = false;
                         ARROW_RETURN_NOT_OK(output->Add(is_valid ? texts[i] : fills[row]));
                       }
                       return Status::OK();
                     });
  });
}

// A list of the operands, which get one type.
Result<BoundPtr> BindMakeArray(CallSite* call) {
  TypePtr common = arrow::null();
  for (size_t i = 0; i < call->size(); ++i) {
    common = CommonType(common, call->type(i));
    if (common == nullptr) {
      return call->make.Error(
          arrow::StatusCode::TypeError, call->operands[i]->place(),
          "items of a list are of one type; this is " + ArrowName(*call->type(i)));
    }
  }
  for (size_t i = 0; i < call->size(); ++i) ARROW_RETURN_NOT_OK(call->Coerce(i, common));
  const auto type = arrow::list(arrow::field("item", common));
  return call->Apply(type, [type, common](const KernelArgs& args) -> Result<Datum> {
    const auto num_items = static_cast<int64_t>(args.values.size());
    if (args.num_rows * num_items > std::numeric_limits<int32_t>::max()) {
      return Status::CapacityError("the lists of one batch have more than 2^31 items");
    }
    arrow::ArrayVector arrays;
    for (const auto& value : args.values) {
      if (value.is_array()) {
        arrays.push_back(value.make_array());
        continue;
      }
      ARROW_ASSIGN_OR_RAISE(
          auto array, arrow::MakeArrayFromScalar(*value.scalar(), args.num_rows, args.pool()));
      arrays.push_back(std::move(array));
    }
    if (arrays.empty()) {
      ARROW_ASSIGN_OR_RAISE(auto none, arrow::MakeEmptyArray(common, args.pool()));
      arrays.push_back(std::move(none));
    }
    ARROW_ASSIGN_OR_RAISE(auto items, arrow::Concatenate(arrays, args.pool()));
    // From column by column to row by row.
    arrow::Int64Builder order(args.pool());
    arrow::Int32Builder offsets(args.pool());
    ARROW_RETURN_NOT_OK(order.Reserve(args.num_rows * num_items));
    ARROW_RETURN_NOT_OK(offsets.Reserve(args.num_rows + 1));
    for (int64_t row = 0; row < args.num_rows; ++row) {
      offsets.UnsafeAppend(static_cast<int32_t>(row * num_items));
      for (int64_t i = 0; i < num_items; ++i) order.UnsafeAppend(i * args.num_rows + row);
    }
    offsets.UnsafeAppend(static_cast<int32_t>(args.num_rows * num_items));
    ARROW_ASSIGN_OR_RAISE(auto order_array, order.Finish());
    ARROW_ASSIGN_OR_RAISE(auto offset_array, offsets.Finish());
    ARROW_ASSIGN_OR_RAISE(
        auto ordered,
        arrow::compute::Take(Datum(items), Datum(order_array),
                             arrow::compute::TakeOptions::NoBoundsCheck(), args.exec));
    return Datum(arrow::ArrayData::Make(type, args.num_rows,
                                        {nullptr, offset_array->data()->buffers[1]},
                                        {ordered.make_array()->data()}, 0));
  });
}

constexpr FunctionEntry kFunctions[] = {
    {"array_has", BindHas},
    {"list_has", BindHas},
    {"array_contains", BindHas},
    {"list_contains", BindHas},
    {"array_has_any", BindHasSeveral<false>},
    {"list_has_any", BindHasSeveral<false>},
    {"arrays_overlap", BindHasSeveral<false>},
    {"array_has_all", BindHasSeveral<true>},
    {"list_has_all", BindHasSeveral<true>},
    {"array_length", BindLength},
    {"list_length", BindLength},
    {"cardinality", BindLength},
    {"array_empty", BindEmpty},
    {"empty", BindEmpty},
    {"list_empty", BindEmpty},
    {"array_element", BindElement},
    {"list_element", BindElement},
    {"array_extract", BindElement},
    {"list_extract", BindElement},
    {"array_position", BindPosition},
    {"list_position", BindPosition},
    {"array_to_string", BindToString},
    {"list_to_string", BindToString},
    {"make_array", BindMakeArray},
    {"make_list", BindMakeArray},
};

}  // namespace

std::span<const FunctionEntry> ListFunctions() { return kFunctions; }

}  // namespace croupier::expression
