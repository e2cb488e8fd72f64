"""Answers to the questions of a study from the results of its runs."""

from __future__ import annotations

import pytest

from rnnctl.lab.answers import Answered, Answers, answers
from rnnctl.lab.errors import LabError
from rnnctl.lab.plan import plan
from rnnctl.lab.records import plain
from rnnctl.lab.register import register
from rnnctl.study.errors import SpecError
from store import Store
from tests.lab.trained import finish

HEAD = """\
study: asked
base:
  task: {name: temporal_order, min_length: 10, max_length: 20}
  model: {init: orthogonal}
  train: {updates: 120, batch: 10}
  check: {every: 20, samples: 100, chunk: 50, diagnostic_batch: 5}
"""
RATES = """\
grid: {train.lr: [0.01, 0.1], model.hidden: [10, 20]}
seeds: [1, 2, 3]
questions:
"""
# By rate and hidden units: seeds add .01 to .03. The larger network is better by .2, the larger rate by .5.
LOSSES: dict[str, float | None] = {
    f"lr={lr} hidden={hidden} seed={seed}": loss + seed / 100
    for lr, hidden, loss in [(0.01, 10, 1.2), (0.01, 20, 1.0), (0.1, 10, 0.7), (0.1, 20, 0.5)]
    for seed in (1, 2, 3)
}


def answered(folder, entries: str, losses=None, axes: str = RATES) -> Answers:
    """Register a study with these questions, finish its runs with these losses, and answer."""
    (folder / "asked.yaml").write_text(HEAD + axes + entries)
    register(folder, [folder / "asked.yaml"])
    with Store.open(folder) as store:
        finish(store, LOSSES if losses is None else losses)
        return answers(store, "asked")


def only(folder, entries: str, losses=None) -> Answered:
    (question,) = answered(folder, entries, losses).questions
    return question


BY_RATE = "- {ask: Which rate, claim: 'The larger.', measure: loss, by: train.lr, expect: {lowest: 0.1}}\n"


def test_a_claim_that_holds_with_its_figures(tmp_path):
    question = only(tmp_path, BY_RATE)
    assert (question.ask, question.claim, question.by) == ("Which rate", "The larger.", "train.lr")
    assert question.label == "best validation loss (nats)"
    assert [(group.name, group.configurations, group.runs) for group in question.groups] == [
        ("0.01", 2, 6),
        ("0.1", 2, 6),
    ]
    low, high = (group.spread for group in question.groups)
    assert (low.mean, low.sd, low.n) == pytest.approx((1.12, 0.01, 3))
    assert high.mean == pytest.approx(0.62)
    assert question.groups[0].values == pytest.approx({"1": 1.11, "2": 1.12, "3": 1.13})
    assert (question.verdict, question.expect) == ("holds", "lowest: 0.1")
    (interval,) = question.intervals
    assert (interval.estimate, interval.n) == pytest.approx((0.5, 3))


def test_a_diverged_configuration_is_left_out_of_both_sides(tmp_path):
    """Else the rate without it would look worse by what the smaller network costs."""
    losses = {**LOSSES, **{f"lr=0.1 hidden=20 seed={seed}": None for seed in (1, 2, 3)}}
    question = only(tmp_path, BY_RATE, losses)
    low, high = question.groups
    assert (low.spread.mean, high.spread.mean) == pytest.approx((1.22, 0.72))
    assert (low.missing, high.missing) == (0, 3)
    assert high.status == {"learning": 3, "diverged": 3}


def test_where_chooses_runs_and_a_claim_can_fail(tmp_path):
    entry = "- {ask: A, measure: loss, by: train.lr, where: {model.hidden: 20}, expect: {lowest: 0.01}}\n"
    question = only(tmp_path, entry)
    assert [group.runs for group in question.groups] == [3, 3]
    assert (question.verdict, question.where) == ("does not hold", "model.hidden=20")
    assert question.why.startswith("0.1 - 0.01 = -0.5 (95 %: ")


