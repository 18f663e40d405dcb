#include "croupier/table/find_column.h"

#include <string_view>

#include <arrow/status.h>
#include <arrow/type.h>

namespace croupier::table {

namespace {

std::string JoinNames(const arrow::FieldVector& fields) {
  std::string joined;
  for (const auto& field : fields) {
    if (!joined.empty()) joined += ", ";
    joined += field->name();
  }
  return joined;
}

int FindByName(const arrow::FieldVector& fields, std::string_view name) {
  for (size_t i = 0; i < fields.size(); ++i) {
    if (fields[i]->name() == name) return static_cast<int>(i);
  }
  return -1;
}

// Add the way to a field to `way`; names may have dots in them.
bool FindBelow(const arrow::FieldVector& fields, std::string_view name, std::vector<int>* way) {
  if (const int whole = FindByName(fields, name); whole >= 0) {
    way->push_back(whole);
    return true;
  }
  for (size_t dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.', dot + 1)) {
    const int parent = FindByName(fields, name.substr(0, dot));
    if (parent < 0) continue;
    const auto& type = *fields[static_cast<size_t>(parent)]->type();
    if (type.id() != arrow::Type::STRUCT) continue;
    way->push_back(parent);
    if (FindBelow(type.fields(), name.substr(dot + 1), way)) return true;
    way->pop_back();
  }
  return false;
}

}  // namespace

arrow::Result<std::vector<int>> FindColumn(const arrow::Schema& schema, const std::string& name) {
  std::vector<int> way;
  if (FindBelow(schema.fields(), name, &way)) return way;
  // The members of the column that the name begins with say more than the columns.
  const size_t dot = name.find('.');
  const int parent = dot == std::string::npos
                         ? -1
                         : FindByName(schema.fields(), std::string_view(name).substr(0, dot));
  if (parent >= 0) {
    const auto& field = *schema.field(parent);
    if (field.type()->id() != arrow::Type::STRUCT) {
      return arrow::Status::KeyError("no column named '", name, "': '", field.name(),
                                     "' has no members, it is of the type ",
                                     field.type()->ToString());
    }
    return arrow::Status::KeyError("no column named '", name, "'; the members of '", field.name(),
                                   "' are: ", JoinNames(field.type()->fields()));
  }
  return arrow::Status::KeyError("no column named '", name,
                                 "'; the columns are: ", JoinNames(schema.fields()));
}

}  // namespace croupier::table
