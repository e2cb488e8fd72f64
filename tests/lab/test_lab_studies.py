"""The ten studies of the character laboratory: they can be planned, share their baseline, and ask what can be asked."""

from __future__ import annotations

from functools import cache

import pytest

from rnnctl.lab.asked import load_checked
from rnnctl.study.loading import Study
from rnnctl.study.packaged import packaged_studies

NAMES = [name for name in packaged_studies() if name.startswith("lab-")]


@cache
def loaded(name: str) -> Study:
    (study,) = load_checked([name])
    return study


def test_there_are_ten():
    assert [name[:6] for name in NAMES] == [f"lab-{number:02}" for number in range(1, 11)]


@pytest.mark.parametrize("name", NAMES)
def test_a_study_is_planned_without_a_warning_and_asks(name):
    study = loaded(name)
    assert study.warnings == ()
    assert len({question.ask for question in study.questions}) == len(study.questions) >= 5
    judged = [question for question in study.questions if question.expect is not None]
    assert len(judged) >= 3
    assert all(question.claim or question.quantity for question in study.questions)


def test_all_share_the_runs_of_the_baseline():
    """Runs are known by what they compute, so the baseline is trained once; lab-10 has three of its five seeds."""
    baseline = {run.spec.run_id for run in loaded("lab-08-novel-word").runs}
    assert len(baseline) == 5
    for name in NAMES:
        shared = baseline & {run.spec.run_id for run in loaded(name).runs}
        assert len(shared) == (3 if name == "lab-10-design" else 5), name


@pytest.mark.parametrize("name", [name for name in NAMES if name != "lab-10-design"])
def test_what_a_question_compares_are_single_configurations(name):
    """A key of `by` that leaves something else to vary would compare means over different settings."""
    specs = [run.spec for run in loaded(name).runs]
    for question in loaded(name).questions:
        if question.quantity is not None:
            asked = [spec for spec in specs if question.includes(spec)]
            configurations = {spec.config_id: question.group_of(spec) for spec in asked}
            assert len(set(configurations.values())) == len(configurations), question.ask
