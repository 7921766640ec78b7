// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/base/random.hpp"
#include "engine/exec/walk_graph.hpp"
#include "engine/graph/graph_blocks.hpp"

/// The slow twin of the composed walk policies (engine/exec/walk_policies.hpp): one walk after the other over lists of
/// slots, every candidate drawn and judged as the definitions say; and the exact probabilities of each next vertex, by
/// summing weights instead of drawing.
namespace rove::tests {

struct PolicySlot {
  std::uint32_t target = 0;
  double weight = 1.0;
  std::int64_t time = 0;
};

struct PolicySpec {
  std::vector<exec::WalkLink> links;  ///< empty: one list, of `edges`
  exec::EdgeSelection edges{exec::Direction::kBoth, {}};
  std::vector<std::uint32_t> pattern;  ///< meta-path over the links
  std::vector<double> mixture;         ///< coefficients of the links
  exec::SlotSampling sampling = exec::SlotSampling::kUniform;
  bool by_time = false;
  std::optional<std::pair<double, double>> second_order;  ///< p, q
  std::vector<std::uint8_t> features;                     ///< by stable id
  std::vector<double> factors;
  double stop = 0.0;
  std::uint32_t max_moves = 0xFFFFFFFFU;
  std::uint32_t first_toss = 0;
  std::uint32_t period = 1;
};

class SerialPolicyWalker {
 public:
  SerialPolicyWalker(const graph::GraphBlocks& whole, PolicySpec spec) : spec_(std::move(spec)) {
    const graph::Schema& schema = whole.schema;
    const std::size_t lists = std::max<std::size_t>(1, spec_.links.size());
    slots_.assign(schema.num_vertices(), std::vector<std::vector<PolicySlot>>(lists));
    for (const auto& keys : whole.keys) keys_.insert(keys_.end(), keys.begin(), keys.end());
    std::vector<std::pair<VertexTypeId, VertexTypeId>> steps;  // from type, to type
    const auto append = [&](EdgeTypeId id, bool forward, std::size_t list, std::optional<std::uint32_t> relation) {
      const graph::EdgeType& type = schema.edge_type(id);
      steps.emplace_back(forward ? type.source : type.destination, forward ? type.destination : type.source);
      const graph::AdjacencyBlock& block =
          forward ? whole.edges[id.index()].by_source : whole.edges[id.index()].by_destination;
      for (std::size_t row = 0; row + 1 < block.offsets.size(); ++row) {
        auto& slots = slots_[schema.stable_id(forward ? type.source : type.destination, row).index()][list];
        for (std::uint64_t s = block.offsets[row]; s < block.offsets[row + 1]; ++s) {
          if (relation && block.relations[s] != *relation) continue;
          slots.push_back({static_cast<std::uint32_t>(
                               schema.stable_id(forward ? type.destination : type.source, block.targets[s]).value()),
                           block.weights.empty() ? 1.0 : static_cast<double>(block.weights[s]),
                           block.times.empty() ? 0 : block.times[s]});
        }
      }
    };
    for (std::size_t l = 0; l < spec_.links.size(); ++l) {
      append(spec_.links[l].type, spec_.links[l].forward, l, spec_.links[l].relation);
    }
    for (std::size_t e = 0; e < whole.edges.size() && spec_.links.empty(); ++e) {
      const EdgeTypeId id{static_cast<std::uint16_t>(e)};
      const auto& types = spec_.edges.types;
      if (!types.empty() && std::ranges::find(types, id) == types.end()) continue;
      const bool both = spec_.edges.direction == exec::Direction::kBoth;
      if (both ? !schema.edge_type(id).undirected : spec_.edges.direction == exec::Direction::kIn)
        append(id, false, 0, {});
      if (both || spec_.edges.direction == exec::Direction::kOut) append(id, true, 0, {});
    }
    for (const auto& [a, b] : steps) {
      for (const auto& [from, c] : steps) {
        if (from == b && std::ranges::find(steps, std::pair(a, c)) != steps.end()) has_triangles_ = true;
      }
    }
    for (auto& lists_of_vertex : slots_) {
      for (auto& slots : lists_of_vertex) {
        if (spec_.by_time) {
          std::ranges::stable_sort(slots, [](const PolicySlot& a, const PolicySlot& b) { return a.time < b.time; });
        }
      }
    }
  }

  struct State {
    std::uint32_t vertex = 0;
    std::uint32_t previous = 0xFFFFFFFFU;
    std::int64_t time = std::numeric_limits<std::int64_t>::min();
    std::uint32_t step = 0;
    friend auto operator<=>(const State&, const State&) = default;
  };

  [[nodiscard]] std::uint32_t num_vertices() const { return static_cast<std::uint32_t>(slots_.size()); }
  [[nodiscard]] const std::vector<VertexKey>& keys() const { return keys_; }

