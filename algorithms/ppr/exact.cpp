// SPDX-License-Identifier: Apache-2.0
#include "algorithms/ppr/exact.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/huge_buffer.hpp"
#include "engine/base/math.hpp"

namespace rove::algorithms {

namespace {

/// The acceleration parameters of Chebyshev's semi-iteration for a spectrum in [-radius, radius].
class ChebyshevWeights {
 public:
  explicit ChebyshevWeights(double radius) : square_(radius * radius) {}
  /// 1, 2 / (2 - r^2), then 1 / (1 - r^2 w / 4).
  double next() {
    weight_ = step_ == 0 ? 1.0 : step_ == 1 ? 2.0 / (2.0 - square_) : 1.0 / (1.0 - square_ * weight_ / 4.0);
    ++step_;
    return weight_;
  }

 private:
  double square_;
  double weight_ = 1.0;
  std::uint32_t step_ = 0;
};

/// Sum over a row in four chains of additions, which do not wait for each other.
template <class Term>
double row_sum(std::uint64_t count, const Term& term) {
  std::array<double, 4> sums{};
  std::uint64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    for (std::size_t lane = 0; lane < 4; ++lane) sums[lane] += term(i + lane);
  }
  for (; i < count; ++i) sums[i % 4] += term(i);
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/// Whether each vertex is on the left of a bipartite graph; all are where it is none. Empty rows are on the left.
std::vector<bool> left_side(const SlotLists& graph, std::uint32_t num_vertices) {
  constexpr std::uint8_t kUnknown = 2;
  std::vector<std::uint8_t> side(num_vertices, kUnknown);
  std::vector<std::uint32_t> queue;
  std::vector<std::uint32_t> slots;
  for (std::uint32_t start = 0; start < num_vertices; ++start) {
    if (side[start] != kUnknown) continue;
    side[start] = 0;
    queue.assign(1, start);
    while (!queue.empty()) {
      const std::uint32_t vertex = queue.back();
      queue.pop_back();
      slots.clear();
      graph.append_slots(vertex, slots);
      for (const std::uint32_t neighbor : slots) {
        if (side[neighbor] == side[vertex]) return std::vector<bool>(num_vertices, true);
        if (side[neighbor] != kUnknown) continue;
        side[neighbor] = static_cast<std::uint8_t>(1 - side[vertex]);
        queue.push_back(neighbor);
      }
    }
  }
  std::vector<bool> left(num_vertices);
  for (std::uint32_t v = 0; v < num_vertices; ++v) left[v] = side[v] == 0;
  return left;
}

}  // namespace

ExactPpr::ExactPpr(const SlotLists& graph, std::uint32_t num_vertices, bool is_symmetric, double restart)
    : restart_(restart), is_symmetric_(is_symmetric), position_(num_vertices) {
  if (!(restart > 0.0 && restart < 1.0)) {
    throw ConfigError(fmt::format("the restart probability is {}, expected above 0 and below 1", restart));
  }
  const std::vector<bool> left = is_symmetric ? left_side(graph, num_vertices) : std::vector<bool>(num_vertices, true);
  struct Ranked {
    bool is_left;
    std::uint64_t degree;
    std::uint32_t vertex;
  };
  std::vector<Ranked> ranked(num_vertices);
  std::uint64_t num_slots = 0;
  for (std::uint32_t v = 0; v < num_vertices; ++v) {
    ranked[v] = {left[v], graph.degree(v), v};
    num_slots += ranked[v].degree;
  }
  // Rows of equal length follow each other (their loops are predicted), and the values read most often lie together.
  std::sort(ranked.begin(), ranked.end(), [](const Ranked& a, const Ranked& b) {
    if (a.is_left != b.is_left) return a.is_left;
    return a.degree != b.degree ? a.degree > b.degree : a.vertex < b.vertex;
  });
  for (const Ranked& row : ranked) {
    position_[row.vertex] = static_cast<std::uint32_t>(order_.size());
    order_.push_back(row.vertex);
  }
  num_left_ = static_cast<std::uint64_t>(std::count(left.begin(), left.end(), true));
  offsets_.reserve(order_.size() + 1);
  offsets_.push_back(0);
  targets_.reserve(num_slots);
  if (graph.has_weights()) weights_.reserve(num_slots);
  strengths_.reserve(order_.size());
  for (const std::uint32_t vertex : order_) {
    const std::uint64_t begin = offsets_.back();
    if (graph.degree(vertex) > 0) {
      graph.append_slots(vertex, targets_);
      if (graph.has_weights()) graph.append_weights(vertex, weights_);
    }
    for (std::uint64_t i = begin; i < targets_.size(); ++i) targets_[i] = position_[targets_[i]];
    offsets_.push_back(targets_.size());
    strengths_.push_back(
        weights_.empty() ? static_cast<double>(targets_.size() - begin)
                         : std::accumulate(weights_.begin() + static_cast<std::ptrdiff_t>(begin), weights_.end(), 0.0));
  }
}

double ExactPpr::pulled(std::uint64_t position, const double* values) const {
  const std::uint64_t begin = offsets_[position];
  const std::uint64_t count = offsets_[position + 1] - begin;
  const std::uint32_t* const targets = targets_.data() + begin;
  if (weights_.empty()) return row_sum(count, [&](std::uint64_t i) { return values[targets[i]]; });
  const float* const weights = weights_.data() + begin;
  return row_sum(count, [&](std::uint64_t i) { return static_cast<double>(weights[i]) * values[targets[i]]; });
}

ExactPpr::Scores ExactPpr::solve(std::span<const WeightedSeed> seeds, double tolerance) const {
  if (!(tolerance >= 1e-13 && tolerance < 1.0)) {
    throw ConfigError(fmt::format("the tolerance is {}, expected from 1e-13 to 1", tolerance));
  }
  double total = 0.0;
  bool is_cold = true;
  for (const WeightedSeed& seed : seeds) {
    const std::uint32_t p = position_.at(seed.vertex);
    is_cold = is_cold && strengths_[p] == 0.0;
    total += seed.weight;
  }
  if (is_cold) return {};
  return is_symmetric_ ? solve_symmetric(seeds, total, tolerance) : solve_by_push(seeds, total, tolerance);
}

// y = pi D^-1 solves y = (1-c) D^-1 A y + b with b = c e_s / d_s: rows are pulled, and D^-1 A is self-adjoint in the
// inner product of the strengths.
ExactPpr::Scores ExactPpr::solve_symmetric(std::span<const WeightedSeed> seeds, double total, double tolerance) const {
  const std::uint64_t n = order_.size();
  const double moves_on = 1.0 - restart_;
  std::vector<double> start(n);
  double isolated = 0.0;  // an isolated vertex loses what moves on (D3)
  for (const WeightedSeed& seed : seeds) {
    const std::uint32_t p = position_[seed.vertex];
    if (strengths_[p] == 0.0) {
      isolated += seed.weight / total;
    } else {
      start[p] += restart_ * (seed.weight / total) / strengths_[p];
    }
  }
  HugeBuffer<double> first(n);
  HugeBuffer<double> second(is_bipartite() ? 0 : n);
  // One update of some rows: new = old + weight * (M values + b - old). Returns the L1 norms, in terms of pi, of
  // M values + b - old and of M values + b - values.
  const auto update = [&](IndexRange positions, const double* values, double* old_and_new, double weight) {
    std::array<double, 2> norms{};
    for (std::uint64_t p = positions.begin; p < positions.end; ++p) {
      const double strength = strengths_[p];
      if (strength == 0.0) continue;
      const double next = moves_on / strength * pulled(p, values) + start[p];
      const double change = next - old_and_new[p];
      norms[0] += strength * std::abs(change);
      norms[1] += strength * std::abs(next - values[p]);
      old_and_new[p] += weight * change;
    }
    return norms;
  };

  Scores result;
  ChebyshevWeights weights(moves_on);
  const double* solution = first.data();
  double residual = 1.0;
  std::uint32_t updates = 0;
  // Rounding ends progress somewhere near 1e-16 of the mass per vertex; this many steps reach 1e-16 from any start.
  constexpr std::uint32_t kMaxUpdates = 20'000;
  if (is_bipartite()) {
    const std::array<IndexRange, 2> sides{IndexRange{0, num_left_}, IndexRange{num_left_, n}};
    std::array<double, 2> change{1.0, 1.0};  // of each side's last update, before it was weighted
    std::array<double, 2> weight{};
    while (residual > tolerance * restart_ && updates < kMaxUpdates) {
      const std::size_t side = updates % 2;
      weight[side] = weights.next();
      change[side] = update(sides[side], first.data(), first.data(), weight[side])[0];
      // What is left of this side's equations, what this update does to the other's, and what was left of those.
      residual = std::abs(1.0 - weight[side]) * change[side] + weight[side] * moves_on * change[side] +
                 std::abs(1.0 - weight[1 - side]) * change[1 - side];
      if (updates == 0) residual = 1.0;
      ++updates;
    }
    result.rounds = (updates + 1) / 2;
  } else {
    std::array<double*, 2> vectors{first.data(), second.data()};
    while (residual > tolerance * restart_ && updates < kMaxUpdates) {
      solution = vectors[0];
      residual = update({0, n}, vectors[0], vectors[1], weights.next())[1];
      std::swap(vectors[0], vectors[1]);
      ++updates;
    }
    result.rounds = updates;
  }
  const double mass = 1.0 - moves_on * isolated;
  result.error = residual / restart_ / mass;
  result.values.resize(n);
  for (std::uint64_t p = 0; p < n; ++p) {
    result.values[order_[p]] = strengths_[p] * solution[p] / mass;
  }
  for (const WeightedSeed& seed : seeds) {
    const std::uint32_t p = position_[seed.vertex];
    if (strengths_[p] == 0.0) result.values[seed.vertex] += restart_ * (seed.weight / total) / mass;
  }
  return result;
}

ExactPpr::Scores ExactPpr::solve_by_push(std::span<const WeightedSeed> seeds, double total, double tolerance) const {
  constexpr int kEpochs = 8;
  const std::uint64_t n = order_.size();
  std::vector<double> reserve(n);
  HugeBuffer<double> residue(n);
  for (const WeightedSeed& seed : seeds) residue[position_[seed.vertex]] += seed.weight / total;
  Scores result;
  double remaining = 1.0;
  const double slots = std::max(1.0, static_cast<double>(targets_.size() + n));
  for (int epoch = 1; epoch <= kEpochs; ++epoch) {
    // The mass that is lost divides the result, so what remains must be small beside what is kept: at least c.
    const double target = math::exp(math::log(tolerance * restart_) * (static_cast<double>(epoch) / kEpochs));
    while (remaining > target) {
      for (std::uint64_t p = 0; p < n; ++p) {
        const std::uint64_t degree = offsets_[p + 1] - offsets_[p];
        const double mass = residue[p];
        if (mass <= static_cast<double>(degree + 1) * target / (2.0 * slots)) continue;
        residue[p] = 0.0;
        reserve[p] += restart_ * mass;
        const double moving = (1.0 - restart_) * mass;
        if (strengths_[p] == 0.0) continue;  // lost
        const double share = moving / strengths_[p];
        for (std::uint64_t i = offsets_[p]; i < offsets_[p + 1]; ++i) {
          residue[targets_[i]] += weights_.empty() ? share : share * static_cast<double>(weights_[i]);
        }
      }
      ++result.rounds;
      remaining = 0.0;
      for (std::uint64_t p = 0; p < n; ++p) remaining += residue[p];
    }
  }
  double mass = 0.0;
  for (std::uint64_t p = 0; p < n; ++p) {
    reserve[p] += restart_ * residue[p];
    mass += reserve[p];
  }
  // Division by a mass that is short of at most what moves on changes the scores by as much again.
  result.error = 2.0 * (1.0 - restart_) * remaining / mass;
  result.values.resize(n);
  for (std::uint64_t p = 0; p < n; ++p) result.values[order_[p]] = reserve[p] / mass;
  return result;
}

namespace {

using Columns = std::array<float, ExactPpr::kColumns>;

/// Steps after which the L1 error of a source of this degree is at most `tolerance` for certain: the error shrinks by
/// 1 / T_k(1 / radius) in the norm of the degrees, from 1 / sqrt(degree), and L1 is at most sqrt(slots) times that
/// norm.
std::uint32_t certain_steps(double radius, double slots, double degree, double tolerance) {
  const double rate = (1.0 + std::sqrt(1.0 - radius * radius)) / radius;
  return static_cast<std::uint32_t>(
      std::ceil(math::log(2.0 * std::sqrt(slots / degree) / tolerance) / math::log(rate)));
}

}  // namespace

void ExactPpr::solve_columns(
    std::span<const std::uint32_t> sources, double tolerance,
    const std::function<void(std::uint32_t vertex, std::span<const float, kColumns> values)>& visit) const {
  if (!is_symmetric_ || !weights_.empty()) {
    throw ConfigError("columns of exact scores need edges that are walked both ways, without weights");
  }
  if (sources.size() > kColumns || !(tolerance >= 1e-5 && tolerance < 1.0)) {
    throw ConfigError(fmt::format("{} columns with tolerance {}, expected at most {} and from 1e-5 to 1",
                                  sources.size(), tolerance, kColumns));
  }
  const std::uint64_t n = order_.size();
  const auto moves_on = static_cast<float>(1.0 - restart_);
  std::vector<std::uint8_t> is_source(n);
  std::uint32_t steps = 0;
  for (const std::uint32_t source : sources) {
    const std::uint32_t p = position_.at(source);
    const auto degree = static_cast<double>(offsets_[p + 1] - offsets_[p]);
    if (degree == 0.0) continue;
    is_source[p] = 1;
    steps = std::max(steps, certain_steps(1.0 - restart_, static_cast<double>(targets_.size()), degree, tolerance));
  }
  HugeBuffer<Columns> first(n);
  HugeBuffer<Columns> second(is_bipartite() ? 0 : n);
  const auto update = [&](IndexRange positions, const Columns* values, Columns* old_and_new, float weight) {
    for (std::uint64_t p = positions.begin; p < positions.end; ++p) {
      const std::uint64_t degree = offsets_[p + 1] - offsets_[p];
      if (degree == 0) continue;
      Columns sum{};
      for (std::uint64_t i = offsets_[p]; i < offsets_[p + 1]; ++i) {
        const Columns& value = values[targets_[i]];
        for (std::size_t column = 0; column < kColumns; ++column) sum[column] += value[column];
      }
      const float share = moves_on / static_cast<float>(degree);
      for (float& value : sum) value *= share;
      if (is_source[p] != 0) {
        for (std::size_t column = 0; column < sources.size(); ++column) {
          if (position_[sources[column]] == p) {
            sum[column] += static_cast<float>(restart_ / static_cast<double>(degree));
          }
        }
      }
      Columns& row = old_and_new[p];
      for (std::size_t column = 0; column < kColumns; ++column) row[column] += weight * (sum[column] - row[column]);
    }
  };
  ChebyshevWeights weights(1.0 - restart_);
  const Columns* solution = first.data();
  if (is_bipartite()) {
    for (std::uint32_t step = 0; step <= steps; ++step) {
      const IndexRange side = step % 2 == 0 ? IndexRange{0, num_left_} : IndexRange{num_left_, n};
      update(side, first.data(), first.data(), static_cast<float>(weights.next()));
    }
  } else {
    std::array<Columns*, 2> vectors{first.data(), second.data()};
    for (std::uint32_t step = 0; step < steps; ++step) {
      update({0, n}, vectors[0], vectors[1], static_cast<float>(weights.next()));
      std::swap(vectors[0], vectors[1]);
    }
    solution = vectors[0];
  }
  for (std::uint64_t p = 0; p < n; ++p) {
    Columns scores;
    const auto degree = static_cast<float>(offsets_[p + 1] - offsets_[p]);
    for (std::size_t column = 0; column < kColumns; ++column) scores[column] = degree * solution[p][column];
    visit(order_[p], scores);
  }
}

}  // namespace rove::algorithms
