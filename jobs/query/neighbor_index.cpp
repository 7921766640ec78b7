// SPDX-License-Identifier: Apache-2.0
#include "jobs/query/neighbor_index.hpp"

#include <algorithm>
#include <map>
#include <sstream>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "io/text/input_files.hpp"
#include "io/text/text_source.hpp"

namespace rove::jobs {
namespace {

namespace fs = std::filesystem;

/// Calls `take(words)` for every line that is not empty.
template <class Take>
void for_each_line(const fs::path& file, const Take& take) {
  io::text::BlockStream stream(io::text::inspect(file), io::text::kBlockBytes);
  for (io::text::Block block; stream.next(block);) {
    std::istringstream lines(block.text);
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::vector<std::string> found;
      for (std::string word; words >> word;) found.push_back(std::move(word));
      if (!found.empty()) take(found);
    }
  }
}

}  // namespace

class NeighborIndex::Lease {
 public:
  Lease(const NeighborIndex& index, std::size_t set) : index_(index), set_(set), query_(take()) {}
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() {
    // A query that threw may have left its scratch in any state.
    if (!clean) return;
    const std::lock_guard lock(index_.mutex_);
    index_.idle_[set_].push_back(std::move(query_));
  }
  [[nodiscard]] algorithms::IndexQuery& query() { return query_; }
  bool clean = false;

 private:
  [[nodiscard]] algorithms::IndexQuery take() const {
    {
      const std::lock_guard lock(index_.mutex_);
      std::vector<algorithms::IndexQuery>& idle = index_.idle_[set_];
      if (!idle.empty()) {
        algorithms::IndexQuery query = std::move(idle.back());
        idle.pop_back();
        return query;
      }
    }
    return algorithms::IndexQuery(index_.sets_[set_].fingerprints.targets.size());
  }

  const NeighborIndex& index_;
  std::size_t set_;
  algorithms::IndexQuery query_;
};

NeighborIndex::NeighborIndex(const fs::path& index_file, const fs::path& graph_file, Options options)
    : options_(std::move(options)),
      index_file_(index_file),
      header_(io::read_header(index_file_.file(), io::FileFormat::kIndex)),
      info_(io::read_index_info(index_file_.file())),
      names_(graph_file, options_.source, {info_.direction, info_.relations, info_.weighted}) {
  const graph::Schema& schema = names_.schema();
  const std::string& graph_digest = names_.header().provenance.graph_digest;
  if (graph_digest != header_.provenance.graph_digest) {
    throw InputError(
        fmt::format("{} was built on another graph than {} (graph digests {} and {}); build it again with "
                    "`rove index`, or name the graph of its run",
                    index_file.string(), graph_file.string(), header_.provenance.graph_digest, graph_digest));
  }
  const std::size_t num_types = schema.vertex_types().size();
  std::vector<bool> is_indexed(num_types);
  for (std::size_t target = 0; target < num_types; ++target) {
    TargetSet set;
    set.target = VertexTypeId{static_cast<std::uint16_t>(target)};
    set.fingerprints.targets = schema.stable_range(set.target);
    set.fingerprints.restart = info_.restart;
    set.fingerprints.walks = info_.walks;
    bool any = false;
    for (std::size_t t = 0; t < num_types; ++t) {
      algorithms::FingerprintSet::OfType& of_type = set.fingerprints.types.emplace_back();
      of_type.vertices = schema.stable_range(VertexTypeId{static_cast<std::uint16_t>(t)});
      const auto mapped =
          io::map_fingerprints(index_file_, schema.vertex_types()[t].name, schema.vertex_types()[target].name);
      if (!mapped) continue;
      if (mapped->lost.size() != schema.vertex_types()[t].count) {
        throw InputError(fmt::format("{} has fingerprints of {} vertices of type '{}', the graph has {}",
                                     index_file.string(), mapped->lost.size(), schema.vertex_types()[t].name,
                                     schema.vertex_types()[t].count));
      }
      of_type.fingerprints = {mapped->offsets, algorithms::entries_of_pairs(mapped->entries), mapped->lost,
                              mapped->cut};
      is_indexed[t] = true;
      any = true;
    }
    if (any) sets_.push_back(std::move(set));
  }
  if (sets_.empty()) throw InputError(fmt::format("{} holds no fingerprints", index_file.string()));
  for (TargetSet& set : sets_) {
    for (std::size_t t = 0; t < num_types; ++t) {
      bool leads = true;
      for (const exec::AdjacencySide& side : names_.graph().sides_of(VertexTypeId{static_cast<std::uint16_t>(t)})) {
        leads = leads && is_indexed[side.targets.index()];
      }
      set.fingerprints.types[t].leads_to_fingerprints = leads;
    }
  }
  const bool has_default = std::ranges::any_of(
      sets_, [&](const TargetSet& set) { return schema.vertex_type(set.target).name == options_.target; });
  if (!has_default) options_.target = sets_.size() == 1 ? schema.vertex_type(sets_.front().target).name : "";
  idle_.resize(sets_.size());
}

