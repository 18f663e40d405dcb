#include "croupier/format/encoding/value_block.h"

#include <cstring>

#include <arrow/buffer.h>

namespace croupier::format {

arrow::Result<std::shared_ptr<arrow::Buffer>> CopyBytes(Bytes bytes, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateBuffer(std::ssize(bytes), pool));
  if (!bytes.empty()) std::memcpy(buffer->mutable_data(), bytes.data(), bytes.size());
  return buffer;
}

}  // namespace croupier::format
