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
