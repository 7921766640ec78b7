// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <typeinfo>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include "engine/base/error.hpp"
#include "engine/base/stop.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/comm/detail/failure.hpp"
#include "engine/comm/environment.hpp"
#include "tests/support/mpi.hpp"

namespace rove::comm {
namespace {

using ::testing::HasSubstr;
using tests::world;

/// The error that all ranks get when `thrower` runs on `failing` alone.
template <class Expected>
void expect_everywhere(Rank failing, ExitCode code, const std::string& text, const std::function<void()>& thrower) {
  const std::string prefix = world().size() > 1 ? "rank " + std::to_string(failing.value()) + ": " : "";
  try {
    world().agree([&] {
      if (world().rank() == failing) thrower();
    });
    FAIL() << "nothing was thrown on rank " << world().rank().value();
  } catch (const Expected& error) {
    EXPECT_EQ(error.code(), code);
    EXPECT_EQ(error.what(), prefix + text);
  } catch (const std::exception& error) {
    FAIL() << "another class: " << typeid(error).name() << " " << error.what();
  }
}

template <class Expected>
void expect_everywhere_from_every_rank(ExitCode code) {
  for (Rank failing{0}; failing.value() < world().size(); ++failing) {
    expect_everywhere<Expected>(failing, code, "what was found", [] { throw Expected("what was found"); });
  }
}

TEST(Agree, ReturnsWhenNobodyFails) {
  int runs = 0;

  world().agree([&] { ++runs; });

  EXPECT_EQ(runs, 1);
}

TEST(Agree, KeepsEveryErrorClass) {
  expect_everywhere_from_every_rank<ConfigError>(ExitCode::kUsage);
  expect_everywhere_from_every_rank<InputError>(ExitCode::kInput);
  expect_everywhere_from_every_rank<IoError>(ExitCode::kFile);
  expect_everywhere_from_every_rank<DoesNotFitError>(ExitCode::kDoesNotFit);
  expect_everywhere_from_every_rank<GateError>(ExitCode::kGateRefused);
  expect_everywhere_from_every_rank<CommError>(ExitCode::kInternal);
  expect_everywhere_from_every_rank<InternalError>(ExitCode::kInternal);
  expect_everywhere_from_every_rank<Interrupted>(ExitCode::kInterrupted);
}

TEST(Agree, KeepsTheCodeOfAPlainError) {
  expect_everywhere<Error>(Rank{0}, ExitCode::kGateRefused, "plain",
                           [] { throw Error(ExitCode::kGateRefused, "plain"); });
}

TEST(Agree, KeepsThePositionInAnInputFile) {
  try {
    world().agree([&] {
      if (world().is_root()) throw InputError(SourcePosition{"log.txt", 7, 3}, "'x'", "a number");
    });
    FAIL();
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("log.txt:7:3: "));
  }
}

TEST(Agree, CarriesLongMessages) {
  const std::string text(100000, 'm');
  expect_everywhere<IoError>(Rank{world().size() - 1}, ExitCode::kFile, text, [&] { throw IoError(text); });
}

TEST(Agree, TheLowestFailingRankSpeaks) {
  if (world().size() < 3) GTEST_SKIP() << "needs 3 ranks";
  try {
    world().agree([&] {
      if (world().rank() == Rank{1}) throw InputError("first");
      if (world().rank() == Rank{2}) throw IoError("second");
    });
    FAIL();
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(), "rank 1: first");
  }
}

TEST(Agree, AFailureOfAllRanksAlikeNamesNoRank) {
  try {
    world().agree([] { throw ConfigError("unknown key"); });
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_STREQ(error.what(), "unknown key");
  }
}

TEST(Agree, FailuresOfAllRanksThatDifferNameTheRank) {
  if (world().size() < 2) GTEST_SKIP() << "needs 2 ranks";
  try {
    world().agree([] { throw IoError("file " + std::to_string(world().rank().value())); });
    FAIL();
  } catch (const IoError& error) {
    EXPECT_STREQ(error.what(), "rank 0: file 0");
  }
}

TEST(Agree, OutOfMemoryBecomesDoesNotFit) {
  try {
    world().agree([] {
      if (world().rank().value() == world().size() - 1) throw std::bad_alloc();
    });
    FAIL();
  } catch (const DoesNotFitError& error) {
    EXPECT_THAT(error.what(), HasSubstr("out of memory"));
    if (world().size() > 1) {
      EXPECT_THAT(error.what(), HasSubstr("rank " + std::to_string(world().size() - 1)));
    }
  }
}

