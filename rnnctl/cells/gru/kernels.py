"""The GRU of rnnctl.cells.gru.equations on a GPU, all time steps of a pack in one launch each way.

Buffers have T time steps (T + 1 for states) of B sequences; units and deltas are those of z, r and the new content n,
side by side. forward and backward: one program takes one sequence, and keeps the three recurrent matrices in its
registers. forward_tiles and backward_tiles: one program takes a tile of sequences, and reads the matrices block by
block; what a product reads goes through memory, and all threads wait until it is complete.
"""

from __future__ import annotations

import triton
import triton.language as tl

from rnnctl.kernels.gpu.blocks import (
    add_columns,
    add_product,
    added,
    added_tile,
    load_matrices,
    load_matrix,
    sigmoid,
    tanh,
    terms,
    times_matrices,
    times_matrix,
)


@triton.jit
def forward(
    u_ptr, u_run, lengths_ptr, goes_on_ptr, carry_ptr, w_u_ptr, w_h_ptr, b_ptr, apart, weights, h_ptr, last_ptr,
    units_ptr, reset_ptr, T, B, V,
    H: tl.constexpr, HP: tl.constexpr, REALS: tl.constexpr, KEEP: tl.constexpr, TRAIN: tl.constexpr,
    CARRY: tl.constexpr,
):  # fmt: skip
    """h_t for t = 1..T_r from h_0. Grid: (sequences, runs).

    u_ptr: the inputs of each run, u_run apart. goes_on_ptr: (R,), 1 where a run starts from carry_ptr (R, B, H) instead
    of zeros. w_u_ptr, w_h_ptr, b_ptr: W_uz, W_hz and b_z of the first run; those of r and n are `apart`, runs `weights`
    apart. h_ptr: (R, T + 1, B, H), written if KEEP; else the last state is, to last_ptr (R, B, H). units_ptr: (R, T, B,
    3 H), z_t, r_t and n_t, and reset_ptr: (R, T, B, H), r_t * h_{t-1}, written if TRAIN.
    """
    b, run = tl.program_id(0), tl.program_id(1).to(tl.int64)
    n = tl.arange(0, HP)
    inside = n < H
    gate = tl.arange(0, 2)[:, None]
    length = tl.load(lengths_ptr + run)
    goes_on = tl.load(goes_on_ptr + run)
    w_u_ptr += run * weights
    w_h_ptr += run * weights
    b_ptr += run * weights
    w_gates = load_matrices(w_h_ptr, apart, H, HP, 2)
    w = load_matrix(w_h_ptr + 2 * apart, H, 1, H, HP)
    u_ptr += run * u_run
    own = (run * B + b) * H + n
    h = tl.load(carry_ptr + own, mask=n < H * goes_on, other=0.0)
    row = run * T * B + b
    h_ptr += (run * (T + 1) * B + b) * H + n
    if KEEP:
        tl.store(h_ptr, h, mask=inside)
    for t in range(length):
        place = t * B + b
        to_gates = added(u_ptr, place, w_u_ptr, b_ptr, gate * apart + n[None, :], inside[None, :], V, H, REALS)
        to_content = added(u_ptr, place, w_u_ptr + 2 * apart, b_ptr + 2 * apart, n, inside, V, H, REALS)
        gates = sigmoid(to_gates + times_matrices(h, w_gates))
        z, r = tl.split(tl.trans(gates))
        reset = r * h
        new = tanh(to_content + times_matrix(reset, w))
        h += z * (new - h)  # 0 stays 0 beyond the last unit
        if KEEP:
            h_ptr += B * H
            tl.store(h_ptr, h, mask=inside)
        if TRAIN:
            units = units_ptr + row * 3 * H
            tl.store(units + gate * H + n[None, :], gates, mask=inside[None, :])
            tl.store(units + 2 * H + n, new, mask=inside)
            tl.store(reset_ptr + row * H + n, reset, mask=inside)
            row += B
    if not KEEP:
        tl.store(last_ptr + own, h, mask=inside)
    if CARRY:
        tl.store(carry_ptr + own, h, mask=inside)


