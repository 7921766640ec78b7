# SPDX-License-Identifier: Apache-2.0
"""What a run changes of the run that was published before it."""
import numpy as np

from .errors import RoveError
from .files import Lists, RoveFile, _plain, _texts


class Delta(RoveFile):
    """delta.h5. Rows are tonight's, as in the run's other files."""

    @property
    def since(self):
        """The run it is a change of."""
        return self.attributes["previous_run"]

    @property
    def tolerance(self):
        """Moves up to it are left out; 0: every row of which a byte differs is here."""
        return float(self.attributes["tolerance"])

    def added(self, type):
        """Rows that the previous run did not have."""
        return self.node_group(type)["added"][:]

    def removed(self, type):
        """(ids, keys) that only the previous run had."""
        group = self.file.get("removed", {}).get(self._name(type))
        return ([], np.zeros(0, np.int64)) if group is None else (_texts(group, "ids"), group["keys"][:])

    def vectors(self, type):
        """(rows, vectors, cosines with the previous vectors) of what is new or has moved."""
        group = self._group("embeddings", self._name(type))
        return group["rows"][:], self._map(group["vectors"]), group["cosines"][:]

    @property
    def sets(self):
        """(kind, source type, target type) of the lists; kind is neighbors or recommendations."""
        return [(kind, _plain(group.attrs["source"]), _plain(group.attrs["target"]))
                for kind in ("neighbors", "recommendations")
                for of_source in self.file.get(kind, {}).values() for group in of_source.values()]

    def lists(self, source, target, kind="neighbors"):
        """(rows, lists of those rows in order, overlaps with the previous lists) of what is new or differs."""
        group = self._group(kind, self._name(source), self._name(target))
        lists = Lists(group["indptr"][:], self._map(group["indices"]), {"scores": self._map(group["scores"])})
        return group["rows"][:], lists, group["overlaps"][:]

    def update_vectors(self, type, keys, vectors):
        """Tonight's vectors, in the order of `keys(type)`, from the previous keys and vectors."""
        rows, moved, _ = self.vectors(type)
        tonight = self.keys(type)
        result = np.zeros((len(tonight), moved.shape[1]), moved.dtype)
        result[rows] = moved
        kept = np.setdiff1d(np.arange(len(tonight)), rows)
        places = np.searchsorted(keys, tonight[kept])
        if np.any(places == len(keys)) or np.any(np.asarray(keys)[places] != tonight[kept]):
            raise RoveError(f"'{self.path}' keeps vectors of {type} that the given keys do not have; give those of "
                            f"run {self.since}")
        result[kept] = vectors[places]
        return result

    def _name(self, type):
        """The name of a type's groups, in which some characters are escaped."""
        return self.node_group(type).name.split("/")[-1]

    def _group(self, *names):
        path = "/".join(names)
        if path not in self.file:
            raise RoveError(f"'{self.path}' has nothing of {path}: the two runs did not both have such a file")
        return self.file[path]
