#include <cmath>
#include <numeric>
#include <sstream>

#include <arrow/status.h>

#include "croupier/permutation.h"

namespace croupier {

namespace {

// Ratios, rounded to nearest, then mended so that no row is used twice and, if the ratios sum to 1,
// none is left over. As LanceDB does it.
arrow::Result<std::vector<int64_t>> ResolveRatios(const std::vector<double>& ratios,
                                                  int64_t num_rows) {
  std::vector<int64_t> sizes;
  double sum = 0;
  for (const double ratio : ratios) {
    sizes.push_back(std::llround(ratio * static_cast<double>(num_rows)));
    sum += ratio;
  }
  int64_t total = std::reduce(sizes.begin(), sizes.end(), int64_t{0});
  for (size_t i = 0; total > num_rows; i = (i + 1) % sizes.size()) {
    if (sizes[i] == 0) continue;
    --sizes[i];
    --total;
  }
  const bool takes_all = std::abs(sum - 1.0) * static_cast<double>(num_rows) < 0.5;
  for (size_t i = 0; takes_all && total < num_rows; i = (i + 1) % sizes.size()) {
    ++sizes[i];
    ++total;
  }
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 0) {
      std::ostringstream percent;  // "1", where Arrow's messages would have "1.000000"
      percent << ratios[i] * 100;
      return arrow::Status::Invalid("One of the splits has ", percent.str(), "% of ", num_rows,
                                    " rows which rounds to 0 rows");
    }
  }
  return sizes;
}

}  // namespace

arrow::Status SplitSizes::Validate() const {
  if (ratios.has_value() + counts.has_value() + fixed.has_value() != 1) {
    return arrow::Status::Invalid("Exactly one of 'ratios', 'counts', or 'fixed' must be provided");
  }
  if (ratios.has_value()) {
    if (ratios->empty()) return arrow::Status::Invalid("Split percentages must not be empty");
    double sum = 0;
    for (const double ratio : *ratios) {
      // Written so that NaN fails.
      if (!(ratio >= 0.0 && ratio <= 1.0)) {
        return arrow::Status::Invalid("Split percentages must be between 0.0 and 1.0: ", ratio);
      }
      sum += ratio;
    }
    if (sum > 1.0) {
      return arrow::Status::Invalid("Split percentages must sum to 1.0 or less: ", sum);
    }
  }
  if (counts.has_value()) {
    if (counts->empty()) return arrow::Status::Invalid("Split counts must not be empty");
    int64_t sum = 0;
    for (const int64_t count : *counts) {
      if (count <= 0) return arrow::Status::Invalid("Split counts must be greater than 0: ", count);
      if (count > INT64_MAX - sum) {
        return arrow::Status::Invalid("Split counts must sum to less than 2^63");
      }
      sum += count;
    }
  }
  if (remainder == Remainder::kRepeat) {
    return arrow::Status::Invalid(
        "no row can be in two splits: the remainder is dropped or spread");
  }
  if (fixed.has_value() && *fixed <= 0) {
    return arrow::Status::Invalid("Split fixed config must be greater than 0: ", *fixed);
  }
  const int64_t num_splits = ratios.has_value()   ? std::ssize(*ratios)
                             : counts.has_value() ? std::ssize(*counts)
                                                  : *fixed;
  if (num_splits > OrderSpec::kMaxSplits) {
    return arrow::Status::Invalid("at most ", OrderSpec::kMaxSplits, " splits: ", num_splits);
  }
  return arrow::Status::OK();
}

arrow::Result<std::vector<int64_t>> SplitSizes::Resolve(int64_t num_rows) const {
  ARROW_RETURN_NOT_OK(Validate());
  if (ratios.has_value()) return ResolveRatios(*ratios, num_rows);
  if (counts.has_value()) {
    const int64_t total = std::reduce(counts->begin(), counts->end(), int64_t{0});
    if (total > num_rows) {
      return arrow::Status::Invalid("Split counts specified ", total, " rows but only ", num_rows,
                                    " are available");
    }
    return *counts;
  }
  if (*fixed > num_rows) {
    return arrow::Status::Invalid("Split fixed config specified ", *fixed, " splits but only ",
                                  num_rows,
                                  " rows are available.  Must have at least 1 row per split.");
  }
  std::vector<int64_t> sizes(static_cast<size_t>(*fixed), num_rows / *fixed);
  if (remainder == Remainder::kSpread) {
    for (size_t i = 0; i < static_cast<size_t>(num_rows % *fixed); ++i) ++sizes[i];
  }
  return sizes;
}

}  // namespace croupier
