// SPDX-License-Identifier: Apache-2.0
#include "engine/graph/index_map.hpp"

#include <algorithm>

#include "engine/base/assert.hpp"
#include "engine/base/checked_cast.hpp"
#include "engine/graph/redistribute.hpp"

namespace rove::graph {

IndexMap::IndexMap(std::vector<StableVertexId> owned, std::vector<StableVertexId> ghosts,
                   std::vector<GlobalVertexId> ghost_globals, std::uint64_t first_owned_global, BlockDistribution homes,
                   std::vector<GlobalVertexId> directory)
    : num_owned_(checked_cast<std::uint32_t>(owned.size(), "number of owned vertices")),
      stable_(std::move(owned)),
      ghost_globals_(std::move(ghost_globals)),
      first_owned_global_(first_owned_global),
      homes_(homes),
      directory_(std::move(directory)) {
  ROVE_ASSERT_LIGHT(ghosts.size() == ghost_globals_.size());
  ROVE_ASSERT_HEAVY(std::is_sorted(stable_.begin(), stable_.end()));
  stable_.insert(stable_.end(), ghosts.begin(), ghosts.end());
  (void)checked_cast<std::uint32_t>(stable_.size(), "number of owned and ghost vertices");
}

IndexMap IndexMap::with_ghosts(std::span<const StableVertexId> ghosts, std::vector<GlobalVertexId> ghost_globals) && {
  ROVE_ASSERT_LIGHT(stable_.size() == num_owned_ && ghosts.size() == ghost_globals.size());
  stable_.insert(stable_.end(), ghosts.begin(), ghosts.end());
  ghost_globals_ = std::move(ghost_globals);
  return std::move(*this);
}

std::optional<LocalVertexId> IndexMap::find_owned(StableVertexId vertex) const {
  const auto owned = owned_stable();
  const auto found = std::lower_bound(owned.begin(), owned.end(), vertex);
  if (found == owned.end() || *found != vertex) return std::nullopt;
  return LocalVertexId{static_cast<std::uint32_t>(found - owned.begin())};
}

std::vector<GlobalVertexId> IndexMap::global_of(const comm::Communicator& comm,
                                                std::span<const StableVertexId> vertices) const {
  std::vector<std::uint64_t> counts(static_cast<std::size_t>(comm.size()));
  for (const StableVertexId vertex : vertices) {
    ROVE_ASSERT_LIGHT(vertex.value() < homes_.size());
    ++counts[homes_.home_of(vertex.value()).index()];
  }
  std::vector<std::uint64_t> next = detail::offsets_from_lengths(counts);
  std::vector<StableVertexId> questions(vertices.size());
  std::vector<std::uint64_t> place(vertices.size());
  for (std::size_t i = 0; i < vertices.size(); ++i) {
    place[i] = next[homes_.home_of(vertices[i].value()).index()]++;
    questions[place[i]] = vertices[i];
  }
  const auto asked = comm.exchange<StableVertexId>(questions, counts);

  const std::uint64_t begin = homes_.block(comm.rank()).begin;
  std::vector<GlobalVertexId> answers(asked.data.size());
  for (std::size_t i = 0; i < answers.size(); ++i) answers[i] = directory_[asked.data[i].value() - begin];
  std::vector<std::uint64_t> answer_counts(counts.size());
  for (std::size_t r = 0; r < counts.size(); ++r) answer_counts[r] = asked.offsets[r + 1] - asked.offsets[r];
  const auto answered = comm.exchange<GlobalVertexId>(answers, answer_counts);

  std::vector<GlobalVertexId> result(vertices.size());
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = answered.data[place[i]];
  return result;
}

}  // namespace rove::graph
