// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "algorithms/sampling/sampling_graph.hpp"

namespace rove::algorithms::detail {

/// Positions below this fit the high word of a packed slot.
inline constexpr std::uint64_t kLowPositions = std::uint64_t{1} << 32U;

/// One link's slots as they arrive, row after row, in the graph's slot order.
struct LinkSlots {
  std::vector<std::uint32_t> targets;
  std::vector<std::uint64_t> positions;  ///< empty: the slot's number
  std::vector<float> weights;            ///< or empty
  std::vector<std::int64_t> times;       ///< or empty; otherwise rows are put in order of (time, slot)
};

/// Throws `ConfigError` for a link given twice, with `kBoth`, or of no edge type.
void check_links(const graph::Schema& schema, std::span<const SampledLink> links);

/// Throws `InputError` for a weight that is negative or not finite; `name` is the edge type's.
void check_weights(std::span<const float> weights, const std::string& name);

/// The adjacency of rows with these degrees. On all threads.
[[nodiscard]] SamplingGraph::Adjacency make_adjacency(const graph::Schema& schema, const SampledLink& link,
                                                      std::span<const std::uint32_t> degrees, LinkSlots slots,
                                                      SamplingAttributes attributes);

}  // namespace rove::algorithms::detail
