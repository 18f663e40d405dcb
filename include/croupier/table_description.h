#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace croupier {

/// How much of a table is described, each with what stands before it.
enum class DescriptionDetail : uint8_t {
  kTable,    ///< what the table's own metadata says: reads no files
  kColumns,  ///< sizes and encodings of columns: reads the metadata of every data file
  kFiles,    ///< each file by itself
  kPages,    ///< each page by itself
};

/// A page of a column of a data file.
struct PageDescription {
  int64_t num_rows = 0;
  int64_t size_bytes = 0;
  std::string encoding;  ///< layout and encodings, as messages name them
};

/// A column of a data file, or, of a table, the same column of all of them.
struct ColumnDescription {
  int32_t field_id = 0;
  std::string name;          ///< with those of the fields above: "a.b"; empty if it was dropped
  std::string logical_type;  ///< as the format names it
  int64_t num_pages = 0;
  int64_t size_bytes = 0;
  std::map<std::string, int64_t> encodings;  ///< number of pages of each
  std::vector<PageDescription> pages;        ///< with DescriptionDetail::kPages
};

struct FileDescription {
  std::string location;
  std::string version;  ///< of the file format: "2.1"
  int64_t size_bytes = 0;
  std::vector<ColumnDescription> columns;  ///< in the order of the file
};

struct FragmentDescription {
  uint64_t id = 0;
  int64_t num_physical_rows = 0;
  int64_t num_deleted_rows = 0;
  std::string deletion_file;  ///< empty: none
  std::vector<FileDescription> files;
};

/// A version of a table, for people to look at.
struct TableDescription {
  std::string location;
  std::string branch;  ///< empty: the main branch
  uint64_t version = 0;
  int64_t timestamp_us = 0;         ///< of its commit, since the epoch, UTC; 0: not known
  std::string writer;               ///< "lance 14.0.2"; empty: not known
  std::string data_format_version;  ///< of new files; empty: not known
  uint64_t reader_feature_flags = 0;
  uint64_t writer_feature_flags = 0;
  bool has_stable_row_ids = false;
  int64_t num_rows = 0;
  int64_t num_deleted_rows = 0;
  int64_t num_fragments = 0;
  int64_t num_data_files = 0;
  int64_t num_deletion_files = 0;
  int64_t data_file_bytes = 0;                 ///< of files whose size is known
  std::vector<ColumnDescription> columns;      ///< with kColumns and more, by field
  std::vector<FragmentDescription> fragments;  ///< with kFiles and more
};

}  // namespace croupier
