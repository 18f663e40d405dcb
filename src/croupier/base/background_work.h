#pragma once

namespace croupier {

/// Marks work of a thread that nobody joins before the process ends: of the library's own threads,
/// or of those that Python leaves behind.
///
/// exit() destroys what other libraries hold, Arrow's memory pools among it, while such a thread
/// still uses it. So when exit() begins, all work is told to stop, and waited for as long as a
/// second; if it goes on for longer, the process ends without destructors. Cheap; any thread. A
/// forked child knows nothing of the work of its parent.
class BackgroundWork {
 public:
  BackgroundWork();
  ~BackgroundWork();
  BackgroundWork(const BackgroundWork&) = delete;
  BackgroundWork& operator=(const BackgroundWork&) = delete;

  /// Tell whether work is to stop at its next step, because exit() has begun.
  static bool IsToStop();
};

}  // namespace croupier
