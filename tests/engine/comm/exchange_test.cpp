// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/comm/detail/chunking.hpp"
#include "tests/support/mpi.hpp"

namespace rove::comm {
namespace {

using tests::world;

struct Parcel {
  std::int32_t from = 0;
  std::int32_t to = 0;
  std::uint64_t number = 0;
  friend bool operator==(const Parcel&, const Parcel&) = default;
};

using CountOf = std::uint64_t (*)(std::int32_t from, std::int32_t to, std::int32_t ranks);

struct Pattern {
  const char* name;
  CountOf count;
};

const Pattern kPatterns[] = {
    {"dense", [](std::int32_t, std::int32_t, std::int32_t) { return std::uint64_t{5}; }},
    {"ragged",
     [](std::int32_t from, std::int32_t to, std::int32_t) { return static_cast<std::uint64_t>(3 * from + to); }},
    {"ring", [](std::int32_t from, std::int32_t to,
                std::int32_t ranks) { return std::uint64_t{to == (from + 1) % ranks ? 4U : 0U}; }},
    {"self", [](std::int32_t from, std::int32_t to, std::int32_t) { return std::uint64_t{from == to ? 6U : 0U}; }},
    {"one_sender", [](std::int32_t from, std::int32_t, std::int32_t) { return std::uint64_t{from == 0 ? 7U : 0U}; }},
    {"one_receiver",
     [](std::int32_t, std::int32_t to, std::int32_t ranks) { return std::uint64_t{to == ranks - 1 ? 7U : 0U}; }},
    {"nothing", [](std::int32_t, std::int32_t, std::int32_t) { return std::uint64_t{0}; }},
};

struct Case {
  Pattern pattern;
  std::uint64_t chunk_bytes;
};

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const Pattern& pattern : kPatterns) {
    for (const std::uint64_t bytes : {detail::kDefaultChunkBytes, std::uint64_t{10}}) cases.push_back({pattern, bytes});
  }
  return cases;
}

class Exchange : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    detail::set_chunk_bytes(GetParam().chunk_bytes);
    send_offsets_ = {0};
    receive_offsets_ = {0};
    const std::int32_t me = world().rank().value();
    for (std::int32_t peer = 0; peer < world().size(); ++peer) {
      send_counts_.push_back(count(me, peer));
      send_offsets_.push_back(send_offsets_.back() + count(me, peer));
      receive_offsets_.push_back(receive_offsets_.back() + count(peer, me));
      for (std::uint64_t i = 0; i < count(me, peer); ++i) send_.push_back({me, peer, i});
      for (std::uint64_t i = 0; i < count(peer, me); ++i) expected_.push_back({peer, me, i});
    }
  }
  void TearDown() override { detail::set_chunk_bytes(detail::kDefaultChunkBytes); }

  [[nodiscard]] static std::uint64_t count(std::int32_t from, std::int32_t to) {
    return GetParam().pattern.count(from, to, world().size());
  }
  [[nodiscard]] Pending<Parcel> start(std::span<Parcel> received) const {
    return world().start_exchange<Parcel>(send_, send_offsets_, received, receive_offsets_);
  }

  std::vector<Parcel> send_;
  std::vector<Parcel> expected_;
  std::vector<std::uint64_t> send_counts_;
  std::vector<std::uint64_t> send_offsets_;
  std::vector<std::uint64_t> receive_offsets_;
};

INSTANTIATE_TEST_SUITE_P(Patterns, Exchange, ::testing::ValuesIn(all_cases()), [](const auto& one) {
  return std::string(one.param.pattern.name) + (one.param.chunk_bytes == detail::kDefaultChunkBytes ? "" : "_chunked");
});

TEST_P(Exchange, DeliversEveryParcelInRankOrder) {
  const Gathered<Parcel> received = world().exchange<Parcel>(send_, send_counts_);

  EXPECT_EQ(received.data, expected_);
  EXPECT_EQ(received.offsets, receive_offsets_);
}

