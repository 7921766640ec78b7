// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace rove::fault {

/// The seam under every file and message operation. With the environment variable
/// `ROVE_FAULT=<point>[:<occurrence>][:<action>][@<rank>]` (several separated by commas) the n-th passage of a point on
/// that rank acts: `throw` (an `IoError`, the default), `kill` (SIGKILL to itself), `exit` (_exit(9)), `stop` (raises
/// the stop flag), `sleep` (60 s). Points are dotted names: "io.open", "io.read", "io.write", "io.fsync", "io.rename",
/// "comm.exchange", "comm.collective", "stage.<name>". Unset: one relaxed load per passage.
/// A malformed rule is a `ConfigError` at the first passage of any point. Thread-safe.
void point(std::string_view name);

/// Tells the seam which rank this process is; called once by `comm::Environment`.
void set_rank(int rank);

/// Reads the environment variable again and forgets the passages so far (tests). Throws `ConfigError`.
void reload();

}  // namespace rove::fault
