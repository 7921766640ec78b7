// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/base/assert.hpp"
#include "engine/base/ids.hpp"
#include "engine/base/random.hpp"
#include "engine/exec/walk_engine.hpp"
#include "engine/exec/walk_graph.hpp"
#include "engine/exec/walk_membership.hpp"
#include "engine/exec/walk_random.hpp"

/// Walk policies as products of parts, after KnightKing's factorisation (Yang et al., SOSP 2019): which list of slots
/// (whole, meta-path, mixture of links) x static weight (uniform, alias, inverse transform) x dynamic factor with its
/// bound (none, weight by rejection, second order, feature bias, times) x when to go on. `WalkPolicyOf` puts them
/// together; the compiler makes one interleaved kernel of each product.
namespace rove::exec {

/// Whether a walk goes on: a number of moves at most, and a coin at every `period`-th vertex from move `first_toss` on.
/// Restart walks toss at every vertex; PinSAGE's toss where a traversal of the meta-path ends, after the first
/// (Ying et al., KDD 2018, as DGL has it).
class ContinueRule {
 public:
  static constexpr std::uint32_t kUnlimited = std::numeric_limits<std::uint32_t>::max();

  /// Precondition: 0 <= stop < 1, period >= 1.
  explicit ContinueRule(double stop, std::uint32_t max_moves = kUnlimited, std::uint32_t first_toss = 0,
                        std::uint32_t period = 1)
      : stop_below_(coin_threshold(stop)), max_moves_(max_moves), first_toss_(first_toss), period_(period) {}

  [[nodiscard]] bool continues(std::uint32_t coin, std::uint32_t step) const {
    const bool tossed = period_ == 1 ? step >= first_toss_ : step >= first_toss_ && (step - first_toss_) % period_ == 0;
    return step < max_moves_ && !(tossed && coin < stop_below_);
  }

 private:
  std::uint32_t stop_below_;
  std::uint32_t max_moves_;
  std::uint32_t first_toss_;
  std::uint32_t period_;
};

// --- which list
// --------------------------------------------------------------------------------------------------------

/// All slots of a vertex.
struct WholeList {};

/// List `pattern[step mod length]`: a cyclic meta-path over the links of the graph.
class MetaPath {
 public:
  explicit MetaPath(std::vector<std::uint32_t> pattern) : pattern_(std::move(pattern)) {}
  [[nodiscard]] std::uint32_t list(const WalkGraph& /*graph*/, const std::uint64_t* /*records*/, VertexKey /*key*/,
                                   std::uint32_t /*walk*/, std::uint32_t step) const {
    return pattern_.size() == 1 ? pattern_[0] : pattern_[step % pattern_.size()];
  }

 private:
  std::vector<std::uint32_t> pattern_;
};

/// First a link among those the vertex has slots of, in proportion to its coefficient, then a slot of it: a relation
/// with many edges does not drown one with few. Draws word 0 of the step's block under `kWalkSecond`.
class LinkMixture {
 public:
  /// One coefficient > 0 per link of the graph, at most 16 links.
  LinkMixture(std::uint64_t seed, std::span<const double> coefficients) : random_(seed, Purpose::kWalkSecond) {
    ROVE_ASSERT(coefficients.size() <= kMaxLinks);
    for (const double coefficient : coefficients) coefficients_[num_links_++] = coefficient;
  }
  [[nodiscard]] std::uint32_t list(const WalkGraph& graph, const std::uint64_t* records, VertexKey key,
                                   std::uint32_t walk, std::uint32_t step) const {
    double total = 0.0;
    for (std::uint32_t l = 0; l < num_links_; ++l) {
      total += graph.degree_of_record(records[l]) > 0 ? coefficients_[l] : 0.0;
    }
    const double dart = static_cast<double>(random_.block(key.value(), walk, step)[0]) * 0x1.0p-32 * total;
    double sum = 0.0;
    std::uint32_t chosen = 0;
    for (std::uint32_t l = 0; l < num_links_; ++l) {
      const double share = graph.degree_of_record(records[l]) > 0 ? coefficients_[l] : 0.0;
      if (share == 0.0) continue;
      chosen = l;
      sum += share;
      if (dart < sum) break;
    }
    return chosen;
  }

