// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "io/import/import_options.hpp"
#include "tests/support/shared_temp_directory.hpp"

namespace rove::tests {

/// **Collective.** Writes a file that all ranks see, and returns its path.
std::string put(const SharedTempDirectory& directory, const std::string& name, const std::string& text);

/// **Collective.** What the error of an import says, or "no error".
[[nodiscard]] std::string message_of(const io::ImportOptions& options);

}  // namespace rove::tests
