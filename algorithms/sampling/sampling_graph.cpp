// SPDX-License-Identifier: Apache-2.0
#include "algorithms/sampling/sampling_graph.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "algorithms/sampling/detail/link_slots.hpp"
#include "engine/base/checked_cast.hpp"
#include "engine/base/error.hpp"

namespace rove::algorithms {

SamplingGraph SamplingGraph::replicated(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                        std::span<const SampledLink> links, SamplingAttributes attributes) {
  detail::check_links(blocks.schema, links);
  SamplingGraph result;
  result.schema_ = blocks.schema;
  result.keys_.resize(blocks.schema.vertex_types().size());
  const auto need_keys = [&](VertexTypeId type) {
    std::vector<VertexKey>& keys = result.keys_[type.index()];
    if (keys.empty()) keys = comm.all_gather_v<VertexKey>(blocks.keys[type.index()]).data;
  };
  for (const SampledLink& link : links) {
    const bool in = link.direction == exec::Direction::kIn;
    const graph::EdgeType& type = blocks.schema.edge_type(link.type);
    const graph::EdgeBlocks& edges = blocks.edges[link.type.index()];
    const graph::AdjacencyBlock& block = in ? edges.by_destination : edges.by_source;
    const bool weighted = type.has_weights && (attributes.weights || attributes.cumulative);

    // Home blocks are contiguous and in rank order, so what is gathered is the whole side in row order.
    std::vector<std::uint32_t> degrees(block.offsets.size() - 1);
    comm.agree([&] {
      for (std::size_t i = 0; i < degrees.size(); ++i) {
        degrees[i] = checked_cast<std::uint32_t>(block.offsets[i + 1] - block.offsets[i], "degree");
      }
      if (weighted) detail::check_weights(block.weights, blocks.schema.name_of(link.type));
    });
    degrees = comm.all_gather_v<std::uint32_t>(degrees).data;
    detail::LinkSlots slots;
    slots.targets = comm.all_gather_v<std::uint32_t>(block.targets).data;
    if (in) slots.positions = comm.all_gather_v<std::uint64_t>(edges.edge_positions).data;
    if (weighted) slots.weights = comm.all_gather_v<float>(block.weights).data;
    if (attributes.times && type.has_times) slots.times = comm.all_gather_v<std::int64_t>(block.times).data;
    Adjacency adjacency;
    comm.agree([&] { adjacency = detail::make_adjacency(blocks.schema, link, degrees, std::move(slots), attributes); });
    need_keys(adjacency.anchors);
    if (attributes.neighbor_keys) need_keys(adjacency.neighbors);
    result.adjacencies_.push_back(std::move(adjacency));
  }
  return result;
}

MemoryPlan SamplingGraph::plan(const graph::Schema& schema, std::span<const SampledLink> links,
                               SamplingAttributes attributes) {
  detail::check_links(schema, links);
  std::uint64_t rows = 0;
  std::uint64_t slot_bytes = 0;
  std::uint64_t gathered = 0;
  std::vector<std::uint64_t> key_bytes(schema.vertex_types().size());
  for (const SampledLink& link : links) {
    const graph::EdgeType& type = schema.edge_type(link.type);
    const bool in = link.direction == exec::Direction::kIn;
    const VertexTypeId anchors = in ? type.destination : type.source;
    const std::uint64_t count = schema.vertex_type(anchors).count;
    rows += 8 * (count + 1);
    const bool by_time = attributes.times && type.has_times;
    const bool weighted = type.has_weights && (attributes.weights || attributes.cumulative);
    slot_bytes += type.count * (in || by_time ? (type.count >= detail::kLowPositions ? 10 : 8) : 4);
    const std::uint64_t weight_bytes = (attributes.weights ? 4U : 0U) + (attributes.cumulative ? 8U : 0U);
    slot_bytes += type.count * ((weighted ? weight_bytes : 0U) + (by_time ? 8U : 0U));
    // Ordering by time takes the order and one array more.
    gathered = std::max(
        gathered, 4 * count + type.count * ((in ? 12U : 4U) + (weighted ? 4U : 0U) + (by_time ? 8U + 8U + 8U : 0U)));
    key_bytes[anchors.index()] = 8 * count;
    if (attributes.neighbor_keys) {
      const VertexTypeId neighbors = in ? type.source : type.destination;
      key_bytes[neighbors.index()] = 8 * schema.vertex_type(neighbors).count;
    }
  }
  std::uint64_t all_key_bytes = 0;
  for (const std::uint64_t bytes : key_bytes) all_key_bytes += bytes;
  MemoryPlan plan("sampling graph");
  plan.hold("bounds of rows", rows);
  plan.hold("slots", slot_bytes);
  plan.hold("vertex keys", all_key_bytes);
  plan.hold("gathering the adjacency of one link", gathered);
  return plan;
}

}  // namespace rove::algorithms
