"""The LSTM of rnnctl.cells.lstm.equations, one run, all time steps in one call.

H hidden units, G = 4 H: the sums of gates i, f, o and of the new content g, side by side.
"""

from __future__ import annotations

from rnnctl.kernels.compiled import kernel
from rnnctl.kernels.elementwise import copy_row, join, tanh_rows
from rnnctl.kernels.tiled import add_product


@kernel
def forward(sums_XG, w_HG, places_TB, h_TBH, c_TBH, units_TBG, squashed_TBH):
    """h_t and c_t for t = 1..T from h[0] and c[0], the units' values, and tanh(c_t) in squashed[t - 1].

    sums_XG: what inputs add to the units' sums, at places_TB. There and in w_HG, the gates' columns are halved
    beforehand, so that one tanh does for all units: 1 / (1 + exp(-x)) = tanh(x / 2) / 2 + 1 / 2. h_TBH, c_TBH: (T + 1,
    B, H), written from 1 on.
    """
    length, batch = places_TB.shape
    hidden = w_HG.shape[0]
    half = h_TBH.dtype.type(0.5)
    for t in range(length):
        units, squashed = units_TBG[t], squashed_TBH[t]
        for b in range(batch):
            copy_row(sums_XG[places_TB[t, b]], units[b])
        add_product(h_TBH[t], w_HG, units)
        tanh_rows(units.reshape(1, -1))
        for b in range(batch):
            unit, old, new, out = units[b], c_TBH[t, b], c_TBH[t + 1, b], squashed[b]
            for j in range(3 * hidden):
                unit[j] = half * unit[j] + half
            for j in range(hidden):
                new[j] = unit[hidden + j] * old[j] + unit[j] * unit[3 * hidden + j]
            for j in range(hidden):
                out[j] = new[j]
        tanh_rows(squashed.reshape(1, -1))
        for b in range(batch):
            unit, inner, out = units[b], squashed[b], h_TBH[t + 1, b]
            for j in range(hidden):
                out[j] = unit[2 * hidden + j] * inner[j]


@kernel
def backward(
    w_transposed_GH, places_TB, c_TBH, units_TBG, squashed_TBH, direct_SBH, d_TBH, delta_TBG, e_BH, by_place_XG
):
    """Carry the gradient back to dL/dh_0, in d[0], leaving the deltas of the units' sums.

    direct_SBH: what the head sends into the last S steps. e_BH: room for dL/dc_t. by_place_XG: written with the
    gradient of the forward pass's sums.
    """
    length, batch = places_TB.shape
    hidden = w_transposed_GH.shape[1]
    zero, one = d_TBH.dtype.type(0), d_TBH.dtype.type(1)
    by_place_XG[:] = zero
    e_BH[:] = zero
    d_TBH[length] = zero
    join(direct_SBH, length, length, d_TBH[length])
    for t in range(length - 1, -1, -1):
        before, delta = d_TBH[t], delta_TBG[t]
        for b in range(batch):
            signal, unit, inner, old = d_TBH[t + 1, b], units_TBG[t, b], squashed_TBH[t, b], c_TBH[t, b]
            e, out, back = e_BH[b], delta[b], before[b]
            for j in range(hidden):
                e[j] += signal[j] * unit[2 * hidden + j] * (one - inner[j] * inner[j])
            for j in range(hidden):
                i, g = unit[j], unit[3 * hidden + j]
                out[j] = e[j] * g * (i - i * i)
                out[3 * hidden + j] = e[j] * i * (one - g * g)
            for j in range(hidden):
                f = unit[hidden + j]
                out[hidden + j] = e[j] * old[j] * (f - f * f)
            for j in range(hidden):
                o = unit[2 * hidden + j]
                out[2 * hidden + j] = signal[j] * inner[j] * (o - o * o)
            for j in range(hidden):
                e[j] *= unit[hidden + j]
                back[j] = zero
            place = by_place_XG[places_TB[t, b]]
            for j in range(4 * hidden):
                place[j] += out[j]
        add_product(delta, w_transposed_GH, before)
        join(direct_SBH, length, t, before)
