// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace rove::jobs {

/// "0.1.0".
[[nodiscard]] std::string software_version();
/// The commit the binary was built from, or "unknown" outside a checkout.
[[nodiscard]] std::string software_commit();
/// What `rove --version` prints: version, commit, METIS index width, instruction set.
[[nodiscard]] std::string version_text();

}  // namespace rove::jobs
