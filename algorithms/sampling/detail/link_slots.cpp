// SPDX-License-Identifier: Apache-2.0
#include "algorithms/sampling/detail/link_slots.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "engine/base/checked_cast.hpp"
#include "engine/base/error.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::algorithms::detail {

namespace {

constexpr std::uint64_t kLinkSlotsGrain = 256;

template <class T>
HugeBuffer<T> huge_copy(std::span<const T> values) {
  HugeBuffer<T> result(values.size());
  std::copy(values.begin(), values.end(), result.begin());
  return result;
}

template <class T>
void permute(std::vector<T>& values, std::span<const std::uint64_t> order) {
  if (values.empty()) return;
  std::vector<T> ordered(values.size());
  for (std::size_t i = 0; i < order.size(); ++i) ordered[i] = values[order[i]];
  values = std::move(ordered);
}

/// Orders every row by (time, slot).
void sort_by_time(std::span<const std::uint64_t> offsets, LinkSlots& slots) {
  std::vector<std::uint64_t> order(slots.targets.size());
  std::iota(order.begin(), order.end(), std::uint64_t{0});
  parallel::for_each({0, offsets.size() - 1}, kLinkSlotsGrain, [&](std::uint64_t row) {
    const auto at = [&](std::uint64_t slot) { return order.begin() + static_cast<std::ptrdiff_t>(slot); };
    std::stable_sort(at(offsets[row]), at(offsets[row + 1]),
                     [&](std::uint64_t a, std::uint64_t b) { return slots.times[a] < slots.times[b]; });
  });
  if (slots.positions.empty()) {
    slots.positions = order;
  } else {
    permute(slots.positions, order);
  }
  permute(slots.targets, order);
  permute(slots.weights, order);
  permute(slots.times, order);
}

HugeBuffer<double> cumulative_weights(std::span<const std::uint64_t> offsets, std::span<const float> weights) {
  HugeBuffer<double> sums(weights.size());
  parallel::for_each({0, offsets.size() - 1}, kLinkSlotsGrain, [&](std::uint64_t row) {
    double sum = 0;
    for (std::uint64_t slot = offsets[row]; slot < offsets[row + 1]; ++slot) {
      sum += static_cast<double>(weights[slot]);
      sums[slot] = sum;
    }
  });
  return sums;
}

}  // namespace

void check_links(const graph::Schema& schema, std::span<const SampledLink> links) {
  for (std::size_t l = 0; l < links.size(); ++l) {
    const SampledLink& link = links[l];
    if (link.type.index() >= schema.edge_types().size()) {
      throw ConfigError(fmt::format("sampled link {} names edge type {}, the graph has {}", l, link.type.value(),
                                    schema.edge_types().size()));
    }
    if (link.direction == exec::Direction::kBoth) {
      throw ConfigError(fmt::format("sampled link {} over {} has no single direction; name one link for each direction",
                                    l, schema.name_of(link.type)));
    }
    if (std::find(links.begin(), links.begin() + static_cast<std::ptrdiff_t>(l), link) !=
        links.begin() + static_cast<std::ptrdiff_t>(l)) {
      throw ConfigError(fmt::format("sampled link {} over {} is given twice; raise its fan-out instead", l,
                                    schema.name_of(link.type)));
    }
  }
}

void check_weights(std::span<const float> weights, const std::string& name) {
  const auto bad = std::find_if(weights.begin(), weights.end(), [](float w) { return !(w >= 0) || std::isinf(w); });
  if (bad != weights.end()) {
    throw InputError(
        fmt::format("edge type {} has the weight {}; weighted sampling expects finite weights from 0 on", name, *bad));
  }
}

SamplingGraph::Adjacency make_adjacency(const graph::Schema& schema, const SampledLink& link,
                                        std::span<const std::uint32_t> degrees, LinkSlots slots,
                                        SamplingAttributes attributes) {
  const bool in = link.direction == exec::Direction::kIn;
  const graph::EdgeType& type = schema.edge_type(link.type);
  SamplingGraph::Adjacency adjacency;
  adjacency.link = link;
  adjacency.anchors = in ? type.destination : type.source;
  adjacency.neighbors = in ? type.source : type.destination;
  adjacency.offsets = HugeBuffer<std::uint64_t>(degrees.size() + 1);
  for (std::size_t row = 0; row < degrees.size(); ++row) {
    adjacency.offsets[row + 1] = adjacency.offsets[row] + degrees[row];
  }
  const std::span<const std::uint64_t> offsets(adjacency.offsets.data(), adjacency.offsets.size());
  if (!slots.times.empty()) sort_by_time(offsets, slots);
  if (attributes.weights) adjacency.weights = huge_copy<float>(slots.weights);
  if (attributes.cumulative && !slots.weights.empty()) {
    adjacency.cumulative = cumulative_weights(offsets, slots.weights);
  }
  adjacency.times = huge_copy<std::int64_t>(slots.times);
  if (slots.positions.empty()) {
    adjacency.targets = huge_copy<std::uint32_t>(slots.targets);
    return adjacency;
  }
  adjacency.slots = HugeBuffer<std::uint64_t>(slots.targets.size());
  for (std::size_t slot = 0; slot < slots.targets.size(); ++slot) {
    adjacency.slots[slot] = slots.targets[slot] | (slots.positions[slot] << 32U);
  }
  if (type.count >= kLowPositions) {
    adjacency.position_high = HugeBuffer<std::uint16_t>(slots.targets.size());
    for (std::size_t slot = 0; slot < slots.targets.size(); ++slot) {
      adjacency.position_high[slot] = checked_cast<std::uint16_t>(slots.positions[slot] >> 32U, "edge position / 2^32");
    }
  }
  return adjacency;
}

}  // namespace rove::algorithms::detail
