"""What the peers in Python share: the numbers and the protocol of bench/workloads/worker.h, and the sizes.

Element i of stream s is an integer hash, the same bits as in bench/workloads/numbers.h, so that both sides compute
from equal inputs and their results can be compared.
"""

import json
import math
import sys
import time

import numpy

POINTS, TARGET, DIRECTION, PARAMETERS, DIGEST = 1, 2, 3, 100, 999

# batch, dimension, hidden units, layers
SIZES = {"b1": (128, 2, 32, 3), "b2": (1024, 43, 256, 5), "b3": (1024, 6, 512, 5), "b4": (128, 784, 256, 3)}
SIZES |= {"d6": (1024, 6, 256, 5), "d16": (1024, 16, 256, 5), "d43": (1024, 43, 256, 5)}


class Skip(Exception):
    """A workload that this peer cannot do, with the reason."""


def numbers(stream, count):
    """Element 0 … count-1 of a stream, float64 in [-1, 1)."""
    h = numpy.arange(count, dtype=numpy.uint32) * numpy.uint32(2654435761)
    h += numpy.uint32(stream * 2654435769 % 2**32)
    h ^= h >> numpy.uint32(16)
    h *= numpy.uint32(0x7FEB352D)
    h ^= h >> numpy.uint32(15)
    h *= numpy.uint32(0x846CA68B)
    h ^= h >> numpy.uint32(16)
    return (h >> numpy.uint32(8)) / 8388608.0 - 1.0


def array(stream, shape, scale, dtype=numpy.float32):
    return (numbers(stream, math.prod(shape)) * scale).reshape(shape).astype(dtype)


def parameters(shapes, dtype=numpy.float32):
    """Matrices [out, in] within ±1/√in, everything else within ±0.1."""
    return [
        array(PARAMETERS + t, shape, 1 / math.sqrt(shape[1]) if len(shape) == 2 else 0.1, dtype)
        for t, shape in enumerate(shapes)
    ]


def flow_shapes(dim, units, layers):
    """Parameters of a flow's potential in the order of its visitor: first layer, then per layer the convex weight and
    bias, the input's weight and bias, shift and log scale, the augmenting weight and bias; the output; two scales."""
    half = units // 2
    layer = [(half, units), (half,), (half, dim), (half,), (half,), (half,), (half, dim), (half,)]
    return [(units, dim), (units,)] + layer * (layers - 1) + [(1, units), (1, dim), (1,), (1,), (1,)]


def flow_workload(group, variant, what):
    """Size, activation, iterations and blocks of a flow's step: c1/gaussian/step, c1/gaussian/exact, c/d16/cg4. 0
    iterations: exact."""
    if group == "c":
        return variant, "gaussian", 0 if what == "exact" else int(what.removeprefix("cg")), 1
    return FLOWS[group], variant, 0 if what == "exact" else FLOW_ITERATIONS, 2 if group == "c3" else 1


def cascaded_shapes(dim, units, layers):
    """Parameters of CascadedNetwork: two matrices, a bias for each layer, the output's bias."""
    return [(units, dim), (units, dim)] + [(units,)] * layers + [(dim,)]


def coupling_shapes(dim, units, layers, rank):
    """Parameters of CascadedMgn: W, a bias for each layer, V, the offset."""
    return [(units, dim)] + [(units,)] * layers + [(rank, dim), (dim,)]


def factors(dtype, form, size):
    """Of a product MxNxK, stored as its form says: nn [m, k] and [k, n], nt [m, k] and [n, k], tn [k, m] and [k, n]."""
    m, n, k = (int(number) for number in size.split("x"))
    kind = {"f32": numpy.float32, "f64": numpy.float64}[dtype]
    left, right = (k, m) if form == "tn" else (m, k), (n, k) if form == "nt" else (k, n)
    return array(POINTS, left, 1.0, kind), array(TARGET, right, 1.0, kind)


def positive_definite(n):
    """X X^T/n + I for many X by formula."""
    x = array(POINTS, (MATRICES, n, n), 1.0)
    return x @ x.transpose(0, 2, 1) / numpy.float32(n) + numpy.eye(n, dtype=numpy.float32)


