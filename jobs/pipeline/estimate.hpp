// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/memory_plan.hpp"
#include "engine/graph/schema.hpp"
#include "jobs/pipeline/session.hpp"

namespace rove::jobs {

/// What a job would run on: not what runs the estimate.
struct EstimateMachine {
  std::int32_t ranks = 1;
  std::uint32_t threads = 1;  ///< per rank
  MemoryLimit limit;          ///< per rank
};

/// What is known of the graph beside its schema.
struct GraphFacts {
  /// Foreign vertices that a rank reads. Without: the upper bound, every end of its edges lies elsewhere.
  std::optional<std::uint64_t> ghosts;
  std::uint64_t alone_bytes = 0;  ///< see `plan_import_stage`
};

/// What one stage needs on its busiest rank.
struct StageEstimate {
  std::string stage;
  MemoryPlan resident{""};  ///< what earlier stages leave in memory: the graph in its forms, ids
  MemoryPlan plan{""};      ///< what the stage adds, as it will plan itself before it allocates
  std::string advice;       ///< the settings that make it smaller
  std::optional<double> seconds;
  std::string seconds_from;  ///< where the time comes from, or why there is none

  [[nodiscard]] std::uint64_t total_bytes() const { return resident.total_bytes() + plan.total_bytes(); }
};

/// What can be estimated one by one: stages of `rove run`, and verbs that are none.
inline constexpr std::array<std::string_view, 9> kEstimatedVerbs{"import", "partition", "ppr",      "index",    "walk",
                                                                 "sample", "train",     "evaluate", "recommend"};

/// These, each as it runs alone; none named: the stages of `rove run` that the configuration enables, in order. Throws
/// `ConfigError` as the stages would. Times are those of the stages of `previous_run`, if given, scaled by the edges.
/// Of `session` only configuration and schema are read, and the files of `ppr.seed_sets` for their number.
[[nodiscard]] std::vector<StageEstimate> estimate_stages(Session& session, const EstimateMachine& machine,
                                                         const GraphFacts& facts, std::span<const std::string> names,
                                                         const std::optional<std::filesystem::path>& previous_run);

/// A stage that does not fit.
struct Misfit {
  std::string stage;
  std::uint64_t bytes = 0;
  std::string advice;
};
/// Throws `DoesNotFitError` naming the limit and every one of them, if there are any.
void require_no_misfit(const MemoryLimit& limit, std::span<const Misfit> misfits);

}  // namespace rove::jobs
