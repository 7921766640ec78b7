// SPDX-License-Identifier: Apache-2.0
// A program that ends badly in a chosen way; outcome_test.py starts it and looks at what remains.
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <new>
#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

#include "engine/base/error.hpp"
#include "engine/comm/environment.hpp"

namespace {

using rove::comm::Communicator;
using rove::comm::ReduceOp;

bool is_last(const Communicator& world) {
  return world.rank().value() == world.size() - 1;
}

/// What the other ranks are busy with when one of them fails.
void communicate(const Communicator& world, int rounds) {
  for (int i = 0; i < rounds; ++i) {
    (void)world.all_reduce(i, ReduceOp::kSum);
  }
}

/// The work of `rounds`, with `failure` in its middle on the last rank.
int fail_in_the_middle(const Communicator& world, const std::function<void()>& failure) {
  communicate(world, 100);
  if (is_last(world)) failure();
  communicate(world, 1000);
  return 0;
}

void read_file(const std::string& path) {
  const std::ifstream file(path);
  if (!file) throw rove::IoError(fmt::format("cannot open {}: no such file", path));
}

int run(const Communicator& world, const std::string& how) {
  const std::map<std::string, std::function<void()>> failures = {
      {"kill", [] { std::raise(SIGKILL); }},
      {"segfault", [] { std::raise(SIGSEGV); }},
      {"throw", [] { throw rove::InputError("row 7 is bad"); }},
      {"throw-foreign", [] { throw std::out_of_range("index 9"); }},
      {"out-of-memory", [] { throw std::bad_alloc(); }},
      {"exit", [] { _exit(9); }},
      {"exit-zero", [] { _exit(0); }},
      {"std-exit", [] { std::exit(9); }},
      {"sleep", [] { sleep(60); }},
  };
  if (how == "good") return fail_in_the_middle(world, [] {});
  if (how == "code") return 7;
  if (how == "communicate") {
    communicate(world, 1000);
    return 0;
  }
  if (how == "agree") {
    communicate(world, 100);
    world.agree([&] { read_file(is_last(world) ? "/nonexistent/edges" : "/dev/null"); });
  }
  if (how == "agree-after-communicating") {
    world.agree([&] {
      communicate(world, 10);
      if (is_last(world)) throw rove::IoError("disk full");
      communicate(world, 10);
    });
  }
  if (how == "throw-everywhere") throw rove::ConfigError("unknown verb 'rnu'");
  if (how == "throw-on-two" && world.rank().value() > 0 && world.rank().value() < 3) throw rove::IoError("disk full");
  if (how == "throw-on-two") communicate(world, 1000);
  if (how == "throw-while-others-finish") {
    if (is_last(world)) throw rove::IoError("disk full");
    return 0;
  }
  if (how == "phase") {
    world.set_phase("train epoch 3");
    return fail_in_the_middle(world, failures.at("sleep"));
  }
  const auto failure = failures.find(how);
  if (failure == failures.end()) return 0;
  return fail_in_the_middle(world, failure->second);
}

}  // namespace

int main(int argc, char** argv) {
  return rove::comm::run_main(&argc, &argv, [&](const rove::comm::Environment& environment) {
    return run(environment.world(), argc > 1 ? argv[1] : "good");
  });
}
