"""SciPy's L-BFGS-B on the 35 problems of Moré, Garbow & Hillstrom (1981), for comparison with lbfgs().

The problems are those of tests/support/more_garbow_hillstrom.h, written once more with PyTorch in double, whose autograd gives the
gradients. The stopping rule is that of the test: max |g| <= 1e-8, no test on the value. Prints for each problem
evaluations, f, max |g|, and whether it is solved: max |g| <= 1e-8, or f within 1e-8 max(1, f*) of a known minimum.
usage: scipy_lbfgs.py [memory, 10 unless given]
"""

import math
import re
import sys
from pathlib import Path

import numpy
import torch
from scipy.optimize import minimize

TESTS = Path(__file__).resolve().parents[2] / "tests" / "support"


def data(function):
    """The observations y of a problem, read from the C++ file, so that there is one list of them."""
    text = (TESTS / "more_garbow_hillstrom_small.cpp").read_text()
    numbers = re.search(r"Tensor " + function + r"\(.*?list\(\{(.*?)\}\)", text, re.S).group(1)
    return torch.tensor([float(number) for number in numbers.split(",")], dtype=torch.float64)


def to(m):
    return torch.arange(1, m + 1, dtype=torch.float64)


def cat(*parts):
    return torch.cat([torch.atleast_1d(p) for p in parts])


def helical(x):
    angle = torch.atan(x[1] / x[0]) / (2 * math.pi) + (0.5 if x[0] < 0 else 0.0)
    return cat(10 * (x[2] - 10 * angle), 10 * (torch.hypot(x[0], x[1]) - 1), x[2])


def bard(x):
    u = to(15)
    return data("bard") - (x[0] + u / ((16 - u) * x[1] + torch.minimum(u, 16 - u) * x[2]))


def gulf(x):
    t = to(99) / 100
    y = 25 + (-50 * torch.log(t)) ** (2 / 3)
    return torch.exp(-(torch.abs(y - x[1]) ** x[2]) / x[0]) - t


def kowalik(x):
    u = torch.tensor([4, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625], dtype=torch.float64)
    return data("kowalik_osborne") - x[0] * (u**2 + u * x[1]) / (u**2 + u * x[2] + x[3])


def biggs(x):
    t = to(13) / 10
    y = torch.exp(-t) - 5 * torch.exp(-10 * t) + 3 * torch.exp(-4 * t)
    return x[2] * torch.exp(-t * x[0]) - x[3] * torch.exp(-t * x[1]) + x[5] * torch.exp(-t * x[4]) - y


def osborne_1(x):
    t = 10 * (to(33) - 1)
    return data("osborne_1") - (x[0] + x[1] * torch.exp(-t * x[3]) + x[2] * torch.exp(-t * x[4]))


def osborne_2(x):
    t = (to(65) - 1) / 10
    bells = sum(x[k] * torch.exp(-((t - x[k + 7]) ** 2) * x[k + 4]) for k in (1, 2, 3))
    return data("osborne_2") - (x[0] * torch.exp(-t * x[4]) + bells)


def wood(x):
    return cat(10 * (x[1] - x[0] ** 2), 1 - x[0], 90**0.5 * (x[3] - x[2] ** 2), 1 - x[2],
               10**0.5 * (x[1] + x[3] - 2), (x[1] - x[3]) / 10**0.5)


def singular(x):
    a, b, c, d = x[0::4], x[1::4], x[2::4], x[3::4]
    return cat(a + 10 * b, 5**0.5 * (c - d), (b - 2 * c) ** 2, 10**0.5 * (a - d) ** 2)


def watson(x):
    t, j = (to(29) / 29)[:, None], torch.arange(len(x), dtype=torch.float64)
    slope = (j[1:] * t ** (j[1:] - 1)) @ x[1:]
    return cat(slope - (t**j @ x) ** 2 - 1, x[0], x[1] - x[0] ** 2 - 1)


