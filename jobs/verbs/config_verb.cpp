// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "jobs/verbs/make_verbs.hpp"

namespace rove::jobs {
namespace {

class ConfigVerb final : public SerialVerb {
 public:
  [[nodiscard]] std::string name() const override { return "config"; }
  [[nodiscard]] std::string summary() const override {
    return "Print the commented template, or the effective configuration";
  }
  [[nodiscard]] std::string examples() const override {
    return "rove config --template > job.yaml\nrove config -c job.yaml --set train.dim=128";
  }
  void declare(CLI::App& app) override {
    command_line_.declare_common(app);
    app.add_flag("--template", template_, "Every key with its default and meaning");
  }
  void run() override {
    if (template_) {
      fmt::print("{}", Config::commented_template());
      return;
    }
    Config config = command_line_.configuration();
    config.follow_links();  // as a job does
    fmt::print("{}", config.effective_yaml());
  }

 private:
  CommandLine command_line_;
  bool template_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_config_verb() {
  return std::make_unique<ConfigVerb>();
}

}  // namespace rove::jobs
