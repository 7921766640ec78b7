// SPDX-License-Identifier: Apache-2.0
#include "jobs/query/mapped_graph.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "io/hdf5/graph_file.hpp"
#include "io/hdf5/node_rows.hpp"

namespace rove::jobs {

namespace {

exec::EdgeSelection selection_of(const graph::Schema& schema, const WalkedEdges& edges, const std::string& path) {
  exec::EdgeSelection selection{exec::Direction::kBoth, {}};
  if (!edges.is_symmetric()) {
    selection.direction = edges.direction == "out" ? exec::Direction::kOut : exec::Direction::kIn;
  }
  for (const std::string& relation : edges.relations) {
    const std::vector<EdgeTypeId> types = schema.edge_types_of(relation);
    if (types.empty()) {
      throw InputError(fmt::format("{} has no relation '{}' to walk along, only: {}", path, relation,
                                   fmt::join(schema.relations(), ", ")));
    }
    selection.types.insert(selection.types.end(), types.begin(), types.end());
  }
  return selection;
}

}  // namespace

MappedGraph::MappedGraph(const io::hdf5::MappedFile& file, const WalkedEdges& edges)
    : path_(file.file().path().string()), schema_(io::read_schema(file.file())), weighted_(edges.weighted) {
  exec::EdgeSelection selection = selection_of(schema_, edges, path_);
  const std::vector<exec::AdjacencySide> selected = exec::selected_sides(schema_, selection);
  if (weighted_ && std::ranges::none_of(selected, [&](const exec::AdjacencySide& side) {
        return schema_.edge_type(side.type).has_weights;
      })) {
    throw InputError(fmt::format(
        "{} has no weights on the edges that walks move along, but they are to count (ppr.weighted)", path_));
  }
  sides_ = map_sides(file, selection);
  if (edges.is_symmetric()) return;
  selection.direction = selection.direction == exec::Direction::kOut ? exec::Direction::kIn : exec::Direction::kOut;
  sides_to_ = map_sides(file, selection);
}

MappedGraph::Sides MappedGraph::map_sides(const io::hdf5::MappedFile& file,
                                          const exec::EdgeSelection& selection) const {
  Sides sides(schema_.vertex_types().size());
  for (const exec::AdjacencySide& selected : exec::selected_sides(schema_, selection)) {
    const graph::EdgeType& type = schema_.edge_type(selected.type);
    const std::string group = io::edge_group(schema_.vertex_type(type.source).name, type.relation,
                                             schema_.vertex_type(type.destination).name) +
                              (selected.by_source ? "/by_source" : "/by_destination");
    Side side;
    static_cast<exec::AdjacencySide&>(side) = selected;
    side.offsets = file.values<std::uint64_t>(group + "/indptr");
    side.neighbors = file.values<std::uint32_t>(group + "/indices");
    side.first_target = static_cast<std::uint32_t>(schema_.stable_range(side.targets).begin);
    side.num_targets = schema_.vertex_type(side.targets).count;
    if (weighted_ && type.has_weights) side.weights = file.values<float>(group + "/weights");
    const bool has_all_weights = side.weights.empty() || side.weights.size() == side.neighbors.size();
    const std::uint64_t rows = schema_.vertex_type(side.rows).count;
    if (!has_all_weights || side.offsets.size() != rows + 1 || side.neighbors.size() != type.count) {
      throw InputError(fmt::format("{}: {} does not hold {} rows and {} edges; `rove verify` says more", path_, group,
                                   rows, type.count));
    }
    sides[side.rows.index()].push_back(side);
  }
  return sides;
}

std::vector<exec::AdjacencySide> MappedGraph::sides_of(VertexTypeId type) const {
  return {sides_[type.index()].begin(), sides_[type.index()].end()};
}

template <class Take>
void MappedGraph::for_each_slot(const Sides& sides, std::uint32_t vertex, const Take& take) const {
  const StableVertexId stable{vertex};
  const std::uint64_t row = schema_.row_of(stable);
  for (const Side& side : sides[schema_.type_of(stable).index()]) {
    const std::uint64_t begin = side.offsets[row];
    const std::uint64_t end = side.offsets[row + 1];
    if (begin > end || end > side.neighbors.size()) {
      throw InputError(fmt::format("{}: the edges of row {} are damaged", path_, row));
    }
    take(side, begin, end);
  }
}

std::uint32_t MappedGraph::target_of(const Side& side, std::uint64_t slot) const {
  if (side.neighbors[slot] >= side.num_targets) {
    throw InputError(
        fmt::format("{}: slot {} leads to row {} of {}", path_, slot, side.neighbors[slot], side.num_targets));
  }
  return side.first_target + side.neighbors[slot];
}

std::uint64_t MappedGraph::degree(std::uint32_t vertex) const {
  std::uint64_t total = 0;
  bool any_weight = !weighted_;
  for_each_slot(sides_, vertex, [&](const Side& side, std::uint64_t begin, std::uint64_t end) {
    total += end - begin;
    for (std::uint64_t slot = begin; slot < end && !any_weight; ++slot) any_weight = weight_of(side, slot) > 0.0F;
  });
  return any_weight ? total : 0;
}

double MappedGraph::strength(std::uint32_t vertex) const {
  if (!weighted_) return static_cast<double>(degree(vertex));
  double total = 0.0;
  for_each_slot(sides_, vertex, [&](const Side& side, std::uint64_t begin, std::uint64_t end) {
    for (std::uint64_t slot = begin; slot < end; ++slot) total += static_cast<double>(weight_of(side, slot));
  });
  return total;
}

float MappedGraph::weight_of(const Side& side, std::uint64_t slot) const {
  if (side.weights.empty()) return 1.0F;
  const float weight = side.weights[slot];
  if (!(weight >= 0.0F) || !std::isfinite(weight)) {
    throw InputError(
        fmt::format("{}: slot {} has the weight {}, expected a finite number of at least 0; import again, "
                    "or build the index without ppr.weighted",
                    path_, slot, weight));
  }
  return weight;
}

void MappedGraph::append_weights(std::uint32_t vertex, std::vector<float>& weights) const {
  for_each_slot(sides_, vertex, [&](const Side& side, std::uint64_t begin, std::uint64_t end) {
    for (std::uint64_t slot = begin; slot < end; ++slot) weights.push_back(weight_of(side, slot));
  });
}

std::span<const exec::AliasSlot> MappedGraph::alias(std::uint32_t vertex, std::span<const std::uint32_t> targets,
                                                    AliasScratch& scratch) const {
  if (!weighted_) return {};
  scratch.weights.clear();
  append_weights(vertex, scratch.weights);
  scratch.table.resize(scratch.weights.size());
  scratch.builder.build(scratch.weights, targets.data(), scratch.table.data());
  return scratch.table;
}

void MappedGraph::append_slots(std::uint32_t vertex, std::vector<std::uint32_t>& slots) const {
  for_each_slot(sides_, vertex, [&](const Side& side, std::uint64_t begin, std::uint64_t end) {
    for (std::uint64_t slot = begin; slot < end; ++slot) slots.push_back(target_of(side, slot));
  });
}

void MappedGraph::append_slots(const Sides& sides, std::uint32_t vertex, std::vector<Slot>& slots) const {
  for_each_slot(sides, vertex, [&](const Side& side, std::uint64_t begin, std::uint64_t end) {
    for (std::uint64_t slot = begin; slot < end; ++slot) {
      slots.push_back({target_of(side, slot), side.type, side.by_source, static_cast<double>(weight_of(side, slot))});
    }
  });
}

void MappedGraph::append_slots(std::uint32_t vertex, std::vector<Slot>& slots) const {
  append_slots(sides_, vertex, slots);
}

void MappedGraph::append_slots_to(std::uint32_t vertex, std::vector<Slot>& slots) const {
  append_slots(sides_to_.empty() ? sides_ : sides_to_, vertex, slots);
}

}  // namespace rove::jobs
