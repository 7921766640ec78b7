// SPDX-License-Identifier: Apache-2.0
#include "jobs/query/exact_neighbors.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "algorithms/ppr/exact.hpp"
#include "engine/base/checked_cast.hpp"
#include "engine/base/error.hpp"
#include "engine/base/top_k.hpp"

namespace rove::jobs {

NeighborAnswer exact_neighbors(const NamedGraph& names, const NeighborRequest& request, const std::string& target,
                               double restart, double tolerance) {
  if (!request.allow_lists.empty()) throw ConfigError("exact answers know no allow-lists; name the ids with 'allow'");
  const graph::Schema& schema = names.schema();
  const VertexTypeId target_type = names.type_named(request.target.empty() ? target : request.target);
  const IndexRange targets = schema.stable_range(target_type);
  NeighborAnswer answer;
  answer.target = schema.vertex_type(target_type).name;
  for (const NamedSeed& seed : request.seeds) answer.seeds.push_back({names.find(seed.vertex), seed.weight});

  const algorithms::ExactPpr exact(names.graph(), checked_cast<std::uint32_t>(schema.num_vertices(), "vertices"),
                                   names.graph().is_symmetric(), restart);
  algorithms::ExactPpr::Scores scores = exact.solve(answer.seeds, tolerance);
  answer.cold = scores.values.empty();
  answer.error_bound = scores.error;
  if (answer.cold) return answer;

  std::vector<std::uint32_t> linked;
  for (const algorithms::WeightedSeed& seed : answer.seeds) {
    scores.values[seed.vertex] = 0.0;
    if (request.exclude_linked) names.graph().append_slots(seed.vertex, linked);
  }
  for (const std::uint32_t vertex : linked) scores.values[vertex] = 0.0;
  for (const std::uint32_t row : names.rows_of(request.exclude, target_type, answer.unknown_ids)) {
    scores.values[targets.begin + row] = 0.0;
  }
  TopK best(std::min<std::uint64_t>(request.top_k, targets.size()));
  const auto offer = [&](std::uint64_t row) {
    const auto score = static_cast<float>(scores.values[targets.begin + row]);
    if (score > 0.0F && best.may_enter(score)) best.push({score, row});
  };
  if (request.allow) {
    std::vector<std::uint32_t> rows = names.rows_of(*request.allow, target_type, answer.unknown_ids);
    std::sort(rows.begin(), rows.end());
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    for (const std::uint32_t row : rows) offer(row);
  } else {
    for (std::uint64_t row = 0; row < targets.size(); ++row) offer(row);
  }
  for (const Scored& scored : best.take()) {
    const auto vertex = static_cast<std::uint32_t>(targets.begin + scored.id);
    answer.neighbors.push_back({names.id_of(vertex), names.key_of(vertex), vertex, scored.score});
  }
  return answer;
}

}  // namespace rove::jobs
