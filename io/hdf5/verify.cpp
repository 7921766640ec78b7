// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5/verify.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "engine/base/hash.hpp"
#include "engine/graph/block_distribution.hpp"
#include "io/hdf5/detail/verify_chunks.hpp"
#include "io/hdf5/digest.hpp"
#include "io/hdf5/file_structure.hpp"
#include "io/hdf5/graph_file.hpp"
#include "io/hdf5/index_file.hpp"
#include "io/hdf5/result_files.hpp"
#include "io/hdf5/verify_delta.hpp"
#include "io/hdf5/verify_keys.hpp"
#include "io/hdf5/verify_samples.hpp"
#include "io/hdf5/walks_file.hpp"

namespace rove::io {
namespace detail {

namespace {

constexpr std::uint64_t kChunkBytes = std::uint64_t{4} << 20U;  ///< of one dataset in memory at a time

std::string digest_label(const std::string& dataset, const char* word) {
  return "digest " + dataset + " " + word;
}
std::string edges_label(const std::string& group, const char* side) {
  return "edges " + group + " " + side;
}

class Verifier {
 public:
  Verifier(const std::filesystem::path& path, std::int32_t share, std::int32_t shares)
      : file_(path), share_(share), shares_(shares) {}

  VerifyShare run() {
    FileHeader header;
    if (!attempt([&] { header = read_header(file_); })) return std::move(result_);
    result_.report.format = header.format;
    if (share_ == 0) {
      attempt([&] {
        if (const auto found = hdf5::structure_problem(file_)) problem(*found);
      });
    }
    for (const std::string& dataset : file_.datasets()) attempt([&] { check_dataset(dataset); });
    if (header.format == FileFormat::kCheckpoint) return std::move(result_);
    std::vector<NodeTypeInfo> types;
    if (!attempt([&] { types = node_types(file_); })) return std::move(result_);
    for (const NodeTypeInfo& type : types) {
      counts_[type.name] = type.count;
      attempt([&] { check_nodes(type, header.format); });
    }
    if (header.format == FileFormat::kGraph) attempt([&] { check_edges(); });
    if (header.format == FileFormat::kSamples) attempt([&] { verify_samples(file_, my_share(num_batches(file_))); });
    if (header.format == FileFormat::kDelta) {
      attempt([&] { verify_delta(file_, [this](std::uint64_t rows) { return my_share(rows); }); });
    }
    const bool has_neighbors = header.format == FileFormat::kPpr || header.format == FileFormat::kDelta;
    if (has_neighbors) check_lists("/neighbors");
    if (header.format == FileFormat::kRecommendations || header.format == FileFormat::kDelta) {
      check_lists("/recommendations");
    }
    if (header.format == FileFormat::kWalks) attempt([&] { check_walks(types); });
    if (header.format == FileFormat::kIndex) {
      for (const std::string& type : file_.members("/fingerprints")) {
        for (const std::string& target : file_.members("/fingerprints/" + type)) {
          attempt([&] { check_fingerprints("/fingerprints/" + type + "/" + target); });
        }
      }
    }
    return std::move(result_);
  }

 private:
  /// One row's or one adjacency's slots: [first, first + count) of the group's datasets.
  using SlotCheck = std::function<void(std::uint64_t row, std::uint64_t slot, std::uint64_t index)>;

  bool attempt(const std::function<void()>& check) {
    try {
      check();
      return true;
    } catch (const Error& error) {
      problem(error.what());
      return false;
    }
  }

  void problem(const std::string& text) { result_.report.problems.push_back(text); }

  [[nodiscard]] IndexRange my_share(std::uint64_t rows) const {
    return graph::BlockDistribution(rows, shares_).block(Rank{share_});
  }

  template <class Body>
  static void in_chunks(IndexRange range, std::uint64_t grain, const Body& body) {
    for (std::uint64_t begin = range.begin; begin < range.end; begin += grain) {
      body(IndexRange{begin, std::min(range.end, begin + grain)});
    }
  }

