# SPDX-License-Identifier: Apache-2.0
"""Requests to forget users, items and interactions.

Usage: forget_test.py MPIRUN ROVE
"""
import json
import os
import random
import shutil
import sys
import tempfile
import unittest

import h5py
import numpy as np

from rove_process import Rove

ROVE = Rove(*sys.argv[1:3])
JOB = """
name: nights
output: {output}
graph: {{edges: [{{type: [user, rates, item], files: [{log}], format: edgelist}}]}}
ppr: {{enabled: false}}
train: {{dim: 8, epochs: {epochs}, batch_size: 64, learning_rate: 1.0e-2}}
evaluate: {{test: [{log}], format: edgelist, at: [10]}}
recommend: {{top_k: 10}}
"""


def vectors_of(path, type):
    with h5py.File(path) as file:
        group = file["nodes"][type]
        return dict(zip(group["ids"].asstr()[:], group["vectors"][:].astype(np.float64)))


class Forget(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        random.seed(8)
        cls.pairs = [(user, item) for user in range(60) for item in range(40)
                     if random.random() < (0.5 if (user - item) % 4 == 0 else 0.05)]
        cls.listed = random.sample([(u, i) for u, i in cls.pairs if u not in (7, 8) and i != 11 and (u - i) % 4], 12)
        cls.write("log.txt", (f"u{user} i{item}" for user, item in cls.pairs))
        cls.write("users.txt", ["u7", "u8", "stranger"])
        cls.write("items.txt", ["i11"])
        cls.write("pairs.txt", (f"u{user} i{item}" for user, item in cls.listed))
        cls.night("runs", 20)
        cls.run_directory = cls.path("runs", "0001")

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def path(cls, *names):
        return os.path.join(cls.temporary.name, *names)

    @classmethod
    def write(cls, name, lines):
        with open(cls.path(name), "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)

    @classmethod
    def lists(cls):
        return ["--set", f"forget.users=[{cls.path('users.txt')}]", "--set", f"forget.items=[{cls.path('items.txt')}]", "--set",
                f"forget.interactions=[{cls.path('pairs.txt')}]"]

    @classmethod
    def night(cls, output, epochs, *settings, **options):
        job = cls.path(f"{output}.yaml")
        with open(job, "w", encoding="utf-8") as file:
            file.write(JOB.format(output=cls.path(output), log=cls.path("log.txt"), epochs=epochs))
        return ROVE.run("run", job, *settings, **options)

    def mean_score(self, embeddings, pairs):
        users, items = vectors_of(embeddings, "user"), vectors_of(embeddings, "item")
        return np.mean([users[f"u{u}"] @ items[f"i{i}"] for u, i in pairs])

    def test_verb(self):
        out = {}
        for ranks in (1, 3):
            out[ranks] = self.path(f"less{ranks}.h5")
            done = ROVE.run("forget", "-g", os.path.join(self.run_directory, "graph.h5"), "-e",
                            os.path.join(self.run_directory, "embeddings.h5"), "-o", out[ranks], "--metrics",
                            self.path(f"forget{ranks}.json"), *self.lists(), ranks=ranks)
            self.assertIn("gap in deviations", done.stdout)
        ROVE.run("diff", out[1], out[3], "-q")
        ROVE.run("verify", out[1])
        with open(self.path("forget1.json"), encoding="utf-8") as file:
            report = json.load(file)["forget"]
        with open(self.path("forget3.json"), encoding="utf-8") as file:
            self.assertEqual(json.load(file)["forget"], report)
        self.assertEqual((report["users"], report["items"], report["listed_interactions"], report["unknown"]), (2, 1, 12, 1))
        gone = sum(1 for u, i in self.pairs if (u in (7, 8)) != (i == 11)) + 12
        self.assertEqual(report["interactions"], gone)
        self.assertGreater(report["before"]["gap"], 0.5)
        self.assertLessEqual(report["after"]["gap"], 0)
        self.assertGreater(report["after"]["retained_above"], report["before"]["retained_above"] - 0.05)
        # Ids that go have no rows; pairs that go are no longer favoured; the rest of the taste stays.
        self.assertNotIn("u7", vectors_of(out[1], "user"))
        self.assertNotIn("i11", vectors_of(out[1], "item"))
        self.assertEqual(len(vectors_of(out[1], "user")), 58)
        before = os.path.join(self.run_directory, "embeddings.h5")
        stays = [(u, i) for u, i in self.pairs if u not in (7, 8) and i != 11 and (u, i) not in self.listed]
        self.assertLess(self.mean_score(out[1], self.listed), self.mean_score(before, self.listed))
        self.assertGreater(self.mean_score(out[1], stays), 0.8 * self.mean_score(before, stays))

    def test_a_single_interaction(self):
        graph, vectors = (os.path.join(self.run_directory, name) for name in ("graph.h5", "embeddings.h5"))
        user, item = next((u, i) for u, i in self.pairs if self.mean_score(vectors, [(u, i)]) > 0.3)
        self.write("one.txt", [f"u{user} i{item}"])
        out = {}
        for ranks in (1, 3):
            out[ranks] = self.path(f"one{ranks}.h5")
            ROVE.run("forget", "-g", graph, "-e", vectors, "-o", out[ranks], "--metrics", self.path("one.json"),
                     "--interactions", self.path("one.txt"), ranks=ranks)
        ROVE.run("diff", out[1], out[3], "-q")
        with open(self.path("one.json"), encoding="utf-8") as file:
            report = json.load(file)["forget"]
        self.assertEqual((report["interactions"], report["never_seen"]), (1, 128))
        self.assertGreater(report["before"]["gap"], 0)
        self.assertLessEqual(report["after"]["forgotten_score"], report["after"]["never_seen_score"])

    def test_what_is_listed_in_vain(self):
        graph, vectors = (os.path.join(self.run_directory, name) for name in ("graph.h5", "embeddings.h5"))
        lacks = next((u, i) for u in range(60) for i in range(40) if (u, i) not in set(self.pairs))
        self.write("vain.txt", ["u{} i{}".format(*lacks), "nobody i1"])
        done = ROVE.run("forget", "-g", graph, "-e", vectors, "-o", self.path("vain.h5"), "--metrics",
                        self.path("vain.json"), "--interactions", self.path("vain.txt"))
        self.assertIn("none of the 2 ids and interactions listed", done.stderr)
        with open(self.path("vain.json"), encoding="utf-8") as file:
            report = json.load(file)["forget"]
        self.assertEqual((report["listed_interactions"], report["unknown"], report["interactions"]), (0, 2, 0))
        self.write("broken.json", ["{"])
        broken = ROVE.run("forget", "-g", graph, "-e", vectors, "-o", self.path("vain.h5"), "--metrics",
                          self.path("broken.json"), "--interactions", self.path("vain.txt"), code=3)
        self.assertIn("is no JSON object", broken.stderr)

    def test_refusals(self):
        graph, vectors = (os.path.join(self.run_directory, name) for name in ("graph.h5", "embeddings.h5"))
        nothing = ROVE.run("forget", "-g", graph, "-e", vectors, "-o", self.path("x.h5"), code=2)
        self.assertIn("there is nothing to forget", nothing.stderr)
        missing = ROVE.run("forget", "-g", graph, "-e", vectors, "-o", self.path("x.h5"), "--users", self.path("no.txt"), ranks=2, code=4)
        self.assertIn("no.txt", missing.stderr)

    def start(self, run="runs", *settings):
        """Settings of a night that goes on from the first run of `run`, but for what is listed."""
        file = self.path(run, "0001", "embeddings.h5")
        return ["--set", "train.warm_start=file", "--set", f"train.warm_start_file={file}", *self.lists(), *settings]

    def report(self, run, number="0001"):
        with open(self.path(run, number, "forget.json"), encoding="utf-8") as file:
            return json.load(file)

    def test_a_night_unlearns_then_goes_on(self):
        for ranks in (1, 3):
            self.night(f"less{ranks}", 1, *self.start(), ranks=ranks)
        self.night("more", 1, *self.start()[:4])
        for name in ("graph.h5", "embeddings.h5", "recommendations.h5"):
            ROVE.run("diff", self.path("less1", "0001", name), self.path("less3", "0001", name), "-q")
        self.assertEqual(self.report("less1"), self.report("less3"))
        self.assertEqual(self.report("less1")["start"], "unlearnt")
        self.assertGreater(self.report("less1")["forget"]["before"]["gap"], 0.5)
        self.assertLessEqual(self.report("less1")["forget"]["after"]["gap"], 0)
        with open(self.path("less1", "0001", "import.json"), encoding="utf-8") as file:
            counts = json.load(file)
        self.assertEqual(counts["forgotten"], {"users": 2, "items": 1, "interactions": 12, "unknown": 1})
        self.assertEqual(counts["edge_types"][0]["forgotten"],
                         12 + sum(1 for user, item in self.pairs if user in (7, 8) or item == 11))
        less = self.path("less1", "0001", "embeddings.h5")
        self.assertNotIn("u7", vectors_of(less, "user"))
        self.assertNotIn("i11", vectors_of(less, "item"))
        more = self.path("more", "0001", "embeddings.h5")
        self.assertLess(self.mean_score(less, self.listed), self.mean_score(more, self.listed))
        self.assertFalse(os.path.exists(self.path("less1", "0001", "unlearnt.h5")))
        ROVE.run("verify", self.path("less1", "latest"))
        with open(self.path("less1", "0001", "report.html"), encoding="utf-8") as file:
            self.assertIn("Unlearnt from last night's vectors", file.read())

    def test_the_next_night_has_nothing_to_unlearn(self):
        latest = ["--set", "train.warm_start=latest", *self.lists()]
        self.night("nights", 1, *latest)  # the first night starts cold, on a log without what is listed
        self.assertFalse(os.path.exists(self.path("nights", "0001", "forget.json")))
        second = self.night("nights", 2, *latest, ranks=2)
        self.assertEqual(self.report("nights", "0002")["start"], "unchanged")
        self.assertIn("rows go on from", second.stderr)

    def test_a_cold_start_is_that_of_a_log_without_what_is_listed(self):
        gone = set(self.listed) | {(u, i) for u, i in self.pairs if u in (7, 8) or i == 11}
        self.write("clean.txt", (f"u{user} i{item}" for user, item in self.pairs if (user, item) not in gone))
        self.night("clean", 2, "--set", f"graph.edges[0].files=[{self.path('clean.txt')}]")
        self.night("cold", 2, *self.start(), "--set", "forget.warm_start=cold", ranks=2)
        self.assertEqual(self.report("cold")["start"], "cold")
        for name in ("graph.h5", "embeddings.h5"):
            a, b = (self.path(run, "0001", name) for run in ("clean", "cold"))
            with h5py.File(a) as x, h5py.File(b) as y:
                datasets = []
                x.visititems(lambda path, item: datasets.append(path) if isinstance(item, h5py.Dataset) else None)
                for path in datasets:
                    if path != "config":
                        np.testing.assert_array_equal(x[path][()], y[path][()], err_msg=f"{name} {path}")

    def test_a_stopped_night_goes_on_from_what_it_unlearnt(self):
        self.night("whole", 3, *self.start())
        for stage in ("import", "train"):
            run = f"stopped-{stage}"
            self.night(run, 3, *self.start(), code=75, ranks=2, ROVE_FAULT=f"stage.{stage}:1:stop@1")
            self.assertTrue(os.path.exists(self.path(run, "0001", "unlearnt.h5")))
            resumed = self.night(run, 3, *self.start())
            self.assertIn("resumed", resumed.stdout)
            ROVE.run("diff", self.path("whole", "0001", "embeddings.h5"), self.path(run, "0001", "embeddings.h5"), "-q")
            self.assertFalse(os.path.exists(self.path(run, "0001", "unlearnt.h5")))

    def test_the_estimate_counts_the_night_that_forgets(self):
        graph = os.path.join(self.run_directory, "graph.h5")
        plain = ROVE.run("estimate", "-g", graph, "--set", "train.warm_start=latest").stdout
        forgetful = ROVE.run("estimate", "-g", graph, "--set", "train.warm_start=latest", *self.lists()).stdout
        self.assertNotIn("forget", plain)
        self.assertIn("forget", forgetful)

    def test_nights_that_cannot_forget_are_refused(self):
        graph = os.path.join(self.run_directory, "graph.h5")
        for ranks in (1, 3):
            given = self.night("given", 1, *self.lists(), "--set", f"graph.file={graph}", ranks=ranks, code=2)
            self.assertIn("graph.file is a finished graph", given.stderr)
            self.assertFalse(os.path.exists(self.path("given", "latest")))
        os.makedirs(self.path("alone", "0001"))
        shutil.copy(os.path.join(self.run_directory, "embeddings.h5"), self.path("alone", "0001"))
        alone = self.night("lonely", 1, *self.start("alone"), ranks=2, code=4)
        self.assertIn("expected as", alone.stderr)
        self.write("odd.txt", ["u1 i1", "u2"])
        odd = self.night("odd", 1, "--set", f"forget.interactions=[{self.path('odd.txt')}]", ranks=2, code=3)
        self.assertIn("odd.txt:2:1", odd.stderr)
        missing = self.night("odd", 1, "--set", f"forget.users=[{self.path('no.txt')}]", code=4)
        self.assertIn("no.txt", missing.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
