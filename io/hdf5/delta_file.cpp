// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5/delta_file.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <span>
#include <system_error>

#include <fmt/format.h>

#include "engine/base/checked_cast.hpp"
#include "engine/base/error.hpp"
#include "engine/graph/block_distribution.hpp"
#include "io/hdf5/result_files.hpp"
#include "io/hdf5/row_join.hpp"
#include "io/hdf5/row_stream.hpp"

namespace rove::io {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kRowsPerRead = std::uint64_t{1} << 16U;
constexpr std::uint64_t kPieceBytes = std::uint64_t{4} << 20U;
constexpr std::uint64_t kListsPerPiece = 4096;
constexpr std::uint64_t kEndOfKeys = std::numeric_limits<std::uint64_t>::max();

struct Kind {
  FileFormat format;
  const char* file;
  const char* root;
};
constexpr std::array<Kind, 3> kKinds{{{FileFormat::kEmbeddings, "embeddings.h5", kDeltaVectors},
                                      {FileFormat::kPpr, "ppr.h5", "/neighbors"},
                                      {FileFormat::kRecommendations, "recommendations.h5", "/recommendations"}}};

/// What cannot be looked at may: opening it says why.
bool may_exist(const fs::path& path) {
  std::error_code error;
  return fs::status(path, error).type() != fs::file_type::not_found;
}

/// One file of both nights.
struct Nights {
  Kind kind;
  hdf5::MappedFile tonight;
  hdf5::MappedFile before;
  FileHeader header;
  FileHeader header_before;

  Nights(const Kind& which, const fs::path& run, const fs::path& previous_run)
      : kind(which), tonight(run / which.file), before(previous_run / which.file) {
    header = read_header(tonight.file(), kind.format);
    header_before = read_header(before.file(), kind.format);
  }
};

/// My rows of one type: the home block of tonight's, and last night's with keys in its range.
struct MyRows {
  KeyedRows tonight;
  std::optional<KeyedRows> before;
};

class DeltaWriter {
 public:
  DeltaWriter(const comm::Communicator& comm, const fs::path& run, const fs::path& previous_run,
              const DeltaOptions& options)
      : comm_(comm), options_(options), previous_run_(previous_run) {
    // Every file takes collective calls, and ranks on a slow shared file system may see different files.
    std::vector<std::uint8_t> in_both(kKinds.size());
    if (comm_.is_root()) {
      for (std::size_t k = 0; k < kKinds.size(); ++k) {
        in_both[k] = may_exist(run / kKinds[k].file) && may_exist(previous_run / kKinds[k].file) ? 1 : 0;
      }
    }
    comm_.broadcast(std::span(in_both), Rank{0});
    agree_on_nights([&] {
      for (std::size_t k = 0; k < kKinds.size(); ++k) {
        if (in_both[k] != 0) nights_.push_back(std::make_unique<Nights>(kKinds[k], run, previous_run));
      }
    });
  }

  [[nodiscard]] bool is_empty() const { return nights_.empty(); }

  DeltaSummary write(const fs::path& path, FileProvenance provenance) {
    hdf5::OutputFile file(comm_, path);
    write_types(file);
    for (const std::unique_ptr<Nights>& nights : nights_) {
      if (nights->kind.format == FileFormat::kEmbeddings) {
        write_vectors(file, *nights);
      } else {
        write_lists(file, *nights);
      }
    }
    const FileHeader& before = nights_.front()->header_before;
    file.set_attribute("/", "previous_run", previous_run_.filename().string());
    file.set_attribute("/", "previous_created_utc", before.provenance.created_utc);
    file.set_attribute("/", "previous_graph_digest", before.provenance.graph_digest);
    file.set_attribute("/", "tolerance", options_.tolerance);
    provenance.graph_digest = nights_.front()->header.provenance.graph_digest;
    write_header(file, FileFormat::kDelta, provenance);
    file.commit();
    return std::move(summary_);
  }

 private:
  /// **Collective.** `agree` for work that reads last night's files. HDF5 fails with an `IoError` on some damage: to
  /// whoever asks for a delta it is bad input as well, unlike a delta that cannot be written.
  template <class Work>
  void agree_on_nights(const Work& work) const {
    comm_.agree([&] {
      try {
        work();
      } catch (const IoError& error) {
        throw InputError(fmt::format("cannot compare with {}: {}", previous_run_.string(), error.what()));
      }
    });
  }