  void check_dataset(const std::string& name) {
    const hdf5::DatasetInfo info = file_.info(name);
    result_.report.datasets += 1;
    result_.report.bytes += info.bytes();
    if (info.shape.empty()) return;
    if (!file_.find_attribute(name, "xxh3")) {
      problem(fmt::format("{}: the attribute xxh3 (its digest) is missing", name));
      return;
    }
    const std::uint64_t rows_per_block = hdf5::DatasetDigest::rows_per_block(info.row_bytes());
    const std::uint64_t blocks = (info.rows() + rows_per_block - 1) / rows_per_block;
    const std::uint64_t blocks_per_chunk =
        std::max<std::uint64_t>(1, kChunkBytes / std::max<std::uint64_t>(1, rows_per_block * info.row_bytes()));
    hdf5::DatasetDigest digest;
    std::uint64_t not_finite = 0;
    in_chunks(my_share(blocks), blocks_per_chunk, [&](IndexRange chunk) {
      const IndexRange rows{chunk.begin * rows_per_block, std::min(info.rows(), chunk.end * rows_per_block)};
      const std::vector<std::byte> bytes = file_.read_bytes(name, rows);
      digest.add_blocks(chunk.begin, bytes, info.row_bytes());
      if (info.type.element == hdf5::ElementType::kFloat32) not_finite += count_not_finite<float>(bytes);
      if (info.type.element == hdf5::ElementType::kFloat64) not_finite += count_not_finite<double>(bytes);
    });
    if (not_finite > 0) problem(fmt::format("{}: {} values are not finite", name, not_finite));
    const auto words = digest.words();
    result_.sums[digest_label(name, "low")] += words.low;
    result_.sums[digest_label(name, "high")] += words.high;
  }

  template <class T>
  static std::uint64_t count_not_finite(const std::vector<std::byte>& bytes) {
    std::uint64_t count = 0;
    for (std::size_t i = 0; i + sizeof(T) <= bytes.size(); i += sizeof(T)) {
      T value;
      std::memcpy(&value, bytes.data() + i, sizeof value);
      if (!std::isfinite(value)) ++count;
    }
    return count;
  }

  void require_rows(const std::string& dataset, std::uint64_t expected) {
    const std::uint64_t found = file_.info(dataset).rows();
    if (found != expected) throw InputError(fmt::format("{}: {} rows, expected {}", dataset, found, expected));
  }

  void check_nodes(const NodeTypeInfo& type, FileFormat format) {
    if (format == FileFormat::kPartition) {
      check_parts(type);
      // Files of older software hold no ids.
      if (!file_.contains(type.group + "/keys")) return;
    }
    require_rows(type.group + "/keys", type.count);
    if (format == FileFormat::kEmbeddings) {
      require_rows(type.group + "/vectors", type.count);
      const auto dim = static_cast<std::uint64_t>(file_.attribute<std::int64_t>("/", "dim"));
      if (file_.info(type.group + "/vectors").width() != dim) {
        problem(fmt::format("{}/vectors: {} columns, expected dim = {}", type.group,
                            file_.info(type.group + "/vectors").width(), dim));
      }
    }
    for (const std::string& feature : file_.members(type.group + "/features")) {
      require_rows(type.group + "/features/" + feature, type.count);
    }
    const bool is_long = file_.contains(type.group + "/ids_offsets");
    require_rows(type.group + (is_long ? "/ids_offsets" : "/ids"), type.count + (is_long ? 1 : 0));

    verify_keys(file_, type.group, type.name, my_share(type.count));
  }

  void check_parts(const NodeTypeInfo& type) {
    const std::string name = type.group + "/part";
    require_rows(name, type.count);
    const auto parts = file_.attribute<std::int64_t>("/", "num_parts");
    in_chunks(my_share(type.count), kChunkRows, [&](IndexRange rows) {
      const auto values = file_.read<std::int32_t>(name, rows);
      for (std::size_t i = 0; i < values.size(); ++i) {
        if (values[i] >= 0 && values[i] < parts) continue;
        throw InputError(fmt::format("{}: row {} is in part {} of {}", name, rows.begin + i, values[i], parts));
      }
    });
  }

  [[nodiscard]] std::uint64_t count_of(const std::string& type, const std::string& group) const {
    const auto found = counts_.find(type);
    if (found == counts_.end()) {
      throw InputError(fmt::format("{} names the vertex type '{}', which the file does not have", group, type));
    }
    return found->second;
  }

