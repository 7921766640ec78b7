// SPDX-License-Identifier: Apache-2.0
#include "engine/comm/detail/watchdog.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/stop.hpp"
#include "engine/comm/detail/impl.hpp"

namespace rove::comm::detail {

namespace {

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Watchdog::~Watchdog() {
  stop_thread();
}

void Watchdog::stop_thread() {
  if (!thread_.joinable()) return;
  armed_ = false;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
  stopping_ = false;
}

void Watchdog::set_timeout(double seconds) {
  stop_thread();
  if (seconds <= 0) return;
  armed_ = true;
  const stop::HeldSignals held;  // from the thread that is started
  thread_ = std::thread([this, seconds] { watch(seconds); });
}

void Watchdog::set_phase(std::string_view phase) {
  const std::lock_guard lock(mutex_);
  phase_ = phase;
}

void Watchdog::begin(const char* operation) noexcept {
  if (depth_++ > 0) return;
  ++num_operations_;
  if (!armed_.load(std::memory_order_relaxed)) return;
  operation_.store(operation, std::memory_order_relaxed);
  since_ns_.store(now_ns(), std::memory_order_release);
}

void Watchdog::end() noexcept {
  if (--depth_ == 0) since_ns_.store(0, std::memory_order_release);
}

void Watchdog::watch(double timeout_s) {
  // Ranks that stall together speak in turn: the first one's abort silences the others.
  const double limit_s = timeout_s + std::min(rank_, 5);
  const double period_s = std::min(timeout_s / 8, 1.0);
  double pause_s = period_s;
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, std::chrono::duration<double>(pause_s), [this] { return stopping_; })) {
    pause_s = period_s;
    const std::int64_t since = since_ns_.load(std::memory_order_acquire);
    if (since == 0) continue;
    const double waited_s = static_cast<double>(now_ns() - since) * 1e-9;
    if (waited_s >= limit_s) give_up(waited_s);
    // Wakes at the limit itself, so that ranks that stall together keep their turns.
    pause_s = std::min(period_s, limit_s - waited_s);
  }
}

void Watchdog::give_up(double waited_s) {
  const std::string during = phase_.empty() ? std::string() : fmt::format(" during {}", phase_);
  const std::string message = fmt::format(
      "rove: error (rank {}): waited {:.0f} s in {}{} for ranks that did not come; the stall limit ends the job\n",
      rank_, waited_s, operation_.load(std::memory_order_relaxed), during);
  std::fputs(message.c_str(), stderr);
  abort_job(MPI_COMM_WORLD, static_cast<int>(ExitCode::kInternal));
}

}  // namespace rove::comm::detail
