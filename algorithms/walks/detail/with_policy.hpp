// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "algorithms/walks/walk_corpus.hpp"
#include "engine/exec/walk_policies.hpp"

namespace rove::algorithms::detail {

/// Calls `use(policy)` with the policy that the options describe. Precondition: `check_walk_options` passed.
template <class Use>
void with_walk_policy(const exec::WalkGraph& graph, const WalkCorpusOptions& options, const Use& use) {
  using exec::SlotSampling;
  const std::uint32_t period =
      options.restart_per_traversal ? static_cast<std::uint32_t>(options.links.size()) : std::uint32_t{1};
  const exec::ContinueRule rule(options.restart, options.length, options.restart_per_traversal ? period : 0, period);
  const auto make = [&]<class Lists, class Slots, class Dynamic>(const Lists& lists, const Slots& slots,
                                                                 const Dynamic& dynamic) {
    use(exec::WalkPolicyOf<Lists, Slots, Dynamic>(graph, options.seed, rule, lists, slots, dynamic));
  };
  const exec::UniformSlots uniform(graph);
  const exec::AliasSlots alias(graph);
  const exec::InverseSlots inverse(graph);
  std::vector<std::uint32_t> pattern(options.links.size());
  for (std::uint32_t step = 0; step < pattern.size(); ++step) pattern[step] = step;

  if (options.by_time) return make(exec::WholeList{}, uniform, exec::NonDecreasingTimes(graph));
  if (options.second_order) {
    const exec::SecondOrder dynamic(graph, options.p, options.q);
    if (!pattern.empty()) return make(exec::MetaPath(pattern), uniform, dynamic);
    if (options.sampling == SlotSampling::kAlias) return make(exec::WholeList{}, alias, dynamic);
    if (options.sampling == SlotSampling::kInverse) return make(exec::WholeList{}, inverse, dynamic);
    return make(exec::WholeList{}, uniform, dynamic);
  }
  if (!options.mixture.empty()) {
    const exec::LinkMixture mixture(options.seed, options.mixture);
    if (options.sampling == SlotSampling::kAlias) return make(mixture, alias, exec::AnySlot{});
    return make(mixture, uniform, exec::AnySlot{});
  }
  if (!pattern.empty()) {
    if (options.sampling == SlotSampling::kAlias) return make(exec::MetaPath(pattern), alias, exec::AnySlot{});
    return make(exec::MetaPath(pattern), uniform, exec::AnySlot{});
  }
  if (options.sampling == SlotSampling::kRejection) {
    return make(exec::WholeList{}, uniform, exec::WeightByRejection(graph));
  }
  if (options.sampling == SlotSampling::kAlias) return make(exec::WholeList{}, alias, exec::AnySlot{});
  if (options.sampling == SlotSampling::kInverse) return make(exec::WholeList{}, inverse, exec::AnySlot{});
  return make(exec::WholeList{}, uniform, exec::AnySlot{});
}

}  // namespace rove::algorithms::detail
