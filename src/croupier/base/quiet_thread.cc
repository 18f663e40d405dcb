#include "croupier/base/quiet_thread.h"

#include <utility>

#include <pthread.h>
#include <signal.h>

namespace croupier {

std::thread StartQuietThread(const char* name, std::function<void()> run) {
  sigset_t all_signals;
  sigset_t previous;
  sigfillset(&all_signals);
  pthread_sigmask(SIG_SETMASK, &all_signals, &previous);
  std::thread thread(std::move(run));
  pthread_sigmask(SIG_SETMASK, &previous, nullptr);
  pthread_setname_np(thread.native_handle(), name);
  return thread;
}

}  // namespace croupier
