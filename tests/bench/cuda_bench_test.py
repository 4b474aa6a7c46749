"""Tests of cuda_bench that need no GPU: what it refuses, and what it lists.

usage: cuda_bench_test.py PATH/cuda_bench
"""

import os
import subprocess
import sys
import tempfile
import unittest

BENCH = sys.argv.pop()
# Without a device, also where there is one.
ENVIRONMENT = os.environ | {"CUDA_VISIBLE_DEVICES": ""}


def run(*options):
    return subprocess.run([BENCH, *options], capture_output=True, text=True, timeout=60, env=ENVIRONMENT)


class CudaBenchTest(unittest.TestCase):
    def test_without_a_device_it_says_so(self):
        done = run()
        self.assertEqual((done.returncode, done.stderr, done.stdout), (3, "cuda_bench: no CUDA device\n", ""))

    def test_without_a_device_nothing_is_written(self):
        with tempfile.TemporaryDirectory() as folder:
            done = run("--out", f"{folder}/rows.jsonl")
            self.assertEqual(done.returncode, 3)
            self.assertEqual(os.listdir(folder), [])

    def test_wrong_options_are_refused_in_one_sentence(self):
        with tempfile.NamedTemporaryFile() as existing:
            cases = [["--nonsense"], ["--out"], ["--filter", "gemm/("], ["--filter", "nothing"], ["--out", existing.name]]
            for options in cases:
                done = run(*options)
                self.assertEqual(done.returncode, 2, options)
                self.assertEqual(done.stderr.count("\n"), 1, options)

    def test_it_lists_what_it_measures(self):
        names = run("--list").stdout.split()
        self.assertEqual(len(set(names)), len(names))
        for name in (
            "gemm/f32/nn/8192x8192x8192/tf32x3",
            "gemm/f32/nn/8192x8192x8192/wgmma-tf32x3",
            "gemm/f32/nt/1024x256x43/warp-tiled",
            "gemm/f64/tn/512x512x1024/tensor-f64",
            "stream/64M/ten_operations",
            "sum/columns/f32/16384x16384",
            "launch/replay",
        ):
            self.assertIn(name, names)
        self.assertEqual(run("--list", "--filter", "^sum/").stdout.split(), [n for n in names if n.startswith("sum/")])


if __name__ == "__main__":
    unittest.main()
