"""Workspaces that are missing, locked, read-only, too new, deleted or on a full disk."""

import json
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.cli.command_line import (
    PATIENCE,
    TINY,
    counts,
    environment,
    in_a_process,
    one_line,
    rnnctl,
    train_here,
    wait_until,
    workspace,
)
from tests.store import older

LONG = TINY.replace("updates: 120", "updates: 10000000")


@pytest.mark.parametrize(
    "command", [["train"], ["status"], ["examine"], ["show", "x"], ["doctor"], ["retry", "--failed"]]
)
def test_without_a_workspace_every_command_says_how_to_make_one(tmp_path, command):
    one_line(rnnctl(*command, cwd=tmp_path, check=3), "no workspace", "rnnctl init")


def test_a_workspace_is_found_from_below(trained):
    (trained / "notes" / "deep").mkdir(parents=True, exist_ok=True)
    assert "tiny" in rnnctl("status", cwd=trained / "notes" / "deep", check=0).stdout


@pytest.mark.parametrize("command", [["train"], ["status"], ["examine"], ["init"]])
def test_a_workspace_of_a_newer_version_is_refused(tmp_path, command):
    folder = workspace(tmp_path / "w")
    with sqlite3.connect(folder / "rnnctl.db") as database:
        database.execute("PRAGMA user_version = 999")
    database.close()
    one_line(rnnctl(*command, cwd=folder, check=1), "newer")


def test_a_workspace_of_an_older_version_is_upgraded_by_the_command_that_the_message_names(tmp_path):
    folder = older.build(tmp_path / "w", 4)
    one_line(rnnctl("status", cwd=folder, check=1), "older version", "`rnnctl doctor`")
    before = older.tables(folder)
    rnnctl("doctor", cwd=folder)  # the checkpoints of this workspace have no files, which is what it may complain of
    after = older.tables(folder)
    assert after["studies"] == before["studies"]
    assert [run["run_id"] for run in after["runs"]] == [run["run_id"] for run in before["runs"]]
    rnnctl("status", cwd=folder, check=0)


