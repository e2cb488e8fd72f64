"""Passes of many sequences are made a part at a time, with the same results."""

from __future__ import annotations

import numpy as np
import pytest

from rnnctl.probes import sequences
from rnnctl.probes.gradient_horizon import GradientHorizon
from rnnctl.probes.hidden_state import HiddenState
from rnnctl.probes.internals import Internals
from rnnctl.probes.sequences import held_out, parts, states
from rnnctl.training.member import network_of
from tests.probes.texts import answer_of, layout_of, random_weights, spec


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "text"
    path.write_text("".join(f"{n} is {n * n}, " for n in range(300)))
    return spec(path)


def test_parts_cover_all_sequences_and_have_room(monkeypatch):
    monkeypatch.setattr(sequences, "ROOM", 100)
    assert [np.arange(7)[part].tolist() for part in parts(7, 10, 3)] == [[0, 1, 2], [3, 4, 5], [6]]
    assert len(list(parts(4, 1_000, 50))) == 4


@pytest.mark.parametrize(
    "probe", [GradientHorizon(lags=10, samples=5), HiddenState(samples=5), Internals(text="12 is 144")]
)
def test_answers_do_not_depend_on_the_room(one, monkeypatch, probe):
    flat = random_weights(one)
    whole = probe.numbers({}, answer_of(one, flat, probe))
    monkeypatch.setattr(sequences, "ROOM", 50)
    assert probe.numbers({}, answer_of(one, flat, probe)) == pytest.approx(whole, rel=1e-9)
    assert len(whole) >= 2


def test_only_the_steps_that_are_asked_for_are_kept(one):
    flat, batch = random_weights(one), held_out(one, 12, 3, seed=1)
    cell, views = network_of(one.model, one.task.make()), layout_of(one).views(flat[None])
    kept = np.array([2, 7, 11])
    np.testing.assert_array_equal(states(cell, views, batch, kept), states(cell, views, batch)[kept])
