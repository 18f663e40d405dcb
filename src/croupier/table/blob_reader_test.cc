#include "croupier/table/blob_reader.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <arrow/array/array_base.h>
#include <arrow/array/array_nested.h>
#include <arrow/array/util.h>
#include <arrow/builder.h>
#include <arrow/memory_pool.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

namespace croupier::table {
namespace {

// Says which file was asked for, as the path of the place.
class NamingFinder : public BlobFinder {
 public:
  arrow::Result<BlobPlace> DataFile(const FileLocation& file) const override {
    return Named("data " + file.path);
  }
  arrow::Result<BlobPlace> Sidecar(const FileLocation& file,
                                   const std::string& name) const override {
    return Named("sidecar " + file.path + " " + name);
  }
  arrow::Result<BlobPlace> External(const std::string& uri, uint32_t base_id) const override {
    return Named("external " + uri + " " + std::to_string(base_id));
  }

 private:
  static BlobPlace Named(std::string path) {
    BlobPlace place;
    place.path = std::move(path);
    return place;
  }
};

struct Descriptor {
  uint8_t kind = 0;
  uint64_t position = 0;
  uint64_t size = 0;
  uint32_t blob_id = 0;
  std::string uri;
};

arrow::Result<std::optional<BlobPlace>> Locate(const Descriptor& blob) {
  arrow::UInt8Builder kind;
  arrow::UInt64Builder position;
  arrow::UInt64Builder size;
  arrow::UInt32Builder blob_id;
  arrow::StringBuilder uri;
  ARROW_RETURN_NOT_OK(kind.Append(blob.kind));
  ARROW_RETURN_NOT_OK(position.Append(blob.position));
  ARROW_RETURN_NOT_OK(size.Append(blob.size));
  ARROW_RETURN_NOT_OK(blob_id.Append(blob.blob_id));
  ARROW_RETURN_NOT_OK(uri.Append(blob.uri));
  std::vector<std::shared_ptr<arrow::Array>> members;
  for (arrow::ArrayBuilder* builder :
       std::vector<arrow::ArrayBuilder*>{&kind, &position, &size, &blob_id, &uri}) {
    ARROW_ASSIGN_OR_RAISE(auto member, builder->Finish());
    members.push_back(std::move(member));
  }
  ARROW_ASSIGN_OR_RAISE(
      const auto array,
      arrow::StructArray::Make(
          members, std::vector<std::string>{"kind", "position", "size", "blob_id", "blob_uri"}));
  const FileLocation file{0, nullptr, "data/f.lance", std::nullopt};
  const std::vector<const FileLocation*> files = {&file};
  ARROW_ASSIGN_OR_RAISE(auto places, LocateBlobs(*array->data(), files, NamingFinder()));
  return places[0];
}

void ExpectPlace(const Descriptor& blob, const std::string& path, int64_t offset_bytes,
                 int64_t size_bytes) {
  const auto place = Locate(blob);
  ASSERT_TRUE(place.ok()) << place.status();
  ASSERT_TRUE(place->has_value());
  EXPECT_EQ((*place)->path, path);
  EXPECT_EQ((*place)->offset_bytes, offset_bytes);
  EXPECT_EQ((*place)->size_bytes, size_bytes);
}

TEST(LocateBlobsTest, EachKindIsInAFileOfItsOwnKind) {
  ExpectPlace({0, 64, 5, 0, ""}, "data data/f.lance", 64, 5);
  ExpectPlace({1, 7, 5, 1, ""}, "sidecar data/f.lance 10000000000000000000000000000000.blob", 7, 5);
  ExpectPlace({2, 0, 5, 0x80000002, ""},
              "sidecar data/f.lance 01000000000000000000000000000001.blob", 0, 5);
  ExpectPlace({3, 10, 5, 0, "s3://b/k"}, "external s3://b/k 0", 10, 5);
  ExpectPlace({3, 0, 0, 4, "k"}, "external k 4", 0, BlobPlace::kToTheEnd);
}

TEST(LocateBlobsTest, OtherKindsAndRangesBeyondAllFilesAreErrors) {
  EXPECT_TRUE(Locate({4, 0, 5, 0, ""}).status().IsNotImplemented());
  EXPECT_TRUE(Locate({255, 0, 5, 0, ""}).status().IsNotImplemented());
  EXPECT_TRUE(Locate({0, UINT64_MAX, 5, 0, ""}).status().IsSerializationError());
  EXPECT_TRUE(Locate({1, 0, uint64_t{1} << 63, 0, ""}).status().IsSerializationError());
}

// An object of zeros that says how often it was read.
class Zeros : public storage::Object {
 public:
  explicit Zeros(int64_t size_bytes) : size_bytes_(size_bytes) {}
  int64_t size_bytes() const override { return size_bytes_; }
  const std::string& location() const override { return location_; }
  const storage::ReadHabits& habits() const override { return habits_; }
  arrow::Status ReadAt(int64_t, std::span<uint8_t> destination, const CancelToken&) const override {
    std::fill(destination.begin(), destination.end(), 0);
    return arrow::Status::OK();
  }
  int64_t ReadCached(int64_t, std::span<uint8_t>) const override { return 0; }

 private:
  const int64_t size_bytes_;
  const std::string location_ = "zeros";
  const storage::ReadHabits habits_{.coalesce = {}, .num_concurrent = 0, .counted_as = "zeros"};
};

TEST(ReadBlobsTest, NoMemoryIsAskedForBlobsThatTheirFilesDoNotHold) {
  BlobPlace place;
  place.object = std::make_shared<const Zeros>(100);
  auto* pool = arrow::default_memory_pool();
  const int64_t before = pool->max_memory();
  for (const auto& [offset, size] : std::vector<std::pair<int64_t, int64_t>>{
           {0, 101}, {101, 1}, {0, INT64_MAX}, {INT64_MAX, INT64_MAX}}) {
    place.offset_bytes = offset;
    place.size_bytes = size;
    EXPECT_TRUE(ReadBlobs({place}, &storage::IoScheduler::Default(), CancelToken::Never(), pool)
                    .status()
                    .IsSerializationError());
  }
  EXPECT_LT(pool->max_memory(), before + (1 << 20));
}

TEST(ReadBlobsTest, ManyRowsOfOneLargeBlobAreACapacityError) {
  BlobPlace place;
  place.object = std::make_shared<const Zeros>(int64_t{1} << 40);
  place.size_bytes = int64_t{1} << 33;
  EXPECT_TRUE(ReadBlobs(std::vector<std::optional<BlobPlace>>(3, place),
                        &storage::IoScheduler::Default(), CancelToken::Never(),
                        arrow::default_memory_pool())
                  .status()
                  .IsCapacityError());
}

}  // namespace
}  // namespace croupier::table
