#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# clang-tidy over the sources: scripts/check_tidy.sh [SOURCE ...] (default: all). Environment: JOBS (number of
# processors). Configures build/tidy, where every source is compiled by itself, and builds nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=build/tidy
mkdir -p "$build"
cmake --preset release -B "$build" -DROVE_BUILD_TESTS=OFF -DROVE_JOIN_SOURCES=OFF >"$build/configure.log" 2>&1 </dev/null || {
  cat "$build/configure.log" >&2
  exit 1
}
sources=("$PWD/(engine|partition|io|algorithms|gnn|jobs)/.*\.cpp$")
if (($# > 0)); then
  sources=("${@/#/^$PWD/}")
fi
run-clang-tidy-19 -quiet -p "$build" -j "${JOBS:-$(nproc)}" "${sources[@]}" >"$build/clang-tidy.log" 2>&1 </dev/null || {
  grep -E '(warning|error):' "$build/clang-tidy.log" | sort -u
  echo "clang-tidy found problems; all of its output is in $build/clang-tidy.log" >&2
  exit 1
}
