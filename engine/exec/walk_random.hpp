// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "engine/base/ids.hpp"
#include "engine/base/random.hpp"

/// The random numbers of walks. FROZEN (docs/decisions/0060): every stored walk, fingerprint and neighbour set depends
/// on it.
///
/// The block of one step is `RandomStream(seed, Purpose::kWalk, attempt).block(key of the source, walk, step)`, where
/// `walk` numbers the walks of one source from 0 and `step` counts the moves made so far. Its four words mean:
///
/// | word | meaning |
/// |---|---|
/// | 0 | stop coin: the walk ends here, before moving, iff word 0 < floor(c * 2^32); tossed at every vertex, the source
/// included | | 1, 2 | 64-bit draw (word 1 is the low half) of the slot among the vertex's slots, by multiply-shift |
/// | 3 | acceptance: alias coin or rejection coin of the chosen slot |
///
/// `attempt` is 0; the a-th rejected candidate of a step is followed by the slot and acceptance words of attempt a, the
/// stop coin is never tossed again. A second choice within a step (the relation, by mixing coefficients) takes word 0
/// of the same block under `Purpose::kWalkSecond`.
namespace rove::exec {

/// floor(probability * 2^32). Precondition: 0 <= probability < 1.
[[nodiscard]] constexpr std::uint32_t coin_threshold(double probability) {
  return static_cast<std::uint32_t>(probability * 0x1.0p32);
}

/// The 64-bit slot draw of a step's block.
[[nodiscard, gnu::always_inline]] constexpr std::uint64_t slot_draw(std::uint32_t word1, std::uint32_t word2) {
  return word1 | (std::uint64_t{word2} << 32U);
}

/// Walks in flight are advanced in lockstep, this many lanes at most: enough that a lane's memory has arrived
/// when its turn comes again, few enough that all lanes' state stays in the first-level cache (docs/decisions/0061).
inline constexpr std::size_t kMaxWalkLanes = 256;

/// Steps of walks, and the block of each.
struct alignas(64) WalkBlocks {
  template <class T>
  using Lane = std::array<T, kMaxWalkLanes>;

  alignas(64) Lane<std::uint32_t> step;
  alignas(64) Lane<std::uint32_t> walk;
  alignas(64) Lane<std::uint32_t> key_low;
  alignas(64) Lane<std::uint32_t> key_high;
  alignas(64) Lane<std::uint32_t> word0;
  alignas(64) Lane<std::uint32_t> word1;
  alignas(64) Lane<std::uint32_t> word2;
  alignas(64) Lane<std::uint32_t> word3;
};

/// State of the walks in flight on one thread, as a structure of arrays, and the block of each lane's next step.
struct alignas(64) WalkLanes : WalkBlocks {
  alignas(64) Lane<std::uint32_t> vertex;
  alignas(64) Lane<std::uint32_t> source;
  alignas(64) Lane<std::uint64_t> edge;
  // Of policies with a memory or a choice among candidates only.
  alignas(64) Lane<std::uint32_t> next;      ///< target of the slot taken
  alignas(64) Lane<std::uint32_t> previous;  ///< id of the vertex before, `kNoVertex` at the start
  alignas(64) Lane<std::uint32_t> back;      ///< `WalkGraph::weight_back` from the vertex to the previous one
  alignas(64) Lane<std::int64_t> time;       ///< of the edge taken last
};

inline constexpr std::uint32_t kNoVertex = 0xFFFFFFFFU;

/// Fills words 0 to 3 of steps [begin, end) (the end rounded up to a multiple of `kBlocksPerDraw`, as `begin` must be);
/// the widest instruction set of this processor. The same bits as `RandomStream::block`.
void draw_blocks(WalkBlocks& blocks, std::size_t begin, std::size_t end, std::array<std::uint32_t, 2> philox_key);
inline void draw_blocks(WalkBlocks& blocks, std::size_t count, std::array<std::uint32_t, 2> philox_key) {
  draw_blocks(blocks, 0, count, philox_key);
}
/// What the widest vectors draw at a time. Drawing so many just before they are used lets the arithmetic pass while the
/// memory that the steps before have asked for is on its way.
inline constexpr std::size_t kBlocksPerDraw = 32;

/// The two builds of the kernel behind `draw_blocks`, for the test that compares them.
namespace avx2 {
void philox_blocks(const std::uint32_t* step, const std::uint32_t* walk, const std::uint32_t* key_low,
                   const std::uint32_t* key_high, std::uint32_t* words, std::size_t word_stride, std::size_t count,
                   std::uint32_t philox_key0, std::uint32_t philox_key1);
}
namespace avx512 {
void philox_blocks(const std::uint32_t* step, const std::uint32_t* walk, const std::uint32_t* key_low,
                   const std::uint32_t* key_high, std::uint32_t* words, std::size_t word_stride, std::size_t count,
                   std::uint32_t philox_key0, std::uint32_t philox_key1);
}

}  // namespace rove::exec
