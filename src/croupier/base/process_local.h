#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

namespace croupier {

/// Count the fork() calls between this process and the one that loaded the library.
///
/// Parent and child differ by one; nothing else happens in a child at a fork.
uint64_t ForkEpoch();

/// A value that belongs to one process: threads, locks, sockets, caches behind a mutex.
///
/// Get() builds the value on first use in a process. After a fork the child builds its own and
/// leaks the parent's: its locks may be held by threads that no longer exist, so it is never
/// destroyed, joined or locked there, also not by the destructor. Thread-safe without a lock of its
/// own: two threads that come first may both build, and one result is dropped.
///
/// The only code, with ForkEpoch() and ForkGate, that knows of forks.
///
/// One for the whole process is a variable of its file, made by `*new` when the library is loaded.
/// A `static` of a function is made by its first caller under a lock of the compiler's, which a
/// fork by another thread at that moment leaves locked in the child for good.
template <typename T>
class ProcessLocal {
 public:
  using Factory = std::function<std::unique_ptr<T>()>;

  explicit ProcessLocal(Factory factory = [] { return std::make_unique<T>(); })
      : factory_(std::move(factory)) {}
  ProcessLocal(const ProcessLocal&) = delete;
  ProcessLocal& operator=(const ProcessLocal&) = delete;

  ~ProcessLocal() {
    Slot* slot = slot_.load(std::memory_order_acquire);
    if (slot != nullptr && slot->epoch == ForkEpoch()) delete slot;
  }

  /// Get this process's value; the reference holds until destruction or a fork.
  T& Get() {
    Slot* slot = slot_.load(std::memory_order_acquire);
    const uint64_t epoch = ForkEpoch();
    if (slot != nullptr && slot->epoch == epoch) return *slot->value;
    auto fresh = std::make_unique<Slot>(Slot{epoch, factory_()});
    while (true) {
      if (slot_.compare_exchange_weak(slot, fresh.get())) {
        return *fresh.release()->value;
      }
      if (slot != nullptr && slot->epoch == epoch) return *slot->value;
    }
  }

  /// Get this process's value if it was built already, else null.
  ///
  /// Sequentially consistent with Get(): of a thread that sets a flag and then calls this, and one
  /// that calls Get() and then looks at the flag, one sees what the other did.
  T* GetIfBuilt() const {
    Slot* slot = slot_.load();
    return slot != nullptr && slot->epoch == ForkEpoch() ? slot->value.get() : nullptr;
  }

 private:
  struct Slot {
    uint64_t epoch;
    std::unique_ptr<T> value;
  };

  Factory factory_;
  std::atomic<Slot*> slot_{nullptr};
};

}  // namespace croupier
