"""Tests of ./run gpu-check without a GPU: what it refuses, and, with stand-ins for the tools and programs that it calls,
what it reports. usage: gpu_check_test.py (unittest)
"""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHECK = ROOT / "bench" / "gpu_check.sh"
BASICS = "sh dirname find head cat date mkdir mktemp rm tee tail tr nproc python3 cmp env printf".split()

BENCH_ROW = {
    "name": "gemm/f32/nn/1024x1024x1024/warp-tiled",
    "us": 50.0,
    "tflops": 42.9,
    "fraction_of_ceiling": 0.8,
    "peer": "cublas",
    "peer_us": 45.0,
    "ratio": 0.9,
    "error": 1e-7,
}


class GpuCheckTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.tools, self.build, self.out = (self.folder / name for name in ("tools", "build", "out"))
        self.tools.mkdir()
        for name in BASICS:
            for place in os.environ["PATH"].split(":"):
                if (pathlib.Path(place) / name).exists():
                    (self.tools / name).symlink_to(pathlib.Path(place) / name)
                    break

    def stand_in(self, path, script):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    # A machine with a GPU on which everything succeeds.
    def pretend(self):
        self.stand_in(self.tools / "nvidia-smi", "echo 'NVIDIA H100 80GB'; echo 'NVIDIA T4'")
        for name in ("nvcc", "cmake", "ctest", "compute-sanitizer"):
            self.stand_in(self.tools / name, "exit 0")
        self.stand_in(self.build / "engine" / "cuda" / "fused.cu.o", "")
        self.stand_in(self.build / "experiments" / "icgn_polynomial", self.training("equal"))
        # The row goes to the file after --out.
        self.stand_in(self.build / "bench" / "cuda_bench", f"echo '{json.dumps(BENCH_ROW)}' > \"$2\"")

    def training(self, result):
        return f'for last; do :; done; mkdir -p "$last" && echo {result} > "$last/model.safetensors"'

    def check(self, *options):
        command = ["/bin/sh", str(CHECK), *options]
        environment = {"PATH": str(self.tools), "TMPDIR": str(self.folder), "PYTHON": "false"}
        return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)

    def full_check(self):
        return self.check("--build", str(self.build), "--out", str(self.out))

    def report(self, number=""):
        (path,) = self.out.glob(f"gpu-nvidia-h100-80gb-????-??-??{number}.json")
        return json.loads(path.read_text()), path.with_suffix(".md").read_text()

    def results(self):
        return {step["step"]: step["result"] for step in self.report()[0]["steps"]}

    def assert_refused(self, done, status, *words):
        self.assertEqual(done.returncode, status, done.stdout)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_without_a_gpu_it_says_so(self):
        self.assert_refused(self.check(), 3, "no CUDA device")
        self.stand_in(self.tools / "nvidia-smi", "echo 'NVIDIA-SMI has failed' >&2; exit 9")
        self.assert_refused(self.check(), 3, "no CUDA device")

    def test_without_nvcc_it_says_so(self):
        self.pretend()
        (self.tools / "nvcc").unlink()
        self.assert_refused(self.check(), 3, "nvcc")

    def test_wrong_options_are_refused(self):
        self.assert_refused(self.check("--nonsense"), 2, "'--nonsense'")
        self.assert_refused(self.check("--out"), 2, "--out")
        self.assert_refused(self.check("--out", str(CHECK)), 2, "not a folder")

    def test_options_can_be_checked_alone(self):
        self.pretend()
        done = self.check("--check-options", "--out", str(self.out))
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertFalse(self.out.exists())

    def test_everything_is_reported(self):
        self.pretend()
        done = self.full_check()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        report, page = self.report()
        self.assertEqual(report["chip"], "NVIDIA H100 80GB")
        self.assertEqual(report["bench"], [BENCH_ROW])
        self.assertIn("| `gemm/f32/nn/1024x1024x1024/warp-tiled` | 50.0 | 42.90 | - | 80 % | cublas | 0.90 |", page)
        self.assertEqual(self.results()["racecheck"], "passed")
        self.assertEqual(self.results()["machine code"], "skipped")  # there is no cuobjdump

    def test_a_second_report_of_a_day_has_a_number(self):
        self.pretend()
        self.full_check()
        self.full_check()
        self.assertEqual(self.report("-2")[0]["chip"], "NVIDIA H100 80GB")

    def test_a_failure_does_not_stop_the_next_steps(self):
        self.pretend()
        self.stand_in(self.tools / "ctest", "echo 'three tests failed'; exit 8")
        done = self.full_check()
        self.assertEqual(done.returncode, 1)
        self.assertIn("1 of the steps failed", done.stdout)
        results = self.results()
        self.assertEqual([results[name] for name in ("tests", "memcheck", "benches")], ["failed", "passed", "passed"])
        self.assertIn("| tests | failed |", self.report()[1])
        self.assertIn("three tests failed", self.report()[1])

    def test_trainings_that_differ_are_a_failure(self):
        self.pretend()
        self.stand_in(self.build / "experiments" / "icgn_polynomial", self.training("$last"))
        self.assertEqual(self.full_check().returncode, 1)
        self.assertEqual(self.results()["two trainings agree"], "failed")

    def test_what_is_not_installed_is_skipped(self):
        self.pretend()
        (self.tools / "compute-sanitizer").unlink()
        self.assertEqual(self.full_check().returncode, 0)
        memcheck = self.report()[0]["steps"][3]
        self.assertEqual((memcheck["step"], memcheck["result"]), ("memcheck", "skipped"))
        self.assertIn("compute-sanitizer is not installed", memcheck["note"])

    def test_a_bench_that_dies_leaves_its_rows(self):
        self.pretend()
        row = json.dumps(BENCH_ROW)
        self.stand_in(self.build / "bench" / "cuda_bench", f"printf '%s\\n%s' '{row}' '{row[:20]}' > \"$2\"; exit 1")
        self.assertEqual(self.full_check().returncode, 1)
        self.assertEqual(self.report()[0]["bench"], [BENCH_ROW])


if __name__ == "__main__":
    unittest.main()
