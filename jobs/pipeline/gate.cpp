// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/gate.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "jobs/config/schema.hpp"
#include "jobs/pipeline/metric_values.hpp"
#include "jobs/pipeline/training_options.hpp"

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

void check_gate(const Config& config, bool is_evaluated) {
  const std::map<std::string, double> floors = config.reals("publish.gate");
  static_cast<void>(make_gate(config));
  if (floors.empty()) return;
  if (!is_evaluated) {
    throw ConfigError(
        "publish.gate has floors, but nothing is evaluated; set evaluate.test or split.method (and train.enabled), or "
        "empty the gate");
  }
  std::vector<std::string> known{"users"};
  for (const std::uint32_t k : cutoffs(config)) {
    const gnn::Evaluation evaluation{0, {{.cutoff = k}}};
    const gnn::ItemExposure exposure{.cutoff = k};
    for (const auto& metrics : {metric_values(evaluation), metric_values(std::span(&exposure, 1))}) {
      for (const auto& [name, value] : metrics) known.push_back(name);
    }
  }
  for (const auto& [name, floor] : floors) {
    if (std::ranges::find(known, name) != known.end()) continue;
    throw ConfigError(
        fmt::format("publish.gate names '{}', which the evaluation does not make (evaluate.at: {}); did "
                    "you mean '{}'?",
                    name, fmt::join(cutoffs(config), ", "), nearest_word(name, known)));
  }
}

}  // namespace rove::jobs
