// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <charconv>
#include <functional>
#include <vector>

#include <fmt/format.h>

#include "algorithms/generators/generator.hpp"
#include "engine/base/error.hpp"
#include "engine/base/memory_plan.hpp"
#include "io/publish/file_system.hpp"
#include "io/text/edge_writer.hpp"
#include "jobs/display/progress_display.hpp"
#include "jobs/verbs/make_verbs.hpp"

namespace rove::jobs {
namespace {

namespace fs = std::filesystem;
using algorithms::EdgeGenerator;
using algorithms::GeneratedList;
using io::text::EdgeFormat;

struct FormatName {
  const char* name;
  EdgeFormat format;
  const char* extension;
};
constexpr std::array<FormatName, 3> kFormats{{{"csv", EdgeFormat::kCsv, ".csv"},
                                              {"edgelist", EdgeFormat::kEdgeList, ".txt"},
                                              {"adjacency", EdgeFormat::kAdjacency, ".txt"}}};

/// "genre=20x2": 20 genres, two of them for every item.
algorithms::AttributeSpec attribute_spec(const std::string& text) {
  algorithms::AttributeSpec spec;
  const std::size_t equals = text.find('=');
  const std::size_t cross = text.find('x', equals == std::string::npos ? 0 : equals);
  const auto read = [&](std::size_t begin, std::size_t end, std::uint64_t& value) {
    const auto [stop, error] = std::from_chars(text.data() + begin, text.data() + end, value);
    return error == std::errc{} && stop == text.data() + end;
  };
  if (equals == std::string::npos || equals == 0 || !read(equals + 1, std::min(cross, text.size()), spec.attributes) ||
      (cross != std::string::npos && !read(cross + 1, text.size(), spec.per_item))) {
    throw ConfigError(fmt::format(
        "--attribute is '{}', expected RELATION=COUNT or RELATION=COUNTxPER_ITEM, such as genre=20x2", text));
  }
  spec.relation = text.substr(0, equals);
  return spec;
}

io::text::EdgeStream stream_of(const EdgeGenerator& generator, std::size_t list) {
  const GeneratedList& what = generator.lists()[list];
  io::text::EdgeStream stream;
  stream.num_edges = what.num_edges;
  stream.has_weights = what.has_weights;
  stream.has_times = what.has_times;
  stream.produce = [&generator, list](IndexRange positions, io::text::NumberedEdges& edges) {
    generator.generate(list, positions, [&](const algorithms::EdgeBatch& batch) {
      edges.sources.insert(edges.sources.end(), batch.sources.begin(), batch.sources.end());
      edges.targets.insert(edges.targets.end(), batch.targets.begin(), batch.targets.end());
      edges.weights.insert(edges.weights.end(), batch.weights.begin(), batch.weights.end());
      edges.times.insert(edges.times.end(), batch.times.begin(), batch.times.end());
    });
  };
  return stream;
}

class GenerateVerb final : public CollectiveVerb {
 public:
  [[nodiscard]] std::string name() const override { return "generate"; }
  [[nodiscard]] std::string summary() const override { return "Seeded graphs as text files, for benchmarks and tests"; }
  [[nodiscard]] std::string examples() const override {
    return "rove generate rmat --scale 20 --out rmat.csv\n"
           "  rove generate bipartite --users 10000 --items 5000 --interactions 300000 --format adjacency --out "
           "train.txt\n"
           "  mpirun -n 4 rove generate typed --users 100000 --items 20000 --interactions 2000000 --attribute "
           "genre=20x2\n"
           "      --follows 500000 --out typed/ --job typed/job.yaml\n"
           "  The same seed gives the same bytes on any number of ranks. `rove generate KIND --help` lists the sizes.";
  }
  void declare(CLI::App& app) override {
    app.require_subcommand(1);
    CLI::App* rmat = app.add_subcommand("rmat", "R-MAT with the parameters of Graph500: 2^scale vertices");
    rmat->add_option("--scale", rmat_.scale, "Logarithm of the number of vertices")->capture_default_str();
    rmat->add_option("--edge-factor", rmat_.edge_factor, "Edges per vertex")->capture_default_str();
    rmat->add_option("-a", rmat_.a, "Probability of the first quadrant")->capture_default_str();
    rmat->add_option("-b", rmat_.b, "Probability of the second quadrant")->capture_default_str();
    rmat->add_option("-c", rmat_.c, "Probability of the third quadrant")->capture_default_str();
    rmat->add_flag("--weights", rmat_.weights, "Weights, uniform in (0, 1]");
    declare_output(*rmat, rmat_.seed, "File to write");
    rmat->callback([this] { make_ = [this] { return algorithms::make_rmat(rmat_); }; });

    CLI::App* bipartite = app.add_subcommand("bipartite", "Users and items with power-law activity and popularity");
    declare_interactions(*bipartite);
    declare_output(*bipartite, typed_.interactions.seed, "File to write");
    bipartite->callback([this] { make_ = [this] { return algorithms::make_bipartite(typed_.interactions); }; });

    CLI::App* typed = app.add_subcommand("typed", "Users, items, attributes of items, users that follow users");
    declare_interactions(*typed);
    typed
        ->add_option("--attribute", attributes_,
                     "Relation from items to attributes of its own, such as genre=20x2: 20 "
                     "genres, two per item (may be repeated)")
        ->type_name("RELATION=COUNT[xPER_ITEM]");
    typed->add_option("--follows", typed_.follows, "Pairs of users that follow each other")->capture_default_str();
    declare_output(*typed, typed_.interactions.seed, "Directory to write a file per edge type into");
    typed->callback([this] {
      into_directory_ = true;
      make_ = [this] {
        for (const std::string& text : attributes_) typed_.attributes.push_back(attribute_spec(text));
        return algorithms::make_typed(typed_);
      };
    });
  }

