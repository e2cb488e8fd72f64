"""`rnnctl refine` as a user types it: from a trained study to a refined one, and what is told when it cannot be."""

import json
import re
import shutil
import sqlite3

import pytest

from rnnctl.study.loading import load_study
from store import Store, lineage, queries, registry
from tests.cli.command_line import TINY, counts, one_line, rnnctl, rows, train_here, workspace

RECIPE = """\
refine:
  best: 50%
  variants:
    longer: {train.updates: 160}
    plain: {train.omega: 0}
    wider: {model.hidden: 16, if: {train.omega: 1.0}}
    deeper: {model.hidden: 20, if: {model.name: gru}}
"""


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory):
    """Two configurations of two runs each, of which one run is cancelled."""
    folder = workspace(tmp_path_factory.mktemp("trained") / "w", TINY + RECIPE)
    rnnctl("cancel", "omega=1.0 seed=2", "--yes", cwd=folder, check=0)
    train_here(folder)
    return folder


@pytest.fixture
def trained(trained_once, tmp_path):
    return shutil.copytree(trained_once, tmp_path / "w")


def content(folder):
    """Each row of the database, and the study files."""
    connection = sqlite3.connect(folder / "rnnctl.db")
    try:
        return list(connection.iterdump()), sorted(path.name for path in folder.iterdir() if path.suffix == ".yaml")
    finally:
        connection.close()


def means(folder):
    """Mean best losses of the finished runs, by omega."""
    actual = {}
    for row in rows(folder):
        if row.status == "done" and row.study == "tiny":
            actual.setdefault(row.spec["train"]["omega"]["alpha"], []).append(row.summary["best_loss"])
    return {omega: sum(losses) / len(losses) for omega, losses in actual.items()}


def test_from_a_trained_study_to_a_refined_one_that_trains_and_is_refined_again(trained, tmp_path):
    done = rnnctl("refine", "tiny", "--best", "2", cwd=trained, check=0)
    best, other = sorted(means(trained), key=means(trained).get)
    assert f"known: 2 of 2 runs of omega-{best}-plain, 2 done, as tiny/omega=0.0 seed=1" in done.stdout
    assert f"merged: omega-{best}-plain is plain of omega={best} and plain of omega={other}" in done.stdout
    assert "tiny-refined: 8 runs of 4 configurations, 6 new" in done.stdout
    assert "note: judged by the runs that have finished: omega=1.0 (1 of 2)" in done.stderr
    assert "note: the variant deeper applies to none of the chosen" in done.stderr
    assert "next: rnnctl train" in done.stderr
    refined = {row.run_id: row for row in rows(trained) if row.study == "tiny-refined"}
    assert {(r.spec["train"]["updates"], r.spec["train"]["omega"]["alpha"], r.spec["model"]["hidden"])
            for r in refined.values()} == {(160, 0.0, 12), (160, 1.0, 12), (120, 1.0, 16)}  # fmt: skip
    assert len(refined) == 6, "plain is there already, and stays tiny's"

    # The file alone, in a workspace of its own, registers the very same runs under the same labels.
    with Store.open(trained, readonly=True) as store:
        registered = {row.run_id: row.label for row in queries.runs_of(store, "tiny-refined")}
    study = load_study(trained / "tiny-refined.yaml")
    assert {run.spec.run_id: run.label for run in study.runs} == registered
    planned = json.loads(rnnctl("plan", trained / "tiny-refined.yaml", "--json", cwd=tmp_path, check=0).stdout)
    assert {run["run"] for run in planned[0]["runs"]} == set(registered)
    assert planned[0]["about"].startswith("Refined from tiny: best 2 of 2 configurations by loss")
    again = rnnctl("init", "tiny-refined.yaml", cwd=trained, check=0)
    assert "tiny-refined: 0 new runs, 8 known" in again.stderr

    train_here(trained)
    assert counts(trained)["done"] == 9
    examined = json.loads(rnnctl("examine", "tiny-refined", "--json", cwd=trained, check=0).stdout)
    assert len(examined["configurations"]) == 4

    (trained / "more.yaml").write_text("refine: {best: 1, variants: {replicas: {}, longest: {train.updates: 200}}}\n")
    rnnctl("refine", "tiny-refined", "--recipe", "more.yaml", "--seeds", "1,7", "--name", "third", cwd=trained, check=0)
    with Store.open(trained, readonly=True) as store:
        third = queries.runs_of(store, "third")
        assert sorted((r.spec["seed"], r.spec["train"]["updates"] == 200) for r in third) == [
            (1, False), (1, True), (7, False), (7, True)
        ]  # fmt: skip
        (longest,) = [r.run_id for r in third if (r.spec["seed"], r.spec["train"]["updates"]) == (1, 200)]
        (parent,) = lineage.parents(store, longest)
        assert (parent.variant, parent.study) == ("longest", "third")
        assert registered[parent.parent].endswith(" seed=1")


