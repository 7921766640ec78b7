// SPDX-License-Identifier: Apache-2.0
#include "jobs/verbs/verify_partition.hpp"

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.hpp"
#include "engine/base/progress.hpp"
#include "io/hdf5/graph_file.hpp"
#include "io/hdf5/result_files.hpp"
#include "jobs/pipeline/session.hpp"
#include "partition/verify.hpp"

namespace rove::jobs {
namespace {

namespace fs = std::filesystem;

/// The configuration that made the partition, on this machine's resources: it says what was held out of the graph.
Config configuration_of(const io::FileHeader& header) {
  Config config;
  config.add_file("the configuration in partition.h5", header.provenance.config_yaml);
  for (const char* setting : {"resources.threads=auto", "resources.memory=auto"}) config.set(setting);
  return config;
}

std::vector<std::string> problems_with(const comm::Communicator& comm, const fs::path& file, const fs::path& graph) {
  io::FileHeader header;
  Config config;
  comm.agree([&] {
    header = io::read_header(io::hdf5::InputFile(file), io::FileFormat::kPartition);
    const io::FileHeader of_graph = io::read_header(io::hdf5::InputFile(graph), io::FileFormat::kGraph);
    if (of_graph.provenance.graph_digest != header.provenance.graph_digest) {
      throw InputError(fmt::format("it cuts the graph {}, but graph.h5 beside it is {}", header.provenance.graph_digest,
                                   of_graph.provenance.graph_digest));
    }
    config = configuration_of(header);
  });
  Session session(comm, std::move(config), no_progress());
  MemoryPlan plan("the graph that partition.h5 cuts");
  comm.agree([&] { plan.hold("graph", 2 * fs::file_size(graph) / static_cast<std::uint64_t>(comm.size())); });
  session.require_fits(plan);
  session.load_graph(graph);
  const io::PartitionFile partition = io::read_partition(comm, file, session.schema());

  const auto quality = nlohmann::json::parse(partition.quality_json, nullptr, false);
  const bool is_report = quality.is_object() && quality.contains("cut_edges");
  const double imbalance = is_report ? quality.value("imbalance_asked", 0.0) : 0.0;
  const partition::Verification found = partition::verify(comm, session.blocks(), partition.assignment, imbalance,
                                                          is_report && partition.assignment.method == "metis");
  std::vector<std::string> problems = found.problems;
  if (found.valid() && is_report && quality["cut_edges"] != found.cut_edges) {
    problems.push_back(
        fmt::format("it cuts {} edges, but its report says {}", found.cut_edges, quality["cut_edges"].dump()));
  }
  return problems;
}

}  // namespace

std::vector<std::string> partition_problems(const comm::Communicator& comm, const fs::path& file) {
  const fs::path graph = file.parent_path() / "graph.h5";
  const bool has_graph =
      comm.all_reduce(static_cast<std::uint32_t>(fs::exists(graph) && fs::exists(file)), comm::ReduceOp::kMin) != 0;
  if (!has_graph) return {};
  std::vector<std::string> problems;
  try {
    problems = problems_with(comm, file, graph);
  } catch (const DoesNotFitError&) {  // says nothing of the files
    throw;
  } catch (const Error& error) {  // agreed: the same on all ranks
    problems.emplace_back(error.what());
  }
  for (std::string& problem : problems) problem = fmt::format("{}: {}", file.filename().string(), problem);
  return problems;
}

}  // namespace rove::jobs
