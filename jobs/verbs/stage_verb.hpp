// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <system_error>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "jobs/verbs/collective_job.hpp"
#include "jobs/verbs/verb.hpp"

namespace rove::jobs {

/// What the stage verbs share: a graph to work on, perhaps its partition, and a file to write.
class StageVerb : public CollectiveVerb {
 public:
  void declare(CLI::App& app) final {
    command_line_.declare_common(app);
    declare_stage(app);
  }
  void run(const comm::Communicator& world) final {
    CollectiveJob job(world, command_line_);
    world.agree([&] { require_output_of_its_own(); });
    // A file is opened more than once, by every rank: it must be one night's throughout.
    for (std::filesystem::path* input : {&graph_, &partition_, &embeddings_}) {
      *input = agreed_link_target(world, *input);
    }
    run_stage(job);
  }

 protected:
  virtual void declare_stage(CLI::App& app) = 0;
  virtual void run_stage(CollectiveJob& job) = 0;

  void declare_graph(CLI::App& app) {
    app.add_option("-g,--graph", graph_, "The graph container that `rove import` wrote")
        ->type_name("graph.h5")
        ->required();
  }
  void declare_partition(CLI::App& app) {
    app.add_option("-p,--partition", partition_, "Its partition; without it the graph is cut by partition.method")
        ->type_name("partition.h5");
  }
  void declare_embeddings(CLI::App& app) {
    app.add_option("-e,--embeddings,--model-file", embeddings_, "What `rove train` wrote: embeddings.h5 or model.h5")
        ->type_name("FILE")
        ->required();
  }
  void declare_out(CLI::App& app, const std::string& standard) {
    out_ = standard;
    app.add_option("-o,--out", out_, "File to write")->capture_default_str();
  }
  void load_graph(CollectiveJob& job) const {
    job.session().load_graph(graph_);
    if (!partition_.empty()) job.session().load_partition(partition_);
  }

  /// The output takes the place of what has its name.
  void require_output_of_its_own() const {
    for (const std::filesystem::path& input : {graph_, partition_, embeddings_}) {
      std::error_code missing;
      if (!std::filesystem::equivalent(out_, input, missing) || missing) continue;
      throw ConfigError(
          fmt::format("--out '{}' is the file that '{}' is read from, which it would replace; choose another",
                      out_.string(), input.string()));
    }
  }

  CommandLine command_line_;
  std::filesystem::path graph_;
  std::filesystem::path partition_;
  std::filesystem::path embeddings_;
  std::filesystem::path out_;
};

}  // namespace rove::jobs
