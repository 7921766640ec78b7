// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/unlearnt_start.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.hpp"
#include "io/publish/file_system.hpp"
#include "jobs/pipeline/forget_lists.hpp"
#include "jobs/pipeline/forget_stage.hpp"
#include "jobs/pipeline/training_options.hpp"

namespace rove::jobs {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::pair<const char*, UnlearntStart>, 3> kNames{{
    {"unchanged", UnlearntStart::kUnchanged},
    {"unlearnt", UnlearntStart::kUnlearnt},
    {"cold", UnlearntStart::kCold},
}};

const char* name_of(UnlearntStart start) {
  return std::ranges::find(kNames, start, &std::pair<const char*, UnlearntStart>::second)->first;
}

}  // namespace

fs::path graph_beside(const fs::path& vectors) {
  fs::path graph = vectors.parent_path() / "graph.h5";
  if (!fs::exists(graph)) {
    throw IoError(
        fmt::format("forget: training would go on from '{}', and what that knows can be told only by the graph it was "
                    "trained on, expected as '{}'; put it there, or set train.warm_start to none",
                    vectors.string(), graph.string()));
  }
  return graph;
}

UnlearntStart unlearn_start(Session& session, const fs::path& vectors, const fs::path& unlearnt,
                            const fs::path& report_file) {
  const PhaseTimer timer(session.times(), "forget");
  const comm::Communicator& comm = session.comm();
  fs::path graph;
  comm.agree([&] { graph = graph_beside(vectors); });
  session.load_graph(graph);
  EdgeTypeId type;
  comm.agree([&] { type = training_edge_type(session); });
  const ForgetLists lists = read_forget_lists(session, type);
  UnlearntStart start = UnlearntStart::kUnchanged;
  if (lists.users + lists.items + lists.interactions > 0) {
    start = session.config().text("forget.warm_start") == "cold" ? UnlearntStart::kCold : UnlearntStart::kUnlearnt;
  }
  nlohmann::json report;
  if (start == UnlearntStart::kUnlearnt) {
    const gnn::UnlearningReport unlearning = forget_stage(session, vectors, unlearnt, report_file);
    if (unlearning.after.stands_out()) {
      session.warn(
          fmt::format("what was to be forgotten still scores {:.2f} deviations higher than what never was; raise "
                      "forget.epochs, or set forget.warm_start to cold",
                      unlearning.after.gap()));
    }
  } else {
    report["forget"] = {{"users", lists.users},
                        {"items", lists.items},
                        {"listed_interactions", lists.interactions},
                        {"unknown", lists.unknown},
                        {"interactions", lists.interactions}};
    session.progress().note("forget", fmt::format("{} knows {} listed users, {} items and {} interactions{}",
                                                  vectors.string(), lists.users, lists.items, lists.interactions,
                                                  start == UnlearntStart::kCold ? ": training starts cold" : ""));
  }
  session.drop_graph();
  comm.agree([&] {
    if (!comm.is_root()) return;
    if (start == UnlearntStart::kUnlearnt) report = nlohmann::json::parse(io::publish::read_text(report_file));
    report["start"] = name_of(start);
    io::publish::write_text_durably(report_file, report.dump(2) + "\n");
  });
  return start;
}

UnlearntStart read_unlearnt_start(const fs::path& report_file) {
  try {
    const auto name = nlohmann::json::parse(io::publish::read_text(report_file)).at("start").get<std::string>();
    for (const auto& [known, start] : kNames) {
      if (name == known) return start;
    }
    throw InputError(
        fmt::format("'{}' has the start '{}', expected unchanged, unlearnt or cold; remove the run "
                    "directory",
                    report_file.string(), name));
  } catch (const nlohmann::json::exception& error) {
    throw InputError(fmt::format("'{}' is damaged ({}); remove the run directory", report_file.string(), error.what()));
  }
}

}  // namespace rove::jobs