  [[nodiscard]] MyRows my_rows(const Nights& nights, const std::string& group) const {
    const hdf5::InputFile& tonight = nights.tonight.file();
    const std::uint64_t count = tonight.info(group + "/keys").rows();
    const graph::BlockDistribution blocks(count, comm_.size());
    const auto key_from = [&](std::int32_t rank) {
      if (rank == 0) return std::uint64_t{0};
      const std::uint64_t row = rank < comm_.size() ? blocks.block(Rank{rank}).begin : count;
      return row < count ? tonight.read<std::uint64_t>(group + "/keys", {row, row + 1})[0] : kEndOfKeys;
    };
    MyRows mine{{tonight, group, blocks.block(comm_.rank())}, std::nullopt};
    if (nights.before.file().contains(group + "/keys")) {
      mine.before.emplace(rows_with_keys(nights.before.file(), group, key_from(comm_.rank().value()),
                                         key_from(comm_.rank().value() + 1)));
    }
    return mine;
  }

  /// Visits my rows in ascending order of keys; without last night's, all are new.
  static void join(const MyRows& mine, const JoinVisitor& visit) {
    if (mine.before) {
      join_rows(mine.tonight, *mine.before, visit);
      return;
    }
    for (std::uint64_t row = mine.tonight.rows.begin; row < mine.tonight.rows.end; ++row) visit.first_only(row);
  }

  /// Every type of tonight's files, and what is new and gone of it.
  void write_types(hdf5::OutputFile& file) {
    std::vector<std::string> written;
    for (const std::unique_ptr<Nights>& nights : nights_) {
      std::vector<NodeTypeInfo> types;
      comm_.agree([&] { types = node_types(nights->tonight.file()); });
      for (const NodeTypeInfo& type : types) {
        if (std::find(written.begin(), written.end(), type.name) != written.end()) continue;
        write_type(file, *nights, type, written.size());
        written.push_back(type.name);
      }
    }
  }

  void write_type(hdf5::OutputFile& file, const Nights& nights, const NodeTypeInfo& type, std::size_t index) {
    NodeRows nodes;
    std::vector<std::uint64_t> added;
    IdBlock removed_ids;
    std::vector<std::uint64_t> removed_keys;
    agree_on_nights([&] {
      const MyRows mine = my_rows(nights, type.group);
      nodes = read_nodes(nights.tonight.file(), type.name, mine.tonight.rows);
      NodeRows read;  // last night's rows from `read_from` on
      std::uint64_t read_from = 0;
      JoinVisitor visit;
      visit.both = [](std::uint64_t, std::uint64_t) {};
      visit.first_only = [&](std::uint64_t row) { added.push_back(row); };
      visit.second_only = [&](std::uint64_t row) {
        if (row < read_from || row >= read_from + read.keys.size()) {
          read_from = row;
          read =
              read_nodes(nights.before.file(), type.name, {row, std::min(row + kRowsPerRead, mine.before->rows.end)});
        }
        append(removed_ids, read.ids[row - read_from]);
        removed_keys.push_back(read.keys[row - read_from].value());
      };
      join(mine, visit);
    });
    write_nodes(file, nodes, index);
    file.write_as_int64(type.group + "/added", added);
    const std::string removed = "/removed/" + hdf5::escape_name(type.name);
    file.make_group(removed);
    write_texts(file, removed, "ids", removed_ids);
    file.write_as_int64(removed + "/keys", removed_keys);
    summary_.types.push_back({type.name, type.count, sum(added.size()), sum(removed_keys.size())});
  }

  /// Tonight's rows to take over, ascending, and how alike last night's are.
  struct Changed {
    std::vector<std::uint64_t> rows;
    std::vector<float> likeness;

    void add(std::uint64_t row, double like) {
      rows.push_back(row);
      likeness.push_back(static_cast<float>(like));
    }
  };

  [[nodiscard]] bool is_move(bool is_same, double likeness) const {
    return options_.tolerance > 0 ? 1.0 - likeness > options_.tolerance : !is_same;
  }

