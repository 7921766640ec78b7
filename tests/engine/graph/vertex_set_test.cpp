// SPDX-License-Identifier: Apache-2.0
#include "engine/graph/detail/vertex_set.hpp"

#include <set>

#include <gtest/gtest.h>

namespace rove::graph::detail {
namespace {

TEST(VertexSet, RanksAgreeWithAnOrderedSet) {
  for (const std::uint64_t bound : {1U, 64U, 511U, 512U, 513U, 5000U}) {
    VertexSet set(bound);
    std::set<std::uint64_t> reference;
    for (std::uint64_t i = 0; i < bound; i += 1 + i % 7) reference.insert(i);
    reference.insert(bound - 1);
    for (const std::uint64_t i : reference) set.insert(i);
    set.insert(*reference.begin());

    set.index();

    EXPECT_EQ(set.size(), reference.size());
    std::uint64_t rank = 0;
    for (const std::uint64_t i : reference) EXPECT_EQ(set.rank_of(i), rank++) << i << " of " << bound;
    std::set<std::uint64_t> visited;
    set.for_each([&](std::uint64_t i) { visited.insert(i); });
    EXPECT_EQ(visited, reference);
  }
}

}  // namespace
}  // namespace rove::graph::detail
