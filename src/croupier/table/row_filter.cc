#include "croupier/table/row_filter.h"

#include <algorithm>
#include <utility>

#include <arrow/array/array_nested.h>
#include <arrow/array/array_primitive.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "croupier/table.h"
#include "croupier/table/find_column.h"
#include "croupier/table/system_columns.h"

namespace croupier::table {

namespace {

// What the filter reads: the fields that lead there, and its name in a scan.
struct Leaf {
  arrow::FieldVector way;
  std::string name;
};

// Find what a path of names means; its whole column where the member cannot be read alone.
Leaf FindLeaf(const arrow::Schema& schema, const ColumnPath& path,
              const RowFilter::ReadsAlone& reads_alone) {
  Leaf whole{{schema.GetFieldByName(path.front())}, path.front()};
  if (path.size() == 1) return whole;
  std::string name = path.front();
  for (size_t i = 1; i < path.size(); ++i) name += "." + path[i];
  // Names that have dots in them may mean something else once they are joined.
  const auto way = FindColumn(schema, name);
  if (!way.ok() || way->size() != path.size() || !reads_alone(*way)) return whole;
  Leaf leaf{{}, std::move(name)};
  for (size_t i = 0; i < way->size(); ++i) {
    leaf.way.push_back(i == 0 ? schema.field((*way)[0])
                              : leaf.way.back()->type()->field((*way)[i]));
    if (leaf.way.back()->name() != path[i]) return whole;
  }
  return leaf;
}

}  // namespace

arrow::Result<RowFilter> RowFilter::Make(const arrow::Schema& schema, const Expression& filter,
                                         const ReadsAlone& reads_alone) {
  const auto all = WithSystemColumns(schema);
  ARROW_ASSIGN_OR_RAISE(auto bound, filter.BindFilter(all));
  auto paths = bound.columns();
  // A filter of literals: something must say how many rows there are.
  if (paths.empty()) paths.push_back({kRowIdColumn});
  std::vector<Leaf> leaves;
  leaves.reserve(paths.size());
  for (const ColumnPath& path : paths) leaves.push_back(FindLeaf(*all, path, reads_alone));
  // Structs come before their members, which are then read with them.
  std::sort(leaves.begin(), leaves.end(), [](const Leaf& a, const Leaf& b) {
    return std::pair(a.way.size(), a.name) < std::pair(b.way.size(), b.name);
  });
  RowFilter made(std::move(bound));
  for (const Leaf& leaf : leaves) {
    const auto number = static_cast<int>(made.columns_.size());
    if (Add(leaf.way, number, &made.inputs_)) made.columns_.push_back(leaf.name);
  }
  arrow::FieldVector fields;
  fields.reserve(made.inputs_.size());
  for (const Input& input : made.inputs_) fields.push_back(FieldOf(input));
  ARROW_ASSIGN_OR_RAISE(made.filter_, filter.BindFilter(arrow::schema(std::move(fields))));
  return made;
}

bool RowFilter::Add(std::span<const std::shared_ptr<arrow::Field>> way, int number,
                    std::vector<Input>* inputs) {
  auto found = std::find_if(inputs->begin(), inputs->end(), [&](const Input& input) {
    return input.field->name() == way.front()->name();
  });
  if (found == inputs->end()) {
    found = inputs->insert(found, Input{way.front()});
    if (way.size() == 1) {
      found->number = number;
      return true;
    }
  }
  return found->number < 0 && Add(way.subspan(1), number, &found->members);
}

std::shared_ptr<arrow::Field> RowFilter::FieldOf(const Input& input) {
  // A member that is read alone is null where a struct above it is.
  if (input.number >= 0) return input.field->WithNullable(true);
  arrow::FieldVector fields;
  for (const Input& member : input.members) fields.push_back(FieldOf(member));
  return input.field->WithType(arrow::struct_(std::move(fields)));
}

std::shared_ptr<arrow::Array> RowFilter::ArrayOf(const Input& input,
                                                 const arrow::ArrayVector& arrays,
                                                 int64_t num_rows) {
  if (input.number >= 0) return arrays[static_cast<size_t>(input.number)];
  arrow::ArrayVector members;
  for (const Input& member : input.members) members.push_back(ArrayOf(member, arrays, num_rows));
  return std::make_shared<arrow::StructArray>(FieldOf(input)->type(), num_rows, members);
}

arrow::Result<std::shared_ptr<arrow::BooleanArray>> RowFilter::Evaluate(
    const arrow::ArrayVector& arrays, int64_t num_rows, arrow::MemoryPool* pool) const {
  arrow::ArrayVector columns;
  for (const Input& input : inputs_) columns.push_back(ArrayOf(input, arrays, num_rows));
  const auto batch = arrow::RecordBatch::Make(filter_.schema(), num_rows, std::move(columns));
  return filter_.EvaluateFilter(*batch, pool);
}

}  // namespace croupier::table
