// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/progress.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "engine/graph/graph_blocks.hpp"
#include "gnn/embedding_table.hpp"
#include "gnn/split.hpp"

namespace rove::gnn {

/// What is to be forgotten, in home blocks.
struct ForgetSet {
  std::vector<std::uint8_t> users;  ///< per row of my home block; 1: leaves with all interactions
  std::vector<std::uint8_t> items;
  HeldOutItems pairs;  ///< item rows per user row of my home block, ascending and distinct
};

/// **Collective.** Takes the interactions of the set out of the graph, vertices stay. Returns the distinct pairs that
/// the graph had and of which one side stays, in home blocks of the users.
[[nodiscard]] HeldOutItems take_forgotten(const comm::Communicator& comm, graph::GraphBlocks& blocks, EdgeTypeId type,
                                          const ForgetSet& set);

inline constexpr std::uint64_t kLeastPartners = 128;

struct UnlearningOptions {
  std::uint64_t epochs = 200;   ///< at most; few pairs make one step each
  double learning_rate = 0.02;  ///< Adam's step, as a share of the root mean square of the vectors' entries
  std::uint32_t retain = 4;     ///< retained interactions per forgotten one, of the users and items they touch
  std::uint64_t batch_size = 1024;
  std::uint64_t seed = 42;
};

/// How forgotten pairs and others look to the vectors; the same on all ranks.
struct Membership {
  double forgotten = 0;        ///< mean score of the forgotten pairs
  double never_seen = 0;       ///< mean score of pairs of the same users that never were, their partners
  double deviation = 0;        ///< standard deviation of the latter
  double forgotten_above = 0;  ///< share of partners that score below their forgotten pair; never learnt: 0.5
  double retained_above = 0;   ///< the same of retained pairs of the users and items concerned
  /// Forgotten pairs stand out: an attack by scores may tell them from pairs that never were.
  [[nodiscard]] bool stands_out() const { return forgotten > never_seen; }
  /// By how much, in standard deviations; 0 where all partners score alike.
  [[nodiscard]] double gap() const { return deviation > 0 ? (forgotten - never_seen) / deviation : 0; }
};

struct UnlearningReport {
  std::uint64_t pairs = 0;     ///< forgotten
  std::uint64_t partners = 0;  ///< never seen; 0: the users concerned have every item, nothing can be told or done
  std::uint64_t retained = 0;  ///< retained pairs that `retained_above` looks at
  std::uint64_t epochs = 0;    ///< run
  Membership before;
  Membership after;
};

/// **Collective.** Reverse BPR (MMRecUn, arXiv 2405.15328) on final vectors: minimises softplus(<u,p> - <u,n>) over the
/// forgotten pairs (u, p) and softplus(<u,q> - <u,p>) over retained ones, negatives drawn among what the user never
/// had, until forgotten pairs score on average no higher than those that never were, or for `epochs`. Rows of leaving
/// vertices (`leaving`, per owned local id) stay as they are: what stays has to lose what it learnt from them. Rows
/// that no forgotten or drawn pair touches keep their bytes.
///
/// `graph`: without the forgotten interactions; `forgotten`: item rows of the owned users. The result depends on the
/// graph, the vectors, the options and the seed alone, not on ranks or threads. Nothing to forget leaves the vectors as
/// they are. Throws `ConfigError` when an option is out of range or a score stops being finite. Cost per epoch: a look
/// at every interaction, and BPR on (1 + retain) pairs per forgotten one; memory: 16 bytes per such pair on every rank,
/// which grows with the request and not with the graph. Few forgotten pairs get several partners each, `kLeastPartners`
/// in all or more, or their deviation would say nothing.
UnlearningReport unlearn(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                         const HeldOutItems& forgotten, std::span<const std::uint8_t> leaving,
                         const UnlearningOptions& options, EmbeddingTable& vectors, ProgressSink& progress);

}  // namespace rove::gnn
