// SPDX-License-Identifier: Apache-2.0
#include "io/import/vertex_numbering.hpp"

#include <algorithm>
#include <numeric>

#include "engine/base/hash.hpp"
#include "engine/base/random.hpp"
#include "engine/graph/block_distribution.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::io {
namespace {

/// Texts on the way to other ranks: lengths and bytes travel side by side.
IdBlock exchange_texts(const comm::Communicator& comm, const IdBlock& texts, std::span<const std::uint64_t> order,
                       std::span<const std::uint64_t> counts) {
  std::vector<std::uint32_t> lengths(order.size());
  std::string bytes;
  std::vector<std::uint64_t> byte_counts(counts.size());
  std::size_t next = 0;
  for (std::size_t r = 0; r < counts.size(); ++r) {
    for (std::uint64_t i = 0; i < counts[r]; ++i, ++next) {
      const std::string_view text = texts[order[next]];
      lengths[next] = static_cast<std::uint32_t>(text.size());
      byte_counts[r] += text.size();
      bytes += text;
    }
  }
  const auto received_lengths = comm.exchange<std::uint32_t>(std::span<const std::uint32_t>(lengths), counts);
  auto received_bytes = comm.exchange<char>(std::span<const char>(bytes), byte_counts);
  IdBlock received;
  received.bytes.assign(received_bytes.data.begin(), received_bytes.data.end());
  received.offsets.reserve(received_lengths.data.size() + 1);
  for (const std::uint32_t length : received_lengths.data) received.offsets.push_back(received.offsets.back() + length);
  return received;
}

std::vector<std::uint64_t> counts_from(std::span<const std::uint64_t> offsets) {
  std::vector<std::uint64_t> counts(offsets.size() - 1);
  for (std::size_t r = 0; r < counts.size(); ++r) counts[r] = offsets[r + 1] - offsets[r];
  return counts;
}

/// The rank whose key range holds the key: keys are uniform 63-bit numbers.
std::size_t range_of(VertexKey key, std::int32_t ranks) {
  return slot_multiply_shift(key.value() << 1U, static_cast<std::uint64_t>(ranks));
}

struct Claim {
  VertexKey key;
  std::uint64_t index;  ///< among what was received
};

}  // namespace

