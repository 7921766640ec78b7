// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/retrieval_plan.hpp"

#include <algorithm>

#include "engine/exec/propagation.hpp"

namespace rove::jobs {

RetrievalShare retrieval_share(const gnn::Interactions& interactions, const gnn::Scorer& scorer, std::uint64_t top_k,
                               std::uint64_t interests) {
  RetrievalShare share;
  share.rows = interactions.graph().num_owned();
  share.users = interactions.owned_users().size();
  share.items = interactions.owned_items().size();
  if (scorer.vectors() != nullptr) share.dim = scorer.vectors()->dim();
  share.scoring_bytes = scorer.working_bytes(interactions);
  share.top_k = std::min(top_k, interactions.num_items());
  share.interests = interests;
  share.ghosts = interactions.graph().num_local() - interactions.graph().num_owned();
  return share;
}

MemoryPlan plan_retrieval(const std::string& stage, const RetrievalShare& share) {
  constexpr std::uint64_t kEntryBytes = 12;
  constexpr std::uint64_t kCopies = 4;
  MemoryPlan plan(stage);
  if (share.dim > 0) {
    const std::uint64_t row_bytes = exec::padded_width(static_cast<std::uint32_t>(share.dim)) * sizeof(float);
    plan.hold("final representations", share.rows * row_bytes);
    plan.hold("one rank's block of items, twice", 2 * share.items * row_bytes);
  } else {
    plan.hold("weights and a block of scores, at most", share.scoring_bytes);
  }
  const std::uint64_t list_bytes = share.top_k * kEntryBytes + 16;
  plan.hold("lists at owners and home, sent and written", kCopies * share.users * list_bytes);
  if (share.interests > 0) {
    plan.hold("lists of each interest, with their weights",
              share.users * share.interests * (list_bytes + share.top_k * 4));
    const std::uint64_t row_bytes = exec::padded_width(static_cast<std::uint32_t>(share.dim)) * sizeof(float);
    plan.hold("interests of the users, before and after smoothing",
              2 * share.users * share.interests * (row_bytes + 64));
    plan.hold("queries of an interest", share.rows * row_bytes);
    plan.hold("vectors of local items with their clusters",
              (share.rows + share.ghosts) * (share.dim + 1) * sizeof(float));
  }
  return plan;
}

}  // namespace rove::jobs