 private:
  static constexpr std::size_t kMaxLinks = 16;
  RandomStream random_;
  std::array<double, kMaxLinks> coefficients_{};
  std::uint32_t num_links_ = 0;
};

// --- static weight
// -----------------------------------------------------------------------------------------------------

struct UniformSlots {
  static constexpr bool kTakesAcceptance = false;
  explicit UniformSlots(const WalkGraph& graph) : targets_(graph.targets()) {}
  [[nodiscard]] std::uint64_t choose(std::uint64_t draw, std::uint64_t /*first*/, std::uint64_t degree) const {
    return slot_multiply_shift(draw, degree);
  }
  /// 32 random bits of the draw that the choice has left over: where within its slot the draw fell.
  [[nodiscard]] std::uint32_t spare(std::uint64_t draw, std::uint64_t degree) const {
    return static_cast<std::uint32_t>((draw * degree) >> 32U);
  }
  void prefetch(std::uint64_t slot) const { __builtin_prefetch(targets_ + slot); }
  [[nodiscard]] std::uint32_t target(std::uint64_t slot, std::uint32_t /*acceptance*/) const { return targets_[slot]; }

 private:
  const std::uint32_t* targets_;
};

/// Needs `SlotSampling::kAlias`. The slot's own target and its alias's are asked for at once: no second dependent read.
struct AliasSlots {
  static constexpr bool kTakesAcceptance = true;
  explicit AliasSlots(const WalkGraph& graph) : targets_(graph.targets()), table_(graph.alias_slots()) {}
  [[nodiscard]] std::uint64_t choose(std::uint64_t draw, std::uint64_t /*first*/, std::uint64_t degree) const {
    return slot_multiply_shift(draw, degree);
  }
  [[nodiscard]] std::uint32_t spare(std::uint64_t draw, std::uint64_t degree) const {
    return static_cast<std::uint32_t>((draw * degree) >> 32U);
  }
  void prefetch(std::uint64_t slot) const {
    __builtin_prefetch(targets_ + slot);
    __builtin_prefetch(table_ + slot);
  }
  [[nodiscard]] std::uint32_t target(std::uint64_t slot, std::uint32_t acceptance) const {
    const AliasSlot alias = table_[slot];
    return acceptance < alias.threshold ? targets_[slot] : alias.target;
  }

 private:
  const std::uint32_t* targets_;
  const AliasSlot* table_;
};

/// Needs `SlotSampling::kInverse`.
struct InverseSlots {
  static constexpr bool kTakesAcceptance = false;
  explicit InverseSlots(const WalkGraph& graph) : targets_(graph.targets()), shares_(graph.thresholds()) {}
  [[nodiscard]] std::uint64_t choose(std::uint64_t draw, std::uint64_t first, std::uint64_t degree) const {
    const std::uint32_t dart = std::min(static_cast<std::uint32_t>(draw >> 32U), 0xFFFFFFFEU);
    const std::uint32_t* const shares = shares_ + first;
    return static_cast<std::uint64_t>(std::upper_bound(shares, shares + degree, dart) - shares);
  }
  [[nodiscard]] std::uint32_t spare(std::uint64_t draw, std::uint64_t /*degree*/) const {
    return static_cast<std::uint32_t>(draw);
  }
  void prefetch(std::uint64_t slot) const { __builtin_prefetch(targets_ + slot); }
  [[nodiscard]] std::uint32_t target(std::uint64_t slot, std::uint32_t /*acceptance*/) const { return targets_[slot]; }

