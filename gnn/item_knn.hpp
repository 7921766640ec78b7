// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "engine/base/memory_plan.hpp"
#include "engine/base/progress.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "gnn/model_weights.hpp"
#include "gnn/scorer.hpp"
#include "gnn/training.hpp"

namespace rove::gnn {

/// The table of what every user gives an item, which averages have beside the lists.
inline constexpr std::string_view kItemKnnStart = "start";

/// How the neighbours of items make a score.
enum class KnnPrediction : std::uint8_t {
  kSum,      ///< s(i, j), summed over the own items i that keep j
  kAverage,  ///< m(j) + Σ_i s(i, j) (A_ui - m(i)) / Σ_i s(i, j) over the items i that j keeps, m the items' means
             ///< over all users
};

/// Item-based neighbourhoods (Sarwar et al., WWW 2001): items i and j are alike by the cosine of their columns of the
/// matrix A of interaction counts, damped where they share few users,
///
///   s(i, j) = (AᵀA)_ij / (|a_i| |a_j| + shrinkage),
///
/// and every item keeps its `neighbors` likest others (ties to the lower row). A user scores j by the sum of s(i, j)
/// over the own interactions i that keep j, or by an average over the items that j keeps, corrected for how popular
/// they are (Ma et al., SIGIR 2007, as the BARS benchmark runs it).
struct ItemKnnOptions {
  std::uint32_t neighbors = 200;
  double shrinkage = 10;
  KnnPrediction prediction = KnnPrediction::kSum;
};

/// **Collective.** The neighbours of every item: the same bytes on any ranks. Throws `ConfigError` when an option is
/// out of range. Cost: the sum of the squares of the users' degrees; ghost users' lists travel once.
[[nodiscard]] ModelWeights fit_item_knn(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                        EdgeTypeId type, const ItemKnnOptions& options, ProgressSink& progress);

/// **Collective.** Scores by the neighbours: one pass over the lists of a user's items, summed in the order of the
/// user's slots. An item that nothing near is listed with scores 0, or what its popularity gives it. Memory: the lists
/// of the local items; 4 bytes per item, and per item and thread.
[[nodiscard]] std::unique_ptr<Scorer> make_item_knn_scorer(const comm::Communicator& comm,
                                                           const graph::DistributedGraph& graph, EdgeTypeId type,
                                                           ModelWeights weights);

[[nodiscard]] MemoryPlan plan_item_knn(const ModelShare& share, const ItemKnnOptions& options);

}  // namespace rove::gnn
