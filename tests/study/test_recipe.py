"""The section refine: what it may say, what it makes of a run, and every mistake in one line with its place."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnctl.study.errors import SpecError
from rnnctl.study.loading import load_recipe, read_study, recipe_of
from rnnctl.study.recipe import Cut, parse_best
from rnnctl.study.run import RunSpec
from tests.study.studies import specs, study

HEAD = "study: s\nbase:\n  task: {name: temporal_order, min_length: 20, max_length: 50}\nrefine:\n"  # four lines
GOOD = "  variants:\n    longer: {train.updates: 9}\n"


def recipe(text):
    return study(f"refine:\n{text}").recipe


def variants(text):
    return {one.name: one for one in recipe(f"  variants:\n    {text}\n").variants}


# --- what it says ----------------------------------------------------------------------------------------------------


def test_a_study_without_the_section_has_no_recipe_and_one_with_it_has_the_same_runs():
    assert study().recipe is None
    assert [run.spec for run in study(f"refine:\n{GOOD}").runs] == specs()


def test_a_tenth_by_loss_is_what_is_left_out():
    result = recipe(GOOD)
    assert (result.cut, result.by, result.seeds) == (Cut(best=Fraction(1, 10)), "loss", None)
    assert [(one.name, one.about) for one in result.variants] == [("longer", "train.updates=9")]


def test_everything_can_be_said():
    result = recipe("  best: 12.5 %\n  by: last_error\n  seeds: {range: [3, 5]}\n" + GOOD)
    assert (result.cut, result.by, result.seeds) == (Cut(best=Fraction(1, 8)), "last_error", (3, 4, 5))
    assert recipe("  best: 5\n" + GOOD).cut == Cut(best=5)
    assert recipe("  below: 2\n" + GOOD).cut == Cut(below=2.0)
    assert recipe("  seeds: [2, 1, 2]\n" + GOOD).seeds == (2, 1)


def test_a_recipe_is_read_from_a_file_of_its_own(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text(f"refine:\n  best: 3\n{GOOD}")
    assert load_recipe(path).cut == Cut(best=3)
    assert load_recipe(path).file == str(path)


def test_the_recipe_of_a_text_is_read_and_nothing_else_of_it():
    elsewhere = f"study: s\nbase: {{task: {{name: text, corpus: no-such-text-here}}}}\nrefine:\n  best: 3\n{GOOD}"
    assert recipe_of(elsewhere, "s").cut == Cut(best=3)
    assert recipe_of("study: s\nbase: {task: xor}\n", "s") is None
    with pytest.raises(SpecError, match=r"^s:4: refine.best: "):
        recipe_of(elsewhere.replace("best: 3", "best: 0"), "s")


# --- how many --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("best", "of", "count"),
    [("10%", 1, 1), ("10%", 10, 1), ("10%", 11, 2), ("10%", 432, 44), ("10%", 30, 3), ("0.1%", 7, 1), ("100%", 7, 7),
     ("7%", 100, 7), ("14%", 50, 7), (3, 7, 3), (9, 7, 7)],
)  # fmt: skip
def test_a_share_is_rounded_up_and_never_by_a_float(best, of, count):
    assert Cut(best=parse_best(best)).of([float(i) for i in range(of)]) == count


@given(st.lists(st.floats(0, 5), max_size=20), st.floats(0, 5))
def test_below_is_a_strict_bound(figures, bound):
    figures.sort()
    assert figures[: Cut(below=bound).of(figures)] == [figure for figure in figures if figure < bound]


@given(st.integers(1, 1000), st.integers(1, 100))
def test_a_share_is_the_least_count_that_holds_it(of, percent):
    count = Cut(best=parse_best(f"{percent}%")).of([0.0] * of)
    assert 100 * count >= percent * of > 100 * (count - 1)


def test_a_cut_in_words():
    assert [str(Cut(best=parse_best(b))) for b in ("10%", "12.50%", 5)] == ["best 10%", "best 12.5%", "best 5"]
    assert str(Cut(below=1.9)) == "below 1.9"


# --- variants --------------------------------------------------------------------------------------------------------


@given(
    st.sampled_from([{}, {"model": {"name": "gru", "hidden": 20}}, {"train": {"clip": "none", "lr": 0.5}}]),
    st.integers(1, 99),
)
def test_a_variant_changes_what_it_names_and_nothing_else(sections, updates):
    before = RunSpec.model_validate({"task": "temporal_order", **sections})
    (variant,) = variants(f"a: {{train.updates: {updates}, check: {{seed: 3}}}}").values()
    expected = before.canonical()
    expected["train"]["updates"], expected["check"]["seed"] = updates, 3
    assert variant.of(before).canonical() == expected


def test_a_variant_without_changes_keeps_the_run():
    (run,) = specs(base="model: gru")
    (variant,) = variants("again: {}").values()
    assert variant.of(run) == run
    assert variant.about == "as it is"


def test_a_name_or_a_mapping_with_another_replaces_the_section():
    (run,) = specs(base="model: {hidden: 70}")
    result = variants("a: {model.init: orthogonal}\n    b: {model: {name: lstm, hidden: 30}}")
    assert result["a"].of(run).model.init.name == "orthogonal"
    assert result["a"].of(run).model.hidden == 70
    assert (result["b"].of(run).model.name, result["b"].of(run).model.hidden) == ("lstm", 30)


@pytest.mark.parametrize("hidden", [50, 70, 100])
@pytest.mark.parametrize("model", ["rnn", "gru"])
def test_a_condition_is_judged_on_the_run_as_it_is_and_all_of_it_must_hold(model, hidden):
    (run,) = specs(base=f"model: {{name: {model}, hidden: {hidden}}}")
    result = variants("a: {model.hidden: 200, if: {model.hidden: [50, 100], model.name: rnn}}\n    b: {train.lr: 1}")
    assert result["a"].applies(run) == (hidden in (50, 100) and model == "rnn")
    assert result["b"].applies(run)
    assert result["a"].about == "model.hidden=200 if model.hidden=[50, 100] and model.name=rnn"


def test_a_variant_that_a_run_cannot_take_is_told_at_its_place():
    (run,) = specs(base="model: gru")
    (variant,) = variants("a: {train.lr: 1,\n      train.omega: 2}").values()
    with pytest.raises(SpecError, match="Omega is not defined for") as caught:
        variant.of(run)
    assert (caught.value.line, caught.value.key) == (7, "refine.variants.a.train.omega")


# --- mistakes --------------------------------------------------------------------------------------------------------


def bad(name, text, line, key, *fragments):
    return pytest.param(text, line, key, fragments, id=name)


MISTAKES = [
    bad("unknown key", "  bets: 10%\n" + GOOD, 5, "refine.bets", "no such key", "allowed: best, below, by, seeds",
        "did you mean best?"),
    bad("a run's key", "  train.updates: 9\n", 5, "refine.train.updates", "did you mean variants: {NAME: {train."),
    bad("no variants", "  best: 5\n", 4, "refine.variants", "is missing"),
    bad("empty variants", "  variants: {}\n", 5, "refine.variants", "is empty"),
    bad("list of variants", "  variants: [longer]\n", 5, "refine.variants", "must be a mapping of names", "a list"),
    bad("best and below", "  best: 5\n  below: 1\n" + GOOD, 6, "refine", "exclude each other"),
    bad("best of nothing", "  best: 0\n" + GOOD, 5, "refine.best", "a share above 0%", "not 0"),
    bad("best 0 %", "  best: 0%\n" + GOOD, 5, "refine.best", "a share above 0%", '"0%"'),
    bad("best above all", "  best: 101%\n" + GOOD, 5, "refine.best", "up to 100%", '"101%"'),
    bad("best as a fraction", "  best: 0.1\n" + GOOD, 5, "refine.best", "such as 10%", "not 0.1"),
    bad("best true", "  best: true\n" + GOOD, 5, "refine.best", "not true"),
    bad("best negative", "  best: -5%\n" + GOOD, 5, "refine.best", '"-5%"'),
    bad("below a word", "  below: low\n" + GOOD, 5, "refine.below", "must be a finite number", '"low"'),
    bad("below infinity", "  below: .inf\n" + GOOD, 5, "refine.below", "must be a finite number"),
    bad("unknown measure", "  by: last_los\n" + GOOD, 5, "refine.by", "no such measure", "allowed: loss, bits_per_byte",
        "did you mean last_loss?"),
    bad("list of measures", "  by: [loss]\n" + GOOD, 5, "refine.by", "no such measure as a list"),
    bad("one seed", "  seeds: 3\n" + GOOD, 5, "refine.seeds", "must be a list"),
    bad("negative seed", "  seeds: [1,\n    -1]\n" + GOOD, 6, "refine.seeds", "must be at least 0"),
    bad("blank in a name", "  variants: {a b: {}}\n", 5, "refine.variants.a b", "is not a name"),
    bad("long name", f"  variants: {{{'a' * 33}: {{}}}}\n", 5, f"refine.variants.{'a' * 33}", "more than 32"),
    bad("word for a variant", "  variants: {a: longer}\n", 5, "refine.variants.a", "must be a mapping of changes"),
    bad("misspelt override", "  variants:\n    a: {train.upates: 9}\n", 6, "refine.variants.a.train.upates",
        "there is no key upates under train", "did you mean updates?"),
    bad("override that no run takes", "  variants:\n    a:\n      train.lr: -1\n", 7, "refine.variants.a.train.lr",
        "must be above 0"),
    bad("override set twice", "  variants:\n    a: {train.lr: 1, train: {lr: 2}}\n", 6, "refine.variants.a.train.lr",
        "is set twice"),
    bad("seed as an override", "  variants:\n    a: {seed: 3}\n", 6, "refine.variants.a.seed", "replicates equal",
        "refine: {seeds:"),
    bad("empty condition", "  variants:\n    a: {train.lr: 1, if: {}}\n", 6, "refine.variants.a.if", "is empty"),
    bad("misspelt condition", "  variants:\n    a: {train.lr: 1, if: {model.hiden: 1}}\n", 6,
        "refine.variants.a.if.model.hiden", "did you mean hidden?"),
    bad("condition on a value that no run has", "  variants:\n    a: {if: {model.hidden: big}}\n", 6,
        "refine.variants.a.if.model.hidden", "must be a whole number"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "key", "fragments"), MISTAKES)
def test_a_mistake_is_answered_with_its_place_and_what_is_right(text, line, key, fragments):
    with pytest.raises(SpecError) as caught:
        read_study(HEAD + text, "s.yaml")
    message = str(caught.value)
    assert (caught.value.line, caught.value.key) == (line, key), message
    assert message.startswith(f"s.yaml:{line}: ")
    assert message.isprintable()
    for fragment in fragments:
        assert fragment in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("study: s\nrefine: {}\n", "r.yaml:1: study: there is no such section in a recipe; allowed: refine"),
        ("refin: {}\n", "r.yaml:1: refin: there is no such section in a recipe; allowed: refine; did you mean refine?"),
        ("", "r.yaml:1: is empty; a recipe starts with `refine:`"),
        ("- a\n", "r.yaml:1: the top level must be a mapping such as `refine:`, not a list"),
        ("{}\n", "r.yaml:1: refine: is missing; a recipe starts with `refine:`"),
        ("refine: {}\n", "r.yaml:1: refine: is empty; leave it out or fill it"),
        ("refine: 5\n", "r.yaml:1: refine: must be a mapping, not 5"),
        ("refine:\n  best: 0\n  variants: {a: {}}\n", "r.yaml:2: refine.best: must be a share above 0%"),
    ],
)
def test_a_mistake_in_a_recipe_file_is_answered_likewise(tmp_path, monkeypatch, text, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(SpecError) as caught:
        load_recipe("r.yaml")
    assert str(caught.value).startswith(message)


def test_a_recipe_file_that_cannot_be_read_is_told(tmp_path):
    for path, why in ((tmp_path / "none.yaml", "no such file"), (tmp_path, "Is a directory")):
        with pytest.raises(SpecError, match=why) as caught:
            load_recipe(path)
        assert str(caught.value).startswith(f"{path}: ")
