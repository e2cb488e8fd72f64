"""The gradients of all weights of a pack, as sums over a run's time steps and sequences, and their norms.

Each is a product A^T D. D has the gradient of the sums, a row for every time step and sequence. A has what these sums
are of, side by side: states, then the input (a one-hot symbol, or real numbers), then a one for the bias. So one
product gives the gradients of a recurrent matrix, an input matrix and a bias. A table says where A and D lie; each of
its rows is one tile of one product, and one launch makes all tiles of all runs. Time steps and sequences are split into
parts, whose sums are added in a fixed order by the second kernel.
"""

from __future__ import annotations

import triton
import triton.language as tl

from rnnctl.kernels.gpu.blocks import block_product

# Columns of the table. A: place of its states, distances of runs and rows, number of states, of inputs, of ones. D:
# place and distances. Gradients: places of those of states, inputs and bias, and the length of their rows. The tile:
# first row, first column, columns in all. Whether only the last step counts.
COLUMNS = (
    "a", "a_run", "a_row", "states", "inputs", "ones", "d", "d_run", "d_row", "of_states", "of_inputs", "of_bias",
    "length", "first", "column", "columns", "last_step",
)  # fmt: skip
WIDTH = tl.constexpr(len(COLUMNS))
# Rows and columns of a tile, and how many steps and sequences are multiplied at a time: as much as registers hold. The
# sums of float64 take more of them (see rnnctl.kernels.gpu.blocks.block_product).
TILES = {"float32": (64, 64, 16), "float64": (16, 32, 16)}


@triton.jit
def _count(entry):
    return tl.load(entry).to(tl.int32)


@triton.jit
def products(
    arena_ptr, u_ptr, u_run, lengths_ptr, table_ptr, parts_ptr, weights, B, V,
    HAS_REALS: tl.constexpr, SPLIT: tl.constexpr, PRECISION: tl.constexpr,
    BK: tl.constexpr, BN: tl.constexpr, BM: tl.constexpr,
):  # fmt: skip
    """One tile of one product of one run, over one part of its time steps and sequences. Grid: (tiles, parts, runs).

    arena_ptr: where A and D lie. u_ptr: symbols (T, B) or reals (T, B, V) of each run, u_run apart. parts_ptr: (R,
    SPLIT, weights), written.
    """
    tile, part, run = tl.program_id(0), tl.program_id(1), tl.program_id(2).to(tl.int64)
    entry = table_ptr + tile * WIDTH
    a_ptr = arena_ptr + tl.load(entry) + run * tl.load(entry + 1)
    a_row, states, inputs, ones = tl.load(entry + 2), _count(entry + 3), _count(entry + 4), _count(entry + 5)
    d_ptr, d_row = arena_ptr + tl.load(entry + 6) + run * tl.load(entry + 7), tl.load(entry + 8)
    first, columns, last_step = _count(entry + 13), _count(entry + 15), _count(entry + 16)
    k = first + tl.arange(0, BK)
    n = _count(entry + 14) + tl.arange(0, BN)
    length = tl.load(lengths_ptr + run)
    many = tl.where(last_step != 0, tl.where(length > 0, B, 0), length * B)
    skipped = tl.where(last_step != 0, tl.where(length > 0, (length - 1) * B, 0), 0)  # rows of A before its first
    u_ptr += run * u_run
    within = tl.arange(0, BM)
    total = tl.zeros([BK, BN], parts_ptr.dtype.element_ty)
    for start in range(part * BM, many, SPLIT * BM):
        live = within < many - start
        # Blocks begin at 64-bit places, and their rows are near.
        d_block, a_block = d_ptr + start * d_row, a_ptr + (skipped + start) * a_row
        d = tl.load(
            d_block + within[:, None] * d_row.to(tl.int32) + n[None, :],
            mask=live[:, None] & (n < columns)[None, :],
            other=0.0,
        )
        a = tl.load(
            a_block + within[None, :] * a_row.to(tl.int32) + k[:, None],
            mask=(k < states)[:, None] & live[None, :],
            other=0.0,
        )
        # Without a branch: around a part of a product's factor, the compiler would keep the factor in memory.
        v = k - states
        is_input = (v >= 0) & (v < inputs)
        if HAS_REALS:
            a += tl.load(
                u_ptr + (skipped + start + within)[None, :] * V + v[:, None],
                mask=is_input[:, None] & live[None, :],
                other=0.0,
            )
        else:
            u = tl.load(u_ptr + skipped + start + within, mask=live, other=0).to(tl.int32)
            a = tl.where((u[None, :] == v[:, None]) & is_input[:, None] & live[None, :], 1.0, a)
        one = (v >= inputs) & (v < inputs + ones)
        a = tl.where(one[:, None] & live[None, :], 1.0, a)
        total = block_product(a, d, total, PRECISION)
    of_inputs = tl.load(entry + 10) + (k - states) * tl.load(entry + 12)
    out = tl.where(
        k < states,
        tl.load(entry + 9) + k * tl.load(entry + 12),
        tl.where(k < states + inputs, of_inputs, tl.load(entry + 11)),
    )
    tl.store(
        parts_ptr + (run * SPLIT + part) * weights + out[:, None] + n[None, :],
        total,
        mask=(k < states + inputs + ones)[:, None] & (n < columns)[None, :],
    )


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
