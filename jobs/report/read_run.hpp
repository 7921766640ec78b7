// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "jobs/report/report_data.hpp"

namespace rove::jobs {

/// Fills in what the files of a finished, not yet published run directory say: metrics, phases that an earlier job did,
/// files, import, partition, history. `data.run.phases` must hold this job's phases. Not collective.
void read_run(const std::filesystem::path& run, ReportData& data);

/// The published run as last night's values. Throws `Error` when its files are damaged. Not collective.
[[nodiscard]] RunSummary read_published_run(const std::filesystem::path& run);

}  // namespace rove::jobs