void NeighborIndex::touch() const {
  index_file_.touch();
  names_.touch();
}

void NeighborIndex::read_ahead() const {
  index_file_.read_ahead();
  names_.read_ahead();
}

const NeighborIndex::TargetSet& NeighborIndex::target_set(const std::string& name) const {
  std::vector<std::string> known;
  for (const TargetSet& set : sets_) known.push_back(names_.schema().vertex_type(set.target).name);
  if (name.empty() && options_.target.empty()) {
    throw ConfigError(fmt::format("a request must name its target: the index counts {}", fmt::join(known, ", ")));
  }
  const VertexTypeId type = names_.type_named(name.empty() ? options_.target : name);
  for (const TargetSet& set : sets_) {
    if (set.target == type) return set;
  }
  throw ConfigError(
      fmt::format("the index does not count '{}', only: {}; see index.targets", name, fmt::join(known, ", ")));
}

void NeighborIndex::load_lists(const std::vector<fs::path>& allow_lists, const std::optional<fs::path>& blocks) {
  for (const fs::path& file : allow_lists) {
    CandidateLists::Named list;
    list.name = file.stem().string();
    const auto stable_of = [&](const std::string& id) -> std::optional<std::uint32_t> {
      try {
        return names_.find({options_.target, id});
      } catch (const UnknownIdError&) {
        ++lists_.unknown_ids;
        return std::nullopt;
      }
    };
    for_each_line(file, [&](const std::vector<std::string>& words) {
      for (const std::string& id : words) {
        if (const auto vertex = stable_of(id)) list.vertices.push_back(*vertex);
      }
    });
    std::sort(list.vertices.begin(), list.vertices.end());
    list.vertices.erase(std::unique(list.vertices.begin(), list.vertices.end()), list.vertices.end());
    lists_.allow.push_back(std::move(list));
  }
  if (!blocks) return;
  std::map<std::uint32_t, std::vector<std::uint32_t>> by_source;
  const VertexTypeId sources = names_.type_named(options_.source);
  const VertexTypeId targets = names_.type_named(options_.target);
  for_each_line(*blocks, [&](const std::vector<std::string>& words) {
    std::uint64_t unknown = 0;
    const std::vector<std::uint32_t> source = names_.rows_of({words.front()}, sources, unknown);
    lists_.unknown_ids += unknown;
    if (source.empty()) return;
    const std::vector<std::string> ids(words.begin() + 1, words.end());
    for (const std::uint32_t row : names_.rows_of(ids, targets, lists_.unknown_ids)) {
      by_source[static_cast<std::uint32_t>(names_.schema().stable_id(sources, source.front()).value())].push_back(
          static_cast<std::uint32_t>(names_.schema().stable_id(targets, row).value()));
    }
  });
  for (const auto& [source, vertices] : by_source) {
    lists_.block_sources.push_back(source);
    lists_.blocked.insert(lists_.blocked.end(), vertices.begin(), vertices.end());
    lists_.block_offsets.push_back(lists_.blocked.size());
  }
}

