// SPDX-License-Identifier: Apache-2.0
#include "io/import/vertex_filters.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <span>
#include <string>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/graph/block_distribution.hpp"
#include "io/import/edge_exchange.hpp"
#include "io/import/row_mapping.hpp"

namespace rove::io {
namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::min();

/// Why a vertex goes; 0: it stays. Of an edge's two ends the smaller reason counts.
enum Reason : std::uint8_t { kStays = 0, kRare = 1, kExpired = 2 };
using Reasons = std::vector<std::vector<std::uint64_t>>;  ///< per vertex type and row of my home block

/// How often and when last each vertex of my home block of a type was seen.
struct Sightings {
  std::vector<std::uint64_t> occurrences;
  std::vector<std::int64_t> last_seen;

  void add(const graph::AdjacencyBlock& block) {
    for (std::size_t row = 0; row + 1 < block.offsets.size(); ++row) {
      occurrences[row] += block.offsets[row + 1] - block.offsets[row];
      for (std::uint64_t slot = block.offsets[row]; !block.times.empty() && slot < block.offsets[row + 1]; ++slot) {
        last_seen[row] = std::max(last_seen[row], block.times[slot]);
      }
    }
  }
};

Sightings sightings_of(const ImportedGraph& graph, VertexTypeId type) {
  const std::size_t rows = graph.blocks.keys[type.index()].size();
  Sightings found{std::vector<std::uint64_t>(rows), std::vector<std::int64_t>(rows, kNever)};
  for (std::size_t e = 0; e < graph.blocks.edges.size(); ++e) {
    const graph::EdgeType& edges = graph.blocks.schema.edge_types()[e];
    if (edges.source == type) found.add(graph.blocks.edges[e].by_source);
    // An undirected edge stands in both rows by source already.
    if (edges.destination == type && !edges.undirected) found.add(graph.blocks.edges[e].by_destination);
  }
  return found;
}

std::int64_t newest_time(const comm::Communicator& comm, const ImportedGraph& graph) {
  std::int64_t newest = kNever;
  for (const graph::EdgeBlocks& edges : graph.blocks.edges) {
    for (const std::int64_t time : edges.by_source.times) newest = std::max(newest, time);
  }
  return comm.all_reduce(newest, comm::ReduceOp::kMax);
}

VertexTypeId type_of(const ImportedGraph& graph, const VertexFilter& filter) {
  const graph::Schema& schema = graph.blocks.schema;
  const std::optional<VertexTypeId> type = schema.find_vertex_type(filter.type);
  if (!type) {
    std::string names;
    for (const graph::VertexType& known : schema.vertex_types()) names += (names.empty() ? "" : ", ") + known.name;
    throw ConfigError(
        fmt::format("graph.filters names the type '{}', but the graph has the vertex types {}", filter.type, names));
  }
  const bool has_times = std::ranges::any_of(schema.edge_types(), [&](const graph::EdgeType& edges) {
    return edges.has_times && (edges.source == *type || edges.destination == *type);
  });
  if (filter.expire_after && !has_times) {
    throw ConfigError(fmt::format(
        "graph.filters [{}]: expire_after needs the times of its edges; name their column by graph.edges[].time",
        filter.type));
  }
  return *type;
}

/// Whether `time` lies more than `age` before `newest`, without overflow.
bool is_older(std::int64_t time, std::int64_t newest, std::uint64_t age) {
  return static_cast<std::uint64_t>(newest) - static_cast<std::uint64_t>(time) > age;
}

/// **Collective.** Fills in the reasons of one type and returns the counts of all ranks.
FilterCounts apply(const comm::Communicator& comm, const Sightings& seen, const VertexFilter& filter,
                   std::int64_t newest, std::vector<std::uint64_t>& reasons) {
  std::array<std::uint64_t, 3> counts{};
  for (std::size_t row = 0; row < reasons.size(); ++row) {
    const bool is_rare = seen.occurrences[row] < filter.min_occurrences;
    const bool is_expired = filter.expire_after && seen.last_seen[row] != kNever &&
                            is_older(seen.last_seen[row], newest, *filter.expire_after);
    reasons[row] = is_rare ? kRare : is_expired ? kExpired : kStays;
    ++counts[reasons[row]];
  }
  comm.all_reduce(std::span<std::uint64_t>(counts), comm::ReduceOp::kSum);
  return {filter.type, counts[kRare], counts[kExpired]};
}

/// **Collective.** Takes the edges of one type out of the graph and returns those whose two ends stay.
std::vector<EdgeList> edges_that_stay(const comm::Communicator& comm, ImportedGraph& graph, std::size_t e,
                                      const Reasons& reasons) {
  const graph::EdgeType& type = graph.blocks.schema.edge_types()[e];
  const std::vector<std::uint64_t>& of_sources = reasons[type.source.index()];
  const std::uint64_t first_source = graph.blocks.distribution(type.source, comm.size()).block(comm.rank()).begin;
  graph::EdgeBlocks& edges = graph.blocks.edges[e];
  std::vector<EdgeList> lists = edges_of(edges.by_source, first_source);
  const std::vector<std::uint64_t> of_targets =
      look_up_rows(comm, graph.blocks.distribution(type.destination, comm.size()), reasons[type.destination.index()],
                   edges.by_source.targets);
  edges = {};
  std::array<std::uint64_t, 3> counts{};
  std::uint64_t slot = 0;
  for (EdgeList& list : lists) {
    keep_edges(list, [&](std::size_t i) {
      const std::uint64_t source = of_sources[list.sources[i] - first_source];
      const std::uint64_t target = of_targets[slot++];
      const std::uint64_t reason = source == kStays || target == kStays ? source + target : std::min(source, target);
      if (is_row(type, list, i)) ++counts[reason];
      return reason == kStays;
    });
  }
  graph.report.edge_types[e].rare = counts[kRare];
  graph.report.edge_types[e].expired = counts[kExpired];
  return lists;
}

}  // namespace

RowsAfter filter_vertices(const comm::Communicator& comm, ImportedGraph& graph,
                          const std::vector<VertexFilter>& filters) {
  std::vector<VertexTypeId> types;
  comm.agree([&] {
    for (const VertexFilter& filter : filters) types.push_back(type_of(graph, filter));
  });
  Reasons reasons;
  for (const auto& keys : graph.blocks.keys) reasons.emplace_back(keys.size(), kStays);
  const std::int64_t newest = newest_time(comm, graph);
  for (std::size_t f = 0; f < filters.size(); ++f) {
    graph.report.filters.push_back(
        apply(comm, sightings_of(graph, types[f]), filters[f], newest, reasons[types[f].index()]));
  }
  std::vector<std::vector<EdgeList>> lists(graph.blocks.edges.size());
  for (std::size_t e = 0; e < lists.size(); ++e) lists[e] = edges_that_stay(comm, graph, e, reasons);
  std::vector<std::vector<std::uint8_t>> keep;
  for (const auto& of_type : reasons) {
    std::vector<std::uint8_t>& flags = keep.emplace_back(of_type.size());
    std::ranges::transform(of_type, flags.begin(), [](std::uint64_t reason) { return reason == kStays ? 1 : 0; });
  }
  return rebuild(comm, graph, std::move(lists), keep);
}

}  // namespace rove::io
