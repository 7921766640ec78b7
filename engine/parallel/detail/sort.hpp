// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <functional>
#include <span>

namespace rove::parallel::detail {

/// Runs both, possibly at the same time.
void fork_join(const std::function<void()>& left, const std::function<void()>& right);
/// Runs `work` so that a thread waiting inside it takes up no task from outside of it.
void isolated(const std::function<void()>& work);

inline constexpr std::size_t kSerialSortSize = std::size_t{1} << 13U;

/// Quicksort in place: the two sides of a three-way partition are sorted at the same time. Pivots depend on the data
/// alone; after `splits_left` levels the introsort of the standard library bounds the cost.
template <class T, class Less>
void sort_piece(std::span<T> values, const Less& less, int splits_left) {
  if (values.size() <= kSerialSortSize || splits_left == 0) {
    std::sort(values.begin(), values.end(), less);
    return;
  }
  const auto median = [&](std::size_t a, std::size_t b, std::size_t c) {
    if (less(values[b], values[a])) std::swap(a, b);
    if (less(values[c], values[b])) return less(values[c], values[a]) ? a : c;
    return b;
  };
  const std::size_t step = values.size() / 9;
  const T pivot = values[median(median(0, step, 2 * step), median(3 * step, 4 * step, 5 * step),
                                median(6 * step, 7 * step, 8 * step))];
  const auto below_end =
      std::partition(values.begin(), values.end(), [&](const T& value) { return less(value, pivot); });
  const auto above_begin = std::partition(below_end, values.end(), [&](const T& value) { return !less(pivot, value); });
  fork_join([&] { sort_piece(std::span<T>(values.begin(), below_end), less, splits_left - 1); },
            [&] { sort_piece(std::span<T>(above_begin, values.end()), less, splits_left - 1); });
}

}  // namespace rove::parallel::detail

namespace rove::parallel {

template <class T, class Less>
void sort(std::span<T> values, const Less& less) {
  if (values.size() <= detail::kSerialSortSize || concurrency() == 1) {
    std::sort(values.begin(), values.end(), less);
    return;
  }
  const int splits = 2 * static_cast<int>(std::bit_width(values.size() / detail::kSerialSortSize));
  detail::isolated([&] { detail::sort_piece(values, less, splits); });
}

}  // namespace rove::parallel