def test_a_workspace_that_is_deleted_while_it_is_trained_stays_deleted_and_train_says_so(tmp_path):
    folder = workspace(tmp_path / "w", LONG)
    command = [sys.executable, "-m", "rnnctl", "train", "--checkpoint-seconds", "0.1"]
    train = subprocess.Popen(command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        wait_until(lambda: any(folder.rglob("*.ckpt")), "a checkpoint")
        folder.rename(tmp_path / "gone")  # at once, where rmtree could meet a new file
        _, err = train.communicate(timeout=PATIENCE)
    finally:
        train.kill()
    assert train.returncode == 1
    (line,) = [line for line in err.decode().splitlines() if line.startswith("rnnctl: ")]
    assert line == f"rnnctl: {folder}/rnnctl.db was deleted, moved or replaced while it was in use; nothing was written"
    assert not folder.exists()
    # What was moved is whole, and training goes on there.
    rnnctl("doctor", cwd=tmp_path / "gone", check=0)


def test_a_folder_with_a_path_that_is_too_long_is_called_that(tmp_path):
    folder = tmp_path.joinpath(*["a" * 100] * 5)
    folder.mkdir(parents=True)
    (folder / "study.yaml").write_text(TINY)
    fragments = ("rnnctl.db has ", " bytes, and SQLite takes at most 504; use a folder with a shorter path")
    one_line(rnnctl("init", "study.yaml", cwd=folder, check=1), *fragments)
    one_line(rnnctl("init", "study.yaml", "-w", tmp_path / ("a" * 256), cwd=folder, check=1), "name too long")
    copy = workspace(tmp_path / "w")
    one_line(rnnctl("backup", folder / "copy", cwd=copy, check=1), *fragments)


@pytest.mark.parametrize("command", [["train"], ["status"], ["examine"]])
def test_a_file_that_is_no_database_is_refused(tmp_path, command):
    (tmp_path / "rnnctl.db").write_text("This is a diary, not a database. " * 100)
    one_line(rnnctl(*command, cwd=tmp_path, check=1), "rnnctl.db")


def test_a_locked_database_is_told(tmp_path):
    """In a process that is less patient than a user's, who waits half a minute for the lock."""
    folder = workspace(tmp_path / "w")
    lock = sqlite3.connect(folder / "rnnctl.db", isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    code = (
        "import sys, store; from functools import partial; from rnnctl.cli.app import main\n"
        "store.Store.open = partial(store.Store.open, timeout=0.2)\n"
        "sys.argv = ['rnnctl', 'cancel', '--study', 'tiny', '--yes']; main()"
    )
    try:
        one_line(in_a_process(sys.executable, "-c", code, cwd=folder, check=1), "locked")
    finally:
        lock.close()


def as_nobody(folder, *args):
    """Run a command in a folder that it may read and not write; without root's power to write anywhere.

    Modules are loaded first: nobody may not even be able to read the interpreter's own.
    """
    folder.chmod(0o555)
    (folder / "rnnctl.db").chmod(0o444)
    code = (
        "import os, sys\n"
        "import rnnctl.cli.examine, rnnctl.cli.progress, rnnctl.cli.setup\n"
        "import rnnctl.lab.maintain, rnnctl.report.cost, rnnctl.study.loading, jobs.pool, jobs.store_ledger, psutil\n"
        "from rnnctl.cli.app import main\n"
        "rnnctl.study.loading.load_study('quickstart')\n"
        "if os.geteuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        f"sys.argv = ['rnnctl', *{list(args)!r}, '--workspace', {str(folder)!r}]\n"
        "main()\n"
    )
    return in_a_process(sys.executable, "-c", code, cwd=Path("/"))


@pytest.fixture
def open_tmp():
    """A temporary folder that every user can reach; pytest's own are for their owner alone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.mark.parametrize("command", [["init"], ["train"], ["cancel", "--study", "tiny", "--yes"]])
def test_a_read_only_folder_is_told(open_tmp, command):
    folder = workspace(open_tmp / "w")
    done = as_nobody(folder, *command)
    assert done.returncode == 1
    one_line(done, str(folder), "writ")


def test_a_read_only_folder_can_be_looked_at(open_tmp):
    folder = workspace(open_tmp / "w")
    done = as_nobody(folder, "status", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counts"]["queued"] == 4


def test_a_full_disk_is_told_and_leaves_the_workspace_whole(tmp_path):
    folder = workspace(tmp_path / "w")
    limit = (folder / "rnnctl.db").stat().st_size + 2000
    code = (
        f"import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}));"
        "from rnnctl.cli.app import main; import sys; sys.argv = ['rnnctl', 'train']; main()"
    )
    done = in_a_process(sys.executable, "-c", code, cwd=folder, check=1)
    assert "full" in done.stderr
    train_here(folder)
    assert counts(folder)["done"] == 4


def test_files_of_the_users_are_not_taken_for_ours(tmp_path):
    folder = workspace(tmp_path / "w")
    for name in ("store", "jobs", "plots", "yaml", "queue"):
        (folder / f"{name}.py").write_text("raise RuntimeError('a file of the user')")
    code = "import sys; sys.argv = ['rnnctl', 'train']; from rnnctl.cli.app import main; main()"
    done = in_a_process(sys.executable, "-P", "-c", code, cwd=folder, check=0)
    assert "4 runs: 4 budget" in done.stderr


def test_a_closed_pipe_is_no_error(trained):
    command = f"{sys.executable} -m rnnctl examine --json | head -c 10"
    assert in_a_process("bash", "-o", "pipefail", "-c", command, cwd=trained).stderr == ""


@pytest.mark.parametrize(
    "args",
    [
        ["init", "--seeds", "1\n2"],
        ["show", "a\nb"],
        ["examine", "--where", "a\nb"],
        ["a\nb"],
    ],
)
def test_a_word_of_several_lines_is_told_in_one(trained, args):
    done = rnnctl(*args, cwd=trained)
    assert done.returncode in (2, 3)
    one_line(done, "\\n")
