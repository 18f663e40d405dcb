#include "croupier/base/background_work.h"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include <unistd.h>

#include "croupier/base/process_local.h"

namespace croupier {

namespace {

// How long a process that ends waits for its threads.
constexpr auto kPatience = std::chrono::seconds(1);

void OnExit(int status, void* /*nothing*/);

struct Running {
  // Handlers run in reverse order: what was constructed before the first work of a process is
  // destroyed after all of it has ended.
  Running() { on_exit(OnExit, nullptr); }

  // Each thread sets one and then looks at the other, so that one of them sees what the other did.
  std::atomic<int> num_running{0};
  std::atomic<bool> is_ending{false};
};

// Never destroyed: threads look at it until the end.
auto& running_in_process = *new ProcessLocal<Running>();

void OnExit(int status, void* /*nothing*/) {
  if (BackgroundWork::StopAll()) return;
  std::fflush(nullptr);
  _exit(status);
}

}  // namespace

BackgroundWork::BackgroundWork() { ++running_in_process.Get().num_running; }

BackgroundWork::~BackgroundWork() { --running_in_process.Get().num_running; }

bool BackgroundWork::StopAll() {
  Running* const running = running_in_process.GetIfBuilt();
  if (running == nullptr) return true;
  running->is_ending = true;
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (running->num_running > 0) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

bool BackgroundWork::IsToStop() {
  const Running* const running = running_in_process.GetIfBuilt();
  return running != nullptr && running->is_ending;
}

}  // namespace croupier
