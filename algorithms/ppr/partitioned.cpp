// SPDX-License-Identifier: Apache-2.0
// Partitioned layout: sources are worked on where they are owned; walkers travel, counts come back, lists go to the
// home blocks at the end. The item index lies with the owners of its vertices; the ghosts' fingerprints are fetched
// once.
#include <algorithm>
#include <map>
#include <memory>

#include "algorithms/detail/slices.hpp"
#include "algorithms/ppr/detail/candidates.hpp"
#include "algorithms/ppr/detail/fingerprints.hpp"
#include "algorithms/ppr/detail/lists.hpp"
#include "algorithms/ppr/detail/power.hpp"
#include "algorithms/ppr/detail/ppr_policy.hpp"
#include "algorithms/ppr/detail/prepare.hpp"
#include "algorithms/ppr/detail/target_error.hpp"
#include "algorithms/ppr/detail/travelling_counts.hpp"
#include "algorithms/ppr/detail/travelling_flow.hpp"
#include "algorithms/ppr/ppr.hpp"
#include "engine/base/error.hpp"
#include "engine/exec/walk_graph.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::algorithms {

namespace {

constexpr std::uint64_t kPartitionedGrain = 8;

class PartitionedPpr {
 public:
  PartitionedPpr(const comm::Communicator& comm, const graph::DistributedGraph& graph, const PprOptions& options)
      : comm_(comm),
        graph_(graph),
        options_(options),
        walk_graph_(build_walk_graph()),
        owned_(graph.owned_of_type(options.sources)),
        num_targets_(graph.schema().vertex_type(options.targets).count),
        lists_(owned_.size(), options.top_k),
        bounds_(owned_.size()) {
    const graph::RaggedRows<std::uint32_t>& at_home = options.excluded;
    const bool some_excluded = comm.all_reduce<std::uint64_t>(at_home.values.size(), comm::ReduceOp::kMax) > 0;
    if (some_excluded) {
      excluded_ =
          graph.home(options.sources).to_owners<std::uint32_t>(comm, at_home.offsets, std::span(at_home.values));
    }
  }

  PprResult run() {
    if (detail::by_decomposition(options_)) {
      lists_from_decomposition();
    } else if (options_.method == PprMethod::kItemIndex) {
      build_index();
      lists_from_index();
    } else if (options_.method == PprMethod::kWalks) {
      lists_from_walks();
    } else {
      lists_from_power();
    }
    PprResult result;
    result.method = options_.method;
    result.lists = graph_.home(options_.sources).to_home(comm_, lists_.compact());
    result.error_bounds = graph_.home(options_.sources).to_home<float>(comm_, bounds_);
    for (std::uint64_t v = owned_.begin; v < owned_.end; ++v) {
      const bool cold = walk_graph_.degree(static_cast<std::uint32_t>(v)) == 0;
      result.num_cold += static_cast<std::uint64_t>(cold && detail::is_source(options_, row_of(v)));
    }
    result.num_cold = comm_.all_reduce(result.num_cold, comm::ReduceOp::kSum);
    result.moves = comm_.all_reduce(traffic_.moves, comm::ReduceOp::kSum);
    result.remote_moves = comm_.all_reduce(traffic_.remote_moves, comm::ReduceOp::kSum);
    return result;
  }

 private:
  [[nodiscard]] exec::WalkGraph build_walk_graph() const {
    std::unique_ptr<exec::WalkGraph> built;
    comm_.agree([&] {
      built = std::make_unique<exec::WalkGraph>(exec::WalkGraph::partitioned(
          exec::AdjacencyView(graph_, options_.edges), detail::ppr_graph_options(options_.weighted)));
    });
    return std::move(*built);
  }

  [[nodiscard]] std::uint64_t row_of(std::uint64_t local) const {
    return graph_.schema().row_of(graph_.index_map().stable_of(LocalVertexId{static_cast<std::uint32_t>(local)}));
  }

