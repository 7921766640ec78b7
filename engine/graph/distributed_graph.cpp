// SPDX-License-Identifier: Apache-2.0
#include "engine/graph/distributed_graph.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "engine/base/assert.hpp"
#include "engine/base/error.hpp"
#include "engine/graph/detail/vertex_set.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::graph {

namespace {

constexpr std::uint64_t kDistributedGraphGrain = 1U << 14U;

/// A vertex and its number, on the way to the directory.
struct DirectoryEntry {
  StableVertexId stable;
  GlobalVertexId global;
};

void check_assignment(const comm::Communicator& comm, const GraphBlocks& blocks, const Assignment& assignment) {
  const Schema& schema = blocks.schema;
  if (assignment.num_parts != comm.size()) {
    throw InputError(
        fmt::format("the partition has {} parts but the job runs on {} ranks; partition again with that many parts, or "
                    "start {} ranks",
                    assignment.num_parts, comm.size(), assignment.num_parts));
  }
  if (assignment.parts.size() != schema.vertex_types().size()) {
    throw InputError(fmt::format("the partition covers {} vertex types, the graph has {}; partition this graph again",
                                 assignment.parts.size(), schema.vertex_types().size()));
  }
  for (std::size_t t = 0; t < assignment.parts.size(); ++t) {
    const VertexTypeId type{static_cast<std::uint16_t>(t)};
    const IndexRange block = blocks.distribution(type, comm.size()).block(comm.rank());
    const std::string& name = schema.vertex_type(type).name;
    if (assignment.parts[t].size() != block.size()) {
      throw InputError(
          fmt::format("the partition names the parts of {} rows of type '{}' for rows {} to {}, expected {}",
                      assignment.parts[t].size(), name, block.begin, block.end, block.size()));
    }
    for (std::size_t i = 0; i < assignment.parts[t].size(); ++i) {
      const std::int32_t part = assignment.parts[t][i];
      if (part < 0 || part >= assignment.num_parts) {
        throw InputError(fmt::format("the partition puts row {} of type '{}' into part {}, expected 0 to {}",
                                     block.begin + i, name, part, assignment.num_parts - 1));
      }
    }
  }
}

void check_adjacency(const AdjacencyBlock& block, std::uint64_t rows, std::uint64_t num_targets, const EdgeType& type,
                     const std::string& name) {
  const auto require = [&](bool holds, std::string_view what) {
    if (!holds) throw InputError(fmt::format("adjacency of edge type '{}': {}; import the graph again", name, what));
  };
  const std::size_t slots = block.targets.size();
  require(block.offsets.size() == rows + 1,
          fmt::format("{} rows in this rank's block, expected {}", block.offsets.size() - 1, rows));
  require(block.offsets.front() == 0 && block.offsets.back() == slots, "offsets do not span the targets");
  require(std::is_sorted(block.offsets.begin(), block.offsets.end()), "offsets do not ascend");
  require(block.weights.size() == (type.has_weights ? slots : 0), "as many weights as edges expected, or none");
  require(block.times.size() == (type.has_times ? slots : 0), "as many times as edges expected, or none");
  require(block.relations.size() == (type.relations.empty() ? 0 : slots),
          "as many relations as edges expected, or none");
  require(std::all_of(block.targets.begin(), block.targets.end(),
                      [&](std::uint32_t target) { return target < num_targets; }),
          fmt::format("a target is not below the {} rows of its type", num_targets));
}

void check_blocks(const comm::Communicator& comm, const GraphBlocks& blocks) {
  const Schema& schema = blocks.schema;
  const auto block_rows = [&](VertexTypeId type) {
    return blocks.distribution(type, comm.size()).block(comm.rank()).size();
  };
  for (std::size_t t = 0; t < schema.vertex_types().size(); ++t) {
    const VertexTypeId type{static_cast<std::uint16_t>(t)};
    if (t >= blocks.keys.size() || blocks.keys[t].size() != block_rows(type)) {
      throw InputError(fmt::format("type '{}' has {} keys in this rank's block, expected {}; import the graph again",
                                   schema.vertex_type(type).name, t < blocks.keys.size() ? blocks.keys[t].size() : 0,
                                   block_rows(type)));
    }
    if (schema.vertex_type(type).count > std::uint64_t{std::numeric_limits<std::uint32_t>::max()}) {
      throw DoesNotFitError(fmt::format("type '{}' has {} vertices, more than the 2^32 - 1 a target can name",
                                        schema.vertex_type(type).name, schema.vertex_type(type).count));
    }
  }
  if (blocks.edges.size() != schema.edge_types().size()) {
    throw InputError(fmt::format("{} adjacencies for {} edge types; import the graph again", blocks.edges.size(),
                                 schema.edge_types().size()));
  }
  for (std::size_t e = 0; e < blocks.edges.size(); ++e) {
    const EdgeTypeId id{static_cast<std::uint16_t>(e)};
    const EdgeType& type = schema.edge_type(id);
    check_adjacency(blocks.edges[e].by_source, block_rows(type.source), schema.vertex_type(type.destination).count,
                    type, schema.name_of(id) + " by source");
    check_adjacency(blocks.edges[e].by_destination, block_rows(type.destination), schema.vertex_type(type.source).count,
                    type, schema.name_of(id) + " by destination");
  }
}

/// The vertices this rank owns, ascending, with the first of each type.
struct OwnedVertices {
  std::vector<StableVertexId> stable;
  std::vector<VertexKey> keys;
  std::vector<IndexRange> of_type;
};

OwnedVertices collect_owned(const comm::Communicator& comm, const GraphBlocks& blocks,
                            std::span<const HomeExchange> homes) {
  OwnedVertices owned;
  for (std::size_t t = 0; t < homes.size(); ++t) {
    const VertexTypeId type{static_cast<std::uint16_t>(t)};
    const std::uint64_t begin = blocks.distribution(type, comm.size()).block(comm.rank()).begin;
    std::vector<StableVertexId> stable(blocks.keys[t].size());
    for (std::size_t i = 0; i < stable.size(); ++i) stable[i] = blocks.schema.stable_id(type, begin + i);
    // Homes are ordered by row and so are the rows of each, hence what arrives here ascends.
    const auto arrived = homes[t].to_owners<StableVertexId>(comm, stable);
    const auto keys = homes[t].to_owners<VertexKey>(comm, blocks.keys[t]);
    owned.of_type.push_back({owned.stable.size(), owned.stable.size() + arrived.size()});
    owned.stable.insert(owned.stable.end(), arrived.begin(), arrived.end());
    owned.keys.insert(owned.keys.end(), keys.begin(), keys.end());
  }
  return owned;
}

/// One 32-bit number is left for no vertex.
void check_num_local(std::uint64_t num_local) {
  if (num_local >= std::uint64_t{std::numeric_limits<std::uint32_t>::max()}) {
    throw DoesNotFitError(
        fmt::format("{} owned and ghost vertices on one rank, more than 2^32 - 2; use more ranks", num_local));
  }
}

Partition agree_partition(const comm::Communicator& comm, std::uint64_t num_owned) {
  std::vector<std::uint64_t> offsets{0};
  for (const std::uint64_t count : comm.all_gather(num_owned)) offsets.push_back(offsets.back() + count);
  return Partition(std::move(offsets));
}

/// Global ids of my home block of stable ids.
std::vector<GlobalVertexId> build_directory(const comm::Communicator& comm, const BlockDistribution& homes,
                                            std::span<const StableVertexId> owned, std::uint64_t first_global) {
  std::vector<DirectoryEntry> entries(owned.size());
  std::vector<std::uint64_t> counts(static_cast<std::size_t>(comm.size()));
  for (std::size_t i = 0; i < owned.size(); ++i) {
    entries[i] = {owned[i], GlobalVertexId{first_global + i}};
    ++counts[homes.home_of(owned[i].value()).index()];
  }
  const auto received = comm.exchange<DirectoryEntry>(entries, counts);
  const IndexRange block = homes.block(comm.rank());
  ROVE_ASSERT_LIGHT(received.data.size() == block.size());
  std::vector<GlobalVertexId> directory(block.size());
  for (const DirectoryEntry& entry : received.data) directory[entry.stable.value() - block.begin] = entry.global;
  return directory;
}

/// A CSR whose targets are still rows of the target type.
struct RemoteRows {
  AdjacencyBlock rows;
  std::uint64_t first_target = 0;  ///< stable id of row 0 of the target type
};

/// Ghosts in local order, and a way from any endpoint to its local id.
class Endpoints {
 public:
  Endpoints(const comm::Communicator& comm, std::span<const RemoteRows> adjacencies, const Partition& partition,
            IndexMap& index_map)
      : seen_(partition.num_vertices()) {
    for (const RemoteRows& adjacency : adjacencies) {
      for (const std::uint32_t target : adjacency.rows.targets) seen_.insert(adjacency.first_target + target);
    }
    seen_.index();

    struct Ghost {
      GlobalVertexId global;
      StableVertexId stable;
    };
    const auto owned = index_map.owned_stable();
    std::vector<StableVertexId> remote;
    locals_.reserve(seen_.size());
    std::size_t next_owned = 0;
    seen_.for_each([&](std::uint64_t stable) {
      while (next_owned < owned.size() && owned[next_owned].value() < stable) ++next_owned;
      const bool is_owned = next_owned < owned.size() && owned[next_owned].value() == stable;
      locals_.emplace_back(is_owned ? static_cast<std::uint32_t>(next_owned) : 0U);
      if (!is_owned) remote.emplace_back(stable);
    });
    comm.agree([&] { check_num_local(owned.size() + remote.size()); });

    const std::vector<GlobalVertexId> globals = index_map.global_of(comm, remote);
    std::vector<Ghost> ghosts(remote.size());
    for (std::size_t i = 0; i < ghosts.size(); ++i) ghosts[i] = {globals[i], remote[i]};
    // Global order is the order by (owner, stable id).
    std::sort(ghosts.begin(), ghosts.end(), [](const Ghost& a, const Ghost& b) { return a.global < b.global; });
    std::vector<StableVertexId> ghost_stable(ghosts.size());
    ghost_globals_.resize(ghosts.size());
    for (std::size_t i = 0; i < ghosts.size(); ++i) {
      ghost_stable[i] = ghosts[i].stable;
      ghost_globals_[i] = ghosts[i].global;
      locals_[seen_.rank_of(ghosts[i].stable.value())] = LocalVertexId{static_cast<std::uint32_t>(owned.size() + i)};
    }
    index_map = std::move(index_map).with_ghosts(ghost_stable, ghost_globals_);
  }

