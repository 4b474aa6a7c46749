"""What all PyTorch workloads share: the options of the worker, tensors by formula, and compiled functions."""

import sys

import torch

import worker

COMPILE, GRAPHS, PUBLISHED = (option in sys.argv for option in ("--compile", "--graphs", "--published"))
DEVICE = worker.device_option()


def tensor(stream, shape, scale, requires_grad=False):
    return torch.from_numpy(worker.array(stream, shape, scale)).to(DEVICE).requires_grad_(requires_grad)


def load(shapes, requires_grad):
    return [torch.from_numpy(p).to(DEVICE).requires_grad_(requires_grad) for p in worker.parameters(shapes)]


def arrays(results):
    return [r.detach().cpu().numpy() for r in results]


def compiled(function, *arguments):
    """(run, values) of a compiled function that returns a tensor or nested tuples of them."""
    fast = torch.compile(function, mode="reduce-overhead" if GRAPHS else None)

    @torch.inference_mode()
    def run():
        return fast(*arguments)

    return run, lambda: arrays(torch.utils._pytree.tree_leaves(run()))
