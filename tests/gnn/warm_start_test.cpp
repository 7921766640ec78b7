// SPDX-License-Identifier: Apache-2.0
#include "gnn/warm_start.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "gnn/train_ials.hpp"
#include "gnn/train_lightgcn.hpp"
#include "tests/gnn/training_support.hpp"
#include "tests/support/mpi.hpp"

namespace rove::gnn {
namespace {

using tests::world;

constexpr EdgeTypeId kRates{0};
constexpr std::uint32_t kDim = 5;

/// A third of the vertices are new.
bool is_known(std::uint64_t stable) {
  return stable % 3 != 1;
}
float value_of(std::uint64_t stable, std::uint32_t column) {
  return static_cast<float>((stable * 7 + column * 13) % 19) * 0.25F - 2.0F;
}
float random_value(std::uint64_t stable, std::uint32_t column) {
  return static_cast<float>(stable + column) * 0.01F;
}

std::vector<float> known_row(std::uint64_t stable) {
  std::vector<float> row(kDim);
  for (std::uint32_t c = 0; c < kDim; ++c) row[c] = value_of(stable, c);
  return row;
}

double length_of(const std::vector<float>& row) {
  double squares = 0;
  for (const float x : row) squares += static_cast<double>(x) * static_cast<double>(x);
  return std::sqrt(squares);
}

/// From the definition, in double; the counts on the way.
std::vector<double> serial_start(const graph::GraphBlocks& whole, WarmStartCounts& counts) {
  const graph::Schema& schema = whole.schema;
  std::vector<double> rows(schema.num_vertices() * kDim);
  for (const VertexTypeId type : {VertexTypeId{0}, VertexTypeId{1}}) {
    const graph::AdjacencyBlock& block =
        type == VertexTypeId{0} ? whole.edges[0].by_source : whole.edges[0].by_destination;
    const IndexRange range = schema.stable_range(type);
    const IndexRange others = schema.stable_range(type == VertexTypeId{0} ? VertexTypeId{1} : VertexTypeId{0});
    double length = 0;
    double known = 0;
    for (std::uint64_t v = range.begin; v < range.end; ++v) {
      if (!is_known(v)) continue;
      length += length_of(known_row(v));
      known += 1;
    }
    length /= known;
    for (std::uint64_t v = range.begin; v < range.end; ++v) {
      double* const row = rows.data() + v * kDim;
      if (is_known(v)) {
        for (std::uint32_t c = 0; c < kDim; ++c) row[c] = static_cast<double>(value_of(v, c));
        ++counts.known;
        continue;
      }
      bool has_any = false;
      const std::uint64_t r = v - range.begin;
      for (std::uint64_t slot = block.offsets[r]; slot < block.offsets[r + 1]; ++slot) {
        const std::uint64_t neighbor = others.begin + block.targets[slot];
        if (!is_known(neighbor)) continue;
        has_any = true;
        for (std::uint32_t c = 0; c < kDim; ++c) row[c] += static_cast<double>(value_of(neighbor, c));
      }
      double squares = 0;
      for (std::uint32_t c = 0; c < kDim; ++c) squares += row[c] * row[c];
      ++(has_any ? counts.from_neighbors : counts.at_random);
      for (std::uint32_t c = 0; c < kDim; ++c) {
        row[c] = has_any ? row[c] / std::sqrt(squares) * length : static_cast<double>(random_value(v, c));
      }
    }
  }
  return rows;
}

EmbeddingTable start(const comm::Communicator& comm, const graph::DistributedGraph& graph, WarmStartCounts& counts,
                     std::uint64_t first_unknown = std::numeric_limits<std::uint64_t>::max()) {
  KnownRows known{EmbeddingTable(graph.num_owned(), kDim), std::vector<std::uint8_t>(graph.num_owned())};
  EmbeddingTable parameters(graph.num_owned(), kDim);
  for (std::uint32_t local = 0; local < graph.num_owned(); ++local) {
    const std::uint64_t stable = graph.index_map().stable_of(LocalVertexId{local}).value();
    for (std::uint32_t c = 0; c < kDim; ++c) parameters.row(local)[c] = random_value(stable, c);
    if (!is_known(stable) || stable >= first_unknown) continue;
    known.is_known[local] = 1;
    for (std::uint32_t c = 0; c < kDim; ++c) known.rows.row(local)[c] = value_of(stable, c);
  }
  counts = start_from(comm, graph, kRates, known, parameters);
  return parameters;
}

TEST(WarmStart, EqualsTheDefinitionOnAnyRanks) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 45, 160, 9);
  WarmStartCounts expected_counts;
  const std::vector<double> expected = serial_start(whole, expected_counts);
  const comm::Communicator self = tests::alone(world());
  const graph::DistributedGraph serial = tests::distribute(self, whole, tests::Spread::kBlock);
  WarmStartCounts serial_counts;
  const std::vector<float> alone = tests::whole_table(self, serial, start(self, serial, serial_counts));
  const std::uint32_t width = static_cast<std::uint32_t>(alone.size() / whole.schema.num_vertices());
  for (std::uint64_t v = 0; v < whole.schema.num_vertices(); ++v) {
    for (std::uint32_t c = 0; c < kDim; ++c) {
      EXPECT_NEAR(static_cast<double>(alone[v * width + c]), expected[v * kDim + c], 2e-5) << v;
    }
  }
  EXPECT_GT(expected_counts.from_neighbors, 0U);
  EXPECT_GT(expected_counts.at_random, 0U);
  for (const tests::Spread spread : tests::kSpreads) {
    const graph::DistributedGraph graph = tests::distribute(world(), whole, spread);
    WarmStartCounts counts;
    EXPECT_TRUE(tests::same_bytes(tests::whole_table(world(), graph, start(world(), graph, counts)), alone))
        << name_of(spread);
    EXPECT_EQ(counts.known, expected_counts.known);
    EXPECT_EQ(counts.from_neighbors, expected_counts.from_neighbors);
    EXPECT_EQ(counts.at_random, expected_counts.at_random);
  }
}

