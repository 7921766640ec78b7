// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/checkpoint.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "engine/base/assert.hpp"
#include "engine/base/error.hpp"

namespace rove::exec {

void CheckpointRegistry::add_bytes(std::string name, std::function<std::vector<std::byte>()> save,
                                   std::function<void(std::span<const std::byte>)> restore) {
  ROVE_ASSERT_LIGHT(std::none_of(blocks_.begin(), blocks_.end(), [&](const Block& b) { return b.name == name; }));
  blocks_.push_back({.name = std::move(name), .save = std::move(save), .restore = std::move(restore), .owned = {}});
}

void CheckpointRegistry::add_home_rows(std::string name, std::uint64_t num_rows, std::uint64_t row_bytes,
                                       std::function<std::vector<std::byte>()> save,
                                       std::function<void(std::span<const std::byte>)> restore) {
  add_bytes(std::move(name), std::move(save), std::move(restore));
  blocks_.back().is_replicated = false;
  blocks_.back().num_rows = num_rows;
  blocks_.back().row_bytes = row_bytes;
}

void CheckpointRegistry::add_words(std::string name, std::function<std::vector<std::uint64_t>()> save,
                                   std::function<void(std::span<const std::uint64_t>)> restore) {
  const std::string label = name;
  add_bytes(
      std::move(name),
      [save = std::move(save)] {
        const std::vector<std::uint64_t> words = save();
        const auto bytes = std::as_bytes(std::span(words));
        return std::vector<std::byte>(bytes.begin(), bytes.end());
      },
      [restore = std::move(restore), label](std::span<const std::byte> bytes) {
        if (bytes.size() % sizeof(std::uint64_t) != 0) {
          throw InputError(fmt::format("checkpoint block '{}' has {} bytes, expected a multiple of {}", label,
                                       bytes.size(), sizeof(std::uint64_t)));
        }
        std::vector<std::uint64_t> words(bytes.size() / sizeof(std::uint64_t));
        if (!words.empty()) std::memcpy(words.data(), bytes.data(), bytes.size());
        restore(words);
      });
}

void CheckpointRegistry::add_fixed(std::string name, std::span<std::byte> value) {
  const std::string label = name;
  add_bytes(
      std::move(name), [value] { return std::vector<std::byte>(value.begin(), value.end()); },
      [value, label](std::span<const std::byte> bytes) {
        if (bytes.size() != value.size()) {
          throw InputError(fmt::format("checkpoint block '{}' has {} bytes, expected {}; start without this checkpoint",
                                       label, bytes.size(), value.size()));
        }
        std::copy(bytes.begin(), bytes.end(), value.begin());
      });
}

void CheckpointRegistry::add_row_bytes(std::string name, const graph::DistributedGraph& graph, VertexTypeId type,
                                       std::uint64_t row_bytes, std::function<std::span<std::byte>()> rows) {
  add_home_rows(std::move(name), graph.schema().vertex_type(type).count, row_bytes, {}, {});
  blocks_.back().owned = {&graph, type, std::move(rows)};
}

void CheckpointRegistry::save(const comm::Communicator& comm, CheckpointSink& sink) const {
  for (const Block& block : blocks_) {
    if (block.is_replicated) {
      sink.write_replicated(block.name, block.save());
      continue;
    }
    const Rows& owned = block.owned;
    const std::vector<std::byte> home =
        block.save ? block.save()
                   : owned.graph->home(owned.type).to_home<std::byte>(comm, owned.bytes(), block.row_bytes);
    sink.write_rows(block.name, block.num_rows, block.row_bytes, home);
  }
}

void CheckpointRegistry::restore(const comm::Communicator& comm, CheckpointSource& source) {
  for (const Block& block : blocks_) {
    if (block.is_replicated) {
      block.restore(source.read_replicated(block.name));
      continue;
    }
    const std::vector<std::byte> home = source.read_rows(block.name, block.num_rows, block.row_bytes);
    if (block.restore) {
      block.restore(home);
      continue;
    }
    const Rows& rows = block.owned;
    const auto owned = rows.graph->home(rows.type).to_owners<std::byte>(comm, home, block.row_bytes);
    std::copy(owned.begin(), owned.end(), rows.bytes().begin());
  }
}

}  // namespace rove::exec
