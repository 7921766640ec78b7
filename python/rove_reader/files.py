# SPDX-License-Identifier: Apache-2.0
"""One class per format of file."""
import dataclasses
import json
import os

import h5py
import numpy as np

from .errors import RoveError

# Formats of which there is more than the first version.
NEWEST_VERSIONS = {"rove/samples": 2}


@dataclasses.dataclass(frozen=True)
class Lists:
    """Lists of all rows of a type: row r has the slots indptr[r] to indptr[r + 1]."""

    indptr: np.ndarray
    indices: np.ndarray
    values: dict  # name to array, one value per slot: scores, weights, times, relations

    def __len__(self):
        return len(self.indptr) - 1

    def of(self, row):
        """Targets of one row and their values."""
        slots = slice(self.indptr[row], self.indptr[row + 1])
        return self.indices[slots], {name: values[slots] for name, values in self.values.items()}


class RoveFile:
    """An open file of any format. A context manager; arrays stay valid after it is closed."""

    def __init__(self, path):
        self.path = os.fspath(path)
        try:
            self.file = h5py.File(self.path, "r")
        except OSError as error:
            raise RoveError(f"cannot open '{self.path}': {error}") from error
        try:
            self.attributes = {name: _plain(value) for name, value in self.file.attrs.items()}
            self.format = self.attributes.get("format")
            if self.format is None:
                raise RoveError(f"'{self.path}' was not written by Rove: its root has no attribute `format`")
            version, newest = self.attributes["format_version"], NEWEST_VERSIONS.get(self.format, 1)
            if version > newest:
                raise RoveError(f"'{self.path}' has {self.format} version {version}, this reader knows up to "
                                f"{newest}; install a newer rove-reader")
            nodes = self.file.get("nodes", {})
            groups = sorted(nodes.values(), key=lambda group: group.attrs["index"])
            self._nodes = {_plain(group.attrs["name"]): group for group in groups}
        except BaseException:
            self.file.close()
            raise
        self._rows = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()

    @property
    def config(self):
        """The effective configuration (YAML text)."""
        return _plain(self.file["config"][()]) if "config" in self.file else None

    @property
    def types(self):
        """Vertex types with their numbers of rows, in the order of the file."""
        return {name: int(group.attrs["count"]) for name, group in self._nodes.items()}

    def ids(self, type):
        """Original ids of all rows, as text."""
        group = self.node_group(type)
        if "ids" not in group and "ids_bytes" not in group:
            raise RoveError(f"'{self.path}' is of an older Rove and holds no ids of {type}: its rows are those of graph.h5")
        return _texts(group, "ids")

    def keys(self, type):
        """Stable 63-bit keys (int64, ascending), the same every night."""
        return self.node_group(type)["keys"][:]

    def row(self, type, id):
        """The row of an original id."""
        if type not in self._rows:
            self._rows[type] = {text: row for row, text in enumerate(self.ids(type))}
        if str(id) not in self._rows[type]:
            raise RoveError(f"'{self.path}' has no {type} '{id}'")
        return self._rows[type][str(id)]

    def datasets(self):
        """Full names of all datasets with shape and dtype."""
        found = {}
        self.file.visititems(lambda name, item: found.update({"/" + name: (item.shape, item.dtype)})
                             if isinstance(item, h5py.Dataset) else None)
        return found

    def read(self, name):
        """All values of any dataset."""
        if name not in self.file or not isinstance(self.file[name], h5py.Dataset):
            raise RoveError(f"'{self.path}' has no dataset '{name}'; it has {', '.join(self.datasets())}")
        return self.file[name][()]

    def node_group(self, type):
        """The HDF5 group of a vertex type."""
        if type not in self._nodes:
            raise RoveError(f"'{self.path}' has no vertex type '{type}'; it has {', '.join(self._nodes)}")
        return self._nodes[type]

    def _map(self, dataset):
        """The dataset as a read-only array: mapped where its bytes lie in one piece, else read."""
        offset = dataset.id.get_offset()
        if offset is None or dataset.size == 0:
            values = dataset[()]
            values.flags.writeable = False
            return values
        return np.memmap(self.path, dataset.dtype, "r", offset, dataset.shape)


class Embeddings(RoveFile):
    """embeddings.h5"""

    @property
    def dim(self):
        return int(self.attributes["dim"])

    @property
    def metric(self):
        """dot, cosine or l2: how the vectors are meant to be compared."""
        return self.attributes["metric"]

    def vectors(self, type):
        """float32, rows x dim, in the order of ids and keys; mapped from the file."""
        return self._map(self.node_group(type)["vectors"])

    def vector(self, type, id):
        return self.node_group(type)["vectors"][self.row(type, id)]


