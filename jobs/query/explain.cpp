// SPDX-License-Identifier: Apache-2.0
#include "jobs/query/explain.hpp"

#include <algorithm>
#include <tuple>
#include <unordered_map>

namespace rove::jobs {
namespace {

using Slot = MappedGraph::Slot;

/// Parallel edges of one type in one direction.
struct Link {
  std::uint32_t vertex = 0;
  EdgeTypeId type;
  bool forward = true;
  double weight = 0.0;  ///< of all of them
};

bool before(const Link& a, const Link& b) {
  return std::tuple(a.vertex, a.type.value(), a.forward) < std::tuple(b.vertex, b.type.value(), b.forward);
}

/// Slots that a walk can take, parallel ones merged, ascending by the vertex at their other end.
std::vector<Link> links_of(const std::vector<Slot>& slots) {
  std::vector<Link> links;
  links.reserve(slots.size());
  for (const Slot& slot : slots) {
    if (slot.weight > 0.0) links.push_back({slot.target, slot.type, slot.forward, slot.weight});
  }
  std::sort(links.begin(), links.end(), before);
  std::size_t last = 0;
  for (std::size_t i = 1; i < links.size(); ++i) {
    if (!before(links[last], links[i])) {
      links[last].weight += links[i].weight;
    } else {
      links[++last] = links[i];
    }
  }
  if (!links.empty()) links.resize(last + 1);
  return links;
}

/// The best `limit` paths offered.
class BestPaths {
 public:
  explicit BestPaths(std::size_t limit) : limit_(limit) {}

  void offer(Explanation& explanation, std::uint32_t seed, double probability,
             std::initializer_list<ExplainingPath::Step> steps) {
    explanation.probability += probability;
    ++explanation.num_paths;
    if (limit_ == 0 || (paths_.size() == limit_ && probability < paths_.front().probability)) return;
    paths_.push_back({seed, steps, probability});
    std::push_heap(paths_.begin(), paths_.end(), ranks_before);
    if (paths_.size() <= limit_) return;
    std::pop_heap(paths_.begin(), paths_.end(), ranks_before);
    paths_.pop_back();
  }
  [[nodiscard]] std::vector<ExplainingPath> take() {
    std::sort_heap(paths_.begin(), paths_.end(), ranks_before);
    return std::move(paths_);
  }

 private:
  static bool ranks_before(const ExplainingPath& a, const ExplainingPath& b) {
    if (a.probability != b.probability) return a.probability > b.probability;
    if (a.steps.size() != b.steps.size()) return a.steps.size() < b.steps.size();
    if (a.seed != b.seed) return a.seed < b.seed;
    return std::ranges::lexicographical_compare(
        a.steps, b.steps, [](const ExplainingPath::Step& x, const ExplainingPath::Step& y) {
          return std::tuple(x.vertex, x.type.value(), x.forward) < std::tuple(y.vertex, y.type.value(), y.forward);
        });
  }

  std::size_t limit_;
  std::vector<ExplainingPath> paths_;
};

std::vector<Link> links_from(const MappedGraph& graph, std::uint32_t vertex) {
  std::vector<Slot> slots;
  graph.append_slots(vertex, slots);
  return links_of(slots);
}
std::vector<Link> links_to(const MappedGraph& graph, std::uint32_t vertex) {
  std::vector<Slot> slots;
  graph.append_slots_to(vertex, slots);
  return links_of(slots);
}

}  // namespace

Explanation explain(const MappedGraph& graph, std::span<const algorithms::WeightedSeed> seeds, std::uint32_t target,
                    double restart, std::uint32_t max_paths, std::uint64_t max_slots) {
  Explanation explanation;
  BestPaths best(max_paths);
  double total = 0.0;
  for (const algorithms::WeightedSeed& seed : seeds) total += seed.weight;

  /// Where the seeds' first step leads, and with which probability.
  struct FirstStep {
    std::uint32_t seed;
    ExplainingPath::Step step;
    double probability;
  };
  /// A vertex they lead to. Its strength is read once: an item may have millions of slots and lie on many paths.
  struct Reached {
    std::vector<FirstStep> steps;
    double strength = 0.0;
  };
  std::unordered_map<std::uint32_t, Reached> reached;
  const double moves_on = 1.0 - restart;
  for (const algorithms::WeightedSeed& seed : seeds) {
    const std::vector<Link> links = links_from(graph, seed.vertex);
    if (links.empty()) continue;
    const double each = seed.weight / total * moves_on / graph.strength(seed.vertex);
    for (const Link& link : links) {
      const FirstStep step{seed.vertex, {link.type, link.forward, link.vertex}, each * link.weight};
      reached[link.vertex].steps.push_back(step);
      if (link.vertex == target) best.offer(explanation, seed.vertex, restart * step.probability, {step.step});
    }
  }
  for (auto& [vertex, by] : reached) by.strength = graph.strength(vertex);
  // The last step is found among the slots that lead to the target, turned round.
  std::uint64_t looked_at = 0;
  for (const Link& last : links_to(graph, target)) {
    const std::uint64_t degree = graph.degree(last.vertex);
    const bool looks_further = looked_at + degree <= max_slots;
    explanation.complete = explanation.complete && looks_further;
    const auto direct = reached.find(last.vertex);
    if (!looks_further && direct == reached.end()) continue;
    const ExplainingPath::Step last_step{last.type, !last.forward, target};
    const double strength = direct == reached.end() ? graph.strength(last.vertex) : direct->second.strength;
    const double last_probability = moves_on * last.weight / strength;
    if (direct != reached.end()) {
      for (const FirstStep& first : direct->second.steps) {
        best.offer(explanation, first.seed, restart * first.probability * last_probability, {first.step, last_step});
      }
    }
    if (!looks_further) continue;
    looked_at += degree;
    for (const Link& middle : links_to(graph, last.vertex)) {
      const auto found = reached.find(middle.vertex);
      if (found == reached.end()) continue;
      const ExplainingPath::Step middle_step{middle.type, !middle.forward, last.vertex};
      const double probability = moves_on * middle.weight / found->second.strength * last_probability * restart;
      for (const FirstStep& first : found->second.steps) {
        best.offer(explanation, first.seed, first.probability * probability, {first.step, middle_step, last_step});
      }
    }
  }
  explanation.paths = best.take();
  return explanation;
}

}  // namespace rove::jobs
