// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/walk_random.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/isa.hpp"
#include "engine/exec/visit_counter.hpp"

namespace rove::exec {
namespace {

void fill(WalkLanes& lanes) {
  for (std::size_t i = 0; i < kMaxWalkLanes; ++i) {
    lanes.step[i] = static_cast<std::uint32_t>(i % 7);
    lanes.walk[i] = static_cast<std::uint32_t>(i * 2654435761U);
    lanes.key_low[i] = static_cast<std::uint32_t>(i * i + 17);
    lanes.key_high[i] = 0xFFFFFFFFU - static_cast<std::uint32_t>(i);
  }
}

void expect_blocks(const WalkLanes& lanes, const RandomStream& random, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t key = lanes.key_low[i] | (std::uint64_t{lanes.key_high[i]} << 32U);
    const RandomBlock expected = random.block(key, lanes.walk[i], lanes.step[i]);
    const RandomBlock drawn = {lanes.word0[i], lanes.word1[i], lanes.word2[i], lanes.word3[i]};
    EXPECT_EQ(drawn, expected) << "lane " << i;
  }
}

TEST(WalkRandom, VectorsDrawTheBlocksOfRandomStream) {
  const RandomStream random(42, Purpose::kWalk);
  for (const std::size_t count : {1U, 7U, 32U, 100U, 256U}) {
    WalkLanes lanes{};
    fill(lanes);
    draw_blocks(lanes, count, random.philox_key());
    expect_blocks(lanes, random, count);
  }
}

TEST(WalkRandom, BothInstructionSetsAgree) {
  const RandomStream random(7, Purpose::kWalk, 3);
  const auto key = random.philox_key();
  WalkLanes lanes{};
  fill(lanes);
  avx2::philox_blocks(lanes.step.data(), lanes.walk.data(), lanes.key_low.data(), lanes.key_high.data(),
                      lanes.word0.data(), kMaxWalkLanes, kMaxWalkLanes, key[0], key[1]);
  expect_blocks(lanes, random, kMaxWalkLanes);
  if (active_isa() != Isa::kAvx512) GTEST_SKIP() << "no AVX-512 here";
  fill(lanes);
  avx512::philox_blocks(lanes.step.data(), lanes.walk.data(), lanes.key_low.data(), lanes.key_high.data(),
                        lanes.word0.data(), kMaxWalkLanes, kMaxWalkLanes, key[0], key[1]);
  expect_blocks(lanes, random, kMaxWalkLanes);
}

// Frozen: these values are part of every stored walk.
TEST(WalkRandom, KnownBlock) {
  const RandomBlock words = RandomStream(42, Purpose::kWalk).block(0x0123456789ABCDEFU, 5, 3);
  EXPECT_EQ(words, (RandomBlock{0x75CD6D27U, 0xECEB2A07U, 0xBB8938C8U, 0x505CDD3FU}));
  EXPECT_EQ(coin_threshold(0.15), 644245094U);
  EXPECT_EQ(slot_draw(0x11111111U, 0x22222222U), 0x2222222211111111U);
}

TEST(VisitCounter, DenseAndHashedCountTheSame) {
  const std::uint32_t size = static_cast<std::uint32_t>(VisitCounter::kDenseLimit) + 10;
  VisitCounter dense({100, 100 + VisitCounter::kDenseLimit});
  VisitCounter hashed({100, 100 + size});
  const RandomStream random(1, Purpose::kWalk);
  std::vector<std::uint32_t> vertices;
  for (std::uint32_t i = 0; i < 50'000; ++i) {
    vertices.push_back(static_cast<std::uint32_t>(slot_multiply_shift(random.draw(0, i, 0), 20'000)));
  }
  const auto sorted = [](VisitCounter& counter) {
    const auto entries = counter.entries();
    std::vector<std::uint64_t> packed;
    for (const auto& entry : entries) packed.push_back((std::uint64_t{entry.vertex} << 32U) | entry.count);
    std::sort(packed.begin(), packed.end());
    return packed;
  };
  for (int round = 0; round < 2; ++round) {
    dense.add(vertices.data(), vertices.size());
    hashed.add(vertices.data(), vertices.size());
    const std::vector<VisitCounter::Entry> more = {{100, 5}, {19'999, 7}};
    EXPECT_EQ(dense.add(more), 7U);
    EXPECT_EQ(hashed.add(more), 7U);
    for (VisitCounter* counter : {&dense, &hashed}) {
      counter->forget(101);
      counter->forget(50);
    }
    EXPECT_EQ(sorted(dense), sorted(hashed));
    EXPECT_GT(sorted(dense).size(), 10'000U);
    dense.clear();
    hashed.clear();
    EXPECT_TRUE(dense.entries().empty());
    EXPECT_TRUE(hashed.entries().empty());
  }
}

TEST(VisitCounter, DrainKeepsTheMostVisitedAndClears) {
  const RandomStream random(2, Purpose::kWalk);
  VisitCounter dense({0, 1'000});
  VisitCounter hashed({0, VisitCounter::kDenseLimit + 10});
  for (const std::size_t k : {1U, 10U, 100U, 900U, 2'000U}) {
    for (VisitCounter* counter : {&dense, &hashed}) {
      std::vector<VisitCounter::Entry> added;
      for (std::uint32_t i = 0; i < 800; ++i) {
        const auto count = static_cast<std::uint32_t>(random.draw(k, i, 0) >> 52U);
        added.push_back({i, 1 + count * count / 4'096});
      }
      counter->add(added, added);
      counter->forget(3);
      added[3].count = 0;
      std::map<std::uint32_t, std::uint32_t> found;
      for (const auto& entry : counter->drain(k)) found[entry.vertex] = entry.count;
      std::sort(added.begin(), added.end(), [](const auto& a, const auto& b) { return a.count > b.count; });
      for (std::size_t i = 0; i < added.size() && added[i].count > 0; ++i) {
        if (i >= k && added[i].count < added[k - 1].count) break;
        EXPECT_EQ(found[added[i].vertex], added[i].count) << k;
      }
      EXPECT_EQ(found.count(3), 0U);
      EXPECT_TRUE(counter->entries().empty());
    }
  }
}

}  // namespace
}  // namespace rove::exec
