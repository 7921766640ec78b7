// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5/lookup.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/hash.hpp"
#include "engine/base/top_k.hpp"
#include "io/hdf5/delta_file.hpp"
#include "io/hdf5/graph_file.hpp"
#include "io/hdf5/header.hpp"
#include "io/hdf5/index_file.hpp"
#include "io/hdf5/node_rows.hpp"

namespace rove::io {

namespace {

using Json = nlohmann::ordered_json;

std::string id_of(const hdf5::InputFile& file, const std::string& group, std::uint64_t row) {
  return std::string(read_texts(file, group, "ids", {row, row + 1})[0]);
}

std::uint64_t key_at(const hdf5::InputFile& file, const std::string& group, std::uint64_t row) {
  return file.read<std::uint64_t>(group + "/keys", {row, row + 1})[0];
}

/// The place of a value in a dataset of ascending ones.
std::optional<std::uint64_t> find_value(const hdf5::InputFile& file, const std::string& dataset, std::uint64_t value) {
  std::uint64_t begin = 0;
  std::uint64_t end = file.info(dataset).rows();
  while (begin < end) {
    const std::uint64_t middle = begin + (end - begin) / 2;
    const std::uint64_t found = file.read<std::uint64_t>(dataset, {middle, middle + 1})[0];
    if (found == value) return middle;
    if (found < value)
      begin = middle + 1;
    else
      end = middle;
  }
  return std::nullopt;
}

/// The row with this id among those of `group`, which has keys and ids.
std::optional<RowIdentity> find_row_in(const hdf5::InputFile& file, const std::string& group, const std::string& type,
                                       std::string_view id) {
  for (std::uint64_t salt = 0; salt < kMaxKeySalt; ++salt) {
    const VertexKey key = vertex_key(type, id, salt);
    const auto row = find_value(file, group + "/keys", key.value());
    // A free key ends the search: import would have used it.
    if (!row) return std::nullopt;
    if (id_of(file, group, *row) == id) return RowIdentity{type, std::string(id), *row, key};
  }
  return std::nullopt;
}

/// The slots of a row, at most `limit`, with the total in `length`.
IndexRange slots_of(const hdf5::InputFile& file, const std::string& group, std::uint64_t row, std::uint64_t limit,
                    std::uint64_t& length) {
  const auto indptr = file.read<std::uint64_t>(group + "/indptr", {row, row + 2});
  length = indptr[1] - indptr[0];
  return {indptr[0], indptr[0] + std::min(length, limit)};
}

LookupEntry entry_of(const hdf5::InputFile& file, const NodeTypeInfo& type, std::uint64_t row) {
  LookupEntry entry;
  entry.type = type.name;
  entry.row = row;
  entry.id = id_of(file, type.group, row);
  entry.key = VertexKey{key_at(file, type.group, row)};
  return entry;
}

void add_ranked_lists(const hdf5::InputFile& file, const std::string& root, std::uint64_t limit, LookupResult& result) {
  const std::string sources = root + "/" + hdf5::escape_name(result.row.type);
  for (const std::string& member : file.members(sources)) {
    const std::string group = sources + "/" + member;
    const NodeTypeInfo target = node_type(file, file.attribute<std::string>(group, "target"));
    std::optional<std::uint64_t> place = result.row.row;
    if (file.contains(group + "/rows")) place = find_value(file, group + "/rows", *place);
    if (!place) continue;
    LookupList list;
    list.name = group;
    const IndexRange slots = slots_of(file, group, *place, limit, list.length);
    const auto indices = file.read<std::uint64_t>(group + "/indices", slots);
    const auto scores = file.read<float>(group + "/scores", slots);
    for (std::size_t i = 0; i < indices.size(); ++i) {
      list.entries.push_back(entry_of(file, target, indices[i]));
      list.entries.back().score = scores[i];
    }
    result.lists.push_back(std::move(list));
  }
}

/// The most visited targets of a vertex, as scores.
void add_fingerprints(const hdf5::InputFile& file, std::uint64_t limit, LookupResult& result) {
  const IndexInfo info = read_index_info(file);
  const std::string sources = "/fingerprints/" + hdf5::escape_name(result.row.type);
  for (const std::string& member : file.members(sources)) {
    LookupList list;
    list.name = sources + "/" + member;
    const NodeTypeInfo target = node_type(file, file.attribute<std::string>(list.name, "target"));
    const IndexRange slots = slots_of(file, list.name, result.row.row, ~std::uint64_t{0}, list.length);
    const auto pairs = file.read<std::uint32_t>(list.name + "/entries", slots);
    TopK best(std::min(limit, list.length));
    for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
      best.push({static_cast<float>(info.restart / info.walks * pairs[i + 1]), pairs[i]});
    }
    for (const Scored& scored : best.take()) {
      list.entries.push_back(entry_of(file, target, scored.id));
      list.entries.back().score = scored.score;
    }
    result.lists.push_back(std::move(list));
  }
}

void add_edges(const hdf5::InputFile& file, const graph::Schema& schema, std::uint64_t limit, LookupResult& result) {
  for (const graph::EdgeType& type : schema.edge_types()) {
    const std::string& source = schema.vertex_type(type.source).name;
    const std::string& destination = schema.vertex_type(type.destination).name;
    for (const auto& [side, mine, other] :
         {std::tuple("by_source", source, destination), std::tuple("by_destination", destination, source)}) {
      if (mine != result.row.type) continue;
      const std::string group = edge_group(source, type.relation, destination) + "/" + side;
      LookupList list;
      list.name = group;
      const IndexRange slots = slots_of(file, group, result.row.row, limit, list.length);
      const NodeTypeInfo target = node_type(file, other);
      const auto indices = file.read<std::uint32_t>(group + "/indices", slots);
      std::vector<float> weights;
      std::vector<std::int64_t> times;
      std::vector<std::uint32_t> relations;
      if (type.has_weights) weights = file.read<float>(group + "/weights", slots);
      if (type.has_times) times = file.read<std::int64_t>(group + "/times", slots);
      if (!type.relations.empty()) relations = file.read<std::uint32_t>(group + "/relations", slots);
      for (std::size_t i = 0; i < indices.size(); ++i) {
        LookupEntry& entry = list.entries.emplace_back(entry_of(file, target, indices[i]));
        if (!weights.empty()) entry.weight = weights[i];
        if (!times.empty()) entry.time = times[i];
        if (!relations.empty()) entry.relation = type.relations.at(relations[i]);
      }
      result.lists.push_back(std::move(list));
    }
  }
}

/// What `delta.h5` says of a row beside its lists.
void add_changes(const hdf5::InputFile& file, LookupResult& result) {
  const std::string vectors = kDeltaVectors + ("/" + hdf5::escape_name(result.row.type));
  result.status = find_value(file, node_group(result.row.type) + "/added", result.row.row) ? "new"
                  : result.lists.empty()                                                   ? "same"
                                                                                           : "changed";
  if (!file.is_group(vectors)) return;
  const auto place = find_value(file, vectors + "/rows", result.row.row);
  if (!place) return;
  result.vector = file.read<float>(vectors + "/vectors", {*place, *place + 1});
  if (result.status == "same") result.status = "changed";
}

}  // namespace

