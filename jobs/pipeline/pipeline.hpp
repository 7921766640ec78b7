// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "io/publish/manifest.hpp"
#include "jobs/pipeline/session.hpp"

namespace rove::jobs {

struct PipelineResult {
  std::filesystem::path run;
  io::publish::Metrics metrics;  ///< empty when nothing was evaluated
  bool published = false;
  bool resumed = false;
};

/// **Collective.** The whole job: import, partition, ppr, train, evaluate, recommend, publish, as the configuration
/// enables them. An unfinished run directory with the same content hashes is continued where it stopped, on any number
/// of ranks. Throws `Interrupted` between stages, and inside those that checkpoint, when a stop was asked for;
/// `GateError` when the gate refuses.
[[nodiscard]] PipelineResult run_pipeline(Session& session);

}  // namespace rove::jobs
