// SPDX-License-Identifier: Apache-2.0
#include "engine/parallel/parallel.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <numeric>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <pthread.h>

#include "engine/base/error.hpp"
#include "engine/base/random.hpp"

namespace rove::parallel {
namespace {

class Parallel : public ::testing::TestWithParam<std::uint32_t> {
 protected:
  ConcurrencyLimit limit_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Threads, Parallel, ::testing::Values(1U, 2U, 4U));

TEST_P(Parallel, CutsChunksIndependentlyOfThreads) {
  for (const IndexRange range : {IndexRange{0, 0}, IndexRange{5, 5}, IndexRange{3, 4}, IndexRange{3, 103}}) {
    for (const std::uint64_t grain : {1U, 7U, 50U, 1000U}) {
      std::mutex mutex;
      std::set<std::pair<std::uint64_t, std::uint64_t>> chunks;
      for_chunks(range, grain, [&](IndexRange chunk) {
        const std::lock_guard lock(mutex);
        chunks.emplace(chunk.begin, chunk.end);
      });
      std::set<std::pair<std::uint64_t, std::uint64_t>> expected;
      for (std::uint64_t i = range.begin; i < range.end; i += grain)
        expected.emplace(i, std::min(i + grain, range.end));
      EXPECT_EQ(chunks, expected);
    }
  }
}

TEST_P(Parallel, VisitsEveryIndexOnce) {
  std::vector<std::atomic<int>> visits(100000);
  for_each({0, visits.size()}, 64, [&](std::uint64_t i) { ++visits[i]; });
  EXPECT_TRUE(std::all_of(visits.begin(), visits.end(), [](const auto& count) { return count == 1; }));
}

TEST_P(Parallel, RethrowsAndGoesOn) {
  const auto fail = [](std::uint64_t i) {
    if (i == 777) throw InputError("row 777");
  };
  EXPECT_THROW(for_each({0, 10000}, 10, fail), InputError);
  EXPECT_THROW(for_each({777, 778}, 10, fail), InputError);
  std::atomic<std::uint64_t> sum = 0;
  for_each({0, 100}, 1, [&](std::uint64_t i) { sum += i; });
  EXPECT_EQ(sum, 4950U);
}

TEST_P(Parallel, NumbersThreadsBelowTheLimit) {
  EXPECT_EQ(concurrency(), GetParam());
  EXPECT_EQ(thread_index(), 0U);
  std::atomic<bool> in_range = true;
  PerThread<std::uint64_t> counts;
  for_each({0, 100000}, 10, [&](std::uint64_t) {
    if (thread_index() >= GetParam()) in_range = false;
    ++counts.local();
  });
  EXPECT_TRUE(in_range);
  std::uint64_t total = 0;
  counts.for_each([&](std::uint64_t count) { total += count; });
  EXPECT_EQ(total, 100000U);
}

TEST_P(Parallel, KeepsPerThreadStorageToOneBodyAtATime) {
  // A thread that waits for an inner loop must not start another body of the outer one.
  PerThread<int> busy;
  std::atomic<bool> shared = false;
  for_each({0, 64}, 1, [&](std::uint64_t) {
    int& flag = busy.local();
    if (flag != 0) shared = true;
    flag = 1;
    std::atomic<std::uint64_t> sum = 0;
    for_each({0, 2000}, 10, [&](std::uint64_t i) { sum += i; });
    if (sum != 1999000U) shared = true;
    flag = 0;
  });
  EXPECT_FALSE(shared);
}

TEST_P(Parallel, InvokesEveryTask) {
  std::atomic<int> sum = 0;
  std::vector<std::function<void()>> tasks;
  for (int i = 1; i <= 10; ++i) tasks.emplace_back([&sum, i] { sum += i; });
  invoke(tasks);
  EXPECT_EQ(sum, 55);
  invoke({});
}

TEST_P(Parallel, SumsExactly) {
  const double sum = exact_sum({0, 100000}, 100, [](std::uint64_t i) { return i % 2 == 0 ? 1e300 : -1e300; }).value();
  EXPECT_EQ(sum, 0.0);
  EXPECT_EQ(exact_sum({0, 10}, 3, [](std::uint64_t) { return 0.1; }).value(), 1.0);  // ten times the double 0.1
}

TEST_P(Parallel, PrefixSumsEqualTheSerialOnes) {
  const RandomStream random(1, Purpose::kGenerate);
  for (const std::size_t size : {0U, 1U, 1000U, 65536U, 65537U, 300001U}) {
    std::vector<std::uint64_t> counts(size);
    for (std::size_t i = 0; i < size; ++i) counts[i] = random.draw(i, 0, 0) >> 30U;
    std::vector<std::uint64_t> expected(size);
    std::exclusive_scan(counts.begin(), counts.end(), expected.begin(), std::uint64_t{0});
    const std::uint64_t total = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});

