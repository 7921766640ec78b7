// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "engine/base/stop.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/comm/detail/chunking.hpp"
#include "tests/support/mpi.hpp"

namespace rove::comm {
namespace {

using tests::world;

std::int32_t my_rank() {
  return world().rank().value();
}

/// Every operation runs with calls that carry everything at once, and again cut into pieces of 1, 7 and 64 bytes.
class Collectives : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  void SetUp() override { detail::set_chunk_bytes(GetParam()); }
  void TearDown() override { detail::set_chunk_bytes(detail::kDefaultChunkBytes); }
};

INSTANTIATE_TEST_SUITE_P(ChunkBytes, Collectives, ::testing::Values(detail::kDefaultChunkBytes, 1U, 7U, 64U),
                         [](const auto& chunk) { return std::to_string(chunk.param); });

TEST_P(Collectives, BroadcastCopiesTheRootsValuesFromEveryRoot) {
  for (Rank root{0}; root.value() < world().size(); ++root) {
    std::vector<std::uint64_t> values(100);
    if (world().rank() == root) std::iota(values.begin(), values.end(), 1000 * root.index());

    world().broadcast(std::span<std::uint64_t>(values), root);

    for (std::size_t i = 0; i < values.size(); ++i) ASSERT_EQ(values[i], 1000 * root.index() + i);
  }
}

TEST_P(Collectives, BroadcastTextCarriesAnyLength) {
  const Rank root{world().size() - 1};
  for (const std::size_t length : {0U, 1U, 1000U}) {
    const std::string text(length, 'x');
    EXPECT_EQ(world().broadcast_text(world().rank() == root ? text : "something else", root), text);
  }
}

TEST_P(Collectives, AllReduceCombinesElementwise) {
  const std::int32_t ranks = world().size();
  std::vector<std::int64_t> sums(33);
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = my_rank() - static_cast<std::int64_t>(i);

  world().all_reduce(std::span<std::int64_t>(sums), ReduceOp::kSum);

  for (std::size_t i = 0; i < sums.size(); ++i) {
    EXPECT_EQ(sums[i], std::int64_t{ranks} * (ranks - 1) / 2 - ranks * static_cast<std::int64_t>(i));
  }
}

TEST_P(Collectives, AllReduceTakesEveryElementType) {
  const std::int32_t last = world().size() - 1;
  EXPECT_EQ(world().all_reduce(-my_rank(), ReduceOp::kMin), -last);
  EXPECT_EQ(world().all_reduce(static_cast<std::uint32_t>(my_rank()), ReduceOp::kMax),
            static_cast<std::uint32_t>(last));
  EXPECT_EQ(world().all_reduce(std::uint64_t{1} << static_cast<unsigned>(my_rank()), ReduceOp::kBitOr),
            (std::uint64_t{2} << static_cast<unsigned>(last)) - 1);
  EXPECT_EQ(world().all_reduce(static_cast<float>(my_rank()) + 0.5F, ReduceOp::kMax), static_cast<float>(last) + 0.5F);
  EXPECT_EQ(world().all_reduce(static_cast<double>(my_rank()), ReduceOp::kMin), 0.0);
}

TEST_P(Collectives, AllReduceOfNothingReturns) {
  world().all_reduce(std::span<double>(), ReduceOp::kMax);
}

TEST_P(Collectives, AllGatherVKeepsRankOrderWithEmptyParts) {
  // Odd ranks have nothing; rank 2 has the most.
  const auto size_of = [](std::int32_t rank) { return rank % 2 == 1 ? 0U : 10U * static_cast<unsigned>(rank) + 3U; };
  const std::vector<std::int32_t> mine(size_of(my_rank()), my_rank());

  const Gathered<std::int32_t> all = world().all_gather_v(std::span<const std::int32_t>(mine));

  for (Rank r{0}; r.value() < world().size(); ++r) {
    ASSERT_EQ(all.from(r).size(), size_of(r.value()));
    EXPECT_TRUE(std::ranges::all_of(all.from(r), [&](std::int32_t value) { return value == r.value(); }));
  }
}

TEST_P(Collectives, AllGatherVOfNothingAnywhereIsEmpty) {
  const Gathered<double> all = world().all_gather_v(std::span<const double>());

  EXPECT_TRUE(all.data.empty());
  EXPECT_EQ(all.offsets, std::vector<std::uint64_t>(static_cast<std::size_t>(world().size()) + 1, 0));
}

TEST_P(Collectives, GatherVFillsTheRootOnly) {
  for (Rank root{0}; root.value() < world().size(); ++root) {
    const std::vector<std::uint64_t> mine(static_cast<std::size_t>(my_rank()) * 5, world().rank().index());

    const Gathered<std::uint64_t> all = world().gather_v(std::span<const std::uint64_t>(mine), root);

    if (world().rank() != root) {
      EXPECT_TRUE(all.data.empty());
      EXPECT_TRUE(all.from(Rank{0}).empty());
      continue;
    }
    for (Rank r{0}; r.value() < world().size(); ++r) {
      ASSERT_EQ(all.from(r).size(), r.index() * 5);
      EXPECT_TRUE(std::ranges::all_of(all.from(r), [&](std::uint64_t value) { return value == r.index(); }));
    }
  }
}

TEST_P(Collectives, AllGatherTextKeepsEachRanksText) {
  const auto text_of = [](std::int32_t rank) { return std::string(static_cast<std::size_t>(rank) * 3, 'a'); };

  const std::vector<std::string> all = world().all_gather_text(text_of(my_rank()));

  ASSERT_EQ(all.size(), static_cast<std::size_t>(world().size()));
  for (std::int32_t r = 0; r < world().size(); ++r) EXPECT_EQ(all[static_cast<std::size_t>(r)], text_of(r));
}

TEST_P(Collectives, AllToAllTransposes) {
  std::vector<std::int64_t> values;
  for (std::int64_t r = 0; r < world().size(); ++r) values.push_back(100 * my_rank() + r);

  const std::vector<std::int64_t> received = world().all_to_all(std::span<const std::int64_t>(values));

  for (std::int64_t r = 0; r < world().size(); ++r) {
    EXPECT_EQ(received[static_cast<std::size_t>(r)], 100 * r + my_rank());
  }
}

TEST_P(Collectives, ExclusiveScanSumsTheRanksBelow) {
  const auto me = static_cast<std::uint64_t>(my_rank());
  const std::uint64_t large = std::numeric_limits<std::uint32_t>::max();

  EXPECT_EQ(world().exclusive_scan(me + 1), me * (me + 1) / 2);
  EXPECT_EQ(world().exclusive_scan(large), me * large);
}

TEST_P(Collectives, ExactSumIsTheSameForEveryDistributionOfTheAddends) {
  // The plain sum of these depends on the order: the large ones cancel, the small ones remain.
  std::vector<double> addends;
  ExactSum serial;
  for (int i = 0; i < 1000; ++i) {
    addends.push_back((i % 2 == 0 ? 1.0 : -1.0) * 1e17 + 1e-3 * i);
    serial.add(addends.back());
  }
  for (const std::int32_t shift : {0, 1, 2}) {
    ExactSum mine;
    for (std::size_t i = 0; i < addends.size(); ++i) {
      const auto owner = static_cast<std::int32_t>((i / 10 + static_cast<std::size_t>(shift)) %
                                                   static_cast<std::size_t>(world().size()));
      if (owner == my_rank()) mine.add(addends[i]);
    }
    EXPECT_EQ(world().all_reduce(mine).value(), serial.value());
  }
}

TEST(Communicator, SplitGroupsByColorInRankOrder) {
  const Communicator part = world().split(my_rank() % 2);

  EXPECT_EQ(part.rank().value(), my_rank() / 2);
  EXPECT_EQ(part.size(), (world().size() + 1 - my_rank() % 2) / 2);
  EXPECT_EQ(part.all_reduce(my_rank() % 2, ReduceOp::kMin), my_rank() % 2);
}

TEST(Communicator, SplitRefusesANegativeColor) {
  EXPECT_THROW((void)world().split(-1), InternalError);
}

TEST(Communicator, SplitNodePutsOneMachineTogether) {
  const Communicator node = world().split_node();

  EXPECT_EQ(node.size(), world().size());
}

TEST(Communicator, DuplicateKeepsRanksAndSeparatesTraffic) {
  Communicator copy = world().duplicate();
  const Communicator moved = std::move(copy);

  EXPECT_EQ(moved.rank(), world().rank());
  EXPECT_EQ(moved.size(), world().size());
  moved.barrier();
}

TEST(Communicator, AllToAllRefusesAnotherNumberOfValuesThanRanks) {
  const std::vector<std::int32_t> values(static_cast<std::size_t>(world().size()) + 1);

  EXPECT_THROW((void)world().all_to_all(std::span<const std::int32_t>(values)), InternalError);
}

TEST(Communicator, MpiFailuresNameRankAndOperation) {
  try {
    (void)world().broadcast(1, Rank{world().size()});
    FAIL() << "a root that does not exist was accepted";
  } catch (const CommError& error) {
    EXPECT_NE(std::string(error.what()).find("rank " + std::to_string(my_rank())), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("MPI_Bcast"), std::string::npos) << error.what();
  }
}

TEST(Communicator, StopIsAgreedWhenOneRankIsAsked) {
  EXPECT_FALSE(world().agree_stop());

  if (my_rank() == world().size() - 1) stop::request();
  EXPECT_TRUE(world().agree_stop());
  stop::reset();
}

}  // namespace
}  // namespace rove::comm
