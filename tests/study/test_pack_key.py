"""What the runs of a pack have in common, and nothing that belongs to a single run."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnctl.cells.catalogue import CELLS
from rnnctl.cells.gated.section import GatedSection
from rnnctl.optimizers.catalogue import OPTIMIZERS
from rnnctl.schedules.catalogue import SCHEDULES
from rnnctl.section import PER_RUN, PLACE, Section, marks_of
from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec
from rnnctl.tasks.catalogue import TASKS


def spec(**sections):
    return RunSpec.model_validate({"task": "temporal_order", **sections})


def key(**sections):
    return PackKey.of(spec(**sections))


# --- which keys a pack key has ---------------------------------------------------------------------------------------

DETAILED = spec(
    model={"name": "rnn", "hidden": 20, "init": {"name": "smart_tanh", "connections": 5}},
    train={"optimizer": {"name": "adam", "beta1": 0.8}, "rate": {"name": "1/t", "period": 10}, "bptt": "full"},
    check={"screen": 1_000, "diagnose_every": 40},
)
PER_RUN_KEYS = [
    ("train", "updates"),
    ("train", "lr"),
    ("train", "rate"),
    ("train", "clip"),
    ("train", "omega"),
    ("train", "optimizer", "beta1"),
    ("train", "optimizer", "beta2"),
    ("train", "optimizer", "epsilon"),
    ("stop",),
    ("seed",),
]


def read(value, path):
    for name in path:
        value = getattr(value, name)
    return value


@pytest.mark.parametrize("path", PER_RUN_KEYS, ids=".".join)
def test_a_key_that_each_run_has_for_itself_cannot_be_read(path):
    read(DETAILED, path)
    pack_key = PackKey.of(DETAILED)
    read(pack_key, path[:-1])
    with pytest.raises(AttributeError, match=path[-1]):
        read(pack_key, path)


def test_what_needs_a_key_of_a_single_run_cannot_be_asked_either():
    with pytest.raises(AttributeError):
        PackKey.of(DETAILED).train.learning_rate(1)


def assert_holds_what_is_common(section: Section, original: Section) -> None:
    for name in type(original).model_fields:
        if marks_of(type(original), name) & {PER_RUN, PLACE}:
            assert name not in section.__dict__
        elif isinstance(getattr(original, name), Section):
            assert_holds_what_is_common(getattr(section, name), getattr(original, name))
        else:
            assert getattr(section, name) == getattr(original, name), name


def test_every_other_key_has_the_value_of_the_run():
    pack_key = PackKey.of(DETAILED)
    for name in ("task", "model", "train", "check"):
        assert_holds_what_is_common(getattr(pack_key, name), getattr(DETAILED, name))


def all_specs():
    for task in TASKS.names:
        for cell in CELLS.names:
            if not (TASKS[task].real_inputs and not CELLS[cell].takes_reals):
                yield pytest.param({"task": task, "model": cell}, id=f"{task}-{cell}")
    for optimizer in OPTIMIZERS.names:
        for schedule in SCHEDULES:
            rate = {"name": schedule.model_fields["name"].default}
            if "period" in schedule.model_fields:
                rate["period"] = 3
            if "at" in schedule.model_fields:
                rate["at"] = [3, 5]
            yield pytest.param({"train": {"optimizer": optimizer, "rate": rate}}, id=f"{optimizer}-{rate['name']}")


@pytest.mark.parametrize("sections", list(all_specs()))
def test_a_run_of_every_task_cell_optimizer_and_schedule_has_a_key(sections):
    run = spec(**sections)
    pack_key = PackKey.of(run)
    assert PackKey.read(pack_key.text) == pack_key
    assert pack_key.piece == run.piece
    for name in ("task", "model", "train", "check"):
        assert_holds_what_is_common(getattr(pack_key, name), getattr(run, name))


# --- which keys are equal --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sections",
    [
        {"seed": 7},
        {"train": {"lr": 0.5}},
        {"train": {"updates": 3}},
        {"train": {"clip": "none"}},
        {"train": {"omega": {"alpha": 2, "decay": "1/t", "period": 9, "bound": 1e-9}}},
        {"train": {"rate": {"name": "exponential", "period": 5}}},
        {"stop": {"solved": "never", "patience": 3, "min_delta": 0}},
    ],
)
def test_runs_that_may_share_a_pack_have_one_key(sections):
    assert key(**sections) == key()
    assert hash(key(**sections)) == hash(key())


def test_gated_runs_of_all_flags_have_one_wide_key_which_is_that_of_the_widest():
    plain = {"name": "gated", "hidden": 8}
    choices = [dict(zip(GatedSection.flag_names, on, strict=True)) for on in itertools.product([False, True], repeat=7)]
    keys = {key(model={**plain, **flags}) for flags in choices if flags["new_state"] or flags["old_state"]}
    assert len(keys) == 96
    widest = key(model={**plain, **dict.fromkeys(GatedSection.flag_names, True)})
    assert {each.wide for each in keys} == {widest}
    assert widest.wide is widest
    assert PackKey.read(widest.text).model.flags == set(GatedSection.flag_names)
    for other in ({"hidden": 9}, {"layers": 3}):
        assert key(model={**plain, **other}).wide != widest
    assert key(model=plain, train={"batch": 3}).wide != widest


@pytest.mark.parametrize("cell", [cell for cell in CELLS.names if cell != "gated"])
def test_the_wide_key_of_all_other_cells_is_the_pack_key(cell):
    assert key(model=cell).wide is key(model=cell)


@pytest.mark.parametrize(
    "sections",
    [
        {"task": "temporal_order_3"},
        {"task": {"name": "temporal_order", "max_length": 100}},
        {"model": "gru"},
        {"model": {"hidden": 51}},
        {"model": {"activation": "relu"}},
        {"train": {"batch": 21}},
        {"train": {"dtype": "float64"}},
        {"train": {"optimizer": "adam"}},
        {"check": {"every": 10}},
        {"check": {"samples": 20_000}},
        {"check": {"chunk": 500}},
        {"check": {"seed": 3}},
        {"check": {"diagnostic_batch": 5}},
        {"check": {"diagnose_every": 40}},
        {"check": {"screen": 1_000}},
        {"check": {"saturation": 0.1}},
    ],
)
def test_runs_that_may_not_share_a_pack_have_different_keys(sections):
    assert key(**sections) != key()


def test_pieces_of_another_length_are_another_key():
    whole, piece, other = (key(task="text", train={"bptt": bptt}) for bptt in ("full", 5, 6))
    assert len({whole, piece, other}) == 3
    assert (whole.piece, piece.piece, other.piece) == (None, 5, 6)


def test_the_moments_of_adam_may_differ_in_a_pack():
    moments = {"name": "adam", "beta1": 0.5, "beta2": 0.9, "epsilon": 1e-3}
    assert key(train={"optimizer": moments}) == key(train={"optimizer": "adam"})


def test_a_text_at_two_places_has_one_key_and_another_text_has_another(tmp_path):
    def text(folder, words):
        path = tmp_path / folder
        path.write_bytes(words)
        task = {"name": "text", "corpus": str(path), "window": 5}
        return PackKey.of(spec(task=task).identified())

    here, there, other = text("here", b"to be " * 90), text("there", b"to be " * 90), text("other", b"not to " * 90)
    assert here == there
    assert here != other
    with pytest.raises(AttributeError, match="corpus"):
        _ = here.task.corpus


# --- its text --------------------------------------------------------------------------------------------------------


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "task": st.sampled_from([name for name in TASKS.names if not TASKS[name].real_inputs]),
            "model": st.sampled_from(CELLS.names),
            "train": st.fixed_dictionaries(
                {}, optional={"batch": st.integers(1, 500), "lr": st.floats(1e-6, 1), "optimizer": st.just("adam")}
            ),
            "check": st.fixed_dictionaries({}, optional={"every": st.integers(1, 99), "saturation": st.just(0.25)}),
            "seed": st.integers(0, 99),
        },
    )
)
def test_a_key_is_read_back_from_its_text(sections):
    pack_key = key(**sections)
    again = PackKey.read(pack_key.text)
    assert again == pack_key
    for name in ("task", "model", "train", "check"):
        assert getattr(again, name) == getattr(pack_key, name)


def test_the_text_is_canonical_json():
    text = key().text
    assert json.dumps(json.loads(text), sort_keys=True, separators=(",", ":")) == text
    assert key(train={"lr": 1, "batch": 20}).text == key(train={"batch": 20, "lr": 1.0}).text == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        "null",
        "3",
        "[]",
        "{}",
        '{"task": 3}',
        json.dumps({**spec().without(PER_RUN), "seed": 1}),
        json.dumps({name: section for name, section in spec().without(PER_RUN).items() if name != "check"}),
        json.dumps({**spec().without(PER_RUN), "model": {"name": "perceptron"}}),
    ],
)
def test_a_text_that_no_key_has_is_refused(text):
    with pytest.raises(ValueError, match="not a pack key"):
        PackKey.read(text)
