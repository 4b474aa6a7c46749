"""The models of bench/workloads in JAX, as functions of a list of parameters in the order of the C++ visitors."""

import math

import jax
import jax.numpy as jnp

SQRT_HALF, INV_SQRT_2PI = math.sqrt(0.5), 1 / math.sqrt(2 * math.pi)


@jax.custom_jvp
def normal_cdf(x):
    return 0.5 + 0.5 * jax.lax.erf(x * SQRT_HALF)


@normal_cdf.defjvp
def _(primals, tangents):
    (x,) = primals
    return normal_cdf(x), tangents[0] * jnp.exp(-0.5 * x * x) * INV_SQRT_2PI


@jax.custom_jvp
def gaussian_softplus(x):
    """x Φ(x) + φ(x); its slope Φ(x) is told, not found."""
    return x * normal_cdf(x) + jnp.exp(-0.5 * x * x) * INV_SQRT_2PI


@gaussian_softplus.defjvp
def _(primals, tangents):
    (x,) = primals
    return gaussian_softplus(x), tangents[0] * normal_cdf(x)


ACTIVATIONS = {"gaussian": gaussian_softplus, "logistic": jax.nn.softplus}


def potential(s, p, x):
    """The potential of a flow with activation s: [batch, dim] -> [batch, 1]."""

    def symmetrized(a):
        return s(a) - 0.5 * a

    z = symmetrized(x @ p[0].T + p[1])
    for k in range(2, len(p) - 5, 8):
        raw, raw_bias, weight, bias, shift, log_scale, augment, augment_bias = p[k : k + 8]
        n = raw.shape[1]
        chain = z @ (jax.nn.softplus(raw) / n).T + raw_bias / n + x @ weight.T + bias
        chain = (chain + shift) * (jnp.exp(log_scale) + 0.001)
        z = jnp.concatenate([s(chain), symmetrized(x @ augment.T + augment_bias)], 1)
    raw, weight, log_scale, quadratic, convex = p[-5:]
    u = (z @ (jax.nn.softplus(raw) / raw.shape[1]).T + x @ weight.T) * (jnp.exp(log_scale) + 0.001)
    return jax.nn.softplus(convex) * u + jax.nn.softplus(quadratic) * (0.5 * (x * x).sum(1, keepdims=True))


def conjugate_gradients(matvec, v, first, iterations):
    """For each row, from z = 0; `first` is H v."""
    residual = direction = v
    product, z = first, 0
    squared = (residual * residual).sum(1, keepdims=True)
    for i in range(iterations):
        alpha = squared / (direction * product).sum(1, keepdims=True)
        z = z + alpha * direction
        if i + 1 == iterations:
            break
        residual = residual - alpha * product
        following = (residual * residual).sum(1, keepdims=True)
        direction = residual + following / squared * direction
        squared = following
        product = matvec(direction)
    return z


def flow_loss(u, x, v, iterations):
    """Surrogate loss of a flow with potential u; the first product is the one of conjugate gradients too."""
    f, product = jax.linearize(jax.grad(lambda q: u(q).sum()), x)
    first = product(v)
    z = jax.lax.stop_gradient(conjugate_gradients(product, v, first, iterations))
    constant = 0.5 * x.shape[1] * math.log(2 * math.pi)
    return constant + (0.5 * (f * f).sum() - (z * first).sum()) / x.shape[0]


def cascaded(p, x):
    """CascadedNetwork: [batch, dim] -> [batch, dim]."""
    w, v, first, *biases, last = p
    wx = x @ w.T
    z = wx + first
    for bias in biases:
        z = wx + jnp.tanh(z) + bias
    return jnp.tanh(z) @ w + x @ v.T @ v + last


def transport_cost(x, y, epsilon, iterations):
    cost = (x * x).sum(1, keepdims=True) + (y * y).sum(1) - 2 * x @ y.T
    scores = cost / -epsilon
    log_n, log_m = math.log(x.shape[0]), math.log(y.shape[0])

    def iterate(carry, _):
        f = -log_n - jax.nn.logsumexp(scores + carry[1], 1, keepdims=True)
        g = -log_m - jax.nn.logsumexp(scores + f, 0, keepdims=True)
        return (f, g), None

    start = jnp.zeros((x.shape[0], 1), x.dtype), jnp.zeros((1, y.shape[0]), x.dtype)
    (f, g), _ = jax.lax.scan(iterate, start, None, length=iterations)
    return (jnp.exp(scores + f + g) * cost).sum()


def midpoints(x, nodes):
    """Every row of x times every node: [nodes, batch, dim]."""
    return ((jnp.arange(nodes, dtype=jnp.float32) + 0.5) / nodes)[:, None, None] * x


def closed_form_map(p, x, nodes):
    weight, bias = p
    projected = x @ weight.T
    y = jax.nn.sigmoid(midpoints(projected, nodes) + bias)
    return (((y * (1 - y)) ** 2).mean(0) * projected) @ weight


def quadrature_map(p, x, nodes):
    points = midpoints(x, nodes)

    def hidden(q):
        return jax.nn.sigmoid(q @ p[0].T + p[1])

    _, pushed = jax.jvp(hidden, (points,), (jnp.broadcast_to(x, points.shape),))
    return jax.vjp(hidden, points)[1](pushed)[0].mean(0)


def adam(state, gradients, rate, beta1, beta2, epsilon):
    """(steps, parameters, means, mean squares) after one more step."""
    steps, p, means, squares = state
    steps = steps + 1
    correction1, correction2 = -jnp.expm1(steps * math.log(beta1)), -jnp.expm1(steps * math.log(beta2))
    means = [beta1 * m + (1 - beta1) * g for m, g in zip(means, gradients)]
    squares = [beta2 * s + (1 - beta2) * g * g for s, g in zip(squares, gradients)]
    p = [q - rate / correction1 * m / (jnp.sqrt(s / correction2) + epsilon) for q, m, s in zip(p, means, squares)]
    return steps, p, means, squares
