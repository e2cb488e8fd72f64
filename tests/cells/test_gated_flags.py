"""The layered cell of optional gates against its plain transcription under autograd."""

import contextlib
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnctl.cells.base.inits import linear_uniform
from rnnctl.cells.gated.equations import Gated
from tests.cells.gated_passes import (
    ALL,
    CHOICES,
    FLAGS,
    O,
    V,
    assert_follows,
    draw,
    pass_through,
    question,
    tape_for,
)
from tests.cells.plain_gated import PlainGated
from tests.examples import examples


def test_ninety_six_choices_of_flags_and_no_other():
    allowed = []
    for chosen in itertools.product([False, True], repeat=len(FLAGS)):
        flags = frozenset(itertools.compress(FLAGS, chosen))
        with contextlib.suppress(ValueError):
            allowed.append(Gated(V, 3, O, 1, flags).flags)
    assert set(allowed) == set(CHOICES)
    assert len(allowed) == 96
    with pytest.raises(ValueError, match="new_state, old_state or both"):
        Gated(V, 3, O, 1, frozenset({"residual"}))


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("flags", CHOICES, ids=lambda flags: "-".join(flag for flag in FLAGS if flag in flags))
def test_every_choice_of_flags_follows_the_transcription(flags, layers):
    model = Gated(V, 4, O, layers, flags)
    flat = draw(model, 1, runs=2)
    asked = question(model, 2, [4, 2], batch=3)
    tape = tape_for(model, asked[0])
    assert_follows(tape, pass_through(tape, flat, *asked), model, flat, *asked)


@given(
    flags=st.sampled_from(CHOICES),
    layers=st.integers(1, 3),
    hidden=st.integers(1, 7),
    batch=st.integers(1, 5),
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    seed=st.integers(0, 2**32 - 1),
    data=st.data(),
)
@examples(60)
def test_ragged_packs_follow_the_transcription_whatever_the_head_reads(
    flags, layers, hidden, batch, lengths, seed, data
):
    lengths = sorted(lengths, reverse=True)
    read = [data.draw(st.integers(1, length)) for length in lengths]
    model = Gated(V, hidden, O, layers, flags)
    flat = draw(model, seed, runs=len(lengths))
    asked = question(model, seed, lengths, batch, read)
    tape = tape_for(model, asked[0])
    assert_follows(tape, pass_through(tape, flat, *asked), model, flat, *asked)


