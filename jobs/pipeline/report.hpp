// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "jobs/pipeline/session.hpp"

namespace rove::jobs {

/// **Collective.** Writes `report.json` (phases with the slowest and the average rank's seconds, peak memory per rank,
/// ranks and threads, warnings) and `report.html` (all of that, and what the run's files say, beside the run that
/// `output` has published) into a run directory whose stages are done.
void write_report(Session& session, const std::filesystem::path& run_directory, const std::filesystem::path& output);

}  // namespace rove::jobs
