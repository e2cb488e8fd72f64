"""`answers` as a user types it, on runs that were trained."""

from __future__ import annotations

import json

import pytest

from rnnctl.cli import layout, output
from rnnctl.cli.output import NOTHING, USAGE
from rnnctl.measures import is_scalar
from store import Store, answers, history
from tests.cli.command_line import TINY, one_line, rnnctl

QUESTIONS = """\
questions:
  - ask: Does the regulariser Omega lower the loss?
    claim: Yes; it is said to solve the task at lengths that clipping alone does not, far beyond these few updates.
    measure: loss
    by: train.omega
    expect: {lowest: 1.0}
  - ask: Does the spectral radius stay near 1?
    measure: rho
    by: train.omega
    expect: {value: {of: 0, is: 1, within: 50%}}
  - ask: Is it as good on longer sequences?
    measure: {probe: lengths, number: error, lengths: [40], samples: 50}
    by: train.omega
    expect: {difference: {of: 1.0, to: 0, between: [-1, 1]}}
  - ask: And on longer ones, with the last weights?
    measure: {probe: lengths, number: error, lengths: [40], samples: 50, weights: last}
  - ask: How many weights has it?
    measure: parameters
    expect: {value: {is: 280, within: 0}}
  - ask: Why is that?
    claim: Nobody knows.
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("answers")
    text = TINY.replace("seeds: [1, 2]", "seeds: [1, 2, 3]").replace("updates: 120", "updates: 40")
    (folder / "tiny.yaml").write_text(text + QUESTIONS)
    (folder / "silent.yaml").write_text(TINY.replace("study: tiny", "study: silent"))
    rnnctl("init", "tiny.yaml", "silent.yaml", cwd=folder, check=0)
    rnnctl("train", "tiny", "--workers", "1", cwd=folder, check=0)
    return folder


def test_each_question_has_its_figures_and_a_verdict(folder, monkeypatch):
    for module in (layout, output):
        monkeypatch.setattr(module, "room", lambda stderr=False: 80)
    done = rnnctl("answers", "tiny", cwd=folder, check=0)
    assert max(map(len, done.stdout.splitlines())) <= 80
    for words in (
        "1. Does the regulariser Omega",
        "claim: Yes; it is said",
        "loss: best validation loss (nats)",
        "expected: lowest: 1.0",
        "   holds: 0.0 = ",
        "   holds: 1.0 - 0.0 = ",
        "lengths.error (weights=last lengths=[40] samples=50)",
        "not computed: nothing is claimed of the quantity",
        "   claim: Nobody knows.\n   not computed: the question has no quantity",
        "6 questions: ",
    ):
        assert words in done.stdout
    asked = done.stderr.count("at length 40")
    assert 6 <= asked <= 12  # of the best weights, and of the last where these are others
    again = rnnctl("answers", "tiny", cwd=folder, check=0)
    assert (again.stdout, again.stderr) == (done.stdout, "")  # answers of probes are kept
    with Store.open(folder) as store:
        assert answers.of_runs(store, [run["run"] for run in runs(folder)], "lengths")


def test_every_number_of_a_history_can_be_asked_for(folder):
    """The table of scalars is whole: for these runs, which have Omega and are diagnosed."""
    with Store.open(folder) as store:
        histories = history.read(store, [run["run"] for run in runs(folder)])
    names = {name for read in histories.values() for name in read.scalars}
    assert {name for name in names if not is_scalar(name)} == set()
    assert len(names) > 20


def runs(folder):
    return json.loads(rnnctl("runs", "tiny", "--json", cwd=folder, check=0).stdout)


def test_json_has_the_number_of_each_seed(folder):
    record = json.loads(rnnctl("answers", "tiny", "--json", cwd=folder, check=0).stdout)
    assert record["study"] == "tiny"
    first, *_, last = record["questions"]
    assert set(first["groups"][0]["values"]) == {"1", "2", "3"}
    assert {"estimate", "low", "high", "n", "what"} <= set(first["intervals"][0])
    assert (last["verdict"], last["measure"], last["groups"]) == ("not computed", "", [])


def test_a_table_for_a_page(folder):
    lines = rnnctl("answers", "tiny", "--markdown", cwd=folder, check=0).stdout.splitlines()
    assert lines[0] == "| question | claim | our figure | verdict |"
    assert len(lines) == 2 + 6
    assert {line.count(" | ") for line in lines} == {3}
    assert lines[2].startswith("| Does the regulariser Omega lower the loss? | Yes; it is said")
    assert "`parameters`: all = 280 (95 %: 280 to 280) | holds |" in lines[6]
    assert lines[7] == "| Why is that? | Nobody knows. | - | not computed |"
    assert "| our expectation: 0 between 0.5 and 1.5 | `rho`: " in lines[3]  # of a verdict without a claim
    assert "with the last weights? | - | " in lines[5]  # and nothing is expected
    one_line(rnnctl("answers", "tiny", "--markdown", "--json", cwd=folder, check=USAGE), "exclude each other")


def test_the_only_study_with_questions_need_not_be_named(folder, tmp_path):
    assert rnnctl("answers", cwd=folder, check=0).stdout == rnnctl("answers", "tiny", cwd=folder, check=0).stdout
    (tmp_path / "silent.yaml").write_text(TINY.replace("study: tiny", "study: silent"))
    rnnctl("init", "silent.yaml", cwd=tmp_path, check=0)
    one_line(rnnctl("answers", cwd=tmp_path, check=NOTHING), "no registered study has a section questions")
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(TINY.replace("study: tiny", f"study: {name}") + QUESTIONS)
        rnnctl("init", f"{name}.yaml", cwd=tmp_path, check=0)
    one_line(rnnctl("answers", cwd=tmp_path, check=USAGE), "2 studies have questions; name one: one, two")
    rnnctl("archive", "two", cwd=tmp_path, check=0)
    one_line(rnnctl("answers", cwd=tmp_path, check=NOTHING), "one: no run has finished yet")


def test_plan_tells_that_there_are_questions(folder):
    assert "6 questions: rnnctl answers tiny" in rnnctl("plan", "tiny.yaml", cwd=folder, check=0).stdout


def test_a_study_without_questions_or_without_finished_runs_is_told_in_one_line(folder):
    silent = rnnctl("answers", "silent", cwd=folder, check=NOTHING)
    one_line(silent, "the file of silent has no section questions")
    one_line(rnnctl("answers", "tini", cwd=folder, check=NOTHING), "did you mean tiny?")
