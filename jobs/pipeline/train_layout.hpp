// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/comm/communicator.hpp"
#include "gnn/models.hpp"
#include "gnn/training_layout.hpp"
#include "jobs/config/config.hpp"

namespace rove::jobs {

/// What a layout is chosen for: a model on one rank of a job.
struct TrainLayoutQuestion {
  const gnn::Model& model;
  const gnn::ModelOptions& options;
  gnn::ModelShare share;
  std::uint64_t users = 0;
  std::uint64_t halo_rows = 0;     ///< that the busiest rank sends
  std::uint64_t memory_bytes = 0;  ///< of this rank
};

/// What fits this rank.
struct TrainLayoutFit {
  bool columns = false;    ///< within half of its memory; false where the model is not trained by columns
  bool whole_rows = true;  ///< within its memory
};
[[nodiscard]] TrainLayoutFit train_layout_fit(const TrainLayoutQuestion& question);

/// The layout that `resources.train_layout` asks for. `auto`: columns if the model knows them, `resources.layout` does
/// not forbid copies of the graph, they fit half of the memory, and whole rows do not fit or the cost model says that a
/// step by columns takes less time. Throws `ConfigError` when the model cannot be trained by columns.
[[nodiscard]] gnn::TrainLayout train_layout(const Config& config, const TrainLayoutQuestion& question);
/// The same of a job in which this fits all ranks.
[[nodiscard]] gnn::TrainLayout train_layout(const Config& config, const TrainLayoutQuestion& question,
                                            TrainLayoutFit fit);
/// **Collective.** The same on all ranks, by what fits all of them.
[[nodiscard]] gnn::TrainLayout agreed_train_layout(const comm::Communicator& comm, const Config& config,
                                                   const TrainLayoutQuestion& question);

/// The same options for training in this layout.
[[nodiscard]] gnn::ModelOptions with_layout(gnn::ModelOptions options, gnn::TrainLayout layout);

}  // namespace rove::jobs
