// SPDX-License-Identifier: Apache-2.0
#include "gnn/metrics.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/exact_sum.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/metrics/user_metrics.hpp"
#include "gnn/retrieval.hpp"
#include "gnn/scorer.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kMetricsGrain = 256;

}  // namespace

bool operator==(const Evaluation& a, const Evaluation& b) {
  const auto same = [](const RankingMetrics& x, const RankingMetrics& y) {
    return x.cutoff == y.cutoff && x.recall == y.recall && x.ndcg == y.ndcg && x.precision == y.precision &&
           x.hit_rate == y.hit_rate && x.mrr == y.mrr && x.map == y.map;
  };
  return a.num_users == b.num_users && std::equal(a.at.begin(), a.at.end(), b.at.begin(), b.at.end(), same);
}

TestItems test_items_of_owners(const comm::Communicator& comm, const Interactions& interactions,
                               std::span<const std::uint64_t> offsets, std::span<const std::uint32_t> targets) {
  comm.agree([&] {
    for (const std::uint32_t target : targets) {
      if (target < interactions.num_items()) continue;
      throw InputError(
          fmt::format("test interaction with item row {}, but there are {} items", target, interactions.num_items()));
    }
  });
  const graph::HomeExchange& home = interactions.graph().home(interactions.user_type());
  TestItems moved = home.to_owners<std::uint32_t>(comm, offsets, targets);
  TestItems distinct;
  for (std::size_t user = 0; user + 1 < moved.offsets.size(); ++user) {
    const auto begin = moved.values.begin() + static_cast<std::ptrdiff_t>(moved.offsets[user]);
    const auto end = moved.values.begin() + static_cast<std::ptrdiff_t>(moved.offsets[user + 1]);
    std::sort(begin, end);
    distinct.values.insert(distinct.values.end(), begin, std::unique(begin, end));
    distinct.offsets.push_back(distinct.values.size());
  }
  return distinct;
}

Evaluation measure(const comm::Communicator& comm, const graph::NeighborLists& lists, const TestItems& test,
                   std::span<const std::uint32_t> cutoffs) {
  const std::uint32_t longest = cutoffs.empty() ? 0 : *std::max_element(cutoffs.begin(), cutoffs.end());
  const UserMeasure measure_user(most_counted(longest, {lists.offsets, test.offsets}));
  using Sums = std::vector<std::array<ExactSum, kNumRankingMetrics>>;
  parallel::PerThread<Sums> partial{Sums(cutoffs.size())};
  parallel::for_chunks({0, lists.num_rows()}, kMetricsGrain, [&](IndexRange users) {
    Sums& sums = partial.local();
    for (std::uint64_t user = users.begin; user < users.end; ++user) {
      const auto wanted =
          std::span(test.values).subspan(test.offsets[user], test.offsets[user + 1] - test.offsets[user]);
      if (wanted.empty()) continue;
      for (std::size_t c = 0; c < cutoffs.size(); ++c) {
        const auto values = measure_user(lists.targets_of(user), wanted, cutoffs[c]);
        for (std::size_t m = 0; m < kNumRankingMetrics; ++m) {
          if (values[m] != 0.0) sums[c][m].add(values[m]);
        }
      }
    }
  });
  Sums sums(cutoffs.size());
  partial.for_each([&](const Sums& mine) {
    for (std::size_t c = 0; c < cutoffs.size(); ++c) {
      for (std::size_t m = 0; m < kNumRankingMetrics; ++m) sums[c][m].merge(mine[c][m]);
    }
  });
  std::uint64_t users = 0;
  for (std::size_t user = 0; user < lists.num_rows(); ++user)
    users += test.offsets[user + 1] > test.offsets[user] ? 1U : 0U;

  Evaluation result;
  result.num_users = comm.all_reduce(users, comm::ReduceOp::kSum);
  for (std::size_t c = 0; c < cutoffs.size(); ++c) {
    std::array<double, kNumRankingMetrics> mean{};
    for (std::size_t m = 0; m < kNumRankingMetrics; ++m) {
      const double sum = comm.all_reduce(sums[c][m]).value();
      mean[m] = result.num_users == 0 ? 0.0 : sum / static_cast<double>(result.num_users);
    }
    result.at.push_back({cutoffs[c], mean[0], mean[1], mean[2], mean[3], mean[4], mean[5]});
  }
  return result;
}

Evaluation evaluate(const comm::Communicator& comm, const Interactions& interactions, const EmbeddingTable& embeddings,
                    const TestItems& test, std::span<const std::uint32_t> cutoffs) {
  RetrievalOptions options;
  options.top_k = cutoffs.empty() ? 0 : *std::max_element(cutoffs.begin(), cutoffs.end());
  const auto has_test = [&](std::uint64_t user) { return test.offsets[user + 1] > test.offsets[user]; };
  return measure(comm, top_items(comm, interactions, embeddings, options, has_test), test, cutoffs);
}

Evaluation evaluate(const comm::Communicator& comm, const Interactions& interactions, const Scorer& scorer,
                    const TestItems& test, std::span<const std::uint32_t> cutoffs) {
  RetrievalOptions options;
  options.top_k = cutoffs.empty() ? 0 : *std::max_element(cutoffs.begin(), cutoffs.end());
  const auto has_test = [&](std::uint64_t user) { return test.offsets[user + 1] > test.offsets[user]; };
  return measure(comm, scorer.top_items(comm, interactions, options, has_test), test, cutoffs);
}

}  // namespace rove::gnn
