# SPDX-License-Identifier: Apache-2.0
"""`rove sample` from outside: the same bytes on any ranks, threads and layout; batches that are what was asked for.

usage: sample_test.py MPIRUN ROVE SAMPLING_PAGE
"""
import contextlib
import io
import os
import random
import re
import subprocess
import sys
import tempfile
import unittest

import h5py
import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import sample_reference as reference
from rove_process import Rove, limit

ROVE = Rove(*sys.argv[1:3])
FOLLOWS = ("sample.links[0].type=[user, follows, user]",)
RELATIONS = 'sample.relations=["user,rates,item", "user,follows,user"]'


def datasets(path):
    content = {}
    with h5py.File(path) as file:
        def visit(name, item):
            if isinstance(item, h5py.Dataset) and name != "config":
                content[name] = (str(item.dtype), item.shape, item[()].tobytes())
        file.visititems(visit)
    return content


class SampleTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="rove-sample-")
        cls.graph = cls.path("graph.h5")
        draw = random.Random(4)
        with open(cls.path("rates.csv"), "w", encoding="utf-8") as file:
            file.write("user,item,rating,when\n")
            for user, item in sorted({(draw.randrange(150), int(60 * draw.random() ** 2)) for _ in range(2500)}):
                file.write(f"u{user},i{item},{draw.randrange(6)},{draw.randrange(1000)}\n")
        with open(cls.path("follows.csv"), "w", encoding="utf-8") as file:
            file.write("from,to\n")
            for a, b in sorted({tuple(sorted(draw.sample(range(150), 2))) for _ in range(400)}):
                file.write(f"u{a},u{b}\n")
        with open(cls.path("job.yaml"), "w", encoding="utf-8") as file:
            file.write("graph:\n  edges:\n"
                       "    - {type: [user, rates, item], files: [rates.csv], format: csv, source: user, target: item,"
                       " weight: rating, time: when}\n"
                       "    - {type: [user, follows, user], files: [follows.csv], format: csv, source: from, target: to,"
                       " directed: false}\n")
        ROVE.run("import", "-c", cls.path("job.yaml"), "-o", cls.graph, "--quiet")
        with h5py.File(cls.graph) as file:
            edges = file["edges/user__rates__item/by_source"]
            cls.indptr, cls.items = edges["indptr"][:], edges["indices"][:]
            cls.users = np.repeat(np.arange(len(cls.indptr) - 1), np.diff(cls.indptr))
            cls.weights, cls.times = edges["weights"][:], edges["times"][:]

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    @classmethod
    def path(cls, name):
        return os.path.join(cls.scratch.name, name)

    def sample(self, name, *settings, ranks=1, threads=1, code=0):
        out = self.path(name)
        arguments = ["sample", "-g", self.graph, "-o", out, "--quiet", "--threads", threads]
        for setting in settings:
            arguments += ["--set", setting]
        done = ROVE.run(*arguments, ranks=ranks, code=code)
        return out if code == 0 else done.stderr

    def same_bytes(self, name, *settings, layouts=()):
        """The file at one rank, after others gave the same bytes and it was verified."""
        out = self.sample(name, *settings)
        expected = datasets(out)
        for ranks, threads, layout in [(1, 2, "auto"), (3, 2, "replicated"), *layouts]:
            other = self.sample("other.h5", *settings, f"resources.layout={layout}", "partition.method=hash",
                                ranks=ranks, threads=threads)
            found = datasets(other)
            self.assertEqual(expected.keys(), found.keys())
            different = [key for key in expected if expected[key] != found[key]]
            self.assertEqual(different, [], f"{ranks} ranks, {threads} threads, {layout}")
        ROVE.run("verify", out)
        ROVE.run("verify", out, ranks=3)
        self.assertIn("rove/samples", ROVE.run("info", out).stdout)
        return out

    PARTITIONED = ((1, 1, "partitioned"), (2, 1, "partitioned"), (4, 2, "partitioned"))

    def batches(self, file, group):
        indptr = file[group]["indptr"][:]
        return list(zip(indptr[:-1], indptr[1:]))

    def check_rates(self, file, fanout_of_hop, replace=False):
        """Sampled edges are edges, and no vertex draws more of them than asked for."""
        for direction, anchor, neighbor in [("out", "user", "item"), ("in", "item", "user")]:
            edges = file[f"samples/edges/user__rates__item__{direction}"]
            rows = {kind: file[f"samples/nodes/{kind}"] for kind in ("user", "item")}
            for batch, (begin, end) in enumerate(self.batches(file, edges.name)):
                def rows_of(kind, locals_):
                    return rows[kind]["rows"][:][rows[kind]["indptr"][batch]:rows[kind]["indptr"][batch + 1]][locals_]
                positions, anchors = edges["positions"][begin:end], edges["anchors"][begin:end]
                ends = {anchor: rows_of(anchor, anchors), neighbor: rows_of(neighbor, edges["neighbors"][begin:end])}
                np.testing.assert_array_equal(self.users[positions], ends["user"])
                np.testing.assert_array_equal(self.items[positions], ends["item"])
                hops = edges["hops"][batch]
                for hop, fanout in enumerate(fanout_of_hop):
                    of_hop = slice(hops[hop], hops[hop + 1])
                    pairs = np.stack([anchors[of_hop], positions[of_hop]])
                    if len(pairs[0]) == 0:
                        continue
                    self.assertLessEqual(np.bincount(pairs[0]).max(), fanout)
                    if not replace:
                        self.assertEqual(len(np.unique(pairs, axis=1)[0]), len(pairs[0]))

    def test_fan_outs_of_vertices(self):
        settings = ["sample.batch_size=32", "sample.fanouts=[5, 3]", "sample.epochs=2"]
        out = self.same_bytes("fanout.h5", *settings, layouts=self.PARTITIONED)
        with h5py.File(out) as file:
            self.check_rates(file, [5, 3])
            users = file["samples/nodes/user"]
            begins, hops = users["indptr"][:-1], users["hops"][:]
            seeds = [users["rows"][begin:begin + bounds[1]] for begin, bounds in zip(begins, hops)]
            per_epoch = file["samples"].attrs["batches_per_epoch"]
            self.assertEqual(len(seeds), 2 * per_epoch)
            for epoch in (0, 1):
                seen = np.concatenate(seeds[epoch * per_epoch:(epoch + 1) * per_epoch])
                np.testing.assert_array_equal(np.sort(seen), np.arange(len(self.indptr) - 1))
            self.assertFalse(np.array_equal(seeds[0], seeds[per_epoch]))
            self.assertTrue(file["nodes/user/ids"][users["rows"][0]].startswith(b"u"))

    def test_one_link_of_its_own(self):
        out = self.sample("link.h5", "sample.fanouts=[4]", "sample.batches=2", "sample.shuffle=false",
                          "sample.batch_size=10", "sample.links[0].type=[user, rates, item]",
                          "sample.links[0].direction=out", "sample.links[0].fanouts=[all]")
        with h5py.File(out) as file:
            self.assertEqual(list(file["samples/edges"]), ["user__rates__item__out"])
            positions = file["samples/edges/user__rates__item__out/positions"][:]
            np.testing.assert_array_equal(positions, np.arange(self.indptr[20]))

    def test_weighted_disjoint(self):
        out = self.same_bytes("weighted.h5", "sample.weighted=true", "sample.disjoint=true", "sample.fanouts=[4, 2]",
                              "sample.batch_size=40", layouts=self.PARTITIONED)
        with h5py.File(out) as file:
            for direction in ("in", "out"):
                positions = file[f"samples/edges/user__rates__item__{direction}/positions"][:]
                self.assertGreater(self.weights[positions].min(), 0)
            self.assertIn("seeds", file["samples/nodes/item"])

    def test_balanced_edges_by_time_with_negatives(self):
        # Only the relation with times can be a seed by time.
        settings = ['sample.relations=["user,rates,item"]', "sample.quotas=[100]", "sample.batch_size=16",
                    "sample.temporal=last", "sample.fanouts=[6]", "sample.epochs=2"]
        out = self.same_bytes("temporal.h5", *settings, layouts=self.PARTITIONED[1:])
        with h5py.File(out) as file:
            links, edges = file["samples/links"], file["samples/edges/user__rates__item__out"]
            users = file["samples/nodes/user"]
            self.assertEqual(len(links["positions"]), 200)
            checked = 0
            for batch, (begin, end) in enumerate(self.batches(file, links.name)):
                times = self.times[links["positions"][begin:end]]
                seeds = users["seeds"][:][users["indptr"][batch]:users["indptr"][batch + 1]]
                edge_slice = slice(edges["indptr"][batch], edges["indptr"][batch + 1])
                anchors, positions = edges["anchors"][edge_slice], edges["positions"][edge_slice]
                # The batch's user seeds are the sources of its edges, in order.
                np.testing.assert_array_equal(links["sources"][begin:end], np.arange(end - begin))
                for anchor, position in zip(anchors, positions):
                    self.assertLess(self.times[position], times[seeds[anchor]])
                    checked += 1
            self.assertGreater(checked, 100)
        self.assertIn("no times", self.sample("x.h5", RELATIONS, "sample.temporal=last", code=2))

    def test_balanced_edges_with_negatives(self):
        settings = [RELATIONS, "sample.negatives=3", "sample.negative_distribution=popularity", "sample.batch_size=25",
                    "sample.fanouts=[3]"]
        out = self.same_bytes("balanced.h5", *settings)
        with h5py.File(out) as file:
            links, rows = file["samples/links"], {t: file[f"samples/nodes/{t}"] for t in ("user", "item")}
            counts = np.bincount(links["relations"][:])
            self.assertEqual(counts[0], counts[1])
            liked = set(zip(self.users, self.items))
            for batch, (begin, end) in enumerate(self.batches(file, links.name)):
                def rows_of(kind, locals_):
                    return rows[kind]["rows"][:][rows[kind]["indptr"][batch]:rows[kind]["indptr"][batch + 1]][locals_]
                rated = links["relations"][begin:end] == 0
                sources = rows_of("user", links["sources"][begin:end])[rated]
                np.testing.assert_array_equal(sources, self.users[links["positions"][begin:end][rated]])
                for source, negatives in zip(sources, links["negatives"][begin:end][rated]):
                    for item in rows_of("item", negatives):
                        self.assertNotIn((source, item), liked)
        self.assertIn("partitioned", self.sample("x.h5", *settings, "resources.layout=partitioned", code=2))

    def test_scopes_of_training_edges(self):
        for method, *settings in (["shadow", "sample.fanouts=[3, 2]"], ["shadow-ppr", "sample.scope_size=12"]):
            out = self.same_bytes("shadow-edges.h5", f"sample.method={method}", RELATIONS, "sample.quotas=[60, 60]",
                                  "sample.negatives=2", "sample.batch_size=15", *settings, layouts=((2, 1, "replicated"),))
            liked = set(zip(self.users, self.items))
            with h5py.File(out) as file:
                links = file["samples/links"]
                for batch, (begin, end) in enumerate(self.batches(file, links.name)):
                    vertices, _ = reference.batch_of(file, batch)
                    rated = links["relations"][begin:end] == 0
                    sources, destinations, negatives = (links[name][begin:end][rated]
                                                        for name in ("sources", "destinations", "negatives"))
                    positions = links["positions"][begin:end][rated]
                    (users, of_user, _), (items, of_item, _) = vertices["user"], vertices["item"]
                    np.testing.assert_array_equal(users[sources], self.users[positions])
                    np.testing.assert_array_equal(items[destinations], self.items[positions])
                    drawn = negatives[negatives != 0xFFFFFFFF]
                    # Each is the first vertex of a subgraph of its own.
                    for of_seed, named in ((of_user, sources), (of_item, np.concatenate([destinations, drawn]))):
                        self.assertEqual(len(set(named)), len(named))
                        self.assertTrue(all(at == 0 or of_seed[at - 1] < of_seed[at] for at in named))
                    for source, row in zip(sources, negatives):
                        self.assertFalse({(users[source], items[at]) for at in row if at != 0xFFFFFFFF} & liked)

    def test_layers(self):
        sizes = [20, 10]
        out = self.same_bytes("ladies.h5", "sample.method=ladies", "sample.layer_sizes=[20, 10]", "sample.weighted=true",
                              "sample.batch_size=30", layouts=((2, 1, "replicated"),))
        links = reference.links_of(self.graph)
        with h5py.File(out) as file:
            self.assertEqual(file["samples"].attrs["layer_sizes"], "20, 10")
            for batch in range(file["samples"].attrs["batches"]):
                vertices, edges = reference.batch_of(file, batch)
                seeds = {(kind, int(row)) for kind, (rows, _, hops) in vertices.items() for row in rows[:hops[1]]}
                layer = seeds
                for hop, size in enumerate(sizes):
                    found, drawn = {}, set()
                    for name, link in links.items():
                        of_hop = slice(*edges[name]["hops"][hop:hop + 2])
                        anchors = vertices[link.anchors][0][edges[name]["anchors"][of_hop]]
                        neighbors = vertices[link.neighbors][0][edges[name]["neighbors"][of_hop]]
                        drawn |= {(link.neighbors, int(row)) for row in neighbors}
                        found[name] = dict(zip(zip(map(int, anchors), map(int, edges[name]["positions"][of_hop])),
                                               edges[name]["weights"][of_hop]))
                    expected = reference.layer_edges(links, layer, drawn | seeds, weighted=True)
                    for name in links:
                        self.assertEqual(found[name].keys(), expected[name].keys(), (batch, hop, name))
                        for edge, weight in found[name].items():
                            self.assertAlmostEqual(weight, expected[name][edge], delta=1e-6)
                    for kind in vertices:
                        self.assertLessEqual(sum(k == kind for k, _ in drawn - seeds), size)
                    layer = drawn | seeds

    def scopes(self, file):
        """Of every seed: the rows by type, in order, after its edges were found to be all that lead between them."""
        links = reference.links_of(self.graph)
        scopes = []
        for batch in range(file["samples"].attrs["batches"]):
            vertices, edges = reference.batch_of(file, batch)
            for seed in range(20):
                rows = {kind: [int(row) for row in found[of == seed]] for kind, (found, of, _) in vertices.items()}
                scope = {(kind, row) for kind in rows for row in rows[kind]}
                expected = reference.induced(links, scope)
                for name, link in links.items():
                    rows_of, seeds_of, _ = vertices[link.anchors]
                    mine = seeds_of[edges[name]["anchors"]] == seed
                    found = list(zip(map(int, rows_of[edges[name]["anchors"][mine]]),
                                     map(int, edges[name]["positions"][mine])))
                    self.assertEqual(len(found), len(expected[name]))
                    self.assertEqual(set(found), expected[name], (batch, seed, name))
                scopes.append(rows)
        return scopes

    def test_scopes_by_hops(self):
        settings = ["sample.fanouts=[3, 2]"]
        out = self.same_bytes("shadow.h5", "sample.method=shadow", "sample.batch_size=20", "sample.batches=3", *settings,
                              layouts=((2, 1, "replicated"),))
        # A scope is what a batch of the seed alone draws.
        alone = self.sample("alone.h5", "sample.batch_size=1", "sample.batches=60", *settings)
        with h5py.File(out) as file, h5py.File(alone) as of_one:
            self.assertEqual(file["samples/edges/user__rates__item__out"].attrs["fanouts"], "3, 2")
            for number, rows in enumerate(self.scopes(file)):
                vertices, _ = reference.batch_of(of_one, number)
                self.assertEqual(rows, {kind: list(found) for kind, (found, _, _) in vertices.items()})

    def test_scopes_by_pagerank(self):
        settings = ["sample.scope_size=12", "sample.restart=0.2", "sample.tolerance=1e-3"]
        out = self.same_bytes("shadow-ppr.h5", "sample.method=shadow-ppr", "sample.batch_size=20", "sample.batches=2",
                              *settings, layouts=((2, 1, "replicated"),))
        links = reference.links_of(self.graph)
        with h5py.File(out) as file:
            self.assertEqual((file["samples"].attrs["scope_size"], file["samples"].attrs["restart"]), (12, 0.2))
            types = sorted(file["nodes"], key=lambda kind: file["nodes"][kind].attrs["index"])
            for rows in self.scopes(file):
                scope = reference.pushed_scope(links, types, ("user", rows["user"][0]), 12, 0.2, 1e-3)
                self.assertLessEqual(len(scope), 13)
                self.assertEqual(rows, {kind: [row for k, row in scope if k == kind] for kind in types})

    PINSAGE = ("sample.method=pinsage", "sample.neighbors=5", "sample.random_walks=40")

    def test_neighbours_by_visits(self):
        settings = [*self.PINSAGE, "sample.seeds=item", "sample.layers=2", "sample.batch_size=7", "sample.termination=0"]
        out = self.same_bytes("pinsage.h5", *settings, layouts=((2, 1, "partitioned"), (4, 2, "partitioned"), (7, 1, "partitioned")))
        walks = self.path("walks.h5")
        ROVE.run("walk", "-g", self.graph, "--sources", "item", "--path", "rev_rates,rates", "--walks", 40, "--length", 6,
                 "-o", walks, "--quiet")
        lists = reference.most_visited(walks, "item", 2, 5)
        with h5py.File(out) as file:
            attributes = file["samples"].attrs
            self.assertEqual(attributes["path"], "item,rev_rates,user; user,rates,item")
            self.assertEqual([attributes[name] for name in ("random_walks", "traversals", "neighbors", "layers", "termination")],
                             [40, 3, 5, 2, 0])
            self.assertEqual(list(file["samples/edges"]), ["item__visits__item__out"])
            self.assertNotIn("positions", file["samples/edges/item__visits__item__out"])
            seen = []
            for batch in range(attributes["batches"]):
                vertices, edges = reference.batch_of(file, batch)
                rows, _, hops = vertices["item"]
                edges = edges["item__visits__item__out"]
                seen += list(rows[:hops[1]])
                expected, bounds, by_layer = reference.listed_batch(lists, rows[:hops[1]], 2)
                self.assertEqual((list(rows), list(hops)), (expected, bounds))
                for layer, wanted in enumerate(by_layer):
                    of_layer = slice(*edges["hops"][layer:layer + 2])
                    found = zip(edges["neighbors"][of_layer], edges["anchors"][of_layer], edges["weights"][of_layer])
                    self.assertEqual(list(found), wanted)
                self.assertEqual(len(vertices["user"][0]), 0)
            self.assertEqual(sorted(seen), list(range(len(lists))))

    def test_neighbours_by_visits_are_drawn_anew_in_each_epoch(self):
        out = self.same_bytes("pinsage-epochs.h5", *self.PINSAGE, "sample.seeds=item", "sample.epochs=2",
                              "sample.shuffle=false", "sample.weighted=true", "sample.layers=1", "sample.batch_size=1000",
                              layouts=((2, 1, "partitioned"),))
        with h5py.File(out) as file:
            edges = file["samples/edges/item__visits__item__out"]
            (begin, middle), (_, end) = self.batches(file, edges.name)
            self.assertFalse(np.array_equal(edges["weights"][begin:middle], edges["weights"][middle:end]))
            # An older reader of version 1 would look for positions.
            self.assertEqual(file.attrs["format_version"], 2)

    def test_neighbours_by_visits_of_training_edges(self):
        out = self.same_bytes("pinsage-edges.h5", *self.PINSAGE, "sample.path=[rates, rev_rates]", "sample.negatives=2",
                              'sample.relations=["user,follows,user"]', "sample.batch_size=50")
        follows = reference.links_of(self.graph)["user__follows__user__out"]
        with h5py.File(out) as file:
            links, users = file["samples/links"], file["samples/nodes/user"]
            for batch, (begin, end) in enumerate(self.batches(file, links.name)):
                rows = users["rows"][users["indptr"][batch]:users["indptr"][batch + 1]]
                for at in range(begin, end):
                    followed = {row for row, _, _ in follows[rows[links["sources"][at]]]}
                    self.assertIn(rows[links["destinations"][at]], followed)
                    self.assertFalse(followed & set(rows[links["negatives"][at]]))
        self.assertIn("partitioned", self.sample("x.h5", *self.PINSAGE, "sample.path=[rates, rev_rates]", "sample.negatives=2",
                                                 'sample.relations=["user,follows,user"]', "resources.layout=partitioned",
                                                 code=2))

    def test_files_of_the_first_version_are_read(self):
        out = self.sample("first.h5", "sample.batch_size=32", "sample.fanouts=[5]")
        with h5py.File(out, "r+") as file:
            file.attrs["format_version"] = np.int64(1)
        self.assertIn("changed after Rove wrote it", ROVE.run("verify", out, code=3).stdout)
        with h5py.File(out, "r+") as file:
            del file.attrs["xxh3"]  # which files of the first version do not have
        ROVE.run("verify", out)

    def test_the_page_s_commands_and_snippets_run(self):
        with open(sys.argv[3], encoding="utf-8") as file:
            page = file.read()
        commands = "\n".join(re.findall(r"```bash\n(.*?)```", page, flags=re.DOTALL))
        for method in ("ladies", "shadow", "shadow-ppr", "pinsage"):
            self.assertIn(f"--method {method} ", commands)
        directory = self.path("page")
        os.mkdir(directory)
        os.link(self.graph, os.path.join(directory, "graph.h5"))
        environment = dict(os.environ, PATH=os.path.dirname(os.path.abspath(sys.argv[2])) + os.pathsep + os.environ["PATH"],
                           OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
        done = subprocess.run(["bash", "-e", "-c", commands], cwd=directory, env=environment, capture_output=True,
                              text=True, timeout=limit(60), check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.chdir(directory):
            for snippet in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL):
                # Small graphs have one batch.
                exec(snippet.replace("batch = 1\n", "batch = 0\n"), {})
        self.assertRegex(printed.getvalue(), r"^u\d+ 150 \(\d+,\) \(\d+,\) \(\d+,\)\n"
                                             r"\(\d+,\) 1.0\n"
                                             r"u\d+ \d+ 100\n"
                                             r"item,rev_rates,user; user,rates,item 1.0\n$")

    def test_damage_is_found(self):
        edges = "samples/edges/user__rates__item__out/"
        for settings, dataset, row, value, words in [
            (["sample.fanouts=[5]"], edges + "anchors", 3, 1_000_000, "anchors: row 3 (batch 0) holds 1000000"),
            (["sample.method=ladies"], edges + "weights", 3, float("nan"), "weights: row 3 (batch 0) holds nan"),
            (["sample.method=ladies"], edges + "weights", 0, 0, "expected 1"),
            ([*self.PINSAGE, "sample.seeds=item"], "samples/edges/item__visits__item__out/weights", 2, 0.9, "sum to"),
            (["sample.method=shadow", "sample.fanouts=[2]"], "samples/nodes/user/seeds", 5, 1_000_000, "seeds: row 5"),
            (["sample.method=shadow", "sample.fanouts=[2]"], "samples/nodes/user/seeds", 0, 9, "but its neighbour of"),
        ]:
            with self.subTest(dataset + str(value)):
                out = self.sample("damaged.h5", "sample.batch_size=32", *settings)
                with h5py.File(out, "r+") as file:
                    file[dataset][row] = value
                done = ROVE.run("verify", out, code=3)
                self.assertIn(words, done.stdout)
                self.assertIn("digest", done.stdout)

    def test_an_edge_without_a_position_is_found(self):
        for settings, name in [([], "positions"), (["sample.method=ladies"], "positions"),
                               (["sample.method=ladies"], "num_edges")]:
            with self.subTest(name, settings=settings):
                out = self.sample("lacking.h5", "sample.batch_size=32", *settings)
                with h5py.File(out, "r+") as file:
                    edges = file["samples/edges/user__rates__item__out"]
                    if name in edges:
                        del edges[name]
                    else:
                        del edges.attrs[name]
                self.assertIn(name, ROVE.run("verify", out, code=3).stdout)

    def test_mistakes_are_named(self):
        for settings, words in [
            (["sample.seeds=usr"], "did you mean 'user'"),
            (['sample.relations=["user,rate,item"]'], "did you mean 'user,rates,item'"),
            (["sample.fanouts=[some]"], "numbers from 0 or all"),
            (["sample.negatives=2"], "sample.relations"),
            (["sample.temporal=last"], "sample.at"),
            (["sample.method=ladies", "sample.disjoint=true"], "sample.disjoint (read by neighbor)"),
            (["sample.method=ladies", "sample.fanouts=[3]"], "sample.fanouts (read by neighbor, shadow)"),
            (["sample.method=shadow", "sample.scope_size=9"], "sample.scope_size (read by shadow-ppr)"),
            (["sample.method=shadow", "sample.weighted=true"], "sample.weighted"),
            (["sample.method=shadow-ppr", "sample.links[0].type=[user, rates, item]", "sample.links[0].fanouts=[3]"],
             "sample.links[0].fanouts"),
            (["sample.random_walks=9"], "sample.random_walks (read by pinsage)"),
            ([*self.PINSAGE, "sample.links[0].type=[user, rates, item]"], "sample.links[0].type (read by neighbor, ladies"),
            ([*self.PINSAGE], "2 edge types touch 'user'; name the relations of a traversal in sample.path"),
            ([*self.PINSAGE, "sample.seeds=item", "sample.path=[rev_rates]"], "end it where it starts"),
            ([*self.PINSAGE, "sample.seeds=item", "sample.path=[rates]"], "no edges 'rates' leave 'item'"),
            ([*self.PINSAGE, "sample.seeds=item", "sample.termination=1"], "sample.termination is 1"),
            ([*self.PINSAGE, 'sample.relations=["user,rates,item"]'], "whose ends are not both of type 'user'"),
            (["sample.layer_sizes=[9]"], "leave the key out, or choose another method"),
            (["sample.replace=true", "sample.fanouts=[all]"], "replacement"),
            (["sample.fanout=[3]"], "sample.fanouts"),
            (["sample.quotas=[9]"], "sample.quotas and sample.mix are of training edges"),
            (["sample.mix=mixed"], "sample.quotas and sample.mix are of training edges"),
            ([RELATIONS, "sample.shuffle=false"], "sample.shuffle is false, but training edges"),
            ([RELATIONS, "sample.at=5"], "sample.at is the time of vertices"),
            (["sample.at=5"], "sample.at is set, but sample.temporal is none"),
            ([RELATIONS, "sample.negative_distribution=popularity"], "sample.negatives is 0"),
            ([*FOLLOWS, "sample.temporal=last", "sample.at=5"], "none of the edge types that are followed has times"),
            ([*FOLLOWS, "sample.weighted=true"], "none of the edge types that are followed has weights"),
            (["sample.method=ladies", *FOLLOWS, "sample.weighted=true"], "that are followed has weights"),
            ([*self.PINSAGE, "sample.path=[follows]", "sample.weighted=true"], "followed has weights"),
        ]:
            with self.subTest(settings):
                self.assertIn(words, self.sample("x.h5", *settings, code=2))
        # The effective configuration in a file names every key; those at their defaults are no choice.
        with h5py.File(self.sample("ladies.h5", "sample.method=ladies")) as file:
            effective = file["config"][()].decode()
        self.assertIn("fanouts: [15, 10]", effective)
        with open(self.path("effective.yaml"), "w", encoding="utf-8") as file:
            file.write(effective)
        ROVE.run("sample", "-g", self.graph, "-c", self.path("effective.yaml"), "-o", self.path("again.h5"), "--quiet")
        self.assertEqual(datasets(self.path("again.h5")), datasets(self.path("ladies.h5")))
        self.assertIn("batch", self.sample("x.h5", "resources.memory=2MiB", "sample.batch_size=150", code=5))
        for settings in (self.PINSAGE, ["sample.method=ladies"]):
            self.assertIn("memory", self.sample("x.h5", *settings, "sample.seeds=item", "resources.memory=64KiB", code=5))
        # The edges of an epoch count: the graph alone would fit.
        edges = ["sample.links[0].type=[user, follows, user]", "sample.batch_size=10", 'sample.relations=["user,rates,item"]']
        for layout in ("replicated", "partitioned"):
            self.assertIn("training edges of an epoch",
                          self.sample("x.h5", *edges, f"resources.layout={layout}", "resources.memory=96KiB", code=5))
        self.assertFalse(os.path.exists(self.path("x.h5")))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
