// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "gnn/batch_training.hpp"

namespace rove::gnn {

/// What a step of a model moves, whatever the layout.
struct StepShape {
  std::uint32_t hops = 0;       ///< times that every row is pulled, forward and back
  std::uint32_t backward = 0;   ///< backward passes, whose first hop reads the batch's rows only
  std::uint32_t moves_out = 0;  ///< times that the batch's rows go from propagation to the losses
  std::uint32_t moves_back = 0;
  StateStorage storage = StateStorage::kFloat32;  ///< of what is pulled
};

/// What the cost of a step depends on.
struct StepFacts {
  std::int32_t ranks = 1;
  std::uint32_t threads = 1;  ///< per rank
  std::uint32_t dim = 0;
  std::uint64_t batch_size = 0;
  std::uint64_t users = 0;
  std::uint64_t items = 0;
  std::uint64_t interactions = 0;
  std::uint64_t halo_rows = 0;  ///< that the busiest rank sends when all ghosts are brought up to date
};

/// The machine as the model sees it. The defaults are cautious: what one thread reads of rows beyond the cache, a 10
/// Gbit network, and an exchange among ranks that do not arrive at the same time.
struct StepMachine {
  double row_bytes_per_second = 20e9;  ///< per thread
  double wire_bytes_per_second = 1e9;  ///< per rank
  double seconds_per_exchange = 50e-6;
};

/// A step's cost on the busiest rank.
struct StepCost {
  double row_bytes = 0;   ///< read and written in propagation and by the optimiser
  double wire_bytes = 0;  ///< sent, but for what the losses send in either layout
  double exchanges = 0;
  [[nodiscard]] double seconds(const StepFacts& facts, const StepMachine& machine) const;
};
[[nodiscard]] StepCost step_cost(TrainLayout layout, const StepShape& shape, const StepFacts& facts);

/// What the losses send per step and rank in either layout, at most: whole rows of the other ends of triples, and one
/// float back.
[[nodiscard]] double loss_bytes(const StepFacts& facts);

/// Distinct rows that a batch of uniformly drawn triples names, expected.
[[nodiscard]] double expected_active_rows(const StepFacts& facts);

/// The layout whose step takes less time by the model; on one rank, where neither sends anything, columns for their
/// clusters of rows if the model propagates and the rows are more than a few MB.
[[nodiscard]] TrainLayout faster_layout(const StepShape& shape, const StepFacts& facts,
                                        const StepMachine& machine = {});

}  // namespace rove::gnn
