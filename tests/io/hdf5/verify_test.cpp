// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5/verify.hpp"

#include <cstring>
#include <fstream>
#include <limits>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/hdf5/graph_file.hpp"
#include "io/hdf5/result_files.hpp"
#include "tests/io/hdf5/sample_files.hpp"
#include "tests/support/graphs.hpp"
#include "tests/support/mpi.hpp"
#include "tests/support/shared_temp_directory.hpp"

namespace rove::tests {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Flips a bit of the file where `needle` first occurs. **Collective.**
void damage(const std::filesystem::path& path, const std::vector<std::byte>& needle) {
  world().barrier();
  if (world().is_root()) {
    std::ifstream in(path, std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    const std::size_t at = bytes.find(std::string_view(reinterpret_cast<const char*>(needle.data()), needle.size()));
    ASSERT_NE(at, std::string::npos);
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  world().barrier();
}

TEST(Verify, FilesThatRoveWroteAreGood) {
  for (const NamedGraph& sample : awkward_graphs()) {
    SCOPED_TRACE(sample.name);
    const SharedTempDirectory directory(world());
    io::write_graph(world(), directory / "graph.h5", sample_import(sample.whole, world().rank(), world().size()),
                    sample_provenance());
    EXPECT_THAT(io::verify_file(world(), directory / "graph.h5").problems, IsEmpty());
  }
  for (const graph::GraphBlocks& whole : {random_typed(40, 3), random_bipartite(3, 0, 0, 1), random_graph(0, 0, 1)}) {
    const SharedTempDirectory directory(world());
    write_sample_files(world(), whole, directory.path());
    for (const auto* name : {"partition.h5", "embeddings.h5", "ppr.h5", "recommendations.h5"}) {
      const io::VerifyReport report = io::verify_file(world(), directory / name);
      EXPECT_THAT(report.problems, IsEmpty()) << name;
      EXPECT_GT(report.datasets, 0U);
    }
  }
}

TEST(Verify, AFlippedBitIsFoundAndItsDatasetNamed) {
  const SharedTempDirectory directory(world());
  write_sample_files(world(), random_typed(40, 3), directory.path());
  for (const auto& [name, dataset] :
       {std::pair("graph.h5", "/nodes/user/features/age%2Fincome"), std::pair("embeddings.h5", "/nodes/item/vectors"),
        std::pair("embeddings.h5", "/nodes/user/keys"),
        std::pair("graph.h5", "/edges/user__rates__item/by_source/times"),
        std::pair("ppr.h5", "/neighbors/user/item/scores"), std::pair("graph.h5", "/nodes/item/ids")}) {
    SCOPED_TRACE(std::string(name) + dataset);
    const auto copy = directory / "damaged.h5";
    world().barrier();
    if (world().is_root()) {
      std::filesystem::copy_file(directory / name, copy, std::filesystem::copy_options::overwrite_existing);
    }
    world().barrier();
    std::vector<std::byte> content;
    {
      const io::hdf5::InputFile file(copy);
      content = file.read_bytes(dataset, {0, file.info(dataset).rows()});
    }
    damage(copy, content);

    const io::VerifyReport together = io::verify_file(world(), copy);
    const io::VerifyReport alone = io::verify_file(copy);

    EXPECT_THAT(together.problems, Contains(AllOf(HasSubstr(dataset), HasSubstr("damaged"))));
    EXPECT_THAT(alone.problems, Contains(AllOf(HasSubstr(dataset), HasSubstr("damaged"))));
  }
}

TEST(Verify, DatasetsOfManyDigestBlocksAreSharedOverTheRanks) {
  constexpr std::uint64_t kDim = 300;  // rows of 1200 bytes: 54 to a block, so blocks and ranks cut at different rows
  const SharedTempDirectory directory(world());
  const graph::GraphBlocks whole = random_bipartite(1500, 3, 20, 2);
  const io::ImportedGraph graph = sample_import(whole, world().rank(), world().size());
  const std::vector<float> vectors = sample_vectors(whole, VertexTypeId{0}, world().rank(), world().size(), kDim);
  const io::EmbeddingsView view{{"user", graph.ids[0], graph.blocks.keys[0]}, vectors};
  const auto path = directory / "embeddings.h5";
  io::write_embeddings(world(), path, {"m", kDim, "dot", false, "s"}, std::span(&view, 1), sample_provenance());

  const io::VerifyReport good = io::verify_file(world(), path);
  std::vector<std::byte> row;
  {
    const io::hdf5::InputFile file(path);
    row = file.read_bytes("/nodes/user/vectors", {1234, 1235});
  }
  damage(path, row);
  const io::VerifyReport bad = io::verify_file(world(), path);

  EXPECT_THAT(good.problems, IsEmpty());
  EXPECT_GE(good.bytes, 1500 * kDim * 4);
  EXPECT_THAT(bad.problems, ElementsAre(AllOf(HasSubstr("/nodes/user/vectors"), HasSubstr("damaged"))));
}

TEST(Verify, BrokenRulesAreNamed) {
  const SharedTempDirectory directory(world());
  const graph::GraphBlocks whole = random_bipartite(9, 6, 30, 2);
  const io::ImportedGraph graph = sample_import(whole, world().rank(), world().size());
  const auto path = directory / "broken.h5";
  const io::FileProvenance provenance = sample_provenance();
  std::vector<io::NodeView> nodes;
  for (std::size_t t = 0; t < 2; ++t) {
    nodes.emplace_back(whole.schema.vertex_types()[t].name, graph.ids[t], graph.blocks.keys[t]);
  }
  const auto problems_of_lists = [&](const graph::NeighborLists& lists) {
    const io::NeighborSetView set{"user", "item", lists, {}, {}};
    io::write_neighbors(world(), path, io::FileFormat::kPpr, nodes, std::span(&set, 1), provenance);
    return io::verify_file(world(), path).problems;
  };
  graph::NeighborLists lists;
  for (std::size_t row = 0; row < graph.blocks.keys[0].size(); ++row) {
    lists.targets.insert(lists.targets.end(), {4, 1});
    lists.scores.insert(lists.scores.end(), {0.5F, 0.25F});
    lists.offsets.push_back(lists.targets.size());
  }
  EXPECT_THAT(problems_of_lists(lists), IsEmpty());

  graph::NeighborLists unordered = lists;
  for (float& score : unordered.scores) score = 0.5F;
  EXPECT_THAT(problems_of_lists(unordered), Contains(HasSubstr("not in order of score, then key")));
  graph::NeighborLists beyond = lists;
  for (std::uint64_t& target : beyond.targets) target += 2;
  EXPECT_THAT(problems_of_lists(beyond), Contains(HasSubstr("holds 6, but the target type has 6 rows")));
  graph::NeighborLists infinite = lists;
  if (!infinite.scores.empty()) infinite.scores[0] = std::numeric_limits<float>::infinity();
  EXPECT_THAT(problems_of_lists(infinite), Contains(HasSubstr("not finite")));

  io::ImportedGraph other_ids = graph;
  for (char& c : other_ids.ids[0].bytes) c = c == '3' ? '7' : c;
  io::write_graph(world(), path, other_ids, provenance);
  EXPECT_THAT(io::verify_file(world(), path).problems, Contains(HasSubstr("is not the key of its id")));

  io::ImportedGraph other_edges = graph;
  for (std::uint32_t& target : other_edges.blocks.edges[0].by_destination.targets) target = (target + 1) % 9;
  io::write_graph(world(), path, other_edges, provenance);
  EXPECT_THAT(io::verify_file(world(), path).problems, Contains(HasSubstr("hold different edges")));
}

TEST(Verify, ChangedAttributesAndTextsAreFound) {
  const SharedTempDirectory directory(world());
  for (const std::string text : {"0123456" /* the commit */, "name: sample" /* in /config */}) {
    SCOPED_TRACE(text);
    write_sample_files(world(), random_typed(40, 3), directory.path());
    const auto path = directory / "embeddings.h5";
    const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
    damage(path, {bytes, bytes + text.size()});
    EXPECT_THAT(io::verify_file(world(), path).problems,
                ElementsAre(HasSubstr("its names, shapes, attributes and texts have the digest")));
  }
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// What is wrong with the file while `bytes` stand at `at`.
std::vector<std::string> problems_with(const std::filesystem::path& path, std::size_t at, std::string bytes) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  const auto swap = [&] {
    std::string before(bytes.size(), '\0');
    file.seekg(static_cast<std::streamoff>(at)).read(before.data(), static_cast<std::streamsize>(before.size()));
    file.seekp(static_cast<std::streamoff>(at)).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    file.flush();
    bytes = before;
  };
  swap();
  std::vector<std::string> problems = io::verify_file(path).problems;
  swap();
  return problems;
}

/// The sample files of a small graph as one rank writes them: what lies between their objects is zero.
class FilesOfOneRank {
 public:
  FilesOfOneRank() : directory_(world()) {
    const comm::Communicator alone = world().split(world().is_root() ? 0 : 1);
    if (world().is_root()) write_sample_files(alone, random_typed(12, 3), directory_.path());
  }
  [[nodiscard]] std::filesystem::path operator/(const char* name) const { return directory_ / name; }

 private:
  SharedTempDirectory directory_;
};

TEST(Verify, DamageOutsideOfRowsIsFound) {
  const FilesOfOneRank files;
  if (!world().is_root()) return;
  for (const auto* name : {"graph.h5", "ppr.h5"}) {
    const std::string content = content_of(files / name);
    for (std::size_t at = 0; at < content.size(); at += 211) {  // no multiple of anything in the file
      if (content[at] == 0) continue;
      const std::string damaged(1, static_cast<char>(content[at] ^ 0x80));
      EXPECT_FALSE(problems_with(files / name, at, damaged).empty()) << name << ", byte " << at;
    }
    EXPECT_THAT(io::verify_file(files / name).problems, IsEmpty());
  }
}

TEST(Verify, DamagedHeapsOfTextsAreNamedNotFollowed) {
  const FilesOfOneRank files;
  if (!world().is_root()) return;
  const auto path = files / "ppr.h5";
  const std::string content = content_of(path);
  const std::size_t heap = content.find(std::string_view("GCOL\1\0\0\0", 8));
  ASSERT_NE(heap, std::string::npos);
  const auto number_at = [&](std::size_t at, std::size_t bytes) {
    std::uint64_t number = 0;
    std::memcpy(&number, content.data() + at, bytes);
    return number;
  };
  const std::uint64_t heap_bytes = number_at(heap + 8, 8);
  std::vector<std::size_t> sizes{heap + 8};  // where a size stands: of the heap, then of its objects
  std::vector<std::size_t> indices;
  for (std::size_t at = heap + 16; at < heap + heap_bytes;) {
    sizes.push_back(at + 8);
    const std::uint64_t size = number_at(at + 8, 8);
    const bool is_free = number_at(at, 2) == 0;
    if (!is_free) indices.push_back(at);
    at += is_free ? size : 16 + (size + 7) / 8 * 8;
  }
  ASSERT_GT(indices.size(), 8U);
  const auto is_named = ElementsAre(HasSubstr(fmt::format("in the heap at byte {}", heap)));
  const auto bytes_of = [](std::uint64_t number, std::size_t count) {
    return std::string(reinterpret_cast<const char*>(&number), count);
  };
  for (const std::size_t at : sizes) {
    for (const std::uint64_t size : {std::uint64_t{0}, number_at(at, 8) / 2, number_at(at, 8) + 1, number_at(at, 8) + 8,
                                     std::uint64_t{0xffff}, std::uint64_t{1} << 63U, ~std::uint64_t{15}}) {
      EXPECT_THAT(problems_with(path, at, bytes_of(size, 8)), is_named) << "size " << size << " at byte " << at;
    }
  }
  for (const std::size_t at : indices) {
    for (const std::uint64_t index : {0U, 1000U, 0xffffU}) {
      EXPECT_THAT(problems_with(path, at, bytes_of(index, 2)), is_named) << "index " << index << " at byte " << at;
    }
  }
}

TEST(Verify, TruncatedFilesAndOtherFilesAreProblemsNotExceptions) {
  const SharedTempDirectory directory(world());
  write_sample_files(world(), random_typed(40, 3), directory.path());
  world().barrier();
  if (world().is_root()) {
    std::filesystem::resize_file(directory / "ppr.h5", std::filesystem::file_size(directory / "ppr.h5") / 2);
    std::ofstream(directory / "note.h5") << "not HDF5";
  }
  world().barrier();

  EXPECT_THAT(io::verify_file(world(), directory / "ppr.h5").problems, Contains(HasSubstr("truncated")));
  EXPECT_THAT(io::verify_file(world(), directory / "note.h5").problems, Contains(HasSubstr("not an HDF5 file")));
  EXPECT_THAT(io::verify_file(world(), directory / "none.h5").problems, Contains(HasSubstr("No such file")));
}

}  // namespace
}  // namespace rove::tests