  /// Checks `indptr` against `rows` rows and the indices against `targets`, and visits this share's slots in order.
  void check_csr(const std::string& group, std::uint64_t rows, std::uint64_t targets, const SlotCheck& visit) {
    const std::string indices = group + "/indices";
    const std::uint64_t slots = file_.info(indices).rows();
    require_rows(group + "/indptr", rows + 1);
    if (file_.read<std::uint64_t>(group + "/indptr", {0, 1})[0] != 0 ||
        file_.read<std::uint64_t>(group + "/indptr", {rows, rows + 1})[0] != slots) {
      throw InputError(fmt::format("{}/indptr does not run from 0 to the {} indices", group, slots));
    }
    const bool is_narrow = file_.info(indices).type.element == hdf5::ElementType::kUint32;
    in_chunks(my_share(rows), kChunkRows, [&](IndexRange chunk) {
      const auto indptr = file_.read<std::uint64_t>(group + "/indptr", {chunk.begin, chunk.end + 1});
      const auto descent = std::is_sorted_until(indptr.begin(), indptr.end());
      if (descent != indptr.end()) {
        throw InputError(fmt::format("{}/indptr: entry {} is smaller than the one before", group,
                                     chunk.begin + static_cast<std::uint64_t>(descent - indptr.begin())));
      }
      std::size_t row = 0;
      in_chunks({indptr.front(), indptr.back()}, kChunkRows, [&](IndexRange part) {
        const auto wide = is_narrow ? std::vector<std::uint64_t>() : file_.read<std::uint64_t>(indices, part);
        const auto narrow = is_narrow ? file_.read<std::uint32_t>(indices, part) : std::vector<std::uint32_t>();
        for (std::uint64_t slot = part.begin; slot < part.end; ++slot) {
          while (slot >= indptr[row + 1]) ++row;
          const std::uint64_t i = slot - part.begin;
          const std::uint64_t index = is_narrow ? narrow[i] : wide[i];
          if (index >= targets) {
            throw InputError(fmt::format("{}: slot {} (row {}) holds {}, but the target type has {} rows", indices,
                                         slot, chunk.begin + row, index, targets));
          }
          visit(chunk.begin + row, slot, index);
        }
      });
    });
  }

  void check_edges() {
    const graph::Schema schema = read_schema(file_);
    for (const graph::EdgeType& type : schema.edge_types()) {
      const std::string& source = schema.vertex_type(type.source).name;
      const std::string& destination = schema.vertex_type(type.destination).name;
      const std::string group = edge_group(source, type.relation, destination);
      attempt([&] {
        for (const char* side : {"by_source", "by_destination"}) {
          const std::string adjacency = group + "/" + side;
          require_rows(adjacency + "/indices", type.count);
          for (const auto& [is_present, name] :
               {std::pair(type.has_weights, "weights"), std::pair(type.has_times, "times"),
                std::pair(!type.relations.empty(), "relations")}) {
            if (is_present) require_rows(adjacency + "/" + name, type.count);
          }
        }
        require_rows(group + "/by_destination/edge_positions", type.count);
        // Endpoints with their position by source: equal sums of hashes mean equal sets of edges.
        std::uint64_t& by_source = result_.sums[edges_label(group, "by_source")];
        check_csr(group + "/by_source", count_of(source, group), count_of(destination, group),
                  [&](std::uint64_t row, std::uint64_t slot, std::uint64_t index) {
                    by_source += mix64(mix64(row, index), slot);
                  });
        std::uint64_t& by_destination = result_.sums[edges_label(group, "by_destination")];
        IndexRange loaded;
        std::vector<std::uint64_t> positions;
        check_csr(group + "/by_destination", count_of(destination, group), count_of(source, group),
                  [&](std::uint64_t row, std::uint64_t slot, std::uint64_t index) {
                    if (!loaded.contains(slot)) {
                      loaded = {slot, std::min(type.count, slot + kChunkRows)};
                      positions = file_.read<std::uint64_t>(group + "/by_destination/edge_positions", loaded);
                    }
                    by_destination += mix64(mix64(index, row), positions[slot - loaded.begin]);
                  });
      });
    }
  }

  void check_lists(const std::string& root) {
    for (const std::string& source : file_.members(root)) {
      for (const std::string& target : file_.members(root + "/" + source)) {
        attempt([&] { check_neighbors(root + "/" + source + "/" + target); });
      }
    }
  }