  void run(const comm::Communicator& world) override {
    std::unique_ptr<EdgeGenerator> generator;
    world.agree([&] {
      generator = make_();
      for (const GeneratedList& list : generator->lists()) check_format(list);
      if (into_directory_ && world.is_root()) make_directory();
    });
    std::vector<fs::path> files;
    for (std::size_t list = 0; list < generator->lists().size(); ++list) {
      const GeneratedList& what = generator->lists()[list];
      io::text::EdgeText text;
      text.format = chosen().format;
      text.source_prefix = generator->types()[what.source_type].prefix;
      text.target_prefix = generator->types()[what.destination_type].prefix;
      files.push_back(file_of(*generator, what));
      const std::uint64_t bytes = io::text::write_edges(world, files.back(), stream_of(*generator, list), text);
      if (world.is_root()) {
        fmt::print("{}: {} edges {}, {}\n", files.back().string(), format_count(what.num_edges),
                   triple(*generator, what), format_bytes(bytes));
      }
    }
    if (job_.empty()) return;
    world.agree([&] {
      if (world.is_root()) io::publish::write_text_durably(job_, job_text(*generator, files));
    });
    if (world.is_root()) fmt::print("{}: a job that reads them\n", job_.string());
  }

 private:
  void declare_output(CLI::App& app, std::uint64_t& seed, const std::string& what) {
    std::vector<std::string> names;
    for (const FormatName& format : kFormats) names.emplace_back(format.name);
    app.add_option("--seed", seed, "Seed of every draw")->capture_default_str();
    app.add_option("-f,--format", format_, "Layout of the text")->check(CLI::IsMember(names))->capture_default_str();
    app.add_option("-o,--out", out_, what)->required();
    app.add_option("--job", job_, "Also write a job file that imports what was written")->type_name("JOB.yaml");
  }
  void declare_interactions(CLI::App& app) {
    algorithms::BipartiteSpec& spec = typed_.interactions;
    app.add_option("--users", spec.users, "Users")->required();
    app.add_option("--items", spec.items, "Items")->required();
    app.add_option("--interactions", spec.interactions, "Distinct pairs")->required();
    app.add_option("--user-exponent", spec.user_exponent, "Exponent of the users' activity")->capture_default_str();
    app.add_option("--item-exponent", spec.item_exponent, "Exponent of the items' popularity")->capture_default_str();
    app.add_option("--communities", spec.communities, "Planted communities")->capture_default_str();
    app.add_option("--affinity", spec.affinity, "Share of choices made within the community")->capture_default_str();
    app.add_flag("--weights", spec.weights, "Ratings 1 to 5");
    app.add_flag("--times", spec.times, "Times within a year");
  }

  [[nodiscard]] const FormatName& chosen() const {
    return *std::ranges::find_if(kFormats, [&](const FormatName& format) { return format_ == format.name; });
  }
  void check_format(const GeneratedList& list) const {
    if (chosen().format == EdgeFormat::kAdjacency && (list.has_weights || list.has_times)) {
      throw ConfigError("adjacency lines have no room for weights and times; choose --format csv or edgelist");
    }
  }
  void make_directory() const {
    std::error_code error;
    fs::create_directories(out_, error);
    if (error) throw IoError(fmt::format("cannot make the directory '{}': {}", out_.string(), error.message()));
  }
  [[nodiscard]] static std::string triple(const EdgeGenerator& generator, const GeneratedList& list) {
    return fmt::format("[{}, {}, {}]", generator.types()[list.source_type].name, list.relation,
                       generator.types()[list.destination_type].name);
  }
  [[nodiscard]] fs::path file_of(const EdgeGenerator& generator, const GeneratedList& list) const {
    if (!into_directory_) return out_;
    return out_ / fmt::format("{}_{}_{}{}", generator.types()[list.source_type].name, list.relation,
                              generator.types()[list.destination_type].name, chosen().extension);
  }
  [[nodiscard]] std::string job_text(const EdgeGenerator& generator, const std::vector<fs::path>& files) const {
    std::string text = fmt::format("name: generated\noutput: {}\ngraph:\n  edges:\n",
                                   (fs::absolute(job_).parent_path() / "runs").string());
    for (std::size_t i = 0; i < files.size(); ++i) {
      const GeneratedList& list = generator.lists()[i];
      text += fmt::format("    - type: {}\n      files: ['{}']\n      format: {}\n", triple(generator, list),
                          fs::absolute(files[i]).string(), format_);
      // Columns by name where there is a header, by number where there is none.
      const bool named = chosen().format == EdgeFormat::kCsv;
      if (list.has_weights) text += fmt::format("      weight: {}\n", named ? "weight" : "'3'");
      if (list.has_times) text += fmt::format("      time: {}\n", named ? "time" : list.has_weights ? "'4'" : "'3'");
    }
    return text;
  }

  algorithms::RmatSpec rmat_;
  algorithms::TypedSpec typed_;
  std::vector<std::string> attributes_;
  std::function<std::unique_ptr<EdgeGenerator>()> make_;
  std::string format_ = "csv";
  fs::path out_;
  fs::path job_;
  bool into_directory_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_generate_verb() {
  return std::make_unique<GenerateVerb>();
}

}  // namespace rove::jobs
