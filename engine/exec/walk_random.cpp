// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/walk_random.hpp"

#include "engine/base/isa.hpp"

namespace rove::exec {

void draw_blocks(WalkBlocks& blocks, std::size_t begin, std::size_t end, std::array<std::uint32_t, 2> philox_key) {
  static_assert(offsetof(WalkBlocks, word3) - offsetof(WalkBlocks, word0) == 3 * kMaxWalkLanes * sizeof(std::uint32_t));
  pick_isa(avx2::philox_blocks, avx512::philox_blocks)(blocks.step.data() + begin, blocks.walk.data() + begin,
                                                       blocks.key_low.data() + begin, blocks.key_high.data() + begin,
                                                       blocks.word0.data() + begin, kMaxWalkLanes, end - begin,
                                                       philox_key[0], philox_key[1]);
}

}  // namespace rove::exec
