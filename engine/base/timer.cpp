// SPDX-License-Identifier: Apache-2.0
#include "engine/base/timer.hpp"

#include "engine/base/assert.hpp"

namespace rove {

std::size_t PhaseTimes::enter(std::string_view name) {
  std::size_t phase = 0;
  while (phase < phases_.size() && (phases_[phase].parent != open_ || phases_[phase].name != name)) ++phase;
  if (phase == phases_.size()) {
    const std::uint32_t depth = open_ == kNone ? 0 : phases_[open_].depth + 1;
    phases_.push_back({std::string(name), open_, depth, 0, 0.0});
  }
  ++phases_[phase].entries;
  open_ = phase;
  return phase;
}

void PhaseTimes::leave(std::size_t phase, double seconds) {
  ROVE_ASSERT_LIGHT(phase == open_);
  phases_[phase].seconds += seconds;
  open_ = phases_[phase].parent;
}

double PhaseTimes::seconds_of(std::string_view name) const {
  double total = 0;
  for (const Phase& phase : phases_) {
    if (phase.name != name) continue;
    std::size_t ancestor = phase.parent;
    while (ancestor != kNone && phases_[ancestor].name != name) ancestor = phases_[ancestor].parent;
    if (ancestor == kNone) total += phase.seconds;
  }
  return total;
}

}  // namespace rove