  void write_changed(hdf5::OutputFile& file, const std::string& group, const Changed& changed, const char* likeness,
                     std::uint64_t rows) {
    file.write_as_int64(group + "/rows", changed.rows);
    file.write<float>(group + "/" + likeness, changed.likeness);
    summary_.changes.push_back({group.substr(1), rows, sum(changed.rows.size())});
  }

  void write_vectors(hdf5::OutputFile& file, const Nights& nights) {
    std::vector<NodeTypeInfo> types;
    EmbeddingsInfo info;
    comm_.agree([&] {
      types = node_types(nights.tonight.file());
      info = embeddings_info(nights.tonight.file());
    });
    file.make_group(kDeltaVectors);
    set_embeddings_info(file, kDeltaVectors, info);
    for (const NodeTypeInfo& type : types) {
      Changed changed;
      agree_on_nights([&] { changed = changed_vectors(nights, type, info.dim); });
      const std::string group = kDeltaVectors + ("/" + hdf5::escape_name(type.name));
      file.make_group(group);
      write_changed(file, group, changed, "cosines", type.count);
      hdf5::RowStream stream(file, group + "/vectors", {hdf5::ElementType::kFloat32, sizeof(float)},
                             sum(changed.rows.size()), info.dim);
      stream.begin_section(changed.rows.size());
      const std::uint64_t per_piece = std::max<std::uint64_t>(1, kPieceBytes / (sizeof(float) * info.dim));
      std::optional<RowReader<float>> vectors;
      in_pieces(changed.rows, per_piece, [&](std::span<const std::uint64_t> rows) {
        std::vector<float> values;
        comm_.agree([&] {
          if (!vectors) vectors.emplace(nights.tonight.file(), type.group + "/vectors", info.dim);
          for (const std::uint64_t row : rows) {
            const std::span<const float> vector = vectors->row(row);
            values.insert(values.end(), vector.begin(), vector.end());
          }
        });
        stream.write<float>(values);
      });
      stream.finish();
    }
  }

  [[nodiscard]] Changed changed_vectors(const Nights& nights, const NodeTypeInfo& type, std::uint64_t dim) const {
    MyRows mine = my_rows(nights, type.group);
    const std::string name = type.group + "/vectors";
    if (!nights.before.file().contains(name) || nights.before.file().info(name).width() != dim) mine.before.reset();
    RowReader<float> tonight(nights.tonight.file(), name, dim);
    std::optional<RowReader<float>> before;
    if (mine.before) before.emplace(nights.before.file(), name, dim);
    Changed changed;
    JoinVisitor visit;
    visit.first_only = [&](std::uint64_t row) { changed.add(row, 0); };
    visit.both = [&](std::uint64_t row, std::uint64_t old_row) {
      const std::span<const float> x = tonight.row(row);
      const std::span<const float> y = before->row(old_row);
      const bool is_same = std::equal(x.begin(), x.end(), y.begin(), y.end());
      if (is_same) return;
      const double likeness = cosine(x, y);
      if (is_move(is_same, likeness)) changed.add(row, likeness);
    };
    join(mine, visit);
    return changed;
  }

  void write_lists(hdf5::OutputFile& file, const Nights& nights) {
    const std::string root = nights.kind.root;
    std::vector<std::string> groups;
    agree_on_nights([&] {
      for (const std::string& source : nights.tonight.file().members(root)) {
        for (const std::string& target : nights.tonight.file().members(root + "/" + source)) {
          const std::string group = root + "/" + source + "/" + target;
          if (nights.before.file().is_group(group)) groups.push_back(group);
        }
      }
    });
    for (const std::string& group : groups) write_list_changes(file, nights, group);
  }

  void write_list_changes(hdf5::OutputFile& file, const Nights& nights, const std::string& group) {
    Changed changed;
    NodeTypeInfo source;
    std::string target;
    agree_on_nights([&] {
      source = node_type(nights.tonight.file(), nights.tonight.file().attribute<std::string>(group, "source"));
      target = nights.tonight.file().attribute<std::string>(group, "target");
      changed = changed_lists(nights, group, source);
    });
    file.make_group(group);
    file.set_attribute(group, "source", source.name);
    file.set_attribute(group, "target", target);
    write_changed(file, group, changed, "overlaps", source.count);

    std::vector<std::uint64_t> offsets{0};
    comm_.agree([&] {
      ListReader lists(nights.tonight, group);
      for (const std::uint64_t row : changed.rows) offsets.push_back(offsets.back() + lists.slots(row).size());
    });
    file.write_indptr(group + "/indptr", offsets);
    stream_slots<std::uint64_t>(file, nights, group, "indices", hdf5::ElementType::kInt64, changed, offsets.back());
    stream_slots<float>(file, nights, group, "scores", hdf5::ElementType::kFloat32, changed, offsets.back());
  }

