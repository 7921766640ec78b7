# SPDX-License-Identifier: Apache-2.0
"""Every verb from outside: exit code and what it says, on files of a tiny graph.

usage: verbs_test.py MPIRUN ROVE FILE_DRIVER
"""
import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import h5py
import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from time_limits import limit

MPIRUN, ROVE, DRIVER = sys.argv[1:4]
ENVIRONMENT = dict(os.environ, OMPI_MCA_mpi_yield_when_idle="1", OMPI_ALLOW_RUN_AS_ROOT="1",
                   OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", ROVE_THREADS="1", OMPI_MCA_btl_vader_single_copy_mechanism="none")


def start(program, *arguments, ranks=1, cwd=None):
    launcher = [MPIRUN, "--oversubscribe", "--bind-to", "none", "-n", str(ranks)] if ranks > 1 else []
    return subprocess.run([*launcher, program, *map(str, arguments)], env=ENVIRONMENT, timeout=limit(60), cwd=cwd,
                          capture_output=True, text=True)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class VerbTest(unittest.TestCase):
    """A directory of its own, with what the sample driver writes."""

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="rove-verbs-")
        cls.output = os.path.join(cls.directory, "runs")
        cls.run_1, cls.run_2 = (os.path.join(cls.output, name) for name in ("0001", "0002"))
        os.makedirs(cls.run_1)
        assert start(DRIVER, "write", cls.run_1).returncode == 0
        with open(os.path.join(cls.run_1, "metrics.json"), "w", encoding="utf-8") as file:
            json.dump({"recall@20": 0.18}, file)
        shutil.copytree(cls.run_1, cls.run_2)
        with open(os.path.join(cls.run_2, "metrics.json"), "w", encoding="utf-8") as file:
            json.dump({"recall@20": 0.12}, file)
        cls.job = os.path.join(cls.directory, "job.yaml")
        with open(cls.job, "w", encoding="utf-8") as file:
            file.write("output: runs\npublish: {gate: {recall@20: 0.15}}\n")
        with h5py.File(os.path.join(cls.run_1, "embeddings.h5")) as file:
            cls.user = file["/nodes/user/ids"][0].decode()
            cls.user_key = int(file["/nodes/user/keys"][0])

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.directory)

    def rove(self, *arguments, code=0, ranks=1, cwd=None):
        done = start(ROVE, *arguments, ranks=ranks, cwd=cwd)
        self.assertEqual(done.returncode, code, f"rove {arguments}\n{done.stdout}\n{done.stderr}")
        return done

    def file(self, name, run=None):
        return os.path.join(run or self.run_1, name)


