"""What a run is does not depend on how it was written, and never changes."""

from __future__ import annotations

import hashlib
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnctl.section import PER_RUN, PLACE
from rnnctl.study.errors import SpecError
from rnnctl.study.former import with_former_names
from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec
from tests.language import drawn_spec
from tests.places import small_data
from tests.study.studies import specs, study


def run_id(sections: str = "", base: str = "") -> str:
    (result,) = specs(sections, base)
    return result.run_id


def test_the_ids_of_known_runs_never_move():
    assert run_id() == "r1-2135aa2e1271"
    assert (
        run_id(base="model: {hidden: 100, init: orthogonal}\ntrain: {clip: none, omega: 0.5}\nseed: 42")
        == "r1-3da49168794f"
    )
    (result,) = specs()
    assert result.config_id == "c1-7a24a9324576"
    assert run_id(base="model: gru") == "r1-e4f655181760"
    assert run_id(base="model: lstm") == "r1-11555020ea41"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("train: {lr: 1}", "train: {lr: 1.0}"),
        ("train: {lr: 0.001}", "train: {lr: 1e-3}"),
        ("train: {lr: 0.5, batch: 7}", "train: {batch: 7, lr: 0.5}"),
        ("train: {lr: 0.5}\nseed: 3", "seed: 3\ntrain.lr: .5"),
        ("train: {clip: 1.0}", "train: {clip: {style: rescale, cutoff: 1}}"),
        ("train: {clip: 1}", "train: {clip: {cutoff: 1.0}}"),
        ("train: {clip: none}", "train: {clip: ~}"),
        ("train: {clip: none}", "train: {clip: {style: none}}"),
        ("train: {clip: none}", "train.clip.style: 'none'"),
        ("train: {omega: 0.5}", "train: {omega: {alpha: 0.5, decay: constant}}"),
        ("train: {omega: 0}", "train: {omega: -0.0}"),
        ("model: {init: smart_tanh}", "model: {init: {name: smart_tanh, connections: 15}}"),
        ("model: {init: smart_tanh}", "model.init.std: 0.01"),
        ("model: {init: sigmoid}", "model: {init: sigmoid, activation: sigmoid}"),
        ("model: rnn", "model: {name: rnn, hidden: 50}"),
        ("model: gru", "model: {name: gru, hidden: 50, init: {gate_std: 0.005}, update_bias: -2}"),
        ("model: gru", "model.name: gru"),
        ("model: lstm", "model: {name: lstm, init: orthogonal, forget_bias: 1}"),
        ("model: {name: lstm, forget_bias: 0}", "model: {name: lstm, forget_bias: -0.0}"),
        ("seed: 1", ""),
        ("stop: {patience: null}", ""),
    ],
)
def test_two_ways_of_writing_one_run_are_one_run(one, other):
    assert run_id(base=one) == run_id(base=other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("seed: 1", "seed: 2"),
        ("model: {name: gru, init: xavier}", "model: {name: lstm, init: xavier}"),
        ("model: gru", "model: {name: gru, update_bias: -1}"),
        ("model.init.connections: 1", "model.init.connections: 1.0"),
        ("train: {clip: none}", "train: {clip: 1.0}"),
        ("train: {lr: 0.1}", "train: {lr: 0.10000000000000002}"),
    ],
)
def test_two_runs_are_two_runs(one, other):
    assert run_id(base=one) != run_id(base=other)


def test_cells_never_share_a_pack():
    keys = [PackKey.of(spec) for spec in specs("grid: {model: [rnn, gru, lstm, gated]}\n")]
    assert len(set(keys)) == 4


def test_the_configuration_is_the_run_but_for_its_seed():
    one, two = specs("seeds: [1, 2]\n")
    assert one.run_id != two.run_id
    assert one.config_id == two.config_id


SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "train.lr": st.floats(1e-6, 10, allow_nan=False) | st.integers(1, 10),
        "train.clip": st.sampled_from(["none", 1, 1.0, 0.5]),
        "train.omega": st.just(0.0) | st.floats(1e-6, 4) | st.integers(0, 4),
        "train.batch": st.integers(1, 500),
        "model.hidden": st.integers(15, 500),
        "model.init": st.sampled_from(["smart_tanh", "orthogonal", "sigmoid", "xavier", "basic_tanh"]),
        "check.every": st.integers(1, 1000),
        "seed": st.integers(0, 2**62),
    },
)


