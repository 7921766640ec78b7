// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "io/export/vector_files.hpp"
#include "io/hdf5/describe.hpp"
#include "io/hdf5/graph_file.hpp"
#include "io/hdf5/result_files.hpp"
#include "io/text/trec_writer.hpp"
#include "jobs/verbs/make_verbs.hpp"

namespace rove::jobs {
namespace {

namespace fs = std::filesystem;

const std::map<std::string, io::VectorFormat> kVectorFormats{
    {"npy", io::VectorFormat::kNpy}, {"fbin", io::VectorFormat::kFbin}, {"word2vec", io::VectorFormat::kWord2vec}};

class ExportVerb final : public CollectiveVerb {
 public:
  [[nodiscard]] std::string name() const override { return "export"; }
  [[nodiscard]] std::string summary() const override {
    return "Embeddings to npy, fbin or word2vec; lists to a TREC run";
  }
  [[nodiscard]] std::string examples() const override {
    return "rove export embeddings.h5                            embeddings.user.npy, .keys.npy, .ids.txt, item "
           "likewise\n"
           "  rove export embeddings.h5 --format fbin --type item --out items\n"
           "  rove export recommendations.h5 --format trec --depth 20 --out run.trec\n"
           "  mpirun -n 4 rove export embeddings.h5                every rank writes its rows; the bytes are the same";
  }
  void declare(CLI::App& app) override {
    app.add_option("FILE", file_, "embeddings.h5, recommendations.h5 or ppr.h5")->required();
    app.add_option("--format", format_, "npy, fbin, word2vec (of embeddings), trec (of lists)")
        ->check(CLI::IsMember({"npy", "fbin", "word2vec", "trec"}))
        ->default_str("npy; trec for lists");
    app.add_option("--type", type_, "Vertex type (embeddings: all without it)");
    app.add_option("--target", target_, "trec: target type, where a source type has lists of several");
    app.add_option("-o,--out", out_,
                   "What the files' names begin with; trec: the file. Default: the input's name without its ending");
    app.add_option("--depth", depth_, "trec: entries per list")->check(CLI::PositiveNumber);
    app.add_option("--tag", tag_, "trec: name of the run")->capture_default_str();
  }
  void run(const comm::Communicator& world) override {
    io::FileDescription file;
    world.agree([&] {
      file = io::describe_file(file_);
      check(file);
    });
    const std::vector<fs::path> written =
        file.header.format == io::FileFormat::kEmbeddings ? export_embeddings(world, file) : export_lists(world, file);
    if (!world.is_root()) return;
    for (const fs::path& path : written) fmt::print("{}\n", path.string());
  }

 private:
  void check(const io::FileDescription& file) const {
    const bool has_vectors = file.header.format == io::FileFormat::kEmbeddings;
    const bool has_lists =
        file.header.format == io::FileFormat::kPpr || file.header.format == io::FileFormat::kRecommendations;
    if (!has_vectors && !has_lists) {
      throw InputError(fmt::format("'{}' is of format {}, expected embeddings, recommendations or PPR neighbour sets",
                                   file_.string(), io::name_of(file.header.format)));
    }
    if (!type_.empty() && std::ranges::find(file.types, type_, &io::NodeTypeInfo::name) == file.types.end()) {
      throw ConfigError(
          fmt::format("--type is '{}', but '{}' holds the types {}", type_, file_.string(), type_names(file)));
    }
    if (!format_.empty() && (format_ == "trec") != has_lists) {
      throw ConfigError(fmt::format("--format {} is for {}, but '{}' holds {}", format_,
                                    format_ == "trec" ? "lists" : "embeddings", file_.string(),
                                    has_lists ? "lists (use trec)" : "embeddings (use npy, fbin or word2vec)"));
    }
  }

  [[nodiscard]] fs::path prefix() const { return out_.empty() ? file_.parent_path() / file_.stem() : out_; }

  std::vector<fs::path> export_embeddings(const comm::Communicator& world, const io::FileDescription& file) const {
    const io::VectorFormat format = kVectorFormats.at(format_.empty() ? "npy" : format_);
    std::vector<fs::path> written;
    for (const io::NodeTypeInfo& type : file.types) {
      if (!type_.empty() && type.name != type_) continue;
      const fs::path out =
          !type_.empty() && !out_.empty() ? out_ : fs::path(prefix().string() + "." + io::hdf5::escape_name(type.name));
      const auto files = io::export_vectors(world, file_, type.name, format, out);
      written.insert(written.end(), files.begin(), files.end());
    }
    return written;
  }

  std::vector<fs::path> export_lists(const comm::Communicator& world, const io::FileDescription& file) const {
    std::string source;
    std::string target;
    world.agree([&] {
      const std::string top = file.header.format == io::FileFormat::kPpr ? "/neighbors" : "/recommendations";
      const io::hdf5::InputFile opened(file_);
      std::vector<std::pair<std::string, std::string>> sets;
      for (const std::string& a : opened.members(top)) {
        for (const std::string& b : opened.members(top + "/" + a)) {
          const std::string group = top + "/" + a + "/" + b;
          sets.emplace_back(opened.attribute<std::string>(group, "source"),
                            opened.attribute<std::string>(group, "target"));
        }
      }
      std::erase_if(sets, [&](const auto& set) {
        return (!type_.empty() && set.first != type_) || (!target_.empty() && set.second != target_);
      });
      if (sets.size() != 1) {
        throw ConfigError(fmt::format(
            "'{}' holds {} sets of lists{}{}, expected one; choose by --type its source type "
            "and by --target its target type",
            file_.string(), sets.size(), type_.empty() ? "" : " of " + type_, target_.empty() ? "" : " to " + target_));
      }
      std::tie(source, target) = sets.front();
    });
    const io::NodeRows sources = io::read_nodes(world, file_, source);
    const io::NodeRows targets = io::read_nodes(world, file_, target);
    const io::NeighborSet set = io::read_neighbors(world, file_, file.header.format, source, target);
    const auto found = std::ranges::find(file.types, target, &io::NodeTypeInfo::name);
    const fs::path out = out_.empty() ? fs::path(prefix().string() + ".trec") : out_;
    io::text::write_trec_run(world, out, {sources.ids, targets.ids, found->count}, set.lists, depth_, tag_);
    return {out};
  }

  static std::string type_names(const io::FileDescription& file) {
    std::string names;
    for (const io::NodeTypeInfo& type : file.types) names += (names.empty() ? "" : ", ") + type.name;
    return names;
  }

  fs::path file_;
  std::string format_;
  std::string type_;
  std::string target_;
  fs::path out_;
  std::uint64_t depth_ = 1000;
  std::string tag_ = "rove";
};

}  // namespace

std::unique_ptr<Verb> make_export_verb() {
  return std::make_unique<ExportVerb>();
}

}  // namespace rove::jobs