  void check_neighbors(const std::string& group) {
    const std::uint64_t slots = file_.info(group + "/indices").rows();
    require_rows(group + "/scores", slots);
    IndexRange loaded;
    std::vector<float> scores;
    float last_score = 0;
    std::uint64_t last_index = 0;
    std::uint64_t last_row = ~std::uint64_t{0};
    const std::uint64_t rows = file_.contains(group + "/rows")  // of a delta: lists of some rows
                                   ? file_.info(group + "/rows").rows()
                                   : count_of(file_.attribute<std::string>(group, "source"), group);
    check_csr(group, rows, count_of(file_.attribute<std::string>(group, "target"), group),
              [&](std::uint64_t row, std::uint64_t slot, std::uint64_t index) {
                if (!loaded.contains(slot)) {
                  loaded = {slot, std::min(slots, slot + kChunkRows)};
                  scores = file_.read<float>(group + "/scores", loaded);
                }
                const float score = scores[slot - loaded.begin];
                const bool is_ordered = score < last_score || (score == last_score && index > last_index);
                if (row == last_row && !is_ordered) {
                  throw InputError(
                      fmt::format("{}: row {} is not in order of score, then key, at slot {}", group, row, slot));
                }
                last_row = row;
                last_score = score;
                last_index = index;
              });
  }

  /// Vertices exist, nothing follows the end of a walk, and the walks of a source begin at one vertex.
  void check_walks(const std::vector<NodeTypeInfo>& types) {
    const std::string name = "/walks/vertices";
    std::uint64_t num_vertices = 0;
    for (const NodeTypeInfo& type : types) num_vertices += type.count;
    const hdf5::DatasetInfo info = file_.info(name);
    const std::uint64_t columns = info.width();
    const auto per_source = static_cast<std::uint64_t>(file_.attribute<std::int64_t>("/walks", "walks_per_source"));
    if (per_source == 0 || info.rows() % per_source != 0) {
      throw InputError(
          fmt::format("{}: {} rows are no multiple of walks_per_source = {}", name, info.rows(), per_source));
    }
    const std::uint64_t grain = std::max<std::uint64_t>(1, kChunkRows / columns);
    in_chunks(my_share(info.rows()), grain, [&](IndexRange rows) {
      const auto vertices = file_.read<std::uint32_t>(name, rows);
      for (std::size_t i = 0; i < vertices.size(); ++i) {
        const std::uint64_t row = rows.begin + i / columns;
        const std::uint64_t step = i % columns;
        if (vertices[i] == kWalkPadding ? step == 0 : vertices[i] >= num_vertices) {
          throw InputError(fmt::format("{}: row {} holds vertex {} at step {}, but the file has {} vertices", name, row,
                                       vertices[i], step, num_vertices));
        }
        if (step > 0 && vertices[i] != kWalkPadding && vertices[i - 1] == kWalkPadding) {
          throw InputError(fmt::format("{}: row {} goes on at step {} after its end", name, row, step));
        }
        if (step == 0 && i > 0 && row % per_source != 0 && vertices[i] != vertices[i - columns]) {
          throw InputError(fmt::format("{}: row {} does not begin where the row before does", name, row));
        }
      }
    });
  }

  void check_fingerprints(const std::string& group) {
    const std::uint64_t rows = count_of(file_.attribute<std::string>(group, "source"), group);
    const std::uint64_t targets = count_of(file_.attribute<std::string>(group, "target"), group);
    const IndexInfo info = read_index_info(file_);
    require_rows(group + "/indptr", rows + 1);
    require_rows(group + "/lost", rows);
    require_rows(group + "/cut", rows);
    const std::uint64_t entries = file_.info(group + "/entries").rows();
    if (file_.read<std::uint64_t>(group + "/indptr", {rows, rows + 1})[0] != entries) {
      throw InputError(fmt::format("{}/indptr does not end at the {} entries", group, entries));
    }
    in_chunks(my_share(rows), kChunkRows / 64, [&](IndexRange chunk) {
      const auto indptr = file_.read<std::uint64_t>(group + "/indptr", {chunk.begin, chunk.end + 1});
      if (!std::is_sorted(indptr.begin(), indptr.end()) || indptr.back() > entries) {
        throw InputError(fmt::format("{}/indptr does not ascend in rows {} to {}", group, chunk.begin, chunk.end));
      }
      const auto pairs = file_.read<std::uint32_t>(group + "/entries", {indptr.front(), indptr.back()});
      const auto lost = file_.read<std::uint32_t>(group + "/lost", chunk);
      const auto cut = file_.read<std::uint32_t>(group + "/cut", chunk);
      for (std::size_t row = 0; row < lost.size(); ++row) {
        bool is_sound = lost[row] <= info.walks && indptr[row + 1] - indptr[row] <= info.entries;
        for (std::uint64_t i = indptr[row] - indptr.front(); i < indptr[row + 1] - indptr.front(); ++i) {
          const bool ascends = i == indptr[row] - indptr.front() || pairs[2 * i] > pairs[2 * (i - 1)];
          is_sound = is_sound && ascends && pairs[2 * i] < targets && pairs[2 * i + 1] >= std::max(1U, cut[row]);
        }
        if (!is_sound) {
          throw InputError(fmt::format(
              "{}: row {} is not a fingerprint: targets must ascend below {}, counts be at least the one cut off",
              group, chunk.begin + row, targets));
        }
      }
    });
  }

