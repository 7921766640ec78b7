# SPDX-License-Identifier: Apache-2.0
"""`rove run` from outside: what it leaves behind when it ends well, is stopped, is killed, or is given something bad.

usage: pipeline_test.py MPIRUN ROVE
"""
import fcntl
import html.parser
import json
import os
import re
import shutil
import sys
import tempfile
import time
import unittest

import h5py
import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from identity_test import compare, datasets
from rove_process import Rove

ROVE = Rove(*sys.argv[1:3])
JOB = """
graph: {edges: [{type: [user, rates, item], files: [train.csv], format: csv}]}
ppr: {top_k: 10, item_walks: 200}
train: {dim: 16, layers: 2, epochs: 6, batch_size: 256, checkpoint_every: 2}
evaluate: {test: [train.csv], format: csv, at: [10]}
recommend: {top_k: 10}
"""


class Tree(html.parser.HTMLParser):
    """Which elements are open, and all that were seen."""

    def __init__(self):
        super().__init__()
        self.open = []
        self.seen = set()

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.add(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open}"
        self.open.pop()


class Pipeline(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="rove-pipeline-")
        cls.job = os.path.join(cls.directory, "job.yaml")
        with open(cls.job, "w", encoding="utf-8") as file:
            file.write(JOB)
        ROVE.run("generate", "bipartite", "--users", 300, "--items", 120, "--interactions", 4000, "--format", "csv",
                 "--out", os.path.join(cls.directory, "train.csv"))
        ROVE.run("run", cls.job, "--set", f"output={cls.path('whole')}", ranks=2)
        cls.expected = datasets(cls.path("whole", "latest"))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.directory)

    @classmethod
    def path(cls, *names):
        return os.path.join(cls.directory, *names)

    def rove_run(self, output, *settings, **options):
        arguments = ["run", self.job, "--set", f"output={self.path(output)}"]
        for setting in settings:
            arguments += ["--set", setting]
        return ROVE.run(*arguments, **options)

    def runs(self, output):
        return sorted(name for name in os.listdir(self.path(output)) if name.isdigit())

    def test_a_good_run_is_published_and_verifies(self):
        self.assertEqual(os.readlink(self.path("whole", "latest")), "0001")
        ROVE.run("verify", self.path("whole", "latest"))
        with open(self.path("whole", "latest", "metrics.json"), encoding="utf-8") as file:
            metrics = json.load(file)
        self.assertEqual(metrics["recall@10"], 0.0, "test items are training items, which evaluation masks")
        with open(self.path("whole", "latest", "report.json"), encoding="utf-8") as file:
            report = json.load(file)
        self.assertEqual(report["ranks"], 2)
        self.assertIn("train", [phase["phase"] for phase in report["phases"]])

    def test_every_model_gives_the_same_bytes_on_any_ranks(self):
        for model in ("mf", "ials"):
            for ranks in (1, 3):
                self.rove_run(f"{model}-{ranks}", f"train.model={model}", "train.epochs=2", ranks=ranks)
            first = self.path(f"{model}-1", "latest")
            compare(datasets(first), datasets(self.path(f"{model}-3", "latest")), model)
            with open(os.path.join(first, "history.json"), encoding="utf-8") as file:
                losses = [epoch["loss"] for epoch in json.load(file)]
            self.assertLess(losses[1], losses[0])

    def test_the_report_is_a_whole_page_that_compares_with_the_night_before(self):
        self.rove_run("compared")
        self.rove_run("compared", "train.epochs=3")
        first, second = (self.page("compared", run) for run in ("0001", "0002"))
        self.assertIn("Training: 6 epochs", first)
        self.assertIn("nothing was published before", first)
        self.assertIn("Graph: 420 vertices, 4,000 edges from 4,000 rows", second)
        self.assertIn("compared with the published run 0001", second)
        with open(self.path("compared", "0001", "manifest.json"), encoding="utf-8") as file:
            self.assertIn("report.html", [entry["name"] for entry in json.load(file)["files"]])

    def page(self, *names):
        """The text of a run's report, checked to be one closed tree of elements without scripts."""
        with open(self.path(*names, "report.html"), encoding="utf-8") as file:
            text = file.read()
        tree = Tree()
        tree.feed(text)
        tree.close()
        self.assertEqual(tree.open, [])
        self.assertNotIn("script", tree.seen)
        return text

    def test_a_stop_leaves_a_checkpoint_that_other_ranks_continue(self):
        stopped = self.rove_run("stopped", code=75, ranks=3, ROVE_FAULT="stage.train:1:stop@1")
        self.assertIn("checkpoint", stopped.stderr)
        self.assertFalse(os.path.exists(self.path("stopped", "latest")))
        resumed = self.rove_run("stopped", ranks=2)
        self.assertIn("resumed", resumed.stdout)
        self.assertEqual(self.runs("stopped"), ["0001"])
        compare(self.expected, datasets(self.path("stopped", "latest")), "resumed after a stop")

    def test_a_kill_in_any_stage_is_continued(self):
        for stage in ("partition", "train", "recommend"):
            with self.subTest(stage):
                output = f"killed-{stage}"
                start = time.monotonic()
                done = ROVE.start("run", self.job, "--set", f"output={self.path(output)}", ranks=3,
                                  ROVE_FAULT=f"stage.{stage}:1:kill@2")
                self.assertNotEqual(done.returncode, 0)
                self.assertLess(time.monotonic() - start, 30, "every rank ends soon after one is killed")
                self.assertFalse(os.path.exists(self.path(output, "latest")))
                self.rove_run(output, ranks=1)
                self.assertEqual(self.runs(output), ["0001"])
                compare(self.expected, datasets(self.path(output, "latest")), f"killed in {stage}")

    def test_changed_settings_start_a_new_run(self):
        self.rove_run("changed")
        self.rove_run("changed", "train.epochs=1")
        self.assertEqual(self.runs("changed"), ["0001", "0002"])
        self.assertEqual(os.readlink(self.path("changed", "latest")), "0002")

    def test_other_contents_of_any_input_start_a_new_run(self):
        with open(self.path("train.csv"), encoding="utf-8") as file:
            pairs = [line.split(",")[:2] for line in file.read().splitlines()[1:]]
        users, items = (sorted({pair[side] for pair in pairs}) for side in (0, 1))

        def write(name, text):
            with open(self.path(name), "w", encoding="utf-8") as file:
                file.write(text)
            return self.path(name)

        def run_again(output, *settings):
            self.rove_run(output, *settings, "ppr.enabled=false", "train.enabled=false", "publish.enabled=false")
            return self.runs(output)

        np.save(self.path("features.npy"), np.ones((len(items), 2), dtype=np.float32))
        item_parts = write("item.part", "0\n1\n" * (len(items) // 2))
        cases = [
            ("ids.txt", "\n".join(items), "\n".join(reversed(items)),
             [f"graph.nodes=[{{type: item, files: [{self.path('features.npy')}], format: npy, ids: [{self.path('ids.txt')}]}}]"]),
            ("user.part", "0\n1\n" * (len(users) // 2), "1\n0\n" * (len(users) // 2),
             ["partition.method=file", "partition.parts=2", f"partition.files=[{self.path('user.part')}, {item_parts}]"]),
        ]
        for name, before, after, settings in cases:
            with self.subTest(name):
                write(name, before)
                run_again(f"contents-{name}", *settings)
                self.assertEqual(run_again(f"contents-{name}", *settings), ["0001"])
                write(name, after)
                self.assertEqual(run_again(f"contents-{name}", *settings), ["0001", "0002"])
        gone = write("gone.txt", "".join(f"{user} {item}\n" for user, item in pairs[:2]))
        for header, runs in (("yes", ["0001"]), ("no", ["0001", "0002"])):
            settings = [f"forget.interactions=[{gone}]", "forget.format=edgelist", f"forget.header={header}"]
            self.assertEqual(run_again("contents-header", *settings), runs)

    def test_the_second_night_says_what_it_changes(self):
        with open(self.path("train.csv"), encoding="utf-8") as file:
            lines = file.read().splitlines()
        lines.append("new-user," + lines[-1].split(",", 1)[1])
        with open(self.path("tonight.csv"), "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        for ranks in (1, 2):
            output = f"nights-{ranks}"
            self.rove_run(output, "train.epochs=1", ranks=ranks)
            self.assertFalse(os.path.exists(self.path(output, "0001", "delta.h5")))
            done = self.rove_run(output, "train.epochs=1", f"graph.edges[0].files=[{self.path('tonight.csv')}]",
                                 ranks=ranks)
            self.assertIn("delta.h5 since 0001: user 1 new", done.stdout + done.stderr)
            self.assertRegex(done.stderr, r"(?m)^ppr +ppr\.h5: [0-9,]+ neighbours")
        delta = self.path("nights-2", "0002", "delta.h5")
        compare(datasets(self.path("nights-1", "latest")), datasets(self.path("nights-2", "latest")), "delta")
        ROVE.run("verify", delta)
        self.assertIn("since the night before: new", ROVE.run("lookup", "new-user", "--in", delta).stdout)
        with h5py.File(delta) as file, h5py.File(self.path("nights-2", "0002", "ppr.h5")) as ppr:
            self.assertEqual(file.attrs["previous_run"], "0001")
            changed, lists = file["neighbors/user/item"], ppr["neighbors/user/item"]
            row = changed["rows"][-1]
            begin, end = changed["indptr"][-2:]
            first, last = lists["indptr"][row:row + 2]
            self.assertEqual(changed["indices"][begin:end].tolist(), lists["indices"][first:last].tolist())
        # The published run stays as it is. Republishing writes the delta again; without the setting it goes.
        done = ROVE.run("publish", self.path("nights-2"), "--run", "2", "--set", "publish.delta=false")
        self.assertIn("published already", done.stdout)
        self.assertTrue(os.path.exists(delta))
        ROVE.run("publish", self.path("nights-2"), "--rollback", "1")
        ROVE.run("publish", self.path("nights-2"), "--run", "2")
        self.assertTrue(os.path.exists(delta))
        ROVE.run("publish", self.path("nights-2"), "--rollback", "1")
        ROVE.run("publish", self.path("nights-2"), "--run", "2", "--set", "publish.delta=false")
        self.assertFalse(os.path.exists(delta))
        # Nor does an old one stay when there is none.
        ROVE.run("publish", self.path("nights-1"), "--rollback", "1")
        with open(self.path("nights-1", "0001", "ppr.h5"), "r+b") as file:
            file.truncate(1000)
        self.assertTrue(os.path.exists(self.path("nights-1", "0002", "delta.h5")))
        ROVE.run("publish", self.path("nights-1"), "--run", "2", ranks=2)
        self.assertFalse(os.path.exists(self.path("nights-1", "0002", "delta.h5")))
        self.assertEqual(os.readlink(self.path("nights-1", "latest")), "0002")

    def test_a_partition_is_checked_against_its_graph(self):
        os.makedirs(self.path("parts"))
        for name in ("graph.h5", "partition.h5"):
            shutil.copy(self.path("whole", "latest", name), self.path("parts", name))
        for ranks in (1, 2):
            ROVE.run("verify", self.path("parts", "partition.h5"), ranks=ranks)
        with h5py.File(self.path("parts", "partition.h5"), "r+") as file:
            report = file["quality"][()].decode()
            cut = re.search(r'"cut_edges": (\d+)', report)[1]
            other = cut[:-1] + str((int(cut[-1]) + 1) % 10)
            file["quality"][()] = report.replace(f'"cut_edges": {cut}', f'"cut_edges": {other}').encode()
            del file.attrs["xxh3"]  # a wrong report, not a damaged one
        done = ROVE.run("verify", self.path("parts", "partition.h5"), code=3, ranks=2)
        self.assertIn("its report says", done.stdout)

    def test_a_partition_does_not_depend_on_the_clock(self):
        for name in ("a.h5", "b.h5"):
            ROVE.run("partition", "-g", self.path("whole", "latest", "graph.h5"), "--parts", 3, "-o", self.path(name), "-q")
        ROVE.run("diff", self.path("a.h5"), self.path("b.h5"), "-q")

    def test_two_jobs_never_fill_one_run(self):
        self.rove_run("busy", "publish.enabled=false")
        os.remove(self.path("busy", "0001", "manifest.json"))
        with open(self.path("busy", "0001", ".run.lock"), "r+", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            lock.write("process 1 on elsewhere ")
            lock.flush()
            held = self.rove_run("busy", code=4, ranks=2)
            self.assertIn("is being filled by another job (process 1 on elsewhere", held.stderr)
        self.rove_run("busy")
        self.assertEqual(self.runs("busy"), ["0001"])

    def test_a_run_that_leaves_publishing_to_others(self):
        self.rove_run("kept", "publish.enabled=false", ranks=2)
        self.assertFalse(os.path.lexists(self.path("kept", "latest")))
        ROVE.run("verify", self.path("kept", "0001"))
        self.assertIn("unpublished", ROVE.run("info", self.path("kept")).stdout)
        ROVE.run("publish", self.path("kept"))
        self.assertEqual(os.readlink(self.path("kept", "latest")), "0001")

    def test_a_damaged_file_is_made_again(self):
        self.rove_run("cut", "publish.enabled=false")
        os.remove(self.path("cut", "0001", "manifest.json"))
        with open(self.path("cut", "0001", "partition.h5"), "r+b") as file:
            file.truncate(1000)
        self.rove_run("cut", ranks=2)
        compare(datasets(self.path("cut", "latest")), self.expected, "made again")

    def test_mistakes_are_found_before_the_work(self):
        cases = [
            (["output="], "output is not set"),
            (["publish.keep=-1"], "publish.keep"),
            (["recommend.top_k=-1"], "recommend.top_k"),
            (["recommend.top_k=4294967296"], "expected at most 4294967295"),
            (["evaluate.at=[]"], "evaluate.at"),
            (["train.dim=-5"], "train.dim"),
            (["seed=-1"], "seed is -1"),
            (["publish.gate={recal@10: 0.1}"], "did you mean 'recall@10'"),
            (["publish.gate={recall@10: 0.1}", "evaluate.test=[]"], "nothing is evaluated"),
            (["resources.threads=99999"], "expected at most 1024"),
        ]
        for settings, words in cases:
            with self.subTest(settings):
                done = self.rove_run("early", *settings, code=2)
                self.assertIn(words, done.stderr)
                self.assertFalse(os.path.exists(self.path("early")), "nothing was begun")

    def test_brackets_in_a_name_are_no_pattern_when_the_file_is_there(self):
        shutil.copy(self.path("train.csv"), self.path("train[1].csv"))
        self.rove_run("brackets", f"graph.edges[0].files={self.path('train[1].csv')}", "ppr.enabled=false", "train.enabled=false")
        self.assertEqual(os.readlink(self.path("brackets", "latest")), "0001")

    def test_without_training_its_files_need_not_be_there(self):
        nowhere, gone = self.path("nowhere.h5"), self.path("nobody.txt")
        with open(gone, "w", encoding="utf-8") as file:
            file.write("nobody\n")
        warm = ["train.warm_start=file", f"train.warm_start_file={nowhere}"]
        for settings in (warm, [*warm, f"forget.users=[{gone}]"],
                         ["train.negatives=ppr", f"train.ppr_file={nowhere}"]):
            with self.subTest(settings):
                self.rove_run("untrained", "train.enabled=false", "ppr.enabled=false", *settings)

    def test_the_links_of_flags_are_followed_once(self):
        target, link = self.path("target.h5"), self.path("night.h5")
        with open(target, "w", encoding="utf-8") as file:
            file.write("no graph\n")
        os.symlink(target, link)
        for ranks in (1, 2):
            done = ROVE.run("partition", "-g", link, "-o", self.path("cut.h5"), code=3, ranks=ranks)
            self.assertIn("target.h5", done.stderr)

    def test_what_training_needs_is_known_after_import(self):
        for ranks in (1, 2):
            with self.subTest(ranks):
                output = f"large-{ranks}"
                done = self.rove_run(
                    output, "train.dim=32768", "resources.memory=256MiB", "resources.train_layout=partitioned",
                    code=5, ranks=ranks,
                )
                self.assertRegex(done.stderr, "does not fit 256.0 MiB per rank .*train needs .*lower train.dim")
                self.assertEqual(done.stderr.count("rove: "), 1, done.stderr)
                self.assertNotIn("partition.h5", os.listdir(self.path(output, "0001")))

    def test_the_gate_refuses_and_latest_stays(self):
        self.rove_run("gated")
        refused = self.rove_run("gated", "publish.gate.recall@10=0.5", "train.epochs=1", code=7, ranks=2)
        self.assertIn("recall@10", refused.stderr)
        self.assertEqual(os.readlink(self.path("gated", "latest")), "0001")

    def test_errors_say_what_to_change(self):
        cases = [
            (2, "train.dim", ["train.dimm=3"]),
            (2, "graph has the vertex types user, item", ["train.items=song"]),
            (4, "nowhere.csv", ["graph.edges[0].files=nowhere.csv"]),
            (5, "resources.memory", ["resources.memory=1MiB"]),
        ]
        for code, words, settings in cases:
            for ranks in (1, 3):
                with self.subTest(f"{settings} on {ranks}"):
                    done = self.rove_run(f"error-{code}-{ranks}", *settings, code=code, ranks=ranks)
                    self.assertIn(words, done.stderr)
                    self.assertEqual(done.stderr.count("rove: "), 1, f"one message, not one per rank:\n{done.stderr}")

    def test_headers_that_late_stages_need_are_seen_first(self):
        headless = self.path("headless.csv")
        with open(headless, "w", encoding="utf-8") as file:
            file.write("u1,i1\nu2,i2\n")
        for key, settings in (("evaluate.header", [f"evaluate.test=[{headless}]"]),
                              ("ppr.exclude_header", [f"ppr.exclude_pairs=[{headless}]", "ppr.exclude_format=csv"])):
            done = self.rove_run("headless", *settings, code=3, ranks=2)
            self.assertIn(f"{key} set to yes or no", done.stderr)
            self.assertFalse(os.path.exists(self.path("headless", "0001")))

    def test_bad_input_names_file_and_line(self):
        bad = self.path("bad.csv")
        with open(bad, "w", encoding="utf-8") as file:
            file.write("source,target\nu1,i1\nu2\n")
        done = self.rove_run("bad", f"graph.edges[0].files={bad}", code=3, ranks=2)
        self.assertIn("bad.csv:3", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
