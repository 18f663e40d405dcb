#pragma once

#include <functional>
#include <thread>

namespace croupier {

/// Start a thread that takes no signals: these are for the threads of the program, of which
/// Python's Ctrl-C must interrupt the main one.
///
/// \param name for people who look at the process; 15 characters at most
std::thread StartQuietThread(const char* name, std::function<void()> run);

}  // namespace croupier
