// SPDX-License-Identifier: Apache-2.0
#include "gnn/graph_filter.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/isa.hpp"
#include "engine/exec/propagation.hpp"
#include "engine/graph/block_distribution.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/block_selection.hpp"
#include "gnn/dense_products.hpp"
#include "gnn/truncated_svd.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kGraphFilterGrain = 256;
/// Items propagated together.
constexpr std::uint32_t kBlockItems = 64;
constexpr const char* kLowPass = "low_pass";

using Polynomial = std::vector<double>;

Polynomial product(const Polynomial& a, const Polynomial& b) {
  Polynomial result(a.size() + b.size() - 1);
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = 0; j < b.size(); ++j) result[i + j] += a[i] * b[j];
  }
  return result;
}

/// x(t) after dx/dt = -x P: the stability function of the solver in -h P, once per step.
Polynomial sharpening(const GraphFilterOptions& options) {
  if (options.sharpening_time == 0) return {1.0};
  const double h = options.sharpening_time / options.sharpening_steps;
  const Polynomial step = options.solver == SharpeningSolver::kEuler
                              ? Polynomial{1.0, -h}
                              : Polynomial{1.0, -h, h * h / 2, -h * h * h / 6, h * h * h * h / 24};
  Polynomial result{1.0};
  for (std::uint32_t s = 0; s < options.sharpening_steps; ++s) result = product(result, step);
  return result;
}

exec::Propagation propagation_of(const graph::DistributedGraph& graph, EdgeTypeId type) {
  exec::PropagationOptions options;
  options.edge_types = {type};
  return {graph, options};
}

/// Rows of one side of a table, and pulls between the sides.
class Sides {
 public:
  Sides(const exec::Propagation& propagation, EdgeTypeId type, std::span<float> values, std::uint32_t width)
      : propagation_(propagation),
        users_(propagation.graph().schema().edge_type(type).source),
        items_(propagation.graph().schema().edge_type(type).destination),
        values_(values),
        width_(width) {}

  [[nodiscard]] IndexRange users() const { return propagation_.graph().owned_of_type(users_); }
  [[nodiscard]] IndexRange items() const { return propagation_.graph().owned_of_type(items_); }
  [[nodiscard]] std::span<float> rows(IndexRange locals) const {
    return values_.subspan(locals.begin * width_, locals.size() * width_);
  }

  /// rows *= factors.
  void scale(IndexRange locals, std::span<const float> factors) const {
    detail::ScaleRows* const kernel = pick_isa(detail::avx2::scale_rows, detail::avx512::scale_rows);
    parallel::for_chunks(locals, kGraphFilterGrain, [&](IndexRange chunk) {
      kernel(values_.data() + chunk.begin * width_, factors.data() + chunk.begin, chunk.size(), width_);
    });
  }
  void to_users(std::span<const float> factors) const {
    propagation_.pull(values_, width_, pull_of(users_, items_, factors), values_);
  }
  void to_items(std::span<const float> factors) const {
    propagation_.pull(values_, width_, pull_of(items_, users_, factors), values_);
  }
  /// The items' rows times P, where both states are scaled by D_i^-1/2; the last time the result may be plain. With
  /// `nonzero`, by local row, the rows of items and then of users whose flag is 0 are zero and are not read.
  void filter(bool is_plain, std::span<const std::uint8_t> nonzero = {}) const {
    exec::Propagation::Pull pull = pull_of(users_, items_, propagation_.chain());
    pull.nonzero = nonzero;
    propagation_.pull(values_, width_, pull, values_);
    pull = pull_of(items_, users_, is_plain ? propagation_.after() : propagation_.chain());
    pull.nonzero = nonzero;
    propagation_.pull(values_, width_, pull, values_);
  }
  /// Sums of the items' rows for some users, block by block.
  void collect(const exec::Propagation::Rows& users, const exec::Propagation::BlockConsumer& consume) const {
    exec::Propagation::Pull pull = pull_of(users_, items_, {});
    pull.rows = &users;
    propagation_.pull(values_, width_, pull, consume);
  }

