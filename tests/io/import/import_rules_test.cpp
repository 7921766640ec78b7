// SPDX-License-Identifier: Apache-2.0
//
// Filters on degrees, vertex lists, features, links, and the reading of held-out interactions.
#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "engine/base/hash.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "engine/graph/validate.hpp"
#include "io/ids/resolve_interactions.hpp"
#include "io/import/expected_input.hpp"
#include "io/import/import_graph.hpp"
#include "io/text/input_files.hpp"
#include "tests/io/import/import_files.hpp"
#include "tests/io/import/whole_graph.hpp"
#include "tests/support/mpi.hpp"
#include "tests/support/shared_temp_directory.hpp"

namespace rove::tests {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

std::string data(const std::string& name) {
  return std::string(ROVE_TEST_DATA) + "/" + name;
}

io::EdgeOptions edge_type(const std::string& source, const std::string& relation, const std::string& destination,
                          const std::string& file) {
  io::EdgeOptions edges;
  edges.source_type = source;
  edges.relation_name = relation;
  edges.destination_type = destination;
  edges.layout.files = {file};
  return edges;
}

/// Vertices of fewer than k edges go, one at a time, in any order.
Pairs slow_core(Pairs pairs, std::uint64_t k, bool one_type) {
  while (true) {
    std::map<std::string, std::uint64_t> degree;
    for (const auto& [u, v] : pairs) {
      ++degree[u];
      ++degree[one_type ? v : "> " + v];
    }
    const auto low = std::ranges::find_if(degree, [&](const auto& entry) { return entry.second < k; });
    if (low == degree.end()) return pairs;
    std::erase_if(pairs, [&](const auto& pair) {
      return pair.first == low->first || (one_type ? pair.second : "> " + pair.second) == low->first;
    });
  }
}

class Core : public testing::TestWithParam<std::uint32_t> {};

TEST_P(Core, IsTheLargestPartOfThatDegree) {
  std::mt19937 random(GetParam());
  const bool one_type = GetParam() % 2 == 0;
  Pairs pairs;
  for (int i = 0; i < 150; ++i) pairs.emplace(fmt::format("v{}", random() % 40), fmt::format("v{}", random() % 25));
  std::string text;
  for (const auto& [u, v] : pairs) text += fmt::format("{} {}\n", u, v);
  const SharedTempDirectory directory(world());
  for (const std::uint64_t k : {2U, 4U, 6U, 50U}) {
    io::ImportOptions options;
    options.edges.push_back(edge_type("a", "to", one_type ? "a" : "b", put(directory, "e", text)));
    options.edges[0].k_core = k;
    const io::ImportedGraph graph = io::import_graph(world(), options);
    const WholeGraph result = whole(world(), graph);
    const Pairs expected = slow_core(pairs, k, one_type);
    EXPECT_EQ(pairs_of(result.edges[0]), expected) << k;
    std::set<std::string> left;
    for (const auto& [u, v] : expected) {
      left.insert(u);
      if (one_type) left.insert(v);
    }
    EXPECT_EQ(std::set<std::string>(result.ids.at("a").begin(), result.ids.at("a").end()), left);
    EXPECT_EQ(graph.report.edge_types[0].outside_core, pairs.size() - expected.size());
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Core, testing::Range(1U, 5U));

TEST(CoreOfOne, KeepsVerticesThatOtherEdgesOrListsName) {
  const SharedTempDirectory directory(world());
  io::ImportOptions options;
  options.edges.push_back(edge_type("u", "rates", "i", put(directory, "e", "1 a\n1 b\n2 a\n2 b\n3 c\n4 d\n")));
  options.edges[0].k_core = 2;
  options.edges.push_back(edge_type("i", "like", "i", put(directory, "f", "c a\n")));
  const WholeGraph graph = whole(world(), io::import_graph(world(), options));
  EXPECT_THAT(graph.ids.at("u"), UnorderedElementsAre("1", "2"));
  EXPECT_THAT(graph.ids.at("i"), UnorderedElementsAre("a", "b", "c"));
  EXPECT_EQ(pairs_of(graph.edges[1]), (Pairs{{"c", "a"}}));
}

TEST(CoreOfOne, CountsTheRowsOfUndirectedEdgesOnce) {
  const SharedTempDirectory directory(world());
  io::ImportOptions options;
  options.edges.push_back(edge_type("a", "to", "a", put(directory, "e", "1 2\n2 3\n3 1\n3 4\n5 5\n")));
  options.edges[0].directed = false;
  options.edges[0].k_core = 2;
  const io::ImportedGraph graph = io::import_graph(world(), options);
  EXPECT_THAT(whole(world(), graph).ids.at("a"), UnorderedElementsAre("1", "2", "3"));
  EXPECT_EQ(graph.report.edge_types[0].outside_core, 2U);
  EXPECT_EQ(graph.report.edge_types[0].edges_kept, 6U) << "both directions";
}

TEST(MaxDegree, KeepsTheNewestEdgesOfEachSource) {
  const SharedTempDirectory directory(world());
  io::ImportOptions options;
  options.edges.push_back(
      edge_type("u", "rates", "i", put(directory, "e", "1 a 5\n1 b 9\n1 c 7\n1 d 1\n2 a 3\n2 b 1\n")));
  options.edges[0].layout.time = "3";
  options.edges[0].max_degree = 2;
  const io::ImportedGraph graph = io::import_graph(world(), options);
  EXPECT_EQ(pairs_of(whole(world(), graph).edges[0]), (Pairs{{"1", "b"}, {"1", "c"}, {"2", "a"}, {"2", "b"}}));
  EXPECT_EQ(graph.report.edge_types[0].over_degree, 2U);
  options.edges[0].layout.time.clear();
  EXPECT_EQ(whole(world(), io::import_graph(world(), options)).edges[0].by_source.size(), 4U);
}

TEST(MaxDegree, ChoosesByKeysWhateverOtherVerticesThereAre) {
  const SharedTempDirectory directory(world());
  std::string text;
  std::vector<std::pair<std::uint64_t, std::string>> by_hash;
  for (int i = 0; i < 40; ++i) {
    const std::string item = fmt::format("i{}", i);
    text += fmt::format("hub {}\n", item);
    by_hash.emplace_back(mix64(vertex_key("u", "hub").value(), vertex_key("i", item).value()), item);
  }
  std::ranges::sort(by_hash);
  Pairs expected;
  for (std::size_t i = 0; i < 10; ++i) expected.emplace("hub", by_hash[i].second);
  const auto capped = [&](const std::string& name) {
    io::ImportOptions options;
    options.edges.push_back(edge_type("u", "rates", "i", put(directory, name, text)));
    options.edges[0].max_degree = 10;
    Pairs pairs = pairs_of(whole(world(), io::import_graph(world(), options)).edges[0]);
    std::erase_if(pairs, [](const auto& pair) { return pair.first != "hub"; });
    return pairs;
  };
  EXPECT_EQ(capped("tonight"), expected);
  for (int i = 0; i < 30; ++i) text += fmt::format("other{0} new{0}\n", i);
  EXPECT_EQ(capped("tomorrow"), expected);
}

// --- vertex lists and features

TEST(VertexList, DropsCountsOrRefusesOtherVertices) {
  const SharedTempDirectory directory(world());
  io::ImportOptions options;
  options.edges.push_back(edge_type("u", "rates", "i", put(directory, "e", "1 a\n2 a\n3 b\n")));
  io::NodeOptions nodes;
  nodes.type = "u";
  nodes.files = {put(directory, "n", "1\r\n3\r\nunused one\r\n")};
  options.nodes.push_back(nodes);
  const io::ImportedGraph graph = io::import_graph(world(), options);
  const WholeGraph result = whole(world(), graph);
  EXPECT_THAT(result.ids.at("u"), UnorderedElementsAre("1", "3", "unused one"));
  EXPECT_EQ(pairs_of(result.edges[0]), (Pairs{{"1", "a"}, {"3", "b"}}));
  EXPECT_EQ(graph.report.edge_types[0].dangling_endpoints, 1U);
  options.nodes[0].dangling = io::Dangling::kAdd;
  EXPECT_EQ(whole(world(), io::import_graph(world(), options)).edges[0].by_source.size(), 3U);
  options.nodes[0].dangling = io::Dangling::kError;
  EXPECT_THAT(message_of(options), HasSubstr("e:2:1: found the u '2', which the vertex lists do not have, and 1 such"));
}

TEST(VertexList, NamesTheFirstRowThatItRefuses) {
  const SharedTempDirectory directory(world());
  io::ImportOptions options;
  options.edges.push_back(edge_type("u", "rates", "i", ""));
  options.edges[0].layout.weight = "3";
  options.edges[0].min_weight = 1;
  for (const char* type : {"u", "i"}) {
    options.nodes.emplace_back();
    options.nodes.back().type = type;
    options.nodes.back().files = {put(directory, std::string("list of ") + type, "0\n1\n2\n")};
  }
  options.nodes[1].dangling = io::Dangling::kError;
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    // Users beyond the list are dropped, rows of weight 0 not looked at.
    std::vector<std::string> files(2);
    std::string expected = "no error";
    std::size_t refused = 0;
    for (int row = 0; row < 60; ++row) {
      const std::size_t file = row < 37 ? 0 : 1;
      const auto item = random() % (round == 0 ? 3 : 4);
      const auto weight = random() % 2;
      const std::string user = std::to_string(random() % 5);
      files[file] += fmt::format("{} {} {}\n", user, item, weight);
      if (weight == 0 || item < 3 || refused++ > 0) continue;
      expected = fmt::format("part{}:{}:{}: found the i '3'", file, row + 1 - (file == 0 ? 0 : 37), user.size() + 2);
    }
    options.edges[0].layout.block_bytes = 1 + random() % 50;
    options.edges[0].layout.files = {put(directory, "part0", files[0]), put(directory, "part1", files[1])};
    const std::string message = message_of(options);
    EXPECT_THAT(message, HasSubstr(expected));
    EXPECT_THAT(message, HasSubstr(refused > 0 ? fmt::format("and {} such rows of [u,rates,i]", refused) : expected));
    options.nodes[1].dangling = io::Dangling::kDrop;
    EXPECT_EQ(message_of(options), "no error");
    options.nodes[1].dangling = io::Dangling::kError;
  }
}

/// Features of all vertices of a type, by id.
std::map<std::string, std::vector<float>> features_of(const io::ImportedGraph& graph, std::size_t type) {
  std::map<std::string, std::vector<float>> result;
  const io::FeatureBlock& block = graph.features.at(type).at(0);
  const auto values = world().all_gather_v(std::span<const float>(block.values)).data;
  const auto ids = whole(world(), graph).ids.at(graph.blocks.schema.vertex_types()[type].name);
  EXPECT_EQ(values.size(), ids.size() * block.width);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    for (std::size_t c = 0; c < block.width; ++c) result[ids[i]].push_back(values[i * block.width + c]);
  }
  return result;
}

