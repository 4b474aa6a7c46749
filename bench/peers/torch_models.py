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
    """The potential of a flow with activation s: [batch, dim] -> [batch, 1]."""

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


def flow_loss(f, surrogate):
    """-mean(ln N(f) + surrogate) over the rows."""
    constant = 0.5 * f.shape[1] * math.log(2 * math.pi)
    return constant + (0.5 * (f * f).sum() - surrogate.sum()) / f.shape[0]


def surrogate(product, v, iterations):
    """From the Hessian product; product(t, further) may be differentiated again only if `further`. The first product
    is the one of conjugate gradients too."""
    first = product(v, True)
    z = conjugate_gradients(lambda t: product(t, False), v, first.detach(), iterations).detach()
    return z * first


def published_surrogate(product, v, iterations):
    """Algorithm 2 as published: conjugate gradients from z = v, and one more product with what they find."""
    residual = v - product(v, False)
    z = conjugate_gradients(lambda t: product(t, False), residual, product(residual, False), iterations)
    return product((v + z).detach(), True) * v


def conjugate_gradients(matvec, v, first, iterations):
    """For each row, from z = 0; `first` is H v."""
    residual = direction = v
    product, z = first, 0
    squared = (residual * residual).sum(1, keepdim=True)
    for i in range(iterations):
        alpha = squared / (direction * product).sum(1, keepdim=True)
        z = z + alpha * direction
        if i + 1 == iterations:
            break
        residual = residual - alpha * product
        following = (residual * residual).sum(1, keepdim=True)
        direction = residual + following / squared * direction
        squared = following
        product = matvec(direction)
    return z


def logdet(columns):
    """ln det of the matrices whose columns, or rows, these are."""
    factor = torch.linalg.cholesky(torch.stack(columns, 1))
    return 2 * factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def cascaded(p, x):
    """CascadedNetwork: [batch, dim] -> [batch, dim]."""
    w, v, first, *biases, last = p
    wx = F.linear(x, w)
    z = wx + first
    for bias in biases:
        z = wx + torch.tanh(z) + bias
    return torch.tanh(z) @ w + F.linear(x, v) @ v + last


def transport_cost(x, y, epsilon, iterations):
    cost = (x * x).sum(1, keepdim=True) + (y * y).sum(1) - 2 * x @ y.T
    scores = cost / -epsilon
    log_n, log_m = math.log(x.shape[0]), math.log(y.shape[0])
    g = torch.zeros(1, y.shape[0], device=y.device)
    for _ in range(iterations):
        f = -log_n - torch.logsumexp(scores + g, 1, keepdim=True)
        g = -log_m - torch.logsumexp(scores + f, 0, keepdim=True)
    return (torch.exp(scores + f + g) * cost).sum()


def softmin(epsilon, cost, h):
    return -epsilon * torch.logsumexp(h - cost / epsilon, 1)


def sinkhorn_iteration(epsilon, costs, log_weights, potentials):
    """Averaged updates of f, g and the two self terms; costs are those of xy, yx, xx, yy."""
    (a, b), (f, g, fx, gy) = log_weights, potentials
    columns = (b + g / epsilon, a + f / epsilon, a + fx / epsilon, b + gy / epsilon)
    return tuple(0.5 * (p + softmin(epsilon, c, h)) for p, c, h in zip(potentials, costs, columns))


def sinkhorn_divergence(iteration, x, y, blur, scaling, diameter):
    """What GeomLoss computes; `iteration` is sinkhorn_iteration, possibly compiled."""

    def cost(p, q):
        return 0.5 * ((p * p).sum(1, keepdim=True) + (q * q).sum(1)) - p @ q.T

    steps = math.ceil(math.log(blur / diameter) / math.log(scaling))
    schedule = [diameter, *(diameter * scaling**k for k in range(steps)), blur]
    log_weights = [torch.full((len(p),), -math.log(len(p)), device=p.device) for p in (x, y)]
    a, b = log_weights
    with torch.no_grad():
        costs = (cost(x, y), cost(y, x), cost(x, x), cost(y, y))
        first = schedule[0] ** 2
        potentials = tuple(softmin(first, c, h) for c, h in zip(costs, (b, a, a, b)))
        for length in schedule:
            epsilon = torch.tensor(length**2, device=x.device)
            potentials = iteration(epsilon, costs, log_weights, potentials)
    f, g, fx, gy = potentials
    e, xc, yc = blur**2, x.detach(), y.detach()
    value = softmin(e, cost(x, yc), b + g / e).mean() - softmin(e, cost(x, xc), a + fx / e).mean()
    return value + softmin(e, cost(y, xc), a + f / e).mean() - softmin(e, cost(y, yc), b + gy / e).mean()


def midpoints(x, nodes):
    """Every row of x times every node: [nodes, batch, dim]."""
    return ((torch.arange(nodes, dtype=torch.float32, device=x.device) + 0.5) / nodes)[:, None, None] * x


def closed_form_map(p, x, nodes):
    weight, bias = p
    projected = x @ weight.T
    y = torch.sigmoid(midpoints(projected, nodes) + bias)
    return ((y * (1 - y)).square().mean(0) * projected) @ weight


def recorded_quadrature_map(p, x, nodes):
    """Jacobian products by autograd; the tangent product is the cotangent map differentiated in its cotangent."""
    points = midpoints(x, nodes).requires_grad_()
    y = torch.sigmoid(F.linear(points, *p))
    cotangent = torch.zeros_like(y, requires_grad=True)
    (pulled,) = torch.autograd.grad(y, points, cotangent, create_graph=True)
    (pushed,) = torch.autograd.grad(pulled, cotangent, x.expand_as(points), create_graph=True)
    return torch.autograd.grad(y, points, pushed, create_graph=True)[0].mean(0)


def functional_quadrature_map(p, x, nodes):
    points = midpoints(x, nodes)

    def hidden(q):
        return torch.sigmoid(F.linear(q, *p))

    _, pushed = torch.func.jvp(hidden, (points,), (x.expand_as(points),))
    return torch.func.vjp(hidden, points)[1](pushed)[0].mean(0)


def adam(state, gradients, rate, beta1, beta2, epsilon):
    """(steps, parameters, means, mean squares) after one more step."""
    steps, p, means, squares = state
    steps = steps + 1
    correction1, correction2 = -torch.expm1(steps * math.log(beta1)), -torch.expm1(steps * math.log(beta2))
    means = [beta1 * m + (1 - beta1) * g for m, g in zip(means, gradients)]
    squares = [beta2 * s + (1 - beta2) * g * g for s, g in zip(squares, gradients)]
    p = [q - rate / correction1 * m / (torch.sqrt(s / correction2) + epsilon) for q, m, s in zip(p, means, squares)]
    return steps, p, means, squares
