// SPDX-License-Identifier: Apache-2.0
// Replicated layout: each rank walks for its home block of sources over the whole adjacency, so results lie where they
// are written and nothing is exchanged but fingerprints.
#include <algorithm>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "algorithms/detail/slices.hpp"
#include "algorithms/ppr/counting_walker.hpp"
#include "algorithms/ppr/detail/candidates.hpp"
#include "algorithms/ppr/detail/fingerprints.hpp"
#include "algorithms/ppr/detail/lists.hpp"
#include "algorithms/ppr/detail/ppr_policy.hpp"
#include "algorithms/ppr/detail/prepare.hpp"
#include "algorithms/ppr/detail/target_error.hpp"
#include "algorithms/ppr/fingerprint_index.hpp"
#include "algorithms/ppr/index_query.hpp"
#include "algorithms/ppr/ppr.hpp"
#include "algorithms/ppr/stored_fingerprints.hpp"
#include "algorithms/walks/pixie.hpp"
#include "engine/base/checked_cast.hpp"
#include "engine/base/error.hpp"
#include "engine/exec/visit_counter.hpp"
#include "engine/exec/walk_graph.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::algorithms {

namespace {

constexpr std::uint64_t kReplicatedGrain = 8;

class ReplicatedPpr {
 public:
  ReplicatedPpr(const comm::Communicator& comm, const graph::GraphBlocks& blocks, const PprOptions& options,
                std::span<const MaintainedWalks> stored = {})
      : comm_(comm),
        blocks_(blocks),
        options_(options),
        graph_(exec::WalkGraph::replicated(comm, blocks, options.edges, detail::ppr_graph_options(options.weighted))),
        random_(options.seed, Purpose::kWalk),
        targets_(blocks.schema.stable_range(options.targets)),
        first_target_(static_cast<std::uint32_t>(targets_.begin)),
        stored_(stored),
        by_decomposition_(detail::by_decomposition(options)),
        has_item_index_(options.method == PprMethod::kItemIndex || options.method == PprMethod::kMaintained),
        index_walks_(options.method == PprMethod::kMaintained ? options.maintained_walks : options.item_walks),
        slots_(graph_) {}

  PprResult run() {
    const IndexRange block = blocks_.distribution(options_.sources, comm_.size()).block(comm_.rank());
    const std::uint64_t largest = blocks_.distribution(options_.sources, comm_.size()).largest_block();
    lists_ = std::make_unique<detail::FixedLists>(block.size(), options_.top_k);
    PprResult result;
    result.method = options_.method;
    if (options_.method != PprMethod::kPixie) result.error_bounds.assign(block.size(), 0.0F);
    prepare();
    const std::string stage = has_item_index_     ? "ppr: one-hop lists"
                              : by_decomposition_ ? "ppr: decomposition"
                                                  : "ppr: walks";
    detail::for_slices(comm_, block, largest, stage, *options_.progress, [&](IndexRange rows) {
      parallel::for_each(rows, kReplicatedGrain, [&](std::uint64_t row) {
        if (!detail::is_source(options_, row)) return;
        const auto vertex = static_cast<std::uint32_t>(blocks_.schema.stable_id(options_.sources, row).value());
        if (graph_.degree(vertex) == 0) {
          ++cold_.local();
          return;
        }
        if (by_decomposition_ || options_.method == PprMethod::kPixie) {
          const WeightedSeed seed{vertex, 1.0};
          list_from_seeds(row - block.begin, std::span(&seed, 1), result);
          return;
        }
        const std::uint64_t here = row - block.begin;
        const detail::OneHopList list = has_item_index_ ? list_from_index(vertex, here)
                                                        : list_from_walks(vertex, key_of(options_.sources, row), here);
        lists_->set(here, list.ranked);
        result.error_bounds[row - block.begin] = static_cast<float>(list.error_bound);
      });
    });
    finish(result);
    return result;
  }

