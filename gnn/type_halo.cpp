// SPDX-License-Identifier: Apache-2.0
#include "gnn/type_halo.hpp"

#include <algorithm>

namespace rove::gnn {

TypeHalo::TypeHalo(const graph::DistributedGraph& graph, VertexTypeId type)
    : halo_(&graph.halo()), first_row_(graph.owned_of_type(type).begin) {
  const auto is_of_type = [&](std::uint32_t local) { return graph.type_of(LocalVertexId{local}) == type; };
  for (std::size_t rank = 0; rank + 1 < halo_->send_offsets().size(); ++rank) {
    for (std::uint64_t i = halo_->send_offsets()[rank]; i < halo_->send_offsets()[rank + 1]; ++i) {
      const std::uint32_t row = halo_->send_rows()[i].value();
      if (is_of_type(row)) send_rows_.push_back(row);
    }
    send_offsets_.push_back(send_rows_.size());
    for (std::uint64_t i = halo_->ghost_offsets()[rank]; i < halo_->ghost_offsets()[rank + 1]; ++i) {
      const auto ghost = static_cast<std::uint32_t>(graph.num_owned() + i);
      if (is_of_type(ghost)) ghosts_.push_back(ghost);
    }
    receive_offsets_.push_back(ghosts_.size());
  }
}

void TypeHalo::update(std::span<float> values, std::uint32_t width) const {
  if (halo_->comm().size() == 1) return;
  const auto in_floats = [&](std::vector<std::uint64_t> offsets) {
    for (std::uint64_t& offset : offsets) offset *= width;
    return offsets;
  };
  std::vector<float> outgoing(send_rows_.size() * width);
  std::vector<float> incoming(ghosts_.size() * width);
  for (std::size_t i = 0; i < send_rows_.size(); ++i) {
    std::copy_n(values.data() + std::uint64_t{send_rows_[i]} * width, width, outgoing.data() + i * width);
  }
  halo_->comm().start_exchange<float>(outgoing, in_floats(send_offsets_), incoming, in_floats(receive_offsets_)).wait();
  for (std::size_t i = 0; i < ghosts_.size(); ++i) {
    std::copy_n(incoming.data() + i * width, width, values.data() + std::uint64_t{ghosts_[i]} * width);
  }
}

}  // namespace rove::gnn
