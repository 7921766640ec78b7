// SPDX-License-Identifier: Apache-2.0
#include "io/import/forgotten_ids.hpp"

#include <algorithm>
#include <atomic>
#include <span>

#include "engine/base/hash.hpp"
#include "engine/parallel/parallel.hpp"
#include "io/hdf5/node_rows.hpp"
#include "io/ids/listed_ids.hpp"
#include "io/import/edge_reader.hpp"

namespace rove::io {
namespace {

constexpr std::uint64_t kForgottenIdsGrain = std::uint64_t{1} << 14U;

NamedVertices without(const NamedVertices& named, const std::vector<std::uint8_t>& taken_out) {
  NamedVertices kept;
  for (std::size_t i = 0; i < taken_out.size(); ++i) {
    if (taken_out[i] != 0) continue;
    kept.keys.push_back(named.keys[i]);
    append(kept.ids, named.ids[i]);
    kept.declared.push_back(named.declared[i]);
  }
  return kept;
}

bool is_any(const std::vector<std::uint8_t>& flags) {
  return std::ranges::any_of(flags, [](std::uint8_t flag) { return flag != 0; });
}

/// **Collective.** The distinct values of all ranks, ascending, on every rank.
std::vector<std::uint64_t> gather_sorted(const comm::Communicator& comm, std::span<const std::uint64_t> mine) {
  std::vector<std::uint64_t> all = comm.all_gather_v(mine).data;
  std::ranges::sort(all);
  all.erase(std::ranges::unique(all).begin(), all.end());
  return all;
}

}  // namespace

std::size_t ForgottenIds::Listed::find(VertexKey key, std::string_view id) const {
  for (auto at = std::ranges::lower_bound(by_key, key, {}, &std::pair<VertexKey, std::uint32_t>::first);
       at != by_key.end() && at->first == key; ++at) {
    if (ids[at->second] == id) return at->second;
  }
  return ids.size();
}

ForgottenIds::ForgottenIds(const comm::Communicator& comm, const ForgetOptions& options)
    : options_(options), users_(read_id_lists(comm, options.users)), items_(read_id_lists(comm, options.items)) {
  std::vector<std::string> users = users_;
  if (options.user_type == options.item_type) {
    users.insert(users.end(), items_.begin(), items_.end());
  } else {
    set(options.item_type, items_);
  }
  set(options.user_type, std::move(users));
}

void ForgottenIds::set(const std::string& type, std::vector<std::string> ids) {
  std::ranges::sort(ids);
  ids.erase(std::ranges::unique(ids).begin(), ids.end());
  const VertexKeyHasher hasher(type);
  Listed listed;
  for (std::size_t i = 0; i < ids.size(); ++i) listed.by_key.emplace_back(hasher(ids[i]), i);
  std::ranges::sort(listed.by_key);
  listed.found.resize(ids.size());
  listed.ids = std::move(ids);
  listed_[type] = std::move(listed);
}

void ForgottenIds::add(const comm::Communicator& comm, const std::string& type, const IdBlock& ids) {
  std::vector<std::string> all = gather_ids(comm, ids);
  if (all.empty()) return;
  const auto before = listed_.find(type);
  if (before != listed_.end()) all.insert(all.end(), before->second.ids.begin(), before->second.ids.end());
  set(type, std::move(all));
}

std::vector<std::uint8_t> ForgottenIds::listed(const std::string& type, const NamedVertices& named) const {
  const auto of_type = listed_.find(type);
  if (of_type == listed_.end() || of_type->second.ids.empty()) return {};
  const Listed& listed = of_type->second;
  std::vector<std::uint8_t> flags(named.keys.size());
  parallel::for_each({0, flags.size()}, kForgottenIdsGrain, [&](std::uint64_t i) {
    flags[i] = listed.find(named.keys[i], named.ids[i]) < listed.ids.size() ? 1 : 0;
  });
  return is_any(flags) ? flags : std::vector<std::uint8_t>{};
}

std::vector<std::uint8_t> ForgottenIds::take_out(const std::string& type, NamedVertices& named) {
  std::vector<std::uint8_t> flags = listed(type, named);
  if (flags.empty()) return flags;
  Listed& listed = listed_.at(type);
  for (std::size_t i = 0; i < flags.size(); ++i) {
    if (flags[i] != 0) listed.found[listed.find(named.keys[i], named.ids[i])] = 1;
  }
  named = without(named, flags);
  return flags;
}

void ForgottenIds::find_pairs(const comm::Communicator& comm, const IdIndex& users, const IdIndex& items) {
  if (options_.interactions.files.empty()) return;
  IdTable user_table(users.type_name());
  IdTable item_table(items.type_name());
  IdTable relation_table("relation");
  const RowFilter filter{{}, {}, {}, false, false};
  const ReadEdges read =
      read_edges(comm, options_.interactions, filter, user_table, item_table, &relation_table, no_progress());
  const NamedVertices user_ids = user_table.take();
  const NamedVertices item_ids = item_table.take();
  const std::vector<std::uint8_t> user_listed = listed(users.type_name(), user_ids);
  const std::vector<std::uint8_t> item_listed = listed(items.type_name(), item_ids);
  const std::vector<std::uint32_t> user_rows = users.rows_of(comm, user_ids.ids);
  const std::vector<std::uint32_t> item_rows = items.rows_of(comm, item_ids.ids);
  const auto is_set = [](const std::vector<std::uint8_t>& flags, std::uint32_t i) {
    return !flags.empty() && flags[i] != 0;
  };
  std::vector<std::uint64_t> mine;
  std::uint64_t unknown = 0;
  for (const EdgeList& list : read.lists) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::uint32_t user = list.sources[i];
      const std::uint32_t item = list.targets[i];
      if (is_set(user_listed, user) || is_set(item_listed, item)) continue;  // goes with its vertex
      if (user_rows[user] == kUnknownRow || item_rows[item] == kUnknownRow) {
        ++unknown;
      } else {
        mine.push_back(std::uint64_t{user_rows[user]} << 32U | item_rows[item]);
      }
    }
  }
  unknown_pairs_ = comm.all_reduce(unknown, comm::ReduceOp::kSum);
  const std::vector<std::uint64_t> all = gather_sorted(comm, mine);
  std::vector<ForgottenPair>& pairs = pairs_[{users.type_name(), items.type_name()}];
  for (const std::uint64_t pair : all) {
    pairs.push_back({static_cast<std::uint32_t>(pair >> 32U), static_cast<std::uint32_t>(pair),
                     static_cast<std::uint32_t>(pairs.size())});
  }
  pair_found_.resize(pairs.size());
}