 private:
  [[nodiscard]] exec::Propagation::Pull pull_of(VertexTypeId to, VertexTypeId from,
                                                std::span<const float> factors) const {
    exec::Propagation::Pull pull;
    pull.rows = &propagation_.rows_of_type(to);
    pull.scale = factors;
    pull.source_type = from;
    return pull;
  }

  const exec::Propagation& propagation_;
  VertexTypeId users_;
  VertexTypeId items_;
  std::span<float> values_;
  std::uint32_t width_;
};

class GraphFilterScorer final : public Scorer {
 public:
  GraphFilterScorer(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                    ModelWeights weights)
      : graph_(graph), type_(type), propagation_(propagation_of(graph, type)) {
    const auto degree = static_cast<std::size_t>(weights.settings.at("degree"));
    for (std::size_t k = 0; k <= degree; ++k) {
      coefficients_.push_back(static_cast<float>(weights.settings.at(fmt::format("coefficient_{}", k))));
    }
    const graph::EdgeType& edge_type = graph.schema().edge_type(type);
    for (ModelWeights::Table& table : weights.tables) {
      if (table.type == edge_type.source) {
        rank_ = static_cast<std::uint32_t>(table.columns);
        users_ = graph.home(table.type).to_owners<float>(comm, table.values, table.columns);
      } else {
        items_ = std::move(table.values);
      }
    }
  }

  [[nodiscard]] std::string_view score_name() const override { return "graph filter"; }

  [[nodiscard]] std::uint64_t working_bytes(const Interactions& /*interactions*/) const override {
    return std::uint64_t{propagation_.num_local()} * kBlockItems * sizeof(float);
  }

  [[nodiscard]] graph::NeighborLists top_items(const comm::Communicator& comm, const Interactions& interactions,
                                               const RetrievalOptions& options,
                                               const std::function<bool(std::uint64_t)>& wanted) const override {
    BlockSelection selection(interactions, options, wanted);
    const IndexRange owned_users = interactions.owned_users();
    const exec::Propagation::Rows rows = selection.rows_in(propagation_);
    HugeBuffer<float> values(std::size_t{propagation_.num_local()} * kBlockItems);
    const Sides sides(propagation_, type_, values.span(), kBlockItems);
    const std::uint64_t first_home =
        graph::BlockDistribution(interactions.num_items(), comm.size()).block(comm.rank()).begin;
    for (std::uint64_t first = 0; first < interactions.num_items(); first += kBlockItems) {
      const std::uint64_t count = std::min<std::uint64_t>(kBlockItems, interactions.num_items() - first);
      filter(sides, {first, first + count});
      const PackedRows low_pass = low_pass_of(comm, {first, first + count}, first_home);
      sides.collect(rows, [&](std::span<const std::uint32_t> users, const float* sums) {
        offer(selection, owned_users, users, sums, low_pass, first, count);
      });
    }
    return selection.take();
  }

 private:
  /// The owned items of a block: where they are, and which column is theirs.
  struct Unit {
    std::uint32_t local;
    std::uint32_t column;
  };
  [[nodiscard]] std::vector<Unit> units_of(IndexRange items) const {
    const std::uint64_t first_stable =
        graph_.schema().stable_range(graph_.schema().edge_type(type_).destination).begin + items.begin;
    std::vector<Unit> units;
    for (std::uint32_t c = 0; c < items.size(); ++c) {
      const auto local = graph_.index_map().find_owned(StableVertexId{first_stable + c});
      if (local) units.push_back({local->value(), c});
    }
    return units;
  }

