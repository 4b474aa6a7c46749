"""JAX as a worker (bench/workloads/worker.h): every step one jitted function. usage: jax_peer.py [--threads N]

XLA reads the size of its thread pool from the environment variable NPROC, so it is set before JAX is imported.
"""

import os

import worker

THREADS = worker.threads_option()
os.environ["NPROC"] = str(THREADS)
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


def train(shapes, rate, loss):
    """(run, values) of Adam on loss(parameters), one jitted function of its state, whose memory it may reuse."""

    def whole_step(state):
        value, gradients = jax.value_and_grad(loss)(state[1])
        return value, models.adam(state, gradients, rate, worker.BETA1, worker.BETA2, worker.EPSILON)

    fast = jax.jit(whole_step, donate_argnums=0)

    def start():
        p = load(shapes)
        state = jnp.zeros(1, jnp.float32), p, [jnp.zeros_like(q) for q in p], [jnp.zeros_like(q) for q in p]

        def step():
            nonlocal state
            value, state = jax.block_until_ready(fast(state))
            return value

        return step

    return worker.training(start)


def flow(size, activation, iterations, blocks):
    if iterations == 0 or blocks != 1:
        raise Skip("not written for this peer")
    batch, dim, units, layers = worker.SIZES[size]
    s = models.ACTIVATIONS[activation]
    x = tensor(worker.POINTS, (batch, dim), 1.7)
    v = jnp.sign(tensor(worker.DIRECTION, (batch, dim), 1.0))

    def loss(p):
        return models.flow_loss(lambda q: models.potential(s, p, q), x, v, iterations)

    return train(worker.flow_shapes(dim, units, layers), worker.FLOW_RATE, loss)


def transport():
    sizes = worker.TRANSPORT
    x = tensor(worker.POINTS, (sizes["batch"], sizes["dim"]), 1.7)
    y = tensor(worker.TARGET, (sizes["batch"], sizes["dim"]), 0.5)

    def loss(p):
        return models.transport_cost(models.cascaded(p, x), y, worker.TRANSPORT_EPSILON, worker.TRANSPORT_ITERATIONS)

    shapes = worker.cascaded_shapes(sizes["dim"], sizes["units"], sizes["layers"])
    return train(shapes, worker.TRANSPORT_RATE, loss)


def gradient_network(integral):
    sizes = worker.NETWORK
    x = tensor(worker.POINTS, (sizes["batch"], sizes["dim"]), 1.7)
    y = tensor(worker.TARGET, (sizes["batch"], sizes["dim"]), 1.0)
    network = {"closed_form": models.closed_form_map, "quadrature": models.quadrature_map}[integral]
    shapes = [(sizes["units"], sizes["dim"]), (sizes["units"],)]
    return train(shapes, worker.NETWORK_RATE, lambda p: jnp.mean((network(p, x, worker.NETWORK_NODES) - y) ** 2))


def operation(name, size, form):
    """A chain of a hundred operations."""
    if form not in ("evaluated", "replay"):
        raise Skip("JAX differentiates functions, not recorded operations")
    shape = tuple(int(n) for n in size.split("x"))
    x, y = tensor(worker.POINTS, shape, 1.0), tensor(worker.TARGET, shape, 0.01)
    unary = {"exp": jax.lax.exp, "erf": jax.lax.erf, "softplus": jax.nn.softplus}.get(name)

    def chain(x, y):
        for _ in range(worker.CHAIN):
            x = unary(y) if unary else jax.lax.add(x, y)
        return x

    if form == "replay":
        return jitted(chain, x, y)

    def run():
        return jax.block_until_ready(chain(x, y))

    return run, lambda: [run()]


def product(dtype, form, size):
    a, b = (jnp.asarray(factor) for factor in worker.factors(dtype, form, size))
    return jitted(lambda a, b: (a.T if form == "tn" else a) @ (b.T if form == "nt" else b), a, b)


def logdet_and_inverse(a):
    factor = jnp.linalg.cholesky(a)
    identity = jnp.broadcast_to(jnp.eye(a.shape[-1], dtype=a.dtype), a.shape)
    return 2 * jnp.log(jnp.diagonal(factor, axis1=-2, axis2=-1)).sum(-1), jax.scipy.linalg.cho_solve(
        (factor, True), identity
    )


def prepare(name):
    group, *rest = name.split("/")
    jax.config.update("jax_enable_x64", group == "gemm" and rest[0] == "f64")
    if group == "a":
        return *operation(*rest), worker.CHAIN
    if group == "gemm":
        return *product(*rest), 1
    if group == "linalg":
        return *jitted(logdet_and_inverse, jnp.asarray(worker.positive_definite(int(rest[1])))), 1
    if group in worker.SIZES:
        return *potential(group, *rest), 1
    if group in worker.FLOWS:
        return *flow(*worker.flow_workload(group, *rest)), 1
    if group == "d":
        return *transport(), 1
    if group == "e":
        return *gradient_network(rest[1]), 1
    raise Skip("not written for this peer")


if __name__ == "__main__":
    worker.serve("jax", jax.__version__, THREADS, prepare)
