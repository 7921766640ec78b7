// SPDX-License-Identifier: Apache-2.0
#include "engine/base/fault.hpp"

#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "engine/base/error.hpp"
#include "engine/base/stop.hpp"

namespace rove::fault {
namespace {

enum class Action { kThrow, kKill, kExit, kStop, kSleep };

struct Rule {
  std::string point;
  std::uint64_t occurrence = 1;
  Action action = Action::kThrow;
  std::optional<int> rank;
  std::uint64_t passages = 0;
};

struct State {
  std::mutex mutex;
  std::vector<Rule> rules;
};

enum Armed : int { kNotRead, kOff, kOn };
std::atomic<int> armed{kNotRead};
std::atomic<int> own_rank{0};

State& state() {
  static State instance;
  return instance;
}

[[noreturn]] void refuse(std::string_view rule, std::string_view part) {
  throw ConfigError(fmt::format(
      "ROVE_FAULT rule '{}' has '{}', expected <point>[:<occurrence from 1>][:throw|kill|exit|stop|sleep][@<rank>]",
      rule, part));
}

template <class Int>
bool parse_number(std::string_view text, Int& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

std::optional<Action> action_of(std::string_view name) {
  if (name == "throw") return Action::kThrow;
  if (name == "kill") return Action::kKill;
  if (name == "exit") return Action::kExit;
  if (name == "stop") return Action::kStop;
  if (name == "sleep") return Action::kSleep;
  return std::nullopt;
}

Rule parse_rule(std::string_view text) {
  Rule rule;
  std::string_view rest = text;
  if (const std::size_t at = rest.find('@'); at != std::string_view::npos) {
    int rank = 0;
    const std::string_view number = rest.substr(at + 1);
    if (!parse_number(number, rank) || rank < 0) refuse(text, number);
    rule.rank = rank;
    rest = rest.substr(0, at);
  }
  const std::size_t colon = rest.find(':');
  rule.point = rest.substr(0, colon);
  if (rule.point.empty()) refuse(text, "no point");
  rest = colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
  if (colon == std::string_view::npos) return rule;
  std::string_view part = rest.substr(0, rest.find(':'));
  if (parse_number(part, rule.occurrence)) {
    if (rule.occurrence == 0) refuse(text, part);
    if (part.size() == rest.size()) return rule;
    part = rest.substr(part.size() + 1);
  } else {
    part = rest;
  }
  const auto action = action_of(part);
  if (!action) refuse(text, part);
  rule.action = *action;
  return rule;
}

std::vector<Rule> parse_rules(std::string_view text) {
  std::vector<Rule> rules;
  while (!text.empty()) {
    const std::string_view rule = text.substr(0, text.find(','));
    rules.push_back(parse_rule(rule));
    text.remove_prefix(rule.size() == text.size() ? rule.size() : rule.size() + 1);
  }
  return rules;
}

void read_environment_locked() {
  const char* text = std::getenv("ROVE_FAULT");
  state().rules = parse_rules(text == nullptr ? "" : text);
  armed.store(state().rules.empty() ? kOff : kOn, std::memory_order_relaxed);
}

/// The action due at this passage, if any. Counts the passage for every rule that names the point.
std::optional<Action> pass(std::string_view name) {
  const std::lock_guard lock(state().mutex);
  if (armed.load(std::memory_order_relaxed) == kNotRead) read_environment_locked();
  std::optional<Action> due;
  for (Rule& rule : state().rules) {
    if (rule.point != name || (rule.rank && *rule.rank != own_rank.load(std::memory_order_relaxed))) continue;
    if (++rule.passages == rule.occurrence && !due) due = rule.action;
  }
  return due;
}

void act(Action action, std::string_view name) {
  constexpr int kExitStatus = 9;
  constexpr unsigned kSleepSeconds = 60;
  switch (action) {
    case Action::kThrow:
      throw IoError(fmt::format("fault injected at '{}' by ROVE_FAULT", name));
    case Action::kKill:
      raise(SIGKILL);
      break;
    case Action::kExit:
      _exit(kExitStatus);
    case Action::kStop:
      stop::request();
      break;
    case Action::kSleep:
      sleep(kSleepSeconds);
      break;
  }
}

}  // namespace

void point(std::string_view name) {
  if (armed.load(std::memory_order_relaxed) == kOff) return;
  if (const auto action = pass(name)) act(*action, name);
}

void set_rank(int rank) {
  own_rank.store(rank, std::memory_order_relaxed);
}

void reload() {
  const std::lock_guard lock(state().mutex);
  read_environment_locked();
}

}  // namespace rove::fault
