// SPDX-License-Identifier: Apache-2.0
#include "gnn/fold_in.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/exact_sum.hpp"
#include "engine/base/huge_buffer.hpp"
#include "engine/base/isa.hpp"
#include "engine/exec/propagation.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/detail/ials_kernels.hpp"
#include "gnn/gram_matrix.hpp"
#include "gnn/grouped_slots.hpp"
#include "gnn/type_halo.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kFoldInGrain = 128;

struct Side {
  VertexTypeId type;
  IndexRange owned;
  const graph::CsrGraph& adjacency;
  TypeHalo halo;
};

double dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t c = 0; c < a.size(); ++c) sum += static_cast<double>(a[c]) * static_cast<double>(b[c]);
  return sum;
}

/// The rows of all local vertices while they are being completed.
class Completion {
 public:
  Completion(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
             const FoldInOptions& options, const KnownRows& known)
      : comm_(comm),
        graph_(graph),
        options_(options),
        known_(known),
        dim_(known.rows.dim()),
        width_(exec::padded_width(dim_)),
        rows_(std::size_t{graph.num_local()} * width_),
        users_(side(graph.schema().edge_type(type).source, graph.by_source(type))),
        items_(side(graph.schema().edge_type(type).destination, graph.by_destination(type))) {
    for (const Side* side : {&users_, &items_}) {
      for (std::uint64_t local = side->owned.begin; local < side->owned.end; ++local) {
        if (known.is_known[local] == 0) continue;
        std::ranges::copy(known.rows.row(static_cast<std::uint32_t>(local)), row(local).begin());
      }
      side->halo.update(rows_.span(), width_);
    }
  }

  FoldIn run() {
    if (options_.method == FoldInMethod::kPropagation) {
      prepare_propagation();
      const double of_users = scale_of(users_);
      const double of_items = scale_of(items_);
      for (std::uint32_t pass = 0; pass < options_.passes; ++pass) {
        propagate(users_, of_users);
        propagate(items_, of_items);
      }
    } else {
      for (std::uint32_t pass = 0; pass < options_.passes; ++pass) {
        solve(users_, items_);
        solve(items_, users_);
      }
    }
    FoldIn result{EmbeddingTable(graph_.num_owned(), dim_), counts_of(users_), counts_of(items_)};
    std::copy_n(rows_.data(), result.rows.values().size(), result.rows.values().data());
    return result;
  }

 private:
  [[nodiscard]] Side side(VertexTypeId type, const graph::CsrGraph& adjacency) const {
    return {type, graph_.owned_of_type(type), adjacency, TypeHalo(graph_, type)};
  }
  [[nodiscard]] std::span<float> row(std::uint64_t local) { return rows_.span().subspan(local * width_, width_); }
  [[nodiscard]] bool is_known(const Side& side, std::uint64_t i) const {
    return known_.is_known[side.owned.begin + i] != 0;
  }

  void prepare_propagation() {
    factors_.assign(graph_.num_local(), 0.0F);
    for (const Side* side : {&users_, &items_}) {
      for (std::uint64_t i = 0; i < side->owned.size(); ++i) {
        const std::uint64_t degree = side->adjacency.degree(i);
        if (degree > 0)
          factors_[side->owned.begin + i] = static_cast<float>(1.0 / std::sqrt(static_cast<double>(degree)));
      }
      side->halo.update(factors_, 1);
    }
  }

  /// The neighbours' rows over the roots of both degrees, in slot order.
  void pull(const Side& side, std::uint64_t i, std::span<float> sum) const {
    std::ranges::fill(sum, 0.0F);
    const IndexRange slots = side.adjacency.slots(i);
    for (std::uint64_t slot = slots.begin; slot < slots.end; ++slot) {
      const std::size_t other = side.adjacency.targets[slot].index();
      const float factor = factors_[other];
      const float* const from = rows_.data() + other * width_;
      for (std::uint32_t c = 0; c < width_; ++c) sum[c] += factor * from[c];
    }
    const float own = factors_[side.owned.begin + i];
    for (float& x : sum) x *= own;
  }

