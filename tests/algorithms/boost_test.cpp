// SPDX-License-Identifier: Apache-2.0
// The algorithms against Boost.Graph's own, which run on our CSR through engine/graph/boost_adapter.hpp: first on
// generated graphs, then on real ones where they are present.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include <boost/graph/connected_components.hpp>
#include <boost/graph/core_numbers.hpp>
#include <boost/graph/dijkstra_shortest_paths.hpp>
#include <boost/graph/graph_concepts.hpp>
#include <boost/graph/page_rank.hpp>
#include <gtest/gtest.h>

#include "algorithms/connected_components.hpp"
#include "algorithms/k_core.hpp"
#include "algorithms/pagerank.hpp"
#include "algorithms/shortest_paths.hpp"
#include "engine/graph/boost_adapter.hpp"
#include "tests/support/gather.hpp"
#include "tests/support/graphs.hpp"
#include "tests/support/mpi.hpp"

namespace rove::algorithms {
namespace {

using graph::BoostDirection;
using graph::BoostGraph;
using tests::world;

BOOST_CONCEPT_ASSERT((boost::VertexListGraphConcept<BoostGraph>));
BOOST_CONCEPT_ASSERT((boost::IncidenceGraphConcept<BoostGraph>));
BOOST_CONCEPT_ASSERT((boost::AdjacencyGraphConcept<BoostGraph>));
BOOST_CONCEPT_ASSERT((boost::EdgeListGraphConcept<BoostGraph>));

/// A random graph without dangling vertices: a ring, and chords.
graph::GraphBlocks ring_with_chords(std::uint32_t num_vertices, std::uint32_t num_chords, bool undirected) {
  std::vector<tests::Edge> edges;
  for (std::uint32_t v = 0; v < num_vertices; ++v) edges.push_back({v, (v + 1) % num_vertices, 0.5F, 0, 0});
  for (std::uint32_t i = 0; i < num_chords; ++i) {
    const std::uint32_t source = i * i % num_vertices;
    const std::uint32_t target = (7 * i + 3 + source) % num_vertices;
    if (source != target) edges.push_back({source, target, static_cast<float>(i % 5) + 0.1F, 0, 0});
  }
  graph::EdgeType type;
  type.relation = "links";
  type.undirected = undirected;
  type.has_weights = true;
  return tests::make_graph({{"vertex", num_vertices}}, {{type, std::move(edges)}});
}

/// One graph twice: over all ranks, and whole on every rank for Boost.
struct Pair {
  explicit Pair(const graph::GraphBlocks& whole)
      : self(world().split(world().rank().value())),
        distributed(tests::distribute(world(), whole, tests::Spread::kScattered)),
        alone(tests::distribute(self, whole, tests::Spread::kBlock)) {}

  template <class T>
  [[nodiscard]] std::vector<T> ordered(const std::vector<T>& owned) const {
    return tests::in_stable_order(world(), distributed, std::span<const T>(owned));
  }

