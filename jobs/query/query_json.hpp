// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "jobs/query/explain.hpp"
#include "jobs/query/neighbor_index.hpp"

/// Requests and answers as JSON: what `rove serve` reads and writes, and `rove query --json` prints (docs/serving.md).
/// Keys of vertices are strings, since many readers hold numbers as doubles.
namespace rove::jobs {

using QueryJson = nlohmann::ordered_json;

/// Bounds that a service sets on what a request may ask for.
struct RequestLimits {
  std::uint32_t max_top_k = 1'000;
  std::uint64_t max_seeds = 1'000;
  std::uint64_t max_ids = 100'000;  ///< in `exclude` and `allow` together
  std::uint32_t max_hops = 3;
  double min_threshold = 1e-6;
};

/// The body of a request. Throws `ConfigError` when it is no JSON, or nested deeper or with more members than requests
/// ever are.
[[nodiscard]] QueryJson parse_request(const std::string& text);

/// {"id": "343", "type": "user"} or {"seeds": [{"id": ..., "type": ..., "weight": 2}, ...]} with "target", "k",
/// "exclude_linked", "exclude", "allow", "allow_lists", "hops", "threshold", "boost". Throws `ConfigError` for unknown
/// members, wrong types and what is beyond the limits.
[[nodiscard]] NeighborRequest neighbor_request(const QueryJson& json, const RequestLimits& limits);

struct ExplainRequest {
  NeighborRequest neighbors;  ///< its seeds
  NamedVertex to;
  std::uint32_t paths = 5;
};
/// The same with "to": {"id": ..., "type": ...} and "paths".
[[nodiscard]] ExplainRequest explain_request(const QueryJson& json, const RequestLimits& limits,
                                             const std::string& default_target);

/// `header`: of the file that answered.
[[nodiscard]] QueryJson to_json(const NamedGraph& names, const io::FileHeader& header, const NeighborAnswer& answer);
/// `score`: what the list gives the target, 0 when it is not known.
[[nodiscard]] QueryJson to_json(const NamedGraph& names, const Explanation& explanation, std::uint32_t target,
                                double score);
/// "user 343 -visits-> item 17 <-visits- user 9".
[[nodiscard]] std::string path_text(const NamedGraph& names, const ExplainingPath& path);

/// What the explanation of one target needs: the score it has in the seeds' list, or 0.
[[nodiscard]] double score_of(const NeighborIndex& index, const NeighborRequest& request, std::uint32_t target);

}  // namespace rove::jobs
