// SPDX-License-Identifier: Apache-2.0
#include "gnn/shared_negatives.hpp"

#include <algorithm>

#include "engine/base/hash.hpp"
#include "engine/base/random.hpp"

namespace rove::gnn {

SharedNegatives::SharedNegatives(const Interactions& interactions, std::uint64_t per_batch, std::uint64_t seed)
    : interactions_(&interactions), per_batch_(std::min(per_batch, interactions.num_items())), seed_(seed) {}

std::vector<std::uint32_t> SharedNegatives::draw(std::uint64_t epoch, std::uint64_t batch) const {
  // Apart from the streams of the triples' own negatives.
  const KeyedPermutation items(seed_, Purpose::kNegative, mix64(~epoch, batch), interactions_->num_items());
  std::vector<std::uint32_t> drawn(per_batch_);
  for (std::uint64_t k = 0; k < per_batch_; ++k) drawn[k] = static_cast<std::uint32_t>(items.apply(k));
  std::ranges::sort(drawn);
  return drawn;
}

std::vector<std::uint32_t> SharedNegatives::owned(std::span<const std::uint32_t> items) const {
  const graph::DistributedGraph& graph = interactions_->graph();
  std::vector<std::uint32_t> rows;
  for (const std::uint32_t item : items) {
    const auto local = graph.index_map().find_owned(graph.schema().stable_id(interactions_->item_type(), item));
    if (local) rows.push_back(local->value());
  }
  return rows;
}

}  // namespace rove::gnn
