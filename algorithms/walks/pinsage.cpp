// SPDX-License-Identifier: Apache-2.0
#include "algorithms/walks/pinsage.hpp"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

#include "engine/base/error.hpp"
#include "engine/graph/block_distribution.hpp"

namespace rove::algorithms {

namespace {

struct ListEntry {
  std::uint64_t row = 0;  ///< of the seed
  std::uint32_t target = 0;
  std::uint32_t score = 0;  ///< bits of the float
};

void check_path(const graph::Schema& schema, const PinsageOptions& options) {
  VertexTypeId at = options.seeds;
  for (const exec::WalkLink& link : options.path) {
    if (link.type.index() >= schema.edge_types().size()) throw ConfigError("the path names an unknown edge type");
    const graph::EdgeType& type = schema.edge_type(link.type);
    if ((link.forward ? type.source : type.destination) != at) {
      throw ConfigError("the path takes '" + schema.name_of(link.type) + "' from a type that it does not leave");
    }
    at = link.forward ? type.destination : type.source;
  }
  if (options.path.empty() || at != options.seeds)
    throw ConfigError("the path must lead back to the type of the seeds");
  if (options.traversals == 0 || options.neighbors == 0) throw ConfigError("no traversals or no neighbours asked for");
}

/// The lists of consecutive sources from their walks.
void rank_visits(const graph::Schema& schema, const PinsageOptions& options, std::uint64_t columns,
                 std::span<const std::uint32_t> walks, std::vector<ListEntry>& entries) {
  const std::uint64_t per_seed = options.walks * columns;
  std::vector<std::uint32_t> visited;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> counts;  // visits, vertex
  for (std::uint64_t first = 0; first < walks.size(); first += per_seed) {
    visited.clear();
    for (std::uint64_t row = first; row < first + per_seed; row += columns) {
      for (std::uint64_t step = options.path.size(); step < columns; step += options.path.size()) {
        if (walks[row + step] == kNoWalkVertex) break;
        visited.push_back(walks[row + step]);
      }
    }
    std::sort(visited.begin(), visited.end());
    counts.clear();
    for (const std::uint32_t vertex : visited) {
      if (counts.empty() || counts.back().second != vertex) counts.emplace_back(0U, vertex);
      ++counts.back().first;
    }
    const std::size_t kept = std::min<std::size_t>(options.neighbors, counts.size());
    std::partial_sort(
        counts.begin(), counts.begin() + static_cast<std::ptrdiff_t>(kept), counts.end(),
        [](const auto& a, const auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < kept; ++i) total += counts[i].first;
    const std::uint64_t seed_row = schema.row_of(StableVertexId{walks[first]});
    for (std::size_t i = 0; i < kept; ++i) {
      entries.push_back({seed_row, static_cast<std::uint32_t>(schema.row_of(StableVertexId{counts[i].second})),
                         std::bit_cast<std::uint32_t>(
                             static_cast<float>(static_cast<double>(counts[i].first) / static_cast<double>(total)))});
    }
  }
}

template <class Graph>
graph::NeighborLists lists_over(const comm::Communicator& comm, const graph::Schema& schema, const Graph& graph,
                                const PinsageOptions& options) {
  comm.agree([&] { check_path(schema, options); });
  const WalkCorpusOptions walking = pinsage_walks(options);
  std::vector<ListEntry> entries;
  make_walks(comm, graph, walking, [&](const WalkBatch& batch) {
    comm.agree([&] { rank_visits(schema, options, std::uint64_t{walking.length} + 1, batch.vertices, entries); });
  });

  // Each seed's list was made on one rank, in order; a rank's batches are in row order, so sorting by row keeps lists.
  const graph::BlockDistribution homes(schema.vertex_type(options.seeds).count, comm.size());
  std::vector<std::uint64_t> counts(static_cast<std::size_t>(comm.size()));
  for (const ListEntry& entry : entries) ++counts[homes.home_of(entry.row).index()];
  std::vector<ListEntry> arrived = comm.exchange<ListEntry>(entries, counts).data;
  graph::NeighborLists lists;
  comm.agree([&] {
    std::ranges::stable_sort(arrived, {}, &ListEntry::row);
    std::size_t next = 0;
    const IndexRange home = homes.block(comm.rank());
    for (std::uint64_t row = home.begin; row < home.end; ++row) {
      for (; next < arrived.size() && arrived[next].row == row; ++next) {
        lists.targets.push_back(arrived[next].target);
        lists.scores.push_back(std::bit_cast<float>(arrived[next].score));
      }
      lists.offsets.push_back(lists.targets.size());
    }
  });
  return lists;
}

}  // namespace

WalkCorpusOptions pinsage_walks(const PinsageOptions& options) {
  WalkCorpusOptions walking;
  walking.sources = {options.seeds};
  walking.walks = options.walks;
  walking.length = static_cast<std::uint32_t>(options.path.size()) * options.traversals;
  walking.restart = options.stop;
  walking.links = options.path;
  walking.restart_per_traversal = true;
  if (options.weighted) walking.sampling = exec::SlotSampling::kAlias;
  walking.seed = options.seed;
  walking.batch_bytes = options.batch_bytes;
  walking.progress = options.progress;
  return walking;
}

std::uint64_t pinsage_list_bytes(const graph::Schema& schema, std::int32_t ranks, const PinsageOptions& options) {
  const auto parts = static_cast<std::uint64_t>(ranks);
  const std::uint64_t rows = (schema.vertex_type(options.seeds).count + parts - 1) / parts;
  // An entry is made (in a list that may be growing: three times), sent and received, sorted with as much room again,
  // and becomes a target and a score.
  return rows * (options.neighbors * (5 * sizeof(ListEntry) + 12) + 8);
}

graph::NeighborLists pinsage_neighbors(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                       const PinsageOptions& options) {
  return lists_over(comm, blocks.schema, blocks, options);
}

graph::NeighborLists pinsage_neighbors(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                       const PinsageOptions& options) {
  return lists_over(comm, graph.schema(), graph, options);
}

}  // namespace rove::algorithms
