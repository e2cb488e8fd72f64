"""What is wrong is told in one line, by an exception that rnnctl names."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest

import rnnctl
from store import Store

TASK = {"name": "temporal_order", "min_length": 10, "max_length": 20}
MISTAKES = {
    "study": (lambda lab: lab["cell"], rnnctl.NotFound, "there is no study 'cell'; did you mean cells?"),
    "run": (lambda lab: lab["cells"]["GUR seed=1"], rnnctl.NotFound, "no run 'GUR seed=1'; did you mean GRU seed=1?"),
    "several runs": (lambda lab: lab["cells"]["r1-"], rnnctl.NotFound, "'r1-' could be 6 runs"),
    "run of any study": (lambda lab: lab.run("GUR"), rnnctl.NotFound, "there is no run 'GUR'"),
    "figure": (lambda lab: run(lab).plot("gradeint"), rnnctl.InvalidArgument, "did you mean gradient?"),
    "all figures": (lambda lab: run(lab).plot("all"), rnnctl.InvalidArgument, "a figure is of one kind"),
    "option of a figure": (lambda lab: run(lab).plot("loss", at=[0]), rnnctl.InvalidArgument, "at: loss shows all"),
    "column": (lambda lab: board(lab).column("los"), rnnctl.NotFound, "there is no column 'los'"),
    "scalar": (lambda lab: run(lab).history["valid_los"], rnnctl.NotFound, "did you mean valid_loss?"),
    "trace": (lambda lab: run(lab).traces["gradeint"], rnnctl.NotFound, "there is no trace 'gradeint'"),
    "measure": (lambda lab: board(lab, by="los"), rnnctl.InvalidArgument, "by los: there is no such measure"),
    "sort": (lambda lab: board(lab, sort="los"), rnnctl.InvalidArgument, "sort"),
    "condition": (lambda lab: board(lab, where=["lr<"]), rnnctl.InvalidArgument, "where"),
    "no run": (lambda lab: board(lab, where=["model=gur"]), rnnctl.NotFound, "no run matches model=gur"),
    "probe": (lambda lab: run(lab).answer("lenghts"), rnnctl.InvalidArgument, "did you mean lengths?"),
    "setting": (
        lambda lab: run(lab).answer("lengths", lengths=[9], samples=1500),
        rnnctl.InvalidArgument,
        "samples: 1500 is neither",
    ),
    "a missing setting": (lambda lab: run(lab).answer("lengths"), rnnctl.InvalidArgument, "lengths: field required"),
    "no setting": (lambda lab: run(lab).answer("lengths", sampels=1), rnnctl.InvalidArgument, "did you mean samples?"),
    "does not apply": (lambda lab: run(lab).answer("generate"), rnnctl.InvalidArgument, "does not apply"),
    "weights": (lambda lab: run(lab).model("bst"), rnnctl.InvalidArgument, "'bst' is neither best nor last"),
    "snapshot": (lambda lab: run(lab).model(33), rnnctl.NotTrained, "no weights after 33 updates, only best"),
    "format": (lambda lab: run(lab).export("cvs"), rnnctl.InvalidArgument, "did you mean csv?"),
    "device": (lambda lab: lab.train(device="gpu"), rnnctl.InvalidArgument, "device"),
    "workers": (lambda lab: lab.train(workers=0), rnnctl.InvalidArgument, "workers is 0; it must be from 1 to 256"),
    "workspace": (lambda lab: rnnctl.Workspace(lab.folder / "no", create=False), rnnctl.NoWorkspace, "no workspace in"),
    "a key": (
        lambda lab: lab.add({"study": "a", "base": {"task": {**TASK, "min_lenght": 3}}}),
        rnnctl.SpecError,
        "base.task.min_lenght: there is no key min_lenght under task",
    ),
    "a value": (
        lambda lab: lab.add({"study": "a", "base": {"task": TASK, "train": {"lr": {1, 2}}}}),
        rnnctl.SpecError,
        "base.train.lr: no study can hold a set",
    ),
    "a key that is no text": (
        lambda lab: lab.add({"study": "a", "base": {"task": TASK}, "cases": {1: {}}}),
        rnnctl.SpecError,
        "cases: a key is a text, not 1",
    ),
    "NaN": (
        lambda lab: lab.add({"study": "a", "base": {"task": TASK, "train": {"lr": np.nan}}}),
        rnnctl.SpecError,
        "base.train.lr",
    ),
    "a file": (lambda lab: lab.add("mine.yaml"), rnnctl.SpecError, "mine.yaml: no such file"),
    "a packaged study": (lambda lab: lab.add("quikstart"), rnnctl.SpecError, "did you mean quickstart?"),
    "YAML": (lambda lab: lab.add("study: a\nbase: {task: temporal_ordr}\n"), rnnctl.SpecError, "study:2: base.task"),
    "no study": (lambda lab: lab.add(3), rnnctl.InvalidArgument, "study must be a mapping, a text or a path, not 3"),
    "a spec": (lambda lab: rnnctl.train({"task": "temporal_ordr"}), rnnctl.SpecError, "did you mean temporal_order?"),
    "no spec": (lambda lab: rnnctl.train(None), rnnctl.InvalidArgument, "must be a mapping or a text, not None"),
    "a study as a spec": (lambda lab: rnnctl.train({"study": "a", "base": {}}), rnnctl.SpecError, "there is no key"),
    "a lone card": (lambda lab: rnnctl.train({"task": TASK}, device="gpu"), rnnctl.InvalidArgument, "device"),
    "nothing to retry": (lambda lab: lab.retry(), rnnctl.NotFound, "nothing to retry"),
    "a number of workers": (
        lambda lab: lab.train(workers="2"),
        rnnctl.InvalidArgument,
        "workers must be a whole number, not '2'",
    ),
    "no option": (lambda lab: lab.train(worker=2), rnnctl.InvalidArgument, "no option 'worker' of training"),
    "the nearest option": (lambda lab: lab.train(worker=2), rnnctl.InvalidArgument, "did you mean workers?"),
    "a priority": (
        lambda lab: lab.train(priority="x"),
        rnnctl.InvalidArgument,
        "priority must be a whole number or None, not 'x'",
    ),
    "a study by number": (lambda lab: lab[0], rnnctl.NotFound, "there is no study 0: names are texts"),
    "a run by number": (lambda lab: lab["cells"][0], rnnctl.NotFound, "there is no run 0: names are texts"),
    "any run by number": (lambda lab: lab.run(3), rnnctl.NotFound, "there is no run 3: names are texts"),
    "a list as a run": (lambda lab: lab.run(["GRU"]), rnnctl.NotFound, "there is no run ['GRU']: names are texts"),
    "none of them": (lambda lab: lab.cancel(None), rnnctl.NotFound, "names are texts"),
    "training by number": (lambda lab: lab.train(3), rnnctl.NotFound, "there is no study or run 3: names are texts"),
    "a trace by number": (lambda lab: run(lab).traces[0], rnnctl.NotFound, "there is no trace 0"),
    "a figure that is no text": (lambda lab: run(lab).plot(None), rnnctl.InvalidArgument, "no kind of figure None"),
    "look": (lambda lab: run(lab).plot("loss", wdth=9), rnnctl.InvalidArgument, "did you mean width?"),
    "width": (lambda lab: run(lab).plot("loss", width=-1), rnnctl.InvalidArgument, "width: -1 is not allowed"),
    "NaN as a width": (lambda lab: run(lab).plot("loss", width=np.nan), rnnctl.InvalidArgument, "from 2 to 40"),
    "height": (lambda lab: run(lab).plot("loss", height="5"), rnnctl.InvalidArgument, 'height: the text "5" is not'),
    "layout": (lambda lab: run(lab).plot("loss", layout="over"), rnnctl.InvalidArgument, "allowed: overlay, panels"),
    "an update": (lambda lab: run(lab).plot("gradient", at=5), rnnctl.InvalidArgument, "at: 5 is not allowed"),
    "updates": (lambda lab: run(lab).plot("gradient", at=["x"]), rnnctl.InvalidArgument, "allowed: a list of updates"),
    "whether each": (lambda lab: run(lab).plot("loss", each="no"), rnnctl.InvalidArgument, "allowed: True, False"),
    "a cell by number": (lambda lab: rnnctl.gradcheck(3), rnnctl.InvalidArgument, "there is no cell 3"),
    "no figure": (lambda lab: lab.plot([], "loss"), rnnctl.InvalidArgument, "at least one study or run"),
    "one condition": (
        lambda lab: board(lab, where="model=gru"),
        rnnctl.InvalidArgument,
        "where must be a list of texts, not 'model=gru'; write ['model=gru']",
    ),
    "rows of different lengths": (
        lambda lab: run(lab).model()([[1], [2, 3]]),
        rnnctl.InvalidArgument,
        "inputs are an array of numbers, not [[1], [2, 3]]",
    ),
    "a text as inputs": (lambda lab: run(lab).model()("ab"), rnnctl.InvalidArgument, "numbers, not 'ab'"),
    "an argument too many": (lambda lab: rnnctl.kinds("x"), rnnctl.InvalidArgument, "kinds: too many positional"),
    "an unknown argument of a class": (
        lambda lab: rnnctl.classic.LSTM(units=3),
        rnnctl.InvalidArgument,
        "LSTM has no argument units; allowed: input_size, hidden_size",
    ),
    "a missing argument of a class": (
        lambda lab: rnnctl.classic.LSTM(3),
        rnnctl.InvalidArgument,
        "LSTM: missing a required argument: 'hidden_size'",
    ),
    "a number that is not whole": (
        lambda lab: lab.train(workers=3.0),
        rnnctl.InvalidArgument,
        "workers must be a whole number, not 3.0",
    ),
    "a number of NumPy": (
        lambda lab: lab.train(workers=np.int64(0)),
        rnnctl.InvalidArgument,
        "workers is 0; it must be from 1 to 256",
    ),
    "text of a grammar": (lambda lab: rnnctl.grammar("lba"), rnnctl.Error, "lba"),
}


def run(lab):
    return lab["cells"]["GRU seed=1"]


def board(lab, **options):
    return lab["cells"].leaderboard(**options)


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_in_one_line(lab, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call, kind, message = MISTAKES[name]
    with pytest.raises(rnnctl.Error) as caught:
        call(lab)
    assert isinstance(caught.value, kind), type(caught.value)
    text = str(caught.value)
    assert message in text
    assert len(text.splitlines()) == 1
    assert len(lab) == 1


def test_a_run_that_has_not_been_trained_says_so(own):
    study = own.add({"study": "late", "base": {"task": TASK}})
    (late,) = study
    assert len(late.history) == 1
    assert late.history.steps.tolist() == []
    for call in (
        late.model,
        late.weights,
        lambda: late.plot("loss"),
        lambda: late.answer("lengths", lengths=[10]),
        study.effects,
    ):
        with pytest.raises(rnnctl.NotTrained, match=r"checkpoint yet|checked yet|finished yet"):
            call()
    with pytest.raises(rnnctl.NotTrained, match="nothing to export"):
        study.checks()
    with pytest.raises(rnnctl.NotFound, match="the run has not been checked yet"):
        _ = late.traces["gradient"]
    with pytest.raises(rnnctl.NotFound, match="'valid_loss': the run has not been checked yet"):
        _ = late.history["valid_loss"]
    assert late.history.rows() == []


def test_a_workspace_of_another_version_is_refused(own):
    database = next(own.folder.glob("*.db"))
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA user_version = 999")
    connection.commit()
    connection.close()
    for call in (lambda: rnnctl.Workspace(own.folder), lambda: own["cells"], lambda: own.train()):
        with pytest.raises(rnnctl.OtherVersion) as caught:
            call()
        assert len(str(caught.value).splitlines()) == 1


def test_a_folder_that_cannot_be_used_is_told(own):
    (own.folder / "not-a-folder").write_text("")
    with pytest.raises(rnnctl.WorkspaceError):
        rnnctl.Workspace(own.folder / "not-a-folder" / "lab")


def test_damage_is_told(own):
    with Store.open(own.folder) as store:
        database = store.workspace.database
    database.write_bytes(b"no database" * 100)
    with pytest.raises(rnnctl.Damaged, match="is not a database"):
        own.studies()


def test_errors_are_of_the_kinds_that_python_knows():
    assert issubclass(rnnctl.NotFound, KeyError)
    assert issubclass(rnnctl.InvalidArgument, ValueError)
    assert str(rnnctl.NotFound("it's gone")) == "it's gone"
