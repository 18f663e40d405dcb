#include "croupier/format/file/data_file_writer.h"

#include <array>
#include <string_view>
#include <utility>

#include <arrow/array/array_base.h>
#include <arrow/array/data.h>
#include <arrow/memory_pool.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "croupier/base/memory_pool.h"
#include "croupier/format/encoding/page_layout_writer.h"
#include "croupier/format/manifest/schema_writer.h"
#include "croupier/format/wire/wire_writer.h"
#include "croupier/format/write/column_writer.h"
#include "croupier/format/write/encoding_keys.h"
#include "croupier/format/write/leaf_plan.h"

namespace croupier::format {

namespace {

constexpr size_t kBufferAlignment = 64;
constexpr std::string_view kPageLayoutType = "/lance.encodings21.PageLayout";
constexpr std::string_view kColumnEncodingType = "/lance.encodings.ColumnEncoding";
constexpr std::string_view kMagic = "LANC";
// Rows of a fragment are counted by 32 bits.
constexpr int64_t kMaxRows = UINT32_MAX;

WireWriter WrapEncoding(std::string_view type, const WireWriter& value) {
  const auto any = WireWriter().Text(1, type).Child(2, value);
  return WireWriter().Child(2, WireWriter().Child(1, any));
}

// Appends to a sink and knows where it is.
class FileEnd {
 public:
  explicit FileEnd(ByteSink* sink) : sink_(sink) {}

  int64_t position() const { return position_; }

  arrow::Status Append(std::span<const uint8_t> bytes) {
    if (bytes.empty()) return arrow::Status::OK();
    position_ += std::ssize(bytes);
    return sink_->Append(bytes);
  }
  arrow::Status Align() {
    static constexpr std::array<uint8_t, kBufferAlignment> kZeros{};
    const auto over = static_cast<size_t>(position_) % kBufferAlignment;
    return over == 0 ? arrow::Status::OK()
                     : Append(std::span(kZeros).first(kBufferAlignment - over));
  }

 private:
  ByteSink* sink_;
  int64_t position_ = 0;
};

// The pages of one column: their buffers go to the file, their messages are kept.
class ColumnPages : public ColumnWriter::PageSink {
 public:
  ColumnPages(FileEnd* file, int64_t page_rows_per_row)
      : file_(file), page_rows_per_row_(page_rows_per_row) {
    const auto values = WireWriter().Child(1);
    metadata_.Child(1, WrapEncoding(kColumnEncodingType, values));
  }

  arrow::Status Write(int64_t num_rows, const PageLayout& layout,
                      std::span<const std::span<const uint8_t>> buffers) override {
    std::vector<uint64_t> offsets;
    std::vector<uint64_t> sizes;
    for (const auto buffer : buffers) {
      ARROW_RETURN_NOT_OK(file_->Align());
      offsets.push_back(static_cast<uint64_t>(file_->position()));
      sizes.push_back(buffer.size());
      ARROW_RETURN_NOT_OK(file_->Append(buffer));
    }
    metadata_.Child(
        2, WireWriter()
               .Packed(1, offsets)
               .Packed(2, sizes)
               .Number(3, static_cast<uint64_t>(num_rows))
               .Child(4, WrapEncoding(kPageLayoutType, MessageOf(layout)))
               .NumberUnlessZero(5, static_cast<uint64_t>(num_rows_ / page_rows_per_row_)));
    num_rows_ += num_rows;
    return arrow::Status::OK();
  }

  const std::vector<uint8_t>& metadata() const { return metadata_.bytes(); }

