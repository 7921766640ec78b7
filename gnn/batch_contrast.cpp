// SPDX-License-Identifier: Apache-2.0
#include "gnn/batch_contrast.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "engine/base/isa.hpp"
#include "engine/base/math.hpp"
#include "engine/exec/propagation.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/batch_training.hpp"
#include "gnn/detail/contrast_kernels.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kBatchContrastGrain = 256;

/// A user that has one of the shared negatives, both by position among the gathered rows.
struct KnownPair {
  std::uint32_t user = 0;
  std::uint32_t item = 0;
};

std::vector<KnownPair> known_pairs(const Interactions& interactions, const Batch& batch,
                                   std::span<const std::uint32_t> places, const UnitRows& users) {
  std::vector<KnownPair> known;
  for (std::size_t i = 0; i < places.size(); ++i) {
    // The negatives stand in the order of their rows.
    auto from = batch.shared_items.begin();
    for (const std::uint32_t item : interactions.items_of(batch.active[places[i]] - interactions.owned_users().begin)) {
      from = std::lower_bound(from, batch.shared_items.end(), item);
      if (from == batch.shared_items.end()) break;
      if (*from != item) continue;
      known.push_back({static_cast<std::uint32_t>(users.positions()[i]),
                       static_cast<std::uint32_t>(from - batch.shared_items.begin())});
    }
  }
  return known;
}

using KnownMember = std::uint32_t KnownPair::*;

/// Keys that do not count, per own anchor.
struct SkippedKeys {
  std::vector<std::uint64_t> offsets;
  std::vector<std::uint32_t> keys;
};

/// `positions` are those of the own anchors, ascending.
SkippedKeys skipped_keys(std::span<const KnownPair> pairs, std::span<const std::uint64_t> positions, KnownMember anchor,
                         KnownMember key) {
  SkippedKeys skipped;
  skipped.offsets.resize(positions.size() + 1);
  const auto place_of = [&](const KnownPair& pair) {
    const auto found = std::ranges::lower_bound(positions, std::uint64_t{pair.*anchor});
    return found != positions.end() && *found == pair.*anchor ? static_cast<std::size_t>(found - positions.begin())
                                                              : positions.size();
  };
  for (const KnownPair& pair : pairs) {
    if (const std::size_t place = place_of(pair); place < positions.size()) ++skipped.offsets[place];
  }
  std::vector<std::uint64_t> next(skipped.offsets.begin(), skipped.offsets.end());
  skipped.keys.resize(parallel::exclusive_prefix_sum(next));
  std::ranges::copy(next, skipped.offsets.begin());
  for (const KnownPair& pair : pairs) {
    if (const std::size_t place = place_of(pair); place < positions.size()) skipped.keys[next[place]++] = pair.*key;
  }
  return skipped;
}

}  // namespace

BatchSides sides_of(const Batch& batch, const Interactions& interactions) {
  const IndexRange users = interactions.owned_users();
  const auto zero = static_cast<std::uint32_t>(batch.num_rows() - 1);
  BatchSides sides;
  for (std::uint32_t place = 0; place < batch.active.size(); ++place) {
    if (batch.active[place] >= users.begin && batch.active[place] < users.end) {
      sides.users.push_back(place);
      continue;
    }
    // A positive's gradient term subtracts the user's row and adds nothing.
    const auto terms =
        std::span(batch.terms)
            .subspan(batch.term_offsets[place], batch.term_offsets[place + 1] - batch.term_offsets[place]);
    if (std::ranges::any_of(terms, [&](const detail::GradientTerm& term) { return term.plus == zero; })) {
      sides.positives.push_back(place);
    }
  }
  return sides;
}

void StableRows::gather(const comm::Communicator& comm, std::span<const std::uint64_t> ids, std::span<const float> own,
                        std::uint32_t width) {
  width_ = width;
  const comm::Gathered<std::uint64_t> all_ids = comm.all_gather_v(ids);
  const std::vector<float> all_rows = comm.size() == 1 ? std::vector<float>() : comm.all_gather_v(own).data;
  const float* from = comm.size() == 1 ? own.data() : all_rows.data();
  positions_of_all_ = all_ids.data.size();
  std::vector<std::uint32_t> order(positions_of_all_);
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, {}, [&](std::uint32_t i) { return all_ids.data[i]; });

  grow(rows_, detail::padded_keys(positions_of_all_) * width);
  const std::uint64_t first_own = all_ids.offsets[comm.rank().index()];
  positions_.resize(ids.size());
  parallel::for_each({0, positions_of_all_}, kBatchContrastGrain, [&](std::uint64_t position) {
    const std::uint64_t source = order[position];
    std::copy_n(from + source * width, width, rows_.data() + position * width);
    if (source >= first_own && source - first_own < ids.size()) positions_[source - first_own] = position;
  });
  pack_panels(rows_.data(), positions_of_all_, width, panels_);
}