def test_show_tells_where_a_run_comes_from_and_what_became_of_it(trained):
    rnnctl("refine", "tiny", "--best", "100%", cwd=trained, check=0)
    child = next(row for row in rows(trained) if row.spec["model"]["hidden"] == 16 and row.spec["seed"] == 1)
    shown = rnnctl("show", child.run_id, cwd=trained, check=0).stdout
    assert re.search(r"^refined from tiny/omega=1.0 seed=1 \(r1-\w+\) by wider, in study tiny-refined$", shown, re.M)
    parent = json.loads(rnnctl("show", "tiny/omega=1.0 seed=1", "--json", cwd=trained, check=0).stdout)
    assert parent["refined_from"] == []
    assert {one["variant"] for one in parent["refined_into"]} == {"longer", "plain", "wider"}
    assert child.run_id in {one["run_id"] for one in parent["refined_into"]}
    plain = json.loads(rnnctl("show", "tiny/omega=0.0 seed=1", "--json", cwd=trained, check=0).stdout)
    assert [(one["name"], one["variant"]) for one in plain["refined_from"]] == [("tiny/omega=1.0 seed=1", "plain")], (
        "the run of another configuration that was known already; not of itself, which plain leaves as it is"
    )


def test_the_recipe_chooses_half_and_options_go_before_it(trained):
    best = min(means(trained), key=means(trained).get)
    chosen = json.loads(rnnctl("refine", "tiny", "--dry-run", "--json", cwd=trained, check=0).stdout)
    assert [one["label"] for one in chosen["chosen"]] == [f"omega={best}"]
    assert chosen["chosen"][0]["mean"] == pytest.approx(means(trained)[best])
    between = sum(means(trained).values()) / 2
    below = json.loads(rnnctl("refine", "tiny", "--below", between, "--dry-run", "--json", cwd=trained, check=0).stdout)
    assert below["chosen"] == chosen["chosen"]
    both = json.loads(
        rnnctl("refine", "tiny", "--best", "51%", "--by", "last_loss", "--seeds", "5", "--dry-run", "--json",
               cwd=trained, check=0).stdout
    )  # fmt: skip
    assert len(both["chosen"]) == 2
    assert all(len(one["runs"]) == 1 and not one["known"] for one in both["configurations"])


def test_a_dry_run_makes_nothing(trained):
    before = content(trained)
    done = rnnctl("refine", "tiny", "--dry-run", cwd=trained, check=0)
    assert "tiny-refined: " in done.stdout
    assert "a dry run: nothing was written or registered" in done.stderr
    assert content(trained) == before


def test_refining_twice_adds_nothing_and_another_choice_is_refused(trained):
    rnnctl("refine", "tiny", cwd=trained, check=0)
    rnnctl("refine", "tiny", cwd=trained, check=0)
    before = content(trained)
    one_line(rnnctl("refine", "tiny", "--seeds", "9", cwd=trained, check=2), "tiny-refined", "--name")
    one_line(rnnctl("refine", "tiny", "--name", "tiny", cwd=trained, check=2), "a study tiny is registered", "--name")
    (trained / "mine.yaml").write_text("# a file of the user's\n")
    one_line(rnnctl("refine", "tiny", "--name", "mine", cwd=trained, check=2), "mine.yaml exists", "--name")
    assert (trained / "mine.yaml").read_text() == "# a file of the user's\n"
    (trained / "mine.yaml").unlink()
    assert content(trained) == before


