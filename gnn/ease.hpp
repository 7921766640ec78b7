// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "engine/base/memory_plan.hpp"
#include "engine/base/progress.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "gnn/model_weights.hpp"
#include "gnn/scorer.hpp"
#include "gnn/training.hpp"

namespace rove::gnn {

/// Embarrassingly shallow autoencoder, EASE^R (Steck, WWW 2019, arXiv 1905.03375): the item weights B with zero
/// diagonal that minimise |A - AB|² + regularisation |B|², where A counts the interactions of users with items. In
/// closed form B_ij = -C_ij / C_jj for i ≠ j, with C the inverse of AᵀA + regularisation I.
struct EaseOptions {
  double regularisation = 300;
  std::uint32_t tile_items = 256;  ///< a multiple of 32; part of the bits
};

/// **Collective.** The dense matrix B, a row of incoming weights per item. The same bytes on any ranks: tiles are made
/// of fixed items, and every product is one chain. Throws `ConfigError` when the matrix is not positive definite in
/// float32 and `Interrupted` when a stop was asked for. Cost: items³ / 2 multiply-adds; memory: 4 · items² bytes over
/// the ranks, twice that with several.
[[nodiscard]] ModelWeights fit_ease(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                    EdgeTypeId type, const EaseOptions& options, ProgressSink& progress);

/// **Collective.** Scores by the weights, which it takes over: 64 items at a time, a user sums the weights of the own
/// interactions in slot order.
[[nodiscard]] std::unique_ptr<Scorer> make_ease_scorer(const comm::Communicator& comm,
                                                       const graph::DistributedGraph& graph, EdgeTypeId type,
                                                       ModelWeights weights);

[[nodiscard]] MemoryPlan plan_ease(const ModelShare& share, const EaseOptions& options);

}  // namespace rove::gnn