class Outputs(VerbTest):
    """Where and whether results can be written."""

    def graph(self, name="out-graph.h5"):
        log = os.path.join(self.directory, "out.csv")
        with open(log, "w", encoding="utf-8") as file:
            file.write("source,target\n" + "\n".join(f"u{i},i{i * j % 37}" for i in range(400) for j in range(1, 9)))
        out = os.path.join(self.directory, name)
        self.rove("import", "--type", "user,rates,item", "--files", log, "--format", "csv", "-o", out, "-q")
        return out

    def test_an_input_is_never_replaced(self):
        graph = self.graph()
        before = os.stat(graph).st_ino
        for verb in (("ppr",), ("walk",), ("sample",), ("index",), ("partition",), ("train", "--epochs", 1)):
            done = self.rove(*verb, "-g", graph, "-o", graph, "-q", code=2)
            self.assertIn("which it would replace", done.stderr)
        self.assertEqual(os.stat(graph).st_ino, before)
        self.assertIn("it is a directory", self.rove("walk", "-g", graph, "-o", self.directory, "-q", code=4).stderr)

    def test_two_trainings_in_one_directory_keep_their_histories(self):
        graph, out = self.graph(), lambda name: os.path.join(self.directory, name)
        for name in ("mine.h5", "yours.h5", "embeddings.h5"):
            self.rove("train", "-g", graph, "--epochs", 1, "-o", out(name), "-q")
        for name in ("mine.history.json", "yours.history.csv", "history.json"):
            self.assertTrue(os.path.exists(out(name)), name)

    def test_part_files_make_their_directory(self):
        parts = os.path.join(self.directory, "parts", "of", "four")
        self.rove("partition", "-g", self.graph(), "--parts", 4, "-o", os.path.join(self.directory, "p.h5"), "-q",
                  "--part-files", parts, ranks=2)
        self.assertEqual(sorted(os.listdir(parts)), ["item.part.4", "user.part.4"])

    def test_a_disk_that_takes_no_more_ends_every_rank(self):
        """A limit on the size of files in place of a full disk."""
        graph, out = self.graph(), os.path.join(self.directory, "too-large.h5")
        for verb in (("walk",), ("train", "--epochs", 1)):
            for ranks in (1, 3):
                command = f"ulimit -f 16; trap '' XFSZ; exec {ROVE} {' '.join(map(str, verb))} -g {graph} -o {out} -q"
                launcher = [MPIRUN, "--oversubscribe", "--bind-to", "none", "-n", str(ranks)] if ranks > 1 else []
                done = subprocess.run([*launcher, "bash", "-c", command], timeout=limit(30), capture_output=True, text=True,
                                      env=dict(ENVIRONMENT, OMPI_MCA_btl="self,tcp"))
                self.assertEqual(done.returncode, 4, f"{verb} on {ranks}: {done.stderr}")
                self.assertEqual(done.stderr.count("rove: error"), 1, done.stderr)
                self.assertFalse([name for name in os.listdir(self.directory) if name.startswith("too-large.h5.part")])

    def test_a_verb_without_checkpoints_ends_when_told_to(self):
        out = os.path.join(self.directory, "told.h5")
        process = subprocess.Popen([ROVE, "partition", "-g", self.graph(), "--parts", "2", "-o", out, "-q"],
                                   env=dict(ENVIRONMENT, ROVE_FAULT="io.write:1:sleep"), stderr=subprocess.DEVNULL)
        part = lambda: [name for name in os.listdir(self.directory) if name.startswith("told.h5.part")]
        deadline = time.monotonic() + limit(20)
        while not part() and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertTrue(part(), "it is writing")
        process.terminate()
        self.assertEqual(process.wait(timeout=limit(10)), -signal.SIGTERM)
        self.assertFalse(os.path.exists(out))

    def test_a_damaged_graph_is_refused(self):
        for place, value in (("by_source/indices", 50_000_000), ("by_destination/indices", 50_000_000),
                             ("by_destination/edge_positions", 50_000_000), ("by_source/indptr", 50_000_000)):
            graph = self.graph("damaged.h5")
            with h5py.File(graph, "r+") as file:
                file["edges/user__rates__item/" + place][-1] = value
            for verb in (("ppr",), ("walk",), ("partition", "--parts", 2), ("sample",)):
                done = self.rove(*verb, "-g", graph, "-o", os.path.join(self.directory, "x.h5"), "-q", code=3)
                self.assertIn("is damaged", done.stderr)


class Paths(VerbTest):
    """What the command line and the job file name."""

    def test_flags_take_texts_as_they_stand(self):
        logs, out = os.path.join(self.directory, "logs"), os.path.join(self.directory, "logs.h5")
        os.makedirs(logs)
        for name, rows in (("night #3.csv", "u1,i1\n"), ("a: b.csv", "u2,i1\nu3,i2\n")):
            with open(os.path.join(logs, name), "w", encoding="utf-8") as file:
                file.write("@id,item\n" + rows)
        for files, users in (("*.csv", 3), ("night #3.csv", 1), ("a: b.csv", 2), ("['night #3.csv', 'a: b.csv']", 3)):
            with self.subTest(files):
                self.rove("import", "--type", "user,rates,item", "--files", files, "--format", "csv", "--source", "@id",
                          "--target", "item", "-o", out, "-q", cwd=logs)
                with h5py.File(out) as file:
                    self.assertEqual(len(file["nodes/user/ids"]), users)

    def test_a_path_that_cannot_be_looked_up_is_a_file_error(self):
        loop = os.path.join(self.directory, "loop")
        os.symlink("loop", loop)
        self.assertIn("symbolic links", self.rove("config", "-c", loop, code=4).stderr)
        for ranks in (1, 2):
            for arguments in (("-c", loop), ("--type", "user,rates,item", "--files", os.path.join(loop, "log.txt"))):
                done = self.rove("import", *arguments, "-o", os.path.join(self.directory, "loop.h5"), code=4, ranks=ranks)
                self.assertIn(loop, done.stderr)
                self.assertEqual(done.stderr.count("rove: error"), 1, done.stderr)
        # Who does not read it does not mind.
        self.assertIn(f"blocks: {loop}/blocks.txt", self.rove("config", "--set", f"serve.blocks={loop}/blocks.txt").stdout)

    def test_a_job_is_shown_with_links_followed(self):
        link = os.path.join(self.directory, "link")
        os.symlink(self.output, link)
        self.assertIn(f"output: {os.path.realpath(self.output)}\n", self.rove("config", "--set", f"output={link}").stdout)

    def test_an_output_that_is_not_set(self):
        job = os.path.join(self.directory, "blank.yaml")
        with open(job, "w", encoding="utf-8") as file:
            file.write("output:\n")
        for verb in (("run", job), ("estimate", "-c", job), ("publish", "-c", job)):
            with self.subTest(verb):
                self.assertIn("output is not set", self.rove(*verb, code=2, ranks=2).stderr)


