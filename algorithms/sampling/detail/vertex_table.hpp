// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "engine/base/error.hpp"
#include "engine/base/huge_buffer.hpp"

namespace rove::algorithms::detail {

/// Rows of one vertex type (or pairs of 32-bit numbers as one 64-bit row) to local numbers, in the order of insertion:
/// open addressing with linear probing, at most half full; a type of few rows has a place for each. Tags count on from
/// batch to batch, so that a new batch finds the table empty without touching it.
template <class Row>
class NumberTable {
 public:
  /// For rows below `num_rows`.
  explicit NumberTable(std::uint64_t num_rows) : num_rows_(num_rows) {
    allocate(num_rows <= kDirectRows ? std::bit_ceil(num_rows + 1) : kSmallest);
  }

  /// Forgets everything. O(1), but for once in 2^31 insertions.
  void clear() {
    base_ += count_;
    count_ = 0;
    if (base_ >= kLastBase) allocate(entries_.size());
  }

  /// Room for `more` insertions. `rows` are those inserted so far, in order. Throws `DoesNotFitError`.
  void reserve(std::uint64_t more, const std::vector<Row>& rows) {
    if (!must_grow(more)) return;
    const std::uint64_t needed = 2 * (count_ + more);
    if (needed > std::uint64_t{1} << 32U) {
      throw DoesNotFitError("a batch samples 2^31 vertices of one type or more; use smaller batches or fan-outs");
    }
    allocate(std::bit_ceil(needed));
    const std::uint32_t count = count_;
    count_ = 0;
    for (std::uint32_t i = 0; i < count; ++i) insert(rows[i]);
  }

  /// Whether `more` insertions need `reserve`.
  [[nodiscard]] bool must_grow(std::uint64_t more) const {
    return 2 * (count_ + more) > entries_.size() && entries_.size() <= num_rows_;
  }

  [[gnu::always_inline]] void prefetch(Row row) const { __builtin_prefetch(&entries_[place_of(row)]); }

  /// The local number of `row`; `size()` grows by one when it was new.
  std::uint32_t insert(Row row) {
    std::uint32_t local = 0;
    Row met = 0;
    insert(&row, 1, &local, &met);
    return local;
  }

  /// The local numbers of `rows[0, n)`, in order. New rows are written to `met` one after another; one place more may
  /// be written.
  void insert(const Row* rows, std::uint64_t n, std::uint32_t* locals, Row* met) {
    Entry* const entries = entries_.data();
    const std::uint32_t base = base_;
    std::uint32_t count = count_;
    for (std::uint64_t i = 0; i < n; ++i) {
      const Row row = rows[i];
      std::uint64_t place = place_of(row);
      while (entries[place].tag - base < count && entries[place].row != row) place = (place + 1) & mask_;
      // Whether a row is new cannot be predicted, so both cases write the same things.
      const std::uint32_t found = entries[place].tag - base;
      const bool is_new = found >= count;
      const std::uint32_t local = is_new ? count : found;
      entries[place] = {row, base + local};
      locals[i] = local;
      *met = row;
      met += is_new ? 1 : 0;
      count += is_new ? 1U : 0U;
    }
    count_ = count;
  }

  /// The local number of `row`, or `kAbsent`.
  [[nodiscard]] std::uint32_t find(Row row) const {
    std::uint64_t place = place_of(row);
    while (entries_[place].tag - base_ < count_) {
      if (entries_[place].row == row) return entries_[place].tag - base_;
      place = (place + 1) & mask_;
    }
    return kAbsent;
  }

  [[nodiscard]] std::uint32_t size() const { return count_; }
  [[nodiscard]] std::uint64_t num_rows() const { return num_rows_; }

  static constexpr std::uint32_t kAbsent = ~std::uint32_t{0};

 private:
  struct Entry {
    Row row;
    std::uint32_t tag;  ///< base + local number; a tag outside [base, base + count) is of an earlier batch
  };
  static constexpr std::uint64_t kSmallest = 1U << 12U;
  static constexpr std::uint64_t kDirectRows = 1U << 17U;  ///< a table of 1 MiB
  static constexpr std::uint32_t kLastBase = 1U << 31U;

  void allocate(std::uint64_t capacity) {
    entries_ = HugeBuffer<Entry>(capacity);
    mask_ = capacity - 1;
    base_ = 1;
    const bool direct = capacity > num_rows_;
    factor_ = direct ? 1 : 0x9E3779B97F4A7C15U;
    shift_ = direct ? 0 : 64U - static_cast<std::uint32_t>(std::bit_width(mask_));
  }
  [[nodiscard]] std::uint64_t place_of(Row row) const { return (row * factor_) >> shift_; }

  HugeBuffer<Entry> entries_;
  std::uint64_t num_rows_;
  std::uint64_t mask_ = 0;
  std::uint64_t factor_ = 1;
  std::uint32_t shift_ = 0;
  std::uint32_t base_ = 1;
  std::uint32_t count_ = 0;
};

using VertexTable = NumberTable<std::uint32_t>;
/// Of (seed, row): the seed in the high word.
using PairTable = NumberTable<std::uint64_t>;

}  // namespace rove::algorithms::detail