  /// Vertices in order, the source first; `lost` when the walk wanted to go on and could not.
  struct Trace {
    std::vector<std::uint32_t> vertices;
    bool lost = false;
  };
  [[nodiscard]] Trace walk(std::uint32_t source, std::uint32_t walk, std::uint64_t seed) const {
    const VertexKey key = keys_[source];
    Trace trace;
    State state{source};
    while (true) {
      trace.vertices.push_back(state.vertex);
      const RandomBlock words = RandomStream(seed, Purpose::kWalk).block(key.value(), walk, state.step);
      const bool tossed = state.step >= spec_.first_toss && (state.step - spec_.first_toss) % spec_.period == 0;
      if (state.step >= spec_.max_moves || (tossed && words[0] < static_cast<std::uint32_t>(spec_.stop * 0x1.0p32))) {
        return trace;
      }
      const RandomBlock second = RandomStream(seed, Purpose::kWalkSecond).block(key.value(), walk, state.step);
      const std::vector<PolicySlot> slots = eligible(state, static_cast<double>(second[0]) * 0x1.0p-32);
      if (slots.empty()) {
        trace.lost = true;
        return trace;
      }
      for (std::uint32_t attempt = 0;; ++attempt) {
        const RandomBlock block = RandomStream(seed, Purpose::kWalk, attempt).block(key.value(), walk, state.step);
        const std::uint64_t draw = block[1] | (std::uint64_t{block[2]} << 32U);
        if (folds() && goes_back(state, slots, draw)) {
          state = {state.previous, state.vertex, 0, state.step + 1};
          break;
        }
        const std::size_t slot = choose(slots, draw, block[3]);
        std::uint32_t dart = block[3];
        if (spec_.sampling == exec::SlotSampling::kAlias) {
          dart = RandomStream(seed, Purpose::kWalkSecond, attempt).block(key.value(), walk, state.step)[0];
        }
        const double bound = largest_factor(slots);
        const double accepted = std::min(1.0, factor(state, slots[slot]) / bound);
        if (static_cast<double>(dart) >= std::floor(accepted * 0x1.0p32)) continue;
        state = {slots[slot].target, state.vertex, slots[slot].time, state.step + 1};
        break;
      }
    }
  }

  /// Probability of each next vertex of a walk that goes on.
  [[nodiscard]] std::map<std::uint32_t, double> next_vertices(const State& state) const {
    std::map<std::uint32_t, double> shares;
    double total = 0.0;
    const auto add = [&](const std::vector<PolicySlot>& slots, double mass) {
      double sum = 0.0;
      const auto weight = [&](const PolicySlot& slot) {
        const bool rejection = spec_.sampling == exec::SlotSampling::kRejection;
        const double fixed = spec_.sampling == exec::SlotSampling::kUniform || rejection ? 1.0 : slot.weight;
        return fixed * factor(state, slot);
      };
      for (const PolicySlot& slot : slots) sum += weight(slot);
      for (const PolicySlot& slot : slots) shares[slot.target] += mass * weight(slot) / sum;
      total += mass;
    };
    if (spec_.mixture.empty()) {
      if (const auto slots = eligible(state, 0.0); !slots.empty()) add(slots, 1.0);
    } else {
      for (std::size_t l = 0; l < spec_.mixture.size(); ++l) {
        if (!slots_[state.vertex][l].empty()) add(slots_[state.vertex][l], spec_.mixture[l]);
      }
    }
    for (auto& [target, share] : shares) share /= total;
    return shares;
  }

 private:
  /// The largest factor of a vertex other than the one before.
  [[nodiscard]] double other_factors() const {
    const double far = 1.0 / spec_.second_order->second;
    return has_triangles_ ? std::max(1.0, far) : far;
  }
  /// Whether the way back stands beside the slots with what its factor is above the others'.
  [[nodiscard]] bool folds() const {
    return spec_.second_order && spec_.links.empty() && 1.0 / spec_.second_order->first > other_factors();
  }
  [[nodiscard]] bool goes_back(const State& state, const std::vector<PolicySlot>& slots, std::uint64_t draw) const {
    if (state.previous == 0xFFFFFFFFU) return false;
    const bool weighted = spec_.sampling != exec::SlotSampling::kUniform;
    double back = 0.0;
    double all = 0.0;
    for (const PolicySlot& slot : slots) {
      const double weight = weighted ? slot.weight : 1.0;
      all += weight;
      back += slot.target == state.previous ? weight : 0.0;
    }
    if (weighted) {
      back = back >= all ? 4294967295.0 : std::floor(back / all * 0x1.0p32);
      all = 0x1.0p32;
    }
    const double excess = (1.0 / spec_.second_order->first - other_factors()) / other_factors() * back;
    const std::uint64_t coin =
        spec_.sampling == exec::SlotSampling::kInverse ? draw & 0xFFFFFFFFU : (draw * slots.size()) >> 32U;
    return static_cast<double>(static_cast<std::uint32_t>(coin)) * (all + excess) < excess * 0x1.0p32;
  }