std::optional<RowIdentity> find_row(const hdf5::InputFile& file, const std::string& type, std::string_view id) {
  return find_row_in(file, node_type(file, type).group, type, id);
}

std::vector<LookupResult> lookup(const std::filesystem::path& path, std::string_view id,
                                 const std::optional<std::string>& type, std::uint64_t limit) {
  const hdf5::InputFile file(path);
  const FileHeader header = read_header(file);
  std::vector<std::string> types;
  if (type) {
    types.push_back(*type);
  } else {
    for (const NodeTypeInfo& info : node_types(file)) types.push_back(info.name);
  }
  std::vector<LookupResult> results;
  for (const std::string& candidate : types) {
    const std::string group = node_type(file, candidate).group;
    if (!file.contains(group + "/keys")) {
      throw InputError(fmt::format("{} ({}) holds no ids to look up", path.string(), name_of(header.format)));
    }
    const auto row = find_row(file, candidate, id);
    if (!row && header.format == FileFormat::kDelta) {
      const auto gone = find_row_in(file, "/removed/" + hdf5::escape_name(candidate), candidate, id);
      if (gone) {
        LookupResult& result = results.emplace_back();
        result.row = *gone;
        result.status = "gone";
      }
    }
    if (!row) continue;
    LookupResult& result = results.emplace_back();
    result.row = *row;
    if (file.contains(group + "/vectors"))
      result.vector = file.read<float>(group + "/vectors", {row->row, row->row + 1});
    if (header.format == FileFormat::kPartition) {
      result.part = file.read<std::int32_t>(group + "/part", {row->row, row->row + 1})[0];
    }
    if (header.format == FileFormat::kGraph) add_edges(file, read_schema(file), limit, result);
    if (header.format == FileFormat::kIndex) add_fingerprints(file, limit, result);
    add_ranked_lists(file, "/neighbors", limit, result);
    add_ranked_lists(file, "/recommendations", limit, result);
    if (header.format == FileFormat::kDelta) add_changes(file, result);
  }
  return results;
}

