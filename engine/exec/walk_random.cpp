// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/walk_random.hpp"

#include "engine/base/isa.hpp"

namespace rove::exec {

void draw_blocks(WalkLanes& lanes, std::size_t count, std::array<std::uint32_t, 2> philox_key) {
  static_assert(offsetof(WalkLanes, word3) - offsetof(WalkLanes, word0) == 3 * kMaxWalkLanes * sizeof(std::uint32_t));
  pick_isa(avx2::philox_blocks, avx512::philox_blocks)(lanes.step.data(), lanes.walk.data(), lanes.key_low.data(),
                                                       lanes.key_high.data(), lanes.word0.data(), kMaxWalkLanes, count,
                                                       philox_key[0], philox_key[1]);
}

}  // namespace rove::exec
