// SPDX-License-Identifier: Apache-2.0
#include "io/text/mirrored_lists.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <charconv>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/hash.hpp"
#include "engine/base/progress.hpp"
#include "io/text/row_reader.hpp"

namespace rove::io::text {
namespace {

/// The parser has checked that it is one.
std::uint64_t number_of(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// Calls `visit(from, to, weight, text of to)` for every neighbour of every list, on all threads.
template <class Visit>
class ListingConsumer final : public RowConsumer {
 public:
  explicit ListingConsumer(const Visit& visit) : visit_(visit) {}
  void consume(const RowBatch& batch) override {
    for (std::size_t i = 0; i < batch.size(); ++i) {
      visit_(number_of(batch.sources[i]), number_of(batch.targets[i]), batch.weights.empty() ? 1.0F : batch.weights[i],
             batch.targets[i]);
    }
  }

 private:
  const Visit& visit_;
};

template <class Visit>
void for_each_listing(const InputFile& file, std::uint64_t block_bytes, const Visit& visit) {
  std::vector<InputFile> files{file};
  files[0].layout.one_direction = false;
  read_share(
      files, Rank{0}, 1, block_bytes,
      [&](const InputFile&, std::uint64_t) { return std::make_unique<ListingConsumer<Visit>>(visit); }, no_progress());
}

/// The lowest vertex with a neighbour that only one of the two lists; 0: none, the file is another one by now.
std::uint64_t lowest_unmirrored(const InputFile& file, std::uint64_t block_bytes) {
  std::vector<std::uint64_t> balances(file.layout.num_sources + 1);
  for_each_listing(file, block_bytes, [&](std::uint64_t from, std::uint64_t to, float weight, std::string_view) {
    const std::uint64_t balance = balance_of(from, to, weight);
    std::atomic_ref(balances[from]).fetch_add(balance, std::memory_order_relaxed);
    std::atomic_ref(balances[to]).fetch_add(balance, std::memory_order_relaxed);
  });
  const auto found = std::ranges::find_if(balances, [](std::uint64_t balance) { return balance != 0; });
  return found == balances.end() ? 0 : static_cast<std::uint64_t>(found - balances.begin());
}

/// How often an edge stands in the list of the one vertex and in that of the other.
struct Tally {
  std::uint64_t here = 0;
  std::uint64_t there = 0;
};

struct Unmirrored {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  float weight = 1;
  std::string found;
};

std::string describe(const InputFile& file, const Unmirrored& edge, Tally tally, const float* weight_there) {
  const auto with_weight = [&](float weight) {
    return file.layout.edge_weights ? fmt::format(" with weight {}", weight) : std::string();
  };
  const std::string here =
      fmt::format("vertex {}{} in the list of vertex {}", edge.to, with_weight(edge.weight), edge.from);
  if (weight_there != nullptr) {
    return fmt::format("{}, but vertex {}{} in the list of vertex {}", here, edge.from, with_weight(*weight_there),
                       edge.to);
  }
  if (tally.there == 0) return fmt::format("{}, but not vertex {} in the list of vertex {}", here, edge.from, edge.to);
  return fmt::format("{}: {}, but vertex {} in the list of vertex {}: {}", here, tally.here, edge.from, edge.to,
                     tally.there);
}

/// What `vertex` and its lowest such neighbour say of each other.
Unmirrored explain(const InputFile& file, std::uint64_t block_bytes, std::uint64_t vertex) {
  std::mutex mutex;
  std::map<std::pair<std::uint64_t, float>, Tally> tallies;  // by neighbour and weight
  for_each_listing(file, block_bytes, [&](std::uint64_t from, std::uint64_t to, float weight, std::string_view) {
    if (from == to || (from != vertex && to != vertex)) return;
    const std::lock_guard lock(mutex);
    Tally& tally = tallies[{from == vertex ? to : from, weight}];
    ++(from == vertex ? tally.here : tally.there);
  });
  std::erase_if(tallies, [](const auto& entry) { return entry.second.here == entry.second.there; });
  if (tallies.empty()) return {};
  const std::uint64_t other = tallies.begin()->first.first;
  const auto end = tallies.upper_bound({other, std::numeric_limits<float>::infinity()});
  const auto listed_more = [](bool here) {
    return [here](const auto& entry) { return (entry.second.here > entry.second.there) == here; };
  };
  const auto mine = std::find_if(tallies.begin(), end, listed_more(true));
  const auto theirs = std::find_if(tallies.begin(), end, listed_more(false));
  const float* weight_there = mine != end && theirs != end ? &theirs->first.second : nullptr;
  const auto& [edge, tally] = mine != end ? *mine : *theirs;
  Unmirrored result{vertex, other, edge.second, {}};
  if (mine == end) std::swap(result.from, result.to);
  result.found = describe(file, result, mine != end ? tally : Tally{tally.there, tally.here}, weight_there);
  return result;
}

}  // namespace

std::uint64_t balance_of(std::uint64_t from, std::uint64_t to, float weight) {
  if (from == to) return 0;
  // -0 is 0.
  const std::uint64_t hash =
      mix64(std::min(from, to) << 32U | std::max(from, to), std::bit_cast<std::uint32_t>(weight + 0.0F));
  return from < to ? hash : 0 - hash;
}

void refuse_unmirrored(const InputFile& file, std::uint64_t block_bytes) {
  const std::string expected =
      "every edge in the lists of both its vertices with the same weight; mend one of the two lists, or set directed: "
      "true if each edge is listed once, by its source";
  const std::uint64_t vertex = lowest_unmirrored(file, block_bytes);
  if (vertex != 0) {
    const Unmirrored edge = explain(file, block_bytes, vertex);
    for_each_listing(file, block_bytes, [&](std::uint64_t from, std::uint64_t to, float weight, std::string_view text) {
      if (from == edge.from && to == edge.to && weight == edge.weight) {
        throw ParseError(text.data(), edge.found, expected);
      }
    });
  }
  throw InputError({file.info.path.string(), 0, 0}, "edges in the list of one of their vertices only", expected);
}

}  // namespace rove::io::text
