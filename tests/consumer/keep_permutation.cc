// Writes a table, builds a permutation of it, keeps it beside the table, and reads it as another
// program would: all without Python.
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <arrow/array/builder_binary.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/record_batch.h>
#include <arrow/result.h>
#include <arrow/status.h>
#include <arrow/table.h>
#include <arrow/type.h>

#include "croupier/database.h"
#include "croupier/loader.h"
#include "croupier/permutation.h"
#include "croupier/table.h"
#include "croupier/table_writer.h"

arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> MakeRows(int64_t num_rows) {
  arrow::Int64Builder ids;
  arrow::StringBuilder labels;
  for (int64_t i = 0; i < num_rows; ++i) {
    ARROW_RETURN_NOT_OK(ids.Append(i));
    ARROW_RETURN_NOT_OK(labels.Append(i % 10 == 0 ? "rare" : "common"));
  }
  ARROW_ASSIGN_OR_RAISE(auto id, ids.Finish());
  ARROW_ASSIGN_OR_RAISE(auto label, labels.Finish());
  const auto schema =
      arrow::schema({arrow::field("id", arrow::int64()), arrow::field("label", arrow::utf8())});
  return arrow::RecordBatchReader::Make({arrow::RecordBatch::Make(schema, num_rows, {id, label})});
}

// The first program: rows, then an order of them.
arrow::Status Prepare(const croupier::Database& database) {
  ARROW_ASSIGN_OR_RAISE(const auto table_uri, database.TableUri("items"));
  ARROW_ASSIGN_OR_RAISE(const auto rows, MakeRows(10000));
  ARROW_RETURN_NOT_OK(croupier::TableWriter::Create(table_uri, rows));

  ARROW_ASSIGN_OR_RAISE(const auto table, database.OpenTable("items"));
  croupier::PermutationBuilder builder(table);
  ARROW_RETURN_NOT_OK(builder.Filter("id >= 100"));
  ARROW_RETURN_NOT_OK(builder.SplitBy(
      {.kind = croupier::SplitRule::Kind::kHash, .columns = {"id"}, .weights = {9, 1}},
      {"train", "test"}));
  ARROW_RETURN_NOT_OK(builder.Shuffle(/*seed=*/7, /*clump_size=*/16, /*window_clumps=*/8));
  ARROW_ASSIGN_OR_RAISE(const auto order, builder.Execute());
  std::cout << "built order " << order->order_id() << "\n";
  ARROW_ASSIGN_OR_RAISE(const auto order_uri, database.TableUri("items_order"));
  return order->Keep(table, order_uri);
}

// The second one: it reads the version that the order was built on, whatever came since.
arrow::Status Train(const croupier::Database& database) {
  ARROW_ASSIGN_OR_RAISE(const auto newest, database.OpenTable("items"));
  ARROW_ASSIGN_OR_RAISE(const auto kept, database.OpenTable("items_order"));
  ARROW_ASSIGN_OR_RAISE(const auto built_on, croupier::PermutationTable::BaseOf(*kept));
  ARROW_ASSIGN_OR_RAISE(const auto table, newest->Checkout(built_on));
  ARROW_ASSIGN_OR_RAISE(const auto order, croupier::PermutationTable::Read(*kept, *table));
  ARROW_ASSIGN_OR_RAISE(const int64_t split, order->SplitByName("train"));
  ARROW_ASSIGN_OR_RAISE(const auto train, croupier::Permutation::Make(table, order, split));
  ARROW_ASSIGN_OR_RAISE(const auto loader,
                        croupier::Loader::Make(train, {.batch_rows = 256, .columns = {"id"}}));
  int64_t num_rows = 0;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto batch, loader->Next());
    if (batch == nullptr) break;
    num_rows += batch->num_rows();
  }
  std::cout << "read " << num_rows << " rows of " << train->num_rows() << "\n";
  return arrow::Status::OK();
}

arrow::Status Run(const std::string& uri) {
  ARROW_ASSIGN_OR_RAISE(const auto database, croupier::Database::Open(uri));
  for (const auto* name : {"items", "items_order"}) {
    const auto dropped = database->DropTable(name);
    if (!dropped.ok() && !dropped.IsKeyError()) return dropped;
  }
  ARROW_RETURN_NOT_OK(Prepare(*database));
  ARROW_ASSIGN_OR_RAISE(const auto table_uri, database->TableUri("items"));
  ARROW_ASSIGN_OR_RAISE(const auto writer, croupier::TableWriter::Open(table_uri));
  ARROW_ASSIGN_OR_RAISE(const auto more, MakeRows(500));
  ARROW_RETURN_NOT_OK(writer->Append(more));
  return Train(*database);
}

int main(int argc, char** argv) {
  const auto status =
      argc == 2 ? Run(argv[1]) : arrow::Status::Invalid("usage: keep_permutation DIRECTORY");
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
