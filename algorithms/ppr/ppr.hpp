// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "algorithms/maintained_walks/maintained_walks.hpp"
#include "algorithms/ppr/index_query.hpp"
#include "engine/base/ids.hpp"
#include "engine/base/memory_plan.hpp"
#include "engine/base/progress.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/exec/edge_selection.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "engine/graph/graph_blocks.hpp"
#include "engine/graph/neighbor_lists.hpp"
#include "engine/graph/redistribute.hpp"

/// Personalized PageRank neighbour sets: for every source the k targets nearest by PPR.
///
/// *Definition.* A walk from source s stops with probability c at every vertex it stands on, s included, and moves to
/// a slot of the vertex's list else, all alike or (`weighted`) by their weights; pi_s(v) is the probability that it
/// stops at v. Parallel edges count each, a self-loop is a slot like others. Slots of weight 0 are never taken, and a
/// vertex that has no others has none.
///
/// *Dangling vertices.* A walk that wants to leave a vertex without slots is lost (rule D3); scores are divided by the
/// share of walks that were not, which gives exactly the walk that continues from its own source (rule D1; specs call
/// it the lemma D1 from D3). A source without slots is *cold*: its list is empty, and `num_cold` counts it.
///
/// *Lists.* Targets of the target type, best first, ties by row; never the source itself; without the vertices the
/// source is linked to, by edges that walks move along, when `exclude_linked`, and what `candidates` and `excluded`
/// leave out. Scores are rounded to float before they are compared. A target whose score is 0 is not listed, so lists
/// may be shorter than k.
///
/// The bytes depend on graph, options and seed alone: not on ranks, threads, partition, layout, batch size.
namespace rove::algorithms {

enum class PprMethod : std::uint8_t {
  kAuto,       ///< kItemIndex where sources link to other types only, else kVerd; kWalks where they need fewer walks
  kWalks,      ///< full-path Monte-Carlo from each source (Avrachenkov et al. 2007)
  kItemIndex,  ///< fingerprints of the sources' neighbours, one exact step on top (one-hop identity, PowerWalk with T =
               ///< 1)
  kVerd,       ///< fingerprints of all vertices, some exact steps with conserved flow on top (PowerWalk)
  kPower,      ///< power iteration in double; for reference and small jobs
  kPixie,      ///< walks with a budget of moves, early stopping and the multi-hit booster (algorithms/walks/pixie.hpp)
  kMaintained,  ///< kItemIndex over stored walks, which a refresh brings up to date (docs/incremental.md)
};
[[nodiscard]] std::string_view ppr_method_name(PprMethod method);
/// "auto", "walks", "item-index", "verd", "power", "pixie", "maintained". Throws `ConfigError`.
[[nodiscard]] PprMethod parse_ppr_method(std::string_view name);

struct PprOptions {
  VertexTypeId sources;
  VertexTypeId targets;
  std::optional<std::vector<std::uint64_t>>
      source_rows;  ///< ascending, the same on all ranks; nothing: all of the type
  double restart = 0.15;
  std::uint32_t top_k = 100;
  bool exclude_linked = true;  ///< by edges that walks move along: others link nothing
  /// By target row, the same on all ranks: 1 for the targets that lists may hold; empty: all. Fingerprints count these
  /// alone, so that `item_entries` of them are kept.
  std::vector<std::uint8_t> candidates;
  /// For each row of my home block of the sources (each set of this rank's `SeedSets`): target rows that its list must
  /// not hold. On all ranks or on none.
  graph::RaggedRows<std::uint32_t> excluded;
  exec::EdgeSelection edges{exec::Direction::kBoth, {}};  ///< what walks move along
  /// Walks move in proportion to the weights of the edges (those of types without weights weigh 1); at least one edge
  /// type must have some. Not for kPixie.
  bool weighted = false;
  PprMethod method = PprMethod::kAuto;
  std::uint32_t walks = 10'000;          ///< kWalks: per source
  std::uint32_t item_walks = 4'000;      ///< kItemIndex: per vertex of the index
  std::uint32_t item_entries = 300;      ///< kItemIndex, kVerd: kept per vertex, the most visited
  std::uint32_t verd_walks = 1'000;      ///< kVerd: per vertex
  std::uint32_t verd_hops = 2;           ///< kVerd: exact steps
  double verd_threshold = 1e-4;          ///< kVerd: least share a slot gets (`PprQuery::threshold`)
  std::uint32_t maintained_walks = 100;  ///< kMaintained: per vertex of the index
  std::uint32_t pixie_moves = 100'000;   ///< kPixie: these and the next five as in `PixieOptions`
  std::uint32_t pixie_enough_visits = 4;
  std::uint32_t pixie_enough_vertices = 2'000;
  bool pixie_boost = true;
  std::vector<std::uint8_t> pixie_features;  ///< by stable id, the same on all ranks; as in `PixieOptions`
  std::vector<double> pixie_factors;
  double tolerance = 1e-10;  ///< kPower: mass not yet distributed at the end
  /// kWalks, kPower: how far a listed score may be off, in place of a budget; 0: none. kWalks starts with `walks` and
  /// doubles them for the sources whose error bound is larger; `kAuto` chooses it. kPower goes on until it holds,
  /// whatever `tolerance` is. Other methods refuse it.
  double target_error = 0.0;
  std::uint64_t seed = 42;
  std::uint64_t batch_bytes = std::uint64_t{1} << 30U;  ///< partitioned walks: memory of one batch of sources, per rank
  ProgressSink* progress = &no_progress();
};

struct PprResult {
  graph::NeighborLists lists;  ///< my home block of the source type; rows that are no source have empty lists
  /// Per row of my block, what no score of the list is off by. kPower: certain. kWalks, kItemIndex: with probability
  /// 0.99 per source, by Bernstein's inequality with the list's best score, plus what the index cut off. kPixie: empty,
  /// its scores are no probabilities.
  std::vector<float> error_bounds;
  PprMethod method = PprMethod::kWalks;  ///< the method that ran
  std::uint64_t num_cold = 0;            ///< sources without edges, on all ranks
  std::uint64_t num_above_target = 0;  ///< sources whose bound is above `target_error` after 2^30 visits, on all ranks
  std::uint64_t moves = 0;             ///< steps walked, on all ranks
  std::uint64_t remote_moves = 0;      ///< those that crossed ranks (partitioned layout)
};

/// The method that runs: what `kAuto` chooses. Throws `ConfigError` for options out of range.
[[nodiscard]] PprMethod chosen_ppr_method(const graph::Schema& schema, const PprOptions& options);

/// **Collective.** Partitioned layout: every rank works on the vertices it owns, walkers travel. Throws `ConfigError`
/// for options out of range, `Interrupted` when a stop was asked for.
[[nodiscard]] PprResult personalized_pagerank(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                              const PprOptions& options);

/// **Collective.** Replicated layout: every rank holds the whole adjacency and walks for its home block of sources; no
/// walker travels. Alone has kPixie. Not for kPower and kMaintained (throws `ConfigError`).
[[nodiscard]] PprResult personalized_pagerank(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                              const PprOptions& options);

/// Types of the vertices that sources have in their slots: whose walks kItemIndex and kMaintained need. In schema
/// order.
[[nodiscard]] std::vector<VertexTypeId> ppr_index_types(const graph::Schema& schema, const PprOptions& options);

/// **Collective.** kMaintained. `walks`: for each of `ppr_index_types` in turn, `options.maintained_walks` walks with
/// this restart and seed from each vertex of my home block.
[[nodiscard]] PprResult personalized_pagerank(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                              const PprOptions& options, std::span<const MaintainedWalks> walks);

/// Several vertices as one source: walks start at each with a probability by its weight.
struct SeedSets {
  std::vector<std::uint64_t> offsets{0};  ///< one more than this rank's sets
  std::vector<WeightedSeed> seeds;
};

/// **Collective.** Lists of this rank's seed sets on the replicated layout, by kPixie or else by decomposition (kVerd),
/// whatever `options.method` says; `sources` and `source_rows` are not used. Row i of the result is set i; sets without
/// a seed that has edges are cold.
[[nodiscard]] PprResult personalized_pagerank(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                              const PprOptions& options, const SeedSets& sets);

/// What the two layouts hold on one of `num_ranks` ranks with `threads` threads at their peak.
[[nodiscard]] MemoryPlan plan_ppr_partitioned(const graph::Schema& schema, std::int32_t num_ranks,
                                              std::uint32_t threads, const PprOptions& options);
/// `num_sets`: of the rank with most of them, where lists are those of seed sets.
[[nodiscard]] MemoryPlan plan_ppr_replicated(const graph::Schema& schema, std::int32_t num_ranks, std::uint32_t threads,
                                             const PprOptions& options, std::optional<std::uint64_t> num_sets = {});

}  // namespace rove::algorithms