class Help(VerbTest):
    def verbs(self):
        lines = self.rove("--help").stdout.split("Subcommands:")[1].split("\n\n")[0].strip().splitlines()
        return [line.split()[0] for line in lines]

    def test_every_verb_teaches_with_an_example(self):
        verbs = self.verbs()
        self.assertLessEqual({"run", "info", "verify", "lookup", "diff", "publish", "generate", "estimate"}, set(verbs))
        for verb in verbs:
            with self.subTest(verb):
                text = self.rove(verb, "--help").stdout
                self.assertIn("Examples:", text)
                self.assertIn(f"rove {verb}", text)

    def test_an_unknown_verb_is_named(self):
        self.assertIn("there is no verb 'trian'; did you mean 'train'", self.rove("trian", code=2).stderr)

    def test_usage_errors_are_printed_once(self):
        for arguments in [("infoo",), (), ("lookup",), ("generate", "rmat"), ("verify",)]:
            with self.subTest(arguments):
                done = self.rove(*arguments, code=2, ranks=2)
                self.assertEqual(done.stderr.count("Run with --help"), 1, done.stderr)

    def test_serial_verbs_refuse_more_than_one_rank(self):
        done = self.rove("info", self.run_1, code=2, ranks=2)
        self.assertEqual(done.stderr.count("found 2 ranks"), 1, done.stderr)
        for variables, ranks in (({"SLURM_STEP_NUM_TASKS": "4", "PMIX_RANK": "0"}, 4), ({"PMI_SIZE": "3"}, 3),
                                 ({"SLURM_STEP_NUM_TASKS": "4", "OMPI_COMM_WORLD_SIZE": "1"}, 1)):
            with self.subTest(variables):
                done = subprocess.run([ROVE, "info", self.run_1], env={**ENVIRONMENT, **variables}, timeout=limit(60),
                                      capture_output=True, text=True)
                self.assertEqual(done.returncode, 2 if ranks > 1 else 0, done.stderr)
                self.assertEqual(done.stderr.count(f"found {ranks} ranks"), int(ranks > 1), done.stderr)


class Info(VerbTest):
    def test_a_file(self):
        text = self.rove("info", self.file("embeddings.h5")).stdout
        self.assertIn("rove/embeddings", text)
        self.assertIn("float32", text)
        description = json.loads(self.rove("info", "--json", self.file("graph.h5")).stdout)
        self.assertIn("/nodes/user/keys", json.dumps(description))

    def test_a_run_and_its_output_directory(self):
        text = self.rove("info", self.run_2).stdout
        for word in ("incomplete", "ppr.h5", "recommendations.h5"):
            self.assertIn(word, text)
        self.assertIn("0001", self.rove("info", self.output).stdout)
        loose = os.path.join(self.directory, "loose")
        os.makedirs(loose)
        shutil.copy(self.file("graph.h5"), loose)
        self.assertRegex(self.rove("info", loose).stdout, r"loose  files alone\n  graph\.h5")
        runs = json.loads(self.rove("info", "--json", self.output).stdout)
        self.assertEqual([run["number"] for run in runs], [1, 2])

    def test_what_is_not_there_and_what_is_not_rove_s(self):
        self.assertIn("does not exist", self.rove("info", "nowhere", code=4).stderr)
        self.assertIn("job.yaml", self.rove("info", self.job, code=3).stderr)
        empty = os.path.join(self.directory, "empty")
        os.makedirs(empty, exist_ok=True)
        self.assertIn("neither a run directory", self.rove("info", empty, code=3).stderr)


