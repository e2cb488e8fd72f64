"""The layered cell of rnnctl.cells.gated.equations: one run, all layers and time steps in one call.

Shapes: H units a layer, C = L H in a state.

A layer's maps are one matrix, P rows of H: for each of A to G an (H, H) block for each part of its input, then its
bias. `rows` (7, 2) has where a map's blocks and its bias begin, -1 for one that the flags leave out; `parts` (3,) which
part of q n, s' and x are, likewise.

`values` are arrays (L, R, T, B, H) in the order of VALUES. In place of one that the flags leave out stands what it is
equal to: x for x', s for s', m for p, p for n. A layer goes through all steps before the next one: its matrices stay in
the cache.

Helpers take rows of a matrix and not letters: numba compiles a function again for each constant that it is called with.
"""

from __future__ import annotations

import numpy as np

from rnnctl.kernels.compiled import force_inlined, kernel
from rnnctl.kernels.elementwise import copy_row, join, sigmoid_rows, tanh_rows
from rnnctl.kernels.tiled import add_product, add_transposed_product, set_transposed_product, transpose

VALUES = ("a", "b", "m", "z", "p", "f", "n", "o", "g", "s", "x'", "s'")
A, B, C, D, E, F, G = range(7)


@force_inlined
def _start(w_PH, bias, out_BH):
    """out := the bias, which is row `bias`."""
    for b in range(out_BH.shape[0]):
        copy_row(w_PH[bias], out_BH[b])


@kernel
def _add(w_PH, top, in_BH, out_BH):
    """out += a part of a map's input times the part's block, which begins at row `top`."""
    add_product(in_BH, w_PH[top : top + w_PH.shape[1]], out_BH)


@kernel
def _gate(w_PH, place, x_BH, s_BH, content_BH, out_BH):
    """out := the gate that reads x', s' and a content: D or E. place: where its blocks and its bias begin."""
    top, hidden = place[0], w_PH.shape[1]
    _start(w_PH, place[1], out_BH)
    _add(w_PH, top, x_BH, out_BH)
    _add(w_PH, top + hidden, s_BH, out_BH)
    _add(w_PH, top + 2 * hidden, content_BH, out_BH)
    sigmoid_rows(out_BH.reshape(1, -1))


@kernel
def _add_read(w_PH, top, parts, n_BH, s_BH, x_BH, out_BH):
    """out += a map's products with the parts of q. The block of the first part begins at row `top`."""
    hidden = w_PH.shape[1]
    if parts[0] >= 0:
        _add(w_PH, top + parts[0] * hidden, n_BH, out_BH)
    if parts[1] >= 0:
        _add(w_PH, top + parts[1] * hidden, s_BH, out_BH)
    if parts[2] >= 0:
        _add(w_PH, top + parts[2] * hidden, x_BH, out_BH)


@force_inlined
def _times(one_BH, other_BH, out_BH):
    one, other, out = one_BH.reshape(-1), other_BH.reshape(-1), out_BH.reshape(-1)
    for j in range(out.size):
        out[j] = one[j] * other[j]


@force_inlined
def _mix(z_BH, m_BH, s_BH, p_BH):
    z, m, s, p = z_BH.reshape(-1), m_BH.reshape(-1), s_BH.reshape(-1), p_BH.reshape(-1)
    for j in range(p.size):
        p[j] = s[j] + z[j] * (m[j] - s[j])


