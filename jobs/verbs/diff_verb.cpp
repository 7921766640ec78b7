// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "io/hdf5/diff.hpp"
#include "jobs/verbs/make_verbs.hpp"
#include "jobs/verbs/run_directory.hpp"

namespace rove::jobs {
namespace {

namespace fs = std::filesystem;

class DiffVerb final : public SerialVerb {
 public:
  [[nodiscard]] std::string name() const override { return "diff"; }
  [[nodiscard]] std::string summary() const override {
    return "What differs between two files or runs: bytes, rows, drift, lists";
  }
  [[nodiscard]] std::string examples() const override {
    return "rove diff runs/gowalla/0006 runs/gowalla/latest        last night and tonight\n"
           "  rove diff runs/0006 runs/0007 --skip partition.h5      runs on other numbers of ranks: parts follow the "
           "ranks\n"
           "  rove diff a/embeddings.h5 b/embeddings.h5 --json\n"
           "  Exit code, as of diff(1): 0 all datasets but /config have the same bytes; 1 they differ; 2 and more: "
           "trouble.";
  }
  void declare(CLI::App& app) override {
    app.add_option("A", first_, "A file or a run")->required();
    app.add_option("B", second_, "Another one of the same kind")->required();
    app.add_option("--skip", skip_, "Leave out this file of the runs (may be repeated)")->type_name("NAME");
    app.add_flag("--json", json_, "For programs");
    app.add_flag("-q,--quiet", quiet_, "The exit code only");
  }
  void run() override {
    const bool files = kind_of(first_) == PathKind::kFile;
    if (files != (kind_of(second_) == PathKind::kFile)) {
      throw ConfigError(fmt::format("'{}' is a {} and '{}' a {}; compare two files or two runs", first_.string(),
                                    files ? "file" : "directory", second_.string(), files ? "directory" : "file"));
    }
    const bool same = files ? show(io::diff_files(first_, second_)) : show(run_diff());
    if (!same) {
      std::fflush(stdout);
      throw Error(ExitCode::kDifferent, fmt::format("{} and {} differ", first_.string(), second_.string()));
    }
  }

 private:
  [[nodiscard]] io::RunDiff run_diff() const {
    io::RunDiff diff = io::diff_runs(run_of(first_), run_of(second_));
    const auto is_skipped = [&](const fs::path& file) { return std::ranges::count(skip_, file.filename()) > 0; };
    std::erase_if(diff.files, [&](const io::FileDiff& file) { return is_skipped(file.first); });
    std::erase_if(diff.only_first, is_skipped);
    std::erase_if(diff.only_second, is_skipped);
    return diff;
  }
  template <class Diff>
  bool show(const Diff& diff) const {
    if (!quiet_) fmt::print("{}", json_ ? io::to_json(diff) : io::to_text(diff));
    return diff.same_bytes();
  }

  fs::path first_;
  fs::path second_;
  std::vector<fs::path> skip_;
  bool json_ = false;
  bool quiet_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_diff_verb() {
  return std::make_unique<DiffVerb>();
}

}  // namespace rove::jobs
