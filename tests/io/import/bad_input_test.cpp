// SPDX-License-Identifier: Apache-2.0
//
// Bad input ends with file, line, column, what was found and what was expected; damaged input never with a crash.
#include <algorithm>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "io/import/import_graph.hpp"
#include "tests/io/import/import_files.hpp"
#include "tests/support/mpi.hpp"
#include "tests/support/shared_temp_directory.hpp"

namespace rove::tests {
namespace {

using testing::HasSubstr;

std::string data(const std::string& name) {
  return std::string(ROVE_TEST_DATA) + "/" + name;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

struct BadInput {
  const char* name;
  io::TextFormat format;
  const char* text;
  const char* where;  ///< line:column
  const char* found;
  const char* expected;
  const char* weight = "";
  const char* time = "";
  const char* delimiter = "auto";
};

using F = io::TextFormat;
const BadInput kBadInputs[] = {
    {"OneColumn", F::kEdgeList, "1 2\n3 4\n5\n6 7\n", "3:1", "1 column in '5'", "at least 2 columns"},
    {"TooFewForWeight", F::kEdgeList, "1 2 3\n3 4\n", "2:1", "2 columns in '3 4'", "at least 3 columns", "3"},
    {"WordAsWeight", F::kEdgeList, "1 2 3\n3 4 much\n", "2:5", "'much'", "a finite number as weight", "3"},
    {"InfiniteWeight", F::kEdgeList, "1 2 inf\n", "1:5", "'inf'", "a finite number as weight", "3"},
    {"FractionalTime", F::kEdgeList, "1 2 3.5\n", "1:5", "'3.5'", "a whole number as time", "", "3"},
    {"DateAsTime", F::kCsv, "source,target,t\n1,2,2024-01-01\n", "2:5", "'2024-01-01'", "a whole number as time", "",
     "t"},
    {"CsvColumns", F::kCsv, "source,target\n1,2\n1,2,3\n", "3:1", "3 columns in '1,2,3'",
     "2 columns, as in the header"},
    {"CsvEmptyId", F::kCsv, "source,target,x\n1,2,\n,2,y\n", "3:1", "an empty source id", "a source id"},
    {"CsvNoSuchColumn", F::kCsv, "a,b\n1,2\n", "1:1", "the columns a, b", "a column 'stars' as weight", "stars"},
    {"CsvOpenQuote", F::kCsv, "source,target\n1,\"2\n", "2:3", "a quote that is not closed", "a closing double quote"},
    {"CsvHeaderQuote", F::kCsv, "source,\"target\n1,2\n", "1:8", "a quote that is not closed",
     "a closing double quote"},
    {"CsvAfterQuote", F::kCsv, "source,target\n\"1\"x,2\n", "2:4", "'x' after a closing quote", "the delimiter"},
    {"CsvOneColumn", F::kCsv, "user\n1\n", "1:1", "one column in 'user'", "check the delimiter"},
    {"CsvAfterQuoteLong", F::kCsv, "source::target\n\"1\":2\n", "2:4", "':' after a closing quote", "the delimiter", "",
     "", "::"},
    {"LongDelimiterColumns", F::kEdgeList, "1::2::3\n4::5:6\n", "2:1", "2 columns in '4::5:6'", "at least 3 columns",
     "3", "", "::"},
    {"CsvPairAsHeader", F::kCsv, "u1,i1\nu2,i2\n", "1:1", "'u1,i1', which may be a header or the first row",
     "header set to yes or no"},
    {"CsvNamesAsHeader", F::kCsv, "david,madrid\nann,rome\n", "1:1", "which may be a header or the first row",
     "yes or no"},
    {"CsvNumbersAsHeader", F::kCsv, "1,2,3\n4,5,6\n", "1:1", "'1,2,3', which may be", "header set to yes or no", "3"},
    {"NotUtf8", F::kEdgeList, "1 2\n3 \xff\xfe\n", "2:3", "an id that is not UTF-8", "UTF-8 text"},
    {"CarriageReturn", F::kEdgeList, "1 2\r3 4\r", "1:3", "an id with a carriage return", "LF or CRLF"},
    {"NotUtf8Shown", F::kEdgeList, "1 2 \xff\xfe\n", "1:5", "found '\\xff\\xfe'", "a finite number", "3"},
    {"TripleOfTwo", F::kTriples, "a r b\na b\n", "2:1", "2 columns in 'a b'", "at least 3 columns"},
    {"RecBoleUntyped", F::kRecBole, "user_id:token\titem_id\n1\t2\n", "1:1", "the column header 'item_id'",
     "name:type"},
    {"RecBoleType", F::kRecBole, "user_id:token\titem_id:int\n", "1:1", "'item_id:int'", "token, token_seq, float"},
    {"RecBoleSequence", F::kRecBole, "user_id:token\titem_id:token\tr:float_seq\n", "1:1", "of type float_seq",
     "one number per row", "r"},
    {"RecBoleColumns", F::kRecBole, "user_id:token\titem_id:token\n1\t2\n1 2\n", "3:1", "1 column in '1 2'",
     "2 columns"},
    {"MatrixBanner", F::kMatrixMarket, "1 2\n", "1:1", "'1 2'", "%%MatrixMarket matrix coordinate"},
    {"MatrixDense", F::kMatrixMarket, "%%MatrixMarket matrix array real general\n", "1:1", "'array'", "coordinate"},
    {"MatrixComplex", F::kMatrixMarket, "%%MatrixMarket matrix coordinate complex general\n", "1:1", "'complex'",
     "pattern, real or integer"},
    {"MatrixSizes", F::kMatrixMarket, "%%MatrixMarket matrix coordinate pattern general\n%\n3 3\n", "3:1", "'3 3'",
     "the size line"},
    {"MatrixIndex", F::kMatrixMarket, "%%MatrixMarket matrix coordinate pattern general\n3 3 2\n1 2\n4 1\n", "4:1",
     "'4'", "a row number from 1 to 3"},
    {"MatrixZero", F::kMatrixMarket, "%%MatrixMarket matrix coordinate pattern general\n3 3 1\n1 0\n", "3:3", "'0'",
     "a column number from 1 to 3"},
    {"MatrixMissing", F::kMatrixMarket, "%%MatrixMarket matrix coordinate pattern general\n3 3 3\n1 2\n", "2:1",
     "1 entries after it", "3 entries"},
    {"MetisHeader", F::kMetis, "7\n", "1:1", "'7'", "the header: vertices, edges"},
    {"MetisFormat", F::kMetis, "2 1 7\n", "1:1", "'7'", "digits 0 or 1"},
    {"MetisNeighbor", F::kMetis, "2 1\n2\n3\n", "3:1", "'3'", "a vertex number from 1 to 2"},
    {"MetisTooMany", F::kMetis, "2 1\n2\n1\n1\n", "4:1", "a line for vertex 3", "2 vertices"},
    {"MetisTooFew", F::kMetis, "3 1\n2\n1\n", "", "lines for 2 vertices", "3 vertices"},
    {"MetisEdges", F::kMetis, "2 3\n2\n1\n", "1:1", "2 neighbours after it", "each listed by both"},
    {"MetisWeight", F::kMetis, "2 1 1\n2 5\n1\n", "3:1", "a neighbour without a weight", "neighbour and weight"},
};

class BadInputs : public testing::TestWithParam<BadInput> {};

TEST_P(BadInputs, AreExplained) {
  const BadInput& bad = GetParam();
  const SharedTempDirectory directory(world());
  const std::string path = put(directory, "bad.txt", bad.text);
  io::ImportOptions options;
  options.edges.resize(1);
  options.edges[0].source_type = options.edges[0].destination_type = "node";
  options.edges[0].relation_name = "to";
  options.edges[0].layout.files = {path};
  options.edges[0].layout.format = bad.format;
  options.edges[0].layout.weight = bad.weight;
  options.edges[0].layout.time = bad.time;
  options.edges[0].layout.delimiter = bad.delimiter;
  for (const std::uint64_t block_bytes : {std::uint64_t{1} << 20U, std::uint64_t{5}}) {
    options.edges[0].layout.block_bytes = block_bytes;
    try {
      (void)io::import_graph(world(), options);
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kInput);
      const std::string where = *bad.where == '\0' ? path + ": " : fmt::format("{}:{}: ", path, bad.where);
      EXPECT_THAT(error.what(), HasSubstr(where));
      EXPECT_THAT(error.what(), HasSubstr(bad.found));
      EXPECT_THAT(error.what(), HasSubstr(bad.expected));
    }
  }
}

std::string name_of(const testing::TestParamInfo<BadInput>& test) {
  return test.param.name;
}

INSTANTIATE_TEST_SUITE_P(Table, BadInputs, testing::ValuesIn(kBadInputs), name_of);

TEST(BadFiles, TheFirstBadLineIsReportedWhateverTheCut) {
  const SharedTempDirectory directory(world());
  std::string text;
  for (int i = 1; i <= 500; ++i) text += i % 100 == 0 ? "x\n" : "a b\n";
  io::ImportOptions options;
  options.edges.resize(1);
  options.edges[0] = {"n", "to", "n", {}, true, true, io::Duplicates::kFirst, io::SelfLoops::kKeep, {}, {}, {}, 0, 0};
  options.edges[0].layout.files = {put(directory, "bad", text)};
  for (const std::uint64_t block_bytes : {8U, 100U, 100000U}) {
    options.edges[0].layout.block_bytes = block_bytes;
    try {
      (void)io::import_graph(world(), options);
      ADD_FAILURE() << "no error";
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(), HasSubstr("bad:100:1: "));
    }
  }
}

TEST(BadFiles, MissingDirectoryAndDamaged) {
  const SharedTempDirectory directory(world());
  const auto message = [&](const std::string& path, ExitCode code) {
    io::ImportOptions options;
    options.edges.resize(1);
    options.edges[0].source_type = options.edges[0].destination_type = "n";
    options.edges[0].relation_name = "to";
    options.edges[0].layout.files = {path};
    try {
      (void)io::import_graph(world(), options);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(message((directory / "missing").string(), ExitCode::kFile), HasSubstr("No such file"));
  EXPECT_THAT(message(directory.path().string(), ExitCode::kFile), HasSubstr("is a directory"));
  for (const char* name : {"edgelist.zst", "ratings.csv.gz"}) {
    const std::string whole = read_file(data(name));
    EXPECT_THAT(message(put(directory, "cut", whole.substr(0, whole.size() / 2)), ExitCode::kInput),
                HasSubstr("damaged compressed data"))
        << name;
    std::string changed = whole;
    changed[changed.size() / 2] = static_cast<char>(changed[changed.size() / 2] ^ 0x55);
    EXPECT_THAT(message(put(directory, "changed", changed), ExitCode::kInput), testing::Ne("no error")) << name;
  }
}

// --- undirected metis files: every edge in the lists of both its vertices

io::ImportOptions undirected_metis(const std::string& path) {
  io::ImportOptions options;
  options.edges.resize(1);
  options.edges[0].source_type = options.edges[0].destination_type = "node";
  options.edges[0].relation_name = "to";
  options.edges[0].directed = false;
  options.edges[0].layout.files = {path};
  options.edges[0].layout.format = F::kMetis;
  return options;
}

TEST(MetisLists, ThatDoNotMirrorEachOtherAreRefusedAtTheNeighbor) {
  struct Lists {
    const char* text;
    const char* where;
    const char* found;
  };
  const SharedTempDirectory directory(world());
  for (const Lists& lists : {
           Lists{"3 1\n2\n\n1\n", "2:1", "vertex 2 in the list of vertex 1, but not vertex 1 in the list of vertex 2"},
           Lists{"% one\n4 2\n3\n% two\n1 4\n1\n3\n", "5:1",
                 "vertex 1 in the list of vertex 2, but not vertex 2 in the list of vertex 1"},
           Lists{"3 2 1\n2 5 3 1\n1 6\n1 1\n", "2:1",
                 "vertex 2 with weight 5 in the list of vertex 1, but vertex 1 with weight 6 in the list of vertex 2"},
           Lists{"3 2\n2 2\n1 3\n\n", "2:1",
                 "vertex 2 in the list of vertex 1: 2, but vertex 1 in the list of vertex 2: 1"},
           Lists{"2 5\n2\n\n", "2:1", "vertex 2 in the list of vertex 1, but not vertex 1 in the list of vertex 2"},
       }) {
    const std::string path = put(directory, "lists.graph", lists.text);
    io::ImportOptions options = undirected_metis(path);
    for (const std::uint64_t block_bytes : {std::uint64_t{1} << 20U, std::uint64_t{3}}) {
      options.edges[0].layout.block_bytes = block_bytes;
      const std::string message = message_of(options);
      EXPECT_THAT(message,
                  HasSubstr(fmt::format("{}:{}: found {}, expected every edge", path, lists.where, lists.found)));
      EXPECT_THAT(message, HasSubstr("set directed: true"));
    }
  }
  EXPECT_THAT(message_of(undirected_metis(put(directory, "l", "3 1\n2\n1 3\n2\n"))), HasSubstr("l:1:1: found 2 edges"))
      << "the header's count";
}

/// Where the neighbour stands that `refuse_unmirrored` is to name, by maps of all listings; empty: none.
std::string first_unmirrored(const std::vector<std::vector<int>>& lists) {
  std::map<std::pair<int, int>, int> times;
  const auto count_of = [&](int from, int to) { return times.contains({from, to}) ? times.at({from, to}) : 0; };
  for (int from = 1; from <= static_cast<int>(lists.size()); ++from) {
    for (const int to : lists[static_cast<std::size_t>(from - 1)]) ++times[{from, to}];
  }
  for (int vertex = 1; vertex <= static_cast<int>(lists.size()); ++vertex) {
    for (int other = 1; other <= static_cast<int>(lists.size()); ++other) {
      const int excess = count_of(vertex, other) - count_of(other, vertex);
      if (excess == 0) continue;
      const int from = excess > 0 ? vertex : other;
      const auto& list = lists[static_cast<std::size_t>(from - 1)];
      std::size_t column = 1;
      for (std::size_t i = 0; list[i] != vertex + other - from; ++i) column += std::to_string(list[i]).size() + 1;
      return fmt::format(":{}:{}: ", from + 1, column);
    }
  }
  return {};
}

TEST(MetisLists, AreJudgedAsTheSerialTwinJudgesThem) {
  const SharedTempDirectory directory(world());
  std::mt19937 random(3);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
  for (int round = 0; round < 40; ++round) {
    const std::size_t vertices = 2 + below(12);
    std::vector<std::vector<int>> lists(vertices);
    std::size_t edges = below(30);
    for (std::size_t e = 0; e < edges; ++e) {
      const std::size_t a = below(vertices);
      const std::size_t b = (a + 1 + below(vertices - 1)) % vertices;
      lists[a].push_back(static_cast<int>(b) + 1);
      lists[b].push_back(static_cast<int>(a) + 1);
    }
    for (std::size_t changes = below(3); changes > 0; --changes) {
      std::vector<int>& list = lists[below(vertices)];
      if (list.empty()) continue;
      const std::size_t at = below(list.size());
      if (below(2) == 0) {
        list.erase(list.begin() + static_cast<std::ptrdiff_t>(at));
      } else {
        list[at] = static_cast<int>(below(vertices)) + 1;
      }
    }
    edges = 0;
    std::string text;
    for (std::size_t v = 0; v < vertices; ++v) {
      edges +=
          static_cast<std::size_t>(std::ranges::count_if(lists[v], [&](int to) { return to > static_cast<int>(v); }));
      text += fmt::format("{}\n", fmt::join(lists[v], " "));
    }
    text = fmt::format("{} {}\n", vertices, edges) + text;
    io::ImportOptions options = undirected_metis(put(directory, "g", text));
    options.edges[0].layout.block_bytes = 1 + below(40);
    const std::string expected = first_unmirrored(lists);
    const std::string message = message_of(options);
    EXPECT_THAT(message, HasSubstr(expected.empty() ? "no error" : expected)) << text;
  }
}

/// Bytes of good files changed, cut out and put in at random: import reads them or refuses them, nothing else.
TEST(Mutations, NeverCrash) {
  struct Seed {
    const char* file;
    io::TextFormat format;
    const char* weight;
  };
  const SharedTempDirectory directory(world());
  std::mt19937 random(20);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
  constexpr std::string_view kInteresting("\n\r\t ,\"%#:0123456789-.e\0\xff\xef\xbb\xbf", 28);
  for (const Seed& seed : {Seed{"adjacency.txt", F::kAdjacency, ""}, Seed{"edgelist_crlf.txt", F::kEdgeList, "3"},
                           Seed{"ratings_bom.csv", F::kCsv, "stars"}, Seed{"ratings.csv.gz", F::kCsv, "stars"},
                           Seed{"edgelist.zst", F::kEdgeList, "3"}, Seed{"triples.txt", F::kTriples, ""},
                           Seed{"ratings.inter", F::kRecBole, "rating"}, Seed{"general.mtx", F::kMatrixMarket, ""},
                           Seed{"symmetric.mtx", F::kMatrixMarket, ""}, Seed{"graph.metis", F::kMetis, ""},
                           Seed{"weighted.metis", F::kMetis, ""}}) {
    const std::string good = read_file(data(seed.file));
    for (int round = 0; round < 60; ++round) {
      std::string text = good;
      for (std::size_t changes = 1 + below(4); changes > 0; --changes) {
        const std::size_t at = below(text.size());
        switch (below(4)) {
          case 0:
            text[at] = kInteresting[below(kInteresting.size())];
            break;
          case 1:
            text.insert(at, 1, kInteresting[below(kInteresting.size())]);
            break;
          case 2:
            text.erase(at, 1 + below(20));
            break;
          default:
            text.insert(at, text.substr(below(text.size()), below(40)));
        }
        if (text.empty()) text = "\n";
      }
      io::ImportOptions options;
      options.edges.resize(1);
      io::EdgeOptions& edges = options.edges[0];
      edges.source_type = edges.destination_type = "n";
      edges.relation_name = "to";
      edges.directed = round % 2 == 0;
      edges.layout.files = {put(directory, "mutant", text)};
      edges.layout.format = seed.format;
      edges.layout.weight = seed.weight;
      edges.layout.block_bytes = 1 + below(64);
      try {
        (void)io::import_graph(world(), options);
      } catch (const Error& error) {
        EXPECT_TRUE(error.code() == ExitCode::kInput || error.code() == ExitCode::kUsage ||
                    error.code() == ExitCode::kDoesNotFit)
            << error.what();
      }
    }
  }
}

}  // namespace
}  // namespace rove::tests
