#pragma once

namespace croupier {

/// Keeps forks out of short stretches of foreign code that takes locks of its own, as libcurl and
/// OpenSSL do: a child forked there would inherit them locked.
///
/// A thread holds one while it is in such code; then fork() waits for it, and threads that come
/// wait for the fork. Nothing happens in the child. To be held for milliseconds, never while
/// waiting for a network: a fork waits for a second at most, and then goes on.
class ForkGate {
 public:
  /// May wait for a fork. A thread that holds one may hold another.
  ForkGate();
  ~ForkGate();
  ForkGate(const ForkGate&) = delete;
  ForkGate& operator=(const ForkGate&) = delete;
};

}  // namespace croupier
