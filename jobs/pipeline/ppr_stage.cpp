// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <span>
#include <vector>

#include <fmt/format.h>

#include "algorithms/ppr/ppr.hpp"
#include "engine/base/error.hpp"
#include "io/hdf5/result_files.hpp"
#include "jobs/display/progress_display.hpp"
#include "jobs/pipeline/maintained_walks.hpp"
#include "jobs/pipeline/pixie_bias.hpp"
#include "jobs/pipeline/ppr_exclusions.hpp"
#include "jobs/pipeline/ppr_sources.hpp"
#include "jobs/pipeline/stages.hpp"
#include "jobs/pipeline/walk_options.hpp"

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
  if (options.method == algorithms::PprMethod::kPower) return 0;
  return options.method == algorithms::PprMethod::kVerd ? options.verd_walks : options.walks;
}

/// The lists of one target type.
struct TargetLists {
  algorithms::PprOptions options;
  algorithms::PprResult result;
  std::uint64_t candidates = 0;
  std::uint64_t excluded_pairs = 0;
};

/// `sources`: the rows the lists belong to, vertices of the graph or seed sets.
void write_lists(Session& session, const std::filesystem::path& ppr_file, std::span<const TargetLists> all,
                 const io::NodeRows& sources) {
  std::vector<io::NodeView> nodes{sources};
  std::vector<io::NeighborSetView> sets;
  for (const auto& [options, result, candidates, excluded_pairs] : all) {
    const std::string& target = session.schema().vertex_type(options.targets).name;
    if (sources.type != target) nodes.emplace_back(session.nodes(options.targets));
    sets.push_back({sources.type,
                    target,
                    result.lists,
                    result.error_bounds,
                    {{"restart", options.restart},
                     {"method", std::string(algorithms::ppr_method_name(result.method))},
                     {"top_k", static_cast<std::int64_t>(options.top_k)},
                     {"edges", ppr_edges_text(session)},
                     {"weighted", static_cast<std::int64_t>(options.weighted)},
                     {"walks", static_cast<std::int64_t>(walks_of(options))},
                     {"target_error", options.target_error},
                     {"dangling", std::string("lost walks are renormalised: the walk continues from its own source")},
                     {"exclude_linked", static_cast<std::int64_t>(options.exclude_linked)},
                     {"candidates", static_cast<std::int64_t>(candidates)},
                     {"excluded_pairs", static_cast<std::int64_t>(excluded_pairs)},
                     {"cold_sources", static_cast<std::int64_t>(result.num_cold)}}});
  }
  io::write_neighbors(session.comm(), ppr_file, io::FileFormat::kPpr, nodes, sets, session.provenance());
}

/// The lists of each target type in turn. The walks are the same for all, so scores of several types belong together.
class PprStage {
 public:
  PprStage(Session& session, const std::filesystem::path& ppr_file)
      : session_(session), comm_(session.comm()), ppr_file_(ppr_file) {}

  void run() {
    read_sources();
    PprExclusions exclusions =
        read_exclusions(session_, sets_ ? id_index(comm_, *sets_) : session_.id_index(first_.sources));
    std::vector<TargetLists> all;
    for (const VertexTypeId target : targets_) {
      TargetLists& lists = all.emplace_back();
      lists.options = first_;
      lists.options.targets = target;
      lists.candidates = session_.schema().vertex_type(target).count;
      if (exclusions.type == target) {
        lists.options.candidates = std::move(exclusions.candidates);
        lists.options.excluded = std::move(exclusions.pairs);
        if (const auto& candidates = lists.options.candidates; !candidates.empty()) {
          lists.candidates = static_cast<std::uint64_t>(std::ranges::count(candidates, 1));
        }
        lists.excluded_pairs =
            comm_.all_reduce<std::uint64_t>(lists.options.excluded.values.size(), comm::ReduceOp::kSum);
      }
      lists.result = lists_of(lists.options);
    }
    write_lists(session_, ppr_file_, all, sets_ ? sets_->names : session_.nodes(first_.sources));
    report(all);
  }