@triton.jit
def backward(
    lengths_ptr, w_h_ptr, apart, weights, h_ptr, units_ptr, direct_ptr, d_ptr, delta_ptr, T, B,
    H: tl.constexpr, HP: tl.constexpr, EVERY: tl.constexpr,
):  # fmt: skip
    """d_t = dL/dh_t, (R, T + 1, B, H), and the deltas, (R, T, B, 3 H), from t = T_r on. Grid: (sequences, runs).

    direct_ptr: what the head sends, (R, B, H) into the last step, or (R, T, B, H) into each if EVERY.
    """
    b, run = tl.program_id(0), tl.program_id(1).to(tl.int64)
    n = tl.arange(0, HP)
    inside = n < H
    length = tl.load(lengths_ptr + run)
    w_h_ptr += run * weights
    # Transposed.
    w_z = load_matrix(w_h_ptr, 1, H, H, HP)
    w_r = load_matrix(w_h_ptr + apart, 1, H, H, HP)
    w = load_matrix(w_h_ptr + 2 * apart, 1, H, H, HP)
    state = ((run * (T + 1) + length) * B + b) * H + n
    row = (run * T + length - 1) * B + b
    # A branch around the loop would make the compiler load the matrices anew in each step.
    begun = n < tl.where(length > 0, H, 0)
    if EVERY:
        d = tl.load(direct_ptr + row * H + n, mask=begun, other=0.0)
    else:
        d = tl.load(direct_ptr + (run * B + b) * H + n, mask=begun, other=0.0)
    tl.store(d_ptr + state, d, mask=inside)
    z = tl.load(units_ptr + row * 3 * H + n, mask=begun, other=0.0)
    r = tl.load(units_ptr + row * 3 * H + H + n, mask=begun, other=0.0)
    new = tl.load(units_ptr + row * 3 * H + 2 * H + n, mask=begun, other=0.0)
    before = tl.load(h_ptr + state - B * H, mask=begun, other=0.0)
    for i in range(length):
        delta = delta_ptr + row * 3 * H + n
        state -= B * H
        row -= B
        # What the next step reads is loaded early: that takes longer than the sums.
        more = n < tl.where(i < length - 1, H, 0)
        next_z = tl.load(units_ptr + row * 3 * H + n, mask=more, other=0.0)
        next_r = tl.load(units_ptr + row * 3 * H + H + n, mask=more, other=0.0)
        next_new = tl.load(units_ptr + row * 3 * H + 2 * H + n, mask=more, other=0.0)
        next_before = tl.load(h_ptr + state - B * H, mask=more, other=0.0)
        delta_h = d * z * (1 - new * new)
        delta_z = d * (new - before) * (z - z * z)
        q = times_matrix(delta_h, w)
        delta_r = q * before * (r - r * r)
        tl.store(delta, delta_z, mask=inside)
        tl.store(delta + H, delta_r, mask=inside)
        tl.store(delta + 2 * H, delta_h, mask=inside)
        d = d - d * z + q * r + add_columns(terms(delta_z, w_z) + terms(delta_r, w_r))
        if EVERY:
            d += tl.load(direct_ptr + row * H + n, mask=more, other=0.0)
        tl.store(d_ptr + state, d, mask=inside)
        z, r, new, before = next_z, next_r, next_new, next_before


