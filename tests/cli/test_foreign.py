"""Workspaces that somebody else has changed: every command says what is wrong and writes nothing."""

import sqlite3
from contextlib import closing

from store import sums
from tests.cli.command_line import one_line, rnnctl, train_here, workspace


def harmed(folder, statement):
    """Change a workspace as somebody else could."""
    with closing(sqlite3.connect(folder / "rnnctl.db")) as database, database:
        sums.register(database)
        database.execute(statement)
    return folder


EVERY_KIND = (
    ["doctor"], ["doctor", "--repair", "--yes"], ["train"], ["status"], ["examine"], ["export", "tiny", "-f", "csv"],
    ["export", "--commands"], ["init", "study.yaml"], ["retry", "--failed"],
)  # fmt: skip


def test_a_trigger_or_view_of_somebody_else_is_told_by_every_command(tmp_path):
    folder = workspace(tmp_path / "w")
    harmed(folder, "CREATE TRIGGER gone AFTER UPDATE ON jobs BEGIN DELETE FROM labels; END")
    before = (folder / "rnnctl.db").read_bytes()
    for command in [*EVERY_KIND, ["backup", tmp_path / "copy"]]:
        one_line(rnnctl(*command, cwd=folder, check=1), "trigger gone on jobs is foreign")
    assert (folder / "rnnctl.db").read_bytes() == before
    assert not (tmp_path / "copy").exists()


def test_a_study_with_the_name_of_another_folder_is_told_by_every_command_and_nothing_is_written(tmp_path):
    """By all but `train`, which needs no name of a study: it trains the runs."""
    folder = workspace(tmp_path / "w")
    harmed(folder, "UPDATE studies SET name = '../../x'")
    before = (folder / "rnnctl.db").read_bytes()
    for command in [*EVERY_KIND[2:], ["backup", tmp_path / "copy"]]:
        if command != ["train"]:
            one_line(rnnctl(*command, cwd=folder, check=1), "has the study name '../../x', which rnnctl never writes")
    found = rnnctl("doctor", cwd=folder, check=1).stdout
    assert "wrong: database rnnctl.db: a damaged row in studies: name ../../x, invalid name; " in found
    assert (folder / "rnnctl.db").read_bytes() == before
    train_here(folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["w"]


def test_a_checkpoint_that_is_another_file_is_not_removed_by_train_and_not_copied_by_backup(tmp_path):
    folder = workspace(tmp_path / "w")
    train_here(folder)
    thesis = tmp_path / "thesis.tex"
    thesis.write_text("years of work")
    harmed(
        folder,
        f"UPDATE checkpoints SET path = '{thesis}' WHERE id = (SELECT min(id) FROM checkpoints WHERE status = 'live')",
    )
    harmed(
        folder,
        """UPDATE jobs SET status = 'queued', outcome = NULL
           WHERE run_id = (SELECT run_id FROM checkpoints WHERE path LIKE '%thesis.tex')""",
    )
    fragments = (f"names '{thesis}' as a checkpoint of run ", "it was neither read nor removed")
    one_line(rnnctl("backup", tmp_path / "copy", cwd=folder, check=1), *fragments)
    found = rnnctl("doctor", cwd=folder, check=1).stdout
    assert "wrong: database rnnctl.db: a damaged row in checkpoints: run_id r1-" in found
    told = rnnctl("train", cwd=folder, check=4).stderr
    assert "has a damaged row (checkpoints: run_id r1-" in told
    assert "1 run: 1 quarantined" in told
    assert thesis.read_text() == "years of work"
    assert not (tmp_path / "copy").exists()
