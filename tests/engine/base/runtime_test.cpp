// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "engine/base/huge_buffer.hpp"
#include "engine/base/isa.hpp"
#include "engine/base/log.hpp"
#include "engine/base/progress.hpp"
#include "engine/base/timer.hpp"

namespace rove {
namespace {

TEST(HugeBuffer, IsZeroedAlignedAndMovable) {
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{1000}, (std::size_t{2} << 20U) / 8, std::size_t{1000003}}) {
    HugeBuffer<std::uint64_t> buffer(size);
    ASSERT_EQ(buffer.size(), size);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % (size < 262144 ? 4096 : 2097152), 0U);
    for (const std::uint64_t value : buffer) ASSERT_EQ(value, 0U);
    buffer[size - 1] = 7;
    HugeBuffer<std::uint64_t> other = std::move(buffer);
    EXPECT_EQ(other.span().back(), 7U);
    EXPECT_EQ(other.size(), size);
    HugeBuffer<std::uint64_t> third;
    third = std::move(other);
    EXPECT_EQ(third[size - 1], 7U);
  }
}

TEST(HugeBuffer, MayBeEmptyAndRefusesTheImpossible) {
  EXPECT_TRUE(HugeBuffer<float>().empty());
  EXPECT_TRUE(HugeBuffer<float>(0).span().empty());
  EXPECT_THROW(HugeBuffer<double>(~std::size_t{0}), DoesNotFitError);
  EXPECT_THROW(HugeBuffer<double>(std::size_t{1} << 58U), DoesNotFitError);
}

TEST(PhaseTimes, AddsUpPerParent) {
  PhaseTimes times;
  {
    const PhaseTimer train(times, "train");
    for (int epoch = 0; epoch < 3; ++epoch) {
      const PhaseTimer timer(times, "epoch");
      const PhaseTimer sample(times, "sample");
    }
    EXPECT_GE(train.seconds(), 0.0);
  }
  {
    const PhaseTimer sample(times, "sample");
  }
  ASSERT_EQ(times.phases().size(), 4U);
  EXPECT_EQ(times.phases()[1].name, "epoch");
  EXPECT_EQ(times.phases()[1].depth, 1U);
  EXPECT_EQ(times.phases()[1].entries, 3U);
  EXPECT_EQ(times.phases()[2].parent, 1U);
  EXPECT_EQ(times.phases()[3].parent, PhaseTimes::kNone);
  EXPECT_GE(times.seconds_of("train"), times.seconds_of("epoch"));
  EXPECT_EQ(times.seconds_of("sample"), times.phases()[2].seconds + times.phases()[3].seconds);
  EXPECT_EQ(times.seconds_of("nothing"), 0.0);
}

class Memory final : public log::Sink {
 public:
  void write(log::Level level, std::string_view message) override { lines.emplace_back(level, message); }
  std::vector<std::pair<log::Level, std::string>> lines;
};

TEST(Log, GoesToTheSinkOrNowhere) {
  log::warning("dropped {}", 1);
  Memory memory;
  EXPECT_EQ(log::set_sink(&memory), nullptr);
  log::info("{} rows", 3);
  log::error("no {}", "file");
  EXPECT_EQ(log::set_sink(nullptr), &memory);
  log::info("dropped");
  ASSERT_EQ(memory.lines.size(), 2U);
  EXPECT_EQ(memory.lines[0], std::make_pair(log::Level::kInfo, std::string("3 rows")));
  EXPECT_EQ(memory.lines[1], std::make_pair(log::Level::kError, std::string("no file")));
}

TEST(Progress, DefaultShowsNothing) {
  no_progress().begin("import", 10, "rows");
  no_progress().update(5, "");
  no_progress().end("");
}

TEST(Isa, IsChosenOrRefused) {
  EXPECT_EQ(choose_isa("", true, true), Isa::kAvx512);
  EXPECT_EQ(choose_isa("", true, false), Isa::kAvx2);
  EXPECT_EQ(choose_isa("avx2", true, true), Isa::kAvx2);
  EXPECT_THROW((void)choose_isa("avx512", true, false), ConfigError);
  EXPECT_THROW((void)choose_isa("sse", true, true), ConfigError);
  EXPECT_THROW((void)choose_isa("", false, false), ConfigError);
  EXPECT_EQ(isa_name(Isa::kAvx512), "avx512");
}

}  // namespace
}  // namespace rove
