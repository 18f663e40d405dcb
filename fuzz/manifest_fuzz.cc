#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include <arrow/status.h>
#include <arrow/type.h>

#include "croupier/format/manifest/manifest.h"
#include "require.h"

// The bytes are a Manifest message; they are also taken for a whole file. Parsing gives an error,
// or a manifest whose every part can be used.

namespace {

using croupier::format::Field;
using croupier::format::Fragment;
using croupier::format::Manifest;
using croupier::fuzz::Require;

std::vector<uint8_t> FileOf(std::span<const uint8_t> message) {
  constexpr uint8_t kFooter[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 'L', 'A', 'N', 'C'};
  const auto length = static_cast<uint32_t>(message.size());
  std::vector<uint8_t> file(sizeof(length));
  std::memcpy(file.data(), &length, sizeof(length));
  file.insert(file.end(), message.begin(), message.end());
  file.insert(file.end(), std::begin(kFooter), std::end(kFooter));
  return file;
}

void Check(const Field& field, int depth) {
  Require(depth <= 64, "fields nest to a bound");
  Require(field.id >= 0, "ids are not negative");
  Require(field.arrow_field != nullptr, "a field has an Arrow field");
  Require(field.is_leaf() || !field.children.empty(), "what is no leaf has children");
  for (const auto& child : field.children) Check(child, depth + 1);
}

void Check(const Fragment& fragment) {
  Require(fragment.id <= UINT32_MAX, "fragment ids have 32 bits");
  Require(fragment.num_physical_rows >= 0 && fragment.num_physical_rows <= UINT32_MAX,
          "row counts have 32 bits");
  for (const auto& file : fragment.files) {
    Require(!file.path.empty() && file.path.front() != '/', "paths are relative");
    Require(file.column_indices.empty() || file.column_indices.size() >= file.fields.size(),
            "fields have columns");
  }
  if (fragment.deletion_file.has_value()) {
    Require(
        fragment.num_physical_rows == 0 || fragment.deletion_file->num_deleted_rows <=
                                               static_cast<uint64_t>(fragment.num_physical_rows),
        "deleted rows are rows");
    Require(!fragment.deletion_file->Name(fragment.id).empty(), "a deletion file has a name");
  }
}

void Check(std::span<const uint8_t> file) {
  const auto range = Manifest::MessageRange(file, std::ssize(file));
  if (!range.ok()) {
    Require(range.status().IsSerializationError(), range.status().ToString());
    return;
  }
  Require(
      range->offset_bytes >= 0 && range->size_bytes >= 0 && range->end_bytes() <= std::ssize(file),
      "the message lies in the file");
  const auto message = file.subspan(static_cast<size_t>(range->offset_bytes),
                                    static_cast<size_t>(range->size_bytes));
  const auto summary = Manifest::Summarize(message);
  const auto parsed = Manifest::Parse(message);
  if (!parsed.ok()) {
    Require(parsed.status().IsSerializationError() || parsed.status().IsNotImplemented(),
            parsed.status().ToString());
    return;
  }
  const Manifest& manifest = **parsed;
  Require(summary.ok() && summary->version == manifest.version &&
              summary->num_fragments == manifest.fragments.size(),
          "the summary is that of the manifest");
  for (const auto& field : manifest.fields) Check(field, 1);
  for (const auto& fragment : manifest.fragments) Check(fragment);
  Require(manifest.schema->num_fields() == static_cast<int>(manifest.fields.size()),
          "the schema is that of the fields");
  manifest.schema->ToString(/*show_metadata=*/true);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Check({data, size});
  Check(FileOf({data, size}));
  return 0;
}
