// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <filesystem>

#include <fmt/format.h>

#include "engine/base/log.hpp"
#include "jobs/display/progress_display.hpp"
#include "jobs/pipeline/session.hpp"
#include "jobs/verbs/command_line.hpp"

namespace rove::jobs {

/// One run of a collective verb: a session whose progress and warnings rank 0 shows on the standard error stream, so
/// that what a verb prints on standard output can be piped.
class CollectiveJob : private log::Sink {
 public:
  CollectiveJob(const comm::Communicator& world, const CommandLine& command_line)
      : shows_(world.is_root()),
        display_(stderr, command_line.quiet() ? ProgressDisplay::Style::kSilent : ProgressDisplay::style_for(stderr)),
        session_(world, command_line.configuration(world),
                 shows_ ? static_cast<ProgressSink&>(display_) : no_progress()),
        previous_(log::set_sink(this)) {}
  ~CollectiveJob() override { log::set_sink(previous_); }
  CollectiveJob(const CollectiveJob&) = delete;
  CollectiveJob& operator=(const CollectiveJob&) = delete;

  [[nodiscard]] Session& session() { return session_; }

  /// Prints one line on rank 0.
  template <class... Args>
  void print(fmt::format_string<Args...> format, Args&&... args) const {
    if (shows_) fmt::print("{}\n", fmt::format(format, std::forward<Args>(args)...));
  }

 private:
  void write(log::Level level, std::string_view message) override {
    if (shows_ && level != log::Level::kInfo) {
      fmt::print(stderr, "{}: {}\n", level == log::Level::kError ? "error" : "warning", message);
    }
  }

  bool shows_;
  ProgressDisplay display_;
  Session session_;
  log::Sink* previous_;
};

}  // namespace rove::jobs
