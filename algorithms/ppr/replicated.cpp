// SPDX-License-Identifier: Apache-2.0
// Replicated layout: each rank walks for its home block of sources over the whole adjacency, so results lie where they
// are written and nothing is exchanged but, for the item index, the fingerprints. Full-path counts (specs: pi = c / R *
// visits); per thread one source at a time, so that its counts stay in the second-level cache.
#include <memory>

#include <fmt/format.h>

#include "algorithms/ppr/detail/fingerprints.hpp"
#include "algorithms/ppr/detail/lists.hpp"
#include "algorithms/ppr/detail/prepare.hpp"
#include "algorithms/ppr/ppr.hpp"
#include "engine/base/checked_cast.hpp"
#include "engine/base/error.hpp"
#include "engine/exec/visit_counter.hpp"
#include "engine/exec/walk_engine.hpp"
#include "engine/exec/walk_graph.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::algorithms {

namespace {

constexpr std::uint64_t kSourceGrain = 8;

struct CountingSink {
  exec::VisitCounter* counter;
  std::uint64_t visits = 0;
  std::uint64_t walks = 0;
  std::uint64_t lost = 0;

  void visit(const exec::WalkLanes& lanes, std::size_t count) {
    visits += count;
    counter->add(lanes.vertex.data(), count);
  }
  void end(const exec::WalkLanes& /*lanes*/, std::size_t /*lane*/, exec::WalkEnd how) {
    ++walks;
    lost += static_cast<std::uint64_t>(how == exec::WalkEnd::kLost);
  }
  void leave(const exec::WalkLanes& /*lanes*/, std::size_t /*lane*/) {}
};

class ReplicatedPpr {
 public:
  ReplicatedPpr(const comm::Communicator& comm, const graph::GraphBlocks& blocks, const PprOptions& options)
      : comm_(comm),
        blocks_(blocks),
        options_(options),
        graph_(exec::WalkGraph::replicated(comm, blocks, options.edges)),
        policy_(options.restart),
        random_(options.seed, Purpose::kWalk),
        targets_(blocks.schema.stable_range(options.targets)),
        first_target_(static_cast<std::uint32_t>(targets_.begin)) {}

  PprResult run() {
    const IndexRange block = blocks_.distribution(options_.sources, comm_.size()).block(comm_.rank());
    const std::uint64_t largest = blocks_.distribution(options_.sources, comm_.size()).block(Rank{0}).size();
    lists_ = std::make_unique<detail::FixedLists>(block.size(), options_.top_k);
    PprResult result;
    result.method = options_.method;
    result.error_bounds.assign(block.size(), 0.0F);
    if (options_.method == PprMethod::kItemIndex) build_index();
    const std::string stage = options_.method == PprMethod::kItemIndex ? "ppr: one-hop lists" : "ppr: walks";
    detail::for_slices(comm_, block, largest, stage, *options_.progress, [&](IndexRange rows) {
      parallel::for_each(rows, kSourceGrain, [&](std::uint64_t row) {
        if (!detail::is_source(options_, row)) return;
        const auto vertex = static_cast<std::uint32_t>(blocks_.schema.stable_id(options_.sources, row).value());
        if (graph_.degree(vertex) == 0) {
          ++cold_.local();
          return;
        }
        const detail::OneHopList list = options_.method == PprMethod::kItemIndex
                                            ? list_from_index(vertex)
                                            : list_from_walks(vertex, key_of(options_.sources, row));
        lists_->set(row - block.begin, list.ranked);
        result.error_bounds[row - block.begin] = static_cast<float>(list.error_bound);
      });
    });
    result.lists = lists_->compact();
    cold_.for_each([&](std::uint64_t cold) { result.num_cold += cold; });
    walkers_.for_each([&](const std::unique_ptr<Walking>& walking) { result.moves += walking ? walking->moves : 0; });
    result.num_cold = comm_.all_reduce(result.num_cold, comm::ReduceOp::kSum);
    result.moves = comm_.all_reduce(result.moves, comm::ReduceOp::kSum);
    return result;
  }

 private:
  struct Walking {
    Walking(IndexRange counted, std::uint32_t top_k) : counter(counted), ranking(top_k) {}
    exec::WalkLanes lanes{};
    exec::VisitCounter counter;
    detail::CountRanking ranking;
    std::uint64_t moves = 0;
  };

  [[nodiscard]] VertexKey key_of(VertexTypeId type, std::uint64_t row) const {
    const std::uint64_t begin = blocks_.distribution(type, comm_.size()).block(comm_.rank()).begin;
    return blocks_.keys[type.index()][row - begin];
  }

  [[nodiscard]] Walking& walking() {
    std::unique_ptr<Walking>& mine = walkers_.local();
    if (!mine) mine = std::make_unique<Walking>(targets_, options_.top_k);
    return *mine;
  }

  /// Leaves the visits in the thread's counter; returns the walks lost.
  std::uint64_t walk_from(Walking& walking, std::uint32_t vertex, VertexKey key, std::uint32_t walks) {
    exec::SingleSourceSupply supply(vertex, key, 0, 0, walks);
    CountingSink sink{&walking.counter};
    exec::run_walks<false>(graph_, policy_, random_, supply, sink, walking.lanes);
    walking.moves += sink.visits - sink.walks;
    return sink.lost;
  }

