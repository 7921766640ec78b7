// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "engine/graph/neighbor_lists.hpp"
#include "engine/graph/redistribute.hpp"
#include "gnn/embedding_table.hpp"
#include "gnn/interactions.hpp"

namespace rove::gnn {

class Scorer;

/// Averages over the evaluated users of a ranked list cut at `cutoff` (specification: all-ranking protocol).
struct RankingMetrics {
  std::uint32_t cutoff = 0;
  double recall = 0;     ///< hits / test items of the user, not capped
  double ndcg = 0;       ///< binary gain, 1 / log2(rank + 1), ideal cut at min(cutoff, test items)
  double precision = 0;  ///< hits / cutoff
  double hit_rate = 0;   ///< whether there is a hit
  double mrr = 0;        ///< 1 / rank of the first hit
  double map = 0;        ///< mean over min(cutoff, test items) of the precision at every hit
};

struct Evaluation {
  std::uint64_t num_users = 0;  ///< users with a test item
  std::vector<RankingMetrics> at;
  friend bool operator==(const Evaluation&, const Evaluation&);
};

/// The test items of this rank's users: rows of the item type, ascending and distinct.
using TestItems = graph::RaggedRows<std::uint32_t>;

/// **Collective.** Moves test interactions from the home block of the user type (row i has the item rows
/// [offsets[i], offsets[i + 1])) to the users' owners.
[[nodiscard]] TestItems test_items_of_owners(const comm::Communicator& comm, const Interactions& interactions,
                                             std::span<const std::uint64_t> offsets,
                                             std::span<const std::uint32_t> targets);

/// **Collective.** Metrics of ranked lists (one per owned user; those without test items are not looked at), averaged
/// over the users of all ranks with exact sums.
[[nodiscard]] Evaluation measure(const comm::Communicator& comm, const graph::NeighborLists& lists,
                                 const TestItems& test, std::span<const std::uint32_t> cutoffs);

/// **Collective.** All-ranking evaluation: every user with a test item ranks all items but its training items by dot
/// product (ties to the lower row).
[[nodiscard]] Evaluation evaluate(const comm::Communicator& comm, const Interactions& interactions,
                                  const EmbeddingTable& embeddings, const TestItems& test,
                                  std::span<const std::uint32_t> cutoffs);
/// **Collective.** The same by the scores of any model.
[[nodiscard]] Evaluation evaluate(const comm::Communicator& comm, const Interactions& interactions,
                                  const Scorer& scorer, const TestItems& test, std::span<const std::uint32_t> cutoffs);

}  // namespace rove::gnn
