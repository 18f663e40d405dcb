// Reads a table through a shuffled, split permutation: the C++ quickstart, built against the
// installed package.
//
// usage: consumer DATASET COLUMN

#include <iostream>

#include <arrow/record_batch.h>

#include "croupier/loader.h"
#include "croupier/permutation.h"
#include "croupier/table.h"
#include "croupier/version.h"

namespace {

arrow::Status Run(const std::string& uri, const std::string& column) {
  ARROW_ASSIGN_OR_RAISE(auto table, croupier::OpenLanceTable(uri));
  croupier::PermutationBuilder builder(table);
  ARROW_RETURN_NOT_OK(
      builder.SplitRandom({.ratios = std::vector<double>{0.8, 0.2}}, 1, {"train", "test"}));
  ARROW_RETURN_NOT_OK(builder.Shuffle(2));
  ARROW_ASSIGN_OR_RAISE(auto splits, builder.Execute());
  ARROW_ASSIGN_OR_RAISE(auto train, croupier::Permutation::Make(table, splits, 0));
  ARROW_ASSIGN_OR_RAISE(auto loader,
                        croupier::Loader::Make(train, {.batch_rows = 16, .columns = {column}}));
  int64_t num_rows = 0;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(auto batch, loader->Next());
    if (batch == nullptr) break;
    num_rows += batch->num_rows();
  }
  std::cout << "croupier " << CROUPIER_VERSION << ": " << num_rows << " of " << *table->CountRows()
            << " rows, order " << splits->order_id() << "\n";
  return num_rows == train->num_rows() ? arrow::Status::OK()
                                       : arrow::Status::Invalid("rows are missing");
}

}  // namespace

int main(int argc, char** argv) {
  const auto status =
      argc == 3 ? Run(argv[1], argv[2]) : arrow::Status::Invalid("usage: consumer DATASET COLUMN");
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
