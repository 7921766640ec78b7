// SPDX-License-Identifier: Apache-2.0
#include "io/import/degree_filters.hpp"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "engine/base/hash.hpp"
#include "engine/graph/block_distribution.hpp"
#include "engine/parallel/parallel.hpp"
#include "io/ids/id_index.hpp"
#include "io/import/edge_exchange.hpp"
#include "io/import/graph_rebuild.hpp"
#include "io/import/row_mapping.hpp"

namespace rove::io {
namespace {

/// Degrees within one edge type, and the vertices that its core loses.
class Peeling {
 public:
  Peeling(const comm::Communicator& comm, const graph::EdgeBlocks& edges, const graph::EdgeType& type,
          const graph::BlockDistribution& sources, const graph::BlockDistribution& destinations)
      : comm_(comm),
        edges_(edges),
        one_type_(type.source == type.destination),
        sides_{Side(sources), Side(destinations)} {
    add_degrees(sides_[0], edges.by_source);
    // An undirected edge stands in both rows by source already.
    by_destination_counts_ = !(one_type_ && type.undirected);
    if (by_destination_counts_) add_degrees(destination_side(), edges.by_destination);
  }

  /// **Collective.** Removes vertices of fewer than k edges until there are none. The k-core is unique, so the order of
  /// removals does not matter.
  void run(std::uint64_t k) {
    for (bool any = true; any;) {
      Removals from_sources = remove_below(sides_[0], k);
      Removals from_destinations = one_type_ ? from_sources : remove_below(sides_[1], k);
      const bool here = !from_sources.empty() || !from_destinations.empty();
      any = comm_.all_reduce(std::uint32_t{here}, comm::ReduceOp::kMax) != 0;
      if (!any) break;
      lower(destination_side(), neighbors_of(from_sources, edges_.by_source));
      if (by_destination_counts_) lower(sides_[0], neighbors_of(from_destinations, edges_.by_destination));
    }
  }

  /// Per row of my home block; 1: removed.
  [[nodiscard]] std::span<const std::uint64_t> removed_sources() const { return sides_[0].removed; }
  [[nodiscard]] std::span<const std::uint64_t> removed_destinations() const {
    return one_type_ ? sides_[0].removed : sides_[1].removed;
  }

 private:
  struct Side {
    explicit Side(const graph::BlockDistribution& distribution) : homes(distribution) {}
    graph::BlockDistribution homes;
    std::uint64_t first_row = 0;
    std::vector<std::uint64_t> degrees;
    std::vector<std::uint64_t> removed;
  };
  using Removals = std::vector<std::uint64_t>;  ///< rows, counted from the block's first

  Side& destination_side() { return one_type_ ? sides_[0] : sides_[1]; }

  void add_degrees(Side& side, const graph::AdjacencyBlock& block) {
    side.first_row = side.homes.block(comm_.rank()).begin;
    side.degrees.resize(block.offsets.size() - 1);
    side.removed.resize(block.offsets.size() - 1);
    for (std::size_t row = 0; row < side.degrees.size(); ++row) {
      side.degrees[row] += block.offsets[row + 1] - block.offsets[row];
    }
  }

  static Removals remove_below(Side& side, std::uint64_t k) {
    Removals rows;
    for (std::uint64_t row = 0; row < side.degrees.size(); ++row) {
      if (side.removed[row] != 0 || side.degrees[row] >= k) continue;
      side.removed[row] = 1;
      rows.push_back(row);
    }
    return rows;
  }

  static std::vector<std::uint32_t> neighbors_of(const Removals& rows, const graph::AdjacencyBlock& block) {
    std::vector<std::uint32_t> neighbors;
    for (const std::uint64_t row : rows) {
      neighbors.insert(neighbors.end(), block.targets.begin() + static_cast<std::ptrdiff_t>(block.offsets[row]),
                       block.targets.begin() + static_cast<std::ptrdiff_t>(block.offsets[row + 1]));
    }
    return neighbors;
  }

