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

}  // namespace rove::jobs
