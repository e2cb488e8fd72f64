"""Every cell that has GPU kernels trains on the pretended device as the CPU does: each task and optimizer.

Of the drawn runs, a third train by kernels, interpreted. The others have what kernels do not do, such as batches that
are accumulated, and train by operations of torch, as all runs of tests/slow do.
"""

from __future__ import annotations

import pytest

from rnnctl.study.run import RunSpec
from rnnctl.training.packing import packs_of
from tests.pretended.combinations import a_text, drawn_runs, each_combination_of
from tests.pretended.device import pretended_device
from tests.pretended.kernels import CELLS_WITH_KERNELS
from tests.training.close import assert_close
from tests.training.memory import Memory, train
from tests.training.runs import spec

UPDATES = 2  # a program of a kernel takes milliseconds here


def well_conditioned(run: RunSpec) -> RunSpec:
    """Return the run in float64 if its optimizer divides a gradient by its own size.

    Such an optimizer makes whole updates of gradients that are nothing but rounding.
    """
    plain = run.model_dump(mode="json")
    if "epsilon" not in plain["train"]["optimizer"]:
        return run
    plain["train"]["dtype"] = "float64"
    for key in ("precision", "loss_scale"):  # which float64 has not
        plain["train"].pop(key, None)
    plain["stop"].pop("on", None)  # may be the scale
    return RunSpec.model_validate(plain).identified()


@each_combination_of(CELLS_WITH_KERNELS)
def test_the_weights_are_those_of_the_cpu(names, tmp_path, monkeypatch):
    drawn = drawn_runs(names, a_text(tmp_path, monkeypatch), UPDATES)
    runs = {run_id: well_conditioned(run) for run_id, run in drawn.items()}
    expected, actual = train(runs), Memory()
    with pretended_device() as device:
        for pack in packs_of(runs, "cuda:0"):  # apart, where kernels train one run and torch the other
            train(pack, actual, device.name)
    for run_id, run in runs.items():
        assert_close(actual, expected, run_id, run)


@pytest.mark.parametrize("after", [{"name": "plateau", "patience": 1, "min_delta": 10.0}], ids=repr)
def test_rates_that_follow_from_checks_are_those_of_the_cpu(after):
    """Batches are prepared before a check is made that decides the rate of the updates after it."""
    plain = spec(1, hidden=3, updates=6, lr=0.5, every=1, samples=4, chunk=2, diagnostic_batch=2).model_dump(
        mode="json"
    )
    plain["task"] |= {"min_length": 10, "max_length": 10}
    plain["train"] |= {"batch": 2, "rate": after}
    runs = {"a": RunSpec.model_validate(plain), "b": RunSpec.model_validate({**plain, "seed": 2})}
    expected = train(runs)
    with pretended_device() as device:
        actual = train(runs, device=device.name)
    for run_id, run in runs.items():
        rates = [row.scalars["rate"] for row in actual.history[run_id] if row.step]
        assert rates == [0.5, 0.5, 0.25, 0.125, 0.0625, 0.03125]
        assert_close(actual, expected, run_id, run)
