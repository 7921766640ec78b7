// SPDX-License-Identifier: Apache-2.0
#include "algorithms/ppr/index_query.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "algorithms/ppr/detail/candidates.hpp"
#include "algorithms/ppr/detail/flow_scores.hpp"
#include "engine/base/error.hpp"

namespace rove::algorithms {

namespace {

using detail::kWholeFlow;
using AtVertex = IndexQuery::Flow::AtVertex;

/// Orders by vertex and adds up what is at the same one.
void merge(std::vector<AtVertex>& flow) {
  std::sort(flow.begin(), flow.end(), [](const AtVertex& a, const AtVertex& b) { return a.vertex < b.vertex; });
  std::size_t last = 0;
  for (std::size_t i = 1; i < flow.size(); ++i) {
    if (flow[i].vertex == flow[last].vertex) {
      flow[last].units += flow[i].units;
    } else {
      flow[++last] = flow[i];
    }
  }
  if (!flow.empty()) flow.resize(last + 1);
}

/// The seeds' weights as shares of 2^32 units, ascending by vertex; what rounding leaves goes to the first, a unit
/// each. Weights are added up in one order, so that no order of the seeds changes a bit. Seeds too light for a unit are
/// left out: flow of no units would list the targets it reaches again and again.
void share_out(std::span<const WeightedSeed> seeds, std::vector<AtVertex>& flow) {
  for (const WeightedSeed& seed : seeds) {
    if (!(seed.weight > 0.0) || !std::isfinite(seed.weight)) {
      throw ConfigError(fmt::format("the weight of a seed is {}, expected a finite number above 0", seed.weight));
    }
  }
  std::vector<WeightedSeed> merged(seeds.begin(), seeds.end());
  std::sort(merged.begin(), merged.end(), [](const WeightedSeed& a, const WeightedSeed& b) {
    return a.vertex != b.vertex ? a.vertex < b.vertex : a.weight < b.weight;
  });
  std::size_t last = 0;
  for (std::size_t i = 1; i < merged.size(); ++i) {
    if (merged[i].vertex == merged[last].vertex) {
      merged[last].weight += merged[i].weight;
    } else {
      merged[++last] = merged[i];
    }
  }
  if (!merged.empty()) merged.resize(last + 1);
  double total = 0.0;
  for (const WeightedSeed& seed : merged) total += seed.weight;
  if (merged.empty() || !std::isfinite(total)) throw ConfigError("a query needs seeds whose weights have a finite sum");
  std::uint64_t given = 0;
  flow.clear();
  for (const WeightedSeed& seed : merged) {
    const auto units = static_cast<std::uint64_t>(seed.weight / total * static_cast<double>(kWholeFlow));
    flow.push_back({seed.vertex, std::min(units, kWholeFlow - given)});
    given += flow.back().units;
  }
  for (std::size_t i = 0; given < kWholeFlow; i = (i + 1) % flow.size()) {
    ++flow[i].units;
    ++given;
  }
  std::erase_if(flow, [](const AtVertex& at) { return at.units == 0; });
}

}  // namespace

struct IndexQuery::Scratch {
  explicit Scratch(std::uint64_t num_targets) : visits(num_targets), stopped(num_targets) {}

  Flow flow;
  std::vector<AtVertex> now;
  std::vector<AtVertex> next;
  std::vector<std::uint32_t> slots;
  SlotLists::AliasScratch alias;
  std::vector<std::uint64_t> visits;   ///< by target row: flow times count
  std::vector<std::uint64_t> stopped;  ///< by target row: flow that stopped there on the way
  std::vector<std::uint32_t> touched;  ///< target rows with any of the two
  std::vector<double> roots;           ///< by target row: sum of the seeds' square roots; empty until one is boosted
  std::vector<std::uint32_t> rooted;   ///< target rows with one

