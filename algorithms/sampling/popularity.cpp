// SPDX-License-Identifier: Apache-2.0
#include "algorithms/sampling/popularity.hpp"

#include <algorithm>
#include <utility>

#include "engine/base/math.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::algorithms {

std::uint64_t popularity_weight(std::uint64_t interactions) {
  constexpr double kUnits = 65536;
  return static_cast<std::uint64_t>(kUnits * math::pow(static_cast<double>(interactions), 0.75));
}

CumulativeWeights::CumulativeWeights(std::vector<std::uint64_t> weights) : before_(std::move(weights)) {
  const std::uint64_t total = parallel::exclusive_prefix_sum(before_);
  before_.push_back(total);
}

std::uint64_t CumulativeWeights::find(std::uint64_t point) const {
  const auto after = std::upper_bound(before_.begin(), before_.end(), point);
  return static_cast<std::uint64_t>(after - before_.begin()) - 1;
}

}  // namespace rove::algorithms
