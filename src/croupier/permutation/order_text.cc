#include "croupier/permutation/order_text.h"

#include <algorithm>

#include <arrow/util/utf8.h>

#include "croupier/order_spec.h"

namespace croupier::permutation {

arrow::Status CheckText(std::string_view text) {
  arrow::util::InitializeUTF8();
  return arrow::util::ValidateUTF8(text) ? arrow::Status::OK()
                                         : arrow::Status::Invalid("an expression is not UTF-8");
}

std::string_view TakePart(std::string_view* text, char separator) {
  const size_t end = std::min(text->find(separator), text->size());
  const auto part = text->substr(0, end);
  text->remove_prefix(std::min(end + 1, text->size()));
  return part;
}

std::string WriteSizes(const std::vector<int64_t>& sizes) {
  std::string text;
  for (size_t i = 0; i < sizes.size();) {
    size_t end = i + 1;
    while (end < sizes.size() && sizes[end] == sizes[i]) ++end;
    if (i > 0) text += ',';
    text += std::to_string(sizes[i]);
    if (end - i > 1) text += 'x' + std::to_string(end - i);
    i = end;
  }
  return text;
}

bool ParseSizes(std::string_view text, int64_t min_size, std::vector<int64_t>* sizes) {
  constexpr auto kMaxSplits = static_cast<size_t>(OrderSpec::kMaxSplits);
  do {
    auto run = TakePart(&text, ',');
    int64_t size = 0;
    size_t repeats = 1;
    const auto size_text = TakePart(&run, 'x');
    if (!ParseNumber(size_text, &size) || (!run.empty() && !ParseNumber(run, &repeats)) ||
        size < min_size || repeats == 0 || repeats > kMaxSplits - sizes->size()) {
      return false;
    }
    sizes->insert(sizes->end(), repeats, size);
  } while (!text.empty());
  return true;
}

}  // namespace croupier::permutation
