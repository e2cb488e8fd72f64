"""What becomes of the chosen: variants that apply, merged where they meet, with all their parents."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnctl.lab.refine.offspring import cases, offspring
from rnnctl.lab.refine.selection import select
from rnnctl.study.errors import SpecError
from rnnctl.study.loading import read_study
from rnnctl.study.names import is_name
from rnnctl.study.recipe import Cut
from tests.lab.refine.stock import row, spec

MANY = Cut(best=99)
RECIPE = """\
study: s
base: {task: temporal_order}
refine:
  variants:
    longer: {train.updates: 90}
    wide: {model.hidden: 60}
    double: {model.hidden: 60, if: {model.hidden: [30, 40]}}
    again: {}
"""


def recipe(text=RECIPE, **extra):
    from dataclasses import replace

    return replace(read_study(text, "s.yaml").recipe, **extra)


def chosen(*keys, labels=None):
    """Configurations by (hidden, updates), each with these seeds; the first is the best."""
    rows = [
        row(spec(model={"hidden": hidden}, train={"updates": updates}, seed=seed), loss=number / 10,
            label=f"{labels[number] if labels else f'hidden={hidden} updates={updates}'} seed={seed}")
        for number, (hidden, updates, seeds) in enumerate(keys)
        for seed in seeds
    ]  # fmt: skip
    return select(rows, MANY, "loss").chosen


@given(
    st.lists(
        st.tuples(st.sampled_from([20, 30, 40, 60]), st.sampled_from([50, 90]), st.sampled_from([(1,), (1, 2), (3,)])),
        min_size=1,
        unique_by=lambda key: key[:2],
    ),
    st.sampled_from([None, (7,), (1, 8)]),
)
def test_merging_against_a_plain_search(keys, seeds):
    expected: dict[tuple, dict] = {}
    for number, (hidden, updates, own) in enumerate(keys, start=1):
        reached = {"longer": (hidden, 90), "wide": (60, updates), "again": (hidden, updates)}
        if hidden in (30, 40):
            reached["double"] = (60, updates)
        for variant in ("longer", "wide", "double", "again"):
            if variant in reached:
                child = expected.setdefault(reached[variant], {"origins": [], "seeds": set()})
                child["origins"].append((number, variant))
                child["seeds"] |= set(seeds or own)
    actual = offspring(chosen(*keys), recipe(seeds=seeds))
    assert [(one.spec.model.hidden, one.spec.train.updates) for one in actual] == list(expected)
    for one, wanted in zip(actual, expected.values(), strict=True):
        assert [(origin.rank, origin.variant.name) for origin in one.origins] == wanted["origins"]
        assert one.seeds == sorted(wanted["seeds"])
        assert [one.run(seed).seed for seed in one.seeds] == one.seeds
        assert {one.run(seed).config_id for seed in one.seeds} == {one.spec.config_id}
    made = cases(actual)
    assert len({case.name for case in made}) == len(made)
    assert all(is_name(case.name) for case in made)


def test_parents_are_the_replicates_of_the_seed_and_both_are_kept_where_two_meet():
    both = chosen((30, 50, (1, 2)), (40, 50, (2,)))
    (wide,) = [one for one in offspring(both, recipe()) if one.origins[0].variant.name == "wide"]
    first, second = both
    assert {(d.run_id, d.parent, d.variant) for d in wide.descents()} == {
        (wide.run(seed).run_id, parent.parent(seed).run_id, variant)
        for seed in (1, 2)
        for parent in (first, second)
        for variant in ("wide", "double")
    }
    assert second.parent(1).spec["seed"] == 2, "of a seed that it has not: its best"


def test_a_run_that_a_variant_leaves_as_it_is_descends_from_nothing_but_its_replicate_does():
    (one,) = chosen((60, 90, (1,)))
    (child,) = offspring([one], recipe(seeds=(1, 5)))
    assert [origin.variant.name for origin in child.origins] == ["longer", "wide", "again"]
    assert {(d.run_id, d.parent) for d in child.descents()} == {(child.run(5).run_id, child.run(1).run_id)}


def test_an_impossible_change_names_the_configuration_and_its_place_in_the_recipe():
    text = RECIPE.replace("wide: {model.hidden: 60}", "narrow: {model.hidden: 10}")
    with pytest.raises(SpecError) as caught:
        offspring(chosen((30, 50, (1,))), recipe(text))
    assert str(caught.value) == (
        "s.yaml:6: refine.variants.narrow.model.hidden: init.connections 15 is more than hidden 10, "
        "in the narrow of hidden=30 updates=50"
    )


def test_a_change_that_makes_a_run_too_large_for_memory_is_told_at_its_place():
    text = RECIPE.replace("wide: {model.hidden: 60}", "wide: {model.hidden: 10000000}")
    with pytest.raises(SpecError, match=r"^s.yaml:6: refine.variants.wide.model.hidden: model.hidden 10,000,000 makes"):
        offspring(chosen((30, 50, (1,))), recipe(text))


def test_labels_are_the_configurations_and_the_variants():
    actual = cases(offspring(chosen((30, 50, (1,)), (40, 50, (1,)), labels=["EC7", "lr=0.1 clip=none"]), recipe()))
    assert [case.name for case in actual] == [
        "EC7-longer", "EC7-wide", "EC7-again", "lr-0.1-clip-none-longer", "lr-0.1-clip-none-again"
    ]  # fmt: skip


@pytest.mark.parametrize("labels", [["a=b", "a b"], ["EC7", "x" * 60], ["EC7", "()"]])
def test_labels_go_by_rank_where_names_are_too_long_or_equal(labels):
    actual = cases(offspring(chosen((30, 50, (1,)), (40, 50, (1,)), labels=labels), recipe()))
    assert [case.name for case in actual] == ["no1-longer", "no1-wide", "no1-again", "no2-longer", "no2-again"]


def test_where_seeds_differ_each_run_is_a_case():
    actual = cases(offspring(chosen((30, 50, (1, 2)), (40, 50, (2,)), labels=["A", "B"]), recipe()))
    assert [(case.name, case.seed) for case in actual[-3:]] == [
        ("A-again-s2", 2),
        ("B-longer-s2", 2),
        ("B-again-s2", 2),
    ]