TEST_P(Exchange, FixedPatternDeliversTheSame) {
  std::vector<Parcel> received(expected_.size());

  start(received).wait();

  EXPECT_EQ(received, expected_);
}

TEST_P(Exchange, TwoUnderWayDoNotMix) {
  std::vector<Parcel> first(expected_.size());
  std::vector<Parcel> second(expected_.size());

  Pending<Parcel> one = start(first);
  Pending<Parcel> two = start(second);
  const Gathered<Parcel> between = world().exchange<Parcel>(send_, send_counts_);
  two.wait();
  one.wait();
  one.wait();

  EXPECT_EQ(first, expected_);
  EXPECT_EQ(second, expected_);
  EXPECT_EQ(between.data, expected_);
}

TEST_P(Exchange, MovedPendingCompletesOnce) {
  std::vector<Parcel> received(expected_.size());

  Pending<Parcel> original = start(received);
  Pending<Parcel> moved = std::move(original);
  moved.wait();

  EXPECT_EQ(received, expected_);
}

TEST_P(Exchange, PendingLeftByAnErrorStillCompletes) {
  std::vector<Parcel> received(expected_.size());

  EXPECT_THROW(
      {
        const Pending<Parcel> pending = start(received);
        throw std::runtime_error("between start and wait");
      },
      std::runtime_error);

  EXPECT_EQ(received, expected_);
}

TEST_P(Exchange, PendingDestroyedUnfinishedWaitsInRelease) {
#if ROVE_ASSERTION_LEVEL >= 2
  GTEST_SKIP() << "asserts at this assertion level";
#else
  std::vector<Parcel> received(expected_.size());

  {
    const Pending<Parcel> forgotten = start(received);
  }

  EXPECT_EQ(received, expected_);
#endif
}

TEST(ExchangeErrors, RefusesCountsThatDoNotMatchTheValues) {
  const std::vector<std::int32_t> values(3);
  std::vector<std::uint64_t> counts(static_cast<std::size_t>(world().size()), 0);

  EXPECT_THROW((void)world().exchange<std::int32_t>(values, counts), InternalError);
  counts.push_back(3);
  EXPECT_THROW((void)world().exchange<std::int32_t>(values, counts), InternalError);
}

TEST(ExchangeErrors, RefusesOffsetsBeyondTheBuffers) {
  const auto ranks = static_cast<std::size_t>(world().size());
  std::vector<std::int32_t> values(2);
  const std::vector<std::uint64_t> nothing(ranks + 1, 0);
  std::vector<std::uint64_t> beyond(ranks + 1, 0);
  beyond.back() = 3;

  EXPECT_THROW((void)world().start_exchange<std::int32_t>(values, beyond, values, nothing), InternalError);
  EXPECT_THROW((void)world().start_exchange<std::int32_t>(values, nothing, values, beyond), InternalError);
}

TEST(ExchangeErrors, SidesThatDisagreeOnACountFailInsteadOfDeliveringLess) {
  if (world().size() < 2) GTEST_SKIP() << "needs 2 ranks";
  // Rank 0 sends 2 values, rank 1 expects 3.
  const auto ranks = static_cast<std::size_t>(world().size());
  const std::int32_t me = world().rank().value();
  std::vector<std::int32_t> buffer(3);
  std::vector<std::uint64_t> send(ranks + 1, 0);
  std::vector<std::uint64_t> receive(ranks + 1, 0);
  if (me == 0) std::fill(send.begin() + 2, send.end(), 2);
  if (me == 1) std::fill(receive.begin() + 1, receive.end(), 3);
  const std::vector<std::int32_t> values(2);

  Pending<std::int32_t> pending = world().start_exchange<std::int32_t>(values, send, buffer, receive);

  if (me == 1) {
    EXPECT_THROW(pending.wait(), CommError);
  } else {
    pending.wait();
  }
}

}  // namespace
}  // namespace rove::comm
