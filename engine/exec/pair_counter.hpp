// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "engine/base/huge_buffer.hpp"
#include "engine/base/ids.hpp"

namespace rove::exec {

/// How often each (source, vertex) pair of a batch was visited, on the rank that owns the vertex: a hash table with
/// linear probing that grows as needed. Visits arrive a round at a time, so that their cache misses overlap. Not
/// thread-safe: one per thread.
class PairCounter {
 public:
  struct Entry {
    std::uint32_t vertex = 0;
    std::uint32_t source = 0;
    std::uint64_t count = 0;  ///< 0: an empty slot
  };

  /// Counts vertices of `range` only.
  explicit PairCounter(IndexRange range);

  /// Adds a visit for each i < count with vertices[i] in the range. Precondition: count <= 256.
  void add(const std::uint32_t* sources, const std::uint32_t* vertices, std::size_t count);

  [[nodiscard]] std::uint64_t num_pairs() const { return num_used_; }
  /// Calls `visit(source, vertex, count)` for every visited pair, in no particular order.
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (const Entry& entry : table_.span()) {
      if (entry.count > 0) visit(entry.source, entry.vertex, entry.count);
    }
  }

  /// Largest memory a table of this many pairs takes, while it grows included.
  [[nodiscard]] static std::uint64_t max_bytes(std::uint64_t pairs) {
    return sizeof(Entry) * (std::bit_ceil(2 * pairs + 1) + kInitialSlots + std::bit_ceil(pairs + 1));
  }

 private:
  static constexpr std::size_t kInitialSlots = 1U << 12U;

  void grow();
  [[nodiscard]] std::size_t slot_of(std::uint32_t source, std::uint32_t vertex) const {
    const std::uint64_t pair = (std::uint64_t{source} << 32U) | vertex;
    return static_cast<std::size_t>((pair * 0x9E3779B97F4A7C15U) >> hash_shift_);
  }
  [[nodiscard]] Entry& find(std::uint32_t source, std::uint32_t vertex);

  std::uint32_t first_;
  std::uint32_t size_;
  HugeBuffer<Entry> table_;
  std::uint32_t hash_shift_;
  std::uint64_t num_used_ = 0;
};

}  // namespace rove::exec
