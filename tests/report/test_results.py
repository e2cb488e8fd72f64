"""Results of runs, and their specs as the store keeps them."""

import dataclasses

import pytest

from rnnctl.measures import FLOOR
from rnnctl.report import specs
from rnnctl.report.results import COLUMNS, Result, common_value, reference_of
from rnnctl.study.errors import SpecError
from rnnctl.study.run import RunSpec
from tests.report.rows import blank, row

SPEC = RunSpec.model_validate({"task": "temporal_order", "train": {"lr": 0.5}}).canonical()


def test_a_record_has_these_columns_in_this_order():
    record = Result.of(row(spec=SPEC)).as_dict()
    assert list(record) == list(COLUMNS) == [
        "study", "label", "group", "run", "config", "seed",
        "parameter_count", "ended", "status", "updates", "budget", "loss",
        "bits_per_byte", "last_loss", "floor", "floor_se", "floor_bits_per_byte", "floor_bits_per_byte_se", "error",
        "last_error",
        "chance_error", "best_at", "broke_floor_at", "samples", "below_floor", "gradient_zero", "gradient_vanished",
        "gradient_exploded", "seconds", "share_seconds", "exact", "extended_from", "extended_at",
        "tags", "note",
    ]  # fmt: skip
    assert record == {
        "study": "s", "label": "a seed=1", "group": "a", "run": "r1-a seed=1", "config": "c1", "seed": 1,
        "parameter_count": 3054,
        "ended": "budget", "status": "at_floor", "updates": 100, "budget": 100, "loss": 1.0, "bits_per_byte": None,
        "last_loss": 1.0, "floor": 1.386, "floor_se": 0.0, "floor_bits_per_byte": None, "floor_bits_per_byte_se": None,
        "error": 0.5,
        "last_error": 0.5, "chance_error": 0.75, "best_at": 10, "broke_floor_at": None, "samples": 100,
        "below_floor": None, "gradient_zero": None, "gradient_vanished": None, "gradient_exploded": None,
        "seconds": 2.0, "share_seconds": 2.0, "exact": True, "extended_from": None, "extended_at": None,
        "tags": "", "note": "",
    }  # fmt: skip


def test_a_run_that_was_never_checked_has_no_numbers_and_ends_as_its_status():
    waiting = row(loss=None)
    waiting.outcome, waiting.status = None, "queued"
    result = Result.of(waiting)
    assert (result.ended, result.loss, result.floor, result.seconds, result.checked) == ("queued", *[None] * 3, False)
    assert not result.is_below(9.0, "loss")


def test_the_floor_of_a_text_in_bits_per_byte_follows_from_its_loss():
    result = Result.of(row(loss=2.0, floor=3.0, floor_se=0.2, best_bits_per_byte=1.4))
    assert result.floor_bits_per_byte == pytest.approx(3.0 * 1.4 / 2.0)
    assert result.floor_bits_per_byte_se == pytest.approx(0.2 * 1.4 / 2.0)


def test_a_floor_of_text_that_an_earlier_version_recorded_has_no_error():
    former, text, other = row(best_bits_per_byte=1.4), row(best_bits_per_byte=1.4, floor_se=0.1), row()
    del former.summary["floor_se"]
    results = [Result.of(each) for each in (former, text, other)]
    assert [result.has_former_floor for result in results] == [True, False, False]
    assert [reference_of([result], FLOOR) for result in results] == [
        (1.386, "floor 1.386"),
        (1.386, "floor 1.386 ± 0.1"),
        (1.386, "floor 1.386"),
    ]
    assert reference_of([], FLOOR)[0] is None


def test_a_result_never_changes():
    with pytest.raises(dataclasses.FrozenInstanceError):
        blank().loss = 1.0
    assert blank(label="a", group="a").named(label="s/a", group="s/a").label == "s/a"


def test_a_value_is_common_if_all_runs_that_have_one_have_the_same():
    assert common_value([blank(floor=1.0), blank(floor=None), blank(floor=1.0)], "floor") == 1.0
    assert common_value([blank(floor=1.0), blank(floor=2.0)], "floor") is None
    assert common_value([], "floor") is None


def test_a_configuration_is_validated_once_and_its_runs_keep_their_seeds(monkeypatch):
    specs._configuration.cache_clear()
    validated = []
    monkeypatch.setattr(RunSpec, "model_validate", lambda plain: validated.append(plain) or RunSpec(**plain))
    results = [Result.of(row(seed=seed, spec=SPEC)) for seed in (1, 2, 3)]
    assert validated == []  # nobody has asked
    assert [result.spec.seed for result in results] == [1, 2, 3]
    assert {result.spec.train.lr for result in results} == {0.5}
    assert results[0].parameters["train.lr"] == 0.5
    assert "seed" not in results[0].parameters
    assert len(validated) == 1


def test_a_spec_of_another_version_is_one_line():
    result = Result.of(row(spec={**SPEC, "train": {**SPEC["train"], "new_key": 1}}))
    with pytest.raises(SpecError, match="train.new_key: .*cannot be read by this version") as error:
        _ = result.spec
    assert "\n" not in str(error.value)
