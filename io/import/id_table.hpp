// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <span>
#include <string_view>
#include <vector>

#include "engine/base/hash.hpp"
#include "engine/base/huge_buffer.hpp"
#include "engine/base/ids.hpp"
#include "engine/parallel/parallel.hpp"
#include "io/imported_graph.hpp"

namespace rove::io {

/// Some distinct vertices of one type, as one rank met them.
struct NamedVertices {
  std::vector<VertexKey> keys;
  IdBlock ids;
  std::vector<std::uint8_t> declared;  ///< 1: a vertex list named it
};

/// The distinct original ids of one vertex type that this rank has met, numbered from 0 in no particular order. One
/// table for all threads: open addressing by key, an id of up to 16 bytes inside its 32-byte slot, so that finding a
/// known id costs one hash and one cache line, fetched ahead. Ids are compared as texts: two ids with one key get two
/// numbers.
class IdTable {
 public:
  static constexpr std::size_t kMaxBatch = 1024;

  explicit IdTable(std::string_view type);

  /// Numbers of a batch of at most `kMaxBatch` ids. Thread-safe.
  /// Throws `text::ParseError` at an id that is not UTF-8.
  void number(std::span<const std::string_view> ids, std::span<std::uint32_t> numbers, bool declare = false);

  [[nodiscard]] std::size_t size() const { return size_.load(std::memory_order_relaxed); }
  /// All ids by number. Call when no thread numbers any more; leaves the table empty.
  [[nodiscard]] NamedVertices take();

 private:
  static constexpr std::size_t kInline = 16;
  /// Zero bytes are a free slot.
  struct alignas(32) Slot {
    std::uint64_t word = 0;  ///< 0: free; kBusy: being written; else the key with the top bit set
    std::uint32_t number = 0;
    std::uint32_t length = 0;        ///< of the id, and kDeclared
    std::uint64_t text[2] = {0, 0};  ///< the id padded with zeros, or a pointer to it
  };
  static constexpr std::uint64_t kBusy = 1;
  static constexpr std::uint64_t kFull = std::uint64_t{1} << 63U;
  static constexpr std::uint32_t kDeclared = std::uint32_t{1} << 31U;
  static constexpr std::uint32_t kLengthMask = kDeclared - 1;

  struct Arena {
    std::vector<std::unique_ptr<char[]>> chunks;
    std::size_t used = 0;
    std::size_t capacity = 0;
    const char* store(std::string_view text);
  };

  [[nodiscard]] static std::string_view text_of(const Slot& slot);
  [[nodiscard]] static bool holds(const Slot& slot, std::string_view id, std::uint64_t low, std::uint64_t high);
  [[nodiscard]] std::uint32_t find_or_insert(std::string_view id, std::uint64_t key, bool declare);
  void fill(Slot& slot, std::string_view id, std::uint64_t low, std::uint64_t high, bool declare);
  void grow();

  VertexKeyHasher hasher_;
  std::shared_mutex growing_;  ///< shared: slots are read and filled; exclusive: the table is replaced
  HugeBuffer<Slot> slots_;
  std::atomic<std::size_t> size_{0};
  parallel::PerThread<Arena> arenas_;
};

}  // namespace rove::io
