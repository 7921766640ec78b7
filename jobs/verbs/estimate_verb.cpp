// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.hpp"
#include "engine/parallel/parallel.hpp"
#include "io/hdf5/graph_file.hpp"
#include "io/publish/publisher.hpp"
#include "jobs/display/progress_display.hpp"
#include "jobs/pipeline/estimate.hpp"
#include "jobs/pipeline/import_plan.hpp"
#include "jobs/verbs/make_verbs.hpp"

namespace rove::jobs {
namespace {

namespace fs = std::filesystem;

std::uint64_t parse_count(const std::string& text, const char* option) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    throw ConfigError(fmt::format("{}: '{}' is not a whole number", option, text));
  }
  return value;
}

/// "a=1" as ("a", 1).
std::pair<std::string, std::uint64_t> parse_named_count(const std::string& text, const char* option) {
  const std::size_t equals = text.rfind('=');
  if (equals == std::string::npos || equals == 0) {
    throw ConfigError(fmt::format("{}: found '{}', expected NAME=COUNT", option, text));
  }
  return {text.substr(0, equals), parse_count(text.substr(equals + 1), option)};
}

/// The graph whose size is estimated, and how much is known of it.
struct Subject {
  graph::Schema schema;
  std::string known_from;
  std::uint64_t alone_bytes = 0;  ///< as in `ExpectedGraph`, if the files are all that is known
};

class EstimateVerb final : public CollectiveVerb {
 public:
  [[nodiscard]] std::string name() const override { return "estimate"; }
  [[nodiscard]] std::string summary() const override {
    return "Memory and time per stage and rank, before anything is allocated";
  }
  [[nodiscard]] std::string examples() const override {
    return "rove estimate -c job.yaml --ranks 16 --ranks-per-node 4 --memory 64GiB\n"
           "  rove estimate -g graph.h5 --ranks 8\n"
           "  rove estimate --vertices user=1000000,item=200000 --edges 20000000 --ranks 4 --set train.dim=128\n"
           "  rove estimate -g graph.h5 --verb walk --verb sample --set walk.weights=alias\n"
           "  Exit code 5 when a stage would not fit; the message names the stage, the limit and the setting to "
           "change.";
  }
  void declare(CLI::App& app) override {
    command_line_.declare_common(app);
    auto* graph = app.add_option("-g,--graph", graph_, "A graph container, for its numbers of vertices and edges")
                      ->type_name("graph.h5");
    auto* vertices =
        app.add_option("--vertices", vertices_, "Vertices of each type")->delimiter(',')->type_name("TYPE=N,...");
    auto* edges = app.add_option("--edges", edges_,
                                 "Edges: N between train.users and train.items, or SOURCE,RELATION,"
                                 "DESTINATION=N (may be repeated)")
                      ->type_name("N");
    graph->excludes(vertices);
    edges->needs(vertices);
    vertices->needs(edges);
    app.add_option("--verb", verbs_,
                   "Estimate this verb or stage alone instead of the stages of `rove run` (may be repeated)")
        ->check(CLI::IsMember(std::vector<std::string>(kEstimatedVerbs.begin(), kEstimatedVerbs.end())));
    app.add_option("--ranks", ranks_, "Ranks of the job (default: those that run this)")->check(CLI::PositiveNumber);
    app.add_option("--ranks-per-node", ranks_per_node_, "Ranks that share a node's memory (default: all of them)")
        ->check(CLI::PositiveNumber);
    app.add_flag("--json", json_, "For programs");
  }

  void run(const comm::Communicator& world) override {
    Session session(world, command_line_.configuration(world), no_progress());
    std::vector<StageEstimate> stages;
    std::optional<Subject> known;
    EstimateMachine machine;
    world.agree([&] {
      machine = machine_of(session);
      known = known_subject(session.config());
    });
    if (!known) {
      ExpectedGraph expected = expected_graph(world, session.config());
      known = {std::move(expected.likely),
               "a guess by some rows and the sizes of the input files (ten edges a vertex unless declared)",
               expected.likely_alone_bytes};
    }
    const Subject& subject = *known;
    world.agree([&] {
      graph::GraphBlocks blocks;
      blocks.schema = subject.schema;
      session.set_graph(std::move(blocks), {}, {}, {});
      stages = estimate_stages(session, machine, {std::nullopt, subject.alone_bytes}, verbs_,
                               previous_run(session.config()));
    });
    if (world.is_root())
      fmt::print("{}\n", json_ ? to_json(subject, machine, stages) : to_text(subject, machine, stages));
    std::fflush(stdout);
    world.agree([&] { require_fits(machine, stages); });
  }

 private:
  [[nodiscard]] EstimateMachine machine_of(const Session& session) const {
    EstimateMachine machine;
    machine.ranks = ranks_ > 0 ? ranks_ : session.comm().size();
    machine.threads = parallel::concurrency();
    machine.limit = session.memory();
    if (ranks_ > 0 && session.config().text("resources.memory") == "auto") {
      machine.limit = detect_memory_limit(static_cast<std::uint32_t>(ranks_per_node_ > 0 ? ranks_per_node_ : ranks_));
    }
    return machine;
  }

  [[nodiscard]] static std::optional<fs::path> previous_run(const Config& config) {
    return io::publish::published_run(config.required_path("output"));
  }

  /// Nothing: the input files are all there is to go by.
  [[nodiscard]] std::optional<Subject> known_subject(const Config& config) const {
    if (!vertices_.empty()) return stated(config);
    if (!graph_.empty()) return from_file(graph_);
    if (const auto file = config.path("graph.file")) return from_file(*file);
    if (const auto run = previous_run(config); run && fs::exists(*run / "graph.h5"))
      return from_file(*run / "graph.h5");
    if (config.entries("graph.edges") > 0) return std::nullopt;
    throw ConfigError(
        "nothing to estimate: name a job with -c JOB.yaml, a graph with --graph graph.h5, or its size with "
        "--vertices user=1000000,item=200000 --edges 20000000");
  }

