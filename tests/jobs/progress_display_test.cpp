// SPDX-License-Identifier: Apache-2.0
#include "jobs/display/progress_display.hpp"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rove::jobs {
namespace {

using testing::HasSubstr;
using testing::Not;

using Style = ProgressDisplay::Style;

std::string shown(Style style, const std::function<void(ProgressDisplay&)>& work) {
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* const file = open_memstream(&text, &size);
  ProgressDisplay display(file, style);
  work(display);
  std::fclose(file);
  std::string result(text, size);
  std::free(text);
  return result;
}

/// What a display in terminal style draws for updates that are 110 ms apart.
std::string drawn(std::initializer_list<std::uint64_t> updates, std::uint64_t total) {
  return shown(Style::kTerminal, [&](ProgressDisplay& display) {
    display.begin("train", total, "epochs");
    for (const std::uint64_t done : updates) {
      display.update(done, "");
      std::this_thread::sleep_for(std::chrono::milliseconds(110));
    }
  });
}

TEST(ProgressDisplay, CountsTheRateFromTheFirstUpdate) {
  // 100 epochs came from a checkpoint, 1 took 0.11 s or a little more: 9 a second at most, so 11 s left or more, not 1
  // s.
  const std::string resumed = drawn({100, 101, 101}, 201);
  EXPECT_THAT(resumed, HasSubstr("101/201 epochs"));
  EXPECT_THAT(resumed, testing::ContainsRegex(", [0-9]\\.[0-9]+/s, [1-9][0-9]\\.[0-9] s left"));
}

TEST(ProgressDisplay, NamesAStageBeforeItsFirstUpdate) {
  EXPECT_THAT(drawn({}, 10), HasSubstr("train"));
  EXPECT_THAT(drawn({}, 10), HasSubstr("0/10 epochs"));
}

TEST(ProgressDisplay, GivesNoRateBeforeThereIsOne) {
  const std::string fresh = drawn({0, 0}, 10);
  EXPECT_THAT(fresh, HasSubstr("0/10 epochs"));
  EXPECT_THAT(fresh, Not(HasSubstr("left")));
}

TEST(ProgressDisplay, ANoteHasNoTime) {
  const auto note = [](ProgressDisplay& display) { display.note("ppr", "ppr.h5: 5 neighbours"); };
  EXPECT_EQ(shown(Style::kCalm, note), "ppr        ppr.h5: 5 neighbours\n");
  EXPECT_EQ(shown(Style::kTerminal, note), "\rppr        ppr.h5: 5 neighbours\x1b[K\n");
  EXPECT_EQ(shown(Style::kSilent, note), "");
}

}  // namespace
}  // namespace rove::jobs
