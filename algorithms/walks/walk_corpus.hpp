// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/base/memory_plan.hpp"
#include "engine/base/progress.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/exec/walk_graph.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "engine/graph/graph_blocks.hpp"

/// Corpora of random walks, for embeddings by word2vec (DeepWalk, node2vec, metapath2vec) and for whoever wants walks.
///
/// A corpus is a matrix: one row per walk, the walks of a source together, sources in row order, types in the order
/// given; column s is the vertex after s moves as a stable id, `kNoWalkVertex` after the walk's end. The bytes depend
/// on graph, options and seed alone: not on ranks, threads, partition, layout or the size of batches.
namespace rove::algorithms {

inline constexpr std::uint32_t kNoWalkVertex = 0xFFFFFFFFU;

struct WalkCorpusOptions {
  std::vector<VertexTypeId> sources;   ///< vertex types to start from; empty: all, in schema order
  std::uint32_t walks = 10;            ///< per source
  std::uint32_t length = 80;           ///< moves at most
  double restart = 0.0;                ///< probability to end at each vertex
  bool restart_per_traversal = false;  ///< ... only where a traversal of `links` ends, after the first (PinSAGE)
  exec::SlotSampling sampling = exec::SlotSampling::kUniform;
  exec::EdgeSelection edges{exec::Direction::kBoth, {}};  ///< what walks move along where there are no `links`
  /// Empty: along `edges`. Else a meta-path to follow in turn, again and again; or, with `mixture`, links
  /// to choose among at each step by these coefficients (> 0, one per link, at most 16).
  std::vector<exec::WalkLink> links;
  std::vector<double> mixture;
  bool second_order = false;  ///< node2vec with p and q
  double p = 1.0;
  double q = 1.0;
  bool by_time = false;  ///< edges in non-decreasing time
  std::uint64_t seed = 42;
  std::uint64_t batch_bytes = std::uint64_t{1} << 30U;  ///< what one batch of walks may take on one rank
  ProgressSink* progress = &no_progress();
};

/// This rank's part of a batch. Ranks have consecutive rows, batches follow one another.
struct WalkBatch {
  std::span<const std::uint32_t> vertices;  ///< rows x (length + 1)
};
/// **Collective.** Called for every batch on all ranks.
using ConsumeWalks = std::function<void(const WalkBatch& batch)>;

struct WalkCorpusReport {
  std::uint64_t walks = 0;  ///< on all ranks, as all below
  std::uint64_t moves = 0;
  std::uint64_t remote_moves = 0;  ///< partitioned layout
  std::uint64_t bytes_sent = 0;    ///< partitioned layout: by walkers
  std::uint64_t ended_early = 0;   ///< walks with nowhere to go before their length or their coin ended them
  std::uint64_t batches = 0;
  std::uint64_t largest_batch_bytes = 0;  ///< held by any rank for one batch
};

/// Throws `ConfigError` for what is out of range, does not go together or is not in the graph.
void check_walk_options(const graph::Schema& schema, const WalkCorpusOptions& options);
[[nodiscard]] std::uint64_t num_walks(const graph::Schema& schema, const WalkCorpusOptions& options);
[[nodiscard]] exec::WalkGraphOptions walk_graph_options(const WalkCorpusOptions& options);

/// **Collective.** Replicated layout: every rank holds the whole adjacency and walks its share of each batch. Throws
/// `ConfigError`, `Interrupted` when a stop was asked for, and `DoesNotFitError` when the walks of one source take more
/// than `batch_bytes`.
WalkCorpusReport make_walks(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                            const WalkCorpusOptions& options, const ConsumeWalks& consume);
/// **Collective.** Partitioned layout: walkers travel, visits go to the rank that has the walk's row.
WalkCorpusReport make_walks(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                            const WalkCorpusOptions& options, const ConsumeWalks& consume);

/// What one walk of a batch takes on a rank at most: its row; in the partitioned layout also its walker and its visits,
/// if all of them were on this rank.
[[nodiscard]] std::uint64_t replicated_bytes_per_walk(const WalkCorpusOptions& options);
[[nodiscard]] std::uint64_t partitioned_bytes_per_walk(const WalkCorpusOptions& options);

}  // namespace rove::algorithms
