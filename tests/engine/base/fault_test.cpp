// SPDX-License-Identifier: Apache-2.0
#include "engine/base/fault.hpp"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <optional>

#include <gtest/gtest.h>
#include <unistd.h>

#include "engine/base/error.hpp"
#include "engine/base/stop.hpp"

namespace rove {
namespace {

class Fault : public ::testing::Test {
 protected:
  static void arm(const char* rules) {
    setenv("ROVE_FAULT", rules, 1);
    fault::reload();
  }
  void TearDown() override {
    unsetenv("ROVE_FAULT");
    fault::reload();
    fault::set_rank(0);
    stop::reset();
  }
};

using FaultDeathTest = Fault;

TEST_F(Fault, DoesNothingWhenUnset) {
  fault::reload();
  EXPECT_NO_THROW(fault::point("io.open"));
}

TEST_F(Fault, ThrowsAtTheNamedPointAlone) {
  arm("io.open");
  EXPECT_NO_THROW(fault::point("io.read"));
  EXPECT_THROW(fault::point("io.open"), IoError);
  EXPECT_NO_THROW(fault::point("io.open"));  // only the first passage
}

TEST_F(Fault, CountsPassages) {
  arm("io.write:3");
  EXPECT_NO_THROW(fault::point("io.write"));
  EXPECT_NO_THROW(fault::point("io.write"));
  EXPECT_THROW(fault::point("io.write"), IoError);
}

TEST_F(Fault, ActsOnTheNamedRankAlone) {
  arm("io.open:throw@2");
  fault::point("io.open");
  fault::set_rank(2);
  EXPECT_THROW(fault::point("io.open"), IoError);
}

TEST_F(Fault, TakesSeveralRules) {
  arm("stage.train:2:stop,io.fsync:throw");
  EXPECT_THROW(fault::point("io.fsync"), IoError);
  fault::point("stage.train");
  EXPECT_FALSE(stop::requested());
  fault::point("stage.train");
  EXPECT_TRUE(stop::requested());
}

TEST_F(Fault, RefusesMalformedRules) {
  for (const char* rules : {":throw", "io.open:0", "io.open:thorw", "io.open:1:2", "io.open@x", "io.open@-1",
                            "io.open:1:", "io.open:", "a,,b", "io.open:kill:1"}) {
    EXPECT_THROW(arm(rules), ConfigError) << rules;
  }
}

TEST_F(FaultDeathTest, EndsTheProcess) {
  arm("io.rename:kill");
  EXPECT_EXIT(fault::point("io.rename"), ::testing::KilledBySignal(SIGKILL), "");
  arm("io.rename:exit");
  EXPECT_EXIT(fault::point("io.rename"), ::testing::ExitedWithCode(9), "");
}

TEST_F(Fault, SignalsRaiseTheStopFlag) {
  stop::install_signal_handlers();
  for (const int signal : {SIGUSR1, SIGTERM}) {
    stop::reset();
    raise(signal);
    EXPECT_TRUE(stop::requested());
  }
  raise(SIGTERM);  // the same request, passed on another way
  stop::reset();
}

TEST_F(Fault, HeldSignalsAreTakenWhenTheyAreLetGo) {
  stop::install_signal_handlers();
  {
    const stop::HeldSignals held;
    raise(SIGUSR1);
    EXPECT_FALSE(stop::requested());
  }
  EXPECT_TRUE(stop::requested());
}

TEST_F(Fault, AwaitedSignalsInterruptNobody) {
  const stop::AwaitedSignals signals{SIGHUP};
  EXPECT_EQ(signals.next(std::chrono::milliseconds(0)), std::nullopt);
  raise(SIGHUP);  // would end the process
  EXPECT_EQ(signals.next(std::chrono::milliseconds(0)), SIGHUP);
  EXPECT_EQ(signals.next(std::chrono::milliseconds(0)), std::nullopt);
}

TEST_F(Fault, ASecondRequestThatWasNotHeardEndsTheProcess) {
  EXPECT_EXIT(
      {
        stop::install_signal_handlers(std::chrono::milliseconds(0));
        raise(SIGTERM);
        raise(SIGTERM);
        _exit(0);
      },
      ::testing::KilledBySignal(SIGTERM), "");
}

}  // namespace
}  // namespace rove
