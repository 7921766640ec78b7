// SPDX-License-Identifier: Apache-2.0
// The one file of io/ that sees MPI: parallel HDF5 takes the communicator itself.
#include "io/hdf5/detail/mpi_access.hpp"

#include <mpi.h>

namespace rove::io::hdf5::detail {

Handle mpi_file_access(const comm::Communicator& comm) {
  Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "make a file access list");
  const MPI_Comm handle = *static_cast<const MPI_Comm*>(comm.native_handle());
  check(H5Pset_fapl_mpio(access.get(), handle, MPI_INFO_NULL), "select MPI-IO");
  check(H5Pset_all_coll_metadata_ops(access.get(), true), "select collective metadata reads");
  check(H5Pset_coll_metadata_write(access.get(), true), "select collective metadata writes");
  return access;
}

}  // namespace rove::io::hdf5::detail
