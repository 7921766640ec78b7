// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <utility>
#include <vector>

#include "engine/base/error.hpp"
#include "engine/base/huge_buffer.hpp"

namespace rove::algorithms::detail {

/// Rows of one vertex type to local numbers, in the order of insertion: open addressing with linear probing, at most
/// half full. Tags count on from batch to batch, so that a new batch finds the table empty without touching it.
class VertexTable {
 public:
  VertexTable() { allocate(kSmallest); }

  /// Forgets everything. O(1), but for once in 2^31 insertions.
  void clear() {
    base_ += count_;
    count_ = 0;
    if (base_ >= kLastBase) {
      allocate(entries_.size());
      base_ = 1;
    }
  }

  /// Room for `more` insertions. `rows` are those inserted so far, in order. Throws `DoesNotFitError`.
  void reserve(std::uint64_t more, const std::vector<std::uint32_t>& rows) {
    const std::uint64_t needed = 2 * (count_ + more);
    if (needed <= entries_.size()) return;
    if (needed > std::uint64_t{1} << 32U) {
      throw DoesNotFitError("a batch samples more than 2^31 vertices of one type; use smaller batches or fan-outs");
    }
    allocate(std::bit_ceil(needed));
    base_ = 1;
    const std::uint32_t count = std::exchange(count_, 0);
    for (std::uint32_t i = 0; i < count; ++i) insert(rows[i]);
  }

  [[gnu::always_inline]] void prefetch(std::uint32_t row) const { __builtin_prefetch(&entries_[place_of(row)]); }

  /// The local number of `row`; `size()` grows by one when it was new.
  [[gnu::always_inline]] std::uint32_t insert(std::uint32_t row) {
    std::uint64_t place = place_of(row);
    for (;;) {
      Entry& entry = entries_[place];
      const std::uint32_t local = entry.tag - base_;
      if (local >= count_) {
        entry = {row, base_ + count_};
        return count_++;
      }
      if (entry.row == row) return local;
      place = (place + 1) & mask_;
    }
  }

  [[nodiscard]] std::uint32_t size() const { return count_; }

 private:
  struct Entry {
    std::uint32_t row;
    std::uint32_t tag;  ///< base + local number; a tag outside [base, base + count) is of an earlier batch
  };
  static constexpr std::uint64_t kSmallest = 1U << 12U;
  static constexpr std::uint32_t kLastBase = 1U << 31U;

  void allocate(std::uint64_t capacity) {
    entries_ = HugeBuffer<Entry>(capacity);
    mask_ = capacity - 1;
    shift_ = 64U - static_cast<std::uint32_t>(std::bit_width(mask_));
  }
  [[nodiscard]] std::uint64_t place_of(std::uint32_t row) const { return (row * 0x9E3779B97F4A7C15U) >> shift_; }

  HugeBuffer<Entry> entries_;
  std::uint64_t mask_ = 0;
  std::uint32_t shift_ = 0;
  std::uint32_t base_ = 1;
  std::uint32_t count_ = 0;
};

}  // namespace rove::algorithms::detail
