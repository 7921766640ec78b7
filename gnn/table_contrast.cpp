// SPDX-License-Identifier: Apache-2.0
#include "gnn/table_contrast.hpp"

#include <algorithm>
#include <cmath>

#include "engine/base/isa.hpp"
#include "engine/base/math.hpp"
#include "engine/exec/propagation.hpp"
#include "engine/graph/block_distribution.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/detail/contrast_kernels.hpp"

namespace rove::gnn {
namespace {

/// Keys per part: with their panels and a block's weights they stay in the second-level cache. Part of the result.
constexpr std::uint64_t kPartKeys = 1024;
static_assert(kPartKeys % detail::kKeyPanel == 0);

/// What a thread's kernel calls work on.
struct Scratch {
  std::vector<float> block;
  std::vector<float> weights;
  std::vector<float> part;

  void make_room(std::uint32_t width) {
    block.assign(std::size_t{detail::kAnchorBlock} * width, 0.0F);
    weights.resize(detail::kAnchorBlock * kPartKeys);
    part.resize(std::size_t{detail::kAnchorBlock} * width);
  }
  /// A task for these rows.
  detail::LogitTask prepare(const float* rows, std::uint64_t count, std::uint32_t width, float sharpness) {
    make_room(width);
    std::copy_n(rows, count * width, block.data());
    detail::LogitTask task;
    task.anchors = block.data();
    task.num_anchors = static_cast<std::uint32_t>(count);
    task.width = width;
    task.sharpness = sharpness;
    task.weights = weights.data();
    task.part = part.data();
    return task;
  }
};

}  // namespace

TableContrast::TableContrast(const graph::DistributedGraph& graph, VertexTypeId type, std::uint32_t width)
    : graph_(&graph), type_(type), width_(width) {}

void TableContrast::run(const comm::Communicator& comm, const Anchors& anchors, const float* keys, double temperature,
                        double weight, float* anchor_gradients, float* key_gradients, ExactSum& loss) {
  constexpr double kFloor = 1e-8;
  constexpr double kClamp = 5.0;
  const std::uint64_t own = anchors.rows.size();
  const std::span<const float> values(anchors.values, own * width_);
  std::vector<std::uint64_t> ids(own);
  for (std::size_t i = 0; i < own; ++i) ids[i] = graph_->index_map().stable_of(LocalVertexId{anchors.rows[i]}).value();
  anchors_.gather(comm, ids, values, width_);
  const double sharpness = 1.0 / temperature;
  const double factor = weight * sharpness / anchors.total;

  // The floor is a key of its own, whose row is zero.
  maxima_.assign(own, static_cast<float>(math::log(kFloor)));
  sums_.assign(own, 1.0F);
  pulled_.assign(own * width_, 0.0F);
  pull_keys(comm, values, keys, static_cast<float>(sharpness));

  std::vector<float> offsets(own);
  const std::uint64_t first = graph_->owned_of_type(type_).begin;
  detail::DotRows* const dot = pick_isa(detail::avx2::dot_rows, detail::avx512::dot_rows);
  detail::CombineRows* const combine = pick_isa(detail::avx2::combine_rows, detail::avx512::combine_rows);
  for (std::size_t i = 0; i < own; ++i) {
    const float* a = anchors.values + i * width_;
    const std::uint64_t row = anchors.rows[i] - first;
    const double logit = sharpness * static_cast<double>(dot(a, keys + row * width_, width_));
    const auto count = static_cast<double>(anchors.counts[i]);
    const double log_sum = static_cast<double>(maxima_[i]) + math::log(static_cast<double>(sums_[i]));
    const double value = count * weight / anchors.total * (log_sum - std::clamp(logit, -kClamp, kClamp));
    if (std::isfinite(value)) loss.add(value);
    offsets[i] = static_cast<float>(log_sum - math::log(count));
    const bool is_active = logit > -kClamp && logit < kClamp;
    const auto drawn = is_active ? static_cast<float>(-factor * count) : 0.0F;
    const auto pushed = static_cast<float>(factor * count / static_cast<double>(sums_[i]));
    combine(pulled_.data() + i * width_, pushed, keys + row * width_, drawn, width_, anchor_gradients + i * width_);
    float* to = key_gradients + row * width_;
    combine(a, drawn, to, 1.0F, width_, to);
  }
  pull_anchors(keys, static_cast<float>(sharpness), anchors_.by_position(comm, offsets), static_cast<float>(factor),
               key_gradients);
}

void TableContrast::pull_keys(const comm::Communicator& comm, std::span<const float> own, const float* keys,
                              float sharpness) {
  const std::uint64_t all = graph_->schema().vertex_type(type_).count;
  const std::uint64_t num_own = own.size() / width_;
  std::vector<float> home;
  IndexRange block{0, all};
  if (comm.size() > 1) {
    const std::span<const float> owned(keys, graph_->owned_of_type(type_).size() * width_);
    home = graph_->home(type_).to_home<float>(comm, owned, width_);
    block = graph::BlockDistribution(all, comm.size()).block(comm.rank());
  }
  detail::AttractLogits* const kernel = pick_isa(detail::avx2::attract_logits, detail::avx512::attract_logits);
  parallel::PerThread<Scratch> scratch;
  for (std::uint64_t begin = 0; begin < all; begin += kPartKeys) {
    const std::uint64_t end = std::min(all, begin + kPartKeys);
    const float* rows = keys + begin * width_;
    if (comm.size() > 1) {
      const std::uint64_t from = std::clamp(begin, block.begin, block.end) - block.begin;
      const std::uint64_t to = std::clamp(end, block.begin, block.end) - block.begin;
      block_ = comm.all_gather_v(std::span<const float>(home).subspan(from * width_, (to - from) * width_)).data;
      rows = block_.data();
    }
    pack_panels(rows, end - begin, width_, panels_);
    parallel::for_chunks({0, num_own}, detail::kAnchorBlock, [&](IndexRange chunk) {
      detail::LogitTask task =
          scratch.local().prepare(own.data() + chunk.begin * width_, chunk.size(), width_, sharpness);
      task.panels = panels_.data();
      task.keys = rows;
      task.num_keys = end - begin;
      task.maxima = maxima_.data() + chunk.begin;
      task.sums = sums_.data() + chunk.begin;
      task.out = pulled_.data() + chunk.begin * width_;
      kernel(task);
    });
  }
}

void TableContrast::pull_anchors(const float* keys, float sharpness, std::span<const float> offsets, float factor,
                                 float* key_gradients) {
  detail::AttractLogits* const kernel = pick_isa(detail::avx2::attract_logits, detail::avx512::attract_logits);
  detail::CombineRows* const combine = pick_isa(detail::avx2::combine_rows, detail::avx512::combine_rows);
  parallel::PerThread<Scratch> scratch;
  parallel::for_chunks({0, graph_->owned_of_type(type_).size()}, detail::kAnchorBlock, [&](IndexRange chunk) {
    detail::LogitTask task = scratch.local().prepare(keys + chunk.begin * width_, chunk.size(), width_, sharpness);
    std::vector<float> sums(chunk.size() * width_);
    task.out = sums.data();
    for (std::uint64_t begin = 0; begin < anchors_.size(); begin += kPartKeys) {
      task.panels = anchors_.panels() + begin * width_;
      task.keys = anchors_.row(begin);
      task.num_keys = std::min(anchors_.size() - begin, kPartKeys);
      task.offsets = offsets.data() + begin;
      kernel(task);
    }
    float* to = key_gradients + chunk.begin * width_;
    for (std::uint64_t i = 0; i < chunk.size(); ++i, to += width_) {
      combine(sums.data() + i * width_, factor, to, 1.0F, width_, to);
    }
  });
}

void plan_table_contrast(MemoryPlan& plan, std::uint64_t batch_rows, std::uint64_t owned_rows, std::uint32_t dim,
                         std::uint32_t threads, std::int32_t ranks) {
  const std::uint64_t row = exec::padded_width(dim) * sizeof(float);
  plan.hold("contrast", 5 * batch_rows * row + 2 * kPartKeys * row +
                            std::uint64_t{threads} * detail::kAnchorBlock * (kPartKeys * sizeof(float) + 3 * row));
  if (ranks > 1) plan.hold("rows at their homes", 2 * owned_rows * row);
}

}  // namespace rove::gnn
