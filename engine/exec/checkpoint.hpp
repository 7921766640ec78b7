// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/distributed_graph.hpp"

namespace rove::exec {

/// Where a checkpoint goes; implemented in `io/`. The names within one checkpoint are distinct.
class CheckpointSink {
 public:
  virtual ~CheckpointSink() = default;
  /// **Collective.** Bytes that are the same on all ranks.
  virtual void write_replicated(std::string_view name, std::span<const std::byte> bytes) = 0;
  /// **Collective.** The rows of my home block of `num_rows` rows in all, `row_bytes` each.
  virtual void write_rows(std::string_view name, std::uint64_t num_rows, std::uint64_t row_bytes,
                          std::span<const std::byte> home_rows) = 0;
};

/// Where a checkpoint comes from, at any number of ranks.
class CheckpointSource {
 public:
  virtual ~CheckpointSource() = default;
  /// **Collective.** Throws `InputError` when there is no such block.
  [[nodiscard]] virtual std::vector<std::byte> read_replicated(std::string_view name) = 0;
  /// **Collective.** The rows of my home block. Throws `InputError` when the block is missing or has another shape.
  [[nodiscard]] virtual std::vector<std::byte> read_rows(std::string_view name, std::uint64_t num_rows,
                                                         std::uint64_t row_bytes) = 0;
};

/// The state from which a computation can go on: named blocks, either replicated bytes or a row per vertex of a
/// type. Rows travel in stable order through home blocks, so a checkpoint does not depend on ranks or partition.
/// Holds references: what is registered must stay where it is. All ranks register the same names in the same order.
class CheckpointRegistry {
 public:
  /// A replicated block that is written from `save` and handed to `restore`.
  void add_bytes(std::string name, std::function<std::vector<std::byte>()> save,
                 std::function<void(std::span<const std::byte>)> restore);

  /// The same for 64-bit words.
  void add_words(std::string name, std::function<std::vector<std::uint64_t>()> save,
                 std::function<void(std::span<const std::uint64_t>)> restore);

  /// A replicated value.
  template <class T>
    requires std::is_trivially_copyable_v<T>
  void add_value(std::string name, T& value) {
    add_fixed(std::move(name), std::as_writable_bytes(std::span<T>(&value, 1)));
  }

  /// A row per owned vertex of a type, in local order: `rows` yields the bytes of this rank's rows, `row_bytes` each,
  /// when the checkpoint is saved or restored.
  void add_row_bytes(std::string name, const graph::DistributedGraph& graph, VertexTypeId type, std::uint64_t row_bytes,
                     std::function<std::span<std::byte>()> rows);
  /// The same for rows that are kept in another way: `save` yields the bytes of my home block of `num_rows` rows in
  /// all, `restore` takes them back. Both are called on all ranks and may communicate.
  void add_home_rows(std::string name, std::uint64_t num_rows, std::uint64_t row_bytes,
                     std::function<std::vector<std::byte>()> save,
                     std::function<void(std::span<const std::byte>)> restore);
  template <comm::Message T>
  void add_rows(std::string name, const graph::DistributedGraph& graph, VertexTypeId type, std::vector<T>& rows,
                std::uint64_t width = 1) {
    add_row_bytes(std::move(name), graph, type, width * sizeof(T),
                  [&rows] { return std::as_writable_bytes(std::span(rows)); });
  }
  /// The same for all types, "<name>/<type>" each: `rows` by local id, owned vertices at least.
  template <comm::Message T>
  void add_vertex_rows(const std::string& name, const graph::DistributedGraph& graph, std::vector<T>& rows,
                       std::uint64_t width = 1) {
    for (std::size_t t = 0; t < graph.schema().vertex_types().size(); ++t) {
      const VertexTypeId type{static_cast<std::uint16_t>(t)};
      const IndexRange owned = graph.owned_of_type(type);
      add_row_bytes(name + "/" + graph.schema().vertex_type(type).name, graph, type, width * sizeof(T),
                    [&rows, owned, width] {
                      return std::as_writable_bytes(std::span(rows).subspan(owned.begin * width, owned.size() * width));
                    });
    }
  }

  /// **Collective.**
  void save(const comm::Communicator& comm, CheckpointSink& sink) const;
  /// **Collective.** Overwrites the registered state. Throws `InputError` when the checkpoint has another shape.
  void restore(const comm::Communicator& comm, CheckpointSource& source);

 private:
  struct Rows {
    const graph::DistributedGraph* graph = nullptr;
    VertexTypeId type;
    std::function<std::span<std::byte>()> bytes;
  };
  struct Block {
    std::string name;
    std::function<std::vector<std::byte>()> save;  ///< replicated bytes, or my home block of rows
    std::function<void(std::span<const std::byte>)> restore;
    bool is_replicated = true;
    std::uint64_t num_rows = 0;
    std::uint64_t row_bytes = 0;
    Rows owned;  ///< rows of owned vertices, when `save` is empty
  };

  void add_fixed(std::string name, std::span<std::byte> value);

  std::vector<Block> blocks_;
};

}  // namespace rove::exec
