#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From a fresh clone to verified embeddings and PPR neighbour sets of the Gowalla graph: installs packages, builds, runs the
# main job on 4 ranks and shows what came out. Writes to build/ and runs/ only.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

ranks=4
job=examples/gowalla.yaml
run=runs/gowalla/latest
rove=build/release/jobs/rove
start=$SECONDS
step() { printf '\n== %s (%d s)\n' "$1" "$((SECONDS - start))"; }

step "Packages"
scripts/install-dependencies.sh

step "Build"
if [[ ! -f build/release/CMakeCache.txt ]]; then
  mkdir -p build/release
  if ! cmake --preset release -DROVE_BUILD_TESTS=OFF >build/release/configure.log 2>&1 </dev/null; then
    cat build/release/configure.log >&2
    exit 1
  fi
fi
cmake --build build/release --parallel "$(nproc)" --target rove

step "mpirun -n $ranks rove run $job"
mpi=(mpirun --oversubscribe --bind-to none -n "$ranks")
if ((EUID == 0)); then
  mpi+=(--allow-run-as-root)
fi
"${mpi[@]}" "$rove" run "$job" </dev/null

step "Results in $run"
(cd "$run" && find . -type f -printf '%10s bytes  %P\n' | sort -k 3)

printf '\nMetrics:\n'
for metric in recall@20 ndcg@20; do
  value=$(grep -m 1 -oE "\"$metric\": *[0-9.eE+-]+" "$run/metrics.json" | sed 's/.*: *//')
  printf '  %-10s %s\n' "$metric" "$value"
done

printf '\nThree rows by id:\n'
"$rove" lookup 343 --in "$run/embeddings.h5" --type user --limit 5
"$rove" lookup 343 --in "$run/ppr.h5" --type user --limit 5
"$rove" lookup 343 --in "$run/recommendations.h5" --type user --limit 5

step "Done"
echo "Check everything again with: $rove verify $run"
