"""Probes as a use-case: nothing is computed twice, and runs that are left out have their reason."""

from __future__ import annotations

import re
from typing import ClassVar, Literal

import pytest

from rnnctl.lab.errors import Code, LabError
from rnnctl.lab.probe import ask, draw
from rnnctl.lab.trained import newest
from rnnctl.probes.base import Probe, QuestionError
from store import Store, answers, checkpoints, queries
from tests.cli.command_line import rnnctl
from tests.lab.studies import STUDY

SHORT = STUDY.replace("updates: 120", "updates: 20").replace("seeds: [1, 2]", "seeds: [1]")
SHORT = SHORT.replace("diagnostic_batch: 5", "diagnostic_batch: 5, snapshots: [0, 7]")


class Counting(Probe):
    """Answers with its number, and counts what it is asked."""

    about: ClassVar[str] = "For tests."
    asked: ClassVar[list[int]] = []

    name: Literal["counting"] = "counting"
    counts: tuple[int, ...] = (1, 2)
    widest: int = 20

    def applies(self, spec):
        return None if spec.model.hidden <= self.widest else f"hidden {spec.model.hidden} is above {self.widest}"

    def questions(self, spec):
        if max(self.counts) > spec.model.hidden:
            raise QuestionError("counts", f"there are {spec.model.hidden} units, not {max(self.counts)}")
        return [{"number": number} for number in self.counts]

    def ask(self, trained, question, weights):
        self.asked.append(question["number"])
        if question["number"] == 7:
            raise FloatingPointError("outputs are not finite")
        norm = float(trained.views(weights)["W_hh"].norm())
        return {"norm": norm, "number": question["number"], "loss": float("nan"), "whole": True, "names": [1]}

    def tabulate(self, runs):
        return [f"{run.label} {len(run.answers)}" for run in runs]

    def sentence(self, question, answer):
        return f"number {answer['number']}"


