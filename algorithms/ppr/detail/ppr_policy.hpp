// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/exec/walk_policies.hpp"

namespace rove::algorithms::detail {

/// What PPR's walk graph holds beside the slots.
[[nodiscard]] inline exec::WalkGraphOptions ppr_graph_options(bool weighted) {
  exec::WalkGraphOptions options;
  options.sampling = weighted ? exec::SlotSampling::kAlias : exec::SlotSampling::kUniform;
  return options;
}

/// Returns `use(policy)` with the policy of walks with restart over such a graph: to any slot, or by weight.
template <class Use>
auto with_ppr_policy(const exec::WalkGraph& graph, double restart, std::uint64_t seed, bool weighted, const Use& use) {
  if (!weighted) return use(exec::RestartPolicy(restart));
  using ByWeight = exec::WalkPolicyOf<exec::WholeList, exec::AliasSlots, exec::AnySlot>;
  return use(ByWeight(graph, seed, exec::ContinueRule(restart), {}, exec::AliasSlots(graph), {}));
}

}  // namespace rove::algorithms::detail
