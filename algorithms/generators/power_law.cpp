// SPDX-License-Identifier: Apache-2.0
#include "algorithms/generators/power_law.hpp"

#include <algorithm>
#include <cmath>

#include "engine/base/math.hpp"
#include "engine/base/random.hpp"

namespace rove::algorithms {
namespace {

/// e^t - 1 without cancellation near 0.
double exp_minus_one(double t) {
  if (t < -1.0 || t > 1.0) return math::exp(t) - 1.0;
  const double half = math::tanh(t / 2.0);
  return 2.0 * half / (1.0 - half);
}

}  // namespace

PowerLaw::PowerLaw(std::uint64_t n, double exponent) : n_(n), exponent_(exponent) {
  for (std::uint64_t rank = 1; rank <= kTable; ++rank) first_sums_[rank] = first_sums_[rank - 1] + weight(rank);
  constant_ = first_sums_[kTable] - expansion(static_cast<double>(kTable));
  total_ = sum(n_);
  low_ = integral(1.5) - 1.0;
  high_ = integral(static_cast<double>(n_) + 0.5);
  shortcut_ = 2.0 - inverse_integral(integral(2.5) - weight(2));
}

double PowerLaw::weight(std::uint64_t rank) const {
  return math::pow(static_cast<double>(rank), -exponent_);
}

double PowerLaw::sum(std::uint64_t rank) const {
  return rank <= kTable ? first_sums_[rank] : constant_ + expansion(static_cast<double>(rank));
}

std::optional<std::uint64_t> PowerLaw::select(std::uint64_t draw) const {
  const double y = high_ + to_unit(draw) * (low_ - high_);
  const double x = inverse_integral(y);
  const double nearest = std::clamp(std::floor(x + 0.5), 1.0, static_cast<double>(n_));
  const auto rank = static_cast<std::uint64_t>(nearest);
  if (nearest - x <= shortcut_ || y >= integral(nearest + 0.5) - weight(rank)) return rank;
  return std::nullopt;
}

/// Integral of t^-exponent from 1 to x.
double PowerLaw::integral(double x) const {
  const double power = 1.0 - exponent_;
  return power == 0.0 ? math::log(x) : exp_minus_one(power * math::log(x)) / power;
}

double PowerLaw::inverse_integral(double y) const {
  const double power = 1.0 - exponent_;
  return math::exp(power == 0.0 ? y : math::log1p(std::max(power * y, -1.0)) / power);
}

/// The sum up to x, less a constant, to the fourth term.
double PowerLaw::expansion(double x) const {
  const double weight = math::pow(x, -exponent_);
  const double a = exponent_;
  return integral(x) + weight / 2.0 - a * weight / (12.0 * x) +
         a * (a + 1.0) * (a + 2.0) * weight / (720.0 * x * x * x);
}

}  // namespace rove::algorithms
