"""PyTorch as a worker (bench/workloads/worker.h): eager, or with --compile the whole step through torch.compile.

AOT autograd cannot differentiate a compiled function twice, so with --compile the derivatives are taken inside, by
torch.func. Settings that were found to be best on x86 are made here and in bench/compare.py: one thread pool, the
C++ wrapper of inductor, denormals flushed. On a GPU products are in float32, without TF32, and times end when the
device is done; --graphs compiles to CUDA graphs, which suits functions without a state. --published makes the steps of
convex potential flows by the algorithm in the paper: it starts elsewhere and makes two more products, and on these
workloads, where two iterations are enough from both starts, the losses are the same to rounding.
usage: torch_peer.py [--threads N] [--device cpu|cuda] [--compile [--graphs]] [--published]
"""

import logging
import math
import sys
import warnings

import torch
import torch.nn.functional as F

import torch_models as models
import worker
from torch_setup import COMPILE, DEVICE, GRAPHS, PUBLISHED, arrays, compiled, load, tensor
from torch_solvers import divergence, inversion, matrices, sinkhorn
from worker import Skip


class Potential:
    """b1 to b4."""

    def __init__(self, size, activation):
        batch, dim, units, layers = worker.SIZES[size]
        self.s = (models.COMPILED_ACTIVATIONS if COMPILE else models.ACTIVATIONS)[activation]
        self.p = load(worker.flow_shapes(dim, units, layers), not COMPILE)
        self.x = tensor(worker.POINTS, (batch, dim), 1.7, not COMPILE)
        self.t = tensor(worker.TARGET, (batch, dim), 1.7)
        self.v = tensor(worker.DIRECTION, (batch, dim), 1.0)

    def u(self, p, x):
        return models.potential(self.s, p, x)

    def gradient(self, p, x):
        return torch.func.grad(lambda q: self.u(p, q).sum())(x)

    def eager(self, operation):
        p, x, t, v = self.p, self.x, self.t, self.v

        def forward():
            with torch.inference_mode():
                return (self.u(p, x),)

        def grad_x():
            return torch.autograd.grad(self.u(p, x).sum(), x)

        recorded = torch.autograd.grad(self.u(p, x).sum(), x, create_graph=True)[0] if operation == "hvp" else None

        def hvp():
            return torch.autograd.grad(recorded, x, v, retain_graph=True)

        def double_backward():
            (gradient,) = torch.autograd.grad(self.u(p, x).sum(), x, create_graph=True)
            loss = F.mse_loss(gradient, t)
            return (loss, *torch.autograd.grad(loss, p))

        run = {"forward": forward, "grad_x": grad_x, "hvp": hvp, "double_backward": double_backward}[operation]
        return run, lambda: arrays(run())

    def compiled(self, operation):
        if operation == "forward":
            return compiled(self.u, self.p, self.x)
        if operation == "grad_x":
            return compiled(self.gradient, self.p, self.x)
        if operation == "hvp":
            _, product = torch.func.linearize(lambda q: self.gradient(self.p, q), self.x)
            return compiled(product, self.v)

        def loss(p, x, t):
            value = F.mse_loss(self.gradient(p, x), t)
            return value, value

        step = torch.func.grad(loss, has_aux=True)
        return compiled(lambda p, x, t: step(p, x, t)[::-1], self.p, self.x, self.t)


def train(shapes, rate, loss):
    """(run, values) of Adam on loss(parameters); with --compile the step is one function of its state."""

    if GRAPHS:
        raise Skip("a training step has a state, which CUDA graphs would overwrite")

    def start_eagerly():
        p = load(shapes, True)
        optimiser = torch.optim.Adam(p, lr=rate, betas=(worker.BETA1, worker.BETA2), eps=worker.EPSILON, fused=True)

        def step():
            value = loss(p)
            optimiser.zero_grad(set_to_none=True)
            value.backward()
            optimiser.step()
            return value.detach()

        return step

    def whole_step(state):
        gradients, value = torch.func.grad_and_value(loss)(state[1])
        return value, models.adam(state, gradients, rate, worker.BETA1, worker.BETA2, worker.EPSILON)

    fast = torch.compile(whole_step)

    def start_compiled():
        p = load(shapes, False)
        state = torch.zeros(1, device=DEVICE), p, [torch.zeros_like(q) for q in p], [torch.zeros_like(q) for q in p]

        @torch.inference_mode()
        def step():
            nonlocal state
            value, state = fast(state)
            return value

        return step

    run, losses = worker.training(start_compiled if COMPILE else start_eagerly)
    return run, lambda: arrays(losses())


def flow(size, activation, estimator, blocks):
    """A step with `estimator` iterations of conjugate gradients, or with the exact log-determinant if it is 0."""
    if estimator == 0 and COMPILE:
        raise Skip("written for eager torch only")
    batch, dim, units, layers = worker.SIZES[size]
    potential = Potential(size, activation)
    x, v = potential.x, torch.sign(potential.v)
    shapes = worker.flow_shapes(dim, units, layers)
    surrogate = models.published_surrogate if PUBLISHED else models.surrogate

    def recorded_block(p, x):
        (f,) = torch.autograd.grad(potential.u(p, x).sum(), x, create_graph=True)

        def product(t, further):
            return torch.autograd.grad(f, x, t, create_graph=further, retain_graph=True)[0]

        if estimator == 0:
            basis = torch.eye(dim, device=DEVICE)
            return f, models.logdet([product(e.expand_as(f), True) for e in basis])
        return f, surrogate(product, v, estimator)

    def functional_block(p, x):
        f, pull = torch.func.vjp(lambda q: potential.gradient(p, q), x)
        return f, surrogate(lambda t, further: pull(t)[0], v, estimator)

    def loss(p):
        block = functional_block if COMPILE else recorded_block
        z, term = x, 0
        for k in range(blocks):
            z, further = block(p[k * len(shapes) : (k + 1) * len(shapes)], z)
            term = term + further
        return models.flow_loss(z, term)

    return train(shapes * blocks, worker.FLOW_RATE, loss)


