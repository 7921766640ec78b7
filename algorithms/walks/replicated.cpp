// SPDX-License-Identifier: Apache-2.0
// Replicated layout: each rank walks a block of every batch over the whole adjacency; nothing is exchanged but the keys
// of the batch's sources.
#include <algorithm>
#include <span>
#include <vector>

#include "algorithms/walks/detail/batches.hpp"
#include "algorithms/walks/detail/with_policy.hpp"
#include "engine/exec/walk_transport.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::algorithms {

namespace {

constexpr std::uint64_t kWalkGrain = 1U << 12U;

/// Writes visits into the rows of a matrix.
struct RowSink {
  std::uint32_t* matrix = nullptr;
  std::uint64_t columns = 0;
  std::uint32_t walks = 0;
  std::uint64_t moves = 0;
  std::uint64_t ended_early = 0;

  void visit(const exec::WalkLanes& lanes, std::size_t count) {
    moves += count;
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t row = std::uint64_t{lanes.source[i]} * walks + lanes.walk[i];
      matrix[row * columns + lanes.step[i]] = lanes.vertex[i];
    }
  }
  void end(const exec::WalkLanes& /*lanes*/, std::size_t /*lane*/, exec::WalkEnd how) {
    --moves;
    ended_early += static_cast<std::uint64_t>(how == exec::WalkEnd::kLost);
  }
  void leave(const exec::WalkLanes& /*lanes*/, std::size_t /*lane*/) {}
};

}  // namespace

WalkCorpusReport make_walks(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                            const WalkCorpusOptions& options, const ConsumeWalks& consume) {
  comm.agree([&] { check_walk_options(blocks.schema, options); });
  const exec::WalkGraph graph = exec::WalkGraph::replicated(comm, blocks, options.edges, walk_graph_options(options));
  const RandomStream random(options.seed, Purpose::kWalk);
  const std::uint64_t columns = std::uint64_t{options.length} + 1;
  WalkCorpusReport report;
  report.walks = num_walks(blocks.schema, options);
  std::vector<std::uint32_t> matrix;
  parallel::PerThread<exec::WalkLanes> scratch;

  detail::for_batches(
      comm, blocks.schema, options, replicated_bytes_per_walk(options), [&](const detail::SourceBatch& batch) {
        // Home blocks are in row order, so what is gathered are the batch's keys in row order.
        const IndexRange home = blocks.distribution(batch.type, comm.size()).block(comm.rank());
        const std::uint64_t begin = std::clamp(batch.rows.begin, home.begin, home.end);
        const std::uint64_t end = std::clamp(batch.rows.end, home.begin, home.end);
        const std::vector<VertexKey>& homed = blocks.keys[batch.type.index()];
        const std::vector<VertexKey> keys =
            comm.all_gather_v<VertexKey>(std::span(homed).subspan(begin - home.begin, end - begin)).data;
        const IndexRange mine = graph::BlockDistribution(batch.rows.size(), comm.size()).block(comm.rank());
        comm.agree([&] {
          matrix.assign(mine.size() * options.walks * columns, kNoWalkVertex);
          std::vector<exec::WalkStart> starts;
          for (std::uint64_t s = mine.begin; s < mine.end; ++s) {
            const std::uint64_t row = blocks.schema.stable_id(batch.type, batch.rows.begin + s).value();
            starts.push_back({static_cast<std::uint32_t>(row), static_cast<std::uint32_t>(s - mine.begin)});
          }
          const std::span<const VertexKey> my_keys = std::span(keys).subspan(mine.begin, mine.size());
          const std::uint64_t grain = std::max<std::uint64_t>(1, kWalkGrain / options.walks);
          parallel::PerThread<RowSink> sinks(RowSink{matrix.data(), columns, options.walks, 0, 0});
          detail::with_walk_policy(graph, options, [&](const auto& policy) {
            parallel::for_chunks({0, starts.size()}, grain, [&](IndexRange chunk) {
              const std::span<const exec::WalkStart> part(starts.data() + chunk.begin, chunk.size());
              exec::detail::StartSupply supply(part, my_keys, options.walks);
              exec::run_walks<false>(graph, policy, random, supply, sinks.local(), scratch.local());
            });
          });
          sinks.for_each([&](const RowSink& sink) {
            report.moves += sink.moves;
            report.ended_early += sink.ended_early;
          });
        });
        ++report.batches;
        report.largest_batch_bytes =
            std::max<std::uint64_t>(report.largest_batch_bytes, 4 * matrix.size() + sizeof(VertexKey) * keys.size());
        consume({matrix});
      });
  return detail::over_all_ranks(comm, report);
}

}  // namespace rove::algorithms
