#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sets up, builds and tests. Without arguments: the tests of every change. --full adds the long tests, the address,
# undefined-behaviour and thread sanitizers, and clang-tidy. Writes to build/ only, beside temporary files.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

full=false
jobs=$(nproc)
while (($# > 0)); do
  case "$1" in
    --full) full=true ;;
    -j) jobs=${2:?"-j needs a number"} && shift ;;
    -h | --help)
      echo "usage: scripts/test.sh [--full] [-j JOBS]"
      exit 0
      ;;
    *)
      echo "scripts/test.sh: unknown argument '$1'; usage: scripts/test.sh [--full] [-j JOBS]" >&2
      exit 2
      ;;
  esac
  shift
done

start=$SECONDS
step() { printf '\n== %s (%d s)\n' "$1" "$((SECONDS - start))"; }

if ((EUID == 0)); then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
# Launchers that end remove Open MPI's directory when it is empty, and one that starts just then fails: one in a
# thousand. So there is something in it until all tests are over.
sessions=$(mktemp -d "${TMPDIR:-/tmp}/ompi-XXXXXX")
trap 'rm -rf "$sessions"' EXIT
host=$(uname -n)
mkdir -p "$sessions/ompi.${host%%.*}.$EUID/kept"
export OMPI_MCA_orte_tmpdir_base=$sessions
if command -v ccache >/dev/null; then
  export CMAKE_CXX_COMPILER_LAUNCHER=ccache
fi

# build PRESET [TARGET ...]
build() {
  local preset=$1
  shift
  mkdir -p "build/$preset"
  if ! cmake --preset "$preset" -DROVE_BUILD_TESTS=ON >"build/$preset/configure.log" 2>&1 </dev/null; then
    cat "build/$preset/configure.log" >&2
    return 1
  fi
  cmake --build "build/$preset" --parallel "$jobs" --target "${@:-all}" -- --quiet
}

failed=()
summaries=()
# run_tests PRESET CTEST_ARGUMENTS...
run_tests() {
  local preset=$1 log="build/$1/ctest.log"
  shift
  ctest --test-dir "build/$preset" --parallel "$jobs" --output-on-failure --no-tests=error "$@" </dev/null 2>&1 |
    tee "$log" || failed+=("$preset")
  local skipped
  skipped=$(grep -hoE '^\[  SKIPPED \] .*\)|\*\*\*Skipped.*' "build/$preset/Testing/Temporary/LastTest.log" "$log" |
    sort | uniq -c || true)
  if [[ -n $skipped ]]; then
    printf 'Skipped (count, case):\n%s\n' "$skipped"
  fi
  summaries+=("$preset: $(grep -E 'tests passed' "$log" || echo 'ctest did not finish')")
}

step "Packages"
scripts/install-dependencies.sh --checks
step "Build"
build release
step "Tests"
if [[ $full == true ]]; then
  run_tests release
else
  run_tests release --label-exclude '^full$'
fi

if [[ $full == true ]]; then
  for preset in asan tsan; do
    step "Build with sanitizers: $preset"
    build "$preset"
    step "Tests: $preset"
    # The release build has run every rank count; a sanitizer sees no more in many ranks than in two.
    run_tests "$preset" --label-exclude '^(full|house)$' --exclude-regex '@[3-9]$'
  done
  step "Headers"
  if scripts/check_headers.sh; then
    summaries+=("headers: all compile alone")
  else
    failed+=(headers)
  fi
  step "clang-tidy"
  if JOBS=$jobs scripts/check_tidy.sh; then
    summaries+=("clang-tidy: clean")
  else
    failed+=(clang-tidy)
  fi
fi

step "Summary"
printf '%s\n' "${summaries[@]}"
if ((${#failed[@]} > 0)); then
  echo "FAILED: ${failed[*]}" >&2
  exit 1
fi