TEST(WarmStart, AWhollyNewTypeStartsAtRandom) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 45, 160, 9);
  for (const tests::Spread spread : tests::kSpreads) {
    const graph::DistributedGraph graph = tests::distribute(world(), whole, spread);
    WarmStartCounts counts;
    const EmbeddingTable parameters = start(world(), graph, counts, 60);  // the items
    const IndexRange items = graph.owned_of_type(VertexTypeId{1});
    for (std::uint64_t local = items.begin; local < items.end; ++local) {
      const auto item = static_cast<std::uint32_t>(local);
      const std::uint64_t stable = graph.index_map().stable_of(LocalVertexId{item}).value();
      for (std::uint32_t c = 0; c < kDim; ++c) EXPECT_EQ(parameters.row(item)[c], random_value(stable, c)) << stable;
    }
    EXPECT_EQ(counts.known, 40U);
    EXPECT_EQ(counts.from_neighbors, 0U);
    EXPECT_EQ(counts.at_random, 65U);
  }
}

/// Parameters after two epochs, a third of the items frozen.
std::vector<float> trained(const comm::Communicator& comm, const graph::GraphBlocks& whole, tests::Spread spread,
                           TrainLayout layout, std::uint64_t accumulate, bool freeze = true) {
  const graph::DistributedGraph graph = tests::distribute(comm, whole, spread);
  TrainOptions options;
  options.dim = 40;
  options.epochs = 2;
  options.batch_size = 30;
  options.accumulate = accumulate;
  options.learning_rate = 0.01;
  options.layout = layout;
  options.cluster_bytes = 1024;
  std::vector<std::uint8_t> frozen(graph.num_owned());
  const IndexRange items = graph.owned_of_type(VertexTypeId{1});
  for (std::uint64_t local = items.begin; local < items.end; ++local) {
    const LocalVertexId item{static_cast<std::uint32_t>(local)};
    frozen[local] = freeze && is_known(graph.index_map().stable_of(item).value()) ? 1 : 0;
  }
  TrainHooks hooks;
  hooks.frozen = &frozen;
  return tests::whole_table(comm, graph, train_lightgcn(comm, graph, kRates, options, hooks).parameters);
}

TEST(FrozenRows, StayWhereTheyStartedWhileOthersLearn) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 45, 160, 9);
  const comm::Communicator self = tests::alone(world());
  const graph::DistributedGraph serial = tests::distribute(self, whole, tests::Spread::kBlock);
  EmbeddingTable start(serial.num_owned(), 40);
  start.initialise_normal(serial, 42, 0.1);
  const std::vector<float> before = tests::whole_table(self, serial, start);
  const std::size_t width = start.width();
  for (const std::uint64_t accumulate : {1U, 3U}) {
    const auto alone = trained(self, whole, tests::Spread::kBlock, TrainLayout::kPartitioned, accumulate);
    for (std::uint64_t v = 0; v < whole.schema.num_vertices(); ++v) {
      const graph::AdjacencyBlock& block = v < 60 ? whole.edges[0].by_source : whole.edges[0].by_destination;
      const std::uint64_t row = v < 60 ? v : v - 60;
      const bool is_linked = block.offsets[row + 1] > block.offsets[row];
      const auto row_of = [&](const std::vector<float>& rows) { return std::span(rows).subspan(v * width, width); };
      const bool stayed = tests::same_bytes(row_of(alone), row_of(before));
      if (v >= 60 && is_known(v)) {
        EXPECT_TRUE(stayed) << v;
      } else if (is_linked) {
        EXPECT_FALSE(stayed) << v;
      }
    }
    for (const TrainLayout layout : {TrainLayout::kPartitioned, TrainLayout::kColumns}) {
      for (const tests::Spread spread : tests::kSpreads) {
        EXPECT_TRUE(tests::same_bytes(trained(world(), whole, spread, layout, accumulate), alone)) << name_of(spread);
      }
    }
  }
  // Flags that are all 0 are as good as none.
  const auto thawed = trained(self, whole, tests::Spread::kBlock, TrainLayout::kPartitioned, 1, false);
  EXPECT_FALSE(tests::same_bytes(thawed, trained(self, whole, tests::Spread::kBlock, TrainLayout::kPartitioned, 1)));
}

TEST(FrozenRows, AreRefusedWhereRowsAreSolvedFor) {
  const graph::DistributedGraph graph =
      tests::distribute(world(), tests::random_bipartite(20, 15, 60, 9), tests::Spread::kBlock);
  const std::vector<std::uint8_t> frozen(graph.num_owned());
  TrainHooks hooks;
  hooks.frozen = &frozen;
  EXPECT_THROW(static_cast<void>(train_ials(world(), graph, kRates, {}, hooks)), ConfigError);
}

}  // namespace
}  // namespace rove::gnn
