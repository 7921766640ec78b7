// SPDX-License-Identifier: Apache-2.0
// baseline_bench train.txt test.txt MODEL [SETTING=VALUE ...]: fits a model of item scores (item-knn, ease, gf-cf,
// bspm) on adjacency files; the time of the fit and of an evaluation of all users, recall@20 and ndcg@20. Settings:
// neighbors, shrinkage, regularisation, rank, low_pass_weight, sharpening_time, sharpening_steps, svd_iterations.
#include <charconv>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "bench/bipartite_graphs.hpp"
#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/isa.hpp"
#include "engine/base/memory_plan.hpp"
#include "engine/comm/environment.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/interactions.hpp"
#include "gnn/models.hpp"
#include "gnn/scorer.hpp"

namespace {

using namespace rove;

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void apply(gnn::ModelOptions& options, const std::string& setting) {
  const std::size_t equals = setting.find('=');
  if (equals == std::string::npos) throw ConfigError(fmt::format("'{}' is not SETTING=VALUE", setting));
  const double value = std::stod(setting.substr(equals + 1));
  const auto count = static_cast<std::uint32_t>(value);
  const auto filters = [&](auto gnn::GraphFilterOptions::* member, auto to) {
    options.gf_cf.*member = to;
    options.bspm.*member = to;
  };
  const std::map<std::string, std::function<void()>> setters{
      {"neighbors", [&] { options.item_knn.neighbors = count; }},
      {"shrinkage", [&] { options.item_knn.shrinkage = value; }},
      {"regularisation", [&] { options.ease.regularisation = value; }},
      {"rank", [&] { filters(&gnn::GraphFilterOptions::rank, count); }},
      {"low_pass_weight", [&] { filters(&gnn::GraphFilterOptions::low_pass_weight, value); }},
      {"sharpening_time", [&] { filters(&gnn::GraphFilterOptions::sharpening_time, value); }},
      {"sharpening_steps", [&] { filters(&gnn::GraphFilterOptions::sharpening_steps, count); }},
      {"svd_iterations", [&] { filters(&gnn::GraphFilterOptions::svd_iterations, count); }},
  };
  const auto setter = setters.find(setting.substr(0, equals));
  if (setter == setters.end()) throw ConfigError(fmt::format("there is no setting '{}'", setting));
  setter->second();
}

}  // namespace

int main(int argc, char** argv) {
  const comm::Environment environment(&argc, &argv);
  const comm::Communicator& world = environment.world();
  return comm::run_to_exit_code(world, [&] {
    if (argc < 4) throw ConfigError("usage: baseline_bench train.txt test.txt MODEL [SETTING=VALUE ...]");
    const gnn::Model& model = gnn::find_model(argv[3]);
    if (model.fit == nullptr) throw ConfigError(fmt::format("'{}' trains vectors: see training_bench", model.name));
    gnn::ModelOptions options;
    for (int i = 4; i < argc; ++i) apply(options, argv[i]);

    const bench::BipartiteGraph input = bench::read_adjacency(world, argv[1], argv[2]);
    const graph::DistributedGraph graph = bench::scatter(world, input.blocks);
    const EdgeTypeId type{0};
    const gnn::Interactions interactions(graph, type);
    const gnn::TestItems test = gnn::test_items_of_owners(world, interactions, input.test_offsets, input.test_items);
    const std::uint32_t cutoffs[] = {20};
    gnn::ModelWeights weights;
    const double fitting = seconds_of([&] { weights = model.fit(world, graph, type, options, no_progress()); });
    const auto scorer = model.make_scorer(world, graph, type, std::move(weights));
    gnn::Evaluation evaluation;
    const double evaluating =
        seconds_of([&] { evaluation = gnn::evaluate(world, interactions, *scorer, test, cutoffs); });
    if (!world.is_root()) return 0;
    fmt::print(
        "{} ranks x {} threads, {}: {} fitted in {:.2f} s, {} users evaluated in {:.2f} s: recall@20 {:.4f} ndcg@20 "
        "{:.4f}; peak memory {}\n",
        world.size(), parallel::concurrency(), isa_name(active_isa()), model.name, fitting, evaluation.num_users,
        evaluating, evaluation.at[0].recall, evaluation.at[0].ndcg, format_bytes(peak_resident_bytes()));
    return 0;
  });
}
