"""Evaluations are added once and never changed."""

import math
from dataclasses import replace

from store import evaluations
from store.evaluations import Evaluation


def test_what_was_added_is_read_back_in_order(lab):
    runs = lab.runs(2)
    lab.register("a", *runs)
    run_id, other = (run.run_id for run in runs)
    one = Evaluation(run_id, 100, 50, 1000, 1, 0.25, 0.1, 1.386, 0.75)
    longer, diverged = replace(one, length=100), replace(one, run_id=other, loss=math.nan)
    evaluations.add(lab.store, [longer, one, diverged], now=5.0)
    assert evaluations.of_runs(lab.store, [run_id]) == [one, longer]
    (found,) = evaluations.of_runs(lab.store, [other])
    assert math.isnan(found.loss)
    assert evaluations.of_runs(lab.store, []) == []
    of_text = replace(one, seed=2, bytes_per_answer=2.5)
    evaluations.add(lab.store, [of_text], now=6.0)
    assert evaluations.of_runs(lab.store, [run_id]) == [one, of_text, longer]


def test_what_is_known_stays(lab):
    (run,) = lab.runs(1)
    lab.register("a", run)
    run_id = run.run_id
    one = Evaluation(run_id, 100, 50, 1000, 1, 0.25, 0.1, 1.386, 0.75)
    evaluations.add(lab.store, [one], now=5.0)
    evaluations.add(lab.store, [replace(one, loss=0.5), replace(one, step=200)], now=6.0)
    assert evaluations.of_runs(lab.store, [run_id]) == [one, replace(one, step=200)]
