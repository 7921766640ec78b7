// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5/verify_samples.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "engine/base/checked_cast.hpp"
#include "engine/base/error.hpp"
#include "io/hdf5/detail/verify_chunks.hpp"
#include "io/hdf5/node_rows.hpp"

namespace rove::io::detail {

namespace {

constexpr std::uint64_t kChunkBatches = 1U << 12U;
/// Weights are rounded to float32 each; a vertex has far fewer neighbours than would add up to this.
constexpr double kWeightTolerance = 1e-4;
/// A negative that does not exist.
constexpr std::uint64_t kNoRow = ~std::uint32_t{0};

/// A group of columns with an `indptr` over batches, for some of the batches.
class Batches {
 public:
  Batches(const hdf5::InputFile& file, std::string group, std::uint64_t total, IndexRange batches)
      : file_(file), group_(std::move(group)), batches_(batches) {
    if (file.info(group_ + "/indptr").rows() != total + 1) {
      throw InputError(fmt::format("{}/indptr: {} rows, expected one for each of the {} batches and one more", group_,
                                   file.info(group_ + "/indptr").rows(), total));
    }
    indptr_ = file.read<std::uint64_t>(group_ + "/indptr", {batches.begin, batches.end + 1});
    const auto descent = std::is_sorted_until(indptr_.begin(), indptr_.end());
    if (descent != indptr_.end()) {
      throw InputError(fmt::format("{}/indptr: entry {} is smaller than the one before", group_,
                                   batches.begin + static_cast<std::uint64_t>(descent - indptr_.begin())));
    }
    if (batches.begin == 0 && indptr_.front() != 0) throw InputError(group_ + "/indptr does not start at 0");
    is_last_ = batches.end == total;
  }

  [[nodiscard]] std::uint64_t size(std::uint64_t batch) const {
    return indptr_[batch - batches_.begin + 1] - indptr_[batch - batches_.begin];
  }

  [[nodiscard]] IndexRange batches() const { return batches_; }
  [[nodiscard]] bool contains(const std::string& column) const { return file_.contains(name_of(column)); }
  [[nodiscard]] std::string name_of(const std::string& column) const { return group_ + "/" + column; }
  /// The row of the file of a batch's row.
  [[nodiscard]] std::uint64_t row_of(std::uint64_t batch, std::uint64_t local) const {
    return indptr_[batch - batches_.begin] + local;
  }
  template <class T>
  [[nodiscard]] std::vector<T> rows(const std::string& column, std::uint64_t batch) const {
    return file_.read<T>(name_of(column), {row_of(batch, 0), row_of(batch, size(batch))});
  }
  [[nodiscard]] std::vector<std::uint64_t> bounds(std::uint64_t batch) const {
    return file_.read<std::uint64_t>(name_of("hops"), {batch, batch + 1});
  }

  void check_length(const std::string& column) const {
    const std::uint64_t found = file_.info(name_of(column)).rows();
    if (found < indptr_.back() || (is_last_ && found > indptr_.back())) {
      throw InputError(fmt::format("{}: {} rows, but indptr ends at {}", name_of(column), found, indptr_.back()));
    }
  }

  /// Every value of a column is below `limit(batch, row)`.
  template <class T, class Limit>
  void check(const std::string& column, const Limit& limit, bool may_be_none = false) const {
    check_length(column);
    const std::string name = name_of(column);
    const std::uint64_t width = file_.info(name).width();
    std::uint64_t batch = batches_.begin;
    for (std::uint64_t begin = indptr_.front(); begin < indptr_.back(); begin += kChunkRows) {
      const IndexRange rows{begin, std::min(indptr_.back(), begin + kChunkRows)};
      const std::vector<T> values = file_.read<T>(name, rows);
      for (std::uint64_t row = rows.begin; row < rows.end; ++row) {
        while (row >= indptr_[batch - batches_.begin + 1]) ++batch;
        for (std::uint64_t i = 0; i < width; ++i) {
          const std::uint64_t value = values[(row - rows.begin) * width + i];
          if (value < limit(batch, row) || (may_be_none && value == kNoRow)) continue;
          throw InputError(fmt::format("{}: row {} (batch {}) holds {}, expected below {}", name, row, batch, value,
                                       limit(batch, row)));
        }
      }
    }
  }