  /// **Collective.** Flags of the block's items and of their users, by local row on all ranks.
  [[nodiscard]] std::vector<std::uint8_t> reached_from(std::span<const Unit> units) const {
    std::vector<std::uint8_t> flags(graph_.num_local());
    const std::uint64_t first_item = graph_.owned_of_type(graph_.schema().edge_type(type_).destination).begin;
    for (const Unit& unit : units) {
      flags[unit.local] = 1;
      for (const LocalVertexId user : graph_.by_destination(type_).neighbors(unit.local - first_item)) {
        flags[user.index()] = 1;
      }
    }
    const graph::HaloExchange& halo = graph_.halo();
    if (halo.comm().size() == 1) return flags;
    std::vector<std::uint8_t> whole = flags;
    halo.accumulate<std::uint8_t>(flags, 1, [&](LocalVertexId vertex, std::span<const std::uint8_t> flag) {
      if (flag[0] != 0) whole[vertex.index()] = 1;
    });
    halo.update<std::uint8_t>(whole);
    return whole;
  }

  /// The items' rows become the columns of P g(P) of these items, by Horner's rule from their unit vectors. The first
  /// product reads the rows of the items and their users only; the others are zero.
  void filter(const Sides& sides, IndexRange items) const {
    std::ranges::fill(sides.rows(sides.items()), 0.0F);
    const std::vector<Unit> units = units_of(items);
    const std::vector<std::uint8_t> nonzero = reached_from(units);
    const std::size_t degree = coefficients_.size() - 1;
    for (std::size_t k = coefficients_.size(); k-- > 0;) {
      const bool is_last = k == 0;
      if (k < degree) sides.filter(is_last, k + 1 == degree ? std::span(nonzero) : std::span<const std::uint8_t>());
      for (const Unit& unit : units) {
        const IndexRange row{unit.local, unit.local + std::uint64_t{1}};
        sides.rows(row)[unit.column] += coefficients_[k] * (is_last ? 1.0F : propagation_.before()[unit.local]);
      }
    }
  }

  /// **Collective.** The low-pass vectors of a block of items, from their homes.
  [[nodiscard]] PackedRows low_pass_of(const comm::Communicator& comm, IndexRange items,
                                       std::uint64_t first_home) const {
    const std::uint64_t my_items = rank_ == 0 ? 0 : items_.size() / rank_;
    const std::uint64_t begin = std::clamp(items.begin, first_home, first_home + my_items);
    const std::uint64_t end = std::clamp(items.end, first_home, first_home + my_items);
    const auto mine = std::span<const float>(items_).subspan((begin - first_home) * rank_, (end - begin) * rank_);
    const std::vector<float> rows = comm.all_gather_v(mine).data;
    return {rows, items.size(), rank_, rank_};
  }

  void offer(BlockSelection& selection, IndexRange owned_users, std::span<const std::uint32_t> users, const float* sums,
             const PackedRows& low_pass, std::uint64_t first, std::uint64_t count) const {
    std::vector<float> scores(sums, sums + users.size() * kBlockItems);
    std::vector<std::uint32_t> rows(users.size());
    for (std::size_t i = 0; i < users.size(); ++i) rows[i] = static_cast<std::uint32_t>(users[i] - owned_users.begin);
    detail::RowProducts task;
    task.rows = users_.data();
    task.row_ids = rows.data();
    task.count = rows.size();
    task.width = rank_;
    task.columns = rank_;
    task.panels = low_pass.panels();
    task.num_panels = low_pass.padded_count() / detail::kPanelItems;
    task.out = scores.data();
    task.out_width = kBlockItems;
    pick_isa(detail::avx2::add_row_products, detail::avx512::add_row_products)(task);
    for (std::size_t i = 0; i < users.size(); ++i) {
      selection.offer(selection.place_of(rows[i]), first, scores.data() + i * kBlockItems, count);
    }
  }

  const graph::DistributedGraph& graph_;
  EdgeTypeId type_;
  exec::Propagation propagation_;
  std::vector<float> coefficients_;  ///< of P g(P)
  std::uint32_t rank_ = 0;
  std::vector<float> users_;  ///< low-pass vectors of the owned users
  std::vector<float> items_;  ///< and of the items of my home block
};