MATRICES = 1024
INVERSION = {"d2": (256, 2, 32, 3), "d43": (256, 43, 256, 5), "d784": (256, 784, 256, 3)}
INVERSION_WEIGHTS = {"convex": 100.0, "quadratic": 0.1}
FLOWS = {"c1": "b1", "c2": "b2", "c3": "b2", "c": None}
CHAIN = 100  # operations of a workload of group a
FLOW_ITERATIONS, FLOW_RATE = 2, 5e-3
TRANSPORT = {"batch": 128, "dim": 784, "units": 256, "layers": 10}
TRANSPORT_ITERATIONS, TRANSPORT_EPSILON, TRANSPORT_RATE = 100, 50.0, 3e-4
COUPLINGS = {"m1": (256, 784, 256, 10, 64), "m2": (64, 2, 8, 3, 2), "m3": (256, 2, 16, 6, 2)}  # the last: rank of V
COUPLING_BLUR = {"m1": 0.03, "m2": 0.05, "m3": 0.05}
COUPLING_SCALING, COUPLING_DIAMETER, COUPLING_RATE = 0.5, 4.0, 1e-3  # the diameter times the root of the dimension
NETWORK = {"batch": 128, "dim": 2, "units": 5}
NETWORK_NODES, NETWORK_RATE = 20, 1e-2
SINKHORN_BLUR, SINKHORN_DIAMETER = 0.05, 2.0  # times the root of the dimension
SINKHORN_SCALING = 0.025 ** (1 / 97.5)  # 100 iterations
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8  # of Adam
COMPARED_STEPS = 4


def training(start):
    """(run, values) of a training step. start() returns a function that makes a step from the start on and returns
    the loss; what is compared are the first losses."""

    def first_losses():
        step = start()
        return [step() for _ in range(COMPARED_STEPS)]

    return start(), first_losses


def digest(values):
    """Norm of all numbers in order, and their product with a fixed vector."""
    flat = numpy.concatenate([numpy.asarray(v, dtype=numpy.float64).ravel() for v in values])
    return {"norm": float(numpy.linalg.norm(flat)), "projection": float(flat @ numbers(DIGEST, flat.size))}


def median_us(run, finish, clock):
    """Median time of a call over about 0.3 s; calls shorter than 0.1 ms are timed in groups. The clock is read when
    finish() has waited for what a group started."""
    calls, start = 0, clock()
    while calls < 2 or clock() - start < 0.05:
        run()
        finish()
        calls += 1
    group = max(1, int(1e-4 * calls / (clock() - start)))
    samples, begin = [], clock()
    while len(samples) < 3 or clock() - begin < 0.3:
        start = clock()
        for _ in range(group):
            run()
        finish()
        samples.append((clock() - start) / group)
    samples.sort()
    return 1e6 * samples[len(samples) // 2]


def device_option():
    return sys.argv[sys.argv.index("--device") + 1] if "--device" in sys.argv else "cpu"


def threads_option():
    return int(sys.argv[sys.argv.index("--threads") + 1]) if "--threads" in sys.argv else 1


def say(answer):
    print(json.dumps(answer), flush=True)


def serve(peer, version, threads, prepare, finish=lambda: None):
    """Answers requests until standard input ends. prepare(name) returns (run, values, operations), or raises Skip.

    run() is timed and divided by `operations`; values() returns arrays, computed from a fresh start."""
    say({"peer": peer, "version": version, "threads": threads})
    # See seconds_now() of bench/workloads/worker.h.
    clock = time.process_time if threads == 1 and device_option() == "cpu" else time.perf_counter
    prepared, task, why = None, None, ""
    for line in sys.stdin:
        name = line.strip().removeprefix("check ")
        if name != prepared:
            task = None
            try:
                task = prepare(name)
            except Skip as reason:
                why = str(reason)
            except Exception as error:  # a peer's own failure is a row without a ratio, not the end of the run
                why = f"{type(error).__name__}: {str(error).strip().splitlines()[:1]}".replace('"', "'")
            prepared = name
        try:
            if task is None:
                say({"skip": why})
            elif line.startswith("check "):
                say(digest(task[1]()))
            else:
                say({"us": median_us(task[0], finish, clock) / task[2]})
        except Exception as error:
            task, why = None, f"{type(error).__name__}: {str(error).strip().splitlines()[:1]}"
            say({"skip": why})
