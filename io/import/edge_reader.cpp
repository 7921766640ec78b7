// SPDX-License-Identifier: Apache-2.0
#include "io/import/edge_reader.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <limits>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/graph/block_distribution.hpp"
#include "io/text/mirrored_lists.hpp"
#include "io/text/row_reader.hpp"

namespace rove::io {
namespace {

/// What the blocks of all threads fill.
struct Collector {
  Collector(const RowFilter& row_filter, IdTable& source_table, IdTable& target_table, IdTable* relation_table,
            std::span<const text::InputFile> input_files)
      : filter(row_filter),
        sources(source_table),
        targets(target_table),
        relations(relation_table),
        files(input_files),
        rows_of_file(input_files.size()),
        balance_of_file(input_files.size()) {}

  void deposit(std::uint64_t block, EdgeList list) {
    const std::lock_guard lock(mutex);
    if (edges.lists.size() <= block) edges.lists.resize(block + 1);
    edges.lists[block] = std::move(list);
  }

  const RowFilter& filter;
  IdTable& sources;
  IdTable& targets;
  IdTable* relations;
  std::span<const text::InputFile> files;
  std::vector<std::atomic<std::uint64_t>> rows_of_file;
  std::vector<std::atomic<std::uint64_t>> balance_of_file;
  std::atomic<std::uint64_t> outside_time{0};
  std::atomic<std::uint64_t> below_weight{0};
  std::mutex mutex;
  ReadEdges edges;
};

class BlockConsumer final : public text::RowConsumer {
 public:
  BlockConsumer(Collector& to, const text::InputFile& file, std::uint64_t block) : to_(to), file_(file), block_(block) {
    filters_ = to.filter.time_from || to.filter.time_to || to.filter.min_weight;
  }

  void consume(const text::RowBatch& batch) override {
    if (!batch.vertices.empty()) to_.sources.number(batch.vertices, numbers_);
    rows_ += batch.size();
    balance_ += batch.balance;
    if (filters_) {
      consume_filtered(batch);
    } else if (batch.size() > 0) {
      append(batch.sources, batch.targets, batch.relations, batch.weights, batch.times);
    }
  }

  void finish() override {
    if (file_.layout.symmetric && !to_.filter.one_direction) mirror();
    const auto file = static_cast<std::size_t>(&file_ - to_.files.data());
    to_.rows_of_file[file] += rows_;
    to_.balance_of_file[file] += balance_;
    to_.outside_time += outside_time_;
    to_.below_weight += below_weight_;
    // The lists of all blocks are held together: no spare capacity.
    EdgeList compact;
    EdgeList::for_each_column(compact, list_, [](auto& to, auto& from) { to.assign(from.begin(), from.end()); });
    to_.deposit(block_, std::move(compact));
  }

 private:
  using Texts = std::vector<std::string_view>;

  void append(const Texts& sources, const Texts& targets, const Texts& relations, std::span<const float> weights,
              std::span<const std::int64_t> times) {
    const std::size_t begin = list_.size();
    const std::size_t count = sources.size();
    grow(list_.sources, begin + count);
    grow(list_.targets, begin + count);
    to_.sources.number(sources, std::span(list_.sources).subspan(begin));
    to_.targets.number(targets, std::span(list_.targets).subspan(begin));
    if (!relations.empty()) {
      grow(list_.relations, begin + count);
      to_.relations->number(relations, std::span(list_.relations).subspan(begin));
    }
    if (to_.filter.store_weights) list_.weights.insert(list_.weights.end(), weights.begin(), weights.end());
    list_.times.insert(list_.times.end(), times.begin(), times.end());
  }

  static void grow(std::vector<std::uint32_t>& values, std::size_t size) {
    if (size > values.capacity()) values.reserve(std::max<std::size_t>(2 * values.capacity(), 1U << 16U));
    values.resize(size);
  }

  void consume_filtered(const text::RowBatch& batch) {
    Texts sources;
    Texts targets;
    Texts relations;
    std::vector<float> weights;
    std::vector<std::int64_t> times;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const Verdict verdict = verdict_of(to_.filter, batch, i);
      outside_time_ += verdict == Verdict::kOutsideTime ? 1U : 0U;
      below_weight_ += verdict == Verdict::kBelowWeight ? 1U : 0U;
      if (verdict != Verdict::kKept) continue;
      sources.push_back(batch.sources[i]);
      targets.push_back(batch.targets[i]);
      if (!batch.relations.empty()) relations.push_back(batch.relations[i]);
      if (!batch.weights.empty()) weights.push_back(batch.weights[i]);
      if (!batch.times.empty()) times.push_back(batch.times[i]);
    }
    if (!sources.empty()) append(sources, targets, relations, weights, times);
  }