TEST(Agree, ErrorsOfTheFilesystemLibraryBecomeIo) {
  const std::filesystem::filesystem_error error("cannot copy", "/full/disk",
                                                std::make_error_code(std::errc::no_space_on_device));
  expect_everywhere<IoError>(Rank{0}, ExitCode::kFile, error.what(), [&] { throw error; });
}

TEST(Agree, ForeignExceptionsBecomeInternal) {
  expect_everywhere<InternalError>(Rank{0}, ExitCode::kInternal, "unexpected exception: vector too long",
                                   [] { throw std::length_error("vector too long"); });
  expect_everywhere<InternalError>(Rank{0}, ExitCode::kInternal, "unexpected exception of unknown type",
                                   [] { throw 42; });
}

TEST(Agree, NestedAgreementPassesThroughUnchanged) {
  try {
    world().agree([] {
      world().agree([] {
        if (world().is_root()) throw IoError("inner");
      });
    });
    FAIL();
  } catch (const IoError& error) {
    EXPECT_STREQ(error.what(), world().size() > 1 ? "rank 0: inner" : "inner");
  }
}

TEST(Agree, CommunicationGoesOnAfterwards) {
  EXPECT_THROW(world().agree([] { throw IoError("x"); }), IoError);

  EXPECT_EQ(world().all_reduce(1, ReduceOp::kSum), world().size());
}

TEST(Agree, AStopIsAgreedWhenOneRankIsAsked) {
  EXPECT_NO_THROW(world().stop_if_asked("nobody asked"));

  if (world().rank().value() == world().size() - 1) stop::request();
  try {
    world().stop_if_asked("walks stopped on request");
    ADD_FAILURE() << "went on";
  } catch (const Interrupted& error) {
    EXPECT_STREQ(error.what(), "walks stopped on request");
    EXPECT_TRUE(detail::describe(std::current_exception()).agreed);
  }
  stop::reset();
}

/// Threads beside the main one that would take a signal of the process, as the kernel says.
std::vector<std::string> helpers_that_take(int signal) {
  std::vector<std::string> takers;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    if (task.path().filename() == std::to_string(getpid())) continue;
    std::ifstream status(task.path() / "status");
    std::string name;
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("Name:")) name = line;
      if (!line.starts_with("SigBlk:")) continue;
      const std::uint64_t held = std::stoull(line.substr(7), nullptr, 16);
      if (((held >> (signal - 1)) & 1U) == 0) takers.push_back(name);
    }
  }
  return takers;
}

// MPI's own threads, and the one that looks for stalls (tests/support/mpi_main.cpp).
TEST(Environment, ThreadsBesideTheMainOneLeaveTheStopSignalsToIt) {
  EXPECT_THAT(helpers_that_take(SIGTERM), ::testing::IsEmpty());
  EXPECT_THAT(helpers_that_take(SIGUSR1), ::testing::IsEmpty());
  sigset_t held{};
  pthread_sigmask(SIG_BLOCK, nullptr, &held);
  EXPECT_EQ(sigismember(&held, SIGTERM), 0);
  EXPECT_EQ(sigismember(&held, SIGUSR1), 0);
}

TEST(RunToExitCode, ReturnsTheProgramsCode) {
  EXPECT_EQ(run_to_exit_code(world(), [] { return 3; }), 3);
}

TEST(RunToExitCode, AnAgreedErrorIsPrintedByRankZeroAlone) {
  ::testing::internal::CaptureStderr();

  const int code = run_to_exit_code(world(), []() -> int {
    world().agree([] {
      if (world().rank().value() == world().size() - 1) throw InputError("bad row");
    });
    return 0;
  });

  EXPECT_EQ(code, 3);
  const std::string who = world().size() > 1 ? "rank " + std::to_string(world().size() - 1) + ": " : "";
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            world().is_root() ? "rove: error: " + who + "bad row\n" : std::string());
}

TEST(RunToExitCode, AnErrorThatEscapesEverywhereIsPrintedOnce) {
  ::testing::internal::CaptureStderr();

  const int code = run_to_exit_code(world(), []() -> int { throw ConfigError("no such verb"); });

  EXPECT_EQ(code, 2);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), world().is_root() ? "rove: error: no such verb\n" : "");
}

TEST(RunAlone, ReturnsTheProgramsCode) {
  EXPECT_EQ(run_alone([] { return 3; }, true), 3);
}

TEST(RunAlone, AnErrorIsPrintedIfAskedForAndItsCodeReturned) {
  for (const bool prints : {false, true}) {
    ::testing::internal::CaptureStderr();

    const int code = run_alone([]() -> int { throw IoError("disk full"); }, prints);

    EXPECT_EQ(code, 4);
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), prints ? "rove: error: disk full\n" : "");
  }
}

}  // namespace
}  // namespace rove::comm
