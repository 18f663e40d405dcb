#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <arrow/status.h>
#include <arrow/type_fwd.h>

namespace croupier::permutation {

/// Check that values of these columns can be hashed; TypeError names the column and its type.
arrow::Status CheckHashable(const arrow::Schema& columns);

/// Hash the values of each row: croupier-hash-1 (docs/concepts/order.md).
///
/// The hash is of values, not of how they are stored: an int8 and an int64, a string and a
/// dictionary of strings hash alike.
///
/// \param columns of the batch that are hashed, in this order
/// \param start what the hash begins with: 0, or a key
/// \param hashes of batch.num_rows() rows
arrow::Status HashRows(const arrow::RecordBatch& batch, std::span<const int> columns,
                       uint64_t start, std::span<uint64_t> hashes);

}  // namespace croupier::permutation
