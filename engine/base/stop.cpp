// SPDX-License-Identifier: Apache-2.0
#include "engine/base/stop.hpp"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <fmt/format.h>

#include "engine/base/error.hpp"

namespace rove::stop {
namespace {

std::atomic<bool> flag{false};
static_assert(std::atomic<bool>::is_always_lock_free, "the signal handler needs a lock-free flag");

void raise_flag(int) {
  flag.store(true, std::memory_order_relaxed);
}

}  // namespace

void install_signal_handlers() {
  for (const int signal : {SIGUSR1, SIGTERM}) {
    struct sigaction action{};
    action.sa_handler = raise_flag;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    if (sigaction(signal, &action, nullptr) != 0) {
      throw InternalError(fmt::format("cannot handle signal {}: {}", signal, std::strerror(errno)));
    }
  }
}

void request() {
  flag.store(true, std::memory_order_relaxed);
}
bool requested() {
  return flag.load(std::memory_order_relaxed);
}
void reset() {
  flag.store(false, std::memory_order_relaxed);
}

}  // namespace rove::stop
