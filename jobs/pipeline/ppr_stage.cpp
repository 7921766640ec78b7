// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include <fmt/format.h>

#include "algorithms/ppr/ppr.hpp"
#include "engine/base/error.hpp"
#include "io/hdf5/result_files.hpp"
#include "jobs/display/progress_display.hpp"
#include "jobs/pipeline/maintained_walks.hpp"
#include "jobs/pipeline/ppr_exclusions.hpp"
#include "jobs/pipeline/ppr_sources.hpp"
#include "jobs/pipeline/stage_options.hpp"
#include "jobs/pipeline/stages.hpp"

namespace rove::jobs {
namespace {

/// Whether every rank holds the whole adjacency: asked for, or `auto` and it fits half of what there is. Power
/// iteration runs on the partitioned graph, seed sets and Pixie's walks on the replicated one. Results do not depend on
/// it.
bool use_replicated(const Session& session, const algorithms::PprOptions& options, const MemoryPlan& plan) {
  const std::string layout = session.config().text("resources.layout");
  if (layout != "auto") return layout == "replicated";
  if (options.method == algorithms::PprMethod::kPower) return false;
  if (options.method == algorithms::PprMethod::kPixie) return true;
  const bool fits = plan.total_bytes() <= session.memory().bytes / 2;
  return session.comm().all_reduce(static_cast<std::uint32_t>(fits), comm::ReduceOp::kMin) != 0;
}

/// Walks behind one estimate, as the file states them.
std::uint32_t walks_of(const algorithms::PprOptions& options) {
  if (options.method == algorithms::PprMethod::kItemIndex) return options.item_walks;
  if (options.method == algorithms::PprMethod::kMaintained) return options.maintained_walks;
  if (options.method == algorithms::PprMethod::kPixie) return 0;  // their number follows from the moves
  return options.method == algorithms::PprMethod::kVerd ? options.verd_walks : options.walks;
}

/// The edges walks move along: "all, both", "rates likes, out".
std::string edges_text(const Session& session) {
  const std::vector<std::string> relations = session.config().texts("ppr.edges");
  return fmt::format("{}, {}", relations.empty() ? "all" : fmt::format("{}", fmt::join(relations, " ")),
                     session.config().text("ppr.direction"));
}

/// `sources`: the rows the lists belong to, vertices of the graph or seed sets.
void write_lists(Session& session, const std::filesystem::path& ppr_file, const algorithms::PprOptions& options,
                 const PprExclusions& exclusions, const algorithms::PprResult& result, const io::NodeRows& sources) {
  const std::string& target = session.schema().vertex_type(options.targets).name;
  const io::NeighborSetView set{
      sources.type,
      target,
      result.lists,
      result.error_bounds,
      {{"restart", options.restart},
       {"method", std::string(algorithms::ppr_method_name(result.method))},
       {"top_k", static_cast<std::int64_t>(options.top_k)},
       {"edges", edges_text(session)},
       {"walks", static_cast<std::int64_t>(walks_of(options))},
       {"target_error", options.target_error},
       {"dangling", std::string("lost walks are renormalised: the walk continues from its own source")},
       {"exclude_linked", static_cast<std::int64_t>(options.exclude_linked)},
       {"candidates", static_cast<std::int64_t>(exclusions.num_candidates)},
       {"excluded_pairs", static_cast<std::int64_t>(exclusions.num_pairs)},
       {"cold_sources", static_cast<std::int64_t>(result.num_cold)}}};
  std::vector<io::NodeView> nodes{sources};
  if (sources.type != target) nodes.emplace_back(session.nodes(options.targets));
  io::write_neighbors(session.comm(), ppr_file, io::FileFormat::kPpr, nodes, std::span(&set, 1), session.provenance());
}

}  // namespace

void ppr_stage(Session& session, const std::filesystem::path& ppr_file) {
  const PhaseTimer timer(session.times(), "ppr");
  const comm::Communicator& comm = session.comm();
  const bool has_sets = !session.config().paths("ppr.seed_sets").empty();
  std::optional<NamedSeedSets> sets;
  if (has_sets) sets = read_seed_sets(session);
  const std::optional<std::vector<std::uint64_t>> listed = listed_sources(session);
  algorithms::PprOptions options;
  comm.agree([&] {
    options = ppr_options(session);
    if (has_sets && listed) throw ConfigError("ppr.source_list and ppr.seed_sets are both set; choose one");
    options.source_rows = listed;
    if (has_sets && options.method != algorithms::PprMethod::kPixie) options.method = algorithms::PprMethod::kVerd;
    options.method = algorithms::chosen_ppr_method(session.schema(), options);
  });
  PprExclusions exclusions = read_exclusions(session, sets ? id_index(comm, *sets) : session.id_index(options.sources));
  options.candidates = std::move(exclusions.candidates);
  options.excluded = std::move(exclusions.pairs);
  const MemoryPlan replicated =
      algorithms::plan_ppr_replicated(session.schema(), comm.size(), parallel::concurrency(), options);
  algorithms::PprResult result;
  if (options.method == algorithms::PprMethod::kMaintained) {
    session.require_fits(replicated);
    const auto walks = maintained_walks_stage(session, options,
                                              std::filesystem::path(ppr_file).replace_filename(kMaintainedWalksFile));
    result = algorithms::personalized_pagerank(comm, session.blocks(), options, walks);
  } else if (sets || use_replicated(session, options, replicated)) {
    session.require_fits(replicated);
    result = sets ? algorithms::personalized_pagerank(comm, session.blocks(), options, sets->sets)
                  : algorithms::personalized_pagerank(comm, session.blocks(), options);
  } else {
    session.require_fits(
        algorithms::plan_ppr_partitioned(session.schema(), comm.size(), parallel::concurrency(), options));
    ensure_assignment(session);
    result = algorithms::personalized_pagerank(comm, session.graph(), options);
  }
  write_lists(session, ppr_file, options, exclusions, result, sets ? sets->names : session.nodes(options.sources));

  const std::uint64_t entries =
      comm.all_reduce(static_cast<std::uint64_t>(result.lists.targets.size()), comm::ReduceOp::kSum);
  const std::uint64_t sources = sets     ? sets->count
                                : listed ? listed->size()
                                         : session.schema().vertex_type(options.sources).count;
  session.progress().begin("ppr", 0, "entries");
  session.progress().end(fmt::format(
      "{}: {} neighbours of {} {} by {}, {} steps, {} cold{}", ppr_file.filename().string(), format_count(entries),
      format_count(sources), sets ? "seed sets" : session.schema().vertex_type(options.sources).name,
      algorithms::ppr_method_name(result.method), format_count(result.moves), result.num_cold,
      result.num_above_target == 0
          ? std::string{}
          : fmt::format(", {} above ppr.target_error at the most walks", format_count(result.num_above_target))));
}

}  // namespace rove::jobs
