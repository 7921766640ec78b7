// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/walk_graph.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <memory>

#include <fmt/format.h>

#include "engine/base/checked_cast.hpp"
#include "engine/base/error.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::exec {

namespace {

constexpr std::uint64_t kRowGrain = 1U << 12U;

}  // namespace

std::vector<AdjacencySide> selected_sides(const graph::Schema& schema, const EdgeSelection& selection) {
  std::vector<AdjacencySide> sides;
  for (std::size_t e = 0; e < schema.edge_types().size(); ++e) {
    const EdgeTypeId id{static_cast<std::uint16_t>(e)};
    const bool selected = selection.types.empty() ||
                          std::find(selection.types.begin(), selection.types.end(), id) != selection.types.end();
    if (!selected) continue;
    const graph::EdgeType& type = schema.edge_type(id);
    const bool both = selection.direction == Direction::kBoth;
    if (selection.direction == Direction::kIn || (both && !type.undirected)) {
      sides.push_back({id, false, type.destination, type.source});
    }
    if (selection.direction == Direction::kOut || both) sides.push_back({id, true, type.source, type.destination});
  }
  return sides;
}

const graph::AdjacencyBlock& block_of(const graph::GraphBlocks& blocks, const AdjacencySide& side) {
  const graph::EdgeBlocks& edges = blocks.edges[side.type.index()];
  return side.by_source ? edges.by_source : edges.by_destination;
}

WalkGraph::WalkGraph(std::span<const std::uint64_t> degrees) : num_rows_(static_cast<std::uint32_t>(degrees.size())) {
  std::uint64_t max_degree = 0;
  for (const std::uint64_t degree : degrees) {
    num_slots_ += degree;
    max_degree = std::max(max_degree, degree);
  }
  degree_bits_ = std::max(1U, static_cast<std::uint32_t>(std::bit_width(max_degree)));
  const auto offset_bits = static_cast<std::uint32_t>(std::bit_width(num_slots_));
  if (degree_bits_ + offset_bits > 64 || degree_bits_ > 32) {
    throw DoesNotFitError(
        fmt::format("walks over {} edges with a vertex of degree {} need {} + {} bits per vertex, more than 64 (and at "
                    "most 32 for the "
                    "degree); cap the degree at import or use more ranks with the partitioned layout",
                    num_slots_, max_degree, offset_bits, degree_bits_));
  }
  degree_mask_ = (std::uint64_t{1} << degree_bits_) - 1;
  records_ = HugeBuffer<std::uint64_t>(degrees.size());
  std::uint64_t offset = 0;
  for (std::size_t row = 0; row < degrees.size(); ++row) {
    records_[row] = (offset << degree_bits_) | degrees[row];
    offset += degrees[row];
  }
  // A vertex without edges at the end reads one slot beyond the last before its degree is looked at.
  targets_ = HugeBuffer<std::uint32_t>(num_slots_ + 1);
}

WalkGraph WalkGraph::partitioned(const AdjacencyView& view) {
  const graph::DistributedGraph& graph = view.graph();
  std::vector<std::uint64_t> degrees(graph.num_owned());
  parallel::for_each({0, degrees.size()}, kRowGrain, [&](std::uint64_t v) {
    degrees[v] = view.degree_of(LocalVertexId{static_cast<std::uint32_t>(v)});
  });
  WalkGraph result(degrees);
  parallel::for_each({0, degrees.size()}, kRowGrain, [&](std::uint64_t v) {
    const VertexRow place = view.row_of(LocalVertexId{static_cast<std::uint32_t>(v)});
    std::uint64_t write = result.offset_of_record(result.records_[v]);
    for (const Lane& lane : view.lanes_of(place.type)) {
      for (const LocalVertexId target : lane.csr->neighbors(place.row)) result.targets_[write++] = target.value();
    }
  });

  const graph::IndexMap& index_map = graph.index_map();
  result.ghosts_.reserve(graph.num_local() - graph.num_owned());
  for (std::uint32_t v = graph.num_owned(); v < graph.num_local(); ++v) {
    const GlobalVertexId global = index_map.global_of(LocalVertexId{v});
    const Rank owner = graph.partition().owner_of(global);
    const std::uint64_t local = global.value() - graph.partition().owned_by(owner).begin;
    result.ghosts_.push_back({owner, LocalVertexId{static_cast<std::uint32_t>(local)}});
  }
  return result;
}