std::vector<float> StableRows::by_position(const comm::Communicator& comm, std::span<const float> values) const {
  const std::vector<float> all_values = comm.all_gather_v(values).data;
  const std::vector<std::uint64_t> all_positions = comm.all_gather_v(positions()).data;
  std::vector<float> result(detail::padded_keys(size()));
  for (std::size_t i = 0; i < all_values.size(); ++i) result[all_positions[i]] = all_values[i];
  return result;
}

void pack_panels(const float* rows, std::uint64_t count, std::uint32_t width, HugeBuffer<float>& panels) {
  const std::uint64_t padded = detail::padded_keys(count);
  grow(panels, padded * width);
  parallel::for_each({0, padded}, kBatchContrastGrain, [&](std::uint64_t row) {
    float* panel = panels.data() + row / detail::kKeyPanel * detail::kKeyPanel * width + row % detail::kKeyPanel;
    for (std::uint32_t c = 0; c < width; ++c) {
      panel[std::size_t{c} * detail::kKeyPanel] = row < count ? rows[row * width + c] : 0.0F;
    }
  });
}

void UnitRows::gather(const comm::Communicator& comm, const graph::DistributedGraph& graph, const Batch& batch,
                      std::span<const std::uint32_t> places, const float* rows, std::uint32_t width, RowLength length) {
  inverse_norms_.resize(places.size());
  own_.resize(places.size() * width);
  detail::NormaliseRow* const normalise = pick_isa(detail::avx2::normalise_row, detail::avx512::normalise_row);
  parallel::for_each({0, places.size()}, kBatchContrastGrain, [&](std::uint64_t i) {
    const float* from = rows + std::size_t{places[i]} * width;
    float* to = own_.data() + i * width;
    if (length == RowLength::kUnit) {
      inverse_norms_[i] = normalise(from, width, to);
    } else {
      inverse_norms_[i] = 1.0F;
      std::copy_n(from, width, to);
    }
  });
  std::vector<std::uint64_t> ids(places.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    ids[i] = graph.index_map().stable_of(LocalVertexId{batch.active[places[i]]}).value();
  }
  StableRows::gather(comm, ids, own_, width);
}

void BatchContrast::attract(const UnitRows& anchors, const UnitRows& keys, const Weighing& weighing, Pull& pull) const {
  const std::uint64_t own = anchors.num_own();
  const std::uint64_t padded = detail::padded_keys(keys.size());
  pull.sums.resize(own + detail::kAnchorBlock);
  pull.self_dots.resize(own + detail::kAnchorBlock);
  pull.rows.resize((own + detail::kAnchorBlock) * width_);
  detail::Attract* const kernel = pick_isa(detail::avx2::attract, detail::avx512::attract);
  struct Scratch {
    std::vector<float> anchors;
    std::vector<float> weights;
  };
  parallel::PerThread<Scratch> scratch;
  parallel::for_chunks({0, own}, detail::kAnchorBlock, [&](IndexRange chunk) {
    Scratch& mine = scratch.local();
    mine.anchors.assign(std::size_t{detail::kAnchorBlock} * width_, 0.0F);
    mine.weights.resize(detail::kAnchorBlock * padded);
    for (std::uint64_t i = 0; i < chunk.size(); ++i) {
      std::copy_n(anchors.row(anchors.positions()[chunk.begin + i]), width_, mine.anchors.data() + i * width_);
    }
    detail::AttractTask task;
    task.anchors = mine.anchors.data();
    task.num_anchors = static_cast<std::uint32_t>(chunk.size());
    task.width = width_;
    task.panels = keys.panels();
    task.keys = keys.rows();
    task.num_keys = keys.size();
    task.factors = weighing.factors;
    // Views of the same vertices: an anchor's key stands where it stands.
    if (weighing.self != Self::kNone) task.selves = anchors.positions().data() + chunk.begin;
    task.skip_self = weighing.self == Self::kSkipped;
    if (weighing.skip_offsets != nullptr) task.skip_offsets = weighing.skip_offsets + chunk.begin;
    task.skips = weighing.skips;
    task.kind = weighing.kind;
    task.sharpness = task.margin = static_cast<float>(weighing.parameter);
    task.weights = mine.weights.data();
    task.sums = pull.sums.data() + chunk.begin;
    task.self_dots = pull.self_dots.data() + chunk.begin;
    task.out = pull.rows.data() + chunk.begin * width_;
    kernel(task);
  });
}

