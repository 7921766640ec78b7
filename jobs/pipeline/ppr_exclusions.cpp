// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/ppr_exclusions.hpp"

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "io/ids/listed_ids.hpp"
#include "io/ids/resolve_interactions.hpp"
#include "jobs/pipeline/config_values.hpp"
#include "jobs/pipeline/graph_options.hpp"
#include "jobs/pipeline/ppr_sources.hpp"

namespace rove::jobs {
namespace {

void warn_of_unknown(Session& session, std::uint64_t unknown, const char* what, const char* key) {
  if (unknown > 0) session.warn(fmt::format("{} {} of {} are not in the graph and were left out", unknown, what, key));
}

/// By target row of my home block; nothing when neither list is set.
std::vector<std::uint8_t> home_candidates(Session& session, const io::IdIndex& targets) {
  const comm::Communicator& comm = session.comm();
  const std::vector<std::string> blocked = file_names(session.config(), "ppr.exclude_targets");
  const std::vector<std::string> allowed = file_names(session.config(), "ppr.allow_targets");
  if (blocked.empty() && allowed.empty()) return {};
  const io::ListedIds never = io::read_listed_ids(comm, blocked, targets);
  warn_of_unknown(session, never.unknown, "ids", "ppr.exclude_targets");
  std::vector<std::uint8_t> candidates(never.is_listed.size(), 1);
  if (!allowed.empty()) {
    io::ListedIds listed = io::read_listed_ids(comm, allowed, targets);
    warn_of_unknown(session, listed.unknown, "ids", "ppr.allow_targets");
    if (listed.found == 0) {
      throw InputError(
          fmt::format("ppr.allow_targets names {} ids, none of them of a '{}' in the graph, expected at least one; "
                      "without the key all are allowed",
                      listed.unknown, targets.type_name()));
    }
    candidates = std::move(listed.is_listed);
  }
  for (std::size_t row = 0; row < candidates.size(); ++row) {
    if (never.is_listed[row] != 0) candidates[row] = 0;
  }
  return candidates;
}

}  // namespace

io::TextLayout excluded_pairs_layout(const Config& config) {
  return text_layout(config, "ppr.exclude_pairs", "ppr.exclude_");
}

PprExclusions read_exclusions(Session& session, const io::IdIndex& sources) {
  const comm::Communicator& comm = session.comm();
  const Config& config = session.config();
  PprExclusions result;
  io::TextLayout pair_files;
  comm.agree([&] {
    pair_files = excluded_pairs_layout(config);
    const bool any = !pair_files.files.empty() || !config.paths("ppr.exclude_targets").empty() ||
                     !config.paths("ppr.allow_targets").empty();
    if (!any) return;
    result.type = type_or_target(session, "ppr.exclude_type");
    if (!std::ranges::count(ppr_target_types(session), *result.type)) {
      throw ConfigError(fmt::format("ppr.exclude_type is '{}', which is not among ppr.targets",
                                    session.schema().vertex_type(*result.type).name));
    }
  });
  if (!result.type) return result;
  const io::IdIndex targets = session.id_index(*result.type);
  result.candidates = comm.all_gather_v<std::uint8_t>(home_candidates(session, targets)).data;
  if (pair_files.files.empty()) return result;
  io::ResolvedInteractions pairs = io::resolve_interactions(comm, pair_files, sources, targets);
  warn_of_unknown(session, pairs.unknown_sources + pairs.unknown_targets, "pairs", "ppr.exclude_pairs");
  result.pairs = {std::move(pairs.offsets), std::move(pairs.targets)};
  return result;
}

}  // namespace rove::jobs
