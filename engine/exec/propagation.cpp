// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/propagation.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "engine/base/assert.hpp"
#include "engine/base/checked_cast.hpp"
#include "engine/base/isa.hpp"
#include "engine/base/math.hpp"
#include "engine/exec/adjacency_view.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::exec {
namespace {

/// Rows a thread takes at a time: some 10 us of work at the usual degrees.
constexpr std::uint64_t kGrain = 256;
constexpr std::uint64_t kHubDegree = 8 * Propagation::kSegment;

double power(double degree, double exponent) {
  if (exponent == 0.5) return std::sqrt(degree);
  if (exponent == 1.0) return degree;
  return math::pow(degree, exponent);
}

/// The slots [begin, end) of an array of `size` targets.
detail::RowSlots row_slots(const std::uint32_t* targets, IndexRange slots, std::uint64_t size) {
  const std::uint64_t readable = std::min(slots.size() + detail::kAhead, size - slots.begin);
  return {targets + slots.begin, static_cast<std::uint32_t>(slots.size()),
          checked_cast<std::uint32_t>(readable, "degree")};
}

}  // namespace

Propagation::Propagation(const graph::DistributedGraph& graph, const PropagationOptions& options)
    : graph_(&graph), slots_(graph.num_owned()) {
  static_assert(sizeof(LocalVertexId) == sizeof(std::uint32_t));
  const AdjacencyView view(graph, {Direction::kBoth, options.edge_types});
  for (std::uint16_t t = 0; t < graph.schema().vertex_types().size(); ++t) {
    const IndexRange owned = graph.owned_of_type(VertexTypeId{t});
    const auto lanes = view.lanes_of(VertexTypeId{t});
    if (lanes.size() > 1) {
      std::vector<std::uint32_t>& merged = merged_.emplace_back();
      std::uint64_t total = 0;
      for (const Lane& lane : lanes) total += lane.csr->num_edges();
      merged.reserve(total);
      for (std::uint64_t row = 0; row < owned.size(); ++row) {
        const std::size_t begin = merged.size();
        for (const Lane& lane : lanes) {
          for (const LocalVertexId target : lane.csr->neighbors(row)) merged.push_back(target.value());
        }
        slots_[owned.begin + row] = row_slots(merged.data(), {begin, merged.size()}, total);
      }
    } else if (lanes.size() == 1) {
      const graph::CsrGraph& csr = *lanes[0].csr;
      const auto* targets = reinterpret_cast<const std::uint32_t*>(csr.targets.data());
      for (std::uint64_t row = 0; row < owned.size(); ++row) {
        slots_[owned.begin + row] = row_slots(targets, csr.slots(row), csr.num_edges());
      }
    }
  }

  const std::uint32_t owned = num_owned();
  for (auto* scale : {&before_, &after_, &chain_, &undo_before_, &undo_after_}) scale->resize(owned);
  for (std::uint32_t row = 0; row < owned; ++row) {
    const detail::RowSlots& slots = slots_[row];
    num_slots_ += slots.degree;
    if (slots.degree >= kHubDegree) hubs_.push_back(row);
    const bool reads_ghost =
        std::any_of(slots.targets, slots.targets + slots.degree, [&](std::uint32_t target) { return target >= owned; });
    (reads_ghost ? all_rows_.boundary : all_rows_.interior).push_back(row);
    if (slots.degree == 0) continue;
    const auto degree = static_cast<double>(slots.degree);
    const double row_power = power(degree, options.row_exponent);
    const double column_power = power(degree, options.column_exponent);
    before_[row] = static_cast<float>(1.0 / column_power);
    after_[row] = static_cast<float>(1.0 / row_power);
    chain_[row] = static_cast<float>(1.0 / power(degree, options.row_exponent + options.column_exponent));
    undo_before_[row] = static_cast<float>(column_power);
    undo_after_[row] = static_cast<float>(row_power);
  }
}

Propagation::Rows Propagation::select(std::span<const std::uint8_t> flags) const {
  Rows rows;
  const auto keep = [&](const std::vector<std::uint32_t>& from, std::vector<std::uint32_t>& to) {
    to.resize(from.size());
    std::size_t count = 0;
    for (const std::uint32_t row : from) {
      to[count] = row;
      count += flags[row] != 0 ? 1U : 0U;
    }
    to.resize(count);
  };
  keep(all_rows_.interior, rows.interior);
  keep(all_rows_.boundary, rows.boundary);
  return rows;
}

void Propagation::pull(std::span<float> x, std::uint32_t width, const Pull& options, std::span<float> y) const {
  ROVE_ASSERT_LIGHT(y.size() >= std::uint64_t{num_owned()} * width);
  run(x, width, options, y.data(), nullptr);
}

void Propagation::pull(std::span<float> x, std::uint32_t width, const Pull& options,
                       const BlockConsumer& consume) const {
  run(x, width, options, nullptr, &consume);
}

void Propagation::run(std::span<float> x, std::uint32_t width, const Pull& options, float* y,
                      const BlockConsumer* consume) const {
  ROVE_ASSERT_LIGHT(width % kRowLanes == 0 && x.size() >= std::uint64_t{num_local()} * width);
  const Rows& rows = options.rows == nullptr ? all_rows_ : *options.rows;
  if (options.ghosts_are_fresh || graph_->halo().comm().size() == 1) {
    pull_part(x.data(), width, rows.interior, options, y, consume);
  } else {
    auto update = graph_->halo().start_update(x, width);
    pull_part(x.data(), width, rows.interior, options, y, consume);
    update.wait();
  }
  pull_part(x.data(), width, rows.boundary, options, y, consume);
}

