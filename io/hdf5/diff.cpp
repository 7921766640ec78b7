// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5/diff.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <set>
#include <span>

#include <fmt/format.h>

#include "io/hdf5/header.hpp"
#include "io/hdf5/node_rows.hpp"
#include "io/publish/manifest.hpp"

namespace rove::io {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kChunkBytes = std::uint64_t{4} << 20U;
constexpr std::size_t kExamples = 5;

/// Values of a dataset that are visited in ascending order of rows: one chunk in memory.
template <class T>
class Reader {
 public:
  Reader(const hdf5::InputFile& file, std::string dataset)
      : file_(file), dataset_(std::move(dataset)), info_(file.info(dataset_)) {}

  [[nodiscard]] std::uint64_t rows() const { return info_.rows(); }
  std::span<const T> row(std::uint64_t row) { return rows({row, row + 1}); }
  std::span<const T> rows(IndexRange range) {
    if (range.begin < loaded_.begin || range.end > loaded_.end) {
      const std::uint64_t chunk =
          std::max<std::uint64_t>(1, kChunkBytes / std::max<std::uint64_t>(1, info_.row_bytes()));
      loaded_ = {range.begin, std::min(info_.rows(), range.begin + std::max(chunk, range.size()))};
      values_ = file_.read<T>(dataset_, loaded_);
    }
    return std::span<const T>(values_).subspan((range.begin - loaded_.begin) * info_.width(),
                                               range.size() * info_.width());
  }

 private:
  const hdf5::InputFile& file_;
  std::string dataset_;
  hdf5::DatasetInfo info_;
  IndexRange loaded_;
  std::vector<T> values_;
};

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

struct JoinVisitor {
  std::function<void(std::uint64_t, std::uint64_t)> both;
  std::function<void(std::uint64_t)> first_only = [](std::uint64_t) {};
  std::function<void(std::uint64_t)> second_only = [](std::uint64_t) {};
};

/// Walks the ascending keys of a type in both files.
void join_rows(const Pair& files, const std::string& group, const JoinVisitor& visit) {
  Reader<std::uint64_t> a(files.first, group + "/keys");
  Reader<std::uint64_t> b(files.second, group + "/keys");
  std::uint64_t i = 0;
  std::uint64_t j = 0;
  while (i < a.rows() || j < b.rows()) {
    constexpr std::uint64_t kEnd = std::numeric_limits<std::uint64_t>::max();
    const std::uint64_t x = i < a.rows() ? a.row(i)[0] : kEnd;
    const std::uint64_t y = j < b.rows() ? b.row(j)[0] : kEnd;
    if (x == y)
      visit.both(i++, j++);
    else if (x < y)
      visit.first_only(i++);
    else
      visit.second_only(j++);
  }
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

double cosine(std::span<const float> a, std::span<const float> b) {
  double dot = 0;
  double norm_a = 0;
  double norm_b = 0;
  for (std::size_t d = 0; d < a.size(); ++d) {
    dot += double{a[d]} * double{b[d]};
    norm_a += double{a[d]} * double{a[d]};
    norm_b += double{b[d]} * double{b[d]};
  }
  if (norm_a == 0 || norm_b == 0) return norm_a == norm_b ? 1 : 0;
  return dot / std::sqrt(norm_a * norm_b);
}

void compare_vectors(const Pair& files, const NodeTypeInfo& type, FileDiff& diff) {
  const std::string name = type.group + "/vectors";
  if (!files.first.contains(name) || !files.second.contains(name)) return;
  if (files.first.info(name).width() != files.second.info(name).width()) return;
  Reader<float> a(files.first, name);
  Reader<float> b(files.second, name);
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

/// The target keys of a ranked list's rows, visited in ascending order of rows.
class ListReader {
 public:
  ListReader(const hdf5::InputFile& file, const std::string& group)
      : indptr_(file, group + "/indptr"),
        indices_(file, group + "/indices"),
        keys_(file.read<std::uint64_t>(node_type(file, file.attribute<std::string>(group, "target")).group + "/keys")) {
  }

  std::vector<std::uint64_t> row(std::uint64_t row) {
    const std::span<const std::uint64_t> offsets = indptr_.rows({row, row + 2});
    std::vector<std::uint64_t> targets;
    for (const std::uint64_t index : indices_.rows({offsets[0], offsets[1]})) targets.push_back(keys_.at(index));
    return targets;
  }

 private:
  Reader<std::uint64_t> indptr_;
  Reader<std::uint64_t> indices_;
  std::vector<std::uint64_t> keys_;
};

double overlap(std::vector<std::uint64_t> a, std::vector<std::uint64_t> b) {
  const std::size_t longer = std::max(a.size(), b.size());
  if (longer == 0) return 1;
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  std::vector<std::uint64_t> common;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(common));
  return static_cast<double>(common.size()) / static_cast<double>(longer);
}

void compare_lists(const Pair& files, const std::string& root, FileDiff& diff) {
  for (const std::string& source : files.first.members(root)) {
    for (const std::string& target : files.first.members(fmt::format("{}/{}", root, source))) {
      FileDiff::Lists lists;
      lists.name = fmt::format("{}/{}/{}", root, source, target);
      if (!files.second.is_group(lists.name)) continue;
      ListReader a(files.first, lists.name);
      ListReader b(files.second, lists.name);
      double total = 0;
      join_rows(files, "/nodes/" + source, {[&](std::uint64_t i, std::uint64_t j) {
                  std::vector<std::uint64_t> x = a.row(i);
                  std::vector<std::uint64_t> y = b.row(j);
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
    if (entry.path().extension() == ".h5") names.push_back(entry.path().filename().string());
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
