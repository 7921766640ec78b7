// SPDX-License-Identifier: Apache-2.0
#include "io/ids/id_index.hpp"

#include <algorithm>
#include <numeric>

#include "engine/parallel/parallel.hpp"
#include "io/import/vertex_numbering.hpp"

namespace rove::io {

IdIndex::IdIndex(const comm::Communicator& comm, std::string_view type_name, VertexTypeId type, const IdBlock& ids,
                 std::span<const VertexKey> keys, std::span<const KeyOverride> overrides)
    : type_name_(type_name), hasher_(type_name), ids_(&ids), keys_(keys) {
  for (const KeyOverride& entry : overrides) {
    if (entry.type == type) overrides_.push_back(entry);
  }
  std::ranges::sort(overrides_, {}, &KeyOverride::id);
  const std::vector<std::uint64_t> counts = comm.all_gather(std::uint64_t{keys.size()});
  const auto firsts = comm.all_gather_v(keys.first(std::min<std::size_t>(keys.size(), 1)));
  first_row_.resize(counts.size() + 1);
  std::partial_sum(counts.begin(), counts.end(), first_row_.begin() + 1);
  first_key_ = firsts.data;
  for (std::size_t r = 0; r < counts.size(); ++r) {
    if (counts[r] > 0) rank_of_range_.push_back(static_cast<std::int32_t>(r));
  }
}

VertexKey IdIndex::key_of(std::string_view id) const {
  if (!overrides_.empty()) {
    const auto found = std::ranges::lower_bound(overrides_, id, {},
                                                [](const KeyOverride& entry) { return std::string_view(entry.id); });
    if (found != overrides_.end() && found->id == id) return found->key;
  }
  return hasher_(id);
}

std::vector<std::uint32_t> IdIndex::rows_of(const comm::Communicator& comm, const IdBlock& ids) const {
  constexpr std::uint64_t kGrain = std::uint64_t{1} << 12U;
  struct Question {
    std::uint64_t range = 0;  ///< index into `first_key_`
    std::uint64_t index = 0;
    VertexKey key;
  };
  std::vector<Question> questions(ids.size());
  parallel::for_each({0, ids.size()}, kGrain, [&](std::uint64_t i) {
    const VertexKey key = key_of(ids[i]);
    const auto after = std::ranges::upper_bound(first_key_, key);
    const auto range = static_cast<std::uint64_t>(after - first_key_.begin());
    questions[i] = {range == 0 ? 0 : range - 1, i, key};
  });
  std::vector<std::uint32_t> rows(ids.size(), kUnknownRow);
  if (first_key_.empty()) return rows;  // the same on all ranks
  parallel::sort(std::span(questions), [](const Question& a, const Question& b) {
    return a.range != b.range ? a.range < b.range : a.index < b.index;
  });
  std::vector<std::uint64_t> counts(static_cast<std::size_t>(comm.size()));
  std::vector<VertexKey> keys(questions.size());
  std::vector<std::uint64_t> order(questions.size());
  for (std::size_t i = 0; i < questions.size(); ++i) {
    ++counts[static_cast<std::size_t>(rank_of_range_[questions[i].range])];
    keys[i] = questions[i].key;
    order[i] = questions[i].index;
  }
  const auto asked_keys = comm.exchange<VertexKey>(std::span<const VertexKey>(keys), counts);
  const IdBlock asked_ids = exchange_texts(comm, ids, order, counts);
  const std::uint64_t first = first_row_[comm.rank().index()];
  std::vector<std::uint32_t> answers(asked_keys.data.size(), kUnknownRow);
  parallel::for_each({0, answers.size()}, kGrain, [&](std::uint64_t i) {
    const auto found = std::ranges::lower_bound(keys_, asked_keys.data[i]);
    if (found == keys_.end() || *found != asked_keys.data[i]) return;
    const auto row = static_cast<std::uint64_t>(found - keys_.begin());
    if ((*ids_)[row] == asked_ids[i]) answers[i] = static_cast<std::uint32_t>(first + row);
  });
  std::vector<std::uint64_t> answer_counts(counts.size());
  for (std::size_t r = 0; r < counts.size(); ++r) answer_counts[r] = asked_keys.offsets[r + 1] - asked_keys.offsets[r];
  const auto answered = comm.exchange<std::uint32_t>(std::span<const std::uint32_t>(answers), answer_counts);
  for (std::size_t i = 0; i < order.size(); ++i) rows[order[i]] = answered.data[i];
  return rows;
}

}  // namespace rove::io
