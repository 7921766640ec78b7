// SPDX-License-Identifier: Apache-2.0
#include "gnn/ease.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/exec/propagation.hpp"
#include "engine/graph/block_distribution.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/block_selection.hpp"
#include "gnn/co_interactions.hpp"
#include "gnn/inverse.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint32_t kBlockItems = 64;
/// Entries of co-interactions that travel together, of all ranks and at most.
constexpr std::uint64_t kEntriesPerMessage = 1U << 22U;
constexpr std::uint64_t kEaseGrain = 256;

/// An entry of AᵀA on its way to the matrix.
struct MatrixEntry {
  std::uint32_t row;
  std::uint32_t column;
  std::uint64_t count;
};

/// **Collective.** AᵀA + regularisation I, from the items' owners.
void fill(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type, double regularisation,
          SymmetricMatrix& matrix) {
  const VertexTypeId items = graph.schema().edge_type(type).destination;
  const std::uint64_t first_item = graph.schema().stable_range(items).begin;
  const IndexRange owned = graph.owned_of_type(items);
  const CoInteractions co_interactions(comm, graph, type);
  const auto ranks = static_cast<std::uint64_t>(comm.size());
  const std::uint64_t step = std::max<std::uint64_t>(
      1, kEntriesPerMessage / std::max<std::uint64_t>(1, ranks * graph.schema().vertex_type(items).count));
  const std::uint64_t rounds = comm.all_reduce((owned.size() + step - 1) / step, comm::ReduceOp::kMax);
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const IndexRange part{std::min(owned.size(), round * step), std::min(owned.size(), (round + 1) * step)};
    std::vector<std::vector<MatrixEntry>> rows(part.size());
    co_interactions.for_each_row(part, [&](std::uint64_t item, std::span<const CoInteractions::Entry> entries) {
      const LocalVertexId local{static_cast<std::uint32_t>(owned.begin + item)};
      const auto row = static_cast<std::uint32_t>(graph.index_map().stable_of(local).value() - first_item);
      for (const CoInteractions::Entry& entry : entries) {
        rows[item - part.begin].push_back({row, entry.item, entry.count});
      }
    });
    // Owned items ascend by row, so their rows' ranks ascend too.
    std::vector<MatrixEntry> outgoing;
    std::vector<std::uint64_t> counts(static_cast<std::size_t>(comm.size()));
    std::size_t rank = 0;
    for (const std::vector<MatrixEntry>& row : rows) {
      if (row.empty()) continue;
      while (row.front().row >= matrix.rows_of(Rank{static_cast<std::int32_t>(rank)}).end) ++rank;
      counts[rank] += row.size();
      outgoing.insert(outgoing.end(), row.begin(), row.end());
    }
    for (const MatrixEntry& entry : comm.exchange<MatrixEntry>(outgoing, counts).data) {
      matrix.row(entry.row)[entry.column] = static_cast<float>(entry.count);
    }
  }
  for (std::uint64_t row = matrix.rows().begin; row < matrix.rows().end; ++row) {
    float& diagonal = matrix.row(row)[row];
    diagonal = static_cast<float>(static_cast<double>(diagonal) + regularisation);
  }
}

class EaseScorer final : public Scorer {
 public:
  EaseScorer(const graph::DistributedGraph& graph, EdgeTypeId type, ModelWeights weights)
      : graph_(graph), type_(type), propagation_(graph, options_of(type)), weights_(std::move(weights.tables.at(0))) {}

  [[nodiscard]] std::string_view score_name() const override { return "sum of item weights"; }

  [[nodiscard]] std::uint64_t working_bytes(const Interactions& /*interactions*/) const override {
    return (propagation_.num_local() + weights_.columns) * kBlockItems * sizeof(float);
  }

  [[nodiscard]] graph::NeighborLists top_items(const comm::Communicator& comm, const Interactions& interactions,
                                               const RetrievalOptions& options,
                                               const std::function<bool(std::uint64_t)>& wanted) const override {
    BlockSelection selection(interactions, options, wanted);
    const IndexRange owned_users = interactions.owned_users();
    const exec::Propagation::Rows rows = selection.rows_in(propagation_);
    HugeBuffer<float> values(std::size_t{propagation_.num_local()} * kBlockItems);
    exec::Propagation::Pull pull;
    pull.rows = &rows;
    pull.source_type = interactions.item_type();
    for (std::uint64_t first = 0; first < interactions.num_items(); first += kBlockItems) {
      const std::uint64_t count = std::min<std::uint64_t>(kBlockItems, interactions.num_items() - first);
      load(comm, {first, first + count}, values.span());
      propagation_.pull(values.span(), kBlockItems, pull, [&](std::span<const std::uint32_t> users, const float* sums) {
        for (std::size_t i = 0; i < users.size(); ++i) {
          selection.offer(selection.place_of(users[i] - owned_users.begin), first, sums + i * kBlockItems, count);
        }
      });
    }
    return selection.take();
  }

 private:
  static exec::PropagationOptions options_of(EdgeTypeId type) {
    exec::PropagationOptions options;
    options.edge_types = {type};
    return options;
  }

