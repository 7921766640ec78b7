// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "engine/comm/communicator.hpp"
#include "engine/exec/checkpoint.hpp"
#include "engine/graph/block_distribution.hpp"

namespace rove::tests {

/// Keeps a checkpoint in memory, whole on every rank.
struct MemoryCheckpoint : exec::CheckpointSink, exec::CheckpointSource {
  explicit MemoryCheckpoint(const comm::Communicator& communicator) : comm(&communicator) {}

  void write_replicated(std::string_view name, std::span<const std::byte> bytes) override {
    blocks[std::string(name)].assign(bytes.begin(), bytes.end());
  }
  void write_rows(std::string_view name, std::uint64_t num_rows, std::uint64_t row_bytes,
                  std::span<const std::byte> home_rows) override {
    blocks[std::string(name)] = comm->all_gather_v(home_rows).data;
    EXPECT_EQ(blocks[std::string(name)].size(), num_rows * row_bytes);
  }
  std::vector<std::byte> read_replicated(std::string_view name) override { return blocks.at(std::string(name)); }
  std::vector<std::byte> read_rows(std::string_view name, std::uint64_t num_rows, std::uint64_t row_bytes) override {
    const IndexRange mine = graph::BlockDistribution(num_rows, comm->size()).block(comm->rank());
    const std::span<const std::byte> all(blocks.at(std::string(name)));
    const auto rows = all.subspan(mine.begin * row_bytes, mine.size() * row_bytes);
    return {rows.begin(), rows.end()};
  }

  const comm::Communicator* comm;
  std::map<std::string, std::vector<std::byte>> blocks;
};

}  // namespace rove::tests
