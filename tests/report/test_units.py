"""Losses and their units."""

import pytest

from rnnctl.report.units import (
    best_measure,
    by_task,
    check_comparable,
    measure_label,
    with_loss_unit,
)
from rnnctl.study.run import RunSpec
from tests.report.rows import blank


def result(task, **known):
    """A result of a run of this task, which is a configuration of its own."""
    spec = RunSpec.model_validate({"task": task}).canonical()
    return blank(config=str(task), stored_spec=spec, loss=1.0, **known)


ORDER, PRODUCT = map(result, ("temporal_order", "multiplication"))


@pytest.mark.parametrize(
    ("task", "unit"),
    [
        ("temporal_order", "nats"),
        ("temporal_order_3", "nats"),
        ("xor", "nats"),
        ("permutation", "nats"),
        ("memorization", "nats"),
        ("addition", "mean squared error"),
        ("multiplication", "mean squared error"),
    ],
)
def test_sums_and_products_are_measured_by_squared_error_and_all_else_in_nats(task, unit):
    assert result(task).spec.task.loss_unit == unit


def text(level, vocabulary=None):
    hashes = {"sha256": "0" * 64, "vocabulary_sha256": vocabulary and "1" * 64}
    task = {"name": "text", "level": level, "vocabulary": vocabulary, "corpus": "/no/such", **hashes}
    return result(task, bits_per_byte=1.0)


def test_texts_at_several_levels_compare_in_bits_per_byte_alone():
    bytes_, bpe = text("bytes"), text("bpe", 512)
    assert [one.spec.task.loss_unit for one in (bytes_, text("chars"), bpe)] == [
        "nats per byte",
        "nats per character",
        "nats per token of 512",
    ]
    check_comparable("loss", [bytes_, bytes_])
    check_comparable("bits_per_byte", [bytes_, bpe])
    check_comparable("error", [bytes_, PRODUCT])
    with pytest.raises(ValueError, match="nats per byte and nats per token of 512 cannot.*bits_per_byte can"):
        check_comparable("last_loss", [bytes_, bpe])
    with pytest.raises(ValueError, match="mean squared error cannot be compared; errors can"):
        check_comparable("loss", [bytes_, PRODUCT])
    with pytest.raises(ValueError, match="losses of temporal_order and xor cannot be compared; errors can"):
        check_comparable("loss", [ORDER, result("xor")])
    assert [best_measure(some) for some in ([bytes_, bytes_], [bytes_, bpe], [bytes_, PRODUCT])] == [
        "loss",
        "bits_per_byte",
        "loss",
    ]
    assert measure_label("bits_per_byte", [bytes_, bpe]) == "best bits per byte"


def test_runs_are_told_apart_by_task_and_by_the_unit_of_the_measure():
    runs = [ORDER, PRODUCT, text("bytes"), text("bpe", 512), ORDER, result("xor")]
    assert {task: len(some) for task, some in by_task(runs).items()} == {
        ("temporal_order", "nats"): 2,
        ("multiplication", "mean squared error"): 1,
        ("text", "nats per byte"): 1,
        ("text", "nats per token of 512"): 1,
        ("xor", "nats"): 1,
    }
    assert list(by_task(runs[2:4], "bits_per_byte")) == [("text", "bits per byte")]


def test_an_axis_says_what_it_shows():
    assert with_loss_unit("validation loss", [ORDER, ORDER]) == "validation loss (nats)"
    assert with_loss_unit("training loss", [PRODUCT]) == "training loss (mean squared error)"
    assert measure_label("loss", [PRODUCT]) == "best validation loss (mean squared error)"
    assert measure_label("last_loss", []) == "last validation loss"
    assert measure_label("error", [PRODUCT, ORDER]) == "best validation error"
