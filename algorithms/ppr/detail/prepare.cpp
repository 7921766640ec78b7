// SPDX-License-Identifier: Apache-2.0
#include "algorithms/ppr/detail/prepare.hpp"

#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "algorithms/detail/walk_limits.hpp"
#include "engine/base/error.hpp"
#include "engine/exec/walk_graph.hpp"

namespace rove::algorithms::detail {

void require_weights(const graph::Schema& schema, const exec::EdgeSelection& edges) {
  const bool any = std::ranges::any_of(exec::selected_sides(schema, edges),
                                       [&](const auto& side) { return schema.edge_type(side.type).has_weights; });
  require_config(
      any,
      "ppr.weighted is set, but none of the edges that walks move along has weights; import them with a weight "
      "column, or leave the key out");
}

void require_walk_options(const std::string& section, double restart, std::uint32_t walks, std::uint32_t entries) {
  require_restart_walks(section, restart, walks);
  require_config(entries >= 1, fmt::format("the entries of {} are 0, expected at least 1", section));
}

PprOptions checked_options(const graph::Schema& schema, const PprOptions& options) {
  const std::size_t num_types = schema.vertex_types().size();
  require_config(options.sources.index() < num_types && options.targets.index() < num_types,
                 fmt::format("ppr.sources and ppr.targets must be among the graph's {} vertex types", num_types));
  require_config(options.top_k >= 1, "ppr.top_k is 0, expected at least 1");
  require_walk_options("ppr", options.restart, options.walks, options.item_entries);
  require_walk_options("ppr.item", options.restart, options.item_walks, options.item_entries);
  require_walk_options("ppr.maintained", options.restart, options.maintained_walks, options.item_entries);
  require_walk_options("ppr.verd", options.restart, options.verd_walks, options.item_entries);
  require_config(options.verd_threshold >= 0.0 && options.verd_threshold <= 1.0,
                 fmt::format("ppr.verd_threshold is {}, expected from 0 to 1", options.verd_threshold));
  if (options.method == PprMethod::kPixie) {
    check_pixie_options(pixie_options(options));
    const std::uint64_t features = options.pixie_factors.empty() ? 0 : schema.num_vertices();
    require_config(
        options.pixie_features.size() == features &&
            std::ranges::all_of(options.pixie_features,
                                [&](std::uint8_t feature) { return feature < options.pixie_factors.size(); }),
        "a bias needs for each vertex the number of a factor");
  } else {
    require_config(options.pixie_factors.empty(), "a bias (ppr.pixie_bias) goes with ppr.method pixie");
  }
  require_config(options.tolerance > 0.0 && options.tolerance < 1.0,
                 fmt::format("ppr.tolerance is {}, expected above 0 and below 1", options.tolerance));
  require_config(options.target_error >= 0.0 && options.target_error < 1.0,
                 fmt::format("ppr.target_error is {}, expected from 0 (none) to below 1", options.target_error));
  require_config(
      options.target_error == 0.0 || options.method == PprMethod::kAuto || options.method == PprMethod::kWalks ||
          options.method == PprMethod::kPower,
      fmt::format("ppr.target_error is {}, but ppr.method is {}, whose error is that of its fingerprints; set "
                  "ppr.method to walks, power or auto",
                  options.target_error, ppr_method_name(options.method)));
  require_config(
      !options.weighted || options.method != PprMethod::kPixie,
      "ppr.weighted goes with ppr.method auto, item-index, verd, walks, maintained and power; pixie takes any edge "
      "alike");
  for (const EdgeTypeId type : options.edges.types) {
    require_config(type.index() < schema.edge_types().size(),
                   fmt::format("edge type {} is not among the graph's {}", type.value(), schema.edge_types().size()));
  }
  if (options.weighted) require_weights(schema, options.edges);
  require_config(
      options.candidates.empty() || options.candidates.size() == schema.vertex_type(options.targets).count,
      fmt::format("the candidates are {}, expected one for each of the {} rows of '{}'", options.candidates.size(),
                  schema.vertex_type(options.targets).count, schema.vertex_type(options.targets).name));
  if (options.source_rows) {
    const std::vector<std::uint64_t>& rows = *options.source_rows;
    require_config(std::adjacent_find(rows.begin(), rows.end(), std::greater_equal<>()) == rows.end() &&
                       (rows.empty() || rows.back() < schema.vertex_type(options.sources).count),
                   fmt::format("the rows of the sources must ascend and be below the {} rows of '{}'",
                               schema.vertex_type(options.sources).count, schema.vertex_type(options.sources).name));
  }

  PprOptions result = options;
  // Lists hold every target once at most, so there is no room to plan for more.
  result.top_k = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(options.top_k, std::max<std::uint64_t>(1, schema.vertex_type(options.targets).count)));
  if (options.target_error > 0.0 && result.method == PprMethod::kAuto) result.method = PprMethod::kWalks;
  if (result.method == PprMethod::kAuto) {
    std::uint64_t index_size = 0;
    for (const VertexTypeId type : index_types(schema, options)) index_size += schema.vertex_type(type).count;
    const std::vector<VertexTypeId> types = index_types(schema, options);
    const bool has_shape = std::find(types.begin(), types.end(), options.sources) == types.end();
    const std::uint64_t from_sources = num_sources(schema, options) * options.walks;
    if (has_shape && index_size * options.item_walks < from_sources) {
      result.method = PprMethod::kItemIndex;
    } else {
      const bool is_cheaper = schema.num_vertices() * options.verd_walks < from_sources;
      result.method = is_cheaper ? PprMethod::kVerd : PprMethod::kWalks;
    }
  }
  return result;
}

std::vector<VertexTypeId> index_types(const graph::Schema& schema, const PprOptions& options) {
  std::vector<bool> wanted(schema.vertex_types().size());
  for (const exec::AdjacencySide& side : exec::selected_sides(schema, options.edges)) {
    if (side.rows == options.sources) wanted[side.targets.index()] = true;
  }
  std::vector<VertexTypeId> types;
  for (std::size_t t = 0; t < wanted.size(); ++t) {
    if (wanted[t]) types.emplace_back(static_cast<std::uint16_t>(t));
  }
  return types;
}

PixieOptions pixie_options(const PprOptions& options) {
  PixieOptions result;
  result.restart = options.restart;
  result.moves = options.pixie_moves;
  result.enough_visits = options.pixie_enough_visits;
  result.enough_vertices = options.pixie_enough_vertices;
  result.boost = options.pixie_boost;
  result.features = options.pixie_features;
  result.factors = options.pixie_factors;
  result.seed = options.seed;
  return result;
}

bool by_decomposition(const PprOptions& options) {
  return options.method == PprMethod::kVerd ||
         (options.weighted && (options.method == PprMethod::kItemIndex || options.method == PprMethod::kMaintained));
}

Decomposition decomposition(const PprOptions& options) {
  if (options.method == PprMethod::kVerd) return {options.verd_walks, options.verd_hops, options.verd_threshold};
  // Every slot of the source hands its share on, and its neighbours answer.
  return {options.method == PprMethod::kMaintained ? options.maintained_walks : options.item_walks, 1, 0.0};
}

std::uint64_t num_sources(const graph::Schema& schema, const PprOptions& options) {
  return options.source_rows ? options.source_rows->size() : schema.vertex_type(options.sources).count;
}

bool is_source(const PprOptions& options, std::uint64_t row) {
  return !options.source_rows || std::binary_search(options.source_rows->begin(), options.source_rows->end(), row);
}

}  // namespace rove::algorithms::detail
