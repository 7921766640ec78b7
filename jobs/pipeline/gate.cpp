// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/gate.hpp"

#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "engine/base/error.hpp"

namespace rove::jobs {
namespace {

std::string names_of(const io::publish::Metrics& metrics) {
  std::vector<std::string_view> names;
  for (const auto& [name, value] : metrics) names.push_back(name);
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

/// "; published run 0006 has 0.1830".
std::string previous_value(const io::publish::GateInput& input, const std::string& name) {
  if (!input.previous_run) return "; nothing is published yet";
  const std::string run = input.previous_run->filename().string();
  if (input.previous_metrics) {
    const auto found = input.previous_metrics->find(name);
    if (found != input.previous_metrics->end()) return fmt::format("; published run {} has {:.6g}", run, found->second);
  }
  return fmt::format("; published run {} has no {}", run, name);
}

}  // namespace

io::publish::Gate metric_gate(std::map<std::string, double> floors) {
  return [floors = std::move(floors)](const io::publish::GateInput& input) {
    std::vector<std::string> reasons;
    for (const auto& [name, floor] : floors) {
      const auto found = input.metrics.find(name);
      if (found == input.metrics.end()) {
        reasons.push_back(
            fmt::format("{} is not among the run's metrics ({}), floor {:.6g}", name, names_of(input.metrics), floor));
      } else if (!(found->second >= floor)) {
        reasons.push_back(fmt::format("{} is {:.6g}, below its floor {:.6g}{}", name, found->second, floor,
                                      previous_value(input, name)));
      }
    }
    if (!reasons.empty()) {
      throw GateError(fmt::format("publish.gate refuses {}: {}", input.run.string(), fmt::join(reasons, "; also ")));
    }
  };
}

io::publish::Gate make_gate(const Config& config) {
  std::map<std::string, double> floors = config.reals("publish.gate");
  for (const auto& [name, floor] : floors) {
    if (!std::isfinite(floor)) {
      throw ConfigError(fmt::format("publish.gate: the floor of {} is {}, expected a finite number", name, floor));
    }
  }
  return metric_gate(std::move(floors));
}

}  // namespace rove::jobs
