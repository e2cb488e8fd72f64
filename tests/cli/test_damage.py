"""Damage in a workspace, from the command that first meets it to the same results again."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from pathlib import Path

import pytest
import torch

from store import Store, checkpoints, queries
from tests.cli.command_line import TINY, bits, one_line, rnnctl, train_here, workspace
from tests.store.damage import damage, damage_text

FIRST = "run_id = (SELECT run_id FROM runs WHERE seq = 1)"
LABEL = "tiny/omega=0.0 seed=1"


@pytest.fixture(scope="module")
def trained(once) -> Path:
    """A workspace of four runs that are done."""

    def fill(folder: Path) -> None:
        workspace(folder, TINY)
        train_here(folder, checkpoint_updates=40)

    return once("damage", fill)


@pytest.fixture
def folder(trained, tmp_path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "w"))


@pytest.mark.parametrize(
    ("table", "change", "where"),
    [
        ("history", "scalars = '{}'", f"{FIRST} AND step = 100"),
        ("jobs", "summary = '{}'", FIRST),
    ],
)
def test_a_damaged_run_has_the_same_bits_after_repair_and_retry(folder, table, change, where):
    before = bits(folder)
    damage(folder, table, change, where)
    one_line(rnnctl("export", "tiny", "--format", "csv", cwd=folder, check=1), f"damaged row ({table}: ", LABEL)
    assert f"a damaged row in {table}: " in rnnctl("doctor", cwd=folder, check=1).stdout
    assert f"`rnnctl retry {LABEL}` makes it again" in rnnctl("doctor", "--repair", "--yes", cwd=folder, check=0).stderr
    assert "database and checkpoints are whole" in rnnctl("doctor", cwd=folder, check=0).stdout
    assert LABEL in rnnctl("status", cwd=folder, check=0).stdout
    rnnctl("retry", LABEL, cwd=folder, check=0)
    train_here(folder)
    assert bits(folder) == before


@pytest.mark.parametrize(
    "change", ["scalars = replace(scalars, ':', '=')", "scalars = replace(scalars, '1', '2')", "traces = x'00'"]
)
def test_a_damaged_check_is_told_where_only_a_summary_of_the_history_is_read(folder, change):
    damage(folder, "history", change, f"{FIRST} AND step = 120")
    done = rnnctl("examine", "--json", "--no-figures", cwd=folder, check=1)
    one_line(done, "damaged row (history: ", f"`rnnctl retry {LABEL}` then makes the run again")


@pytest.mark.parametrize(
    "command", [["status"], ["examine"], ["show", LABEL], ["plot", "tiny", "loss"], ["retry", LABEL]]
)
def test_a_label_that_is_not_utf_8_is_told_in_a_line(folder, command):
    damage_text(folder, "labels", "label", FIRST)
    one_line(
        rnnctl(*command, cwd=folder, check=1), "has a damaged row (labels: ", "`rnnctl init STUDY` then restores it"
    )


def test_training_goes_on_beside_a_label_that_is_not_utf_8(tmp_path):
    folder = workspace(tmp_path / "w")
    damage_text(folder, "labels", "label", FIRST)
    done = rnnctl("train", cwd=folder, check=4)
    assert "has a damaged row (labels: " in done.stderr
    with sqlite3.connect(folder / "rnnctl.db") as connection:
        ends = connection.execute("SELECT status, count(*) FROM jobs GROUP BY status").fetchall()
    assert dict(ends) == {"done": 3, "quarantined": 1}
    rnnctl("doctor", "--repair", "--yes", cwd=folder, check=0)
    rnnctl("init", "study.yaml", cwd=folder, check=0)
    rnnctl("retry", "--failed", cwd=folder, check=0)
    train_here(folder)
    shown = rnnctl("examine", "--csv", "--no-figures", cwd=folder, check=0).stdout.splitlines()
    assert [line.split(",")[1] for line in shown[1:]].count(LABEL.removeprefix("tiny/")) == 1


def test_a_checkpoint_that_might_run_code_is_not_loaded_and_told_in_our_words(folder):
    with Store.open(folder) as store:
        row = queries.runs_of(store)[0]
        checkpoint = checkpoints.newest_sound(store, row.run_id).checkpoint
        path = folder / checkpoint.path
        torch.save({"run_id": row.run_id, "path": Path("x")}, path)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        with store.transaction():
            store.execute(
                "UPDATE checkpoints SET sha256 = ?, size = ? WHERE path = ?",
                (sha256, path.stat().st_size, checkpoint.path),
            )
    done = rnnctl("export", LABEL, "--format", "npz", cwd=folder)
    assert done.returncode == 1
    one_line(done, LABEL, f"{path.name} was not loaded: ", "might run code")
    assert "weights_only" not in done.stderr
