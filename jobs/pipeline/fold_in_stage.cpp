// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/fold_in_stage.hpp"

#include <string>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/exec/propagation.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/fold_in.hpp"
#include "gnn/grouped_slots.hpp"
#include "io/hdf5/header.hpp"
#include "io/hdf5/input_file.hpp"
#include "jobs/pipeline/carry_weights.hpp"
#include "jobs/pipeline/life_cycle_options.hpp"
#include "jobs/pipeline/model_files.hpp"
#include "jobs/pipeline/stages.hpp"
#include "jobs/pipeline/training_options.hpp"

namespace rove::jobs {
namespace {

namespace fs = std::filesystem;

/// What a trained file says of itself.
struct TrainedFile {
  bool has_vectors = true;
  io::EmbeddingsInfo info;
  Config config;  ///< of the job that trained it
};

TrainedFile describe_trained(const fs::path& path) {
  const io::hdf5::InputFile file(path);
  const io::FileHeader header = io::read_header(file);
  TrainedFile trained;
  trained.config.add_file(path, header.provenance.config_yaml);
  trained.has_vectors = header.format != io::FileFormat::kModel;
  if (!trained.has_vectors) return trained;
  if (header.format != io::FileFormat::kEmbeddings) {
    throw InputError(
        fmt::format("'{}' is of format {}, expected embeddings or a model", path.string(), io::name_of(header.format)));
  }
  trained.info = io::embeddings_info(file);
  if (trained.info.normalized) {
    throw ConfigError(
        fmt::format("'{}' holds vectors of length one (train.model: {}), which sums of neighbours are not; "
                    "train the model on the new graph, from train.warm_start",
                    path.string(), trained.info.model));
  }
  return trained;
}

std::string summary(const char* what, const gnn::FoldInCounts& counts) {
  return fmt::format("{}: {} known, {} folded in, {} without a neighbour the model knows", what, counts.known,
                     counts.folded, counts.without);
}

void fold_in_vectors(Session& session, EdgeTypeId type, TrainedFile& trained, const fs::path& model_file,
                     const fs::path& out) {
  const graph::DistributedGraph& graph = session.graph();
  gnn::FoldInOptions options;
  session.comm().agree([&] { options = fold_in_options(session.config(), trained.config, trained.info.model); });
  const std::uint64_t row = exec::padded_width(static_cast<std::uint32_t>(trained.info.dim)) * sizeof(float);
  MemoryPlan plan("fold-in");
  plan.hold("rows", graph.num_local() * row);
  plan.hold("known and resulting rows, on their way from and to the file", std::uint64_t{4} * graph.num_owned() * row);
  plan.hold("slots of repeated pairs, together", gnn::GroupedSlots::bytes(2 * graph.by_source(type).num_edges(),
                                                                          graph.num_local(), parallel::concurrency()));
  session.require_fits(plan);
  session.progress().begin("fold-in", 0, "rows");
  const KnownEmbeddings known =
      read_known_rows(session, type, model_file, static_cast<std::uint32_t>(trained.info.dim));
  const gnn::FoldIn result = gnn::fold_in(session.comm(), graph, type, options, known.rows);
  io::FileProvenance provenance = session.provenance();
  provenance.config_yaml = trained.config.effective_yaml();
  write_vectors(session, type, result.rows, trained.info, out, provenance);
  session.progress().end(fmt::format("{}; {}; {} rows of the file left behind", summary("users", result.users),
                                     summary("items", result.items), known.dropped));
}

void fold_in_weights(Session& session, EdgeTypeId type, const TrainedFile& trained, const fs::path& model_file,
                     const fs::path& out) {
  session.progress().begin("fold-in", 0, "rows");
  const VertexTypeId items = session.schema().edge_type(type).destination;
  const CarriedWeights carried = carry_weights(session, items, model_file);
  io::FileProvenance provenance = session.provenance();
  provenance.config_yaml = trained.config.effective_yaml();
  write_weights(session, type, carried.model, carried.weights, out, provenance);
  session.progress().end(fmt::format("every user scored by the own items; {} of {} items known, {} left behind",
                                     carried.known_items, session.schema().vertex_type(items).count, carried.dropped));
}

}  // namespace

void fold_in_stage(Session& session, const fs::path& model_file, const fs::path& out) {
  const PhaseTimer timer(session.times(), "fold-in");
  EdgeTypeId type;
  TrainedFile trained;
  session.comm().agree([&] {
    type = training_edge_type(session);
    trained = describe_trained(model_file);
  });
  if (!trained.has_vectors) {
    fold_in_weights(session, type, trained, model_file, out);
    return;
  }
  ensure_assignment(session);
  fold_in_vectors(session, type, trained, model_file, out);
}

}  // namespace rove::jobs
