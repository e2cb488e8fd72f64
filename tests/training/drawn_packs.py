"""Packs of drawn runs: alone, packed and resumed, each run ends with the same bits."""

from __future__ import annotations

import random
from collections.abc import Mapping

from pydantic import ValidationError

from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec
from tests.language import drawn_companion, drawn_spec, identified
from tests.training.memory import Memory, train
from tests.training.same_bits import assert_same

MOST_UNITS = 60  # that a larger run is drawn with


def drawn_pack(rng: random.Random, places: list[str]) -> dict[str, RunSpec]:
    """Draw runs of one pack key, of different ids."""
    first = drawn_spec(rng, places)
    runs = {first.run_id: first}
    for _ in range(rng.randint(1, 3)):
        other = drawn_companion(rng, first, places)
        runs[other.run_id] = other
    assert len({PackKey.of(spec) for spec in runs.values()}) == 1
    return runs


def grown(rng: random.Random, runs: Mapping[str, RunSpec]) -> dict[str, RunSpec]:
    """Return the runs with a larger batch and more hidden units: the next number that the cell can have.

    Products of the small sizes that are drawn otherwise never reach the maths library: torch computes those of fewer
    than 400 multiplications itself.
    """
    hidden, batch = rng.randint(20, MOST_UNITS), rng.randint(8, 24)
    while (larger := _of_size(runs, hidden, batch)) is None:
        hidden += 1
    assert len({PackKey.of(spec) for spec in larger.values()}) == 1
    return larger


def _of_size(runs: Mapping[str, RunSpec], hidden: int, batch: int) -> dict[str, RunSpec] | None:
    """Return the runs with these numbers; None if one of them cannot have as many hidden units."""
    sized = {}
    for spec in runs.values():
        plain = spec.model_dump(mode="json")
        plain["model"]["hidden"], plain["train"]["batch"] = hidden, batch
        try:
            run = identified(RunSpec.model_validate(plain))
        except ValidationError:
            if hidden > 2 * MOST_UNITS:
                raise
            return None
        sized[run.run_id] = run
    return sized


def check_pack(rng: random.Random, runs: dict[str, RunSpec], device: str = "cpu") -> None:
    """Train the runs together, each alone, and together with an interruption at a random update; compare all."""
    together = train(runs, device=device)
    for run_id, spec in runs.items():
        alone = train({run_id: spec}, device=device)
        assert_same(alone, together, run_id)
        assert told(alone, run_id) == told(together, run_id)
    resumed = Memory()
    resumed.drain_after = rng.randint(1, max(1, together.updates - 1))
    train(runs, resumed, device)
    resumed.drain_after = None
    rest = {run_id: spec for run_id, spec in runs.items() if run_id not in resumed.outcomes}
    if rest:
        train(rest, resumed, device)
    for run_id in runs:
        assert_same(resumed, together, run_id)
        assert told(resumed, run_id) == told(together, run_id)


def told(memory: Memory, run_id: str) -> str:
    """What is kept of a run beside its checkpoint and history, without its wall time. As text: nan equals nan."""
    summary = {key: value for key, value in memory.summaries[run_id].items() if not key.endswith("seconds")}
    return repr((summary, memory.outcomes.get(run_id)))
