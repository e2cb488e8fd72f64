"""The vanilla RNN of rnnctl.cells.rnn.equations: all time steps of one run of a pack in one call."""

from __future__ import annotations

import numpy as np

from rnnctl.kernels.compiled import inlined, kernel
from rnnctl.kernels.elementwise import activate, copy_row, join, times_slope
from rnnctl.kernels.tiled import add_product, add_transposed_product, set_product

# Rows of the weight gradient's products that are made at a time: two such blocks stay in the first cache.
BLOCK_ROWS = 64


@kernel
def forward(sums_XH, places_TB, w_RHH, run, h_RTBH, activation):
    """h_t = phi(h_{t-1} W_hh + sums[places_t]) of one run for t = 1..T, from h[0].

    sums_XH: what inputs add to a_t. h_RTBH: (R, T + 1 or more, B, H).
    """
    length, batch = places_TB.shape
    h_TBH, w_HH = h_RTBH[run], np.empty_like(w_RHH[run])
    for n in range(w_HH.shape[0]):
        copy_row(w_RHH[run, n], w_HH[n])
    for t in range(1, length + 1):
        h = h_TBH[t]
        for b in range(batch):
            copy_row(sums_XH[places_TB[t - 1, b]], h[b])
        add_product(h_TBH[t - 1], w_HH, h)
        activate(h.reshape(1, -1), activation)


@kernel
def backward(
    places_TB, w_RHH, run, h_RTBH, direct_SBH, d_RTBH, carried_TBH, activation, alpha, bound, by_place_XH, w_grad_RHH
):
    """Carry one run's gradient back to dL/dh_0 in d_RTBH, (R, T + 1 or more, B, H); write the gradients of the forward
    pass's sums and of W_hh, of loss + alpha * Omega. Returns Omega, 0 if alpha is.

    direct_SBH: what the head sends into the last S steps. carried_TBH: written with what came back from step t for t =
    1..T; where S is 1, it may be d[:-1] itself.

    With delta_t = d_t phi'(h_t): carried_t = delta_t W_hh^T, and W_hh's gradient is the sum over t of states_{t-1}^T
    delta_t, where states_{t-1} is h_{t-1} + alpha k_t carried_t. See rnnctl.cells.rnn.omega for k.
    """
    length, batch = places_TB.shape
    hidden = w_RHH.shape[1]
    zero = d_RTBH.dtype.type(0)
    h_TBH, d_TBH = h_RTBH[run], d_RTBH[run]
    transposed_HH, delta_BH = np.empty_like(w_RHH[run]), np.empty((batch, hidden), d_RTBH.dtype)
    for j in range(hidden):
        for n in range(hidden):
            transposed_HH[n, j] = w_RHH[run, j, n]
    by_place_XH[:] = zero
    d_TBH[length] = zero
    join(direct_SBH, length, length, d_TBH[length])
    for t in range(length, 0, -1):
        times_slope(d_TBH[t].reshape(1, -1), h_TBH[t].reshape(1, -1), activation, delta_BH.reshape(1, -1))
        for b in range(batch):
            row, place = delta_BH[b], by_place_XH[places_TB[t - 1, b]]
            for n in range(hidden):
                place[n] += row[n]
        set_product(delta_BH, transposed_HH, carried_TBH[t - 1])
        if direct_SBH.shape[0] > 1:
            copy_row(carried_TBH[t - 1].reshape(-1), d_TBH[t - 1].reshape(-1))
            join(direct_SBH, length, t - 1, d_TBH[t - 1])
    k_TB = np.zeros((length, batch), d_RTBH.dtype)
    value = _omega(d_TBH, carried_TBH, bound, k_TB) if alpha > zero else zero
    _recurrent_gradient(h_TBH, d_TBH, carried_TBH, k_TB, alpha, activation, w_grad_RHH[run])
    return value


@inlined
def _squared(d_BH, b):
    total = d_BH.dtype.type(0)
    for n in range(d_BH.shape[1]):
        total += d_BH[b, n] * d_BH[b, n]
    return total


@inlined
def _omega(d_TBH, carried_TBH, bound, k_TB):
    """Omega from d[0] to d[T], and k[t - 1] for t = 1..T."""
    length, batch = k_TB.shape
    one, four = d_TBH.dtype.type(1), d_TBH.dtype.type(4)
    here_TB, usable = np.empty((length, batch), d_TBH.dtype), 0
    for t in range(length):
        for b in range(batch):
            here_TB[t, b] = _squared(d_TBH[t + 1], b)
            if here_TB[t, b] >= bound:
                usable += 1
    count = d_TBH.dtype.type(max(usable, 1))
    value = d_TBH.dtype.type(0)
    for t in range(length):
        for b in range(batch):
            here = here_TB[t, b]
            if here >= bound:
                excess = _squared(carried_TBH[t], b) / here - one
                value += excess * excess
                k_TB[t, b] = four * excess / (count * here)
    return value / count


@inlined
def _recurrent_gradient(h_TBH, d_TBH, carried_TBH, k_TB, alpha, activation, out_HH):
    length, batch = k_TB.shape
    hidden = out_HH.shape[0]
    zero = d_TBH.dtype.type(0)
    most = max(1, BLOCK_ROWS // batch)
    states_SBH, deltas_SBH = np.empty((most, batch, hidden), d_TBH.dtype), np.empty((most, batch, hidden), d_TBH.dtype)
    sum_HH = np.zeros((hidden, hidden), d_TBH.dtype)
    for start in range(0, length, most):
        steps = min(most, length - start)
        h, carried = h_TBH[start : start + steps], carried_TBH[start : start + steps]
        states, deltas = states_SBH[:steps], deltas_SBH[:steps]
        if alpha > zero:
            for t in range(steps):
                for b in range(batch):
                    k, state, was, signal = alpha * k_TB[start + t, b], states[t, b], h[t, b], carried[t, b]
                    for n in range(hidden):
                        state[n] = was[n] + k * signal[n]
        else:
            states = h
        after_h, after_d = h_TBH[start + 1 : start + steps + 1], d_TBH[start + 1 : start + steps + 1]
        times_slope(after_d.reshape(1, -1), after_h.reshape(1, -1), activation, deltas.reshape(1, -1))
        add_transposed_product(states.reshape(-1, hidden), deltas.reshape(-1, hidden), sum_HH)
    for n in range(hidden):
        copy_row(sum_HH[n], out_HH[n])
