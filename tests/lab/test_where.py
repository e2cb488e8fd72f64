"""The runs that meet conditions."""

import pytest

from rnnctl.lab.errors import LabError
from rnnctl.lab.register import register
from rnnctl.lab.where import matching
from rnnctl.study.loading import StudyText
from store import Store, queries

STUDY = """
study: kept
base: {task: {name: temporal_order, min_length: 10, max_length: 12}, model.init: orthogonal}
cases:
  both: {check.snapshots: [0, 30], train.freeze: [W_hh, b_hh], train.rate: {name: milestones, at: [20, 5]}}
  one: {check.snapshots: 30}
"""


@pytest.fixture
def rows(tmp_path):
    register(tmp_path, [StudyText(STUDY)])
    with Store.open(tmp_path) as store:
        yield queries.runs_of(store)


@pytest.mark.parametrize(
    "condition",
    [
        "check.snapshots=0+30",
        "check.snapshots=30+0",
        "check.snapshots=[0, 30]",
        "check.snapshots=[30,0]",
        "snapshots=30+0",
        "check.snapshots=7,30+0",
        "check.snapshots!=30",
        "train.freeze=b_hh+W_hh",
        "train.freeze=[b_hh, W_hh]",
        "rate.at=5+20",
        "rate.at=[20, 5]",
    ],
)
def test_a_list_is_met_however_it_is_written(rows, condition):
    assert [row.label for row in matching(rows, [condition])] == ["both"]


def test_a_part_of_a_list_is_not_the_list(rows):
    assert [row.label for row in matching(rows, ["check.snapshots=30"])] == ["one"]
    with pytest.raises(LabError, match="no run matches check.snapshots=0"):
        matching(rows, ["check.snapshots=0"])


def test_a_key_by_the_name_that_other_tools_have_for_it_is_told(rows):
    with pytest.raises(LabError, match="no run has a key 'learning_rate'; did you mean train.lr?"):
        matching(rows, ["learning_rate=0.1"])
