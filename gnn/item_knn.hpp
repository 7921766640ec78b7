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

/// Item-based neighbourhoods (Sarwar et al., WWW 2001): items i and j are alike by the cosine of their columns of the
/// matrix A of interaction counts, damped where they share few users,
///
///   s(i, j) = (AᵀA)_ij / (|a_i| |a_j| + shrinkage),
///
/// every item keeps its `neighbors` likest others (ties to the lower row), and a user scores j by the sum of s(i, j)
/// over the own interactions i that keep j.
struct ItemKnnOptions {
  std::uint32_t neighbors = 200;
  double shrinkage = 10;
};

/// **Collective.** The neighbours of every item: the same bytes on any ranks. Throws `ConfigError` when an option is
/// out of range. Cost: the sum of the squares of the users' degrees; ghost users' lists travel once.
[[nodiscard]] ModelWeights fit_item_knn(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                        EdgeTypeId type, const ItemKnnOptions& options, ProgressSink& progress);

/// **Collective.** Scores by the neighbours: one pass over the lists of a user's items, summed in the order of the
/// user's slots. Items nobody near is listed with score 0. Memory: the lists of the local items; 4 bytes per item and
/// thread.
[[nodiscard]] std::unique_ptr<Scorer> make_item_knn_scorer(const comm::Communicator& comm,
                                                           const graph::DistributedGraph& graph, EdgeTypeId type,
                                                           ModelWeights weights);

[[nodiscard]] MemoryPlan plan_item_knn(const ModelShare& share, const ItemKnnOptions& options);

}  // namespace rove::gnn
