#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# clang-tidy over the sources of a configured build: scripts/check_tidy.sh BUILD_DIR [JOBS]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=${1:?"usage: scripts/check_tidy.sh BUILD_DIR [JOBS]"}
run-clang-tidy-19 -quiet -p "$build" -j "${2:-$(nproc)}" "$PWD/(engine|partition|io|algorithms|gnn|jobs)/.*\.cpp$" \
  >"$build/clang-tidy.log" 2>&1 </dev/null || {
  grep -E '(warning|error):' "$build/clang-tidy.log" | sort -u
  echo "clang-tidy found problems; all of its output is in $build/clang-tidy.log" >&2
  exit 1
}