 private:
  const std::uint32_t* targets_;
  const std::uint32_t* shares_;
};

// --- dynamic factor
// ----------------------------------------------------------------------------------------------------

/// Every slot as its static weight says.
struct AnySlot {
  using Memory = NoMemory;
};

/// A slot of weight w is accepted with probability w / largest weight of its list. Over `UniformSlots`; needs
/// `SlotSampling::kRejection`.
class WeightByRejection {
 public:
  using Memory = NoMemory;
  explicit WeightByRejection(const WalkGraph& graph) : thresholds_(graph.thresholds()) {}
  void prefetch(std::uint64_t slot) const { __builtin_prefetch(thresholds_ + slot); }
  [[nodiscard]] Verdict judge(std::uint64_t slot, std::uint32_t /*target*/, std::uint32_t dart) const {
    const std::uint32_t threshold = thresholds_[slot];
    return dart < threshold || threshold == 0xFFFFFFFFU ? Verdict::kAccept : Verdict::kReject;
  }

 private:
  const std::uint32_t* thresholds_;
};

/// Pixie's bias: a target is accepted in proportion to the factor of its feature (Eksombatchai et al., WWW 2018, as a
/// bounded dynamic factor instead of sorted sub-ranges).
class FeatureBias {
 public:
  using Memory = NoMemory;
  /// `features`: one per target of the graph (rows, then ghosts), outliving this. `factors`: one per feature, > 0, and
  /// at least 2^-32 of the largest: a step among vertices that are never accepted would not end.
  FeatureBias(std::span<const std::uint8_t> features, std::span<const double> factors) : features_(features.data()) {
    ROVE_ASSERT(!factors.empty() && factors.size() <= accept_below_.size());
    const double largest = *std::max_element(factors.begin(), factors.end());
    for (std::size_t f = 0; f < factors.size(); ++f) {
      accept_below_[f] = static_cast<std::uint64_t>(factors[f] / largest * 0x1.0p32);
      ROVE_ASSERT(accept_below_[f] > 0);
    }
  }
  void prefetch(std::uint64_t /*slot*/) const {}
  [[nodiscard]] Verdict judge(std::uint64_t /*slot*/, std::uint32_t target, std::uint32_t dart) const {
    return dart < accept_below_[features_[target]] ? Verdict::kAccept : Verdict::kReject;
  }

 private:
  const std::uint8_t* features_;
  std::array<std::uint64_t, 256> accept_below_{};
};

/// Slots whose time is not before that of the edge taken last; any slot at the start. Needs `WalkGraphOptions::times`,
/// whose order makes them a suffix of the list.
class NonDecreasingTimes {
 public:
  using Memory = TimeMemory;
  explicit NonDecreasingTimes(const WalkGraph& graph) : times_(graph.times()) {}
  [[nodiscard]] std::uint64_t slots_before(std::int64_t time, std::uint64_t first, std::uint64_t degree) const {
    const std::int64_t* const begin = times_ + first;
    return static_cast<std::uint64_t>(std::lower_bound(begin, begin + degree, time) - begin);
  }
  [[nodiscard]] std::int64_t time_of(std::uint64_t slot) const { return times_[slot]; }
  void prefetch(std::uint64_t slot) const { __builtin_prefetch(times_ + slot); }

