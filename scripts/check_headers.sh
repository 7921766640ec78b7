#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks that every public header compiles alone. Usage: scripts/check_headers.sh [--changed | HEADER...] (default: all of
# them; --changed: those that the last ten commits or the working tree changed, and those that include one of these;
# detail/ folders are private and exempt). Environment: CXX (g++), JOBS (number of processors), CMAKE_CXX_COMPILER_LAUNCHER
# (none; with ccache, headers that did not change cost nothing). Writes to build/headers/ only.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

all_headers() {
  find engine partition io algorithms gnn jobs -name '*.hpp' -not -path '*/detail/*' | sort
}

changed_headers() {
  git rev-parse --quiet --verify HEAD~10 >/dev/null || return 1
  local changed patterns=() header
  mapfile -t changed < <(git diff --name-only HEAD~10 -- '*.hpp')
  ((${#changed[@]} == 0)) && return 0
  for header in "${changed[@]}"; do patterns+=(-e "\"$header\""); done
  {
    all_headers | xargs grep -lF "${patterns[@]}" || true
    comm -12 <(printf '%s\n' "${changed[@]}" | sort) <(all_headers)
  } | sort -u
}

headers=("$@")
if (($# == 0)); then
  mapfile -t headers < <(all_headers)
elif [[ $1 == --changed ]]; then
  if listed=$(changed_headers); then
    mapfile -t headers <<<"$listed"
    if [[ -z $listed ]]; then
      echo "check_headers: no header changed"
      exit 0
    fi
  else
    mapfile -t headers < <(all_headers) # no history to compare with
  fi
fi
if ((${#headers[@]} == 0)); then
  echo "check_headers: no headers found" >&2
  exit 1
fi

CXX=${CXX:-g++}
launcher=${CMAKE_CXX_COMPILER_LAUNCHER:-}
flags="-std=c++20 -march=x86-64-v3 -DR123_USE_SSE=0 -I. -isystem /usr/include/eigen3 -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Werror"
stubs=build/headers
mkdir -p "$stubs"
export CXX launcher flags stubs

check_one() {
  local log stub=$stubs/${1//\//-}.cpp
  echo "#include \"$1\"" >"$stub"
  # shellcheck disable=SC2086  # the launcher may be empty, the flags are several words
  if ! log=$($launcher "$CXX" $flags -c "$stub" -o "${stub%.cpp}.o" 2>&1); then
    echo "$1 does not compile alone: include what it uses." >&2
    grep -m 5 -E 'error|warning' <<<"$log" >&2 || echo "$log" >&2
    return 1
  fi
}
export -f check_one

# shellcheck disable=SC2016  # the inner shell expands
if printf '%s\0' "${headers[@]}" |
  xargs -0 -n 1 -P "${JOBS:-$(nproc)}" bash -c 'check_one "$1" || exit 1' check_one; then
  echo "check_headers: ${#headers[@]} headers compile alone"
else
  echo "check_headers: see above; a header must not lean on what its users happen to include first" >&2
  exit 1
fi
