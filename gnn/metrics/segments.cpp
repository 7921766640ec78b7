// SPDX-License-Identifier: Apache-2.0
#include "gnn/metrics/segments.hpp"

#include <algorithm>

#include "engine/graph/block_distribution.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/metrics/count_histogram.hpp"
#include "gnn/metrics/home_values.hpp"

namespace rove::gnn {
namespace {

/// The segments of the values that a histogram counts, without their metrics.
std::vector<Segment> bounds_of(std::span<const ValueCount> histogram, const SegmentOptions& options) {
  std::vector<Segment> segments;
  std::uint64_t total = 0;
  for (const auto& [value, count] : histogram) {
    if (value >= options.cold) {
      total += count;
    } else if (segments.empty()) {
      segments.push_back({0, options.cold - 1, true, 0, {}});
    }
  }
  const std::uint64_t groups = std::max<std::uint32_t>(options.groups, 1);
  std::uint64_t seen = 0;
  bool begins = true;
  for (const auto& [value, count] : histogram) {
    if (value < options.cold) continue;
    if (begins) segments.push_back({value, value, false, 0, {}});
    segments.back().most = value;
    // A group ends where the values so far reach its share of the total, in units of 1 / groups.
    const std::uint64_t filled_before = seen * groups / total;
    seen += count;
    begins = seen * groups / total > filled_before;
  }
  return segments;
}

/// For every test interaction, the number that decides its segment.
using Degrees = std::vector<std::uint64_t>;

/// Measures every segment on the test interactions that belong to it.
void measure_each(const comm::Communicator& comm, const graph::NeighborLists& lists, const TestItems& test,
                  const Degrees& degrees, std::span<const std::uint32_t> cutoffs, std::vector<Segment>& segments) {
  for (Segment& segment : segments) {
    TestItems part;
    for (std::size_t user = 0; user + 1 < test.offsets.size(); ++user) {
      for (std::uint64_t j = test.offsets[user]; j < test.offsets[user + 1]; ++j) {
        if (degrees[j] >= segment.least && degrees[j] <= segment.most) part.values.push_back(test.values[j]);
      }
      part.offsets.push_back(part.values.size());
    }
    segment.test_interactions = comm.all_reduce<std::uint64_t>(part.values.size(), comm::ReduceOp::kSum);
    segment.evaluation = measure(comm, lists, part, cutoffs);
  }
}

/// **Collective.** Popularity of the item of every test interaction.
Degrees popularity_of_test(const comm::Communicator& comm, const Interactions& interactions,
                           std::span<const std::uint64_t> popularity, const TestItems& test) {
  std::vector<std::uint32_t> items = test.values;
  parallel::sort(std::span(items), std::less<>());
  items.erase(std::unique(items.begin(), items.end()), items.end());
  const graph::BlockDistribution homes(interactions.num_items(), comm.size());
  const std::vector<std::uint64_t> values = fetch_from_home(comm, homes, items, popularity);
  Degrees degrees(test.values.size());
  for (std::size_t j = 0; j < degrees.size(); ++j) {
    degrees[j] = values[static_cast<std::size_t>(std::ranges::lower_bound(items, test.values[j]) - items.begin())];
  }
  return degrees;
}

}  // namespace

Segments measure_segments(const comm::Communicator& comm, const Interactions& interactions,
                          std::span<const std::uint64_t> popularity, const graph::NeighborLists& lists,
                          const TestItems& test, std::span<const std::uint32_t> cutoffs,
                          const SegmentOptions& options) {
  const graph::CsrGraph& by_user = interactions.graph().by_source(interactions.edge_type());
  Degrees activity(test.values.size());
  Degrees evaluated;
  for (std::size_t user = 0; user + 1 < test.offsets.size(); ++user) {
    if (test.offsets[user] == test.offsets[user + 1]) continue;
    evaluated.push_back(by_user.degree(user));
    for (std::uint64_t j = test.offsets[user]; j < test.offsets[user + 1]; ++j) activity[j] = evaluated.back();
  }
  Segments result;
  result.users_by_activity = bounds_of(count_histogram(comm, evaluated), options);
  measure_each(comm, lists, test, activity, cutoffs, result.users_by_activity);
  const Degrees popular = popularity_of_test(comm, interactions, popularity, test);
  result.items_by_popularity = bounds_of(count_histogram(comm, popular), options);
  measure_each(comm, lists, test, popular, cutoffs, result.items_by_popularity);
  return result;
}

}  // namespace rove::gnn
