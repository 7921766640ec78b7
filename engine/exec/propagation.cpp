// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/propagation.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <type_traits>

#include "engine/base/assert.hpp"
#include "engine/base/checked_cast.hpp"
#include "engine/base/isa.hpp"
#include "engine/base/math.hpp"
#include "engine/exec/adjacency_view.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::exec {
namespace {

/// Rows a thread takes at a time: some 10 us of work at the usual degrees.
constexpr std::uint64_t kPropagationGrain = 256;
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

/// Rows that cross between ranks in one pull, and the offsets of each rank's part in floats.
struct Travellers {
  std::vector<std::uint32_t> chosen;
  std::span<const std::uint32_t> rows;
  std::vector<std::uint64_t> offsets;
};

/// Owners and readers know the same flags, so rows of zeros need not be announced to stay at home.
Travellers travellers(std::span<const std::uint32_t> rows, std::span<const std::uint64_t> offsets,
                      std::span<const std::uint8_t> nonzero, std::uint64_t width) {
  Travellers result{{}, rows, std::vector<std::uint64_t>(offsets.begin(), offsets.end())};
  if (!nonzero.empty()) {
    for (std::size_t rank = 0; rank + 1 < offsets.size(); ++rank) {
      for (std::uint64_t i = offsets[rank]; i < offsets[rank + 1]; ++i) {
        if (nonzero[rows[i]] != 0) result.chosen.push_back(rows[i]);
      }
      result.offsets[rank + 1] = result.chosen.size();
    }
    result.rows = result.chosen;
  }
  for (std::uint64_t& offset : result.offsets) offset *= width;
  return result;
}

template <class Stored>
Stored stored(float x) {
  if constexpr (std::is_same_v<Stored, float>) {
    return x;
  } else {
    return to_bfloat16(x);
  }
}

template <class Stored, class Result>
void pull_rows(const detail::PullTask<Stored, Result>& task) {
  pick_isa(detail::avx2::pull_rows<Stored, Result>, detail::avx512::pull_rows<Stored, Result>)(task);
}

}  // namespace