std::span<const std::uint32_t> CandidateLists::blocked_for(std::uint32_t source) const {
  const auto found = std::ranges::lower_bound(block_sources, source);
  if (found == block_sources.end() || *found != source) return {};
  const auto at = static_cast<std::size_t>(found - block_sources.begin());
  return std::span(blocked).subspan(block_offsets[at], block_offsets[at + 1] - block_offsets[at]);
}

bool NeighborIndex::is_blocked(std::uint32_t source, std::uint32_t target) const {
  const auto blocked = lists_.blocked_for(source);
  return std::ranges::find(blocked, target) != blocked.end();
}

void NeighborIndex::verify() const {
  index_file_.verify();
  names_.verify();
}

NeighborAnswer NeighborIndex::neighbors(const NeighborRequest& request) const {
  if (request.seeds.empty()) throw ConfigError("a request needs at least one seed");
  const TargetSet& set = target_set(request.target);
  const auto first_target = static_cast<std::uint32_t>(set.fingerprints.targets.begin);
  NeighborAnswer answer;
  answer.target = names_.schema().vertex_type(set.target).name;
  for (const NamedSeed& seed : request.seeds) answer.seeds.push_back({names_.find(seed.vertex), seed.weight});

  std::vector<std::uint32_t> excluded = names_.rows_of(request.exclude, set.target, answer.unknown_ids);
  for (const algorithms::WeightedSeed& seed : answer.seeds) {
    for (const std::uint32_t vertex : lists_.blocked_for(seed.vertex)) {
      if (set.fingerprints.targets.contains(vertex)) excluded.push_back(vertex - first_target);
    }
  }
  std::optional<std::vector<std::uint32_t>> allowed;
  const auto allow = [&](std::vector<std::uint32_t> rows) {
    std::sort(rows.begin(), rows.end());
    if (allowed) {
      std::vector<std::uint32_t> both;
      std::ranges::set_intersection(*allowed, rows, std::back_inserter(both));
      rows = std::move(both);
    }
    allowed = std::move(rows);
  };
  if (request.allow) allow(names_.rows_of(*request.allow, set.target, answer.unknown_ids));
  for (const std::string& name : request.allow_lists) {
    const auto list = std::ranges::find(lists_.allow, name, &CandidateLists::Named::name);
    if (list == lists_.allow.end()) {
      std::vector<std::string> known;
      for (const CandidateLists::Named& candidate : lists_.allow) known.push_back(candidate.name);
      throw ConfigError(fmt::format("no allow-list '{}', only: {}", name, fmt::join(known, ", ")));
    }
    std::vector<std::uint32_t> rows;
    for (const std::uint32_t vertex : list->vertices) {
      if (set.fingerprints.targets.contains(vertex)) rows.push_back(vertex - first_target);
    }
    allow(std::move(rows));
  }

  algorithms::PprQuery query;
  query.seeds = answer.seeds;
  query.top_k = request.top_k;
  query.exclude_linked = request.exclude_linked;
  query.excluded = excluded;
  if (allowed) query.allowed = *allowed;
  query.hops = request.hops.value_or(options_.hops);
  query.threshold = request.threshold.value_or(options_.threshold);
  query.boost = request.boost.value_or(options_.boost);
  Lease lease(*this, static_cast<std::size_t>(&set - sets_.data()));
  algorithms::PprAnswer found = lease.query().answer(set.fingerprints, names_.graph(), query);
  lease.clean = true;
  answer.error_bound = found.error_bound;
  answer.boosted = query.boost;
  answer.cold = found.cold;
  answer.fingerprints = found.fingerprints;
  for (const Scored& scored : found.ranked) {
    const auto vertex = first_target + static_cast<std::uint32_t>(scored.id);
    answer.neighbors.push_back({names_.id_of(vertex), names_.key_of(vertex), vertex, scored.score});
  }
  return answer;
}

}  // namespace rove::jobs