  /// The hops of every batch ascend from 0 to its size.
  void check_hops(std::uint64_t total) const {
    const std::string name = group_ + "/hops";
    const hdf5::DatasetInfo info = file_.info(name);
    if (info.rows() != total || info.width() == 0) {
      throw InputError(fmt::format("{}: {} rows, expected one for each of the {} batches", name, info.rows(), total));
    }
    const std::vector<std::uint64_t> bounds = file_.read<std::uint64_t>(name, batches_);
    for (std::uint64_t batch = batches_.begin; batch < batches_.end; ++batch) {
      const auto mine = std::span(bounds).subspan((batch - batches_.begin) * info.width(), info.width());
      if (mine.front() != 0 || mine.back() != size(batch) || !std::is_sorted(mine.begin(), mine.end())) {
        throw InputError(fmt::format("{}: batch {} does not run from 0 to its {} rows", name, batch, size(batch)));
      }
    }
  }

 private:
  const hdf5::InputFile& file_;
  std::string group_;
  IndexRange batches_;
  bool is_last_ = false;
  std::vector<std::uint64_t> indptr_;
};

/// Weights are shares: those of what one vertex drew at one hop sum to 1.
void check_weights(const Batches& edges) {
  edges.check_length("weights");
  for (std::uint64_t batch = edges.batches().begin; batch < edges.batches().end; ++batch) {
    const std::vector<std::uint32_t> anchors = edges.rows<std::uint32_t>("anchors", batch);
    const std::vector<float> weights = edges.rows<float>("weights", batch);
    const std::vector<std::uint64_t> bounds = edges.bounds(batch);
    std::uint64_t end = 0;
    for (std::size_t hop = 1; hop < bounds.size(); ++hop) {
      for (std::uint64_t begin = bounds[hop - 1]; begin < bounds[hop]; begin = end) {
        double sum = 0;
        for (end = begin; end < bounds[hop] && anchors[end] == anchors[begin]; ++end) {
          if (!(weights[end] >= 0 && weights[end] <= 1)) {
            throw InputError(fmt::format("{}: row {} (batch {}) holds {}, expected a share from 0 to 1",
                                         edges.name_of("weights"), edges.row_of(batch, end), batch, weights[end]));
          }
          sum += static_cast<double>(weights[end]);
        }
        if (std::abs(sum - 1) <= kWeightTolerance) continue;
        throw InputError(fmt::format("{}: rows {} to {} (batch {}) are one vertex's and sum to {}, expected 1",
                                     edges.name_of("weights"), edges.row_of(batch, begin), edges.row_of(batch, end - 1),
                                     batch, sum));
      }
    }
  }
}

/// No edge leads from one seed's subgraph to that of another.
void check_disjoint(const Batches& edges, const Batches& neighbors, const Batches& anchors) {
  for (std::uint64_t batch = edges.batches().begin; batch < edges.batches().end; ++batch) {
    const std::vector<std::uint32_t> neighbor_seeds = neighbors.rows<std::uint32_t>("seeds", batch);
    const std::vector<std::uint32_t> anchor_seeds = anchors.rows<std::uint32_t>("seeds", batch);
    const std::vector<std::uint32_t> from = edges.rows<std::uint32_t>("anchors", batch);
    const std::vector<std::uint32_t> to = edges.rows<std::uint32_t>("neighbors", batch);
    for (std::uint64_t e = 0; e < from.size(); ++e) {
      if (anchor_seeds[from[e]] == neighbor_seeds[to[e]]) continue;
      throw InputError(fmt::format("{}: row {} (batch {}) is of seed {}, but its neighbour of seed {}",
                                   edges.name_of("anchors"), edges.row_of(batch, e), batch, anchor_seeds[from[e]],
                                   neighbor_seeds[to[e]]));
    }
  }
}

void verify_chunk(const hdf5::InputFile& file, std::uint64_t total, IndexRange batches) {
  std::map<std::string, Batches> vertices;
  for (const NodeTypeInfo& type : node_types(file)) {
    const auto [mine, is_new] =
        vertices.try_emplace(type.name, file, "/samples" + node_group(type.name), total, batches);
    mine->second.check<std::uint32_t>("rows", [&](std::uint64_t, std::uint64_t) { return type.count; });
    mine->second.check_hops(total);
  }
  // A seed is one of the batch's vertices.
  for (const auto& [name, mine] : vertices) {
    if (!mine.contains("seeds")) continue;
    mine.check<std::uint32_t>("seeds", [&](std::uint64_t b, std::uint64_t) {
      std::uint64_t size = 0;
      for (const auto& [other, type] : vertices) size += type.size(b);
      return size;
    });
  }
  const auto vertices_of = [&](const std::string& type) -> const Batches& {
    const auto found = vertices.find(type);
    if (found == vertices.end()) {
      throw InputError(fmt::format("a link names the vertex type '{}', which the file does not have", type));
    }
    return found->second;
  };
  for (const std::string& link : file.members("/samples/edges")) {
    const std::string group = "/samples/edges/" + link;
    const Batches edges(file, group, total, batches);
    const Batches& neighbors = vertices_of(file.attribute<std::string>(group, "neighbors"));
    const Batches& anchors = vertices_of(file.attribute<std::string>(group, "anchors"));
    edges.check<std::uint32_t>("neighbors", [&](std::uint64_t b, std::uint64_t) { return neighbors.size(b); });
    edges.check<std::uint32_t>("anchors", [&](std::uint64_t b, std::uint64_t) { return anchors.size(b); });
    // Neighbours by visits are no edges of the graph: they have weights instead of positions.
    if (file.find_attribute(group, "num_edges") || edges.contains("positions") || !edges.contains("weights")) {
      const auto num_edges = checked_cast<std::uint64_t>(file.attribute<std::int64_t>(group, "num_edges"), "num_edges");
      edges.check<std::uint64_t>("positions", [&](std::uint64_t, std::uint64_t) { return num_edges; });
    }
    edges.check_hops(total);
    if (edges.contains("weights")) check_weights(edges);
    if (anchors.contains("seeds") && neighbors.contains("seeds")) check_disjoint(edges, neighbors, anchors);
  }
  const std::string group = "/samples/links";
  if (!file.is_group(group)) return;
  struct Relation {
    const Batches* sources;
    const Batches* destinations;
    std::uint64_t num_edges;
  };
  std::vector<Relation> relations;
  while (file.is_group(fmt::format("{}/relation_{}", group, relations.size()))) {
    const std::string relation = fmt::format("{}/relation_{}", group, relations.size());
    relations.push_back(
        {&vertices_of(file.attribute<std::string>(relation, "source")),
         &vertices_of(file.attribute<std::string>(relation, "destination")),
         checked_cast<std::uint64_t>(file.attribute<std::int64_t>(relation, "num_edges"), "num_edges")});
  }
  const Batches links(file, group, total, batches);
  links.check<std::uint32_t>("relations", [&](std::uint64_t, std::uint64_t) { return relations.size(); });
  // Each row's relation, read again in pieces as the columns are.
  IndexRange loaded;
  std::vector<std::uint32_t> of_rows;
  const auto relation_of = [&](std::uint64_t row) -> const Relation& {
    if (!loaded.contains(row)) {
      loaded = {row, std::min(file.info(group + "/relations").rows(), row + kChunkRows)};
      of_rows = file.read<std::uint32_t>(group + "/relations", loaded);
    }
    return relations[of_rows[row - loaded.begin]];
  };
  links.check<std::uint32_t>("sources",
                             [&](std::uint64_t b, std::uint64_t row) { return relation_of(row).sources->size(b); });
  const auto destinations = [&](std::uint64_t b, std::uint64_t row) { return relation_of(row).destinations->size(b); };
  links.check<std::uint32_t>("destinations", destinations);
  links.check<std::uint64_t>("positions", [&](std::uint64_t, std::uint64_t row) { return relation_of(row).num_edges; });
  if (file.contains(group + "/negatives")) links.check<std::uint32_t>("negatives", destinations, true);
}

}  // namespace

std::uint64_t num_batches(const hdf5::InputFile& file) {
  return checked_cast<std::uint64_t>(file.attribute<std::int64_t>("/samples", "batches"), "number of batches");
}

void verify_samples(const hdf5::InputFile& file, IndexRange batches) {
  const std::uint64_t total = num_batches(file);
  for (std::uint64_t begin = batches.begin; begin < batches.end; begin += kChunkBatches) {
    verify_chunk(file, total, {begin, std::min(batches.end, begin + kChunkBatches)});
  }
}

}  // namespace rove::io::detail