  /// Target rows that a source's list must not hold.
  void collect_excluded(std::uint32_t vertex, std::vector<std::uint32_t>& excluded) const {
    excluded.clear();
    const IndexRange targets = graph_.schema().stable_range(options_.targets);
    const auto exclude = [&](std::uint32_t local) {
      const std::uint64_t stable = graph_.index_map().stable_of(LocalVertexId{local}).value();
      if (targets.contains(stable)) excluded.push_back(static_cast<std::uint32_t>(stable - targets.begin));
    };
    exclude(vertex);
    if (excluded_.offsets.size() > 1) {
      const std::uint64_t row = vertex - owned_.begin;
      const auto begin = excluded_.values.begin();
      excluded.insert(excluded.end(), begin + static_cast<std::ptrdiff_t>(excluded_.offsets[row]),
                      begin + static_cast<std::ptrdiff_t>(excluded_.offsets[row + 1]));
    }
    if (!options_.exclude_linked) return;
    for (const std::uint32_t linked : walk_graph_.neighbors(vertex)) exclude(linked);
  }

  void store(std::uint64_t vertex, std::span<const Scored> ranked, double bound) {
    lists_.set(vertex - owned_.begin, ranked);
    bounds_[vertex - owned_.begin] = static_cast<float>(bound);
  }

  [[nodiscard]] detail::TravellingCountsOptions walking(VertexTypeId sources, std::uint32_t walks,
                                                        const std::string& stage) const {
    return {sources, options_.targets, options_.restart, walks, options_.weighted, options_.seed, options_.batch_bytes,
            stage,   options_.progress};
  }

  void add_traffic(const exec::WalkTraffic& traffic) {
    traffic_.moves += traffic.moves;
    traffic_.remote_moves += traffic.remote_moves;
  }

  void lists_from_walks() {
    parallel::PerThread<detail::CountRanking> rankings{detail::CountRanking(options_.top_k)};
    parallel::PerThread<std::vector<std::uint32_t>> excluded;
    parallel::PerThread<std::vector<exec::VisitCounter::Entry>> kept;
    add_traffic(detail::count_travelling_visits(
        comm_, graph_, walk_graph_, walking(options_.sources, options_.walks, "ppr: walks"),
        [&](std::uint64_t row, std::uint32_t vertex) {
          return walk_graph_.degree(vertex) > 0 && detail::is_source(options_, row);
        },
        [&](const detail::BatchSource& source, exec::VisitCounter& counts, std::uint64_t lost) {
          if (lost == options_.walks) return;
          collect_excluded(source.vertex, excluded.local());
          for (const std::uint32_t row : excluded.local()) counts.forget(row);
          const auto stopped = static_cast<double>(options_.walks - lost);
          const auto counted = options_.candidates.empty()
                                   ? counts.drain(options_.top_k)
                                   : detail::keep_candidates(counts.entries(), options_.candidates, 0, kept.local());
          const std::span<const Scored> ranked = rankings.local().rank(counted, 0, options_.restart / stopped);
          if (ranked.empty()) return;
          store(source.vertex, ranked,
                detail::bernstein_bound(static_cast<double>(ranked.front().score), stopped, num_targets_,
                                        detail::num_looks(options_)));
        }));
  }

  /// **Collective.** Fingerprints of the owned vertices of these types, by local id.
  std::vector<Fingerprint> walk_fingerprints(std::span<const VertexTypeId> types, std::uint32_t walks,
                                             const std::string& stage) {
    std::vector<Fingerprint> fingerprints(graph_.num_owned());
    for (const VertexTypeId type : types) {
      add_traffic(detail::count_travelling_visits(
          comm_, graph_, walk_graph_, walking(type, walks, stage), [](std::uint64_t, std::uint32_t) { return true; },
          [&](const detail::BatchSource& source, exec::VisitCounter& counts, std::uint64_t lost) {
            std::vector<exec::VisitCounter::Entry> kept;
            fingerprints[source.vertex] =
                detail::make_fingerprint(detail::keep_candidates(counts.entries(), options_.candidates, 0, kept), 0,
                                         lost, options_.item_entries);
          }));
    }
    return fingerprints;
  }

