# SPDX-License-Identifier: Apache-2.0
"""Evaluation from outside: what the metrics say is recomputed from the exported lists and judgements.

Usage: evaluation_test.py MPIRUN ROVE
"""
import json
import math
import os
import re
import sys
import tempfile
import unittest

import h5py

from rove_process import Rove

ROVE = Rove(*sys.argv[1:3])
JOB = """ppr: {item_walks: 200, top_k: 20}
train: {dim: 8, epochs: 3, batch_size: 256}
evaluate: {test: [test.txt], at: [5, 20], resamples: 200}
recommend: {top_k: 20}
"""


def read_json(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def read_bytes(path):
    with open(path, "rb") as file:
        return file.read()


class Evaluation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.directory = cls.temporary.name
        sizes = ("--users", 120, "--items", 60, "--communities", 4, "--affinity", 0.8, "--format", "adjacency")
        ROVE.run("generate", "bipartite", *sizes, "--interactions", 2400, "--out", cls.path("train.txt"), "--job",
                 cls.path("job.yaml"))
        ROVE.run("generate", "bipartite", *sizes, "--interactions", 600, "--out", cls.path("test.txt"), "--seed", 7)
        with open(cls.path("job.yaml"), "a", encoding="utf-8") as file:
            file.write(JOB)
        ROVE.run("run", cls.path("job.yaml"), "-q")
        cls.run_directory = cls.path("runs/0001")

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def path(cls, *names):
        return os.path.join(cls.directory, *names)

    def evaluate(self, *arguments, ranks=1, out="metrics.json", code=0):
        done = ROVE.run("evaluate", "-c", self.path("job.yaml"), "-g", os.path.join(self.run_directory, "graph.h5"),
                        "-o", self.path(out), "-q", "--set", "name=small", *arguments, ranks=ranks, code=code)
        return done if code else (read_json(self.path(out)), done.stdout)

    def source(self, name):
        return os.path.join(self.run_directory, name)

    def test_metrics_are_those_of_the_exported_files(self):
        files = ("--trec-run", self.path("run.trec"), "--qrels", self.path("test.qrels"))
        metrics, _ = self.evaluate("-e", self.source("embeddings.h5"), *files)
        self.assertEqual(metrics, read_json(self.source("metrics.json")))
        judged, listed = {}, {}
        with open(self.path("test.qrels"), encoding="utf-8") as file:
            for line in file:
                user, zero, item, relevance = line.split()
                self.assertEqual((zero, relevance), ("0", "1"))
                judged.setdefault(user, set()).add(item)
        with open(self.path("run.trec"), encoding="utf-8") as file:
            for line in file:
                user, q0, item, rank, score, tag = line.split()
                listed.setdefault(user, []).append((item, float(score)))
                self.assertEqual((q0, int(rank), tag), ("Q0", len(listed[user]), "small"))
        self.assertEqual(len(judged), metrics["users"])
        self.assertLessEqual(set(listed), set(judged))  # who has seen everything gets an empty list
        with open(self.path("train.txt"), encoding="utf-8") as file:
            seen = {line.split()[0]: set(line.split()[1:]) for line in file}
        for k in (5, 20):
            recall = ndcg = 0
            for user, wanted in judged.items():
                items = [item for item, _ in listed.get(user, [])][:k]
                scores = [score for _, score in listed.get(user, [])]
                self.assertEqual(scores, sorted(scores, reverse=True))
                self.assertFalse(seen.get(user, set()) & set(items))
                hits = [item in wanted for item in items]
                recall += sum(hits) / len(wanted)
                gains = [1 / math.log2(j + 2) for j in range(k)]
                ndcg += sum(g for g, hit in zip(gains, hits) if hit) / sum(gains[:len(wanted)])
            self.assertAlmostEqual(metrics[f"recall@{k}"], recall / len(judged), 12)
            self.assertAlmostEqual(metrics[f"ndcg@{k}"], ndcg / len(judged), 12)
            recommended = {item for items in listed.values() for item, _ in items[:k]}
            self.assertAlmostEqual(metrics[f"coverage@{k}"], len(recommended) / 60, 12)
        users = [segment["users"] for segment in metrics["segments"]["users_by_activity"]]
        self.assertEqual(sum(users), metrics["users"])
        held_out = [segment["test_interactions"] for segment in metrics["segments"]["items_by_popularity"]]
        self.assertEqual(sum(held_out), sum(map(len, judged.values())))

    def test_is_the_same_on_any_ranks(self):
        for ranks in (1, 2, 3):
            self.evaluate("-e", self.source("embeddings.h5"), "--trec-run", self.path(f"run{ranks}"), "--qrels",
                          self.path(f"qrels{ranks}"), "--against", self.source("ppr.h5"), ranks=ranks,
                          out=f"metrics{ranks}.json")
            for name in ("run", "qrels", "metrics"):
                suffix = ".json" if name == "metrics" else ""
                self.assertEqual(read_bytes(self.path(f"{name}1{suffix}")),
                                 read_bytes(self.path(f"{name}{ranks}{suffix}")))

    def test_finished_lists(self):
        expected, _ = self.evaluate("-e", self.source("embeddings.h5"))
        found, _ = self.evaluate("--lists", self.source("recommendations.h5"), ranks=2)
        self.assertEqual(found, expected)
        ppr, _ = self.evaluate("--lists", self.source("ppr.h5"))
        self.assertGreater(ppr["recall@20"], 0.2)

    def test_finished_lists_are_measured_without_what_users_have(self):
        # As long as the catalogue, so that both have the same entries but for the known ones.
        for name, choice in (("unseen", "true"), ("all", "false")):
            ROVE.run("ppr", "-c", self.path("job.yaml"), "-g", self.source("graph.h5"), "-o", self.path(f"{name}.h5"), "-q",
                     "-k", 60, "--set", f"ppr.exclude_linked={choice}")
        expected, _ = self.evaluate("--lists", self.path("unseen.h5"))
        for ranks in (1, 3):
            found, _ = self.evaluate("--lists", self.path("all.h5"), ranks=ranks)
            self.assertEqual(found, expected)
        done = ROVE.run("evaluate", "-c", self.path("job.yaml"), "-g", self.source("graph.h5"), "--lists",
                        self.path("all.h5"), "-q", "-o", self.path("all.json"))
        self.assertIn("are items that their users are known to have", done.stderr)

    def test_against_another_run(self):
        metrics, shown = self.evaluate("--lists", self.source("ppr.h5"), "--against", self.run_directory)
        comparison = metrics["against"]["metrics"]["recall@20"]
        self.assertEqual(metrics["against"]["resamples"], 200)
        other, _ = self.evaluate("-e", self.source("embeddings.h5"))
        self.assertEqual(comparison["other"], other["recall@20"])
        self.assertEqual(comparison["this"], metrics["recall@20"])
        self.assertAlmostEqual(comparison["difference"], comparison["this"] - comparison["other"], 15)
        low, high = comparison["interval"]
        self.assertLessEqual(low, comparison["difference"])
        self.assertGreaterEqual(high, comparison["difference"])
        self.assertIn("95% interval", shown)

    def run_split(self, name, *settings, ranks=1, code=0):
        """The job on the training log alone, which it splits itself."""
        arguments = [f"--set={setting}" for setting in ("evaluate.test=[]", f"output={self.path(name)}", *settings)]
        return ROVE.run("run", self.path("job.yaml"), "-q", *arguments, ranks=ranks, code=code)

    def pairs_of_log(self):
        with open(self.path("train.txt"), encoding="utf-8") as file:
            return {(line.split()[0], item) for line in file for item in line.split()[1:]}

    def test_split_is_never_seen(self):
        settings = ("split.method=ratio", "split.test=0.2", "train.evaluate_every=1", "train.patience=2")
        for ranks in (1, 3):
            self.run_split(f"split{ranks}", *settings, ranks=ranks)
        first, third = (self.path(f"split{ranks}", "0001") for ranks in (1, 3))
        for name in ("graph", "ppr", "embeddings", "recommendations"):
            ROVE.run("diff", os.path.join(first, f"{name}.h5"), os.path.join(third, f"{name}.h5"), "-q")
        self.assertEqual(read_json(os.path.join(first, "metrics.json")), read_json(os.path.join(third, "metrics.json")))

        # The same split again, alone: what is asked for is in the log, and was not there when embeddings were made.
        ROVE.run("evaluate", "-c", self.path("job.yaml"), "--set=evaluate.test=[]", "--set=split.method=ratio",
                 "--set=split.test=0.2", "-g", os.path.join(first, "graph.h5"),
                 "-e", os.path.join(first, "embeddings.h5"), "-o", self.path("split.json"), "--qrels",
                 self.path("split.qrels"), "-q")
        self.assertEqual(read_json(self.path("split.json")), read_json(os.path.join(first, "metrics.json")))
        with open(self.path("split.qrels"), encoding="utf-8") as file:
            asked = {(line.split()[0], line.split()[2]) for line in file}
        log = self.pairs_of_log()
        self.assertLessEqual(asked, log)
        self.assertAlmostEqual(len(asked) / len(log), 0.2, delta=0.05)
        # Items of the test part may be recommended, known ones not.
        with h5py.File(os.path.join(first, "recommendations.h5")) as file:
            users, items = (list(file[f"nodes/{type}/ids"].asstr()[:]) for type in ("user", "item"))
            lists = file["recommendations/user/item"]
            indptr, indices = lists["indptr"][:], lists["indices"][:]
        shown = {(users[row], items[i]) for row in range(len(users)) for i in indices[indptr[row]:indptr[row + 1]]}
        self.assertFalse(shown & (log - asked))
        self.assertTrue(shown & asked)

    def test_split_choices(self):
        for method in ("ratio", "leave-one-out"):
            self.run_split(method, f"split.method={method}", "ppr.enabled=false", "train.epochs=1")
            self.assertGreater(read_json(self.path(method, "0001", "metrics.json"))["users"], 60)
        self.assertIn("have no times", self.run_split("time", "split.method=time", code=2).stderr)
        self.assertIn("leave nothing to train on",
                      self.run_split("all", "split.method=ratio", "split.test=0.95", code=2).stderr)
        done = ROVE.run("run", self.path("job.yaml"), "-q", "--set=split.method=ratio",
                        f"--set=output={self.path('two')}", code=2)
        self.assertIn("two test sets", done.stderr)

    def test_validation_beside_given_test_files(self):
        ROVE.run("run", self.path("job.yaml"), "--set=split.method=ratio", "--set=split.test=0",
                 "--set=train.evaluate_every=1", "--set=train.patience=1", f"--set=output={self.path('beside')}")
        metrics = read_json(self.path("beside", "0001", "metrics.json"))
        self.assertEqual(metrics["users"], read_json(self.source("metrics.json"))["users"])
        done = ROVE.run("run", self.path("job.yaml"), "--set=train.evaluate_every=1", "--set=train.patience=1",
                        f"--set=output={self.path('on-test')}")
        self.assertIn("chooses the epoch by the test set", done.stderr)

    def write(self, name, lines):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
        return self.path(name)

    def test_most_users_have_no_test_items(self):
        with h5py.File(self.source("graph.h5")) as graph:
            user = graph["nodes/user/ids"][70].decode()  # rows before it are empty on every rank
        few = self.write("few.txt", [f"{user} no-such-item i1 i2 i3 1 2 3 4 5"])
        test = ("--test", few, "--set", "split.method=none")
        for ranks in (1, 3):
            files = ("--trec-run", self.path("few.trec"), "--qrels", self.path("few.qrels"))
            metrics, _ = self.evaluate("-e", self.source("embeddings.h5"), *test, *files, ranks=ranks)
            self.assertEqual(metrics["users"], 1)
            with open(self.path("few.trec"), encoding="utf-8") as file:
                self.assertEqual({line.split()[0] for line in file}, {user})

    def test_nothing_to_evaluate_is_said(self):
        nothing = self.evaluate("-e", self.source("embeddings.h5"), "--test", self.write("empty.txt", []), code=3)
        self.assertIn("none names a user and an item", nothing.stderr)
        stranger = self.evaluate("-e", self.source("embeddings.h5"), "--test", self.write("who.txt", ["nobody 1"]), code=3)
        self.assertIn("of 1 interactions read none", stranger.stderr)

    def test_what_makes_metrics_lower_is_said(self):
        graph = os.path.join(self.run_directory, "graph.h5")
        done = ROVE.run("evaluate", "-c", self.path("job.yaml"), "-g", graph, "-e", self.source("embeddings.h5"), "-q",
                        "--test", self.path("train.txt"), "-o", self.path("trained.json"), ranks=2)
        self.assertIn("are in the graph that was trained on", done.stderr)
        ROVE.run("recommend", "-g", graph, "-e", self.source("embeddings.h5"), "-k", 3, "-o", self.path("three.h5"), "-q")
        done = ROVE.run("evaluate", "-c", self.path("job.yaml"), "-g", graph, "--lists", self.path("three.h5"), "-q",
                        "-o", self.path("three.json"))
        self.assertIn("at most 3 entries", done.stderr)

    def test_fairness_of_lists_as_long_as_the_catalogue(self):
        metrics, _ = self.evaluate("-e", self.source("embeddings.h5"), "--at", "[40, 60, 1000]")
        for name, value in metrics.items():
            if isinstance(value, float) and "fair" in name:
                self.assertTrue(0 <= value <= 1, f"{name} {value}")

    def test_vectors_that_do_not_fit_are_refused_before_they_are_read(self):
        graph, wide = self.source("graph.h5"), self.path("wide.h5")
        ROVE.run("train", "-g", graph, "-o", wide, "-q", "--dim", 4096, "--epochs", 1)
        done = ROVE.run("recommend", "-g", graph, "-e", wide, "-o", self.path("wide-lists.h5"), "-q", "--set",
                        "resources.memory=8MiB", code=5)
        self.assertIn("read model", done.stderr)

    def test_training_that_evaluates_holds_what_evaluation_needs(self):
        def held(every):
            done = ROVE.run("train", "-g", self.source("graph.h5"), "-o", self.path("never.h5"), "-q", "--dim", 1024,
                            "--set", "train.batch_size=16", "--set", f"train.evaluate_every={every}", "--set",
                            "resources.memory=2MiB", code=5)
            return float(re.search(r"stage 'train' would hold ([\d.]+) MiB", done.stderr).group(1))

        self.assertGreater(held(1), held(0))

    def test_bad_use(self):
        self.assertIn("expected at most 4294967295",
                      self.evaluate("-e", self.source("embeddings.h5"), "--at", "[4294967296]", code=2).stderr)
        self.evaluate(code=2)
        self.evaluate("-e", self.source("embeddings.h5"), "--at", "[0, 5]", code=2)
        self.assertIn("none of embeddings.h5", self.evaluate("-e", self.source("embeddings.h5"), "--against",
                                                                  self.directory, code=4).stderr)
        self.assertIn("is of format rove/graph",
                      self.evaluate("--lists", self.source("graph.h5"), code=3).stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
