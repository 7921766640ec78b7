// SPDX-License-Identifier: Apache-2.0
#include "algorithms/sampling/negative_sampler.hpp"

#include <algorithm>
#include <atomic>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/hash.hpp"
#include "engine/base/random.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::algorithms {

namespace {

/// Draws before the complement is enumerated. Part of every result.
constexpr std::uint32_t kTries = 32;
constexpr std::uint64_t kNegativeSamplerGrain = 1U << 10U;

}  // namespace

NegativeSampler::NegativeSampler(const SamplingGraph& graph, std::size_t link, NegativeOptions options)
    : options_(options) {
  if (link >= graph.adjacencies().size() || graph.adjacencies()[link].link.direction != exec::Direction::kOut) {
    throw ConfigError("negatives are drawn for links followed from source to destination; this one is not");
  }
  adjacency_ = &graph.adjacencies()[link];
  num_rows_ = graph.schema().vertex_type(adjacency_->neighbors).count;
  same_type_ = adjacency_->anchors == adjacency_->neighbors;
  const std::uint64_t num_sources = adjacency_->offsets.size() - 1;
  const std::uint64_t num_slots = adjacency_->offsets[num_sources];

  std::atomic<bool> ascending = !adjacency_->targets.empty();
  parallel::for_each({0, num_sources}, kNegativeSamplerGrain, [&](std::uint64_t row) {
    if (!ascending.load(std::memory_order_relaxed)) return;
    const std::uint32_t* targets = adjacency_->targets.data();
    if (!std::is_sorted(targets + adjacency_->offsets[row], targets + adjacency_->offsets[row + 1])) {
      ascending.store(false, std::memory_order_relaxed);
    }
  });
  if (!ascending) {
    sorted_.resize(num_slots);
    parallel::for_each({0, num_sources}, kNegativeSamplerGrain, [&](std::uint64_t row) {
      const IndexRange slots{adjacency_->offsets[row], adjacency_->offsets[row + 1]};
      for (std::uint64_t slot = slots.begin; slot < slots.end; ++slot) sorted_[slot] = adjacency_->neighbor(slot);
      std::sort(sorted_.begin() + static_cast<std::ptrdiff_t>(slots.begin),
                sorted_.begin() + static_cast<std::ptrdiff_t>(slots.end));
    });
  }
  if (options_.distribution == NegativeDistribution::kPopularity) {
    std::vector<std::uint64_t> weights(num_rows_);
    for (std::uint64_t slot = 0; slot < num_slots; ++slot) ++weights[adjacency_->neighbor(slot)];
    for (std::uint64_t& weight : weights) weight = popularity_weight(weight);
    weights_ = CumulativeWeights(std::move(weights));
  }
}

std::span<const std::uint32_t> NegativeSampler::linked(std::uint32_t source) const {
  const std::uint32_t* rows = sorted_.empty() ? adjacency_->targets.data() : sorted_.data();
  return {rows + adjacency_->offsets[source], rows + adjacency_->offsets[source + 1]};
}

bool NegativeSampler::is_linked(std::uint32_t source, std::uint32_t destination) const {
  if (same_type_ && source == destination) return true;
  return std::ranges::binary_search(linked(source), destination);
}

std::uint64_t NegativeSampler::weight(std::uint32_t row) const {
  return weights_.empty() ? 1 : weights_.weight(row);
}

std::uint32_t NegativeSampler::draw_any(std::uint64_t bits) const {
  if (weights_.empty()) return static_cast<std::uint32_t>(slot_multiply_shift(bits, num_rows_));
  return static_cast<std::uint32_t>(weights_.find(slot_multiply_shift(bits, weights_.total())));
}

std::uint32_t NegativeSampler::draw_from_complement(std::uint32_t source, std::uint64_t bits) const {
  const auto visit = [&](const auto& body) {
    std::span<const std::uint32_t> rest = linked(source);
    for (std::uint32_t row = 0; row < num_rows_; ++row) {
      while (!rest.empty() && rest.front() < row) rest = rest.subspan(1);
      const bool is_free = (rest.empty() || rest.front() != row) && !(same_type_ && row == source);
      if (is_free && weight(row) > 0 && body(row)) return;
    }
  };
  std::uint64_t total = 0;
  visit([&](std::uint32_t row) {
    total += weight(row);
    return false;
  });
  std::uint32_t chosen = kNone;
  const std::uint64_t x = slot_multiply_shift(bits, total);
  std::uint64_t sum = 0;
  visit([&](std::uint32_t row) {
    sum += weight(row);
    chosen = row;
    return sum > x;
  });
  return chosen;
}

void NegativeSampler::sample(std::uint32_t source, std::uint64_t position, std::uint64_t epoch,
                             std::span<std::uint32_t> out) const {
  const RandomStream stream(options_.seed, Purpose::kNegative, mix64(epoch, adjacency_->link.type.value()));
  const bool is_drawable = num_rows_ > 0 && (weights_.empty() || weights_.total() > 0);
  for (std::uint32_t j = 0; j < out.size(); ++j) {
    out[j] = kNone;
    for (std::uint32_t attempt = 0; is_drawable && attempt < kTries && out[j] == kNone; ++attempt) {
      const std::uint32_t row = draw_any(stream.draw(position, j, attempt));
      if (!is_linked(source, row)) out[j] = row;
    }
    if (is_drawable && out[j] == kNone) out[j] = draw_from_complement(source, stream.draw(position, j, kTries));
  }
}

std::uint64_t NegativeSampler::plan_bytes(const graph::Schema& schema, EdgeTypeId type) {
  const graph::EdgeType& edges = schema.edge_type(type);
  return 4 * edges.count + 16 * schema.vertex_type(edges.destination).count;
}

}  // namespace rove::algorithms
