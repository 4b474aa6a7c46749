"""JAX as a worker (bench/workloads/worker.h): every step one jitted function. usage: jax_peer.py [--threads N]

XLA takes as many threads as the process may use cores, so the number is set by affinity before JAX is imported.
"""

import os

import worker

THREADS = worker.threads_option()
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-THREADS:])
if THREADS == 1:
    os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax  # noqa: E402  (after the environment)
import jax.numpy as jnp  # noqa: E402

import jax_models as models  # noqa: E402
from worker import Skip  # noqa: E402


def tensor(stream, shape, scale):
    return jnp.asarray(worker.array(stream, shape, scale))


def load(shapes):
    return [jnp.asarray(p) for p in worker.parameters(shapes)]


def jitted(function, *arguments):
    fast = jax.jit(function)

    def run():
        return jax.block_until_ready(fast(*arguments))

    return run, lambda: jax.tree_util.tree_leaves(run())


def potential(size, activation, operation):
    """b1 to b4."""
    batch, dim, units, layers = worker.SIZES[size]
    p = load(worker.flow_shapes(dim, units, layers))
    x = tensor(worker.POINTS, (batch, dim), 1.7)
    t = tensor(worker.TARGET, (batch, dim), 1.7)

    def u(p, x):
        return models.potential(models.ACTIVATIONS[activation], p, x)

    def gradient(p, x):
        return jax.grad(lambda q: u(p, q).sum())(x)

    if operation == "forward":
        return jitted(u, p, x)
    if operation == "grad_x":
        return jitted(gradient, p, x)
    if operation == "hvp":
        _, product = jax.linearize(lambda q: gradient(p, q), x)
        return jitted(product, tensor(worker.DIRECTION, (batch, dim), 1.0))
    return jitted(jax.value_and_grad(lambda p, x, t: jnp.mean((gradient(p, x) - t) ** 2)), p, x, t)


def prepare(name):
    group, *rest = name.split("/")
    if group in worker.SIZES:
        return (*potential(group, *rest), 1)
    raise Skip("not written for this peer")


if __name__ == "__main__":
    worker.serve("jax", jax.__version__, THREADS, prepare)