 private:
  const std::int64_t* times_;
};

/// node2vec (Grover and Leskovec, KDD 2016): factor 1/p back to the vertex before, 1 to its neighbours, 1/q to all
/// others, by rejection. Two of KnightKing's devices (Yang et al., SOSP 2019): the membership test is made only for
/// darts that it decides, and a 1/p above all other factors is folded out of the bound: what the way back has above the
/// bound stands beside the slots as one more choice, taken at once. Where the types of the edges allow no triangles no
/// vertex is a neighbour of the one before, and the bound need not cover it. Needs `WalkGraphOptions::membership`, and
/// `returns` for folding where slots are weighted.
class SecondOrder {
 public:
  using Memory = PreviousMemory;
  /// Precondition: p, q > 0.
  SecondOrder(const WalkGraph& graph, double p, double q) {
    const double others = graph.closes_triangles() ? std::max(1.0, 1.0 / q) : 1.0 / q;
    const bool folds = 1.0 / p > others && graph.knows_returns();
    const double bound = folds ? others : std::max(1.0 / p, others);
    const auto below = [&](double factor) {
      return static_cast<std::uint64_t>(std::min(1.0, factor / bound) * 0x1.0p32);
    };
    return_below_ = below(1.0 / p);
    far_below_ = below(1.0 / q);
    near_below_ = graph.closes_triangles() ? below(1.0) : far_below_;
    always_below_ = std::min({return_below_, near_below_, far_below_});
    excess_ = folds ? (1.0 / p - bound) / bound : 0.0;
  }
  /// Whether there is a choice beside the slots.
  [[nodiscard]] bool folds() const { return excess_ > 0.0; }
  /// Whether that choice is taken, the slots back weighing `back` of `all`: with probability excess / (all + excess).
  [[nodiscard]] bool goes_back(std::uint32_t coin, std::uint32_t back, double all) const {
    const double excess = excess_ * static_cast<double>(back);
    return static_cast<double>(coin) * (all + excess) < excess * 0x1.0p32;
  }
  void prefetch(std::uint64_t /*slot*/) const {}
  /// Whether the dart lies below every factor, so that nothing need be known about the target.
  [[nodiscard]] bool accepts_any(std::uint32_t dart) const { return dart < always_below_; }
  /// `kAsk`: it depends on whether the target is a neighbour of the previous vertex.
  [[nodiscard]] Verdict judge(std::uint32_t target_id, std::uint32_t previous_id, std::uint32_t dart) const {
    if (target_id == previous_id) return dart < return_below_ ? Verdict::kAccept : Verdict::kReject;
    const bool near = dart < near_below_;
    const bool far = dart < far_below_;
    return near != far ? Verdict::kAsk : near ? Verdict::kAccept : Verdict::kReject;
  }
  [[nodiscard]] bool accepts(bool is_neighbor, std::uint32_t dart) const {
    return dart < (is_neighbor ? near_below_ : far_below_);
  }

 private:
  std::uint64_t return_below_;
  std::uint64_t near_below_;
  std::uint64_t far_below_;
  std::uint64_t always_below_;
  double excess_;  ///< of a slot back above the bound, in bounds
};

// --- the product
// -------------------------------------------------------------------------------------------------------

/// `seed` is that of the stream the kernel is given: rejected candidates draw from its further attempts.
template <class Lists, class Slots, class Dynamic>
class WalkPolicyOf {
 public:
  using Memory = typename Dynamic::Memory;
  static constexpr bool kHasLists = !std::is_same_v<Lists, WholeList>;
  static constexpr bool kByTime = std::is_same_v<Memory, TimeMemory>;
  static constexpr bool kSecondOrder = std::is_same_v<Memory, PreviousMemory>;
  static constexpr bool kSettles = !std::is_same_v<Dynamic, AnySlot> && !kByTime;
  static constexpr bool kHasTarget = true;
  static_assert(!kSettles || kSecondOrder || !Slots::kTakesAcceptance, "the acceptance word serves one of them only");

  WalkPolicyOf(const WalkGraph& graph, std::uint64_t seed, ContinueRule rule, Lists lists, Slots slots, Dynamic dynamic)
      : graph_(&graph),
        seed_(seed),
        second_(seed, Purpose::kWalkSecond),
        rule_(rule),
        lists_(std::move(lists)),
        slots_(std::move(slots)),
        dynamic_(std::move(dynamic)) {}