def _nested(settings: dict) -> dict:
    nested: dict = {}
    for key, value in settings.items():
        *sections, name = key.split(".")
        inner = nested
        for section in sections:
            inner = inner.setdefault(section, {})
        inner[name] = value
    return nested


def _as_float(value):
    return float(value) if type(value) is int and value not in (True, False) else value


@given(SETTINGS, st.randoms(use_true_random=False))
def test_neither_order_nor_nesting_nor_spelling_changes_a_run(settings, shuffle):
    keys = list(settings)
    shuffle.shuffle(keys)
    dotted = {key: settings[key] for key in keys}
    floats = {key: _as_float(v) if key in ("train.lr", "train.omega", "train.clip") else v for key, v in dotted.items()}
    ids = {run_id(f"cases: {{A: {json.dumps(form)}}}\n") for form in (settings, dotted, floats, _nested(dotted))}
    assert len(ids) == 1


@given(SETTINGS)
def test_a_canonical_spec_is_its_own_canonical_spec(settings):
    (result,) = specs(f"cases: {{A: {json.dumps(settings)}}}\n")
    again = RunSpec.model_validate(json.loads(json.dumps(result.canonical())))
    assert again == result
    assert again.run_id == result.run_id


AXES = st.fixed_dictionaries(
    {},
    optional={
        "train.lr": st.lists(st.floats(1e-6, 10), min_size=1, max_size=4, unique=True),
        "train.clip": st.lists(st.sampled_from(["none", 1.0, 0.5]), min_size=1, max_size=3, unique=True),
        "model.hidden": st.lists(st.integers(15, 500), min_size=1, max_size=4, unique=True),
        "task.max_length": st.lists(st.integers(50, 60), min_size=1, max_size=3, unique=True),
    },
)


@given(
    AXES,
    st.integers(1, 3),
    st.lists(st.integers(0, 2**62), min_size=1, max_size=3, unique=True),
    st.integers(1, 3),
)
def test_a_study_has_as_many_runs_as_its_axes_multiply_to(axes, cases, seeds, rows):
    sections = "cases:\n" + "".join(f"  C{n}: {{train.updates: {n + 10}}}\n" for n in range(cases))
    sections += f"seeds: {json.dumps(seeds)}\n"
    sections += f"zip: {{g: {json.dumps([{'check.every': n + 1, 'train.batch': n + 1} for n in range(rows)])}}}\n"
    if axes:
        sections += f"grid: {json.dumps(axes)}\n"
    result = study(sections)
    expected = cases * len(seeds) * rows
    for values in axes.values():
        expected *= len(values)
    assert len(result.runs) == expected
    assert len({run.label for run in result.runs}) == expected
    assert len({run.spec.run_id for run in result.runs}) == expected
    replaced = "s.yaml:3: base.task.max_length: has no effect: grid.task.max_length sets it in every run"
    assert result.warnings == ((replaced,) if "task.max_length" in axes else ())


@given(AXES, st.integers(0, 3))
def test_exclude_and_its_complement_share_out_the_runs(axes, pick):
    axes = {"seed": [1, 2, 3], **axes}
    key = sorted(axes)[pick % len(axes)]
    value = axes[key][0]
    everything = {run.spec.run_id for run in study(f"grid: {json.dumps(axes)}\n").runs}
    without = (
        study(f"grid: {json.dumps(axes)}\nexclude: {json.dumps([{key: value}])}\n") if len(axes[key]) > 1 else None
    )
    only = {run.spec.run_id for run in study(f"grid: {json.dumps({**axes, key: [value]})}\n").runs}
    left = {run.spec.run_id for run in without.runs} if without else set()
    assert left | only == everything
    assert not left & only


