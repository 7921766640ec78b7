// SPDX-License-Identifier: Apache-2.0
#include "algorithms/ppr/detail/travelling_counts.hpp"

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "algorithms/ppr/detail/ppr_policy.hpp"
#include "engine/exec/pair_counter.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::algorithms::detail {

namespace {

/// Visits of one pair on the way to the source's owner.
struct CountMessage {
  std::uint32_t source = 0;
  std::uint32_t target_row = 0;
  std::uint32_t count = 0;
};

/// One thread's counts of a batch.
struct BatchCounts {
  std::unique_ptr<exec::PairCounter> pairs;
  std::vector<std::uint64_t> lost;  ///< by source

  void visit(const exec::WalkLanes& lanes, std::size_t count) {
    pairs->add(lanes.source.data(), lanes.vertex.data(), count);
  }
  void end(const exec::WalkLanes& lanes, std::size_t lane, exec::WalkEnd how) {
    lost[lanes.source[lane]] += static_cast<std::uint64_t>(how == exec::WalkEnd::kLost);
  }
};

/// **Collective.** Sends every counted pair to the owner of its source.
std::vector<CountMessage> send_home(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                    VertexTypeId targets, std::span<const BatchSource> batch,
                                    parallel::PerThread<BatchCounts>& counts) {
  std::vector<std::uint64_t> send_counts(static_cast<std::size_t>(comm.size()));
  std::vector<CountMessage> messages;
  comm.agree([&] {
    const std::uint64_t first_stable = graph.schema().stable_range(targets).begin;
    std::uint64_t total = 0;
    counts.for_each([&](const BatchCounts& part) {
      part.pairs->for_each([&](std::uint32_t source, std::uint32_t, std::uint64_t) {
        ++send_counts[static_cast<std::size_t>(batch[source].owner)];
        ++total;
      });
    });
    std::vector<std::uint64_t> next = graph::detail::offsets_from_lengths(send_counts);
    messages.resize(total);
    counts.for_each([&](BatchCounts& part) {
      part.pairs->for_each([&](std::uint32_t source, std::uint32_t vertex, std::uint64_t count) {
        const std::uint64_t stable = graph.index_map().stable_of(LocalVertexId{vertex}).value();
        messages[next[static_cast<std::size_t>(batch[source].owner)]++] = {
            source, static_cast<std::uint32_t>(stable - first_stable), static_cast<std::uint32_t>(count)};
      });
      part.pairs.reset();
    });
  });
  return comm.exchange<CountMessage>(messages, send_counts).data;
}

/// Brings the messages of each source together, without a comparison sort.
struct GroupedCounts {
  std::vector<std::uint64_t> offsets;  ///< by source of the batch
  std::vector<exec::VisitCounter::Entry> entries;
};

GroupedCounts group_by_source(std::span<const CountMessage> messages, std::size_t num_sources) {
  GroupedCounts groups;
  std::vector<std::uint64_t> lengths(num_sources);
  for (const CountMessage& message : messages) ++lengths[message.source];
  groups.offsets = graph::detail::offsets_from_lengths(lengths);
  std::vector<std::uint64_t> next = groups.offsets;
  groups.entries.resize(messages.size());
  for (const CountMessage& message : messages) {
    groups.entries[next[message.source]++] = {message.target_row, message.count};
  }
  return groups;
}

}  // namespace

std::vector<BatchSource> owned_sources(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                       VertexTypeId type, const IsSource& is_source) {
  std::vector<BatchSource> mine;
  const IndexRange owned = graph.owned_of_type(type);
  for (std::uint64_t v = owned.begin; v < owned.end; ++v) {
    const auto vertex = static_cast<std::uint32_t>(v);
    const std::uint64_t row = graph.schema().row_of(graph.index_map().stable_of(LocalVertexId{vertex}));
    if (is_source(row, vertex)) mine.push_back({row, graph.owned_keys()[vertex], comm.rank().value(), vertex});
  }
  return mine;
}

std::vector<BatchSource> share_batch(const comm::Communicator& comm, std::vector<BatchSource> mine) {
  std::vector<BatchSource> all = comm.all_gather_v<BatchSource>(mine).data;
  std::sort(all.begin(), all.end(), [](const BatchSource& a, const BatchSource& b) { return a.row < b.row; });
  return all;
}

