"""The gradients of all weights of a pack, as sums over a run's time steps and sequences, and their norms.

Each is a product A^T D. D has the gradient of the sums, a row for every time step and sequence, and A what the weight
was multiplied by there: states, or the input (a one-hot symbol, or real numbers) and a one for the bias. A table says
where A and D lie; each of its rows is one tile of one product, and one launch makes all tiles of all runs. Networks of
several kinds have a part of the table each, which rows of zeros fill up: those are no tiles. Time steps and sequences
are split too, into parts whose sums are added in a fixed order by the second kernel.

Where the factors of products are rounded to a narrow type, the gradient of a bias is the sum of slopes that are not
rounded. Beside symbols they are rounded: there it is the sum of the gradients of all symbols, as in
rnnctl.cells.base.tape.
"""

from __future__ import annotations

import triton
import triton.language as tl

from rnnctl.kernels.gpu.blocks import block_product

# Columns of the table. A: place of its states, distances of runs and rows, number of states; or, without states, number
# of inputs and of ones. D: place and distances. Gradients: places of those of states or inputs and of the bias, and the
# length of their rows. The tile: first row, first column, columns in all. Whether only the last step counts.
COLUMNS = (
    "a", "a_run", "a_row", "states", "inputs", "ones", "d", "d_run", "d_row", "out", "of_bias", "length", "first",
    "column", "columns", "last_step",
)  # fmt: skip
WIDTH = tl.constexpr(len(COLUMNS))
# Rows and columns of a tile, and how many steps and sequences are multiplied at a time: as much as registers hold. The
# sums of float64 take more of them (see rnnctl.kernels.gpu.blocks.block_product).
TILES = {"float32": (64, 64, 16), "float64": (16, 32, 16)}
TURNED = 32  # rows and columns of the blocks that are transposed
FEW = 16  # rows of a tile of inputs, where they are few
# What the guard shrinks, and what nothing changes: a recurrent weight that is frozen is FROZEN.
RECURRENT, FROZEN = 1, 2


@triton.jit
def _count(entry):
    return tl.load(entry).to(tl.int32)


@triton.jit
def products(
    arena_ptr, u_ptr, u_run, lengths_ptr, kinds_ptr, table_ptr, parts_ptr, weights, B, V,
    HAS_REALS: tl.constexpr, SPLIT: tl.constexpr, PRECISION: tl.constexpr,
    BK: tl.constexpr, BI: tl.constexpr, BN: tl.constexpr, BM: tl.constexpr,
):  # fmt: skip
    """One tile of one product of one run, over one part of its time steps and sequences. Grid: (tiles, parts, runs).

    arena_ptr: where A and D lie. u_ptr: symbols (T, B) or reals (T, B, V) of each run, u_run apart. kinds_ptr: which
    part of the table each run has. parts_ptr: (R, SPLIT, weights), written. BK, BI: rows of a tile of states, and of
    inputs. BN: columns.
    """
    ROUNDED: tl.constexpr = PRECISION == "bfloat16" or PRECISION == "float16"
    tile, part, run = tl.program_id(0), tl.program_id(1), tl.program_id(2).to(tl.int64)
    entry = table_ptr + (tl.load(kinds_ptr + run) * tl.num_programs(0) + tile) * WIDTH
    states, inputs, ones = _count(entry + 3), _count(entry + 4), _count(entry + 5)
    d_ptr, d_row = arena_ptr + tl.load(entry + 6) + run * tl.load(entry + 7), tl.load(entry + 8)
    out_ptr = parts_ptr + (run * SPLIT + part) * weights
    out, of_bias, row = tl.load(entry + 9), tl.load(entry + 10), tl.load(entry + 11)
    first, columns, last_step = _count(entry + 12), _count(entry + 14), _count(entry + 15)
    n = _count(entry + 13) + tl.arange(0, BN)
    length = tl.load(lengths_ptr + run)
    many = tl.where(last_step != 0, tl.where(length > 0, B, 0), length * B)
    many = tl.where(columns > 0, many, 0)
    skipped = tl.where(last_step != 0, tl.where(length > 0, (length - 1) * B, 0), 0)  # rows of A before its first
    within = tl.arange(0, BM)
    near_d = within[:, None] * d_row.to(tl.int32) + n[None, :]
    # Two loops: what goes straight from memory into a product is fetched while the one before it is made.
    if states > 0:
        a_ptr, a_row = arena_ptr + tl.load(entry) + run * tl.load(entry + 1), tl.load(entry + 2)
        k = first + tl.arange(0, BK)
        near_a = within[None, :] * a_row.to(tl.int32) + k[:, None]
        total = tl.zeros([BK, BN], parts_ptr.dtype.element_ty)
        for start in range(part * BM, many, SPLIT * BM):
            live = within < many - start
            # Blocks begin at 64-bit places, and their rows are near.
            d = tl.load(d_ptr + start * d_row + near_d, mask=live[:, None] & (n < columns)[None, :], other=0.0)
            a = tl.load(
                a_ptr + (skipped + start) * a_row + near_a, mask=(k < states)[:, None] & live[None, :], other=0.0
            )
            total = block_product(a, d, total, PRECISION)
        tl.store(
            out_ptr + (out + k * row)[:, None] + n[None, :], total, mask=(k < states)[:, None] & (n < columns)[None, :]
        )
    else:
        u_ptr += run * u_run
        v = first + tl.arange(0, BI)
        one = (v >= inputs) & (v < inputs + ones)
        unrounded = one & (HAS_REALS | (inputs == 0))
        of_ones = tl.zeros([BN], parts_ptr.dtype.element_ty)
        sums = tl.zeros([BI, BN], parts_ptr.dtype.element_ty)
        for start in range(part * BM, many, SPLIT * BM):
            alive = within < many - start
            dx = tl.load(d_ptr + start * d_row + near_d, mask=alive[:, None] & (n < columns)[None, :], other=0.0)
            x = tl.where(one[:, None] & alive[None, :], 1.0, 0.0).to(sums.dtype)
            if ROUNDED:
                of_ones += tl.sum(dx, 0)
            if HAS_REALS:
                x += tl.load(
                    u_ptr + (skipped + start + within)[None, :] * V + v[:, None],
                    mask=(v < inputs)[:, None] & alive[None, :],
                    other=0.0,
                )
            else:
                u = tl.load(u_ptr + skipped + start + within, mask=alive, other=0).to(tl.int32)
                x = tl.where((u[None, :] == v[:, None]) & (v < inputs)[:, None] & alive[None, :], 1.0, x)
            sums = block_product(x, dx, sums, PRECISION)
        if ROUNDED:
            sums = tl.where(unrounded[:, None], of_ones[None, :], sums)
        places = tl.where(v < inputs, out + v * row, of_bias)
        tl.store(
            out_ptr + places[:, None] + n[None, :], sums, mask=(v < inputs + ones)[:, None] & (n < columns)[None, :]
        )