Propagation::Propagation(const graph::DistributedGraph& graph, const PropagationOptions& options)
    : graph_(&graph), slots_(graph.num_owned()) {
  static_assert(sizeof(LocalVertexId) == sizeof(std::uint32_t));
  const AdjacencyView view(graph, {Direction::kBoth, options.edge_types});
  for (std::uint16_t t = 0; t < graph.schema().vertex_types().size(); ++t) {
    const IndexRange owned = graph.owned_of_type(VertexTypeId{t});
    const auto lanes = view.lanes_of(VertexTypeId{t});
    if (lanes.size() > 1 || (options.keep && !lanes.empty())) {
      std::vector<std::uint32_t>& merged = merged_.emplace_back();
      std::uint64_t total = 0;
      for (const Lane& lane : lanes) total += lane.csr->num_edges();
      merged.reserve(total);
      for (std::uint64_t row = 0; row < owned.size(); ++row) {
        const std::size_t begin = merged.size();
        const auto local = static_cast<std::uint32_t>(owned.begin + row);
        for (const Lane& lane : lanes) {
          for (const LocalVertexId target : lane.csr->neighbors(row)) {
            if (!options.keep || options.keep(local, target.value())) merged.push_back(target.value());
          }
        }
        slots_[owned.begin + row] = row_slots(merged.data(), {begin, merged.size()}, total);
      }
      merged.resize(total);  // what kernels may read ahead
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
  build_rows();
  build_halos();
}

void Propagation::build_rows() {
  const std::uint32_t owned = num_owned();
  reads_ghost_.resize(owned);
  for (std::uint32_t row = 0; row < owned; ++row) {
    const auto targets = targets_of(row);
    reads_ghost_[row] =
        std::any_of(targets.begin(), targets.end(), [&](std::uint32_t t) { return t >= owned; }) ? 1 : 0;
  }
  for (std::uint16_t t = 0; t < graph_->schema().vertex_types().size(); ++t) {
    const IndexRange range = graph_->owned_of_type(VertexTypeId{t});
    std::vector<std::uint32_t> rows(range.size());
    std::iota(rows.begin(), rows.end(), static_cast<std::uint32_t>(range.begin));
    rows_by_type_.push_back(select(rows));
    rows_by_type_.back().is_sparse = false;
  }
}

void Propagation::build_halos() {
  const graph::HaloExchange& halo = graph_->halo();
  const std::size_t types = graph_->schema().vertex_types().size();
  halo_by_type_.resize(types);
  const auto append = [&](auto& offsets_of, auto& rows_of, std::size_t rank_begin, std::size_t rank_end, auto row_at) {
    for (std::size_t i = rank_begin; i < rank_end; ++i) {
      const std::uint32_t row = row_at(i);
      rows_of(halo_by_type_[graph_->type_of(LocalVertexId{row}).index()]).push_back(row);
    }
    for (TypeHalo& of_type : halo_by_type_) offsets_of(of_type).push_back(rows_of(of_type).size());
  };
  const auto send_offsets = [](TypeHalo& of_type) -> auto& { return of_type.send_offsets; };
  const auto send_rows = [](TypeHalo& of_type) -> auto& { return of_type.send_rows; };
  const auto receive_offsets = [](TypeHalo& of_type) -> auto& { return of_type.receive_offsets; };
  const auto ghosts = [](TypeHalo& of_type) -> auto& { return of_type.ghosts; };
  for (TypeHalo& of_type : halo_by_type_) {
    of_type.send_offsets.push_back(0);
    of_type.receive_offsets.push_back(0);
  }
  for (std::size_t rank = 0; rank + 1 < halo.send_offsets().size(); ++rank) {
    append(send_offsets, send_rows, halo.send_offsets()[rank], halo.send_offsets()[rank + 1],
           [&](std::size_t i) { return halo.send_rows()[i].value(); });
    append(receive_offsets, ghosts, halo.ghost_offsets()[rank], halo.ghost_offsets()[rank + 1],
           [&](std::size_t i) { return static_cast<std::uint32_t>(num_owned() + i); });
  }
}

Propagation::Rows Propagation::select(std::span<const std::uint32_t> rows) const {
  Rows selected;
  selected.is_sparse = true;
  for (const std::uint32_t row : rows) (reads_ghost_[row] != 0 ? selected.boundary : selected.interior).push_back(row);
  return selected;
}

void Propagation::pull(std::span<float> x, std::uint32_t width, const Pull& options, std::span<float> y) const {
  ROVE_ASSERT_LIGHT(y.size() >= std::uint64_t{num_owned()} * width);
  run(x, width, options, y.data(), nullptr);
}

void Propagation::pull(std::span<BFloat16> x, std::uint32_t width, const Pull& options, std::span<BFloat16> y) const {
  ROVE_ASSERT_LIGHT(y.size() >= std::uint64_t{num_owned()} * width);
  run(x, width, options, y.data(), nullptr);
}

void Propagation::pull(std::span<float> x, std::uint32_t width, const Pull& options,
                       const BlockConsumer& consume) const {
  run<float>(x, width, options, nullptr, &consume);
}

void Propagation::pull(std::span<BFloat16> x, std::uint32_t width, const Pull& options,
                       const BlockConsumer& consume) const {
  run<BFloat16>(x, width, options, nullptr, &consume);
}

void Propagation::pull_local(std::span<const float> x, std::uint32_t width, const Pull& options,
                             std::span<float> y) const {
  ROVE_ASSERT_LIGHT(num_local() == num_owned() && x.size() >= y.size());
  pull_all(x.data(), width, options, false, y.data(), nullptr);
}

void Propagation::pull_local(std::span<const float> x, std::uint32_t width, const Pull& options,
                             const BlockConsumer& consume) const {
  ROVE_ASSERT_LIGHT(num_local() == num_owned() && x.size() >= std::uint64_t{num_owned()} * width);
  pull_all<float>(x.data(), width, options, false, nullptr, &consume);
}

template <class Stored>
void Propagation::pull_all(const Stored* x, std::uint32_t width, const Pull& options, bool boundary, Stored* y,
                           const BlockConsumer* consume) const {
  const std::span<const Rows> parts =
      options.rows == nullptr ? std::span<const Rows>(rows_by_type_) : std::span(options.rows, 1);
  for (const Rows& rows : parts) {
    pull_part(x, width, boundary ? rows.boundary : rows.interior, options, rows.is_sparse, y, consume);
  }
}

template <class Stored>
void Propagation::run(std::span<Stored> x, std::uint32_t width, const Pull& options, Stored* y,
                      const BlockConsumer* consume) const {
  ROVE_ASSERT_LIGHT(width % kRowLanes == 0 && x.size() >= std::uint64_t{num_local()} * width);
  const auto interior = [&] { pull_all(x.data(), width, options, false, y, consume); };
  const comm::Communicator& comm = graph_->halo().comm();
  if (comm.size() == 1) return interior();
  if (!options.source_type) {
    auto update = graph_->halo().start_update(x, width);
    interior();
    update.wait();
  } else {
    const TypeHalo& halo = halo_by_type_[options.source_type->index()];
    const Travellers out = travellers(halo.send_rows, halo.send_offsets, options.nonzero, width);
    const Travellers in = travellers(halo.ghosts, halo.receive_offsets, options.nonzero, width);
    const std::uint64_t outgoing_size = out.rows.size() * width;
    const std::uint64_t incoming_size = in.rows.size() * width;
    const auto outgoing = std::make_unique_for_overwrite<Stored[]>(outgoing_size);
    const auto incoming = std::make_unique_for_overwrite<Stored[]>(incoming_size);
    parallel::for_each({0, out.rows.size()}, kPropagationGrain, [&](std::uint64_t i) {
      std::copy_n(x.data() + std::uint64_t{out.rows[i]} * width, width, outgoing.get() + i * width);
    });
    auto pending = comm.start_exchange<Stored>({outgoing.get(), outgoing_size}, out.offsets,
                                               {incoming.get(), incoming_size}, in.offsets);
    interior();
    pending.wait();
    parallel::for_each({0, in.rows.size()}, kPropagationGrain, [&](std::uint64_t i) {
      std::copy_n(incoming.get() + i * width, width, x.data() + std::uint64_t{in.rows[i]} * width);
    });
  }
  pull_all(x.data(), width, options, true, y, consume);
}

template <class Stored>
void Propagation::pull_part(const Stored* x, std::uint32_t width, std::span<const std::uint32_t> rows,
                            const Pull& options, bool is_sparse, Stored* y, const BlockConsumer* consume) const {
  for (const std::uint32_t hub : hubs_) {
    const auto found = std::lower_bound(rows.begin(), rows.end(), hub);
    if (found == rows.end() || *found != hub) continue;
    std::vector<float> sum(width);
    pull_hub(x, width, hub, options, sum.data());
    if (consume != nullptr) {
      (*consume)(std::span(&hub, 1), sum.data());
    } else {
      std::transform(sum.begin(), sum.end(), y + std::uint64_t{hub} * width, stored<Stored>);
    }
  }

  const auto of_rows = [&]<class Result>(detail::PullTask<Stored, Result> task) {
    task.x = x;
    task.width = width;
    task.slots = slots_.data();
    task.scale = options.scale.empty() ? nullptr : options.scale.data();
    task.source_scale = options.source_scale.empty() ? nullptr : options.source_scale.data();
    task.nonzero = options.nonzero.empty() ? nullptr : options.nonzero.data();
    task.touched = options.touched;
    task.segment = kSegment;
    task.skip_degree = kHubDegree;
    task.is_sparse = is_sparse;
    return task;
  };
  if (consume == nullptr) {
    const auto task = of_rows(detail::PullTask<Stored, Stored>());
    parallel::for_chunks({0, rows.size()}, kPropagationGrain, [&](IndexRange chunk) {
      auto part = task;
      part.rows = rows.data() + chunk.begin;
      part.count = chunk.size();
      part.out = y;
      pull_rows(part);
    });
    return;
  }
  const auto task = of_rows(detail::PullTask<Stored, float>());
  parallel::for_chunks({0, rows.size()}, kPropagationGrain, [&](IndexRange chunk) {
    std::vector<float> results(kBlockRows * width);
    for (std::uint64_t begin = chunk.begin; begin < chunk.end; begin += kBlockRows) {
      auto block = rows.subspan(begin, std::min(kBlockRows, chunk.end - begin));
      auto part = task;
      part.rows = block.data();
      part.count = block.size();
      part.out = results.data();
      part.compact = true;
      pull_rows(part);
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

template <class Stored>
void Propagation::pull_hub(const Stored* x, std::uint32_t width, std::uint32_t row, const Pull& options,
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
  detail::PullTask<Stored, float> task;
  task.x = x;
  task.width = width;
  task.slots = parts.data();
  task.source_scale = options.source_scale.empty() ? nullptr : options.source_scale.data();
  task.nonzero = options.nonzero.empty() ? nullptr : options.nonzero.data();
  task.segment = kSegment;
  task.skip_degree = kSegment + 1;
  task.out = sums.data();
  parallel::for_chunks({0, segments}, 1, [&](IndexRange chunk) {
    auto part = task;
    part.rows = names.data() + chunk.begin;
    part.count = chunk.size();
    pull_rows(part);
  });
  const float scale = options.scale.empty() ? 1.0F : options.scale[row];
  for (std::uint32_t c = 0; c < width; ++c) {
    float total = sums[c];
    for (std::uint64_t s = 1; s < segments; ++s) total += sums[s * width + c];
    out[c] = scale * total;
  }
}

}  // namespace rove::exec
