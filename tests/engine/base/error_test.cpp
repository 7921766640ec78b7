// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.hpp"

#include <cstdint>
#include <functional>
#include <unordered_set>

#include <gtest/gtest.h>

#include "engine/base/assert.hpp"
#include "engine/base/checked_cast.hpp"
#include "engine/base/ids.hpp"

namespace rove {
namespace {

TEST(InputError, SaysWhereAndWhat) {
  EXPECT_STREQ(InputError({"a.txt", 3, 7}, "'x'", "a number").what(), "a.txt:3:7: found 'x', expected a number");
  EXPECT_STREQ(InputError({"a.txt", 3, 0}, "'x'", "a number").what(), "a.txt:3: found 'x', expected a number");
  EXPECT_STREQ(InputError({"a.txt", 0, 9}, "nothing", "rows").what(), "a.txt: found nothing, expected rows");
  EXPECT_STREQ(InputError({}, "nothing", "rows").what(), "found nothing, expected rows");
}

TEST(Error, CarriesTheExitCode) {
  EXPECT_EQ(ConfigError("").code(), ExitCode::kUsage);
  EXPECT_EQ(InputError("").code(), ExitCode::kInput);
  EXPECT_EQ(IoError("").code(), ExitCode::kFile);
  EXPECT_EQ(DoesNotFitError("").code(), ExitCode::kDoesNotFit);
  EXPECT_EQ(GateError("").code(), ExitCode::kGateRefused);
  EXPECT_EQ(CommError("").code(), ExitCode::kInternal);
  EXPECT_EQ(InternalError("").code(), ExitCode::kInternal);
  EXPECT_EQ(Interrupted("").code(), ExitCode::kInterrupted);
}

TEST(CheckedCast, RefusesWhatDoesNotFit) {
  EXPECT_EQ(checked_cast<std::int32_t>(std::uint64_t{2147483647}), 2147483647);
  EXPECT_THROW((void)checked_cast<std::int32_t>(std::uint64_t{2147483648}), InternalError);
  EXPECT_THROW((void)checked_cast<std::uint8_t>(-1), InternalError);
  EXPECT_EQ(checked_cast<std::int8_t>(-128), -128);
}

TEST(StrongId, ComparesHashesAndCounts) {
  LocalVertexId id(41);
  EXPECT_EQ((++id).value(), 42U);
  EXPECT_LT(LocalVertexId(1), LocalVertexId(2));
  const std::unordered_set<Rank> ranks = {Rank(1), Rank(1), Rank(2)};
  EXPECT_EQ(ranks.size(), 2U);
  static_assert(!std::is_convertible_v<StableVertexId, GlobalVertexId>);
  static_assert(!std::is_convertible_v<std::uint64_t, StableVertexId>);
}

TEST(AssertDeathTest, NamesExpressionAndPlace) {
  const bool holds = false;
  EXPECT_DEATH(ROVE_ASSERT_LIGHT(holds), "error_test.cpp:[0-9]+: assertion failed: holds");
}

}  // namespace
}  // namespace rove
