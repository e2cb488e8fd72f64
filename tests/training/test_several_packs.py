"""Several packs that are trained at once: same bits, and what one does to the others."""

from __future__ import annotations

import gc
import random
import weakref
from contextlib import contextmanager

import pytest
import torch

from rnnctl.study.pack_key import PackKey
from rnnctl.training.loop import Cadence, PackError, make_pack, train_packs
from rnnctl.training.pack import Pack
from tests.training.drawn_packs import drawn_pack
from tests.training.memory import Memory, train
from tests.training.runs import gru_or_lstm, spec
from tests.training.same_bits import assert_same


def groups():
    """Four packs of different keys; their runs end at different updates."""
    return [
        {"a1": spec(1, updates=25), "a2": spec(2, clip=0.3, omega=0, updates=22)},
        {"b1": spec(3, hidden=20, activation="sigmoid", updates=17)},
        {"c1": gru_or_lstm(4, "gru"), "c2": gru_or_lstm(5, "gru", clip="none"), "c3": gru_or_lstm(6, "gru", lr=1.0)},
        {"d1": gru_or_lstm(7, "lstm", hidden=9)},
    ]


def train_all(packs, memory=None, device="cpu", pack_factory=make_pack, **cadence):
    memory = memory or Memory()
    train_packs(packs, memory, device=device, cadence=Cadence(**cadence), pack_factory=pack_factory)
    return memory


def alone(packs):
    return {run_id: train({run_id: run}) for pack in packs for run_id, run in pack.items()}


def test_runs_have_the_same_bits_as_alone():
    packs = groups()
    assert len({PackKey.of(run) for pack in packs for run in pack.values()}) == len(packs)
    together = train_all(packs)
    for run_id, by_itself in alone(packs).items():
        assert_same(by_itself, together, run_id)
        assert by_itself.outcomes[run_id] == together.outcomes[run_id]


@pytest.mark.parametrize("seed", range(2))
def test_drawn_packs_have_the_same_bits_as_alone(seed, tmp_path):
    rng = random.Random(seed)
    (tmp_path / "text").write_text("".join(f"{n} bottles, {n * n} squares; " for n in range(60)))
    packs = [drawn_pack(rng, [str(tmp_path / "text")]) for _ in range(3)]
    together = train_all(packs)
    for pack in packs:
        by_itself = train(pack)
        for run_id in pack:
            assert_same(by_itself, together, run_id)


@pytest.mark.parametrize("cut", [1, 6, 83])
def test_a_drain_saves_the_runs_of_all_packs_and_they_end_with_the_same_bits(cut):
    packs, broken = groups(), Memory()
    broken.drain_after = cut
    train_all(packs, broken)
    assert set(broken.files) == {run_id for pack in packs for run_id in pack}
    broken.drain_after = None
    train_all([left for pack in packs if (left := {k: v for k, v in pack.items() if k not in broken.outcomes})], broken)
    for run_id, by_itself in alone(packs).items():
        assert_same(by_itself, broken, run_id)


def test_packs_take_turns():
    class Turns(Memory):
        def __init__(self):
            super().__init__()
            self.steps = []

        def progress(self, run_id, step):
            super().progress(run_id, step)
            self.steps.append((run_id, step))

    short = {"updates": 2}
    memory = train_all(
        [{"a": spec(1, **short)}, {"b": spec(2, hidden=20, **short), "c": spec(3, hidden=20, updates=1)}], Turns()
    )
    assert memory.steps == [("a", 1), ("b", 1), ("c", 1), ("a", 2), ("b", 2)]


def test_a_run_that_is_no_longer_held_leaves_and_the_others_go_on():
    packs, memory = groups(), Memory()
    memory.lost |= {"b1", "c2"}
    train_all(packs, memory)
    assert set(memory.outcomes) == {"a1", "a2", "c1", "c3", "d1"}


class Broken(Pack):
    """A pack that fails at its fifth update if it has a run of a GRU."""

    updates = 0

    def update(self):
        self.updates += 1
        if self.updates == 5 and self.members[0].spec.model.name == "gru":
            raise ArithmeticError("this pack never works")
        return super().update()


def test_an_error_in_one_pack_saves_the_others_and_names_its_runs():
    packs, memory = groups(), Memory()
    with pytest.raises(PackError, match="this pack never works") as raised:
        train_all(packs, memory, pack_factory=Broken)
    assert raised.value.run_ids == ["c1", "c2", "c3"]
    assert raised.value.error is raised.value.__cause__
    assert isinstance(raised.value.error, ArithmeticError)
    assert {run_id: memory.state(run_id)["step"] for run_id in memory.files} == {"a1": 5, "a2": 5, "b1": 5, "d1": 4}
    others = [pack for pack in packs if "c1" not in pack]
    train_all(others, memory)
    for run_id, by_itself in alone(others).items():
        assert_same(by_itself, memory, run_id)


