// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "io/publish/publisher.hpp"
#include "jobs/config/config.hpp"

namespace rove::jobs {

/// A gate that lets a run pass when each named metric is at least its floor. It refuses with one line per metric that
/// is below, not a number, or absent, with the floor and the value of the published run. No floors: everything passes.
[[nodiscard]] io::publish::Gate metric_gate(std::map<std::string, double> floors);

/// The gate of `publish.gate`. Throws `ConfigError` when a floor is not a finite number.
[[nodiscard]] io::publish::Gate make_gate(const Config& config);

/// Throws `ConfigError` for floors of metrics that the job will not have: nothing else would tell before its end.
void check_gate(const Config& config, bool is_evaluated);

}  // namespace rove::jobs