 private:
  FileEnd* file_;
  int64_t page_rows_per_row_;
  int64_t num_rows_ = 0;
  WireWriter metadata_;
};

void AppendInteger(std::vector<uint8_t>* bytes, uint64_t value, size_t num_bytes) {
  for (size_t i = 0; i < num_bytes; ++i) {
    bytes->push_back(static_cast<uint8_t>(value >> (8 * i)));
  }
}

void AppendTableEntry(std::vector<uint8_t>* bytes, int64_t position, int64_t size) {
  AppendInteger(bytes, static_cast<uint64_t>(position), 8);
  AppendInteger(bytes, static_cast<uint64_t>(size), 8);
}

}  // namespace

class DataFileWriter::Impl {
 public:
  Impl(std::vector<Field> fields, const DataFileWriterOptions& options, ByteSink* sink)
      : fields_(std::move(fields)),
        options_(options),
        pool_(options.pool == nullptr ? DefaultMemoryPool() : options.pool),
        file_(sink),
        encoder_(options.version, pool_),
        gathering_(pool_),
        blobs_([this](Bytes blob) { return AppendBlob(blob); }, options.sidecars) {}

  arrow::Status Open() {
    if (options_.page_bytes <= 0) {
      return arrow::Status::Invalid("page_bytes must be positive: ", options_.page_bytes);
    }
    for (const Field& field : fields_) ARROW_RETURN_NOT_OK(CheckVersion(field));
    ARROW_ASSIGN_OR_RAISE(plans_, PlanLeaves(fields_));
    for (const LeafPlan& plan : plans_) {
      pages_.push_back(std::make_unique<ColumnPages>(&file_, plan.page_rows_per_row()));
      ARROW_ASSIGN_OR_RAISE(const auto keys, EncodingKeys::Of(plan));
      columns_.emplace_back(&plan, keys, options_.page_bytes, &encoder_, &blobs_,
                            pages_.back().get(), options_.keeps_batches ? &gathering_ : nullptr,
                            pool_);
    }
    return arrow::Status::OK();
  }

  arrow::Status Write(const arrow::RecordBatch& batch) {
    ARROW_RETURN_NOT_OK(batch.Validate());
    if (batch.schema() != last_schema_) {
      ARROW_RETURN_NOT_OK(CheckColumns(fields_, *batch.schema()));
      last_schema_ = batch.schema();
    }
    if (batch.num_rows() > kMaxRows - num_rows_) {
      return arrow::Status::CapacityError("a data file has at most ", kMaxRows, " rows");
    }
    num_rows_ += batch.num_rows();
    for (size_t i = 0; i < plans_.size(); ++i) {
      ARROW_RETURN_NOT_OK(columns_[i].Append(batch.column_data(plans_[i].column)));
    }
    return LimitMemory();
  }

  arrow::Result<WrittenFile> Finish() {
    for (ColumnWriter& column : columns_) ARROW_RETURN_NOT_OK(column.Flush());
    ARROW_RETURN_NOT_OK(blobs_.Finish());
    ARROW_RETURN_NOT_OK(file_.Align());
    const int64_t descriptor_start = file_.position();
    WireWriter schema;
    AppendFileFields(1, fields_, &schema);
    const auto descriptor =
        WireWriter().Child(1, schema).NumberUnlessZero(2, static_cast<uint64_t>(num_rows_));
    ARROW_RETURN_NOT_OK(file_.Append(descriptor.bytes()));

    std::vector<uint8_t> tail;
    const int64_t metadata_start = file_.position();
    for (const auto& pages : pages_) {
      AppendTableEntry(&tail, file_.position(), std::ssize(pages->metadata()));
      ARROW_RETURN_NOT_OK(file_.Append(pages->metadata()));
    }
    const int64_t columns_start = file_.position();
    const int64_t buffers_start = columns_start + std::ssize(tail);
    AppendTableEntry(&tail, descriptor_start, std::ssize(descriptor.bytes()));
    const auto minor = static_cast<uint16_t>(options_.version);
    AppendInteger(&tail, static_cast<uint64_t>(metadata_start), 8);
    AppendInteger(&tail, static_cast<uint64_t>(columns_start), 8);
    AppendInteger(&tail, static_cast<uint64_t>(buffers_start), 8);
    AppendInteger(&tail, 1, 4);  // global buffers
    AppendInteger(&tail, pages_.size(), 4);
    AppendInteger(&tail, 2, 2);
    AppendInteger(&tail, minor, 2);
    tail.insert(tail.end(), kMagic.begin(), kMagic.end());
    ARROW_RETURN_NOT_OK(file_.Append(tail));

    WrittenFile written;
    for (const LeafPlan& plan : plans_) {
      written.column_indices.push_back(static_cast<int32_t>(written.fields.size()));
      written.fields.push_back(plan.field_id);
    }
    written.major_version = 2;
    written.minor_version = minor;
    written.size_bytes = file_.position();
    written.num_rows = num_rows_;
    return written;
  }

