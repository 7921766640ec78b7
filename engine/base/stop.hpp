// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace rove::stop {

/// Makes SIGUSR1 and SIGTERM raise this process's stop flag (async-signal-safe; the process goes on running).
void install_signal_handlers();
/// Raises the flag by hand (fault injection, time limits). Thread-safe.
void request();
/// Whether this process was asked to stop. Ranks may differ: act only on `comm::Communicator::agree_stop`.
[[nodiscard]] bool requested();
/// Lowers the flag (tests).
void reset();

}  // namespace rove::stop
