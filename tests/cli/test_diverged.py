"""Runs that diverged before they had a loss: a result, and told as one."""

import pytest

from tests.cli.command_line import one_line, rnnctl, train_here

STUDY = """\
study: wild
base:
  task: {name: text, corpus: words, window: 12}
  model: {hidden: 8, init: orthogonal, activation: relu}
  train: {updates: 20, batch: 5, clip: none}
  check: {every: 20, samples: 20, chunk: 20, diagnostic_batch: 3}
  stop: {solved: never}
cases:
  steep: {train.lr: 3e38}
refine: {variants: {longer: {train.updates: 40}}}
"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """Two studies of finished runs: wild, one that diverged; mixed, that one and one that did not."""
    folder = tmp_path_factory.mktemp("diverged")
    (folder / "words").write_text("".join(f"{n} bottles, {n * n} squares; " for n in range(300)))
    (folder / "wild.yaml").write_text(STUDY)
    mixed = STUDY.replace("study: wild", "study: mixed").replace("cases:", "cases:\n  tame: {train.lr: 0.01}")
    (folder / "mixed.yaml").write_text(mixed)
    rnnctl("init", "wild.yaml", "mixed.yaml", cwd=folder, check=0)
    train_here(folder)
    return folder


def test_no_probe_is_sent_to_train_it_again(workspace):
    one_line(rnnctl("probe", "wild", "generate", cwd=workspace, check=3), "wild: the run diverged before it had a loss")


def test_neither_is_an_evaluation(workspace):
    done = rnnctl("evaluate", "wild", "--lengths", "5", cwd=workspace, check=3)
    one_line(done, "wild: the run diverged before it had a loss")


def test_a_study_is_probed_without_it(workspace):
    done = rnnctl("probe", "mixed", "state-ablation", "--samples", "20", "--no-figures", cwd=workspace, check=0)
    assert done.stderr.splitlines()[-1] == "note: 1 run that diverged without a loss left out"


def test_refine_says_that_it_diverged(workspace):
    done = rnnctl("refine", "wild", "--dry-run", cwd=workspace, check=3)
    one_line(done, "study wild: 1 configuration diverged without a loss: nothing to choose from")
    done = rnnctl("refine", "mixed", "--dry-run", cwd=workspace, check=0)
    assert "note: 1 configuration that diverged without a loss left out: steep" in done.stderr
    assert "without a finished run" not in done.stderr
