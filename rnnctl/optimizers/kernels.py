"""The steps of the optimizers inside a GPU kernel, in Triton.

Each gets the weights of a block, their gradients, where the block's entries lie in what the optimizer keeps (the next
slot is `weights` further), a mask, and where its numbers begin; it returns the new weights.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def sgd(w, g, kept_ptr, weights, inside, numbers_ptr):
    """Numbers: the rate."""
    return w - tl.load(numbers_ptr) * g


@triton.jit
def momentum(w, g, kept_ptr, weights, inside, numbers_ptr):
    """Numbers: the rate, momentum."""
    v = tl.load(numbers_ptr + 1) * tl.load(kept_ptr, mask=inside, other=0.0) + g
    tl.store(kept_ptr, v, mask=inside)
    return w - tl.load(numbers_ptr) * v


@triton.jit
def nesterov(w, g, kept_ptr, weights, inside, numbers_ptr):
    """Numbers: the rate, momentum."""
    share = tl.load(numbers_ptr + 1)
    v = share * tl.load(kept_ptr, mask=inside, other=0.0) + g
    tl.store(kept_ptr, v, mask=inside)
    return w - tl.load(numbers_ptr) * (g + share * v)


@triton.jit
def adam(w, g, kept_ptr, weights, inside, numbers_ptr):
    """Numbers: rate / (1 - beta1^t), sqrt(1 - beta2^t), beta1, beta2, 1 - beta1, 1 - beta2, epsilon."""
    rate, root = tl.load(numbers_ptr), tl.load(numbers_ptr + 1)
    beta1, beta2 = tl.load(numbers_ptr + 2), tl.load(numbers_ptr + 3)
    share1, share2, epsilon = tl.load(numbers_ptr + 4), tl.load(numbers_ptr + 5), tl.load(numbers_ptr + 6)
    m = beta1 * tl.load(kept_ptr, mask=inside, other=0.0) + share1 * g
    v = beta2 * tl.load(kept_ptr + weights, mask=inside, other=0.0) + share2 * (g * g)
    tl.store(kept_ptr, m, mask=inside)
    tl.store(kept_ptr + weights, v, mask=inside)
    return w - rate * m / (tl.sqrt(v) / root + epsilon)


@triton.jit
def adamw(w, g, kept_ptr, weights, inside, numbers_ptr):
    """Numbers: those of `adam`, and the share of a weight that is left by its decay."""
    return adam(w * tl.load(numbers_ptr + 7), g, kept_ptr, weights, inside, numbers_ptr)


@triton.jit
def rmsprop(w, g, kept_ptr, weights, inside, numbers_ptr):
    """Numbers: the rate, decay, 1 - decay, epsilon."""
    decay, share, epsilon = tl.load(numbers_ptr + 1), tl.load(numbers_ptr + 2), tl.load(numbers_ptr + 3)
    v = decay * tl.load(kept_ptr, mask=inside, other=0.0) + share * (g * g)
    tl.store(kept_ptr, v, mask=inside)
    return w - tl.load(numbers_ptr) * g / (tl.sqrt(v) + epsilon)


@triton.jit
def adagrad(w, g, kept_ptr, weights, inside, numbers_ptr):
    """Numbers: the rate, epsilon."""
    s = tl.load(kept_ptr, mask=inside, other=0.0) + g * g
    tl.store(kept_ptr, s, mask=inside)
    return w - tl.load(numbers_ptr) * g / (tl.sqrt(s) + tl.load(numbers_ptr + 1))
