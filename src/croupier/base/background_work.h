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

  /// Tell whether work is to stop at its next step, because the process ends.
  static bool IsToStop();

  /// Tell all work of this process to stop, and wait for that as long as a second; tell whether it
  /// did. For who knows that exit() comes: what was constructed after the first work of a process
  /// is destroyed before exit() would do so by itself.
  static bool StopAll();
};

}  // namespace croupier
