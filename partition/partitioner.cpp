// SPDX-License-Identifier: Apache-2.0
#include "partition/partitioner.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "partition/fennel.hpp"
#include "partition/metis.hpp"
#include "partition/simple_methods.hpp"

namespace rove::partition {
namespace {

using Assign = graph::Assignment (*)(const comm::Communicator&, const graph::GraphBlocks&, const PartitionOptions&);

constexpr std::array<std::string_view, 5> kNames{"metis", "fennel", "hash", "block", "random"};
constexpr std::array<Assign, 5> kMethods{assign_metis, assign_fennel, assign_hash, assign_block, assign_random};

}  // namespace

std::span<const std::string_view> method_names() {
  return kNames;
}

graph::Assignment assign(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                         const PartitionOptions& options) {
  if (options.parts < 1) throw ConfigError(fmt::format("partition.parts is {}, expected at least 1", options.parts));
  const auto found = std::ranges::find(kNames, options.method);
  if (found == kNames.end()) {
    throw ConfigError(
        fmt::format("partition.method is '{}', expected one of {}", options.method, fmt::join(kNames, ", ")));
  }
  graph::Assignment assignment;
  if (options.parts == 1) {
    assignment = assign_block(comm, blocks, options);
  } else {
    assignment = kMethods[static_cast<std::size_t>(found - kNames.begin())](comm, blocks, options);
  }
  assignment.method = options.method;
  return assignment;
}

MemoryPlan plan_assign(const graph::Schema& schema, std::int32_t ranks, const PartitionOptions& options) {
  MemoryPlan plan("partition");
  const auto share = [&](std::uint64_t count) { return count / static_cast<std::uint64_t>(ranks) + 1; };
  plan.hold("parts of the home block", share(schema.num_vertices()) * 4);
  if (options.parts > 1 && options.method == "metis") {
    // An undirected type stores each edge both ways already.
    std::uint64_t entries = 0;
    for (const graph::EdgeType& type : schema.edge_types()) entries += type.count * (type.undirected ? 1 : 2);
    plan.hold("METIS, serial on rank 0: adjacency and its coarser levels", metis_bytes(0, entries));
    plan.hold("METIS, serial on rank 0: vertices", metis_bytes(schema.num_vertices(), 0));
  } else if (options.parts > 1 && options.method == "fennel") {
    plan.hold("one batch's neighbours and their parts", share(2 * schema.num_edges()) / 64 * 36 + (1U << 20U));
  }
  return plan;
}

}  // namespace rove::partition
