// SPDX-License-Identifier: Apache-2.0
#include "gnn/adam.hpp"

#include <cmath>

namespace rove::gnn {
namespace {

/// base^exponent by repeated squaring: the same roundings on every machine.
double integer_power(double base, std::uint64_t exponent) {
  double power = 1.0;
  for (; exponent > 0; exponent /= 2) {
    if (exponent % 2 == 1) power *= base;
    base *= base;
  }
  return power;
}

}  // namespace

Adam::Adam(const AdamOptions& options, const EmbeddingTable& table)
    : options_(options), first_(table.values().size()), second_(table.values().size()) {}

detail::AdamRows Adam::begin_step(EmbeddingTable& table) {
  ++steps_;
  detail::AdamRows rows;
  rows.width = table.width();
  rows.parameters = table.values().data();
  rows.first_moments = first_.data();
  rows.second_moments = second_.data();
  rows.beta1 = static_cast<float>(options_.beta1);
  rows.one_minus_beta1 = static_cast<float>(1.0 - options_.beta1);
  rows.beta2 = static_cast<float>(options_.beta2);
  rows.one_minus_beta2 = static_cast<float>(1.0 - options_.beta2);
  rows.step_size = static_cast<float>(options_.learning_rate / (1.0 - integer_power(options_.beta1, steps_)));
  rows.root_correction = static_cast<float>(std::sqrt(1.0 - integer_power(options_.beta2, steps_)));
  rows.epsilon = static_cast<float>(options_.epsilon);
  rows.weight_decay = static_cast<float>(options_.weight_decay);
  return rows;
}

}  // namespace rove::gnn
