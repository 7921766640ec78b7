// SPDX-License-Identifier: Apache-2.0
#include "io/import/vertex_numbering.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/hash.hpp"
#include "engine/base/random.hpp"
#include "engine/graph/block_distribution.hpp"
#include "engine/parallel/parallel.hpp"
#include "io/ids/id_index.hpp"

namespace rove::io {
namespace {

constexpr std::uint64_t kVertexNumberingGrain = std::uint64_t{1} << 14U;

std::vector<std::uint64_t> counts_from(std::span<const std::uint64_t> offsets) {
  std::vector<std::uint64_t> counts(offsets.size() - 1);
  for (std::size_t r = 0; r < counts.size(); ++r) counts[r] = offsets[r + 1] - offsets[r];
  return counts;
}

/// `texts` in the given order, end to end.
IdBlock in_order(const IdBlock& texts, std::span<const std::uint64_t> order) {
  IdBlock result;
  result.offsets.resize(order.size() + 1);
  parallel::for_each({0, order.size()}, kVertexNumberingGrain,
                     [&](std::uint64_t i) { result.offsets[i] = texts[order[i]].size(); });
  const std::uint64_t bytes = parallel::exclusive_prefix_sum(result.offsets);
  result.bytes.resize(bytes);
  parallel::for_each({0, order.size()}, kVertexNumberingGrain, [&](std::uint64_t i) {
    const std::string_view text = texts[order[i]];
    std::copy(text.begin(), text.end(), result.bytes.begin() + static_cast<std::ptrdiff_t>(result.offsets[i]));
  });
  return result;
}

/// The rank whose key range holds the key: keys are uniform 63-bit numbers.
std::size_t range_of(VertexKey key, std::int32_t ranks) {
  return slot_multiply_shift(key.value() << 1U, static_cast<std::uint64_t>(ranks));
}

struct Claim {
  VertexKey key;
  std::uint64_t index;  ///< among the texts
};

/// The distinct vertices of my key range. The first text of a key keeps it; `displaced` lists the others.
struct RangeVertices {
  std::vector<VertexKey> keys;
  std::vector<std::uint64_t> texts;      ///< which claimed text names it
  std::vector<std::uint64_t> displaced;  ///< ascending
  std::vector<std::uint32_t> vertex_of;  ///< per claimed text; `kUnknownRow`: not a vertex
};

RangeVertices distinct_vertices(std::vector<Claim>& claims, const IdBlock& ids, std::span<const std::uint8_t> declared,
                                bool closed) {
  const auto before = [&](const Claim& a, const Claim& b) {
    if (a.key != b.key) return a.key < b.key;
    const int texts = ids[a.index].compare(ids[b.index]);
    return texts != 0 ? texts < 0 : a.index < b.index;
  };
  // One rank alone has them in order already.
  if (!std::ranges::is_sorted(claims, before)) parallel::sort(std::span(claims), before);
  RangeVertices vertices;
  vertices.vertex_of.resize(claims.size(), kUnknownRow);
  for (std::size_t begin = 0, end = 0; begin < claims.size(); begin = end) {
    const std::string_view id = ids[claims[begin].index];
    bool alive = !closed;
    for (end = begin; end < claims.size() && claims[end].key == claims[begin].key && ids[claims[end].index] == id;
         ++end) {
      alive = alive || declared[claims[end].index] != 0;
    }
    if (!alive) continue;
    const std::size_t vertex = vertices.keys.size();
    if (vertex > 0 && vertices.keys.back() == claims[begin].key) vertices.displaced.push_back(vertex);
    vertices.keys.push_back(claims[begin].key);
    vertices.texts.push_back(claims[begin].index);
    for (std::size_t i = begin; i < end; ++i) vertices.vertex_of[claims[i].index] = static_cast<std::uint32_t>(vertex);
  }
  return vertices;
}

/// **Collective.** New keys for the displaced ids of all ranks. Collisions are astronomically rare, so everybody holds
/// all of them.
std::vector<std::pair<std::string, VertexKey>> resolve_displaced(const comm::Communicator& comm, std::string_view type,
                                                                 const RangeVertices& vertices, const IdBlock& ids) {
  std::string packed;
  for (const std::uint64_t vertex : vertices.displaced) {
    const std::string_view id = ids[vertices.texts[vertex]];
    packed += fmt::format("{}:{}", id.size(), id);
  }
  std::vector<std::string> displaced;
  for (const std::string& texts : comm.all_gather_text(packed)) {
    for (std::string_view rest = texts; !rest.empty();) {
      const std::size_t colon = rest.find(':');
      const std::size_t size = std::stoul(std::string(rest.substr(0, colon)));
      displaced.emplace_back(rest.substr(colon + 1, size));
      rest.remove_prefix(colon + 1 + size);
    }
  }
  std::ranges::sort(displaced);
  std::vector<std::pair<std::string, VertexKey>> overrides;
  for (const std::string& id : displaced) {
    for (std::uint64_t salt = 1;; ++salt) {
      const VertexKey candidate = vertex_key(type, id, salt);
      const bool here = std::ranges::binary_search(vertices.keys, candidate);
      const bool taken = comm.all_reduce(std::uint32_t{here}, comm::ReduceOp::kMax) != 0;
      if (taken ||
          std::ranges::find(overrides, candidate, &std::pair<std::string, VertexKey>::second) != overrides.end()) {
        continue;
      }
      overrides.emplace_back(id, candidate);
      break;
    }
  }
  return overrides;
}

/// **Collective.** The rows of my range's vertices: their order by final key over all ranks. A displaced vertex, whose
/// new key may belong to another range, stays here until rows are dealt out.
std::vector<std::uint64_t> rows_of_range(const comm::Communicator& comm, const RangeVertices& vertices,
                                         std::span<const VertexKey> final_keys,
                                         std::span<const std::pair<std::string, VertexKey>> overrides) {
  std::vector<std::uint64_t> rows(final_keys.size());
  if (overrides.empty()) {
    std::iota(rows.begin(), rows.end(), comm.exclusive_scan(rows.size()));
    return rows;
  }
  // Everybody else's position is corrected by the moved keys below it.
  std::vector<VertexKey> moved_keys;
  for (const auto& entry : overrides) moved_keys.push_back(entry.second);
  std::ranges::sort(moved_keys);
  const auto moved_below = [&](VertexKey key) {
    return static_cast<std::uint64_t>(std::ranges::lower_bound(moved_keys, key) - moved_keys.begin());
  };
  std::vector<std::uint64_t> plain_below(moved_keys.size());
  std::uint64_t plain = comm.exclusive_scan(rows.size() - vertices.displaced.size());
  for (std::size_t v = 0; v < rows.size(); ++v) {
    if (std::ranges::binary_search(vertices.displaced, v)) continue;
    rows[v] = plain++ + moved_below(final_keys[v]);
    for (std::size_t m = 0; m < moved_keys.size(); ++m) plain_below[m] += final_keys[v] < moved_keys[m] ? 1U : 0U;
  }
  comm.all_reduce(std::span(plain_below), comm::ReduceOp::kSum);
  for (const std::uint64_t v : vertices.displaced) {
    const std::uint64_t m = moved_below(final_keys[v]);
    rows[v] = plain_below[m] + m;
  }
  return rows;
}

}  // namespace

IdBlock exchange_texts(const comm::Communicator& comm, const IdBlock& texts, std::span<const std::uint64_t> order,
                       std::span<const std::uint64_t> counts) {
  IdBlock sent = in_order(texts, order);
  if (comm.size() == 1) return sent;
  std::vector<std::uint32_t> lengths(order.size());
  for (std::size_t i = 0; i < lengths.size(); ++i) lengths[i] = static_cast<std::uint32_t>(sent[i].size());
  std::vector<std::uint64_t> byte_counts(counts.size());
  std::size_t next = 0;
  for (std::size_t r = 0; r < counts.size(); ++r) {
    byte_counts[r] = sent.offsets[next + counts[r]] - sent.offsets[next];
    next += counts[r];
  }
  const auto received_lengths = comm.exchange<std::uint32_t>(std::span<const std::uint32_t>(lengths), counts);
  const auto received_bytes = comm.exchange<char>(std::span<const char>(sent.bytes), byte_counts);
  IdBlock received;
  received.bytes.assign(received_bytes.data.begin(), received_bytes.data.end());
  received.offsets.reserve(received_lengths.data.size() + 1);
  for (const std::uint32_t length : received_lengths.data) received.offsets.push_back(received.offsets.back() + length);
  return received;
}

VertexNumbering number_vertices(const comm::Communicator& comm, std::string_view type, NamedVertices named,
                                bool closed) {
  const std::size_t num_named = named.keys.size();
  const auto num_ranks = static_cast<std::size_t>(comm.size());
  std::vector<Claim> claims(num_named);
  parallel::for_each({0, num_named}, kVertexNumberingGrain, [&](std::uint64_t i) { claims[i] = {named.keys[i], i}; });
  parallel::sort(std::span(claims),
                 [](const Claim& a, const Claim& b) { return a.key != b.key ? a.key < b.key : a.index < b.index; });
  // To key ranges, in key order.
  std::vector<std::uint64_t> order(num_named);
  std::vector<std::uint64_t> counts(num_ranks);
  for (std::size_t i = 0; i < num_named; ++i) {
    order[i] = claims[i].index;
    ++counts[range_of(claims[i].key, comm.size())];
  }
  std::vector<std::uint64_t> answer_counts = counts;
  IdBlock ids;
  std::vector<std::uint8_t> declared;
  if (num_ranks == 1) {
    ids = std::move(named.ids);
    declared = std::move(named.declared);
  } else {
    std::vector<VertexKey> keys(num_named);
    std::vector<std::uint8_t> flags(num_named);
    for (std::size_t i = 0; i < num_named; ++i) {
      keys[i] = claims[i].key;
      flags[i] = named.declared[claims[i].index];
    }
    const auto received = comm.exchange<VertexKey>(std::span<const VertexKey>(keys), counts);
    declared = comm.exchange<std::uint8_t>(std::span<const std::uint8_t>(flags), counts).data;
    ids = exchange_texts(comm, named.ids, order, counts);
    answer_counts = counts_from(received.offsets);
    claims.resize(received.data.size());
    for (std::size_t i = 0; i < claims.size(); ++i) claims[i] = {received.data[i], i};
  }
  named = {};

  const RangeVertices vertices = distinct_vertices(claims, ids, declared, closed);
  claims = {};
  VertexNumbering result;
  result.count = comm.all_reduce(std::uint64_t{vertices.keys.size()}, comm::ReduceOp::kSum);
  if (result.count >= kUnknownRow) {
    throw DoesNotFitError(
        fmt::format("{} vertices of type '{}'; a type may have at most {}", result.count, type, kUnknownRow - 1));
  }
  result.overrides = resolve_displaced(comm, type, vertices, ids);
  std::vector<VertexKey> final_keys = vertices.keys;
  for (const std::uint64_t v : vertices.displaced) {
    const std::string_view id = ids[vertices.texts[v]];
    final_keys[v] =
        std::ranges::find_if(result.overrides, [&](const auto& entry) { return entry.first == id; })->second;
  }
  const std::vector<std::uint64_t> rows = rows_of_range(comm, vertices, final_keys, result.overrides);

  // Rows back to those who named the vertices.
  std::vector<std::uint32_t> answers(vertices.vertex_of.size());
  parallel::for_each({0, answers.size()}, kVertexNumberingGrain, [&](std::uint64_t i) {
    const std::uint32_t vertex = vertices.vertex_of[i];
    answers[i] = vertex == kUnknownRow ? kUnknownRow : static_cast<std::uint32_t>(rows[vertex]);
  });
  if (num_ranks == 1) {
    // Texts were not moved: they are answered where they stand.
    result.rows = std::move(answers);
  } else {
    const auto answered = comm.exchange<std::uint32_t>(std::span<const std::uint32_t>(answers), answer_counts);
    result.rows.resize(num_named);
    for (std::size_t i = 0; i < num_named; ++i) result.rows[order[i]] = answered.data[i];
  }

  // Keys and ids to their home blocks.
  const graph::BlockDistribution homes(result.count, comm.size());
  std::vector<std::uint64_t> by_row(rows.size());
  std::iota(by_row.begin(), by_row.end(), std::uint64_t{0});
  if (!result.overrides.empty()) std::ranges::sort(by_row, {}, [&](std::uint64_t v) { return rows[v]; });
  std::vector<std::uint64_t> home_counts(num_ranks);
  std::vector<VertexKey> home_keys(by_row.size());
  std::vector<std::uint64_t> texts(by_row.size());
  for (std::size_t i = 0; i < by_row.size(); ++i) {
    ++home_counts[homes.home_of(rows[by_row[i]]).index()];
    home_keys[i] = final_keys[by_row[i]];
    texts[i] = vertices.texts[by_row[i]];
  }
  if (num_ranks == 1) {
    result.ids = in_order(ids, texts);
    result.keys = std::move(home_keys);
    return result;
  }
  result.keys = comm.exchange<VertexKey>(std::span<const VertexKey>(home_keys), home_counts).data;
  result.ids = exchange_texts(comm, ids, texts, home_counts);
  if (!std::ranges::is_sorted(result.keys)) {
    // Moved keys came from elsewhere.
    std::vector<std::uint64_t> sorted(result.keys.size());
    std::iota(sorted.begin(), sorted.end(), std::uint64_t{0});
    std::ranges::sort(sorted, {}, [&](std::uint64_t i) { return result.keys[i]; });
    result.ids = in_order(result.ids, sorted);
    std::ranges::sort(result.keys);
  }
  return result;
}

}  // namespace rove::io
