// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/model_files.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include <fmt/format.h>

#include "engine/base/checked_cast.hpp"
#include "engine/base/error.hpp"
#include "io/hdf5/header.hpp"
#include "io/hdf5/input_file.hpp"
#include "io/hdf5/model_file.hpp"
#include "io/hdf5/node_rows.hpp"
#include "io/hdf5/row_join.hpp"

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

/// Reads the file's keys within those of my home block, some rows at a time: `read(group, rows)` once for each part,
/// then `match(row within the part, row of my block)` for the keys that both have.
template <class Read, class Match>
void for_matching_rows(const io::hdf5::InputFile& file, const io::NodeRows& nodes, const Read& read,
                       const Match& match) {
  if (nodes.keys.empty()) return;
  const std::string group = io::node_type(file, nodes.type).group;
  const IndexRange found =
      io::rows_with_keys(file, group, nodes.keys.front().value(), nodes.keys.back().value() + 1).rows;
  std::size_t mine = 0;
  for (std::uint64_t first = found.begin; first < found.end; first += kRowsPerRead) {
    const IndexRange rows{first, std::min(first + kRowsPerRead, found.end)};
    const auto keys = file.read<std::uint64_t>(group + "/keys", rows);
    read(group, rows);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      while (mine < nodes.keys.size() && nodes.keys[mine].value() < keys[i]) ++mine;
      if (mine == nodes.keys.size()) return;
      if (nodes.keys[mine].value() == keys[i]) match(i, mine);
    }
  }
}

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
  file.require_columns(info.group + "/vectors", dim);
  home.in_file = info.count;
  std::vector<float> vectors;
  for_matching_rows(
      file, nodes,
      [&](const std::string& group, IndexRange rows) { vectors = file.read<float>(group + "/vectors", rows); },
      [&](std::size_t in_read, std::size_t mine) {
        std::copy_n(vectors.begin() + static_cast<std::ptrdiff_t>(in_read * dim), dim,
                    home.rows.begin() + static_cast<std::ptrdiff_t>(mine * dim));
        home.is_known[mine] = 1;
        ++home.matched;
      });
  io::require_finite(path, nodes, home.rows, dim);
  return home;
}

}  // namespace

std::vector<float> home_vectors(Session& session, const gnn::EmbeddingTable& table, VertexTypeId type) {
  const IndexRange owned = session.graph().owned_of_type(type);
  std::vector<float> rows;
  rows.reserve(owned.size() * table.dim());
  for (std::uint64_t local = owned.begin; local < owned.end; ++local) {
    const auto row = table.row(static_cast<std::uint32_t>(local));
    rows.insert(rows.end(), row.begin(), row.end());
  }
  return session.graph().home(type).to_home<float>(session.comm(), rows, table.dim());
}

void write_vectors(Session& session, EdgeTypeId type, const gnn::EmbeddingTable& embeddings,
                   const io::EmbeddingsInfo& info, const fs::path& file, const io::FileProvenance& provenance) {
  const graph::EdgeType& edge_type = session.schema().edge_type(type);
  const std::vector<float> users = home_vectors(session, embeddings, edge_type.source);
  const std::vector<float> items = home_vectors(session, embeddings, edge_type.destination);
  session.comm().agree([&] {
    auto id = io::first_not_finite(session.nodes(edge_type.source), users, embeddings.dim());
    if (!id) id = io::first_not_finite(session.nodes(edge_type.destination), items, embeddings.dim());
    if (id) {
      throw ConfigError(fmt::format(
          "training diverged: the vector of {} is not finite after the last step; lower train.learning_rate", *id));
    }
  });
  const std::vector<io::EmbeddingsView> types{{session.nodes(edge_type.source), users},
                                              {session.nodes(edge_type.destination), items}};
  io::write_embeddings(session.comm(), file, info, types, provenance);
}

void write_weights(Session& session, EdgeTypeId type, const std::string& model, const gnn::ModelWeights& weights,
                   const fs::path& file, const io::FileProvenance& provenance) {
  const graph::EdgeType& edge_type = session.schema().edge_type(type);
  const auto name_of = [&](VertexTypeId id) -> const std::string& { return session.schema().vertex_type(id).name; };
  io::ModelFileView view{model, weights.settings, {}, {}};
  for (const gnn::ModelWeights::Table& table : weights.tables) {
    view.tables.push_back({table.name, name_of(table.type), table.columns, table.values});
  }
  for (const gnn::ModelWeights::Lists& lists : weights.lists) {
    view.lists.push_back({name_of(lists.source), name_of(lists.target), lists.lists, {}, {}});
  }
  const std::vector<io::NodeView> nodes{session.nodes(edge_type.source), session.nodes(edge_type.destination)};
  io::write_model(session.comm(), file, nodes, view, provenance);
}

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

std::vector<std::uint8_t> read_known_flags(Session& session, std::span<const VertexTypeId> types,
                                           const fs::path& file) {
  const graph::DistributedGraph& graph = session.graph();
  std::vector<std::uint8_t> flags(graph.num_owned());
  for (const VertexTypeId type : types) {
    std::vector<std::uint8_t> home(session.nodes(type).keys.size());
    session.comm().agree([&] {
      const io::hdf5::InputFile input(file);
      static_cast<void>(io::read_header(input, io::FileFormat::kEmbeddings));
      for_matching_rows(
          input, session.nodes(type), [](const std::string&, IndexRange) {},
          [&](std::size_t, std::size_t mine) { home[mine] = 1; });
    });
    std::ranges::copy(graph.home(type).to_owners<std::uint8_t>(session.comm(), home),
                      flags.begin() + static_cast<std::ptrdiff_t>(graph.owned_of_type(type).begin));
  }
  return flags;
}

}  // namespace rove::jobs
