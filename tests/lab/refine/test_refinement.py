"""The use-case: from a study with results to a refined one."""

import pytest

from rnnctl.lab.errors import Code, LabError
from rnnctl.lab.records import plain
from rnnctl.lab.refine.recipes import recipe_for
from rnnctl.lab.refine.refinement import refine
from rnnctl.lab.register import register
from store import queries
from tests.lab.trained import finish

RECIPE = "refine: {variants: {longer: {train.updates: 500}, deep: {train.lr: 0.5, if: {model.name: lstm}}}}\n"
LOSSES = {"omega=0.0 seed=1": 1.5, "omega=0.0 seed=2": 1.3, "omega=1.0 seed=1": 0.5}


@pytest.fixture
def finished(store):
    finish(store, LOSSES)
    (store.workspace.root / "recipe.yaml").write_text(RECIPE)
    return store


def recipe(store, **arguments):
    return recipe_for(store, "tiny", file=store.workspace.root / "recipe.yaml", **arguments)


def test_the_best_configurations_become_a_study(finished):
    refinement = refine(finished, "tiny", recipe(finished, best=1))
    (chosen,) = refinement.chosen
    assert (chosen.label, chosen.runs, chosen.judged, chosen.mean) == ("omega=1.0", 2, 1, 0.5)
    (new,) = refinement.configurations
    assert (new.label, new.known, len(new.runs)) == ("omega-1.0-longer", [], 2)
    assert refinement.notes == [
        "judged by the runs that have finished: omega=1.0 (1 of 2)",
        "the variant deep applies to none of the chosen",
    ]
    assert [row.run_id for row in queries.runs_of(finished, "tiny-refined")] == new.runs
    assert refinement.file.read_text().startswith("study: tiny-refined\n")
    (again,) = register(finished.workspace.root, [refinement.file]).studies
    assert (again.new, again.known) == (0, 2)


def test_a_dry_run_changes_nothing(finished):
    refinement = refine(finished, "tiny", recipe(finished), dry_run=True)
    assert refinement.new == 2
    assert not refinement.file.exists()
    assert [study.name for study in queries.studies(finished)] == ["tiny"]
    record = plain(refinement)
    assert list(record) == [
        "study", "refined", "file", "cut", "by", "judged", "left_out", "chosen", "configurations"
    ]  # fmt: skip
    assert record["chosen"][0]["becomes"] == ["omega-1.0-longer"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ({"best": "0%"}, Code.USAGE, "^best: must be a share"),
        ({"best": 1, "below": 2.0}, Code.USAGE, "exclude each other"),
        ({"by": "los"}, Code.USAGE, "^by los: .*did you mean loss"),
        ({"below": float("inf")}, Code.USAGE, "^below inf: "),
        ({"below": 0.01}, Code.NOTHING, "none of 2 configurations has a loss below 0.01"),
    ],
)
def test_mistakes_are_errors(finished, arguments, code, message):
    with pytest.raises(LabError, match=message) as error:
        refine(finished, "tiny", recipe(finished, **arguments))
    assert error.value.code is code


def test_a_name_that_is_taken_is_refused(finished):
    with pytest.raises(LabError, match="a study tiny is registered"):
        refine(finished, "tiny", recipe(finished), name="tiny")
    with pytest.raises(LabError, match="^name: 'a b' is not a name"):
        refine(finished, "tiny", recipe(finished), name="a b")
    (finished.workspace.root / "mine.yaml").write_text("mine")
    with pytest.raises(LabError, match="mine.yaml exists, and has other content"):
        refine(finished, "tiny", recipe(finished), name="mine")


def test_a_study_without_results_or_recipe_cannot_be_refined(store):
    (store.workspace.root / "recipe.yaml").write_text(RECIPE)
    with pytest.raises(LabError, match="no finished run with a loss yet") as error:
        refine(store, "tiny", recipe(store))
    assert error.value.code is Code.NOTHING
    with pytest.raises(LabError, match="study tiny has no recipe"):
        recipe_for(store, "tiny")
