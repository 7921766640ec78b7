// SPDX-License-Identifier: Apache-2.0
#include "partition/part_lookup.hpp"

namespace rove::partition {

std::vector<std::int32_t> look_up_parts(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                        const std::vector<std::vector<std::int32_t>>& parts,
                                        std::span<const StableVertexId> vertices) {
  const graph::Schema& schema = blocks.schema;
  const auto home_of = [&](StableVertexId vertex) {
    return blocks.distribution(schema.type_of(vertex), comm.size()).home_of(schema.row_of(vertex));
  };
  std::vector<std::uint64_t> counts(static_cast<std::size_t>(comm.size()));
  for (const StableVertexId vertex : vertices) ++counts[home_of(vertex).index()];
  std::vector<std::uint64_t> next(counts.size());
  for (std::size_t r = 1; r < counts.size(); ++r) next[r] = next[r - 1] + counts[r - 1];
  std::vector<StableVertexId> grouped(vertices.size());
  std::vector<std::uint64_t> place(vertices.size());
  for (std::size_t i = 0; i < vertices.size(); ++i) {
    place[i] = next[home_of(vertices[i]).index()]++;
    grouped[place[i]] = vertices[i];
  }
  const auto asked = comm.exchange<StableVertexId>(std::span<const StableVertexId>(grouped), counts);

  std::vector<std::int32_t> answers(asked.data.size());
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const VertexTypeId type = schema.type_of(asked.data[i]);
    const std::uint64_t first = blocks.distribution(type, comm.size()).block(comm.rank()).begin;
    answers[i] = parts[type.index()][schema.row_of(asked.data[i]) - first];
  }
  std::vector<std::uint64_t> answer_counts(counts.size());
  for (std::size_t r = 0; r < counts.size(); ++r) answer_counts[r] = asked.offsets[r + 1] - asked.offsets[r];
  const auto received = comm.exchange<std::int32_t>(std::span<const std::int32_t>(answers), answer_counts);

  std::vector<std::int32_t> result(vertices.size());
  for (std::size_t i = 0; i < vertices.size(); ++i) result[i] = received.data[place[i]];
  return result;
}

}  // namespace rove::partition
