// SPDX-License-Identifier: Apache-2.0
// One wrong use per section. The base case, without any of them, must compile: so a section fails for its own reason.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/comm/communicator.hpp"

namespace {

struct Padded {
  std::uint8_t kind = 0;
  std::uint64_t value = 0;
};

struct PaddedOnPurpose {
  std::uint8_t kind = 0;
  std::uint64_t value = 0;
};

}  // namespace

template <>
inline constexpr bool rove::comm::allow_padding<PaddedOnPurpose> = true;

void use(const rove::comm::Communicator& comm) {
  using rove::Rank;
  using rove::comm::ReduceOp;
  (void)comm.broadcast(PaddedOnPurpose{}, Rank{0});
  (void)comm.broadcast(rove::StableVertexId{1}, Rank{0});
  (void)comm.all_reduce(1.5, ReduceOp::kMax);
  (void)comm.all_reduce(std::uint64_t{1}, ReduceOp::kSum);
#if defined(PADDING)
  (void)comm.broadcast(Padded{}, Rank{0});
#elif defined(STRING)
  (void)comm.all_gather(std::string("text"));
#elif defined(FLOATING_SUM)
  (void)comm.all_reduce(1.5, ReduceOp::kSum);
#elif defined(FLOATING_SUM_SPAN)
  std::vector<float> values(3);
  comm.all_reduce(std::span<float>(values), ReduceOp::kSum);
#elif defined(NARROW_REDUCTION)
  (void)comm.all_reduce(std::uint8_t{1}, ReduceOp::kMax);
#elif defined(RAW_RANK)
  (void)comm.broadcast(1, 0);
#elif defined(MIXED_IDS)
  const rove::StableVertexId stable = rove::GlobalVertexId{1};
  (void)stable;
#elif defined(ID_AS_RANK)
  (void)comm.broadcast(1, rove::LocalVertexId{0});
#elif defined(COPY)
  const rove::comm::Communicator copy = comm;
#elif defined(DROPPED_PENDING)
  std::vector<std::int32_t> values(1);
  std::vector<std::uint64_t> offsets(2);
  comm.start_exchange<std::int32_t>(values, offsets, values, offsets);
#endif
}
