// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.hpp"
#include "jobs/query/exact_neighbors.hpp"
#include "jobs/query/query_json.hpp"
#include "jobs/verbs/make_verbs.hpp"
#include "jobs/verbs/open_index.hpp"

namespace rove::jobs {
namespace {

namespace fs = std::filesystem;

/// The command line is its owner's: bounds protect nobody here.
constexpr RequestLimits kNoLimits{0xFFFFFFFFU, 1U << 20U, 1U << 26U, 10, 0.0};

class QueryVerb final : public SerialVerb {
 public:
  [[nodiscard]] std::string name() const override { return "query"; }
  [[nodiscard]] std::string summary() const override {
    return "Ask a PPR index: what is near these ids, and by which paths";
  }
  [[nodiscard]] std::string examples() const override {
    return "rove query 343 --in runs/gowalla/latest                     items near a user\n"
           "  rove query 17 52 901 --type item --in index.h5 -k 20        near these three items together\n"
           "  rove query 17:3 52:1 --weighted --type item --in index.h5   the first three times as important\n"
           "  rove query 343 --in index.h5 --target user --json | jq .neighbors\n"
           "  rove query 343 --in graph.h5 --exact                        without an index: slower, exact\n"
           "  rove query 343 --in index.h5 --explain 3                    with the strongest paths to each\n"
           "  Exit code 3 when an id is not in the graph.";
  }
  void declare(CLI::App& app) override {
    command_line_.declare_common(app);
    app.add_option("ID", ids_, "Original ids, with --weighted as ID:WEIGHT; several are one basket")->required();
    app.add_option("--in", path_, "An index.h5 (--exact: graph.h5), a run directory, or an output directory")
        ->required()
        ->type_name("PATH");
    app.add_option("-g,--graph", graph_, "The graph it was built on (default: graph.h5 beside the index)")
        ->type_name("graph.h5");
    app.add_option("--type", type_, "Vertex type of the ids (default: ppr.sources, or the one that has the id)");
    app.add_option("--target", target_, "Vertex type to answer (default: the first of ppr.targets)");
    app.add_option("-k,--top-k", top_k_, "Neighbours to list")->capture_default_str();
    app.add_flag("--weighted", weighted_, "Ids are written ID:WEIGHT");
    app.add_flag("--include-linked", include_linked_, "List what the ids are linked to as well");
    app.add_option("--exclude", exclude_, "Ids of the target type to leave out")->type_name("ID");
    app.add_option("--allow", allow_, "List only these ids of the target type")->type_name("ID");
    app.add_option("--explain", explain_, "Paths shown for each neighbour")->type_name("PATHS");
    app.add_flag("--exact", exact_, "Solve from the graph alone, without an index, to an error of 1e-8 in all");
    app.add_option("--hops", hops_, "Exact steps before fingerprints answer [query.hops]");
    app.add_option("--threshold", threshold_, "Least share a slot gets [query.threshold]");
    app.add_flag("--boost", boost_, "Prefer what several ids lead to (Pixie's multi-hit booster) [query.boost]");
    app.add_flag("--json", json_, "For programs, as `rove serve` answers");
  }
  void run() override {
    const Config config = index_configuration(
        command_line_, exact_ ? find_graph_file(path_, graph_) : find_index_files(path_, graph_).index);
    const NeighborRequest request = neighbor_request(request_json(), kNoLimits);
    if (boost_ && (exact_ || explain_)) {
      throw ConfigError(fmt::format("--boost gives scores that are no probabilities; leave out {}",
                                    exact_ ? "--exact" : "--explain, whose paths have shares of probabilities"));
    }
    if (exact_) {
      const NamedGraph names(find_graph_file(path_, graph_), config.text("ppr.sources"),
                             {config.text("ppr.direction"), config.texts("ppr.edges"), config.boolean("ppr.weighted")});
      const double restart = config.real("ppr.restart");
      constexpr double kTolerance = 1e-8;
      print(names, names.header(), restart,
            exact_neighbors(names, request, default_target(config), restart, kTolerance));
    } else {
      const auto index = open_index(find_index_files(path_, graph_), config);
      print(index->names(), index->header(), index->info().restart, index->neighbors(request));
    }
  }