class Lookup(VerbTest):
    def test_a_run_tells_all_about_an_id(self):
        text = self.rove("lookup", self.user, "--in", self.run_1, "--type", "user").stdout
        for name in ("embeddings.h5", "ppr.h5", "recommendations.h5", "graph.h5"):
            self.assertIn(name, text)

    def test_json(self):
        rows = json.loads(self.rove("lookup", self.user, "--in", self.run_1, "--type", "user", "--json").stdout)
        self.assertEqual([os.path.basename(row["file"]) for row in rows],
                         ["embeddings.h5", "ppr.h5", "recommendations.h5", "graph.h5"])
        self.assertEqual({row["key"] for row in rows}, {str(self.user_key)})

    def test_limit(self):
        rows = json.loads(
            self.rove("lookup", self.user, "--in", self.file("graph.h5"), "--limit", 1, "--json").stdout)
        for row in rows:
            for entries in row["lists"]:
                self.assertLessEqual(len(entries["entries"]), 1)

    def test_unknown_ids_and_types_are_bad_input(self):
        message = self.rove("lookup", "nobody", "--in", self.run_1, code=3).stderr
        self.assertIn("'nobody'", message)
        self.assertRegex(message, r"user: \d+ ids \(")
        self.assertIn("no vertex type 'usr'",
                      self.rove("lookup", self.user, "--in", self.run_1, "--type", "usr", code=3).stderr)


class Verify(VerbTest):
    def test_good_files_at_several_rank_counts(self):
        for ranks in (1, 3):
            text = self.rove("verify", self.file("graph.h5"), self.file("embeddings.h5"), ranks=ranks).stdout
            self.assertEqual(text.count("good"), 2)

    def test_damage_is_listed(self):
        damaged = os.path.join(self.directory, "damaged.h5")
        shutil.copy(self.file("embeddings.h5"), damaged)
        with h5py.File(damaged, "r+") as file:
            file["/nodes/user/vectors"][3, 1] = float("nan")
        for ranks in (1, 2):
            done = self.rove("verify", damaged, self.file("graph.h5"), code=3, ranks=ranks)
            self.assertIn("BAD", done.stdout)
            self.assertIn("/nodes/user/vectors", done.stdout)
            self.assertIn("1 of 2 did not verify", done.stderr)
        verdicts = json.loads(self.rove("verify", "--json", damaged, code=3).stdout)
        self.assertFalse(verdicts[0]["ok"])

    def test_an_attribute_that_is_an_array_is_named(self):
        changed = os.path.join(self.directory, "annotated.h5")
        for values in (np.arange(4096), np.ones(4096), np.array([b"text"] * 400), ["text"] * 400):
            shutil.copy(self.file("graph.h5"), changed)
            with h5py.File(changed, "r+") as file:
                file.attrs["note"] = values
            expected = f"attribute note of / holds {len(values)} values"
            self.assertIn(expected, self.rove("verify", changed, code=3).stdout)
            self.assertIn(expected, self.rove("info", changed, code=3).stderr)

    def test_too_little_memory_makes_no_file_bad(self):
        directory = os.path.join(self.directory, "cut")
        os.makedirs(directory)
        log, graph, cut = (os.path.join(directory, name) for name in ("log.csv", "graph.h5", "partition.h5"))
        self.rove("generate", "bipartite", "--users", 2000, "--items", 1000, "--interactions", 60000, "--out", log)
        self.rove("import", "--type", "user,rates,item", "--files", log, "--format", "csv", "-o", graph, "-q")
        self.rove("partition", "-g", graph, "--parts", 2, "--set", "partition.method=block", "-o", cut, "-q")
        self.assertGreater(2 * os.path.getsize(graph), 1 << 20)
        self.assertIn("good", self.rove("verify", cut).stdout)
        done = subprocess.run([ROVE, "verify", cut], env=dict(ENVIRONMENT, SLURM_MEM_PER_NODE="1"), timeout=limit(60),
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 5, done.stdout + done.stderr)
        self.assertNotIn("BAD", done.stdout)
        self.assertIn("SLURM_MEM_PER_NODE", done.stderr)

    def test_an_unfinished_run_does_not_verify(self):
        self.assertIn("no manifest.json", self.rove("verify", self.run_1, code=3, ranks=2).stderr)