  void touch(std::uint32_t row) {
    if (visits[row] == 0 && stopped[row] == 0) touched.push_back(row);
  }
  /// Adds up what the flow has come to; returns what became of the rest.
  detail::FlowSums add_up(const FingerprintSet& set);
  void forget_touched() {
    for (const std::uint32_t row : touched) {
      visits[row] = 0;
      stopped[row] = 0;
    }
    touched.clear();
  }
};

IndexQuery::IndexQuery(std::uint64_t num_targets) : scratch_(std::make_unique<Scratch>(num_targets)) {}
IndexQuery::~IndexQuery() = default;
IndexQuery::IndexQuery(IndexQuery&&) noexcept = default;
IndexQuery& IndexQuery::operator=(IndexQuery&&) noexcept = default;

const IndexQuery::Flow& IndexQuery::decompose(const FingerprintSet& set, const SlotLists& slots,
                                              const PprQuery& query) {
  if (!(query.threshold >= 0.0) || query.threshold > 1.0) {
    throw ConfigError(fmt::format("the threshold is {}, expected from 0 to 1", query.threshold));
  }
  Flow& flow = scratch_->flow;
  flow.stopped.clear();
  flow.kept.clear();
  flow.lost = 0;
  flow.unanswered = 0;
  std::vector<AtVertex>& now = scratch_->now;
  std::vector<AtVertex>& next = scratch_->next;
  share_out(query.seeds, now);
  const detail::FlowRule rule(set.restart, query.hops, query.threshold);
  for (std::uint32_t hop = 0;; ++hop) {
    next.clear();
    for (const AtVertex& at : now) {
      const FingerprintSet::OfType& type = set.of(at.vertex);
      const bool has_fingerprint = !type.fingerprints.empty();
      const std::uint64_t degree = slots.degree(at.vertex);
      const std::uint64_t moves = rule.moves(at.units);
      const std::uint64_t share = rule.share(at.units, degree);
      const bool worth_it =
          rule.may_hop(hop) && (has_fingerprint ? type.leads_to_fingerprints && rule.is_worth_it(share) : share > 0);
      if (degree > 0 && !worth_it && has_fingerprint) {
        flow.kept.push_back(at);
        continue;
      }
      flow.stopped.push_back({at.vertex, at.units - moves});
      if (degree == 0) {
        flow.lost += moves;
      } else if (!worth_it) {
        flow.unanswered += moves;
      } else {
        scratch_->slots.clear();
        slots.append_slots(at.vertex, scratch_->slots);
        detail::give_to_slots(scratch_->slots, slots.alias(at.vertex, scratch_->slots, scratch_->alias), share,
                              [&](std::uint32_t target, std::uint64_t units) { next.push_back({target, units}); });
        flow.unanswered += moves - share * degree;
      }
    }
    if (next.empty()) break;
    merge(next);
    std::swap(now, next);
  }
  merge(flow.kept);
  return flow;
}

detail::FlowSums IndexQuery::Scratch::add_up(const FingerprintSet& set) {
  const auto first_target = static_cast<std::uint32_t>(set.targets.begin);
  for (const AtVertex& at : flow.stopped) {
    if (at.units == 0 || !set.targets.contains(at.vertex)) continue;
    touch(at.vertex - first_target);
    stopped[at.vertex - first_target] += at.units;
  }
  detail::FlowSums sums;
  sums.lost = flow.lost;
  sums.unanswered = flow.unanswered;
  for (std::size_t i = 0; i < flow.kept.size(); ++i) {
    const AtVertex& at = flow.kept[i];
    const FingerprintSet::OfType& type = set.of(at.vertex);
    const std::uint64_t row = at.vertex - type.vertices.begin;
    if (i + 1 < flow.kept.size() && type.vertices.contains(flow.kept[i + 1].vertex)) {
      const auto ahead = type.fingerprints.of(flow.kept[i + 1].vertex - type.vertices.begin);
      for (std::size_t entry = 0; entry < std::min<std::size_t>(ahead.size(), 48); entry += 8) {
        __builtin_prefetch(ahead.data() + entry);
      }
    }
    // Counts are below 2^30 and all flow together is 2^32, so the sums fit 64 bits.
    for (const exec::VisitCounter::Entry& entry : type.fingerprints.of(row)) {
      if (entry.vertex >= visits.size()) {
        throw InputError(
            fmt::format("a fingerprint lists target {} of {}: the index is damaged", entry.vertex, visits.size()));
      }
      touch(entry.vertex);
      visits[entry.vertex] += at.units * entry.count;
    }
    sums.lost_walks += at.units * type.fingerprints.lost[row];
    sums.cut += at.units * type.fingerprints.cut[row];
    sums.largest_share = std::max(sums.largest_share, at.units);
  }
  return sums;
}

PprAnswer IndexQuery::answer(const FingerprintSet& set, const SlotLists& slots, const PprQuery& query) {
  Scratch& scratch = *scratch_;
  PprAnswer answer;
  answer.cold = std::all_of(query.seeds.begin(), query.seeds.end(),
                            [&](const WeightedSeed& seed) { return slots.degree(seed.vertex) == 0; });
  const Flow& flow = decompose(set, slots, query);
  if (answer.cold) return answer;
  if (query.boost) {
    add_roots(set, slots, query, answer);
    const auto exclude = [&](std::uint32_t row) { scratch.roots[row] = 0.0; };
    for_excluded(set, slots, query, exclude);
    answer.ranked = select(query, scratch.rooted, [&](std::uint32_t row) {
      return static_cast<float>(scratch.roots[row] * scratch.roots[row]);
    });
    for (const std::uint32_t row : scratch.rooted) exclude(row);
    scratch.rooted.clear();
    return answer;
  }
  const detail::FlowSums sums = scratch.add_up(set);
  answer.fingerprints = flow.kept.size();
  // What must not be listed loses its score.
  for_excluded(set, slots, query, [&](std::uint32_t row) {
    scratch.visits[row] = 0;
    scratch.stopped[row] = 0;
  });
  const detail::FlowScores scores(sums, set.restart, set.walks);
  if (scores.any()) {
    answer.ranked = select(query, scratch.touched,
                           [&](std::uint32_t row) { return scores.score(scratch.visits[row], scratch.stopped[row]); });
  }
  scratch.forget_touched();
  if (!answer.ranked.empty()) answer.error_bound = scores.error_bound(answer.ranked.front().score, set.targets.size());
  return answer;
}

void IndexQuery::add_roots(const FingerprintSet& set, const SlotLists& slots, const PprQuery& query,
                           PprAnswer& answer) {
  Scratch& scratch = *scratch_;
  scratch.roots.resize(scratch.visits.size());
  std::vector<AtVertex> shares;
  share_out(query.seeds, shares);
  for (const AtVertex& of : shares) {
    if (slots.degree(of.vertex) == 0) continue;
    const WeightedSeed seed{of.vertex, 1.0};
    PprQuery alone = query;
    alone.seeds = std::span(&seed, 1);
    answer.fingerprints += decompose(set, slots, alone).kept.size();
    const detail::FlowScores scores(scratch.add_up(set), set.restart, set.walks);
    const double share = static_cast<double>(of.units) / static_cast<double>(kWholeFlow);
    for (const std::uint32_t row : scratch.touched) {
      if (!scores.any()) break;
      if (scratch.roots[row] == 0.0) scratch.rooted.push_back(row);
      scratch.roots[row] += std::sqrt(share * scores.value(scratch.visits[row], scratch.stopped[row]));
    }
    scratch.forget_touched();
  }
}

template <class Exclude>
void IndexQuery::for_excluded(const FingerprintSet& set, const SlotLists& slots, const PprQuery& query,
                              const Exclude& exclude) {
  const auto first_target = static_cast<std::uint32_t>(set.targets.begin);
  for (const WeightedSeed& seed : query.seeds) {
    if (set.targets.contains(seed.vertex)) exclude(seed.vertex - first_target);
    if (!query.exclude_linked) continue;
    scratch_->slots.clear();
    slots.append_slots(seed.vertex, scratch_->slots);
    for (const std::uint32_t linked : scratch_->slots) {
      if (set.targets.contains(linked)) exclude(linked - first_target);
    }
  }
  for (const std::uint32_t row : query.excluded) exclude(row);
}

template <class Score>
std::vector<Scored> IndexQuery::select(const PprQuery& query, std::span<const std::uint32_t> rows, const Score& score) {
  TopK selection(std::min<std::uint64_t>(query.top_k, scratch_->visits.size()));
  const auto offer = [&](std::uint32_t row) {
    if (!detail::is_candidate(query.candidates, row)) return;
    const float found = score(row);
    if (found > 0.0F && selection.may_enter(found)) selection.push({found, row});
  };
  if (query.allowed) {
    std::vector<std::uint32_t> allowed(query.allowed->begin(), query.allowed->end());
    std::sort(allowed.begin(), allowed.end());
    allowed.erase(std::unique(allowed.begin(), allowed.end()), allowed.end());
    for (const std::uint32_t row : allowed) offer(row);
  } else {
    for (const std::uint32_t row : rows) offer(row);
  }
  return selection.take();
}

std::uint64_t index_query_scratch_bytes(std::uint64_t num_targets) {
  return 20 * num_targets;
}

}  // namespace rove::algorithms
