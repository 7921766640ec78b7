// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "io/hdf5/delta_file.hpp"
#include "io/publish/publisher.hpp"
#include "jobs/display/progress_display.hpp"
#include "jobs/pipeline/stages.hpp"

namespace rove::jobs {
namespace {

namespace fs = std::filesystem;
using io::kDeltaFile;

/// An earlier attempt's must not be published as tonight's. Rank 0's business.
void remove_delta(const fs::path& run) {
  fs::remove(run / kDeltaFile);
}

/// **Collective.** The published run, unless it is this one, whose delta stays, or no delta is wanted; empty when there
/// is none.
fs::path run_before(Session& session, const fs::path& output, const fs::path& run) {
  std::string found;
  session.comm().agree([&] {
    const double tolerance = session.config().real("publish.delta_tolerance");
    if (!(tolerance >= 0 && tolerance <= 1)) {
      throw ConfigError(fmt::format("publish.delta_tolerance is {}, expected from 0 to 1", tolerance));
    }
    if (!session.comm().is_root()) return;
    const auto published = io::publish::published_run(output);
    if (published && fs::equivalent(*published, run)) return;
    if (session.config().boolean("publish.delta") && published) {
      found = published->string();
    } else {
      remove_delta(run);
    }
  });
  return session.comm().broadcast_text(found, Rank{0});
}

}  // namespace

void delta_stage(Session& session, const fs::path& output, const fs::path& run) {
  const fs::path before = run_before(session, output, run);
  if (before.empty()) return;
  const PhaseTimer timer(session.times(), "delta");
  session.progress().begin("delta", 0, "files");
  std::optional<io::DeltaSummary> summary;
  try {
    if (session.has_graph())
      session.require_fits(io::plan_delta(session.schema().num_vertices(), session.comm().size()));
    summary = io::write_delta(session.comm(), run / kDeltaFile, run, before,
                              {session.config().real("publish.delta_tolerance")}, session.provenance());
  } catch (const InputError& error) {  // the same on all ranks; tonight's results do without last night's
    session.warn(fmt::format("no {}: {}", kDeltaFile, error.what()));
  }
  if (!summary) {
    session.comm().agree([&] {
      if (session.comm().is_root()) remove_delta(run);
    });
  }
  std::string text = fmt::format("nothing to compare with the run {}", before.filename().string());
  if (summary) {
    text = fmt::format("{} since {}:", kDeltaFile, before.filename().string());
    for (const io::DeltaSummary::Type& type : summary->types) {
      text += fmt::format(" {} {} new, {} gone;", type.name, format_count(type.added), format_count(type.removed));
    }
    for (const io::DeltaSummary::Changes& changes : summary->changes) {
      text +=
          fmt::format(" {} of {} {} changed;", format_count(changes.changed), format_count(changes.rows), changes.what);
    }
    text.pop_back();
  }
  session.progress().end(text);
}

}  // namespace rove::jobs
