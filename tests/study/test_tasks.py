"""The task section: what each task's keys resolve to, and which runs are one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnctl.study.loading import read_study
from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec

DEFAULTS = {
    "temporal_order": {},
    "temporal_order_3": {},
    "addition": {"tolerance": 0.2},
    "multiplication": {"tolerance": 0.2},
    "xor": {},
    "permutation": {"symbols": 100, "predict": "last"},
    "memorization": {"values": 5, "positions": 10, "patterns": "random", "judged": "any"},
}
LEAST = {"permutation": 2, "memorization": 0}


def spec(task) -> RunSpec:
    return RunSpec.model_validate({"task": task})


def runs(sections: str) -> list[RunSpec]:
    return [run.spec for run in read_study(f"study: s\n{sections}", "s.yaml").runs]


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_name_alone_is_a_task_with_its_defaults(name):
    written_out = {"name": name, "min_length": 50, "max_length": 200, **DEFAULTS[name]}
    assert spec(name).canonical()["task"] == written_out
    assert spec(written_out).run_id == spec(name).run_id


def test_the_ids_of_known_tasks_never_move():
    assert {name: spec(name).run_id for name in DEFAULTS} == {
        "temporal_order": "r1-758cabd2ccdc",
        "temporal_order_3": "r1-9ae32ec2b835",
        "addition": "r1-8691b4d8fce4",
        "multiplication": "r1-d0bbb643d724",
        "xor": "r1-c6f22c1e7ea1",
        "permutation": "r1-7d58cc829ee8",
        "memorization": "r1-23bd62123cd2",
    }


def test_no_two_tasks_share_a_pack_nor_do_two_questions():
    tasks = [*DEFAULTS, {"name": "addition", "tolerance": 0.04}, {"name": "permutation", "predict": "every"}]
    tasks += [{"name": "memorization", "judged": "last"}]
    assert len({PackKey.of(spec(task)) for task in tasks}) == 10


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_least_length_is_a_task_that_can_be_drawn(name):
    import numpy as np

    least = LEAST.get(name, 10)
    task = spec({"name": name, "min_length": least, "max_length": least}).task.make()
    batch = task.draw(np.random.default_rng(0), 3)
    assert batch.length == task.max_steps
    with pytest.raises(ValueError, match=f"must be at least {least}, not {least - 1}"):
        spec({"name": name, "min_length": least - 1})


def test_the_task_is_made_of_every_key():
    lengths = {"min_length": 30, "max_length": 40}
    assert spec({"name": "addition", "tolerance": 0.3}).task.make().question.tolerance == 0.3
    assert spec({"name": "temporal_order_3", **lengths}).task.make().n_outputs == 8
    assert spec({"name": "xor", **lengths}).task.make().max_steps == 43
    permutation = spec({"name": "permutation", "symbols": 7, "predict": "every", **lengths}).task.make()
    assert (permutation.n_inputs, permutation.question.every_step, permutation.max_steps) == (7, True, 40)
    keys = {"values": 3, "positions": 4, "judged": "last"}
    memorization = spec({"name": "memorization", **keys, **lengths}).task.make()
    assert (memorization.n_inputs, memorization.question.judged, memorization.max_steps) == (5, "last", 48)
    assert memorization.patterns == "random"


def test_all_patterns_go_with_batches_that_are_multiples_of_their_number():
    (result,) = runs(
        "base:\n  task: {name: memorization, values: 2, positions: 5, patterns: all}\n"
        "  train: {batch: 96}\n  check: {samples: 640, chunk: 320, diagnostic_batch: 20}\n"
    )
    assert result.task.count == 32


def test_another_task_does_not_take_over_the_keys_of_the_one_before():
    base = "base: {task: {name: addition, min_length: 60, tolerance: 0.1}}\n"
    same, other = runs(base + "cases: {A: {task: {name: multiplication}}, B: {task: {name: xor}}}\n")
    assert (same.task.min_length, same.task.tolerance) == (60, 0.1)  # one family, one section
    assert other.task.min_length == 50


def test_lengths_without_a_task_go_to_the_task_of_the_case():
    one, other = runs(
        "base: {task.min_length: 60}\n"
        "cases: {A: {task: {name: permutation, symbols: 9}}, B: {task: {name: temporal_order}}}\n"
    )
    assert [one.task.min_length, other.task.min_length] == [60, 60]


def test_tasks_can_be_varied_and_are_labelled_by_name():
    study = read_study("study: s\ngrid: {task: [xor, addition, {name: memorization, values: 3}]}\n", "s.yaml")
    assert [run.label for run in study.runs] == ["task=xor", "task=addition", "task=memorization(values=3)"]


def test_exclude_and_when_know_the_tasks():
    grid = "grid: {task: [xor, addition, permutation], task.tolerance: [0.04, 0.2]}\n"
    result = runs(grid + "when: {task.tolerance: {task: addition}}\nexclude: [{task: permutation}]\n")
    assert [(one.task.name, getattr(one.task, "tolerance", None)) for one in result] == [
        ("xor", None),
        ("addition", 0.04),
        ("addition", 0.2),
    ]


TASKS = st.one_of(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["addition", "multiplication"])}, optional={"tolerance": st.floats(1e-6, 1)}
    ),
    st.fixed_dictionaries(
        {"name": st.just("permutation")},
        optional={"symbols": st.integers(3, 256), "predict": st.sampled_from(["last", "every"])},
    ),
    st.fixed_dictionaries(
        {"name": st.just("memorization")},
        optional={
            "values": st.integers(2, 254),
            "positions": st.integers(1, 500),
            "judged": st.sampled_from(["any", "last"]),
            "min_length": st.integers(0, 200),
        },
    ),
)


@given(TASKS)
def test_a_canonical_task_is_its_own_canonical_task(task):
    result = spec(task)
    again = RunSpec.model_validate(json.loads(json.dumps(result.canonical())))
    assert again == result
    assert again.run_id == result.run_id
