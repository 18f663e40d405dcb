#pragma once

#include <string>
#include <string_view>

#include <arrow/result.h>

#include "croupier/order_spec.h"

namespace croupier::permutation {

/// Write a spec as the JSON object of a line of croupier-order-2 (docs/concepts/order.md).
std::string WriteOrderJson(const OrderSpec& spec);
/// Read the JSON object. Invalid, saying why, unless it is what WriteOrderJson writes of its spec.
arrow::Result<OrderSpec> ParseOrderJson(std::string_view text);

}  // namespace croupier::permutation
