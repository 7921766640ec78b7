# SPDX-License-Identifier: Apache-2.0
"""Users and items that a model has not seen: vectors without training, lists from them.

Usage: fold_in_test.py MPIRUN ROVE
"""
import collections
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
USERS, ITEMS, GROUPS = 120, 80, 4
NEW_USERS, NEW_ITEMS = range(100, USERS), range(76, ITEMS)
MODELS = {"lightgcn": "embeddings.h5", "ials": "embeddings.h5", "item-knn": "model.h5", "ease": "model.h5"}


def vectors_of(path, type):
    with h5py.File(path) as file:
        group = file["nodes"][type]
        return dict(zip(group["ids"].asstr()[:], group["vectors"][:]))


class FoldIn(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        random.seed(3)
        # Users like items of their own residue modulo 4, and a few that everybody likes.
        pairs = [(user, item) for user in range(USERS) for item in range(ITEMS)
                 if random.random() < (0.45 if (user - item) % GROUPS == 0 else 0.04)]
        is_old = lambda pair: pair[0] not in NEW_USERS and pair[1] not in NEW_ITEMS
        new = [pair for pair in pairs if not is_old(pair)]
        cls.held_out = [pair for pair in new if pair[0] in NEW_USERS and pair[1] not in NEW_ITEMS and random.random() < 0.4]
        cls.old = [pair for pair in pairs if is_old(pair)]
        cls.today = sorted(set(pairs) - set(cls.held_out))
        cls.write("old.txt", cls.old)
        cls.write("today.txt", cls.today)
        cls.write("test.txt", cls.held_out)
        for name in ("old", "today"):
            ROVE.run("import", "--type", "user,rates,item", "--files", cls.path(f"{name}.txt"), "-o", cls.path(f"{name}.h5"), "-q")

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def path(cls, *names):
        return os.path.join(cls.temporary.name, *names)

    @classmethod
    def write(cls, name, pairs):
        with open(cls.path(name), "w", encoding="utf-8") as file:
            file.writelines(f"u{user} i{item}\n" for user, item in pairs)

    def recall_of(self, model_file):
        ROVE.run("evaluate", "-g", self.path("today.h5"), "-e", model_file, "-o", self.path("metrics.json"), "--test",
                 self.path("test.txt"), "--test-format", "edgelist", "--at", "[10]", "-q")
        with open(self.path("metrics.json"), encoding="utf-8") as file:
            return json.load(file)["recall@10"]

    def recall_of_popularity(self):
        counts = collections.Counter(item for _, item in self.today)
        order = sorted(range(ITEMS), key=lambda item: (-counts[item], item))
        seen, wanted = collections.defaultdict(set), collections.defaultdict(set)
        for user, item in self.today:
            seen[user].add(item)
        for user, item in self.held_out:
            wanted[user].add(item)
        best = {user: [item for item in order if item not in seen[user]][:10] for user in wanted}
        return np.mean([len(wanted[user] & set(best[user])) / len(wanted[user]) for user in wanted])

    def train(self, model):
        out = self.path(f"{model}-{MODELS[model]}")
        ROVE.run("train", "-g", self.path("old.h5"), "--model", model, "--epochs", 20, "--dim", 16, "--batch-size", 128, "--lr", "1e-2",
                 "--set", "train.ease_regularisation=20", "-o", out, "-q")
        return out

    def test_unseen_users_get_what_they_like(self):
        popularity = self.recall_of_popularity()
        for model in MODELS:
            trained = self.train(model)
            folded = {ranks: self.path(f"{model}-folded{ranks}.h5") for ranks in (1, 3)}
            for ranks, out in folded.items():
                done = ROVE.run("fold-in", "-g", self.path("today.h5"), "-e", trained, "-o", out, ranks=ranks)
                self.assertIn("known", done.stderr)
            ROVE.run("diff", folded[1], folded[3], "-q")
            ROVE.run("verify", folded[1])
            # Chance is about 10 of 60 items; popularity knows the items' degrees and nothing of the user.
            self.assertGreater(self.recall_of(folded[1]), popularity + 0.2, model)

    def test_known_rows_keep_their_bytes_and_new_items_lie_among_their_kind(self):
        trained = self.train("lightgcn")
        out = self.path("folded.h5")
        ROVE.run("fold-in", "-g", self.path("today.h5"), "-e", trained, "-o", out, "-q")
        for type in ("user", "item"):
            before, after = vectors_of(trained, type), vectors_of(out, type)
            for id, row in before.items():
                self.assertEqual(row.tobytes(), after[id].tobytes(), id)
            self.assertGreater(len(after), len(before))
        items = vectors_of(out, "item")
        unit = {id: row / np.linalg.norm(row) for id, row in items.items()}
        for item in NEW_ITEMS:
            mine = [unit[id] @ unit[f"i{item}"] for id in unit if id != f"i{item}" and (int(id[1:]) - item) % GROUPS == 0]
            others = [unit[id] @ unit[f"i{item}"] for id in unit if (int(id[1:]) - item) % GROUPS != 0]
            self.assertGreater(np.mean(mine), np.mean(others) + 0.3, item)
        lengths = [np.linalg.norm(items[f"i{item}"]) for item in range(ITEMS)]
        self.assertLess(max(lengths[76:]), 2 * max(lengths[:76]))

    def test_averages_of_neighbours_keep_what_popularity_gives(self):
        trained, again = self.path("average.h5"), self.path("average-again.h5")
        options = ["--model", "item-knn", "--set", "train.prediction=average", "--set", "train.neighbors=20", "-q"]
        ROVE.run("train", "-g", self.path("old.h5"), "-o", trained, *options)
        # Of the same graph nothing is lost.
        ROVE.run("fold-in", "-g", self.path("old.h5"), "-e", trained, "-o", again, "-q", ranks=2)
        ROVE.run("diff", trained, again, "-q")
        folded = self.path("average-folded.h5")
        ROVE.run("fold-in", "-g", self.path("today.h5"), "-e", trained, "-o", folded, "-q", ranks=3)
        start = {}
        for path in (trained, folded):
            with h5py.File(path) as file:
                items = file["nodes/item"]
                start[path] = dict(zip(items["ids"].asstr()[:], np.ravel(items["start"][:])))
        for id, value in start[folded].items():
            self.assertEqual(value, start[trained].get(id, 0), id)

    def test_settings_come_from_the_trained_file(self):
        out = self.path("strong.h5")
        ROVE.run("train", "-g", self.path("old.h5"), "--model", "ials", "--epochs", 10, "--dim", 8, "--set", "train.alpha=3", "--set",
                 "train.regularisation=5", "-o", out, "-q")
        folded = {}
        for name, settings in {"plain": [], "given": ["--set", "train.alpha=77"]}.items():
            folded[name] = self.path(f"{name}.h5")
            ROVE.run("fold-in", "-g", self.path("today.h5"), "-e", out, "-o", folded[name], "-q", *settings)
        ROVE.run("diff", folded["plain"], folded["given"], "-q")
        # Folding in what was folded in before changes nothing.
        again = self.path("again.h5")
        ROVE.run("fold-in", "-g", self.path("today.h5"), "-e", folded["plain"], "-o", again, "-q")
        ROVE.run("diff", folded["plain"], again, "-q")

    def test_refusals(self):
        filter = self.path("filter.h5")
        ROVE.run("train", "-g", self.path("old.h5"), "--model", "gf-cf", "--set", "train.rank=8", "-o", filter, "-q")
        refused = ROVE.run("fold-in", "-g", self.path("today.h5"), "-e", filter, "-o", self.path("x.h5"), ranks=2, code=2)
        self.assertIn("fit it on this graph instead", refused.stderr)
        other = ROVE.run("fold-in", "-g", self.path("today.h5"), "-e", self.path("old.h5"), "-o", self.path("x.h5"), code=3)
        self.assertIn("expected embeddings or a model", other.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
