// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/walk_graph.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "engine/base/checked_cast.hpp"
#include "engine/base/error.hpp"
#include "engine/exec/detail/walk_graph_builder.hpp"

namespace rove::exec {

const graph::AdjacencyBlock& block_of(const graph::GraphBlocks& blocks, const AdjacencySide& side) {
  const graph::EdgeBlocks& edges = blocks.edges[side.type.index()];
  return side.by_source ? edges.by_source : edges.by_destination;
}

namespace {

/// Slots that one side of an edge type contributes to one list of its rows.
struct ListSide : AdjacencySide {
  std::uint32_t list = 0;
  std::optional<std::uint32_t> relation;
};

std::vector<ListSide> sides_of_links(const graph::Schema& schema, const std::vector<WalkLink>& links) {
  std::vector<ListSide> sides;
  for (std::size_t list = 0; list < links.size(); ++list) {
    const WalkLink& link = links[list];
    const graph::EdgeType& type = schema.edge_type(link.type);
    if (link.relation && *link.relation >= type.relations.size()) {
      throw ConfigError(fmt::format("relation {} of '{}': the edge type has {}", *link.relation,
                                    schema.name_of(link.type), type.relations.size()));
    }
    const VertexTypeId rows = link.forward ? type.source : type.destination;
    const VertexTypeId targets = link.forward ? type.destination : type.source;
    sides.push_back({{link.type, link.forward, rows, targets}, static_cast<std::uint32_t>(list), link.relation});
  }
  return sides;
}

std::vector<ListSide> sides_of(const graph::Schema& schema, const EdgeSelection& selection,
                               const WalkGraphOptions& options) {
  std::vector<ListSide> sides = sides_of_links(schema, options.links);
  if (options.links.empty()) {
    for (const AdjacencySide& side : selected_sides(schema, selection)) sides.push_back({side, 0, {}});
  }
  for (const ListSide& side : sides) {
    if (options.times && !schema.edge_type(side.type).has_times) {
      throw ConfigError(
          fmt::format("walks in order of time need a time on every edge, and '{}' has none; leave it out "
                      "or import it with a time column",
                      schema.name_of(side.type)));
    }
  }
  return sides;
}

/// Whether, by the types of vertices, a walk from A over B may come to a C that A is also linked to.
bool closes_triangles(const std::vector<ListSide>& sides) {
  for (const ListSide& first : sides) {
    for (const ListSide& second : sides) {
      if (second.rows != first.targets) continue;
      for (const ListSide& direct : sides) {
        if (direct.rows == first.rows && direct.targets == second.targets) return true;
      }
    }
  }
  return false;
}

WalkGraphBuilder::Returns returns_of(const std::vector<ListSide>& sides, const EdgeSelection& selection,
                                     const WalkGraphOptions& options) {
  const bool both_ways = selection.direction == Direction::kBoth;
  return {closes_triangles(sides), options.membership && options.links.empty(), !both_ways};
}

/// One CSR of either layout.
template <class Adjacency>
std::vector<std::uint32_t> degrees_of(const Adjacency& adjacency, const std::optional<std::uint32_t>& relation) {
  std::vector<std::uint32_t> degrees(adjacency.offsets.size() - 1);
  for (std::size_t row = 0; row < degrees.size(); ++row) {
    const std::uint64_t begin = adjacency.offsets[row];
    const std::uint64_t end = adjacency.offsets[row + 1];
    std::uint64_t degree = end - begin;
    if (relation) {
      degree = static_cast<std::uint64_t>(std::count(adjacency.relations.begin() + static_cast<std::ptrdiff_t>(begin),
                                                     adjacency.relations.begin() + static_cast<std::ptrdiff_t>(end),
                                                     *relation));
    }
    degrees[row] = checked_cast<std::uint32_t>(degree, "degree");
  }
  return degrees;
}

/// Slot values of the wanted relation only, in slot order.
template <class T>
std::vector<T> filtered(const std::vector<T>& values, const std::vector<std::uint32_t>& relations,
                        const std::optional<std::uint32_t>& relation) {
  if (!relation || values.empty()) return values;
  std::vector<T> kept;
  for (std::size_t slot = 0; slot < values.size(); ++slot) {
    if (relations[slot] == *relation) kept.push_back(values[slot]);
  }
  return kept;
}

}  // namespace

Rank WalkGraph::owner_of(std::uint32_t id) const {
  const auto after = std::upper_bound(rank_begins_.begin(), rank_begins_.end(), id);
  return Rank{static_cast<std::int32_t>(after - rank_begins_.begin()) - 1};
}

std::uint32_t WalkGraph::ghost_of(std::uint32_t id) const {
  return num_rows_ +
         static_cast<std::uint32_t>(std::lower_bound(ghost_ids_.begin(), ghost_ids_.end(), id) - ghost_ids_.begin());
}

std::uint32_t WalkGraph::weight_back(std::uint32_t row, const std::uint32_t* place) const {
  if (place == nullptr) return 0;
  if (!shares_.empty()) return shares_[static_cast<std::size_t>(place - (sorted_.empty() ? targets_ : sorted_).data())];
  const std::span<const std::uint32_t> all = sorted_neighbors(row);
  const std::uint32_t* first = place;
  const std::uint32_t* last = place;
  while (first != all.data() && first[-1] == *place) --first;
  while (last != all.data() + all.size() && *last == *place) ++last;
  return static_cast<std::uint32_t>(last - first);
}

WalkGraph WalkGraph::partitioned(const AdjacencyView& view, const WalkGraphOptions& options) {
  const graph::DistributedGraph& graph = view.graph();
  const std::vector<ListSide> sides = sides_of(graph.schema(), view.selection(), options);
  const auto csr_of = [&](const ListSide& side) -> const graph::CsrGraph& {
    return side.by_source ? graph.by_source(side.type) : graph.by_destination(side.type);
  };
  const auto first_row_of = [&](const ListSide& side) { return graph.owned_of_type(side.rows).begin; };

  WalkGraphBuilder builder(graph.num_owned(), options);
  for (const ListSide& side : sides) {
    builder.count(first_row_of(side), side.list, degrees_of(csr_of(side), side.relation));
  }
  builder.allocate();
  for (const ListSide& side : sides) {
    const graph::CsrGraph& csr = csr_of(side);
    std::vector<std::uint32_t> targets;
    targets.reserve(csr.targets.size());
    for (const LocalVertexId target : csr.targets) targets.push_back(target.value());
    targets = filtered(targets, csr.relations, side.relation);
    std::vector<float> weights;
    if (options.sampling != SlotSampling::kUniform) weights = filtered(csr.weights, csr.relations, side.relation);
    std::vector<std::int64_t> times;
    if (options.times) times = filtered(csr.times, csr.relations, side.relation);
    builder.fill(first_row_of(side), side.list, degrees_of(csr, side.relation), targets, 0, weights, times);
  }

  WalkGraphBuilder::Ids ids;
  const graph::Partition& partition = graph.partition();
  const graph::IndexMap& index_map = graph.index_map();
  if (options.membership && partition.num_vertices() >= std::numeric_limits<std::uint32_t>::max()) {
    throw DoesNotFitError(
        fmt::format("second-order walks remember vertices in 32 bits, and the graph has {}", partition.num_vertices()));
  }
  for (std::uint32_t v = graph.num_owned(); v < graph.num_local(); ++v) {
    const GlobalVertexId global = index_map.global_of(LocalVertexId{v});
    const Rank owner = partition.owner_of(global);
    const std::uint64_t local = global.value() - partition.owned_by(owner).begin;
    ids.ghosts.push_back({owner, LocalVertexId{static_cast<std::uint32_t>(local)}});
    if (options.membership) ids.ghost_ids.push_back(static_cast<std::uint32_t>(global.value()));
  }
  if (options.membership) {
    ids.rank_begins.clear();
    for (std::int32_t r = 0; r < partition.num_ranks(); ++r) {
      ids.rank_begins.push_back(static_cast<std::uint32_t>(partition.owned_by(Rank{r}).begin));
    }
    ids.rank_begins.push_back(static_cast<std::uint32_t>(partition.num_vertices()));
    if (graph.num_owned() > 0) {
      ids.first_id = static_cast<std::uint32_t>(index_map.global_of(LocalVertexId{0}).value());
    }
  }
  return builder.finish(std::move(ids), returns_of(sides, view.selection(), options));
}

WalkGraph WalkGraph::replicated(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                const EdgeSelection& selection, const WalkGraphOptions& options) {
  const graph::Schema& schema = blocks.schema;
  const std::uint64_t num_vertices = schema.num_vertices();
  if (num_vertices >= std::numeric_limits<std::uint32_t>::max()) {
    throw DoesNotFitError(fmt::format(
        "{} vertices, more than the 2^32 - 2 of a replicated walk graph; use the partitioned layout", num_vertices));
  }
  const std::vector<ListSide> sides = sides_of(schema, selection, options);
  const auto first_row_of = [&](const ListSide& side) { return schema.stable_range(side.rows).begin; };

  // Home blocks are contiguous and in rank order, so what is gathered is the whole side in row order.
  std::vector<std::vector<std::uint32_t>> degrees;
  std::optional<WalkGraphBuilder> builder;
  comm.agree([&] { builder.emplace(static_cast<std::uint32_t>(num_vertices), options); });
  for (const ListSide& side : sides) {
    std::vector<std::uint32_t> mine;
    comm.agree([&] { mine = degrees_of(block_of(blocks, side), side.relation); });
    degrees.push_back(comm.all_gather_v<std::uint32_t>(mine).data);
    builder->count(first_row_of(side), side.list, degrees.back());
  }
  comm.agree([&] { builder->allocate(); });
  for (std::size_t s = 0; s < sides.size(); ++s) {
    const ListSide& side = sides[s];
    const graph::AdjacencyBlock& block = block_of(blocks, side);
    const auto gather = [&]<class T>(const std::vector<T>& values) {
      if (!side.relation) return comm.all_gather_v<T>(std::span<const T>(values)).data;
      return comm.all_gather_v<T>(std::span<const T>(filtered(values, block.relations, side.relation))).data;
    };
    const graph::EdgeType& type = schema.edge_type(side.type);
    const std::vector<std::uint32_t> targets = gather(block.targets);
    std::vector<float> weights;
    if (options.sampling != SlotSampling::kUniform && type.has_weights) weights = gather(block.weights);
    std::vector<std::int64_t> times;
    if (options.times) times = gather(block.times);
    const auto first_target = static_cast<std::uint32_t>(schema.stable_range(side.targets).begin);
    builder->fill(first_row_of(side), side.list, degrees[s], targets, first_target, weights, times);
  }
  WalkGraphBuilder::Ids ids;
  ids.rank_begins = {0, static_cast<std::uint32_t>(num_vertices)};
  std::optional<WalkGraph> result;
  comm.agree([&] { result.emplace(builder->finish(std::move(ids), returns_of(sides, selection, options))); });
  return std::move(*result);
}

namespace {

MemoryPlan plan_of(const std::string& name, std::uint64_t rows, std::uint64_t slots, std::uint64_t largest_side,
                   const WalkGraphOptions& options, bool partitioned) {
  const std::uint64_t lists = std::max<std::size_t>(1, options.links.size());
  const bool weighted = options.sampling != SlotSampling::kUniform;
  MemoryPlan plan(name);
  plan.hold("vertex records", 16 * rows * lists);
  plan.hold("targets", 4 * (slots + 1));
  if (weighted) plan.hold("tables of weights", (options.sampling == SlotSampling::kAlias ? 12U : 8U) * (slots + 1));
  if (options.times) plan.hold("times", 8 * slots);
  if (options.membership) {
    plan.hold("neighbours in order", 4 * slots + rows / 8);
    plan.hold("filter of neighbours", WalkGraphBuilder::filter_bits(slots) / 8);
  }
  if (options.returns && weighted) plan.hold("shares of neighbours", 4 * slots);
  const std::uint64_t copied = 4 + (weighted ? 4U : 0U) + (options.times ? 8U : 0U);
  plan.hold(partitioned ? "copying the adjacency of one edge type" : "gathering the adjacency of one edge type",
            (partitioned ? 1U : 2U) * copied * largest_side);
  return plan;
}

}  // namespace

MemoryPlan WalkGraph::plan_partitioned(const AdjacencyView& view, const WalkGraphOptions& options) {
  const graph::DistributedGraph& graph = view.graph();
  std::uint64_t slots = 0;
  std::uint64_t largest = 0;
  for (const ListSide& side : sides_of(graph.schema(), view.selection(), options)) {
    const graph::CsrGraph& csr = side.by_source ? graph.by_source(side.type) : graph.by_destination(side.type);
    slots += csr.num_edges();
    largest = std::max(largest, csr.num_edges());
  }
  MemoryPlan result = plan_of("walk graph", graph.num_owned(), slots, largest, options, true);
  const std::uint64_t per_ghost = sizeof(RemoteVertex) + (options.membership ? sizeof(std::uint32_t) : 0);
  result.hold("owners of ghosts", per_ghost * (std::uint64_t{graph.num_local()} - graph.num_owned()));
  return result;
}

MemoryPlan WalkGraph::plan_replicated(const graph::Schema& schema, const EdgeSelection& selection,
                                      const WalkGraphOptions& options) {
  std::uint64_t slots = 0;
  std::uint64_t largest = 0;
  std::uint64_t side_rows = 0;
  for (const ListSide& side : sides_of(schema, selection, options)) {
    slots += schema.edge_type(side.type).count;
    largest = std::max(largest, schema.edge_type(side.type).count);
    side_rows += schema.vertex_type(side.rows).count;
  }
  MemoryPlan result = plan_of("replicated walk graph", schema.num_vertices(), slots, largest, options, false);
  result.hold("degrees of one edge type", 4 * side_rows);
  return result;
}

}  // namespace rove::exec
