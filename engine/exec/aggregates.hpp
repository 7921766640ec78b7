// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/exact_sum.hpp"
#include "engine/comm/communicator.hpp"

namespace rove::exec {

/// How many aggregates of each kind a program uses; it names them by position.
struct AggregateShape {
  std::size_t sums = 0;
  std::size_t counts = 0;
  std::size_t minima = 0;
  std::size_t maxima = 0;
};

/// Numbers that a superstep adds up over all vertices of all ranks. Every kind is exact, so the result is the same for
/// any ranks, threads and order: real sums are `ExactSum`, counts wrap modulo 2^64, minima and maxima lose nothing. Not
/// thread-safe: the runner keeps one per thread.
class Aggregates {
 public:
  Aggregates() = default;
  explicit Aggregates(const AggregateShape& shape);

  void add_to_sum(std::size_t which, double value) { sums_[which].add(value); }
  void add_to_count(std::size_t which, std::uint64_t value) { counts_[which] += value; }
  void lower_minimum(std::size_t which, double value) {
    if (value < minima_[which]) minima_[which] = value;
  }
  void raise_maximum(std::size_t which, double value) {
    if (value > maxima_[which]) maxima_[which] = value;
  }

  [[nodiscard]] double sum(std::size_t which) const { return sums_[which].value(); }
  [[nodiscard]] std::uint64_t count(std::size_t which) const { return counts_[which]; }
  [[nodiscard]] double minimum(std::size_t which) const { return minima_[which]; }  ///< +inf when nothing was given
  [[nodiscard]] double maximum(std::size_t which) const { return maxima_[which]; }  ///< -inf when nothing was given

  void clear();
  void merge(const Aggregates& other);
  /// **Collective.** The aggregates over all ranks, on all ranks.
  [[nodiscard]] Aggregates over_all_ranks(const comm::Communicator& comm) const;

  /// For checkpoints: everything as words, and back into an object of the same shape (`InputError` for another).
  [[nodiscard]] std::vector<std::uint64_t> to_words() const;
  void from_words(std::span<const std::uint64_t> words);

 private:
  std::vector<ExactSum> sums_;
  std::vector<std::uint64_t> counts_;
  std::vector<double> minima_;
  std::vector<double> maxima_;
};

}  // namespace rove::exec
