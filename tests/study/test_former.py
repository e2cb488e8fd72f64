"""Former names of keys: still read in stored specs; in a study they are answered with the current name."""

from __future__ import annotations

import pytest

from rnnctl.section import PLACE
from rnnctl.study import yaml
from rnnctl.study.former import EXAMPLES, FORMER, moved, with_current_names, with_former_names
from rnnctl.study.run import RunSpec
from rnnctl.study.schema import KEYS


@pytest.mark.parametrize("former", FORMER)
def test_a_former_key_leads_to_a_current_one_and_to_how_its_section_is_written(former):
    current = FORMER[former]
    assert current in KEYS
    assert current[:-1] in EXAMPLES
    assert moved(former).startswith(f"is {'.'.join(current)} now; write for example {'.'.join(current[:-1])}: {{name: ")


@pytest.mark.parametrize("section", EXAMPLES)
def test_what_a_message_tells_to_write_can_be_written(section):
    written = yaml.parse(f"section: {EXAMPLES[section]}\n").plain()["section"]
    assert written.items() <= KEYS[section].validate(written).items()


@pytest.mark.parametrize("path", [("train", "lr"), ("lr",), ("train", "rate"), ("nothing",)])
def test_a_key_that_was_never_moved_is_not_told_to_be(path):
    assert moved(path) is None


STORED = {
    "lr": 0.5,
    "optimizer": "adam",
    "beta1": 0.8,
    "epsilon": 1e-6,
    "lr_decay": "exponential",
    "lr_period": 30,
}


def test_a_spec_that_was_stored_under_former_names_is_read():
    train = RunSpec.model_validate({"task": "xor", "train": STORED}).train
    assert (train.optimizer.name, train.optimizer.beta1, train.optimizer.epsilon) == ("adam", 0.8, 1e-6)
    assert (train.rate.name, train.rate.period) == ("exponential", 30)


def test_both_ways_to_write_a_run_are_one_run():
    current = {
        "lr": 0.5,
        "optimizer": {"name": "adam", "beta1": 0.8, "epsilon": 1e-6},
        "rate": {"name": "exponential", "period": 30},
    }
    former, now = (RunSpec.model_validate({"task": "xor", "train": train}) for train in (STORED, current))
    assert former == now
    assert former.run_id == now.run_id


def test_former_names_and_current_ones_are_inverse_to_each_other():
    spec = RunSpec.model_validate({"task": "xor", "train": STORED})
    identity = spec.without(PLACE)
    former = with_former_names(identity)
    assert {key: former["train"][key] for key in STORED} == STORED
    assert with_current_names(former) == identity
