// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "gnn/embedding_table.hpp"
#include "gnn/interactions.hpp"

namespace rove::gnn {

struct ClusterOptions {
  std::uint32_t clusters = 0;  ///< 0: the root of the number of items, rounded up
  std::uint32_t iterations = 10;
  std::uint64_t seed = 42;
};

/// Marks an item without a cluster: its vector is zero.
inline constexpr std::uint32_t kNoCluster = 0xFFFFFFFFU;

struct ItemClusters {
  std::uint32_t count = 0;
  std::vector<std::uint32_t> of_item;  ///< per owned item, counted from the first
};

/// **Collective.** Spherical k-means of the items: Lloyd's iterations on unit vectors, an item to the centroid of
/// largest cosine (ties to the lower), a centroid to the direction of its members' sum. Starts at items drawn by key.
/// Sums are of whole numbers, so the clusters depend on the vectors, the options and the seed alone. Cost per
/// iteration: items · clusters · dim multiply-adds; clusters · dim numbers are reduced.
[[nodiscard]] ItemClusters cluster_items(const comm::Communicator& comm, const Interactions& interactions,
                                         const EmbeddingTable& embeddings, const ClusterOptions& options);

/// The row over its length; zeros stay.
void normalise_into(std::span<const float> row, std::span<float> unit);

}  // namespace rove::gnn