  [[nodiscard]] bool continues(std::uint32_t coin, std::uint32_t step) const { return rule_.continues(coin, step); }
  [[nodiscard]] std::uint64_t choose(std::uint64_t draw, std::uint32_t /*acceptance*/, std::uint64_t first,
                                     std::uint64_t degree) const {
    return slots_.choose(draw, first, degree);
  }
  [[nodiscard]] std::uint32_t list(const std::uint64_t* records, const WalkLanes& lanes, std::size_t i) const {
    if constexpr (kHasLists) {
      return lists_.list(*graph_, records, key_of(lanes, i), lanes.walk[i], lanes.step[i]);
    } else {
      return 0;
    }
  }
  [[nodiscard]] std::uint64_t slots_before(std::int64_t time, std::uint64_t first, std::uint64_t degree) const {
    return dynamic_.slots_before(time, first, degree);
  }
  [[nodiscard]] std::int64_t time_of(std::uint64_t slot) const { return dynamic_.time_of(slot); }
  void prefetch(std::uint64_t slot) const {
    slots_.prefetch(slot);
    if constexpr (kSettles || kByTime) dynamic_.prefetch(slot);
  }
  [[nodiscard]] std::uint32_t target(std::uint64_t slot, std::uint32_t acceptance) const {
    return slots_.target(slot, acceptance);
  }

  /// Replaces candidates until every lane's is accepted, and leaves the targets in `lanes.next`. A lane whose walk
  /// waits for an answer from another rank gets `kAsks`, its candidate in `next`, its attempt in `edge`. Lanes that
  /// have ended are left alone.
  void settle(WalkLanes& lanes, std::size_t active, std::uint8_t* ended) const {
    std::array<Candidate, kMaxWalkLanes + 1> pending;
    std::size_t num_pending = 0;
    // Alias tables use up the acceptance word; the dart is then the second choice of the step.
    const std::uint32_t* darts = lanes.word3.data();
    WalkBlocks second;
    if constexpr (Slots::kTakesAcceptance) {
      second.step = lanes.step;
      second.walk = lanes.walk;
      second.key_low = lanes.key_low;
      second.key_high = lanes.key_high;
      draw_blocks(second, active, second_.philox_key());
      darts = second.word0.data();
    }
    if constexpr (kSecondOrder) {
      if (dynamic_.folds()) find_ways_back(lanes, active, ended);
    }
    for (std::size_t i = 0; i < active; ++i) {
      if constexpr (kSecondOrder) {
        if (dynamic_.folds() && goes_back(lanes, i, slot_draw(lanes.word1[i], lanes.word2[i]))) {
          lanes.next[i] = graph_->target_of(lanes.previous[i]);
          continue;
        }
      }
      const std::uint32_t target = slots_.target(lanes.edge[i], lanes.word3[i]);
      lanes.next[i] = target;
      const std::uint32_t dart = darts[i];
      pending[num_pending] = {lanes.edge[i], static_cast<std::uint32_t>(i), 0, target, dart, 0};
      bool undecided = ended[i] == 0;
      if constexpr (kSecondOrder) {
        undecided = undecided && lanes.previous[i] != kNoVertex && !dynamic_.accepts_any(dart);
      } else {
        undecided = undecided && dynamic_.judge(lanes.edge[i], target, dart) != Verdict::kAccept;
      }
      num_pending += static_cast<std::size_t>(undecided);
    }
    while (num_pending > 0) num_pending = settle_round(lanes, ended, pending.data(), num_pending);
  }

  /// Continues a step at `row`, owned here, whose candidates up to and with `attempt` - 1 were rejected: in `next` and
  /// `edge` of the lane as `settle` leaves them. Returns `kAccept` or `kAsk`.
  [[nodiscard]] Verdict resume(WalkLanes& lanes, std::size_t i, std::uint32_t attempt) const
    requires kSecondOrder
  {
    std::array<std::uint8_t, kMaxWalkLanes> ended{};
    std::array<Candidate, 1> pending{};
    pending[0].lane = static_cast<std::uint32_t>(i);
    if (dynamic_.folds()) lanes.back[i] = way_back(lanes, i);
    redraw(lanes, pending.data(), 1, attempt);
    std::size_t num_pending = 1;
    while (num_pending > 0) num_pending = settle_round(lanes, ended.data(), pending.data(), num_pending);
    return ended[i] == kAsks ? Verdict::kAsk : Verdict::kAccept;
  }

