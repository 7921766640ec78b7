// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/huge_buffer.hpp"
#include "engine/base/ids.hpp"

namespace rove::exec {

/// How often one source's walks visited each vertex of a range: `entries()` lists the visited ones. For small ranges a
/// dense array, for large ones a hash table with linear probing; both stay in the second-level cache for the tens of
/// thousands of visits of one source. Counts are exact to 2^32 - 1. Not thread-safe: one per thread, reused from source
/// to source.
class VisitCounter {
 public:
  struct Entry {
    std::uint32_t vertex = 0;
    std::uint32_t count = 0;
  };

  /// Counts vertices of `range` only.
  explicit VisitCounter(IndexRange range);

  /// Adds one visit to each of these vertices that lies in the range.
  void add(const std::uint32_t* vertices, std::size_t count) {
    if (!dense_.empty()) {
      add_dense(vertices, count);
    } else {
      add_hashed(vertices, count);
    }
  }
  /// Adds counts, all in the range; returns the largest of them. What will be added `next` is brought nearer meanwhile.
  std::uint32_t add(std::span<const Entry> entries, std::span<const Entry> next = {});
  /// Forgets this vertex's visits: it will not be listed. Only after the last `add`.
  void forget(std::uint32_t vertex);
  /// The visited vertices, in no particular order, without those forgotten; valid until the next change.
  [[nodiscard]] std::span<const Entry> entries();
  /// Those of them that may be among the k most visited, ties by any order: one pass that also clears.
  [[nodiscard]] std::span<const Entry> drain(std::size_t k);
  void clear();

  /// Ranges up to this size are counted in a dense array (docs/decisions/0061).
  static constexpr std::uint64_t kDenseLimit = std::uint64_t{1} << 21U;

 private:
  static constexpr std::uint32_t kEmpty = 0xFFFFFFFFU;
  static constexpr std::size_t kInitialSlots = 1U << 13U;

  void add_dense(const std::uint32_t* vertices, std::size_t count);
  void add_hashed(const std::uint32_t* vertices, std::size_t count);
  void insert(std::uint32_t vertex, std::uint32_t count);
  void grow();
  [[nodiscard]] std::uint32_t reached_by(std::size_t k) const;
  [[nodiscard]] std::size_t slot_of(std::uint32_t vertex) const {
    return static_cast<std::size_t>((vertex * std::uint64_t{0x9E3779B97F4A7C15U}) >> hash_shift_);
  }

  std::uint32_t first_;
  std::uint32_t size_;
  HugeBuffer<std::uint32_t> dense_;     ///< count by vertex - first_
  std::vector<std::uint32_t> touched_;  ///< visited vertices of the dense array, each once
  std::size_t num_touched_ = 0;
  HugeBuffer<Entry> table_;
  std::uint32_t hash_shift_ = 0;
  std::size_t num_used_ = 0;
  std::vector<std::uint32_t> pending_;
  std::vector<Entry> entries_;
};

}  // namespace rove::exec
