// SPDX-License-Identifier: Apache-2.0
#include "engine/base/hash.hpp"

#include <array>
#include <set>
#include <string>
#include <unordered_set>

#include <gtest/gtest.h>

namespace rove {
namespace {

// Keys, edge identities and random streams are part of every stored result. If one of these tests fails, the code is
// wrong, not the number.
TEST(VertexKey, IsFrozen) {
  EXPECT_EQ(vertex_key("user", "0").value(), 579830558224910986U);
  EXPECT_EQ(vertex_key("user", "alice").value(), 7171115217661773834U);
  EXPECT_EQ(vertex_key("item", "alice").value(), 1363448175890113552U);
  EXPECT_EQ(vertex_key("user", "alice", 1).value(), 1919832021068307492U);
  EXPECT_EQ(vertex_key("user", "").value(), 1960203477608373845U);
  EXPECT_EQ(vertex_key("item", std::string(300, 'x')).value(), 845056611968147372U);
}

TEST(EdgeKey, AndMixingAreFrozen) {
  EXPECT_EQ(edge_key(VertexKey(1), 2, VertexKey(3), 4), 12447232706911912432U);
  EXPECT_EQ(mix64(0, 0), 5197578548964807871U);
  EXPECT_EQ(mix64(1, 2), 1252391373650201249U);
}

TEST(VertexKey, IsTheSameThroughTheHasher) {
  const VertexKeyHasher hasher("user");
  for (const char* id : {"", "a", "alice", "0123456789abcdef0123456789abcdef"}) {
    EXPECT_EQ(hasher(id), vertex_key("user", id));
    EXPECT_EQ(hasher(id, 9), vertex_key("user", id, 9));
  }
}

TEST(VertexKey, HasNoSignBitAndNoCollisionAmongManyIds) {
  std::unordered_set<std::uint64_t> keys;
  for (const char* type : {"user", "item", "users"}) {
    const VertexKeyHasher hasher(type);
    for (int i = 0; i < 200000; ++i) {
      const std::uint64_t key = hasher(std::to_string(i)).value();
      EXPECT_EQ(key >> 63U, 0U);
      keys.insert(key);
    }
  }
  EXPECT_EQ(keys.size(), 600000U);
}

TEST(EdgeKey, DependsOnEveryPart) {
  const std::set<std::uint64_t> keys = {
      edge_key(VertexKey(1), 2, VertexKey(3), 4), edge_key(VertexKey(3), 2, VertexKey(1), 4),
      edge_key(VertexKey(1), 4, VertexKey(3), 2), edge_key(VertexKey(1), 2, VertexKey(3), 5),
      edge_key(VertexKey(0), 2, VertexKey(3), 4)};
  EXPECT_EQ(keys.size(), 5U);
}

TEST(Mix64, IsInjectiveInEachArgument) {
  std::unordered_set<std::uint64_t> first;
  std::unordered_set<std::uint64_t> second;
  for (std::uint64_t i = 0; i < 100000; ++i) {
    first.insert(mix64(i, 42));
    second.insert(mix64(42, i));
  }
  EXPECT_EQ(first.size(), 100000U);
  EXPECT_EQ(second.size(), 100000U);
}

TEST(Digest128, DependsOnContentAndOrder) {
  const std::array<std::byte, 3> a = {std::byte{1}, std::byte{2}, std::byte{3}};
  const std::array<std::byte, 3> b = {std::byte{3}, std::byte{2}, std::byte{1}};
  EXPECT_EQ(digest128(a), digest128(a));
  EXPECT_NE(digest128(a), digest128(b));
  EXPECT_NE(digest128(a), digest128({}));
}

}  // namespace
}  // namespace rove