TEST(Features, AreReadFromEveryKindOfFile) {
  const SharedTempDirectory directory(world());
  struct Case {
    const char* file;
    io::NodeFormat format;
    const char* dataset;
  };
  for (const Case& one :
       {Case{"half.npy", io::NodeFormat::kNpy, ""}, Case{"dense.npz", io::NodeFormat::kNpz, "audio"},
        Case{"sparse.npz", io::NodeFormat::kNpz, ""}, Case{"features.h5", io::NodeFormat::kHdf5, "/emb"}}) {
    io::ImportOptions options;
    options.edges.push_back(edge_type("u", "rates", "i", put(directory, "e", "1 a\n2 c\n3 unlisted\n")));
    io::NodeOptions nodes;
    nodes.type = "i";
    nodes.files = {data(one.file)};
    nodes.format = one.format;
    nodes.dataset = one.dataset;
    nodes.ids = {put(directory, "ids", "a\nb\nc\n")};
    options.nodes.push_back(nodes);
    EXPECT_EQ(io::declared_feature_bytes(nodes), 24U) << one.file;
    const auto features = features_of(io::import_graph(world(), options), 1);
    ASSERT_EQ(features.size(), 4U) << one.file;
    EXPECT_THAT(features.at("a"), ElementsAre(0, 1.5F)) << one.file;
    EXPECT_THAT(features.at("b"), ElementsAre(1, 2.5F)) << one.file;
    EXPECT_THAT(features.at("c"), ElementsAre(2, -3.5F)) << one.file;
    EXPECT_THAT(features.at("unlisted"), ElementsAre(0, 0)) << one.file;
  }
}