void require_valid(const GraphFilterOptions& options) {
  if (options.rank == 0) throw ConfigError("train.rank is 0, expected at least 1");
  if (!(options.low_pass_weight >= 0) || !std::isfinite(options.low_pass_weight)) {
    throw ConfigError(fmt::format("train.low_pass_weight is {}, expected at least 0", options.low_pass_weight));
  }
  if (!(options.sharpening_time >= 0) || !std::isfinite(options.sharpening_time)) {
    throw ConfigError(fmt::format("train.sharpening_time is {}, expected at least 0", options.sharpening_time));
  }
  constexpr std::uint32_t kMostSteps = 8;
  if (options.sharpening_steps == 0 || options.sharpening_steps > kMostSteps) {
    throw ConfigError(
        fmt::format("train.sharpening_steps is {}, expected 1 to {}", options.sharpening_steps, kMostSteps));
  }
}

}  // namespace

GraphFilterOptions bspm_defaults() {
  GraphFilterOptions options;
  options.rank = 448;
  options.low_pass_weight = 0.2;
  options.sharpening_time = 2.5;
  return options;
}

FilterPolynomials filter_polynomials(const GraphFilterOptions& options) {
  const Polynomial sharpened = sharpening(options);
  FilterPolynomials result{product({0.0, 1.0}, sharpened),
                           options.merge == LowPassMerge::kEarly ? sharpened : Polynomial{1.0}};
  if (options.average_blurred && options.sharpening_time > 0) {
    for (double& coefficient : result.neighbourhood) coefficient /= 2;
    result.neighbourhood[1] += 0.5;
    if (options.merge == LowPassMerge::kEarly) {
      for (double& coefficient : result.low_pass) coefficient /= 2;
    }
  }
  return result;
}

ModelWeights fit_graph_filter(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                              const GraphFilterOptions& options, ProgressSink& progress) {
  require_valid(options);
  const graph::EdgeType& edge_type = graph.schema().edge_type(type);
  const FilterPolynomials polynomials = filter_polynomials(options);
  ModelWeights weights;
  weights.settings["degree"] = static_cast<double>(polynomials.neighbourhood.size() - 1);
  for (std::size_t k = 0; k < polynomials.neighbourhood.size(); ++k) {
    weights.settings[fmt::format("coefficient_{}", k)] = polynomials.neighbourhood[k];
  }

  const exec::Propagation propagation = propagation_of(graph, type);
  progress.begin("train", 2, "steps");
  SvdOptions svd_options;
  svd_options.rank = options.rank;
  svd_options.oversampling = std::max<std::uint32_t>(8, options.rank / 16);
  svd_options.iterations = options.svd_iterations;
  svd_options.seed = options.seed;
  const TruncatedSvd svd = truncated_svd(comm, propagation, edge_type.source, edge_type.destination, svd_options);
  progress.update(1, fmt::format("singular values 1 to {}: {:.4f} to {:.4f}", options.rank, svd.singular_values.front(),
                                 svd.singular_values.back()));

  const std::uint32_t width = svd.vectors.width();
  HugeBuffer<float> values(std::size_t{propagation.num_local()} * width);
  const Sides sides(propagation, type, values.span(), width);
  const auto copy_right_vectors = [&] {
    std::ranges::copy(svd.vectors.values().subspan(sides.items().begin * width, sides.items().size() * width),
                      sides.rows(sides.items()).begin());
  };
  const auto at_home = [&](VertexTypeId of, IndexRange locals) {
    std::vector<float> rows;
    rows.reserve(locals.size() * options.rank);
    for (std::uint64_t row = 0; row < locals.size(); ++row) {
      const float* from = sides.rows(locals).data() + row * width;
      rows.insert(rows.end(), from, from + options.rank);
    }
    weights.tables.push_back({kLowPass, of, options.rank, graph.home(of).to_home<float>(comm, rows, options.rank)});
  };

  // Users: R D_i^-1/2 V.
  copy_right_vectors();
  sides.scale(sides.items(), propagation.before());
  sides.to_users({});
  at_home(edge_type.source, sides.users());

  // Items: the weight times g'(P) D_i^1/2 V, by Horner's rule on states scaled by D_i^-1/2, where D_i^1/2 V is V.
  copy_right_vectors();
  const std::vector<float> start(sides.rows(sides.items()).begin(), sides.rows(sides.items()).end());
  const auto add_start = [&](double coefficient, bool replace) {
    const auto factor = static_cast<float>(coefficient);
    const std::span<float> rows = sides.rows(sides.items());
    parallel::for_each({0, rows.size()}, kGraphFilterGrain * width, [&](std::uint64_t i) {
      rows[i] = replace ? factor * start[i] : std::fma(factor, start[i], rows[i]);
    });
  };
  for (std::size_t k = polynomials.low_pass.size(); k-- > 0;) {
    const bool is_first = k + 1 == polynomials.low_pass.size();
    if (!is_first) sides.filter(false);
    add_start(options.low_pass_weight * polynomials.low_pass[k], is_first);
  }
  sides.scale(sides.items(), propagation.undo_before());
  at_home(edge_type.destination, sides.items());
  comm.agree([&] {
    for (const ModelWeights::Table& table : weights.tables) {
      if (!std::ranges::all_of(table.values, [](float x) { return std::isfinite(x); })) {
        throw ConfigError(
            fmt::format("the filter is not finite; lower train.sharpening_time (now {}) or "
                        "train.low_pass_weight (now {})",
                        options.sharpening_time, options.low_pass_weight));
      }
    }
  });
  progress.update(2, "");
  progress.end(fmt::format("low-pass filter of rank {}, neighbourhood filter of degree {}", options.rank,
                           polynomials.neighbourhood.size() - 1));
  return weights;
}

