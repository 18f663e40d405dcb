#pragma once

#include <string>

namespace croupier::table {

// Names that no other writer gives, in any process: from the random numbers of the system, not the
// seeded ones of orders.

/// A version 4 UUID: "f6dc31f9-3fcc-4238-81eb-3abc89cb7fec".
std::string NewUuid();

/// A name for a data file, as current writers of Lance make them: first digits that spread over the
/// partitions of an object store.
std::string NewDataFileName();

}  // namespace croupier::table
