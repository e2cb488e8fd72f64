"""Drawn runs that go on from others end as if they had been trained from the start."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from rnnctl.section import ENDING, Section, marks_of
from rnnctl.study.run import RunSpec
from tests.language import drawn_companion, drawn_spec
from tests.training.drawn_packs import told
from tests.training.memory import Memory, train
from tests.training.same_bits import assert_same


def drawn_extension(rng: random.Random, places: list[str], chosen: Mapping[str, str]) -> tuple[RunSpec, RunSpec]:
    """Draw two runs of one trajectory. chosen: as `drawn_spec` takes it."""
    while True:
        run = drawn_spec(rng, places, chosen)
        other = drawn_relative(rng, run, places)
        if other.trajectory_id == run.trajectory_id and other.run_id != run.run_id:
            return other, run


def drawn_relative(rng: random.Random, run: RunSpec, places: list[str]) -> RunSpec:
    """Draw a run that differs from another one only in when it ends."""
    while True:
        try:
            return _with_ends_of(run, drawn_companion(rng, run, places))
        except ValueError:  # what ends the companion may be measured of no run like this one
            continue


def _with_ends_of(run: RunSpec, other: RunSpec) -> RunSpec:
    """Return the run with the values that another one has of the keys marked ENDING."""

    def visit(section: Section, donor: Section, plain: dict[str, Any]) -> None:
        for name in type(section).model_fields:
            if ENDING in marks_of(type(section), name):
                plain[name] = getattr(donor, name)
            elif isinstance(value := getattr(section, name), Section) and type(getattr(donor, name)) is type(value):
                visit(value, getattr(donor, name), plain[name])

    plain = run.model_dump(mode="json")
    visit(run, other, plain)
    return RunSpec.model_validate(plain).identified()


def check_extension(rng: random.Random, parents: Mapping[str, RunSpec], runs: Mapping[str, RunSpec]) -> int:
    """Train runs from the start, and after others, which may be interrupted. Return how many went on from others."""
    anew = train(runs)
    memory = Memory()
    memory.specs = {**parents, **runs}
    if parents:
        if rng.random() < 0.4:
            memory.drain_after = rng.randint(1, sum(run.train.updates for run in parents.values()))
        train(parents, memory)
        memory.drain_after = None
    if rng.random() < 0.4:
        memory.drain_after = memory.updates + rng.randint(0, sum(run.train.updates for run in runs.values()))
        train(runs, memory)
        memory.drain_after = None
    left = {run_id: run for run_id, run in runs.items() if run_id not in memory.outcomes}
    if left:
        train(left, memory)
    for run_id in runs:
        assert_same(memory, anew, run_id)
        assert told(memory, run_id) == told(anew, run_id)
    return len(memory.origins.keys() & runs.keys())