  [[nodiscard]] detail::OneHopList list_from_walks(std::uint32_t vertex, VertexKey key) {
    Walking& mine = walking();
    const std::uint64_t lost = walk_from(mine, vertex, key, options_.walks);
    mine.counter.forget(vertex);
    if (options_.exclude_linked) {
      for (const std::uint32_t linked : graph_.neighbors(vertex)) mine.counter.forget(linked);
    }
    detail::OneHopList list;
    if (lost < options_.walks) {
      const auto stopped = static_cast<double>(options_.walks - lost);
      list.ranked = mine.ranking.rank(mine.counter.entries(), first_target_, options_.restart / stopped);
      if (!list.ranked.empty()) {
        list.error_bound =
            detail::bernstein_bound(static_cast<double>(list.ranked.front().score), stopped, targets_.size());
      }
    }
    mine.counter.clear();
    return list;
  }

  void build_index() {
    detail::FingerprintTable mine;
    const std::vector<VertexTypeId> types = detail::index_types(blocks_.schema, options_);
    for (const VertexTypeId type : types) {
      const graph::BlockDistribution rows = blocks_.distribution(type, comm_.size());
      detail::FingerprintTable part;
      detail::for_slices(
          comm_, rows.block(comm_.rank()), rows.block(Rank{0}).size(), "ppr: item index", *options_.progress,
          [&](IndexRange slice) {
            std::vector<detail::Fingerprint> fingerprints(slice.size());
            parallel::for_each(slice, kSourceGrain, [&](std::uint64_t row) {
              const auto vertex = static_cast<std::uint32_t>(blocks_.schema.stable_id(type, row).value());
              Walking& walker = walking();
              const std::uint64_t lost = walk_from(walker, vertex, key_of(type, row), options_.item_walks);
              fingerprints[row - slice.begin] =
                  detail::make_fingerprint(walker.counter.entries(), first_target_, lost, options_.item_entries);
              walker.counter.clear();
            });
            for (const detail::Fingerprint& fingerprint : fingerprints) part.append(fingerprint);
          });
      first_index_row_.push_back(index_.offsets.size() - 1);
      gather(part);
    }
    index_types_ = types;
  }

  /// **Collective.** Appends all ranks' fingerprints of one type, which come in row order.
  void gather(const detail::FingerprintTable& part) {
    std::vector<std::uint32_t> lengths(part.lost.size());
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      lengths[i] = static_cast<std::uint32_t>(part.offsets[i + 1] - part.offsets[i]);
    }
    for (const std::uint32_t length : comm_.all_gather_v<std::uint32_t>(lengths).data) {
      index_.offsets.push_back(index_.offsets.back() + length);
    }
    const auto append = [&]<class T>(std::vector<T>& all, const std::vector<T>& mine) {
      std::vector<T> gathered = comm_.all_gather_v<T>(std::span<const T>(mine)).data;
      if (all.empty()) {
        all = std::move(gathered);
      } else {
        all.insert(all.end(), gathered.begin(), gathered.end());
      }
    };
    append(index_.entries, part.entries);
    append(index_.lost, part.lost);
    append(index_.cut, part.cut);
  }

  [[nodiscard]] std::uint32_t index_row_of(std::uint32_t vertex) const {
    for (std::size_t t = 0; t < index_types_.size(); ++t) {
      const IndexRange range = blocks_.schema.stable_range(index_types_[t]);
      if (range.contains(vertex)) return static_cast<std::uint32_t>(first_index_row_[t] + (vertex - range.begin));
    }
    throw InternalError(fmt::format("vertex {} is not in the index", vertex));
  }

  [[nodiscard]] detail::OneHopList list_from_index(std::uint32_t vertex) {
    std::unique_ptr<detail::OneHopScratch>& scratch = one_hop_scratch_.local();
    if (!scratch) scratch = std::make_unique<detail::OneHopScratch>(targets_.size(), options_.top_k);
    scratch->slots.clear();
    scratch->excluded.clear();
    const auto exclude = [&](std::uint32_t v) {
      if (targets_.contains(v)) scratch->excluded.push_back(v - first_target_);
    };
    exclude(vertex);
    for (const std::uint32_t neighbor : graph_.neighbors(vertex)) {
      scratch->slots.push_back(index_row_of(neighbor));
      if (options_.exclude_linked) exclude(neighbor);
    }
    return detail::one_hop(index_, {options_.restart, options_.item_walks, targets_.size()}, *scratch);
  }

  const comm::Communicator& comm_;
  const graph::GraphBlocks& blocks_;
  const PprOptions& options_;
  exec::WalkGraph graph_;
  exec::RestartPolicy policy_;
  RandomStream random_;
  IndexRange targets_;
  std::uint32_t first_target_;
  std::unique_ptr<detail::FixedLists> lists_;
  parallel::PerThread<std::unique_ptr<Walking>> walkers_;
  parallel::PerThread<std::unique_ptr<detail::OneHopScratch>> one_hop_scratch_;
  parallel::PerThread<std::uint64_t> cold_;
  detail::FingerprintTable index_;
  std::vector<VertexTypeId> index_types_;
  std::vector<std::uint64_t> first_index_row_;  ///< per index type
};

}  // namespace

PprResult personalized_pagerank(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                const PprOptions& options) {
  const PprOptions checked = detail::checked_options(blocks.schema, options);
  if (checked.method == PprMethod::kPower) {
    throw ConfigError("ppr.method: power works on the partitioned layout; set resources.layout: partitioned");
  }
  return ReplicatedPpr(comm, blocks, checked).run();
}

}  // namespace rove::algorithms
