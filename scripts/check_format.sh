#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fails when a source differs from what .clang-format asks. `--fix` rewrites the sources instead.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v clang-format-19 >/dev/null || {
  echo "skipped: clang-format-19 is not installed"
  exit 77
}
mode=(--dry-run -Werror)
if [[ ${1:-} == --fix ]]; then mode=(-i); fi
find engine partition io algorithms gnn jobs tests bench -name '*.[ch]pp' -print0 |
  xargs -0 clang-format-19 "${mode[@]}" --