  int64_t num_rows() const { return num_rows_; }
  int64_t size_bytes() const { return file_.position(); }

 private:
  // Write the columns that hold the most, where a table of many would hold too much.
  arrow::Status LimitMemory() {
    int64_t total = 0;
    for (const ColumnWriter& column : columns_) total += column.buffered_bytes();
    if (total <= options_.max_buffered_bytes) return arrow::Status::OK();
    const int64_t mean = total / std::ssize(columns_);
    for (ColumnWriter& column : columns_) {
      if (column.buffered_bytes() >= mean) ARROW_RETURN_NOT_OK(column.Flush());
    }
    return arrow::Status::OK();
  }

  arrow::Result<int64_t> AppendBlob(Bytes blob) {
    ARROW_RETURN_NOT_OK(file_.Align());
    const int64_t position = file_.position();
    ARROW_RETURN_NOT_OK(file_.Append(blob));
    return position;
  }

  // Refuse what only format 2.2 has.
  arrow::Status CheckVersion(const Field& field) const {
    if (options_.version != FileVersion::kV2_1) return arrow::Status::OK();
    const bool is_blob_v2 = field.is_blob() && field.logical_type != "large_binary";
    if (is_blob_v2 || field.logical_type == "map" ||
        field.logical_type.starts_with("fixed_size_list:struct:")) {
      return arrow::Status::NotImplemented("cannot write column '", field.name,
                                           "': format 2.1 has no ", field.logical_type,
                                           is_blob_v2 ? " of blobs" : "", ", format 2.2 has");
    }
    for (const Field& child : field.children) ARROW_RETURN_NOT_OK(CheckVersion(child));
    return arrow::Status::OK();
  }

  std::vector<Field> fields_;
  DataFileWriterOptions options_;
  arrow::MemoryPool* pool_;
  FileEnd file_;
  PageEncoder encoder_;
  LeafMemory gathering_;
  BlobStore blobs_;
  std::vector<LeafPlan> plans_;
  std::vector<std::unique_ptr<ColumnPages>> pages_;
  std::vector<ColumnWriter> columns_;
  std::shared_ptr<arrow::Schema> last_schema_;
  int64_t num_rows_ = 0;
};

DataFileWriter::DataFileWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DataFileWriter::~DataFileWriter() = default;

arrow::Result<std::unique_ptr<DataFileWriter>> DataFileWriter::Make(
    std::vector<Field> fields, const DataFileWriterOptions& options, ByteSink* sink) {
  auto impl = std::make_unique<Impl>(std::move(fields), options, sink);
  ARROW_RETURN_NOT_OK(impl->Open());
  return std::unique_ptr<DataFileWriter>(new DataFileWriter(std::move(impl)));
}

arrow::Status DataFileWriter::Write(const arrow::RecordBatch& batch) { return impl_->Write(batch); }
arrow::Result<WrittenFile> DataFileWriter::Finish() { return impl_->Finish(); }
int64_t DataFileWriter::num_rows() const { return impl_->num_rows(); }
int64_t DataFileWriter::size_bytes() const { return impl_->size_bytes(); }

}  // namespace croupier::format
