"""The layered cell of rnnctl.cells.gated.equations on a GPU, all layers and steps of a pack in one launch each way.

A program takes a tile of sequences through all steps, and through the layers of each. Maps are read block by block, and
values go through memory from one map to the next. What a layer has is read from the run's plan
(rnnctl.cells.gated.plan) and not compiled in, so one program serves all flags, also in one launch. All threads of a
program work for one run, so they take the same branches. Distances between runs, layers and sequences are those of the
widest network of the launch, whatever a run's flags.

Values: (R, T, B, width), the slots of all layers side by side, and the last layer's output. States: (R, T + 1, B, L
H). Letters and D_v are those of rnnctl.cells.gated.passes.
"""

from __future__ import annotations

import triton
import triton.language as tl

from rnnctl.cells.gated import plan
from rnnctl.kernels.gpu.blocks import add_product, added_tile, sigmoid, tanh

# Numbers of a plan, and its size.
FIRST, HEIGHT, INPUT_GATE, STATE_GATE, FORGET_GATE, P, DELTA_A, DELTA_D, DELTA_E, DELTA_G = (
    tl.constexpr(i) for i in range(len(plan.NUMBERS))
)
FIRST_ENTRY, ENTRY = tl.constexpr(len(plan.NUMBERS)), tl.constexpr(plan.ENTRY)
WIDTH = tl.constexpr(len(plan.NUMBERS) + plan.ENTRY * len(plan.SUMS))
MAPS, TARGETS = tl.constexpr(len(plan.FORWARD)), tl.constexpr(len(plan.BACKWARD))
A, B_MAP, C, D, E, F, G = (tl.constexpr(i) for i in range(len(plan.FORWARD)))
TO_O, TO_N, TO_P, TO_M, TO_KEPT_X, TO_KEPT_S, TO_X, TO_S = (tl.constexpr(i) for i in range(len(plan.BACKWARD)))
STATE = tl.constexpr(plan.STATE)
# Slots that every layer has: of values, and of deltas.
X, M, O, OUTPUT_GATE = (tl.constexpr(i) for i in range(len(plan.VALUES)))  # noqa: E741
DELTA_C, DELTA_F = (tl.constexpr(i) for i in range(len(plan.MAPS)))
# Slots of what a step of the way back hands from one sum to the next.
D_P, D_X, D_S, ROOM = (tl.constexpr(i) for i in range(4))