@kernel
def forward(w_LPH, rows, parts, x_LRTBH, h_RTBC, values, run, length):
    """Compute each layer's output and state for t = 1..T, and all values.

    Reads x[0], the inputs of the first layer, and h[0].

    x_LRTBH: (L + 1, R, T or more, B, H). h_RTBC: (R, T + 1 or more, B, C).
    """
    layers, hidden, batch = w_LPH.shape[0], w_LPH.shape[2], h_RTBC.shape[2]
    all_a, all_b, all_m, all_z, all_p, all_f, all_n, all_o, all_g, all_s, all_kept_x, all_kept_s = values
    for i in range(layers):
        w, first, last = w_LPH[i], i * hidden, (i + 1) * hidden
        for t in range(length):
            x, s, kept_x, kept_s = x_LRTBH[i, run, t], all_s[i, run, t], all_kept_x[i, run, t], all_kept_s[i, run, t]
            m, p, n, o, g = (
                all_m[i, run, t], all_p[i, run, t], all_n[i, run, t], all_o[i, run, t], all_g[i, run, t]
            )  # fmt: skip
            for b in range(batch):
                copy_row(h_RTBC[run, t, b, first:last], s[b])
            if rows[A, 0] >= 0:
                a, b_gate = all_a[i, run, t], all_b[i, run, t]
                _start(w, rows[A, 1], a)
                _add(w, rows[A, 0], x, a)
                _add(w, rows[A, 0] + hidden, s, a)
                sigmoid_rows(a.reshape(1, -1))
                _start(w, rows[B, 1], b_gate)
                _add(w, rows[B, 0], x, b_gate)
                _add(w, rows[B, 0] + hidden, s, b_gate)
                sigmoid_rows(b_gate.reshape(1, -1))
                _times(a, x, kept_x)
                _times(b_gate, s, kept_s)
            _start(w, rows[C, 1], m)
            _add(w, rows[C, 0], kept_x, m)
            _add(w, rows[C, 0] + hidden, kept_s, m)
            tanh_rows(m.reshape(1, -1))
            if rows[D, 0] >= 0:
                z = all_z[i, run, t]
                _gate(w, rows[D], kept_x, kept_s, m, z)
                _mix(z, m, s, p)
            if rows[E, 0] >= 0:
                f = all_f[i, run, t]
                _gate(w, rows[E], kept_x, kept_s, p, f)
                _times(f, p, n)
            for b in range(batch):
                copy_row(n[b], h_RTBC[run, t + 1, b, first:last])
            _start(w, rows[F, 1], o)
            _add_read(w, rows[F, 0], parts, n, kept_s, x, o)
            if rows[G, 0] >= 0:
                _start(w, rows[G, 1], g)
                _add(w, rows[G, 0], o, g)
                _add_read(w, rows[G, 0] + hidden, parts, n, kept_s, x, g)
            else:
                copy_row(o.reshape(-1), g.reshape(-1))
            sigmoid_rows(g.reshape(1, -1))
            _times(g, o, x_LRTBH[i + 1, run, t])


@kernel
def _turn(w_PH, rows, out_PH):
    """out := the transpose of each block in its place."""
    hidden = w_PH.shape[1]
    for letter in range(7):
        for top in range(rows[letter, 0], rows[letter, 1], hidden):
            transpose(w_PH[top : top + hidden], out_PH[top : top + hidden])


@kernel
def _back(turned_PH, top, delta_BH, in_BH, into_BH, grad_PH, fresh):
    """Take a delta back through one part of its map: add the gradient of the part's input to `into_BH`.

    Add the gradient of the part's block of weights to `grad_PH`, or write it there if fresh. The block begins at row
    `top`.
    """
    end = top + turned_PH.shape[1]
    add_product(delta_BH, turned_PH[top:end], into_BH)
    if fresh:
        set_transposed_product(in_BH, delta_BH, grad_PH[top:end])
    else:
        add_transposed_product(in_BH, delta_BH, grad_PH[top:end])


@kernel
def _back_read(turned, top, parts, delta, n, s, x, dn, ds, dx, grad, fresh):
    """Do `_back` for the parts of q. The block of the first part begins at row `top`."""
    hidden = turned.shape[1]
    if parts[0] >= 0:
        _back(turned, top + parts[0] * hidden, delta, n, dn, grad, fresh)
    if parts[1] >= 0:
        _back(turned, top + parts[1] * hidden, delta, s, ds, grad, fresh)
    if parts[2] >= 0:
        _back(turned, top + parts[2] * hidden, delta, x, dx, grad, fresh)