 private:
  void read_sources() {
    const bool has_sets = !session_.config().paths("ppr.seed_sets").empty();
    comm_.agree([&] {
      if (!has_sets || !session_.config().path("ppr.source_list")) return;
      throw ConfigError("ppr.source_list and ppr.seed_sets are both set; choose one");
    });
    if (has_sets) sets_ = read_seed_sets(session_);
    first_.source_rows = listed_sources(session_);
    PixieBias bias = read_pixie_bias(session_);
    comm_.agree([&] {
      std::optional<std::vector<std::uint64_t>> listed = std::move(first_.source_rows);
      first_ = ppr_options(session_);
      first_.pixie_features = std::move(bias.features);
      first_.pixie_factors = std::move(bias.factors);
      targets_ = ppr_target_types(session_);
      first_.source_rows = std::move(listed);
      if (has_sets && first_.method == algorithms::PprMethod::kAuto) first_.method = algorithms::PprMethod::kVerd;
      if (has_sets && first_.method != algorithms::PprMethod::kVerd && first_.method != algorithms::PprMethod::kPixie) {
        throw ConfigError(fmt::format("ppr.seed_sets are answered by ppr.method auto, verd or pixie, not by {}",
                                      algorithms::ppr_method_name(first_.method)));
      }
      const bool is_maintained = first_.method == algorithms::PprMethod::kMaintained;
      if ((has_sets || is_maintained) && session_.config().text("resources.layout") == "partitioned") {
        throw ConfigError(fmt::format("{} works on the replicated layout; set resources.layout: replicated",
                                      has_sets ? "ppr.seed_sets" : "ppr.method: maintained"));
      }
      first_.method = algorithms::chosen_ppr_method(session_.schema(), first_);
    });
  }

  algorithms::PprResult lists_of(const algorithms::PprOptions& options) {
    std::optional<std::uint64_t> num_sets;
    if (sets_) num_sets = comm_.all_reduce<std::uint64_t>(sets_->sets.offsets.size() - 1, comm::ReduceOp::kMax);
    const MemoryPlan replicated =
        algorithms::plan_ppr_replicated(session_.schema(), comm_.size(), parallel::concurrency(), options, num_sets);
    if (options.method == algorithms::PprMethod::kMaintained) {
      session_.require_fits(replicated);
      if (!walks_) {
        walks_ = maintained_walks_stage(session_, options,
                                        std::filesystem::path(ppr_file_).replace_filename(kMaintainedWalksFile));
      }
      return algorithms::personalized_pagerank(comm_, session_.blocks(), options, *walks_);
    }
    if (sets_ || use_replicated(session_, options, replicated)) {
      session_.require_fits(replicated);
      return sets_ ? algorithms::personalized_pagerank(comm_, session_.blocks(), options, sets_->sets)
                   : algorithms::personalized_pagerank(comm_, session_.blocks(), options);
    }
    session_.require_fits(
        algorithms::plan_ppr_partitioned(session_.schema(), comm_.size(), parallel::concurrency(), options));
    ensure_assignment(session_);
    return algorithms::personalized_pagerank(comm_, session_.graph(), options);
  }

  void report(std::span<const TargetLists> all) {
    std::uint64_t entries = 0;
    std::uint64_t moves = 0;
    std::uint64_t above_target = 0;
    for (const TargetLists& lists : all) {
      entries += lists.result.lists.targets.size();
      moves += lists.result.moves;
      above_target += lists.result.num_above_target;
    }
    entries = comm_.all_reduce(entries, comm::ReduceOp::kSum);
    const graph::VertexType& source_type = session_.schema().vertex_type(first_.sources);
    const std::uint64_t sources = sets_                ? sets_->count
                                  : first_.source_rows ? first_.source_rows->size()
                                                       : source_type.count;
    session_.progress().note(
        "ppr", fmt::format("{}: {} neighbours of {} {} by {}, {} steps, {} cold{}", ppr_file_.filename().string(),
                           format_count(entries), format_count(sources), sets_ ? "seed sets" : source_type.name,
                           algorithms::ppr_method_name(all.front().result.method), format_count(moves),
                           all.front().result.num_cold,
                           above_target == 0 ? std::string{}
                                             : fmt::format(", {} above ppr.target_error at the most walks",
                                                           format_count(above_target))));
  }

  Session& session_;
  const comm::Communicator& comm_;
  std::filesystem::path ppr_file_;
  std::optional<NamedSeedSets> sets_;
  std::vector<VertexTypeId> targets_;
  algorithms::PprOptions first_;  ///< for the first target type
  std::optional<std::vector<algorithms::MaintainedWalks>> walks_;
};

}  // namespace

void ppr_stage(Session& session, const std::filesystem::path& ppr_file) {
  const PhaseTimer timer(session.times(), "ppr");
  session.warn_of_unread("ppr");
  PprStage(session, ppr_file).run();
}

}  // namespace rove::jobs