def test_every_pack_is_closed_whatever_ends_it():
    closed = []

    class Closing(Broken):
        def close(self):
            closed.append(self.name)

    def factory(members, weights, device):
        return type("Named", (Closing,), {"name": members[0].run_id})(members, weights, device)

    packs = groups()
    with pytest.raises(PackError):
        train_all(packs, pack_factory=factory)
    assert set(closed) == {"a1", "b1", "c1", "d1"}
    closed.clear()
    train_all(packs[:2], pack_factory=factory)
    assert set(closed) == {"a1", "b1"}
    closed.clear()

    class Interrupted(Memory):
        def progress(self, run_id, step):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_all(packs[:2], Interrupted(), pack_factory=factory)
    assert set(closed) == {"a1", "b1"}


def test_an_error_of_the_only_pack_is_raised_as_it_is():
    with pytest.raises(ArithmeticError, match="this pack never works"):
        train({"c1": gru_or_lstm(4, "gru")}, pack_factory=Broken)


def test_a_pack_that_cannot_be_made_is_named_and_the_others_are_saved():
    def factory(members, weights, device):
        if members[0].run_id == "c1":
            raise RuntimeError("no room for it")
        return make_pack(members, weights, device)

    memory = Memory()
    with pytest.raises(PackError) as raised:
        train_all(groups(), memory, pack_factory=factory)
    assert raised.value.run_ids == ["c1", "c2", "c3"]
    assert set(memory.files) == {"a1", "a2", "b1"}  # those that were made before


def test_what_cannot_be_saved_after_an_error_hides_neither_the_error_nor_the_others():
    class Full(Memory):
        def commit(self, run_id, *args):
            if run_id == "a1":
                raise OSError("no room left")
            return super().commit(run_id, *args)

    memory = Full()
    with pytest.raises(PackError, match="this pack never works"):
        train_all(groups(), memory, pack_factory=Broken)
    assert set(memory.files) == {"b1", "d1"}


def test_a_pack_that_has_ended_leaves_memory_at_once():
    made: list[weakref.ref[Pack]] = []
    alive = []

    def factory(members, weights, device):
        pack = Pack(members, weights, device)
        made.append(weakref.ref(pack))
        return pack

    class Watching(Memory):
        def progress(self, run_id, step):
            super().progress(run_id, step)
            if run_id == "long" and step > 1:
                alive.append(made[0]() is not None)

    gc.disable()
    try:
        train_all(
            [{"short": spec(1, updates=1)}, {"long": spec(2, hidden=20, updates=4)}], Watching(), pack_factory=factory
        )
    finally:
        gc.enable()
    assert alive == [False] * 3


class FakeStreams:
    """Stands in for the CUDA streams of torch, and keeps which of them is the current one."""

    def __init__(self, monkeypatch):
        self.made, self.current = 0, 0
        monkeypatch.setattr(torch.cuda, "Stream", self.make)
        monkeypatch.setattr(torch.cuda, "stream", self.use)

    def make(self, device):
        assert device == "cuda:1"
        self.made += 1
        return self.made

    @contextmanager
    def use(self, stream):
        before, self.current = self.current, stream
        try:
            yield
        finally:
            self.current = before


def test_each_pack_on_a_card_works_on_a_stream_of_its_own(monkeypatch):
    streams = FakeStreams(monkeypatch)
    used: dict[str, set[tuple[str, int]]] = {}

    class Watched(Pack):
        def __getattribute__(self, name):
            value = super().__getattribute__(name)
            if name in ("_allocate", "update", "check", "settle", "keep"):
                used.setdefault(super().__getattribute__("name"), set()).add((name, streams.current))
            return value

    def factory(members, weights, device):
        name = members[0].run_id
        return type("Named", (Watched,), {"name": name})(members, weights, "cpu")

    class Watching(Memory):
        def commit(self, run_id, *args):
            used.setdefault(run_id, set()).add(("commit", streams.current))
            return super().commit(run_id, *args)

    packs = [{"a": spec(1)}, {"b": spec(2, hidden=20)}, {"c": spec(3, hidden=21)}]
    memory = Watching()
    memory.drain_after = 100
    train_all(packs, memory, "cuda:1", factory, updates=7)
    calls = ("_allocate", "update", "check", "settle", "commit")
    assert {name: {call for call in seen if call[0] != "keep"} for name, seen in used.items()} == {
        name: {(call, stream) for call in calls} for stream, name in enumerate("abc", 1)
    }
    assert streams.current == 0
