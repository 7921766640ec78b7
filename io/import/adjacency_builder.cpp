// SPDX-License-Identifier: Apache-2.0
#include "io/import/adjacency_builder.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <optional>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "engine/base/checked_cast.hpp"
#include "engine/base/error.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::io {
namespace {

/// Rows are dealt into this many buckets at most, so that a bucket's part of every column stays in cache while it is
/// sorted.
constexpr std::uint64_t kMaxBuckets = 512;

struct Buckets {
  std::uint32_t shift = 0;  ///< bucket of row r: (r - first row) >> shift
  std::vector<std::uint64_t> begin;
  EdgeList edges;  ///< bucket by bucket, in arrival order within each
};

Buckets deal(IndexRange rows, std::vector<EdgeList>& lists) {
  Buckets buckets;
  while ((rows.size() >> buckets.shift) >= kMaxBuckets) ++buckets.shift;
  const std::uint64_t count = (rows.size() >> buckets.shift) + 1;
  const auto bucket_of = [&](std::uint32_t source) { return (source - rows.begin) >> buckets.shift; };

  std::vector<std::uint64_t> place(lists.size() * count);
  parallel::for_each({0, lists.size()}, 1, [&](std::uint64_t l) {
    for (const std::uint32_t source : lists[l].sources) ++place[l * count + bucket_of(source)];
  });
  std::uint64_t total = 0;
  for (std::uint64_t b = 0; b < count; ++b) {
    buckets.begin.push_back(total);
    for (std::size_t l = 0; l < lists.size(); ++l) total += std::exchange(place[l * count + b], total);
  }
  buckets.begin.push_back(total);

  for (EdgeList& list : lists) {
    EdgeList::for_each_column(buckets.edges, list, [&](auto& to, const auto& from) {
      if (!from.empty()) to.resize(total);
    });
  }
  parallel::for_each({0, lists.size()}, 1, [&](std::uint64_t l) {
    EdgeList list = std::move(lists[l]);
    std::vector<std::uint64_t> slot(list.size());
    for (std::size_t i = 0; i < list.size(); ++i) slot[i] = place[l * count + bucket_of(list.sources[i])]++;
    EdgeList::for_each_column(buckets.edges, list, [&](auto& to, const auto& from) {
      for (std::size_t i = 0; i < from.size(); ++i) to[slot[i]] = from[i];
    });
  });
  lists.clear();
  return buckets;
}

/// Orders and reduces the edges of one bucket.
class BucketBuilder {
 public:
  BucketBuilder(EdgeList& edges, std::uint64_t begin, std::uint64_t end, IndexRange rows, bool by_weight)
      : edges_(edges),
        begin_(begin),
        end_(end),
        first_row_(rows.begin),
        by_weight_(by_weight),
        row_ends_(rows.size()) {}

  /// Brings the bucket's edges into row order, arrival order within rows. Afterwards row r's end is `row_ends_[r]`.
  void group_by_row() {
    for (std::uint64_t i = begin_; i < end_; ++i) ++row_ends_[edges_.sources[i] - first_row_];
    std::uint64_t sum = 0;
    std::vector<std::uint64_t> next(row_ends_.size());
    for (std::size_t r = 0; r < row_ends_.size(); ++r) {
      next[r] = sum;
      sum += row_ends_[r];
      row_ends_[r] = sum;
    }
    std::vector<std::uint32_t> place(checked_cast<std::uint32_t>(end_ - begin_, "edges of neighbouring rows"));
    for (std::uint64_t i = begin_; i < end_; ++i) {
      place[i - begin_] = static_cast<std::uint32_t>(next[edges_.sources[i] - first_row_]++);
    }
    permute([&](std::uint64_t i) { return place[i]; });
  }

