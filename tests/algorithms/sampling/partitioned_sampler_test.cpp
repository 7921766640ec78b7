// SPDX-License-Identifier: Apache-2.0
#include "algorithms/sampling/partitioned_sampler.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "engine/graph/block_distribution.hpp"
#include "tests/algorithms/sampling/serial_sampler.hpp"
#include "tests/support/graphs.hpp"
#include "tests/support/mpi.hpp"

namespace rove::algorithms {

namespace {

using namespace tests;

PartitionedSamplingGraph partitioned(const graph::GraphBlocks& whole, std::span<const SampledLink> links, Spread spread,
                                     SamplingAttributes attributes) {
  const comm::Communicator& comm = world();
  return PartitionedSamplingGraph::build(comm, cut(whole, comm.rank(), comm.size()), assign(comm, whole.schema, spread),
                                         links, attributes);
}

TEST(PartitionedSampler, GivesTheBytesOfTheDefinitionWhereverVerticesLive) {
  const comm::Communicator& comm = world();
  std::vector<SampledSubgraph> got;
  for (const NamedGraph& named : awkward_graphs()) {
    const std::vector<SampledLink> links = all_links(named.whole.schema);
    for (const int kind : {0, 1, 2, 3}) {
      FanoutOptions options;
      options.seed = 4;
      options.replace = kind == 1;
      options.weighted = kind == 1;
      options.temporal = kind == 2 ? TemporalRule::kLast : TemporalRule::kNone;
      options.disjoint = kind == 3;
      options.fanouts.assign(2, std::vector<std::int64_t>(links.size(), 3));
      options.fanouts[1].front() = 0;
      if (!options.replace) options.fanouts[0].back() = FanoutOptions::kAll;
      for (const Spread spread : kSpreads) {
        const PartitionedSamplingGraph graph = partitioned(named.whole, links, spread, options.attributes());
        const PartitionedSampler sampler(graph, options);
        for (std::uint16_t t = 0; t < named.whole.schema.vertex_types().size(); ++t) {
          const auto count = static_cast<std::uint32_t>(
              std::min<std::uint64_t>(named.whole.schema.vertex_type(VertexTypeId{t}).count, 14));
          // Ranks have different numbers of batches, the first none when there is another.
          std::vector<std::vector<std::uint32_t>> rows;
          std::vector<std::vector<std::int64_t>> times;
          std::vector<std::vector<SeedRows>> batches;
          const std::uint32_t mine = comm.size() == 1 ? 2 : static_cast<std::uint32_t>(comm.rank().value());
          for (std::uint32_t b = 0; b < mine; ++b) {
            rows.push_back(rows_from(b % (count + 1), count - b % (count + 1)));
            times.emplace_back();
            for (std::size_t i = 0; i < rows.back().size(); ++i) {
              times.back().push_back(static_cast<std::int64_t>((i + b) * 37 % 1000));
            }
          }
          for (std::uint32_t b = 0; b < mine; ++b) batches.push_back({{VertexTypeId{t}, rows[b], times[b]}});
          SamplingTraffic traffic;
          sampler.sample(comm, batches, 5, got, traffic);
          ASSERT_EQ(got.size(), mine);
          for (std::uint32_t b = 0; b < mine; ++b) {
            expect_equal(got[b], serial_sample(named.whole, links, options, batches[b], 5),
                         named.name + ", kind " + std::to_string(kind) + ", " + name_of(spread));
          }
          EXPECT_TRUE(comm.size() > 1 || traffic.requests + traffic.answers == 0);
        }
      }
    }
  }
}

TEST(PartitionedSampler, CountsWhatItSends) {
  const comm::Communicator& comm = world();
  const graph::GraphBlocks whole = random_bipartite(200, 80, 3'000, 4);
  const std::vector<SampledLink> links = all_links(whole.schema);
  const FanoutOptions options{{{0, 5}}, false, 8};
  const PartitionedSamplingGraph graph = partitioned(whole, links, Spread::kScattered, {});
  std::vector<std::vector<SeedRows>> batches;
  const std::vector<std::uint32_t> rows = rows_from(0, 150);
  if (comm.is_root()) batches.push_back({{VertexTypeId{0}, rows}});
  std::vector<SampledSubgraph> got;
  SamplingTraffic traffic;
  PartitionedSampler(graph, options).sample(comm, batches, 0, got, traffic);
  // Rank 0 asks for the seeds that others own, 4 bytes each; an answer has 4 bytes a seed and 12 an edge.
  const graph::Assignment assignment = assign(comm, whole.schema, Spread::kScattered);
  const std::vector<std::int32_t> parts = comm.all_gather_v<std::int32_t>(assignment.parts[0]).data;
  std::uint64_t seeds = 0;
  std::uint64_t edges = 0;
  const graph::BlockDistribution homes(200, comm.size());
  std::uint64_t located = 0;
  for (const std::uint32_t row : rows) {
    if (homes.home_of(row) != Rank{0}) ++located;
    if (parts[row] == 0) continue;
    ++seeds;
    edges += std::min<std::uint64_t>(5, slots_of(whole, links[1], row).size());
  }
  EXPECT_EQ(comm.all_reduce(traffic.requests, comm::ReduceOp::kSum), 4 * (located + seeds));
  EXPECT_EQ(comm.all_reduce(traffic.answers, comm::ReduceOp::kSum), 4 * seeds + 12 * edges);
}

TEST(PartitionedSampler, RefusesAPartitionOfAnotherGraph) {
  const comm::Communicator& comm = world();
  const graph::GraphBlocks whole = random_bipartite(20, 10, 100, 4);
  const std::vector<SampledLink> links = all_links(whole.schema);
  graph::Assignment assignment = assign(comm, whole.schema, Spread::kBlock);
  const graph::GraphBlocks mine = cut(whole, comm.rank(), comm.size());
  assignment.num_parts += 1;
  EXPECT_THROW(static_cast<void>(PartitionedSamplingGraph::build(comm, mine, assignment, links)), InputError);
  assignment.num_parts -= 1;
  assignment.parts.pop_back();
  EXPECT_THROW(static_cast<void>(PartitionedSamplingGraph::build(comm, mine, assignment, links)), InputError);
}

}  // namespace

}  // namespace rove::algorithms