@force_inlined
def _back_bias(bias, delta_BH, grad_PH, fresh):
    into = grad_PH[bias]
    if fresh:
        into[:] = delta_BH.dtype.type(0)
    for b in range(delta_BH.shape[0]):
        delta = delta_BH[b]
        for j in range(into.size):
            into[j] += delta[j]


@force_inlined
def _back_output(gated, dy_BH, o_BH, g_BH, do_BH, delta_BH):
    """D_o as far as it does not pass G; with an output gate, delta^G."""
    dy, o, g, do, delta = dy_BH.reshape(-1), o_BH.reshape(-1), g_BH.reshape(-1), do_BH.reshape(-1), delta_BH.reshape(-1)
    if gated:
        for j in range(dy.size):
            do[j] = dy[j] * g[j]
            delta[j] = dy[j] * o[j] * (g[j] - g[j] * g[j])
    else:
        for j in range(dy.size):
            do[j] = dy[j] * (g[j] + o[j] * (g[j] - g[j] * g[j]))


@force_inlined
def _back_factor(d_BH, gate_BH, factor_BH, to_factor_BH, delta_BH):
    """Through gate * factor: D_factor, and the delta of the gate's map. to_factor may be d."""
    d, gate, factor = d_BH.reshape(-1), gate_BH.reshape(-1), factor_BH.reshape(-1)
    to_factor, delta = to_factor_BH.reshape(-1), delta_BH.reshape(-1)
    for j in range(d.size):
        signal = d[j]
        delta[j] = signal * factor[j] * (gate[j] - gate[j] * gate[j])
        to_factor[j] = signal * gate[j]


@force_inlined
def _back_mix(dp_BH, z_BH, m_BH, s_BH, ds_BH, delta_BH):
    """Through p: dp becomes D_m as far as it does not pass D; D_s, and delta^D."""
    dp, z, m, s = dp_BH.reshape(-1), z_BH.reshape(-1), m_BH.reshape(-1), s_BH.reshape(-1)
    ds, delta = ds_BH.reshape(-1), delta_BH.reshape(-1)
    for j in range(dp.size):
        signal = dp[j]
        delta[j] = signal * (m[j] - s[j]) * (z[j] - z[j] * z[j])
        ds[j] = signal - signal * z[j]
        dp[j] = signal * z[j]


@force_inlined
def _back_tanh(dm_BH, m_BH):
    """dm becomes delta^C."""
    dm, m = dm_BH.reshape(-1), m_BH.reshape(-1)
    one = dm_BH.dtype.type(1)
    for j in range(dm.size):
        dm[j] *= one - m[j] * m[j]


@force_inlined
def _sum(one_BH, other_BH, out_BH):
    one, other, out = one_BH.reshape(-1), other_BH.reshape(-1), out_BH.reshape(-1)
    for j in range(out.size):
        out[j] = one[j] + other[j]


