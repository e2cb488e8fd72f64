"""The gradients of all weights of a pack, as sums over a run's time steps and sequences, and their norms.

Each weight matrix has a gradient A^T D: A has a row for every time step and sequence (states, one-hot symbols, real
inputs, or ones for a bias), D the gradient of the sums there. A table says where A and D lie; each of its rows is one
tile of one gradient, and one launch makes all tiles of all runs. The rows of A and D are split into parts, whose sums
are added in a fixed order by the second kernel.
"""

from __future__ import annotations

import triton
import triton.language as tl

from rnnctl.kernels.gpu.blocks import block_product

# Kinds of A.
STATES, SYMBOLS, REALS, ONES = range(4)
# Columns of the table.
COLUMNS = (
    "kind", "a", "a_run", "a_row", "d", "d_run", "d_row", "out", "out_row", "first_row", "rows", "first_column",
    "columns", "last_step",
)  # fmt: skip
WIDTH = tl.constexpr(len(COLUMNS))
TILE_ROWS, TILE_COLUMNS, TILE_DEPTH = 32, 64, 32


@triton.jit
def products(
    arena_ptr, u_ptr, u_run, lengths_ptr, table_ptr, parts_ptr, weights, B, V,
    HAS_REALS: tl.constexpr, SPLIT: tl.constexpr, PRECISION: tl.constexpr,
    BK: tl.constexpr, BN: tl.constexpr, BM: tl.constexpr,
):  # fmt: skip
    """One tile of one gradient of one run, over one part of its rows. Grid: (tiles, parts, runs).

    arena_ptr: where A and D lie. u_ptr: symbols (T, B) or reals (T, B, V) of each run, u_run apart. parts_ptr: (R,
    SPLIT, weights), written.
    """
    tile, part, run = tl.program_id(0), tl.program_id(1), tl.program_id(2).to(tl.int64)
    entry = table_ptr + tile * WIDTH
    kind, a_at, a_run, a_row = tl.load(entry), tl.load(entry + 1), tl.load(entry + 2), tl.load(entry + 3)
    d_at, d_run, d_row = tl.load(entry + 4), tl.load(entry + 5), tl.load(entry + 6)
    out, out_row = tl.load(entry + 7), tl.load(entry + 8)
    k = tl.load(entry + 9) + tl.arange(0, BK)
    inside_k = k < tl.load(entry + 10)
    n = tl.load(entry + 11) + tl.arange(0, BN)
    inside_n = n < tl.load(entry + 12)
    last_step = tl.load(entry + 13)
    length = tl.load(lengths_ptr + run)
    many = tl.where(last_step != 0, tl.where(length > 0, B, 0), length * B)
    skipped = tl.where(last_step != 0, (length - 1) * B, 0)  # rows of A before its first
    a_ptr, d_ptr = arena_ptr + a_at + run * a_run, arena_ptr + d_at + run * d_run
    total = tl.zeros([BK, BN], parts_ptr.dtype.element_ty)
    for start in range(part * BM, many, SPLIT * BM):
        m = start + tl.arange(0, BM)
        live = m < many
        d = tl.load(d_ptr + m[:, None] * d_row + n[None, :], mask=live[:, None] & inside_n[None, :], other=0.0)
        if kind == 0:
            a = tl.load(
                a_ptr + (skipped + m)[None, :] * a_row + k[:, None], mask=inside_k[:, None] & live[None, :], other=0.0
            )
        elif kind == 3:
            a = tl.where(inside_k[:, None] & live[None, :], 1.0, 0.0).to(total.dtype)
        else:
            if HAS_REALS:
                a = tl.load(
                    u_ptr + run * u_run + (skipped + m)[None, :] * V + k[:, None],
                    mask=inside_k[:, None] & live[None, :],
                    other=0.0,
                )
            else:
                u = tl.load(u_ptr + run * u_run + skipped + m, mask=live, other=0).to(tl.int32)
                a = tl.where((u[None, :] == k[:, None]) & live[None, :], 1.0, 0.0).to(total.dtype)
        total = block_product(a, d, total, PRECISION)
    at = (run * SPLIT + part) * weights + out
    tl.store(parts_ptr + at + k[:, None] * out_row + n[None, :], total, mask=inside_k[:, None] & inside_n[None, :])


@triton.jit
def gather(
    parts_ptr, weights_ptr, recurrent_ptr, grads_ptr, squares_ptr, weights,
    SPLIT: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Add the parts of one block of a run's gradients. Grid: (blocks, runs).

    recurrent_ptr: for each weight, whether it belongs to a recurrent matrix. squares_ptr: (R, blocks, 2), written with
    the sums of squares of the block's gradients, and of its recurrent weights.
    """
    block, run = tl.program_id(0), tl.program_id(1).to(tl.int64)
    n = block * BLOCK + tl.arange(0, BLOCK)
    inside = n < weights
    total = tl.load(parts_ptr + run * SPLIT * weights + n, mask=inside, other=0.0)
    for part in range(1, SPLIT):
        total += tl.load(parts_ptr + (run * SPLIT + part) * weights + n, mask=inside, other=0.0)
    tl.store(grads_ptr + run * weights + n, total, mask=inside)
    recurrent = tl.load(recurrent_ptr + n, mask=inside, other=0) != 0
    w = tl.load(weights_ptr + run * weights + n, mask=inside & recurrent, other=0.0)
    at = squares_ptr + (run * tl.num_programs(0) + block) * 2
    tl.store(at, tl.sum(total * total, 0))
    tl.store(at + 1, tl.sum(w * w, 0))
