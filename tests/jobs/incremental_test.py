# SPDX-License-Identifier: Apache-2.0
"""A second night that builds on the first ends with the bytes of a new start, and the commands of docs/incremental.md work.

usage: incremental_test.py MPIRUN ROVE DOCS/INCREMENTAL.MD
"""
import csv
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import h5py

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rove_process import Rove

ROVE = Rove(*sys.argv[1:3])
PAGE = sys.argv[3]
JOB = """
graph: {edges: [{type: [user, rates, item], files: [%s], format: csv}]}
ppr: {method: maintained, maintained_walks: 30, top_k: 10}
train: {enabled: false}
recommend: {enabled: false}
"""


def datasets(file):
    content = {}
    with h5py.File(file) as opened:
        def visit(path, item):
            if isinstance(item, h5py.Dataset) and path != "config":
                content[path] = (str(item.dtype), item.shape, item[()].tobytes() if item.shape else item[()])
        opened.visititems(visit)
    return content


class Nights(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="rove-incremental-")
        ROVE.run("generate", "bipartite", "--users", 300, "--items", 120, "--interactions", 4000, "--format", "csv",
                 "--out", cls.path("monday.csv"))
        with open(cls.path("monday.csv"), encoding="utf-8") as file:
            header, *rows = list(csv.reader(file))
        # A user leaves, one in a hundred rows goes, some rows and two users are new.
        gone = rows[0][0]
        kept = [row for i, row in enumerate(rows) if row[0] != gone and i % 100 != 7]
        items = sorted({row[1] for row in rows})
        new = [[f"new{i % 2}", items[3 * i], *rows[0][2:]] for i in range(8)]
        new += [[rows[50 * i][0], items[5 * i + 1], *rows[0][2:]] for i in range(1, 20)]
        with open(cls.path("tuesday.csv"), "w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([header, *kept, *new])
        for day in ("monday", "tuesday"):
            with open(cls.path(f"{day}.yaml"), "w", encoding="utf-8") as file:
                file.write(JOB % f"{day}.csv")
        cls.night("monday", "monday", ranks=2)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.directory)

    @classmethod
    def path(cls, *names):
        return os.path.join(cls.directory, *names)

    @classmethod
    def night(cls, day, output, *settings, **options):
        arguments = ["run", cls.path(f"{day}.yaml"), "--set", f"output={cls.path(output)}"]
        for setting in settings:
            arguments += ["--set", setting]
        return ROVE.run(*arguments, **options)

    def yesterday(self, *files):
        return [f"{key}={self.path('monday', 'latest', name)}" for key, name in files]

    def test_a_refresh_ends_with_the_bytes_of_a_new_start(self):
        graph = ("graph.previous", "graph.h5")
        walks = ("ppr.previous", "maintained_walks.h5")
        self.night("tuesday", "anew", *self.yesterday(graph), ranks=1)
        expected = {name: datasets(self.path("anew", "latest", name))
                    for name in ("graph.h5", "maintained_walks.h5", "ppr.h5")}
        self.assertGreater(len(expected["ppr.h5"]["neighbors/user/item/indices"][2]), 0)
        for ranks, threads in ((1, 2), (2, 1), (3, 1), (7, 1)):
            with self.subTest(ranks=ranks):
                output = f"refreshed-{ranks}"
                done = self.night("tuesday", output, *self.yesterday(graph, walks), f"resources.threads={threads}",
                                  ranks=ranks)
                self.assertRegex(done.stderr, r"walked again from a step on \([0-9.]+%\)")
                for name, content in expected.items():
                    found = datasets(self.path(output, "latest", name))
                    self.assertEqual([path for path in content if content[path] != found.get(path)], [], name)
                    self.assertEqual(content.keys(), found.keys())
                ROVE.run("verify", self.path(output, "latest"))
                ROVE.run("info", self.path(output, "latest", "maintained_walks.h5"))

    def test_walks_of_something_else_are_refused(self):
        walks = ("ppr.previous", "maintained_walks.h5")
        graph = ("graph.previous", "graph.h5")
        done = self.night("tuesday", "bad", *self.yesterday(walks), code=2)
        self.assertIn("graph.previous is not set", done.stderr)
        done = self.night("tuesday", "bad", *self.yesterday(walks, graph), "ppr.maintained_walks=31", code=2, ranks=3)
        self.assertIn("ppr.maintained_walks 30, but this job has 31", done.stderr)
        done = self.night("tuesday", "bad", *self.yesterday(walks, graph), "seed=43", code=2)
        self.assertIn("seed 42, but this job has 43", done.stderr)
        self.night("tuesday", "bad", *self.yesterday(graph), f"ppr.previous={self.path('nowhere.h5')}", code=4)
        self.night("tuesday", "bad", *self.yesterday(graph), f"ppr.previous={self.path('monday.csv')}", code=3)
        self.night("tuesday", "other", *self.yesterday(graph))
        done = self.night("tuesday", "bad", *self.yesterday(walks),
                          f"graph.previous={self.path('other', 'latest', 'graph.h5')}", code=3)
        self.assertIn("name the files of one run", done.stderr)

    def test_a_damaged_file_of_walks_is_refused(self):
        damaged = self.path("damaged.h5")
        for dataset in ("vertices", "next_slots", "ends"):
            shutil.copy(self.path("monday", "latest", "maintained_walks.h5"), damaged)
            with h5py.File(damaged, "r+") as file:
                values = file[f"walks/item/{dataset}"]
                values[...] = 3_000_000_000
            done = self.night("tuesday", "bad", *self.yesterday(("graph.previous", "graph.h5")),
                              f"ppr.previous={damaged}", code=3, ranks=2)
            self.assertIn("the file is damaged", done.stderr, dataset)

    def test_the_page_s_commands_work(self):
        with open(PAGE, encoding="utf-8") as file:
            page = file.read()
        directory = self.path("page")
        os.mkdir(directory)
        for name, text in re.findall(r"```yaml\n# (\S+)\n(.*?)```", page, flags=re.DOTALL):
            with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
                file.write(text)
        commands = "\n".join(re.findall(r"```bash\n(.*?)```", page, flags=re.DOTALL))
        self.assertIn("rove run", commands)
        environment = dict(os.environ, PATH=os.path.dirname(os.path.abspath(sys.argv[2])) + os.pathsep + os.environ["PATH"],
                           OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
        done = subprocess.run(["bash", "-e", "-c", commands], cwd=directory, env=environment, capture_output=True,
                              text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("walked again from a step on", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