@triton.jit
def gather(
    parts_ptr, weights_ptr, flags_ptr, grads_ptr, squares_ptr, weights,
    SPLIT: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Add the parts of one block of a run's gradients. Grid: (blocks, runs).

    flags_ptr: (R, weights), RECURRENT or FROZEN or 0; the gradients of frozen weights are written as 0. squares_ptr:
    (R, blocks, 2), written with the sums of squares of the block's gradients, and of its recurrent weights.
    """
    block, run = tl.program_id(0), tl.program_id(1).to(tl.int64)
    n = block * BLOCK + tl.arange(0, BLOCK)
    inside = n < weights
    flags = tl.load(flags_ptr + run * weights + n, mask=inside, other=0)
    trained = inside & (flags != 2)
    total = tl.load(parts_ptr + run * SPLIT * weights + n, mask=trained, other=0.0)
    for part in range(1, SPLIT):
        total += tl.load(parts_ptr + (run * SPLIT + part) * weights + n, mask=trained, other=0.0)
    tl.store(grads_ptr + run * weights + n, total, mask=inside)
    w = tl.load(weights_ptr + run * weights + n, mask=inside & (flags == 1), other=0.0)
    at = squares_ptr + (run * tl.num_programs(0) + block) * 2
    tl.store(at, tl.sum(total * total, 0))
    tl.store(at + 1, tl.sum(w * w, 0))


@triton.jit
def transpose(weights_ptr, turned_ptr, kinds_ptr, table_ptr, weights, BLOCK: tl.constexpr):
    """Write one block of a matrix of a run, transposed, to the same place of a copy. Grid: (blocks, runs).

    kinds_ptr: which part of the table each run has. table_ptr: for each block where its matrix begins, its rows and
    columns, and the block's first row and column; zeros for no block.
    """
    run = tl.program_id(1).to(tl.int64)
    entry = table_ptr + (tl.load(kinds_ptr + run) * tl.num_programs(0) + tl.program_id(0)) * 5
    at, rows, columns = run * weights + tl.load(entry), _count(entry + 1), _count(entry + 2)
    k = _count(entry + 3) + tl.arange(0, BLOCK)
    n = _count(entry + 4) + tl.arange(0, BLOCK)
    w = tl.load(
        weights_ptr + at + k[:, None] * columns + n[None, :],
        mask=(k < rows)[:, None] & (n < columns)[None, :],
        other=0.0,
    )
    tl.store(
        turned_ptr + at + n[:, None] * rows + k[None, :], tl.trans(w), mask=(n < columns)[:, None] & (k < rows)[None, :]
    )