TEST(Features, WithoutIdsBelongToVerticesNamedByPosition) {
  const SharedTempDirectory directory(world());
  io::ImportOptions options;
  options.edges.push_back(edge_type("u", "rates", "i", put(directory, "e", "x 2\ny 0\n")));
  io::NodeOptions nodes;
  nodes.type = "i";
  nodes.files = {data("vector.npy")};
  nodes.format = io::NodeFormat::kNpy;
  options.nodes.push_back(nodes);
  const auto features = features_of(io::import_graph(world(), options), 1);
  EXPECT_THAT(features.at("0"), ElementsAre(0));
  EXPECT_THAT(features.at("1"), ElementsAre(1));
  EXPECT_THAT(features.at("2"), ElementsAre(2));
}

TEST(Features, FloatColumnsOfRecBoleFiles) {
  const SharedTempDirectory directory(world());
  io::ImportOptions options;
  options.edges.push_back(edge_type("user", "rates", "i", put(directory, "e", "1 a\n2 b\n7 a\n")));
  io::NodeOptions nodes;
  nodes.type = "user";
  nodes.files = {data("people.user")};
  nodes.format = io::NodeFormat::kRecBole;
  options.nodes.push_back(nodes);
  const io::ImportedGraph graph = io::import_graph(world(), options);
  const auto features = features_of(graph, 0);
  EXPECT_EQ(features.size(), 4U);
  EXPECT_THAT(features.at("9"), ElementsAre(60, 1.5F));
  EXPECT_EQ(graph.report.edge_types[0].dangling_endpoints, 1U);
}