 private:
  [[nodiscard]] QueryJson request_json() const {
    QueryJson json;
    json["seeds"] = QueryJson::array();
    for (const std::string& id : ids_) {
      QueryJson seed{{"id", id}};
      if (weighted_) {
        const std::size_t colon = id.rfind(':');
        QueryJson weight;
        if (colon != std::string::npos) weight = QueryJson::parse(id.substr(colon + 1), nullptr, false);
        if (!weight.is_number()) {
          throw ConfigError(fmt::format("'{}' is not ID:WEIGHT with a number as weight", id));
        }
        seed = {{"id", id.substr(0, colon)}, {"weight", weight}};
      }
      if (!type_.empty()) seed["type"] = type_;
      json["seeds"].push_back(std::move(seed));
    }
    if (!target_.empty()) json["target"] = target_;
    json["k"] = top_k_;
    json["exclude_linked"] = !include_linked_;
    if (!exclude_.empty()) json["exclude"] = exclude_;
    if (!allow_.empty()) json["allow"] = allow_;
    if (hops_) json["hops"] = *hops_;
    if (threshold_) json["threshold"] = *threshold_;
    if (boost_) {
      json["boost"] = true;
    } else if (explain_) {
      json["boost"] = false;  // paths have shares of probabilities, whatever query.boost says
    }
    return json;
  }

  void print(const NamedGraph& names, const io::FileHeader& header, double restart,
             const NeighborAnswer& answer) const {
    std::vector<Explanation> explanations;
    for (const Neighbor& neighbor : answer.neighbors) {
      if (!explain_) break;
      explanations.push_back(explain(names.graph(), answer.seeds, neighbor.vertex, restart, *explain_));
    }
    if (!json_) {
      print_table(names, answer, explanations);
      return;
    }
    QueryJson json = to_json(names, header, answer);
    for (std::size_t i = 0; i < explanations.size(); ++i) {
      const Neighbor& neighbor = answer.neighbors[i];
      json["neighbors"][i]["explanation"] =
          to_json(names, explanations[i], neighbor.vertex, static_cast<double>(neighbor.score));
    }
    fmt::print("{}\n", json.dump(2, ' ', false, QueryJson::error_handler_t::replace));
  }

  void print_table(const NamedGraph& names, const NeighborAnswer& answer,
                   const std::vector<Explanation>& explanations) const {
    if (answer.cold) fmt::print("no edges: nothing is known about {}\n", fmt::join(ids_, ", "));
    std::size_t width = answer.target.size();
    for (const Neighbor& neighbor : answer.neighbors) width = std::max(width, neighbor.id.size());
    if (!answer.neighbors.empty()) fmt::print("{:>5}  {:<{}}  {}\n", "rank", answer.target, width, "score");
    for (std::size_t i = 0; i < answer.neighbors.size(); ++i) {
      const Neighbor& neighbor = answer.neighbors[i];
      fmt::print("{:>5}  {:<{}}  {:.6g}\n", i + 1, neighbor.id, width, neighbor.score);
      if (explanations.empty()) continue;
      const Explanation& explanation = explanations[i];
      const auto score = static_cast<double>(neighbor.score);
      for (const ExplainingPath& path : explanation.paths) {
        fmt::print("       {:5.1f}%  {}\n", 100.0 * std::min(1.0, path.probability / score), path_text(names, path));
      }
      fmt::print("       {:5.1f}%  by {} paths of up to three steps{}\n",
                 100.0 * std::min(1.0, explanation.probability / score), explanation.num_paths,
                 explanation.complete ? "" : ", and others that were not looked at");
    }
    if (answer.boosted) {
      fmt::print("boosted scores are no probabilities\n");
    } else if (!answer.neighbors.empty()) {
      fmt::print("no score is off by more than {:.2g}{}\n", answer.error_bound, exact_ ? "" : " (probability 0.99)");
    }
    if (answer.unknown_ids > 0) {
      fmt::print(stderr, "warning: {} of the ids to exclude or allow are not in the graph\n", answer.unknown_ids);
    }
  }

  CommandLine command_line_;
  std::vector<std::string> ids_;
  fs::path path_;
  std::optional<fs::path> graph_;
  std::string type_;
  std::string target_;
  std::uint32_t top_k_ = 10;
  bool weighted_ = false;
  bool include_linked_ = false;
  std::vector<std::string> exclude_;
  std::vector<std::string> allow_;
  std::optional<std::uint32_t> explain_;
  std::optional<std::uint32_t> hops_;
  std::optional<double> threshold_;
  bool exact_ = false;
  bool boost_ = false;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_query_verb() {
  return std::make_unique<QueryVerb>();
}

}  // namespace rove::jobs
