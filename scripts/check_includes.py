#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that includes point downward only (docs/architecture.md), and the small rules about includes.

Usage: scripts/check_includes.py [ROOT]. Prints every breach as file:line with what to do; exits 1 if there is one.
"""
import pathlib
import re
import sys

BASE = ["engine/base"]
SERVICES = BASE + ["engine/parallel", "engine/comm"]
GRAPH = SERVICES + ["engine/graph"]
ENGINE = GRAPH + ["engine/exec"]
ALL = ENGINE + ["partition", "io", "algorithms", "gnn", "jobs"]

# Folder -> folders it may include besides itself.
MAY_INCLUDE = {
    "engine/base": [],
    "engine/parallel": BASE,
    "engine/comm": BASE,
    "engine/graph": SERVICES,
    "engine/exec": GRAPH,
    "partition": GRAPH,
    "io": GRAPH,
    "algorithms": ENGINE,
    "gnn": ENGINE + ["partition", "algorithms"],
    "jobs": ALL,
    "bench": ALL + ["tests/support"],
    "examples": ALL,
    "tests": ALL,
}

# Interfaces declared low and implemented high: abstract sinks that jobs/ joins to their implementations.
INTERFACES = {
    "io": ["engine/exec/checkpoint.hpp", "engine/exec/walk_sink.hpp"],
}

# Third-party header -> (paths that may include it, what to do instead).
ONLY_IN = [
    (r"mpi\.h", r"engine/comm/.*|io/hdf5/detail/mpi_access\.cpp", "use rove::comm::Communicator"),
    (r"(tbb|oneapi)/.*", r"engine/parallel/.*", "use rove::parallel"),
    (r"(hdf5|H5\w*)\.h", r"io/.*|tests/io/.*", "use the files of io/"),
    (r"metis\.h", r"partition/.*|tests/partition/.*", "use the partitioners of partition/"),
    (r"xxhash\.h", r"engine/base/.*|io/.*", "use engine/base/hash.hpp"),
    (r"random", r"tests/.*|bench/.*", "use rove::RandomStream: the bits of <random> differ between libraries"),
]

# Headers that cost everybody compile time do not belong into ours; the exceptions exist to wrap just that library.
HEAVY = re.compile(r"(spdlog|Eigen|yaml-cpp|nlohmann(?!/json_fwd)|boost|CLI|oneapi|tbb)/.*|httplib\.h|regex|iostream")
HEAVY_ALLOWED = {
    "engine/graph/boost_adapter.hpp",
    "jobs/serve/bounded_server.hpp",
    "jobs/verbs/command_line.hpp",
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
LICENCE = "SPDX-License-Identifier: Apache-2.0"


def folder_of(path):
    """The layer a path belongs to, or None."""
    for folder in sorted(MAY_INCLUDE, key=len, reverse=True):
        if path.startswith(folder + "/"):
            return folder
    return None


def check_file(root, path):
    """Yields (line, message) for each breach."""
    own = folder_of(path)
    lines = (root / path).read_text(encoding="utf-8").splitlines()
    if not lines or LICENCE not in lines[0]:
        yield 1, f"the first line must be '// {LICENCE}'"
    if path.endswith(".hpp") and "#pragma once" not in lines:
        yield 1, "a header needs '#pragma once'"
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        quoted, target = match.group(1) == '"', match.group(2)
        if quoted:
            yield from ((number, message) for message in check_own(root, path, own, target))
        else:
            yield from ((number, message) for message in check_third_party(path, target))


def check_own(root, path, own, target):
    """Messages about an include of one of our headers."""
    layer = folder_of(target)
    if layer is None or ".." in target:
        yield f'"{target}": spell includes from the repository root, such as "engine/base/ids.hpp"'
        return
    if not (root / target).is_file() and not (root / (target + ".in")).is_file():
        yield f'"{target}" does not exist'
    allowed = MAY_INCLUDE[own]
    if target in INTERFACES.get(own, []):
        return
    if layer != own and layer not in allowed and not any(target.startswith(part + "/") for part in allowed):
        yield (f'"{target}": {own} must not include {layer}; it may include {", ".join(allowed) or "nothing else"}. '
               "Move the code up, or pass what it needs as an argument")
    if "/detail/" in target and own != "tests":
        owner = target.split("/detail/")[0]
        if not path.startswith(owner + "/"):
            yield f'"{target}" is private to {owner}; include a public header of it'


def check_third_party(path, target):
    """Messages about an include of a system or library header."""
    for header, where, instead in ONLY_IN:
        if re.fullmatch(header, target) and not re.fullmatch(where, path):
            yield f"<{target}> is not for {path.rsplit('/', 1)[0]}: {instead}"
    if (path.endswith(".hpp") and "/detail/" not in path and not path.startswith(("tests/", "bench/"))
            and path not in HEAVY_ALLOWED and HEAVY.fullmatch(target)):
        yield f"<{target}> is heavy: include it in a .cpp and keep it out of this header"


def main():
    """Checks the tree and reports."""
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent).resolve()
    num_files = 0
    breaches = []
    for folder in sorted({name.split("/")[0] for name in MAY_INCLUDE}):
        for file in sorted((root / folder).rglob("*")):
            if file.suffix not in (".hpp", ".cpp"):
                continue
            path = file.relative_to(root).as_posix()
            if folder_of(path) is None:
                breaches.append(f"{path}:1: belongs to no layer of docs/architecture.md")
                continue
            num_files += 1
            breaches.extend(f"{path}:{line}: {message}" for line, message in check_file(root, path))
    if num_files == 0:
        breaches.append(f"{root}: no sources found; give the repository root")
    for breach in breaches:
        print(breach, file=sys.stderr)
    print(f"check_includes: {num_files} files, {len(breaches)} breaches")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