TEST(Features, OfMoreThan64ColumnsAreTheFloatColumns) {
  const SharedTempDirectory directory(world());
  std::string header = "user_id:token\tage:float";
  std::string row = "1\t30";
  for (int column = 2; column < 70; ++column) {
    header += fmt::format("\tname{}:token", column);
    row += "\tx";
  }
  io::ImportOptions options;
  options.nodes.resize(1);
  options.nodes[0].type = "user";
  options.nodes[0].files = {put(directory, "wide.user", header + "\n" + row + "\n")};
  options.nodes[0].format = io::NodeFormat::kRecBole;
  EXPECT_THAT(features_of(io::import_graph(world(), options), 0).at("1"), ElementsAre(30));
  options.nodes[0].files = {put(directory, "wider.user", header + "\theight:float\n" + row + "\t1.7\n")};
  EXPECT_THAT(message_of(options), HasSubstr("found a float column at position 71, expected features in the first 64"));
}

TEST(Features, TheSecondRowOfAVertexIsNamed) {
  const SharedTempDirectory directory(world());
  io::ImportOptions options;
  options.edges.push_back(edge_type("u", "rates", "i", put(directory, "e", "1 a\n2 c\n3 d\n")));
  options.nodes.emplace_back();
  options.nodes[0].type = "i";
  options.nodes[0].files = {data("half.npy")};
  options.nodes[0].format = io::NodeFormat::kNpy;
  options.nodes[0].name = "image";
  options.nodes[0].ids = {put(directory, "ids1", "d\n"), put(directory, "ids2", "a\nd\n")};
  EXPECT_THAT(message_of(options), HasSubstr("ids2:2:1: found a second row of 'image' for the i 'd' (rows 0 and 2 of " +
                                             data("half.npy") + ", from 0), expected one row per vertex"));
  // The second row that comes first, of several vertices with more than one.
  std::string text = "item_id:token\tx:float\n";
  for (int row = 0; row < 200; ++row) text += fmt::format("i{}\t1\n", row < 150 ? row : row * 7 % 150);
  options.nodes[0].files = {put(directory, "i.item", text)};
  options.nodes[0].format = io::NodeFormat::kRecBole;
  options.nodes[0].ids = {};
  EXPECT_THAT(message_of(options),
              HasSubstr("i.item:152:1: found a second row of 'image' for the i 'i0' (rows 0 and 150 of the input"));
}

TEST(Features, OfOneNameAreRefused) {
  io::ImportOptions options;
  options.nodes.resize(2);
  for (io::NodeOptions& nodes : options.nodes) {
    nodes.type = "user";
    nodes.files = {data("people.user")};
    nodes.format = io::NodeFormat::kRecBole;
  }
  EXPECT_THAT(message_of(options), HasSubstr("two entries have features 'features' of type 'user'"));
  options.nodes[1].name = "others";
  EXPECT_EQ(message_of(options), "no error");
}

