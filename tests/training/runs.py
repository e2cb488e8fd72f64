"""Specs of small runs."""

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


def gru_or_lstm(seed, cell, *, hidden=13, updates=25, init="orthogonal", clip=1.0, lr=0.1):
    data = spec(seed, updates=updates, clip=clip, omega=0, lr=lr).canonical()
    return RunSpec.model_validate({**data, "model": {"name": cell, "hidden": hidden, "init": init}})
