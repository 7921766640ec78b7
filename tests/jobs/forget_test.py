# SPDX-License-Identifier: Apache-2.0
"""Requests to forget users, items and interactions.

Usage: forget_test.py MPIRUN ROVE
"""
import json
import os
import random
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

    def test_refusals(self):
        graph, vectors = (os.path.join(self.run_directory, name) for name in ("graph.h5", "embeddings.h5"))
        nothing = ROVE.run("forget", "-g", graph, "-e", vectors, "-o", self.path("x.h5"), code=2)
        self.assertIn("there is nothing to forget", nothing.stderr)
        missing = ROVE.run("forget", "-g", graph, "-e", vectors, "-o", self.path("x.h5"), "--users", self.path("no.txt"), ranks=2, code=4)
        self.assertIn("no.txt", missing.stderr)
        for ranks in (1, 3):
            unread = self.night("unread", 1, *self.lists(), ranks=ranks, code=2)
            self.assertIn("`rove run` reads no such lists", unread.stderr)
            self.assertFalse(os.path.exists(self.path("unread", "latest")))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
