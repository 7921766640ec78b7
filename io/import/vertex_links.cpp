// SPDX-License-Identifier: Apache-2.0
#include "io/import/vertex_links.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/graph/block_distribution.hpp"
#include "io/ids/id_index.hpp"
#include "io/import/edge_exchange.hpp"
#include "io/import/row_mapping.hpp"

namespace rove::io {
namespace {

/// A row of `alias` after merging: its new row there, or with this bit its row in the other type.
constexpr std::uint64_t kLinked = std::uint64_t{1} << 32U;

/// **Collective.** Row of the other type for every row of my home block of `alias`; `kUnknownRow`: not linked.
std::vector<std::uint64_t> links_of_home(const comm::Communicator& comm, const ImportedGraph& graph, VertexTypeId type,
                                         VertexTypeId alias, std::vector<EdgeList> pairs) {
  const graph::BlockDistribution homes = graph.blocks.distribution(alias, comm.size());
  for (EdgeList& list : pairs) {
    std::swap(list.sources, list.targets);
    list.weights = {};
    list.times = {};
    list.relations = {};
  }
  pairs = ship_to_homes(comm, std::move(pairs), {}, homes);
  const std::uint64_t first = homes.block(comm.rank()).begin;
  std::vector<std::uint64_t> linked(graph.blocks.keys[alias.index()].size(), kUnknownRow);
  // The lowest row that is linked to two, and the other one.
  std::uint64_t twice = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t second = 0;
  for (const EdgeList& list : pairs) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::uint64_t row = list.sources[i] - first;
      if (linked[row] == kUnknownRow) {
        linked[row] = list.targets[i];
      } else if (linked[row] != list.targets[i] && list.sources[i] < twice) {
        twice = list.sources[i];
        second = list.targets[i];
      }
    }
  }
  const std::uint64_t refused = comm.all_reduce(twice, comm::ReduceOp::kMin);
  if (refused != std::numeric_limits<std::uint64_t>::max()) {
    const Rank home = homes.home_of(refused);
    const std::uint64_t one = comm.broadcast(refused == twice ? linked[refused - first] : 0, home);
    const std::uint64_t other = comm.broadcast(second, home);
    const auto name_of = [&](VertexTypeId of, std::uint64_t row) {
      return id_of_row(comm, graph.ids[of.index()], graph.blocks.distribution(of, comm.size()), row);
    };
    const std::string names[] = {name_of(alias, refused), name_of(type, one), name_of(type, other)};
    throw InputError(
        fmt::format("graph.links: '{}' of type '{}' is linked to two different vertices, '{}' and '{}', "
                    "expected one",
                    names[0], graph.blocks.schema.vertex_type(alias).name, names[1], names[2]));
  }
  return linked;
}

}  // namespace

void check_links(const ImportOptions& options) {
  std::vector<std::string> aliases;
  for (const LinkOptions& links : options.links) {
    if (links.type.empty() || links.alias_type.empty() || links.type == links.alias_type) {
      throw ConfigError(
          fmt::format("graph.links: type [{}, {}], expected two different vertex types", links.type, links.alias_type));
    }
    if (std::ranges::find(aliases, links.type) != aliases.end()) {
      throw ConfigError(
          fmt::format("graph.links: '{}' is merged into another type before it takes in '{}'; link '{}' to "
                      "that type instead",
                      links.type, links.alias_type, links.alias_type));
    }
    if (std::ranges::find(aliases, links.alias_type) != aliases.end()) {
      throw ConfigError(
          fmt::format("graph.links: '{}' is the alias type of two entries; put the files that link it to one type into "
                      "one entry, and link it to one type only",
                      links.alias_type));
    }
    aliases.push_back(links.alias_type);
  }
}

