// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <chrono>
#include <csignal>
#include <ctime>
#include <fstream>
#include <functional>
#include <optional>
#include <thread>

#include <fmt/format.h>
#include <pthread.h>
#include <sys/stat.h>

#include "engine/base/error.hpp"
#include "engine/base/memory_plan.hpp"
#include "jobs/serve/service.hpp"
#include "jobs/verbs/make_verbs.hpp"
#include "jobs/verbs/open_index.hpp"

namespace rove::jobs {
namespace {

namespace fs = std::filesystem;

void say(const std::string& line) {
  fmt::print(stderr, "rove serve: {}\n", line);
}

/// The first line of the token file. Throws `ConfigError` for an empty one, or one that others may read.
std::string read_token(const fs::path& file) {
  std::ifstream in(file);
  std::string token;
  std::getline(in, token);
  if (!in && token.empty()) throw IoError(fmt::format("cannot read a token from '{}'", file.string()));
  while (!token.empty() && (token.back() == '\r' || token.back() == ' ')) token.pop_back();
  if (token.size() < 16) {
    throw ConfigError(
        fmt::format("the token in '{}' has {} characters, expected at least 16; make one with "
                    "`openssl rand -hex 32`",
                    file.string(), token.size()));
  }
  struct stat status{};
  if (::stat(file.c_str(), &status) == 0 && (status.st_mode & 077U) != 0) {
    say(fmt::format("warning: others may read '{}'; chmod 600 it", file.string()));
  }
  return token;
}

/// Changes when another index is published under the path, or the file replaced.
std::string identity_of(const IndexFiles& files) {
  std::string identity;
  for (const fs::path& file : {files.index, files.graph}) {
    struct stat status{};
    if (::stat(file.c_str(), &status) != 0) throw IoError(fmt::format("'{}' is gone", file.string()));
    identity += fmt::format("{} {} {} {}.{}\n", file.string(), status.st_ino, status.st_size, status.st_mtim.tv_sec,
                            status.st_mtim.tv_nsec);
  }
  return identity;
}

/// Waits for signals and newly published indexes beside the serving threads.
class Caretaker {
 public:
  using Open = std::function<std::shared_ptr<const NeighborIndex>(const IndexFiles&)>;

  Caretaker(Service& service, std::function<IndexFiles()> find, Open open, std::string identity, std::uint64_t watch)
      : service_(service),
        find_(std::move(find)),
        open_(std::move(open)),
        identity_(std::move(identity)),
        watch_(watch) {}

  /// The signals that only `run` takes: block them before any thread is started.
  [[nodiscard]] static sigset_t signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
    return set;
  }

  /// Until SIGTERM or SIGINT, or `end`.
  void run() {
    const sigset_t set = signals();
    auto last_look = std::chrono::steady_clock::now();
    while (!ended_) {
      const timespec wait{0, 100'000'000};
      const int signal = sigtimedwait(&set, nullptr, &wait);
      if (signal == SIGTERM || signal == SIGINT) {
        say("stopping; requests in flight are answered");
        service_.stop();
        return;
      }
      const auto now = std::chrono::steady_clock::now();
      const bool is_due = watch_ > 0 && now - last_look >= std::chrono::seconds(watch_);
      if (signal != SIGHUP && !is_due) continue;
      last_look = now;
      look(signal == SIGHUP);
    }
  }
  void end() { ended_ = true; }

 private:
  /// Takes up an index that is new. One that cannot be opened is said once and the old one stays.
  void look(bool asked) {
    std::string found;
    try {
      const IndexFiles files = find_();
      found = identity_of(files);
      if (found == identity_ || (found == refused_ && !asked)) return;
      const std::shared_ptr<const NeighborIndex> opened = open_(files);
      opened->touch();  // the old index answers until no request has to wait for pages of the new one
      opened->verify();
      service_.replace_index(opened);
      identity_ = found;
      refused_.clear();
      say(fmt::format("now answering from {}", files.index.string()));
    } catch (const std::exception& error) {
      if (found == refused_ && !asked) return;
      refused_ = found;
      service_.replace_index(nullptr);
      say(fmt::format("the old index stays: {}", error.what()));
    }
  }