  /// **Collective.** The number that brings the pulled rows of the known vertices nearest to their own rows.
  [[nodiscard]] double scale_of(const Side& side) {
    const auto sum_over_known = [&](const auto& value) {
      const ExactSum sum = parallel::exact_sum({0, side.owned.size()}, kFoldInGrain, [&](std::uint64_t i) {
        if (!is_known(side, i)) return 0.0;
        std::vector<float> pulled(width_);
        pull(side, i, pulled);
        const double x = value(i, pulled);
        return std::isfinite(x) ? x : 0.0;
      });
      return comm_.all_reduce(sum).value();
    };
    const double squares =
        sum_over_known([&](std::uint64_t, std::span<const float> pulled) { return dot(pulled, pulled); });
    const double products = sum_over_known(
        [&](std::uint64_t i, std::span<const float> pulled) { return dot(row(side.owned.begin + i), pulled); });
    if (squares == 0) return 1;
    if (!(products > 0)) {
      throw ConfigError(fmt::format(
          "trained rows of type '{}' point away from those of their neighbours, so propagation says nothing of new "
          "ones; set fold_in.method to least-squares",
          graph_.schema().vertex_type(side.type).name));
    }
    return products / squares;
  }

  /// **Collective.**
  void propagate(const Side& side, double scale) {
    const auto factor = static_cast<float>(scale);
    parallel::for_each({0, side.owned.size()}, kFoldInGrain, [&](std::uint64_t i) {
      if (is_known(side, i)) return;
      const std::span<float> to = row(side.owned.begin + i);
      pull(side, i, to);
      for (float& x : to) x *= factor;
    });
    side.halo.update(rows_.span(), width_);
  }

  /// **Collective.**
  void solve(const Side& side, const Side& others) {
    const std::vector<float> others_gram =
        gram_matrix(comm_, rows_.span().subspan(others.owned.begin * width_, others.owned.size() * width_), width_);
    HugeBuffer<float> gram(others_gram.size());
    std::ranges::copy(others_gram, gram.data());
    for (std::size_t c = 0; c < width_; ++c) gram[c * width_ + c] += static_cast<float>(options_.regularisation);
    detail::IalsRows task;
    task.gram = gram.data();
    task.others = rows_.data();
    task.rows = rows_.data() + side.owned.begin * width_;
    task.offsets = side.adjacency.offsets.data();
    const GroupedSlots slots(side.adjacency, graph_.num_local());
    task.targets = reinterpret_cast<const std::uint32_t*>(slots.targets().data());
    task.width = width_;
    task.alpha = static_cast<float>(options_.alpha);
    task.steps = 2 * width_;  // in exact arithmetic `dim` suffice; the solver ends earlier where nothing is left
    detail::SolveIalsRows* const kernel = pick_isa(detail::avx2::solve_ials_rows, detail::avx512::solve_ials_rows);
    parallel::for_chunks({0, side.owned.size()}, kFoldInGrain, [&](IndexRange chunk) {
      HugeBuffer<float> work(3 * std::size_t{width_});
      double objective = 0;
      detail::IalsRows one = task;
      one.work = work.data();
      one.objective = &objective;
      for (std::uint64_t i = chunk.begin; i < chunk.end; ++i) {
        if (is_known(side, i)) continue;
        std::ranges::fill(row(side.owned.begin + i), 0.0F);
        one.begin = i;
        one.end = i + 1;
        kernel(one);
      }
    });
    side.halo.update(rows_.span(), width_);
  }

  /// **Collective.**
  [[nodiscard]] FoldInCounts counts_of(const Side& side) {
    std::uint64_t counts[3] = {0, 0, 0};
    for (std::uint64_t i = 0; i < side.owned.size(); ++i) {
      const std::span<const float> found = row(side.owned.begin + i);
      const bool has_row = std::ranges::any_of(found, [](float x) { return x != 0.0F; });
      ++counts[is_known(side, i) ? 0 : has_row ? 1 : 2];
    }
    comm_.all_reduce(std::span<std::uint64_t>(counts), comm::ReduceOp::kSum);
    return {counts[0], counts[1], counts[2]};
  }

  const comm::Communicator& comm_;
  const graph::DistributedGraph& graph_;
  const FoldInOptions& options_;
  const KnownRows& known_;
  std::uint32_t dim_;
  std::uint32_t width_;
  HugeBuffer<float> rows_;
  std::vector<float> factors_;  ///< d^-1/2 of local vertices
  Side users_;
  Side items_;
};

}  // namespace

FoldIn fold_in(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
               const FoldInOptions& options, const KnownRows& known) {
  if (options.passes == 0) throw ConfigError("fold_in.passes is 0, expected at least 1");
  if (!(options.alpha > 0) || !std::isfinite(options.alpha)) {
    throw ConfigError(fmt::format("train.alpha is {}, expected a positive number", options.alpha));
  }
  return Completion(comm, graph, type, options, known).run();
}

}  // namespace rove::gnn
