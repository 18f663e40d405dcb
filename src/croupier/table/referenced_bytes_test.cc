#include "croupier/table/referenced_bytes.h"

#include <algorithm>
#include <string>

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <arrow/util/byte_size.h>
#include <gtest/gtest.h>

#include "croupier/table/test_tables.h"

namespace croupier::table {
namespace {

TEST(ReferencedBytesTest, AreThoseThatArrowCounts) {
  for (const std::string name : {"numbers", "records", "evolved", "nested", "blobs_v1", "empty"}) {
    const auto batch = ReadGoldenRows(name)->CombineChunksToBatch().ValueOrDie();
    const int64_t num_rows = batch->num_rows();
    for (const int64_t offset : {int64_t{0}, int64_t{1}, num_rows / 2}) {
      for (const int64_t length : {num_rows, num_rows / 3, int64_t{1}}) {
        const auto slice = batch->Slice(std::min(offset, num_rows), length);
        for (int i = 0; i < slice->num_columns(); ++i) {
          const auto& column = slice->column(i);
          EXPECT_EQ(ReferencedBytes(*column->data()),
                    arrow::util::ReferencedBufferSize(*column).ValueOrDie())
              << name << "." << slice->column_name(i) << ": " << column->type()->ToString() << " ["
              << offset << ", +" << length << ")";
        }
      }
    }
  }
}

}  // namespace
}  // namespace croupier::table
