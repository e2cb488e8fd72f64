"""Studies made by formula, as results and specs."""

from itertools import product

import numpy as np


def study(result, factors, seeds=(1, 2, 3), keep=lambda **one: True):
    """result(seed, **values) of every combination of factors (name -> values) and seed; specs are nested by dots."""
    results, specs = [], []
    for values in product(*factors.values()):
        one = dict(zip(factors, values, strict=True))
        if not keep(**{name.rpartition(".")[2]: value for name, value in one.items()}):
            continue
        label = " ".join(f"{name}={value}" for name, value in one.items())
        for seed in seeds:
            arguments = {name.rpartition(".")[2]: value for name, value in one.items()}
            results.append(
                {
                    "study": "s",
                    "run": f"{label} seed={seed}",
                    "config": label,
                    "group": label,
                    "seed": seed,
                    "loss": result(seed, **arguments),
                }
            )
            specs.append(nest({**one, "seed": seed}))
    return results, specs


def nest(flat):
    spec = {}
    for name, value in flat.items():
        section = spec
        *path, leaf = name.split(".")
        for part in path:
            section = section.setdefault(part, {})
        section[leaf] = value
    return spec


def noise(seed=0, size=1.0):
    rng = np.random.default_rng(seed)
    return lambda: float(size * rng.normal())
