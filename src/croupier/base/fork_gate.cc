#include "croupier/base/fork_gate.h"

#include <atomic>
#include <chrono>
#include <thread>

#include <pthread.h>

#include "croupier/base/process_local.h"

namespace croupier {

namespace {

constexpr auto kPatience = std::chrono::seconds(1);
constexpr auto kPause = std::chrono::microseconds(20);

// Of one process: a child begins with nobody inside, and no fork under way.
struct Gate {
  std::atomic<int> num_inside{0};
  std::atomic<int> num_forking{0};
};

auto& gate_of_process = *new ProcessLocal<Gate>();

// By this thread, and the gate that it went through: in a child the parent's, which nobody looks
// at.
thread_local int num_held = 0;
thread_local Gate* passed = nullptr;
// The gate that this thread's fork() has closed.
thread_local Gate* closed = nullptr;

void BeforeFork() {
  closed = num_held > 0 ? nullptr : &gate_of_process.Get();
  if (closed == nullptr) return;
  // Sequentially consistent with the constructor: one of the two sees the other.
  closed->num_forking.fetch_add(1);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (closed->num_inside.load() > 0 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(kPause);
  }
}

void InParent() {
  if (closed != nullptr) closed->num_forking.fetch_sub(1);
  closed = nullptr;
}

// Registered when the library is loaded, so that no fork is missed.
const bool registered = [] {
  pthread_atfork(BeforeFork, InParent, nullptr);
  return true;
}();

}  // namespace

ForkGate::ForkGate() {
  static_cast<void>(registered);
  if (num_held++ > 0) return;
  passed = &gate_of_process.Get();
  while (true) {
    passed->num_inside.fetch_add(1);
    if (passed->num_forking.load() == 0) return;
    passed->num_inside.fetch_sub(1);
    while (passed->num_forking.load() > 0) std::this_thread::sleep_for(kPause);
  }
}

ForkGate::~ForkGate() {
  if (--num_held == 0) passed->num_inside.fetch_sub(1);
}

}  // namespace croupier