std::unique_ptr<Scorer> make_graph_filter_scorer(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                                 EdgeTypeId type, ModelWeights weights) {
  comm.agree([&] {
    const graph::EdgeType& edge_type = graph.schema().edge_type(type);
    const auto& tables = weights.tables;
    const auto is_of = [&](const ModelWeights::Table& table, VertexTypeId vertex_type) {
      return table.type == vertex_type && table.columns == tables[0].columns;
    };
    const bool has_tables =
        tables.size() == 2 && ((is_of(tables[0], edge_type.source) && is_of(tables[1], edge_type.destination)) ||
                               (is_of(tables[0], edge_type.destination) && is_of(tables[1], edge_type.source)));
    const auto degree = weights.settings.find("degree");
    bool has_coefficients = degree != weights.settings.end() && degree->second >= 0;
    for (std::size_t k = 0; has_coefficients && k <= static_cast<std::size_t>(degree->second); ++k) {
      has_coefficients = weights.settings.contains(fmt::format("coefficient_{}", k));
    }
    if (has_tables && has_coefficients) return;
    throw InputError(
        "the model lacks coefficients of its filter, or low-pass vectors of one width for users and items; fit it "
        "again");
  });
  return std::make_unique<GraphFilterScorer>(comm, graph, type, std::move(weights));
}

MemoryPlan plan_graph_filter(const ModelShare& share, const GraphFilterOptions& options) {
  SvdOptions svd;
  svd.rank = options.rank;
  svd.oversampling = std::max<std::uint32_t>(8, options.rank / 16);
  MemoryPlan plan("train");
  plan_truncated_svd(plan, share.owned_rows + share.ghost_rows, share.owned_rows, share.threads, svd);
  plan.hold("low-pass vectors, twice", 2 * share.owned_rows * options.rank * sizeof(float));
  plan.hold("block of items", (share.owned_rows + share.ghost_rows) * kBlockItems * sizeof(float));
  return plan;
}

}  // namespace rove::gnn
