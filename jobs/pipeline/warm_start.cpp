// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/warm_start.hpp"

#include <string>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "gnn/warm_start.hpp"
#include "io/publish/publisher.hpp"
#include "jobs/pipeline/model_files.hpp"

namespace rove::jobs {

namespace fs = std::filesystem;

std::optional<fs::path> warm_start_file(const Config& config) {
  const std::string choice = config.text("train.warm_start");
  if (choice == "none") return std::nullopt;
  fs::path file;
  if (choice == "latest") {
    const auto run = io::publish::published_run(config.required_path("output"));
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

std::optional<fs::path> agreed_warm_start_file(Session& session) {
  const comm::Communicator& comm = session.comm();
  std::string name;
  comm.agree([&] {
    if (comm.is_root()) name = warm_start_file(session.config()).value_or("").string();
  });
  name = comm.broadcast_text(name, Rank{0});
  if (name.empty()) return std::nullopt;
  return name;
}

gnn::StartRows warm_start(Session& session, EdgeTypeId type, std::uint32_t dim, const std::optional<fs::path>& file) {
  if (!file) return {};
  return [&session, type, dim, file = *file](gnn::EmbeddingTable& parameters) {
    session.progress().begin("warm start", 0, "rows");
    const KnownEmbeddings known = read_known_rows(session, type, file, dim);
    const gnn::WarmStartCounts counts = gnn::start_from(session.comm(), session.graph(), type, known.rows, parameters);
    session.progress().end(fmt::format("{} rows go on from {}, {} new start at their neighbours, {} at random; {} left",
                                       counts.known, file.string(), counts.from_neighbors, counts.at_random,
                                       known.dropped));
  };
}

std::optional<std::vector<std::uint8_t>> frozen_rows(Session& session, EdgeTypeId type,
                                                     const std::optional<fs::path>& file) {
  const Config& config = session.config();
  const graph::Schema& schema = session.schema();
  std::vector<VertexTypeId> types;
  session.comm().agree([&] {
    const graph::EdgeType& edge_type = schema.edge_type(type);
    for (const std::string& name : config.texts("train.freeze")) {
      const std::optional<VertexTypeId> found = schema.find_vertex_type(name);
      if (!found || (*found != edge_type.source && *found != edge_type.destination)) {
        throw ConfigError(
            fmt::format("train.freeze names the vertex type '{}', expected '{}' or '{}', which are trained", name,
                        schema.vertex_type(edge_type.source).name, schema.vertex_type(edge_type.destination).name));
      }
      types.push_back(*found);
    }
    if (!types.empty() && config.text("train.warm_start") == "none") {
      throw ConfigError(
          "train.freeze keeps rows where a warm start puts them, but train.warm_start is none; set it to latest or "
          "file");
    }
  });
  if (types.empty() || !file) return std::nullopt;
  return read_known_flags(session, types, *file);
}

}  // namespace rove::jobs
