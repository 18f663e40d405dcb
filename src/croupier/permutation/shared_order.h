#pragma once

#include <cstdint>
#include <string>

#include <arrow/result.h>

#include "croupier/permutation/order_file.h"

namespace croupier::permutation {

/// Write lists to a file that other processes of this user map, on this machine.
///
/// It is in `croupier-<user id>` of TemporaryDirectory(), which nobody else may read, under the
/// hash of the lists: what is there already is not written again. The process removes it when it
/// ends by exit(), unless another process has shared it too; what a killed process left is removed
/// by the next one that shares a list. A forked child removes nothing of its parent's.
///
/// \return the path; IOError, with the errno detail, if it cannot be written
arrow::Result<std::string> ShareOrder(const OrderImage& image);

/// The path of lists that this process has shared already; empty if they are not there.
std::string FindSharedOrder(uint64_t hash);

}  // namespace croupier::permutation