  hdf5::InputFile file_;
  std::int32_t share_;
  std::int32_t shares_;
  std::map<std::string, std::uint64_t> counts_;
  VerifyShare result_;
};

}  // namespace

VerifyShare verify_share(const std::filesystem::path& path, std::int32_t share, std::int32_t shares) {
  VerifyShare result;
  try {
    result = Verifier(path, share, shares).run();
  } catch (const Error& error) {
    result.report.problems.emplace_back(error.what());
  }
  return result;
}

VerifyReport judge(const std::filesystem::path& path, VerifyShare all) {
  VerifyReport report = std::move(all.report);
  try {
    const hdf5::InputFile file(path);
    for (const auto& [label, sum] : all.sums) {
      std::istringstream words(label);
      std::string kind;
      std::string object;
      std::string side;
      words >> kind;
      std::getline(words >> std::ws, object);
      side = object.substr(object.rfind(' ') + 1);
      object.resize(object.rfind(' '));
      if (kind == "edges" && side == "by_source") {
        const auto other = all.sums.find(edges_label(object, "by_destination"));
        if (other != all.sums.end() && other->second != sum) {
          report.problems.push_back(object + ": by_source and by_destination hold different edges");
        }
      }
      if (kind == "digest" && side == "low") {
        const hdf5::DatasetDigest found =
            hdf5::DatasetDigest::from_words({sum, all.sums[digest_label(object, "high")]});
        const auto stored = file.attribute<std::string>(object, "xxh3");
        if (found.text() != stored) {
          report.problems.push_back(
              fmt::format("{}: its bytes have the digest {}, but {} was written; the dataset is damaged", object,
                          found.text(), stored));
        }
      }
    }
  } catch (const Error& error) {
    report.problems.emplace_back(error.what());
  }
  return report;
}

}  // namespace detail

VerifyReport verify_file(const std::filesystem::path& path) {
  return detail::judge(path, detail::verify_share(path, 0, 1));
}

VerifyReport verify_file(const comm::Communicator& comm, const std::filesystem::path& path) {
  detail::VerifyShare mine = detail::verify_share(path, comm.rank().value(), comm.size());
  std::string text;
  for (const std::string& problem : mine.report.problems) text += fmt::format("p{}", problem) + '\0';
  for (const auto& [label, sum] : mine.sums) text += fmt::format("s{} {}", sum, label) + '\0';

  detail::VerifyShare all;
  all.report.datasets = mine.report.datasets;
  all.report.bytes = mine.report.bytes;
  all.report.format = mine.report.format;
  for (const std::string& part : comm.all_gather_text(text)) {
    std::istringstream entries(part);
    for (std::string entry; std::getline(entries, entry, '\0');) {
      if (entry.starts_with('s')) {
        const std::size_t space = entry.find(' ');
        all.sums[entry.substr(space + 1)] += std::stoull(entry.substr(1, space - 1));
      } else if (entry.starts_with('p')) {
        const std::string problem = entry.substr(1);
        std::vector<std::string>& problems = all.report.problems;
        if (std::find(problems.begin(), problems.end(), problem) == problems.end()) problems.push_back(problem);
      }
    }
  }
  // Reading the stored digests can fail on one rank alone; rank 0 judges for all.
  std::string judged;
  if (comm.is_root()) {
    for (const std::string& problem : detail::judge(path, all).problems) judged += problem + '\0';
  }
  all.report.problems.clear();
  std::istringstream problems(comm.broadcast_text(judged, Rank{0}));
  for (std::string problem; std::getline(problems, problem, '\0');) all.report.problems.push_back(problem);
  return all.report;
}

}  // namespace rove::io
