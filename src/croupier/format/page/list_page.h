#pragma once

#include <cstdint>
#include <memory>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/format/page/array_values.h"
#include "croupier/format/page/page.h"

namespace croupier::format {

/// A page of a list column of format 2.0: which items belong to each row.
///
/// The items lie in the following column of the file, those of one page behind those of the page
/// before. Items of a null list may be there, and are passed over.
/// Source: lance-file.md, B.2, "list".
class ListPage : public Page {
 public:
  /// \return SerializationError if the offsets are not ascending, or beyond the items
  static arrow::Result<std::shared_ptr<const ListPage>> Open(const ListArray& encoding,
                                                             int64_t num_rows,
                                                             std::shared_ptr<const LeafPath> path,
                                                             const ArrayBuffers& buffers);

  ListPage(int64_t num_rows, std::shared_ptr<const LeafPath> path, NullableEnds ends)
      : Page(num_rows, std::move(path)), ends_(std::move(ends)) {}

  int64_t memory_bytes() const override { return ends_.memory_bytes(); }
  const ListPage* AsLists() const override { return this; }

  bool IsValid(int64_t row) const;
  /// The items [ItemBegin(row), ItemBegin(row + 1)) belong to a row; they count from the first of
  /// the page.
  int64_t ItemBegin(int64_t row) const { return ends_.Begin(row); }
  bool has_nulls() const { return ends_.validity != nullptr; }

 private:
  NullableEnds ends_;
};

}  // namespace croupier::format
