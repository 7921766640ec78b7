// SPDX-License-Identifier: Apache-2.0
#include "algorithms/sampling/sampling_graph.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "engine/base/checked_cast.hpp"
#include "engine/base/error.hpp"

namespace rove::algorithms {

namespace {

constexpr std::uint64_t kLowPositions = std::uint64_t{1} << 32U;

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

template <class T>
HugeBuffer<T> huge_copy(std::span<const T> values) {
  HugeBuffer<T> result(values.size());
  std::copy(values.begin(), values.end(), result.begin());
  return result;
}

}  // namespace

SamplingGraph SamplingGraph::replicated(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                        std::span<const SampledLink> links) {
  check_links(blocks.schema, links);
  SamplingGraph result;
  result.schema_ = blocks.schema;
  result.keys_.resize(blocks.schema.vertex_types().size());
  for (const SampledLink& link : links) {
    const bool in = link.direction == exec::Direction::kIn;
    const graph::EdgeType& type = blocks.schema.edge_type(link.type);
    const graph::EdgeBlocks& edges = blocks.edges[link.type.index()];
    const graph::AdjacencyBlock& block = in ? edges.by_destination : edges.by_source;
    Adjacency adjacency;
    adjacency.link = link;
    adjacency.anchors = in ? type.destination : type.source;
    adjacency.neighbors = in ? type.source : type.destination;

    // Home blocks are contiguous and in rank order, so what is gathered is the whole side in row order.
    std::vector<std::uint32_t> degrees(block.offsets.size() - 1);
    comm.agree([&] {
      for (std::size_t i = 0; i < degrees.size(); ++i) {
        degrees[i] = checked_cast<std::uint32_t>(block.offsets[i + 1] - block.offsets[i], "degree");
      }
    });
    degrees = comm.all_gather_v<std::uint32_t>(degrees).data;
    const std::vector<std::uint32_t> targets = comm.all_gather_v<std::uint32_t>(block.targets).data;
    std::vector<std::uint64_t> positions;
    if (in) positions = comm.all_gather_v<std::uint64_t>(edges.edge_positions).data;
    comm.agree([&] {
      adjacency.offsets = HugeBuffer<std::uint64_t>(degrees.size() + 1);
      for (std::size_t row = 0; row < degrees.size(); ++row) {
        adjacency.offsets[row + 1] = adjacency.offsets[row] + degrees[row];
      }
      if (!in) {
        adjacency.targets = huge_copy<std::uint32_t>(targets);
        return;
      }
      adjacency.slots = HugeBuffer<std::uint64_t>(targets.size());
      for (std::size_t slot = 0; slot < targets.size(); ++slot) {
        adjacency.slots[slot] = targets[slot] | (positions[slot] << 32U);
      }
      if (targets.size() >= kLowPositions) {
        adjacency.position_high = HugeBuffer<std::uint16_t>(targets.size());
        for (std::size_t slot = 0; slot < targets.size(); ++slot) {
          adjacency.position_high[slot] = checked_cast<std::uint16_t>(positions[slot] >> 32U, "edge position / 2^32");
        }
      }
    });
    std::vector<VertexKey>& keys = result.keys_[adjacency.anchors.index()];
    if (keys.empty()) keys = comm.all_gather_v<VertexKey>(blocks.keys[adjacency.anchors.index()]).data;
    result.adjacencies_.push_back(std::move(adjacency));
  }
  return result;
}

MemoryPlan SamplingGraph::plan(const graph::Schema& schema, std::span<const SampledLink> links) {
  check_links(schema, links);
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
    slot_bytes += type.count * (in ? (type.count >= kLowPositions ? 10 : 8) : 4);
    gathered = std::max(gathered, 4 * count + type.count * (in ? 12 : 4));
    key_bytes[anchors.index()] = 8 * count;
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