std::uint64_t bytes_per_source(std::uint32_t walks, double restart, std::uint64_t num_targets, std::uint32_t threads) {
  const auto visits = static_cast<std::uint64_t>(static_cast<double>(walks) / restart * 1.25);
  const std::uint64_t pairs = std::min(visits, threads * num_targets);
  const std::uint64_t walkers = exec::kTravellingBytesPerWalk<exec::RestartPolicy> * walks;
  const std::uint64_t messages = pairs * (2 * sizeof(CountMessage) + sizeof(exec::VisitCounter::Entry));
  return walkers + exec::PairCounter::max_bytes(pairs) + messages + sizeof(BatchSource);
}

exec::WalkTraffic count_travelling_visits(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                          const exec::WalkGraph& walk_graph, const TravellingCountsOptions& options,
                                          const IsSource& is_source, const ConsumeCounts& consume) {
  const graph::Schema& schema = graph.schema();
  const std::uint64_t num_rows = schema.vertex_type(options.sources).count;
  const std::uint64_t num_targets = schema.vertex_type(options.targets).count;
  const std::vector<BatchSource> mine = owned_sources(comm, graph, options.sources, is_source);
  const RandomStream random(options.seed, Purpose::kWalk);

  // Batches are ranges of rows; which rows share a batch changes no count. The rank with room for the fewest rules.
  const std::uint64_t fitting =
      options.batch_bytes / bytes_per_source(options.walks, options.restart, num_targets, parallel::concurrency());
  const std::uint64_t rows_per_batch = comm.all_reduce(std::max<std::uint64_t>(1, fitting), comm::ReduceOp::kMin);

  parallel::PerThread<std::unique_ptr<exec::VisitCounter>> counters;
  exec::WalkTraffic traffic;
  if (comm.is_root()) options.progress->begin(options.stage, num_rows, "rows");
  std::size_t next_mine = 0;
  for (std::uint64_t row = 0; row < num_rows; row += rows_per_batch) {
    const std::uint64_t row_end = std::min(num_rows, row + rows_per_batch);
    std::vector<BatchSource> batch_mine;
    while (next_mine < mine.size() && mine[next_mine].row < row_end) batch_mine.push_back(mine[next_mine++]);
    const std::vector<BatchSource> batch = share_batch(comm, std::move(batch_mine));
    if (batch.empty()) continue;

    std::vector<exec::WalkStart> starts;
    std::vector<VertexKey> keys;
    for (std::size_t s = 0; s < batch.size(); ++s) {
      keys.push_back(batch[s].key);
      if (batch[s].owner == comm.rank().value()) starts.push_back({batch[s].vertex, static_cast<std::uint32_t>(s)});
    }
    parallel::PerThread<BatchCounts> counts;
    comm.agree([&] {
      counts.for_each([&](BatchCounts& part) {
        part.pairs = std::make_unique<exec::PairCounter>(graph.owned_of_type(options.targets));
        part.lost.assign(batch.size(), 0);
      });
    });
    const exec::WalkTraffic here =
        with_ppr_policy(walk_graph, options.restart, options.seed, options.weighted, [&](const auto& policy) {
          return exec::run_travelling_walks(comm, walk_graph, policy, random, starts, keys, options.walks, counts);
        });
    traffic.supersteps += here.supersteps;
    traffic.moves += here.moves;
    traffic.remote_moves += here.remote_moves;

    std::vector<std::uint64_t> lost(batch.size());
    counts.for_each([&](const BatchCounts& part) {
      for (std::size_t s = 0; s < lost.size(); ++s) lost[s] += part.lost[s];
    });
    comm.all_reduce(std::span(lost), comm::ReduceOp::kSum);
    const std::vector<CountMessage> arrived = send_home(comm, graph, options.targets, batch, counts);
    comm.agree([&] {
      const GroupedCounts groups = group_by_source(arrived, batch.size());
      parallel::for_each({0, starts.size()}, 1, [&](std::uint64_t i) {
        const std::uint32_t source = starts[i].source;
        std::unique_ptr<exec::VisitCounter>& counter = counters.local();
        if (!counter) counter = std::make_unique<exec::VisitCounter>(IndexRange{0, num_targets});
        counter->add(std::span(groups.entries)
                         .subspan(groups.offsets[source], groups.offsets[source + 1] - groups.offsets[source]));
        consume(batch[source], *counter, lost[source]);
        counter->clear();
      });
    });
    if (comm.is_root()) options.progress->update(row_end, "");
    comm.stop_if_asked(fmt::format("{} stopped on request", options.stage));
  }
  if (comm.is_root()) options.progress->end("");
  return traffic;
}

}  // namespace rove::algorithms::detail
