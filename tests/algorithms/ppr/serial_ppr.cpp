// SPDX-License-Identifier: Apache-2.0
#include "tests/algorithms/ppr/serial_ppr.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "engine/base/top_k.hpp"
#include "tests/support/serial_walker.hpp"

namespace rove::tests {

namespace {

using algorithms::PprOptions;

/// Selects the list of one source from scores by stable id, and appends it.
void append_list(graph::NeighborLists& lists, const graph::GraphBlocks& whole, const SerialGraph& graph,
                 const PprOptions& options, std::uint32_t source, const std::map<std::uint32_t, double>& scores) {
  const IndexRange targets = whole.schema.stable_range(options.targets);
  std::set<std::uint32_t> excluded = {source};
  if (options.exclude_linked) excluded.insert(graph.slots[source].begin(), graph.slots[source].end());
  if (options.excluded.offsets.size() > 1) {
    const std::uint64_t row = source - whole.schema.stable_range(options.sources).begin;
    for (std::uint64_t i = options.excluded.offsets[row]; i < options.excluded.offsets[row + 1]; ++i) {
      excluded.insert(static_cast<std::uint32_t>(targets.begin + options.excluded.values[i]));
    }
  }
  std::vector<Scored> ranked;
  for (const auto& [vertex, score] : scores) {
    if (!targets.contains(vertex) || excluded.contains(vertex) || static_cast<float>(score) <= 0.0F) continue;
    if (!options.candidates.empty() && options.candidates[vertex - targets.begin] == 0) continue;
    ranked.push_back({static_cast<float>(score), vertex - targets.begin});
  }
  std::sort(ranked.begin(), ranked.end(), ranks_before);
  ranked.resize(std::min<std::size_t>(ranked.size(), options.top_k));
  for (const Scored& entry : ranked) {
    lists.targets.push_back(entry.id);
    lists.scores.push_back(entry.score);
  }
  lists.offsets.push_back(lists.targets.size());
}

bool is_cold_or_no_source(const SerialGraph& graph, const PprOptions& options, std::uint32_t source,
                          std::uint64_t row) {
  const bool chosen =
      !options.source_rows || std::binary_search(options.source_rows->begin(), options.source_rows->end(), row);
  return !chosen || graph.slots[source].empty();
}

}  // namespace

graph::NeighborLists serial_ppr_walks(const graph::GraphBlocks& whole, const PprOptions& options) {
  const SerialGraph graph = serial_graph(whole, options.edges);
  const IndexRange sources = whole.schema.stable_range(options.sources);
  graph::NeighborLists lists;
  for (std::uint64_t s = sources.begin; s < sources.end; ++s) {
    const auto source = static_cast<std::uint32_t>(s);
    std::map<std::uint32_t, double> scores;
    if (!is_cold_or_no_source(graph, options, source, s - sources.begin)) {
      const SerialVisits visits = serial_visits(graph, source, options.walks, options.restart, options.seed);
      const double scale = options.restart / static_cast<double>(options.walks - visits.lost);
      for (const auto& [vertex, count] : visits.counts) scores[vertex] = static_cast<double>(count) * scale;
    }
    append_list(lists, whole, graph, options, source, scores);
  }
  return lists;
}

namespace {

struct SerialFingerprint {
  std::map<std::uint32_t, std::uint64_t> counts;
  std::uint64_t lost = 0;
};

SerialFingerprint serial_fingerprint(const SerialGraph& graph, const graph::GraphBlocks& whole,
                                     const PprOptions& options, std::uint32_t vertex, std::uint32_t walks) {
  const IndexRange targets = whole.schema.stable_range(options.targets);
  const SerialVisits visits = serial_visits(graph, vertex, walks, options.restart, options.seed);
  std::vector<std::pair<std::uint32_t, std::uint64_t>> ranked;
  for (const auto& [target, count] : visits.counts) {
    if (!targets.contains(target)) continue;
    if (!options.candidates.empty() && options.candidates[target - targets.begin] == 0) continue;
    ranked.emplace_back(target, count);
  }
  std::sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  ranked.resize(std::min<std::size_t>(ranked.size(), options.item_entries));
  return {{ranked.begin(), ranked.end()}, visits.lost};
}

}  // namespace

graph::NeighborLists serial_ppr_index(const graph::GraphBlocks& whole, const PprOptions& options) {
  const SerialGraph graph = serial_graph(whole, options.edges);
  const IndexRange sources = whole.schema.stable_range(options.sources);
  graph::NeighborLists lists;
  for (std::uint64_t s = sources.begin; s < sources.end; ++s) {
    const auto source = static_cast<std::uint32_t>(s);
    std::map<std::uint32_t, double> scores;
    if (!is_cold_or_no_source(graph, options, source, s - sources.begin)) {
      std::map<std::uint32_t, std::uint64_t> sums;
      std::uint64_t lost = 0;
      for (const std::uint32_t neighbor : graph.slots[source]) {
        const SerialFingerprint fingerprint = serial_fingerprint(graph, whole, options, neighbor, options.item_walks);
        for (const auto& [target, count] : fingerprint.counts) sums[target] += count;
        lost += fingerprint.lost;
      }
      const double total = static_cast<double>(graph.slots[source].size()) * options.item_walks;
      const double kept = 1.0 - (1.0 - options.restart) * (static_cast<double>(lost) / total);
      const double scale = (1.0 - options.restart) * options.restart / (total * kept);
      for (const auto& [target, sum] : sums) scores[target] = static_cast<double>(sum) * scale;
    }
    append_list(lists, whole, graph, options, source, scores);
  }
  return lists;
}

graph::NeighborLists serial_ppr_verd(const graph::GraphBlocks& whole, const PprOptions& options) {
  constexpr std::uint64_t kWhole = std::uint64_t{1} << 32U;
  const SerialGraph graph = serial_graph(whole, options.edges);
  const IndexRange sources = whole.schema.stable_range(options.sources);
  const auto stop_below = static_cast<std::uint64_t>(options.restart * 4294967296.0);
  const auto least =
      std::max<std::uint64_t>(1, static_cast<std::uint64_t>(options.verd_threshold * static_cast<double>(kWhole)));
  std::vector<SerialFingerprint> fingerprints;
  for (std::uint32_t v = 0; v < graph.slots.size(); ++v) {
    fingerprints.push_back(serial_fingerprint(graph, whole, options, v, options.verd_walks));
  }
  graph::NeighborLists lists;
  for (std::uint64_t s = sources.begin; s < sources.end; ++s) {
    const auto source = static_cast<std::uint32_t>(s);
    std::map<std::uint32_t, double> scores;
    if (!is_cold_or_no_source(graph, options, source, s - sources.begin)) {
      std::map<std::uint32_t, std::uint64_t> flow{{source, kWhole}};
      std::map<std::uint32_t, std::uint64_t> stopped;
      std::map<std::uint32_t, std::uint64_t> kept;
      std::uint64_t lost = 0;
      for (std::uint32_t hop = 0; !flow.empty(); ++hop) {
        std::map<std::uint32_t, std::uint64_t> next;
        for (const auto& [vertex, units] : flow) {
          const auto& slots = graph.slots[vertex];
          const std::uint64_t moves = (units * (kWhole - stop_below)) >> 32U;
          const std::uint64_t share = slots.empty() ? 0 : moves / slots.size();
          if (!slots.empty() && (hop >= options.verd_hops || share < least)) {
            kept[vertex] += units;
            continue;
          }
          stopped[vertex] += units - moves;
          if (slots.empty()) lost += moves;
          for (const std::uint32_t slot : slots) next[slot] += share;
        }
        flow = std::move(next);
      }
      std::map<std::uint32_t, std::uint64_t> visits;
      std::uint64_t lost_walks = 0;
      for (const auto& [vertex, units] : kept) {
        for (const auto& [target, count] : fingerprints[vertex].counts) visits[target] += units * count;
        lost_walks += units * fingerprints[vertex].lost;
      }
      const double all_lost =
          static_cast<double>(lost) +
          (lost_walks == 0 ? 0.0 : static_cast<double>(lost_walks) / static_cast<double>(options.verd_walks));
      const double unit = 1.0 / (static_cast<double>(kWhole) * (1.0 - all_lost / static_cast<double>(kWhole)));
      const double per_visit = options.restart / static_cast<double>(options.verd_walks);
      for (const auto& [vertex, units] : stopped) visits[vertex] += 0;
      for (const auto& [vertex, count] : visits) {
        scores[vertex] = (static_cast<double>(count) * per_visit + static_cast<double>(stopped[vertex])) * unit;
      }
    }
    append_list(lists, whole, graph, options, source, scores);
  }
  return lists;
}

std::vector<double> dense_ppr(const graph::GraphBlocks& whole, const PprOptions& options, std::uint32_t source) {
  const SerialGraph graph = serial_graph(whole, options.edges);
  const std::size_t n = graph.slots.size();
  // Row v of the transposed system: pi(v) - (1 - c) sum_u P(u, v) pi(u) = c [v = s].
  std::vector<std::vector<double>> system(n, std::vector<double>(n + 1, 0.0));
  for (std::size_t v = 0; v < n; ++v) system[v][v] = 1.0;
  for (std::size_t u = 0; u < n; ++u) {
    double total = 0.0;
    for (const float weight : graph.weights[u]) total += options.weighted ? static_cast<double>(weight) : 1.0;
    if (total == 0.0) continue;
    for (std::size_t i = 0; i < graph.slots[u].size(); ++i) {
      const double weight = options.weighted ? static_cast<double>(graph.weights[u][i]) : 1.0;
      system[graph.slots[u][i]][u] -= (1.0 - options.restart) * weight / total;
    }
  }
  system[source][n] = options.restart;
  for (std::size_t pivot = 0; pivot < n; ++pivot) {
    std::size_t best = pivot;
    for (std::size_t row = pivot + 1; row < n; ++row) {
      if (std::abs(system[row][pivot]) > std::abs(system[best][pivot])) best = row;
    }
    std::swap(system[pivot], system[best]);
    for (std::size_t row = 0; row < n; ++row) {
      if (row == pivot || system[row][pivot] == 0.0) continue;
      const double factor = system[row][pivot] / system[pivot][pivot];
      for (std::size_t column = pivot; column <= n; ++column) system[row][column] -= factor * system[pivot][column];
    }
  }
  std::vector<double> scores(n);
  double mass = 0.0;
  for (std::size_t v = 0; v < n; ++v) mass += scores[v] = system[v][n] / system[v][v];
  for (double& score : scores) score /= mass;
  return scores;
}

graph::NeighborLists exact_list(const graph::GraphBlocks& whole, const PprOptions& options, std::uint32_t source) {
  const SerialGraph graph = serial_graph(whole, options.edges);
  std::map<std::uint32_t, double> scores;
  const auto has_weight = [&](float weight) { return !options.weighted || weight > 0.0F; };
  if (std::ranges::any_of(graph.weights[source], has_weight)) {
    const std::vector<double> dense = dense_ppr(whole, options, source);
    for (std::size_t v = 0; v < dense.size(); ++v) scores[static_cast<std::uint32_t>(v)] = dense[v];
  }
  graph::NeighborLists lists;
  append_list(lists, whole, graph, options, source, scores);
  return lists;
}

}  // namespace rove::tests