  [[nodiscard]] std::vector<PolicySlot> eligible(const State& state, double mixture_draw) const {
    const auto& lists = slots_[state.vertex];
    std::size_t list = 0;
    if (!spec_.pattern.empty()) list = spec_.pattern[state.step % spec_.pattern.size()];
    if (!spec_.mixture.empty()) {
      double total = 0.0;
      for (std::size_t l = 0; l < lists.size(); ++l) total += lists[l].empty() ? 0.0 : spec_.mixture[l];
      double sum = 0.0;
      for (std::size_t l = 0; l < lists.size(); ++l) {
        if (lists[l].empty()) continue;
        list = l;
        sum += spec_.mixture[l];
        if (mixture_draw * total < sum) break;
      }
    }
    std::vector<PolicySlot> slots = lists[list];
    if (spec_.by_time) std::erase_if(slots, [&](const PolicySlot& slot) { return slot.time < state.time; });
    const bool weighted = spec_.sampling != exec::SlotSampling::kUniform;
    if (weighted && std::ranges::all_of(slots, [](const PolicySlot& slot) { return slot.weight == 0.0; }))
      slots.clear();
    return slots;
  }

  /// Dynamic factor of a slot, weight by rejection included.
  [[nodiscard]] double factor(const State& state, const PolicySlot& slot) const {
    double result = 1.0;
    if (spec_.sampling == exec::SlotSampling::kRejection) result *= slot.weight;
    if (!spec_.factors.empty()) result *= spec_.factors[spec_.features[slot.target]];
    if (spec_.second_order && state.previous != 0xFFFFFFFFU) {
      const auto [p, q] = *spec_.second_order;
      bool near = false;
      for (const auto& slots : slots_[state.previous]) {
        for (const PolicySlot& other : slots) near = near || other.target == slot.target;
      }
      result *= slot.target == state.previous ? 1.0 / p : near ? 1.0 : 1.0 / q;
    } else if (spec_.second_order) {
      result *= largest_factor({});
    }
    return result;
  }
  [[nodiscard]] double largest_factor(const std::vector<PolicySlot>& slots) const {
    double result = 1.0;
    if (spec_.sampling == exec::SlotSampling::kRejection) {
      result = 0.0;
      for (const PolicySlot& slot : slots) result = std::max(result, slot.weight);
    }
    if (!spec_.factors.empty()) result *= *std::ranges::max_element(spec_.factors);
    if (spec_.second_order) {
      result = folds() ? other_factors() : std::max(1.0 / spec_.second_order->first, other_factors());
    }
    return result;
  }

  [[nodiscard]] std::size_t choose(const std::vector<PolicySlot>& slots, std::uint64_t draw,
                                   std::uint32_t acceptance) const {
    const std::uint64_t uniform = slot_multiply_shift(draw, slots.size());
    const auto fixed_point = [](double share) {
      return share >= 1.0 ? 0xFFFFFFFFU : static_cast<std::uint32_t>(share * 0x1.0p32);
    };
    double total = 0.0;
    for (const PolicySlot& slot : slots) total += slot.weight;
    if (spec_.sampling == exec::SlotSampling::kInverse) {
      std::size_t last = 0;
      for (std::size_t j = 0; j < slots.size(); ++j) last = slots[j].weight > 0.0 ? j : last;
      double sum = 0.0;
      for (std::size_t j = 0; j < last; ++j) {
        sum += slots[j].weight;
        if (std::min(static_cast<std::uint32_t>(draw >> 32U), 0xFFFFFFFEU) < fixed_point(sum / total)) return j;
      }
      return last;
    }
    if (spec_.sampling != exec::SlotSampling::kAlias) return uniform;
    std::vector<double> share;
    std::vector<std::size_t> small;
    std::vector<std::size_t> large;
    std::vector<std::pair<std::uint32_t, std::size_t>> table(slots.size());
    for (std::size_t j = 0; j < slots.size(); ++j) {
      share.push_back(slots[j].weight * static_cast<double>(slots.size()) / total);
      (share[j] < 1.0 ? small : large).push_back(j);
    }
    while (!small.empty() && !large.empty()) {
      const std::size_t s = small.back();
      const std::size_t l = large.back();
      small.pop_back();
      table[s] = {fixed_point(share[s]), l};
      share[l] -= 1.0 - share[s];
      if (share[l] < 1.0) {
        large.pop_back();
        small.push_back(l);
      }
    }
    for (const std::size_t j : large) table[j] = {0xFFFFFFFFU, j};
    const auto heaviest = static_cast<std::size_t>(
        std::ranges::max_element(slots, {}, [](const PolicySlot& slot) { return slot.weight; }) - slots.begin());
    for (const std::size_t j : small) {
      table[j] = slots[j].weight > 0.0 ? std::pair{0xFFFFFFFFU, j} : std::pair{0U, heaviest};
    }
    return acceptance < table[uniform].first ? uniform : table[uniform].second;
  }

  PolicySpec spec_;
  std::vector<std::vector<std::vector<PolicySlot>>> slots_;  ///< by stable id, list
  bool has_triangles_ = false;  ///< a neighbour's neighbour may be a neighbour, by the types of the edges
  std::vector<VertexKey> keys_;
};

}  // namespace rove::tests
