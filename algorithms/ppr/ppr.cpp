// SPDX-License-Identifier: Apache-2.0
#include "algorithms/ppr/ppr.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "algorithms/ppr/detail/lists.hpp"
#include "algorithms/ppr/detail/ppr_policy.hpp"
#include "algorithms/ppr/detail/prepare.hpp"
#include "algorithms/ppr/detail/travelling_counts.hpp"
#include "algorithms/walks/pixie.hpp"
#include "engine/base/error.hpp"
#include "engine/exec/visit_counter.hpp"
#include "engine/exec/walk_graph.hpp"

namespace rove::algorithms {

namespace {

struct MethodName {
  PprMethod method;
  std::string_view name;
};
constexpr std::array<MethodName, 7> kMethodNames = {{{PprMethod::kAuto, "auto"},
                                                     {PprMethod::kWalks, "walks"},
                                                     {PprMethod::kItemIndex, "item-index"},
                                                     {PprMethod::kVerd, "verd"},
                                                     {PprMethod::kPower, "power"},
                                                     {PprMethod::kPixie, "pixie"},
                                                     {PprMethod::kMaintained, "maintained"}}};

std::uint64_t index_bytes(const graph::Schema& schema, const PprOptions& options) {
  std::uint64_t rows = 0;
  if (options.method == PprMethod::kVerd) {
    rows = schema.num_vertices();
  } else {
    for (const VertexTypeId type : detail::index_types(schema, options)) rows += schema.vertex_type(type).count;
  }
  const std::uint64_t targets = schema.vertex_type(options.targets).count;
  return rows * (16 + sizeof(exec::VisitCounter::Entry) * std::min<std::uint64_t>(options.item_entries, targets));
}

/// The index on every rank. Beside it lies what this rank has made of it, in vectors that have grown, or, when another
/// type's rows are put behind it, what it was before.
std::uint64_t replicated_index_bytes(const graph::Schema& schema, std::int32_t num_ranks, const PprOptions& options) {
  const std::uint64_t whole = index_bytes(schema, options);
  return whole + std::max(whole, 2 * whole / static_cast<std::uint64_t>(num_ranks));
}

/// Visits by target, and the list of those visited.
std::uint64_t counter_bytes(std::uint64_t targets) {
  return 16 * std::min<std::uint64_t>(targets, exec::VisitCounter::kDenseLimit);
}

/// Lists while they are filled, and compacted for the result.
std::uint64_t list_bytes(const graph::Schema& schema, std::int32_t num_ranks, const PprOptions& options) {
  const graph::BlockDistribution sources(schema.vertex_type(options.sources).count, num_ranks);
  return detail::FixedLists::bytes(sources.largest_block(), options.top_k);
}

/// One query's flow, before and after what is at the same vertex is added up: every slot got the threshold at least.
std::uint64_t flow_bytes(const graph::Schema& schema, const PprOptions& options) {
  if (options.verd_hops == 0) return 0;
  double slots = 0.0;
  for (const exec::AdjacencySide& side : exec::selected_sides(schema, options.edges)) {
    slots += static_cast<double>(schema.edge_type(side.type).count);
  }
  return 2 * sizeof(IndexQuery::Flow::AtVertex) *
         static_cast<std::uint64_t>(std::min(1.0 / std::max(options.verd_threshold, 0x1.0p-32), slots));
}

void hold_exclusions(MemoryPlan& plan, const PprOptions& options) {
  if (!options.candidates.empty()) plan.hold("candidates", options.candidates.size());
  // At home, and once more with the owners.
  const std::uint64_t pairs = options.excluded.values.size();
  if (pairs > 0) plan.hold("excluded pairs", 2 * (8 * options.excluded.offsets.size() + 4 * pairs));
}

}  // namespace

std::string_view ppr_method_name(PprMethod method) {
  return std::find_if(kMethodNames.begin(), kMethodNames.end(), [&](const MethodName& m) { return m.method == method; })
      ->name;
}

PprMethod parse_ppr_method(std::string_view name) {
  const auto found =
      std::find_if(kMethodNames.begin(), kMethodNames.end(), [&](const MethodName& m) { return m.name == name; });
  if (found == kMethodNames.end()) {
    throw ConfigError(
        fmt::format("ppr.method is '{}', expected auto, walks, item-index, verd, power, pixie or maintained", name));
  }
  return found->method;
}

std::vector<VertexTypeId> ppr_index_types(const graph::Schema& schema, const PprOptions& options) {
  return detail::index_types(schema, options);
}

PprMethod chosen_ppr_method(const graph::Schema& schema, const PprOptions& options) {
  return detail::checked_options(schema, options).method;
}

MemoryPlan plan_ppr_partitioned(const graph::Schema& schema, std::int32_t num_ranks, std::uint32_t threads,
                                const PprOptions& options) {
  const PprOptions checked = detail::checked_options(schema, options);
  const std::uint64_t targets = schema.vertex_type(options.targets).count;
  MemoryPlan plan("ppr, partitioned");
  const std::uint64_t vertices = graph::BlockDistribution(schema.num_vertices(), num_ranks).largest_block();
  const std::uint64_t slots = 2 * graph::BlockDistribution(schema.num_edges(), num_ranks).largest_block();
  plan.hold("walk graph", 24 * vertices + (checked.weighted ? 12 : 4) * slots);
  plan.hold("lists", list_bytes(schema, num_ranks, checked));
  hold_exclusions(plan, checked);
  if (checked.method == PprMethod::kPower) {
    // This superstep's and the next one's by owned vertex and ghost; what has stopped by owned vertex, and the rows on
    // their way to other ranks' ghosts.
    const std::uint64_t with_ghosts = std::min(schema.num_vertices(), vertices + slots);
    plan.hold("eight columns of doubles", std::uint64_t{3} * 64 * with_ghosts);
    return plan;
  }
  plan.hold("counts per thread", threads * counter_bytes(targets));
  if (detail::by_decomposition(checked)) plan.hold("flow by target", 12 * targets);
  const std::uint32_t walks = checked.method == PprMethod::kItemIndex ? checked.item_walks
                              : checked.method == PprMethod::kVerd    ? checked.verd_walks
                                                                      : checked.walks;
  plan.hold("a batch of travelling walks",
            std::max(checked.batch_bytes, detail::bytes_per_source(walks, checked.restart, targets, threads)));
  // A rank may hold the fingerprints of all index vertices, its own and ghosts.
  if (checked.method == PprMethod::kItemIndex) plan.hold("fingerprints", 2 * index_bytes(schema, checked));
  if (checked.method == PprMethod::kVerd) {
    plan.hold("fingerprints", 3 * index_bytes(schema, checked) / static_cast<std::uint64_t>(num_ranks));
  }
  return plan;
}

MemoryPlan plan_ppr_replicated(const graph::Schema& schema, std::int32_t num_ranks, std::uint32_t threads,
                               const PprOptions& options, std::optional<std::uint64_t> num_sets) {
  const PprOptions checked = detail::checked_options(schema, options);
  const std::uint64_t targets = schema.vertex_type(options.targets).count;
  MemoryPlan plan("ppr, replicated");
  const MemoryPlan graph_plan =
      exec::WalkGraph::plan_replicated(schema, checked.edges, detail::ppr_graph_options(checked.weighted));
  for (const MemoryPlan::Item& item : graph_plan.items()) plan.hold(item.what, item.bytes);
  plan.hold("lists",
            num_sets ? detail::FixedLists::bytes(*num_sets, checked.top_k) : list_bytes(schema, num_ranks, checked));
  hold_exclusions(plan, checked);
  // The counts of an index's walks are gone when flow comes.
  const std::uint64_t flow = detail::by_decomposition(checked) ? index_query_scratch_bytes(targets) : 0;
  plan.hold("counts per thread", threads * std::max(counter_bytes(targets), flow));
  if (checked.method == PprMethod::kItemIndex || checked.method == PprMethod::kMaintained)
    plan.hold("item index", replicated_index_bytes(schema, num_ranks, checked));
  if (checked.method == PprMethod::kMaintained) {
    const std::vector<VertexTypeId> types = detail::index_types(schema, checked);
    plan.hold("stored walks", maintained_walks_bytes(schema, num_ranks, types,
                                                     {.walks = checked.maintained_walks, .restart = checked.restart}));
  }
  if (checked.method == PprMethod::kVerd) {
    plan.hold("fingerprints", replicated_index_bytes(schema, num_ranks, checked));
    plan.hold("flow per thread", threads * flow_bytes(schema, checked));
  }
  if (checked.method == PprMethod::kPixie) {
    plan.hold("keys of all vertices", 16 * schema.num_vertices());
    if (!checked.pixie_factors.empty()) plan.hold("features of all vertices", 2 * schema.num_vertices());
    plan.hold("visits per thread", threads * pixie_scratch_bytes(targets));
  }
  return plan;
}

}  // namespace rove::algorithms
