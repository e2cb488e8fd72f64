"""Answers of probes are added once and never changed."""

import math
from dataclasses import replace

import numpy as np
import pytest

from store import Conflict, answers
from store.answers import Answer


@pytest.fixture
def run_ids(lab):
    runs = lab.runs(2)
    lab.register("a", *runs)
    return [run.run_id for run in runs]


def test_answers_come_back_by_run_probe_and_step_and_then_as_they_were_added(lab, run_ids):
    first, second = run_ids
    long = Answer(first, "lengths", 100, {"length": 200, "seed": 2**63 - 1}, {"loss": 0.1 + 0.2})
    short = replace(long, asked={"length": 50, "seed": 1}, answer={"loss": 5e-324, "text": "naïve", "list": [1, None]})
    early, memory, other = replace(long, step=40), replace(long, probe="memory"), replace(long, run_id=second)
    answers.add(lab.store, [other, memory, long, short, early], 5.0)
    assert answers.of_runs(lab.store, run_ids) == [early, long, short, memory, other]
    assert answers.of_runs(lab.store, run_ids, "lengths") == [early, long, short, other]
    assert answers.of_runs(lab.store, [first], "memory") == [memory]
    assert answers.of_runs(lab.store, run_ids, "unknown") == answers.of_runs(lab.store, []) == []


def test_a_known_answer_stays(lab, run_ids):
    known = Answer(run_ids[0], "lengths", 100, {"length": 50, "seed": 1}, {"loss": 0.25})
    answers.add(lab.store, [known], 5.0)
    same_question = replace(known, asked={"seed": 1, "length": 50}, answer={"loss": 0.5})
    answers.add(lab.store, [same_question, replace(known, step=200)], 6.0)
    assert answers.of_runs(lab.store, run_ids) == [known, replace(known, step=200)]


def test_non_finite_numbers_of_an_answer_are_kept_as_null(lab, run_ids):
    given = {"loss": math.nan, "by_unit": [np.float32(0.5), -np.inf], "deep": {"n": np.int64(2)}}
    answers.add(lab.store, [Answer(run_ids[0], "p", 0, {}, given)], 5.0)
    (kept,) = answers.of_runs(lab.store, run_ids)
    assert kept.answer == {"loss": None, "by_unit": [0.5, None], "deep": {"n": 2}}


def test_a_question_with_a_non_finite_number_is_refused_and_nothing_is_added(lab, run_ids):
    good = Answer(run_ids[0], "p", 0, {}, {})
    with pytest.raises(ValueError, match="JSON"):
        answers.add(lab.store, [good, replace(good, asked={"x": math.nan})], 5.0)
    assert answers.of_runs(lab.store, run_ids) == []


def test_an_answer_of_an_unknown_run_is_refused_and_nothing_is_added(lab, run_ids):
    good = Answer(run_ids[0], "p", 0, {}, {})
    with pytest.raises(Conflict, match="FOREIGN KEY"):
        answers.add(lab.store, [good, replace(good, run_id="r1-nobody")], 5.0)
    assert answers.of_runs(lab.store, run_ids) == []
