// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

#include "engine/comm/communicator.hpp"
#include "engine/graph/neighbor_lists.hpp"
#include "gnn/embedding_table.hpp"
#include "gnn/interactions.hpp"
#include "gnn/interest_clusters.hpp"
#include "gnn/retrieval.hpp"

namespace rove::gnn {

struct InterestOptions : ClusterOptions {
  std::uint32_t interests = 4;   ///< components of a user's mixture at most
  std::uint32_t neighbors = 10;  ///< users that smooth it
  double smoothing = 0.5;        ///< λ, the neighbours' share
};

/// **Collective.** Multi-interest retrieval by kNN-Embed (El-Kishky et al., arXiv 2205.06205). Items are clustered
/// (`cluster_items`). A user is the mixture of the `interests` clusters with most of the own interactions (ties to the
/// lower cluster): weight p(c|u), their share, and centroid, the mean of the user's items in c. It is smoothed by the
/// `neighbors` users N of largest cosine:
///
///   p~(c|u) = (1 - λ) p(c|u) + λ/|N| Σ_v p(c|v),   centroids alike, each weighted by its part of p~,
///
/// and cut again to the heaviest `interests`, renormalised. A user without interactions has the neighbours' mixture. Of
/// the `top_k` items of a list, component c gives p~(c|u) · top_k, by largest remainder: its items of largest inner
/// product with the centroid that heavier components have not given. Scores are p~ times that product, and lists are in
/// their order, ties by ascending row. The contract of `top_items`; the bits depend on graph, vectors, options and seed
/// alone. Cost: k-means, users² · dim multiply-adds for the neighbours, and `interests` times `top_items`; memory:
/// `interests` vectors per owned user, a vector per local item.
[[nodiscard]] graph::NeighborLists top_items_by_interests(const comm::Communicator& comm,
                                                          const Interactions& interactions,
                                                          const EmbeddingTable& embeddings,
                                                          const RetrievalOptions& retrieval,
                                                          const InterestOptions& options,
                                                          const std::function<bool(std::uint64_t)>& wanted);

}  // namespace rove::gnn