  /// Completes the triangle of a symmetric matrix that is stored by the one that is not.
  void mirror() {
    EdgeList both;
    for (std::size_t i = 0; i < list_.size(); ++i) {
      const std::uint32_t source = list_.sources[i];
      const std::uint32_t target = list_.targets[i];
      const int copies = source == target ? 1 : 2;
      for (int copy = 0; copy < copies; ++copy) {
        both.sources.push_back(copy == 0 ? source : target);
        both.targets.push_back(copy == 0 ? target : source);
        if (!list_.weights.empty()) {
          both.weights.push_back(copy == 1 && file_.layout.skew ? -list_.weights[i] : list_.weights[i]);
        }
      }
    }
    list_ = std::move(both);
  }

  Collector& to_;
  const text::InputFile& file_;
  std::uint64_t block_;
  EdgeList list_;
  std::uint64_t rows_ = 0;
  std::uint64_t balance_ = 0;
  std::uint64_t outside_time_ = 0;
  std::uint64_t below_weight_ = 0;
  bool filters_ = false;
  std::array<std::uint32_t, text::RowBatch::kCapacity> numbers_{};
};

/// Formats with declared sizes name the vertices 1 ... count, with or without edges.
void declare_numbers(IdTable& table, std::uint64_t count, Rank rank, std::int32_t num_ranks) {
  if (count >= std::numeric_limits<std::uint32_t>::max()) {
    throw DoesNotFitError(fmt::format("a header declares {} vertices; a type may have at most 4,294,967,294", count));
  }
  const IndexRange mine = graph::BlockDistribution(count, num_ranks).block(rank);
  constexpr std::size_t kDigits = 20;
  std::vector<char> digits(IdTable::kMaxBatch * kDigits);
  std::vector<std::string_view> names;
  std::array<std::uint32_t, IdTable::kMaxBatch> numbers{};
  for (std::uint64_t i = mine.begin; i < mine.end; ++i) {
    char* const begin = digits.data() + names.size() * kDigits;
    const char* const end = std::to_chars(begin, begin + kDigits, i + 1).ptr;
    names.emplace_back(begin, static_cast<std::size_t>(end - begin));
    if (names.size() < IdTable::kMaxBatch && i + 1 < mine.end) continue;
    table.number(names, numbers, true);
    names.clear();
  }
}

void check_layouts(std::span<const text::InputFile> files, const RowFilter& filter, bool takes_relations) {
  for (const text::InputFile& file : files) {
    if (!takes_relations && file.layout.has_relations()) {
      throw InputError({file.info.path.string(), file.layout.header_lines, 1}, "a relation in every row",
                       "pairs of ids alone; name a file without relations (of RecBole's files a .link, not a .kg)");
    }
    const auto differ = [&](const char* what, bool here, bool there) {
      if (here == there) return;
      throw InputError(fmt::format("{} has {}{}, but {} has {}; the files of one edge type must agree",
                                   file.info.path.string(), here ? "" : "no ", what, files[0].info.path.string(),
                                   there ? "some" : "none"));
    };
    differ("weights", file.layout.has_weights(), files[0].layout.has_weights());
    differ("times", file.layout.has_times(), files[0].layout.has_times());
    differ("relations", file.layout.has_relations(), files[0].layout.has_relations());
    if (filter.min_weight && !file.layout.has_weights()) {
      throw ConfigError(fmt::format("{}: min_weight needs weights; name the weight column", file.info.path.string()));
    }
    if ((filter.time_from || filter.time_to) && !file.layout.has_times()) {
      throw ConfigError(
          fmt::format("{}: time_from and time_to need times; name the time column", file.info.path.string()));
    }
  }
}

/// **Collective.** Formats that say how many entries follow must be right.
void check_entries(const comm::Communicator& comm, const Collector& collector) {
  std::vector<std::uint64_t> rows(collector.files.size());
  for (std::size_t f = 0; f < rows.size(); ++f) rows[f] = collector.rows_of_file[f];
  comm.all_reduce(std::span(rows), comm::ReduceOp::kSum);
  for (std::size_t f = 0; f < rows.size(); ++f) {
    const text::FileLayout& layout = collector.files[f].layout;
    const bool matrix = layout.format == TextFormat::kMatrixMarket;
    if (!matrix && layout.format != TextFormat::kMetis) continue;
    const std::uint64_t expected = layout.num_entries * (matrix || layout.one_direction ? 1 : 2);
    // Some tools write directed graphs this way, each edge listed by its source alone.
    const bool one_way = !matrix && !layout.one_direction && rows[f] == layout.num_entries;
    if (rows[f] == expected || one_way) continue;
    const std::string both = fmt::format("{} edges, each listed by both its vertices", layout.num_entries);
    throw InputError({collector.files[f].info.path.string(), layout.header_lines, 1},
                     matrix                 ? fmt::format("{} entries after it", rows[f])
                     : layout.one_direction ? fmt::format("{} edges listed by their smaller vertex", rows[f])
                                            : fmt::format("{} neighbours after it", rows[f]),
                     matrix ? fmt::format("{} entries, as this line says", expected)
                     : layout.one_direction
                         ? both
                         : fmt::format("{} ({}), or {} (directed, listed once)", expected, both, layout.num_entries));
  }
}

}  // namespace