std::string to_text(const LookupResult& result) {
  std::string text =
      fmt::format("{} {} (row {}, key {})\n", result.row.type, result.row.id, result.row.row, result.row.key.value());
  if (!result.status.empty()) text += fmt::format("  since the night before: {}\n", result.status);
  if (result.part) text += fmt::format("  part {}\n", *result.part);
  if (!result.vector.empty()) text += fmt::format("  vector [{:.6g}]\n", fmt::join(result.vector, ", "));
  for (const LookupList& list : result.lists) {
    text += fmt::format("  {}: {} entries\n", list.name, list.length);
    for (const LookupEntry& entry : list.entries) {
      text += fmt::format("    {} {}", entry.type, entry.id);
      if (entry.score) text += fmt::format("  score {:.9g}", *entry.score);
      if (!entry.relation.empty()) text += fmt::format("  relation {}", entry.relation);
      if (entry.weight) text += fmt::format("  weight {:.9g}", *entry.weight);
      if (entry.time) text += fmt::format("  time {}", *entry.time);
      text += '\n';
    }
    if (list.entries.size() < list.length) text += fmt::format("    ... {} more\n", list.length - list.entries.size());
  }
  return text;
}

std::string to_json(const std::vector<LookupResult>& results) {
  Json json = Json::array();
  for (const LookupResult& result : results) {
    Json row{{"type", result.row.type},
             {"id", result.row.id},
             {"row", result.row.row},
             {"key", std::to_string(result.row.key.value())}};
    if (!result.status.empty()) row["status"] = result.status;
    if (result.part) row["part"] = *result.part;
    if (!result.vector.empty()) row["vector"] = result.vector;
    row["lists"] = Json::array();
    for (const LookupList& list : result.lists) {
      Json entries = Json::array();
      for (const LookupEntry& entry : list.entries) {
        Json item{{"type", entry.type}, {"id", entry.id}, {"key", std::to_string(entry.key.value())}};
        if (entry.score) item["score"] = *entry.score;
        if (!entry.relation.empty()) item["relation"] = entry.relation;
        if (entry.weight) item["weight"] = *entry.weight;
        if (entry.time) item["time"] = *entry.time;
        entries.push_back(std::move(item));
      }
      row["lists"].push_back({{"name", list.name}, {"length", list.length}, {"entries", std::move(entries)}});
    }
    json.push_back(std::move(row));
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace rove::io