  PprResult run(const SeedSets& sets) {
    const IndexRange mine{0, sets.offsets.size() - 1};
    lists_ = std::make_unique<detail::FixedLists>(mine.size(), options_.top_k);
    PprResult result;
    result.method = options_.method;
    if (options_.method != PprMethod::kPixie) result.error_bounds.assign(mine.size(), 0.0F);
    prepare();
    const std::uint64_t largest = comm_.all_reduce(mine.size(), comm::ReduceOp::kMax);
    detail::for_slices(comm_, mine, largest, "ppr: seed sets", *options_.progress, [&](IndexRange rows) {
      parallel::for_each(rows, kReplicatedGrain, [&](std::uint64_t row) {
        const auto seeds = std::span(sets.seeds).subspan(sets.offsets[row], sets.offsets[row + 1] - sets.offsets[row]);
        if (std::all_of(seeds.begin(), seeds.end(),
                        [&](const WeightedSeed& seed) { return graph_.degree(seed.vertex) == 0; })) {
          ++cold_.local();
          return;
        }
        list_from_seeds(row, seeds, result);
      });
    });
    finish(result);
    return result;
  }

 private:
  void prepare() {
    if (options_.method == PprMethod::kPixie) {
      prepare_pixie();
    } else if (options_.method != PprMethod::kWalks) {
      build_index();
    }
  }

  void finish(PprResult& result) {
    result.lists = lists_->compact();
    cold_.for_each([&](std::uint64_t cold) { result.num_cold += cold; });
    walkers_.for_each([&](const auto& walking) { result.moves += walking ? walking->walker.moves : 0; });
    pixie_moves_.for_each([&](std::uint64_t moves) { result.moves += moves; });
    result.num_cold = comm_.all_reduce(result.num_cold, comm::ReduceOp::kSum);
    result.moves = comm_.all_reduce(result.moves, comm::ReduceOp::kSum) + index_moves_;
  }

  struct Walking {
    Walking(IndexRange counted, std::uint32_t top_k) : walker(counted), ranking(top_k) {}
    CountingWalker walker;
    detail::CountRanking ranking;
    std::vector<exec::VisitCounter::Entry> kept;  ///< those of candidates
  };

  [[nodiscard]] VertexKey key_of(VertexTypeId type, std::uint64_t row) const {
    const std::uint64_t begin = blocks_.distribution(type, comm_.size()).block(comm_.rank()).begin;
    return blocks_.keys[type.index()][row - begin];
  }

  /// Target rows that the list of a source must not hold beside what the graph says; `row` counts this rank's sources.
  [[nodiscard]] std::span<const std::uint32_t> excluded_of(std::uint64_t row) const {
    const auto& [offsets, values] = options_.excluded;
    if (offsets.size() == 1) return {};
    return std::span(values).subspan(offsets[row], offsets[row + 1] - offsets[row]);
  }

  [[nodiscard]] detail::OneHopList list_from_walks(std::uint32_t vertex, VertexKey key, std::uint64_t row) {
    std::unique_ptr<Walking>& walking = walkers_.local();
    if (!walking) walking = std::make_unique<Walking>(targets_, options_.top_k);
    exec::VisitCounter& counter = walking->walker.counter;
    const std::uint64_t lost =
        detail::with_ppr_policy(graph_, options_.restart, options_.seed, options_.weighted, [&](const auto& policy) {
          return walking->walker.walk_from(graph_, policy, random_, vertex, key, options_.walks);
        });
    counter.forget(vertex);
    if (options_.exclude_linked) {
      for (const std::uint32_t linked : graph_.neighbors(vertex)) counter.forget(linked);
    }
    for (const std::uint32_t target : excluded_of(row)) counter.forget(first_target_ + target);
    detail::OneHopList list;
    if (lost < options_.walks) {
      const auto stopped = static_cast<double>(options_.walks - lost);
      const auto counted = options_.candidates.empty() ? counter.drain(options_.top_k)
                                                       : detail::keep_candidates(counter.entries(), options_.candidates,
                                                                                 first_target_, walking->kept);
      list.ranked = walking->ranking.rank(counted, first_target_, options_.restart / stopped);
      if (!list.ranked.empty()) {
        list.error_bound = detail::bernstein_bound(static_cast<double>(list.ranked.front().score), stopped,
                                                   targets_.size(), detail::num_looks(options_));
      }
    }
    counter.clear();
    return list;
  }