def penalty_2(x):
    n, i = len(x), to(len(x))[1:]
    y = torch.exp(i / 10) + torch.exp((i - 1) / 10)
    later, earlier = torch.exp(x[1:] / 10), torch.exp(x[:-1] / 10)
    last = torch.sum((n + 1 - to(n)) * x**2) - 1
    return cat(x[0] - 0.2, 1e-5**0.5 * (later + earlier - y), 1e-5**0.5 * (later - math.exp(-0.1)), last)


def dimensioned(x):
    weighted = torch.sum(to(len(x)) * (x - 1))
    return cat(x - 1, weighted, weighted**2)


def neighbours(x):
    zero = torch.zeros(1, dtype=torch.float64)
    return cat(zero, x[:-1]), cat(x[1:], zero)


def boundary(x):
    h = 1 / (len(x) + 1)
    before, after = neighbours(x)
    return 2 * x - before - after + h**2 * (x + h * to(len(x)) + 1) ** 3 / 2


def integral(x):
    h, t = 1 / (len(x) + 1), to(len(x)) / (len(x) + 1)
    kernel = torch.where(t[None] <= t[:, None], (1 - t[:, None]) * t[None], t[:, None] * (1 - t[None]))
    return x + h / 2 * kernel @ (x + t + 1) ** 3


def tridiagonal(x):
    before, after = neighbours(x)
    return (3 - 2 * x) * x - before - 2 * after + 1


def banded(x):
    n = len(x)
    total = [sum(x[j] * (1 + x[j]) for j in range(max(0, i - 5), min(n, i + 2)) if j != i) for i in range(n)]
    return x * (2 + 5 * x**2) + 1 - torch.stack(total)


def full_rank(x):
    mean = 0.1 * torch.sum(x) + 1
    return cat(x - mean, (-mean).expand(20 - len(x)))


def rank_1_with_zeros(x):
    inner, minus = torch.sum(to(len(x))[1:-1] * x[1:-1]), -torch.ones(1, dtype=torch.float64)
    return cat(minus, to(18) * inner - 1, minus)


def chebyquad(x):
    z, before = 2 * x - 1, torch.ones_like(x)
    polynomial, residuals = z, []
    for i in range(1, len(x) + 1):
        residuals.append(torch.mean(polynomial) + (1 / (i * i - 1) if i % 2 == 0 else 0))
        before, polynomial = polynomial, 2 * z * polynomial - before
    return torch.stack(residuals)


