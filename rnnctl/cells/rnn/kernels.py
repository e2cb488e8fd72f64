"""The vanilla RNN of rnnctl.cells.rnn.equations on a GPU, all time steps of a pack in one launch each way.

Buffers have T time steps (T + 1 for states) of B sequences. forward and backward: one program takes one sequence, and
keeps W_hh in its registers. forward_tiles and backward_tiles: one program takes a tile of sequences, and reads W_hh
block by block; states go through memory from one step to the next.
"""

from __future__ import annotations

import triton
import triton.language as tl

from rnnctl.kernels.gpu.blocks import activate, add_product, added, added_tile, load_matrix, slope, times_matrix


@triton.jit
def forward(
    u_ptr, u_run, lengths_ptr, goes_on_ptr, carry_ptr, w_uh_ptr, w_hh_ptr, b_ptr, weights, h_ptr, last_ptr, T, B, V,
    H: tl.constexpr, HP: tl.constexpr, PHI: tl.constexpr, REALS: tl.constexpr, KEEP: tl.constexpr, CARRY: tl.constexpr,
):  # fmt: skip
    """h_t for t = 1..T_r from h_0. Grid: (sequences, runs).

    u_ptr: the inputs of each run, u_run apart. goes_on_ptr: (R,), 1 where a run starts from carry_ptr (R, B, H) instead
    of zeros. h_ptr: (R, T + 1, B, H), written if KEEP; else the last state is, to last_ptr (R, B, H).
    """
    b, run = tl.program_id(0), tl.program_id(1).to(tl.int64)
    n = tl.arange(0, HP)
    inside = n < H
    length = tl.load(lengths_ptr + run)
    goes_on = tl.load(goes_on_ptr + run)
    w = load_matrix(w_hh_ptr + run * weights, H, 1, H, HP)
    u_ptr += run * u_run
    own = b * H + n
    h = tl.load(carry_ptr + run * B * H + own, mask=n < H * goes_on, other=0.0)
    at = h_ptr + run * (T + 1) * B * H + own
    if KEEP:
        tl.store(at, h, mask=inside)
    for t in range(length):
        a = added(u_ptr, t * B + b, w_uh_ptr + run * weights, b_ptr + run * weights, n, inside, V, H, REALS)
        h = activate(a + times_matrix(h, w), PHI)
        h = tl.where(inside, h, 0.0)
        if KEEP:
            at += B * H
            tl.store(at, h, mask=inside)
    if not KEEP:
        tl.store(last_ptr + run * B * H + own, h, mask=inside)
    if CARRY:
        tl.store(carry_ptr + run * B * H + own, h, mask=inside)


@triton.jit
def backward(
    lengths_ptr, w_hh_ptr, weights, h_ptr, direct_ptr, d_ptr, carried_ptr, delta_ptr, T, B,
    H: tl.constexpr, HP: tl.constexpr, PHI: tl.constexpr, EVERY: tl.constexpr,
):  # fmt: skip
    """d_t = dL/dh_t, (R, T + 1, B, H), and delta_t, (R, T, B, H), from t = T_r on. Grid: (sequences, runs).

    direct_ptr: what the head sends, (R, B, H) into the last step, or (R, T, B, H) into each if EVERY, and then c_t is
    written to carried_ptr, (R, T, B, H).
    """
    b, run = tl.program_id(0), tl.program_id(1).to(tl.int64)
    n = tl.arange(0, HP)
    inside = n < H
    length = tl.load(lengths_ptr + run)
    w = load_matrix(w_hh_ptr + run * weights, 1, H, H, HP)  # transposed
    own = b * H + n
    states = (run * (T + 1) + length) * B * H + own
    steps = (run * T + length - 1) * B * H + own
    # A branch around the loop would make the compiler load W_hh anew in each step.
    begun = n < tl.where(length > 0, H, 0)
    if EVERY:
        d = tl.load(direct_ptr + steps, mask=begun, other=0.0)
    else:
        d = tl.load(direct_ptr + run * B * H + own, mask=begun, other=0.0)
    tl.store(d_ptr + states, d, mask=inside)
    h = tl.load(h_ptr + states, mask=inside, other=0.0)
    for i in range(length):
        states -= B * H
        before = tl.load(h_ptr + states, mask=inside, other=0.0)  # early: it takes longer than the sums
        delta = d * slope(h, PHI)
        tl.store(delta_ptr + steps, delta, mask=inside)
        d = times_matrix(delta, w)
        if EVERY:
            tl.store(carried_ptr + steps, d, mask=inside)
            more = tl.where(i < length - 1, H, 0)
            d += tl.load(direct_ptr + steps - B * H, mask=n < more, other=0.0)
        steps -= B * H
        tl.store(d_ptr + states, d, mask=inside)
        h = before


