// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace rove::graph::detail {

/// Set of integers below a bound, with the rank of a member within the ascending set in O(1). n / 8 bytes, and n / 64
/// for the ranks. Bit i of word w stands for 64 w + i; `ranks_[b]` counts the members below block b of 512 integers.
class VertexSet {
 public:
  explicit VertexSet(std::uint64_t bound) : words_((bound / kBlockBits + 1) * kBlockWords) {}

  void insert(std::uint64_t i) { words_[i / 64] |= std::uint64_t{1} << (i % 64); }

  /// Call between the last `insert` and the first question.
  void index() {
    ranks_.resize(words_.size() / kBlockWords);
    std::uint64_t count = 0;
    for (std::size_t word = 0; word < words_.size(); ++word) {
      if (word % kBlockWords == 0) ranks_[word / kBlockWords] = count;
      count += static_cast<std::uint64_t>(std::popcount(words_[word]));
    }
    size_ = count;
  }

  [[nodiscard]] std::uint64_t size() const { return size_; }

  /// Number of members below `i`.
  [[nodiscard]] std::uint64_t rank_of(std::uint64_t i) const {
    std::uint64_t rank = ranks_[i / kBlockBits];
    for (std::uint64_t word = i / kBlockBits * kBlockWords; word < i / 64; ++word) {
      rank += static_cast<std::uint64_t>(std::popcount(words_[word]));
    }
    const std::uint64_t below = (std::uint64_t{1} << (i % 64)) - 1;
    return rank + static_cast<std::uint64_t>(std::popcount(words_[i / 64] & below));
  }

  /// Calls `visit(member)` in ascending order.
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (std::size_t word = 0; word < words_.size(); ++word) {
      for (std::uint64_t bits = words_[word]; bits != 0; bits &= bits - 1) {
        visit(word * 64 + static_cast<std::uint64_t>(std::countr_zero(bits)));
      }
    }
  }

 private:
  static constexpr std::uint64_t kBlockWords = 8;
  static constexpr std::uint64_t kBlockBits = 64 * kBlockWords;

  std::vector<std::uint64_t> words_;
  std::vector<std::uint64_t> ranks_;
  std::uint64_t size_ = 0;
};

}  // namespace rove::graph::detail
