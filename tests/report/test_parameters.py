"""Specs as flat hyper-parameters, and conditions on them."""

import pytest

from rnnctl.cells.catalogue import CELLS
from rnnctl.optimizers.catalogue import OPTIMIZERS
from rnnctl.report.effects.factors import varied
from rnnctl.report.parameters import complete_key, equal, parameters, varying
from rnnctl.section import Section
from rnnctl.study.run import RunSpec


def flat(**sections):
    return parameters(RunSpec.model_validate({"task": "temporal_order", **sections}))


def test_sections_go_by_their_short_forms():
    actual = flat(train={"clip": "none", "omega": 0.5}, model={"init": "orthogonal"})
    assert actual["train.clip"] == "none"
    assert actual["train.omega"] == 0.5
    assert actual["model.init"] == "orthogonal"
    assert actual["task"] == "temporal_order"
    assert actual["train.omega.decay"] == "constant"
    assert "seed" not in actual
    assert flat(train={"clip": 2.0})["train.clip"] == 2.0


def defaults_of(section):
    """Return the keys of a resolved section with a value that is not a section itself, however they are marked."""
    for name in type(section).model_fields:
        value = getattr(section, name)
        yield from ([(name, *path) for path in defaults_of(value)] if isinstance(value, Section) else [(name,)])


@pytest.mark.parametrize("optimizer", OPTIMIZERS.names)
@pytest.mark.parametrize("model", CELLS.names)
def test_every_key_of_a_run_has_its_resolved_value_also_one_that_specs_leave_out(model, optimizer):
    spec = RunSpec.model_validate({"task": "temporal_order", "model": model, "train": {"optimizer": optimizer}})
    actual = parameters(spec)
    short = {"name", "style", "alpha", "cutoff", "share"}
    for path in defaults_of(spec):
        if path != ("seed",):
            assert ".".join(path[:-1] if path[-1] in short else path) in actual


def test_a_default_that_was_added_later_is_a_number_like_the_others():
    adam = [flat(train={"optimizer": {"name": "adam", "beta1": beta1}}) for beta1 in (0.8, 0.9, 0.95)]
    assert [each["train.optimizer.beta1"] for each in adam] == [0.8, 0.9, 0.95]
    assert varying(adam) == ["train.optimizer.beta1"]
    assert "train.optimizer.beta1" not in flat(train={"optimizer": "sgd"})
    (factor,) = varied(adam).factors
    assert factor.numbers == [0.8, 0.9, 0.95]


def test_varying_keys_are_those_with_more_than_one_value():
    assert varying([flat(), flat(train={"lr": 0.1})]) == ["train.lr"]
    assert varying([flat(), flat(train={"clip": "none"})]) == ["train.clip"]
    assert varying([flat(), flat(model={"init": "xavier"})]) == [
        "model.init",
        "model.init.std",
        "model.init.connections",
        "model.init.spectral_radius",
        "model.init.gain",
        "model.init.distribution",
    ]


@pytest.mark.parametrize(
    ("key", "full"),
    [
        ("lr", "train.lr"),
        ("train.lr", "train.lr"),
        ("train.clip.cutoff", "train.clip"),
        ("init.name", "model.init"),
        ("decay", "train.omega.decay"),
    ],
)
def test_a_key_may_be_the_end_of_one(key, full):
    known = flat()
    assert complete_key("model.init.name" if key == "init.name" else key, known) == full


def test_an_unknown_or_ambiguous_key_is_told():
    with pytest.raises(ValueError, match="did you mean train.lr"):
        complete_key("lrr", flat())
    with pytest.raises(ValueError, match=r"a\.x or b\.x"):
        complete_key("x", ["a.x", "b.x"])


def test_equality_is_a_users():
    assert equal(1.0, 1)
    assert equal(None, "none")
    assert not equal(True, 1)
    assert equal(True, True)
    assert not equal("1", 1)


def test_of_many_known_keys_only_some_are_listed_and_how_to_see_all():
    with pytest.raises(ValueError, match="allowed: key0, .* and [0-9]+ more; rnnctl show RUN shows") as caught:
        complete_key("zzzz", [f"key{number}" for number in range(70)])
    assert len(str(caught.value)) < 200