@pytest.mark.parametrize(
    ("measure", "expect", "verdict"),
    [
        ("loss", "{ratio: {of: {train.lr: 0.01, model.hidden: 10}, to: {train.lr: 0.1, model.hidden: 20}, above: 2}}",
         "holds"),
        ("error", "{value: {of: {train.lr: 0.1, model.hidden: 20}, is: 0.5, within: 1%}}", "holds"),
        ("rho", "{value: {of: {train.lr: 0.1, model.hidden: 20}, is: 2, within: 1%}}", "does not hold"),
        ("rho@120", "{value: {of: {train.lr: 0.1, model.hidden: 20}, is: 1, within: 1%}}", "holds"),
        ("'reach@0:120'", "{value: {of: {train.lr: 0.1, model.hidden: 20}, is: .5, within: 1%}}", "holds"),
        ("valid_loss<.6", "{value: {of: {train.lr: 0.1, model.hidden: 20}, is: 120, within: 0}}", "holds"),
        ("status.learning", "{value: {of: {train.lr: 0.1, model.hidden: 20}, is: 1, within: 0}}", "holds"),
        ("sigma_max", "{value: {of: {train.lr: 0.1, model.hidden: 20}, above: 0}}", "undecided"),
    ],
)  # fmt: skip
def test_every_kind_of_quantity_of_a_run(tmp_path, measure, expect, verdict):
    entry = f"- {{ask: A, measure: {measure}, by: [train.lr, model.hidden], expect: {expect}}}\n"
    assert only(tmp_path, entry).verdict == verdict


def test_a_loss_that_is_never_reached_counts_with_the_last_update(tmp_path):
    question = only(tmp_path, "- {ask: A, measure: valid_loss<0.001, by: train.lr}\n")
    assert [group.spread.mean for group in question.groups] == [120, 120]
    assert (question.verdict, question.why) == ("not computed", "nothing is claimed of the quantity")


def test_questions_without_a_quantity_are_listed(tmp_path):
    result = answered(tmp_path, BY_RATE + "- {ask: How so, claim: Because.}\n")
    assert result.verdicts == {"holds": 1, "not computed": 1}
    assert (result.questions[1].claim, result.questions[1].groups) == ("Because.", [])
    record = plain(result)
    assert record["questions"][0]["verdict"] == "holds"
    assert record["questions"][0]["groups"][1]["spread"]["n"] == 3


def test_runs_that_have_not_finished_do_not_count(tmp_path):
    some = {label: loss for label, loss in LOSSES.items() if "lr=0.01" in label}
    result = answered(tmp_path, BY_RATE, some)
    assert result.unfinished == 6
    assert (result.questions[0].verdict, result.questions[0].why) == ("undecided", "no value for 0.1")


def test_a_claim_about_all_values_waits_for_those_that_have_not_finished(tmp_path):
    """Judged against the finished ones alone, 0.01 would be the lowest of all."""
    axes = RATES.replace("[0.01, 0.1]", "[0.01, 0.1, 0.3]")
    some = {label: 2.0 - loss for label, loss in LOSSES.items()}
    (question,) = answered(tmp_path, BY_RATE.replace("lowest: 0.1", "lowest: 0.01"), some, axes).questions
    assert (question.verdict, question.why) == ("undecided", "no value for 0.3")
    assert [(group.name, group.runs) for group in question.groups] == [("0.01", 6), ("0.1", 6), ("0.3", 0)]


def test_what_cannot_be_answered_is_told_in_one_line(tmp_path):
    with pytest.raises(LabError, match="asked: no run has finished yet"):
        answered(tmp_path, BY_RATE, {})
    with Store.open(tmp_path) as store, pytest.raises(LabError, match="there is no study 'askd'; did you mean asked"):
        answers(store, "askd")
    (tmp_path / "silent.yaml").write_text((HEAD + "seeds: [1]\n").replace("asked", "silent"))
    register(tmp_path, [tmp_path / "silent.yaml"])
    with Store.open(tmp_path) as store, pytest.raises(LabError, match="the file of silent has no section questions"):
        answers(store, "silent")


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        ("lengthz.loss", r"asked.yaml:10: questions\[1\].measure: there is no probe lengthz; .*mean lengths\?"),
        ("{probe: lengths, number: loss, length: 20}",
         r"asked.yaml:10: questions\[1\].measure: the probe lengths has no setting length; allowed: .*mean lengths\?"),
        ("{probe: lengths, number: loss, lengths: [20], samples: 0}",
         r"asked.yaml:10: questions\[1\].measure.samples: "),
        ("lengths.loss", r"asked.yaml:10: questions\[1\].measure.lengths: field required"),
    ],
)  # fmt: skip
def test_probes_of_questions_are_checked_before_anything_is_registered(tmp_path, measure, message):
    file = tmp_path / "asked.yaml"
    file.write_text(HEAD + RATES + f"- {{ask: A, measure: {measure}}}\n")
    for use in (lambda: plan([file]), lambda: register(tmp_path, [file])):
        with pytest.raises(SpecError, match=message):
            use()