  [[nodiscard]] std::span<const GlobalVertexId> ghost_globals() const { return ghost_globals_; }
  [[nodiscard]] LocalVertexId local_of(std::uint64_t stable) const { return locals_[seen_.rank_of(stable)]; }

 private:
  detail::VertexSet seen_;
  std::vector<LocalVertexId> locals_;  ///< by rank in `seen_`
  std::vector<GlobalVertexId> ghost_globals_;
};

CsrGraph to_csr(RemoteRows adjacency, const Endpoints& endpoints) {
  CsrGraph csr;
  csr.targets.resize(adjacency.rows.targets.size());
  parallel::for_each({0, csr.targets.size()}, kDistributedGraphGrain, [&](std::uint64_t slot) {
    csr.targets[slot] = endpoints.local_of(adjacency.first_target + adjacency.rows.targets[slot]);
  });
  csr.offsets = std::move(adjacency.rows.offsets);
  csr.weights = std::move(adjacency.rows.weights);
  csr.times = std::move(adjacency.rows.times);
  csr.relations = std::move(adjacency.rows.relations);
  return csr;
}

std::shared_ptr<const HaloExchange> build_halo(const comm::Communicator& comm, const Partition& partition,
                                               const IndexMap& index_map, std::span<const GlobalVertexId> ghosts) {
  std::vector<std::uint64_t> counts(static_cast<std::size_t>(comm.size()));
  for (const GlobalVertexId ghost : ghosts) ++counts[partition.owner_of(ghost).index()];
  auto wanted = comm.exchange<GlobalVertexId>(ghosts, counts);
  std::vector<LocalVertexId> send_rows(wanted.data.size());
  for (std::size_t i = 0; i < send_rows.size(); ++i) {
    ROVE_ASSERT_LIGHT(partition.owned_by(comm.rank()).contains(wanted.data[i].value()));
    send_rows[i] = index_map.local_of_owned(wanted.data[i]);
  }
  return std::make_shared<const HaloExchange>(comm, index_map.num_owned(), std::move(wanted.offsets),
                                              std::move(send_rows), detail::offsets_from_lengths(counts));
}

}  // namespace