@triton.jit
def forward_tiles(
    u_ptr, u_run, lengths_ptr, goes_on_ptr, carry_ptr, w_u_ptr, w_h_ptr, b_ptr, apart, weights, h_ptr, last_ptr,
    units_ptr, reset_ptr, T, B, V,
    H: tl.constexpr, REALS: tl.constexpr, KEEP: tl.constexpr, TRAIN: tl.constexpr, CARRY: tl.constexpr,
    PRECISION: tl.constexpr, TILE: tl.constexpr, BLOCK: tl.constexpr, DEPTH: tl.constexpr,
):  # fmt: skip
    """As `forward`, for a tile of sequences. Grid: (tiles, runs). h_ptr: (R, 2, B, H), written by turns if not KEEP;
    units_ptr: (R, 1, B, 3 H), and reset_ptr: (R, 1, B, H), written again at each step if not TRAIN.
    """
    tile, run = tl.program_id(0), tl.program_id(1).to(tl.int64)
    rows = tile * TILE + tl.arange(0, TILE)
    live = rows < B
    length = tl.load(lengths_ptr + run).to(tl.int64)  # so that places are 64-bit
    goes_on = tl.load(goes_on_ptr + run)
    w_u_ptr += run * weights
    w_h_ptr += run * weights
    b_ptr += run * weights
    u_ptr += run * u_run
    carry_ptr += run * B * H
    h_ptr += run * ((T + 1) if KEEP else 2) * B * H
    units_ptr += run * (T if TRAIN else 1) * B * 3 * H
    reset_ptr += run * (T if TRAIN else 1) * B * H
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
        units = units_ptr + (t if TRAIN else 0) * B * 3 * H
        reset = reset_ptr + (t if TRAIN else 0) * B * H
        places = t * B + rows
        for start in range(0, H, BLOCK):
            n = start + tl.arange(0, BLOCK)
            inside = n < H
            both = live[:, None] & inside[None, :]
            own = rows[:, None] * H + n[None, :]
            own_units = units + rows[:, None] * 3 * H + n[None, :]
            a = added_tile(u_ptr, places, live, w_u_ptr, b_ptr, n, inside, V, H, REALS, PRECISION)
            a = add_product(a, before, rows, live, H, w_h_ptr, H, 1, H, n, inside, DEPTH, PRECISION)
            tl.store(own_units, sigmoid(a), mask=both)
            a = added_tile(u_ptr, places, live, w_u_ptr + apart, b_ptr + apart, n, inside, V, H, REALS, PRECISION)
            a = add_product(a, before, rows, live, H, w_h_ptr + apart, H, 1, H, n, inside, DEPTH, PRECISION)
            r = sigmoid(a)
            tl.store(own_units + H, r, mask=both)
            tl.store(reset + own, r * tl.load(before + own, mask=both, other=0.0), mask=both)
        tl.debug_barrier()
        for start in range(0, H, BLOCK):
            n = start + tl.arange(0, BLOCK)
            inside = n < H
            both = live[:, None] & inside[None, :]
            own = rows[:, None] * H + n[None, :]
            own_units = units + rows[:, None] * 3 * H + n[None, :]
            a = added_tile(
                u_ptr, places, live, w_u_ptr + 2 * apart, b_ptr + 2 * apart, n, inside, V, H, REALS, PRECISION
            )
            a = add_product(a, reset, rows, live, H, w_h_ptr + 2 * apart, H, 1, H, n, inside, DEPTH, PRECISION)
            new = tanh(a)
            if TRAIN:
                tl.store(own_units + 2 * H, new, mask=both)
            z = tl.load(own_units, mask=both, other=0.0)
            h = tl.load(before + own, mask=both, other=0.0)
            tl.store(after + own, h + z * (new - h), mask=both)
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
    lengths_ptr, w_h_ptr, apart, weights, h_ptr, units_ptr, direct_ptr, d_ptr, delta_ptr, T, B,
    H: tl.constexpr, EVERY: tl.constexpr,
    PRECISION: tl.constexpr, TILE: tl.constexpr, BLOCK: tl.constexpr, DEPTH: tl.constexpr,
):  # fmt: skip
    """As `backward`, for a tile of sequences. Grid: (tiles, runs). w_h_ptr: the matrices are transposed. d_{t-1} is
    written twice, first without what it gets through the gates' sums.
    """
    tile, run = tl.program_id(0), tl.program_id(1).to(tl.int64)
    rows = tile * TILE + tl.arange(0, TILE)
    live = rows < B
    length = tl.load(lengths_ptr + run).to(tl.int64)  # so that places are 64-bit
    w_h_ptr += run * weights
    h_ptr += run * (T + 1) * B * H
    d_ptr += run * (T + 1) * B * H
    units_ptr += run * T * B * 3 * H
    delta_ptr += run * T * B * 3 * H
    direct_ptr += run * (T if EVERY else 1) * B * H
    for i in range(length):
        t = length - i
        d_t = d_ptr + t * B * H
        before_t = h_ptr + (t - 1) * B * H
        units_t = units_ptr + (t - 1) * B * 3 * H
        delta_t = delta_ptr + (t - 1) * B * 3 * H
        for start in range(0, H, BLOCK):
            n = start + tl.arange(0, BLOCK)
            both = live[:, None] & (n < H)[None, :]
            own = rows[:, None] * H + n[None, :]
            own_units = rows[:, None] * 3 * H + n[None, :]
            if i == 0:
                d = tl.load(direct_ptr + (t - 1 if EVERY else 0) * B * H + own, mask=both, other=0.0)
                tl.store(d_t + own, d, mask=both)
            else:
                d = tl.load(d_t + own, mask=both, other=0.0)
            z = tl.load(units_t + own_units, mask=both, other=0.0)
            new = tl.load(units_t + own_units + 2 * H, mask=both, other=0.0)
            before = tl.load(before_t + own, mask=both, other=0.0)
            tl.store(delta_t + own_units, d * (new - before) * (z - z * z), mask=both)
            tl.store(delta_t + own_units + 2 * H, d * z * (1 - new * new), mask=both)
        tl.debug_barrier()
        for start in range(0, H, BLOCK):
            n = start + tl.arange(0, BLOCK)
            inside = n < H
            both = live[:, None] & inside[None, :]
            own = rows[:, None] * H + n[None, :]
            own_units = rows[:, None] * 3 * H + n[None, :]
            q = tl.zeros([TILE, BLOCK], d_ptr.dtype.element_ty)
            q = add_product(
                q, delta_t + 2 * H, rows, live, 3 * H, w_h_ptr + 2 * apart, H, 1, H, n, inside, DEPTH, PRECISION
            )
            d = tl.load(d_t + own, mask=both, other=0.0)
            z = tl.load(units_t + own_units, mask=both, other=0.0)
            r = tl.load(units_t + own_units + H, mask=both, other=0.0)
            before = tl.load(before_t + own, mask=both, other=0.0)
            tl.store(delta_t + own_units + H, q * before * (r - r * r), mask=both)
            tl.store(d_t - B * H + own, d - d * z + q * r, mask=both)
        tl.debug_barrier()
        for start in range(0, H, BLOCK):
            n = start + tl.arange(0, BLOCK)
            inside = n < H
            both = live[:, None] & inside[None, :]
            own = rows[:, None] * H + n[None, :]
            d = tl.load(d_t - B * H + own, mask=both, other=0.0)
            d = add_product(d, delta_t, rows, live, 3 * H, w_h_ptr, H, 1, H, n, inside, DEPTH, PRECISION)
            d = add_product(d, delta_t + H, rows, live, 3 * H, w_h_ptr + apart, H, 1, H, n, inside, DEPTH, PRECISION)
            if EVERY:
                more = tl.where(t > 1, H, 0)
                mask = live[:, None] & (n < more)[None, :]
                d += tl.load(direct_ptr + (t - 2) * B * H + own, mask=mask, other=0.0)
            tl.store(d_t - B * H + own, d, mask=both)
        tl.debug_barrier()
