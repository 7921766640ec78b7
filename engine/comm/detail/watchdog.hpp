// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace rove::comm::detail {

/// Ends the job when this rank waits too long inside one operation (`Environment`). `begin` and `end` belong to the
/// communicating thread; a thread of its own looks at them a few times per limit.
class Watchdog {
 public:
  explicit Watchdog(int rank) : rank_(rank) {}
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  void set_timeout(double seconds);
  void set_phase(std::string_view phase);

  void begin(const char* operation) noexcept;
  void end() noexcept;
  /// Operations that this rank has begun so far.
  [[nodiscard]] std::uint64_t num_operations() const { return num_operations_; }

  /// `Communicator::leave_without_finalize`; the watchdog is what all communicators of a process share.
  void skip_finalize() { skips_finalize_ = true; }
  [[nodiscard]] bool skips_finalize() const { return skips_finalize_; }

 private:
  void stop_thread();
  void watch(double timeout_s);
  [[noreturn]] void give_up(double waited_s);

  int rank_;
  int depth_ = 0;
  std::uint64_t num_operations_ = 0;
  bool skips_finalize_ = false;
  std::atomic<bool> armed_{false};
  std::atomic<const char*> operation_{nullptr};
  std::atomic<std::int64_t> since_ns_{0};  ///< 0: not inside an operation

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::string phase_;
  std::thread thread_;
};

}  // namespace rove::comm::detail
