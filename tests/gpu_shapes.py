"""Runs of the shapes that launches are bounded for, and that kernels are compiled for."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

from rnnctl.cells.base.section import CellSection
from rnnctl.cells.gated.section import GatedSection
from rnnctl.section import PLACE
from rnnctl.study.run import RunSpec
from rnnctl.tasks.catalogue import TASKS
from tests.cells.plain_gated import every_choice_of_flags

UPDATES = 7


def through_time(cell: str, seed: int = 1, **train: Any) -> RunSpec:
    """Return a run with H = 50, batches of 20 and lengths from 50 to 200: those of the paper's runs that solve."""
    return RunSpec.model_validate(
        {
            "task": {"name": "temporal_order", "min_length": 50, "max_length": 200},
            "model": {"name": cell, "hidden": 50},
            "train": {"batch": 20, **train},
            "seed": seed,
            **_few_checks(),
        }
    )


def byte_by_byte(seed: int = 1, **model: Any) -> RunSpec:
    """Return a run of two gated layers on text, a byte an update, trained by Adam."""
    return RunSpec.model_validate(
        {
            "task": {"name": "text", "window": 1000},
            "model": {"name": "gated", "hidden": 32, "layers": 2, **model},
            "train": {"batch": 32, "optimizer": "adam", "lr": 0.001, "clip": "none", "bptt": 1},
            "seed": seed,
            **_few_checks(),
        }
    )


def of_all_flags(seed: int = 1) -> RunSpec:
    """Return a run like `byte_by_byte`, of the flags with the number of its seed: one of 96 choices."""
    choices = sorted(every_choice_of_flags(), key=sorted)
    on = choices[7 * seed % len(choices)]  # neighbours have little in common
    return byte_by_byte(seed, **{flag: flag in on for flag in GatedSection.flag_names})


def _few_checks() -> dict[str, Any]:
    return {
        "check": {"every": 4, "samples": 20, "chunk": 10, "diagnostic_batch": 5},
        "stop": {"solved": "never"},
    }


def packed(runs: int, make: Any, *args: Any, **settings: Any) -> dict[str, RunSpec]:
    """Return runs of different seeds, which can share a pack on a GPU, with UPDATES updates."""
    made = [make(*args, seed=seed, **settings) for seed in range(runs)]
    return {str(i): _short(spec) for i, spec in enumerate(made)}


def _short(spec: RunSpec) -> RunSpec:
    data = spec.model_dump(mode="json")
    data["train"]["updates"] = UPDATES
    return RunSpec.model_validate(data)


def sized(cell: str, hidden: int, batch: int, **settings: Any) -> RunSpec:
    """Return a run whose updates and checks take few steps. settings: of the cell, and `train`, `task`, `check`, `seed`
    and `updates`.
    """
    check = settings.pop("check", {})
    return RunSpec.model_validate(
        {
            "task": settings.pop("task", {"name": "temporal_order", "min_length": 10, "max_length": 14}),
            "seed": settings.pop("seed", 1),
            "train": {"updates": settings.pop("updates", 2), "batch": batch, **settings.pop("train", {})},
            "model": {"name": cell, "hidden": hidden, **settings},
            "check": {"every": 2, "samples": 6, "chunk": 3, "diagnostic_batch": 2, **check},
            "stop": {"solved": "never"},
        }
    )


# Sizes of tasks that would make a run long, where a task has them.
SHORT = {"min_length": 10, "max_length": 14, "window": 12}


def short_task(name: str, place: str) -> dict[str, Any]:
    """Return a task of short sequences, with the defaults of everything else. place: where a text lies, beside a
    file of arrays."""
    fields = TASKS[name].model_fields
    place = f"{place}.npz" if TASKS[name].is_finite else place
    places = {key: place for key, field in fields.items() if PLACE in field.metadata}
    return {"name": name, **places, **{key: size for key, size in SHORT.items() if key in fields}}


def variants(cell: type[CellSection]) -> list[dict[str, Any]]:
    """Return settings of a cell that together have every word and every flag of its section, but few of their
    combinations: each word alone, each flag other than it is by default, and all flags that may be on together.
    """
    fields = {key: field for key, field in cell.model_fields.items() if key != "name"}
    words = [
        {key: word}
        for key, field in fields.items()
        if get_origin(field.annotation) is Literal
        for word in get_args(field.annotation)
    ]
    flags = {key: field.default for key, field in fields.items() if field.annotation is bool}
    flipped = [{key: not default} for key, default in flags.items()]
    together = [dict.fromkeys(flags, True)] if flags else []
    return [{}, *words, *(settings for settings in [*flipped, *together] if _is_allowed(cell, settings))]


def _is_allowed(cell: type[CellSection], settings: dict[str, Any]) -> bool:
    try:
        cell.model_validate(settings)
    except ValueError:
        return False
    return True
