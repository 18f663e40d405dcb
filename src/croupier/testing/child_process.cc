#include "croupier/testing/child_process.h"

#include <chrono>
#include <cstdlib>
#include <thread>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

// A child lets go of what other threads of its parent held: only the parent can leak.
bool is_forked_child = false;

}  // namespace

// Asked by AddressSanitizer's leak checker, if that is there.
extern "C" int __lsan_is_turned_off();  // NOLINT(bugprone-reserved-identifier)
int __lsan_is_turned_off() { return is_forked_child ? 1 : 0; }

namespace croupier::testing {

ChildResult RunInForkedChild(const std::function<int()>& body, int timeout_seconds) {
  const pid_t child = fork();
  if (child == 0) {
    is_forked_child = true;
    // exit(), not _exit(): a child that hangs in exit handlers or static destructors fails too.
    std::exit(body());
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(timeout_seconds);
  ChildResult result;
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > deadline) {
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      result.timed_out = true;
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  if (WIFEXITED(status)) {
    result.exit_code = WEXITSTATUS(status);
  } else if (WIFSIGNALED(status)) {
    result.signal = WTERMSIG(status);
  }
  return result;
}

}  // namespace croupier::testing
