// SPDX-License-Identifier: Apache-2.0
#include "tests/algorithms/serial_reference.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <queue>
#include <set>
#include <utility>

#include "engine/base/exact_sum.hpp"

namespace rove::tests {

namespace {

std::vector<StableVertexId> as_labels(const std::vector<std::uint64_t>& values) {
  std::vector<StableVertexId> labels;
  for (const std::uint64_t value : values) labels.emplace_back(value);
  return labels;
}

void add_lists(SerialLists& lists, const graph::AdjacencyBlock& block, std::uint64_t first_row,
               std::uint64_t first_target) {
  for (auto& list : lists) list.emplace_back();
  for (std::uint64_t row = 0; row + 1 < block.offsets.size(); ++row) {
    for (std::uint64_t slot = block.offsets[row]; slot < block.offsets[row + 1]; ++slot) {
      const double weight = block.weights.empty() ? 1.0 : double{block.weights[slot]};
      lists[first_row + row].back().push_back({first_target + block.targets[slot], weight});
    }
  }
}

}  // namespace

SerialLists serial_lists(const graph::GraphBlocks& whole, Reading reading) {
  SerialLists lists(whole.schema.num_vertices());
  for (std::size_t e = 0; e < whole.edges.size(); ++e) {
    const graph::EdgeType& type = whole.schema.edge_types()[e];
    const std::uint64_t source = whole.schema.stable_range(type.source).begin;
    const std::uint64_t destination = whole.schema.stable_range(type.destination).begin;
    if (reading == Reading::kIn || (reading == Reading::kBoth && !type.undirected)) {
      add_lists(lists, whole.edges[e].by_destination, destination, source);
    }
    if (reading != Reading::kIn) add_lists(lists, whole.edges[e].by_source, source, destination);
  }
  return lists;
}

std::vector<double> serial_pagerank(const graph::GraphBlocks& whole, double damping, double tolerance,
                                    std::uint64_t max_supersteps, bool weighted) {
  const SerialLists in = serial_lists(whole, Reading::kIn);
  const SerialLists out = serial_lists(whole, Reading::kOut);
  const std::size_t n = in.size();
  std::vector<double> strength(n, 0.0);
  for (std::size_t v = 0; v < n; ++v) {
    for (const auto& list : out[v]) {
      for (const SerialNeighbor& neighbor : list) strength[v] += weighted ? neighbor.weight : 1.0;
    }
  }
  std::vector<double> ranks(n, 1.0 / static_cast<double>(n));
  for (std::uint64_t step = 0; step < max_supersteps; ++step) {
    ExactSum dangling;
    for (std::size_t v = 0; v < n; ++v) {
      if (!(strength[v] > 0.0)) dangling.add(ranks[v]);
    }
    const double base = (1.0 - damping + damping * dangling.value()) / static_cast<double>(n);
    std::vector<double> next(n);
    ExactSum change;
    for (std::size_t v = 0; v < n; ++v) {
      double pulled = 0.0;
      for (const auto& list : in[v]) {
        double of_list = 0.0;
        for (const SerialNeighbor& neighbor : list) {
          const double share =
              strength[neighbor.vertex] > 0.0 ? ranks[neighbor.vertex] / strength[neighbor.vertex] : 0.0;
          of_list += weighted ? share * neighbor.weight : share;
        }
        pulled += of_list;
      }
      next[v] = base + damping * pulled;
      change.add(std::abs(next[v] - ranks[v]));
    }
    ranks.swap(next);
    if (change.value() <= tolerance) break;
  }
  return ranks;
}

std::vector<StableVertexId> serial_components(const graph::GraphBlocks& whole) {
  const SerialLists lists = serial_lists(whole, Reading::kOut);
  std::vector<std::uint64_t> parent(lists.size());
  std::iota(parent.begin(), parent.end(), 0U);
  const std::function<std::uint64_t(std::uint64_t)> find = [&](std::uint64_t v) {
    while (parent[v] != v) v = parent[v] = parent[parent[v]];
    return v;
  };
  for (std::uint64_t v = 0; v < lists.size(); ++v) {
    for (const auto& list : lists[v]) {
      for (const SerialNeighbor& neighbor : list) {
        const std::uint64_t one = find(v);
        const std::uint64_t other = find(neighbor.vertex);
        parent[std::max(one, other)] = std::min(one, other);
      }
    }
  }
  for (std::uint64_t v = 0; v < lists.size(); ++v) parent[v] = find(v);
  return as_labels(parent);
}

std::vector<std::uint32_t> serial_core_numbers(const graph::GraphBlocks& whole) {
  const SerialLists lists = serial_lists(whole, Reading::kBoth);
  const auto for_each_other = [&](std::uint64_t v, const auto& visit) {
    for (const auto& list : lists[v]) {
      for (const SerialNeighbor& neighbor : list) {
        if (neighbor.vertex != v) visit(neighbor.vertex);
      }
    }
  };
  std::vector<std::uint32_t> degree(lists.size(), 0);
  std::set<std::pair<std::uint32_t, std::uint64_t>> queue;
  for (std::uint64_t v = 0; v < lists.size(); ++v) {
    for_each_other(v, [&](std::uint64_t) { ++degree[v]; });
    queue.insert({degree[v], v});
  }
  std::vector<std::uint32_t> core(lists.size(), 0);
  std::uint32_t level = 0;
  while (!queue.empty()) {
    const auto [least, v] = *queue.begin();
    queue.erase(queue.begin());
    level = std::max(level, least);
    core[v] = level;
    for_each_other(v, [&](std::uint64_t u) {
      if (queue.erase({degree[u], u}) != 0) queue.insert({--degree[u], u});
    });
  }
  return core;
}

std::vector<StableVertexId> serial_label_propagation(const graph::GraphBlocks& whole, std::uint64_t max_supersteps) {
  const SerialLists lists = serial_lists(whole, Reading::kBoth);
  std::vector<std::uint64_t> labels(lists.size());
  std::iota(labels.begin(), labels.end(), 0U);
  std::set<std::vector<std::uint64_t>> seen{labels};
  for (std::uint64_t step = 0; step < max_supersteps; ++step) {
    std::vector<std::uint64_t> next = labels;
    for (std::uint64_t v = 0; v < lists.size(); ++v) {
      std::map<std::uint64_t, std::uint64_t> counts{{labels[v], 0}};
      for (const auto& list : lists[v]) {
        for (const SerialNeighbor& neighbor : list) ++counts[labels[neighbor.vertex]];
      }
      std::uint64_t most = 0;
      for (const auto& [label, count] : counts) most = std::max(most, count);
      if (counts[labels[v]] == most) continue;
      next[v] =
          std::find_if(counts.begin(), counts.end(), [&](const auto& entry) { return entry.second == most; })->first;
    }
    labels.swap(next);
    if (!seen.insert(labels).second) break;
  }
  return as_labels(labels);
}

std::vector<double> serial_shortest_paths(const graph::GraphBlocks& whole, StableVertexId source) {
  const SerialLists out = serial_lists(whole, Reading::kOut);
  std::vector<double> distance(out.size(), std::numeric_limits<double>::infinity());
  using Entry = std::pair<double, std::uint64_t>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue;
  distance[source.index()] = 0.0;
  queue.push({0.0, source.value()});
  while (!queue.empty()) {
    const auto [length, v] = queue.top();
    queue.pop();
    if (length > distance[v]) continue;
    for (const auto& list : out[v]) {
      for (const SerialNeighbor& neighbor : list) {
        if (length + neighbor.weight < distance[neighbor.vertex]) {
          distance[neighbor.vertex] = length + neighbor.weight;
          queue.push({distance[neighbor.vertex], neighbor.vertex});
        }
      }
    }
  }
  return distance;
}

}  // namespace rove::tests
