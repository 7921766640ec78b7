// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/warm_start.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "gnn/warm_start.hpp"
#include "io/hdf5/header.hpp"
#include "io/hdf5/input_file.hpp"
#include "io/hdf5/node_rows.hpp"
#include "io/hdf5/row_join.hpp"
#include "io/publish/publisher.hpp"

namespace rove::jobs {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kRowsPerRead = 1U << 16U;

/// What the file has of my home block of one type.
struct HomeRows {
  std::vector<float> rows;
  std::vector<std::uint8_t> is_known;
  std::uint64_t matched = 0;
  std::uint64_t in_file = 0;  ///< rows of the whole type
};

HomeRows read_home_rows(const fs::path& path, const io::NodeRows& nodes, std::uint32_t dim) {
  HomeRows home{std::vector<float>(nodes.keys.size() * dim), std::vector<std::uint8_t>(nodes.keys.size()), 0, 0};
  const io::hdf5::InputFile file(path);
  static_cast<void>(io::read_header(file, io::FileFormat::kEmbeddings));
  const auto found = static_cast<std::uint64_t>(file.attribute<std::int64_t>("/", "dim"));
  if (found != dim) {
    throw ConfigError(
        fmt::format("'{}' has {} columns, but train.dim is {}; set train.dim to it, or train.warm_start to none",
                    path.string(), found, dim));
  }
  const io::NodeTypeInfo info = io::node_type(file, nodes.type);
  home.in_file = info.count;
  if (nodes.keys.empty()) return home;
  const IndexRange found_rows =
      io::rows_with_keys(file, info.group, nodes.keys.front().value(), nodes.keys.back().value() + 1).rows;
  std::size_t mine = 0;
  for (std::uint64_t first = found_rows.begin; first < found_rows.end; first += kRowsPerRead) {
    const IndexRange rows{first, std::min(first + kRowsPerRead, found_rows.end)};
    const auto keys = file.read<std::uint64_t>(info.group + "/keys", rows);
    const auto vectors = file.read<float>(info.group + "/vectors", rows);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      while (mine < nodes.keys.size() && nodes.keys[mine].value() < keys[i]) ++mine;
      if (mine == nodes.keys.size() || nodes.keys[mine].value() != keys[i]) continue;
      std::copy_n(vectors.begin() + static_cast<std::ptrdiff_t>(i * dim), dim,
                  home.rows.begin() + static_cast<std::ptrdiff_t>(mine * dim));
      home.is_known[mine] = 1;
      ++home.matched;
    }
  }
  return home;
}

struct KnownEmbeddings {
  gnn::KnownRows rows;
  std::uint64_t dropped = 0;  ///< rows of the file whose vertices the graph does not have
};

/// **Collective.**
KnownEmbeddings read_known_rows(Session& session, EdgeTypeId type, const fs::path& file, std::uint32_t dim) {
  const comm::Communicator& comm = session.comm();
  const graph::DistributedGraph& graph = session.graph();
  const graph::EdgeType& types = session.schema().edge_type(type);
  KnownEmbeddings known{{gnn::EmbeddingTable(graph.num_owned(), dim), std::vector<std::uint8_t>(graph.num_owned())}, 0};
  for (const VertexTypeId side : {types.source, types.destination}) {
    HomeRows home;
    comm.agree([&] { home = read_home_rows(file, session.nodes(side), dim); });
    known.dropped += home.in_file - comm.all_reduce(home.matched, comm::ReduceOp::kSum);
    const std::vector<float> rows = graph.home(side).to_owners<float>(comm, home.rows, dim);
    const std::vector<std::uint8_t> is_known = graph.home(side).to_owners<std::uint8_t>(comm, home.is_known);
    const IndexRange owned = graph.owned_of_type(side);
    for (std::uint64_t i = 0; i < owned.size(); ++i) {
      const auto local = static_cast<std::uint32_t>(owned.begin + i);
      known.rows.is_known[local] = is_known[i];
      std::copy_n(rows.begin() + static_cast<std::ptrdiff_t>(i * dim), dim, known.rows.rows.row(local).begin());
    }
  }
  return known;
}

}  // namespace

std::optional<fs::path> warm_start_file(const Config& config) {
  const std::string choice = config.text("train.warm_start");
  if (choice == "none") return std::nullopt;
  fs::path file;
  if (choice == "latest") {
    const auto run = io::publish::published_run(*config.path("output"));
    if (!run) return std::nullopt;
    file = *run / "embeddings.h5";
  } else {
    if (!config.path("train.warm_start_file")) {
      throw ConfigError("train.warm_start is file, but train.warm_start_file is not set; name an embeddings.h5");
    }
    file = *config.path("train.warm_start_file");
  }
  if (!fs::exists(file)) {
    throw IoError(
        fmt::format("there is no '{}' to start from; set train.warm_start to none for a cold start", file.string()));
  }
  return file;
}

gnn::StartRows warm_start(Session& session, EdgeTypeId type, std::uint32_t dim) {
  const comm::Communicator& comm = session.comm();
  std::string name;
  comm.agree([&] {
    if (comm.is_root()) name = warm_start_file(session.config()).value_or("").string();
  });
  name = comm.broadcast_text(name, Rank{0});
  if (name.empty()) return {};
  return [&session, type, dim, name](gnn::EmbeddingTable& parameters) {
    session.progress().begin("warm start", 0, "rows");
    const KnownEmbeddings known = read_known_rows(session, type, name, dim);
    const gnn::WarmStartCounts counts = gnn::start_from(session.comm(), session.graph(), type, known.rows, parameters);
    session.progress().end(fmt::format("{} rows go on from {}, {} new start at their neighbours, {} at random; {} left",
                                       counts.known, name, counts.from_neighbors, counts.at_random, known.dropped));
  };
}

}  // namespace rove::jobs
