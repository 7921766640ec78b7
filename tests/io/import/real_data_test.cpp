// SPDX-License-Identifier: Apache-2.0
//
// Public data sets in the layouts they are published in, where they are present: counts as published or recomputed.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "io/ids/resolve_interactions.hpp"
#include "io/import/import_graph.hpp"
#include "tests/io/import/whole_graph.hpp"
#include "tests/support/mpi.hpp"

namespace rove::tests {
namespace {

std::filesystem::path shared_data() {
  const char* from_environment = std::getenv("ROVE_SHARED_DATA");
  return from_environment != nullptr ? from_environment : ROVE_SHARED_DATA_DIR;
}

class RealData : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(shared_data())) GTEST_SKIP() << shared_data() << " is absent; set ROVE_SHARED_DATA";
  }

  io::EdgeOptions& add(const char* source, const char* relation, const char* destination, const std::string& file,
                       io::TextFormat format) {
    io::EdgeOptions& edges = options_.edges.emplace_back();
    edges.source_type = source;
    edges.relation_name = relation;
    edges.destination_type = destination;
    edges.layout.files = {(shared_data() / file).string()};
    edges.layout.format = format;
    return edges;
  }
  void expect_vertices(std::size_t type, std::uint64_t count) const {
    EXPECT_EQ(graph_.blocks.schema.vertex_types()[type].count, count);
  }
  void import() { graph_ = io::import_graph(world(), options_); }
  [[nodiscard]] const io::ImportCounts& counts(std::size_t type = 0) const { return graph_.report.edge_types[type]; }

  io::ImportOptions options_;
  io::ImportedGraph graph_;
};

TEST_F(RealData, Gowalla) {
  add("user", "visits", "place", "lightgcn-gowalla/train.txt", io::TextFormat::kAdjacency);
  import();
  expect_vertices(0, 29858);
  expect_vertices(1, 40981);
  EXPECT_EQ(counts().edges_kept, 810128U);
  EXPECT_EQ(counts().duplicates, 0U);
  const io::IdIndex users(world(), "user", VertexTypeId{0}, graph_.ids[0], graph_.blocks.keys[0], graph_.overrides);
  const io::IdIndex places(world(), "place", VertexTypeId{1}, graph_.ids[1], graph_.blocks.keys[1], graph_.overrides);
  io::TextLayout test;
  test.files = {(shared_data() / "lightgcn-gowalla/test.txt").string()};
  test.format = io::TextFormat::kAdjacency;
  const io::ResolvedInteractions held_out = io::resolve_interactions(world(), test, users, places);
  EXPECT_EQ(held_out.kept, 217242U);
  EXPECT_EQ(held_out.unknown_sources + held_out.unknown_targets, 0U);
}

TEST_F(RealData, RecBoleMovieLensWithKnowledgeGraphAndLinks) {
  io::EdgeOptions& rates = add("user", "rates", "item", "recbole-ml-100k/ml-100k.inter", io::TextFormat::kRecBole);
  rates.layout.weight = "rating";
  rates.layout.time = "timestamp";
  add("entity", "fact", "entity", "recbole-ml-100k/ml-100k.kg", io::TextFormat::kRecBole);
  import();
  expect_vertices(0, 943);
  expect_vertices(1, 1682);
  EXPECT_EQ(counts().edges_kept, 100000U);
  EXPECT_EQ(counts(1).rows_read, 91631U);
  EXPECT_EQ(graph_.blocks.schema.edge_types()[1].relations.size(), 24U);
  const std::uint64_t entities = graph_.blocks.schema.vertex_types()[2].count;

  io::LinkOptions& links = options_.links.emplace_back();
  links.type = "item";
  links.alias_type = "entity";
  links.layout.files = {(shared_data() / "recbole-ml-100k/ml-100k.link").string()};
  links.layout.format = io::TextFormat::kRecBole;
  const std::uint64_t facts = counts(1).edges_kept;
  import();
  std::uint64_t split = 0;
  for (const graph::EdgeType& type : graph_.blocks.schema.edge_types())
    split += type.relation == "fact" ? type.count : 0;
  EXPECT_EQ(split, facts);
  EXPECT_LT(graph_.blocks.schema.vertex_types()[2].count, entities);
}

TEST_F(RealData, KgatLastFm) {
  add("user", "listens", "item", "kgat-last-fm/train.txt", io::TextFormat::kAdjacency);
  add("entity", "fact", "entity", "kgat-last-fm/kg_final.txt", io::TextFormat::kTriples);
  import();
  expect_vertices(0, 23396);  // 23,566 with those of the test set
  EXPECT_EQ(counts().edges_kept, 1119221U);
  EXPECT_EQ(counts(1).rows_read, 464567U);
  EXPECT_EQ(graph_.blocks.schema.edge_types()[1].relations.size(), 9U);
}