void BatchContrast::add_gradients(const UnitRows& units, std::span<const std::uint32_t> places, const Pull& pull,
                                  std::span<const float> scales, const UnitRows& others, float other_weight,
                                  double factor, float* to) const {
  detail::CombineRows* const combine = pick_isa(detail::avx2::combine_rows, detail::avx512::combine_rows);
  detail::AddNormalisedGradient* const add =
      pick_isa(detail::avx2::add_normalised_gradient, detail::avx512::add_normalised_gradient);
  parallel::for_chunks({0, places.size()}, kBatchContrastGrain, [&](IndexRange chunk) {
    std::vector<float> g(width_);
    for (std::uint64_t i = chunk.begin; i < chunk.end; ++i) {
      const std::uint64_t position = units.positions()[i];
      combine(pull.rows.data() + i * width_, scales.empty() ? 1.0F : scales[i], others.row(position), other_weight,
              width_, g.data());
      add(g.data(), units.row(position), width_, units.inverse_norms()[i], static_cast<float>(factor),
          to + std::size_t{places[i]} * width_);
    }
  });
}

void BatchContrast::info_nce_at(const BatchStep& step, const BatchContext& context,
                                std::span<const std::uint32_t> places, const float* anchors, const float* keys,
                                double temperature, double weight, float* anchor_gradients, float* key_gradients) {
  first_.gather(context.comm, context.graph, step.batch, places, anchors, width_);
  second_.gather(context.comm, context.graph, step.batch, places, keys, width_);
  if (first_.size() == 0) return;
  const double sharpness = 1.0 / temperature;
  const double mean = weight / static_cast<double>(first_.size());
  const double factor = mean * sharpness;
  attract(first_, second_, {.parameter = sharpness, .self = Self::kCounts}, pull_);
  std::vector<float> shares(places.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    shares[i] = 1.0F / pull_.sums[i];
    const double value =
        math::log(static_cast<double>(pull_.sums[i])) - (static_cast<double>(pull_.self_dots[i]) - 1.0) * sharpness;
    if (std::isfinite(value)) step.extra_loss.add(mean * value);
  }
  add_gradients(first_, places, pull_, shares, second_, -1.0F, factor, anchor_gradients);

  // The keys' side: every anchor counts as one.
  const std::vector<float> factors = first_.by_position(context.comm, shares);
  attract(second_, first_, {.parameter = sharpness, .self = Self::kCounts, .factors = factors.data()}, pull_);
  add_gradients(second_, places, pull_, {}, first_, -1.0F, factor, key_gradients);
}

void BatchContrast::info_nce(const BatchStep& step, const BatchContext& context, const BatchSides& sides,
                             const float* anchors, const float* keys, double temperature, double weight,
                             float* anchor_gradients, float* key_gradients) {
  for (const std::vector<std::uint32_t>* places : {&sides.users, &sides.positives}) {
    info_nce_at(step, context, *places, anchors, keys, temperature, weight, anchor_gradients, key_gradients);
  }
}