void merge_linked(const comm::Communicator& comm, ImportedGraph& graph, VertexTypeId type, VertexTypeId alias,
                  std::vector<EdgeList> pairs) {
  const graph::Schema old = graph.blocks.schema;
  std::vector<std::uint64_t> merged = links_of_home(comm, graph, type, alias, std::move(pairs));
  std::vector<std::uint8_t> keep(merged.size());
  for (std::size_t row = 0; row < keep.size(); ++row) keep[row] = merged[row] == kUnknownRow ? 1 : 0;
  const ShrunkType shrunk = shrink_type(comm, graph, alias, keep);
  for (std::size_t row = 0; row < merged.size(); ++row) {
    merged[row] = keep[row] != 0 ? shrunk.new_rows[row] : merged[row] | kLinked;
  }

  graph::Schema schema;
  for (std::size_t t = 0; t < old.vertex_types().size(); ++t) {
    schema.add_vertex_type(old.vertex_types()[t].name, t == alias.index() ? shrunk.count : old.vertex_types()[t].count);
  }
  const auto add_edge_type = [&](graph::EdgeType edge_type) {
    const std::string& source = schema.vertex_type(edge_type.source).name;
    const std::string& destination = schema.vertex_type(edge_type.destination).name;
    if (schema.find_edge_type(source, edge_type.relation, destination)) {
      throw ConfigError(
          fmt::format("graph.links: merging makes a second edge type {}, {}, {}; give one of them another "
                      "relation",
                      source, edge_type.relation, destination));
    }
    schema.add_edge_type(std::move(edge_type));
  };
  std::vector<graph::EdgeBlocks> all_edges;
  for (std::size_t e = 0; e < old.edge_types().size(); ++e) {
    const graph::EdgeType& old_type = old.edge_types()[e];
    if (old_type.source != alias && old_type.destination != alias) {
      add_edge_type(old_type);
      all_edges.push_back(std::move(graph.blocks.edges[e]));
      continue;
    }
    const graph::BlockDistribution old_sources(old.vertex_type(old_type.source).count, comm.size());
    std::vector<EdgeList> lists = edges_of(graph.blocks.edges[e].by_source, old_sources.block(comm.rank()).begin);
    graph.blocks.edges[e] = {};
    // Which of the four parts every edge belongs to: bit 0, its source is linked; bit 1, its destination.
    std::vector<std::vector<EdgeList>> parts(4);
    const auto mapped = [&](VertexTypeId end, std::vector<std::uint32_t> EdgeList::* column) {
      std::vector<std::uint32_t> rows;
      for (const EdgeList& list : lists) rows.insert(rows.end(), (list.*column).begin(), (list.*column).end());
      if (end != alias) return std::vector<std::uint64_t>(rows.begin(), rows.end());
      return look_up_rows(comm, {old.vertex_type(alias).count, comm.size()}, merged, rows);
    };
    const std::vector<std::uint64_t> sources = mapped(old_type.source, &EdgeList::sources);
    const std::vector<std::uint64_t> targets = mapped(old_type.destination, &EdgeList::targets);
    std::size_t edge = 0;
    for (EdgeList& list : lists) {
      std::array<EdgeList, 4> split;
      for (std::size_t i = 0; i < list.size(); ++i, ++edge) {
        const std::size_t part = (sources[edge] & kLinked ? 1U : 0U) + (targets[edge] & kLinked ? 2U : 0U);
        list.sources[i] = static_cast<std::uint32_t>(sources[edge]);
        list.targets[i] = static_cast<std::uint32_t>(targets[edge]);
        EdgeList::for_each_column(split[part], list, [&](auto& to, const auto& from) {
          if (!from.empty()) to.push_back(from[i]);
        });
      }
      list = {};
      for (std::size_t part = 0; part < 4; ++part) {
        if (split[part].size() > 0) parts[part].push_back(std::move(split[part]));
      }
    }
    std::array<std::uint64_t, 4> counts{};
    for (std::size_t part = 0; part < 4; ++part) {
      for (const EdgeList& list : parts[part]) counts[part] += list.size();
    }
    comm.all_reduce(std::span<std::uint64_t>(counts), comm::ReduceOp::kSum);
    const bool none = std::ranges::count(counts, 0U) == 4;
    for (std::size_t part = 0; part < 4; ++part) {
      if (counts[part] == 0 && !(none && part == 0)) continue;
      graph::EdgeType new_type = old_type;
      new_type.count = counts[part];
      if ((part & 1U) != 0) new_type.source = type;
      if ((part & 2U) != 0) new_type.destination = type;
      new_type.undirected = old_type.undirected && new_type.source == new_type.destination;
      add_edge_type(new_type);
      all_edges.push_back(build_edges(comm, std::move(parts[part]), columns_of(new_type),
                                      {schema.vertex_type(new_type.source).count, comm.size()},
                                      {schema.vertex_type(new_type.destination).count, comm.size()}));
    }
  }
  graph.blocks.schema = std::move(schema);
  graph.blocks.edges = std::move(all_edges);
}

}  // namespace rove::io
