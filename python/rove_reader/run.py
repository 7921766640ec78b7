# SPDX-License-Identifier: Apache-2.0
"""Run directories: what one night left."""
import functools
import hashlib
import json
import os

from .errors import RoveError
from .open_file import open_file


def open_run(path):
    """A run directory, or the published run of an output directory. Links are followed now: files that are opened later
    are of the same night."""
    path = os.fspath(path)
    latest = os.path.join(path, "latest")
    return Run(os.path.realpath(latest if os.path.isdir(latest) else path))


class Run:
    """The files of a run, opened when they are asked for."""

    def __init__(self, path):
        self.path = os.fspath(path)
        if not os.path.isdir(self.path):
            raise RoveError(f"there is no run directory '{self.path}'")

    @functools.cached_property
    def manifest(self):
        """manifest.json; a run has one when it is whole."""
        return self._json("manifest.json")

    @functools.cached_property
    def metrics(self):
        """Metric name to value; segments and comparisons are objects."""
        return self._json("metrics.json")

    @functools.cached_property
    def graph(self):
        return self.file("graph.h5")

    @functools.cached_property
    def partition(self):
        return self.file("partition.h5")

    @functools.cached_property
    def embeddings(self):
        return self.file("embeddings.h5")

    @functools.cached_property
    def model(self):
        """Weights of a model without vectors."""
        return self.file("model.h5")

    @functools.cached_property
    def delta(self):
        """What the run changes of the one published before it."""
        return self.file("delta.h5")

    @functools.cached_property
    def ppr(self):
        return self.file("ppr.h5")

    @functools.cached_property
    def recommendations(self):
        return self.file("recommendations.h5")

    def file(self, name):
        """Any HDF5 file of the run."""
        path = os.path.join(self.path, name)
        if not os.path.exists(path):
            raise RoveError(f"the run '{self.path}' has no {name}; it has {', '.join(sorted(os.listdir(self.path)))}")
        return open_file(path)

    def verify(self):
        """Reads all bytes; names of the files that are missing or not what the manifest says. Empty: all is well."""
        return [entry["name"] for entry in self.manifest["files"] if not self._is_as_stated(entry)]

    def _is_as_stated(self, entry):
        path = os.path.join(self.path, entry["name"])
        if not os.path.isfile(path) or os.path.getsize(path) != entry["bytes"]:
            return False
        digests = []
        with open(path, "rb") as file:
            while block := file.read(self.manifest["sha256_block_bytes"]):
                digests.append(hashlib.sha256(block).hexdigest())
        return digests == entry["sha256_blocks"] or (not digests and entry["bytes"] == 0)

    def _json(self, name):
        try:
            with open(os.path.join(self.path, name), encoding="utf-8") as file:
                return json.load(file)
        except (OSError, json.JSONDecodeError) as error:
            raise RoveError(f"cannot read {name} of the run '{self.path}': {error}") from error

    def __repr__(self):
        return f"Run({self.path!r})"