class Diff(VerbTest):
    def test_equal_files_and_runs(self):
        self.rove("diff", self.file("graph.h5"), self.file("graph.h5", self.run_2))
        self.assertEqual(self.rove("diff", "-q", self.run_1, self.run_1).stdout, "")

    def test_differences_exit_with_one(self):
        changed = os.path.join(self.directory, "changed.h5")
        shutil.copy(self.file("embeddings.h5"), changed)
        with h5py.File(changed, "r+") as file:
            file["/nodes/user/vectors"][0, 0] += 1
        done = self.rove("diff", self.file("embeddings.h5"), changed, code=1)
        self.assertIn("/nodes/user/vectors", done.stdout)
        self.assertIn("differ", done.stderr)
        json.loads(self.rove("diff", "--json", self.file("embeddings.h5"), changed, code=1).stdout)

    def test_unlike_things_are_a_usage_error(self):
        self.rove("diff", self.file("graph.h5"), self.run_1, code=2)
        self.rove("diff", self.file("graph.h5"), "nowhere.h5", code=4)


class Publish(VerbTest):
    def latest(self):
        return os.path.basename(os.path.realpath(os.path.join(self.output, "latest")))

    @staticmethod
    def state_of(run):
        return {entry.name: (entry.stat().st_ino, entry.stat().st_mtime_ns) for entry in os.scandir(run)}

    def test_a_week_of_publishing(self):
        refused = self.rove("publish", self.output, code=2).stderr
        self.assertIn("did not finish", refused)

        done = self.rove("publish", "-c", self.job, "--run", 1, ranks=2)
        self.assertIn("recall@20", done.stdout)
        self.assertEqual(self.latest(), "0001")
        self.rove("verify", self.output, ranks=2)
        self.assertIn("<- latest", self.rove("info", self.output).stdout)

        done = self.rove("publish", self.output, "-c", self.job, "--run", 2, code=7, ranks=2)
        for part in ("recall@20 is 0.12", "floor 0.15", "0001 has 0.18"):
            self.assertIn(part, done.stderr)
        self.assertEqual(self.latest(), "0001")
        self.assertIn("refused", self.rove("info", self.run_2).stdout)

        self.assertIn("ndcg@20 is not among the run's metrics",
                      self.rove("publish", self.output, "-c", self.job, "--set", "publish.gate={ndcg@20: 0.1}",
                                code=7).stderr)

        self.rove("publish", self.output, "-c", self.job, "--no-gate")
        self.assertEqual(self.latest(), "0002")
        self.assertIn("published already", self.rove("publish", self.output, "-c", self.job, code=2).stderr)
        # Named again, the published run stays as it is, though the gate would refuse it.
        before = self.state_of(self.run_2)
        for ranks in (1, 2):
            done = self.rove("publish", self.output, "-c", self.job, "--run", 2, ranks=ranks)
            self.assertIn("published already", done.stdout)
        self.assertEqual(self.state_of(self.run_2), before)

        self.assertIn("0001", self.rove("publish", self.output, "--rollback").stdout)
        self.assertEqual(self.latest(), "0001")
        self.rove("publish", self.output, "--rollback", 2)
        self.assertEqual(self.latest(), "0002")
        self.rove("publish", self.output, "--rollback", 9, code=2)
        self.rove("publish", self.output, "--run", 9, "-c", self.job, code=2)
        self.assertIn("retired 0001", self.rove("publish", self.output, "--keep", 1, ranks=2).stdout)
        self.assertFalse(os.path.exists(self.run_1))
        shutil.copytree(self.run_2, self.run_1)
        self.assertIn("retired 0001", self.rove("publish", self.output, "--run", 2, "--keep", 1).stdout)
        self.assertFalse(os.path.exists(self.run_1))
        self.assertEqual(self.latest(), "0002")