  void build_index() {
    const std::vector<VertexTypeId> types = detail::index_types(graph_.schema(), options_);
    const std::vector<Fingerprint> fingerprints = walk_fingerprints(types, options_.item_walks, "ppr: item index");
    index_row_.assign(graph_.num_local(), 0);
    for (const VertexTypeId type : types) {
      const IndexRange owned = graph_.owned_of_type(type);
      for (std::uint64_t v = owned.begin; v < owned.end; ++v) {
        index_row_[v] = static_cast<std::uint32_t>(index_.lost.size());
        index_.append(fingerprints[v]);
      }
    }
    fetch_ghosts(types);
  }

  /// **Collective.** Appends the fingerprints of the ghosts of the index's types, along the halo's pattern.
  void fetch_ghosts(std::span<const VertexTypeId> types) {
    const graph::HaloExchange& halo = graph_.halo();
    const auto in_index = [&](LocalVertexId vertex) {
      return std::find(types.begin(), types.end(), graph_.type_of(vertex)) != types.end();
    };
    const auto num_ranks = static_cast<std::size_t>(comm_.size());
    struct Header {
      std::uint32_t length;
      std::uint32_t lost;
      std::uint32_t cut;
    };
    std::vector<Header> headers;
    std::vector<exec::VisitCounter::Entry> entries;
    std::vector<std::uint64_t> header_counts(num_ranks);
    std::vector<std::uint64_t> entry_counts(num_ranks);
    comm_.agree([&] {
      for (std::size_t rank = 0; rank < num_ranks; ++rank) {
        for (std::uint64_t i = halo.send_offsets()[rank]; i < halo.send_offsets()[rank + 1]; ++i) {
          const LocalVertexId vertex = halo.send_rows()[i];
          if (!in_index(vertex)) continue;
          const std::uint32_t row = index_row_[vertex.index()];
          const std::uint64_t begin = index_.offsets[row];
          const std::uint64_t end = index_.offsets[row + 1];
          headers.push_back({static_cast<std::uint32_t>(end - begin), index_.lost[row], index_.cut[row]});
          entries.insert(entries.end(), index_.entries.begin() + static_cast<std::ptrdiff_t>(begin),
                         index_.entries.begin() + static_cast<std::ptrdiff_t>(end));
          ++header_counts[rank];
          entry_counts[rank] += end - begin;
        }
      }
    });
    const auto arrived_headers = comm_.exchange<Header>(headers, header_counts);
    const auto arrived = comm_.exchange<exec::VisitCounter::Entry>(entries, entry_counts);
    comm_.agree([&] {
      // Ghosts lie in local order grouped by owner, the order in which their owners sent them.
      std::size_t next = 0;
      for (std::uint32_t v = graph_.num_owned(); v < graph_.num_local(); ++v) {
        if (!in_index(LocalVertexId{v})) continue;
        const Header& header = arrived_headers.data[next++];
        index_row_[v] = static_cast<std::uint32_t>(index_.lost.size());
        index_.offsets.push_back(index_.offsets.back() + header.length);
        index_.lost.push_back(header.lost);
        index_.cut.push_back(header.cut);
      }
      index_.entries.insert(index_.entries.end(), arrived.data.begin(), arrived.data.end());
    });
  }

  void lists_from_index() {
    parallel::PerThread<std::unique_ptr<detail::OneHopScratch>> scratches;
    const std::uint64_t largest = comm_.all_reduce<std::uint64_t>(owned_.size(), comm::ReduceOp::kMax);
    detail::for_slices(comm_, owned_, largest, "ppr: one-hop lists", *options_.progress, [&](IndexRange slice) {
      parallel::for_each(slice, kPartitionedGrain, [&](std::uint64_t v) {
        const auto vertex = static_cast<std::uint32_t>(v);
        if (walk_graph_.degree(vertex) == 0 || !detail::is_source(options_, row_of(v))) return;
        std::unique_ptr<detail::OneHopScratch>& scratch = scratches.local();
        if (!scratch) scratch = std::make_unique<detail::OneHopScratch>(num_targets_, options_.top_k);
        scratch->slots.clear();
        for (const std::uint32_t neighbor : walk_graph_.neighbors(vertex)) {
          scratch->slots.push_back(index_row_[neighbor]);
        }
        collect_excluded(vertex, scratch->excluded);
        const detail::OneHopList list =
            detail::one_hop(index_, {options_.restart, options_.item_walks, num_targets_}, *scratch);
        store(v, list.ranked, list.error_bound);
      });
    });
  }