  template <class T>
  void stream_slots(hdf5::OutputFile& file, const Nights& nights, const std::string& group, const char* dataset,
                    hdf5::ElementType type, const Changed& changed, std::uint64_t slots) {
    hdf5::RowStream stream(file, group + "/" + dataset, {type, sizeof(T)}, sum(slots));
    stream.begin_section(slots);
    std::optional<ListReader> lists;
    std::optional<RowReader<T>> values;
    in_pieces(changed.rows, kListsPerPiece, [&](std::span<const std::uint64_t> rows) {
      std::vector<T> piece;
      comm_.agree([&] {
        if (!lists) {
          lists.emplace(nights.tonight, group);
          values.emplace(nights.tonight.file(), group + "/" + dataset);
        }
        for (const std::uint64_t row : rows) {
          const std::span<const T> list = values->rows(lists->slots(row));
          piece.insert(piece.end(), list.begin(), list.end());
        }
      });
      stream.write<T>(piece);
    });
    stream.finish();
  }

  [[nodiscard]] Changed changed_lists(const Nights& nights, const std::string& group,
                                      const NodeTypeInfo& source) const {
    const MyRows mine = my_rows(nights, source.group);
    ListReader tonight(nights.tonight, group);
    ListReader before(nights.before, group);
    Changed changed;
    JoinVisitor visit;
    visit.first_only = [&](std::uint64_t row) { changed.add(row, 0); };
    visit.both = [&](std::uint64_t row, std::uint64_t old_row) {
      std::vector<std::uint64_t> x = tonight.targets(row);
      std::vector<std::uint64_t> y = before.targets(old_row);
      if (x == y && std::ranges::equal(tonight.scores(row), before.scores(old_row))) return;
      const double likeness = overlap(std::move(x), std::move(y));
      if (is_move(false, likeness)) changed.add(row, likeness);
    };
    join(mine, visit);
    return changed;
  }

  /// **Collective.** As many pieces on every rank; those beyond a rank's rows are empty.
  template <class Work>
  void in_pieces(std::span<const std::uint64_t> rows, std::uint64_t per_piece, const Work& work) const {
    const std::uint64_t pieces = comm_.all_reduce((rows.size() + per_piece - 1) / per_piece, comm::ReduceOp::kMax);
    for (std::uint64_t piece = 0; piece < pieces; ++piece) {
      const std::uint64_t begin = std::min<std::uint64_t>(rows.size(), piece * per_piece);
      work(rows.subspan(begin, std::min<std::uint64_t>(per_piece, rows.size() - begin)));
    }
  }

  [[nodiscard]] std::uint64_t sum(std::uint64_t mine) const { return comm_.all_reduce(mine, comm::ReduceOp::kSum); }

  const comm::Communicator& comm_;
  DeltaOptions options_;
  fs::path previous_run_;
  std::vector<std::unique_ptr<Nights>> nights_;
  DeltaSummary summary_;
};

}  // namespace

std::optional<DeltaSummary> write_delta(const comm::Communicator& comm, const fs::path& path, const fs::path& run,
                                        const fs::path& previous_run, const DeltaOptions& options,
                                        const FileProvenance& provenance) {
  DeltaWriter writer(comm, run, previous_run, options);
  if (writer.is_empty()) return std::nullopt;
  return writer.write(path, provenance);
}

MemoryPlan plan_delta(std::uint64_t rows, std::int32_t num_ranks) {
  MemoryPlan plan("delta");
  const std::uint64_t mine = graph::BlockDistribution(rows, num_ranks).largest_block();
  plan.hold("ids of a type and the rows that changed", 64 * mine);
  plan.hold("pieces of both nights' files", 8 * kPieceBytes);
  return plan;
}

}  // namespace rove::io
