"""Tests of brenier_worker: it keeps the protocol, and the two forms of a workload compute the same.

usage: worker_test.py PATH/brenier_worker
"""

import json
import re
import subprocess
import sys
import unittest

WORKER = sys.argv.pop()
SMALL = re.compile(r"^(a/\w+/1/|b1/|c1/|e/|m2/|gemm/f64/../128x)")
# Eager evaluation and a program add the same numbers, some of them in another order: float32 rounding, 2^-23, a few
# tens of times.
TOLERANCE = 256 * 2.0**-23


def ask(*requests, options=()):
    """The answers, the greeting first."""
    lines = "".join(f"{request}\n" for request in requests)
    done = subprocess.run([WORKER, *options], input=lines, capture_output=True, text=True, timeout=200, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


class WorkerTest(unittest.TestCase):
    def test_it_greets_and_lists(self):
        hello, listed = ask("list", options=["--threads", "2"])
        self.assertEqual((hello["peer"], hello["threads"]), ("brenier", 2))
        self.assertEqual(len(set(listed["workloads"])), len(listed["workloads"]))
        self.assertIn("b1/gaussian/double_backward", listed["workloads"])

    def test_a_time_comes_with_a_bound(self):
        time = ask("b1/logistic/forward")[1]
        self.assertGreater(time["us"], time["bound_us"])
        self.assertGreater(time["bound_us"], 0)

    def test_what_it_does_not_know_is_skipped(self):
        self.assertIn("skip", ask("b1/logistic/nonsense")[1])
        self.assertIn("skip", ask("b1/logistic/hvp", options=["--eager"])[1])

    def test_a_wrong_number_of_threads_is_refused(self):
        for text in ("0", "two", "5000"):
            done = subprocess.run([WORKER, "--threads", text], capture_output=True, input="", text=True, timeout=20)
            self.assertEqual(done.returncode, 2)
            self.assertIn("--threads", done.stderr)

    def test_a_wrong_device_is_refused(self):
        for words, status in ((["--device", "tpu"], 2), (["--device"], 2), (["--threads", "1", "--device", "cpus"], 2)):
            done = subprocess.run([WORKER, *words], capture_output=True, input="", text=True, timeout=20)
            self.assertEqual(done.returncode, status, words)
            self.assertIn("cpu, cuda or cuda-on-host", done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1)

    def test_options_come_in_any_order(self):
        before = ask("b1/logistic/hvp", options=["--eager", "--device", "cpu", "--threads", "2"])
        after = ask("b1/logistic/hvp", options=["--threads", "2", "--eager"])
        self.assertEqual([answer[0]["threads"] for answer in (before, after)], [2, 2])
        self.assertIn("skip", before[1])
        self.assertIn("skip", after[1])

    def test_both_forms_compute_the_same(self):
        names = [name for name in ask("list")[1]["workloads"] if SMALL.match(name)]
        self.assertGreater(len(names), 20)
        checks = [f"check {name}" for name in names]
        compared = 0
        for name, best, eager in zip(names, ask(*checks)[1:], ask(*checks, options=["--eager"])[1:]):
            if "skip" in eager:
                continue
            compared += 1
            self.assertGreater(best["norm"], 0, name)
            for key in ("norm", "projection"):
                self.assertLessEqual(abs(best[key] - eager[key]), TOLERANCE * best["norm"], name)
        self.assertGreater(compared, 15)


if __name__ == "__main__":
    unittest.main()
