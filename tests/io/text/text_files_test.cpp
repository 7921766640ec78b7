// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "engine/base/fault.hpp"
#include "engine/base/hash.hpp"
#include "io/text/edge_writer.hpp"
#include "io/text/part_file.hpp"
#include "tests/support/graphs.hpp"
#include "tests/support/mpi.hpp"
#include "tests/support/shared_temp_directory.hpp"

namespace rove::io::text {
namespace {

using tests::SharedTempDirectory;
using tests::world;

std::string content(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// Rank 0 writes, everybody sees.
void put(const std::filesystem::path& path, const std::string& text) {
  if (world().is_root()) std::ofstream(path, std::ios::binary) << text;
  world().barrier();
}

/// Edge i: sources in runs of 1 to 8 edges, so that lines of adjacency lists cross chunks.
void toy_edge(std::uint64_t i, bool attributes, NumberedEdges& edges) {
  edges.sources.push_back(i / 5 * i / 5);
  edges.targets.push_back(mix64(i, 1) >> (i % 60));
  if (!attributes) return;
  edges.weights.push_back(static_cast<float>(i % 7) * 0.25F);
  edges.times.push_back(1'600'000'000 - static_cast<std::int64_t>(i));
}

EdgeStream toy_stream(std::uint64_t num_edges, bool attributes) {
  return {num_edges,
          [=](IndexRange positions, NumberedEdges& edges) {
            for (std::uint64_t i = positions.begin; i < positions.end; ++i) toy_edge(i, attributes, edges);
          },
          attributes, attributes};
}

/// The slow twin: one edge after the other.
std::string expected_text(std::uint64_t num_edges, bool attributes, const EdgeText& text) {
  NumberedEdges edges;
  for (std::uint64_t i = 0; i < num_edges; ++i) toy_edge(i, attributes, edges);
  std::string result;
  const char separator = text.format == EdgeFormat::kCsv ? ',' : ' ';
  if (text.format == EdgeFormat::kCsv) result = attributes ? "source,target,weight,time\n" : "source,target\n";
  for (std::size_t i = 0; i < num_edges; ++i) {
    const std::string source = text.source_prefix + std::to_string(edges.sources[i]);
    const std::string target = text.target_prefix + std::to_string(edges.targets[i]);
    if (text.format == EdgeFormat::kAdjacency) {
      const bool goes_on = i > 0 && edges.sources[i] == edges.sources[i - 1];
      result += goes_on ? " " + target : (i > 0 ? "\n" : "") + source + " " + target;
      if (i + 1 == num_edges) result += "\n";
      continue;
    }
    result += source + separator + target;
    if (attributes) result += fmt::format("{0}{1}{0}{2}", separator, edges.weights[i], edges.times[i]);
    result += "\n";
  }
  return result;
}

TEST(EdgeWriter, SameBytesAsASerialLoop) {
  const SharedTempDirectory directory(world());
  for (const EdgeFormat format : {EdgeFormat::kCsv, EdgeFormat::kEdgeList, EdgeFormat::kAdjacency}) {
    for (const bool attributes : {false, true}) {
      if (attributes && format == EdgeFormat::kAdjacency) continue;
      for (const std::uint64_t num_edges : {0U, 1U, 200'003U}) {
        const EdgeText text{format, "user-", "i"};
        const std::uint64_t bytes = write_edges(world(), directory / "edges", toy_stream(num_edges, attributes), text);
        const std::string expected = expected_text(num_edges, attributes, text);
        EXPECT_EQ(bytes, expected.size());
        EXPECT_TRUE(content(directory / "edges") == expected) << num_edges << " edges, format " << int(format);
        world().barrier();
      }
    }
  }
  EXPECT_FALSE(std::filesystem::exists(directory / "edges.part"));
}

TEST(EdgeWriter, FailuresReachAllRanksAndLeaveTheOldFile) {
  const SharedTempDirectory directory(world());
  EXPECT_THROW(write_edges(world(), directory / "no" / "such", toy_stream(10, false), {}), IoError);
  put(directory / "edges", "old");
  for (const char* point : {"io.open", "io.write", "io.rename"}) {
    for (const int rank : {0, world().size() - 1}) {
      if (rank != 0 && std::string_view(point) == "io.rename") continue;
      setenv("ROVE_FAULT", fmt::format("{}@{}", point, rank).c_str(), 1);
      fault::set_rank(world().rank().value());
      fault::reload();
      EXPECT_THROW(write_edges(world(), directory / "edges", toy_stream(2'000'000, false), {}), IoError)
          << point << " on rank " << rank;
      unsetenv("ROVE_FAULT");
      fault::reload();
      world().barrier();
      EXPECT_EQ(content(directory / "edges"), "old");
      EXPECT_FALSE(std::filesystem::exists(directory / "edges.part"));
      world().barrier();
    }
  }
}

graph::Schema two_types(std::uint64_t users, std::uint64_t items) {
  graph::Schema schema;
  schema.add_vertex_type("user", users);
  schema.add_vertex_type("item", items);
  return schema;
}

TEST(PartFile, RoundTrip) {
  const SharedTempDirectory directory(world());
  for (const auto& [users, items] : {std::pair{0U, 5U}, {1U, 2U}, {100U, 33U}}) {
    const graph::Schema schema = two_types(users, items);
    graph::Assignment written = tests::assign(world(), schema, [](StableVertexId vertex) {
      return static_cast<std::int32_t>(mix64(vertex.value(), 0) % 120);
    });
    written.num_parts = 120;
    write_part_files(world(), directory.path(), schema, written);
    const std::vector<std::filesystem::path> files = {part_file_path(directory.path(), "user", 120),
                                                      part_file_path(directory.path(), "item", 120)};
    EXPECT_EQ(files[0].filename(), "user.part.120");
    std::string expected;
    for (std::uint64_t row = 0; row < users; ++row) expected += fmt::format("{}\n", mix64(row, 0) % 120);
    EXPECT_EQ(content(files[0]), expected);
    const graph::Assignment read = read_part_files(world(), schema, files, 120);
    EXPECT_EQ(read.parts, written.parts);
    EXPECT_EQ(read.num_parts, 120);
    world().barrier();
  }
}

TEST(PartFile, AcceptsWhatEditorsLeave) {
  const SharedTempDirectory directory(world());
  put(directory / "a", "0\r\n 1 \r\n2");
  put(directory / "b", "1\n");
  const graph::Schema schema = two_types(3, 1);
  const graph::Assignment read = read_part_files(world(), schema, {directory / "a", directory / "b"}, 3);
  EXPECT_EQ(world().all_gather_v<std::int32_t>(read.parts[0]).data, (std::vector<std::int32_t>{0, 1, 2}));
}

template <class Exception>
std::string error_of(const graph::Schema& schema, const std::vector<std::filesystem::path>& files) {
  try {
    (void)read_part_files(world(), schema, files, 3);
  } catch (const Exception& error) {
    return error.what();
  }
  return "nothing thrown";
}

TEST(PartFile, ErrorsNameFileAndLine) {
  const SharedTempDirectory directory(world());
  const graph::Schema schema = two_types(4, 0);
  put(directory / "empty", "");
  const auto message = [&](const std::string& text) {
    put(directory / "users", text);
    const std::string result = error_of<InputError>(schema, {directory / "users", directory / "empty"});
    world().barrier();
    return result;
  };
  using testing::AllOf;
  using testing::HasSubstr;
  EXPECT_THAT(message("0\n1\n3\n1\n"), AllOf(HasSubstr("users:3"), HasSubstr("'3'"), HasSubstr("0 to 2")));
  EXPECT_THAT(message("0\n1\n2\n-1\n"), AllOf(HasSubstr("users:4"), HasSubstr("'-1'")));
  EXPECT_THAT(message("0\n\n2\n1\n"), HasSubstr("users:2"));
  EXPECT_THAT(message("zero\n1\n2\n1\n"), AllOf(HasSubstr("users:1"), HasSubstr("'zero'")));
  EXPECT_THAT(message("0\n1\n2\n"), AllOf(HasSubstr("3 lines"), HasSubstr("4, one per vertex of type 'user'")));
  EXPECT_THAT(message("0\n1\n2\n0\n1\n"), HasSubstr("5 lines"));
  EXPECT_THAT(error_of<IoError>(schema, {directory / "missing", directory / "empty"}), HasSubstr("missing"));
  EXPECT_THAT(error_of<IoError>(schema, {directory.path(), directory / "empty"}), HasSubstr("cannot open"));
  EXPECT_THROW((void)read_part_files(world(), schema, {directory / "empty"}, 3), ConfigError);
}

}  // namespace
}  // namespace rove::io::text
