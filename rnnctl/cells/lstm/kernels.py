"""The LSTM of rnnctl.cells.lstm.equations on a GPU, all time steps of a pack in one launch each way.

Buffers have T time steps (T + 1 for states) of B sequences; units and deltas are those of i, f, o and the new content
g, side by side. forward and backward: one program takes one sequence, and keeps the four recurrent matrices in its
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
)


@triton.jit
def forward(
    u_ptr, u_run, lengths_ptr, goes_on_ptr, carry_ptr, w_u_ptr, w_h_ptr, b_ptr, apart, weights, h_ptr, last_ptr, c_ptr,
    units_ptr, T, B, V,
    H: tl.constexpr, HP: tl.constexpr, REALS: tl.constexpr, KEEP: tl.constexpr, TRAIN: tl.constexpr,
    CARRY: tl.constexpr,
):  # fmt: skip
    """h_t and c_t for t = 1..T_r from h_0 and c_0. Grid: (sequences, runs).

    u_ptr: the inputs of each run, u_run apart. goes_on_ptr: (R,), 1 where a run starts from carry_ptr (R, B, 2 H), h
    and c side by side, instead of zeros. w_u_ptr, w_h_ptr, b_ptr: W_ui, W_hi and b_i of the first run; those of f, o
    and g are `apart`, runs `weights` apart. h_ptr: (R, T + 1, B, H), written if KEEP; else the last state is, to
    last_ptr (R, B, H). c_ptr: (R, T + 1, B, H), and units_ptr: (R, T, B, 4 H), i_t, f_t, o_t and g_t, written if TRAIN.
    """
    b, run = tl.program_id(0), tl.program_id(1).to(tl.int64)
    n = tl.arange(0, HP)
    inside = n < H
    unit = tl.arange(0, 4)[:, None]
    length = tl.load(lengths_ptr + run)
    goes_on = tl.load(goes_on_ptr + run)
    w_u_ptr += run * weights
    b_ptr += run * weights
    w = load_matrices(w_h_ptr + run * weights, apart, H, HP, 4)
    u_ptr += run * u_run
    carry_ptr += (run * B + b) * 2 * H + n
    h = tl.load(carry_ptr, mask=n < H * goes_on, other=0.0)
    c = tl.load(carry_ptr + H, mask=n < H * goes_on, other=0.0)
    row = run * T * B + b
    state = (run * (T + 1) * B + b) * H + n
    if KEEP:
        tl.store(h_ptr + state, h, mask=inside)
    if TRAIN:
        tl.store(c_ptr + state, c, mask=inside)
    for t in range(length):
        a = added(u_ptr, t * B + b, w_u_ptr, b_ptr, unit * apart + n[None, :], inside[None, :], V, H, REALS)
        a += times_matrices(h, w)
        units = tl.where(unit < 3, sigmoid(a), tanh(a))
        i_and_o, f_and_g = tl.split(tl.reshape(tl.trans(units), [HP, 2, 2]))
        i, _ = tl.split(i_and_o)
        f, g = tl.split(f_and_g)
        # As a sum of four numbers, which the compiler does not repeat: it would compute all of h in each thread, rather
        # than hand h over.
        o = tl.reshape(tl.sum(tl.where(unit == 2, units, 0.0)[None, :, :], 1), [HP])
        # Both stay 0 beyond the last unit.
        c = f * c + i * g
        h = o * tanh(c)
        state += B * H
        if KEEP:
            tl.store(h_ptr + state, h, mask=inside)
        if TRAIN:
            tl.store(c_ptr + state, c, mask=inside)
            tl.store(units_ptr + row * 4 * H + unit * H + n[None, :], units, mask=inside[None, :])
            row += B
    if not KEEP:
        tl.store(last_ptr + (run * B + b) * H + n, h, mask=inside)
    if CARRY:
        tl.store(carry_ptr, h, mask=inside)
        tl.store(carry_ptr + H, c, mask=inside)


@triton.jit
def backward(
    lengths_ptr, w_h_ptr, apart, weights, c_ptr, units_ptr, direct_ptr, d_ptr, delta_ptr, T, B,
    H: tl.constexpr, HP: tl.constexpr, EVERY: tl.constexpr,
):  # fmt: skip
    """d_t = dL/dh_t, (R, T + 1, B, H), and the deltas, (R, T, B, 4 H), from t = T_r on. Grid: (sequences, runs).

    direct_ptr: what the head sends, (R, B, H) into the last step, or (R, T, B, H) into each if EVERY.
    """
    b, run = tl.program_id(0), tl.program_id(1).to(tl.int64)
    n = tl.arange(0, HP)
    inside = n < H
    length = tl.load(lengths_ptr + run)
    w_h_ptr += run * weights
    # Transposed.
    w_i = load_matrix(w_h_ptr, 1, H, H, HP)
    w_f = load_matrix(w_h_ptr + apart, 1, H, H, HP)
    w_o = load_matrix(w_h_ptr + 2 * apart, 1, H, H, HP)
    w_h = load_matrix(w_h_ptr + 3 * apart, 1, H, H, HP)
    state = ((run * (T + 1) + length) * B + b) * H + n
    row = (run * T + length - 1) * B + b
    # A branch around the loop would make the compiler load the matrices anew in each step.
    begun = n < tl.where(length > 0, H, 0)
    if EVERY:
        d = tl.load(direct_ptr + row * H + n, mask=begun, other=0.0)
    else:
        d = tl.load(direct_ptr + (run * B + b) * H + n, mask=begun, other=0.0)
    tl.store(d_ptr + state, d, mask=inside)
    carried = d * 0  # e_{t+1} * f_{t+1}
    units = units_ptr + row * 4 * H + n
    i = tl.load(units, mask=begun, other=0.0)
    f = tl.load(units + H, mask=begun, other=0.0)
    o = tl.load(units + 2 * H, mask=begun, other=0.0)
    g = tl.load(units + 3 * H, mask=begun, other=0.0)
    squashed = tanh(tl.load(c_ptr + state, mask=inside, other=0.0))
    c = tl.load(c_ptr + state - B * H, mask=begun, other=0.0)  # c_{t-1}
    for back in range(length):
        delta = delta_ptr + row * 4 * H + n
        state -= B * H
        row -= B
        # What the next step reads is loaded early: that takes longer than the sums.
        more = n < tl.where(back < length - 1, H, 0)
        units -= B * 4 * H
        next_i = tl.load(units, mask=more, other=0.0)
        next_f = tl.load(units + H, mask=more, other=0.0)
        next_o = tl.load(units + 2 * H, mask=more, other=0.0)
        next_g = tl.load(units + 3 * H, mask=more, other=0.0)
        next_c = tl.load(c_ptr + state - B * H, mask=more, other=0.0)
        e = d * o * (1 - squashed * squashed) + carried
        delta_i = e * g * (i - i * i)
        delta_f = e * c * (f - f * f)
        delta_o = d * squashed * (o - o * o)
        delta_h = e * i * (1 - g * g)
        carried = e * f
        tl.store(delta, delta_i, mask=inside)
        tl.store(delta + H, delta_f, mask=inside)
        tl.store(delta + 2 * H, delta_o, mask=inside)
        tl.store(delta + 3 * H, delta_h, mask=inside)
        d = add_columns(terms(delta_i, w_i) + terms(delta_f, w_f) + terms(delta_o, w_o) + terms(delta_h, w_h))
        if EVERY:
            d += tl.load(direct_ptr + row * H + n, mask=more, other=0.0)
        tl.store(d_ptr + state, d, mask=inside)
        squashed = tanh(c)
        i, f, o, g, c = next_i, next_f, next_o, next_g, next_c


@triton.jit
def forward_tiles(
    u_ptr, u_run, lengths_ptr, goes_on_ptr, carry_ptr, w_u_ptr, w_h_ptr, b_ptr, apart, weights, h_ptr, last_ptr, c_ptr,
    units_ptr, T, B, V,
    H: tl.constexpr, REALS: tl.constexpr, KEEP: tl.constexpr, TRAIN: tl.constexpr, CARRY: tl.constexpr,
    PRECISION: tl.constexpr, TILE: tl.constexpr, BLOCK: tl.constexpr, DEPTH: tl.constexpr,
):  # fmt: skip
    """As `forward`, for a tile of sequences. Grid: (tiles, runs). h_ptr: (R, 2, B, H), written by turns if not KEEP;
    c_ptr: (R, 2, B, H), written by turns if not TRAIN.
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
    carry_ptr += run * B * 2 * H
    h_ptr += run * ((T + 1) if KEEP else 2) * B * H
    c_ptr += run * ((T + 1) if TRAIN else 2) * B * H
    for start in range(0, H, BLOCK):
        n = start + tl.arange(0, BLOCK)
        both = live[:, None] & (n < H)[None, :]
        carried = live[:, None] & (n < H * goes_on)[None, :]
        own = rows[:, None] * H + n[None, :]
        own_carry = rows[:, None] * 2 * H + n[None, :]
        tl.store(h_ptr + own, tl.load(carry_ptr + own_carry, mask=carried, other=0.0), mask=both)
        tl.store(c_ptr + own, tl.load(carry_ptr + own_carry + H, mask=carried, other=0.0), mask=both)
    tl.debug_barrier()
    for t in range(length):
        before = h_ptr + (t if KEEP else t % 2) * B * H
        after = h_ptr + (t + 1 if KEEP else (t + 1) % 2) * B * H
        c_before = c_ptr + (t if TRAIN else t % 2) * B * H
        c_after = c_ptr + (t + 1 if TRAIN else (t + 1) % 2) * B * H
        places = t * B + rows
        for start in range(0, H, BLOCK):
            n = start + tl.arange(0, BLOCK)
            inside = n < H
            both = live[:, None] & inside[None, :]
            own = rows[:, None] * H + n[None, :]
            a = added_tile(u_ptr, places, live, w_u_ptr, b_ptr, n, inside, V, H, REALS, PRECISION)
            a = add_product(a, before, rows, live, H, w_h_ptr, H, 1, H, n, inside, DEPTH, PRECISION)
            i = sigmoid(a)
            a = added_tile(u_ptr, places, live, w_u_ptr + apart, b_ptr + apart, n, inside, V, H, REALS, PRECISION)
            a = add_product(a, before, rows, live, H, w_h_ptr + apart, H, 1, H, n, inside, DEPTH, PRECISION)
            f = sigmoid(a)
            a = added_tile(
                u_ptr, places, live, w_u_ptr + 2 * apart, b_ptr + 2 * apart, n, inside, V, H, REALS, PRECISION
            )
            a = add_product(a, before, rows, live, H, w_h_ptr + 2 * apart, H, 1, H, n, inside, DEPTH, PRECISION)
            o = sigmoid(a)
            a = added_tile(
                u_ptr, places, live, w_u_ptr + 3 * apart, b_ptr + 3 * apart, n, inside, V, H, REALS, PRECISION
            )
            a = add_product(a, before, rows, live, H, w_h_ptr + 3 * apart, H, 1, H, n, inside, DEPTH, PRECISION)
            g = tanh(a)
            c = f * tl.load(c_before + own, mask=both, other=0.0) + i * g
            tl.store(c_after + own, c, mask=both)
            tl.store(after + own, o * tanh(c), mask=both)
            if TRAIN:
                own_units = units_ptr + (run * T + t) * B * 4 * H + rows[:, None] * 4 * H + n[None, :]
                tl.store(own_units, i, mask=both)
                tl.store(own_units + H, f, mask=both)
                tl.store(own_units + 2 * H, o, mask=both)
                tl.store(own_units + 3 * H, g, mask=both)
        tl.debug_barrier()
    if CARRY or not KEEP:
        final = h_ptr + (length if KEEP else length % 2) * B * H
        c_final = c_ptr + (length if TRAIN else length % 2) * B * H
        for start in range(0, H, BLOCK):
            n = start + tl.arange(0, BLOCK)
            both = live[:, None] & (n < H)[None, :]
            own = rows[:, None] * H + n[None, :]
            h = tl.load(final + own, mask=both, other=0.0)
            if CARRY:
                own_carry = rows[:, None] * 2 * H + n[None, :]
                tl.store(carry_ptr + own_carry, h, mask=both)
                tl.store(carry_ptr + own_carry + H, tl.load(c_final + own, mask=both, other=0.0), mask=both)
            if not KEEP:
                tl.store(last_ptr + run * B * H + own, h, mask=both)


