// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/frontier.hpp"

#include <algorithm>
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rove::exec {
namespace {

using testing::ElementsAre;

std::vector<std::uint32_t> members(const Frontier& frontier) {
  std::vector<std::uint32_t> result;
  std::mutex mutex;
  frontier.for_each(2, [&](LocalVertexId vertex) {
    const std::lock_guard lock(mutex);
    result.push_back(vertex.value());
  });
  std::sort(result.begin(), result.end());
  return result;
}

TEST(Frontier, AdditionsAreSeenAfterAdvanceOnly) {
  Frontier frontier(100);

  frontier.add(LocalVertexId{7});
  EXPECT_EQ(frontier.size(), 0U);
  EXPECT_FALSE(frontier.contains(LocalVertexId{7}));
  frontier.advance();

  EXPECT_TRUE(frontier.contains(LocalVertexId{7}));
  EXPECT_THAT(members(frontier), ElementsAre(7));
  frontier.advance();
  EXPECT_EQ(frontier.size(), 0U);
  EXPECT_FALSE(frontier.contains(LocalVertexId{7}));
}

TEST(Frontier, AVertexAddedTwiceIsVisitedOnce) {
  Frontier frontier(100);

  for (const std::uint32_t v : {9U, 3U, 9U, 3U}) frontier.add(LocalVertexId{v});
  frontier.advance();

  EXPECT_EQ(frontier.size(), 2U);
  EXPECT_THAT(members(frontier), ElementsAre(3, 9));
}

TEST(Frontier, TurnsDenseAndSparseAgainWithoutLosingOrKeepingAnyone) {
  Frontier frontier(64);
  std::vector<std::uint32_t> many;
  for (std::uint32_t v = 0; v < 64; v += 2) many.push_back(v);

  for (const std::uint32_t v : many) frontier.add(LocalVertexId{v});
  frontier.advance();
  EXPECT_TRUE(frontier.is_dense());
  EXPECT_EQ(members(frontier), many);

  frontier.add(LocalVertexId{5});
  frontier.advance();
  EXPECT_FALSE(frontier.is_dense());
  EXPECT_THAT(members(frontier), ElementsAre(5));

  frontier.add(LocalVertexId{6});
  frontier.add_all();
  frontier.advance();
  EXPECT_EQ(frontier.size(), 64U);
  EXPECT_EQ(members(frontier).size(), 64U);
  frontier.advance();
  EXPECT_EQ(members(frontier).size(), 0U);
}

TEST(Frontier, OfNoVerticesStaysEmpty) {
  Frontier frontier(0);

  frontier.add_all();
  frontier.advance();

  EXPECT_EQ(frontier.size(), 0U);
  EXPECT_TRUE(members(frontier).empty());
}

}  // namespace
}  // namespace rove::exec