  void lists_from_decomposition() {
    const detail::Decomposition decomposition = detail::decomposition(options_);
    std::vector<VertexTypeId> types;
    if (options_.method == PprMethod::kItemIndex) types = detail::index_types(graph_.schema(), options_);
    for (std::size_t t = 0; options_.method == PprMethod::kVerd && t < graph_.schema().vertex_types().size(); ++t) {
      types.emplace_back(static_cast<std::uint16_t>(t));
    }
    for (const Fingerprint& fingerprint : walk_fingerprints(types, decomposition.walks, "ppr: fingerprints")) {
      index_.append(fingerprint);
    }
    detail::TravellingFlowOptions flow;
    flow.sources = options_.sources;
    flow.targets = options_.targets;
    flow.restart = options_.restart;
    flow.walks = decomposition.walks;
    flow.entries = options_.item_entries;
    flow.hops = decomposition.hops;
    flow.threshold = decomposition.threshold;
    flow.batch_bytes = options_.batch_bytes;
    flow.progress = options_.progress;
    detail::decompose_travelling(
        comm_, graph_, walk_graph_, index_, flow,
        [&](std::uint64_t row, std::uint32_t vertex) {
          return walk_graph_.degree(vertex) > 0 && detail::is_source(options_, row);
        },
        [&](const detail::BatchSource& source, const detail::SourceFlow& of_source) {
          std::map<std::uint32_t, std::pair<std::uint64_t, std::uint64_t>> sums;
          for (const detail::SourceFlow::OfTarget& target : of_source.targets) {
            sums[target.row].first += target.visits;
            sums[target.row].second += target.stopped;
          }
          std::vector<std::uint32_t> excluded;
          collect_excluded(source.vertex, excluded);
          for (const std::uint32_t row : excluded) sums.erase(row);
          const detail::FlowScores scores(of_source.sums, options_.restart, decomposition.walks);
          if (!scores.any()) return;
          TopK selection(std::min<std::uint64_t>(options_.top_k, num_targets_));
          for (const auto& [row, counted] : sums) {
            if (!detail::is_candidate(options_.candidates, row)) continue;
            const float score = scores.score(counted.first, counted.second);
            if (score > 0.0F) selection.push({score, row});
          }
          const std::vector<Scored> ranked = selection.take();
          if (ranked.empty()) return;
          store(source.vertex, ranked, scores.error_bound(ranked.front().score, num_targets_));
        });
  }

  void lists_from_power() {
    const auto store_list = [&](std::uint32_t vertex, std::span<const Scored> ranked, double bound) {
      store(vertex, ranked, bound);
    };
    const auto excluded_of = [&](std::uint32_t vertex, std::vector<std::uint32_t>& rows) {
      collect_excluded(vertex, rows);
    };
    detail::power_iteration(comm_, graph_, walk_graph_, options_, excluded_of, store_list);
  }

  const comm::Communicator& comm_;
  const graph::DistributedGraph& graph_;
  const PprOptions& options_;
  exec::WalkGraph walk_graph_;
  IndexRange owned_;
  std::uint64_t num_targets_;
  detail::FixedLists lists_;
  std::vector<float> bounds_;
  graph::RaggedRows<std::uint32_t> excluded_;  ///< of my owned sources; no rows: none
  exec::WalkTraffic traffic_;
  FingerprintTable index_;
  std::vector<std::uint32_t> index_row_;  ///< by local id; 0 where the vertex is not in the index
};

}  // namespace

PprResult personalized_pagerank(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                const PprOptions& options) {
  PprOptions checked = detail::checked_options(graph.schema(), options);
  if (checked.method == PprMethod::kMaintained) {
    throw ConfigError("ppr.method: maintained works on the replicated layout; set resources.layout: replicated");
  }
  if (checked.method == PprMethod::kPixie) {
    throw ConfigError("ppr.method: pixie works on the replicated layout; set resources.layout: replicated");
  }
  PartitionedPpr ppr(comm, graph, checked);
  return detail::until_target_error(comm, checked, [&] { return ppr.run(); });
}

}  // namespace rove::algorithms
