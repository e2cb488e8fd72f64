"""The GRU of rnnctl.cells.gru.equations, one run, all time steps in one call.

H hidden units, G = 2 H: gates z and r.
"""

from __future__ import annotations

from rnnctl.kernels.compiled import kernel
from rnnctl.kernels.elementwise import copy_row, join, sigmoid_rows, tanh_rows
from rnnctl.kernels.tiled import add_product


@kernel
def forward(sums_XG, sums_XH, w_gates_HG, w_HH, places_TB, h_TBH, gates_TBG, n_TBH, reset_TBH):
    """h_t for t = 1..T from h[0], the gates, the new content n_t and r_t * h_{t-1}.

    sums_XG, sums_XH: what inputs add to the gates' sums, and to the new content's, at places_TB. h_TBH: (T + 1, B, H),
    written from 1 on.
    """
    length, batch = places_TB.shape
    hidden = w_HH.shape[0]
    for t in range(length):
        before, after, gates, n, reset = h_TBH[t], h_TBH[t + 1], gates_TBG[t], n_TBH[t], reset_TBH[t]
        for b in range(batch):
            copy_row(sums_XG[places_TB[t, b]], gates[b])
            copy_row(sums_XH[places_TB[t, b]], n[b])
        add_product(before, w_gates_HG, gates)
        sigmoid_rows(gates.reshape(1, -1))
        for b in range(batch):
            gate, old, out = gates[b], before[b], reset[b]
            for j in range(hidden):
                out[j] = gate[hidden + j] * old[j]
        add_product(reset, w_HH, n)
        tanh_rows(n.reshape(1, -1))
        for b in range(batch):
            gate, old, new, out = gates[b], before[b], n[b], after[b]
            for j in range(hidden):
                out[j] = old[j] + gate[j] * (new[j] - old[j])


@kernel
def backward(
    w_gates_transposed_GH,
    w_transposed_HH,
    places_TB,
    h_TBH,
    gates_TBG,
    n_TBH,
    direct_SBH,
    d_TBH,
    delta_gates_TBG,
    delta_TBH,
    q_BH,
    by_place_XG,
    by_place_XH,
):
    """Carry the gradient back to dL/dh_0, in d[0], leaving the deltas of the gates' and the new content's sums.

    direct_SBH: what the head sends into the last S steps. q_BH: room for a step. The gradients of the forward pass's
    sums are written, by place.
    """
    length, batch = places_TB.shape
    hidden = w_transposed_HH.shape[0]
    zero, one = d_TBH.dtype.type(0), d_TBH.dtype.type(1)
    by_place_XG[:] = zero
    by_place_XH[:] = zero
    d_TBH[length] = zero
    join(direct_SBH, length, length, d_TBH[length])
    for t in range(length - 1, -1, -1):
        d, before, delta, delta_gates = d_TBH[t + 1], d_TBH[t], delta_TBH[t], delta_gates_TBG[t]
        for b in range(batch):
            signal, gate, new, out, room = d[b], gates_TBG[t, b], n_TBH[t, b], delta[b], q_BH[b]
            place = by_place_XH[places_TB[t, b]]
            for j in range(hidden):
                out[j] = signal[j] * gate[j] * (one - new[j] * new[j])
                room[j] = zero
            for j in range(hidden):
                place[j] += out[j]
        add_product(delta, w_transposed_HH, q_BH)
        for b in range(batch):
            signal, gate, new, old = d[b], gates_TBG[t, b], n_TBH[t, b], h_TBH[t, b]
            back, out, q = before[b], delta_gates[b], q_BH[b]
            for j in range(hidden):
                out[j] = signal[j] * (new[j] - old[j]) * (gate[j] - gate[j] * gate[j])
            for j in range(hidden):
                r = gate[hidden + j]
                out[hidden + j] = q[j] * old[j] * (r - r * r)
            for j in range(hidden):
                back[j] = signal[j] - signal[j] * gate[j] + q[j] * gate[hidden + j]
            place = by_place_XG[places_TB[t, b]]
            for j in range(2 * hidden):
                place[j] += out[j]
        add_product(delta_gates, w_gates_transposed_GH, before)
        join(direct_SBH, length, t, before)
