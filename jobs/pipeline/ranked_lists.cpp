// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/ranked_lists.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "io/hdf5/input_file.hpp"
#include "io/hdf5/node_rows.hpp"
#include "io/hdf5/result_files.hpp"

namespace rove::jobs {
namespace {

namespace fs = std::filesystem;

void require_same_vertices(Session& session, const io::hdf5::InputFile& file, VertexTypeId type, const fs::path& name) {
  const io::NodeRows& nodes = session.nodes(type);
  const std::uint64_t count = io::node_type(file, nodes.type).count;
  const IndexRange home = session.blocks().distribution(type, session.comm().size()).block(session.comm().rank());
  if (count == session.schema().vertex_type(type).count &&
      std::ranges::equal(io::read_nodes(file, nodes.type, home).keys, nodes.keys)) {
    return;
  }
  throw InputError(
      fmt::format("'{}' holds other vertices of type '{}' than the graph; lists are read row by row, so make both from "
                  "one graph",
                  name.string(), nodes.type));
}

}  // namespace

graph::NeighborLists read_ranked_lists(Session& session, EdgeTypeId type, const fs::path& file, io::FileFormat format) {
  const graph::EdgeType& types = session.schema().edge_type(type);
  session.comm().agree([&] {
    const io::hdf5::InputFile opened(file);
    static_cast<void>(io::read_header(opened, format));
    require_same_vertices(session, opened, types.source, file);
    require_same_vertices(session, opened, types.destination, file);
  });
  const graph::NeighborLists lists = io::read_neighbors(session.comm(), file, format, session.nodes(types.source).type,
                                                        session.nodes(types.destination).type)
                                         .lists;
  return session.graph().home(types.source).to_owners(session.comm(), lists);
}

std::optional<fs::path> hard_negatives_file(const Config& config, const fs::path& directory) {
  if (config.text("train.negatives") != "ppr") return std::nullopt;
  return config.path("train.ppr_file").value_or(directory / "ppr.h5");
}

std::optional<graph::NeighborLists> hard_negatives(Session& session, EdgeTypeId type, const fs::path& directory) {
  const std::optional<fs::path> file = hard_negatives_file(session.config(), directory);
  if (!file) return std::nullopt;
  session.comm().agree([&] {
    if (fs::exists(*file)) return;
    throw IoError(
        fmt::format("train.negatives is ppr, but there is no '{}'; let the job compute it (ppr.enabled, from "
                    "the users to the items), or name a file in train.ppr_file",
                    file->string()));
  });
  return read_ranked_lists(session, type, *file, io::FileFormat::kPpr);
}

}  // namespace rove::jobs
