# SPDX-License-Identifier: Apache-2.0
"""The datasets of a whole job are the same bytes on any ranks, threads, partition, layout and instruction set.

usage: identity_test.py MPIRUN ROVE [gowalla JOB.yaml]
"""
import os
import sys
import tempfile

import h5py

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rove_process import Rove

FILES = ["graph.h5", "ppr.h5", "embeddings.h5", "model.h5", "recommendations.h5", "delta.h5"]


def datasets(run):
    """Bytes of every dataset but the configuration, which names ranks and paths."""
    content = {}
    for name in FILES:
        if not os.path.exists(os.path.join(run, name)):
            continue
        with h5py.File(os.path.join(run, name)) as file:
            def visit(path, item, name=name):
                if isinstance(item, h5py.Dataset) and path != "config":
                    content[f"{name}:/{path}"] = (str(item.dtype), item.shape, item[()].tobytes() if item.shape else item[()])
            file.visititems(visit)
    return content


def compare(expected, found, what):
    assert expected.keys() == found.keys(), f"{what}: other datasets: {expected.keys() ^ found.keys()}"
    different = [name for name in expected if expected[name] != found[name]]
    assert not different, f"{what}: different bytes in {different}"


def has_avx512():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        flags = file.read()
    return all(flag in flags for flag in ("avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512cd"))


def main():
    mpirun, binary = sys.argv[1:3]
    rove = Rove(mpirun, binary)
    with tempfile.TemporaryDirectory(prefix="rove-identity-") as directory:
        # What each run varies: ranks, threads per rank, settings, instruction set.
        variants = [
            (2, 1, ["partition.method=metis", "resources.train_layout=columns"], ""),
            (3, 2, ["partition.method=hash", "resources.train_layout=columns"], ""),
            (4, 1, ["partition.method=metis", "resources.layout=partitioned"], ""),
            (7, 1, ["partition.method=hash", "resources.layout=partitioned"], ""),
            (1, 2, ["partition.method=block"], ""),
            (2, 1, ["partition.method=fennel"], "avx2"),
        ]
        if len(sys.argv) > 3:
            job = sys.argv[4]
            settings = ["train.epochs=1", "publish.gate={}"]
            timeout = 1800
        else:
            job = os.path.join(directory, "job.yaml")
            rove.run("generate", "bipartite", "--users", 600, "--items", 250, "--interactions", 9000, "--seed", 5, "--format", "csv",
                     "--out", os.path.join(directory, "train.csv"))
            with open(job, "w", encoding="utf-8") as file:
                file.write("graph: {edges: [{type: [user, rates, item], files: [train.csv], format: csv}]}\n"
                           "ppr: {top_k: 20, item_walks: 500}\n"
                           "train: {dim: 24, layers: 2, epochs: 3, batch_size: 512}\n"
                           "evaluate: {test: [train.csv], format: csv, at: [10]}\n"
                           "recommend: {top_k: 15}\n")
            settings, timeout = [], 120
        if not has_avx512():
            print("skipped: AVX-512 against AVX2 (this processor has no AVX-512)")

        def run(ranks, threads, extra, isa):
            output = os.path.join(directory, f"run-{ranks}-{threads}-{len(os.listdir(directory))}")
            arguments = ["run", job, "--quiet", "--set", f"output={output}", "--set", f"resources.threads={threads}"]
            for setting in [*settings, *extra]:
                arguments += ["--set", setting]
            rove.run(*arguments, ranks=ranks, timeout=timeout, **({"ROVE_ISA": isa} if isa else {}))
            return datasets(os.path.join(output, "latest"))

        expected = run(1, 1, [], "")
        assert len(expected) > 20 and any(name.startswith("embeddings.h5:/nodes/user/vectors") for name in expected)
        for ranks, threads, extra, isa in variants:
            what = f"{ranks} ranks, {threads} threads, {' '.join(extra)} {isa}"
            compare(expected, run(ranks, threads, extra, isa), what)
            print("same bytes:", what)


if __name__ == "__main__":
    main()
