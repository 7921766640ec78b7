// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/detail/walk_graph_builder.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::exec {

namespace {

constexpr std::uint64_t kListGrain = 1U << 10U;
constexpr std::uint32_t kAlways = share_threshold(1.0);

}  // namespace

std::uint64_t WalkGraphBuilder::filter_bits(std::uint64_t num_slots) {
  return std::bit_ceil(std::max<std::uint64_t>(64, 4 * num_slots));
}

WalkGraphBuilder::WalkGraphBuilder(std::uint32_t num_rows, const WalkGraphOptions& options) : options_(options) {
  graph_.num_rows_ = num_rows;
  graph_.num_lists_ = static_cast<std::uint32_t>(std::max<std::size_t>(1, options.links.size()));
  next_.resize(std::uint64_t{num_rows} * graph_.num_lists_);
}

void WalkGraphBuilder::count(std::uint64_t first_row, std::uint32_t list, std::span<const std::uint32_t> degrees) {
  for (std::size_t i = 0; i < degrees.size(); ++i) next_[(first_row + i) * graph_.num_lists_ + list] += degrees[i];
}

void WalkGraphBuilder::allocate() {
  std::uint64_t max_degree = 0;
  for (const std::uint64_t degree : next_) {
    graph_.num_slots_ += degree;
    max_degree = std::max(max_degree, degree);
  }
  graph_.degree_bits_ = std::max(1U, static_cast<std::uint32_t>(std::bit_width(max_degree)));
  const auto offset_bits = static_cast<std::uint32_t>(std::bit_width(graph_.num_slots_));
  if (graph_.degree_bits_ + offset_bits > 64 || graph_.degree_bits_ > 32) {
    throw DoesNotFitError(
        fmt::format("walks over {} edges with a vertex of degree {} need {} + {} bits per vertex, more than 64 (and at "
                    "most 32 for the degree); cap the degree at import or use more ranks with the partitioned layout",
                    graph_.num_slots_, max_degree, offset_bits, graph_.degree_bits_));
  }
  graph_.degree_mask_ = (std::uint64_t{1} << graph_.degree_bits_) - 1;
  graph_.records_ = HugeBuffer<std::uint64_t>(next_.size() + 1);
  std::uint64_t offset = 0;
  for (std::size_t list = 0; list < next_.size(); ++list) {
    graph_.records_[list] = (offset << graph_.degree_bits_) | next_[list];
    offset += std::exchange(next_[list], offset);
  }
  graph_.records_[next_.size()] = offset << graph_.degree_bits_;
  // A vertex without edges at the end reads one slot beyond the last before its degree is looked at.
  graph_.targets_ = HugeBuffer<std::uint32_t>(graph_.num_slots_ + 1);
  if (options_.times) graph_.times_ = HugeBuffer<std::int64_t>(graph_.num_slots_ + 1);
  if (options_.sampling != SlotSampling::kUniform) weights_ = HugeBuffer<float>(graph_.num_slots_ + 1);
}

void WalkGraphBuilder::fill(std::uint64_t first_row, std::uint32_t list, std::span<const std::uint32_t> degrees,
                            std::span<const std::uint32_t> targets, std::uint32_t first_target,
                            std::span<const float> weights, std::span<const std::int64_t> times) {
  std::uint64_t read = 0;
  for (std::size_t i = 0; i < degrees.size(); ++i) {
    std::uint64_t& write = next_[(first_row + i) * graph_.num_lists_ + list];
    for (std::uint32_t j = 0; j < degrees[i]; ++j, ++read, ++write) {
      graph_.targets_[write] = first_target + targets[read];
      if (options_.times) graph_.times_[write] = times[read];
      if (weights_.empty()) continue;
      const float weight = weights.empty() ? 1.0F : weights[read];
      if (!(weight >= 0.0F) || !std::isfinite(weight)) {
        throw InputError(fmt::format(
            "an edge has the weight {}, expected a finite number of at least 0; walk uniformly or import again",
            weight));
      }
      weights_[write] = weight;
    }
  }
}

WalkGraphBuilder::List WalkGraphBuilder::list_at(std::uint64_t record) const {
  return {graph_.offset_of_record(graph_.records_[record]), graph_.degree_of_record(graph_.records_[record])};
}

template <class Work>
void WalkGraphBuilder::for_lists(const Work& work) const {
  parallel::for_each({0, next_.size()}, kListGrain, [&](std::uint64_t record) {
    if (const List list = list_at(record); list.degree > 0) work(record, list);
  });
}

