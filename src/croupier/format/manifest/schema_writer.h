#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/format/manifest/schema.h"
#include "croupier/format/wire/wire_writer.h"

namespace croupier::format {

/// A type as one's storage and, if it is an extension type, what it is called.
///
/// Arrow knows some extension types by themselves and keeps others as metadata of the field; both
/// are the same here.
struct StorageType {
  std::shared_ptr<arrow::DataType> type;
  std::string extension_name;  ///< empty: none
  std::string extension_metadata;

  static StorageType Of(const arrow::Field& field);
};

/// How blobs are stored: from format 2.2 on by descriptors that name other files too.
enum class BlobVersion : uint8_t { kV1 = 1, kV2 = 2 };

/// Make the fields of a table's schema from that of its rows.
///
/// Ids are given in pre-order. Strings and binaries as views become plain ones, JSON (the extension
/// arrow.json) becomes `json`, and columns of `lance-encoding:blob` become what `blobs` says; the
/// fields' Arrow fields are those that the table will show.
///
/// \param first_id of the first field: 0 for a new table, else above all ids that the table ever
///        had
/// \return NotImplemented, naming column and type, for a type that the format does not have;
///         Invalid for columns of the same name, without a name, or with a dot in it
/// Source: lance-table.md, section 6.
arrow::Result<std::vector<Field>> MakeFields(const arrow::Schema& schema, int32_t first_id = 0,
                                             BlobVersion blobs = BlobVersion::kV2);

/// Make one field, below another one or (-1) at the top; as MakeFields.
///
/// \param next_id id of the field; afterwards the first that is free
arrow::Result<Field> MakeField(const arrow::Field& field, int32_t parent_id, int32_t* next_id,
                               BlobVersion blobs = BlobVersion::kV2);

/// Write the messages of fields and those below them, in pre-order, as the repeated member `number`
/// of a message.
void AppendFields(uint32_t number, const std::vector<Field>& fields, WireWriter* message);
/// The same as data files have it: blobs as the packed structs that say where they are.
void AppendFileFields(uint32_t number, const std::vector<Field>& fields, WireWriter* message);

}  // namespace croupier::format