void BatchContrast::log_partition(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                  const Batch& batch, const BatchSides& sides, const float* rows,
                                  std::span<const float> counts, std::span<const float> factors, double temperature,
                                  double weight, float* gradients, ExactSum& loss) {
  UnitRows& users = first_;
  UnitRows& items = second_;
  users.gather(comm, graph, batch, sides.users, rows, width_);
  items.gather(comm, graph, batch, sides.positives, rows, width_);
  const double sharpness = 1.0 / temperature;
  const double factor = weight * sharpness;
  const std::vector<float> item_factors = items.by_position(comm, factors);
  attract(users, items, {.parameter = sharpness, .factors = item_factors.data()}, pull_);
  std::vector<float> shares(sides.users.size());
  for (std::size_t i = 0; i < sides.users.size(); ++i) {
    shares[i] = counts[i] / pull_.sums[i];
    const double value = static_cast<double>(counts[i]) * math::log(static_cast<double>(pull_.sums[i]));
    if (std::isfinite(value)) loss.add(weight * value);
  }
  add_gradients(users, sides.users, pull_, shares, users, 0.0F, factor, gradients);
  const std::vector<float> user_factors = users.by_position(comm, shares);
  attract(items, users, {.parameter = sharpness, .factors = user_factors.data()}, pull_);
  add_gradients(items, sides.positives, pull_, factors, items, 0.0F, factor, gradients);
}

void BatchContrast::uniformity(const comm::Communicator& comm, const graph::DistributedGraph& graph, const Batch& batch,
                               std::span<const std::uint32_t> places, const float* rows, double weight,
                               float* gradients, ExactSum& loss) {
  constexpr double kSharpness = 4.0;  // exp(-2 ‖x - y‖²) = exp(4 (<x, y> - 1)) of unit rows
  first_.gather(comm, graph, batch, places, rows, width_);
  const auto count = static_cast<double>(first_.size());
  if (first_.size() < 2) return;
  attract(first_, first_, {.parameter = kSharpness, .self = Self::kSkipped}, pull_);
  ExactSum own;
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (std::isfinite(pull_.sums[i])) own.add(static_cast<double>(pull_.sums[i]));
  }
  const double sum = comm.all_reduce(own).value();  // every pair twice
  if (!(sum > 0)) return;
  if (comm.is_root()) loss.add(weight * math::log(sum / (count * (count - 1.0))));
  add_gradients(first_, places, pull_, {}, first_, 0.0F, weight * 2.0 * kSharpness / sum, gradients);
}

void BatchContrast::hinge(const comm::Communicator& comm, const Interactions& interactions, const Batch& batch,
                          std::span<const std::uint32_t> places, const float* rows, std::span<const float> counts,
                          double margin, double weight, float* gradients, ExactSum& loss) {
  UnitRows& users = first_;
  UnitRows& items = second_;
  users.gather(comm, interactions.graph(), batch, places, rows, width_);
  items.gather(comm, interactions.graph(), batch, batch.shared_places, rows, width_);

  // Pairs that are interactions do not count, on either side.
  const std::vector<KnownPair> known = known_pairs(interactions, batch, places, users);
  SkippedKeys skipped = skipped_keys(known, users.positions(), &KnownPair::user, &KnownPair::item);
  Weighing weighing{detail::Attraction::kHinge, margin, Self::kNone, nullptr, skipped.offsets.data(),
                    skipped.keys.data()};
  attract(users, items, weighing, pull_);
  std::vector<float> scales(places.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    const std::uint64_t lacking = items.size() - (skipped.offsets[i + 1] - skipped.offsets[i]);
    if (lacking > 0) scales[i] = counts[i] / static_cast<float>(lacking);
    const double value = static_cast<double>(scales[i]) * static_cast<double>(pull_.sums[i]);
    if (std::isfinite(value)) loss.add(weight * value);
  }
  add_gradients(users, places, pull_, scales, users, 0.0F, weight, gradients);

  const std::vector<KnownPair> all_known = comm.all_gather_v(std::span<const KnownPair>(known)).data;
  skipped = skipped_keys(all_known, items.positions(), &KnownPair::item, &KnownPair::user);
  const std::vector<float> factors = users.by_position(comm, scales);
  weighing.factors = factors.data();
  weighing.skip_offsets = skipped.offsets.data();
  weighing.skips = skipped.keys.data();
  attract(items, users, weighing, pull_);
  add_gradients(items, batch.shared_places, pull_, {}, items, 0.0F, weight, gradients);
}

std::uint64_t contrast_bytes(std::uint64_t batch_size, std::uint32_t dim, std::uint32_t threads) {
  const std::uint64_t row = exec::padded_width(dim) * sizeof(float);
  return 9 * batch_size * row +
         std::uint64_t{threads} * detail::kAnchorBlock * (batch_size + detail::kKeyPanel) * sizeof(float);
}

}  // namespace rove::gnn
