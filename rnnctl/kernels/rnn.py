"""The vanilla RNN of rnnctl.models.rnn, one run, all time steps in one call."""

from __future__ import annotations

from rnnctl.kernels.compiled import kernel
from rnnctl.kernels.elementwise import activate, times_slope
from rnnctl.kernels.tiled import add_tiled_product


@kernel
def forward(table_VH, w_HH, symbols_TB, h_TBH, activation):
    """h_t = phi(h_{t-1} W_hh + table[u_t]) for t = 1..T, from h[0].

    table_VH: what each symbol adds to a_t. symbols_TB: integers. h_TBH: (T + 1 or more, B, H), written from 1 on.
    """
    length, batch = symbols_TB.shape
    hidden = w_HH.shape[0]
    for t in range(1, length + 1):
        h = h_TBH[t]
        for b in range(batch):
            added = table_VH[symbols_TB[t - 1, b]]
            row = h[b]
            for n in range(hidden):
                row[n] = added[n]
        add_tiled_product(h_TBH[t - 1], w_HH, h)
        activate(h, activation)


@kernel
def backward(w_transposed_HH, symbols_TB, h_TBH, d_TBH, delta_TBH, table_gradient_VH, activation):
    """Carry dL/dh_T, in d[T], back: delta_t = d_t phi'(h_t) into delta[t - 1], d_{t-1} = delta_t W_hh^T into d[t - 1].

    table_gradient_VH: written with the gradient of the forward pass's table, the sum of delta_t over a symbol's places.
    """
    length, batch = symbols_TB.shape
    hidden = w_transposed_HH.shape[0]
    zero = d_TBH.dtype.type(0)
    table_gradient_VH[:] = zero
    for t in range(length, 0, -1):
        delta, before = delta_TBH[t - 1], d_TBH[t - 1]
        times_slope(d_TBH[t], h_TBH[t], activation, delta)
        for b in range(batch):
            row, gradient, symbol = delta[b], before[b], table_gradient_VH[symbols_TB[t - 1, b]]
            for n in range(hidden):
                symbol[n] += row[n]
                gradient[n] = zero
        add_tiled_product(delta, w_transposed_HH, before)


@kernel
def regularised_states(h_TBH, d_TBH, alpha, bound, squared_TB, out_TBH):
    """h_{t-1} + alpha k_t c_t for t = 1..T into out, whose product with delta_t is the gradient of loss + alpha Omega.

    See rnnctl.models.omega for the symbols. h_TBH, d_TBH: t = 0..T. squared_TB: (T + 1, B), for |d_t|^2. Returns Omega.
    """
    length, batch, hidden = out_TBH.shape
    one, four = d_TBH.dtype.type(1), d_TBH.dtype.type(4)
    usable = 0
    for t in range(length + 1):
        for b in range(batch):
            d = d_TBH[t, b]
            total = d_TBH.dtype.type(0)
            for n in range(hidden):
                total += d[n] * d[n]
            squared_TB[t, b] = total
            if t > 0 and total >= bound:
                usable += 1
    count = d_TBH.dtype.type(max(usable, 1))
    value = d_TBH.dtype.type(0)
    for t in range(length):
        for b in range(batch):
            here = squared_TB[t + 1, b]
            h, d, out = h_TBH[t, b], d_TBH[t, b], out_TBH[t, b]
            if here >= bound:
                excess = squared_TB[t, b] / here - one
                value += excess * excess
                k = alpha * (four * excess / (count * here))
                for n in range(hidden):
                    out[n] = h[n] + k * d[n]
            else:
                for n in range(hidden):
                    out[n] = h[n]
    return value / count