/// One graph of 14 vertices in four formats; ids count from 0 in the lists and from 1 in the matrices.
TEST_F(RealData, OneGraphInFourFormats) {
  for (const bool directed : {true, false}) {
    const auto edges_of = [&](const char* file, io::TextFormat format, bool from_zero, const char* weight) {
      options_.edges.clear();
      io::EdgeOptions& edges = add("n", "to", "n", file, format);
      edges.directed = directed;
      edges.self_loops = io::SelfLoops::kDrop;
      edges.layout.weight = weight;
      edges.store_weights = false;
      import();
      std::vector<NamedEdge> named = whole(world(), graph_).sorted_edges();
      for (NamedEdge& edge : named) {
        if (!from_zero) continue;
        edge.source = std::to_string(std::stoi(edge.source) + 1);
        edge.target = std::to_string(std::stoi(edge.target) + 1);
      }
      std::ranges::sort(named);
      return named;
    };
    const auto list = edges_of("graphs-gapbs/4.el", io::TextFormat::kEdgeList, true, "");
    EXPECT_EQ(list.size(), directed ? 53U : 106U);
    EXPECT_EQ(edges_of("graphs-gapbs/4.wel", io::TextFormat::kEdgeList, true, "3"), list);
    EXPECT_EQ(edges_of("graphs-gapbs/4.mtx", io::TextFormat::kMatrixMarket, false, ""), list);
    EXPECT_EQ(edges_of("graphs-gapbs/4w.mtx", io::TextFormat::kMatrixMarket, false, ""), list);
    // Its adjacency lists are directed: no METIS file of an undirected graph.
    if (directed) {
      EXPECT_EQ(edges_of("graphs-gapbs/4w.graph", io::TextFormat::kMetis, false, ""), list);
    } else {
      EXPECT_THROW(edges_of("graphs-gapbs/4w.graph", io::TextFormat::kMetis, false, ""), InputError);
    }
    // Its header announces vertex sizes that its lines do not have.
    EXPECT_THROW(edges_of("graphs-gapbs/4.graph", io::TextFormat::kMetis, false, ""), InputError);
  }
}

TEST_F(RealData, PlainGraphs) {
  // CRLF and comment lines.
  add("n", "votes", "n", "graphs-networkit/wiki-Vote.txt", io::TextFormat::kEdgeList);
  import();
  expect_vertices(0, 7115);
  EXPECT_EQ(counts().edges_kept, 103689U);

  options_.edges.clear();
  io::EdgeOptions& slashdot =
      add("n", "to", "n", "snap-slashdot0902/soc-slashdot0902-directed.csv.gz", io::TextFormat::kEdgeList);
  slashdot.layout.header = io::Header::kYes;
  import();
  expect_vertices(0, 82168);
  EXPECT_EQ(counts().rows_read, 948464U);
  EXPECT_EQ(counts().self_loops, 78303U);

  options_.edges.clear();
  io::EdgeOptions& overflow =
      add("n", "to", "n", "temporal-mathoverflow/sx-mathoverflow.txt.gz", io::TextFormat::kEdgeList);
  overflow.layout.time = "3";
  overflow.duplicates = io::Duplicates::kKeep;
  import();
  expect_vertices(0, 24818);
  EXPECT_EQ(counts().edges_kept, 506550U);

  options_.edges.clear();
  add("n", "near", "n", "graphs-metis/4elt.graph", io::TextFormat::kMetis).directed = false;
  import();
  expect_vertices(0, 15606);
  EXPECT_EQ(counts().edges_kept, 2U * 45878U);

  options_.edges.clear();
  add("n", "near", "n", "graphs-kahip/rgg_n_2_15_s0.graph", io::TextFormat::kMetis).directed = false;
  import();
  expect_vertices(0, 32768);
  EXPECT_EQ(counts().edges_kept, 2U * 160240U);

  options_.edges.clear();
  add("n", "near", "n", "graphs-kahip/example_weighted.graph", io::TextFormat::kMetis).directed = false;
  import();
  EXPECT_TRUE(graph_.blocks.schema.edge_types()[0].has_weights || counts().edges_kept > 0);

  options_.edges.clear();
  add("n", "to", "n", "musae-edges/git_edges.csv", io::TextFormat::kCsv).directed = false;
  import();
  expect_vertices(0, 37700);
  EXPECT_EQ(counts().edges_kept, 2U * 289003U);
}

TEST_F(RealData, FeaturesOfTikTok) {
  add("user", "views", "item", "mm-tiktok/train.txt", io::TextFormat::kAdjacency);
  for (const char* name : {"audio", "image"}) {
    io::NodeOptions& nodes = options_.nodes.emplace_back();
    nodes.type = "item";
    nodes.name = name;
    nodes.format = io::NodeFormat::kNpy;
    nodes.files = {(shared_data() / "mm-tiktok" / (std::string(name) + "_feat.npy")).string()};
  }
  import();
  expect_vertices(0, 9298);  // 9,308 with those of the other splits
  expect_vertices(1, 6710);
  ASSERT_EQ(graph_.features[1].size(), 2U);
  EXPECT_EQ(graph_.features[1][0].width, 128U);
  EXPECT_EQ(counts().edges_kept, 59541U);
}

TEST_F(RealData, SparseFeaturesOfScipy) {
  io::NodeOptions& nodes = options_.nodes.emplace_back();
  nodes.type = "paper";
  nodes.format = io::NodeFormat::kNpz;
  nodes.files = {(shared_data() / "heco-acm/p_feat.npz").string()};
  import();
  expect_vertices(0, 4019);
  EXPECT_EQ(graph_.features[0][0].width, 1902U);
}

}  // namespace
}  // namespace rove::tests
