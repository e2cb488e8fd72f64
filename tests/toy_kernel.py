"""A kernel for tests of what compiles and counts kernels."""

import triton
import triton.language as tl


@triton.jit
def repeated_product(w_ptr, h_ptr, steps, N: tl.constexpr):
    """Multiply a vector (N,) by a matrix (N, N) that stays in registers, `steps` times."""
    i = tl.arange(0, N)
    w = tl.load(w_ptr + i[:, None] * N + i[None, :])
    for t in range(steps):
        h = tl.load(h_ptr + t * N + i)
        tl.store(h_ptr + (t + 1) * N + i, tl.sum(h[:, None] * w, 0))


@triton.jit
def tile_product(x_ptr, w_ptr, y_ptr, N: tl.constexpr):
    """Multiply two matrices (N, N)."""
    i = tl.arange(0, N)
    place = i[:, None] * N + i[None, :]
    tl.store(y_ptr + place, tl.dot(tl.load(x_ptr + place), tl.load(w_ptr + place), input_precision="ieee"))