  /// The answer to a walk that asked: whether the candidate of this attempt is accepted.
  [[nodiscard]] bool accepts(bool is_neighbor, VertexKey key, std::uint32_t walk, std::uint32_t step,
                             std::uint32_t attempt) const
    requires kSecondOrder
  {
    return dynamic_.accepts(is_neighbor, dart_of(key, walk, step, attempt));
  }

 private:
  /// In place of a candidate's slot: the walk goes back by the choice beside the slots.
  static constexpr std::uint64_t kGoesBack = std::numeric_limits<std::uint64_t>::max();

  struct Candidate {
    std::uint64_t slot;
    std::uint32_t lane;
    std::uint32_t attempt;
    std::uint32_t target;
    std::uint32_t dart;
    std::uint32_t question;
  };

  [[nodiscard]] static VertexKey key_of(const WalkLanes& lanes, std::size_t i) {
    return VertexKey{lanes.key_low[i] | (std::uint64_t{lanes.key_high[i]} << 32U)};
  }
  [[nodiscard]] std::uint32_t dart_of(VertexKey key, std::uint32_t walk, std::uint32_t step,
                                      std::uint32_t attempt) const {
    constexpr Purpose kPurpose = Slots::kTakesAcceptance ? Purpose::kWalkSecond : Purpose::kWalk;
    return RandomStream(seed_, kPurpose, attempt).block(key.value(), walk, step)[Slots::kTakesAcceptance ? 0 : 3];
  }

  /// Fills `lanes.back` of the lanes that have come from somewhere.
  void find_ways_back(WalkLanes& lanes, std::size_t active, const std::uint8_t* ended) const {
    NeighborSearch search;
    std::array<std::uint16_t, kMaxWalkLanes> asking;
    for (std::size_t i = 0; i < active; ++i) {
      const bool goes_on = ended[i] == 0 && lanes.previous[i] != kNoVertex;
      lanes.back[i] = static_cast<std::uint32_t>(goes_on);
      if (goes_on && graph_->must_search_returns(lanes.vertex[i])) {
        asking[search.ask(*graph_, lanes.vertex[i], lanes.previous[i])] = static_cast<std::uint16_t>(i);
      }
    }
    const std::size_t num_asking = search.size();
    search.run(*graph_);
    for (std::size_t q = 0; q < num_asking; ++q) {
      lanes.back[asking[q]] = graph_->weight_back(lanes.vertex[asking[q]], search.position(q));
    }
  }
  /// The same of one lane.
  [[nodiscard]] std::uint32_t way_back(const WalkLanes& lanes, std::size_t i) const {
    if (!graph_->must_search_returns(lanes.vertex[i])) return 1;
    NeighborSearch search;
    search.ask(*graph_, lanes.vertex[i], lanes.previous[i]);
    search.run(*graph_);
    return graph_->weight_back(lanes.vertex[i], search.position(0));
  }
  [[nodiscard]] bool goes_back(const WalkLanes& lanes, std::size_t i, std::uint64_t draw) const {
    const std::uint64_t degree = graph_->degree(lanes.vertex[i]);
    return dynamic_.goes_back(slots_.spare(draw, degree), lanes.back[i], graph_->weight_of_all(degree));
  }

