// SPDX-License-Identifier: Apache-2.0
#include "tests/io/import/whole_graph.hpp"

#include <algorithm>
#include <span>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/base/hash.hpp"

namespace rove::tests {
namespace {

struct Lists {
  std::vector<std::uint64_t> offsets;
  std::vector<std::uint32_t> targets;
  std::vector<float> weights;
  std::vector<std::int64_t> times;
  std::vector<std::uint32_t> relations;
};

Lists gather(const comm::Communicator& comm, const graph::AdjacencyBlock& block) {
  Lists lists;
  std::vector<std::uint64_t> lengths;
  for (std::size_t i = 0; i + 1 < block.offsets.size(); ++i) {
    lengths.push_back(block.offsets[i + 1] - block.offsets[i]);
  }
  EXPECT_EQ(block.offsets.front(), 0U);
  EXPECT_EQ(block.offsets.back(), block.targets.size());
  lists.offsets.push_back(0);
  for (const std::uint64_t length : comm.all_gather_v(std::span<const std::uint64_t>(lengths)).data) {
    lists.offsets.push_back(lists.offsets.back() + length);
  }
  lists.targets = comm.all_gather_v(std::span<const std::uint32_t>(block.targets)).data;
  lists.weights = comm.all_gather_v(std::span<const float>(block.weights)).data;
  lists.times = comm.all_gather_v(std::span<const std::int64_t>(block.times)).data;
  lists.relations = comm.all_gather_v(std::span<const std::uint32_t>(block.relations)).data;
  return lists;
}

std::vector<NamedEdge> named(const Lists& lists, const std::vector<std::string>& rows,
                             const std::vector<std::string>& others, const graph::EdgeType& type, bool reversed) {
  std::vector<NamedEdge> edges;
  EXPECT_EQ(lists.offsets.size(), rows.size() + 1);
  for (std::size_t row = 0; row < rows.size(); ++row) {
    for (std::uint64_t slot = lists.offsets[row]; slot < lists.offsets[row + 1]; ++slot) {
      NamedEdge edge{rows[row], others.at(lists.targets[slot]), "", 0, 0};
      if (reversed) std::swap(edge.source, edge.target);
      if (type.has_weights) edge.weight = lists.weights.at(slot);
      if (type.has_times) edge.time = lists.times.at(slot);
      if (!type.relations.empty()) edge.relation = type.relations.at(lists.relations.at(slot));
      edges.push_back(edge);
    }
  }
  return edges;
}

}  // namespace

std::vector<NamedEdge> WholeGraph::sorted_edges(std::size_t type) const {
  std::vector<NamedEdge> sorted = edges.at(type).by_source;
  std::ranges::sort(sorted);
  return sorted;
}

WholeGraph whole(const comm::Communicator& comm, const io::ImportedGraph& graph) {
  WholeGraph result;
  const auto types = graph.blocks.schema.vertex_types();
  std::vector<std::vector<std::string>> ids(types.size());
  for (std::size_t t = 0; t < types.size(); ++t) {
    std::string packed;
    for (std::uint64_t i = 0; i < graph.ids[t].size(); ++i) packed += fmt::format("{}\n", graph.ids[t][i]);
    for (const std::string& part : comm.all_gather_text(packed)) {
      for (std::size_t at = 0; at < part.size();) {
        const std::size_t end = part.find('\n', at);
        ids[t].push_back(part.substr(at, end - at));
        at = end + 1;
      }
    }
    std::vector<std::uint64_t> keys;
    for (const VertexKey key : comm.all_gather_v(std::span<const VertexKey>(graph.blocks.keys[t])).data) {
      keys.push_back(key.value());
    }
    const graph::BlockDistribution homes(types[t].count, comm.size());
    EXPECT_EQ(graph.ids[t].size(), homes.block(comm.rank()).size());
    EXPECT_EQ(graph.blocks.keys[t].size(), homes.block(comm.rank()).size());
    EXPECT_EQ(ids[t].size(), types[t].count);
    EXPECT_TRUE(std::ranges::is_sorted(keys));
    result.ids[types[t].name] = ids[t];
    result.keys[types[t].name] = keys;
  }
  for (std::size_t e = 0; e < graph.blocks.edges.size(); ++e) {
    const graph::EdgeType& type = graph.blocks.schema.edge_types()[e];
    const graph::EdgeBlocks& blocks = graph.blocks.edges[e];
    const auto& source_ids = ids[type.source.index()];
    const auto& target_ids = ids[type.destination.index()];
    WholeEdges edges;
    edges.type = graph.blocks.schema.name_of(EdgeTypeId{static_cast<std::uint16_t>(e)});
    const Lists by_source = gather(comm, blocks.by_source);
    edges.offsets = by_source.offsets;
    edges.by_source = named(by_source, source_ids, target_ids, type, false);
    edges.by_destination = named(gather(comm, blocks.by_destination), target_ids, source_ids, type, true);
    edges.positions = comm.all_gather_v(std::span<const std::uint64_t>(blocks.edge_positions)).data;
    EXPECT_EQ(edges.by_source.size(), type.count);
    EXPECT_EQ(edges.positions.size(), edges.by_destination.size());
    for (std::size_t i = 0; i < edges.positions.size(); ++i) {
      EXPECT_EQ(edges.by_source.at(edges.positions[i]), edges.by_destination[i]);
    }
    result.edges.push_back(std::move(edges));
  }
  return result;
}

Pairs pairs_of(const WholeEdges& edges) {
  Pairs pairs;
  for (const NamedEdge& edge : edges.by_source) pairs.emplace(edge.source, edge.target);
  return pairs;
}

std::set<std::string> ids_of(const WholeGraph& graph, const std::string& type) {
  return {graph.ids.at(type).begin(), graph.ids.at(type).end()};
}

WholeGraph reference_import(const std::vector<ReferenceRow>& rows, const io::EdgeOptions& options) {
  const bool has_weights = !options.layout.weight.empty() && options.store_weights;
  const bool has_times = !options.layout.time.empty();
  WholeGraph result;
  std::map<std::string, std::map<std::uint64_t, std::string>> vertices;
  const auto key = [&](const std::string& type, const std::string& id) { return vertex_key(type, id).value(); };
  vertices[options.source_type];
  vertices[options.destination_type];
  // (source key, relation, target key) -> rows in the order of the input
  std::map<std::tuple<std::uint64_t, std::string, std::uint64_t>, std::vector<NamedEdge>> groups;
  for (const ReferenceRow& row : rows) {
    if (options.min_weight && row.weight < static_cast<float>(*options.min_weight)) continue;
    if (options.time_from && row.time < *options.time_from) continue;
    if (options.time_to && row.time >= *options.time_to) continue;
    const std::uint64_t source = key(options.source_type, row.source);
    const std::uint64_t target = key(options.destination_type, row.target);
    vertices[options.source_type][source] = row.source;
    vertices[options.destination_type][target] = row.target;
    const bool loop = options.source_type == options.destination_type && row.source == row.target;
    if (loop && options.self_loops == io::SelfLoops::kDrop) continue;
    const NamedEdge edge{row.source, row.target, row.relation, has_weights ? row.weight : 0, has_times ? row.time : 0};
    groups[{source, row.relation, target}].push_back(edge);
    if (!options.directed && !loop) {
      NamedEdge reverse = edge;
      std::swap(reverse.source, reverse.target);
      groups[{target, row.relation, source}].push_back(reverse);
    }
  }
  WholeEdges edges;
  edges.type = fmt::format("{},{},{}", options.source_type, options.relation_name, options.destination_type);
  std::map<std::uint64_t, std::uint64_t> degrees;
  for (auto& [identity, same] : groups) {
    std::vector<NamedEdge> kept;
    const auto by_time = [](const NamedEdge& a, const NamedEdge& b) { return a.time < b.time; };
    if (options.duplicates == io::Duplicates::kKeep) {
      std::ranges::stable_sort(same, [](const NamedEdge& a, const NamedEdge& b) {
        return std::tie(a.time, a.weight) < std::tie(b.time, b.weight);
      });
      kept = same;
    } else {
      std::ranges::stable_sort(same, by_time);
      kept = {options.duplicates == io::Duplicates::kFirst ? same.front() : same.back()};
      if (options.duplicates == io::Duplicates::kSum && has_weights) {
        double sum = 0;
        for (const NamedEdge& edge : same) sum += static_cast<double>(edge.weight);  // small whole numbers: exact
        kept[0].weight = static_cast<float>(sum);
      }
    }
    degrees[std::get<0>(identity)] += kept.size();
    edges.by_source.insert(edges.by_source.end(), kept.begin(), kept.end());
  }
  for (const auto& [type, rows_of_type] : vertices) {
    for (const auto& [vertex, id] : rows_of_type) {
      result.keys[type].push_back(vertex);
      result.ids[type].push_back(id);
    }
  }
  edges.offsets.push_back(0);
  for (const std::uint64_t vertex : result.keys[options.source_type]) {
    edges.offsets.push_back(edges.offsets.back() + degrees[vertex]);
  }
  std::vector<std::uint64_t> order(edges.by_source.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto destination_order = [&](std::uint64_t i) {
    const NamedEdge& edge = edges.by_source[i];
    return std::tuple(key(options.destination_type, edge.target), edge.relation, key(options.source_type, edge.source));
  };
  std::ranges::stable_sort(
      order, [&](std::uint64_t a, std::uint64_t b) { return destination_order(a) < destination_order(b); });
  for (const std::uint64_t i : order) {
    edges.by_destination.push_back(edges.by_source[i]);
    edges.positions.push_back(i);
  }
  result.edges.push_back(std::move(edges));
  return result;
}

}  // namespace rove::tests