MemoryPlan WalkGraph::plan_partitioned(const AdjacencyView& view) {
  const graph::DistributedGraph& graph = view.graph();
  std::uint64_t slots = 0;
  for (std::uint32_t v = 0; v < graph.num_owned(); ++v) slots += view.degree_of(LocalVertexId{v});
  MemoryPlan plan("walk graph");
  plan.hold("vertex records", 16 * std::uint64_t{graph.num_owned()});
  plan.hold("targets", 4 * (slots + 1));
  plan.hold("owners of ghosts", sizeof(RemoteVertex) * (std::uint64_t{graph.num_local()} - graph.num_owned()));
  return plan;
}

WalkGraph WalkGraph::replicated(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                const EdgeSelection& selection) {
  const graph::Schema& schema = blocks.schema;
  const std::uint64_t num_vertices = schema.num_vertices();
  if (num_vertices >= std::numeric_limits<std::uint32_t>::max()) {
    throw DoesNotFitError(fmt::format(
        "{} vertices, more than the 2^32 - 2 of a replicated walk graph; use the partitioned layout", num_vertices));
  }
  const std::vector<AdjacencySide> sides = selected_sides(schema, selection);

  // Home blocks are contiguous and in rank order, so what is gathered is the whole side in row order.
  std::vector<std::vector<std::uint32_t>> side_degrees;
  std::vector<std::uint64_t> degrees(num_vertices);
  for (const AdjacencySide& side : sides) {
    const std::vector<std::uint64_t>& offsets = block_of(blocks, side).offsets;
    std::vector<std::uint32_t> mine(offsets.size() - 1);
    comm.agree([&] {
      for (std::size_t i = 0; i < mine.size(); ++i) {
        mine[i] = checked_cast<std::uint32_t>(offsets[i + 1] - offsets[i], "degree");
      }
    });
    side_degrees.push_back(comm.all_gather_v<std::uint32_t>(mine).data);
    const std::uint64_t first = schema.stable_range(side.rows).begin;
    for (std::size_t i = 0; i < side_degrees.back().size(); ++i) degrees[first + i] += side_degrees.back()[i];
  }

  std::unique_ptr<WalkGraph> result;
  comm.agree([&] { result.reset(new WalkGraph(degrees)); });
  // From here on `degrees` holds where each vertex's next slot is written.
  for (std::size_t v = 0; v < degrees.size(); ++v) degrees[v] = result->offset_of_record(result->records_[v]);
  for (std::size_t s = 0; s < sides.size(); ++s) {
    const std::uint64_t first_row = schema.stable_range(sides[s].rows).begin;
    const auto first_target = static_cast<std::uint32_t>(schema.stable_range(sides[s].targets).begin);
    const auto gathered = comm.all_gather_v<std::uint32_t>(block_of(blocks, sides[s]).targets);
    std::uint64_t read = 0;
    for (std::size_t i = 0; i < side_degrees[s].size(); ++i) {
      std::uint64_t& write = degrees[first_row + i];
      for (std::uint32_t j = 0; j < side_degrees[s][i]; ++j) {
        result->targets_[write++] = first_target + gathered.data[read++];
      }
    }
  }
  return std::move(*result);
}

MemoryPlan WalkGraph::plan_replicated(const graph::Schema& schema, const EdgeSelection& selection) {
  std::uint64_t slots = 0;
  std::uint64_t largest_side = 0;
  std::uint64_t side_rows = 0;
  for (const AdjacencySide& side : selected_sides(schema, selection)) {
    slots += schema.edge_type(side.type).count;
    largest_side = std::max(largest_side, schema.edge_type(side.type).count);
    side_rows += schema.vertex_type(side.rows).count;
  }
  MemoryPlan plan("replicated walk graph");
  plan.hold("vertex records", 16 * schema.num_vertices());
  plan.hold("targets", 4 * (slots + 1));
  plan.hold("gathering the adjacency of one edge type", 8 * largest_side + 4 * side_rows);
  return plan;
}

}  // namespace rove::exec
