"""Runs that cannot fit into memory: they are refused, with the key that makes them so large."""

from __future__ import annotations

import random
from typing import Any

import pytest

from rnnctl.study.run import RunSpec
from rnnctl.tasks.text import known_size
from rnnctl.training.memory import bytes_of_run, bytes_on_cpu
from rnnctl.training.too_large import Room, refuse_here, room_on, too_large
from tests.cards import GIB, RTX, pretend
from tests.language import drawn_spec


def spec(**sections: Any) -> RunSpec:
    return RunSpec.model_validate({"task": "temporal_order", **sections})


def blamed(run: RunSpec, room: int = 16 * GIB) -> str:
    problem = too_large(run, Room("this machine", room, bytes_on_cpu))
    assert problem is not None
    assert problem.mentions == (problem.path,)
    return ".".join(problem.path)


HUGE = 10**9


@pytest.mark.parametrize(
    ("key", "sections"),
    [
        ("check.samples", {"check": {"samples": 10**12}}),
        ("check.diagnostic_batch", {"check": {"diagnostic_batch": HUGE}}),
        ("train.batch", {"train": {"batch": HUGE}}),
        ("model.hidden", {"model": {"name": "rnn", "hidden": 10**6}}),
        ("model.hidden", {"model": {"name": "gru", "hidden": 10**18}}),
        ("model.layers", {"model": {"name": "gated", "hidden": 2048, "layers": 1000}}),
        ("task.max_length", {"task": {"name": "addition", "max_length": HUGE}}),
        ("task.positions", {"task": {"name": "memorization", "positions": HUGE}}),
    ],
)
def test_the_key_that_makes_a_run_too_large_is_named(key: str, sections: dict[str, Any]) -> None:
    assert blamed(spec(**sections)) == key


def test_the_line_says_what_is_needed_and_what_there_is() -> None:
    problem = too_large(spec(check={"samples": 10**12}), Room("this machine", 16 * GIB, bytes_on_cpu))
    assert problem is not None
    assert problem.message == (
        "check.samples 1,000,000,000,000 makes a run take about 1 PiB of memory, and this machine has 16 GiB"
    )


def test_ordinary_runs_fit_and_where_all_is_ordinary_some_size_is_named() -> None:
    assert too_large(spec(), Room("this machine", GIB, bytes_on_cpu)) is None
    assert blamed(spec(), 1000) in ("check.samples", "task.max_length", "task.min_length")


def test_every_run_of_the_language_has_an_estimate() -> None:
    for seed in range(80):
        run = drawn_spec(random.Random(seed), ["stdlib"])
        assert 1000 < bytes_on_cpu(run) < GIB
        assert bytes_on_cpu(run) < bytes_on_cpu(run, runs=2)


def test_a_text_counts_by_the_size_of_its_files_which_are_not_read(tmp_path) -> None:
    with (tmp_path / "large.txt").open("wb") as file:
        file.truncate(2**40)
    known_size.cache_clear()
    run = spec(task={"name": "text", "corpus": str(tmp_path)})
    assert blamed(run) == "task.corpus"


def test_a_run_that_fits_a_card_is_not_refused_here(monkeypatch) -> None:
    run = spec(model={"name": "rnn", "hidden": 20_000})
    monkeypatch.setattr("rnnctl.host.total_bytes", lambda: 8 * GIB)
    pretend(monkeypatch, RTX, memory=2 * bytes_of_run(run))
    monkeypatch.setattr("rnnctl.training.too_large.has_driver", lambda: True)
    assert refuse_here()(run) is None
    assert too_large(run, room_on("cpu")) is not None
    assert too_large(run, room_on("cuda:0")) is None
    pretend(monkeypatch, RTX, memory=GIB)
    problem = too_large(run, room_on("cuda:0"))
    assert problem is not None
    assert problem.message.endswith("of memory, and NVIDIA GeForce RTX 3090 has 1 GiB")
    assert refuse_here()(run) is not None