TEST(Features, BadFilesAreRefused) {
  const SharedTempDirectory directory(world());
  const auto message = [&](const std::string& file, io::NodeFormat format, const std::string& dataset = "") {
    io::ImportOptions options;
    io::NodeOptions nodes;
    nodes.type = "i";
    nodes.files = {file};
    nodes.format = format;
    nodes.dataset = dataset;
    options.nodes.push_back(nodes);
    return message_of(options);
  };
  EXPECT_THAT(message(data("column_order.npy"), io::NodeFormat::kNpy), HasSubstr("column order"));
  EXPECT_THAT(message(data("big_endian.npy"), io::NodeFormat::kNpy), HasSubstr("little-endian"));
  EXPECT_THAT(message(data("not_finite.npy"), io::NodeFormat::kNpy), HasSubstr("nan in row 0, column 1"));
  EXPECT_THAT(message(data("dense.npz"), io::NodeFormat::kNpz), HasSubstr("the members audio, image"));
  EXPECT_THAT(message(data("dense.npz"), io::NodeFormat::kNpz, "video"), HasSubstr("a member 'video'"));
  EXPECT_THAT(message(data("adjacency.txt"), io::NodeFormat::kNpz), HasSubstr("a .npz file (a zip archive)"));
  EXPECT_THAT(message(data("adjacency.txt"), io::NodeFormat::kNpy), HasSubstr("a .npy file"));
  EXPECT_THAT(message(data("features.h5"), io::NodeFormat::kHdf5), HasSubstr("its name as `dataset`"));
  EXPECT_THAT(message((directory / "none.npy").string(), io::NodeFormat::kNpy), HasSubstr("cannot open"));
}

// --- links

TEST(Links, MakeAnEntityTheItemItIs) {
  const SharedTempDirectory directory(world());
  io::ImportOptions options;
  options.edges.push_back(edge_type("user", "rates", "item", put(directory, "e", "1 a\n2 b\n2 c\n")));
  options.edges.push_back(edge_type(
      "entity", "fact", "entity", put(directory, "k", "m1 r genre\nm1 r m2\ngenre s m1\ngenre s style\nm2 r style\n")));
  options.edges[1].layout.format = io::TextFormat::kTriples;
  io::LinkOptions links;
  links.type = "item";
  links.alias_type = "entity";
  links.layout.files = {put(directory, "l", "a m1\nb m2\n")};
  options.links.push_back(links);
  const io::ImportedGraph graph = io::import_graph(world(), options);
  const WholeGraph result = whole(world(), graph);
  EXPECT_THAT(result.ids.at("item"), UnorderedElementsAre("a", "b", "c"));
  EXPECT_THAT(result.ids.at("entity"), UnorderedElementsAre("genre", "style"));
  std::map<std::string, Pairs> edges;
  for (const WholeEdges& type : result.edges) edges[type.type] = pairs_of(type);
  const std::map<std::string, Pairs> expected{{"user,rates,item", {{"1", "a"}, {"2", "b"}, {"2", "c"}}},
                                              {"entity,fact,entity", {{"genre", "style"}}},
                                              {"item,fact,entity", {{"a", "genre"}, {"b", "style"}}},
                                              {"entity,fact,item", {{"genre", "a"}}},
                                              {"item,fact,item", {{"a", "b"}}}};
  EXPECT_EQ(edges, expected);
  // The graph can be distributed as any other.
  graph::Assignment assignment;
  assignment.num_parts = world().size();
  for (std::size_t t = 0; t < graph.blocks.keys.size(); ++t) {
    assignment.parts.emplace_back(graph.blocks.keys[t].size(), world().rank().value());
  }
  const auto distributed = graph::DistributedGraph::build(world(), graph.blocks, assignment);
  EXPECT_THAT(graph::validate(world(), distributed, &graph.blocks), testing::IsEmpty());

  options.links[0].layout.files = {put(directory, "l2", "a m1\nb m1\n")};
  EXPECT_THAT(message_of(options),
              HasSubstr("'m1' of type 'entity' is linked to two different vertices, 'a' and 'b', expected one"));
}

TEST(Links, OfOneAliasTypeStandInOneEntry) {
  const SharedTempDirectory directory(world());
  io::ImportOptions options;
  options.edges.push_back(edge_type("user", "rates", "item", put(directory, "e", "1 a\n2 b\n")));
  options.edges.push_back(edge_type("entity", "like", "entity", put(directory, "k", "m1 m2\nm2 m3\nm3 m1\n")));
  const std::string first = put(directory, "l1", "a m1\n");
  const std::string second = put(directory, "l2", "b m3\n");
  options.links.resize(2);
  for (io::LinkOptions& links : options.links) {
    links.type = "item";
    links.alias_type = "entity";
  }
  options.links[0].layout.files = {first};
  options.links[1].layout.files = {second};
  EXPECT_THAT(message_of(options), HasSubstr("'entity' is the alias type of two entries; put the files that link it to "
                                             "one type into one entry"));
  options.links[1].type = "user";
  EXPECT_THAT(message_of(options), HasSubstr("'entity' is the alias type of two entries"));
  options.links.pop_back();
  options.links[0].layout.files = {first, second};
  EXPECT_THAT(whole(world(), io::import_graph(world(), options)).ids.at("entity"), ElementsAre("m2"));
}

