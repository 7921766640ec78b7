// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/aggregates.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include <fmt/format.h>

#include "engine/base/error.hpp"

namespace rove::exec {

namespace {
constexpr double kInfinity = std::numeric_limits<double>::infinity();
}

Aggregates::Aggregates(const AggregateShape& shape)
    : sums_(shape.sums), counts_(shape.counts), minima_(shape.minima, kInfinity), maxima_(shape.maxima, -kInfinity) {}

void Aggregates::clear() {
  std::fill(sums_.begin(), sums_.end(), ExactSum{});
  std::fill(counts_.begin(), counts_.end(), std::uint64_t{0});
  std::fill(minima_.begin(), minima_.end(), kInfinity);
  std::fill(maxima_.begin(), maxima_.end(), -kInfinity);
}

void Aggregates::merge(const Aggregates& other) {
  for (std::size_t i = 0; i < sums_.size(); ++i) sums_[i].merge(other.sums_[i]);
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  for (std::size_t i = 0; i < minima_.size(); ++i) lower_minimum(i, other.minima_[i]);
  for (std::size_t i = 0; i < maxima_.size(); ++i) raise_maximum(i, other.maxima_[i]);
}

Aggregates Aggregates::over_all_ranks(const comm::Communicator& comm) const {
  Aggregates all = *this;
  for (ExactSum& sum : all.sums_) sum = comm.all_reduce(sum);
  if (!counts_.empty()) comm.all_reduce(std::span(all.counts_), comm::ReduceOp::kSum);
  if (!minima_.empty()) comm.all_reduce(std::span(all.minima_), comm::ReduceOp::kMin);
  if (!maxima_.empty()) comm.all_reduce(std::span(all.maxima_), comm::ReduceOp::kMax);
  return all;
}

std::vector<std::uint64_t> Aggregates::to_words() const {
  std::vector<std::uint64_t> words;
  for (const ExactSum& sum : sums_) {
    for (const std::int64_t limb : sum.normalised_limbs()) words.push_back(std::bit_cast<std::uint64_t>(limb));
  }
  words.insert(words.end(), counts_.begin(), counts_.end());
  for (const double value : minima_) words.push_back(std::bit_cast<std::uint64_t>(value));
  for (const double value : maxima_) words.push_back(std::bit_cast<std::uint64_t>(value));
  return words;
}

void Aggregates::from_words(std::span<const std::uint64_t> words) {
  const std::size_t expected = sums_.size() * ExactSum::kLimbs + counts_.size() + minima_.size() + maxima_.size();
  if (words.size() != expected) {
    throw InputError(fmt::format("a checkpoint holds {} words of aggregates, expected {}", words.size(), expected));
  }
  std::size_t next = 0;
  for (ExactSum& sum : sums_) {
    std::array<std::int64_t, ExactSum::kLimbs> limbs{};
    for (std::int64_t& limb : limbs) limb = std::bit_cast<std::int64_t>(words[next++]);
    sum = ExactSum::from_limbs(limbs);
  }
  for (std::uint64_t& count : counts_) count = words[next++];
  for (double& value : minima_) value = std::bit_cast<double>(words[next++]);
  for (double& value : maxima_) value = std::bit_cast<double>(words[next++]);
}

}  // namespace rove::exec