WalkGraph WalkGraphBuilder::finish(Ids ids, const Returns& returns) {
  graph_.ghosts_ = std::move(ids.ghosts);
  graph_.first_id_ = ids.first_id;
  graph_.ghost_ids_ = std::move(ids.ghost_ids);
  graph_.rank_begins_ = std::move(ids.rank_begins);
  if (options_.times) order_by_time();
  if (options_.membership) sort_neighbors();
  if (options_.membership && returns.closes_triangles) build_filter(returns.known && !returns.must_search);
  const bool weighted = !weights_.empty();
  graph_.closes_triangles_ = returns.closes_triangles;
  graph_.knows_returns_ = returns.known && (!weighted || options_.returns);
  graph_.searches_returns_ = returns.must_search || weighted;
  if (graph_.knows_returns_ && weighted) build_shares();
  if (graph_.knows_returns_ && !weighted) find_repeats();
  if (!weights_.empty()) {
    if (options_.sampling == SlotSampling::kAlias) {
      build_alias();
    } else {
      build_thresholds();
    }
    drop_lists_without_weight();
  }
  return std::move(graph_);
}

void WalkGraphBuilder::order_by_time() {
  parallel::PerThread<std::vector<std::uint32_t>> orders;
  for_lists([&](std::uint64_t, const List& list) {
    const std::int64_t* const times = graph_.times_.data() + list.first;
    if (std::is_sorted(times, times + list.degree)) return;
    std::vector<std::uint32_t>& order = orders.local();
    order.resize(list.degree);
    std::iota(order.begin(), order.end(), 0U);
    std::sort(order.begin(), order.end(),
              [&](std::uint32_t a, std::uint32_t b) { return times[a] != times[b] ? times[a] < times[b] : a < b; });
    const auto permute = [&](auto* values) {
      const std::vector before(values + list.first, values + list.first + list.degree);
      for (std::size_t i = 0; i < order.size(); ++i) values[list.first + i] = before[order[i]];
    };
    permute(graph_.targets_.data());
    permute(graph_.times_.data());
    if (!weights_.empty()) permute(weights_.data());
  });
}

void WalkGraphBuilder::build_alias() {
  graph_.alias_ = HugeBuffer<AliasSlot>(graph_.num_slots_ + 1);
  parallel::PerThread<AliasTableBuilder> builders;
  for_lists([&](std::uint64_t, const List& list) {
    builders.local().build({weights_.data() + list.first, list.degree}, graph_.targets_.data() + list.first,
                           graph_.alias_.data() + list.first);
  });
}

void WalkGraphBuilder::build_thresholds() {
  graph_.thresholds_ = HugeBuffer<std::uint32_t>(graph_.num_slots_ + 1);
  for_lists([&](std::uint64_t, const List& list) {
    const float* const weights = weights_.data() + list.first;
    std::uint32_t* const thresholds = graph_.thresholds_.data() + list.first;
    double total = 0.0;
    double largest = 0.0;
    std::size_t last = 0;  // slot with weight
    for (std::size_t j = 0; j < list.degree; ++j) {
      const auto weight = static_cast<double>(weights[j]);
      total += weight;
      largest = std::max(largest, weight);
      if (weight > 0.0) last = j;
    }
    if (total == 0.0) return;
    double sum = 0.0;
    for (std::size_t j = 0; j < list.degree; ++j) {
      const auto weight = static_cast<double>(weights[j]);
      sum += weight;
      thresholds[j] = options_.sampling == SlotSampling::kRejection ? share_threshold(weight / largest)
                      : j >= last                                   ? kAlways
                                                                    : share_threshold(sum / total);
    }
  });
}

void WalkGraphBuilder::drop_lists_without_weight() {
  for_lists([&](std::uint64_t record, const List& list) {
    const float* const weights = weights_.data() + list.first;
    if (std::all_of(weights, weights + list.degree, [](float weight) { return weight == 0.0F; })) {
      graph_.records_[record] &= ~graph_.degree_mask_;
    }
  });
  weights_ = HugeBuffer<float>();
}

IndexRange WalkGraphBuilder::slots_of(std::uint64_t row) const {
  const std::uint64_t lists = graph_.num_lists_;
  return {graph_.offset_of_record(graph_.records_[row * lists]),
          graph_.offset_of_record(graph_.records_[(row + 1) * lists])};
}