@pytest.mark.parametrize(
    ("args", "code", "fragments"),
    [
        (["--best", "0%"], 2, ["--best", "10%", "0%"]),
        (["--best", "0"], 2, ["--best", "a count from 1"]),
        (["--best", "150%"], 2, ["--best", "150%"]),
        (["--best", "-5%"], 2, ["--best"]),
        (["--best", "tenth"], 2, ["--best", '"tenth"']),
        (["--best", "1", "--below", "2"], 2, ["exclude each other"]),
        (["--below", "nan"], 2, ["--below", "finite"]),
        (["--below", "0.0001"], 3, ["none of 2 configurations has a loss below 0.0001"]),
        (["--by", "los"], 2, ["--by", "did you mean loss?"]),
        (["--seeds", "1,x"], 2, ["--seeds", "1,2,3"]),
        (["--seeds", "-1"], 2, ["--seeds"]),
        (["--name", "a b"], 2, ["--name", "letters"]),
        (["--recipe", "none.yaml"], 2, ["none.yaml", "no such file"]),
        (["--recipe", "bad.yaml"], 2, ["bad.yaml:3: refine.variants.a.train.upates", "did you mean updates?"]),
        (["--recipe", "impossible.yaml"], 2,
         ["impossible.yaml:4: refine.variants.narrow.model.init: init.connections (15 by default",
          "is more than hidden 12", "in the narrow of omega="]),
        (["--recipe", "none-applies.yaml"], 3, ["no variant applies to any of 2 chosen configurations"]),
    ],
)  # fmt: skip
def test_mistakes_are_answered_in_one_line_and_nothing_is_registered(trained, args, code, fragments):
    (trained / "bad.yaml").write_text("refine:\n  variants:\n    a: {train.upates: 5}\n")
    (trained / "impossible.yaml").write_text(
        "refine:\n  best: 100%\n  variants:\n    narrow: {model.init: smart_tanh}\n"
    )
    (trained / "none-applies.yaml").write_text(
        "refine: {best: 100%, variants: {a: {train.lr: 1, if: {model.name: lstm}}}}\n"
    )
    before = content(trained)
    one_line(rnnctl("refine", "tiny", *args, cwd=trained, check=code), *fragments)
    assert content(trained) == before


def test_a_study_without_a_recipe_an_unknown_one_and_none_finished_are_told(tmp_path):
    folder = workspace(tmp_path / "w")
    one_line(rnnctl("refine", "tiny", cwd=folder, check=2), "study tiny has no recipe", "--recipe")
    one_line(rnnctl("refine", "tinny", cwd=folder, check=3), "tinny", "did you mean tiny?")
    (folder / "r.yaml").write_text(RECIPE)
    one_line(rnnctl("refine", "tiny", "--recipe", "r.yaml", cwd=folder, check=3), "no finished run", "tiny")
    one_line(rnnctl("refine", "tiny", cwd=tmp_path, check=3), "no workspace")


def test_a_configuration_without_a_finished_run_is_left_out_and_told(trained):
    (trained / "study.yaml").write_text((TINY + RECIPE).replace("[0, 1.0]", "[0, 1.0, 2.0]"))
    rnnctl("init", "study.yaml", cwd=trained, check=0)
    done = rnnctl("refine", "tiny", "--best", "100%", "--dry-run", "--json", cwd=trained, check=0)
    assert "note: 1 configuration without a finished run left out: omega=2.0" in done.stderr
    actual = json.loads(done.stdout)
    assert (actual["left_out"], actual["judged"], len(actual["chosen"])) == (["omega=2.0"], 2, 2)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_refinement_leaves_neither_study_nor_file(trained, monkeypatch, interruption):
    from rnnctl.cli.refine import refine

    before = content(trained)
    real = lineage.add

    def interrupted(*arguments):
        real(*arguments)
        raise interruption

    monkeypatch.setattr(registry.lineage, "add", interrupted)
    with pytest.raises(interruption):
        refine("tiny", workspace=trained)
    assert content(trained) == before
    monkeypatch.undo()
    refine("tiny", workspace=trained)
    assert (trained / "tiny-refined.yaml").exists()


def test_plan_tells_what_refine_would_make(tmp_path):
    (tmp_path / "study.yaml").write_text(TINY + RECIPE)
    shown = rnnctl("plan", "study.yaml", cwd=tmp_path, check=0).stdout
    assert "rnnctl refine makes of its best 50% by loss: longer, plain, wider, deeper" in shown
    planned = json.loads(rnnctl("plan", "study.yaml", "--json", cwd=tmp_path, check=0).stdout)
    assert planned[0]["refine"]["variants"]["wider"] == "model.hidden=16 if train.omega=1.0"
