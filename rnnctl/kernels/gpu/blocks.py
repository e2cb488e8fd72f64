"""Activations and products inside a kernel.

Products come in two forms. A small one takes a vector of states and a matrix that stays in registers for all time
steps. A large one takes a tile of sequences, and reads states and matrix block by block from memory.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def tanh(x):
    # Near 0 the quotient would lose the digits that 1 - e cancels; the series has none of that, and its next term is
    # below the precision of float64.
    e = tl.exp(-2 * tl.abs(x))
    far = (1 - e) / (1 + e)
    s = x * x
    near = 1 + s * (
        -1 / 3 + s * (2 / 15 + s * (-17 / 315 + s * (62 / 2835 + s * (-1382 / 155925 + s * (21844 / 6081075)))))
    )
    return tl.where(s < 0.01, x * near, tl.where(x < 0, -far, far))


@triton.jit
def sigmoid(x):
    return 1 / (1 + tl.exp(-x))


@triton.jit
def activate(x, NAME: tl.constexpr):
    """phi(x) for an activation of rnnctl.cells.base.activations."""
    if NAME == "tanh":
        y = tanh(x)
    elif NAME == "sigmoid":
        y = sigmoid(x)
    elif NAME == "relu":
        # A comparison that keeps NaN, so that a diverged run is seen as such.
        y = tl.where(x < 0, x * 0, x)
    else:
        y = x
    return y


@triton.jit
def slope(h, NAME: tl.constexpr):
    """phi' as a function of h = phi(x)."""
    if NAME == "tanh":
        y = 1 - h * h
    elif NAME == "sigmoid":
        y = h - h * h
    elif NAME == "relu":
        y = tl.where(h > 0, 1.0, 0.0).to(h.dtype)
    else:
        y = h * 0 + 1
    return y


@triton.jit
def load_matrix(w_ptr, row_stride, column_stride, H: tl.constexpr, HP: tl.constexpr):
    """Return an (H, H) matrix in registers, (HP, HP), zeros beyond it."""
    k = tl.arange(0, HP)
    inside = (k[:, None] < H) & (k[None, :] < H)
    return tl.load(w_ptr + k[:, None] * row_stride + k[None, :] * column_stride, mask=inside, other=0.0)


@triton.jit
def terms(x, w):
    """Return what has to be added up by `add_columns` for the product x w of a vector (HP,) and a matrix (HP, HP)."""
    # With a third axis, Triton gives each thread whole columns of w to add up. Without it, threads that share a column
    # have to add up between them, in every step, and that takes several times as long.
    return x[None, :, None] * w[None, :, :]


@triton.jit
def add_columns(products):
    """Return a product of a vector and a matrix from its terms, (HP,). Terms of several may be added before."""
    return tl.reshape(tl.sum(products, 1), [products.shape[2]])


@triton.jit
def times_matrix(x, w):
    """Return x w, (HP,), of a vector (HP,) and a matrix (HP, HP)."""
    return add_columns(terms(x, w))


@triton.jit
def load_matrices(w_ptr, apart, H: tl.constexpr, HP: tl.constexpr, MANY: tl.constexpr):
    """Return MANY matrices (H, H), `apart` from each other, side by side in registers, (HP, MANY, HP)."""
    k = tl.arange(0, HP)
    matrix = tl.arange(0, MANY)[None, :, None] * apart
    inside = (k[:, None, None] < H) & (k[None, None, :] < H)
    return tl.load(w_ptr + matrix + k[:, None, None] * H + k[None, None, :], mask=inside, other=0.0)


@triton.jit
def times_matrices(x, w):
    """Return the products of a vector (HP,) and matrices (HP, MANY, HP), (MANY, HP)."""
    # With one axis more than it takes: see `terms`.
    return tl.reshape(tl.sum(x[None, :, None, None] * w[None, :, :, :], 1), [w.shape[1], w.shape[2]])


@triton.jit
def as_factor(x, PRECISION: tl.constexpr):
    """Return a factor of a product as train.precision has it: rounded to a narrow type, or as it is."""
    if PRECISION == "bfloat16":
        y = x.to(tl.bfloat16)
    elif PRECISION == "float16":
        y = x.to(tl.float16)
    else:
        y = x
    return y


@triton.jit
def added(u_ptr, place, w_ptr, bias_ptr, units, inside, V, H: tl.constexpr, REALS: tl.constexpr):
    """Return what the input at a place adds to the sums of one sequence's units.

    u_ptr: symbols, or V real numbers a place. w_ptr: the input matrix, (V, H). bias_ptr: the bias, (H,).
    """
    total = tl.load(bias_ptr + units, mask=inside, other=0.0)
    if REALS:
        for v in range(V):
            total += tl.load(u_ptr + place * V + v) * tl.load(w_ptr + v * H + units, mask=inside, other=0.0)
    else:
        u = tl.load(u_ptr + place).to(tl.int32)
        total += tl.load(w_ptr + u * H + units, mask=inside, other=0.0)
    return total


@triton.jit
def added_tile(
    u_ptr, places, live, w_ptr, bias_ptr, units, inside, V, H: tl.constexpr, REALS: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """Return what the inputs at several places add to the sums of their sequences' units, (sequences, units)."""
    tile = live[:, None] & inside[None, :]
    total = tl.zeros([places.shape[0], units.shape[0]], w_ptr.dtype.element_ty)
    total += tl.load(bias_ptr + units, mask=inside, other=0.0)[None, :]
    if REALS:
        for v in range(V):
            u = as_factor(tl.load(u_ptr + places * V + v, mask=live, other=0.0), PRECISION)
            w = as_factor(tl.load(w_ptr + v * H + units, mask=inside, other=0.0), PRECISION)
            total += u.to(total.dtype)[:, None] * w.to(total.dtype)[None, :]
    else:
        u = tl.load(u_ptr + places, mask=live, other=0).to(tl.int32)
        total += tl.load(w_ptr + u[:, None] * H + units[None, :], mask=tile, other=0.0)
    return total


@triton.jit
def block_product(x, w, total, PRECISION: tl.constexpr):
    """Return total + x w of blocks (M, K) and (K, N). Float64, which tensor cores hardly have, is summed directly.
    Factors of a narrow type are multiplied by tensor cores, which add float32.
    """
    if x.dtype == tl.float64:
        result = total + tl.sum(x[:, :, None] * w[None, :, :], 1)
    elif PRECISION == "bfloat16" or PRECISION == "float16":
        result = tl.dot(as_factor(x, PRECISION), as_factor(w, PRECISION), total)
    else:
        result = tl.dot(x, w, total, input_precision=PRECISION)
    return result


@triton.jit
def add_product(
    total,
    x_ptr,
    rows,
    live,
    x_stride,
    w_ptr,
    row_stride,
    column_stride,
    width,
    columns,
    inside,
    BLOCK: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Return total + x w, block by block over the width of x.

    total: (M, N). x_ptr: rows of `x_stride` numbers, of which the first `width` count; rows, live: (M,). w_ptr: the
    matrix; columns, inside: (N,), which of its columns.
    """
    for start in range(0, width, BLOCK):
        k = start + tl.arange(0, BLOCK)
        known = k < width
        x = tl.load(x_ptr + rows[:, None] * x_stride + k[None, :], mask=live[:, None] & known[None, :], other=0.0)
        w = tl.load(
            w_ptr + k[:, None] * row_stride + columns[None, :] * column_stride,
            mask=known[:, None] & inside[None, :],
            other=0.0,
        )
        total = block_product(x, w, total, PRECISION)
    return total
