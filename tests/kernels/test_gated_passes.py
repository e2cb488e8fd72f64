"""The fused loops of the layered cell against its torch equations, and against autograd."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnctl.cells.gated.equations import Gated
from rnnctl.cells.gated.fused import FusedGatedTape
from rnnctl.cells.gated.passes import GatedTape
from rnnctl.cells.gated.section import GatedSection
from tests.cells.gated_passes import ALL, CHOICES, assert_follows, draw, pass_through, question, tape_for
from tests.examples import examples

FLAGS = GatedSection.flag_names

SEEN = ("h", "out", "d")


def passes(kind, model, flat, symbols, state, direct):
    """All results of a tape, by name and row."""
    tape = tape_for(model, symbols, kind, flat.dtype)
    grads = pass_through(tape, flat, symbols, state, direct)
    results = {}
    for i in range(len(symbols)):
        results |= {("seen", what, i): getattr(tape, what)(i) for what in SEEN}
        results |= {("gate", name, i): gate for name, gate in tape.gates(i).items()}
        results |= {("gradient", name, i): grads[name][i] for name in grads if name not in ("W_hy", "b_hy")}
    return results


def assert_close(model, lengths, batch, seed, dtype, tolerance, read=None):
    """Both passes agree relative to the largest value of each kind in the row, or to 1 if that is larger: weights,
    states and the head's gradients are of order 1, and smaller values are differences of these. For gradients, which
    sum over the batch, it is the batch size instead of 1.
    """
    flat = draw(model, seed, runs=len(lengths), dtype=dtype)
    asked = question(model, seed, lengths, batch, read, dtype=dtype)
    plain, fused = (passes(kind, model, flat, *asked) for kind in (GatedTape, FusedGatedTape))
    assert plain.keys() == fused.keys()
    for key, expected in plain.items():
        kind, what, i = key
        kin = [value for (k, w, j), value in plain.items() if k == kind and j == i and (k == "gradient" or w == what)]
        largest = max(batch if kind == "gradient" else 1, *(float(value.abs().max()) for value in kin))
        assert float((fused[key] - expected).abs().max()) <= tolerance * largest, key


@pytest.mark.parametrize("flags", CHOICES, ids=lambda flags: "-".join(flag for flag in FLAGS if flag in flags))
def test_every_choice_of_flags_follows_the_transcription(flags):
    model = Gated(5, 9, 4, 2, flags)
    flat, asked = draw(model, 1, runs=2), question(model, 2, [4, 2], batch=3)
    tape = tape_for(model, asked[0], FusedGatedTape)
    assert_follows(tape, pass_through(tape, flat, *asked), model, flat, *asked)


SHAPES = {
    "flags": st.sampled_from(CHOICES),
    "layers": st.integers(1, 3),
    "hidden": st.integers(1, 40),
    "batch": st.integers(1, 70),
    "lengths": st.lists(st.integers(1, 12), min_size=1, max_size=3),
    "seed": st.integers(0, 2**32 - 1),
    "data": st.data(),
}


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@given(**SHAPES)
@examples(50)
def test_kernels_follow_the_equations(dtype, tolerance, flags, layers, hidden, batch, lengths, seed, data):
    lengths = sorted(lengths, reverse=True)
    read = [data.draw(st.integers(1, length)) for length in lengths]
    assert_close(Gated(5, hidden, 4, layers, flags), lengths, batch, seed, dtype, tolerance, read)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize(("hidden", "batch"), [(32, 256), (256, 32)])
def test_kernels_follow_the_equations_in_the_sizes_that_are_trained(hidden, batch, dtype, tolerance):
    assert_close(Gated(256, hidden, 256, 3, ALL), [1], batch, 3, dtype, tolerance)


def test_a_run_has_the_same_bits_alone_and_in_a_pack():
    model = Gated(5, 32, 4, 2, ALL)
    flat = draw(model, 9, runs=3, dtype=torch.float32)
    symbols, state, direct = question(model, 10, [5, 3, 3], 20, dtype=torch.float32)
    together = passes(FusedGatedTape, model, flat, symbols, state, direct)
    for i in range(3):
        row = slice(i, i + 1)
        alone = passes(FusedGatedTape, model, flat[row], symbols[row], state[row], direct[row])
        for (kind, what, _), result in alone.items():
            assert torch.equal(result, together[kind, what, i]), (kind, what)


def test_without_new_state_one_step_gives_the_candidate_no_gradient():
    model = Gated(5, 32, 4, 2, ALL - {"new_state"})
    flat, asked = draw(model, 5, dtype=torch.float32), question(model, 6, [1], 3, dtype=torch.float32)
    grads = pass_through(tape_for(model, asked[0], FusedGatedTape, torch.float32), flat, *asked)
    assert all(grads[name].any() == (name[2] not in "ACDE") for name in grads if name not in ("W_hy", "b_hy"))


def test_results_do_not_depend_on_the_previous_content_of_the_buffers():
    model = Gated(5, 9, 4, 2, ALL)
    flat, asked = draw(model, 11, runs=2), question(model, 12, [5, 2], batch=3, read=[1, 2])
    fresh, stale = (tape_for(model, asked[0], FusedGatedTape) for _ in range(2))
    for buffer in (stale.x_LRTBH, stale.h_RTBH, stale.d_RTBH, *stale.values.values()):
        buffer.fill_(float("nan"))
    expected, results = (pass_through(tape, flat, *asked) for tape in (fresh, stale))
    for name, gradient in expected.items():
        torch.testing.assert_close(results[name], gradient, rtol=0, atol=0, equal_nan=name in ("W_hy", "b_hy"))
    for i in range(2):
        torch.testing.assert_close(stale.d(i), fresh.d(i), rtol=0, atol=0)


def test_inputs_can_be_reals():
    model = Gated(3, 9, 4, 2, ALL)
    rng, flat = np.random.default_rng(13), draw(model, 14)
    _, state, direct = question(model, 15, [4], batch=2)
    u = torch.from_numpy(rng.standard_normal((4, 2, 3)))
    plain, fused = (passes(kind, model, flat, [u], state, direct) for kind in (GatedTape, FusedGatedTape))
    for key, expected in plain.items():
        torch.testing.assert_close(fused[key], expected, rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(
        plain["gradient", "W_ux", 0].sum(), slope_of_scale(model, flat, u, state, direct), rtol=1e-6, atol=1e-8
    )


def slope_of_scale(model, flat, u, state, direct):
    """The derivative of L by a shift of all entries of W_ux, as a finite difference."""

    def loss(by):
        moved = flat.clone()
        model.layout.views(moved)["W_ux"].add_(by)
        tape = tape_for(model, [u])
        tape.forward(model.layout.views(moved), [u], state)
        return (tape.out(0) * direct[0]).sum()

    return (loss(1e-6) - loss(-1e-6)) / 2e-6
