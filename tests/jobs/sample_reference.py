# SPDX-License-Identifier: Apache-2.0
"""What the batches of samples.h5 must be, computed slowly from graph.h5, walks.h5 and what a batch says it drew."""
import collections

import h5py
import numpy as np


class Link:
    """An edge type followed one way."""

    def __init__(self, anchors, neighbors, lists):
        self.anchors, self.neighbors = anchors, neighbors
        self.lists = lists  # by anchor row: (neighbour row, position, weight), in slot order

    def __getitem__(self, row):
        return self.lists[row]


def links_of(graph):
    """By the name of the group in samples.h5, in the order in which samplers take them: by edge type, in before out."""
    links = {}
    with h5py.File(graph) as file:
        types = sorted(file["edges"].values(), key=lambda group: group.attrs["index"])
        for edge_type in types:
            name = edge_type.name.rsplit("/", 1)[1]
            source, _, target = name.split("__")
            out = edge_type["by_source"]
            indptr, targets = out["indptr"][:], out["indices"][:]
            weights = out["weights"][:] if "weights" in out else np.ones(len(targets), np.float32)
            forward = [[(int(targets[p]), p, float(weights[p])) for p in range(begin, end)]
                       for begin, end in zip(indptr, indptr[1:])]
            if not edge_type.attrs.get("undirected", False):
                into = edge_type["by_destination"]
                bounds, sources = into["indptr"][:], into["indices"][:]
                position = {(row, target): p for row, slots in enumerate(forward) for target, p, _ in slots}
                assert len(position) == len(targets), "a reference for graphs without parallel edges"
                backward = [[(int(s), position[int(s), row], float(weights[position[int(s), row]]))
                             for s in sources[begin:end]] for row, (begin, end) in enumerate(zip(bounds, bounds[1:]))]
                links[name + "__in"] = Link(target, source, backward)
            links[name + "__out"] = Link(source, target, forward)
    return links


def batch_of(file, number):
    """Rows, seeds and hops by type; edges by link as (neighbour row, anchor row, position, weight) and hops, local
    numbers beside them."""
    vertices, edges = {}, {}
    for name, group in file["samples/nodes"].items():
        begin, end = group["indptr"][number:number + 2]
        seeds = group["seeds"][begin:end] if "seeds" in group else None
        vertices[name] = (group["rows"][begin:end], seeds, group["hops"][number])
    for name, group in file["samples/edges"].items():
        begin, end = group["indptr"][number:number + 2]
        edges[name] = {column: group[column][begin:end] for column in ("neighbors", "anchors", "positions", "weights")
                       if column in group}
        edges[name]["hops"] = group["hops"][number]
    return vertices, edges


def induced(links, scope):
    """All edges between the vertices {(type, row)} of a scope: by link, the set of (anchor row, position)."""
    return {name: {(row, position) for kind, row in scope if kind == link.anchors
                   for neighbor, position, _ in link[row] if (link.neighbors, neighbor) in scope}
            for name, link in links.items()}


def pushed_scope(links, type_order, seed, size, restart, tolerance):
    """The vertices of the highest PageRank from `seed` by forward push, first in, first out, with its arithmetic."""
    score, residual = collections.defaultdict(float), collections.defaultdict(float)
    queue, queued = collections.deque(), set()

    def slots_of(vertex):
        return [(link.neighbors, neighbor) for link in links.values() if link.anchors == vertex[0]
                for neighbor, _, _ in link[vertex[1]]]

    def receive(vertex, share):
        residual[vertex] += share
        if vertex not in queued and residual[vertex] > tolerance * max(1, len(slots_of(vertex))):
            queued.add(vertex)
            queue.append(vertex)

    receive(seed, 1.0)
    while queue:
        vertex = queue.popleft()
        queued.discard(vertex)
        mass, residual[vertex] = residual[vertex], 0.0
        slots = slots_of(vertex)
        score[vertex] += restart * mass if slots else mass
        for neighbor in slots:
            receive(neighbor, (1 - restart) * mass / len(slots) * 1.0)
    met = [vertex for vertex in residual if vertex != seed and score[vertex] > 0]
    met.sort(key=lambda vertex: (-score[vertex], type_order.index(vertex[0]), vertex[1]))
    return [seed] + met[:size]


def layer_edges(links, layer, next_layer, weighted):
    """LADIES: all edges from a layer into the next, both {(type, row)}, by link as {(anchor row, position): weight}."""
    def row_of(link, row):
        slots = link[row]
        total = sum(weight for _, _, weight in slots) if weighted else len(slots)
        return [(neighbor, position, (weight if weighted else 1) / total) for neighbor, position, weight in slots
                if total > 0 and (weight > 0 or not weighted)]

    importance = collections.defaultdict(float)
    for link in links.values():
        for kind, row in layer:
            if kind == link.anchors:
                for neighbor, _, value in row_of(link, row):
                    importance[link.neighbors, neighbor] += value * value
    result = {}
    for name, link in links.items():
        result[name] = {}
        for kind, row in layer:
            if kind != link.anchors:
                continue
            drawn = {(row, position): value / importance[kind_of, neighbor]
                     for neighbor, position, value in row_of(link, row)
                     for kind_of in [link.neighbors] if (kind_of, neighbor) in next_layer}
            total = sum(drawn.values())
            result[name].update({edge: value / total for edge, value in drawn.items()})
    return result


def most_visited(walks, kind, moves, kept):
    """PinSAGE's lists by row of a type, from the corpus of walks along a path of so many moves: (row, share of visits)."""
    with h5py.File(walks) as file:
        first, rows = (file["nodes"][kind].attrs[name] for name in ("first_vertex", "count"))
        group = file["walks"]
        per_source, padding = group.attrs["walks_per_source"], group.attrs["padding"]
        vertices = group["vertices"][:].astype(np.int64)
    lists = []
    for row in range(rows):
        visited = vertices[row * per_source:(row + 1) * per_source, moves::moves]
        counts = collections.Counter(visited[visited != padding] - first)
        best = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:kept]
        total = sum(count for _, count in best)
        lists.append([(int(target), np.float32(count / total)) for target, count in best])
    return lists


def listed_batch(lists, seeds, layers):
    """Rows in the order met, their bounds, and edges by layer as (neighbour, anchor, weight) in local numbers."""
    rows = list(seeds)
    numbers = {row: number for number, row in enumerate(rows)}
    bounds, edges = [0, len(rows)], []
    for _ in range(layers):
        of_layer = []
        for anchor in range(bounds[-2], bounds[-1]):
            for row, weight in lists[rows[anchor]]:
                if row not in numbers:
                    numbers[row] = len(rows)
                    rows.append(row)
                of_layer.append((numbers[row], anchor, weight))
        edges.append(of_layer)
        bounds.append(len(rows))
    return rows, bounds, edges