@triton.jit
def forward_tiles(
    u_ptr, u_run, lengths_ptr, goes_on_ptr, carry_ptr, w_uh_ptr, w_hh_ptr, b_ptr, weights, h_ptr, last_ptr, T, B, V,
    H: tl.constexpr, PHI: tl.constexpr, REALS: tl.constexpr, KEEP: tl.constexpr, CARRY: tl.constexpr,
    PRECISION: tl.constexpr, TILE: tl.constexpr, BLOCK: tl.constexpr, DEPTH: tl.constexpr,
):  # fmt: skip
    """As `forward`, for a tile of sequences. Grid: (tiles, runs). h_ptr: (R, 2, B, H), written by turns if not KEEP."""
    tile, run = tl.program_id(0), tl.program_id(1).to(tl.int64)
    rows = tile * TILE + tl.arange(0, TILE)
    live = rows < B
    length = tl.load(lengths_ptr + run).to(tl.int64)  # so that places are 64-bit
    goes_on = tl.load(goes_on_ptr + run)
    w_uh_ptr += run * weights
    w_hh_ptr += run * weights
    b_ptr += run * weights
    u_ptr += run * u_run
    carry_ptr += run * B * H
    h_ptr += run * ((T + 1) if KEEP else 2) * B * H
    for start in range(0, H, BLOCK):
        n = start + tl.arange(0, BLOCK)
        both = live[:, None] & (n < H)[None, :]
        own = rows[:, None] * H + n[None, :]
        h = tl.load(carry_ptr + own, mask=live[:, None] & (n < H * goes_on)[None, :], other=0.0)
        tl.store(h_ptr + own, h, mask=both)
    tl.debug_barrier()
    for t in range(length):
        before = h_ptr + (t if KEEP else t % 2) * B * H
        after = h_ptr + (t + 1 if KEEP else (t + 1) % 2) * B * H
        for start in range(0, H, BLOCK):
            n = start + tl.arange(0, BLOCK)
            inside = n < H
            a = added_tile(u_ptr, t * B + rows, live, w_uh_ptr, b_ptr, n, inside, V, H, REALS, PRECISION)
            a = add_product(a, before, rows, live, H, w_hh_ptr, H, 1, H, n, inside, DEPTH, PRECISION)
            tl.store(after + rows[:, None] * H + n[None, :], activate(a, PHI), mask=live[:, None] & inside[None, :])
        tl.debug_barrier()
    if CARRY or not KEEP:
        final = h_ptr + (length if KEEP else length % 2) * B * H
        for start in range(0, H, BLOCK):
            n = start + tl.arange(0, BLOCK)
            both = live[:, None] & (n < H)[None, :]
            own = rows[:, None] * H + n[None, :]
            h = tl.load(final + own, mask=both, other=0.0)
            if CARRY:
                tl.store(carry_ptr + own, h, mask=both)
            if not KEEP:
                tl.store(last_ptr + run * B * H + own, h, mask=both)


@triton.jit
def backward_tiles(
    lengths_ptr, w_hh_ptr, weights, h_ptr, direct_ptr, d_ptr, carried_ptr, delta_ptr, T, B,
    H: tl.constexpr, PHI: tl.constexpr, EVERY: tl.constexpr,
    PRECISION: tl.constexpr, TILE: tl.constexpr, BLOCK: tl.constexpr, DEPTH: tl.constexpr,
):  # fmt: skip
    """As `backward`, for a tile of sequences. Grid: (tiles, runs). w_hh_ptr: W_hh transposed."""
    tile, run = tl.program_id(0), tl.program_id(1).to(tl.int64)
    rows = tile * TILE + tl.arange(0, TILE)
    live = rows < B
    length = tl.load(lengths_ptr + run).to(tl.int64)  # so that places are 64-bit
    w_hh_ptr += run * weights
    h_ptr += run * (T + 1) * B * H
    d_ptr += run * (T + 1) * B * H
    carried_ptr += run * T * B * H
    delta_ptr += run * T * B * H
    direct_ptr += run * (T if EVERY else 1) * B * H
    for i in range(length):
        t = length - i
        for start in range(0, H, BLOCK):
            n = start + tl.arange(0, BLOCK)
            inside = n < H
            both = live[:, None] & inside[None, :]
            own = rows[:, None] * H + n[None, :]
            if i == 0:
                d = tl.load(direct_ptr + (t - 1 if EVERY else 0) * B * H + own, mask=both, other=0.0)
                tl.store(d_ptr + t * B * H + own, d, mask=both)
            else:
                d = tl.load(d_ptr + t * B * H + own, mask=both, other=0.0)
            h = tl.load(h_ptr + t * B * H + own, mask=both, other=0.0)
            tl.store(delta_ptr + (t - 1) * B * H + own, d * slope(h, PHI), mask=both)
        tl.debug_barrier()
        for start in range(0, H, BLOCK):
            n = start + tl.arange(0, BLOCK)
            inside = n < H
            both = live[:, None] & inside[None, :]
            own = rows[:, None] * H + n[None, :]
            d = tl.zeros([TILE, BLOCK], d_ptr.dtype.element_ty)
            d = add_product(
                d, delta_ptr + (t - 1) * B * H, rows, live, H, w_hh_ptr, H, 1, H, n, inside, DEPTH, PRECISION
            )
            if EVERY:
                tl.store(carried_ptr + (t - 1) * B * H + own, d, mask=both)
                more = tl.where(t > 1, H, 0)
                mask = live[:, None] & (n < more)[None, :]
                d += tl.load(direct_ptr + (t - 2) * B * H + own, mask=mask, other=0.0)
            tl.store(d_ptr + (t - 1) * B * H + own, d, mask=both)
        tl.debug_barrier()


