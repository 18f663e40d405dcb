#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <arrow/type_fwd.h>

#include "croupier/format/encoding/output_bytes.h"
#include "croupier/format/encoding/page_layout.h"
#include "croupier/format/write/leaf_plan.h"

namespace croupier::format {

/// Levels of a page as they are written: numbered by what occurs in it.
struct WrittenLevels {
  std::vector<RepDefLayer> layers;  ///< innermost first
  int64_t num_levels = 0;
  std::span<const uint16_t> rep;  ///< empty without lists
  std::span<const uint16_t> def;  ///< empty if all are 0 and nobody needs them
  uint16_t max_rep = 0;           ///< number of lists
  uint16_t max_def = 0;           ///< largest that occurs
  uint16_t max_visible_def = 0;   ///< largest number of an entry with a value
  int64_t num_valid = 0;          ///< entries of level 0

  bool is_visible(size_t entry) const { return def.empty() || def[entry] <= max_visible_def; }
};

/// Call `call(value, is_valid)` with each value of a page, in order.
template <typename Call>
void ForEachValue(const WrittenLevels& levels, int64_t num_values, const Call& call) {
  if (levels.def.empty()) {
    for (int64_t value = 0; value < num_values; ++value) call(value, true);
    return;
  }
  int64_t value = 0;
  for (const uint16_t def : levels.def) {
    if (def <= levels.max_visible_def) call(value++, def == 0);
  }
}

/// Number the levels of a page.
///
/// Layers inside the innermost list, or all of them without one, are nullable where they are null
/// somewhere, and where a layer around them is. The other layers are always nullable, and so are
/// fixed-size lists of structs with what is around them; lists are always perhaps null or empty.
/// All are on a page without a valid value. The reference reader would read exact kinds wrongly: it
/// cannot join pages that say different things of these layers, or of which only some have
/// definition levels (lance-encodings.md, 18.3), and it takes members of null structs for null that
/// are not.
///
/// \param def as ShreddedRows has it
/// \param renumbered holds the new levels where they are others
WrittenLevels NumberLevels(const LeafPlan& plan, int64_t num_levels, std::span<const uint16_t> rep,
                           std::span<const uint16_t> def, std::vector<uint16_t>* renumbered);

/// Encodes levels of a page, chunk by chunk, all in the same way.
class LevelEncoder {
 public:
  /// \param levels of the page, not empty
  /// \param max_level largest of them
  /// \param allows_runs whether run lengths may be used: from format 2.2 on
  LevelEncoder(std::span<const uint16_t> levels, uint16_t max_level, bool allows_runs);

  const EncodingPtr& encoding() const { return encoding_; }
  void Encode(int64_t begin, int64_t end, OutputBytes* out) const;

 private:
  enum class Method : uint8_t { kFlat, kInline, kOutOfLine, kRuns };

  void EncodeRuns(std::span<const uint16_t> levels, OutputBytes* out) const;

  std::span<const uint16_t> levels_;
  Method method_ = Method::kFlat;
  int width_ = 0;
  EncodingPtr encoding_;
};

}  // namespace croupier::format
