// SPDX-License-Identifier: Apache-2.0
// The main of multi-rank tests. Rank 0 prints the course of the tests; a failure is printed by the rank it happened on,
// at once, so that it is seen even when the other ranks then wait in vain; a test fails when it failed on any rank.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/comm/environment.hpp"
#include "engine/parallel/parallel.hpp"
#include "tests/support/mpi.hpp"

namespace rove::tests {

namespace {

constexpr double kStallTimeoutSeconds = 20;

const comm::Communicator* the_world = nullptr;

class RankAwarePrinter : public ::testing::EmptyTestEventListener {
 public:
  explicit RankAwarePrinter(const comm::Communicator& world) : comm_(world.duplicate()) {}

  [[nodiscard]] bool any_failed() const { return !failed_.empty(); }

  void OnTestStart(const ::testing::TestInfo& test) override {
    comm_.set_phase(fmt::format("{}.{}", test.test_suite_name(), test.name()));
    if (comm_.is_root()) print(fmt::format("[ RUN      ] {}.{}\n", test.test_suite_name(), test.name()));
  }

  void OnTestPartResult(const ::testing::TestPartResult& part) override {
    if (part.passed()) return;
    const char* kind = part.skipped() ? "skipped" : "failure";
    if (part.skipped() && !comm_.is_root()) return;
    print(fmt::format("[rank {}] {}:{}: {}\n{}\n", comm_.rank().value(),
                      part.file_name() == nullptr ? "unknown file" : part.file_name(), part.line_number(), kind,
                      part.message()));
  }

  void OnTestEnd(const ::testing::TestInfo& test) override {
    const bool failed_here = test.result()->Failed();
    std::string ranks;
    for (const std::int32_t rank :
         comm_.all_gather_v(std::span<const std::int32_t>(&rank_, failed_here ? 1U : 0U)).data) {
      ranks += fmt::format(" {}", rank);
    }
    const bool skipped =
        comm_.all_reduce(static_cast<std::uint32_t>(test.result()->Skipped()), comm::ReduceOp::kMax) != 0;
    const std::string name = fmt::format("{}.{}", test.test_suite_name(), test.name());
    if (!ranks.empty()) failed_.push_back(fmt::format("{} (on ranks{})", name, ranks));
    if (!comm_.is_root()) return;
    const char* outcome = !ranks.empty() ? "[  FAILED  ]" : skipped ? "[  SKIPPED ]" : "[       OK ]";
    print(fmt::format("{} {} ({} ms)\n", outcome, name, test.result()->elapsed_time()));
  }

  void OnTestProgramEnd(const ::testing::UnitTest& unit_test) override {
    if (!comm_.is_root()) return;
    print(fmt::format("[==========] {} tests on {} ranks, {} failed\n", unit_test.test_to_run_count(), comm_.size(),
                      failed_.size()));
    for (const std::string& test : failed_) print(fmt::format("[  FAILED  ] {}\n", test));
  }

 private:
  static void print(const std::string& text) {
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
  }

  comm::Communicator comm_;
  std::int32_t rank_ = comm_.rank().value();
  std::vector<std::string> failed_;
};

int run_all_tests(const comm::Communicator& world) {
  // The listener's communicator must be freed before MPI ends, so it is not left to GoogleTest.
  RankAwarePrinter printer(world);
  auto& listeners = ::testing::UnitTest::GetInstance()->listeners();
  delete listeners.Release(listeners.default_result_printer());
  listeners.Append(&printer);
  const int result = RUN_ALL_TESTS();
  listeners.Release(&printer);
  return result != 0 || printer.any_failed() ? 1 : 0;
}

}  // namespace

const comm::Communicator& world() {
  return *the_world;
}

}  // namespace rove::tests

int main(int argc, char** argv) {
  rove::comm::Environment environment(&argc, &argv);
  if (std::getenv("ROVE_STALL_TIMEOUT") == nullptr) {
    const char* factor = std::getenv("ROVE_TIME_FACTOR");
    environment.set_stall_timeout(rove::tests::kStallTimeoutSeconds * (factor == nullptr ? 1 : std::atof(factor)));
  }
  rove::tests::the_world = &environment.world();
  return rove::comm::run_to_exit_code(environment.world(), [&] {
    ::testing::InitGoogleTest(&argc, argv);
    const char* threads = std::getenv("ROVE_THREADS");
    const rove::parallel::ConcurrencyLimit limit(threads == nullptr ? 1U
                                                                    : static_cast<std::uint32_t>(std::atoi(threads)));
    return rove::tests::run_all_tests(environment.world());
  });
}
