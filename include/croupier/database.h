#pragma once

#include <memory>
#include <string>
#include <vector>

#include <arrow/result.h>

#include "croupier/cancel.h"
#include "croupier/storage.h"
#include "croupier/table.h"

namespace croupier {

/// A folder of tables: table `t` is the Lance dataset `t.lance` in it, as LanceDB lays it out.
///
/// Any number of threads. Usable in a forked child. Nothing is remembered between calls.
class Database {
 public:
  /// Name a folder by path or URI (file://, s3://, gs://, az://); it need not exist yet.
  ///
  /// \param storage_options how an object store is reached, for the folder and its tables
  static arrow::Result<std::unique_ptr<Database>> Open(const std::string& uri,
                                                       StorageOptions storage_options = {});

  const std::string& uri() const { return uri_; }

  /// List the tables by name, sorted; none if the folder does not exist.
  arrow::Result<std::vector<std::string>> TableNames(
      const CancelToken& cancel = CancelToken::Never()) const;

  /// Open a table; KeyError, naming the tables there are, if it does not exist; else as
  /// OpenLanceTable.
  ///
  /// \param options storage options in there count instead of those of the database
  arrow::Result<std::shared_ptr<const TableSource>> OpenTable(
      const std::string& name, const LanceOptions& options = {}) const;

  /// Where a table is or would be; Invalid for a name that cannot be one.
  arrow::Result<std::string> TableUri(const std::string& name) const;

  /// Delete a table with all its versions. It is gone at once where directories can be renamed.
  ///
  /// \return KeyError, naming the tables there are, if it does not exist; NotImplemented where the
  ///         folder can only be read
  arrow::Status DropTable(const std::string& name) const;

  /// Give a table another name.
  ///
  /// \return as for DropTable; AlreadyExists if there is a table of the new name
  arrow::Status RenameTable(const std::string& name, const std::string& new_name) const;

 private:
  /// The names, if `name` is one of them.
  arrow::Result<std::vector<std::string>> NamesWith(const std::string& name,
                                                    const CancelToken& cancel) const;
  /// KeyError, as of a table that does not exist, if that is why a call failed; else its error.
  arrow::Status WhatFailed(const std::string& name, const arrow::Status& status) const;

  Database(std::string uri, StorageOptions storage_options)
      : uri_(std::move(uri)), storage_options_(std::move(storage_options)) {}

  std::string uri_;
  StorageOptions storage_options_;
};

}  // namespace croupier