Verdict verdict_of(const RowFilter& filter, const text::RowBatch& batch, std::size_t i) {
  if ((filter.time_from && batch.times[i] < *filter.time_from) ||
      (filter.time_to && batch.times[i] >= *filter.time_to)) {
    return Verdict::kOutsideTime;
  }
  // Rounded as the weights are: one that the file writes like the threshold is equal to it.
  if (filter.min_weight && batch.weights[i] < static_cast<float>(*filter.min_weight)) return Verdict::kBelowWeight;
  return Verdict::kKept;
}

ReadEdges read_edges(const comm::Communicator& comm, const TextLayout& layout, const RowFilter& filter,
                     IdTable& sources, IdTable& targets, IdTable* relations, ProgressSink& progress) {
  std::vector<text::InputFile> files = text::open_inputs(
      comm, layout.files,
      [&](const std::string& path, std::string_view head) { return text::recognise(path, head, layout); });
  for (text::InputFile& file : files) {
    file.layout.one_direction = filter.one_direction && file.layout.format == TextFormat::kMetis;
  }
  Collector collector(filter, sources, targets, relations, files);
  comm.agree([&] {
    check_layouts(files, filter, relations != nullptr);
    for (const text::InputFile& file : files) {
      if (file.layout.format != TextFormat::kMatrixMarket && file.layout.format != TextFormat::kMetis) continue;
      if (&sources != &targets && (file.layout.symmetric || file.layout.format == TextFormat::kMetis)) {
        throw ConfigError(
            fmt::format("{}: a symmetric graph needs an edge type whose source and destination are one type",
                        file.info.path.string()));
      }
      // Every vertex has a line: a wrong header must not cost memory.
      if (file.layout.format == TextFormat::kMetis && file.info.compression == text::Compression::kNone &&
          file.layout.num_sources > file.info.bytes) {
        throw InputError({file.info.path.string(), file.layout.header_lines, 1},
                         fmt::format("{} vertices in a file of {} bytes", file.layout.num_sources, file.info.bytes),
                         "a line for every vertex");
      }
      declare_numbers(sources, file.layout.num_sources, comm.rank(), comm.size());
      declare_numbers(targets, file.layout.num_targets, comm.rank(), comm.size());
    }
    collector.edges.bytes_read = text::read_share(
        files, comm.rank(), comm.size(), layout.block_bytes,
        [&](const text::InputFile& file, std::uint64_t block) {
          return std::make_unique<BlockConsumer>(collector, file, block);
        },
        progress);
  });
  // A file of lists is read by one rank.
  comm.agree([&] {
    for (std::size_t f = 0; f < files.size(); ++f) {
      if (collector.balance_of_file[f] != 0) text::refuse_unmirrored(files[f], layout.block_bytes);
    }
  });
  check_entries(comm, collector);
  ReadEdges& edges = collector.edges;
  for (const auto& rows : collector.rows_of_file) edges.rows_read += rows;
  edges.outside_time = collector.outside_time;
  edges.below_weight = collector.below_weight;
  if (!files.empty()) {
    edges.columns = {files[0].layout.has_weights() && filter.store_weights, files[0].layout.has_times(),
                     files[0].layout.has_relations(), false};
    edges.input = {std::move(files), filter, layout.block_bytes};
  }
  return std::move(edges);
}

}  // namespace rove::io