class Alone(Counting):
    name: Literal["alone"] = "alone"
    single: ClassVar[bool] = True


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Study tiny is trained, study wide is not; study both has a run of each."""
    folder = tmp_path_factory.mktemp("probed")
    (folder / "tiny.yaml").write_text(SHORT)
    rnnctl("init", "tiny.yaml", cwd=folder, check=0)
    rnnctl("train", "--workers", 1, cwd=folder, check=0)
    both = SHORT.replace("study: tiny", "study: both").replace("[0, 1.0]", "[0, 2.0]")
    wide = SHORT.replace("study: tiny", "study: wide").replace("hidden: 12", "hidden: 24")
    for name, text in (("both", both), ("wide", wide)):
        (folder / f"{name}.yaml").write_text(text)
        rnnctl("init", f"{name}.yaml", cwd=folder, check=0)
    return folder


@pytest.fixture
def store(folder):
    Counting.asked.clear()
    with Store.open(folder) as store:
        yield store


def test_known_answers_are_not_computed_again(store):
    told = []
    first = ask(store, "tiny", Counting(), told.append)
    assert Counting.asked == [1, 2, 1, 2]
    labels = [row.label for row in queries.runs_of(store, "tiny")]
    assert told == [f"{label}: number {number}" for label in labels for number in (1, 2)]
    assert [record["number"] for record in first.records()] == [1, 2, 1, 2]
    assert ask(store, "tiny", Counting(), told.append).records() == first.records()
    more = ask(store, "tiny", Counting(counts=(2, 3)), told.append)
    assert Counting.asked == [1, 2, 1, 2, 3, 3]
    assert [record["number"] for record in more.records()] == [2, 3, 2, 3]


def test_an_answer_is_kept_with_the_update_of_its_weights_and_null_for_what_is_not_finite(store):
    (run, *_) = ask(store, "tiny", Counting(counts=(5,))).runs
    (row,) = queries.runs_of(store, run_ids=[run.run_id])
    assert run.step == row.summary["best_step"]
    (kept,) = (each for each in answers.of_runs(store, [run.run_id], "counting") if each.asked == {"number": 5})
    assert (kept.step, kept.answer["loss"]) == (run.step, None)
    assert run.answers == [({"number": 5}, kept.answer)]


def test_weights_are_asked_by_their_name_and_their_answers_kept_by_the_update(store):
    rows = queries.runs_of(store, "tiny")
    by_name = {name: ask(store, "tiny", Counting(counts=(6,)), weights=name) for name in ("best", "last", "7")}
    assert [run.step for run in by_name["best"].runs] == [row.summary["best_step"] for row in rows]
    assert [run.step for run in by_name["last"].runs] == [20, 20]
    assert [run.step for run in by_name["7"].runs] == [7, 7]
    assert {run.weights for run in by_name["last"].runs} == {"last"}
    for row, *runs in zip(rows, *(probed.runs for probed in by_name.values()), strict=True):
        trained = newest(store, row).trained
        for run in runs:
            assert run.answers[0][1]["norm"] == float(trained.views(trained.weights[run.weights])["W_hh"].norm())
    known = list(Counting.asked)
    ask(store, "tiny", Counting(counts=(6,)), weights="last")
    assert Counting.asked == known


def test_numbers_are_those_at_the_top_of_an_answer_that_are_finite(store):
    probed = ask(store, "tiny", Counting(counts=(2,)))
    ((question, answer),) = probed.runs[0].answers
    assert probed.probe.numbers(question, answer) == {"norm": answer["norm"], "number": 2.0}


def test_runs_without_weights_of_that_name_are_left_out(store):
    assert ask(store, "both", Counting(), weights="last").notes == ["1 run without a checkpoint left out"]


@pytest.mark.parametrize(
    ("name", "weights", "code", "line"),
    [
        ("tiny", "bset", Code.USAGE, "weights: 'bset' is neither best nor last nor an update such as 1000"),
        ("tiny", "-3", Code.USAGE, "weights: '-3' is neither best nor last nor an update such as 1000"),
        ("tiny", "1000", Code.NOTHING, "tiny: there are no weights after 1,000 updates, only 0, 7, best"),
        (
            "tiny/omega=0.0 seed=1",
            "0010",
            Code.NOTHING,
            "there are no weights after 10 updates, only 0, 7, best (update ",
        ),
        ("both", "8", Code.NOTHING, "both: there are no weights after 8 updates, only 0, 7, best (update "),
    ],
)
def test_weights_that_are_not_there_are_one_line_that_names_those_that_are(store, name, weights, code, line):
    with pytest.raises(LabError, match=re.escape(line)) as caught:
        ask(store, name, Counting(), weights=weights)
    assert caught.value.code == code
    if code == Code.NOTHING:
        assert str(caught.value).endswith(" and last (update 20)")


def test_runs_without_a_checkpoint_are_left_out_with_the_reason(store):
    probed = ask(store, "both", Counting())
    assert len(probed.runs) == len(probed.left_out) == 1
    assert probed.left_out[0].why == "without a checkpoint"
    assert probed.notes == ["1 run without a checkpoint left out"]
    assert draw(store, probed) is None


@pytest.mark.parametrize(
    ("name", "probe", "code", "line"),
    [
        ("wide", Counting(), Code.USAGE, "wide: the probe counting does not apply: hidden 24 is above 20"),
        ("wide", Counting(widest=30), Code.NOTHING, "wide: no run has a checkpoint yet; see rnnctl train"),
        ("tiny", Alone(), Code.USAGE, "tiny has 2 runs, and alone is for one run: omega=0.0 seed=1, omega=1.0 seed=1"),
        ("tiny", Counting(counts=(13,)), Code.USAGE, "counts: omega=0.0 seed=1: there are 12 units, not 13"),
        ("tiny", Counting(counts=(7,)), Code.FAILURE, "omega=0.0 seed=1: outputs are not finite"),
    ],
)
def test_what_cannot_be_asked_is_one_line(store, name, probe, code, line):
    with pytest.raises(LabError) as caught:
        ask(store, name, probe)
    assert (str(caught.value), caught.value.code) == (line, code)


def test_a_damaged_checkpoint_is_passed_over_with_a_note(store):
    (row, *_) = queries.runs_of(store, "tiny")
    (newest, *_) = checkpoints.live(store, row.run_id)
    path = store.workspace.root / newest.path
    content = path.read_bytes()
    try:
        path.write_bytes(b"rot")
        probed = ask(store, "tiny", Counting(counts=(4,)))
    finally:
        path.write_bytes(content)
    assert probed.notes[0].startswith(f"{newest.path} has 3 bytes instead of ")


def test_a_run_whose_checkpoints_are_all_damaged_is_told_of_it_and_not_to_train(store):
    (row, *_) = queries.runs_of(store, "tiny")
    files = [store.workspace.root / checkpoint.path for checkpoint in checkpoints.live(store, row.run_id)]
    contents = [path.read_bytes() for path in files]
    try:
        for path in files:
            path.write_bytes(b"rot")
        with pytest.raises(LabError) as caught:
            ask(store, row.run_id, Counting(counts=(4,)))
        probed = ask(store, "tiny", Counting(counts=(4,)))
    finally:
        for path, content in zip(files, contents, strict=True):
            path.write_bytes(content)
    assert str(caught.value) == f"{row.run_id}: no checkpoint is sound; rnnctl doctor tells what is damaged"
    assert probed.left_out[0].why == "without a sound checkpoint"
