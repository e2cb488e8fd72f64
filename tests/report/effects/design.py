"""Studies made by formula, as results."""

from itertools import product

import numpy as np

from rnnctl.report.results import Result
from tests.report.rows import blank


class Designed(Result):
    """A run of a made-up study, whose hyper-parameters no spec needs to have; stored_spec has them by dotted key."""

    __slots__ = ()

    @property
    def parameters(self):
        return self.stored_spec


def study(result, factors, seeds=(1, 2, 3), keep=lambda **one: True):
    """Return the runs of every combination of factors (name -> values) and seed; result(seed, **values) is the loss."""
    runs = []
    for values in product(*factors.values()):
        flat = dict(zip(factors, values, strict=True))
        arguments = {name.rpartition(".")[2]: value for name, value in flat.items()}
        if not keep(**arguments):
            continue
        label = " ".join(f"{name}={value}" for name, value in flat.items())
        for seed in seeds:
            known = {"run": f"{label} seed={seed}", "config": label, "group": label, "seed": seed}
            runs.append(blank(**known, loss=result(seed, **arguments), stored_spec=flat, cls=Designed))
    return runs


def noise(seed=0, size=1.0):
    rng = np.random.default_rng(seed)
    return lambda: float(size * rng.normal())
