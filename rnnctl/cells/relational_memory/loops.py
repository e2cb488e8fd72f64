"""The relational memory of rnnctl.cells.relational_memory.equations, one run, all time steps in one call.

Shapes: F units of a slot, S slots, B sequences, C = S B columns; G units that gates have of their own, P = 3 G, the
values of a slot's three gates. Values of all slots are unit by unit, as rnnctl.kernels.slots has them. Only h and d,
which the head reads, have a row for each sequence.

The input's row enters through its keys and values alone, of which there is one for each place (see rnnctl.cells.base.
tape.Sums): `table` has keys, values and what is added to the gates' sums, (X, A), A = 2 F + P.

`weights` are W_q, W_k and W_v side by side; those of the gates side by side; W_m, b_m, W_n, b_n, g_1, b_1, g_2, b_2,
the last four without a meaning if there is no normalisation. `values` are arrays (T, ...) in the order of VALUES.
"""

from __future__ import annotations

import numpy as np

from rnnctl.cells.base.layer_norm import EPSILON
from rnnctl.kernels.compiled import force_inlined, kernel
from rnnctl.kernels.elementwise import join, sigmoid_rows, tanh_rows
from rnnctl.kernels.slots import (
    add,
    add_sums,
    attend,
    attend_back,
    copy,
    fill,
    normalise,
    normalise_back,
    to_columns,
    to_rows,
)
from rnnctl.kernels.tiled import add_product, add_transposed_product, set_product, set_transposed_product, transpose

VALUES = ("qkv", "input", "a", "n1", "r1", "n2", "r2", "inner", "content", "gates", "squashed")


@kernel
def forward(table_XA, places_TB, weights, heads, norm, memory_TFC, h_TBH, values):
    """Compute M_t, h_t and all values for t = 1..T from the memory of step 0, and h_0."""
    w_qkv, w_h, w_m, b_m, w_n, b_n, g_1, b_1, g_2, b_2 = weights
    all_qkv, all_input, all_a, all_n1, all_r1, all_n2, all_r2, all_inner, all_content, all_gates, all_squashed = values
    length, batch = places_TB.shape
    units = memory_TFC.shape[1]
    zero, epsilon = h_TBH.dtype.type(0), h_TBH.dtype.type(EPSILON)
    h_FC, y_FC = np.empty_like(memory_TFC[0]), np.empty_like(memory_TFC[0])
    rows_BA = np.empty((batch, table_XA.shape[1]), h_TBH.dtype)
    to_columns(h_TBH[0], h_FC)
    for t in range(length):
        memory, new, content, squashed = memory_TFC[t], memory_TFC[t + 1], all_content[t], all_squashed[t]
        qkv, input_AB, inner, gates_PC = all_qkv[t], all_input[t], all_inner[t], all_gates[t]
        for b in range(batch):
            copy(table_XA[places_TB[t, b]], rows_BA[b])
        transpose(rows_BA, input_AB)
        set_transposed_product(w_qkv, memory, qkv)
        for f in range(units):
            copy(memory[f], y_FC[f])
        attend(qkv, input_AB, heads, all_a[t], y_FC)
        if norm:
            normalise(y_FC, g_1, b_1, epsilon, all_n1[t], all_r1[t])
        else:
            for f in range(units):
                copy(y_FC[f], all_n1[t, f])
        set_transposed_product(w_m, y_FC, inner)
        for f in range(units):
            row, bias = inner[f], b_m[f]
            for c in range(row.size):
                row[c] += bias
                if row[c] < zero:
                    row[c] = zero
        set_transposed_product(w_n, inner, content)
        for f in range(units):
            row, y, bias = content[f], y_FC[f], b_n[f]
            for c in range(row.size):
                row[c] += y[c] + bias
        if norm:
            normalise(content, g_2, b_2, epsilon, all_n2[t], all_r2[t])
        tanh_rows(content)
        for p in range(len(gates_PC)):
            added, row = input_AB[2 * units + p], gates_PC[p]
            for c in range(0, row.size, batch):
                copy(added, row[c : c + batch])
        add_transposed_product(w_h, h_FC, gates_PC)
        sigmoid_rows(gates_PC)
        for f in range(units):
            i, forget, row, old, out, after = (
                _gate(gates_PC, 0, f, units), _gate(gates_PC, 1, f, units), content[f], memory[f], new[f], squashed[f],
            )  # fmt: skip
            for c in range(row.size):
                out[c] = i[c] * row[c] + forget[c] * old[c]
                after[c] = out[c]
        tanh_rows(squashed)
        for f in range(units):
            o, row, out = _gate(gates_PC, 2, f, units), squashed[f], h_FC[f]
            for c in range(row.size):
                out[c] = o[c] * row[c]
        to_rows(h_FC, h_TBH[t + 1])


@force_inlined
def _gate(gates_PC, gate, f, units):
    """Return the row of a gate for a unit: its own, or the one that all units of a slot share."""
    own = gates_PC.shape[0] // 3
    return gates_PC[gate * own + (f if own == units else 0)]


@kernel
def _add_gradient(inputs_KC, delta_NC, room, grad_KN):
    """grad += the sum over columns of input^T delta. room: at least as large as delta."""
    turned_CN = room[: delta_NC.size].reshape(delta_NC.shape[1], delta_NC.shape[0])
    transpose(delta_NC, turned_CN)
    add_product(inputs_KC, turned_CN, grad_KN)