void Propagation::pull_part(const float* x, std::uint32_t width, std::span<const std::uint32_t> rows,
                            const Pull& options, float* y, const BlockConsumer* consume) const {
  detail::PullRows* const kernel = pick_isa(detail::avx2::pull_rows, detail::avx512::pull_rows);
  detail::PullTask task;
  task.x = x;
  task.width = width;
  task.slots = slots_.data();
  task.scale = options.scale.empty() ? nullptr : options.scale.data();
  task.nonzero = options.nonzero.empty() ? nullptr : options.nonzero.data();
  task.segment = kSegment;
  task.skip_degree = kHubDegree;

  for (const std::uint32_t hub : hubs_) {
    const auto found = std::lower_bound(rows.begin(), rows.end(), hub);
    if (found == rows.end() || *found != hub) continue;
    std::vector<float> sum(width);
    pull_hub(x, width, hub, options, sum.data());
    if (consume != nullptr) {
      (*consume)(std::span(&hub, 1), sum.data());
    } else {
      std::copy(sum.begin(), sum.end(), y + std::uint64_t{hub} * width);
    }
  }

  if (consume == nullptr) {
    parallel::for_chunks({0, rows.size()}, kGrain, [&](IndexRange chunk) {
      detail::PullTask part = task;
      part.rows = rows.data() + chunk.begin;
      part.count = chunk.size();
      part.out = y;
      kernel(part);
    });
    return;
  }
  parallel::for_chunks({0, rows.size()}, kGrain, [&](IndexRange chunk) {
    std::vector<float> results(kBlockRows * width);
    for (std::uint64_t begin = chunk.begin; begin < chunk.end; begin += kBlockRows) {
      auto block = rows.subspan(begin, std::min(kBlockRows, chunk.end - begin));
      detail::PullTask part = task;
      part.rows = block.data();
      part.count = block.size();
      part.out = results.data();
      part.compact = true;
      kernel(part);
      if (hubs_.empty()) {
        (*consume)(block, results.data());
        continue;
      }
      // Hubs were handed over before: the runs between them remain.
      std::size_t first = 0;
      for (std::size_t i = 0; i <= block.size(); ++i) {
        if (i < block.size() && slots_[block[i]].degree < kHubDegree) continue;
        if (i > first) (*consume)(block.subspan(first, i - first), results.data() + first * width);
        first = i + 1;
      }
    }
  });
}

void Propagation::pull_hub(const float* x, std::uint32_t width, std::uint32_t row, const Pull& options,
                           float* out) const {
  const detail::RowSlots& slots = slots_[row];
  const std::uint64_t segments = (slots.degree - 1) / kSegment + 1;
  std::vector<detail::RowSlots> parts(segments);
  std::vector<std::uint32_t> names(segments);
  for (std::uint64_t s = 0; s < segments; ++s) {
    const auto length = static_cast<std::uint32_t>(std::min(kSegment, slots.degree - s * kSegment));
    parts[s] = {slots.targets + s * kSegment, length, length};
    names[s] = static_cast<std::uint32_t>(s);
  }
  std::vector<float> sums(segments * width);
  detail::PullTask task;
  task.x = x;
  task.width = width;
  task.slots = parts.data();
  task.nonzero = options.nonzero.empty() ? nullptr : options.nonzero.data();
  task.segment = kSegment;
  task.skip_degree = kSegment + 1;
  task.out = sums.data();
  detail::PullRows* const kernel = pick_isa(detail::avx2::pull_rows, detail::avx512::pull_rows);
  parallel::for_chunks({0, segments}, 1, [&](IndexRange chunk) {
    detail::PullTask part = task;
    part.rows = names.data() + chunk.begin;
    part.count = chunk.size();
    kernel(part);
  });
  const float scale = options.scale.empty() ? 1.0F : options.scale[row];
  for (std::uint32_t c = 0; c < width; ++c) {
    float total = sums[c];
    for (std::uint64_t s = 1; s < segments; ++s) total += sums[s * width + c];
    out[c] = scale * total;
  }
}

void Propagation::mark_sources(std::span<const std::uint32_t> rows, std::span<std::uint8_t> flags) const {
  std::fill(flags.begin(), flags.end(), std::uint8_t{0});
  parallel::for_each({0, rows.size()}, kGrain, [&](std::uint64_t i) {
    for (const std::uint32_t target : targets_of(rows[i])) {
      std::atomic_ref<std::uint8_t>(flags[target]).store(1, std::memory_order_relaxed);
    }
    std::atomic_ref<std::uint8_t>(flags[rows[i]]).store(1, std::memory_order_relaxed);
  });
  if (graph_->halo().comm().size() == 1) return;
  graph_->halo().accumulate<std::uint8_t>(flags, 1, [&](LocalVertexId row, std::span<const std::uint8_t> flag) {
    flags[row.index()] = static_cast<std::uint8_t>(flags[row.index()] | flag[0]);
  });
}

}  // namespace rove::exec
