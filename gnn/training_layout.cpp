// SPDX-License-Identifier: Apache-2.0
#include "gnn/training_layout.hpp"

#include <algorithm>
#include <cmath>

#include "engine/exec/propagation.hpp"

namespace rove::gnn {
namespace {

constexpr double kFloat = sizeof(float);
/// Adam reads and writes a parameter and its moments, and reads the gradient.
constexpr double kOptimiserFloats = 7;

/// Rows on one rank that a core's own cache does not hold anyway.
constexpr double kWorthClusters = 4U << 20U;

double distinct(double choices, double draws) {
  return choices > 0 ? choices * -std::expm1(draws * std::log1p(-1 / std::max(choices, 1.0 + 1e-9))) : 0;
}

}  // namespace

double StepCost::seconds(const StepFacts& facts, const StepMachine& machine) const {
  return row_bytes / (machine.row_bytes_per_second * facts.threads) + wire_bytes / machine.wire_bytes_per_second +
         exchanges * machine.seconds_per_exchange;
}

double expected_active_rows(const StepFacts& facts) {
  const auto batch = static_cast<double>(facts.batch_size);
  return distinct(static_cast<double>(facts.users), batch) + distinct(static_cast<double>(facts.items), 2 * batch);
}

double loss_bytes(const StepFacts& facts) {
  const double ranks = facts.ranks;
  const double remote_items = 2 * static_cast<double>(facts.batch_size) / ranks * (1 - 1 / ranks);
  return remote_items * kFloat * (2.0 * exec::padded_width(facts.dim) + 1);
}

StepCost step_cost(TrainLayout layout, const StepShape& shape, const StepFacts& facts) {
  const double ranks = facts.ranks;
  const auto vertices = static_cast<double>(facts.users + facts.items);
  const double pulls = shape.hops * 2.0 * static_cast<double>(facts.interactions);
  const double whole = exec::padded_width(facts.dim) * kFloat;
  const double stored = shape.storage == StateStorage::kBFloat16 ? 0.5 : 1.0;
  const double active = expected_active_rows(facts);
  StepCost cost;
  if (layout == TrainLayout::kPartitioned) {
    cost.row_bytes = (pulls * (whole * stored + kFloat) + vertices * kOptimiserFloats * whole) / ranks;
    const double halos = shape.hops - shape.backward * (1 - active / std::max(vertices, 1.0));
    cost.wire_bytes = halos * static_cast<double>(facts.halo_rows) * whole * stored;
    cost.exchanges = 2.0 * shape.hops;
    return cost;
  }
  const double part = static_cast<double>(columns_of(Rank{0}, facts.ranks, facts.dim).size()) * kFloat;
  constexpr double kSharedRow = 8;
  cost.row_bytes = pulls * (part * stored + kFloat) + vertices * kOptimiserFloats * part;
  cost.wire_bytes = shape.moves_out * active * (1 - 1 / ranks) * part +
                    shape.moves_back * active / ranks * (whole - part) + active / ranks * (ranks - 1) * kSharedRow;
  cost.exchanges = shape.moves_out + shape.moves_back;
  return cost;
}

TrainLayout faster_layout(const StepShape& shape, const StepFacts& facts, const StepMachine& machine) {
  if (facts.ranks == 1) {
    const double rows = static_cast<double>(facts.users + facts.items) * exec::padded_width(facts.dim) * kFloat;
    return shape.hops > 0 && rows > kWorthClusters ? TrainLayout::kColumns : TrainLayout::kPartitioned;
  }
  const double columns = step_cost(TrainLayout::kColumns, shape, facts).seconds(facts, machine);
  const double partitioned = step_cost(TrainLayout::kPartitioned, shape, facts).seconds(facts, machine);
  return columns < partitioned ? TrainLayout::kColumns : TrainLayout::kPartitioned;
}

}  // namespace rove::gnn