class Generate(VerbTest):
    def test_same_bytes_at_any_rank_count(self):
        texts = []
        for ranks in (1, 3):
            out = os.path.join(self.directory, f"bipartite-{ranks}.txt")
            self.rove("generate", "bipartite", "--users", 50, "--items", 30, "--interactions", 400, "--format",
                      "adjacency", "--out", out, ranks=ranks)
            texts.append(read(out))
        self.assertEqual(*texts)
        self.assertEqual(sum(len(line.split()) - 1 for line in texts[0].splitlines()), 400)

    def test_typed_graphs_come_with_a_job(self):
        out = os.path.join(self.directory, "typed")
        job = os.path.join(self.directory, "typed.yaml")
        self.rove("generate", "typed", "--users", 40, "--items", 20, "--interactions", 200, "--attribute", "genre=5x2",
                  "--follows", 60, "--weights", "--out", out, "--job", job)
        self.assertEqual(sorted(os.listdir(out)),
                         ["item_genre_attribute.csv", "user_follows_user.csv", "user_rates_item.csv"])
        effective = self.rove("config", "-c", job).stdout
        self.assertIn("user_rates_item.csv", effective)

    def test_rmat(self):
        out = os.path.join(self.directory, "rmat.txt")
        self.rove("generate", "rmat", "--scale", 6, "--edge-factor", 4, "--format", "edgelist", "--out", out)
        self.assertEqual(len(read(out).splitlines()), 256)

    def test_wrong_sizes_and_places(self):
        sizes = ("--users", 5, "--items", 5, "--interactions", 26)
        self.rove("generate", "bipartite", *sizes, "--out", os.path.join(self.directory, "x.csv"), code=2, ranks=2)
        self.rove("generate", "rmat", "--scale", 4, "--out", "/nowhere/rmat.csv", code=4, ranks=2)
        self.rove("generate", "bipartite", "--users", 5, "--items", 5, "--interactions", 6, "--weights", "--format",
                  "adjacency", "--out", os.path.join(self.directory, "x.txt"), code=2)
        message = self.rove("generate", "typed", "--users", 5, "--items", 5, "--interactions", 6, "--attribute",
                            "genre", "--out", os.path.join(self.directory, "t"), code=2).stderr
        self.assertIn("RELATION=COUNT", message)