  /// Draws candidates of this attempt for the lanes of all pending ones.
  void redraw(const WalkLanes& lanes, Candidate* pending, std::size_t num_pending, std::uint32_t attempt) const {
    WalkBlocks blocks;
    for (std::size_t p = 0; p < num_pending; ++p) {
      const std::size_t i = pending[p].lane;
      blocks.step[p] = lanes.step[i];
      blocks.walk[p] = lanes.walk[i];
      blocks.key_low[p] = lanes.key_low[i];
      blocks.key_high[p] = lanes.key_high[i];
    }
    draw_blocks(blocks, num_pending, RandomStream(seed_, Purpose::kWalk, attempt).philox_key());
    for (std::size_t p = 0; p < num_pending; ++p) {
      Candidate& candidate = pending[p];
      const std::size_t i = candidate.lane;
      const std::uint64_t* const records = graph_->records() + std::uint64_t{lanes.vertex[i]} * graph_->num_lists();
      const std::uint64_t record = records[list(records, lanes, i)];
      const std::uint64_t first = graph_->offset_of_record(record);
      const std::uint64_t draw = slot_draw(blocks.word1[p], blocks.word2[p]);
      candidate.attempt = attempt;
      candidate.dart = blocks.word3[p];
      candidate.target = blocks.word3[p];  // until the slot has arrived
      candidate.slot = first + slots_.choose(draw, first, graph_->degree_of_record(record));
      if constexpr (kSecondOrder) {
        if (dynamic_.folds() && goes_back(lanes, i, draw)) candidate.slot = kGoesBack;
      }
      if (candidate.slot != kGoesBack) prefetch(candidate.slot);
    }
    if constexpr (Slots::kTakesAcceptance) {
      draw_blocks(blocks, num_pending, RandomStream(seed_, Purpose::kWalkSecond, attempt).philox_key());
      for (std::size_t p = 0; p < num_pending; ++p) pending[p].dart = blocks.word0[p];
    }
  }

  /// Judges the pending candidates, all of one attempt, and draws those of the next for the rejected; returns how many
  /// these are.
  std::size_t settle_round(WalkLanes& lanes, std::uint8_t* ended, Candidate* pending, std::size_t num_pending) const {
    std::array<Verdict, kMaxWalkLanes> verdicts{};
    NeighborSearch search;
    for (std::size_t p = 0; p < num_pending; ++p) {
      Candidate& candidate = pending[p];
      const std::size_t i = candidate.lane;
      if constexpr (kSecondOrder) {
        if (candidate.slot == kGoesBack) {
          lanes.next[i] = graph_->target_of(lanes.previous[i]);
          verdicts[p] = Verdict::kAccept;
          continue;
        }
      }
      if (candidate.attempt > 0) candidate.target = slots_.target(candidate.slot, candidate.target);
      lanes.next[i] = candidate.target;
      if constexpr (kSecondOrder) {
        const std::uint32_t id = graph_->id_of(candidate.target);
        const std::uint32_t previous = lanes.previous[i];
        verdicts[p] = dynamic_.judge(id, previous, candidate.dart);
        if (verdicts[p] != Verdict::kAsk) continue;
        if (graph_->owns(previous)) {
          candidate.question = static_cast<std::uint32_t>(search.ask(*graph_, graph_->row_of(previous), id));
        } else {
          ended[i] = kAsks;
          lanes.edge[i] = candidate.attempt;
          verdicts[p] = Verdict::kAccept;
        }
      } else {
        verdicts[p] = dynamic_.judge(candidate.slot, candidate.target, candidate.dart);
      }
    }
    if constexpr (kSecondOrder) search.run(*graph_);
    std::size_t rejected = 0;
    for (std::size_t p = 0; p < num_pending; ++p) {
      const Candidate candidate = pending[p];
      if constexpr (kSecondOrder) {
        if (verdicts[p] == Verdict::kAsk) {
          verdicts[p] =
              dynamic_.accepts(search.answer(candidate.question), candidate.dart) ? Verdict::kAccept : Verdict::kReject;
        }
      }
      if (verdicts[p] == Verdict::kAccept) continue;
      pending[rejected++] = candidate;
    }
    if (rejected > 0) redraw(lanes, pending, rejected, pending[0].attempt + 1);
    return rejected;
  }

  const WalkGraph* graph_;
  std::uint64_t seed_;
  RandomStream second_;
  ContinueRule rule_;
  Lists lists_;
  Slots slots_;
  Dynamic dynamic_;
};

}  // namespace rove::exec
