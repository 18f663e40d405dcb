#include "croupier/format/write/encoding_keys.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include <arrow/status.h>

namespace croupier::format {

namespace {

// Reads the keys of one leaf; the first value that is none is remembered.
class KeyReader {
 public:
  explicit KeyReader(const LeafPlan& plan) : plan_(plan) {}

  arrow::Status status() const { return status_; }

  std::string_view Text(std::string_view key) const { return plan_.Key(key); }

  void Refuse(std::string_view key, std::string_view value, std::string_view wanted) {
    if (!status_.ok()) return;
    status_ = arrow::Status::Invalid("column '", plan_.name, "': lance-encoding:", key, " is '",
                                     value, "', which is not ", wanted);
  }

  template <typename T>
  std::optional<T> Number(std::string_view key, T min, T max) {
    const auto text = Text(key);
    if (text.empty()) return std::nullopt;
    T value{};
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool is_number = result.ec == std::errc() && result.ptr == text.data() + text.size();
    if (is_number && value >= min && value <= max) return value;
    Refuse(key, text, "a number from " + std::to_string(min) + " to " + std::to_string(max));
    return std::nullopt;
  }

  // A codec; nothing for "none" and for "fsst", which `fsst` is set for where it is not null.
  std::optional<CompressionScheme> Scheme(std::string_view key, std::string_view text,
                                          bool allows_fsst) {
    if (text == "lz4") return CompressionScheme::kLz4;
    if (text == "zstd") return CompressionScheme::kZstd;
    if (text != "none" && !(allows_fsst && text == "fsst")) {
      Refuse(key, text, allows_fsst ? "none, fsst, lz4 or zstd" : "none, lz4 or zstd");
    }
    return std::nullopt;
  }

 private:
  const LeafPlan& plan_;
  arrow::Status status_;
};

}  // namespace

arrow::Result<EncodingKeys> EncodingKeys::Of(const LeafPlan& plan) {
  EncodingKeys keys;
  KeyReader reader(plan);
  if (const auto text = reader.Text("compression"); !text.empty()) {
    const auto scheme = reader.Scheme("compression", text, /*allows_fsst=*/true);
    keys.compression = scheme.has_value() ? Compression::kGeneral
                       : text == "fsst"   ? Compression::kFsst
                                          : Compression::kNone;
    keys.scheme = scheme.value_or(keys.scheme);
  }
  keys.compression_level = reader.Number<int>("compression-level", -100, 100);
  keys.rle_threshold = reader.Number<double>("rle-threshold", 0, 1);
  if (const auto text = reader.Text("bss"); text == "on") {
    keys.byte_streams = ByteStreams::kOn;
  } else if (text == "off") {
    keys.byte_streams = ByteStreams::kOff;
  } else if (!text.empty() && text != "auto") {
    reader.Refuse("bss", text, "on, off or auto");
  }
  const auto size = [&](std::string_view key, int64_t otherwise) {
    return reader.Number<int64_t>(key, 1, INT64_MAX).value_or(otherwise);
  };
  // A chunk of format 2.1 is at most 32 KiB, and no reader is served by larger ones.
  keys.minichunk_bytes = std::min<int64_t>(size("minichunk-size", keys.minichunk_bytes), 24 << 10);
  keys.dictionary_divisor = size("dict-divisor", keys.dictionary_divisor);
  keys.dictionary_max_bytes = size("dict-max-size", keys.dictionary_max_bytes);
  keys.blob_inline_bytes = size("blob-inline-size-threshold", keys.blob_inline_bytes);
  keys.blob_dedicated_bytes = size("blob-dedicated-size-threshold", keys.blob_dedicated_bytes);
  keys.blob_pack_file_bytes = size("blob-pack-file-size-threshold", keys.blob_pack_file_bytes);
  keys.dictionary_size_ratio =
      reader.Number<double>("dict-size-ratio", 0, 1).value_or(keys.dictionary_size_ratio);
  if (const auto text = reader.Text("dict-values-compression"); !text.empty()) {
    keys.dictionary_scheme = reader.Scheme("dict-values-compression", text, /*allows_fsst=*/false);
  }
  keys.dictionary_level = reader.Number<int>("dict-values-compression-level", -100, 100);
  if (const auto& text = plan.structural_encoding; !text.empty()) {
    if (text != "miniblock" && text != "fullzip") {
      reader.Refuse("structural-encoding", text, "miniblock or fullzip");
    }
    keys.wants_records = text == "fullzip";
  }
  ARROW_RETURN_NOT_OK(reader.status());
  return keys;
}

}  // namespace croupier::format
