// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/ids.hpp"
#include "io/hdf5/input_file.hpp"

namespace rove::io {

/// Import tries salts from 0 on until a key is free (`KeyOverride`), so larger ones do not occur.
inline constexpr std::uint64_t kMaxKeySalt = 16;

/// The row of a vertex type that has this original id, or nothing: key by hash, then binary search on the stored keys.
/// O(log rows) small reads.
struct RowIdentity {
  std::string type;
  std::string id;
  std::uint64_t row = 0;
  VertexKey key;
};
[[nodiscard]] std::optional<RowIdentity> find_row(const hdf5::InputFile& file, const std::string& type,
                                                  std::string_view id);

/// One entry of a list: a neighbour in the graph, in a PPR set, or a recommended item.
struct LookupEntry {
  std::string type;
  std::string id;
  VertexKey key;
  std::uint64_t row = 0;
  std::optional<double> score;   ///< of ranked lists
  std::optional<double> weight;  ///< of edges
  std::optional<std::int64_t> time;
  std::string relation;  ///< of edges with a relation each
};

struct LookupList {
  std::string name;                  ///< "/neighbors/user/item", "/edges/user__rates__item/by_source"
  std::uint64_t length = 0;          ///< in the file
  std::vector<LookupEntry> entries;  ///< the first `limit`
};

/// Everything a file says about one row.
struct LookupResult {
  RowIdentity row;
  std::string status;                ///< delta.h5: "new", "gone" (the row is last night's), "changed", "same"
  std::vector<float> vector;         ///< embeddings.h5, delta.h5
  std::optional<std::int32_t> part;  ///< partition.h5
  std::vector<LookupList> lists;
};

/// The rows with this original id: of `type`, or of every type that has it. Lists are cut at `limit` entries. Without
/// MPI. Throws `InputError` when the file has no such type or cannot be looked up in.
[[nodiscard]] std::vector<LookupResult> lookup(const std::filesystem::path& path, std::string_view id,
                                               const std::optional<std::string>& type, std::uint64_t limit);

[[nodiscard]] std::string to_text(const LookupResult& result);
/// Keys are strings in JSON: many readers hold numbers as doubles.
[[nodiscard]] std::string to_json(const std::vector<LookupResult>& results);

}  // namespace rove::io
