"""PyTorch as a worker (bench/workloads/worker.h): eager, or with --compile the whole step through torch.compile.

AOT autograd cannot differentiate a compiled function twice, so with --compile the derivatives are taken inside, by
torch.func. Settings that were found to be best on x86 are made here and in bench/compare.py: one thread pool, the
C++ wrapper of inductor, denormals flushed.
usage: torch_peer.py [--threads N] [--compile]
"""

import logging
import sys
import warnings

import torch
import torch.nn.functional as F

import torch_models as models
import worker
from worker import Skip

COMPILE = "--compile" in sys.argv


def tensor(stream, shape, scale, requires_grad=False):
    return torch.from_numpy(worker.array(stream, shape, scale)).requires_grad_(requires_grad)


def load(shapes, requires_grad):
    return [torch.from_numpy(p).requires_grad_(requires_grad) for p in worker.parameters(shapes)]


def arrays(results):
    return [r.detach().numpy() for r in results]


def compiled(function, *arguments):
    """(run, values) of a compiled function that returns a tensor or nested tuples of them."""
    fast = torch.compile(function)

    @torch.inference_mode()
    def run():
        return fast(*arguments)

    return run, lambda: arrays(torch.utils._pytree.tree_leaves(run()))


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


def prepare(name):
    torch.compiler.reset()
    group, *rest = name.split("/")
    if group in worker.SIZES:
        activation, operation = rest
        workload = Potential(group, activation)
        run, values = workload.compiled(operation) if COMPILE else workload.eager(operation)
        return run, values, 1
    raise Skip("not written for this peer")


if __name__ == "__main__":
    threads = worker.threads_option()
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    if COMPILE:
        import torch._inductor.config

        torch._inductor.config.cpp_wrapper = True
        warnings.filterwarnings("ignore")
        logging.disable(logging.WARNING)
    worker.serve("torch.compile" if COMPILE else "torch", torch.__version__, threads, prepare)