void WalkGraphBuilder::sort_neighbors() {
  if (graph_.ghosts_.empty() && graph_.first_id_ == 0) {
    parallel::PerThread<std::uint32_t> unsorted;
    parallel::for_each({0, graph_.num_rows_}, kListGrain, [&](std::uint64_t v) {
      const IndexRange row = slots_of(v);
      const std::uint32_t* const targets = graph_.targets_.data();
      unsorted.local() += std::is_sorted(targets + row.begin, targets + row.end) ? 0U : 1U;
    });
    std::uint32_t total = 0;
    unsorted.for_each([&](std::uint32_t part) { total += part; });
    if (total == 0) return;
  }
  graph_.sorted_ = HugeBuffer<std::uint32_t>(graph_.num_slots_ + 1);
  parallel::for_each({0, graph_.num_rows_}, kListGrain, [&](std::uint64_t v) {
    const IndexRange row = slots_of(v);
    for (std::uint64_t slot = row.begin; slot < row.end; ++slot) {
      graph_.sorted_[slot] = graph_.id_of(graph_.targets_[slot]);
    }
    std::sort(graph_.sorted_.data() + row.begin, graph_.sorted_.data() + row.end);
  });
}

void WalkGraphBuilder::build_filter(bool both_rows) {
  const std::uint64_t bits = filter_bits(graph_.num_slots_);
  graph_.filter_ = HugeBuffer<std::uint64_t>(bits / 64);
  graph_.filter_shift_ = 64U - static_cast<std::uint32_t>(std::countr_zero(bits));
  parallel::for_each({0, graph_.num_rows_}, kListGrain, [&](std::uint64_t v) {
    const auto id = graph_.first_id_ + static_cast<std::uint32_t>(v);
    for (const std::uint32_t other : graph_.sorted_neighbors(static_cast<std::uint32_t>(v))) {
      if (both_rows && other < id && graph_.owns(other)) continue;
      const std::uint64_t bit = graph_.filter_bit(id, other);
      std::atomic_ref<std::uint64_t>(graph_.filter_[bit / 64])
          .fetch_or(std::uint64_t{1} << (bit % 64), std::memory_order_relaxed);
    }
  });
}

void WalkGraphBuilder::find_repeats() {
  const std::uint64_t num_words = (std::uint64_t{graph_.num_rows_} + 63) / 64;
  std::vector<std::uint64_t> repeats(num_words);
  parallel::for_each({0, num_words}, kListGrain / 64, [&](std::uint64_t word) {
    for (std::uint64_t v = word * 64; v < std::min<std::uint64_t>(graph_.num_rows_, word * 64 + 64); ++v) {
      const std::span<const std::uint32_t> row = graph_.sorted_neighbors(static_cast<std::uint32_t>(v));
      if (std::adjacent_find(row.begin(), row.end()) != row.end()) repeats[word] |= std::uint64_t{1} << (v % 64);
    }
  });
  if (std::any_of(repeats.begin(), repeats.end(), [](std::uint64_t word) { return word != 0; })) {
    graph_.repeats_ = std::move(repeats);
  }
}

void WalkGraphBuilder::build_shares() {
  graph_.shares_ = HugeBuffer<std::uint32_t>(graph_.num_slots_ + 1);
  struct Neighbor {
    std::uint32_t id;
    std::uint32_t slot;
  };
  parallel::PerThread<std::vector<Neighbor>> orders;
  parallel::for_each({0, graph_.num_rows_}, kListGrain, [&](std::uint64_t v) {
    const IndexRange row = slots_of(v);
    const float* const weights = weights_.data() + row.begin;
    std::vector<Neighbor>& order = orders.local();
    order.clear();
    double total = 0.0;
    for (std::uint32_t slot = 0; slot < row.size(); ++slot) {
      order.push_back({graph_.id_of(graph_.targets_[row.begin + slot]), slot});
      total += static_cast<double>(weights[slot]);
    }
    if (total == 0.0) return;
    std::sort(order.begin(), order.end(),
              [](const Neighbor& a, const Neighbor& b) { return a.id != b.id ? a.id < b.id : a.slot < b.slot; });
    for (std::size_t begin = 0; begin < order.size();) {
      std::size_t end = begin;
      double sum = 0.0;
      for (; end < order.size() && order[end].id == order[begin].id; ++end) {
        sum += static_cast<double>(weights[order[end].slot]);
      }
      std::fill_n(graph_.shares_.data() + row.begin + begin, end - begin, share_threshold(sum / total));
      begin = end;
    }
  });
}

}  // namespace rove::exec