    EXPECT_EQ(exclusive_prefix_sum(counts), total);
    EXPECT_EQ(counts, expected);
  }
}

TEST_P(Parallel, SortsLikeTheStandardLibrary) {
  const RandomStream random(2, Purpose::kGenerate);
  for (const std::size_t size : {0U, 1U, 8192U, 8193U, 200000U}) {
    for (const std::uint64_t distinct : {1U, 2U, 100U, 1000000000U}) {
      std::vector<std::pair<std::uint64_t, std::uint64_t>> values(size);
      for (std::size_t i = 0; i < size; ++i) values[i] = {slot_multiply_shift(random.draw(i, 0, 0), distinct), i % 5};
      auto expected = values;
      std::sort(expected.begin(), expected.end());

      sort(std::span(values), std::less<>());
      EXPECT_EQ(values, expected);

      sort(std::span(values), std::less<>());  // sorted input
      EXPECT_EQ(values, expected);
      sort(std::span(values), std::greater<>());
      std::reverse(expected.begin(), expected.end());
      EXPECT_EQ(values, expected);
    }
  }
}

TEST(ConcurrencyLimit, WorkersLeaveTheStopSignalsToTheMainThread) {
  const ConcurrencyLimit limit(2);
  const std::thread::id caller = std::this_thread::get_id();
  std::atomic<int> arrived = 0;
  std::array<bool, 2> is_caller{};
  std::array<int, 2> holds{};
  for_each({0, 2}, 1, [&](std::uint64_t i) {
    // Either body waits for the other, so that each has a thread of its own.
    ++arrived;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (arrived < 2 && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    sigset_t held{};
    pthread_sigmask(SIG_BLOCK, nullptr, &held);
    is_caller[i] = std::this_thread::get_id() == caller;
    holds[i] = sigismember(&held, SIGTERM) + sigismember(&held, SIGUSR1);
  });

  ASSERT_NE(is_caller[0], is_caller[1]) << "no worker came: the test shows nothing";
  EXPECT_EQ(holds[is_caller[0] ? 0 : 1], 0);
  EXPECT_EQ(holds[is_caller[0] ? 1 : 0], 2);
}

TEST(ConcurrencyLimit, ZeroMeansWhatThisRankMayUse) {
  setenv("ROVE_THREADS", "3", 1);
  {
    EXPECT_EQ((ConcurrencyLimit(0), concurrency()), 3U);
  }
  setenv("ROVE_THREADS", "none", 1);
  EXPECT_THROW(ConcurrencyLimit(0), ConfigError);
  unsetenv("ROVE_THREADS");
  setenv("SLURM_CPUS_PER_TASK", "2", 1);
  {
    EXPECT_EQ((ConcurrencyLimit(0), concurrency()), 2U);
  }
  unsetenv("SLURM_CPUS_PER_TASK");
  const ConcurrencyLimit limit(0);
  EXPECT_GE(concurrency(), 1U);
}

}  // namespace
}  // namespace rove::parallel
