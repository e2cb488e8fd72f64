"""What TensorBoard is given of a run."""

import json

import numpy as np
import pytest

from rnnctl.diagnostics.histogram import LOG10_EDGES, log10_histogram
from rnnctl.report.export.tensorboard import GRADIENT, write_events
from rnnctl.study.run import RunSpec
from store.history import History
from tests.report.export.runs import row

nan = np.nan


class Writer:
    """Takes down what it is given."""

    def __init__(self):
        self.scalars, self.histograms, self.texts = {}, {}, {}

    def add_scalar(self, tag, value, step):
        self.scalars.setdefault(tag, []).append((step, value))

    def add_text(self, tag, text):
        self.texts[tag] = text

    def add_histogram_raw(self, tag, **actual):
        self.histograms.setdefault(tag, []).append(actual)


def test_tensorboard_gets_every_finite_scalar_and_the_gradients_histogram():
    rng = np.random.default_rng(2)
    norms = 10.0 ** rng.uniform(-9, -4, size=1000)
    history = History(
        np.array([10, 20, 30]),
        {"valid_loss": np.array([1.5, nan, 0.5])},
        {"grad_hist": [None, log10_histogram(norms), np.zeros(len(LOG10_EDGES) - 1, np.uint32)]},
    )
    writer, one = Writer(), row()
    write_events(writer, one, history)
    assert writer.scalars == {"valid_loss": [(10, 1.5), (30, 0.5)]}
    shown = json.loads(writer.texts["spec"].strip("`"))
    assert shown == RunSpec.model_validate(one.spec).written_out()
    assert shown["train"]["bptt"] == "full"  # which the store leaves out
    (actual,) = writer.histograms[GRADIENT]
    logs = np.log10(norms)
    assert actual["global_step"] == 20
    assert actual["num"] == 1000 == sum(actual["bucket_counts"])
    assert actual["min"] <= logs.min() <= actual["min"] + 0.5
    assert actual["max"] - 0.5 <= logs.max() <= actual["max"]
    assert actual["sum"] / 1000 == pytest.approx(logs.mean(), abs=0.05)
    assert actual["sum_squares"] / 1000 == pytest.approx((logs**2).mean(), rel=0.02)
    edges = [actual["min"], *actual["bucket_limits"]]
    assert actual["bucket_counts"] == np.histogram(logs, edges)[0].tolist()