  comm::Communicator self;
  graph::DistributedGraph distributed;
  graph::DistributedGraph alone;
};

template <class T>
auto by_vertex(std::vector<T>& values) {
  return boost::make_iterator_property_map(values.begin(), boost::typed_identity_property_map<std::uint64_t>());
}

void expect_boosts_components(const Pair& pair) {
  const BoostGraph both(pair.alone, BoostDirection::kBoth);
  std::vector<std::uint64_t> theirs(num_vertices(both));
  const std::uint64_t count = boost::connected_components(both, by_vertex(theirs));

  const ComponentsResult ours = connected_components(world(), pair.distributed);

  EXPECT_EQ(ours.num_components, count);
  const std::vector<StableVertexId> labels = pair.ordered(ours.labels);
  std::map<std::uint64_t, StableVertexId> label_of;
  for (std::size_t v = 0; v < theirs.size(); ++v) {
    EXPECT_EQ(label_of.try_emplace(theirs[v], labels[v]).first->second, labels[v]);
  }
}

void expect_boosts_core_numbers(const Pair& pair) {
  const BoostGraph both(pair.alone, BoostDirection::kBoth);
  std::vector<std::uint64_t> theirs(num_vertices(both));
  boost::core_numbers(both, by_vertex(theirs));

  const KCoreResult ours = k_core(world(), pair.distributed);

  const std::vector<std::uint32_t> cores = pair.ordered(ours.core_numbers);
  EXPECT_TRUE(std::equal(theirs.begin(), theirs.end(), cores.begin(), cores.end()));
}

void expect_boosts_distances(const Pair& pair, std::uint64_t source) {
  const BoostGraph out(pair.alone);
  std::vector<double> theirs(num_vertices(out));
  boost::dijkstra_shortest_paths(out, source,
                                 boost::distance_map(by_vertex(theirs))
                                     .weight_map(get(boost::edge_weight, out))
                                     .distance_inf(std::numeric_limits<double>::infinity()));

  const ShortestPathsResult ours = shortest_paths(world(), pair.distributed, StableVertexId{source});

  EXPECT_EQ(pair.ordered(ours.distances), theirs);
}

/// Boost drops the mass of dangling vertices: for graphs without any.
void expect_boosts_ranks(const Pair& pair) {
  const BoostGraph out(pair.alone);
  std::vector<double> theirs(num_vertices(out));
  boost::graph::page_rank(out, by_vertex(theirs), boost::graph::n_iterations(150), 0.85);

  const PageRankResult ours = pagerank(world(), pair.distributed, {.tolerance = 1e-13});

  const std::vector<double> ranks = pair.ordered(ours.ranks);
  for (std::size_t v = 0; v < theirs.size(); ++v) {
    EXPECT_NEAR(ranks[v] * static_cast<double>(theirs.size()), theirs[v], 1e-8);
  }
}

TEST(BoostGraph, ListsEveryEdgeOnce) {
  const auto whole = tests::random_typed(30, 4);
  const Pair pair(whole);
  const BoostGraph out(pair.alone);

  std::vector<std::pair<std::uint64_t, std::uint64_t>> listed;
  for (auto [edge, end] = edges(out); edge != end; ++edge) listed.emplace_back(source(*edge, out), target(*edge, out));
  std::vector<std::pair<std::uint64_t, std::uint64_t>> incident;
  for (auto [vertex, end] = vertices(out); vertex != end; ++vertex) {
    std::uint64_t degree = 0;
    for (auto [next, last] = adjacent_vertices(*vertex, out); next != last; ++next, ++degree) {
      incident.emplace_back(*vertex, *next);
    }
    EXPECT_EQ(degree, out_degree(*vertex, out));
  }

  EXPECT_EQ(listed, incident);
  EXPECT_EQ(listed.size(), whole.schema.num_edges());
  EXPECT_EQ(num_edges(out), whole.schema.num_edges());
}

TEST(AgainstBoost, ComponentsAndDistancesAgreeOnAwkwardGraphs) {
  for (const tests::NamedGraph& named : tests::awkward_graphs()) {
    SCOPED_TRACE(named.name);
    const Pair pair(named.whole);

    expect_boosts_components(pair);
    if (named.whole.schema.num_vertices() > 0) expect_boosts_distances(pair, 0);
  }
}

TEST(AgainstBoost, RanksAndCoreNumbersAgree) {
  expect_boosts_ranks(Pair(ring_with_chords(150, 400, false)));
  expect_boosts_core_numbers(Pair(ring_with_chords(150, 400, true)));
  expect_boosts_core_numbers(Pair(ring_with_chords(150, 400, false)));
}

/// A METIS file without weights, as an undirected graph.
graph::GraphBlocks read_metis(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  const auto count = static_cast<std::uint32_t>(std::stoul(line));
  std::vector<tests::Edge> edges;
  for (std::uint32_t v = 0; v < count && std::getline(file, line); ++v) {
    std::istringstream neighbors(line);
    for (std::uint32_t u = 0; neighbors >> u;) {
      if (v < u - 1) edges.push_back({v, u - 1, 1.0F, 0, 0});
    }
  }
  graph::EdgeType type;
  type.relation = "links";
  type.undirected = true;
  return tests::make_graph({{"vertex", count}}, {{type, std::move(edges)}});
}

class OnRealGraphs : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(SharedData, OnRealGraphs,
                         testing::Values("graphs-networkit/4elt.graph", "graphs-networkit/PGPgiantcompo.graph",
                                         "graphs-networkit/hep-th.graph"),
                         [](const auto& path) {
                           std::string name = std::filesystem::path(path.param).stem().string();
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST_P(OnRealGraphs, AllAgreeWithBoost) {
  const char* from_environment = std::getenv("ROVE_SHARED_DATA");
  const std::filesystem::path path =
      std::filesystem::path(from_environment != nullptr ? from_environment : ROVE_SHARED_DATA_DIR) / GetParam();
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not present; set ROVE_SHARED_DATA";
  const Pair pair(read_metis(path));

  expect_boosts_components(pair);
  expect_boosts_core_numbers(pair);
  expect_boosts_distances(pair, 1);
}

}  // namespace
}  // namespace rove::algorithms