def transport():
    sizes = worker.TRANSPORT
    x = tensor(worker.POINTS, (sizes["batch"], sizes["dim"]), 1.7)
    y = tensor(worker.TARGET, (sizes["batch"], sizes["dim"]), 0.5)

    def loss(p):
        return models.transport_cost(models.cascaded(p, x), y, worker.TRANSPORT_EPSILON, worker.TRANSPORT_ITERATIONS)

    shapes = worker.cascaded_shapes(sizes["dim"], sizes["units"], sizes["layers"])
    return train(shapes, worker.TRANSPORT_RATE, loss)


def coupling(size):
    """A step by GeomLoss. Inductor was still compiling the iterations of one whole step after a quarter of an hour."""
    if COMPILE:
        raise Skip("written for eager torch only")
    batch, dim, units, layers, rank = worker.COUPLINGS[size]
    x, y = tensor(worker.POINTS, (batch, dim), 1.7), tensor(worker.TARGET, (batch, dim), 1.0)
    sinkhorn_loss = divergence(
        worker.COUPLING_BLUR[size], worker.COUPLING_SCALING, worker.COUPLING_DIAMETER * math.sqrt(dim)
    )

    def loss(p):
        w, *biases, v, last = p
        return sinkhorn_loss(models.cascaded([w, v, *biases, last], x), y)

    return train(worker.coupling_shapes(dim, units, layers, rank), worker.COUPLING_RATE, loss)


def gradient_network(integral):
    sizes = worker.NETWORK
    x = tensor(worker.POINTS, (sizes["batch"], sizes["dim"]), 1.7)
    y = tensor(worker.TARGET, (sizes["batch"], sizes["dim"]), 1.0)
    by_sweeps = models.functional_quadrature_map if COMPILE else models.recorded_quadrature_map
    network = models.closed_form_map if integral == "closed_form" else by_sweeps
    shapes = [(sizes["units"], sizes["dim"]), (sizes["units"],)]
    return train(shapes, worker.NETWORK_RATE, lambda p: F.mse_loss(network(p, x, worker.NETWORK_NODES), y))


def operation(name, size, form):
    """A chain of a hundred operations."""
    if COMPILE != (form == "replay"):
        raise Skip("torch replays with --compile, and only then")
    shape = tuple(int(n) for n in size.split("x"))
    x, y = tensor(worker.POINTS, shape, 1.0, form in ("recorded", "gradient")), tensor(worker.TARGET, shape, 0.01)
    unary = {"exp": torch.exp, "erf": torch.erf, "softplus": F.softplus}.get(name)

    def chain(x, y):
        for _ in range(worker.CHAIN):
            x = unary(y) if unary else x + y
        return x

    def gradient():
        return torch.autograd.grad(chain(x, y).sum(), x)[0]

    @torch.inference_mode()
    def evaluated():
        return chain(x, y)

    if form == "replay":
        return compiled(chain, x, y)
    run = {"evaluated": evaluated, "recorded": lambda: chain(x, y), "gradient": gradient}[form]
    return run, lambda: arrays([run()])


def product(dtype, form, size):
    if COMPILE:
        raise Skip("the same product as torch")
    a, b = (torch.from_numpy(factor).to(DEVICE) for factor in worker.factors(dtype, form, size))
    a, b = a.T if form == "tn" else a, b.T if form == "nt" else b

    @torch.inference_mode()
    def run():
        return torch.mm(a, b)

    return run, lambda: arrays([run()])


def prepare(name):
    torch.compiler.reset()
    group, *rest = name.split("/")
    if PUBLISHED and (group not in worker.FLOWS or rest[-1] == "exact"):
        raise Skip("the same computation as torch")
    if group == "a":
        return *operation(*rest), worker.CHAIN
    if group == "gemm":
        return *product(*rest), 1
    if group == "linalg":
        return *matrices(int(rest[1])), 1
    if group in worker.SIZES:
        activation, what = rest
        workload = Potential(group, activation)
        return *(workload.compiled(what) if COMPILE else workload.eager(what)), 1
    if group in worker.FLOWS:
        return *flow(*worker.flow_workload(group, *rest)), 1
    if group == "inversion":
        return *inversion(*rest), 1
    if group == "d":
        return *transport(), 1
    if group in worker.COUPLINGS:
        return *coupling(group), 1
    if group == "sinkhorn":
        return *sinkhorn(*(int(size) for size in rest)), 1
    if group == "e":
        return *gradient_network(rest[1]), 1
    raise Skip("not written for this peer")


if __name__ == "__main__":
    threads, finish = worker.threads_option(), lambda: None
    if DEVICE == "cuda":
        if not torch.cuda.is_available():
            sys.exit("no CUDA device")
        torch.backends.cuda.matmul.allow_tf32 = False
        finish = torch.cuda.synchronize
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    if COMPILE:
        import torch._inductor.config

        torch._inductor.config.cpp_wrapper = DEVICE == "cpu"
        warnings.filterwarnings("ignore")
        logging.disable(logging.WARNING)
    name = "torch.graphs" if GRAPHS else "torch.compile" if COMPILE else "torch"
    worker.serve("torch.published" if PUBLISHED else name, torch.__version__, threads, prepare, finish)
