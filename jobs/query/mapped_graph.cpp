// SPDX-License-Identifier: Apache-2.0
#include "jobs/query/mapped_graph.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "io/hdf5/graph_file.hpp"
#include "io/hdf5/node_rows.hpp"

namespace rove::jobs {

MappedGraph::MappedGraph(const io::hdf5::MappedFile& file, bool weighted)
    : path_(file.file().path().string()),
      schema_(io::read_schema(file.file())),
      weighted_(weighted),
      sides_(schema_.vertex_types().size()) {
  if (weighted && std::ranges::none_of(schema_.edge_types(), &graph::EdgeType::has_weights)) {
    throw InputError(fmt::format("{} has no weights, but its index was built by weight (ppr.weighted)", path_));
  }
  for (std::size_t e = 0; e < schema_.edge_types().size(); ++e) {
    const graph::EdgeType& type = schema_.edge_types()[e];
    const std::string group = io::edge_group(schema_.vertex_type(type.source).name, type.relation,
                                             schema_.vertex_type(type.destination).name);
    const auto add = [&](const char* side, VertexTypeId rows, VertexTypeId targets, bool forward) {
      Side added;
      added.type = EdgeTypeId{static_cast<std::uint16_t>(e)};
      added.forward = forward;
      added.offsets = file.values<std::uint64_t>(group + side + "/indptr");
      added.targets = file.values<std::uint32_t>(group + side + "/indices");
      added.first_target = static_cast<std::uint32_t>(schema_.stable_range(targets).begin);
      added.num_targets = schema_.vertex_type(targets).count;
      if (weighted && type.has_weights) added.weights = file.values<float>(group + side + "/weights");
      const bool has_all_weights = added.weights.empty() || added.weights.size() == added.targets.size();
      if (!has_all_weights || added.offsets.size() != schema_.vertex_type(rows).count + 1 ||
          added.targets.size() != type.count) {
        throw InputError(fmt::format("{}: {}{} does not hold {} rows and {} edges; `rove verify` says more", path_,
                                     group, side, schema_.vertex_type(rows).count, type.count));
      }
      sides_[rows.index()].push_back(added);
    };
    // An undirected edge type stores both directions by source.
    if (!type.undirected) add("/by_destination", type.destination, type.source, false);
    add("/by_source", type.source, type.destination, true);
  }
}

template <class Take>
void MappedGraph::for_each_slot(std::uint32_t vertex, const Take& take) const {
  const StableVertexId stable{vertex};
  const std::uint64_t row = schema_.row_of(stable);
  for (const Side& side : sides_[schema_.type_of(stable).index()]) {
    const std::uint64_t begin = side.offsets[row];
    const std::uint64_t end = side.offsets[row + 1];
    if (begin > end || end > side.targets.size()) {
      throw InputError(fmt::format("{}: the edges of row {} are damaged", path_, row));
    }
    take(side, begin, end);
  }
}

std::uint64_t MappedGraph::degree(std::uint32_t vertex) const {
  std::uint64_t total = 0;
  bool any_weight = !weighted_;
  for_each_slot(vertex, [&](const Side& side, std::uint64_t begin, std::uint64_t end) {
    total += end - begin;
    for (std::uint64_t slot = begin; slot < end && !any_weight; ++slot) any_weight = weight_of(side, slot) > 0.0F;
  });
  return any_weight ? total : 0;
}

double MappedGraph::strength(std::uint32_t vertex) const {
  if (!weighted_) return static_cast<double>(degree(vertex));
  double total = 0.0;
  for_each_slot(vertex, [&](const Side& side, std::uint64_t begin, std::uint64_t end) {
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
  for_each_slot(vertex, [&](const Side& side, std::uint64_t begin, std::uint64_t end) {
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
  for_each_slot(vertex, [&](const Side& side, std::uint64_t begin, std::uint64_t end) {
    for (std::uint64_t slot = begin; slot < end; ++slot) {
      if (side.targets[slot] >= side.num_targets) {
        throw InputError(
            fmt::format("{}: slot {} leads to row {} of {}", path_, slot, side.targets[slot], side.num_targets));
      }
      slots.push_back(side.first_target + side.targets[slot]);
    }
  });
}

void MappedGraph::append_slots(std::uint32_t vertex, std::vector<Slot>& slots) const {
  std::vector<std::uint32_t> targets;
  append_slots(vertex, targets);
  std::size_t next = 0;
  for_each_slot(vertex, [&](const Side& side, std::uint64_t begin, std::uint64_t end) {
    for (std::uint64_t slot = begin; slot < end; ++slot) {
      slots.push_back({targets[next++], side.type, side.forward, static_cast<double>(weight_of(side, slot))});
    }
  });
}

}  // namespace rove::jobs
