"""Finding a workspace, and the runs and studies in it."""

import pytest

from rnnctl.lab.errors import Code, LabError
from rnnctl.lab.register import register
from rnnctl.lab.show import show
from rnnctl.lab.workspaces import check_threshold, one_run, opened, root_of, runs_named, selected
from store import Damaged, NoWorkspace
from tests.lab.studies import STUDY
from tests.store.damage import damage


def test_a_workspace_is_found_from_below(store, monkeypatch):
    below = store.workspace.root / "notes"
    below.mkdir()
    monkeypatch.chdir(below)
    assert root_of() == store.workspace.root
    with opened(readonly=True) as same:
        assert len(selected(same)) == 4


def test_damage_to_another_run_does_not_stop_who_reads_one(store):
    root = store.workspace.root
    one, other = (row.run_id for row in selected(store, "tiny")[:2])
    damage(root, "jobs", "step = 21", f"run_id = '{other}'")
    with opened(root, readonly=True, runs=[one]) as same:
        assert show(same, one).run_id == one
    for names in ([other], [one, other], [], ["tiny"]):
        with pytest.raises(Damaged, match=other), opened(root, readonly=True, runs=names):
            pass


def test_without_a_workspace_there_is_an_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NoWorkspace):
        root_of()


def test_a_run_is_named_by_label_or_id(store):
    run = selected(store, "tiny")[0]
    for name in (run.run_id, run.label, f"tiny/{run.label}"):
        assert one_run(store, name) == run.run_id
    with pytest.raises(LabError, match="could be 4 runs") as error:
        one_run(store, run.run_id[:2])
    assert error.value.code is Code.NOTHING


def test_a_name_is_a_study_or_a_run(store):
    study = runs_named(store, "tiny")
    assert (len(study.runs), study.whole, study.title) == (4, True, "tiny")
    run = runs_named(store, "omega=1.0 seed=2")
    assert (len(run.runs), run.whole, run.title) == (1, False, "tiny/omega=1.0 seed=2")
    with pytest.raises(LabError, match="no study or run 'tinny'; did you mean tiny?"):
        runs_named(store, "tinny")


def test_a_run_that_is_called_like_a_study_is_noted(store):
    root = store.workspace.root
    file = root / "other.yaml"
    head = STUDY[: STUDY.index("grid:")].replace("study: tiny", "study: other")
    file.write_text(head + "cases: {tiny: {seed: 5}}\n")
    register(root, [file])
    named = runs_named(store, "tiny")
    assert named.whole
    assert named.notes == ["'tiny' is taken for the study; the run of that label is other/tiny"]


def test_conditions_select_runs(store):
    assert [row.label for row in selected(store, "tiny", ["omega=1", "seed=2"])] == ["omega=1.0 seed=2"]
    # Specs leave these keys out where they have their defaults.
    assert len(selected(store, where=["rate=constant", "bptt=full"])) == 4
    for condition in ("omega=7", "bptt=none"):
        with pytest.raises(LabError, match="no run matches") as error:
            selected(store, where=[condition])
    assert error.value.code is Code.NOTHING
    with pytest.raises(LabError, match="^where: .*did you mean train.omega") as error:
        selected(store, where=["omga=1"])
    assert (error.value.code, error.value.argument) == (Code.USAGE, "where")
    with pytest.raises(LabError, match="^no run matches ended=solvd; did you mean solved?"):
        selected(store, where=["ended=solvd"])
    assert len(selected(store, where=["omega>=0", "seed=1,2", "ended!=solved"])) == 4
    assert [row.label for row in selected(store, where=["omega>0.5", "seed<2"])] == ["omega=1.0 seed=1"]
    for wrong, told in [
        (["omega=7"], "^no run matches omega=7; train.omega is 0, 1$"),
        (["seed=1", "omega>1"], "^no run matches omega>1 among those with seed=1; train.omega is 0, 1$"),
        (["loss<1"], "^no run matches loss<1; no run has a loss$"),
        (["task<1"], "^no run matches task<1; task is temporal_order$"),
        (["ended=done"], "^no run matches ended=done; ended is queued$"),
        (["tag=good"], "^no run matches tag=good; no run has a tag$"),
    ]:
        with pytest.raises(LabError, match=told):
            selected(store, where=wrong)
    with pytest.raises(LabError, match="there is no study 'tinny'; did you mean tiny?"):
        selected(store, "tinny")


def test_a_threshold_is_finite():
    check_threshold(None)
    check_threshold(1.5)
    with pytest.raises(LabError, match="below nan: "):
        check_threshold(float("nan"))
