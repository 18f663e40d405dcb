#pragma once

#include <atomic>

#include <arrow/status.h>

namespace croupier {

/// Asked by long work, between its steps, whether to go on.
///
/// Any number of threads may ask at once.
class CancelToken {
 public:
  virtual ~CancelToken() = default;

  /// Tell whether the work should stop. Cheap: asked for every unit of reading and decoding.
  virtual bool cancelled() const = 0;

  /// Cancelled if the work should stop, else OK.
  arrow::Status Check() const {
    return cancelled() ? arrow::Status::Cancelled("cancelled") : arrow::Status::OK();
  }

  /// A token that never cancels.
  static const CancelToken& Never();
};

/// A token that another thread cancels.
class CancelFlag : public CancelToken {
 public:
  void Cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  bool cancelled() const override { return cancelled_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> cancelled_{false};
};

}  // namespace croupier
