"""The written study is read as the very same runs, whatever they are."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnctl.lab.refine.file import written
from rnnctl.lab.refine.offspring import cases, offspring
from rnnctl.lab.refine.selection import select
from rnnctl.study import yaml
from rnnctl.study.loading import read_study
from rnnctl.study.recipe import Cut
from tests.lab.refine.stock import row, spec

RECIPE = read_study(
    "study: s\nbase: {task: xor}\nrefine:\n  variants:\n    longer: {train.updates: 77}\n    again: {}\n", "s.yaml"
).recipe
MODELS = [
    {},
    {"init": "sigmoid"},
    {"init": {"name": "smart_tanh", "connections": 1.0}},
    {"init": {"name": "smart_tanh", "connections": 1}},
    {"init": {"name": "orthogonal", "gain": 1e-7}, "activation": "relu"},
    "gru",
    {"name": "gru", "init": {"name": "course", "std": 0.2}, "hidden": 7},
    {"name": "lstm", "forget_bias": -0.5},
]
TASKS = [
    "temporal_order",
    {"name": "memorization", "judged": "last", "min_length": 0},
    {"name": "addition", "tolerance": 1e-30},
    {"name": "permutation", "predict": "every"},
]
TRAINS = [
    {},
    {"clip": "none"},
    {"clip": 0.3, "rate": {"name": "1/t", "period": 3}},
    {"lr": 1e22, "dtype": "float64"},
    {"batch": 1},
]
CHECKS = [{}, {"screen": 10}, {"every": 5, "diagnose_every": 10}]
STOPS = [{}, {"patience": 3, "min_delta": 0.0}]
SPECS = st.builds(
    lambda task, model, train, check, stop: spec(task=task, model=model, train=train, check=check, stop=stop),
    *map(st.sampled_from, (TASKS, MODELS, TRAINS, CHECKS, STOPS)),
)


def chosen(specs, seeds_of):
    rows = [
        row(type(one).model_validate({**one.canonical(), "seed": seed}), n / 10, label=f"c{n} seed={seed}")
        for n, (one, seeds) in enumerate(zip(specs, seeds_of, strict=True))
        for seed in seeds
    ]
    return select(rows, Cut(best=99), "loss").chosen


@given(st.lists(SPECS, min_size=1, max_size=6, unique_by=lambda one: one.config_id), st.data())
def test_the_written_study_has_the_very_same_runs(specs, data):
    same = data.draw(st.booleans())
    seeds = st.sampled_from([(1,), (1, 2), (2, 2**62)])
    seeds_of = [data.draw(seeds)] * len(specs) if same else [data.draw(seeds) for _ in specs]
    children = offspring(chosen(specs, seeds_of), RECIPE)
    text = written("new", "About:\n- it.", cases(children))
    actual = read_study(yaml.decode(text.encode()), "new.yaml")
    assert {run.spec.run_id for run in actual.runs} == {one.run(s).run_id for one in children for s in one.seeds}
    assert actual.warnings == ()
    assert (actual.name, actual.about) == ("new", "About:\n- it.")
    labels = {case.name for case in cases(children)}
    assert {run.label.split()[0] for run in actual.runs} == labels
    assert {run.case for run in actual.runs} == labels


def test_what_all_share_is_written_once_and_the_origins_stand_at_each_case():
    children = offspring(chosen([spec(model={"hidden": h}) for h in (20, 30)], [(1, 2)] * 2), RECIPE)
    content = yaml.parse(written("new", "x", cases(children))).plain()
    assert content["seeds"] == [1, 2]
    assert content["cases"]["c0-longer"] == {"model.hidden": 20, "train.updates": 77}
    assert content["cases"]["c1-again"] == {"model.hidden": 30, "train.updates": 50000}
    assert "updates" not in content["base"]["train"]
    assert "  # longer of c0, no 1 with 0 ± 0\n  c0-longer: " in written("new", "x", cases(children))


def test_a_single_configuration_is_all_base():
    (child,) = offspring(chosen([spec()], [(3,)]), RECIPE)[:1]
    content = yaml.parse(written("new", "x", cases([child]))).plain()
    assert content["cases"] == {"c0-longer": {}}
    assert content["base"]["train"]["updates"] == 77


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text() | st.sampled_from(["null", "True", "1e5", "012", "~", "a: b", "#", "'", '"', "\\", "- x", "\u2028"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(JSON)
def test_any_value_is_read_back_as_it_was(value):
    text = yaml.decode(f"x: {yaml.flow(value)}\n".encode())
    assert json.dumps(yaml.parse(text).plain()["x"]) == json.dumps(value)


@pytest.mark.parametrize("about", ["word " * 60, "tab\there", "- list: {a: b}"])
def test_about_is_text_whatever_it_says(about):
    (child,) = offspring(chosen([spec()], [(3,)]), RECIPE)[:1]
    text = written("new", about, cases([child]))
    assert max(map(len, text.split("base:")[0].splitlines())) <= 90
    assert read_study(text, "new.yaml").about.split() == about.replace("\t", " ").split()
