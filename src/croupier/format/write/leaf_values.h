#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <arrow/result.h>
#include <arrow/status.h>
#include <arrow/type_fwd.h>

#include "croupier/format/encoding/output_bytes.h"
#include "croupier/format/page/leaf_shape.h"
#include "croupier/format/write/leaf_plan.h"
#include "croupier/format/write/shredder.h"

namespace croupier::format {

/// Values of a leaf that are to become a page: contiguous, from slot 0. Borrowed.
struct LeafValues {
  const LeafShape* shape = nullptr;
  int64_t num_values = 0;
  /// kFixed: values, a bitmap if of 1 bit. kVariable: bytes. kDictionary: keys.
  const uint8_t* data = nullptr;
  /// kVariable: num_values + 1 offsets into `data`, as wide as the shape has them, from any base.
  const uint8_t* offsets = nullptr;
  /// kFixed: of each dimension a bitmap of its items, outermost first; null if all are valid.
  std::vector<const uint8_t*> item_validity;
  /// kPacked
  std::vector<LeafValues> members;
  /// kDictionary
  std::shared_ptr<arrow::ArrayData> dictionary;
  int64_t key_bytes = 0;

  /// An offset of variable-width values.
  int64_t offset(int64_t i) const;
  /// Bytes that values [begin, end) take.
  int64_t SizeOf(int64_t begin, int64_t end) const;
};

/// Look at slots of an array as they lie; false if a page cannot be made of them as they are.
bool BorrowValues(const LeafPlan& plan, const arrow::ArrayData& leaf, SlotRange slots,
                  LeafValues* values);

/// Memory that goes from leaf to leaf, for the values of one at a time.
struct LeafMemory {
  explicit LeafMemory(arrow::MemoryPool* pool) : data(pool), offsets(pool) {}

  OutputBytes data;
  OutputBytes offsets;
};

/// Collects values of a leaf from arrays.
class LeafBuffers {
 public:
  LeafBuffers(const LeafPlan* plan, arrow::MemoryPool* pool);
  LeafBuffers(const LeafPlan* plan, const LeafShape* shape, arrow::MemoryPool* pool);

  /// Whether values of an array may be beside those that are here: not those of another dictionary,
  /// and not more than offsets can count.
  bool CanAppend(const arrow::ArrayData& leaf, SlotRange slots) const;
  /// \return Invalid for values that the format cannot hold
  arrow::Status Append(const arrow::ArrayData& leaf, SlotRange slots);
  void Clear();
  /// Give memory away and take other for it, while there are no values.
  void Exchange(LeafMemory* memory) {
    std::swap(data_, memory->data);
    std::swap(offsets_, memory->offsets);
  }

  LeafValues values() const;
  int64_t num_values() const { return num_values_; }
  int64_t size_bytes() const;

 private:
  arrow::Status AppendFixed(const arrow::ArrayData& leaf, SlotRange slots);
  template <typename From, typename To>
  void AppendOffsets(const arrow::ArrayData& leaf, SlotRange slots);
  template <typename Offset>
  arrow::Status AppendViews(const arrow::ArrayData& leaf, SlotRange slots);
  arrow::Status AppendJson(const arrow::ArrayData& leaf, SlotRange slots);
  arrow::Status AppendVariable(const arrow::ArrayData& leaf, SlotRange slots);
  arrow::Status AppendPacked(const arrow::ArrayData& leaf, SlotRange slots);

  const LeafPlan* plan_;
  const LeafShape* shape_;
  int64_t num_values_ = 0;
  OutputBytes data_;
  OutputBytes offsets_;
  std::vector<OutputBytes> item_validity_;  // empty where all are valid
  std::vector<LeafBuffers> members_;
  std::shared_ptr<arrow::ArrayData> dictionary_;
};

/// Check values of types that not all bits are a value of: times, dates in milliseconds, decimals.
///
/// \return Invalid that names the column and shows the first that is none
arrow::Status CheckAllowed(const LeafPlan& plan, const ShreddedRows& rows, arrow::MemoryPool* pool);

/// Estimate the bytes that slots of a leaf take in memory.
int64_t EstimateBytes(const LeafShape& shape, const arrow::ArrayData& leaf, SlotRange slots);

}  // namespace croupier::format