  static Subject from_file(const fs::path& file) { return {io::read_schema(io::hdf5::InputFile(file)), file.string()}; }

  [[nodiscard]] Subject stated(const Config& config) const {
    Subject subject{{}, "the command line"};
    for (const std::string& text : vertices_) {
      const auto [type, count] = parse_named_count(text, "--vertices");
      subject.schema.add_vertex_type(type, count);
    }
    for (const std::string& text : edges_) {
      graph::EdgeType edge;
      std::vector<std::string> triple{config.text("train.users"), "edges", config.text("train.items")};
      if (text.find('=') == std::string::npos) {
        edge.count = parse_count(text, "--edges");
      } else {
        const auto [name, count] = parse_named_count(text, "--edges");
        edge.count = count;
        triple = split(name);
        if (triple.size() != 3) {
          throw ConfigError(fmt::format("--edges: found '{}', expected SOURCE,RELATION,DESTINATION=N", text));
        }
      }
      edge.source = named(subject.schema, triple[0]);
      edge.relation = triple[1];
      edge.destination = named(subject.schema, triple[2]);
      subject.schema.add_edge_type(std::move(edge));
    }
    return subject;
  }
  static std::vector<std::string> split(const std::string& text) {
    std::vector<std::string> parts{""};
    for (const char c : text) {
      if (c == ',') {
        parts.emplace_back();
      } else {
        parts.back() += c;
      }
    }
    return parts;
  }
  static VertexTypeId named(const graph::Schema& schema, const std::string& type) {
    if (const auto found = schema.find_vertex_type(type)) return *found;
    throw ConfigError(fmt::format("--edges names the vertex type '{}', which --vertices does not count", type));
  }

  static std::string to_text(const Subject& subject, const EstimateMachine& machine,
                             const std::vector<StageEstimate>& stages) {
    std::string text = "graph: ";
    for (const graph::VertexType& type : subject.schema.vertex_types()) {
      text += fmt::format("{} {}, ", format_count(type.count), type.name);
    }
    text += fmt::format("{} edges; from {}\n", format_count(subject.schema.num_edges()), subject.known_from);
    text += fmt::format("on: {} rank{} x {} threads, {} per rank ({})\n", machine.ranks, machine.ranks == 1 ? "" : "s",
                        machine.threads, format_bytes(machine.limit.bytes), machine.limit.source);
    for (const StageEstimate& stage : stages) {
      text += fmt::format("\n{:<62} {:>12}  {}\n", stage.stage, format_bytes(stage.total_bytes()),
                          stage.total_bytes() <= machine.limit.bytes ? "fits" : "DOES NOT FIT");
      for (const MemoryPlan* plan : {&stage.resident, &stage.plan}) {
        for (const MemoryPlan::Item& item : plan->items()) {
          text += fmt::format("  {:<60} {:>12}\n", item.what, format_bytes(item.bytes));
        }
      }
      text += fmt::format("  time: {}\n", stage.seconds ? fmt::format("about {}, {}", format_seconds(*stage.seconds),
                                                                      stage.seconds_from)
                                                        : "not known, " + stage.seconds_from);
    }
    text.pop_back();
    return text;
  }

  static std::string to_json(const Subject& subject, const EstimateMachine& machine,
                             const std::vector<StageEstimate>& stages) {
    using Json = nlohmann::json;
    const auto items_of = [](const MemoryPlan& plan) {
      Json items = Json::array();
      for (const MemoryPlan::Item& item : plan.items()) items.push_back({{"what", item.what}, {"bytes", item.bytes}});
      return items;
    };
    Json list = Json::array();
    for (const StageEstimate& stage : stages) {
      Json entry{{"stage", stage.stage},
                 {"bytes", stage.total_bytes()},
                 {"fits", stage.total_bytes() <= machine.limit.bytes},
                 {"resident", items_of(stage.resident)},
                 {"adds", items_of(stage.plan)},
                 {"seconds", nullptr},
                 {"seconds_from", stage.seconds_from}};
      if (stage.seconds) entry["seconds"] = *stage.seconds;
      list.push_back(std::move(entry));
    }
    Json types = Json::object();
    for (const graph::VertexType& type : subject.schema.vertex_types()) types[type.name] = type.count;
    return Json{{"vertices", types},
                {"edges", subject.schema.num_edges()},
                {"known_from", subject.known_from},
                {"ranks", machine.ranks},
                {"threads", machine.threads},
                {"limit_bytes", machine.limit.bytes},
                {"limit_source", machine.limit.source},
                {"stages", list}}
        .dump(2);
  }

  static void require_fits(const EstimateMachine& machine, const std::vector<StageEstimate>& stages) {
    std::vector<Misfit> misfits;
    for (const StageEstimate& stage : stages) {
      if (stage.total_bytes() > machine.limit.bytes)
        misfits.push_back({stage.stage, stage.total_bytes(), stage.advice});
    }
    require_no_misfit(machine.limit, misfits);
  }

  CommandLine command_line_;
  fs::path graph_;
  std::vector<std::string> vertices_;
  std::vector<std::string> edges_;
  std::vector<std::string> verbs_;
  std::int32_t ranks_ = 0;
  std::int32_t ranks_per_node_ = 0;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_estimate_verb() {
  return std::make_unique<EstimateVerb>();
}

}  // namespace rove::jobs
