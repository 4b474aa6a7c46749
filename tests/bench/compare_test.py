"""Tests of bench/compare.py: what it refuses, what it says of peers that are missing or wrong, and what it writes.

The workers are small scripts, so nothing is timed and nothing has to be installed. usage: compare_test.py (unittest)
"""

import json
import pathlib
import shlex
import subprocess
import sys
import tempfile
import unittest

COMPARE = pathlib.Path(__file__).resolve().parents[2] / "bench" / "compare.py"

# A worker that takes `us` microseconds for everything and computes results of this norm. One of 13 us falls over. Its
# version is the device it was told to use.
WORKER = """
import json, sys
us, norm, known = float(sys.argv[1]), float(sys.argv[2]), sys.argv[3].split(",")
def say(**answer): print(json.dumps(answer), flush=True)
version = sys.argv[sys.argv.index("--device") + 1] if "--device" in sys.argv else "1.2"
say(peer="fake", version=version, threads=int(sys.argv[sys.argv.index("--threads") + 1]))
for line in sys.stdin:
    name = line.strip().removeprefix("check ")
    if name == "list": say(workloads=known)
    elif name not in known: say(skip="does not know it")
    elif line.startswith("check "): say(norm=norm, projection=-0.5 * norm)
    elif us == 13 and name == "b9/logistic/crash": sys.exit("fell over")
    else: say(us=us, bound_us=0.25 * us)
"""
WORKLOADS = "b9/gaussian/forward,b9/logistic/forward,b9/logistic/crash"


class CompareTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.out = pathlib.Path(self.folder.name) / "rows.jsonl"
        self.script = pathlib.Path(self.folder.name) / "worker.py"
        self.script.write_text(WORKER)

    def worker(self, us, norm=1.0, known=WORKLOADS):
        return shlex.join([sys.executable, str(self.script), str(us), str(norm), known])

    def run_compare(self, *options, brenier=None):
        command = [sys.executable, str(COMPARE), "--brenier", brenier or self.worker(10), *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    def compare_with(self, peer, *options):
        return self.run_compare("--peer", f"fake={peer}", "--peers", "fake", "--out", str(self.out), *options)

    def rows(self):
        return [json.loads(line) for line in self.out.read_text().splitlines()]

    def assert_refused(self, result, *words):
        self.assertEqual(result.returncode, 2, result.stdout)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)

    def test_wrong_options_are_refused_in_one_sentence(self):
        self.assert_refused(self.run_compare("--nonsense"), "--nonsense")
        self.assert_refused(self.run_compare("--only", "b1/("), "--only", "regular expression")
        self.assert_refused(self.run_compare("--only", "nothing_like_it"), "no workload matches 'nothing_like_it'")
        for text in ("0", "one", "1,", "-1", "99999"):
            self.assert_refused(self.run_compare(f"--threads={text}"), "--threads", f"'{text}'")
            self.assert_refused(self.run_compare(f"--rounds={text}"), "--rounds")
        self.assert_refused(self.run_compare("--peers", "torch,fortran"), "no peer 'fortran'", "torch")
        self.assert_refused(self.run_compare("--device", "tpu"), "--device", "'tpu'")
        self.assert_refused(self.run_compare("--device", "cuda", "--peers", "jax"), "no peer 'jax'", "torch.graphs")
        self.assert_refused(self.run_compare("--peer", "without_a_command"), "NAME=COMMAND")

    def test_results_are_not_overwritten(self):
        self.out.write_text("precious")
        self.assert_refused(self.compare_with(self.worker(20)), str(self.out), "exists")
        self.assertEqual(self.out.read_text(), "precious")

    def test_an_out_that_cannot_be_written_is_refused(self):
        self.assert_refused(self.run_compare("--out", str(self.out / "deeper")), "cannot write")

    def test_without_its_own_worker_it_says_so(self):
        self.assert_refused(self.run_compare(brenier="/nonexistent/worker"), "Brenier's worker does not run")

    def test_options_can_be_checked_alone(self):
        result = self.run_compare("--check-options", "--out", str(self.out), brenier="/nonexistent/worker")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertFalse(self.out.exists())

    def test_a_row_for_every_ratio(self):
        result = self.compare_with(self.worker(25), "--only", "forward", "--threads", "1,3", "--rounds", "2")
        self.assertEqual(result.returncode, 0, result.stderr)
        rows = self.rows()
        self.assertEqual([row["threads"] for row in rows], [1, 1, 3, 3])
        self.assertEqual([row["activation"] for row in rows[:2]], ["gaussian", "logistic"])
        expected = {
            "workload": "b9/gaussian/forward",
            "activation": "gaussian",
            "threads": 1,
            "device": "cpu",
            "peer": "fake",
            "peer_version": "1.2",
            "peer_us": 25.0,
            "brenier_us": 10.0,
            "ratio": 2.5,
            "fraction_of_bound": 0.25,
        }
        self.assertEqual(rows[0], expected)
        self.assertEqual(list(rows[0]), list(expected))
        self.assertIn("2.5x", result.stdout)

    def test_another_device_is_passed_on(self):
        result = self.compare_with(self.worker(25), "--only", "gaussian", "--device", "cuda")
        self.assertEqual(result.returncode, 0, result.stderr)
        keys = ("threads", "device", "peer_version")
        self.assertEqual([[row[key] for key in keys] for row in self.rows()], [[1, "cuda", "cuda"]])

    def test_peers_of_the_shim_stay_on_the_cpu(self):
        self.compare_with(self.worker(25), "--only", "gaussian", "--device", "cuda-on-host")
        self.assertEqual([[row["device"], row["peer_version"]] for row in self.rows()], [["cuda-on-host", "1.2"]])

    def test_a_missing_peer_is_named_with_the_line_that_gets_it(self):
        result = self.run_compare("--peers", "adolc", "--only", "gaussian", "--threads", "1")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("adolc is left out", result.stdout)
        self.assertIn("apt-get install libadolc-dev", result.stdout)

    def test_no_ratio_where_results_differ(self):
        result = self.compare_with(self.worker(25, norm=1.0001), "--only", "gaussian", "--threads", "1")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(self.rows(), [])
        self.assertIn("results differ by 1.0e-04", result.stdout)

    def test_a_rounding_error_is_no_difference(self):
        result = self.compare_with(self.worker(25, norm=1 + 2.0**-18), "--only", "gaussian", "--threads", "1")
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertEqual(len(self.rows()), 1)

    def test_nan_is_a_difference(self):
        result = self.compare_with(self.worker(25, norm="nan"), "--only", "gaussian", "--threads", "1")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(self.rows(), [])

    def test_what_a_peer_cannot_do_is_left_out(self):
        result = self.compare_with(self.worker(25, known="b9/logistic/forward"), "--only", "forward", "--threads", "1")
        self.assertEqual(result.returncode, 0)
        self.assertEqual([row["workload"] for row in self.rows()], ["b9/logistic/forward"])
        self.assertIn("does not know it: b9/gaussian/forward", result.stdout)

    def test_a_peer_that_dies_does_not_stop_the_others(self):
        two = [f"--peer=one={self.worker(13)}", f"--peer=two={self.worker(30)}", "--peers=one,two"]
        result = self.run_compare(*two, "--threads=1", "--out", str(self.out))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("fell over", result.stdout)
        crash = [row["peer"] for row in self.rows() if row["workload"] == "b9/logistic/crash"]
        self.assertEqual(crash, ["two"])

    def test_a_program_that_is_no_worker_is_left_out(self):
        result = self.compare_with(shlex.join([sys.executable, "-c", "print('hello')"]), "--threads=1")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("fake is left out (does not speak the protocol", result.stdout)


if __name__ == "__main__":
    unittest.main()
