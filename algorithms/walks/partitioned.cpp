// SPDX-License-Identifier: Apache-2.0
// Partitioned layout: walkers travel, every rank records the visits to its vertices, and at the end of a batch these go
// to the rank that has the walk's row.
#include <algorithm>
#include <optional>

#include "algorithms/walks/detail/batches.hpp"
#include "algorithms/walks/detail/with_policy.hpp"
#include "engine/exec/walk_transport.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::algorithms {

namespace {

struct VisitRecord {
  std::uint32_t row = 0;  ///< of the batch
  std::uint32_t step = 0;
  std::uint32_t vertex = 0;  ///< stable id
};

/// One thread's visits of a batch.
struct RecordSink {
  const graph::IndexMap* index_map = nullptr;
  std::uint32_t walks = 0;
  std::vector<VisitRecord> records;
  std::uint64_t ended_early = 0;

  void visit(const exec::WalkLanes& lanes, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const StableVertexId vertex = index_map->stable_of(LocalVertexId{lanes.vertex[i]});
      records.push_back(
          {lanes.source[i] * walks + lanes.walk[i], lanes.step[i], static_cast<std::uint32_t>(vertex.value())});
    }
  }
  void end(const exec::WalkLanes& /*lanes*/, std::size_t /*lane*/, exec::WalkEnd how) {
    ended_early += static_cast<std::uint64_t>(how == exec::WalkEnd::kLost);
  }
};

/// What a rank tells the others of a source it owns.
struct OwnedSource {
  std::uint64_t row = 0;
  VertexKey key;
};

}  // namespace

WalkCorpusReport make_walks(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                            const WalkCorpusOptions& options, const ConsumeWalks& consume) {
  const graph::Schema& schema = graph.schema();
  std::optional<exec::WalkGraph> walk_graph;
  comm.agree([&] {
    check_walk_options(schema, options);
    const exec::AdjacencyView view(graph, options.edges);
    walk_graph.emplace(exec::WalkGraph::partitioned(view, walk_graph_options(options)));
  });
  const RandomStream random(options.seed, Purpose::kWalk);
  const std::uint64_t columns = std::uint64_t{options.length} + 1;
  const auto num_ranks = static_cast<std::size_t>(comm.size());
  WalkCorpusReport report;
  report.walks = num_walks(schema, options);
  std::vector<std::uint32_t> matrix;

  detail::for_batches(
      comm, schema, options, partitioned_bytes_per_walk(options), [&](const detail::SourceBatch& batch) {
        std::vector<OwnedSource> mine;
        std::vector<exec::WalkStart> starts;
        const IndexRange owned = graph.owned_of_type(batch.type);
        for (std::uint64_t v = owned.begin; v < owned.end; ++v) {
          const LocalVertexId vertex{static_cast<std::uint32_t>(v)};
          const std::uint64_t row = schema.row_of(graph.index_map().stable_of(vertex));
          if (!batch.rows.contains(row)) continue;
          mine.push_back({row, graph.owned_keys()[v]});
          starts.push_back({vertex.value(), static_cast<std::uint32_t>(row - batch.rows.begin)});
        }
        std::vector<VertexKey> keys(batch.rows.size());
        for (const OwnedSource& source : comm.all_gather_v<OwnedSource>(mine).data) {
          keys[source.row - batch.rows.begin] = source.key;
        }

        RecordSink empty;
        empty.index_map = &graph.index_map();
        empty.walks = options.walks;
        parallel::PerThread<RecordSink> sinks(empty);
        std::uint64_t walker_bytes = 0;
        detail::with_walk_policy(*walk_graph, options, [&](const auto& policy) {
          const exec::WalkTraffic traffic =
              exec::run_travelling_walks(comm, *walk_graph, policy, random, starts, keys, options.walks, sinks);
          report.moves += traffic.moves;
          report.remote_moves += traffic.remote_moves;
          report.bytes_sent += traffic.bytes_sent;
          walker_bytes = traffic.buffer_bytes;
        });

        const graph::BlockDistribution shares(batch.rows.size(), comm.size());
        std::vector<std::uint64_t> counts(num_ranks);
        std::vector<VisitRecord> sent;
        std::uint64_t recorded = 0;
        comm.agree([&] {
          std::vector<std::uint64_t> ends;  // of the ranks' rows
          for (std::int32_t r = 0; r < comm.size(); ++r) ends.push_back(shares.block(Rank{r}).end * options.walks);
          const auto owner_of = [&](const VisitRecord& record) {
            return static_cast<std::size_t>(std::upper_bound(ends.begin(), ends.end(), record.row) - ends.begin());
          };
          sinks.for_each([&](const RecordSink& sink) {
            recorded += sink.records.capacity();
            for (const VisitRecord& record : sink.records) ++counts[owner_of(record)];
            report.ended_early += sink.ended_early;
          });
          std::vector<std::uint64_t> next(counts.begin(), counts.end());
          sent.resize(parallel::exclusive_prefix_sum(next));
          sinks.for_each([&](const RecordSink& sink) {
            for (const VisitRecord& record : sink.records) sent[next[owner_of(record)]++] = record;
          });
          sinks.for_each([](RecordSink& sink) { sink.records = {}; });
        });
        const std::vector<VisitRecord> arrived = comm.exchange<VisitRecord>(sent, counts).data;
        const IndexRange rows = shares.block(comm.rank());
        comm.agree([&] {
          matrix.assign(rows.size() * options.walks * columns, kNoWalkVertex);
          const std::uint64_t first = rows.begin * options.walks;
          for (const VisitRecord& record : arrived) {
            matrix[(record.row - first) * columns + record.step] = record.vertex;
          }
        });
        ++report.batches;
        report.largest_batch_bytes = std::max<std::uint64_t>(
            report.largest_batch_bytes, walker_bytes + sizeof(VisitRecord) * (recorded + sent.size() + arrived.size()) +
                                            4 * matrix.size() + sizeof(VertexKey) * keys.size());
        consume({matrix});
      });
  return detail::over_all_ranks(comm, report);
}

}  // namespace rove::algorithms
