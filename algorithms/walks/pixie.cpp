// SPDX-License-Identifier: Apache-2.0
#include "algorithms/walks/pixie.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/math.hpp"
#include "engine/exec/walk_engine.hpp"
#include "engine/exec/walk_policies.hpp"

namespace rove::algorithms {

namespace {

/// Walks of one query vertex that are made before any is counted. Those beyond the end of the budget are for nothing.
constexpr std::uint64_t kFewestWalks = 32;
constexpr std::uint64_t kMostWalks = 1024;
/// The smallest factor of a bias over the largest: a step among vertices of the smallest takes the inverse in tries.
constexpr double kLeastFactor = 1e-3;

double log_degree(std::uint64_t degree) {
  return math::log(static_cast<double>(degree + 1));
}

/// Where the walks of one round have moved to, in the order in which they did.
struct MoveSink {
  struct Move {
    std::uint32_t walk = 0;  ///< counted from the round's first
    std::uint32_t vertex = 0;
  };
  std::vector<Move>& moves;
  std::uint32_t first_walk;

  void visit(const exec::WalkLanes& lanes, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      if (lanes.step[i] > 0) moves.push_back({lanes.walk[i] - first_walk, lanes.vertex[i]});
    }
  }
  void end(const exec::WalkLanes& /*lanes*/, std::size_t /*lane*/, exec::WalkEnd /*how*/) {}
  void leave(const exec::WalkLanes& /*lanes*/, std::size_t /*lane*/) {}
};

/// With slots, each vertex once, ascending.
std::vector<WeightedSeed> usable(const exec::WalkGraph& graph, std::span<const WeightedSeed> seeds) {
  std::vector<WeightedSeed> result;
  for (const WeightedSeed& seed : seeds) {
    if (!(seed.weight > 0.0) || !std::isfinite(seed.weight)) {
      throw ConfigError(fmt::format("the weight of a seed is {}, expected a finite number above 0", seed.weight));
    }
    if (graph.degree(seed.vertex) > 0) result.push_back(seed);
  }
  std::ranges::stable_sort(result, {}, &WeightedSeed::vertex);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < result.size(); ++i) {
    if (i > 0 && result[i].vertex == result[kept - 1].vertex) {
      result[kept - 1].weight += result[i].weight;
    } else {
      result[kept++] = result[i];
    }
  }
  result.resize(kept);
  return result;
}

}  // namespace

void check_pixie_options(const PixieOptions& options) {
  require_config(options.restart >= 0.001 && options.restart < 1.0,
                 fmt::format("the restart probability is {}, expected at least 0.001 and below 1", options.restart));
  require_config(options.moves >= 1 && options.moves <= (1U << 30U),
                 fmt::format("ppr.pixie_moves is {}, expected 1 to 2^30", options.moves));
  require_config(options.enough_visits >= 1, "ppr.pixie_enough_visits is 0, expected at least 1");
  require_config(options.factors.size() <= 256,
                 fmt::format("a bias has {} features, at most 256 are possible", options.factors.size()));
  for (const double factor : options.factors) {
    require_config(factor > 0.0 && std::isfinite(factor),
                   fmt::format("a factor of a bias is {}, expected a finite number above 0", factor));
  }
  if (options.factors.empty()) return;
  const auto [smallest, largest] = std::ranges::minmax(options.factors);
  require_config(
      smallest / largest >= kLeastFactor,
      fmt::format("the factors of a bias go from {} to {}, expected the largest to be at most 1000 times the "
                  "smallest; vertices without a feature that is named have factor 1",
                  smallest, largest));
}

PixieGraph::PixieGraph(const exec::WalkGraph& graph, std::span<const VertexKey> keys, IndexRange targets,
                       PixieOptions options)
    : graph_(graph), keys_(keys), targets_(targets), options_(std::move(options)) {
  check_pixie_options(options_);
  std::uint64_t largest = 0;
  for (std::uint32_t v = 0; v < graph.num_rows(); ++v) largest = std::max(largest, graph.degree(v));
  scale_ = 1.0 + log_degree(largest);
}

std::vector<std::uint64_t> PixieGraph::budgets(std::span<const WeightedSeed> seeds) const {
  std::vector<double> shares;
  double total = 0.0;
  for (const WeightedSeed& seed : seeds) {
    const std::uint64_t degree = graph_.degree(seed.vertex);
    shares.push_back(seed.weight * static_cast<double>(degree) * (scale_ - log_degree(degree)));
    total += shares.back();
  }
  require_config(std::isfinite(total), "the weights of a query have no finite sum");
  std::vector<std::uint64_t> moves;
  for (const double share : shares) {
    const auto budget = static_cast<std::uint64_t>(share / total * static_cast<double>(options_.moves));
    moves.push_back(std::max(budget, PixieOptions::kLeastMoves));
  }
  return moves;
}

struct PixieWalker::Scratch {
  explicit Scratch(const PixieGraph& pixie)
      : graph(pixie), visits(pixie.targets().size()), scores(pixie.targets().size()) {}

