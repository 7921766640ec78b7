// SPDX-License-Identifier: Apache-2.0
#include "engine/base/stop.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <ctime>

#include <fmt/format.h>
#include <pthread.h>

#include "engine/base/error.hpp"

namespace rove::stop {
namespace {

constexpr std::array kStopSignals{SIGUSR1, SIGTERM};

std::atomic<bool> flag{false};
static_assert(std::atomic<bool>::is_always_lock_free, "the signal handler needs a lock-free flag");

std::atomic<std::int64_t> patience_ms{0};
std::atomic<std::int64_t> first_term_ms{-1};
static_assert(std::atomic<std::int64_t>::is_always_lock_free);

std::int64_t monotonic_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * std::int64_t{1000} + now.tv_nsec / 1'000'000;
}

void raise_flag(int signal) {
  flag.store(true, std::memory_order_relaxed);
  if (signal != SIGTERM) return;
  const std::int64_t now = monotonic_ms();
  std::int64_t first = -1;
  if (first_term_ms.compare_exchange_strong(first, now) || now - first < patience_ms.load()) return;
  std::signal(SIGTERM, SIG_DFL);
  std::raise(SIGTERM);
}

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : kStopSignals) sigaddset(&set, signal);
  return set;
}

}  // namespace

void install_signal_handlers(std::chrono::milliseconds patience) {
  patience_ms.store(patience.count());
  first_term_ms.store(-1);
  for (const int signal : kStopSignals) {
    struct sigaction action{};
    action.sa_handler = raise_flag;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    if (sigaction(signal, &action, nullptr) != 0) {
      throw InternalError(fmt::format("cannot handle signal {}: {}", signal, std::strerror(errno)));
    }
  }
}

HeldSignals::HeldSignals() {
  const sigset_t held = stop_signals();
  pthread_sigmask(SIG_BLOCK, &held, &before_);
}
HeldSignals::~HeldSignals() {
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}
void leave_signals_to_main_thread() {
  const sigset_t held = stop_signals();
  pthread_sigmask(SIG_BLOCK, &held, nullptr);
}

AwaitedSignals::AwaitedSignals(std::initializer_list<int> signals) {
  sigemptyset(&set_);
  for (const int signal : signals) sigaddset(&set_, signal);
  pthread_sigmask(SIG_BLOCK, &set_, nullptr);
}
std::optional<int> AwaitedSignals::next(std::chrono::milliseconds patience) const {
  const timespec wait{patience.count() / 1000, patience.count() % 1000 * 1'000'000};
  const int signal = sigtimedwait(&set_, nullptr, &wait);
  return signal > 0 ? std::optional(signal) : std::nullopt;
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