j10 = numpy.arange(1, 11)
GRID = j10 / 11 * (j10 / 11 - 1)
# number: residuals, start, known minima
PROBLEMS = {
    1: (lambda x: cat(10 * (x[1] - x[0] ** 2), 1 - x[0]), [-1.2, 1], [0]),
    2: (lambda x: cat(x[0] - 13 + ((5 - x[1]) * x[1] - 2) * x[1], x[0] - 29 + ((x[1] + 1) * x[1] - 14) * x[1]),
        [0.5, -2], [0, 48.9842]),
    3: (lambda x: cat(1e4 * x[0] * x[1] - 1, torch.exp(-x[0]) + torch.exp(-x[1]) - 1.0001), [0, 1], [0]),
    4: (lambda x: cat(x[0] - 1e6, x[1] - 2e-6, x[0] * x[1] - 2), [1, 1], [0]),
    5: (lambda x: cat(1.5 - x[0] * (1 - x[1]), 2.25 - x[0] * (1 - x[1] ** 2), 2.625 - x[0] * (1 - x[1] ** 3)), [1, 1], [0]),
    6: (lambda x: 2 + 2 * to(10) - (torch.exp(to(10) * x[0]) + torch.exp(to(10) * x[1])), [0.3, 0.4], [124.362]),
    7: (helical, [-1, 0, 0], [0]),
    8: (bard, [1, 1, 1], [8.21487e-3, 17.4286]),
    9: (lambda x: x[0] * torch.exp(-x[1] * ((8 - to(15)) / 2 - x[2]) ** 2 / 2) - data("gaussian"), [0.4, 1, 0], [1.12793e-8]),
    10: (lambda x: x[0] * torch.exp(x[1] / (45 + 5 * to(16) + x[2])) - data("meyer"), [0.02, 4000, 250], [87.9458]),
    11: (gulf, [5, 2.5, 0.15], [0]),
    12: (lambda x: torch.exp(-to(10) / 10 * x[0]) - torch.exp(-to(10) / 10 * x[1])
         - x[2] * (torch.exp(-to(10) / 10) - torch.exp(-to(10))), [0, 10, 20], [0]),
    13: (singular, [3, -1, 0, 1], [0]),
    14: (wood, [-3, -1, -3, -1], [0]),
    15: (kowalik, [0.25, 0.39, 0.415, 0.39], [3.07505e-4, 1.02734e-3]),
    16: (lambda x: (x[0] + to(20) / 5 * x[1] - torch.exp(to(20) / 5)) ** 2
         + (x[2] + x[3] * torch.sin(to(20) / 5) - torch.cos(to(20) / 5)) ** 2, [25, 5, -5, -1], [85822.2]),
    17: (osborne_1, [0.5, 1.5, -1, 0.01, 0.02], [5.46489e-5]),
    18: (biggs, [1, 2, 1, 1, 1, 1], [0, 5.65565e-3]),
    19: (osborne_2, [1.3, 0.65, 0.65, 0.7, 0.6, 3, 5, 7, 2, 4.5, 5.5], [4.01377e-2]),
    20: (watson, [0] * 6, [2.28767e-3]),
    21: (lambda x: cat(10 * (x[1::2] - x[0::2] ** 2), 1 - x[0::2]), [-1.2, 1] * 10, [0]),
    22: (singular, [3, -1, 0, 1] * 5, [0]),
    23: (lambda x: cat(1e-5**0.5 * (x - 1), torch.sum(x**2) - 0.25), j10, [7.08765e-5]),
    24: (penalty_2, [0.5] * 10, [2.93660e-4]),
    25: (dimensioned, 1 - j10 / 10, [0]),
    26: (lambda x: len(x) - torch.sum(torch.cos(x)) + to(len(x)) * (1 - torch.cos(x)) - torch.sin(x), [0.1] * 10,
         [0, 2.79506e-5]),
    27: (lambda x: cat(x[:-1] + torch.sum(x) - len(x) - 1, torch.prod(x) - 1), [0.5] * 10, [0, 1]),
    28: (boundary, GRID, [0]),
    29: (integral, GRID, [0]),
    30: (tridiagonal, [-1] * 10, [0]),
    31: (banded, [-1] * 10, [0]),
    32: (full_rank, [1] * 10, [10]),
    33: (lambda x: to(20) * torch.sum(to(10) * x) - 1, [1] * 10, [20 * 19 / 82]),
    34: (rank_1_with_zeros, [1] * 10, [(400 + 60 - 6) / 74]),
    35: (chebyquad, numpy.arange(1, 9) / 9, [3.51687e-3]),
}


def solve(residuals, start, memory):
    def value_and_gradient(x):
        point = torch.tensor(x, dtype=torch.float64, requires_grad=True)
        value = torch.sum(residuals(point) ** 2)
        value.backward()
        return value.item(), point.grad.numpy()

    options = {"maxcor": memory, "gtol": 1e-8, "ftol": 0, "maxiter": 20000, "maxfun": 40000}
    return minimize(value_and_gradient, numpy.asarray(start, dtype=float), jac=True, method="L-BFGS-B", options=options)


if __name__ == "__main__":
    memory = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    for number, (residuals, start, minima) in PROBLEMS.items():
        result = solve(residuals, start, memory)
        slope = float(numpy.max(numpy.abs(result.jac)))
        # A minimum printed with six digits is known to half a unit of the last.
        near = any(abs(result.fun - f) <= max(1e-8 * max(1, f), 5e-6 * f) for f in minima)
        print(f"{number:3d} {result.nfev:6d} f {result.fun:.9e} max|g| {slope:.2e} solved {int(slope <= 1e-8 or near)}")
