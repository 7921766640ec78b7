// SPDX-License-Identifier: Apache-2.0
//
// Import against the slow serial twin, at every number of ranks and threads and however the input is cut.
#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "engine/base/hash.hpp"
#include "io/import/expected_input.hpp"
#include "io/import/import_graph.hpp"
#include "tests/io/import/import_files.hpp"
#include "tests/io/import/whole_graph.hpp"
#include "tests/support/mpi.hpp"
#include "tests/support/shared_temp_directory.hpp"

namespace rove::tests {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string data(const std::string& name) {
  return std::string(ROVE_TEST_DATA) + "/" + name;
}

io::EdgeOptions edge_type(const std::string& source, const std::string& relation, const std::string& destination,
                          std::vector<std::string> files, io::TextFormat format) {
  io::EdgeOptions edges;
  edges.source_type = source;
  edges.relation_name = relation;
  edges.destination_type = destination;
  edges.layout.files = std::move(files);
  edges.layout.format = format;
  return edges;
}

WholeGraph import_one(const io::EdgeOptions& edges) {
  io::ImportOptions options;
  options.edges.push_back(edges);
  return whole(world(), io::import_graph(world(), options));
}

// --- formats

TEST(Formats, GiveTheSameBipartiteGraph) {
  const auto make = [](const std::string& file, io::TextFormat format) {
    return edge_type("user", "rates", "dish", {data(file)}, format);
  };
  const WholeGraph expected = import_one(make("adjacency.txt", io::TextFormat::kAdjacency));
  EXPECT_EQ(expected.edges[0].by_source.size(), 12U);
  EXPECT_EQ(import_one(make("edgelist_crlf.txt", io::TextFormat::kEdgeList)), expected);
  EXPECT_EQ(import_one(make("edgelist.zst", io::TextFormat::kEdgeList)), expected);
  EXPECT_EQ(import_one(make("ratings.inter", io::TextFormat::kRecBole)), expected);
  for (const char* file : {"ratings_bom.csv", "ratings.csv.gz"}) {
    io::EdgeOptions csv = make(file, io::TextFormat::kCsv);
    csv.layout.source = "who, exactly";
    csv.layout.target = "dish";
    EXPECT_EQ(import_one(csv), expected) << file;
  }
  io::EdgeOptions matrix = make("general.mtx", io::TextFormat::kMatrixMarket);
  matrix.store_weights = false;
  EXPECT_EQ(import_one(matrix).sorted_edges(), expected.sorted_edges());
  EXPECT_EQ(import_one(matrix).ids.at("user").size(), 7U) << "declared rows are vertices";
}

TEST(Formats, CarryTheSameWeightsAndTimes) {
  io::EdgeOptions list = edge_type("user", "rates", "dish", {data("edgelist_crlf.txt")}, io::TextFormat::kEdgeList);
  list.layout.weight = "3";
  list.layout.time = "4";
  const WholeGraph expected = import_one(list);
  EXPECT_EQ(expected.sorted_edges().front(), (NamedEdge{"1", "2", "", 2.5F, 1002}));
  io::EdgeOptions recbole = edge_type("user", "rates", "dish", {data("ratings.inter")}, io::TextFormat::kRecBole);
  recbole.layout.weight = "rating";
  recbole.layout.time = "timestamp";
  EXPECT_EQ(import_one(recbole), expected);
  io::EdgeOptions csv = edge_type("user", "rates", "dish", {data("ratings.csv.gz")}, io::TextFormat::kCsv);
  csv.layout.source = "who, exactly";
  csv.layout.target = "dish";
  csv.layout.weight = "stars";
  csv.layout.time = "time";
  EXPECT_EQ(import_one(csv), expected);
}

TEST(Formats, DelimitersOfSeveralCharacters) {
  const SharedTempDirectory directory(world());
  const auto import_text = [&](const std::string& text, io::TextFormat format, const std::string& delimiter) {
    io::EdgeOptions edges = edge_type("user", "rates", "movie", {put(directory, "e", text)}, format);
    edges.layout.delimiter = delimiter;
    edges.layout.weight = "3";
    edges.layout.time = "4";
    edges.layout.block_bytes = 7;
    return import_one(edges);
  };
  // The lines of MovieLens' ratings.dat.
  const std::string ratings = "1::1193::5::978300760\r\n1::661::3::978302109\n20::1193::4::978301968\n";
  const WholeGraph expected =
      import_text("1,1193,5,978300760\n1,661,3,978302109\n20,1193,4,978301968", io::TextFormat::kEdgeList, ",");
  EXPECT_EQ(expected.sorted_edges().front(), (NamedEdge{"1", "1193", "", 5, 978300760}));
  EXPECT_EQ(import_text(ratings, io::TextFormat::kEdgeList, "::"), expected);
  EXPECT_EQ(import_text("source::target::stars::when\n" + ratings, io::TextFormat::kCsv, "::"), expected);
  // Quoted fields, parts of the delimiter, the first one that fits, empty fields at both ends.
  EXPECT_EQ(import_text("source::target::s::t::\n"
                        "\"a::\"\"b\"\"\"::c:d::1::2::\n"
                        "e:::f::3::4::\"\"\n",
                        io::TextFormat::kCsv, "::")
                .sorted_edges(),
            (std::vector<NamedEdge>{{"a::\"b\"", "c:d", "", 1, 2}, {"e", ":f", "", 3, 4}}));
  EXPECT_EQ(import_text("a \xC2\xB7 b \xC2\xB7 1 \xC2\xB7 2\n", io::TextFormat::kEdgeList, " \xC2\xB7 ").sorted_edges(),
            (std::vector<NamedEdge>{{"a", "b", "", 1, 2}}));
}

TEST(Formats, AByteOrderMarkIsNoPartOfTheFirstLine) {
  const SharedTempDirectory directory(world());
  const std::string mark = "\xEF\xBB\xBF";
  struct Case {
    io::TextFormat format;
    const char* text;
  };
  for (const Case& one :
       {Case{io::TextFormat::kEdgeList, "a b\nc d\na d\n"}, Case{io::TextFormat::kAdjacency, "a b d\nc d\n"},
        Case{io::TextFormat::kTriples, "a r b\nc s d\n"}, Case{io::TextFormat::kCsv, "source,target\na,b\nc,d\n"},
        Case{io::TextFormat::kMetis, "3 2\n2\n1 3\n2\n"}}) {
    io::EdgeOptions edges = edge_type("node", "to", "node", {put(directory, "plain", one.text)}, one.format);
    const WholeGraph expected = import_one(edges);
    edges.layout.files = {put(directory, "marked", mark + one.text)};
    for (const std::uint64_t block_bytes : {1U, 2U, 3U, 4U, 5U, 64U}) {
      edges.layout.block_bytes = block_bytes;
      EXPECT_EQ(import_one(edges), expected) << io::name_of(one.format) << " in blocks of " << block_bytes;
    }
  }
  io::ImportOptions list;
  list.nodes.resize(1);
  list.nodes[0].type = "node";
  list.nodes[0].files = {put(directory, "ids", mark + "a\nb\nc\n")};
  EXPECT_THAT(whole(world(), io::import_graph(world(), list)).ids.at("node"),
              testing::UnorderedElementsAre("a", "b", "c"));
  io::ImportOptions bad;
  bad.edges.push_back(edge_type("n", "to", "n", {put(directory, "bad", mark + "a\nb c\n")}, io::TextFormat::kEdgeList));
  EXPECT_THAT(message_of(bad), HasSubstr("bad:1:1: found 1 column in 'a'"));
}

TEST(Formats, HeadersOfCsvFiles) {
  const SharedTempDirectory directory(world());
  const auto count = [&](const std::string& text, io::Header header, const std::string& source) {
    io::EdgeOptions edges = edge_type("user", "rates", "movie", {put(directory, "e", text)}, io::TextFormat::kCsv);
    edges.layout.header = header;
    edges.layout.source = source;
    return import_one(edges).edges[0].by_source.size();
  };
  EXPECT_EQ(count("who,what\na,b\n", io::Header::kYes, ""), 1U);
  EXPECT_EQ(count("who,what\na,b\n", io::Header::kNo, ""), 2U);
  EXPECT_EQ(count("who,what\na,b\n", io::Header::kAuto, "who"), 1U);
  EXPECT_EQ(count("who,User ID\na,b\n", io::Header::kAuto, ""), 1U);
  EXPECT_EQ(count("customer_id,productId\na,b\n", io::Header::kAuto, ""), 1U);
  EXPECT_EQ(count("id_1,id_2\n\n7,8\n", io::Header::kAuto, ""), 1U) << "numbers follow";
}

TEST(Formats, GroupRelationsWithinRows) {
  const WholeGraph triples =
      import_one(edge_type("thing", "fact", "thing", {data("triples.txt")}, io::TextFormat::kTriples));
  const WholeGraph recbole =
      import_one(edge_type("thing", "fact", "thing", {data("facts.kg")}, io::TextFormat::kRecBole));
  EXPECT_EQ(triples, recbole);
  const WholeEdges& edges = triples.edges[0];
  for (std::size_t row = 0; row + 1 < edges.offsets.size(); ++row) {
    std::vector<std::string> relations;
    for (std::uint64_t slot = edges.offsets[row]; slot < edges.offsets[row + 1]; ++slot) {
      relations.push_back(edges.by_source[slot].relation);
    }
    EXPECT_TRUE(std::ranges::is_sorted(relations));
  }
}

TEST(Formats, GiveTheSameUndirectedGraph) {
  const auto make = [](const std::string& file, io::TextFormat format, bool directed) {
    io::EdgeOptions edges = edge_type("node", "near", "node", {data(file)}, format);
    edges.directed = directed;
    return edges;
  };
  const WholeGraph metis = import_one(make("graph.metis", io::TextFormat::kMetis, false));
  EXPECT_EQ(metis.edges[0].by_source.size(), 22U);
  EXPECT_EQ(metis.ids.at("node").size(), 8U) << "the vertex without edges stays";
  EXPECT_EQ(import_one(make("graph.metis", io::TextFormat::kMetis, true)), metis) << "each edge is listed twice";
  EXPECT_EQ(import_one(make("symmetric.mtx", io::TextFormat::kMatrixMarket, false)), metis);
  EXPECT_EQ(import_one(make("symmetric.mtx", io::TextFormat::kMatrixMarket, true)), metis);
  EXPECT_EQ(import_one(make("undirected.txt", io::TextFormat::kEdgeList, false)).sorted_edges(), metis.sorted_edges());
  const WholeGraph weighted = import_one(make("weighted.metis", io::TextFormat::kMetis, false));
  ASSERT_EQ(weighted.edges[0].by_source.size(), 22U);
  EXPECT_EQ(weighted.sorted_edges().front(), (NamedEdge{"1", "2", "", 12, 0}));
}

// --- the serial twin

struct Rows {
  std::vector<ReferenceRow> rows;
  std::string text;
};

Rows random_rows(std::uint32_t seed, bool relations) {
  std::mt19937 random(seed);
  const auto below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
  Rows result;
  const std::uint32_t count = 1 + below(300);
  for (std::uint32_t i = 0; i < count; ++i) {
    ReferenceRow row;
    // Names longer and shorter than a slot of the id table, and a hub.
    row.source = below(4) == 0 ? "hub" : fmt::format("v{}", below(20));
    row.target =
        below(3) == 0 ? fmt::format("a rather long name of a vertex {}", below(6)) : fmt::format("v{}", below(20));
    row.weight = static_cast<float>(below(9));
    row.time = static_cast<std::int64_t>(below(12)) - 3;
    if (relations) row.relation = fmt::format("r{}", below(3));
    result.text += fmt::format("{},{},{},{},{}\n", row.source, row.target, row.weight, row.time, row.relation);
    result.rows.push_back(row);
  }
  return result;
}

/// The text in `pieces` files cut at line ends.
std::vector<std::string> put_pieces(const SharedTempDirectory& directory, const std::string& text, std::size_t pieces) {
  std::vector<std::string> paths;
  std::size_t begin = 0;
  for (std::size_t p = 0; p < pieces; ++p) {
    std::size_t end = p + 1 == pieces ? text.size() : text.find('\n', std::max(begin, text.size() * (p + 1) / pieces));
    end = end == std::string::npos ? text.size() : std::min(end + 1, text.size());
    paths.push_back(put(directory, fmt::format("part{}.csv", p), text.substr(begin, end - begin)));
    begin = end;
  }
  return paths;
}

class SerialTwin : public testing::TestWithParam<std::uint32_t> {};

TEST_P(SerialTwin, AgreesForEveryRule) {
  const std::uint32_t seed = GetParam();
  for (const bool relations : {false, true}) {
    const Rows input = random_rows(seed * 2 + (relations ? 1 : 0), relations);
    const SharedTempDirectory directory(world());
    io::EdgeOptions options = edge_type("node", "to", seed % 3 == 0 ? "other" : "node",
                                        put_pieces(directory, input.text, 1 + seed % 4), io::TextFormat::kCsv);
    options.layout.header = io::Header::kNo;
    options.layout.source = "1";
    options.layout.target = "2";
    options.layout.block_bytes = 1 + 37 * (seed % 5);
    if (relations) options.layout.relation = "5";
    for (const auto rule :
         {io::Duplicates::kFirst, io::Duplicates::kLast, io::Duplicates::kSum, io::Duplicates::kKeep}) {
      for (std::uint32_t variant = 0; variant < 4; ++variant) {
        options.duplicates = rule;
        options.layout.weight = variant % 2 == 0 ? "" : "3";
        options.layout.time = variant / 2 == 0 ? "" : "4";
        options.directed = options.source_type != options.destination_type || (seed + variant) % 2 == 0;
        options.self_loops = seed % 2 == 0 ? io::SelfLoops::kKeep : io::SelfLoops::kDrop;
        options.min_weight = variant % 2 == 1 && seed % 3 == 1 ? std::optional<double>(4) : std::nullopt;
        options.time_from = variant / 2 == 1 && seed % 2 == 0 ? std::optional<std::int64_t>(0) : std::nullopt;
        options.time_to = variant / 2 == 1 ? std::optional<std::int64_t>(7) : std::nullopt;
        EXPECT_EQ(import_one(options), reference_import(input.rows, options))
            << "rule " << static_cast<int>(rule) << " variant " << variant;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, SerialTwin, testing::Range(1U, 9U));

TEST(Report, CountsWhatWasDropped) {
  const SharedTempDirectory directory(world());
  io::ImportOptions options;
  options.edges.push_back(
      edge_type("n", "to", "n", {put(directory, "e", "a b 5 10\na b 4 20\nb a 5 30\nc c 5 40\na c 1 50\na d 5 99\n")},
                io::TextFormat::kEdgeList));
  io::EdgeOptions& edges = options.edges[0];
  edges.layout.weight = "3";
  edges.layout.time = "4";
  edges.min_weight = 3;
  edges.time_to = 99;
  edges.directed = false;
  edges.self_loops = io::SelfLoops::kDrop;
  const io::ImportedGraph graph = io::import_graph(world(), options);
  const io::ImportCounts& counts = graph.report.edge_types.at(0);
  EXPECT_EQ(counts.rows_read, 6U);
  EXPECT_EQ(counts.outside_time, 1U);
  EXPECT_EQ(counts.below_weight, 1U);
  EXPECT_EQ(counts.self_loops, 1U);
  EXPECT_EQ(counts.duplicates, 2U) << "a b, a b and b a are one edge";
  EXPECT_EQ(counts.edges_kept, 2U) << "both directions";
  EXPECT_THAT(counts.rules, HasSubstr("undirected; duplicates: first; self_loops: drop"));
  EXPECT_EQ(graph.report.bytes_read, 6U * 9);
}

TEST(Report, CountsEveryByteOnce) {
  // A header, and blocks that do not divide the file.
  const SharedTempDirectory directory(world());
  std::string text = "source,target\n";
  for (int i = 0; i < 100; ++i) text += fmt::format("a{},b{}\n", i, i * i);
  for (const std::uint64_t block_bytes : {std::uint64_t{7}, std::uint64_t{100}, std::uint64_t{1} << 20U}) {
    io::ImportOptions options;
    options.edges.push_back(edge_type("n", "to", "n", {put(directory, "e", text)}, io::TextFormat::kCsv));
    options.edges[0].layout.source = "source";
    options.edges[0].layout.target = "target";
    options.edges[0].layout.block_bytes = block_bytes;
    EXPECT_EQ(io::import_graph(world(), options).report.bytes_read, text.size());
  }
}

// --- before anything is read

TEST(ExpectedEdges, AreCountedInSmallFilesAndDeclaredOrSampledInOthers) {
  const SharedTempDirectory directory(world());
  const auto expect = [](const std::string& file, io::TextFormat format, bool directed = true) {
    io::EdgeOptions edges = edge_type("n", "to", "n", {file}, format);
    edges.directed = directed;
    return io::expect_edges(edges);
  };
  for (const char* file : {"ratings_bom.csv", "ratings.csv.gz"}) {
    EXPECT_EQ(expect(data(file), io::TextFormat::kCsv).likely, 12U) << file;
    EXPECT_EQ(expect(data(file), io::TextFormat::kCsv).least, 12U) << file;
  }
  EXPECT_EQ(expect(data("ratings_bom.csv"), io::TextFormat::kCsv).likely_alone, 0U);
  EXPECT_EQ(expect(data("ratings.csv.gz"), io::TextFormat::kCsv).likely_alone, 12U);
  EXPECT_EQ(expect(data("adjacency.txt"), io::TextFormat::kAdjacency, false).likely, 24U);
  for (const bool directed : {true, false}) {
    const io::ExpectedEdges metis = expect(data("graph.metis"), io::TextFormat::kMetis, directed);
    EXPECT_EQ(metis.likely, 22U);
    EXPECT_EQ(metis.least, directed ? 11U : 22U);
    EXPECT_EQ(metis.num_sources, 8U);
    EXPECT_EQ(expect(data("symmetric.mtx"), io::TextFormat::kMatrixMarket, directed).likely, 22U);
  }
  // Rows get longer and shorter again.
  std::string text;
  std::uint64_t rows = 0;
  for (std::uint64_t i = 0; text.size() < (std::size_t{5} << 20U); ++i) {
    text += fmt::format("{},{}\n", i / 40, std::string(1 + i / 10000 % 20, 'x'));
    ++rows;
  }
  const io::ExpectedEdges sampled = expect(put(directory, "long", text), io::TextFormat::kEdgeList);
  EXPECT_LT(sampled.likely, 2 * rows);
  EXPECT_GT(sampled.likely, rows / 2);
  EXPECT_LE(sampled.least, rows);
  EXPECT_GT(sampled.least, rows / 8);
}

// --- identity

/// Ids of eight characters whose 63-bit keys as vertices of type "user" are equal.
constexpr std::pair<const char*, const char*> kCollisions[] = {
    {"u0110211", "r6KnXMpE"}, {"u0208348", "uKbwgfxI"}, {"u0237547", "NlUfCs6V"}, {"u0349619", "eqmRjOvU"}};

TEST(Identity, CollidingKeysBecomeTwoVerticesWithARecordedOverride) {
  const SharedTempDirectory directory(world());
  std::string text;
  for (const auto& [first, second] : kCollisions) {
    ASSERT_EQ(vertex_key("user", first), vertex_key("user", second));
    text += fmt::format("{} a\nx{} b\n{} b\n", first, first, second);
  }
  io::ImportOptions options;
  options.edges.push_back(edge_type("user", "likes", "item", {put(directory, "e", text)}, io::TextFormat::kEdgeList));
  const io::ImportedGraph graph = io::import_graph(world(), options);
  const WholeGraph result = whole(world(), graph);
  EXPECT_EQ(result.ids.at("user").size(), 12U);
  ASSERT_EQ(graph.overrides.size(), 4U);
  const auto key_of = [&](const std::string& id) {
    const auto& ids = result.ids.at("user");
    return result.keys.at("user").at(static_cast<std::size_t>(std::ranges::find(ids, id) - ids.begin()));
  };
  for (const auto& [first, second] : kCollisions) {
    const auto [smaller, larger] = std::minmax({std::string(first), std::string(second)});
    EXPECT_EQ(key_of(smaller), vertex_key("user", smaller).value());
    EXPECT_EQ(key_of(larger), vertex_key("user", larger, 1).value());
    EXPECT_EQ(std::ranges::count(graph.overrides, larger, &io::KeyOverride::id), 1);
  }
  const auto edges = result.sorted_edges();
  EXPECT_EQ(std::ranges::count(edges, NamedEdge{"u0110211", "a", "", 0, 0}), 1);
  EXPECT_EQ(std::ranges::count(edges, NamedEdge{"r6KnXMpE", "b", "", 0, 0}), 1);
}

TEST(Identity, ManyIdsGrowTheTable) {
  const SharedTempDirectory directory(world());
  std::string text;
  std::vector<ReferenceRow> rows;
  for (int i = 0; i < 9000; ++i) {
    rows.push_back({fmt::format("u{}", i * 7 % 8000), fmt::format("item number {}", i), "", 1, 0});
    text += fmt::format("{},{}\n", rows.back().source, rows.back().target);
  }
  io::EdgeOptions options = edge_type("user", "likes", "item", {put(directory, "e", text)}, io::TextFormat::kCsv);
  options.layout.header = io::Header::kNo;
  options.layout.block_bytes = 4096;
  EXPECT_EQ(import_one(options), reference_import(rows, options));
}

// --- edges of the possible

TEST(Import, EmptyFilesGiveEmptyTypes) {
  const SharedTempDirectory directory(world());
  const WholeGraph graph =
      import_one(edge_type("a", "to", "b", {put(directory, "e", "\n\n")}, io::TextFormat::kEdgeList));
  EXPECT_TRUE(graph.ids.at("a").empty());
  EXPECT_TRUE(graph.edges[0].by_source.empty());
}

TEST(Import, SourcesWithoutTargetsAreVertices) {
  const SharedTempDirectory directory(world());
  const WholeGraph graph =
      import_one(edge_type("a", "to", "b", {put(directory, "e", "1 2\n3\n")}, io::TextFormat::kAdjacency));
  EXPECT_THAT(graph.ids.at("a"), testing::UnorderedElementsAre("1", "3"));
  EXPECT_THAT(graph.ids.at("b"), ElementsAre("2"));
}

TEST(Import, FilePatternsExpandInOrder) {
  const SharedTempDirectory directory(world());
  put(directory, "p2.txt", "a b 2\n");
  put(directory, "p1.txt", "a b 1\n");
  io::EdgeOptions options = edge_type("n", "to", "n", {(directory / "p*.txt").string()}, io::TextFormat::kEdgeList);
  options.layout.weight = "3";
  EXPECT_EQ(import_one(options).edges[0].by_source.at(0).weight, 1);
  io::ImportOptions missing;
  missing.edges.push_back(edge_type("n", "to", "n", {(directory / "q*.txt").string()}, io::TextFormat::kEdgeList));
  EXPECT_THAT(message_of(missing), HasSubstr("no file matches"));
}

TEST(Import, OptionsThatContradictEachOtherAreRefused) {
  io::ImportOptions options;
  EXPECT_THAT(message_of(options), HasSubstr("no edges and no nodes"));
  options.edges.push_back(edge_type("a", "to", "b", {data("undirected.txt")}, io::TextFormat::kEdgeList));
  options.edges[0].directed = false;
  EXPECT_THAT(message_of(options), HasSubstr("undirected edges join vertices of one type"));
  options.edges[0].directed = true;
  options.edges[0].min_weight = 1;
  EXPECT_THAT(message_of(options), HasSubstr("min_weight needs weights"));
  options.edges[0].min_weight.reset();
  for (const char* delimiter : {"", "comma", "\\t", "\n", "a delimiter of more than 16 bytes;"}) {
    options.edges[0].layout.delimiter = delimiter;
    EXPECT_THAT(message_of(options), HasSubstr("expected tab, space, auto, one character")) << delimiter;
  }
  options.edges[0].layout.delimiter = "auto";
  options.edges[0].time_from = 5;
  options.edges[0].time_to = 5;
  EXPECT_THAT(message_of(options), HasSubstr("time_from 5 is not before time_to 5"));
  options.edges[0].time_to.reset();
  options.edges[0].time_from.reset();
  options.edges.push_back(options.edges[0]);
  EXPECT_THAT(message_of(options), HasSubstr("stands twice"));
}

}  // namespace
}  // namespace rove::tests