@kernel
def backward(places_TB, weights, heads, norm, memory_TFC, h_TBH, values, direct_SBH, d_TBH, by_place_XA, grads):
    """Carry the gradient back to dL/dh_0, in d[0]. Write the gradients of `weights`, in their order, and of `table`.

    direct_SBH: what the head sends into the last S steps.
    """
    w_qkv, w_h, w_m, _, w_n, _, g_1, b_1, g_2, _ = weights
    to_qkv, to_h, to_m, to_bm, to_n, to_bn, to_g1, to_b1, to_g2, to_b2 = grads
    all_qkv, all_input, all_a, all_n1, all_r1, all_n2, all_r2, all_inner, all_content, all_gates, all_squashed = values
    length, batch = places_TB.shape
    units = memory_TFC.shape[1]
    zero, one = h_TBH.dtype.type(0), h_TBH.dtype.type(1)
    like, dqkv_QC = memory_TFC[0], np.empty_like(all_qkv[0])
    d_FC, h_FC, y_FC, e_FC = np.empty_like(like), np.empty_like(like), np.empty_like(like), np.empty_like(like)
    dr_FC, dm_FC, dz_FC = np.empty_like(like), np.empty_like(like), np.empty_like(like)
    delta_PC, dinput_AB = np.empty_like(all_gates[0]), np.empty_like(all_input[0])
    rows_BA, room = np.empty((batch, len(dinput_AB)), h_TBH.dtype), np.empty(dqkv_QC.size, h_TBH.dtype)
    for grad in (to_qkv, to_h, to_m, to_n, by_place_XA, e_FC, d_TBH[length]):
        fill(zero, grad)
    for grad in (to_bm, to_bn, to_g1, to_b1, to_g2, to_b2):
        grad[:] = zero
    for t in range(length - 1, -1, -1):
        memory, content, squashed, inner, n1 = memory_TFC[t], all_content[t], all_squashed[t], all_inner[t], all_n1[t]
        gates_PC = all_gates[t]
        join(direct_SBH, length, t + 1, d_TBH[t + 1])
        to_columns(d_TBH[t + 1], d_FC)
        fill(zero, delta_PC)
        for f in range(units):
            d, e, dr, row, old, after = d_FC[f], e_FC[f], dr_FC[f], content[f], memory[f], squashed[f]
            i, forget, o = _gate(gates_PC, 0, f, units), _gate(gates_PC, 1, f, units), _gate(gates_PC, 2, f, units)
            to_i, to_forget, to_o = (
                _gate(delta_PC, 0, f, units), _gate(delta_PC, 1, f, units), _gate(delta_PC, 2, f, units),
            )  # fmt: skip
            for c in range(d.size):
                e[c] += d[c] * o[c] * (one - after[c] * after[c])
            for c in range(d.size):
                to_o[c] += d[c] * after[c] * (o[c] - o[c] * o[c])
            for c in range(d.size):
                to_i[c] += e[c] * row[c] * (i[c] - i[c] * i[c])
                dr[c] = e[c] * i[c] * (one - row[c] * row[c])
            for c in range(d.size):
                to_forget[c] += e[c] * old[c] * (forget[c] - forget[c] * forget[c])
                e[c] *= forget[c]
        if norm:
            normalise_back(dr_FC, all_n2[t], all_r2[t], g_2, to_g2, to_b2)
        set_product(w_n, dr_FC, dm_FC)
        for f in range(units):
            dm, row = dm_FC[f], inner[f]
            for c in range(dm.size):
                if row[c] <= zero:
                    dm[c] = zero
        add_sums(dr_FC, to_bn)
        _add_gradient(inner, dr_FC, room, to_n)
        for f in range(units):
            y, row = y_FC[f], n1[f]
            gain, bias = (g_1[f], b_1[f]) if norm else (one, zero)
            for c in range(y.size):
                y[c] = row[c] * gain + bias
        add_sums(dm_FC, to_bm)
        _add_gradient(y_FC, dm_FC, room, to_m)
        set_product(w_m, dm_FC, dz_FC)
        for f in range(units):
            add(dr_FC[f], dz_FC[f])
        if norm:
            normalise_back(dz_FC, n1, all_r1[t], g_1, to_g1, to_b1)
        attend_back(dz_FC, all_qkv[t], all_input[t], heads, all_a[t], dqkv_QC, dinput_AB)
        _add_gradient(memory, dqkv_QC, room, to_qkv)
        for f in range(units):
            add(dz_FC[f], e_FC[f])
        add_product(w_qkv, dqkv_QC, e_FC)
        to_columns(h_TBH[t], h_FC)
        _add_gradient(h_FC, delta_PC, room, to_h)
        set_product(w_h, delta_PC, d_FC)
        to_rows(d_FC, d_TBH[t])
        for p in range(len(delta_PC)):
            row, into = delta_PC[p], dinput_AB[2 * units + p]
            for c in range(0, row.size, batch):
                add(row[c : c + batch], into)
        transpose(dinput_AB, rows_BA)
        for b in range(batch):
            add(rows_BA[b], by_place_XA[places_TB[t, b]])
