// SPDX-License-Identifier: Apache-2.0
#include "engine/comm/communicator.hpp"

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/comm/detail/impl.hpp"

namespace rove::comm {

using detail::check;
using detail::Impl;
using detail::Operation;

Communicator::Communicator(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Communicator::Communicator(Communicator&&) noexcept = default;
Communicator& Communicator::operator=(Communicator&&) noexcept = default;
Communicator::~Communicator() = default;

Rank Communicator::rank() const {
  return Rank{impl_->rank};
}
std::int32_t Communicator::size() const {
  return impl_->size;
}

Communicator Communicator::duplicate() const {
  const Operation operation(*impl_, "duplicate", "comm.collective");
  MPI_Comm copy = MPI_COMM_NULL;
  check(MPI_Comm_dup(impl_->comm, &copy), *impl_, "MPI_Comm_dup");
  return Communicator(std::make_unique<Impl>(copy, impl_->watchdog));
}

Communicator Communicator::split(std::int32_t color) const {
  if (color < 0) throw InternalError(fmt::format("split: color {} is negative", color));
  const Operation operation(*impl_, "split", "comm.collective");
  MPI_Comm part = MPI_COMM_NULL;
  check(MPI_Comm_split(impl_->comm, color, impl_->rank, &part), *impl_, "MPI_Comm_split");
  return Communicator(std::make_unique<Impl>(part, impl_->watchdog));
}

Communicator Communicator::split_node() const {
  const Operation operation(*impl_, "split_node", "comm.collective");
  MPI_Comm node = MPI_COMM_NULL;
  check(MPI_Comm_split_type(impl_->comm, MPI_COMM_TYPE_SHARED, impl_->rank, MPI_INFO_NULL, &node), *impl_,
        "MPI_Comm_split_type");
  return Communicator(std::make_unique<Impl>(node, impl_->watchdog));
}

void Communicator::set_phase(std::string_view phase) const {
  impl_->watchdog->set_phase(phase);
}

void Communicator::leave_without_finalize() const {
  impl_->watchdog->skip_finalize();
}

bool Communicator::leaves_without_finalize() const {
  return impl_->watchdog->skips_finalize();
}

void Communicator::abort(int exit_code) const {
  detail::abort_job(MPI_COMM_WORLD, exit_code);
}

const void* Communicator::native_handle() const {
  return &impl_->comm;
}

}  // namespace rove::comm
