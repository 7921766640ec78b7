// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <csignal>
#include <initializer_list>
#include <optional>

namespace rove::stop {

/// Makes SIGUSR1 and SIGTERM raise this process's stop flag (async-signal-safe; the process goes on running). A SIGTERM
/// that comes `patience` or more after the first ends the process: it may never reach the place where it would stop.
/// Launchers pass one signal on several ways, so the same request may arrive twice at once.
void install_signal_handlers(std::chrono::milliseconds patience = std::chrono::seconds(5));

/// Holds SIGUSR1 and SIGTERM back from the calling thread while it lives; one that came meanwhile is taken when it
/// goes. Threads inherit what their creator holds back: those that are started meanwhile never take them. All threads
/// but the main one are to be such threads, so that a library which cannot bear these signals (METIS) is rid of them
/// when the main thread holds them back.
class HeldSignals {
 public:
  HeldSignals();
  ~HeldSignals();
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

 private:
  sigset_t before_{};
};
/// From now on the calling thread does not take them. For threads that a library starts when it likes.
void leave_signals_to_main_thread();

/// Signals that interrupt nobody and are taken one after another by who asks for them. The calling thread and those
/// that it starts from now on hold them back for good: make it before any thread is started.
class AwaitedSignals {
 public:
  explicit AwaitedSignals(std::initializer_list<int> signals);

  /// The next one, or nothing when none comes within `patience`. Thread-safe.
  [[nodiscard]] std::optional<int> next(std::chrono::milliseconds patience) const;

 private:
  sigset_t set_{};
};

/// Raises the flag by hand (fault injection, time limits). Thread-safe.
void request();
/// Whether this process was asked to stop. Ranks may differ: act only on `comm::Communicator::agree_stop`
/// and `stop_if_asked`.
[[nodiscard]] bool requested();
/// Lowers the flag (tests).
void reset();

}  // namespace rove::stop