  Service& service_;
  std::function<IndexFiles()> find_;
  Open open_;
  std::string identity_;
  std::string refused_ = "none";
  std::uint64_t watch_;
  std::atomic<bool> ended_{false};
};

class ServeVerb final : public SerialVerb {
 public:
  [[nodiscard]] std::string name() const override { return "serve"; }
  [[nodiscard]] std::string summary() const override { return "Keep a PPR index in memory behind HTTP/JSON"; }
  [[nodiscard]] std::string examples() const override {
    return "rove serve --in runs/gowalla                                the published run, and each new one\n"
           "  rove serve --in index.h5 --graph graph.h5 --port 8470\n"
           "  rove serve --in runs/gowalla --host 0.0.0.0 --token-file token\n"
           "  curl 'http://127.0.0.1:8470/v1/neighbors?id=343&k=10'\n"
           "  SIGHUP: look for a new index now. SIGTERM: answer what is in flight, then end.";
  }
  void declare(CLI::App& app) override {
    command_line_.declare_common(app);
    app.add_option("--in", path_, "An index.h5, a run directory, or an output directory: `latest` is followed")
        ->required()
        ->type_name("PATH");
    app.add_option("-g,--graph", graph_, "The graph it was built on (default: graph.h5 beside the index)")
        ->type_name("graph.h5");
    command_line_.declare_key(app, "--host", "serve.host", "Address to listen on");
    command_line_.declare_key(app, "--port", "serve.port", "Port to listen on; 0: any free one");
    command_line_.declare_key(app, "--token-file", "serve.token_file", "Requests must bring the token in this file");
  }

  void run() override {
    // Where to listen and who may ask is this command's to say, not a data file's.
    const Config config = command_line_.configuration();
    ServiceOptions options;
    options.host = config.text("serve.host");
    options.port = config.count_as<std::uint16_t>("serve.port");
    options.threads = config.count_as<std::uint32_t>("serve.threads", 1);
    options.max_body = parse_bytes(config.text("serve.max_body"));
    options.max_batch = config.count("serve.max_batch", 1);
    options.timeout_seconds = config.count_as<std::uint32_t>("serve.timeout", 1);
    options.limits.max_top_k = config.count_as<std::uint32_t>("serve.max_top_k", 1);
    if (const auto file = config.path("serve.token_file")) options.token = read_token(*file);
    const bool is_loopback = options.host == "localhost" || options.host == "::1" || options.host.starts_with("127.");
    if (!is_loopback && options.token.empty()) {
      say(fmt::format("warning: {} is reachable from other machines and no serve.token_file is set", options.host));
    }

    const auto find = [&] { return find_index_files(path_, graph_); };
    const auto open = [&](const IndexFiles& files) -> std::shared_ptr<const NeighborIndex> {
      std::unique_ptr<NeighborIndex> index = open_index(files, index_configuration(command_line_, files.index));
      index->load_lists(config.paths("serve.allow_lists"), config.path("serve.blocks"));
      if (index->lists().unknown_ids > 0) {
        say(fmt::format("warning: {} ids of serve.allow_lists and serve.blocks are not in the graph",
                        index->lists().unknown_ids));
      }
      index->read_ahead();
      return index;
    };
    const sigset_t signals = Caretaker::signals();
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    const IndexFiles files = find();
    const std::string identity = identity_of(files);
    const std::shared_ptr<const NeighborIndex> first = open(files);
    first->verify();
    Service service(first, options);
    Caretaker caretaker(service, find, open, identity, config.count("serve.watch"));
    std::thread beside([&] { caretaker.run(); });
    fmt::print("listening on http://{}:{}\n", options.host, service.port());
    std::fflush(stdout);
    say(fmt::format("answering from {}", files.index.string()));
    try {
      service.run();
    } catch (...) {
      caretaker.end();
      beside.join();
      throw;
    }
    caretaker.end();
    beside.join();
    say("ended");
  }

 private:
  CommandLine command_line_;
  fs::path path_;
  std::optional<fs::path> graph_;
};

}  // namespace

std::unique_ptr<Verb> make_serve_verb() {
  return std::make_unique<ServeVerb>();
}

}  // namespace rove::jobs
