// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "engine/base/memory_plan.hpp"
#include "gnn/interactions.hpp"
#include "gnn/scorer.hpp"

namespace rove::jobs {

/// One rank's share of ranking items for users.
struct RetrievalShare {
  std::uint64_t rows = 0;  ///< vertices of all types
  std::uint64_t users = 0;
  std::uint64_t items = 0;
  std::uint64_t dim = 0;            ///< of vectors; 0: the model scores without
  std::uint64_t scoring_bytes = 0;  ///< of a model without vectors: a block of scores, and weights not held already
  std::uint64_t top_k = 0;          ///< entries of a list
  std::uint64_t interests = 0;      ///< per user; 0: one query each
  std::uint64_t ghosts = 0;         ///< vertices of other ranks next to these
};

[[nodiscard]] RetrievalShare retrieval_share(const gnn::Interactions& interactions, const gnn::Scorer& scorer,
                                             std::uint64_t top_k, std::uint64_t interests);

/// What `recommend` and `evaluate` hold beside the graph. Lists lie at the users' owners and homes, and as they travel
/// and are written: 12 bytes per entry each time, measured as four times in all.
[[nodiscard]] MemoryPlan plan_retrieval(const std::string& stage, const RetrievalShare& share);

}  // namespace rove::jobs
