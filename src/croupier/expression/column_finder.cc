#include "croupier/expression/column_finder.h"

#include <algorithm>

#include <arrow/array/array_nested.h>
#include <arrow/type.h>

#include "croupier/expression/ast.h"
#include "croupier/expression/kernel_io.h"
#include "croupier/expression/lexer.h"
#include "croupier/expression/type_names.h"

namespace croupier::expression {

namespace {

std::string NamesOf(const arrow::FieldVector& fields) {
  constexpr size_t kMostNames = 50;
  std::string names;
  for (size_t i = 0; i < fields.size() && i < kMostNames; ++i) {
    names += (i == 0 ? "" : ", ") + fields[i]->name();
  }
  if (fields.size() > kMostNames) {
    names += " and " + std::to_string(fields.size() - kMostNames) + " more";
  }
  return names;
}

}  // namespace

bool ColumnFinder::Has(const std::string& name) const {
  return !schema_.GetAllFieldIndices(name).empty();
}

arrow::Result<int> ColumnFinder::FindColumn(const std::string& name, bool is_exact,
                                            Place place) const {
  auto found = schema_.GetAllFieldIndices(name);
  for (int i = 0; found.empty() && !is_exact && i < schema_.num_fields(); ++i) {
    // All of those that differ by case.
    for (; i < schema_.num_fields(); ++i) {
      if (EqualsIgnoringCase(schema_.field(i)->name(), name)) found.push_back(i);
    }
  }
  if (found.size() == 1) return found[0];
  if (found.empty()) {
    return make_.Error(arrow::StatusCode::KeyError, place,
                       "no column '" + name + "'; there are: " + NamesOf(schema_.fields()));
  }
  arrow::FieldVector candidates;
  for (const int i : found) candidates.push_back(schema_.field(i));
  return make_.Error(arrow::StatusCode::KeyError, place,
                     "'" + name + "' may be one of several columns: " + NamesOf(candidates));
}

arrow::Result<int> ColumnFinder::FindField(const arrow::DataType& type, const std::string& name,
                                           Place place) const {
  if (type.id() != arrow::Type::STRUCT) {
    return make_.Error(arrow::StatusCode::KeyError, place,
                       "no field '" + name + "' in a value of type " + ArrowName(type));
  }
  const int index = static_cast<const arrow::StructType&>(type).GetFieldIndex(name);
  if (index >= 0) return index;
  return make_.Error(arrow::StatusCode::KeyError, place,
                     "no field '" + name + "'; there are: " + NamesOf(type.fields()));
}

arrow::Result<BoundPtr> ColumnFinder::Find(const std::vector<std::string>& path, bool is_exact,
                                           Place place) {
  ARROW_ASSIGN_OR_RAISE(const int column, FindColumn(path[0], is_exact, place));
  std::vector<int> indices = {column};
  std::vector<std::string> names = {schema_.field(column)->name()};
  auto type = PlainType(schema_.field(column)->type());
  for (size_t i = 1; i < path.size(); ++i) {
    ARROW_ASSIGN_OR_RAISE(const int index, FindField(*type, path[i], place));
    indices.push_back(index);
    names.push_back(path[i]);
    type = PlainType(type->field(index)->type());
  }
  if (std::find(paths_.begin(), paths_.end(), names) == paths_.end()) {
    paths_.push_back(std::move(names));
  }
  return MakeColumn(std::move(indices), std::move(type), place);
}

arrow::Result<BoundPtr> ColumnFinder::FieldOf(BoundPtr value, const std::string& name,
                                              Place place) const {
  ARROW_ASSIGN_OR_RAISE(const int index, FindField(*value->type(), name, place));
  const auto type = value->type()->field(index)->type();
  return make_.Apply({std::move(value)}, type, place,
                     [index](const KernelArgs& args) -> arrow::Result<arrow::Datum> {
                       ARROW_ASSIGN_OR_RAISE(const auto inputs, MakeInputs(args));
                       ARROW_ASSIGN_OR_RAISE(
                           auto field, static_cast<const arrow::StructArray&>(*inputs[0].array())
                                           .GetFlattenedField(index, args.pool()));
                       if (!inputs[0].is_scalar()) return arrow::Datum(field);
                       ARROW_ASSIGN_OR_RAISE(auto scalar, field->GetScalar(0));
                       return arrow::Datum(std::move(scalar));
                     });
}

}  // namespace croupier::expression
