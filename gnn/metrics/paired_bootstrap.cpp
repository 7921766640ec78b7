// SPDX-License-Identifier: Apache-2.0
#include "gnn/metrics/paired_bootstrap.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/random.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/metrics/user_metrics.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kPairedBootstrapGrain = 512;
constexpr double kUnit = 0x1.0p-30;

/// A 32-bit draw below the j-th bound means a weight of at most j: the distribution function of Poisson(1), which
/// reaches 2^32 at the last one.
constexpr auto kPoissonBounds = [] {
  std::array<std::uint64_t, 13> bounds{};
  double probability = 0.36787944117144233;
  double sum = 0;
  for (std::size_t j = 0; j < bounds.size(); ++j) {
    sum += probability;
    bounds[j] = static_cast<std::uint64_t>(sum * 0x1.0p32);
    probability /= static_cast<double>(j + 1);
  }
  bounds.back() = std::uint64_t{1} << 32U;
  return bounds;
}();

std::int64_t poisson(std::uint32_t draw) {
  std::int64_t weight = 0;
  while (draw >= kPoissonBounds[static_cast<std::size_t>(weight)]) ++weight;
  return weight;
}

/// Sums over the users of weight x difference, `width` per resample, and of the weights after them.
class ResampledSums {
 public:
  ResampledSums(std::uint32_t samples, std::size_t width) : width_(width), sums_(samples * (width + 1)) {}

  void add(const RandomStream& random, std::uint64_t user_key, std::span<const std::int64_t> differences) {
    const std::size_t samples = sums_.size() / (width_ + 1);
    RandomBlock block{};
    for (std::size_t s = 0; s < samples; ++s) {
      if (s % block.size() == 0) block = random.block(user_key, static_cast<std::uint32_t>(s / block.size()), 0);
      const std::int64_t weight = poisson(block[s % block.size()]);
      if (weight == 0) continue;
      std::int64_t* const sums = sums_.data() + s * (width_ + 1);
      for (std::size_t m = 0; m < width_; ++m) sums[m] += weight * differences[m];
      sums[width_] += weight;
    }
  }
  void merge(const ResampledSums& other) {
    for (std::size_t i = 0; i < sums_.size(); ++i) sums_[i] += other.sums_[i];
  }
  void all_reduce(const comm::Communicator& comm) { comm.all_reduce(std::span(sums_), comm::ReduceOp::kSum); }

  /// The mean difference of every resample, ascending; a resample without users has none and counts as 0.
  [[nodiscard]] std::vector<double> sorted_means(std::size_t metric) const {
    std::vector<double> means;
    for (std::size_t at = 0; at < sums_.size(); at += width_ + 1) {
      const auto weight = static_cast<double>(sums_[at + width_]);
      means.push_back(weight == 0 ? 0.0 : static_cast<double>(sums_[at + metric]) * kUnit / weight);
    }
    std::ranges::sort(means);
    return means;
  }

 private:
  std::size_t width_;
  std::vector<std::int64_t> sums_;
};

double value_of(const RankingMetrics& metrics, std::size_t metric) {
  return std::array{
      metrics.recall, metrics.ndcg, metrics.precision, metrics.hit_rate, metrics.mrr, metrics.map}[metric];
}

/// Twice the share of resamples on the other side of zero; never 0, for a finite number of resamples cannot show that.
double two_sided_p(std::span<const double> sorted) {
  const auto up_to_zero = static_cast<double>(std::ranges::upper_bound(sorted, 0.0) - sorted.begin());
  const auto from_zero = static_cast<double>(sorted.end() - std::ranges::lower_bound(sorted, 0.0));
  return std::min(1.0, 2.0 * (std::min(up_to_zero, from_zero) + 1.0) / (static_cast<double>(sorted.size()) + 1.0));
}

}  // namespace

std::vector<MetricDifference> paired_bootstrap(const comm::Communicator& comm, const Interactions& interactions,
                                               const graph::NeighborLists& first, const graph::NeighborLists& second,
                                               const TestItems& test, std::span<const std::uint32_t> cutoffs,
                                               const BootstrapOptions& options) {
  comm.agree([&] {
    if (options.samples == 0) throw ConfigError("the paired bootstrap needs at least 1 resample, found 0");
    if (options.confidence > 0 && options.confidence < 1) return;
    throw ConfigError(fmt::format("the confidence is {}, expected between 0 and 1", options.confidence));
  });
  const Evaluation of_first = measure(comm, first, test, cutoffs);
  const Evaluation of_second = measure(comm, second, test, cutoffs);
  const std::size_t width = cutoffs.size() * kNumRankingMetrics;
  const std::uint32_t longest = cutoffs.empty() ? 0 : *std::ranges::max_element(cutoffs);
  const UserMeasure measure_user(most_counted(longest, {first.offsets, second.offsets, test.offsets}));
  const RandomStream random(options.seed, Purpose::kBootstrap);
  const auto keys = interactions.graph().owned_keys().subspan(interactions.owned_users().begin);

  parallel::PerThread<ResampledSums> partial{ResampledSums(options.samples, width)};
  parallel::for_chunks({0, first.num_rows()}, kPairedBootstrapGrain, [&](IndexRange users) {
    ResampledSums& sums = partial.local();
    std::vector<std::int64_t> differences(width);
    for (std::uint64_t user = users.begin; user < users.end; ++user) {
      const auto wanted =
          std::span(test.values).subspan(test.offsets[user], test.offsets[user + 1] - test.offsets[user]);
      if (wanted.empty()) continue;
      for (std::size_t c = 0; c < cutoffs.size(); ++c) {
        const UserMetrics a = measure_user(first.targets_of(user), wanted, cutoffs[c]);
        const UserMetrics b = measure_user(second.targets_of(user), wanted, cutoffs[c]);
        for (std::size_t m = 0; m < kNumRankingMetrics; ++m) {
          differences[c * kNumRankingMetrics + m] = static_cast<std::int64_t>(std::floor((a[m] - b[m]) / kUnit + 0.5));
        }
      }
      sums.add(random, keys[user].value(), differences);
    }
  });
  ResampledSums sums(options.samples, width);
  partial.for_each([&](const ResampledSums& mine) { sums.merge(mine); });
  sums.all_reduce(comm);

  const auto outside = static_cast<std::size_t>((1.0 - options.confidence) / 2.0 * options.samples);
  std::vector<MetricDifference> result;
  for (std::size_t c = 0; c < cutoffs.size(); ++c) {
    for (std::size_t m = 0; m < kNumRankingMetrics; ++m) {
      const std::vector<double> means = sums.sorted_means(c * kNumRankingMetrics + m);
      const double a = value_of(of_first.at[c], m);
      const double b = value_of(of_second.at[c], m);
      result.push_back({kRankingMetricNames[m], cutoffs[c], a, b, a - b, means[outside],
                        means[means.size() - 1 - outside], two_sided_p(means)});
    }
  }
  return result;
}

}  // namespace rove::gnn
