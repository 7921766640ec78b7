// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "jobs/pipeline/session.hpp"

namespace rove::jobs {

/// **Collective.** Writes `report.json` into the run directory: phases with the slowest and the average rank's seconds,
/// peak memory per rank, ranks and threads, warnings.
void write_report(Session& session, const std::filesystem::path& run_directory);

}  // namespace rove::jobs
