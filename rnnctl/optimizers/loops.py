"""Updates in one pass over the weights. By operations of torch, Adam needs seven, which take longer than the products
of a small network.
"""

from __future__ import annotations

import math

from rnnctl.kernels.compiled import kernel


@kernel
def adam(gradient_N, weights_N, m_N, v_N, scale, beta1, beta2, epsilon, step, root):
    """Update weights and moments in place by the gradient times `scale`.

    step: rate / (1 - beta1^t). root: sqrt(1 - beta2^t).
    """
    # Scalars in the precision of the weights: a Python float would turn the arithmetic into float64.
    kind = weights_N.dtype.type
    stay1, stay2, share1, share2 = kind(beta1), kind(beta2), kind(1 - beta1), kind(1 - beta2)
    factor, rate, spread, least = kind(scale), kind(step), kind(1 / root), kind(epsilon)
    for j in range(weights_N.size):
        g = gradient_N[j] * factor
        m_N[j] = stay1 * m_N[j] + share1 * g
        v_N[j] = stay2 * v_N[j] + share2 * (g * g)
        weights_N[j] -= rate * m_N[j] / (math.sqrt(v_N[j]) * spread + least)


@kernel
def rmsprop(gradient_N, weights_N, v_N, scale, decay, epsilon, step):
    """Update weights and the mean of squared gradients in place by the gradient times `scale`. step: the rate."""
    kind = weights_N.dtype.type
    stay, share = kind(decay), kind(1 - decay)
    factor, rate, least = kind(scale), kind(step), kind(epsilon)
    for j in range(weights_N.size):
        g = gradient_N[j] * factor
        v_N[j] = stay * v_N[j] + share * (g * g)
        weights_N[j] -= rate * g / (math.sqrt(v_N[j]) + least)


@kernel
def adagrad(gradient_N, weights_N, sum_N, scale, epsilon, step):
    """Update weights and the sum of squared gradients in place by the gradient times `scale`. step: the rate."""
    kind = weights_N.dtype.type
    factor, rate, least = kind(scale), kind(step), kind(epsilon)
    for j in range(weights_N.size):
        g = gradient_N[j] * factor
        sum_N[j] += g * g
        weights_N[j] -= rate * g / (math.sqrt(sum_N[j]) + least)
