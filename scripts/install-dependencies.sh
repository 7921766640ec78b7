#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian 12 packages that Rove needs; does nothing when all are there.
#   scripts/install-dependencies.sh            to build and run
#   scripts/install-dependencies.sh --checks   also to test, check the sources and benchmark
set -euo pipefail

build=(
  cmake g++ git ninja-build
  libopenmpi-dev openmpi-bin libpmix-dev       # messages; libpmix-dev is what `srun --mpi=pmix` loads
  libhdf5-openmpi-dev hdf5-tools               # files
  libtbb-dev                                   # threads
  libmetis-dev                                 # partitions
  libeigen3-dev libboost-graph-dev             # dense algebra, graph concepts
  librandom123-dev libxxhash-dev libssl-dev    # random numbers, hashes
  libcli11-dev libcpp-httplib-dev libfmt-dev libspdlog-dev libyaml-cpp-dev nlohmann-json3-dev
  libzip-dev libzstd-dev zlib1g-dev
)
checks=(
  libgtest-dev libgmock-dev libbenchmark-dev
  metis zstd python3 python3-h5py python3-numpy
  python3-faiss python3-hnswlib                # tests read exported vectors with them
  clang-format-19 clang-tidy-19 shellcheck
)

case "${1:-}" in
  "") wanted=("${build[@]}") ;;
  --checks) wanted=("${build[@]}" "${checks[@]}") ;;
  *)
    echo "usage: $0 [--checks]" >&2
    exit 2
    ;;
esac

missing=()
for package in "${wanted[@]}"; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [[ $status == installed ]] || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
  exit 0
fi

as_root=()
if ((EUID != 0)); then
  if ! command -v sudo >/dev/null; then
    echo "error: these packages are missing and need root to install: ${missing[*]}" >&2
    exit 4
  fi
  as_root=(sudo)
fi

echo "Installing ${#missing[@]} Debian packages: ${missing[*]}"
install() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
    </dev/null >"$log" 2>&1
}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Package lists are fetched only when the ones here are absent or out of date.
if ! install; then
  if ! "${as_root[@]}" apt-get update -qq </dev/null >"$log" 2>&1 || ! install; then
    cat "$log" >&2
    echo "error: the packages could not be installed (above, what apt-get said); Rove is built on Debian 12" >&2
    exit 4
  fi
fi
echo "Installed."
