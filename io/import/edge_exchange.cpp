// SPDX-License-Identifier: Apache-2.0
#include "io/import/edge_exchange.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <span>
#include <utility>

#include "engine/parallel/parallel.hpp"
#include "io/import/adjacency_builder.hpp"

namespace rove::io {
namespace {

constexpr std::uint64_t kEdgesPerRound = std::uint64_t{1} << 21U;
constexpr std::uint64_t kEdgesPerList = std::uint64_t{1} << 18U;

/// Edges of one round, grouped by home.
class Shipment {
 public:
  Shipment(std::span<const EdgeList> lists, const graph::BlockDistribution& homes, std::int32_t ranks)
      : counts_(static_cast<std::size_t>(ranks)) {
    std::uint64_t total = 0;
    for (const EdgeList& list : lists) total += list.size();
    place_.resize(total);
    std::uint64_t i = 0;
    for (const EdgeList& list : lists) {
      for (const std::uint32_t source : list.sources) {
        const std::size_t home = homes.home_of(source).index();
        place_[i++] = home;
        ++counts_[home];
      }
    }
    std::vector<std::uint64_t> next(counts_);
    parallel::exclusive_prefix_sum(next);
    for (std::uint64_t& place : place_) place = next[place]++;
  }

  /// **Collective.** One column of all lists, as it arrives from each rank.
  template <class T>
  [[nodiscard]] comm::Gathered<T> exchange(const comm::Communicator& comm, std::span<const EdgeList> lists,
                                           std::vector<T> EdgeList::* column) const {
    std::vector<T> grouped(place_.size());
    std::uint64_t i = 0;
    for (const EdgeList& list : lists) {
      for (const T value : list.*column) grouped[place_[i++]] = value;
    }
    return comm.exchange<T>(std::span<const T>(grouped), counts_);
  }

 private:
  std::vector<std::uint64_t> counts_;
  std::vector<std::uint64_t> place_;
};

}  // namespace

std::vector<EdgeList> ship_to_homes(const comm::Communicator& comm, std::vector<EdgeList> lists, EdgeColumns columns,
                                    const graph::BlockDistribution& homes) {
  if (comm.size() == 1) return lists;
  const auto ranks = static_cast<std::size_t>(comm.size());
  std::vector<std::vector<EdgeList>> arrived(ranks);
  for (std::size_t next = 0;;) {
    std::size_t end = next;
    for (std::uint64_t edges = 0; end < lists.size() && edges < kEdgesPerRound; ++end) edges += lists[end].size();
    if (comm.all_reduce(std::uint32_t{end > next}, comm::ReduceOp::kMax) == 0) break;
    const std::span<EdgeList> round = std::span(lists).subspan(next, end - next);
    std::vector<EdgeList> from(ranks);
    const Shipment shipment(round, homes, comm.size());
    const auto ship = [&](auto column) {
      const auto received = shipment.exchange(comm, std::span<const EdgeList>(round), column);
      for (std::size_t r = 0; r < ranks; ++r) {
        const auto part = received.from(Rank{static_cast<std::int32_t>(r)});
        (from[r].*column).assign(part.begin(), part.end());
      }
    };
    ship(&EdgeList::sources);
    ship(&EdgeList::targets);
    if (columns.weights) ship(&EdgeList::weights);
    if (columns.times) ship(&EdgeList::times);
    if (columns.relations) ship(&EdgeList::relations);
    if (columns.positions) ship(&EdgeList::positions);
    for (std::size_t r = 0; r < ranks; ++r) {
      if (from[r].size() > 0) arrived[r].push_back(std::move(from[r]));
    }
    for (EdgeList& list : round) list = {};
    next = end;
  }
  std::vector<EdgeList> result;
  for (auto& part : arrived) std::ranges::move(part, std::back_inserter(result));
  return result;
}

std::vector<EdgeList> edges_of(const graph::AdjacencyBlock& by_source, std::uint64_t first_row) {
  const std::uint64_t num_edges = by_source.targets.size();
  const std::uint64_t num_lists = (num_edges + kEdgesPerList - 1) / kEdgesPerList;
  std::vector<EdgeList> lists(num_lists);
  parallel::for_each({0, num_lists}, 1, [&](std::uint64_t l) {
    const std::uint64_t begin = l * kEdgesPerList;
    const std::uint64_t end = std::min(begin + kEdgesPerList, num_edges);
    const auto slice = [&](const auto& values, auto& to) {
      if (values.empty()) return;
      to.assign(values.begin() + static_cast<std::ptrdiff_t>(begin), values.begin() + static_cast<std::ptrdiff_t>(end));
    };
    EdgeList& list = lists[l];
    slice(by_source.targets, list.targets);
    slice(by_source.weights, list.weights);
    slice(by_source.times, list.times);
    slice(by_source.relations, list.relations);
    list.sources.resize(end - begin);
    auto row =
        static_cast<std::uint64_t>(std::ranges::upper_bound(by_source.offsets, begin) - by_source.offsets.begin()) - 1;
    for (std::uint64_t slot = begin; slot < end; ++slot) {
      while (by_source.offsets[row + 1] <= slot) ++row;
      list.sources[slot - begin] = static_cast<std::uint32_t>(first_row + row);
    }
  });
  return lists;
}

graph::EdgeBlocks build_edges(const comm::Communicator& comm, std::vector<EdgeList> lists, EdgeColumns columns,
                              const graph::BlockDistribution& sources, const graph::BlockDistribution& destinations) {
  lists = ship_to_homes(comm, std::move(lists), columns, sources);
  graph::EdgeBlocks edges;
  comm.agree([&] {
    edges.by_source = build_adjacency(sources.block(comm.rank()), std::move(lists), Duplicates::kKeep, false).adjacency;
  });
  build_by_destination(comm, edges, columns, sources, destinations);
  return edges;
}

void build_by_destination(const comm::Communicator& comm, graph::EdgeBlocks& edges, EdgeColumns columns,
                          const graph::BlockDistribution& sources, const graph::BlockDistribution& destinations) {
  std::uint64_t position = comm.exclusive_scan(edges.by_source.targets.size());
  std::vector<EdgeList> lists = edges_of(edges.by_source, sources.block(comm.rank()).begin);
  for (EdgeList& list : lists) {
    std::swap(list.sources, list.targets);
    list.positions.resize(list.size());
    for (std::uint64_t& edge : list.positions) edge = position++;
  }
  columns.positions = true;
  lists = ship_to_homes(comm, std::move(lists), columns, destinations);
  comm.agree([&] {
    BuiltRows built = build_adjacency(destinations.block(comm.rank()), std::move(lists), Duplicates::kKeep, false);
    edges.by_destination = std::move(built.adjacency);
    edges.edge_positions = std::move(built.positions);
  });
}

}  // namespace rove::io
