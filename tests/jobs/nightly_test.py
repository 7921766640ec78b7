# SPDX-License-Identifier: Apache-2.0
"""The nightly batch script with stand-ins for srun, scontrol and rove: when it queues itself again, and when not.

usage: nightly_test.py SCRIPT
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

SCRIPT = sys.argv[1]

# Drops srun's own options, becomes the program.
SRUN = '#!/bin/bash\nwhile [[ $1 == -* ]]; do shift; done\nexec "$@"\n'
SCONTROL = '#!/bin/bash\necho "$*" >>"$STAGE/requeued"\nkill "$PPID"\n'
# `run` saves as $SAVES says, waits for USR1 if asked to, and ends with $CODE.
ROVE = """#!/bin/bash
if [[ $1 == config ]]; then echo "output: $STAGE/runs"; exit; fi
mkdir -p "$STAGE/runs/0001/checkpoint"
if [[ -n ${WAITS:-} ]]; then
  trap 'echo saved >>"$STAGE/runs/0001/checkpoint/current.json"; exit 75' USR1
  touch "$STAGE/started"
  for _ in {1..200}; do sleep 0.05; done
  exit 1
fi
[[ -n ${SAVES:-} ]] && echo "$SAVES" >"$STAGE/runs/0001/state.json"
exit "$CODE"
"""


class Nightly(unittest.TestCase):
    def setUp(self):
        self.stage = tempfile.mkdtemp(prefix="rove-nightly-")
        self.addCleanup(shutil.rmtree, self.stage)
        for name, text in (("srun", SRUN), ("scontrol", SCONTROL), ("rove", ROVE)):
            path = os.path.join(self.stage, name)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(path, 0o755)

    def start(self, **settings):
        environment = dict(os.environ, STAGE=self.stage, SLURM_JOB_ID="17", ROVE=os.path.join(self.stage, "rove"),
                           PATH=f"{self.stage}:{os.environ['PATH']}", **settings)
        # Not as a login shell, which would set PATH anew.
        return subprocess.Popen(["bash", SCRIPT, "job.yaml"], env=environment, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)

    def end(self, process):
        output = process.communicate(timeout=30)[0]
        return process.returncode, output, os.path.exists(os.path.join(self.stage, "requeued"))

    def test_good_and_bad_ends_are_passed_on(self):
        for code in (0, 3, 7, 70, 137):
            self.assertEqual(self.end(self.start(CODE=str(code)))[::2], (code, False))

    def test_goes_on_from_a_checkpoint(self):
        code, output, requeued = self.end(self.start(CODE="75", SAVES="import"))
        self.assertTrue(requeued, output)
        self.assertNotEqual(code, 0)

    def test_stops_when_nothing_was_saved(self):
        self.end(self.start(CODE="0", SAVES="import"))
        code, output, requeued = self.end(self.start(CODE="75", SAVES="import"))
        self.assertEqual((code, requeued), (1, False))
        self.assertIn("nothing was saved", output)

    def test_stops_after_enough_starts(self):
        code, output, requeued = self.end(self.start(CODE="75", SAVES="train", SLURM_RESTART_COUNT="5"))
        self.assertEqual((code, requeued), (75, False))
        self.assertIn("giving up", output)

    def test_the_warning_before_the_time_limit_becomes_a_checkpoint(self):
        process = self.start(WAITS="yes")
        deadline = time.monotonic() + 10
        while not os.path.exists(os.path.join(self.stage, "started")) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGUSR1)
        _, output, requeued = self.end(process)
        self.assertIn("asking for a checkpoint", output)
        self.assertTrue(requeued, output)

    def test_usage(self):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
        self.assertEqual(subprocess.run(["bash", SCRIPT], env=environment, capture_output=True, check=False).returncode, 2)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
