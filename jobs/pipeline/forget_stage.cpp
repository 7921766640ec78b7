// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/forget_stage.hpp"

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.hpp"
#include "engine/exec/propagation.hpp"
#include "gnn/unlearning.hpp"
#include "io/hdf5/header.hpp"
#include "io/hdf5/input_file.hpp"
#include "io/publish/file_system.hpp"
#include "jobs/pipeline/forget_lists.hpp"
#include "jobs/pipeline/life_cycle_options.hpp"
#include "jobs/pipeline/model_files.hpp"
#include "jobs/pipeline/stages.hpp"
#include "jobs/pipeline/training_options.hpp"

namespace rove::jobs {
namespace {

namespace fs = std::filesystem;

nlohmann::json to_json(const gnn::Membership& membership) {
  return {{"forgotten_score", membership.forgotten},       {"never_seen_score", membership.never_seen},
          {"never_seen_deviation", membership.deviation},  {"gap", membership.gap()},
          {"forgotten_above", membership.forgotten_above}, {"retained_above", membership.retained_above}};
}

/// What the file of metrics holds so far: an object, empty where there is no file.
nlohmann::json read_report(const fs::path& file) {
  if (!fs::exists(file)) return nlohmann::json::object();
  nlohmann::json json = nlohmann::json::parse(io::publish::read_text(file), nullptr, false);
  if (!json.is_object()) {
    throw InputError(fmt::format("'{}' exists and is no JSON object to add `forget` to; name another file of metrics",
                                 file.string()));
  }
  return json;
}

void write_report(Session& session, const fs::path& file, const ForgetLists& lists,
                  const gnn::UnlearningReport& report) {
  session.comm().agree([&] {
    if (!session.comm().is_root()) return;
    nlohmann::json json = read_report(file);
    json["forget"] = {{"users", lists.users},
                      {"items", lists.items},
                      {"listed_interactions", lists.interactions},
                      {"unknown", lists.unknown},
                      {"interactions", report.pairs},
                      {"never_seen", report.partners},
                      {"retained_looked_at", report.retained},
                      {"epochs", report.epochs},
                      {"before", to_json(report.before)},
                      {"after", to_json(report.after)}};
    io::publish::write_text_durably(file, json.dump(2) + "\n");
  });
}

/// What of my home block stays.
struct Staying {
  io::NodeRows nodes;
  std::vector<float> rows;
};

Staying staying(const io::NodeRows& nodes, std::span<const std::uint8_t> leaves, std::span<const float> rows,
                std::uint32_t dim) {
  Staying kept;
  kept.nodes.type = nodes.type;
  for (std::size_t i = 0; i < nodes.keys.size(); ++i) {
    if (leaves[i] != 0) continue;
    io::append(kept.nodes.ids, nodes.ids[i]);
    kept.nodes.keys.push_back(nodes.keys[i]);
    const auto row = rows.subspan(i * dim, dim);
    kept.rows.insert(kept.rows.end(), row.begin(), row.end());
  }
  return kept;
}

}  // namespace

MemoryPlan plan_forget(std::uint64_t edges, std::uint64_t rows, std::uint64_t dim) {
  MemoryPlan plan("forget");
  plan.hold("the graph without what is forgotten, in blocks and distributed", edges * 64);
  plan.hold("vectors, moments and rows for the file",
            6 * rows * exec::padded_width(static_cast<std::uint32_t>(dim)) * sizeof(float));
  return plan;
}

gnn::UnlearningReport forget_stage(Session& session, const fs::path& model_file, const fs::path& out,
                                   const fs::path& report_file) {
  const PhaseTimer timer(session.times(), "forget");
  const comm::Communicator& comm = session.comm();
  EdgeTypeId type;
  io::EmbeddingsInfo info;
  gnn::UnlearningOptions options;
  io::FileProvenance provenance = session.provenance();
  comm.agree([&] {
    type = training_edge_type(session);
    options = unlearning_options(session.config());
    if (comm.is_root()) static_cast<void>(read_report(report_file));
    const io::hdf5::InputFile file(model_file);
    provenance.config_yaml = io::read_header(file, io::FileFormat::kEmbeddings).provenance.config_yaml;
    info = io::embeddings_info(file);
    if (info.normalized) {
      throw ConfigError(
          fmt::format("vectors of '{}' have length one and are scored by cosine; forgetting moves vectors "
                      "scored by inner product; train anew without what is listed (forget.warm_start: cold)",
                      info.model));
    }
  });
  const graph::EdgeType types = session.schema().edge_type(type);
  ensure_assignment(session);
  std::uint64_t edges = 0;
  for (const graph::EdgeBlocks& blocks : session.blocks().edges) edges += blocks.by_source.targets.size();
  const std::uint64_t rows = session.nodes(types.source).keys.size() + session.nodes(types.destination).keys.size();
  session.require_fits(plan_forget(edges, rows, info.dim));

  const ForgetLists lists = read_forget_lists(session, type);
  if (lists.users + lists.items + lists.interactions == 0) {
    session.warn(fmt::format("forget: the graph has none of the {} ids and interactions listed", lists.unknown));
  }
  graph::GraphBlocks blocks = session.blocks();
  const gnn::HeldOutItems pairs = gnn::take_forgotten(comm, blocks, type, lists.set);
  const graph::DistributedGraph graph = graph::DistributedGraph::build(comm, blocks, session.assignment());
  const gnn::HeldOutItems forgotten =
      graph.home(types.source).to_owners<std::uint32_t>(comm, pairs.offsets, pairs.values);
  std::vector<std::uint8_t> leaving(graph.num_owned());
  for (const auto& [side, flags] :
       {std::pair{types.source, &lists.set.users}, std::pair{types.destination, &lists.set.items}}) {
    const auto owned = graph.home(side).to_owners<std::uint8_t>(comm, *flags);
    std::ranges::copy(owned, leaving.begin() + static_cast<std::ptrdiff_t>(graph.owned_of_type(side).begin));
  }
  KnownEmbeddings known = read_known_rows(session, type, model_file, static_cast<std::uint32_t>(info.dim));
  const gnn::UnlearningReport report =
      gnn::unlearn(comm, graph, type, forgotten, leaving, options, known.rows.rows, session.progress());

  if (report.pairs > 0 && report.partners == 0) {
    session.warn(
        "forget: the users concerned have every item, so there is nothing to tell forgotten pairs by; the vectors stay "
        "as they are, train again without what is listed");
  }

  const auto dim = static_cast<std::uint32_t>(info.dim);
  const Staying users =
      staying(session.nodes(types.source), lists.set.users, home_vectors(session, known.rows.rows, types.source), dim);
  const Staying items = staying(session.nodes(types.destination), lists.set.items,
                                home_vectors(session, known.rows.rows, types.destination), dim);
  comm.agree([&] {
    auto id = io::first_not_finite(users.nodes, users.rows, dim);
    if (!id) id = io::first_not_finite(items.nodes, items.rows, dim);
    if (id) {
      throw ConfigError(
          fmt::format("forgetting diverged: the vector of {} is not finite; lower forget.learning_rate", *id));
    }
  });
  const std::vector<io::EmbeddingsView> views{{users.nodes, users.rows}, {items.nodes, items.rows}};
  io::write_embeddings(comm, out, info, views, provenance);
  write_report(session, report_file, lists, report);
  return report;
}

}  // namespace rove::jobs