@pytest.mark.parametrize("flags", [ALL, ALL - {"old_state", "output_gate"}, frozenset({"old_state", "state_gate"})])
def test_gradients_equal_finite_differences(flags):
    model = Gated(V, 2, O, 2, flags)
    flat, (symbols, state, direct) = draw(model, 3), question(model, 4, [3], batch=2)
    tape = tape_for(model, symbols)
    grads = pass_through(tape, flat, symbols, state, direct)
    d_BI = tape.d(0)[0].clone()

    def loss(flat, state):
        tape.forward(model.layout.views(flat), symbols, state)
        return (tape.out(0) * direct[0]).sum()

    def slope(where, entry, of):
        bump = torch.zeros_like(where)
        bump.view(-1)[entry] = 1e-6
        return (of(where + bump) - of(where - bump)) / 2e-6

    entries = model.layout.size - model.hidden * O - O
    actual = torch.cat([grads[name][0].reshape(-1) for name, _ in model.layout.shapes[:-2]])
    measured = torch.stack([slope(flat, entry, lambda flat: loss(flat, state)) for entry in range(entries)])
    torch.testing.assert_close(actual, measured, rtol=1e-6, atol=1e-8)
    measured = torch.stack([slope(state, entry, lambda s: loss(flat, s)) for entry in range(state.numel())])
    torch.testing.assert_close(d_BI.reshape(-1), measured, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("rest", [frozenset(), frozenset({"state_gate"}), ALL - {"new_state"}], ids=len)
def test_with_old_state_alone_the_candidate_learns_through_time_only(rest):
    model = Gated(V, 4, O, 2, rest | {"old_state"})
    flat, actual = draw(model, 5, dtype=torch.float32), {}
    for steps in (1, 3):
        asked = question(model, 6, [steps], 3, dtype=torch.float32)
        actual[steps] = pass_through(tape_for(model, asked[0], dtype=torch.float32), flat, *asked)
    # A as well: x' goes nowhere but into the candidate.
    candidates = [name for name in actual[1] if name[2] in "ACDE"]
    assert len(candidates) == 4 * len({"A", "C", "D", "E"} & model.maps.keys())
    for name, gradient in actual[1].items():
        # The lower layer is two steps away from the head where the upper one reads its state alone.
        assert actual[3][name].any(), name
        if name in candidates:
            assert not gradient.any(), name
        # Nor does anything below the last layer, where that reads neither its input nor a gate that does.
        elif name[-1] == "2" or "residual" in rest:
            assert gradient.any(), name


@pytest.mark.parametrize("flags", [ALL, frozenset({"new_state", "forget_gate", "residual"}), frozenset({"old_state"})])
def test_one_step_at_a_time_is_the_transcription_with_its_state_detached(flags):
    """No gradient through time at all, as where each symbol is an update."""
    model = Gated(V, 4, O, 2, flags)
    flat = draw(model, 7)
    (symbols,), start, (direct,) = question(model, 8, [6], batch=3)
    plain = PlainGated(model).double().load(flat[0])
    outputs, _, _ = plain.run(symbols, start[0], detached=True)
    tape, state = tape_for(model, [symbols], steps=1), start
    for u, sent, out in zip(symbols, direct, outputs, strict=True):
        plain.zero_grad()
        (out * sent).sum().backward()
        grads = pass_through(tape, flat, [u.unsqueeze(0)], state, [sent.unsqueeze(0)])
        state = tape.state(0).unsqueeze(0).clone()
        torch.testing.assert_close(tape.out(0)[0], out.detach(), rtol=1e-12, atol=1e-12)
        for name, gradient in plain.gradients().items():
            if name not in ("W_hy", "b_hy"):
                expected = torch.zeros_like(grads[name][0]) if gradient is None else gradient
                torch.testing.assert_close(grads[name][0], expected, rtol=1e-12, atol=1e-12)


SHAPES = [(1, 1), (1, 3), (5, 1), (8, 4), (32, 20)]


@pytest.mark.parametrize(("hidden", "batch"), SHAPES)
@pytest.mark.parametrize("lengths", [[1, 1, 1, 1], [3, 3, 3], [5, 3, 3, 1]], ids=str)
def test_a_run_has_the_same_bits_alone_and_in_a_pack(hidden, batch, lengths):
    model = Gated(V, hidden, O, 2, ALL)
    flat = draw(model, 9, runs=len(lengths), dtype=torch.float32)
    symbols, state, direct = question(model, 10, lengths, batch, dtype=torch.float32)
    pack = tape_for(model, symbols, dtype=torch.float32)
    together = pass_through(pack, flat, symbols, state, direct)
    for i in range(len(lengths)):
        one = slice(i, i + 1)
        tape = tape_for(model, symbols[one], dtype=torch.float32)
        alone = pass_through(tape, flat[one], symbols[one], state[one], direct[one])
        for actual, expected in [(tape.h(0), pack.h(i)), (tape.d(0), pack.d(i)), (tape.out(0), pack.out(i))]:
            assert torch.equal(actual, expected)
        for name, gradient in alone.items():
            if name not in ("W_hy", "b_hy"):
                assert torch.equal(gradient[0], together[name][i]), name


def test_what_a_pass_leaves_does_not_depend_on_what_was_in_the_buffers():
    model = Gated(V, 4, O, 2, ALL)
    flat, asked = draw(model, 11, runs=2), question(model, 12, [5, 2], batch=3, read=[1, 2])
    fresh, stale = tape_for(model, asked[0]), tape_for(model, asked[0])
    for buffer in vars(stale).values():
        for tensor in buffer.values() if isinstance(buffer, dict) else [buffer]:
            if isinstance(tensor, torch.Tensor):
                tensor.fill_(float("nan"))
    expected, actual = pass_through(fresh, flat, *asked), pass_through(stale, flat, *asked)
    for name, gradient in expected.items():
        torch.testing.assert_close(actual[name], gradient, rtol=0, atol=0, equal_nan=name in ("W_hy", "b_hy"))
    for i in range(2):
        torch.testing.assert_close(stale.d(i), fresh.d(i), rtol=0, atol=0)


def test_a_pass_without_a_state_starts_from_zeros():
    model = Gated(V, 4, O, 2, ALL)
    flat, (symbols, state, _) = draw(model, 13), question(model, 14, [3], batch=2)
    weights, tape = model.layout.views(flat), tape_for(model, symbols)
    tape.forward(weights, symbols, torch.zeros_like(state))
    expected = tape.out(0).clone()
    tape.forward(weights, symbols, state)
    assert not torch.equal(tape.out(0), expected)
    tape.forward(weights, symbols)
    assert torch.equal(tape.out(0), expected)


@pytest.mark.parametrize("flags", [ALL, frozenset({"new_state"}), frozenset({"old_state", "forget_gate", "residual"})])
def test_the_forward_pass_of_validation_goes_through_the_same_outputs(flags):
    model = Gated(V, 6, O, 3, flags)
    flat, (symbols, _, _) = draw(model, 15, runs=3), question(model, 16, [9], batch=4)
    tape = tape_for(model, symbols * 3)
    tape.forward(model.layout.views(flat), symbols * 3)
    for t, out_RBH in enumerate(model.steps(model.layout.views(flat), symbols[0])):
        torch.testing.assert_close(out_RBH, tape.x_LRTBH[-1, :, t], rtol=0, atol=0)


def test_layouts_name_every_map():
    flags = frozenset({"forget_gate", "new_state", "residual"})
    shapes = dict(Gated(7, 5, 3, 2, flags).layout.shapes)
    names = "W_ux b_x W_C1 b_C1 W_E1 b_E1 W_F1 b_F1 W_C2 b_C2 W_E2 b_E2 W_F2 b_F2 W_hy b_hy"
    assert list(shapes) == names.split()
    assert {name: shapes[name] for name in ("W_ux", "W_C1", "W_E2", "W_F1", "W_hy")} == {
        "W_ux": (7, 5), "W_C1": (10, 5), "W_E2": (15, 5), "W_F1": (10, 5), "W_hy": (5, 3)
    }  # fmt: skip
    assert Gated(7, 5, 3, 2, flags).recurrent == ("W_C1", "W_E1", "W_C2", "W_E2")
    assert Gated(7, 5, 3, 2, ALL).layout.size == sum(p.numel() for p in PlainGated(Gated(7, 5, 3, 2, ALL)).parameters())


def test_linear_weights_are_uniform_within_the_bounds_of_torch_nn_linear():
    model = Gated(50, 40, 30, 1, ALL)
    drawn = linear_uniform(np.random.default_rng(17), model.layout.shapes)
    torch.manual_seed(18)
    for name, linear in PlainGated(model).named().items():
        for ours, theirs in zip(PlainGated.names(name), (linear.weight, linear.bias), strict=True):
            bound = linear.in_features**-0.5
            assert abs(drawn[ours]).max() <= bound
            assert abs(drawn[ours]).max() == pytest.approx(theirs.abs().max().item(), rel=0.15)
            assert drawn[ours].std() == pytest.approx(bound / 3**0.5, rel=0.3)
    again = linear_uniform(np.random.default_rng(17), model.layout.shapes)
    assert all((again[name] == drawn[name]).all() for name in drawn)