@kernel
def backward(w_LPH, rows, parts, places_TB, x_LRTBH, values, direct_SBH, d_RTBC, run, by_place_XH, grad_LPH):
    """Carry the gradient back to dL/ds_0, in d[0]; write the gradients of the maps, and of the first layer's inputs by
    place.

    direct_SBH: what the head sends into the last S steps.
    """
    length, batch = places_TB.shape
    layers, height, hidden = w_LPH.shape
    all_a, all_b, all_m, all_z, all_p, all_f, all_n, all_o, all_g, all_s, all_kept_x, all_kept_s = values
    zero = x_LRTBH.dtype.type(0)
    turned = np.empty((height, hidden), x_LRTBH.dtype)
    room = np.empty((7, batch, hidden), x_LRTBH.dtype)
    dx, dkept_x, dkept_s, d, dn, do, delta = room[0], room[1], room[2], room[3], room[4], room[5], room[6]
    # D of the outputs of the layer in turn, and then of its inputs.
    dy_TBH = np.zeros((length, batch, hidden), x_LRTBH.dtype)
    for t in range(1, length + 1):
        join(direct_SBH, length, t, dy_TBH[t - 1])
    for i in range(layers - 1, -1, -1):
        grad, first, last = grad_LPH[i], i * hidden, (i + 1) * hidden
        _turn(w_LPH[i], rows, turned)
        dn[:] = zero
        for t in range(length - 1, -1, -1):
            fresh = t == length - 1
            dy, x, s, m, p = dy_TBH[t], x_LRTBH[i, run, t], all_s[i, run, t], all_m[i, run, t], all_p[i, run, t]
            kept_x, kept_s, n, o = all_kept_x[i, run, t], all_kept_s[i, run, t], all_n[i, run, t], all_o[i, run, t]
            dx[:] = zero
            dkept_x[:] = zero
            dkept_s[:] = zero
            _back_output(rows[G, 0] >= 0, dy, o, all_g[i, run, t], do, delta)
            if rows[G, 0] >= 0:
                _back(turned, rows[G, 0], delta, o, do, grad, fresh)
                _back_read(turned, rows[G, 0] + hidden, parts, delta, n, kept_s, x, dn, dkept_s, dx, grad, fresh)
                _back_bias(rows[G, 1], delta, grad, fresh)
            _back_read(turned, rows[F, 0], parts, do, n, kept_s, x, dn, dkept_s, dx, grad, fresh)
            _back_bias(rows[F, 1], do, grad, fresh)
            for b in range(batch):
                copy_row(dn[b], d_RTBC[run, t + 1, b, first:last])
            if rows[E, 0] >= 0:
                _back_factor(dn, all_f[i, run, t], p, d, delta)
                _back(turned, rows[E, 0], delta, kept_x, dkept_x, grad, fresh)
                _back(turned, rows[E, 0] + hidden, delta, kept_s, dkept_s, grad, fresh)
                _back(turned, rows[E, 0] + 2 * hidden, delta, p, d, grad, fresh)
                _back_bias(rows[E, 1], delta, grad, fresh)
            else:
                copy_row(dn.reshape(-1), d.reshape(-1))
            if rows[D, 0] >= 0:
                _back_mix(d, all_z[i, run, t], m, s, dn, delta)
                _back(turned, rows[D, 0], delta, kept_x, dkept_x, grad, fresh)
                _back(turned, rows[D, 0] + hidden, delta, kept_s, dkept_s, grad, fresh)
                _back(turned, rows[D, 0] + 2 * hidden, delta, m, d, grad, fresh)
                _back_bias(rows[D, 1], delta, grad, fresh)
            else:
                dn[:] = zero
            # dn is D_s from here on.
            _back_tanh(d, m)
            _back(turned, rows[C, 0], d, kept_x, dkept_x, grad, fresh)
            _back(turned, rows[C, 0] + hidden, d, kept_s, dkept_s, grad, fresh)
            _back_bias(rows[C, 1], d, grad, fresh)
            if rows[A, 0] >= 0:
                _back_factor(dkept_x, all_a[i, run, t], x, dkept_x, delta)
                _back(turned, rows[A, 0], delta, x, dx, grad, fresh)
                _back(turned, rows[A, 0] + hidden, delta, s, dn, grad, fresh)
                _back_bias(rows[A, 1], delta, grad, fresh)
                _back_factor(dkept_s, all_b[i, run, t], s, dkept_s, delta)
                _back(turned, rows[B, 0], delta, x, dx, grad, fresh)
                _back(turned, rows[B, 0] + hidden, delta, s, dn, grad, fresh)
                _back_bias(rows[B, 1], delta, grad, fresh)
            _sum(dkept_x, dx, dy)
            _sum(dkept_s, dn, dn)
        for b in range(batch):
            copy_row(dn[b], d_RTBC[run, 0, b, first:last])
    by_place_XH[:] = zero
    for t in range(length):
        for b in range(batch):
            row, place = dy_TBH[t, b], by_place_XH[places_TB[t, b]]
            for j in range(hidden):
                place[j] += row[j]
