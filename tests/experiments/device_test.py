"""A program gives the same rows on the CPU and on the kernels of the GPU as the host plays them, but for rounding.
usage: device_test.py PROGRAM, where PROGRAM is mgn_gradient_field
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

PROGRAM = sys.argv.pop(1)
# Rounding as it is after some training steps. L-BFGS makes more of it: its line searches take sides.
TOLERANCE = 1e-6
ROUNDING = ("asymmetry",)  # itself nothing but rounding


def rows_of(device, options):
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "run"
        subprocess.run([PROGRAM, "--quick", "--quiet", "--device", device, "--out", out, *options], check=True)
        metrics = json.loads((out / "metrics.json").read_text())
    return [{key: row[key] for key in row if key not in ("seconds", *ROUNDING)} for row in metrics["results"]]


class DeviceTest(unittest.TestCase):
    def compare(self, *options):
        here, there = (rows_of(device, options) for device in ("cpu", "cuda-on-host"))
        self.assertEqual(len(here), len(there))
        self.assertGreater(len(here), 0)
        for mine, other in zip(here, there):
            self.assertEqual(mine.keys(), other.keys())
            for key, value in mine.items():
                if isinstance(value, float):
                    self.assertAlmostEqual(value, other[key], delta=TOLERANCE * abs(value), msg=f"{key} of {mine}")
                else:
                    self.assertEqual(value, other[key])

    def test_a_field_in_the_plane(self):
        self.compare("--fields", "polynomial", "--models", "c-mgn", "--adam-steps", "30", "--lbfgs-steps", "0")

    def test_a_field_in_256_dimensions_and_the_best_affine_map(self):
        self.compare("--fields", "polymax-256", "--models", "m-mgn")


if __name__ == "__main__":
    unittest.main()
