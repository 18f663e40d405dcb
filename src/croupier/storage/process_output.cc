#include "croupier/storage/process_output.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "croupier/storage/failure.h"

namespace croupier::storage {

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMaxBytes = 64 << 10;
constexpr int kWaitMilliseconds = 50;

class FileDescriptor {
 public:
  explicit FileDescriptor(int number) : number_(number) {}
  ~FileDescriptor() { Close(); }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;

  int number() const { return number_; }
  void Close() {
    if (number_ >= 0) close(std::exchange(number_, -1));
  }

 private:
  int number_;
};

// A process that is killed unless it has ended.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  ~Child() {
    if (has_ended_) return;
    kill(-pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Where SIGCHLD is ignored, nobody is told how it ended.
  bool HasEnded() {
    if (has_ended_) return true;
    const pid_t waited = waitpid(pid_, &status_, WNOHANG);
    has_ended_ = waited == pid_ || (waited < 0 && errno == ECHILD);
    return has_ended_;
  }
  bool is_well() const { return WIFEXITED(status_) && WEXITSTATUS(status_) == 0; }

 private:
  const pid_t pid_;
  int status_ = 0;
  bool has_ended_ = false;
};

arrow::Status Fails(std::string_view how) {
  return MakeFailure(Failure::kFinal, "the command " + std::string(how));
}

arrow::Result<pid_t> Start(const std::string& command, int output) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  if (posix_spawn_file_actions_init(&actions) != 0) return Fails("does not start");
  if (posix_spawnattr_init(&attributes) != 0) {
    posix_spawn_file_actions_destroy(&actions);
    return Fails("does not start");
  }
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  std::string shell = "/bin/sh";
  std::string option = "-c";
  std::string text = command;
  char* const arguments[] = {shell.data(), option.data(), text.data(), nullptr};
  pid_t pid = -1;
  const int error = posix_spawn(&pid, shell.c_str(), &actions, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return Fails(std::string("does not start: ") + std::strerror(error));
  return pid;
}

}  // namespace

arrow::Result<std::string> ReadProcessOutput(const std::string& command,
                                             std::chrono::milliseconds patience,
                                             const CancelToken& cancel) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Fails("does not start: there is no pipe");
  FileDescriptor reading(ends[0]);
  FileDescriptor writing(ends[1]);
  fcntl(reading.number(), F_SETFL, O_NONBLOCK);
  ARROW_ASSIGN_OR_RAISE(const pid_t pid, Start(command, writing.number()));
  Child child(pid);
  writing.Close();
  const auto deadline = Clock::now() + patience;
  std::string output;
  // Not until the pipe is closed: a child that another thread has forked may hold its other end.
  while (true) {
    const bool is_last = child.HasEnded();
    char bytes[4096];
    ssize_t count = 0;
    while ((count = read(reading.number(), bytes, sizeof bytes)) > 0) {
      output.append(bytes, static_cast<size_t>(count));
      if (output.size() > kMaxBytes) return Fails("writes too much");
    }
    if (is_last) break;
    ARROW_RETURN_NOT_OK(cancel.Check());
    if (Clock::now() > deadline) return Fails("takes too long");
    pollfd waited = {.fd = reading.number(), .events = POLLIN, .revents = 0};
    // After the end of the pipe there is nothing to wait for but the end of the process.
    poll(&waited, count == 0 ? 0 : 1, count == 0 ? 1 : kWaitMilliseconds);
  }
  if (!child.is_well()) return Fails("ended with an error");
  return output;
}

}  // namespace croupier::storage