@triton.jit
def backward_tiles(
    lengths_ptr, w_h_ptr, apart, weights, c_ptr, units_ptr, direct_ptr, d_ptr, delta_ptr, T, B,
    carried_ptr,
    H: tl.constexpr, EVERY: tl.constexpr,
    PRECISION: tl.constexpr, TILE: tl.constexpr, BLOCK: tl.constexpr, DEPTH: tl.constexpr,
):  # fmt: skip
    """As `backward`, for a tile of sequences. Grid: (tiles, runs). w_h_ptr: the matrices are transposed.
    carried_ptr: (R, B, H), written again at each step with e_t * f_t.
    """
    tile, run = tl.program_id(0), tl.program_id(1).to(tl.int64)
    rows = tile * TILE + tl.arange(0, TILE)
    live = rows < B
    length = tl.load(lengths_ptr + run).to(tl.int64)  # so that places are 64-bit
    w_h_ptr += run * weights
    c_ptr += run * (T + 1) * B * H
    d_ptr += run * (T + 1) * B * H
    units_ptr += run * T * B * 4 * H
    delta_ptr += run * T * B * 4 * H
    direct_ptr += run * (T if EVERY else 1) * B * H
    carried_ptr += run * B * H
    for back in range(length):
        t = length - back
        d_t = d_ptr + t * B * H
        c_t = c_ptr + t * B * H
        units_t = units_ptr + (t - 1) * B * 4 * H
        delta_t = delta_ptr + (t - 1) * B * 4 * H
        for start in range(0, H, BLOCK):
            n = start + tl.arange(0, BLOCK)
            both = live[:, None] & (n < H)[None, :]
            own = rows[:, None] * H + n[None, :]
            own_units = rows[:, None] * 4 * H + n[None, :]
            if back == 0:
                d = tl.load(direct_ptr + (t - 1 if EVERY else 0) * B * H + own, mask=both, other=0.0)
                tl.store(d_t + own, d, mask=both)
            else:
                d = tl.load(d_t + own, mask=both, other=0.0)
            i = tl.load(units_t + own_units, mask=both, other=0.0)
            f = tl.load(units_t + own_units + H, mask=both, other=0.0)
            o = tl.load(units_t + own_units + 2 * H, mask=both, other=0.0)
            g = tl.load(units_t + own_units + 3 * H, mask=both, other=0.0)
            squashed = tanh(tl.load(c_t + own, mask=both, other=0.0))
            c = tl.load(c_t - B * H + own, mask=both, other=0.0)
            later = tl.where(back > 0, H, 0)
            carried = tl.load(carried_ptr + own, mask=live[:, None] & (n < later)[None, :], other=0.0)
            e = d * o * (1 - squashed * squashed) + carried
            tl.store(carried_ptr + own, e * f, mask=both)
            tl.store(delta_t + own_units, e * g * (i - i * i), mask=both)
            tl.store(delta_t + own_units + H, e * c * (f - f * f), mask=both)
            tl.store(delta_t + own_units + 2 * H, d * squashed * (o - o * o), mask=both)
            tl.store(delta_t + own_units + 3 * H, e * i * (1 - g * g), mask=both)
        tl.debug_barrier()
        for start in range(0, H, BLOCK):
            n = start + tl.arange(0, BLOCK)
            inside = n < H
            both = live[:, None] & inside[None, :]
            own = rows[:, None] * H + n[None, :]
            d = tl.zeros([TILE, BLOCK], d_ptr.dtype.element_ty)
            d = add_product(d, delta_t, rows, live, 4 * H, w_h_ptr, H, 1, H, n, inside, DEPTH, PRECISION)
            d = add_product(d, delta_t + H, rows, live, 4 * H, w_h_ptr + apart, H, 1, H, n, inside, DEPTH, PRECISION)
            d = add_product(
                d, delta_t + 2 * H, rows, live, 4 * H, w_h_ptr + 2 * apart, H, 1, H, n, inside, DEPTH, PRECISION
            )
            d = add_product(
                d, delta_t + 3 * H, rows, live, 4 * H, w_h_ptr + 3 * apart, H, 1, H, n, inside, DEPTH, PRECISION
            )
            if EVERY:
                more = tl.where(t > 1, H, 0)
                mask = live[:, None] & (n < more)[None, :]
                d += tl.load(direct_ptr + (t - 2) * B * H + own, mask=mask, other=0.0)
            tl.store(d_t - B * H + own, d, mask=both)
        tl.debug_barrier()