VertexNumbering number_vertices(const comm::Communicator& comm, std::string_view type, const NamedKeys& named) {
  const auto ranks = static_cast<std::size_t>(comm.size());
  // To key ranges, in key order so that equal keys of a rank are neighbours.
  std::vector<std::uint64_t> order(named.keys.size());
  std::iota(order.begin(), order.end(), std::uint64_t{0});
  parallel::sort(std::span(order), [&](std::uint64_t a, std::uint64_t b) {
    return named.keys[a] != named.keys[b] ? named.keys[a] < named.keys[b] : a < b;
  });
  std::vector<std::uint64_t> counts(ranks);
  std::vector<VertexKey> sorted_keys(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    sorted_keys[i] = named.keys[order[i]];
    ++counts[range_of(sorted_keys[i], comm.size())];
  }
  const auto received = comm.exchange<VertexKey>(std::span<const VertexKey>(sorted_keys), counts);
  const IdBlock received_ids = exchange_texts(comm, named.ids, order, counts);

  std::vector<Claim> claims(received.data.size());
  for (std::size_t i = 0; i < claims.size(); ++i) claims[i] = {received.data[i], i};
  parallel::sort(std::span(claims), [&](const Claim& a, const Claim& b) {
    if (a.key != b.key) return a.key < b.key;
    const int order_of_texts = received_ids[a.index].compare(received_ids[b.index]);
    return order_of_texts != 0 ? order_of_texts < 0 : a.index < b.index;
  });

  // One vertex per distinct (key, id); the first id of a key keeps it, the others are moved to a salted key.
  std::vector<VertexKey> vertex_keys;
  std::vector<std::uint64_t> vertex_text;                  ///< which received text names it
  std::vector<std::uint64_t> vertex_of(received.data.size());
  std::vector<std::pair<std::uint64_t, std::string>> losers;  ///< vertex number, id
  for (std::size_t i = 0; i < claims.size(); ++i) {
    const std::string_view id = received_ids[claims[i].index];
    const bool same_key = i > 0 && claims[i].key == claims[i - 1].key;
    const bool same_id = same_key && id == received_ids[claims[i - 1].index];
    if (!same_id) {
      if (same_key) losers.emplace_back(vertex_keys.size(), std::string(id));
      vertex_keys.push_back(claims[i].key);
      vertex_text.push_back(claims[i].index);
    }
    vertex_of[claims[i].index] = vertex_keys.size() - 1;
  }

  VertexNumbering result;
  // Collisions are astronomically rare: the displaced ids and their new keys are shared by all ranks.
  std::string packed;
  for (const auto& [vertex, id] : losers) packed += std::to_string(id.size()) + ":" + id;
  std::vector<std::string> displaced_ids;
  for (std::string_view texts_view; const std::string& texts : comm.all_gather_text(packed)) {
    texts_view = texts;
    while (!texts_view.empty()) {
      const std::size_t colon = texts_view.find(':');
      const std::size_t size = std::stoul(std::string(texts_view.substr(0, colon)));
      displaced_ids.emplace_back(texts_view.substr(colon + 1, size));
      texts_view.remove_prefix(colon + 1 + size);
    }
  }
  std::ranges::sort(displaced_ids);
  std::vector<VertexKey> taken;  ///< new keys in use
  for (const std::string& id : displaced_ids) {
    for (std::uint64_t salt = 1;; ++salt) {
      const VertexKey candidate = vertex_key(type, id, salt);
      const bool here = std::ranges::binary_search(vertex_keys, candidate);
      const bool used = comm.all_reduce(static_cast<std::uint32_t>(here), comm::ReduceOp::kMax) != 0 ||
                        std::ranges::find(taken, candidate) != taken.end();
      if (used) continue;
      taken.push_back(candidate);
      result.overrides.emplace_back(id, candidate);
      break;
    }
  }
  // A displaced vertex may belong to another key range now. It stays with this rank until the rows are dealt out by global order.
  for (const auto& [vertex, id] : losers) {
    const auto found = std::ranges::find(result.overrides, id, &std::pair<std::string, VertexKey>::first);
    vertex_keys[vertex] = found->second;
  }

  // Global order by (final) key. Without overrides the local order already is a slice of it.
  std::vector<std::uint64_t> row(vertex_keys.size());
  const std::uint64_t first = comm.exclusive_scan(vertex_keys.size());
  result.count = comm.all_reduce(static_cast<std::uint64_t>(vertex_keys.size()), comm::ReduceOp::kSum);
  if (result.overrides.empty()) {
    std::iota(row.begin(), row.end(), first);
  } else {
    // A handful of moved keys: everybody's plain position is corrected by the moved keys below it.
    std::vector<VertexKey> moved_to;
    for (const auto& entry : result.overrides) moved_to.push_back(entry.second);
    std::ranges::sort(moved_to);
    std::vector<std::uint8_t> is_moved(vertex_keys.size());
    for (const auto& loser : losers) is_moved[loser.first] = 1;
    const std::uint64_t first_plain = comm.exclusive_scan(vertex_keys.size() - losers.size());
    std::vector<std::uint64_t> plain_below(moved_to.size());
    std::uint64_t plain = first_plain;
    for (std::size_t v = 0; v < vertex_keys.size(); ++v) {
      if (is_moved[v] != 0) continue;
      row[v] = plain++ + static_cast<std::uint64_t>(std::ranges::lower_bound(moved_to, vertex_keys[v]) - moved_to.begin());
      for (std::size_t m = 0; m < moved_to.size(); ++m) plain_below[m] += vertex_keys[v] < moved_to[m] ? 1 : 0;
    }
    comm.all_reduce(std::span(plain_below), comm::ReduceOp::kSum);
    for (const auto& loser : losers) {
      const auto m = static_cast<std::size_t>(std::ranges::lower_bound(moved_to, vertex_keys[loser.first]) - moved_to.begin());
      row[loser.first] = plain_below[m] + m;
    }
  }

  // Rows back to those who named the vertices.
  std::vector<std::uint64_t> answers(received.data.size());
  for (std::size_t i = 0; i < answers.size(); ++i) answers[i] = row[vertex_of[i]];
  const auto answered = comm.exchange<std::uint64_t>(std::span<const std::uint64_t>(answers), counts_from(received.offsets));
  result.rows.resize(named.keys.size());
  for (std::size_t i = 0; i < order.size(); ++i) result.rows[order[i]] = answered.data[i];

  // Keys and ids to their home blocks.
  const graph::BlockDistribution homes(result.count, comm.size());
  std::vector<std::uint64_t> by_row(vertex_keys.size());
  std::iota(by_row.begin(), by_row.end(), std::uint64_t{0});
  if (!result.overrides.empty()) std::ranges::sort(by_row, {}, [&](std::uint64_t v) { return row[v]; });
  std::vector<std::uint64_t> home_counts(ranks);
  std::vector<VertexKey> home_keys(by_row.size());
  std::vector<std::uint64_t> home_rows(by_row.size());
  std::vector<std::uint64_t> texts(by_row.size());
  for (std::size_t i = 0; i < by_row.size(); ++i) {
    ++home_counts[homes.home_of(row[by_row[i]]).index()];
    home_keys[i] = vertex_keys[by_row[i]];
    home_rows[i] = row[by_row[i]];
    texts[i] = vertex_text[by_row[i]];
  }
  const auto my_rows = comm.exchange<std::uint64_t>(std::span<const std::uint64_t>(home_rows), home_counts);
  const auto my_keys = comm.exchange<VertexKey>(std::span<const VertexKey>(home_keys), home_counts);
  const IdBlock my_ids = exchange_texts(comm, received_ids, texts, home_counts);
  if (result.overrides.empty()) {
    result.keys = my_keys.data;
    result.ids = my_ids;
  } else {
    std::vector<std::uint64_t> sorted(my_rows.data.size());
    std::iota(sorted.begin(), sorted.end(), std::uint64_t{0});
    std::ranges::sort(sorted, {}, [&](std::uint64_t i) { return my_rows.data[i]; });
    for (const std::uint64_t i : sorted) {
      result.keys.push_back(my_keys.data[i]);
      result.ids.bytes += my_ids[i];
      result.ids.offsets.push_back(result.ids.bytes.size());
    }
  }
  return result;
}

}  // namespace rove::io
