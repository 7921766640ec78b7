// SPDX-License-Identifier: Apache-2.0
#include "algorithms/ppr/index_query.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "algorithms/ppr/detail/lists.hpp"
#include "engine/base/error.hpp"
#include "engine/exec/walk_random.hpp"

namespace rove::algorithms {

namespace {

constexpr std::uint64_t kWhole = std::uint64_t{1} << 32U;
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

/// The seeds' weights as shares of 2^32 units; what rounding leaves goes to the first seeds, a unit each.
void share_out(std::span<const WeightedSeed> seeds, std::vector<AtVertex>& flow) {
  double total = 0.0;
  for (const WeightedSeed& seed : seeds) {
    if (!(seed.weight > 0.0) || !std::isfinite(seed.weight)) {
      throw ConfigError(fmt::format("the weight of a seed is {}, expected a finite number above 0", seed.weight));
    }
    total += seed.weight;
  }
  if (seeds.empty() || !std::isfinite(total)) throw ConfigError("a query needs seeds whose weights have a finite sum");
  std::uint64_t given = 0;
  flow.clear();
  for (const WeightedSeed& seed : seeds) {
    const auto units = static_cast<std::uint64_t>(seed.weight / total * static_cast<double>(kWhole));
    flow.push_back({seed.vertex, std::min(units, kWhole - given)});
    given += flow.back().units;
  }
  for (std::size_t i = 0; given < kWhole; i = (i + 1) % flow.size()) {
    ++flow[i].units;
    ++given;
  }
  merge(flow);
}

}  // namespace

struct IndexQuery::Scratch {
  explicit Scratch(std::uint64_t num_targets) : visits(num_targets), stopped(num_targets) {}

  Flow flow;
  std::vector<AtVertex> now;
  std::vector<AtVertex> next;
  std::vector<std::uint32_t> slots;
  std::vector<std::uint32_t> excluded;
  std::vector<std::uint64_t> visits;   ///< by target row: flow times count
  std::vector<std::uint64_t> stopped;  ///< by target row: flow that stopped there on the way
  std::vector<std::uint32_t> touched;  ///< target rows with any of the two

  void touch(std::uint32_t row) {
    if (visits[row] == 0 && stopped[row] == 0) touched.push_back(row);
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
  const std::uint64_t moving = kWhole - exec::coin_threshold(set.restart);
  const auto least =
      std::max<std::uint64_t>(1, static_cast<std::uint64_t>(query.threshold * static_cast<double>(kWhole)));
  for (std::uint32_t hop = 0;; ++hop) {
    next.clear();
    for (const AtVertex& at : now) {
      const FingerprintSet::OfType& type = set.of(at.vertex);
      const bool has_fingerprint = !type.fingerprints.empty();
      const std::uint64_t degree = slots.degree(at.vertex);
      const std::uint64_t moves = (at.units * moving) >> 32U;
      const std::uint64_t share = degree == 0 ? 0 : moves / degree;
      const bool worth_it =
          hop < query.hops && (has_fingerprint ? type.leads_to_fingerprints && share >= least : share > 0);
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
        for (const std::uint32_t target : scratch_->slots) next.push_back({target, share});
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

PprAnswer IndexQuery::answer(const FingerprintSet& set, const SlotLists& slots, const PprQuery& query) {
  Scratch& scratch = *scratch_;
  PprAnswer answer;
  answer.cold = std::all_of(query.seeds.begin(), query.seeds.end(),
                            [&](const WeightedSeed& seed) { return slots.degree(seed.vertex) == 0; });
  const Flow& flow = decompose(set, slots, query);
  if (answer.cold) return answer;

  const auto first_target = static_cast<std::uint32_t>(set.targets.begin);
  for (const AtVertex& at : flow.stopped) {
    if (at.units == 0 || !set.targets.contains(at.vertex)) continue;
    scratch.touch(at.vertex - first_target);
    scratch.stopped[at.vertex - first_target] += at.units;
  }
  std::uint64_t lost_walks = 0;  // units times walks
  std::uint64_t cut = 0;         // units times visits
  std::uint64_t largest_share = 1;
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
      if (entry.vertex >= scratch.visits.size()) {
        throw InputError(fmt::format("a fingerprint lists target {} of {}: the index is damaged", entry.vertex,
                                     scratch.visits.size()));
      }
      scratch.touch(entry.vertex);
      scratch.visits[entry.vertex] += at.units * entry.count;
    }
    lost_walks += at.units * type.fingerprints.lost[row];
    cut += at.units * type.fingerprints.cut[row];
    largest_share = std::max(largest_share, at.units);
  }
  answer.fingerprints = flow.kept.size();

  // What must not be listed loses its score.
  const auto exclude = [&](std::uint32_t row) {
    scratch.visits[row] = 0;
    scratch.stopped[row] = 0;
  };
  for (const WeightedSeed& seed : query.seeds) {
    if (set.targets.contains(seed.vertex)) exclude(seed.vertex - first_target);
    if (!query.exclude_linked) continue;
    scratch.slots.clear();
    slots.append_slots(seed.vertex, scratch.slots);
    for (const std::uint32_t linked : scratch.slots) {
      if (set.targets.contains(linked)) exclude(linked - first_target);
    }
  }
  for (const std::uint32_t row : query.excluded) exclude(row);

  const double lost = static_cast<double>(flow.lost) +
                      (lost_walks == 0 ? 0.0 : static_cast<double>(lost_walks) / static_cast<double>(set.walks));
  const double kept_share = 1.0 - lost / static_cast<double>(kWhole);
  const double unit = 1.0 / (static_cast<double>(kWhole) * kept_share);
  const double per_visit = set.walks == 0 ? 0.0 : set.restart / static_cast<double>(set.walks);
  TopK selection(std::min<std::uint64_t>(query.top_k, scratch.visits.size()));
  const auto offer = [&](std::uint32_t row) {
    if (scratch.visits[row] == 0 && scratch.stopped[row] == 0) return;
    const double score =
        (static_cast<double>(scratch.visits[row]) * per_visit + static_cast<double>(scratch.stopped[row])) * unit;
    const auto rounded = static_cast<float>(score);
    if (rounded > 0.0F && selection.may_enter(rounded)) selection.push({rounded, row});
  };
  if (kept_share > 0.0) {
    if (query.allowed) {
      std::vector<std::uint32_t> rows(query.allowed->begin(), query.allowed->end());
      std::sort(rows.begin(), rows.end());
      rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
      for (const std::uint32_t row : rows) offer(row);
    } else {
      for (const std::uint32_t row : scratch.touched) offer(row);
    }
  }
  answer.ranked = selection.take();
  for (const std::uint32_t row : scratch.touched) exclude(row);
  scratch.touched.clear();

  if (!answer.ranked.empty()) {
    const double effective_walks =
        static_cast<double>(set.walks) * (static_cast<double>(kWhole) / static_cast<double>(largest_share));
    answer.error_bound = (flow.kept.empty() ? 0.0
                                            : detail::bernstein_bound(static_cast<double>(answer.ranked.front().score),
                                                                      effective_walks, set.targets.size())) +
                         (static_cast<double>(cut) * per_visit + static_cast<double>(flow.unanswered)) * unit;
  }
  return answer;
}

}  // namespace rove::algorithms
