// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/walk_membership.hpp"

#include <algorithm>

namespace rove::exec {

namespace {

constexpr std::size_t kLine = 64 / sizeof(std::uint32_t);
constexpr std::size_t kInterpolations = 8;

const std::uint32_t* line_of(const std::uint32_t* address) {
  return address - (reinterpret_cast<std::uintptr_t>(address) / sizeof(std::uint32_t)) % kLine;
}

}  // namespace

void NeighborSearch::run(const WalkGraph& graph) {
  std::array<std::uint16_t, kMaxWalkLanes> open;
  std::size_t num_open = 0;
  const auto aim = [](Question& question, bool interpolate) {
    const auto left = static_cast<std::uint64_t>(question.end - question.begin);
    const std::uint64_t span = std::uint64_t{question.high_id} - question.low_id + 1;
    const std::uint64_t skip = interpolate ? left * (question.id - question.low_id) / span : left / 2;
    question.probe = question.begin + std::min(skip, left - 1);
    __builtin_prefetch(question.probe);
  };
  for (std::size_t q = 0; q < size_; ++q) {
    const Question& question = questions_[q];
    positions_[q] = nullptr;
    if (!graph.may_be_neighbors(graph.id_of(question.row), question.id)) continue;
    __builtin_prefetch(graph.records() + std::uint64_t{question.row} * graph.num_lists());
    open[num_open++] = static_cast<std::uint16_t>(q);
  }
  std::size_t with_slots = 0;
  for (std::size_t i = 0; i < num_open; ++i) {
    const std::uint16_t q = open[i];
    Question& question = questions_[q];
    const std::span<const std::uint32_t> row = graph.sorted_neighbors(question.row);
    question.begin = row.data();
    question.end = row.data() + row.size();
    question.high_id = graph.num_ids();
    if (row.empty()) continue;
    aim(question, true);
    open[with_slots++] = q;
  }
  num_open = with_slots;
  for (std::size_t round = 1; num_open > 0; ++round) {
    std::size_t still_open = 0;
    for (std::size_t i = 0; i < num_open; ++i) {
      const std::uint16_t q = open[i];
      Question& question = questions_[q];
      const std::uint32_t* const line = line_of(question.probe);
      const std::uint32_t* const begin = std::max(question.begin, line);
      const std::uint32_t* const end = std::min(question.end, line + kLine);
      if (question.id < *begin) {
        question.end = begin;
        question.high_id = *begin;
      } else if (question.id > end[-1]) {
        question.begin = end;
        question.low_id = end[-1];
      } else {
        std::ptrdiff_t below = 0;
        for (const std::uint32_t* id = begin; id != end; ++id) below += static_cast<std::ptrdiff_t>(*id < question.id);
        positions_[q] = begin[below] == question.id ? begin + below : nullptr;
        continue;
      }
      if (question.begin == question.end) continue;
      aim(question, round < kInterpolations);
      open[still_open++] = q;
    }
    num_open = still_open;
  }
  size_ = 0;
}

}  // namespace rove::exec