class Estimate(VerbTest):
    SIZES = ("--vertices", "user=100000,item=20000", "--edges", "2000000")

    def test_stages_fit(self):
        text = self.rove("estimate", *self.SIZES, "--ranks", 4, "--memory", "8GiB").stdout
        for stage in ("import", "partition", "ppr", "train", "recommend"):
            self.assertRegex(text, rf"(?m)^{stage} .*fits$")
        self.assertIn("resources.memory", text)

    def test_verbs_that_are_no_stage(self):
        text = self.rove("estimate", *self.SIZES, "--verb", "walk", "--verb", "sample", "--verb", "index", "--ranks", 4,
                         "--memory", "8GiB").stdout
        for verb in ("walk", "sample", "index"):
            self.assertRegex(text, rf"(?m)^{verb} .*fits$")
        self.assertNotIn("train", text)
        small = self.rove("estimate", *self.SIZES, "--verb", "walk", "--ranks", 4, "--memory", "16MiB", code=5)
        self.assertIn("a rank's", small.stdout)
        walked = ("--verb", "sample", "--set", "sample.method=pinsage", "--set", "sample.seeds=item")
        fitting = self.rove("estimate", *self.SIZES, *walked, "--ranks", 4, "--memory", "8GiB").stdout
        self.assertRegex(fitting, r"(?m)^sample .*fits$")
        self.assertIn("a rank's", self.rove("estimate", *self.SIZES, *walked, "--ranks", 4, "--memory", "16MiB", code=5).stdout)
        # Layers need the graph whole: parts of it are no way out.
        layers = self.rove("estimate", *self.SIZES, "--verb", "sample", "--set", "sample.method=ladies", "--ranks", 4,
                           "--memory", "16MiB", code=5)
        self.assertNotIn("partitioned", layers.stdout + layers.stderr)
        self.rove("estimate", *self.SIZES, "--verb", "wander", code=2)

    def test_one_stage_alone(self):
        text = self.rove("estimate", *self.SIZES, "--verb", "train", "--ranks", 4, "--memory", "8GiB").stdout
        self.assertRegex(text, r"(?m)^train .*fits$")
        self.assertNotRegex(text, r"(?m)^(import|partition|ppr|recommend) ")

    def test_what_does_not_fit_is_named(self):
        done = self.rove("estimate", *self.SIZES, "--ranks", 2, "--memory", "100MiB", "--json", code=5, ranks=2)
        self.assertIn("partition.method", done.stderr)
        self.assertIn("resources.memory", done.stderr)
        stages = {stage["stage"]: stage for stage in json.loads(done.stdout)["stages"]}
        self.assertFalse(stages["partition"]["fits"])
        self.assertEqual(stages["train"]["bytes"],
                         sum(item["bytes"] for item in stages["train"]["resident"] + stages["train"]["adds"]))

    def test_of_a_graph_file_and_of_a_job(self):
        with h5py.File(self.file("graph.h5")) as file:
            edge_types = [name.split("__") for name in file["edges"]]
        source, relation, target = next(names for names in edge_types if names[0] == "user" and names[2] == "item")
        self.rove("estimate", "--graph", self.file("graph.h5"), "--set", f"train.relation={relation}")
        inputs = os.path.join(self.directory, "edges.txt")
        with open(inputs, "w", encoding="utf-8") as file:
            file.write("1 2\n" * 1000)
        job = os.path.join(self.directory, "guess.yaml")
        with open(job, "w", encoding="utf-8") as file:
            file.write(f"output: none\ngraph: {{edges: [{{type: [user, rates, item], files: [{inputs}]}}]}}\n")
        guessed = self.rove("estimate", "-c", job).stdout
        self.assertIn("a guess", guessed)
        self.assertIn("1,000 edges", guessed)

    def test_of_compressed_files(self):
        draw = random.Random(4)
        rows = 1500000
        inputs = os.path.join(self.directory, "long.csv.gz")
        with gzip.open(inputs, "wt", compresslevel=1) as file:
            file.write("user_id,item_id\n")
            file.writelines(f"{i // 10},{draw.randrange(100000)}\n" for i in range(rows))
        edges = f"graph.edges=[{{type: [user, rates, item], files: [{inputs}], format: csv}}]"
        for ranks in (1, 8):
            guess = json.loads(self.rove("estimate", "--set", edges, "--verb", "import", "--json", "--ranks", ranks).stdout)
            self.assertLess(abs(guess["edges"] - rows), 0.2 * rows)
            items = {item["what"]: item["bytes"] for item in guess["stages"][0]["adds"]}
            alone = items.get("edges that one rank reads alone, beyond its share", 0)
            self.assertLess(abs(alone - 8 * guess["edges"] * (ranks - 1) / ranks), 100)

    def test_import_refuses_columns_of_formats_without(self):
        inputs = os.path.join(self.directory, "lists.txt")
        with open(inputs, "w", encoding="utf-8") as file:
            file.write("1 2 3\n")
        for key, value in (("weight", 3), ("delimiter", "'::'"), ("header", "yes"), ("source", "user_id")):
            done = self.rove("import", "--type", "user,rates,item", "--files", inputs, "--format", "adjacency", "-o",
                             os.path.join(self.directory, "lists.h5"), f"--set=graph.edges[0].{key}={value}", code=2)
            self.assertIn(f"graph.edges[0].{key} is set, but files of format adjacency have no columns", done.stderr)

    def test_import_is_refused_before_it_reads_by_what_is_certain(self):
        draw = random.Random(5)
        inputs = os.path.join(self.directory, "many.txt")
        rows = 400000
        with open(inputs, "w", encoding="utf-8") as file:
            file.writelines(f"{draw.randrange(20000)} {draw.randrange(5000)}\n" for i in range(rows))
        out = os.path.join(self.directory, "many.h5")
        arguments = ["import", "--type", "user,rates,item", "--files", inputs, "-o", out, "--set=resources.threads=1"]
        for ranks in (1, 3):
            least = 8 * rows // 2 // ranks
            memory = (16 << 20) + least // 2
            said = self.rove(*arguments, f"--set=resources.memory={memory}", ranks=ranks, code=5).stderr
            self.assertIn("edges as they are read, at the least", said)
            self.assertFalse(os.path.exists(out))
            # What is likely only warns, and rows that rules may drop are not certain.
            self.assertIn("import may need", self.rove(*arguments, f"--set=resources.memory={memory + 2 * least}",
                                                       ranks=ranks).stderr)
            os.remove(out)
            self.rove(*arguments, "--weight", "2", "--set=graph.edges[0].min_weight=1", f"--set=resources.memory={memory}",
                      ranks=ranks)
            os.remove(out)
        self.assertNotIn("may need", self.rove(*arguments, "--set=resources.memory=1GiB").stderr)

    def test_of_the_examples(self):
        folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples")
        jobs = sorted(name for name in os.listdir(folder) if name.endswith(".yaml"))
        self.assertGreaterEqual(len(jobs), 2)
        for name in jobs:
            said = self.rove("estimate", "-c", os.path.join(folder, name), "--vertices", "user=29858", "item=40981", "--edges",
                             "user,visits,item=810128", "--memory", "8GiB").stdout
            self.assertIn("train", said, name)

    def test_usage(self):
        self.assertIn("nothing to estimate", self.rove("estimate", code=2).stderr)
        self.assertIn("NAME=COUNT", self.rove("estimate", "--vertices", "user", "--edges", "1", code=2).stderr)
        self.rove("estimate", "--vertices", "user=1,item=x", "--edges", "1", code=2)


