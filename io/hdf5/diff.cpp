// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5/diff.hpp"

#include <algorithm>
#include <set>
#include <span>

#include <fmt/format.h>

#include "io/hdf5/delta_file.hpp"
#include "io/hdf5/header.hpp"
#include "io/hdf5/mapped_file.hpp"
#include "io/hdf5/node_rows.hpp"
#include "io/hdf5/row_join.hpp"
#include "io/publish/manifest.hpp"

namespace rove::io {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kChunkBytes = std::uint64_t{4} << 20U;
constexpr std::size_t kExamples = 5;

struct Pair {
  const hdf5::InputFile& first;
  const hdf5::InputFile& second;
};

FileDiff::Dataset compare_bytes(const Pair& files, const std::string& name) {
  const hdf5::DatasetInfo a = files.first.info(name);
  const hdf5::DatasetInfo b = files.second.info(name);
  if (a.type != b.type || a.shape != b.shape) {
    return {name, FileDiff::Status::kDifferent, fmt::format("{} and {}", a.text(), b.text())};
  }
  const std::uint64_t row_bytes = std::max<std::uint64_t>(1, a.row_bytes());
  const std::uint64_t chunk = std::max<std::uint64_t>(1, kChunkBytes / row_bytes);
  for (std::uint64_t begin = 0; begin < a.rows(); begin += chunk) {
    const IndexRange rows{begin, std::min(a.rows(), begin + chunk)};
    const std::vector<std::byte> x = files.first.read_bytes(name, rows);
    const std::vector<std::byte> y = files.second.read_bytes(name, rows);
    const auto at = std::mismatch(x.begin(), x.end(), y.begin());
    if (at.first == x.end()) continue;
    const std::uint64_t byte = begin * row_bytes + static_cast<std::uint64_t>(at.first - x.begin());
    return {name, FileDiff::Status::kDifferent, fmt::format("first differs in row {}", byte / row_bytes)};
  }
  return {name, FileDiff::Status::kEqual, {}};
}

void compare_datasets(const Pair& files, FileDiff& diff) {
  const std::vector<std::string> a = files.first.datasets();
  const std::vector<std::string> b = files.second.datasets();
  std::set<std::string> names(a.begin(), a.end());
  names.insert(b.begin(), b.end());
  for (const std::string& name : names) {
    if (!std::binary_search(b.begin(), b.end(), name)) {
      diff.datasets.push_back({name, FileDiff::Status::kOnlyFirst, files.first.info(name).text()});
    } else if (!std::binary_search(a.begin(), a.end(), name)) {
      diff.datasets.push_back({name, FileDiff::Status::kOnlySecond, files.second.info(name).text()});
    } else {
      diff.datasets.push_back(compare_bytes(files, name));
    }
  }
}

void join_rows(const Pair& files, const std::string& group, const JoinVisitor& visit) {
  join_rows(all_rows(files.first, group), all_rows(files.second, group), visit);
}

std::string id_of(const hdf5::InputFile& file, const std::string& group, std::uint64_t row) {
  return std::string(read_texts(file, group, "ids", {row, row + 1})[0]);
}

FileDiff::Rows compare_rows(const Pair& files, const NodeTypeInfo& type) {
  FileDiff::Rows rows;
  rows.type = type.name;
  const auto count = [&](std::uint64_t& counter, std::vector<std::string>& ids, const hdf5::InputFile& file) {
    return [&, group = type.group](std::uint64_t row) {
      ++counter;
      if (ids.size() < kExamples) ids.push_back(id_of(file, group, row));
    };
  };
  join_rows(files, type.group,
            {[&](std::uint64_t, std::uint64_t) { ++rows.shared; }, count(rows.removed, rows.removed_ids, files.first),
             count(rows.added, rows.added_ids, files.second)});
  return rows;
}

void compare_vectors(const Pair& files, const NodeTypeInfo& type, FileDiff& diff) {
  const std::string name = type.group + "/vectors";
  if (!files.first.contains(name) || !files.second.contains(name)) return;
  const std::uint64_t columns = files.first.info(name).width();
  if (files.second.info(name).width() != columns) return;
  RowReader<float> a(files.first, name, columns);
  RowReader<float> b(files.second, name, columns);
  FileDiff::Drift drift;
  drift.type = type.name;
  drift.min_cosine = 2;
  std::uint64_t shared = 0;
  std::uint64_t min_row = 0;
  join_rows(files, type.group, {[&](std::uint64_t i, std::uint64_t j) {
              const std::span<const float> x = a.row(i);
              const std::span<const float> y = b.row(j);
              const bool is_same = std::equal(x.begin(), x.end(), y.begin(), y.end());
              const double similarity = is_same ? 1 : cosine(x, y);
              if (is_same) ++drift.identical;
              drift.mean_cosine += similarity;
              ++shared;
              if (similarity < drift.min_cosine) {
                drift.min_cosine = similarity;
                min_row = i;
              }
            }});
  if (shared == 0) return;
  drift.mean_cosine /= static_cast<double>(shared);
  drift.min_id = id_of(files.first, type.group, min_row);
  diff.drift.push_back(std::move(drift));
}

void compare_lists(const Pair& files, const std::string& root, FileDiff& diff) {
  if (files.first.members(root).empty()) return;
  const hdf5::MappedFile first(files.first.path());
  const hdf5::MappedFile second(files.second.path());
  for (const std::string& source : files.first.members(root)) {
    for (const std::string& target : files.first.members(fmt::format("{}/{}", root, source))) {
      FileDiff::Lists lists;
      lists.name = fmt::format("{}/{}/{}", root, source, target);
      if (!files.second.is_group(lists.name)) continue;
      ListReader a(first, lists.name);
      ListReader b(second, lists.name);
      double total = 0;
      join_rows(files, "/nodes/" + source, {[&](std::uint64_t i, std::uint64_t j) {
                  std::vector<std::uint64_t> x = a.targets(i);
                  std::vector<std::uint64_t> y = b.targets(j);
                  if (x == y) ++lists.identical;
                  total += overlap(std::move(x), std::move(y));
                  ++lists.rows;
                }});
      if (lists.rows > 0) lists.mean_overlap = total / static_cast<double>(lists.rows);
      diff.lists.push_back(std::move(lists));
    }
  }
}

void compare_headers(const FileHeader& a, const FileHeader& b, FileDiff& diff) {
  const auto add = [&](const char* name, const auto& x, const auto& y) {
    if (x != y) diff.header.push_back(fmt::format("{}: {} and {}", name, x, y));
  };
  add("format_version", a.version, b.version);
  add("numerics_version", a.provenance.numerics_version, b.provenance.numerics_version);
  add("software_version", a.provenance.software_version, b.provenance.software_version);
  add("commit", a.provenance.commit, b.provenance.commit);
  add("seed", a.provenance.seed, b.provenance.seed);
  add("graph_digest", a.provenance.graph_digest, b.provenance.graph_digest);
  add("created_utc", a.provenance.created_utc, b.provenance.created_utc);
}

std::vector<std::string> hdf5_files(const fs::path& run) {
  std::vector<std::string> names;
  if (!fs::is_directory(run)) throw IoError(fmt::format("{} is not a directory", run.string()));
  for (const fs::directory_entry& entry : fs::directory_iterator(run)) {
    // What a run changes of an earlier one is no result of its own.
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() == ".h5" && name != kDeltaFile) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

bool FileDiff::same_bytes() const {
  return std::all_of(datasets.begin(), datasets.end(), [](const Dataset& dataset) {
    return dataset.status == Status::kEqual || dataset.name == "/config";
  });
}

bool RunDiff::same_bytes() const {
  return only_first.empty() && only_second.empty() &&
         std::all_of(files.begin(), files.end(), [](const FileDiff& file) { return file.same_bytes(); });
}

FileDiff diff_files(const fs::path& first, const fs::path& second) {
  const hdf5::InputFile a(first);
  const hdf5::InputFile b(second);
  const FileHeader header = read_header(a);
  FileDiff diff;
  diff.first = first;
  diff.second = second;
  compare_headers(header, read_header(b, header.format), diff);
  const Pair files{a, b};
  compare_datasets(files, diff);
  for (const NodeTypeInfo& type : node_types(a)) {
    if (!a.contains(type.group + "/keys") || !b.contains(type.group + "/keys")) continue;
    diff.rows.push_back(compare_rows(files, type));
    compare_vectors(files, type, diff);
  }
  compare_lists(files, "/neighbors", diff);
  compare_lists(files, "/recommendations", diff);
  return diff;
}

RunDiff diff_runs(const fs::path& first, const fs::path& second) {
  RunDiff diff;
  const std::vector<std::string> a = hdf5_files(first);
  const std::vector<std::string> b = hdf5_files(second);
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(diff.only_first));
  std::set_difference(b.begin(), b.end(), a.begin(), a.end(), std::back_inserter(diff.only_second));
  for (const std::string& name : a) {
    if (std::binary_search(b.begin(), b.end(), name)) diff.files.push_back(diff_files(first / name, second / name));
  }
  const auto metrics_of = [](const fs::path& run) {
    return fs::exists(run / "metrics.json") ? publish::read_metrics(run / "metrics.json") : publish::Metrics();
  };
  for (const auto& [name, value] : metrics_of(first)) diff.metrics[name].first = value;
  for (const auto& [name, value] : metrics_of(second)) diff.metrics[name].second = value;
  std::erase_if(diff.metrics, [](const auto& entry) { return entry.second.first == entry.second.second; });
  return diff;
}

}  // namespace rove::io