  void build_index() {
    FingerprintIndexOptions walking;
    walking.targets = {options_.targets};
    walking.restart = options_.restart;
    walking.entries = options_.item_entries;
    walking.candidates = options_.candidates;
    walking.seed = options_.seed;
    walking.progress = options_.progress;
    walking.weighted = options_.weighted;
    walking.walks = has_item_index_ ? index_walks_ : options_.verd_walks;
    std::string stage = "ppr: fingerprints";
    if (has_item_index_) {
      walking.types = detail::index_types(blocks_.schema, options_);
      stage = "ppr: item index";
      if (walking.types.empty()) return;
    }
    FingerprintIndex mine = options_.method == PprMethod::kMaintained
                                ? count_stored_walks(comm_, blocks_, stored_, walking)
                                : build_fingerprint_index(comm_, blocks_, graph_, walking, stage);
    index_moves_ = mine.moves;
    index_types_ = mine.types;
    for (std::vector<FingerprintTable>& of_type : mine.tables) {
      first_index_row_.push_back(index_.offsets.size() - 1);
      FingerprintTable whole = gather_fingerprints(comm_, of_type.front());
      of_type.clear();
      append(index_, std::move(whole));
    }
    if (by_decomposition_) prepare_decomposition();
  }

  static void append(FingerprintTable& all, FingerprintTable table) {
    if (all.lost.empty()) {
      all = std::move(table);
      return;
    }
    const std::uint64_t first = all.entries.size();
    for (std::size_t row = 1; row < table.offsets.size(); ++row) all.offsets.push_back(first + table.offsets[row]);
    all.entries.insert(all.entries.end(), table.entries.begin(), table.entries.end());
    all.lost.insert(all.lost.end(), table.lost.begin(), table.lost.end());
    all.cut.insert(all.cut.end(), table.cut.begin(), table.cut.end());
  }

  void prepare_decomposition() {
    set_.targets = targets_;
    set_.restart = options_.restart;
    set_.walks = detail::decomposition(options_).walks;
    for (std::uint16_t type = 0; type < blocks_.schema.vertex_types().size(); ++type) {
      const IndexRange vertices = blocks_.schema.stable_range(VertexTypeId{type});
      FingerprintSet::OfType& of_type = set_.types.emplace_back();
      of_type.vertices = vertices;
      of_type.leads_to_fingerprints = true;
      const auto found = std::ranges::find(index_types_, VertexTypeId{type});
      if (found == index_types_.end()) continue;
      const std::uint64_t first = first_index_row_[static_cast<std::size_t>(found - index_types_.begin())];
      of_type.fingerprints = {std::span(index_.offsets).subspan(first, vertices.size() + 1), index_.entries,
                              std::span(index_.lost).subspan(first, vertices.size()),
                              std::span(index_.cut).subspan(first, vertices.size())};
    }
  }

  void prepare_pixie() {
    for (const std::vector<VertexKey>& home : blocks_.keys) {
      const std::vector<VertexKey> all = comm_.all_gather_v<VertexKey>(home).data;
      keys_.insert(keys_.end(), all.begin(), all.end());
    }
    pixie_ = std::make_unique<PixieGraph>(graph_, keys_, targets_, detail::pixie_options(options_));
  }

  void list_from_seeds(std::uint64_t row, std::span<const WeightedSeed> seeds, PprResult& result) {
    if (by_decomposition_) {
      const PprAnswer answer = list_from_decomposition(seeds, row);
      lists_->set(row, answer.ranked);
      result.error_bounds[row] = static_cast<float>(answer.error_bound);
      return;
    }
    std::unique_ptr<PixieWalker>& walker = pixie_walkers_.local();
    if (!walker) walker = std::make_unique<PixieWalker>(*pixie_);
    const PixieAnswer answer =
        walker->answer({seeds, options_.top_k, options_.exclude_linked, excluded_of(row), options_.candidates});
    lists_->set(row, answer.ranked);
    pixie_moves_.local() += answer.moves;
  }

  [[nodiscard]] PprAnswer list_from_decomposition(std::span<const WeightedSeed> seeds, std::uint64_t row) {
    std::unique_ptr<IndexQuery>& query = queries_.local();
    if (!query) query = std::make_unique<IndexQuery>(targets_.size());
    PprQuery asked;
    asked.seeds = seeds;
    asked.top_k = options_.top_k;
    asked.exclude_linked = options_.exclude_linked;
    asked.excluded = excluded_of(row);
    asked.candidates = options_.candidates;
    const detail::Decomposition decomposition = detail::decomposition(options_);
    asked.hops = decomposition.hops;
    asked.threshold = decomposition.threshold;
    return query->answer(set_, slots_, asked);
  }