TEST(Links, WithARelationAreRefused) {
  const SharedTempDirectory directory(world());
  io::ImportOptions options;
  options.edges.push_back(edge_type("item", "like", "entity", put(directory, "e", "a m1\na m2\n")));
  options.links.resize(1);
  options.links[0].type = "item";
  options.links[0].alias_type = "entity";
  options.links[0].layout.format = io::TextFormat::kRecBole;
  options.links[0].layout.files = {
      put(directory, "x.kg", "head_id:token\trelation_id:token\ttail_id:token\na\tr\tm1\n")};
  EXPECT_THAT(message_of(options), HasSubstr("x.kg:1:1: found a relation in every row, expected pairs of ids alone"));
  options.links[0].layout.files = {put(directory, "x.link", "item_id:token\tentity_id:token\na\tm1\n")};
  EXPECT_EQ(message_of(options), "no error");
}

TEST(Links, AreReadByTheNamesOfTheirColumns) {
  const SharedTempDirectory directory(world());
  const auto linked = [&](const std::string& type, const std::string& alias, io::TextFormat format,
                          const std::string& text) {
    io::ImportOptions options;
    options.edges.push_back(edge_type(type, "like", alias, put(directory, "e", "a m1\na m2\nb m2\n")));
    options.links.resize(1);
    options.links[0].type = type;
    options.links[0].alias_type = alias;
    options.links[0].layout.format = format;
    options.links[0].layout.files = {put(directory, "links", text)};
    return whole(world(), io::import_graph(world(), options));
  };
  for (const auto& [type, alias] : {std::pair{"item", "entity"}, std::pair{"film", "thing"}}) {
    const WholeGraph expected = linked(type, alias, io::TextFormat::kEdgeList, "a m1\n");
    EXPECT_THAT(expected.ids.at(alias), ElementsAre("m2"));
    EXPECT_EQ(linked(type, alias, io::TextFormat::kRecBole, "entity_id:token\titem_id:token\nm1\ta\n"), expected);
    EXPECT_EQ(linked(type, alias, io::TextFormat::kCsv, fmt::format("note,{}_id,{}_id\nfirst,m1,a\n", alias, type)),
              expected);
  }
  // The columns of edges stand as their type says.
  io::ImportOptions options;
  options.edges.push_back(edge_type("entity", "is", "item", put(directory, "csv", "entity_id,item_id\nm1,a\n")));
  options.edges[0].layout.format = io::TextFormat::kCsv;
  EXPECT_EQ(pairs_of(whole(world(), io::import_graph(world(), options)).edges[0]), (Pairs{{"m1", "a"}}));
}

TEST(Links, OfNoVertexAreCountedOrRefused) {
  const SharedTempDirectory directory(world());
  io::ImportOptions options;
  options.edges.push_back(edge_type("user", "rates", "item", put(directory, "e", "1 a\n2 b\n")));
  options.edges.push_back(edge_type("entity", "like", "entity", put(directory, "k", "m1 m2\n")));
  options.nodes.emplace_back();
  options.nodes[0].type = "item";
  options.nodes[0].files = {put(directory, "items", "a\nb\n")};
  options.links.resize(1);
  options.links[0].type = "item";
  options.links[0].alias_type = "entity";
  options.links[0].layout.files = {put(directory, "l", "a m1\nzoe m2\n")};
  const io::ImportedGraph graph = io::import_graph(world(), options);
  EXPECT_THAT(whole(world(), graph).ids.at("entity"), ElementsAre("m2"));
  ASSERT_EQ(graph.report.links.size(), 1U);
  EXPECT_EQ(graph.report.links[0].rows_read, 2U);
  EXPECT_EQ(graph.report.links[0].dangling_endpoints, 1U);
  EXPECT_EQ(graph.report.links[0].forgotten, 0U);
  options.nodes[0].dangling = io::Dangling::kError;
  EXPECT_THAT(message_of(options), HasSubstr("l:2:1: found the item 'zoe', which the vertex lists do not have, and 1 "
                                             "such rows of graph.links [item, entity]"));
  // What a filter takes out was there when the link was read.
  options.links[0].layout.files = {put(directory, "l", "a m1\nb m2\n")};
  options.filters = {{"item", 2, {}}};
  EXPECT_EQ(message_of(options), "no error");
}

