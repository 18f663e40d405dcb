#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/result.h>
#include <arrow/status.h>

#include "croupier/base/byte_sink.h"
#include "croupier/permutation/split_lists.h"

namespace croupier::permutation {

/// Lists of rows as bytes that are used where they lie (docs/format/order-file.md).
class OrderImage {
 public:
  /// Read all numbers of some lists, for what is written before them.
  ///
  /// \param limit all numbers are below
  /// \return SerializationError if the lists are those of a damaged file
  static arrow::Result<OrderImage> Make(SplitLists lists, uint64_t limit);

  /// Tell lists apart: equal hashes are equal lists.
  uint64_t hash() const { return hash_; }
  int64_t num_bytes() const;
  /// Write the bytes.
  ///
  /// \param name a text of the writer's, which comes back
  arrow::Status Write(std::string_view name, ByteSink* sink) const;
  /// As Write, to memory.
  arrow::Result<std::string> ToBytes() const;

 private:
  SplitLists lists_;
  std::vector<uint64_t> checksums_;  // of all blocks
  uint64_t limit_ = 0;
  uint64_t hash_ = 0;
  uint64_t num_words_ = 0;
};

/// Bytes of an OrderImage, of which nothing is read before it is needed.
///
/// What says where things are is checked here, in a time that does not depend on the number of
/// rows; each block of numbers when it is first used (PackedNumbers::Lookup). Immutable; any number
/// of threads; the lists may outlive it. Usable in a forked child, which shares the memory.
class OrderFile {
 public:
  /// Map a file. It must not be changed while it is mapped: who writes one renames it into place.
  ///
  /// \return IOError if it is no file that can be read; SerializationError if it is malformed
  static arrow::Result<OrderFile> Map(const std::string& path);
  /// Copy bytes.
  static arrow::Result<OrderFile> Copy(std::string_view bytes);

  const SplitLists& lists() const { return lists_; }
  uint64_t limit() const { return limit_; }
  uint64_t hash() const { return hash_; }
  const std::string& name() const { return name_; }

 private:
  static arrow::Result<OrderFile> Parse(std::string_view bytes, const std::string& location,
                                        std::shared_ptr<const void> owner);

  SplitLists lists_;
  uint64_t limit_ = 0;
  uint64_t hash_ = 0;
  std::string name_;
};

}  // namespace croupier::permutation