void ForgottenIds::add_aliases(const comm::Communicator& comm, const std::string& type, const std::string& alias_type,
                               std::span<const EdgeList> links) {
  if (pair_found_.empty()) return;
  std::vector<std::uint32_t> paired;
  for (const auto& [types, pairs] : pairs_) {
    for (const ForgottenPair& pair : pairs) {
      if (types.first == type) paired.push_back(pair.user);
      if (types.second == type) paired.push_back(pair.item);
    }
  }
  std::ranges::sort(paired);
  std::vector<std::uint64_t> mine;
  for (const EdgeList& list : links) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (!std::ranges::binary_search(paired, list.sources[i])) continue;
      mine.push_back(std::uint64_t{list.sources[i]} << 32U | list.targets[i]);
    }
  }
  const std::vector<std::uint64_t> aliases = gather_sorted(comm, mine);
  const auto extend = [&](std::string TypePair::* type_of, std::uint32_t ForgottenPair::* end) {
    std::map<TypePair, std::vector<ForgottenPair>> added;
    for (const auto& [types, pairs] : pairs_) {
      if (types.*type_of != type) continue;
      TypePair alias_types = types;
      alias_types.*type_of = alias_type;
      std::vector<ForgottenPair>& of_aliases = added[alias_types];
      for (ForgottenPair pair : pairs) {
        const std::uint64_t row = pair.*end;
        for (auto at = std::ranges::lower_bound(aliases, row << 32U); at != aliases.end() && (*at >> 32U) == row;
             ++at) {
          pair.*end = static_cast<std::uint32_t>(*at);
          of_aliases.push_back(pair);
        }
      }
    }
    for (const auto& [types, of_aliases] : added) {
      std::vector<ForgottenPair>& pairs = pairs_[types];
      pairs.insert(pairs.end(), of_aliases.begin(), of_aliases.end());
      std::ranges::sort(pairs);
    }
  };
  // One end after the other: an edge may join aliases of both.
  extend(&TypePair::first, &ForgottenPair::user);
  extend(&TypePair::second, &ForgottenPair::item);
}

ForgottenPairs ForgottenIds::between(const std::string& source_type, const std::string& destination_type) const {
  const auto pairs_of = [&](const std::string& user_type, const std::string& item_type) {
    const auto found = pairs_.find({user_type, item_type});
    return found == pairs_.end() ? std::span<const ForgottenPair>() : std::span<const ForgottenPair>(found->second);
  };
  return {pairs_of(source_type, destination_type), pairs_of(destination_type, source_type)};
}

bool ForgottenIds::connects(const ForgottenPairs& pairs, std::uint32_t source_row,
                            std::uint32_t destination_row) const {
  // Where users are items as well, an edge can be a pair both ways: both are found.
  const bool forward = find(pairs.forward, source_row, destination_row);
  const bool backward = find(pairs.backward, destination_row, source_row);
  return forward || backward;
}

bool ForgottenIds::find(std::span<const ForgottenPair> pairs, std::uint32_t user, std::uint32_t item) const {
  bool is_found = false;
  for (auto at = std::ranges::lower_bound(pairs, ForgottenPair{user, item, 0});
       at != pairs.end() && at->user == user && at->item == item; ++at) {
    std::atomic_ref(pair_found_[at->listed]).store(1U, std::memory_order_relaxed);
    is_found = true;
  }
  return is_found;
}

ForgottenCounts ForgottenIds::counts(const comm::Communicator& comm) const {
  const auto total = [&](std::vector<std::uint32_t> found) {
    comm.all_reduce(std::span(found), comm::ReduceOp::kMax);
    return found;
  };
  const auto number_found = [&](const std::string& type, const std::vector<std::string>& ids) {
    const Listed& listed = listed_.at(type);
    const std::vector<std::uint32_t> found = total(listed.found);
    return static_cast<std::uint64_t>(std::ranges::count_if(ids, [&](const std::string& id) {
      return found[static_cast<std::size_t>(std::ranges::lower_bound(listed.ids, id) - listed.ids.begin())] != 0;
    }));
  };
  ForgottenCounts counts;
  counts.users = number_found(options_.user_type, users_);
  counts.items = number_found(options_.item_type, items_);
  counts.interactions = static_cast<std::uint64_t>(std::ranges::count(total(pair_found_), 1U));
  counts.unknown = users_.size() - counts.users + items_.size() - counts.items + pair_found_.size() -
                   counts.interactions + unknown_pairs_;
  return counts;
}

std::vector<std::uint32_t> spread_rows(std::vector<std::uint32_t> rows, const std::vector<std::uint8_t>& taken_out) {
  if (taken_out.empty()) return rows;
  std::vector<std::uint32_t> all(taken_out.size(), kUnknownRow);
  std::size_t next = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (taken_out[i] == 0) all[i] = rows[next++];
  }
  return all;
}

}  // namespace rove::io