TEST(Links, MakeNoSecondEdgeTypeOfOneName) {
  const SharedTempDirectory directory(world());
  io::ImportOptions options;
  options.edges.push_back(edge_type("entity", "like", "item", put(directory, "e", "m1 b\n")));
  options.edges.push_back(edge_type("item", "like", "item", put(directory, "f", "a b\n")));
  options.links.resize(1);
  options.links[0].type = "item";
  options.links[0].alias_type = "entity";
  options.links[0].layout.files = {put(directory, "l", "a m1\n")};
  for (int order = 0; order < 2; ++order) {
    EXPECT_THAT(message_of(options), HasSubstr("merging makes a second edge type item, like, item"));
    std::swap(options.edges[0], options.edges[1]);
  }
}

// --- rules that refuse

TEST(Rules, ThatRefuseNameWhatTheyFound) {
  const SharedTempDirectory directory(world());
  io::ImportOptions options;
  options.edges.push_back(edge_type("user", "knows", "user", put(directory, "twice", "a b\nc d\na b\ne f\na b\n")));
  options.edges[0].duplicates = io::Duplicates::kError;
  EXPECT_THAT(message_of(options), HasSubstr("twice:3:1: found 'a' to 'b' for the second time, and 2 such rows of "
                                             "[user,knows,user], expected each edge once"));
  options.edges[0].layout.files = {put(directory, "loop", "a b\nzoe zoe\nzoe zoe\n")};
  options.edges[0].self_loops = io::SelfLoops::kError;
  EXPECT_THAT(message_of(options),
              HasSubstr("loop:2:5: found 'zoe' joined to itself, and 2 such rows of [user,knows,user]"));
}

io::ImportOptions refusing_duplicates(std::vector<std::string> files, bool directed) {
  io::ImportOptions options;
  options.edges.push_back(edge_type("user", "knows", "user", ""));
  options.edges[0].layout.files = std::move(files);
  options.edges[0].directed = directed;
  options.edges[0].duplicates = io::Duplicates::kError;
  return options;
}

TEST(Rules, FindTheLineOfARepeatedEdge) {
  const SharedTempDirectory directory(world());
  EXPECT_THAT(
      message_of(refusing_duplicates({put(directory, "one", "a b\nb a\n"), put(directory, "two", "c d\na b\n")}, true)),
      HasSubstr("two:2:1: found 'a' to 'b' for the second time, and 1 such"));
  EXPECT_THAT(message_of(refusing_duplicates({put(directory, "either", "a b\nc d\nb a\na b\n")}, false)),
              testing::AllOf(HasSubstr("either:3:1: found '"), HasSubstr("for the second time, and 2 such")));
  EXPECT_THAT(message_of(refusing_duplicates({put(directory, "loops", "a a\nb b\na b\nb b\n")}, false)),
              HasSubstr("loops:4:1: found 'b' to 'b'"));

  io::ImportOptions options =
      refusing_duplicates({put(directory, "relations", "s,t,r\na,b,likes\na,b,buys\na,\"b\",likes\nc,d,buys\n")}, true);
  options.edges[0].layout.format = io::TextFormat::kCsv;
  options.edges[0].layout.source = "s";
  options.edges[0].layout.target = "t";
  options.edges[0].layout.relation = "r";
  EXPECT_THAT(message_of(options), HasSubstr("relations:4:1: found 'a' to 'b' by 'likes' for the second time"));

  // An entry of a symmetric matrix is an edge each way, and rows that the filter drops are none.
  const std::string head = "%%MatrixMarket matrix coordinate real symmetric\n5 5 4\n";
  options = refusing_duplicates({put(directory, "m", head + "2 1 1\n5 4 1\n2 1 0.25\n2 1 1\n")}, true);
  options.edges[0].layout.format = io::TextFormat::kMatrixMarket;
  options.edges[0].min_weight = 0.5;
  EXPECT_THAT(message_of(options), testing::AllOf(HasSubstr("m:6:1: found '"), HasSubstr("and 2 such rows")));
}

