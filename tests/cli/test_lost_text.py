"""Finished runs whose text cannot be read any more: all that needs no text is still shown."""

import json
from typing import Any

import pytest

from tests.cli.command_line import rnnctl, train_here

STUDY = """\
study: letters
base:
  task: {name: text, corpus: words, window: 12}
  model: {hidden: 8, init: orthogonal}
  train: {updates: 20, batch: 5, lr: 0.05}
  check: {every: 10, samples: 20, chunk: 20, diagnostic_batch: 3}
  stop: {solved: never}
grid: {train.lr: [0.01, 0.05]}
"""


@pytest.fixture(scope="module")
def lost(tmp_path_factory):
    """A workspace of two runs that are done, and whose corpus has gone."""
    folder = tmp_path_factory.mktemp("lost")
    (folder / "words").write_text("".join(f"{n} bottles, {n * n} squares; " for n in range(300)))
    (folder / "letters.yaml").write_text(STUDY)
    rnnctl("init", "letters.yaml", cwd=folder, check=0)
    train_here(folder)
    (folder / "words").unlink()
    return folder


def test_a_missing_text_is_told_once_and_waits_for_retry(tmp_path):
    words = tmp_path / "words"
    words.write_text("".join(f"{n} bottles, {n * n} squares; " for n in range(300)))
    (tmp_path / "letters.yaml").write_text(STUDY)
    rnnctl("init", "letters.yaml", cwd=tmp_path, check=0)
    text = words.read_bytes()
    words.unlink()
    events: list[dict[str, Any]] = []
    train_here(tmp_path, events=events.append)
    reason = f"corpus {words}: no such file"
    failed = [each for each in events if each["event"] == "failed"]
    assert [each["status"] for each in failed] == ["failed", "failed"]
    assert all(each["error"].startswith(reason) and "\n" not in each["error"] for each in failed)
    assert reason in rnnctl("show", "lr=0.01", cwd=tmp_path, check=0).stdout
    words.write_bytes(text)
    rnnctl("retry", "--failed", cwd=tmp_path, check=0)
    train_here(tmp_path)
    assert {row["ended"] for row in json.loads(rnnctl("runs", "--json", cwd=tmp_path, check=0).stdout)} == {"budget"}


@pytest.mark.parametrize(
    ("command", "drawn"),
    [(["examine", "letters"], "loss, error, train_loss"), (["plot", "letters", "loss"], "loss.png")],
)
def test_figures_are_drawn_without_the_lines_that_need_the_text_and_say_so_once(lost, command, drawn):
    done = rnnctl(*command, cwd=lost, check=0)
    assert drawn in done.stdout
    (note,) = done.stderr.splitlines()
    assert note.startswith(f"note: no lines for losses with a known meaning: corpus {lost / 'words'}: ")
    assert "no such file" in note


def test_effects_need_no_text(lost):
    done = rnnctl("effects", "letters", cwd=lost, check=0)
    assert done.stderr == ""
    assert "best validation loss (nats per" in done.stdout
