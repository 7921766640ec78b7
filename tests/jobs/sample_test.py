# SPDX-License-Identifier: Apache-2.0
"""`rove sample` from outside: the same bytes on any ranks, threads and layout; batches that are what was asked for.

usage: sample_test.py MPIRUN ROVE SAMPLING_PAGE
"""
import contextlib
import io
import os
import random
import sys
import tempfile
import unittest

import h5py
import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rove_process import Rove

ROVE = Rove(*sys.argv[1:3])
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

    def test_layers_and_scopes(self):
        out = self.same_bytes("ladies.h5", "sample.method=ladies", "sample.layer_sizes=[20, 10]", "sample.weighted=true",
                              "sample.batch_size=30")
        with h5py.File(out) as file:
            edges = file["samples/edges/user__rates__item__out"]
            for batch, (begin, end) in enumerate(self.batches(file, edges.name)):
                hops = edges["hops"][batch]
                for hop in (0, 1):
                    of_hop = slice(begin + hops[hop], begin + hops[hop + 1])
                    sums = np.bincount(edges["anchors"][of_hop], edges["weights"][of_hop])
                    np.testing.assert_allclose(sums[sums > 0], 1, rtol=1e-5)
        for method in ("shadow", "shadow-ppr"):
            out = self.same_bytes(f"{method}.h5", f"sample.method={method}", "sample.fanouts=[3, 2]", "sample.scope_size=12",
                                  "sample.batch_size=20", "sample.batches=3")
            with h5py.File(out) as file:
                seeds = file["samples/nodes/user/seeds"][:]
                self.assertEqual(len(np.unique(seeds)), 20)

    def test_the_documented_snippet_runs(self):
        with open(sys.argv[3], encoding="utf-8") as file:
            snippet = file.read().split("```python\n")[1].split("```")[0]
        out = self.sample("samples.h5", "sample.batch_size=32", "sample.fanouts=[4]")
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(snippet.replace('"samples.h5"', repr(out)), {})
        self.assertRegex(printed.getvalue(), r"^u\d+ 32 \(\d+,\)")

    def test_damage_is_found(self):
        out = self.sample("damaged.h5", "sample.batch_size=32", "sample.fanouts=[5]")
        with h5py.File(out, "r+") as file:
            anchors = file["samples/edges/user__rates__item__out/anchors"]
            anchors[3] = 1_000_000
        done = ROVE.run("verify", out, code=3)
        self.assertIn("anchors: row 3 (batch 0) holds 1000000", done.stdout)
        self.assertIn("digest", done.stdout)

    def test_mistakes_are_named(self):
        for settings, words in [
            (["sample.seeds=usr"], "did you mean 'user'"),
            (['sample.relations=["user,rate,item"]'], "did you mean 'user,rates,item'"),
            (["sample.fanouts=[some]"], "numbers from 0 or all"),
            (["sample.negatives=2"], "sample.relations"),
            (["sample.temporal=last"], "sample.at"),
            (["sample.method=ladies", "sample.disjoint=true"], "sample.method"),
            (["sample.replace=true", "sample.fanouts=[all]"], "replacement"),
            (["sample.fanout=[3]"], "sample.fanouts"),
        ]:
            with self.subTest(settings):
                self.assertIn(words, self.sample("x.h5", *settings, code=2))
        self.assertIn("batch", self.sample("x.h5", "resources.memory=2MiB", "sample.batch_size=150", code=5))
        self.assertFalse(os.path.exists(self.path("x.h5")))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