TEST(Rules, FindARepeatedEdgeInAnotherBlock) {
  const SharedTempDirectory directory(world());
  std::string text;
  for (int line = 1; line <= 120'000; ++line) text += fmt::format("user{} item{}\n", line, line % 1000);
  ASSERT_GT(text.size(), io::text::kBlockBytes * 3 / 2);
  const std::string name = put(directory, "blocks", text + "user77777 item777\nuser3 item4\n");
  EXPECT_THAT(message_of(refusing_duplicates({name}, true)),
              HasSubstr("blocks:120001:1: found 'user77777' to 'item777' for the second time, and 1 such"));
}

// --- columns and weights

TEST(Columns, OfOneNameAreNotChosenAmong) {
  const SharedTempDirectory directory(world());
  io::ImportOptions options;
  options.edges.push_back(edge_type("user", "rates", "item", put(directory, "twice", "user,user,item\n1,2,3\n")));
  options.edges[0].layout.format = io::TextFormat::kCsv;
  options.edges[0].layout.source = "user";
  options.edges[0].layout.target = "item";
  EXPECT_THAT(message_of(options), HasSubstr("2 columns 'user'"));
  options.edges[0].layout.source = "2";
  EXPECT_EQ(message_of(options), "no error");
}

TEST(Weights, ThatEqualTheThresholdStay) {
  const SharedTempDirectory directory(world());
  io::ImportOptions options;
  options.edges.push_back(edge_type("user", "rates", "item", put(directory, "e", "a b 0.7\na c 0.69\na d 0.8\n")));
  options.edges[0].layout.weight = "3";
  options.edges[0].min_weight = 0.7;
  const io::ImportedGraph graph = io::import_graph(world(), options);
  EXPECT_EQ(pairs_of(whole(world(), graph).edges[0]), (Pairs{{"a", "b"}, {"a", "d"}}));
  EXPECT_EQ(graph.report.edge_types[0].below_weight, 1U);
}

TEST(Weights, ThatAddUpToNoFloatAreRefused) {
  const SharedTempDirectory directory(world());
  io::ImportOptions options;
  options.edges.push_back(edge_type("user", "rates", "item", put(directory, "large", "a b 1e38\na b 3e38\n")));
  options.edges[0].layout.weight = "3";
  options.edges[0].duplicates = io::Duplicates::kSum;
  EXPECT_THAT(message_of(options), HasSubstr("beyond a float32"));
}

// --- held-out interactions

TEST(ResolveInteractions, FindsRowsAndCountsWhatIsUnknown) {
  const SharedTempDirectory directory(world());
  io::ImportOptions options;
  options.edges.push_back(
      edge_type("user", "rates", "item", put(directory, "e", "u0110211 a\nr6KnXMpE b\n3 c\n3 d\n4 a\n")));
  const io::ImportedGraph graph = io::import_graph(world(), options);
  ASSERT_EQ(graph.overrides.size(), 1U) << "two of the users have one key";
  const WholeGraph names = whole(world(), graph);
  const io::IdIndex users(world(), "user", VertexTypeId{0}, graph.ids[0], graph.blocks.keys[0], graph.overrides);
  const io::IdIndex items(world(), "item", VertexTypeId{1}, graph.ids[1], graph.blocks.keys[1], graph.overrides);
  io::TextLayout layout;
  layout.format = io::TextFormat::kAdjacency;
  layout.files = {put(directory, "t", "3 a b a\nu0110211 b nothing\nr6KnXMpE a d\nnobody a\n4\n")};
  const io::ResolvedInteractions result = io::resolve_interactions(world(), layout, users, items);
  EXPECT_EQ(result.rows_read, 8U);
  EXPECT_EQ(result.kept, 5U);
  EXPECT_EQ(result.duplicates, 1U);
  EXPECT_EQ(result.unknown_sources, 1U);
  EXPECT_EQ(result.unknown_targets, 1U);
  ASSERT_EQ(result.offsets.size(), graph.ids[0].size() + 1);
  std::string mine;
  for (std::size_t row = 0; row + 1 < result.offsets.size(); ++row) {
    for (std::uint64_t i = result.offsets[row]; i < result.offsets[row + 1]; ++i) {
      mine += fmt::format("{} {}\n", graph.ids[0][row], names.ids.at("item").at(result.targets[i]));
    }
  }
  std::set<std::string> lines;
  for (const std::string& part : world().all_gather_text(mine)) {
    for (std::size_t at = 0; at < part.size(); at = part.find('\n', at) + 1) {
      lines.insert(part.substr(at, part.find('\n', at) - at));
    }
  }
  EXPECT_EQ(lines, (std::set<std::string>{"3 a", "3 b", "u0110211 b", "r6KnXMpE a", "r6KnXMpE d"}));
}

}  // namespace
}  // namespace rove::tests
