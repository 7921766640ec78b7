// SPDX-License-Identifier: Apache-2.0
// layout_bench train.txt [epochs [model [threads]]]: a model trained on an adjacency file in either layout, on the
// parts that METIS makes for the ranks; the fastest epoch, and the bytes that a step sends beside those of the cost
// model. layout_bench predict USERS ITEMS INTERACTIONS: the model alone, for nodes of 32 threads that hold a hash cut.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bench/bipartite_graphs.hpp"
#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/comm/environment.hpp"
#include "engine/comm/traffic.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/interactions.hpp"
#include "gnn/models.hpp"
#include "gnn/training_layout.hpp"
#include "gnn/triple_sampler.hpp"
#include "partition/partitioner.hpp"

namespace {

using namespace rove;

constexpr double kMegabyte = 1e6;

/// Trains and returns the fastest epoch, in seconds, and what this rank sends in the second.
struct Measured {
  double seconds = 1e9;
  comm::Traffic epoch;
};

Measured measure(const comm::Communicator& world, const graph::DistributedGraph& graph, const gnn::Model& model,
                 gnn::ModelOptions options, gnn::TrainLayout layout) {
  options.set_batches([&](gnn::BatchOptions& batches) { batches.layout = layout; });
  std::vector<comm::Traffic> snapshots;
  gnn::TrainHooks hooks;
  hooks.save_checkpoint = [&](const exec::CheckpointRegistry&, std::uint64_t) { snapshots.push_back(comm::traffic()); };
  const gnn::TrainResult result = model.train(world, graph, EdgeTypeId{0}, options, hooks);
  Measured measured;
  for (const gnn::EpochRecord& epoch : result.history) measured.seconds = std::min(measured.seconds, epoch.seconds);
  measured.epoch = {snapshots[1].messages - snapshots[0].messages, snapshots[1].bytes - snapshots[0].bytes};
  return measured;
}

/// Rows that a rank of a hash cut sends when all ghosts are brought up to date, for vertices of the mean degree: a
/// vertex goes to every other rank that has one of its neighbours.
double hash_halo(double vertices, double interactions, double ranks) {
  return vertices / ranks * (ranks - 1) * (1 - std::pow(1 - 1 / ranks, interactions / vertices));
}

void predict(const char* const* sizes) {
  gnn::StepFacts facts;
  facts.users = std::stoull(sizes[0]);
  facts.items = std::stoull(sizes[1]);
  facts.interactions = std::stoull(sizes[2]);
  facts.threads = 32;
  facts.batch_size = std::max<std::uint64_t>(2048, facts.interactions / 400);
  const gnn::StepShape shape = gnn::lightgcn_step({});
  fmt::print("lightgcn, {} users, {} items, {} interactions, batches of {}:\n", facts.users, facts.items,
             facts.interactions, facts.batch_size);
  for (const std::uint32_t dim : {64U, 256U, 1024U}) {
    for (const std::int32_t nodes : {1, 2, 4, 16, 64}) {
      facts.dim = dim;
      facts.ranks = nodes;
      const auto interactions = static_cast<double>(facts.interactions);
      facts.halo_rows = static_cast<std::uint64_t>(hash_halo(static_cast<double>(facts.users), interactions, nodes) +
                                                   hash_halo(static_cast<double>(facts.items), interactions, nodes));
      const gnn::StepCost whole = gnn::step_cost(gnn::TrainLayout::kPartitioned, shape, facts);
      const gnn::StepCost columns = gnn::step_cost(gnn::TrainLayout::kColumns, shape, facts);
      fmt::print("dim {:4} nodes {:2}: partitioned {:9.1f} ms, {:9.2f} MB; columns {:9.1f} ms, {:9.2f} MB: {}\n", dim,
                 nodes, 1e3 * whole.seconds(facts, {}), whole.wire_bytes / kMegabyte, 1e3 * columns.seconds(facts, {}),
                 columns.wire_bytes / kMegabyte,
                 gnn::faster_layout(shape, facts) == gnn::TrainLayout::kColumns ? "columns" : "partitioned");
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const comm::Environment environment(&argc, &argv);
  const comm::Communicator& world = environment.world();
  return comm::run_to_exit_code(world, [&] {
    if (argc == 5 && std::string_view(argv[1]) == "predict") {
      if (world.is_root()) predict(argv + 2);
      return 0;
    }
    if (argc < 2) throw ConfigError("usage: layout_bench train.txt [epochs [model [threads]]]");
    const parallel::ConcurrencyLimit threads(argc > 4 ? static_cast<std::uint32_t>(std::stoul(argv[4])) : 0);
    const bench::BipartiteGraph input = bench::read_adjacency(world, argv[1], "");
    partition::PartitionOptions cut;
    cut.method = "metis";
    cut.parts = world.size();
    const graph::DistributedGraph graph =
        graph::DistributedGraph::build(world, input.blocks, partition::assign(world, input.blocks, cut));
    const gnn::Interactions interactions(graph, EdgeTypeId{0});
    const gnn::Model& model = gnn::find_model(argc > 3 ? argv[3] : "lightgcn");
    if (model.step == nullptr) throw ConfigError("this model has one layout only");
    gnn::ModelOptions options;
    options.set_loop(
        {.epochs = std::max<std::uint64_t>(3, argc > 2 ? std::stoull(argv[2]) : 3), .checkpoint_every = 1});
    const gnn::TripleSampler sampler(world, interactions, options.bpr.sampler, options.bpr.seed);
    const double steps = static_cast<double>((sampler.num_triples() - 1) / options.bpr.batch_size + 1);

    gnn::StepFacts facts;
    facts.ranks = world.size();
    facts.threads = parallel::concurrency();
    facts.dim = options.bpr.dim;
    facts.batch_size = options.bpr.batch_size;
    facts.users = interactions.num_users();
    facts.items = interactions.num_items();
    facts.interactions = interactions.num_interactions();
    facts.halo_rows = world.all_reduce(std::uint64_t{graph.halo().send_rows().size()}, comm::ReduceOp::kMax);
    const gnn::StepShape shape = model.step(options);
    if (world.is_root()) {
      fmt::print("{} on {} ranks x {} threads: {} rows go to other ranks when all ghosts are brought up to date\n",
                 model.name, facts.ranks, facts.threads, facts.halo_rows);
    }
    for (const gnn::TrainLayout layout : {gnn::TrainLayout::kPartitioned, gnn::TrainLayout::kColumns}) {
      const bool by_columns = layout == gnn::TrainLayout::kColumns;
      const Measured measured = measure(world, graph, model, options, layout);
      const std::uint64_t bytes = world.all_reduce(measured.epoch.bytes, comm::ReduceOp::kMax);
      const std::uint64_t messages = world.all_reduce(measured.epoch.messages, comm::ReduceOp::kMax);
      const gnn::StepCost cost = gnn::step_cost(layout, shape, facts);
      if (!world.is_root()) continue;
      fmt::print(
          "{}: fastest epoch {:.3f} s, a step {:.2f} ms (model {:.2f}); the busiest rank sends {:.3f} MB in {:.1f} "
          "messages a step (model {:.3f} + {:.3f} of the losses)\n",
          by_columns ? "columns" : "partitioned", measured.seconds, 1e3 * measured.seconds / steps,
          1e3 * cost.seconds(facts, {}), static_cast<double>(bytes) / steps / kMegabyte,
          static_cast<double>(messages) / steps, cost.wire_bytes / kMegabyte, gnn::loss_bytes(facts) / kMegabyte);
      std::fflush(stdout);
    }
    if (world.is_root()) {
      fmt::print("auto: {}\n",
                 gnn::faster_layout(shape, facts) == gnn::TrainLayout::kColumns ? "columns" : "partitioned");
    }
    return 0;
  });
}