@triton.jit
def linear(
    entry, v_ptr, width, s_ptr, n_ptr, states, w_ptr, rows, live, n, inside,
    H: tl.constexpr, DEPTH: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Return the sums of a map, (TILE, BLOCK): its bias, and a product for each part of its input.

    entry: the map's in the plan. v_ptr, s_ptr, n_ptr: the layer's values, s and n; a sequence has `width` numbers of
    the first, and `states` of the others. w_ptr: the layer's weights.
    """
    total = tl.zeros([rows.shape[0], n.shape[0]], w_ptr.dtype.element_ty)
    total += tl.load(w_ptr + tl.load(entry + 1) * H + n, mask=inside, other=0.0)[None, :]
    for i in range(tl.load(entry)):
        source = tl.load(entry + 2 + 3 * i)
        x_ptr = tl.where(source >= 0, v_ptr + source * H, tl.where(source == STATE, s_ptr, n_ptr))
        x_row, w_row = tl.where(source >= 0, width, states), tl.load(entry + 4 + 3 * i) * H
        total = add_product(
            total, x_ptr, rows, live, x_row, w_ptr + tl.load(entry + 3 + 3 * i) * H, w_row, 1, H, n, inside, DEPTH,
            PRECISION,
        )  # fmt: skip
    return total


@triton.jit
def sent(
    entry, deltas_ptr, width, w_ptr, rows, live, n, inside,
    H: tl.constexpr, DEPTH: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Return what the deltas of a layer send back to a value by way of the maps, (TILE, BLOCK).

    entry: the value's in the plan. deltas_ptr: the layer's deltas; a sequence has `width`. w_ptr: the layer's weights,
    matrices transposed.
    """
    total = tl.zeros([rows.shape[0], n.shape[0]], w_ptr.dtype.element_ty)
    for i in range(tl.load(entry)):
        total = add_product(
            total, deltas_ptr + tl.load(entry + 2 + 3 * i) * H, rows, live, width,
            w_ptr + tl.load(entry + 3 + 3 * i) * H, tl.load(entry + 4 + 3 * i) * H, 1, H, n, inside, DEPTH, PRECISION,
        )  # fmt: skip
    return total


@triton.jit
def layers_forward(
    u_ptr, u_run, lengths_ptr, goes_on_ptr, carry_ptr, w_ux_ptr, b_x_ptr, maps_ptr, weights, kinds_ptr, plans_ptr,
    values_ptr, slots, width, states_ptr, out_ptr, T, B, V, layers,
    H: tl.constexpr, KEEP: tl.constexpr, EVERY: tl.constexpr, CARRY: tl.constexpr,
    PRECISION: tl.constexpr, TILE: tl.constexpr, BLOCK: tl.constexpr, DEPTH: tl.constexpr,
):  # fmt: skip
    """All values of the layers, and their states, for t = 1..T_r. Grid: (tiles, runs).

    u_ptr: the symbols of each run, u_run apart. goes_on_ptr: (R,), 1 where a run starts from carry_ptr (R, B, L H)
    instead of zeros. w_ux_ptr, b_x_ptr, maps_ptr: where the widest network has them in the row of the first run, rows
    `weights` apart. kinds_ptr: which of the plans each run has. Unless KEEP, values have
    room for one step and states for two, written by turns, and out_ptr gets the last layer's outputs, (R, T, B, H) if
    EVERY, else (R, B, H) of the last step.
    """
    tile, run = tl.program_id(0), tl.program_id(1).to(tl.int64)
    rows = tile * TILE + tl.arange(0, TILE)
    live = rows < B
    length = tl.load(lengths_ptr + run).to(tl.int64)
    goes_on = tl.load(goes_on_ptr + run)
    numbers = plans_ptr + tl.load(kinds_ptr + run) * WIDTH
    height, p_slot = tl.load(numbers + HEIGHT), tl.load(numbers + P)
    a_slot, z_slot, f_slot = (
        tl.load(numbers + INPUT_GATE), tl.load(numbers + STATE_GATE), tl.load(numbers + FORGET_GATE)
    )  # fmt: skip
    states = layers * H
    u_ptr += run * u_run
    carry_ptr += run * B * states
    row = run * weights + tl.load(numbers + FIRST).to(tl.int64) * H
    w_ux_ptr += row
    b_x_ptr += row
    maps_ptr += row
    if KEEP == False:  # noqa: E712
        out_ptr += run * (T if EVERY else 1) * B * H
    values_ptr += run * (T if KEEP else 1) * B * width
    states_ptr += run * ((T + 1) if KEEP else 2) * B * states
    for start in range(0, states, BLOCK):
        n = start + tl.arange(0, BLOCK)
        state = rows[:, None] * states + n[None, :]
        s = tl.load(carry_ptr + state, mask=live[:, None] & (n < states * goes_on)[None, :], other=0.0)
        tl.store(states_ptr + state, s, mask=live[:, None] & (n < states)[None, :])
    for t in range(length):
        step_ptr = values_ptr + (t if KEEP else 0) * B * width
        for start in range(0, H, BLOCK):
            n = start + tl.arange(0, BLOCK)
            x = added_tile(u_ptr, t * B + rows, live, w_ux_ptr, b_x_ptr, n, n < H, V, H, False, PRECISION)
            own = rows[:, None] * width + n[None, :]
            tl.store(step_ptr + own, x, mask=live[:, None] & (n < H)[None, :])
        tl.debug_barrier()
        for layer in range(layers):
            w_ptr = maps_ptr + layer * height * H
            v_ptr = step_ptr + layer * slots * H
            s_ptr = states_ptr + (t if KEEP else t % 2) * B * states + layer * H
            n_ptr = states_ptr + (t + 1 if KEEP else (t + 1) % 2) * B * states + layer * H
            for letter in range(MAPS):
                entry = numbers + FIRST_ENTRY + letter * ENTRY
                # A map that the flags leave out has -1 products.
                for start in range(0, tl.where(tl.load(entry) >= 0, H, 0), BLOCK):
                    n = start + tl.arange(0, BLOCK)
                    inside = n < H
                    both = live[:, None] & inside[None, :]
                    sums = linear(
                        entry, v_ptr, width, s_ptr, n_ptr, states, w_ptr, rows, live, n, inside,
                        H, DEPTH, PRECISION,
                    )  # fmt: skip
                    own, state = rows[:, None] * width + n[None, :], rows[:, None] * states + n[None, :]
                    if letter == A:
                        a = sigmoid(sums)
                        x = tl.load(v_ptr + X * H + own, mask=both, other=0.0)
                        tl.store(v_ptr + a_slot * H + own, a, mask=both)
                        tl.store(v_ptr + (a_slot + 2) * H + own, a * x, mask=both)
                    elif letter == B_MAP:
                        b = sigmoid(sums)
                        s = tl.load(s_ptr + state, mask=both, other=0.0)
                        tl.store(v_ptr + (a_slot + 1) * H + own, b, mask=both)
                        tl.store(v_ptr + (a_slot + 3) * H + own, b * s, mask=both)
                    elif letter == C:
                        m = tanh(sums)
                        tl.store(v_ptr + M * H + own, m, mask=both)
                        if (z_slot < 0) & (f_slot < 0):
                            tl.store(n_ptr + state, m, mask=both)
                    elif letter == D:
                        z = sigmoid(sums)
                        s = tl.load(s_ptr + state, mask=both, other=0.0)
                        p = s + z * (tl.load(v_ptr + M * H + own, mask=both, other=0.0) - s)
                        tl.store(v_ptr + z_slot * H + own, z, mask=both)
                        tl.store(v_ptr + p_slot * H + own, p, mask=both)
                        if f_slot < 0:
                            tl.store(n_ptr + state, p, mask=both)
                    elif letter == E:
                        f = sigmoid(sums)
                        p = tl.load(v_ptr + p_slot * H + own, mask=both, other=0.0)
                        tl.store(v_ptr + f_slot * H + own, f, mask=both)
                        tl.store(n_ptr + state, f * p, mask=both)
                    else:
                        # F, and then G where the layer has it: without, g = sig(o).
                        o = sums
                        if letter == F:
                            tl.store(v_ptr + O * H + own, o, mask=both)
                        else:
                            o = tl.load(v_ptr + O * H + own, mask=both, other=0.0)
                        g = sigmoid(sums)
                        tl.store(v_ptr + OUTPUT_GATE * H + own, g, mask=both)
                        tl.store(v_ptr + slots * H + own, g * o, mask=both)
                # B reads nothing that A writes.
                if (letter != A) & (tl.load(entry) >= 0):
                    tl.debug_barrier()
        if KEEP == False:  # noqa: E712
            out = out_ptr + (t if EVERY else 0) * B * H
            for start in range(0, H, BLOCK):
                n = start + tl.arange(0, BLOCK)
                both = live[:, None] & (n < H)[None, :]
                own = rows[:, None] * width + n[None, :]
                y = tl.load(step_ptr + layers * slots * H + own, mask=both, other=0.0)
                tl.store(out + rows[:, None] * H + n[None, :], y, mask=both)
    if CARRY:
        final_ptr = states_ptr + (length if KEEP else length % 2) * B * states
        for start in range(0, states, BLOCK):
            n = start + tl.arange(0, BLOCK)
            both = live[:, None] & (n < states)[None, :]
            state = rows[:, None] * states + n[None, :]
            tl.store(carry_ptr + state, tl.load(final_ptr + state, mask=both, other=0.0), mask=both)


@triton.jit
def layers_backward(
    lengths_ptr, maps_ptr, weights, kinds_ptr, plans_ptr, values_ptr, slots, width, states_ptr,
    direct_ptr, d_ptr, dx_ptr, deltas_ptr, delta_slots, room_ptr, T, B, layers,
    H: tl.constexpr, EVERY: tl.constexpr,
    PRECISION: tl.constexpr, TILE: tl.constexpr, BLOCK: tl.constexpr, DEPTH: tl.constexpr,
):  # fmt: skip
    """D of all states, D_x of the first layer, and all deltas, for t = T_r..1. Grid: (tiles, runs).

    direct_ptr: what the head sends, (R, B, H) into the last step, or (R, T, B, H) into each if EVERY. d_ptr: (R, T + 1,
    B, L H). dx_ptr: (R, T, B, H), which hands D_x from layer to layer. deltas_ptr: (R, T, B, L, delta_slots, H).
    room_ptr: (R, B, ROOM, H). maps_ptr: as in `layers_forward`, with all matrices transposed.
    """
    tile, run = tl.program_id(0), tl.program_id(1).to(tl.int64)
    rows = tile * TILE + tl.arange(0, TILE)
    live = rows < B
    length = tl.load(lengths_ptr + run).to(tl.int64)
    numbers = plans_ptr + tl.load(kinds_ptr + run) * WIDTH
    height, p_slot = tl.load(numbers + HEIGHT), tl.load(numbers + P)
    a_slot, z_slot, f_slot = (
        tl.load(numbers + INPUT_GATE), tl.load(numbers + STATE_GATE), tl.load(numbers + FORGET_GATE)
    )  # fmt: skip
    delta_a, delta_d, delta_e, delta_g = (
        tl.load(numbers + DELTA_A), tl.load(numbers + DELTA_D), tl.load(numbers + DELTA_E), tl.load(numbers + DELTA_G)
    )  # fmt: skip
    states, delta_width = layers * H, layers * delta_slots * H
    maps_ptr += run * weights + tl.load(numbers + FIRST).to(tl.int64) * H
    values_ptr += run * T * B * width
    states_ptr += run * (T + 1) * B * states
    direct_ptr += run * (T if EVERY else 1) * B * H
    d_ptr += run * (T + 1) * B * states
    dx_ptr += run * T * B * H
    deltas_ptr += run * T * B * delta_width
    room_ptr += run * B * ROOM * H
    for i in range(length):
        t = length - 1 - i
        for j in range(layers):
            layer = layers - 1 - j
            w_ptr = maps_ptr + layer * height * H
            v_ptr = values_ptr + t * B * width + layer * slots * H
            s_ptr = states_ptr + t * B * states + layer * H
            before_ptr = d_ptr + t * B * states + layer * H
            after_ptr = before_ptr + B * states
            step_ptr = dx_ptr + t * B * H
            delta_ptr = deltas_ptr + t * B * delta_width + layer * delta_slots * H
            # Through the output. D_o is complete if it does not pass G.
            for start in range(0, H, BLOCK):
                n = start + tl.arange(0, BLOCK)
                both = live[:, None] & (n < H)[None, :]
                own, out = rows[:, None] * width + n[None, :], rows[:, None] * H + n[None, :]
                delta = rows[:, None] * delta_width + n[None, :]
                if j == 0:
                    # The head reads the last layer, at every step or at the last one alone.
                    read = H if EVERY else tl.where(i == 0, H, 0)
                    at = direct_ptr + (t if EVERY else 0) * B * H
                    dy = tl.load(at + out, mask=live[:, None] & (n < read)[None, :], other=0.0)
                else:
                    dy = tl.load(step_ptr + out, mask=both, other=0.0)
                o = tl.load(v_ptr + O * H + own, mask=both, other=0.0)
                g = tl.load(v_ptr + OUTPUT_GATE * H + own, mask=both, other=0.0)
                do, to_g = dy * g, dy * o * (g - g * g)
                if delta_g >= 0:
                    tl.store(delta_ptr + delta_g * H + delta, to_g, mask=both)
                    tl.store(delta_ptr + DELTA_F * H + delta, do, mask=both)
                else:
                    tl.store(delta_ptr + DELTA_F * H + delta, do + to_g, mask=both)
            tl.debug_barrier()
            for target in range(TARGETS):
                entry = numbers + FIRST_ENTRY + (MAPS + target) * ENTRY
                # A value that needs no sum of its own has -1 products.
                for start in range(0, tl.where(tl.load(entry) >= 0, H, 0), BLOCK):
                    n = start + tl.arange(0, BLOCK)
                    inside = n < H
                    both = live[:, None] & inside[None, :]
                    total = sent(entry, delta_ptr, delta_width, w_ptr, rows, live, n, inside, H, DEPTH, PRECISION)
                    own, state = rows[:, None] * width + n[None, :], rows[:, None] * states + n[None, :]
                    delta, room = rows[:, None] * delta_width + n[None, :], rows[:, None] * ROOM * H + n[None, :]
                    if target == TO_O:
                        at = delta_ptr + DELTA_F * H + delta
                        tl.store(at, tl.load(at, mask=both, other=0.0) + total, mask=both)
                    elif target <= TO_M:
                        # D_n, D_p and D_m follow one another; without its gate, each is the one before.
                        back = total
                        if target == TO_N:
                            later = tl.where(i > 0, H, 0)
                            back += tl.load(after_ptr + state, mask=live[:, None] & (n < later)[None, :], other=0.0)
                            tl.store(after_ptr + state, back, mask=both)
                            if f_slot >= 0:
                                f = tl.load(v_ptr + f_slot * H + own, mask=both, other=0.0)
                                p = tl.load(v_ptr + p_slot * H + own, mask=both, other=0.0)
                                tl.store(delta_ptr + delta_e * H + delta, back * p * (f - f * f), mask=both)
                        elif target == TO_P:
                            f = tl.load(v_ptr + f_slot * H + own, mask=both, other=0.0)
                            back += tl.load(after_ptr + state, mask=both, other=0.0) * f
                        else:
                            z = tl.load(v_ptr + z_slot * H + own, mask=both, other=0.0)
                            back += tl.load(room_ptr + D_P * H + room, mask=both, other=0.0) * z
                        is_p = (target == TO_P) | ((target == TO_N) & (f_slot < 0))
                        m = tl.load(v_ptr + M * H + own, mask=both, other=0.0)
                        if is_p & (z_slot >= 0):
                            z = tl.load(v_ptr + z_slot * H + own, mask=both, other=0.0)
                            s = tl.load(s_ptr + state, mask=both, other=0.0)
                            tl.store(room_ptr + D_P * H + room, back, mask=both)
                            tl.store(delta_ptr + delta_d * H + delta, back * (m - s) * (z - z * z), mask=both)
                        elif is_p | (target == TO_M):
                            tl.store(delta_ptr + DELTA_C * H + delta, back * (1 - m * m), mask=both)
                    elif target == TO_KEPT_X:
                        a = tl.load(v_ptr + a_slot * H + own, mask=both, other=0.0)
                        x = tl.load(v_ptr + X * H + own, mask=both, other=0.0)
                        tl.store(delta_ptr + delta_a * H + delta, total * x * (a - a * a), mask=both)
                        tl.store(room_ptr + D_X * H + room, total * a, mask=both)
                    elif target == TO_KEPT_S:
                        b = tl.load(v_ptr + (a_slot + 1) * H + own, mask=both, other=0.0)
                        s = tl.load(s_ptr + state, mask=both, other=0.0)
                        tl.store(delta_ptr + (delta_a + 1) * H + delta, total * s * (b - b * b), mask=both)
                        tl.store(room_ptr + D_S * H + room, total * b, mask=both)
                    elif target == TO_X:
                        if a_slot >= 0:
                            total += tl.load(room_ptr + D_X * H + room, mask=both, other=0.0)
                        tl.store(step_ptr + rows[:, None] * H + n[None, :], total, mask=both)
                    else:
                        if a_slot >= 0:
                            total += tl.load(room_ptr + D_S * H + room, mask=both, other=0.0)
                        if z_slot >= 0:
                            dp = tl.load(room_ptr + D_P * H + room, mask=both, other=0.0)
                            total += dp - dp * tl.load(v_ptr + z_slot * H + own, mask=both, other=0.0)
                        tl.store(before_ptr + state, total, mask=both)
                # x and s, and x' and s', read nothing that the other writes.
                if (target != TO_KEPT_X) & (target != TO_X) & (tl.load(entry) >= 0):
                    tl.debug_barrier()
