// SPDX-License-Identifier: Apache-2.0
#include "engine/base/top_k.hpp"

#include <algorithm>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace rove {
namespace {

std::vector<Scored> reference(std::vector<Scored> candidates, std::size_t k) {
  std::sort(candidates.begin(), candidates.end(), ranks_before);
  candidates.resize(std::min(k, candidates.size()));
  return candidates;
}

TEST(TopK, EqualsFullSortWithManyTies) {
  std::mt19937 generator(5);
  for (const std::size_t k : {0U, 1U, 2U, 10U, 100U, 1000U}) {
    std::vector<Scored> candidates;
    for (std::uint64_t id = 0; id < 500; ++id) candidates.push_back({static_cast<float>(generator() % 7), id});
    std::shuffle(candidates.begin(), candidates.end(), generator);

    TopK selection(k);
    for (const Scored& candidate : candidates) selection.push(candidate);

    EXPECT_EQ(selection.take(), reference(candidates, k)) << "k = " << k;
  }
}

TEST(TopK, MayEnterNeverLosesACandidate) {
  TopK selection(2);
  selection.push({1.0F, 8});
  EXPECT_TRUE(selection.may_enter(-1.0F));
  selection.push({2.0F, 9});
  EXPECT_FALSE(selection.may_enter(0.5F));
  EXPECT_TRUE(selection.may_enter(1.0F));  // a smaller id with the same score would enter
  selection.push({1.0F, 3});
  EXPECT_EQ(selection.take(), (std::vector<Scored>{{2.0F, 9}, {1.0F, 3}}));
}

TEST(TopK, IsReadyForTheNextStreamAfterTake) {
  TopK selection(3);
  selection.push({1.0F, 1});
  EXPECT_EQ(selection.take().size(), 1U);
  selection.push({2.0F, 2});
  EXPECT_EQ(selection.take(), (std::vector<Scored>{{2.0F, 2}}));
}

}  // namespace
}  // namespace rove