class NeighborSets(RoveFile):
    """ppr.h5 and recommendations.h5"""

    def __init__(self, path):
        super().__init__(path)
        top = self.file.get("recommendations" if self.format == "rove/recommendations" else "neighbors", {})
        self._sets = {(_plain(group.attrs["source"]), _plain(group.attrs["target"])): group
                      for source in top.values() for group in source.values()}

    @property
    def sets(self):
        """(source type, target type) of the sets."""
        return list(self._sets)

    def lists(self, source=None, target=None):
        """All lists of a set, best first; the types may be left out when there is one set."""
        group = self._set(source, target)[1]
        return Lists(group["indptr"][:], self._map(group["indices"]), {"scores": self._map(group["scores"])})

    def entries(self, id, source=None, target=None):
        """(target id, score) of one source, best first."""
        (source, target), group = self._set(source, target)
        row = self.row(source, id)
        begin, end = group["indptr"][row:row + 2]
        names = self._names(target)
        return [(names[index], float(score))
                for index, score in zip(group["indices"][begin:end], group["scores"][begin:end])]

    def settings(self, source=None, target=None):
        """What the set's method states: method, restart, top_k, exclusions, ..."""
        return {name: _plain(value) for name, value in self._set(source, target)[1].attrs.items()}

    def _names(self, type):
        if ("ids", type) not in self._rows:
            self._rows["ids", type] = self.ids(type)
        return self._rows["ids", type]

    def _set(self, source, target):
        fitting = [(types, group) for types, group in self._sets.items()
                   if source in (None, types[0]) and target in (None, types[1])]
        if len(fitting) != 1:
            raise RoveError(f"'{self.path}' has {len(fitting)} sets that fit ({source}, {target}), expected one of "
                            f"{self.sets}")
        return fitting[0]


class Model(NeighborSets):
    """model.h5: weights of a model that scores without vectors; its lists, where it has some, as in ppr.h5."""

    @property
    def model(self):
        return self.attributes["model"]

    @property
    def parameters(self):
        """Numbers that belong to the weights, by name."""
        if "settings" not in self.file:
            return {}
        return {name: _plain(value) for name, value in self.file["settings"].attrs.items()}

    def table(self, type, name):
        """float32, a row per vertex of the type: `weights`, `low_pass`."""
        group = self.node_group(type)
        if name not in group:
            raise RoveError(f"'{self.path}' has no '{name}' of {type}; it has {', '.join(group)}")
        return self._map(group[name])


class Graph(RoveFile):
    """graph.h5. An edge type is named "source,relation,destination"."""

    def __init__(self, path):
        super().__init__(path)
        groups = sorted(self.file.get("edges", {}).values(), key=lambda group: group.attrs["index"])
        self._edges = {",".join(_plain(group.attrs[part]) for part in ("source", "relation", "destination")): group
                       for group in groups}

    @property
    def edge_types(self):
        """Edge types with their numbers of stored edges."""
        return {name: int(group.attrs["count"]) for name, group in self._edges.items()}

    def edges(self, type=None, by="source"):
        """Adjacency by source or by destination, with what the edges carry."""
        group = self._edge_group(type)["by_" + by]
        values = {name: self._map(group[name]) for name in ("weights", "times", "relations") if name in group}
        return Lists(group["indptr"][:], self._map(group["indices"]), values)

    def relation_names(self, type=None):
        """Names of the relations that `relations` counts; empty when edges have none."""
        group = self._edge_group(type)
        return _texts(group, "relation_names") if "relation_names" in group or "relation_names_bytes" in group else []

    def neighbors(self, id, type=None):
        """Ids that the source with this id is linked to, in slot order."""
        group = self._edge_group(type)
        row = self.row(_plain(group.attrs["source"]), id)
        begin, end = group["by_source/indptr"][row:row + 2]
        names = self.ids(_plain(group.attrs["destination"]))
        return [names[index] for index in group["by_source/indices"][begin:end]]

    def features(self, type, name="features"):
        """float32, rows x width."""
        group = self.node_group(type)
        for features in group.get("features", {}).values():
            if _plain(features.attrs["name"]) == name:
                return self._map(features)
        raise RoveError(f"'{self.path}' has no features '{name}' of {type}")

    def _edge_group(self, type):
        if type is None and len(self._edges) == 1:
            return next(iter(self._edges.values()))
        if type not in self._edges:
            raise RoveError(f"'{self.path}' has no edge type '{type}'; it has {'; '.join(self._edges)}")
        return self._edges[type]


class Partition(RoveFile):
    """partition.h5"""

    @property
    def num_parts(self):
        return int(self.attributes["num_parts"])

    @property
    def quality(self):
        """The partitioner's report."""
        return json.loads(_plain(self.file["quality"][()]))

    def parts(self, type):
        """int32: the part of every row, in the order of `ids(type)`."""
        return self.node_group(type)["part"][:]


def _plain(value):
    """An attribute or scalar as Python has it: text, int, float, bool."""
    if isinstance(value, bytes):
        return value.decode("utf-8")
    return value.item() if isinstance(value, np.generic) else value


def _texts(group, name):
    """Texts of fixed width, or the long ones that are stored as bytes and offsets."""
    if name in group:
        return [text.decode("utf-8") for text in group[name][:]]
    data, offsets = group[name + "_bytes"][:].tobytes(), group[name + "_offsets"][:]
    return [data[begin:end].decode("utf-8") for begin, end in zip(offsets[:-1], offsets[1:])]
