// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/comm/communicator.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "gnn/embedding_table.hpp"
#include "gnn/warm_start.hpp"

namespace rove::gnn {

/// Where the row of an unseen vertex comes from, given trained rows of its neighbours.
enum class FoldInMethod : std::uint8_t {
  kPropagation,   ///< LightGCN's operator: c · Σ h_w / √(d_v d_w) over the slots
  kLeastSquares,  ///< iALS's equations for the row, with the other side fixed
};

struct FoldInOptions {
  FoldInMethod method = FoldInMethod::kPropagation;
  /// Users, then items, so many times: rows folded in before count as neighbours. The second pass reaches users whose
  /// items are all new.
  std::uint32_t passes = 2;
  double alpha = 20;             ///< least squares: `IalsOptions`
  double regularisation = 0.01;  ///< least squares
};

/// The same on all ranks.
struct FoldInCounts {
  std::uint64_t known = 0;
  std::uint64_t folded = 0;
  std::uint64_t without = 0;  ///< unseen, with no neighbour that has a row: zeros
};

struct FoldIn {
  EmbeddingTable rows;  ///< of all owned vertices of the two types
  FoldInCounts users;
  FoldInCounts items;
};

/// **Collective.** Rows of users and items that a trained model has not seen; known rows stay as they are, bit for bit.
///
/// kPropagation: Σ h_w / √(d_v d_w) in slot order, degrees of this graph, times a number c per type: the one that
/// brings the same sums at the type's known vertices nearest to their trained rows (least squares), so that new items
/// compare with known ones. Throws `ConfigError` when no positive c does. The model's own operator on the neighbours'
/// rows, as one layer more (LightGCN, arXiv 2002.02126).
///
/// kLeastSquares: (YᵀY + λ I + α Σ y yᵀ) x = (1 + α) Σ y, by conjugate gradients from zero until they stand; Y: rows
/// of the other side, zeros where there is none yet. What `train_ials` solves for a row.
///
/// Bits depend on the graph, the known rows and the options alone. Cost: `passes` pulls over the slots of unseen
/// vertices and, for c, one over all; memory: a row per local vertex.
[[nodiscard]] FoldIn fold_in(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                             const FoldInOptions& options, const KnownRows& known);

}  // namespace rove::gnn