  /// **Collective.** Column c of an item's row becomes its weight for predicting the c-th item of the block.
  void load(const comm::Communicator& comm, IndexRange block, std::span<float> values) const {
    const std::uint64_t items = weights_.columns;
    const IndexRange home = graph::BlockDistribution(items, comm.size()).block(comm.rank());
    const std::uint64_t begin = std::clamp(block.begin, home.begin, home.end);
    const std::uint64_t end = std::clamp(block.end, home.begin, home.end);
    const auto mine =
        std::span<const float>(weights_.values).subspan((begin - home.begin) * items, (end - begin) * items);
    std::vector<float> received;
    if (comm.size() > 1) received = comm.all_gather_v(mine).data;
    const std::span<const float> rows = comm.size() > 1 ? std::span<const float>(received) : mine;
    const VertexTypeId type = weights_.type;
    const std::uint64_t first_item = graph_.schema().stable_range(type).begin;
    parallel::for_each(graph_.owned_of_type(type), kEaseGrain, [&](std::uint64_t local) {
      const LocalVertexId id{static_cast<std::uint32_t>(local)};
      const std::uint64_t item = graph_.index_map().stable_of(id).value() - first_item;
      float* const to = values.data() + local * kBlockItems;
      for (std::uint64_t c = 0; c < block.size(); ++c) to[c] = rows[c * items + item];
    });
  }

  const graph::DistributedGraph& graph_;
  EdgeTypeId type_;
  exec::Propagation propagation_;
  ModelWeights::Table weights_;
};

}  // namespace

ModelWeights fit_ease(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                      const EaseOptions& options, ProgressSink& progress) {
  if (!(options.regularisation > 0) || !std::isfinite(options.regularisation)) {
    throw ConfigError(
        fmt::format("train.ease_regularisation is {}, expected a positive number", options.regularisation));
  }
  const VertexTypeId type_of_items = graph.schema().edge_type(type).destination;
  const std::uint64_t items = graph.schema().vertex_type(type_of_items).count;
  SymmetricMatrix matrix(comm, items, options.tile_items);
  fill(comm, graph, type, options.regularisation, matrix);
  progress.begin("train", (items + options.tile_items - 1) / options.tile_items, "sweeps");
  matrix.invert([&](std::uint64_t done, std::uint64_t) {
    progress.update(done, "");
    comm.stop_if_asked("EASE was asked to stop; it keeps no checkpoint and starts anew");
  });
  // The matrix is -C now: B_ij = -C_ij / C_jj = A_ji / -A_jj.
  const IndexRange rows = matrix.rows();
  std::vector<std::uint8_t> is_finite(rows.size());
  parallel::for_each({0, rows.size()}, 16, [&](std::uint64_t r) {
    const std::span<float> row = matrix.row(rows.begin + r);
    const float pivot = -row[rows.begin + r];
    float sum = 0.0F;
    for (std::uint64_t i = 0; i < items; ++i) {
      row[i] = row[i] / pivot;
      sum += row[i] * 0.0F;
    }
    row[rows.begin + r] = 0.0F;
    is_finite[r] = sum == 0.0F && pivot > 0.0F ? 1 : 0;
  });
  comm.agree([&] {
    if (std::ranges::find(is_finite, 0) != is_finite.end()) {
      throw ConfigError(fmt::format("the item weights are not finite; raise train.ease_regularisation (now {})",
                                    options.regularisation));
    }
  });
  std::vector<float> weights = matrix.take_rows();
  if (comm.size() > 1) {
    const graph::BlockDistribution homes(items, comm.size());
    std::vector<std::uint64_t> counts;
    for (std::int32_t rank = 0; rank < comm.size(); ++rank) {
      const IndexRange home = homes.block(Rank{rank});
      const std::uint64_t begin = std::clamp(home.begin, rows.begin, rows.end);
      counts.push_back((std::clamp(home.end, rows.begin, rows.end) - begin) * items);
    }
    weights = comm.exchange<float>(weights, counts).data;
  }
  progress.end(fmt::format("{0} x {0} item weights", items));
  ModelWeights result;
  result.tables.push_back({"weights", type_of_items, items, std::move(weights)});
  return result;
}

std::unique_ptr<Scorer> make_ease_scorer(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                         EdgeTypeId type, ModelWeights weights) {
  comm.agree([&] {
    const VertexTypeId items = graph.schema().edge_type(type).destination;
    const std::uint64_t count = graph.schema().vertex_type(items).count;
    if (weights.tables.size() == 1 && weights.tables[0].type == items && weights.tables[0].columns == count) return;
    throw InputError(fmt::format("the model has no table of {0} x {0} item weights; fit it again", count));
  });
  return std::make_unique<EaseScorer>(graph, type, std::move(weights));
}

MemoryPlan plan_ease(const ModelShare& share, const EaseOptions& options) {
  MemoryPlan plan("train");
  const auto parts = static_cast<std::uint64_t>(share.ranks);
  const std::uint64_t matrix = SymmetricMatrix::bytes(share.items, options.tile_items, share.ranks);
  plan.hold("item x item matrix", matrix);
  if (share.ranks > 1)
    plan.hold("item x item weights on their way home", (share.items + parts - 1) / parts * share.items * sizeof(float));
  plan.hold("lists of the users and of ghosts among them, one row of counts per thread", CoInteractions::bytes(share));
  plan.hold(
      "co-interactions on their way to the matrix",
      3 * sizeof(MatrixEntry) * std::min(std::max(kEntriesPerMessage, parts * share.items), share.items * share.items));
  plan.hold("block of items", (share.owned_rows + share.ghost_rows + share.items) * kBlockItems * sizeof(float));
  return plan;
}

}  // namespace rove::gnn
