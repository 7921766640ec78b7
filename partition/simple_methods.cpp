// SPDX-License-Identifier: Apache-2.0
#include "partition/simple_methods.hpp"

#include "engine/base/random.hpp"

namespace rove::partition {
namespace {

/// Calls `part_of(type, row, key)` for every row of my home blocks.
template <class PartOf>
graph::Assignment assign_each(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                              const PartitionOptions& options, const PartOf& part_of) {
  graph::Assignment assignment{options.parts, options.method, {}};
  const auto types = blocks.schema.vertex_types();
  for (std::size_t t = 0; t < types.size(); ++t) {
    const VertexTypeId type{static_cast<std::uint16_t>(t)};
    const IndexRange rows = blocks.distribution(type, comm.size()).block(comm.rank());
    auto& parts = assignment.parts.emplace_back(rows.size());
    for (std::uint64_t i = 0; i < rows.size(); ++i) {
      parts[i] = static_cast<std::int32_t>(part_of(type, rows.begin + i, blocks.keys[t][i]));
    }
  }
  return assignment;
}

}  // namespace

graph::Assignment assign_block(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                               const PartitionOptions& options) {
  return assign_each(comm, blocks, options, [&](VertexTypeId type, std::uint64_t row, VertexKey) {
    return blocks.distribution(type, options.parts).home_of(row).value();
  });
}

graph::Assignment assign_hash(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                              const PartitionOptions& options) {
  const auto parts = static_cast<std::uint64_t>(options.parts);
  return assign_each(comm, blocks, options, [&](VertexTypeId, std::uint64_t, VertexKey key) {
    // Rows ascend by key, so the key itself would cut blocks; its low bits are as random.
    return slot_multiply_shift(key.value() * 0x9E3779B97F4A7C15U, parts);
  });
}

graph::Assignment assign_random(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                const PartitionOptions& options) {
  const RandomStream stream(options.seed, Purpose::kPartition);
  const auto parts = static_cast<std::uint64_t>(options.parts);
  return assign_each(comm, blocks, options, [&](VertexTypeId, std::uint64_t, VertexKey key) {
    return slot_multiply_shift(stream.draw(key.value(), 0, 0), parts);
  });
}

}  // namespace rove::partition
