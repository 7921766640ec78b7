// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "algorithms/sampling/detail/slot_draws.hpp"
#include "algorithms/sampling/detail/weighted_draws.hpp"
#include "algorithms/sampling/neighbor_sampler.hpp"
#include "algorithms/sampling/sampling_graph.hpp"
#include "engine/base/hash.hpp"

/// What one anchor draws, whoever asks: the sampler that holds the graph, or the owner of the anchor on behalf of
/// another rank.
namespace rove::algorithms::detail {

/// The stream of a hop and link. Part of every sampled result.
inline RandomStream neighbor_stream(const FanoutOptions& options, const SampledLink& link, std::uint64_t epoch,
                                    std::uint64_t hop) {
  const std::uint64_t tag = std::uint64_t{link.type.value()} * 2 + (link.direction == exec::Direction::kOut ? 1 : 0);
  return {options.seed, Purpose::kNeighbor, mix64(mix64(epoch, hop), tag)};
}

/// Who draws: the vertex; in disjoint subgraphs the vertex for this seed, at this time.
inline std::uint64_t drawing_entity(VertexKey vertex, std::uint64_t seed_tag) {
  return seed_tag == 0 ? vertex.value() : mix64(vertex.value(), seed_tag);
}
/// Not 0, which stands for subgraphs that are not disjoint.
inline std::uint64_t disjoint_seed_tag(VertexKey seed, std::int64_t time) {
  return mix64(seed.value(), static_cast<std::uint64_t>(time)) | 1U;
}

/// Draws for one anchor at a time, under any options.
class NeighborDraws {
 public:
  explicit NeighborDraws(const FanoutOptions& options) : options_(&options) {}

  /// For the anchors of one hop and link.
  void begin(const SamplingGraph::Adjacency& adjacency, const RandomStream& stream, std::int64_t fanout) {
    adjacency_ = &adjacency;
    stream_ = stream;
    fanout_ = fanout;
  }

  /// Appends the slots that `row` draws. `time` counts only for temporal options and links with times.
  void draw(std::uint64_t row, std::uint64_t entity, std::int64_t time, std::vector<std::uint64_t>& slots) {
    std::uint64_t first = adjacency_->offsets[row];
    std::uint64_t end = adjacency_->offsets[row + 1];
    const bool all = fanout_ == FanoutOptions::kAll;
    const auto count = static_cast<std::uint64_t>(std::max<std::int64_t>(fanout_, 0));
    if (options_->temporal != TemporalRule::kNone && !adjacency_->times.empty()) {
      const std::int64_t* times = adjacency_->times.data();
      end = static_cast<std::uint64_t>(std::upper_bound(times + first, times + end, time) - times);
      if (options_->temporal == TemporalRule::kLast && !all) first = std::max(first, end - std::min(end, count));
    }
    const std::uint64_t degree = end - first;
    if (degree == 0) return;
    if (options_->weighted && !adjacency_->weights.empty() && !options_->replace) {
      weighted_.without_replacement(stream_, entity, {adjacency_->weights.data() + first, degree},
                                    all ? std::numeric_limits<std::uint64_t>::max() : count, first, slots);
      return;
    }
    if (options_->weighted && !adjacency_->cumulative.empty() && options_->replace) {
      WeightedDraws::with_replacement(stream_, entity, {adjacency_->cumulative.data() + first, degree}, count, first,
                                      slots);
      return;
    }
    const bool take_all = all || (!options_->replace && degree <= count);
    const std::uint64_t before = slots.size();
    slots.resize(before + (take_all ? degree : count));
    std::uint64_t* out = slots.data() + before;
    if (take_all) {
      for (std::uint64_t j = 0; j < degree; ++j) out[j] = first + j;
    } else if (options_->replace) {
      uniform_.with_replacement(stream_, entity, degree, count, first, out);
    } else {
      uniform_.without_replacement(stream_, entity, degree, count, first, out);
    }
  }

 private:
  const FanoutOptions* options_;
  const SamplingGraph::Adjacency* adjacency_ = nullptr;
  RandomStream stream_{0, Purpose::kNeighbor};
  std::int64_t fanout_ = 0;
  SlotDraws uniform_;
  WeightedDraws weighted_;
};

}  // namespace rove::algorithms::detail
