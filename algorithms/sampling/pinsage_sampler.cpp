// SPDX-License-Identifier: Apache-2.0
#include "algorithms/sampling/pinsage_sampler.hpp"

#include <algorithm>
#include <bit>
#include <functional>
#include <utility>

#include <fmt/format.h>

#include "algorithms/sampling/detail/subgraph_builder.hpp"
#include "engine/base/error.hpp"
#include "engine/graph/block_distribution.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::algorithms {

namespace {

struct ListedNeighbor {
  std::uint32_t row = 0;
  std::uint32_t weight = 0;  ///< bits of the float
};

/// The lists of some rows, ascending and each once, wherever they live.
class FetchedLists {
 public:
  /// **Collective.**
  FetchedLists(const comm::Communicator& comm, const graph::BlockDistribution& homes, const graph::NeighborLists& lists,
               std::vector<std::uint32_t> rows, SamplingTraffic& traffic)
      : rows_(std::move(rows)) {
    const auto ranks = static_cast<std::size_t>(comm.size());
    // Home blocks are contiguous: ascending rows are in the order of their homes.
    std::vector<std::uint64_t> counts(ranks);
    for (const std::uint32_t row : rows_) ++counts[homes.home_of(row).index()];
    const comm::Gathered<std::uint32_t> asked = comm.exchange<std::uint32_t>(rows_, counts);
    const std::uint64_t begin = homes.block(comm.rank()).begin;
    std::vector<std::uint32_t> lengths;
    std::vector<ListedNeighbor> answers;
    std::vector<std::uint64_t> length_counts(ranks);
    std::vector<std::uint64_t> answer_counts(ranks);
    comm.agree([&] {
      for (std::size_t r = 0; r < ranks; ++r) {
        length_counts[r] = asked.offsets[r + 1] - asked.offsets[r];
        const std::size_t before = answers.size();
        for (std::uint64_t i = asked.offsets[r]; i < asked.offsets[r + 1]; ++i) {
          const std::uint64_t row = asked.data[i] - begin;
          const auto targets = lists.targets_of(row);
          const auto scores = lists.scores_of(row);
          lengths.push_back(static_cast<std::uint32_t>(targets.size()));
          for (std::size_t n = 0; n < targets.size(); ++n) {
            answers.push_back({static_cast<std::uint32_t>(targets[n]), std::bit_cast<std::uint32_t>(scores[n])});
          }
        }
        answer_counts[r] = answers.size() - before;
      }
    });
    const std::vector<std::uint32_t> sizes = comm.exchange<std::uint32_t>(lengths, length_counts).data;
    neighbors_ = comm.exchange<ListedNeighbor>(answers, answer_counts).data;
    comm.agree([&] {
      offsets_.reserve(sizes.size() + 1);
      for (const std::uint32_t size : sizes) offsets_.push_back(offsets_.back() + size);
    });
    const std::size_t me = comm.rank().index();
    traffic.requests += sizeof(std::uint32_t) * (rows_.size() - counts[me]);
    traffic.answers += sizeof(std::uint32_t) * (lengths.size() - length_counts[me]) +
                       sizeof(ListedNeighbor) * (answers.size() - answer_counts[me]);
    traffic.exchanges += 3;
  }

  [[nodiscard]] std::span<const ListedNeighbor> of(std::uint32_t row) const {
    const auto place = static_cast<std::size_t>(std::ranges::lower_bound(rows_, row) - rows_.begin());
    return std::span(neighbors_).subspan(offsets_[place], offsets_[place + 1] - offsets_[place]);
  }

 private:
  std::vector<std::uint32_t> rows_;
  std::vector<std::uint64_t> offsets_{0};
  std::vector<ListedNeighbor> neighbors_;
};

}  // namespace

PinsageSampler::PinsageSampler(const graph::Schema& schema, VertexTypeId type, graph::NeighborLists lists,
                               std::uint64_t layers)
    : schema_(schema), type_(type), lists_(std::move(lists)), layers_(layers) {}

void PinsageSampler::sample(const comm::Communicator& comm, std::span<const std::vector<SeedRows>> batches,
                            std::vector<SampledSubgraph>& results, SamplingTraffic& traffic) const {
  const graph::BlockDistribution homes(schema_.vertex_type(type_).count, comm.size());
  std::vector<detail::SubgraphBuilder> builders(batches.size());
  results.resize(batches.size());
  comm.agree([&] {
    parallel::for_each({0, batches.size()}, 1, [&](std::uint64_t b) {
      for (const SeedRows& set : batches[b]) {
        if (set.type == type_ || set.rows.empty()) continue;
        throw InternalError(fmt::format("seeds of type {}, but PinSAGE's lists are of type {}",
                                        schema_.vertex_type(set.type).name, schema_.vertex_type(type_).name));
      }
      builders[b].begin(schema_, 1, FanoutOptions{}, batches[b], {}, results[b]);
    });
  });
  for (std::uint64_t layer = 0; layer < layers_; ++layer) {
    std::vector<std::uint32_t> rows;
    comm.agree([&] {
      for (const detail::SubgraphBuilder& builder : builders) {
        const IndexRange anchors = builder.anchors(type_, layer);
        for (std::uint64_t v = anchors.begin; v < anchors.end; ++v) rows.push_back(builder.row_of(type_, v));
      }
      parallel::sort(std::span<std::uint32_t>(rows), std::less<>{});
      rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    });
    const FetchedLists lists(comm, homes, lists_, std::move(rows), traffic);
    comm.agree([&] {
      parallel::for_each({0, batches.size()}, 1, [&](std::uint64_t b) {
        std::vector<std::uint32_t> neighbors;
        std::vector<float>& weights = results[b].edges.front().weights;
        const IndexRange anchors = builders[b].anchors(type_, layer);
        for (std::uint64_t v = anchors.begin; v < anchors.end; ++v) {
          neighbors.clear();
          for (const ListedNeighbor& neighbor : lists.of(builders[b].row_of(type_, v))) {
            neighbors.push_back(neighbor.row);
            weights.push_back(std::bit_cast<float>(neighbor.weight));
          }
          builders[b].append(0, type_, type_, v, neighbors, {});
        }
        builders[b].end_link(0);
        builders[b].end_hop();
      });
    });
  }
}

}  // namespace rove::algorithms
