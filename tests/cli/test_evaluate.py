"""`evaluate` as a user types it: other lengths, kept results, and mistakes."""

import json
import math

import pytest

from store import Store, answers
from tests.cli.command_line import TINY, one_line, rnnctl, train_here, workspace


def test_a_study_is_evaluated_at_every_length_drawn_and_kept(trained):
    done = rnnctl("evaluate", "tiny", "--lengths", "10,40,25", "--samples", 200, cwd=trained, check=0)
    header = done.stdout.splitlines()[0]
    assert header.index("at 10") < header.index("at 25") < header.index("at 40")
    assert "chance" in done.stdout
    assert (trained / "figures" / "tiny-generalisation.png").stat().st_size > 10_000
    with Store.open(trained, readonly=True) as store:
        ids = [row["run_id"] for row in store.rows("SELECT run_id FROM runs")]
        kept = answers.of_runs(store, ids, "lengths")
    asked = sorted({(a.asked["length"], a.asked["samples"], a.asked["seed"]) for a in kept})
    assert asked == [(10, 200, 1), (25, 200, 1), (40, 200, 1)]
    assert len(kept) == 12


def test_what_is_known_is_not_computed_again(trained):
    args = ("evaluate", "tiny", "--lengths", "10,30", "--samples", 100, "--json")
    first, second = (rnnctl(*args, cwd=trained, check=0) for _ in range(2))
    assert json.loads(first.stdout) == json.loads(second.stdout)
    assert len(json.loads(first.stdout)) == 8
    assert "at length 30" in first.stderr
    assert second.stderr == ""


def test_it_is_the_probe_lengths(trained):
    args = ("--lengths", "11,14", "--samples", 50)
    for more in ((), ("--json",)):
        evaluated = rnnctl("evaluate", "tiny", *args, *more, cwd=trained, check=0)
        probed = rnnctl("probe", "tiny", "lengths", *args, *more, cwd=trained, check=0)
        assert probed.stdout == evaluated.stdout
        assert probed.stderr == ""


def test_one_run_is_evaluated_alone(trained):
    args = ("evaluate", "tiny/omega=1.0 seed=1", "--lengths", "12", "--samples", 100, "--json")
    (actual,) = json.loads(rnnctl(*args, cwd=trained, check=0).stdout)
    assert actual["label"] == "omega=1.0 seed=1"
    assert actual["floor"] == pytest.approx(1.3863, abs=1e-4)


@pytest.mark.parametrize(
    ("args", "code", "fragments"),
    [
        (["tiny", "--lengths", "5"], 2, ["--lengths: ", "temporal_order has no length 5", "at least 10"]),
        (["tiny", "--lengths", "10,x"], 2, ["--lengths", "whole numbers"]),
        (["tiny", "--lengths", "0"], 2, ["--lengths 0", "whole numbers from 1"]),
        (["tiny", "--lengths", "10", "--samples", "1500"], 2, ["--samples", "1,000"]),
        (["tny", "--lengths", "10"], 3, ["tny", "tiny"]),
        (["tiny"], 2, ["--lengths"]),
    ],
)
def test_mistakes_get_one_line(trained, args, code, fragments):
    done = rnnctl("evaluate", *args, cwd=trained, check=code)
    (line,) = done.stderr.strip().splitlines()
    for fragment in fragments:
        assert fragment in line


def test_a_study_without_a_trained_run_is_told(tmp_path):
    folder = workspace(tmp_path / "w")
    done = rnnctl("evaluate", "tiny", "--lengths", "10", cwd=folder, check=3)
    assert "no run has a checkpoint" in done.stderr


def test_a_run_of_two_studies_goes_by_the_name_that_was_used(tmp_path):
    folder = workspace(
        tmp_path / "w", TINY.replace("study: tiny", "study: first").replace("seeds: [1, 2]", "seeds: [1]")
    )
    again = TINY.replace("study: tiny", "study: second").replace("grid: {train.omega: [0, 1.0]}", "cases: {b: {}}")
    (folder / "again.yaml").write_text(again.replace("seeds: [1, 2]\n", ""))
    rnnctl("init", "again.yaml", cwd=folder, check=0)
    train_here(folder)
    for word, study, label in [
        ("second/b", "second", "b"),
        ("b", "second", "b"),
        ("first/omega=0.0 seed=1", "first", "omega=0.0 seed=1"),
    ]:
        args = ("evaluate", word, "--lengths", "12", "--samples", 50, "--json")
        (actual,) = json.loads(rnnctl(*args, cwd=folder, check=0).stdout)
        assert (actual["study"], actual["label"]) == (study, label)


def test_tasks_with_different_chances_have_a_row_each(tmp_path):
    mixed = TINY.replace("grid: {train.omega: [0, 1.0]}", "grid: {task.name: [temporal_order, addition]}")
    folder = workspace(tmp_path / "w", mixed.replace("seeds: [1, 2]", "seeds: [1]"))
    train_here(folder)
    table = rnnctl("evaluate", "tiny", "--lengths", "12", "--samples", 50, "--no-figures", cwd=folder, check=0).stdout
    assert "chance (temporal_order)" in table
    assert "chance (addition)" in table


LETTERS = """\
study: letters
base:
  task: {name: text, corpus: corpus.txt, level: chars, window: 12}
  model: {hidden: 16}
  train: {updates: 4, batch: 5}
  check: {every: 2, samples: 20, chunk: 20, diagnostic_batch: 5}
  stop: {solved: never}
cases:
  chars: {}
  bytes: {task.level: bytes}
"""


def test_text_is_judged_in_bits_per_byte_on_the_test_split(tmp_path):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("".join(f"{n} cafés, {n * n} más; " for n in range(90)))
    folder = workspace(tmp_path / "w", LETTERS.replace("corpus.txt", str(corpus)))
    train_here(folder)
    args = ("evaluate", "letters", "--samples", 30, "--lengths")
    done = rnnctl(*args, "6,30", cwd=folder, check=0)
    header, *rows = done.stdout.splitlines()
    assert header.index("bits per byte at 6") < header.index("bits per byte at 30")
    floors = {row.split(")")[0]: row.split(")")[1].split() for row in rows if row.startswith("floor")}
    assert set(floors) == {"floor (character", "floor (byte"}
    assert (folder / "figures" / "letters-generalisation.png").stat().st_size > 10_000
    chars, letters = json.loads(rnnctl(*args, "30", "--json", cwd=folder, check=0).stdout)
    assert chars["bytes_per_answer"] > 1 == letters["bytes_per_answer"]
    for actual in (chars, letters):
        bits = actual["loss"] / math.log(2) / actual["bytes_per_answer"]
        assert actual["bits_per_byte"] == pytest.approx(bits, rel=1e-12)
    for actual, symbol in ((chars, "character"), (letters, "byte")):
        floor = actual["floor"] / math.log(2) / actual["bytes_per_answer"]
        assert float(floors[f"floor ({symbol}"][1]) == pytest.approx(floor, rel=5e-3)
    one_line(rnnctl(*args, "500", cwd=folder, check=2), "--lengths: the test split has")