@triton.jit
def squared_norms(
    lengths_ptr, d_ptr, carried_ptr, norms_ptr, scalars_ptr, scalars, T, B, H, TILE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """|d_t|^2 of each sequence for t = 0..T_r, and |c_t|^2 for t = 1..T_r, (R, 2, (T + 1) B), of regularised runs.
    Grid: (tiles, runs, 2), or 1 where c_t is d_{t-1}.
    """
    tile, run, carried = tl.program_id(0), tl.program_id(1).to(tl.int64), tl.program_id(2)
    rows = (tl.load(lengths_ptr + run) + 1 - carried) * B
    alpha = tl.load(scalars_ptr + run * scalars)
    within = tl.arange(0, TILE)
    m = tile * TILE + within
    if (tile * TILE < rows) & (alpha > 0):
        rows_ptr = d_ptr + (run * (T + 1) * B + tile * TILE) * H
        if carried == 1:
            rows_ptr = carried_ptr + (run * T * B + tile * TILE) * H
        total = tl.zeros([TILE], norms_ptr.dtype.element_ty)
        for start in range(0, H, BLOCK):
            n = start + tl.arange(0, BLOCK)
            both = (m < rows)[:, None] & (n < H)[None, :]
            row = tl.load(rows_ptr + within[:, None] * H + n[None, :], mask=both, other=0.0)
            total += tl.sum(row * row, 1)
        tl.store(norms_ptr + (run * 2 + carried) * (T + 1) * B + m, total, mask=m < rows)


@triton.jit
def regularise(
    lengths_ptr, h_ptr, carried_ptr, norms_ptr, states_ptr, omegas_ptr, scalars_ptr, scalars, T, B, H,
    EVERY: tl.constexpr, TILE: tl.constexpr, BLOCK: tl.constexpr, DEPTH: tl.constexpr,
):  # fmt: skip
    """Omega of one run, and h_{t-1} + alpha k_t c_t for t = 1..T_r, (R, T, B, H) (see rnnctl.cells.rnn.omega). Grid:
    (tiles, runs). norms_ptr: as `squared_norms` wrote it. DEPTH: norms that are added at a time.
    """
    tile, run = tl.program_id(0), tl.program_id(1).to(tl.int64)
    rows = tl.load(lengths_ptr + run) * B
    alpha = tl.load(scalars_ptr + run * scalars)
    bound = tl.load(scalars_ptr + run * scalars + 1)
    kind = omegas_ptr.dtype.element_ty
    here_ptr = norms_ptr + (run * 2 * (T + 1) + 1) * B
    before_ptr = norms_ptr + (run * 2 + (1 if EVERY else 0)) * (T + 1) * B
    within = tl.arange(0, TILE)
    m = tile * TILE + within
    k, value = tl.zeros([TILE], kind), tl.zeros([DEPTH], kind)
    if alpha > 0:
        # Each program counts all rows: that is cheaper than another launch.
        usable = tl.zeros([DEPTH], kind)
        for start in range(0, rows, DEPTH):
            i = start + tl.arange(0, DEPTH)
            here = tl.load(here_ptr + i, mask=i < rows, other=0.0)
            before = tl.load(before_ptr + i, mask=i < rows, other=0.0)
            good = (here >= bound) & (i < rows)
            excess = tl.where(good, before / tl.where(good, here, 1.0) - 1, 0.0)
            usable += tl.where(good, 1.0, 0.0)
            value += excess * excess
        count = tl.maximum(tl.sum(usable, 0), 1.0)
        value /= count
        here = tl.load(here_ptr + m, mask=m < rows, other=0.0)
        before = tl.load(before_ptr + m, mask=m < rows, other=0.0)
        good = (here >= bound) & (m < rows)
        divisor = tl.where(good, here, 1.0)
        k = tl.where(good, 4 * alpha * (before / divisor - 1) / (count * divisor), 0.0)
    if tile == 0:
        tl.store(omegas_ptr + run, tl.sum(value, 0))
    used = tl.where(alpha > 0, rows, 0)
    h_ptr += (run * (T + 1) * B + tile * TILE) * H
    carried_ptr += (run * (T if EVERY else T + 1) * B + tile * TILE) * H
    states_ptr += (run * T * B + tile * TILE) * H
    for start in range(0, H, BLOCK):
        n = start + tl.arange(0, BLOCK)
        both = (m < rows)[:, None] & (n < H)[None, :]
        own = within[:, None] * H + n[None, :]
        c = tl.load(carried_ptr + own, mask=(m < used)[:, None] & (n < H)[None, :], other=0.0)
        tl.store(states_ptr + own, tl.load(h_ptr + own, mask=both, other=0.0) + k[:, None] * c, mask=both)
