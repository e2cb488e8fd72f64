"""Numbers that the dtype of a run cannot hold are refused in a study, and read in a database."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

import pytest

from rnnctl.study.errors import SpecError
from rnnctl.study.overlay import Overlay, Place
from rnnctl.study.run import RunSpec
from tests.language import drawn_spec
from tests.study.studies import specs, study

# Floats that stay in float64: a difference of losses, shares of a text, a share of connections.
ON_THE_HOST = {"min_delta", "validation", "test", "connections", "share", "to", "grabs", "growth", "backoff"}
TOO_LARGE, TOO_SMALL = 1e39, 1e-39  # for float32, and not for float64


def floats(plain: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Iterate over the sections and keys of a run's floats."""
    for key, value in plain.items():
        if isinstance(value, dict):
            yield from floats(value)
        elif isinstance(value, float):
            yield plain, key


def resolve(plain: dict[str, Any]) -> RunSpec:
    return Overlay(plain, {(): Place(0, 1, "base")}).resolve()


@pytest.mark.parametrize("value", [TOO_LARGE, TOO_SMALL])
def test_every_float_of_the_language_that_is_trained_with_must_be_one_of_the_dtype(value: float) -> None:
    refused = set()
    for seed in range(100):
        plain = drawn_spec(random.Random(seed), ["stdlib"]).written_out()
        for number in range(len(list(floats(plain)))):
            changed = copy.deepcopy(plain)
            section, key = list(floats(changed))[number]
            section[key] = value
            changed["train"]["dtype"] = "float64"
            try:
                resolve(changed)
            except SpecError:  # out of the bounds of the key
                continue
            changed["train"]["dtype"] = "float32"
            if key in ON_THE_HOST:
                resolve(changed)
                continue
            with pytest.raises(SpecError, match=rf"\b{key} 1e[+-]39 is (above|below) the .* float32, .*e[+-]38$"):
                resolve(changed)
            refused.add(key)
    expected = {"lr", "epsilon", "cutoff", "alpha", "bound", "std", "gain", "spectral_radius", "tolerance"}
    assert refused >= (expected if value == TOO_LARGE else expected | {"saturation", "beta1", "beta2"})


@pytest.mark.parametrize(
    ("base", "grid", "key"),
    [
        ("train: {lr: 1e+39}", "", "base.train.lr: train.lr 1e+39 is above the largest float32, 3.40282e+38"),
        (
            "train: {optimizer: {name: adam, epsilon: 1e-60}}",
            "",
            "base.train.optimizer.epsilon: train.optimizer.epsilon 1e-60 is below .* normal float32, 1.17549e-38",
        ),
        ("train: {dtype: float64, lr: 1e-310}", "", "base.train.lr: .* smallest normal float64, 2.22507e-308"),
        ("train: {omega: 1e+39}", "", "base.train.omega: train.omega.alpha 1e+39 is above"),
        ("model: {name: gru, update_bias: -1e+39}", "", "base.model.update_bias: .* -1e+39 is above the largest"),
        (
            "train.dtype: float64",
            "grid: {train.lr: [1e+39], train.dtype: [float64,\n  float32]}",
            "s.yaml:5: grid.train.lr: train.lr 1e+39",
        ),
        (
            "",
            "random: {n: 9, train.lr: {loguniform: [1e-60, 1e-50]}}",
            "random.train.lr.loguniform: train.lr [0-9.]+e-[0-9]+ is below",
        ),
    ],
)
def test_it_is_told_at_its_place_with_the_limit(base: str, grid: str, key: str) -> None:
    with pytest.raises(SpecError, match=key.replace("e+", "e\\+")):
        study(f"{grid}\n" if grid else "", base)


def test_zero_and_numbers_at_the_limits_are_allowed() -> None:
    runs = specs(base="train: {lr: 3.4028234663852886e+38, omega: {alpha: 0, bound: 1.1754943508222875e-38}}")
    assert runs[0].train.lr == (2 - 2**-23) * 2.0**127


def test_such_a_run_is_no_mistake_where_it_is_excluded() -> None:
    grid = "grid: {train.lr: [0.1, 1e+39]}\nexclude: [{train.lr: 1e+39}]\n"
    assert [run.train.lr for run in specs(grid)] == [0.1]


def test_a_stored_run_with_such_a_number_is_still_read() -> None:
    plain = {"task": "temporal_order", "train": {"optimizer": {"name": "adam", "epsilon": 1e-60}, "lr": 1e300}}
    assert RunSpec.model_validate(plain).train.lr == 1e300