  [[nodiscard]] std::uint32_t index_row_of(std::uint32_t vertex) const {
    for (std::size_t t = 0; t < index_types_.size(); ++t) {
      const IndexRange range = blocks_.schema.stable_range(index_types_[t]);
      if (range.contains(vertex)) return static_cast<std::uint32_t>(first_index_row_[t] + (vertex - range.begin));
    }
    throw InternalError(fmt::format("vertex {} is not in the index", vertex));
  }

  [[nodiscard]] detail::OneHopList list_from_index(std::uint32_t vertex, std::uint64_t row) {
    std::unique_ptr<detail::OneHopScratch>& scratch = one_hop_scratch_.local();
    if (!scratch) scratch = std::make_unique<detail::OneHopScratch>(targets_.size(), options_.top_k);
    const std::span<const std::uint32_t> excluded = excluded_of(row);
    scratch->slots.clear();
    scratch->excluded.assign(excluded.begin(), excluded.end());
    const auto exclude = [&](std::uint32_t v) {
      if (targets_.contains(v)) scratch->excluded.push_back(v - first_target_);
    };
    exclude(vertex);
    for (const std::uint32_t neighbor : graph_.neighbors(vertex)) {
      scratch->slots.push_back(index_row_of(neighbor));
      if (options_.exclude_linked) exclude(neighbor);
    }
    return detail::one_hop(index_, {options_.restart, index_walks_, targets_.size()}, *scratch);
  }

  const comm::Communicator& comm_;
  const graph::GraphBlocks& blocks_;
  const PprOptions& options_;
  exec::WalkGraph graph_;
  RandomStream random_;
  IndexRange targets_;
  std::uint32_t first_target_;
  std::span<const MaintainedWalks> stored_;
  bool by_decomposition_;      ///< lists come of flow over fingerprints
  bool has_item_index_;        ///< fingerprints are those of the sources' neighbours alone
  std::uint32_t index_walks_;  ///< behind each of them
  std::unique_ptr<detail::FixedLists> lists_;
  parallel::PerThread<std::unique_ptr<Walking>> walkers_;
  parallel::PerThread<std::unique_ptr<detail::OneHopScratch>> one_hop_scratch_;
  parallel::PerThread<std::unique_ptr<IndexQuery>> queries_;
  parallel::PerThread<std::uint64_t> cold_;
  std::vector<VertexKey> keys_;  ///< by stable id; kPixie
  std::unique_ptr<PixieGraph> pixie_;
  parallel::PerThread<std::unique_ptr<PixieWalker>> pixie_walkers_;
  parallel::PerThread<std::uint64_t> pixie_moves_;
  FingerprintTable index_;
  std::uint64_t index_moves_ = 0;
  FingerprintSet set_;
  WalkGraphSlots slots_;
  std::vector<VertexTypeId> index_types_;
  std::vector<std::uint64_t> first_index_row_;  ///< per index type
};

}  // namespace

PprResult personalized_pagerank(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                const PprOptions& options) {
  PprOptions checked = detail::checked_options(blocks.schema, options);
  if (checked.method == PprMethod::kPower) {
    throw ConfigError("ppr.method: power works on the partitioned layout; set resources.layout: partitioned");
  }
  if (checked.method == PprMethod::kMaintained) {
    throw ConfigError("ppr.method: maintained answers from stored walks, of which there are none here");
  }
  ReplicatedPpr ppr(comm, blocks, checked);
  return detail::until_target_error(comm, checked, [&] { return ppr.run(); });
}

PprResult personalized_pagerank(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                const PprOptions& options, std::span<const MaintainedWalks> walks) {
  const PprOptions checked = detail::checked_options(blocks.schema, options);
  comm.agree([&] {
    if (checked.method != PprMethod::kMaintained || walks.size() != ppr_index_types(blocks.schema, checked).size()) {
      throw ConfigError("stored walks serve ppr.method: maintained, and must be those of all its types");
    }
  });
  return ReplicatedPpr(comm, blocks, checked, walks).run();
}

PprResult personalized_pagerank(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                const PprOptions& options, const SeedSets& sets) {
  PprOptions asked = options;
  if (asked.method != PprMethod::kPixie) asked.method = PprMethod::kVerd;
  asked.source_rows.reset();
  const PprOptions checked = detail::checked_options(blocks.schema, asked);
  return ReplicatedPpr(comm, blocks, checked).run(sets);
}

}  // namespace rove::algorithms
