"""The workloads of solvers as a user of PyTorch would write them."""

import math

import numpy
import torch

import torch_models as models
import worker
from torch_setup import COMPILE, DEVICE, GRAPHS, arrays, compiled, tensor
from worker import Skip


def divergence(blur, scaling, diameter):
    """GeomLoss on dense matrices if it is installed, otherwise its formula, with --compile by compiled iterations."""
    try:
        from geomloss import SamplesLoss
    except ImportError:
        SamplesLoss = None
    if SamplesLoss and not COMPILE:
        options = {"blur": blur, "scaling": scaling, "diameter": diameter, "backend": "tensorized"}
        return SamplesLoss("sinkhorn", p=2, **options)
    if GRAPHS:
        raise Skip("iterations have a state, which CUDA graphs would overwrite")
    iteration = torch.compile(models.sinkhorn_iteration) if COMPILE else models.sinkhorn_iteration
    return lambda x, y: models.sinkhorn_divergence(iteration, x, y, blur, scaling, diameter)


def sinkhorn(n, d):
    x, y = tensor(worker.POINTS, (n, d), 1.0, True), tensor(worker.TARGET, (n, d), 0.5)
    length = math.sqrt(d)
    loss = divergence(worker.SINKHORN_BLUR * length, worker.SINKHORN_SCALING, worker.SINKHORN_DIAMETER * length)

    def run():
        value = loss(x, y)
        return value, torch.autograd.grad(value, x)[0]

    return run, lambda: arrays(run())


def inversion(size, precision):
    """One L-BFGS on the sum of all rows, as published: strong Wolfe search, 100 pairs. The search fails on the rounding of
    that sum, at a residual of 3e-3 in float32 and 2e-7 in float64 for d43; then steps of length one take it to
    Brenier's tolerance. From the start they would do so sooner here, and up to five times later on steeper potentials."""
    if COMPILE:
        raise Skip("the same loop as torch")
    (batch, dim, units, layers), weights = worker.INVERSION[size], worker.INVERSION_WEIGHTS
    dtype, tolerance = {"f32": (numpy.float32, 1e-5), "f64": (numpy.float64, 1e-10)}[precision]
    shapes = worker.flow_shapes(dim, units, layers)
    p = [torch.from_numpy(q).to(DEVICE) for q in worker.parameters(shapes, dtype)]
    p[-1].fill_(weights["convex"])
    p[-2].fill_(math.log(math.expm1(weights["quadratic"])))
    y = torch.from_numpy(worker.array(worker.TARGET, (batch, dim), 1.7, dtype)).to(DEVICE)
    s = models.ACTIVATIONS["gaussian"]

    def run():
        x = y.clone().requires_grad_()
        options = {"max_iter": 1000, "tolerance_grad": tolerance, "tolerance_change": 0, "history_size": 100}
        optimiser = torch.optim.LBFGS([x], **options, line_search_fn="strong_wolfe")

        def closure():
            optimiser.zero_grad()
            loss = models.potential(s, p, x).sum() - (x * y).sum()
            loss.backward()
            return loss

        optimiser.step(closure)
        optimiser.param_groups[0]["line_search_fn"] = None
        optimiser.step(closure)
        return x

    return run, lambda: arrays([run()])


def logdet_and_inverse(a):
    factor = torch.linalg.cholesky(a)
    return 2 * factor.diagonal(dim1=-2, dim2=-1).log().sum(-1), torch.cholesky_inverse(factor)


def matrices(n):
    """Of the ways to the inverse the one through the factor is the fastest at every order."""
    a = torch.from_numpy(worker.positive_definite(n)).to(DEVICE)
    if COMPILE:
        return compiled(logdet_and_inverse, a)

    @torch.inference_mode()
    def run():
        return logdet_and_inverse(a)

    return run, lambda: arrays(run())