  /// **Collective.** Each row given loses one edge.
  void lower(Side& side, std::vector<std::uint32_t> rows) {
    parallel::sort(std::span(rows), [](std::uint32_t a, std::uint32_t b) { return a < b; });
    std::vector<std::uint64_t> counts(static_cast<std::size_t>(comm_.size()));
    for (const std::uint32_t row : rows) ++counts[side.homes.home_of(row).index()];
    const auto received = comm_.exchange<std::uint32_t>(std::span<const std::uint32_t>(rows), counts);
    for (const std::uint32_t row : received.data) --side.degrees[row - side.first_row];
  }

  const comm::Communicator& comm_;
  const graph::EdgeBlocks& edges_;
  bool one_type_;
  bool by_destination_counts_ = true;
  Side sides_[2];
};

graph::BlockDistribution homes_of(const ImportedGraph& graph, VertexTypeId type, const comm::Communicator& comm) {
  return graph.blocks.distribution(type, comm.size());
}

/// What the rows of more than `max_degree` slots name, slot by slot.
std::vector<std::uint32_t> targets_above(const graph::AdjacencyBlock& block, std::uint64_t max_degree) {
  std::vector<std::uint32_t> targets;
  for (std::size_t row = 0; row + 1 < block.offsets.size(); ++row) {
    if (block.offsets[row + 1] - block.offsets[row] <= max_degree) continue;
    targets.insert(targets.end(), block.targets.begin() + static_cast<std::ptrdiff_t>(block.offsets[row]),
                   block.targets.begin() + static_cast<std::ptrdiff_t>(block.offsets[row + 1]));
  }
  return targets;
}

/// **Collective.** The keys of any rows of a type.
std::vector<std::uint64_t> keys_of(const comm::Communicator& comm, const VertexNumbering& type,
                                   std::span<const std::uint32_t> rows) {
  std::vector<std::uint64_t> at_home(type.keys.size());
  std::ranges::transform(type.keys, at_home.begin(), [](VertexKey key) { return key.value(); });
  return look_up_rows(comm, {type.count, comm.size()}, at_home, rows);
}

}  // namespace

std::uint64_t cap_degrees(const comm::Communicator& comm, graph::AdjacencyBlock& block, const VertexNumbering& sources,
                          const VertexNumbering& destinations, std::uint64_t max_degree) {
  const std::uint64_t num_rows = block.offsets.size() - 1;
  const std::vector<std::uint64_t> candidate_keys = keys_of(comm, destinations, targets_above(block, max_degree));
  auto candidate_key = candidate_keys.begin();
  std::vector<std::uint64_t> chosen;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> order;  // hash, slot
  std::uint64_t kept = 0;
  std::uint64_t begin = 0;
  for (std::uint64_t row = 0; row < num_rows; ++row) {
    const std::uint64_t end = block.offsets[row + 1];
    chosen.clear();
    if (end - begin <= max_degree) {
      chosen.resize(end - begin);
      std::iota(chosen.begin(), chosen.end(), begin);
    } else {
      order.clear();
      for (std::uint64_t slot = begin; slot < end; ++slot) {
        order.emplace_back(mix64(sources.keys[row].value(), *candidate_key++), slot);
      }
      std::ranges::sort(order, [&](const auto& a, const auto& b) {
        if (!block.times.empty() && block.times[a.second] != block.times[b.second]) {
          return block.times[a.second] > block.times[b.second];
        }
        return a < b;
      });
      for (std::uint64_t i = 0; i < max_degree; ++i) chosen.push_back(order[i].second);
      std::ranges::sort(chosen);
    }
    for (const std::uint64_t slot : chosen) {
      block.targets[kept] = block.targets[slot];
      if (!block.weights.empty()) block.weights[kept] = block.weights[slot];
      if (!block.times.empty()) block.times[kept] = block.times[slot];
      if (!block.relations.empty()) block.relations[kept] = block.relations[slot];
      ++kept;
    }
    begin = end;
    block.offsets[row + 1] = kept;
  }
  const std::uint64_t dropped = block.targets.size() - kept;
  block.targets.resize(kept);
  if (!block.weights.empty()) block.weights.resize(kept);
  if (!block.times.empty()) block.times.resize(kept);
  if (!block.relations.empty()) block.relations.resize(kept);
  return dropped;
}

RowsAfter keep_cores(const comm::Communicator& comm, ImportedGraph& graph, std::span<const std::uint64_t> cores,
                     std::span<const std::uint8_t> listed) {
  const graph::Schema old = graph.blocks.schema;
  std::vector<std::vector<EdgeList>> lists(old.edge_types().size());
  std::vector<std::uint8_t> may_shrink(old.vertex_types().size());
  std::vector<std::vector<std::uint8_t>> used(old.vertex_types().size());
  for (std::size_t t = 0; t < used.size(); ++t) used[t].resize(graph.blocks.keys[t].size());

  for (std::size_t e = 0; e < lists.size(); ++e) {
    const graph::EdgeType& type = old.edge_types()[e];
    const graph::BlockDistribution sources = homes_of(graph, type.source, comm);
    const graph::BlockDistribution destinations = homes_of(graph, type.destination, comm);
    const std::uint64_t first_source = sources.block(comm.rank()).begin;
    graph::EdgeBlocks& edges = graph.blocks.edges[e];
    lists[e] = edges_of(edges.by_source, first_source);
    if (cores[e] > 0) {
      may_shrink[type.source.index()] = may_shrink[type.destination.index()] = 1;
      Peeling peeling(comm, edges, type, sources, destinations);
      peeling.run(cores[e]);
      std::uint64_t dropped = 0;
      const auto gone = look_up_rows(comm, destinations, peeling.removed_destinations(), edges.by_source.targets);
      std::uint64_t slot = 0;
      for (EdgeList& list : lists[e]) {
        keep_edges(list, [&](std::size_t i) {
          const bool stays = gone[slot++] == 0 && peeling.removed_sources()[list.sources[i] - first_source] == 0;
          dropped += !stays && is_row(type, list, i) ? 1U : 0U;
          return stays;
        });
      }
      graph.report.edge_types[e].outside_core = dropped;
    }
    edges = {};
  }

  // Which vertices still have an edge.
  for (std::size_t e = 0; e < lists.size(); ++e) {
    const graph::EdgeType& type = old.edge_types()[e];
    const auto mark = [&](VertexTypeId end, std::vector<std::uint32_t> EdgeList::* column) {
      const graph::BlockDistribution homes = homes_of(graph, end, comm);
      std::vector<std::uint32_t> rows;
      for (const EdgeList& list : lists[e]) rows.insert(rows.end(), (list.*column).begin(), (list.*column).end());
      parallel::sort(std::span(rows), [](std::uint32_t a, std::uint32_t b) { return a < b; });
      rows.erase(std::ranges::unique(rows).begin(), rows.end());
      std::vector<std::uint64_t> counts(static_cast<std::size_t>(comm.size()));
      for (const std::uint32_t row : rows) ++counts[homes.home_of(row).index()];
      const auto received = comm.exchange<std::uint32_t>(std::span<const std::uint32_t>(rows), counts);
      const std::uint64_t first = homes.block(comm.rank()).begin;
      for (const std::uint32_t row : received.data) used[end.index()][row - first] = 1;
    };
    mark(type.source, &EdgeList::sources);
    mark(type.destination, &EdgeList::targets);
  }

  for (std::size_t t = 0; t < used.size(); ++t) {
    if (may_shrink[t] == 0 || listed[t] != 0) std::ranges::fill(used[t], std::uint8_t{1});
  }
  return rebuild(comm, graph, std::move(lists), used);
}

}  // namespace rove::io
