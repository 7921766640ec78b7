// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>

#include "engine/base/error.hpp"
#include "engine/base/memory_plan.hpp"
#include "engine/base/stop.hpp"
#include "jobs/serve/service.hpp"
#include "jobs/verbs/make_verbs.hpp"
#include "jobs/verbs/open_index.hpp"

namespace rove::jobs {
namespace {

namespace fs = std::filesystem;

/// Whoever reads what is said may be gone, which is no reason to end.
void say(const std::string& line) {
  std::fputs(fmt::format("rove serve: {}\n", line).c_str(), stderr);
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

/// Ends the process although a thread reads an index, which may take minutes: it writes nothing that could be left half
/// done.
[[noreturn]] void leave(const std::string& line, ExitCode code = ExitCode::kSuccess) {
  say(line);
  std::_Exit(static_cast<int>(code));
}

/// Takes up newly published indexes, on a thread of its own.
class IndexWatch {
 public:
  using Open = std::function<std::shared_ptr<const NeighborIndex>(const IndexFiles&)>;

  /// `seconds`: between two looks; 0: only when asked.
  IndexWatch(Service& service, std::function<IndexFiles()> find, Open open, std::string identity, std::uint32_t seconds)
      : service_(service),
        find_(std::move(find)),
        open_(std::move(open)),
        identity_(std::move(identity)),
        seconds_(seconds),
        thread_([this] { run(); }) {}
  ~IndexWatch() {
    static_cast<void>(ask_to_end());
    if (thread_.joinable()) thread_.join();
  }
  IndexWatch(const IndexWatch&) = delete;
  IndexWatch& operator=(const IndexWatch&) = delete;

  void look_now() {
    {
      const std::lock_guard lock(mutex_);
      is_asked_ = true;
    }
    changed_.notify_one();
  }
  /// False: it is reading an index, and will end after that.
  [[nodiscard]] bool ask_to_end() {
    const std::lock_guard lock(mutex_);
    is_ended_ = true;
    changed_.notify_one();
    return !is_looking_;
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      const auto is_called = [&] { return is_ended_ || is_asked_; };
      if (seconds_ > 0) {
        changed_.wait_for(lock, std::chrono::seconds(seconds_), is_called);
      } else {
        changed_.wait(lock, is_called);
      }
      if (is_ended_) return;
      const bool asked = std::exchange(is_asked_, false);
      is_looking_ = true;
      lock.unlock();
      look(asked);
      lock.lock();
      is_looking_ = false;
    }
  }

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
  std::uint32_t seconds_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_asked_ = false;
  bool is_ended_ = false;
  bool is_looking_ = false;
  std::thread thread_;
};

/// Hears signals, from before the first index is read on.
class Listener {
 public:
  Listener() : thread_([this] { run(); }) {}
  ~Listener() { end(); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  /// From now on signals are for these, which must live until `end`.
  void attend(Service& service, IndexWatch& watch) {
    const std::lock_guard lock(mutex_);
    service_ = &service;
    watch_ = &watch;
  }
  void end() {
    is_ended_ = true;
    if (thread_.joinable()) thread_.join();
  }

 private:
  /// Until SIGTERM or SIGINT, or `end`.
  void run() {
    while (!is_ended_) {
      const std::optional<int> signal = signals_.next(std::chrono::milliseconds(100));
      if (!signal) continue;
      const std::lock_guard lock(mutex_);
      if (*signal == SIGHUP) {
        if (watch_ != nullptr) watch_->look_now();
        continue;
      }
      if (service_ == nullptr) leave("ended before its index was read");
      say("stopping; requests in flight are answered");
      service_->stop();
      return;
    }
  }

  stop::AwaitedSignals signals_{SIGTERM, SIGINT, SIGHUP};
  std::atomic<bool> is_ended_{false};
  std::mutex mutex_;
  Service* service_ = nullptr;
  IndexWatch* watch_ = nullptr;
  std::thread thread_;
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

    const auto watch_seconds = config.count_as<std::uint32_t>("serve.watch");
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
    std::signal(SIGPIPE, SIG_IGN);
    Listener listener;
    const IndexFiles files = find();
    const std::string identity = identity_of(files);
    std::shared_ptr<const NeighborIndex> first = open(files);
    first->verify();
    Service service(std::move(first), options);
    IndexWatch watch(service, find, open, identity, watch_seconds);
    listener.attend(service, watch);
    try {
      fmt::print("listening on http://{}:{}\n", options.host, service.port());
      std::fflush(stdout);
      say(fmt::format("answering from {}", files.index.string()));
      service.run();
    } catch (const Error& error) {
      listener.end();
      if (!watch.ask_to_end()) leave(error.what(), error.code());
      throw;
    }
    listener.end();
    if (!watch.ask_to_end()) leave("ended; the new index was not read to its end");
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