class Night(VerbTest):
    """Generated logs through the whole pipeline, twice."""

    def test_two_nights_on_different_ranks(self):
        night = os.path.join(self.directory, "night")
        os.makedirs(night)

        def path(name):
            return os.path.join(night, name)

        sizes = ("--users", 120, "--items", 60, "--communities", 4, "--affinity", 0.8, "--format", "adjacency")
        self.rove("generate", "bipartite", *sizes, "--interactions", 2400, "--out", path("train.txt"), "--job",
                  path("job.yaml"))
        self.rove("generate", "bipartite", *sizes, "--interactions", 600, "--out", path("test.txt"), "--seed", 7)
        with open(path("job.yaml"), "a", encoding="utf-8") as file:
            file.write("ppr: {item_walks: 200, top_k: 10}\ntrain: {dim: 8, epochs: 2, batch_size: 256}\n"
                       "evaluate: {test: [test.txt]}\nrecommend: {top_k: 10}\npublish: {gate: {recall@20: 0.01}}\n")
        self.assertIn("no earlier run", self.rove("estimate", "-c", path("job.yaml")).stdout)
        for ranks in (1, 3):
            self.rove("run", path("job.yaml"), "-q", ranks=ranks)
            self.rove("verify", path("runs/latest"), ranks=ranks)
        self.rove("diff", path("runs/0001"), path("runs/0002"), "--skip", "partition.h5")
        self.assertIn("/nodes/user/part", self.rove("diff", path("runs/0001"), path("runs/0002"), code=1).stdout)

        self.assertIn("measured in", self.rove("estimate", "-c", path("job.yaml")).stdout)
        rows = json.loads(self.rove("lookup", "u5", "--in", path("runs"), "--json", "--limit", 3).stdout)
        self.assertEqual({os.path.basename(row["file"]): row.get("status") for row in rows},
                         {"embeddings.h5": None, "ppr.h5": None, "recommendations.h5": None, "graph.h5": None,
                          "delta.h5": "same"})
        self.assertIn("recall@20", self.rove("info", path("runs/latest")).stdout)

        # By the gate of the job that made the run, without the job file.
        refused = self.rove("run", path("job.yaml"), "-q", "--set", "publish.gate.recall@20=0.99", code=7)
        self.assertIn("below its floor 0.99; published run 0002 has", refused.stderr)
        self.assertIn("floor 0.99", self.rove("publish", path("runs"), code=7).stderr)
        self.rove("publish", path("runs"), "--set", "publish.gate.recall@20=0.01")
        self.assertIn("0002", self.rove("publish", path("runs"), "--rollback").stdout)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]])
