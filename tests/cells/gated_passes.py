"""Passes of gated layers, and the comparison with their plain transcription."""

import numpy as np
import torch

from rnnctl.cells.base.inits import linear_uniform
from rnnctl.cells.gated.passes import GatedTape
from rnnctl.cells.gated.section import GatedSection
from tests.cells.plain_gated import PlainGated, every_choice_of_flags

FLAGS = GatedSection.flag_names
CHOICES = sorted(every_choice_of_flags(), key=sorted)
ALL = frozenset(FLAGS)
V, O = 5, 4  # input and output symbols  # noqa: E741


def draw(model, seed, runs=1, scale=3.0, dtype=torch.float64):
    """Weights of several runs, (R, N): larger than the init's, for gates that are not all one half."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(runs):
        drawn = linear_uniform(rng, model.layout.shapes)
        rows.append(np.concatenate([drawn[name].ravel() for name, _ in model.layout.shapes]))
    return torch.from_numpy(scale * np.stack(rows)).to(dtype)


def question(model, seed, lengths, batch, read=None, dtype=torch.float64):
    """Symbols (T, B), start states (R, B, L * H), and what the head is to send into the last steps, (K, B, H)."""
    rng = np.random.default_rng(seed)
    symbols = [torch.from_numpy(rng.integers(model.inputs, size=(length, batch))) for length in lengths]
    state = torch.from_numpy(rng.uniform(-1, 1, (len(lengths), batch, model.state_size))).to(dtype)
    read = lengths if read is None else read
    direct = [torch.from_numpy(rng.standard_normal((k, batch, model.hidden))).to(dtype) for k in read]
    return symbols, state, direct


def tape_for(model, symbols, kind=GatedTape, dtype=torch.float64, runs=None, steps=None):
    most = max(map(len, symbols)) if steps is None else steps
    return kind(model, runs or len(symbols), most, symbols[0].shape[1], dtype=dtype, device="cpu")


def pass_through(tape, flat, symbols, state, direct):
    """Gradients by name; what is not written stays nan."""
    views, grads_flat = tape.model.layout.views, torch.full_like(flat, float("nan"))
    grads = views(grads_flat)
    tape.forward(views(flat), symbols, state)
    assert tape.backward(views(flat), direct, grads) == [0.0] * len(symbols)
    return grads


def expected_of(model, flat_N, symbols, state, direct):
    """The transcription's outputs, states, gates, dL/ds_t and gradients, for the loss sum(direct * out)."""
    plain = PlainGated(model).double().load(flat_N)
    outputs, states, gates = plain.run(symbols, state)
    loss = sum((out * sent).sum() for out, sent in zip(outputs[-len(direct) :], direct, strict=True))
    loss.backward()

    def side_by_side(tensors):
        return torch.cat(list(tensors), 1)

    def gradient(s):
        return torch.zeros_like(s) if s.grad is None else s.grad

    return {
        "out": torch.stack(outputs).detach(),
        "h": torch.stack([side_by_side(each) for each in states]).detach(),
        "d": torch.stack([side_by_side(map(gradient, each)) for each in states]),
        "gates": {name: torch.stack([step[name] for step in gates]).detach() for name in gates[0]},
        "grads": plain.gradients(),
    }


def assert_follows(tape, grads, model, flat, symbols, state, direct, tolerance=1e-12):
    """Everything that a tape leaves is the transcription's."""
    close = {"rtol": tolerance, "atol": tolerance}
    for i in range(len(symbols)):
        expected = expected_of(model, flat[i], symbols[i], state[i], direct[i])
        torch.testing.assert_close(tape.out(i), expected["out"], **close)
        torch.testing.assert_close(tape.h(i), expected["h"], **close)
        torch.testing.assert_close(tape.state(i), expected["h"][-1], **close)
        torch.testing.assert_close(tape.d(i), expected["d"], rtol=10 * tolerance, atol=10 * tolerance)
        assert tape.gates(i).keys() == expected["gates"].keys()
        for name, gate in expected["gates"].items():
            torch.testing.assert_close(tape.gates(i)[name], gate, **close)
        for name, gradient in expected["grads"].items():
            actual = grads[name][i]
            if name in ("W_hy", "b_hy"):
                assert actual.isnan().all(), "the head's gradients are the head's to write"
            else:
                gradient = torch.zeros_like(actual) if gradient is None else gradient
                torch.testing.assert_close(actual, gradient, rtol=10 * tolerance, atol=10 * tolerance)