@given(SETTINGS)
def test_ids_are_hashes_of_the_whole_run_although_sections_are_hashed_once(settings):
    (spec,) = specs(f"cases: {{A: {json.dumps(settings)}}}\n")
    identity = with_former_names(spec.without(PLACE))
    assert spec.run_id == f"r1-{_hash(identity)}"
    assert spec.config_id == f"c1-{_hash({key: value for key, value in identity.items() if key != 'seed'})}"
    assert spec.common_text == json.dumps(spec.without(PER_RUN), sort_keys=True, separators=(",", ":"))


def _hash(value) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def test_whole_numbers_decimals_and_truth_values_are_not_one_setting():
    one, other = (specs(base=f"model: {{init: {{connections: {value}}}}}")[0] for value in ("1", "1.0"))
    assert type(one.model.init.connections) is int
    assert type(other.model.init.connections) is float
    with pytest.raises(SpecError, match="must be a number, not true"):
        specs(base="model: {init: {connections: true}}")


def test_a_copy_with_another_value_has_ids_of_its_own():
    (spec,) = specs("")
    before = (spec.run_id, spec.config_id, spec.trajectory_id, spec.common_text)
    other = spec.model_copy(update={"seed": spec.seed + 1, "model": spec.model.model_copy(update={"hidden": 77})})
    fresh = RunSpec.model_validate(other.canonical())
    after = (other.run_id, other.config_id, other.trajectory_id, other.common_text)
    assert after == (fresh.run_id, fresh.config_id, fresh.trajectory_id, fresh.common_text)
    assert not set(after) & set(before)
    assert spec.model_copy() == spec


def test_another_seed_changes_what_depends_on_the_seed_and_nothing_else(tmp_path, monkeypatch):
    """Drawn over the whole language: a run with another seed is the run that is validated with it."""
    monkeypatch.setenv("RNNCTL_CACHE", str(tmp_path / "cache"))
    rng, places = random.Random(3), small_data(tmp_path)
    for _ in range(100):
        run, seed = drawn_spec(rng, places), rng.randrange(2**62)
        if rng.random() < 0.5:
            ids(run)  # computed before the copy is made, or not
        other, fresh = run.with_seed(seed), RunSpec.model_validate({**run.model_dump(mode="json"), "seed": seed})
        assert other == fresh
        assert ids(other) == ids(fresh)
        assert other.run_id == f"r1-{_hash(with_former_names(fresh.without(PLACE)))}"
        assert (other.run_id == run.run_id) == (seed == run.seed)
        assert ids(run.with_seed(run.seed)) == ids(run)


def ids(spec: RunSpec):
    """What is kept of a run once it was computed."""
    kept = (spec.run_id, spec.config_id, spec.trajectory_id, spec.common_text, spec.users_parts, spec.code_problem)
    return (*kept, spec.shared_canonical())


@given(AXES, st.lists(st.integers(0, 2**62), min_size=1, max_size=3, unique=True), st.integers(0, 2))
def test_a_study_is_the_same_where_each_run_is_resolved_by_itself(axes, seeds, place):
    """A condition on the seed, which excludes nothing here, makes each run be resolved by itself."""
    cases = "cases: {A: {}, B: {train.batch: 7}, C: {train.batch: 20}}\n"
    names = list(axes)
    grid = {name: axes[name] for name in names[:place]} | {"seed": seeds} | {name: axes[name] for name in names[place:]}
    rule = "when: {train.clip: {model.hidden: [15, 16, 17, 100]}}\n"
    together = study(f"{cases}{rule}grid: {json.dumps(grid)}\n")
    alone = study(f"{cases}{rule}grid: {json.dumps(grid)}\nexclude: [{{seed: 4611686018427387905}}]\n")
    assert [(run.label, run.case, run.spec, run.spec.run_id, run.differences) for run in together.runs] == [
        (run.label, run.case, run.spec, run.spec.run_id, run.differences) for run in alone.runs
    ]
    assert together.varied == alone.varied
    told = [line for line in alone.warnings if "matches no run" not in line]
    assert [line.partition(" ")[2] for line in together.warnings] == [line.partition(" ")[2] for line in told]


def test_the_shared_form_is_the_canonical_one():
    (spec,) = specs("")
    assert spec.shared_canonical() == spec.canonical()
    assert spec.shared_canonical()["model"] is spec.model_copy().shared_canonical()["model"]
