// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace rove::stop {

/// Makes SIGUSR1 and SIGTERM raise this process's stop flag (async-signal-safe; the process goes on running). A SIGTERM
/// that comes `patience` or more after the first ends the process: it may never reach the place where it would stop.
/// Launchers pass one signal on several ways, so the same request may arrive twice at once.
void install_signal_handlers(std::chrono::milliseconds patience = std::chrono::seconds(5));
/// Raises the flag by hand (fault injection, time limits). Thread-safe.
void request();
/// Whether this process was asked to stop. Ranks may differ: act only on `comm::Communicator::agree_stop`.
[[nodiscard]] bool requested();
/// Lowers the flag (tests).
void reset();

}  // namespace rove::stop