  /// Sorts every row and applies the rule; returns the duplicates. Kept edges move to the front of the bucket.
  std::uint64_t order_and_reduce(Duplicates rule, bool mirrored) {
    const bool plain = edges_.weights.empty() && edges_.times.empty() && edges_.relations.empty();
    // Positions ascend by (row of the other endpoint, relation) as the edges arrive.
    if (!edges_.positions.empty() ? !edges_.relations.empty() : !plain) sort_with_attributes();
    std::uint64_t duplicates = 0;
    std::uint64_t kept = 0;
    std::uint64_t row_begin = 0;
    for (std::size_t r = 0; r < row_ends_.size(); ++r) {
      const std::uint64_t row_end = row_ends_[r];
      if (plain && edges_.positions.empty())
        parallel::sort(std::span(target(row_begin), target(row_end)), std::less<>{});
      for (std::uint64_t i = row_begin; i < row_end;) {
        std::uint64_t end = i + 1;
        if (rule == Duplicates::kKeep) {
          copy(i, kept++);
        } else {
          while (end < row_end && same_edge(i, end)) ++end;
          const bool counted = !mirrored || edges_.targets[begin_ + i] >= first_row_ + r;
          if (counted) duplicates += end - i - 1;
          if (counted && end - i > 1 && !first_repeated_) {
            const std::uint32_t relation = edges_.relations.empty() ? 0 : edges_.relations[begin_ + i];
            first_repeated_ = RepeatedEdge{first_row_ + r, edges_.targets[begin_ + i], relation};
          }
          reduce(i, end, kept++, rule);
        }
        i = end;
      }
      if (rule == Duplicates::kKeep && edges_.positions.empty())
        duplicates += repetitions(row_begin, row_end, r, mirrored);
      row_begin = row_end;
      row_ends_[r] = kept;
    }
    return duplicates;
  }

  [[nodiscard]] const std::optional<RepeatedEdge>& first_repeated() const { return first_repeated_; }
  [[nodiscard]] std::vector<std::uint64_t> take_row_ends() { return std::move(row_ends_); }

 private:
  std::vector<std::uint32_t>::iterator target(std::uint64_t i) {
    return edges_.targets.begin() + static_cast<std::ptrdiff_t>(begin_ + i);
  }

  /// Moves edge i of the bucket to place_of(i), in all columns but the sources, which are not needed any more.
  template <class PlaceOf>
  void permute(const PlaceOf& place_of) {
    const auto column = [&](auto& values) {
      if (values.empty()) return;
      std::remove_reference_t<decltype(values)> moved(end_ - begin_);
      for (std::uint64_t i = 0; i < moved.size(); ++i) moved[place_of(i)] = values[begin_ + i];
      std::ranges::copy(moved, values.begin() + static_cast<std::ptrdiff_t>(begin_));
    };
    column(edges_.targets);
    column(edges_.weights);
    column(edges_.times);
    column(edges_.relations);
    column(edges_.positions);
  }

  /// By (relation, target, time, weight, arrival): what first and last mean, and slots that do not depend on the order
  /// of the input unless duplicates are told apart by it.
  void sort_with_attributes() {
    std::vector<std::uint32_t> order(end_ - begin_);
    std::iota(order.begin(), order.end(), 0U);
    const auto before = [&](std::uint32_t a, std::uint32_t b) {
      if (!edges_.relations.empty() && edges_.relations[begin_ + a] != edges_.relations[begin_ + b]) {
        return edges_.relations[begin_ + a] < edges_.relations[begin_ + b];
      }
      if (edges_.targets[begin_ + a] != edges_.targets[begin_ + b]) {
        return edges_.targets[begin_ + a] < edges_.targets[begin_ + b];
      }
      if (!edges_.times.empty() && edges_.times[begin_ + a] != edges_.times[begin_ + b]) {
        return edges_.times[begin_ + a] < edges_.times[begin_ + b];
      }
      if (by_weight_ && !edges_.weights.empty() && edges_.weights[begin_ + a] != edges_.weights[begin_ + b]) {
        return edges_.weights[begin_ + a] < edges_.weights[begin_ + b];
      }
      return a < b;
    };
    std::uint64_t row_begin = 0;
    for (const std::uint64_t row_end : row_ends_) {
      parallel::sort(std::span(order).subspan(row_begin, row_end - row_begin), before);
      row_begin = row_end;
    }
    apply(order);
  }

  /// Replaces the edges [from, end), which are the same, by one.
  void reduce(std::uint64_t from, std::uint64_t end, std::uint64_t to, Duplicates rule) {
    if (rule == Duplicates::kLast || rule == Duplicates::kSum) {
      // In ascending order of weight within a time, so that the sum does not depend on the order of the input.
      double sum = 0;
      for (std::uint64_t i = from; i < end && !edges_.weights.empty(); ++i) {
        sum += static_cast<double>(edges_.weights[begin_ + i]);
      }
      copy(end - 1, to);
      if (rule == Duplicates::kSum && !edges_.weights.empty()) {
        edges_.weights[begin_ + to] = static_cast<float>(sum);
        if (!std::isfinite(edges_.weights[begin_ + to])) {
          throw InputError(
              fmt::format("the weights of {} repeated edges add up to {}, which is beyond a float32 "
                          "(duplicates: sum)",
                          end - from, sum));
        }
      }
    } else {
      copy(from, to);
    }
  }

