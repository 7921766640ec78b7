// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace rove {

/// A candidate and its score. `id` is a stable row: ties are broken by it.
struct Scored {
  float score = 0.0F;
  std::uint64_t id = 0;

  friend bool operator==(const Scored&, const Scored&) = default;
};

/// Total order of every ranked list Rove writes: score descending, then id ascending.
[[nodiscard]] constexpr bool ranks_before(const Scored& a, const Scored& b) {
  return a.score != b.score ? a.score > b.score : a.id < b.id;
}

/// Keeps the `k` best candidates of a stream. The result depends on the set of candidates alone, not on their order.
/// Precondition: scores are not NaN. Not thread-safe. Cost: O(1) for a candidate below the threshold, O(log k) else.
class TopK {
 public:
  explicit TopK(std::size_t k) : k_(k) { heap_.reserve(k); }

  /// Whether a candidate with this score could still enter, whatever its id.
  [[nodiscard]] bool may_enter(float score) const { return heap_.size() < k_ || score >= heap_.front().score; }

  /// The score below which nothing enters: -inf while there is room.
  [[nodiscard]] float threshold() const {
    return heap_.size() < k_ ? -std::numeric_limits<float>::infinity() : heap_.front().score;
  }

  void push(Scored candidate) {
    if (k_ == 0) return;
    if (heap_.size() < k_) {
      heap_.push_back(candidate);
      std::push_heap(heap_.begin(), heap_.end(), ranks_before);
    } else if (ranks_before(candidate, heap_.front())) {
      std::pop_heap(heap_.begin(), heap_.end(), ranks_before);
      heap_.back() = candidate;
      std::push_heap(heap_.begin(), heap_.end(), ranks_before);
    }
  }

  /// The kept candidates in rank order; leaves the selection empty, ready for the next stream.
  [[nodiscard]] std::vector<Scored> take() {
    std::sort_heap(heap_.begin(), heap_.end(), ranks_before);
    std::vector<Scored> result;
    result.swap(heap_);
    return result;
  }

 private:
  std::size_t k_;
  std::vector<Scored> heap_;  ///< worst kept candidate at the front
};

}  // namespace rove
