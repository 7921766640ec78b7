# SPDX-License-Identifier: Apache-2.0
"""Walk corpora, sampled batches and PPR fingerprints."""
import numpy as np

from .errors import RoveError
from .files import RoveFile


class Walks(RoveFile):
    """walks.h5"""

    @property
    def settings(self):
        """length, walks_per_source, kind, weights, restart, p, q, padding."""
        return {name: value.item() if isinstance(value, np.generic) else value
                for name, value in self.file["walks"].attrs.items()}

    @property
    def vertices(self):
        """uint32, walks x (length + 1): numbers of vertices, padded after the end; mapped from the file."""
        return self._map(self.file["walks/vertices"])

    def vertex(self, number):
        """(type, id) of a number in `vertices`."""
        for type in self.types:
            first = int(self.node_group(type).attrs["first_vertex"])
            if first <= number < first + self.types[type]:
                return type, self._ids(type)[number - first]
        raise RoveError(f"'{self.path}' has no vertex of number {number}")

    def walk(self, row):
        """One walk as (type, id) pairs."""
        padding = self.settings["padding"]
        return [self.vertex(int(number)) for number in self.vertices[row] if number != padding]

    def _ids(self, type):
        self._texts = getattr(self, "_texts", {})
        if type not in self._texts:
            self._texts[type] = self.ids(type)
        return self._texts[type]


class Samples(RoveFile):
    """samples.h5"""

    @property
    def settings(self):
        """method, seeds, batches, batch_size, ..."""
        return {name: value.item() if isinstance(value, np.generic) else value
                for name, value in self.file["samples"].attrs.items()}

    def __len__(self):
        return int(self.settings["batches"])

    def batch(self, number):
        """One batch: {"nodes": {type: arrays}, "edges": {name: arrays}, "links": arrays or {}}; `hops` are bounds within
        it, all other arrays its rows."""
        if not 0 <= number < len(self):
            raise RoveError(f"'{self.path}' has no batch {number}; it has {len(self)}")
        samples = self.file["samples"]
        groups = {kind: {name: self._rows_of(group, number) for name, group in samples.get(kind, {}).items()}
                  for kind in ("nodes", "edges")}
        links = samples.get("links")
        return {**groups, "links": {} if links is None else self._rows_of(links, number)}

    @staticmethod
    def _rows_of(group, number):
        begin, end = group["indptr"][number:number + 2]
        arrays = {name: dataset for name, dataset in group.items() if name != "indptr" and hasattr(dataset, "dtype")}
        return {name: dataset[number] if name == "hops" else dataset[begin:end] for name, dataset in arrays.items()}


class FingerprintIndex(RoveFile):
    """index.h5"""

    @property
    def sets(self):
        """Pairs (type, target type) with fingerprints."""
        return [(type, target) for type, group in self.file["fingerprints"].items() for target in group]

    def fingerprint(self, type, id, target):
        """(id of the target type, visits) of one vertex, most visited first."""
        if (type, target) not in self.sets:
            raise RoveError(f"'{self.path}' has fingerprints of {self.sets}, not of {type} to {target}")
        group = self.file["fingerprints"][type][target]
        row = self.row(type, id)
        begin, end = group["indptr"][row:row + 2]
        entries = group["entries"][begin:end]
        ids = self.ids(target)
        order = sorted(range(len(entries)), key=lambda i: (-int(entries[i][1]), int(entries[i][0])))
        return [(ids[entries[i][0]], int(entries[i][1])) for i in order]
