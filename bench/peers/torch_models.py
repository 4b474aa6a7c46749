"""The models of bench/workloads in PyTorch, as functions of a list of parameters in the order of the C++ visitors."""

import math

import torch
import torch.nn.functional as F

SQRT_HALF, INV_SQRT_2PI = math.sqrt(0.5), 1 / math.sqrt(2 * math.pi)


class _NormalCdf(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.special.ndtr(x)

    @staticmethod
    def backward(ctx, cotangent):
        (x,) = ctx.saved_tensors
        return cotangent * torch.exp(-0.5 * x * x) * INV_SQRT_2PI


class _GaussianSoftplus(torch.autograd.Function):
    """x Φ(x) + φ(x) with its slope Φ(x): 1.5 to 2 times faster in eager mode than letting autograd find the slope.
    gelu(x) is x Φ(x) in one kernel."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return F.gelu(x) + torch.exp(-0.5 * x * x) * INV_SQRT_2PI

    @staticmethod
    def backward(ctx, cotangent):
        (x,) = ctx.saved_tensors
        return cotangent * _NormalCdf.apply(x)


def gaussian_softplus_formula(x):
    """For torch.compile, which loses the second derivative of the class above inside nested torch.func.grad."""
    return x * (0.5 + 0.5 * torch.erf(x * SQRT_HALF)) + torch.exp(-0.5 * x * x) * INV_SQRT_2PI


ACTIVATIONS = {"gaussian": _GaussianSoftplus.apply, "logistic": F.softplus}
COMPILED_ACTIVATIONS = {"gaussian": gaussian_softplus_formula, "logistic": F.softplus}


def potential(s, p, x):
    """FlowPotential with activation s: [batch, dim] -> [batch, 1]."""

    def symmetrized(a):
        return s(a) - 0.5 * a

    z = symmetrized(F.linear(x, p[0], p[1]))
    for k in range(2, len(p) - 5, 8):
        raw, raw_bias, weight, bias, shift, log_scale, augment, augment_bias = p[k : k + 8]
        n = raw.shape[1]
        chain = F.linear(z, F.softplus(raw) * (1 / n), raw_bias * (1 / n)) + F.linear(x, weight, bias)
        chain = (chain + shift) * (torch.exp(log_scale) + 0.001)
        z = torch.cat([s(chain), symmetrized(F.linear(x, augment, augment_bias))], 1)
    raw, weight, log_scale, quadratic, convex = p[-5:]
    u = F.linear(z, F.softplus(raw) * (1 / raw.shape[1])) + F.linear(x, weight)
    u = u * (torch.exp(log_scale) + 0.001)
    return F.softplus(convex) * u + F.softplus(quadratic) * (0.5 * (x * x).sum(1, keepdim=True))
