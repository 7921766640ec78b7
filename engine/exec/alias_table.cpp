// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/alias_table.hpp"

#include <cstddef>

namespace rove::exec {

void AliasTableBuilder::build(std::span<const float> weights, const std::uint32_t* targets, AliasSlot* table) {
  double total = 0.0;
  std::size_t heaviest = 0;
  for (std::size_t j = 0; j < weights.size(); ++j) {
    total += static_cast<double>(weights[j]);
    if (weights[j] > weights[heaviest]) heaviest = j;
  }
  if (total == 0.0) return;
  share_.clear();
  small_.clear();
  large_.clear();
  for (std::uint32_t j = 0; j < weights.size(); ++j) {
    share_.push_back(static_cast<double>(weights[j]) * static_cast<double>(weights.size()) / total);
    (share_[j] < 1.0 ? small_ : large_).push_back(j);
  }
  while (!small_.empty() && !large_.empty()) {
    const std::uint32_t small = small_.back();
    const std::uint32_t large = large_.back();
    small_.pop_back();
    table[small] = {share_threshold(share_[small]), targets[large]};
    share_[large] -= 1.0 - share_[small];
    if (share_[large] >= 1.0) continue;
    large_.pop_back();
    small_.push_back(large);
  }
  // What rounding has left over is whole, but a slot without weight must never be taken.
  for (const std::uint32_t j : large_) table[j] = {share_threshold(1.0), targets[j]};
  for (const std::uint32_t j : small_) {
    table[j] = weights[j] > 0.0F ? AliasSlot{share_threshold(1.0), targets[j]} : AliasSlot{0, targets[heaviest]};
  }
}

}  // namespace rove::exec
