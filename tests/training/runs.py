"""Specs of small runs."""

from typing import Any

from rnnctl.study.run import RunSpec


def spec(seed=1, *, hidden=13, updates=60, activation="tanh", init="orthogonal", clip=1.0, omega=0.5, lr=0.02, **check):
    return RunSpec.model_validate(
        {
            "task": {"name": "temporal_order", "min_length": 10, "max_length": 31},
            "model": {"hidden": hidden, "init": init, "activation": activation},
            "train": {"updates": updates, "batch": 7, "lr": lr, "clip": clip, "omega": omega},
            "check": {"every": 10, "samples": 60, "chunk": 30, "diagnostic_batch": 5, **check},
            "stop": {"solved": "never"},
            "seed": seed,
        }
    )


def with_train(run: RunSpec, **keys: Any) -> RunSpec:
    """Return the run with other keys of `train`, and other sections."""
    plain = run.model_dump(mode="json")
    sections = {name: keys.pop(name) for name in ("model", "task") if name in keys}
    return RunSpec.model_validate({**plain, **sections, "train": {**plain["train"], **keys}})


def gru_or_lstm(seed, cell, *, hidden=13, updates=25, init="orthogonal", clip=1.0, lr=0.1):
    data = spec(seed, updates=updates, clip=clip, omega=0, lr=lr).canonical()
    return RunSpec.model_validate({**data, "model": {"name": cell, "hidden": hidden, "init": init}})


def explosive(clip):
    """An identity network whose gradient overflows float32 at once."""
    init = {"name": "basic_tanh", "std": 50.0}
    return spec(2, activation="identity", init=init, clip=clip, omega=0, lr=0.1)


def easy(**stop):
    """Short, wide and fast: solved within a hundred updates."""
    return RunSpec.model_validate(
        {
            "task": {"name": "temporal_order", "min_length": 10, "max_length": 10},
            "model": {"hidden": 40, "init": "orthogonal"},
            "train": {"updates": 3000, "batch": 50, "lr": 0.03, "omega": 0.1},
            "check": {"every": 5, "samples": 400, "chunk": 200},
            "stop": stop,
            "seed": 1,
        }
    )
