#include "table_description.h"

#include <iterator>
#include <string_view>

#include <arrow/status.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>

#include "croupier/table.h"
#include "signal_cancel.h"
#include "status.h"

namespace croupier::python {

namespace {

arrow::Result<DescriptionDetail> ParseDetail(std::string_view name) {
  constexpr std::string_view kNames[] = {"table", "columns", "files", "pages"};
  for (size_t i = 0; i < std::size(kNames); ++i) {
    if (name == kNames[i]) return static_cast<DescriptionDetail>(i);
  }
  return arrow::Status::Invalid("no such detail: '", name,
                                "'; there are table, columns, files, pages");
}

template <typename Values, typename Convert>
nb::list ListOf(const Values& values, const Convert& convert) {
  nb::list list;
  for (const auto& value : values) list.append(convert(value));
  return list;
}

nb::dict FromPage(const PageDescription& page) {
  nb::dict dict;
  dict["num_rows"] = page.num_rows;
  dict["size_bytes"] = page.size_bytes;
  dict["encoding"] = page.encoding;
  return dict;
}

nb::dict FromColumn(const ColumnDescription& column) {
  nb::dict dict;
  dict["field_id"] = column.field_id;
  dict["name"] = column.name;
  dict["logical_type"] = column.logical_type;
  dict["num_pages"] = column.num_pages;
  dict["size_bytes"] = column.size_bytes;
  dict["encodings"] = nb::cast(column.encodings);
  dict["pages"] = ListOf(column.pages, FromPage);
  return dict;
}

nb::dict FromFile(const FileDescription& file) {
  nb::dict dict;
  dict["location"] = file.location;
  dict["version"] = file.version;
  dict["size_bytes"] = file.size_bytes;
  dict["columns"] = ListOf(file.columns, FromColumn);
  return dict;
}

nb::dict FromFragment(const FragmentDescription& fragment) {
  nb::dict dict;
  dict["id"] = fragment.id;
  dict["num_physical_rows"] = fragment.num_physical_rows;
  dict["num_deleted_rows"] = fragment.num_deleted_rows;
  dict["deletion_file"] = fragment.deletion_file;
  dict["files"] = ListOf(fragment.files, FromFile);
  return dict;
}

}  // namespace

nb::dict Describe(const TableHandle& self, const std::string& detail) {
  const auto parsed = ValueOrRaise(ParseDetail(detail));
  const auto table = RunReleased([&](const CancelToken& cancel) {
    ReadOptions options;
    options.cancel = &cancel;
    return self.source->Describe(parsed, options);
  });
  nb::dict dict;
  dict["location"] = table.location;
  dict["branch"] = table.branch;
  dict["version"] = table.version;
  dict["timestamp_us"] = table.timestamp_us;
  dict["writer"] = table.writer;
  dict["data_format_version"] = table.data_format_version;
  dict["reader_feature_flags"] = table.reader_feature_flags;
  dict["writer_feature_flags"] = table.writer_feature_flags;
  dict["has_stable_row_ids"] = table.has_stable_row_ids;
  dict["num_rows"] = table.num_rows;
  dict["num_deleted_rows"] = table.num_deleted_rows;
  dict["num_fragments"] = table.num_fragments;
  dict["num_data_files"] = table.num_data_files;
  dict["num_deletion_files"] = table.num_deletion_files;
  dict["data_file_bytes"] = table.data_file_bytes;
  dict["columns"] = ListOf(table.columns, FromColumn);
  dict["fragments"] = ListOf(table.fragments, FromFragment);
  return dict;
}

}  // namespace croupier::python
