#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Compares our METIS partition with gpmetis (Debian package metis) on a graph in adjacency format, plain or .zst.
# usage: bench/partition_vs_gpmetis.sh BUILD_DIRECTORY [GRAPH [PARTS [IMBALANCE [SEED ...]]]]
set -euo pipefail
program=${1:?usage: $0 BUILD_DIRECTORY [GRAPH [PARTS [IMBALANCE [SEED ...]]]]}/bench/partition_vs_gpmetis
graph=${2:-$(dirname "$0")/../data/gowalla/train.txt.zst}
parts=${3:-4}
imbalance=${4:-0.03}
shift "$(($# < 4 ? $# : 4))"
seeds=("$@")
[ ${#seeds[@]} -gt 0 ] || seeds=(42 1 7)

scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT
for seed in "${seeds[@]}"; do
  "$program" write "$graph" "$parts" "$imbalance" "$seed" "$scratch/problem.graph"
  gpmetis -ptype=kway -objtype=cut -ncuts=1 -niter=10 -seed="$seed" -ubvec="$(cat "$scratch/problem.graph.ubvec")" \
    "$scratch/problem.graph" "$parts" > "$scratch/gpmetis.log"
  "$program" compare "$graph" "$parts" "$imbalance" "$seed" "$scratch/problem.graph"
done