  [[nodiscard]] std::uint64_t repetitions(std::uint64_t begin, std::uint64_t end, std::size_t row,
                                          bool mirrored) const {
    std::uint64_t count = 0;
    for (std::uint64_t i = begin + 1; i < end; ++i) {
      const bool counted = !mirrored || edges_.targets[begin_ + i] >= first_row_ + row;
      count += counted && same_edge(i - 1, i) ? 1U : 0U;
    }
    return count;
  }

  void apply(std::span<const std::uint32_t> order) {
    std::vector<std::uint32_t> place(order.size());
    for (std::uint32_t i = 0; i < order.size(); ++i) place[order[i]] = i;
    permute([&](std::uint64_t i) { return place[i]; });
  }

  [[nodiscard]] bool same_edge(std::uint64_t a, std::uint64_t b) const {
    return edges_.targets[begin_ + a] == edges_.targets[begin_ + b] &&
           (edges_.relations.empty() || edges_.relations[begin_ + a] == edges_.relations[begin_ + b]);
  }

  void copy(std::uint64_t from, std::uint64_t to) {
    edges_.targets[begin_ + to] = edges_.targets[begin_ + from];
    if (!edges_.weights.empty()) edges_.weights[begin_ + to] = edges_.weights[begin_ + from];
    if (!edges_.times.empty()) edges_.times[begin_ + to] = edges_.times[begin_ + from];
    if (!edges_.relations.empty()) edges_.relations[begin_ + to] = edges_.relations[begin_ + from];
    if (!edges_.positions.empty()) edges_.positions[begin_ + to] = edges_.positions[begin_ + from];
  }

  EdgeList& edges_;
  std::uint64_t begin_;
  std::uint64_t end_;
  std::uint64_t first_row_;
  bool by_weight_;  ///< edges of one time are ordered by weight rather than by arrival
  std::vector<std::uint64_t> row_ends_;
  std::optional<RepeatedEdge> first_repeated_;
};

}  // namespace

BuiltRows build_adjacency(IndexRange rows, std::vector<EdgeList> lists, Duplicates rule, bool mirrored) {
  Buckets buckets = deal(rows, lists);
  const std::uint64_t num_buckets = buckets.begin.size() - 1;
  const std::uint64_t rows_per_bucket = std::uint64_t{1} << buckets.shift;
  const bool by_weight = rule == Duplicates::kKeep || rule == Duplicates::kSum;
  std::vector<std::vector<std::uint64_t>> row_ends(num_buckets);
  std::vector<std::uint64_t> duplicates(num_buckets);
  std::vector<std::optional<RepeatedEdge>> repeated(num_buckets);
  parallel::for_each({0, num_buckets}, 1, [&](std::uint64_t b) {
    const std::uint64_t first_row = std::min(rows.begin + b * rows_per_bucket, rows.end);
    const IndexRange bucket_rows{first_row, std::min(first_row + rows_per_bucket, rows.end)};
    BucketBuilder builder(buckets.edges, buckets.begin[b], buckets.begin[b + 1], bucket_rows, by_weight);
    builder.group_by_row();
    duplicates[b] = builder.order_and_reduce(rule, mirrored);
    repeated[b] = builder.first_repeated();
    row_ends[b] = builder.take_row_ends();
  });
  buckets.edges.sources = {};

  BuiltRows built;
  built.duplicates = std::accumulate(duplicates.begin(), duplicates.end(), std::uint64_t{0});
  graph::AdjacencyBlock& out = built.adjacency;
  const auto first = std::ranges::find_if(repeated, [](const auto& edge) { return edge.has_value(); });
  if (first != repeated.end()) built.first_repeated = *first;
  out.offsets.reserve(rows.size() + 1);
  std::vector<std::uint64_t> first_slot;
  for (const std::vector<std::uint64_t>& ends : row_ends) {
    first_slot.push_back(out.offsets.back());
    for (const std::uint64_t end : ends) out.offsets.push_back(first_slot.back() + end);
  }
  const auto gather = [&](auto& from, auto& to) {
    if (from.empty()) return;
    to.resize(out.offsets.back());
    parallel::for_each({0, num_buckets}, 1, [&](std::uint64_t b) {
      const std::uint64_t count = row_ends[b].empty() ? 0 : row_ends[b].back();
      std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(buckets.begin[b]), count,
                  to.begin() + static_cast<std::ptrdiff_t>(first_slot[b]));
    });
    from = {};
  };
  gather(buckets.edges.targets, out.targets);
  gather(buckets.edges.weights, out.weights);
  gather(buckets.edges.times, out.times);
  gather(buckets.edges.relations, out.relations);
  gather(buckets.edges.positions, built.positions);
  return built;
}

}  // namespace rove::io