DistributedGraph DistributedGraph::build(const comm::Communicator& comm, const GraphBlocks& blocks,
                                         const Assignment& assignment) {
  comm.agree([&] {
    check_assignment(comm, blocks, assignment);
    check_blocks(comm, blocks);
  });
  const Schema& schema = blocks.schema;

  std::vector<HomeExchange> homes;
  homes.reserve(assignment.parts.size());
  for (const std::vector<std::int32_t>& parts : assignment.parts) homes.emplace_back(comm, parts);

  OwnedVertices owned = collect_owned(comm, blocks, homes);
  comm.agree([&] { check_num_local(owned.stable.size()); });
  Partition partition = agree_partition(comm, owned.stable.size());
  const std::uint64_t first_global = partition.owned_by(comm.rank()).begin;
  const BlockDistribution stable_homes(schema.num_vertices(), comm.size());
  std::vector<GlobalVertexId> directory = build_directory(comm, stable_homes, owned.stable, first_global);
  IndexMap index_map(std::move(owned.stable), {}, {}, first_global, stable_homes, std::move(directory));

  std::vector<RemoteRows> adjacencies;  // by source and by destination of each edge type in turn
  for (std::size_t e = 0; e < blocks.edges.size(); ++e) {
    const EdgeType& type = schema.edge_types()[e];
    adjacencies.push_back({homes[type.source.index()].to_owners(comm, blocks.edges[e].by_source),
                           schema.stable_range(type.destination).begin});
    adjacencies.push_back({homes[type.destination.index()].to_owners(comm, blocks.edges[e].by_destination),
                           schema.stable_range(type.source).begin});
  }
  const Endpoints endpoints(comm, adjacencies, partition, index_map);
  std::shared_ptr<const HaloExchange> halo = build_halo(comm, partition, index_map, endpoints.ghost_globals());

  DistributedGraph graph(schema, std::move(partition), std::move(index_map));
  graph.halo_ = std::move(halo);
  graph.homes_ = std::move(homes);
  graph.owned_keys_ = std::move(owned.keys);
  graph.owned_of_type_ = std::move(owned.of_type);
  for (std::size_t i = 0; i < adjacencies.size(); i += 2) {
    graph.by_source_.push_back(to_csr(std::move(adjacencies[i]), endpoints));
    graph.by_destination_.push_back(to_csr(std::move(adjacencies[i + 1]), endpoints));
  }
  return graph;
}

}  // namespace rove::graph