  /// Visits of the walks from one seed, in `visits` and `seed_touched`; returns the moves.
  template <class Policy>
  std::uint64_t walk_from(std::uint32_t vertex, std::uint64_t budget, const Policy& policy, bool& stopped_early) {
    const PixieOptions& options = graph.options();
    const RandomStream random(options.seed, Purpose::kWalk);
    const double moves_per_walk = (1.0 - options.restart) / options.restart;
    std::uint64_t used = 0;
    std::uint64_t high = 0;
    for (std::uint64_t first = 0; used < budget;) {
      const auto wanted = static_cast<std::uint64_t>(static_cast<double>(budget - used) / moves_per_walk);
      const std::uint64_t round = std::clamp(wanted + 1, kFewestWalks, kMostWalks);
      if (first + round >= exec::kNoVertex) {
        throw ConfigError("a query's moves take more than 2^32 walks; lower ppr.restart");
      }
      moves.clear();
      exec::SingleSourceSupply supply(vertex, graph.keys()[vertex], 0, static_cast<std::uint32_t>(first),
                                      static_cast<std::uint32_t>(round));
      MoveSink sink{moves, static_cast<std::uint32_t>(first)};
      exec::run_walks<false>(graph.graph(), policy, random, supply, sink, lanes);
      order_by_walk(round);
      for (const std::uint32_t at : in_order) {
        ++used;
        if (count(at) == options.enough_visits) ++high;
        stopped_early = options.enough_vertices > 0 && high > options.enough_vertices;
        if (stopped_early || used == budget) return used;
      }
      first += round;
    }
    return used;
  }

  void order_by_walk(std::uint64_t walks) {
    begins.assign(walks + 1, 0);
    for (const MoveSink::Move& move : moves) ++begins[move.walk + 1];
    for (std::uint64_t walk = 0; walk < walks; ++walk) begins[walk + 1] += begins[walk];
    in_order.resize(moves.size());
    for (const MoveSink::Move& move : moves) in_order[begins[move.walk]++] = move.vertex;
  }

  /// One visit more; returns how many there are, 0 for what is no target.
  std::uint32_t count(std::uint32_t vertex) {
    if (!graph.targets().contains(vertex)) return 0;
    const auto row = static_cast<std::uint32_t>(vertex - graph.targets().begin);
    if (visits[row] == 0) seed_touched.push_back(row);
    return ++visits[row];
  }

  /// Adds a seed's visits to the scores and forgets them.
  void add_up() {
    for (const std::uint32_t row : seed_touched) {
      const auto seen = static_cast<double>(std::exchange(visits[row], 0));
      if (scores[row] == 0.0) touched.push_back(row);
      scores[row] += graph.options().boost ? std::sqrt(seen) : seen;
    }
    seed_touched.clear();
  }

  const PixieGraph& graph;
  exec::WalkLanes lanes{};
  std::vector<MoveSink::Move> moves;
  std::vector<std::uint64_t> begins;
  std::vector<std::uint32_t> in_order;
  std::vector<std::uint32_t> visits;  ///< by target row, of one seed
  std::vector<std::uint32_t> seed_touched;
  std::vector<double> scores;  ///< by target row, of all seeds: before they are squared
  std::vector<std::uint32_t> touched;
};

PixieWalker::PixieWalker(const PixieGraph& graph) : scratch_(std::make_unique<Scratch>(graph)) {}
PixieWalker::~PixieWalker() = default;
PixieWalker::PixieWalker(PixieWalker&&) noexcept = default;
PixieWalker& PixieWalker::operator=(PixieWalker&&) noexcept = default;

PixieAnswer PixieWalker::answer(const PixieQuery& query) {
  Scratch& scratch = *scratch_;
  const PixieGraph& pixie = scratch.graph;
  const PixieOptions& options = pixie.options();
  require_config(!query.seeds.empty(), "a query needs seeds");
  const std::vector<WeightedSeed> seeds = usable(pixie.graph(), query.seeds);
  PixieAnswer answer;
  answer.cold = seeds.empty();
  const std::vector<std::uint64_t> budgets = pixie.budgets(seeds);
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    bool stopped_early = false;
    if (options.factors.empty()) {
      answer.moves +=
          scratch.walk_from(seeds[i].vertex, budgets[i], exec::RestartPolicy(options.restart), stopped_early);
    } else {
      const exec::FeatureBias bias(options.features, options.factors);
      const exec::WalkPolicyOf<exec::WholeList, exec::UniformSlots, exec::FeatureBias> policy(
          pixie.graph(), options.seed, exec::ContinueRule(options.restart), exec::WholeList{},
          exec::UniformSlots(pixie.graph()), bias);
      answer.moves += scratch.walk_from(seeds[i].vertex, budgets[i], policy, stopped_early);
    }
    answer.stopped_early += stopped_early ? 1U : 0U;
    scratch.add_up();
  }

  const auto exclude = [&](std::uint32_t vertex) {
    if (pixie.targets().contains(vertex)) scratch.scores[vertex - pixie.targets().begin] = 0.0;
  };
  for (const WeightedSeed& seed : query.seeds) {
    exclude(seed.vertex);
    if (!query.exclude_linked) continue;
    for (const std::uint32_t linked : pixie.graph().neighbors(seed.vertex)) exclude(linked);
  }
  for (const std::uint32_t row : query.excluded) scratch.scores[row] = 0.0;
  TopK best(std::min<std::uint64_t>(query.top_k, pixie.targets().size()));
  for (const std::uint32_t row : scratch.touched) {
    const double sum = std::exchange(scratch.scores[row], 0.0);
    if (!query.candidates.empty() && query.candidates[row] == 0) continue;
    const double visits = options.boost ? sum * sum : sum;
    const auto score = static_cast<float>(visits / static_cast<double>(answer.moves));
    if (score > 0.0F && best.may_enter(score)) best.push({score, row});
  }
  scratch.touched.clear();
  answer.ranked = best.take();
  return answer;
}

std::uint64_t pixie_scratch_bytes(std::uint64_t num_targets) {
  return 20 * num_targets + sizeof(exec::WalkLanes);
}

}  // namespace rove::algorithms
