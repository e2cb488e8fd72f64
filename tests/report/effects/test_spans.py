"""Spans of hyper-parameters around a baseline that several studies share, with planted effects."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rnnctl.report.effects.spans import NoBaseline, spans
from tests.report.effects.design import Designed

BASE = {"train.lr": 0.01, "model.hidden": 64, "model.init": "orthogonal", "model.init.gain": 1.0}


def runs(study: str, *changes: dict, loss=None, seeds=(1, 2, 3)) -> list[Designed]:
    """Return the runs of configurations that differ from BASE; .1 a seed for all."""
    results = []
    for change in changes:
        flat = {key: value for key, value in {**BASE, **change}.items() if value is not None}
        label = " ".join(f"{key}={value}" for key, value in change.items()) or "base"
        for seed in seeds:
            value = (loss or planted)(flat) + seed / 10
            known = {"study": study, "run": f"{label} {seed}", "config": label, "group": label, "seed": seed}
            results.append(made(flat, value, **known))
    return results


def made(flat, loss, **known) -> Designed:
    from tests.report.rows import blank

    return blank(**known, loss=loss, stored_spec=flat, cls=Designed)


def planted(flat) -> float:
    return (
        {0.001: 2.0, 0.01: 1.0, 0.1: 1.5}[flat["train.lr"]]
        + (0.3 if flat["model.hidden"] == 16 else 0.0)
        + (0.1 if flat["model.init"] == "random" else 0.0)
    )


RANDOM = {"model.init": "random", "model.init.gain": None, "model.init.std": 0.1}
RATES = runs("rates", {}, {"train.lr": 0.001}, {"train.lr": 0.1})
SIZES = runs("sizes", {}, {"model.hidden": 16}, {"model.hidden": 16, "train.lr": 0.001})
INITS = runs("inits", {}, RANDOM)


def test_planted_spans_come_back_in_their_order():
    result = spans([*SIZES, *RATES, *INITS], "loss")
    assert result.baseline == "base"
    assert [(span.name, len(span.values), span.seeds) for span in result.spans] == [
        ("train.lr", 3, 3), ("model.hidden", 2, 3), ("model.init", 2, 3),
    ]  # fmt: skip
    assert [span.span for span in result.spans] == pytest.approx([1.0, 0.3, 0.1])
    assert [span.error for span in result.spans] == pytest.approx([0, 0, 0], abs=1e-12)
    assert [at.value for at in result.spans[0].values] == ["0.01", "0.1", "0.001"]
    assert [at.value for at in result.spans[2].values] == ["orthogonal(gain=1)", "random(std=0.1)"]
    assert result.left_out == 1  # 16 units with another rate


def test_a_run_without_a_result_does_not_count():
    broken = [replace(run, loss=None) if run.config == "train.lr=0.001" else run for run in RATES]
    (span,) = spans([*broken, *INITS], "loss").spans[:1]
    assert (span.name, span.span) == ("train.lr", pytest.approx(0.5))


def test_studies_without_a_common_configuration_are_refused():
    with pytest.raises(
        NoBaseline, match="no configuration with a result is part of all of these studies: rates, sizes"
    ):
        spans([*RATES, *(run for run in SIZES if run.config != "base")], "loss")
