"""Several packs on one card at once, each on a stream of its own: the same bits as each alone."""

from __future__ import annotations

import json

import pytest
import torch

from rnnctl.training.loop import Cadence, PackError, make_pack, train_packs
from tests.cli.command_line import rnnctl, workspace
from tests.training.memory import Memory, train
from tests.training.runs import gru_or_lstm, spec
from tests.training.same_bits import assert_same

CARD = "cuda:0"
UPDATES = 75  # more than a pack makes before its updates are recorded as a graph
STUDY = """\
study: sizes
base:
  task: {name: temporal_order, min_length: 10, max_length: 20}
  model: {init: orthogonal}
  train: {updates: 200, batch: 10, lr: 0.05}
  check: {every: 50, samples: 100, chunk: 50, diagnostic_batch: 5}
  stop: {solved: never}
grid: {model.hidden: [12, 16, 20, 24, 28, 32], train.omega: [0, 1.0]}
seeds: [1]
"""


def groups():
    """Ten packs of different keys: packs of one run, some of several, one beyond 128 hidden units."""
    sizes = {f"rnn{n}": {f"rnn{n}": spec(n, hidden=n, updates=UPDATES)} for n in (20, 30, 50, 64, 150)}
    cells = {
        f"{cell}{n}": {f"{cell}{n}": gru_or_lstm(n, cell, hidden=n, updates=UPDATES)}
        for cell in ("gru", "lstm")
        for n in (20, 50)
    }
    several = {f"many{seed}": spec(seed, hidden=40, updates=UPDATES - seed) for seed in range(5)}
    return [*sizes.values(), *cells.values(), several]


def train_all(packs, memory, pack_factory=make_pack):
    train_packs(packs, memory, device=CARD, cadence=Cadence(updates=20), pack_factory=pack_factory)
    return memory


@pytest.fixture(scope="module")
def alone():
    return [(pack, train(pack, device=CARD)) for pack in groups()]


def assert_as_alone(alone, memory):
    for pack, by_itself in alone:
        for run_id in pack:
            assert_same(by_itself, memory, run_id)
            assert by_itself.outcomes[run_id] == memory.outcomes[run_id]


def test_runs_have_the_same_bits_as_alone(alone):
    assert_as_alone(alone, train_all(groups(), Memory()))


@pytest.mark.parametrize("cut", [5, 500])
def test_runs_that_were_drained_end_with_the_same_bits(alone, cut):
    memory = Memory()
    memory.drain_after = cut
    train_all(groups(), memory)
    memory.drain_after = None
    train_all(groups(), memory)
    assert_as_alone(alone, memory)


def test_an_error_in_one_pack_saves_the_others(alone):
    def factory(members, weights, device):
        pack = make_pack(members, weights, device)
        if members[0].run_id == "gru50":
            update = pack.update

            def failing():
                if pack.members[0].step == 40:
                    torch.empty(2**50, device=device)  # more than any card has
                return update()

            pack.update = failing
        return pack

    memory = Memory()
    with pytest.raises(PackError) as raised:
        train_all(groups(), memory, factory)
    assert raised.value.run_ids == ["gru50"]
    assert isinstance(raised.value.error, torch.OutOfMemoryError)
    assert {memory.state(run_id)["step"] for pack in groups() for run_id in pack} == {40, 41}
    train_all(groups(), memory)
    assert_as_alone(alone, memory)


def test_a_worker_takes_packs_of_several_keys_at_once(tmp_path):
    folder = workspace(tmp_path / "w", STUDY)
    rnnctl("train", "--device", CARD, cwd=folder, check=0)
    events = [json.loads(line) for line in (folder / "logs" / "events.jsonl").read_text().splitlines()]
    assert [len(event["runs"]) for event in events if event["event"] == "claimed"] == [12]
    assert sum(event["event"] == "finished" for event in events) == 12
