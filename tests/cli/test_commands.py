"""Every command as a user types it, right and wrong."""

import csv
import io
import json
import re
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from store import sums
from tests.cli.command_line import (
    PATIENCE,
    TINY,
    bits,
    counts,
    environment,
    in_a_process,
    one_line,
    rnnctl,
    wait_until,
    workspace,
)
from tests.store import older

REFERENCE = Path(__file__).parents[2] / "rnnctl/docs/commands.md"
ANSI = re.compile(r"\x1b\[")
COMMANDS = (
    "init", "studies", "plan", "corpus", "train", "status", "examine", "effects", "plot", "show", "evaluate", "probe",
    "refine", "export", "retry", "cancel", "doctor", "backup", "bench",
)  # fmt: skip


LONG = TINY.replace("updates: 120", "updates: 10000000")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A workspace whose four runs are done. Tests only read it."""
    folder = workspace(tmp_path_factory.mktemp("trained") / "w")
    rnnctl("train", cwd=folder, check=0)
    return folder


# --- help
# -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_is_in_the_reference(command, tmp_path):
    done = rnnctl(command, "--help", cwd=tmp_path, check=0)
    usage, about = done.stdout.split("\n\n")[:2]
    assert usage.startswith("Usage: ")
    assert about.strip()
    assert f"rnnctl {command}" in REFERENCE.read_text()


def test_the_list_of_commands_is_whole(tmp_path):
    listed = re.findall(r"^  ([a-z]+)  ", rnnctl("--help", cwd=tmp_path, check=0).stdout, re.M)
    assert sorted(listed) == sorted(COMMANDS)


def test_version(tmp_path):
    assert re.fullmatch(r"rnnctl \d+\.\d+\.\d+\n", rnnctl("--version", cwd=tmp_path, check=0).stdout)


# --- init, studies, plan
# --------------------------------------------------------------------------------------------------


def test_init_registers_once(tmp_path):
    folder = workspace(tmp_path / "w")
    again = rnnctl("init", "study.yaml", cwd=folder, check=0)
    assert "tiny: 0 new runs, 4 known" in again.stderr
    (folder / "study.yaml").write_text(TINY.replace("seeds: [1, 2]", "seeds: [1, 2, 3]"))
    more = rnnctl("init", "study.yaml", cwd=folder, check=0)
    assert "tiny: 2 new runs, 4 known" in more.stderr
    assert counts(folder)["queued"] == 6


def test_two_studies_share_a_run(tmp_path):
    folder = workspace(tmp_path / "w")
    (folder / "other.yaml").write_text(
        TINY.replace("study: tiny", "study: other").replace("seeds: [1, 2]", "seeds: [2, 3]")
    )
    done = rnnctl("init", "other.yaml", cwd=folder, check=0)
    assert "other: 2 new runs, 0 known, 2 shared with other studies" in done.stderr
    assert counts(folder)["queued"] == 6


def test_a_wrong_file_among_several_registers_nothing(tmp_path):
    (tmp_path / "good.yaml").write_text(TINY)
    (tmp_path / "bad.yaml").write_text(TINY.replace("hidden: 12", "hiden: 12"))
    done = rnnctl("init", "good.yaml", "bad.yaml", cwd=tmp_path, check=2)
    one_line(done, "bad.yaml:5", "hiden", "did you mean hidden?")
    assert not (tmp_path / "rnnctl.db").exists()


def test_init_without_a_study_registers_the_quickstart(tmp_path):
    done = rnnctl("init", cwd=tmp_path, check=0)
    assert "quickstart: 6 new runs" in done.stderr


def test_other_seeds_add_replicates_and_stay_with_the_study(tmp_path):
    folder = workspace(tmp_path / "w")
    assert counts(folder)["queued"] == 4
    planned = json.loads(rnnctl("plan", "study.yaml", "--seeds", "2,3,5", "--json", cwd=folder, check=0).stdout)
    assert len(planned[0]["runs"]) == 6
    done = rnnctl("init", "study.yaml", "--seeds", "2,3,5", cwd=folder, check=0)
    assert "tiny: 4 new runs, 2 known" in done.stderr
    assert counts(folder)["queued"] == 8
    script = rnnctl("export", "--commands", "tiny", cwd=folder, check=0).stdout
    assert "seeds: [1, 2, 3, 5]" in script + "".join(path.read_text() for path in folder.glob("exports/**/*.yaml"))
    for wrong in ("2,x", "-1", "", "1.5"):
        done = rnnctl("init", "study.yaml", f"--seeds={wrong}", cwd=folder, check=2)
        one_line(done, f"--seeds {wrong}: whole numbers from 0")
    assert counts(folder)["queued"] == 8


def test_packaged_studies_are_listed_and_can_be_planned(tmp_path):
    listed = json.loads(rnnctl("studies", "--json", cwd=tmp_path, check=0).stdout)
    assert {"quickstart", "temporal-order-short", "temporal-order-ec"} <= {one["study"] for one in listed}
    assert all(one["runs"] for one in listed)
    some = [one for one in listed if one["study"] in ("quickstart", "text-levels", "gated-exploration-32")]
    names = [one["study"] for one in some]
    planned = json.loads(rnnctl("plan", *names, "--json", cwd=tmp_path, check=0).stdout)
    assert [(one["study"], len(one["runs"])) for one in planned] == [(one["study"], one["runs"]) for one in some]
    text = rnnctl("plan", *names, cwd=tmp_path, check=0).stdout
    assert all(f"{name}: " in text for name in names)
    assert not (tmp_path / "rnnctl.db").exists(), "plan registers nothing"


def test_plan_shows_how_many_runs_and_what_differs(tmp_path):
    (tmp_path / "study.yaml").write_text(TINY)
    shown = rnnctl("plan", "study.yaml", "--rows", 3, cwd=tmp_path, check=0).stdout
    assert "4 runs of 2 configurations, 1 pack key, 480 updates" in shown
    assert "train.omega" in shown
    assert "1 more run" in shown


def test_plan_of_a_study_that_says_nothing_of_itself_starts_with_its_name(tmp_path):
    (tmp_path / "study.yaml").write_text(TINY)
    about = "about: Four runs that a test can wait for.\n"
    assert about in TINY
    (tmp_path / "silent.yaml").write_text(TINY.replace(about, ""))
    first_lines = [
        rnnctl("plan", name, cwd=tmp_path, check=0).stdout.splitlines()[0] for name in ("study.yaml", "silent.yaml")
    ]
    assert first_lines == ["tiny: Four runs that a test can wait for.", "tiny"]


def test_an_unknown_study_name_is_told_with_the_nearest(tmp_path):
    one_line(rnnctl("init", "quickstrt", cwd=tmp_path, check=2), "quickstrt", "did you mean quickstart?")


# --- examine
# --------------------------------------------------------------------------------------------------------------


def test_examine_prints_a_leaderboard_with_floors_and_draws_figures(trained):
    done = rnnctl("examine", "--below", "1.386", cwd=trained, check=0)
    assert "floor" in done.stdout
    assert "1.386" in done.stdout
    assert "of 4 runs below 1.386" in done.stdout
    folder = trained / "figures" / "tiny"
    names = {path.stem for path in folder.glob("*.png")}
    assert {"loss", "hyperparameters", "hyperparameters_below", "gradient", "gradient_histogram", "saturation",
            "spectrum"} <= names  # fmt: skip
    assert str(folder) in done.stdout


def test_examine_json_is_whole_and_plain_when_piped(trained):
    done = rnnctl("examine", "tiny", "--below", "9", "--json", cwd=trained, check=0, COLUMNS="20", FORCE_COLOR="1")
    assert not ANSI.search(done.stdout)
    actual = json.loads(done.stdout)
    assert len(actual["runs"]) == 4
    assert len(actual["configurations"]) == 2
    assert actual["below"] == 9
    assert actual["configurations"][0]["loss"]["n"] == 2
    assert actual["runs"][0]["floor"] == pytest.approx(1.386294)


def test_piped_tables_are_neither_cut_nor_coloured(trained):
    for command in (["examine", "--no-figures"], ["status"], ["show", "tiny/omega=1.0 seed=1"], ["studies"]):
        narrow = rnnctl(*command, cwd=trained, check=0, COLUMNS="20", FORCE_COLOR="1").stdout
        assert not ANSI.search(narrow)
        assert "…" not in narrow
    assert "omega=1.0" in rnnctl("examine", "--no-figures", cwd=trained, check=0, COLUMNS="20").stdout


def test_examine_csv_has_a_row_for_each_run(trained):
    actual = list(csv.DictReader(io.StringIO(rnnctl("examine", "--csv", cwd=trained, check=0).stdout)))
    assert len(actual) == 4
    assert {row["floor"] for row in actual} == {"1.3862943611198906"}


def test_examine_where_and_sort_and_top(trained):
    only = json.loads(
        rnnctl("examine", "--where", "omega=1", "--where", "seed=2", "--json", cwd=trained, check=0).stdout
    )
    assert [run["label"] for run in only["runs"]] == ["omega=1.0 seed=2"]
    by_omega = json.loads(rnnctl("examine", "--sort", "omega", "--json", cwd=trained, check=0).stdout)
    assert [group["label"] for group in by_omega["configurations"]] == ["omega=0.0", "omega=1.0"]
    top = json.loads(rnnctl("examine", "--top", "1", "--json", cwd=trained, check=0).stdout)
    assert len(top["configurations"]) == 1


@pytest.mark.parametrize(
    ("args", "code", "fragments"),
    [
        (["--below", "nan"], 2, ["--below", "finite"]),
        (["--below", "abc"], 2, ["--below", "valid number"]),
        (["--where", "omega"], 2, ["key=value"]),
        (["--where", "omga=1"], 2, ["omga", "did you mean train.omega?"]),
        (["--sort", "los"], 2, ["--sort", "did you mean loss?"]),
        (["--json", "--csv"], 2, ["exclude each other"]),
        (["tinny"], 3, ["tinny", "did you mean tiny?"]),
        (["--where", "omega=7"], 3, ["no run matches"]),
        (["--nonsense"], 2, ["--nonsense"]),
    ],
)
def test_examine_answers_mistakes_in_one_line(trained, args, code, fragments):
    one_line(rnnctl("examine", *args, cwd=trained, check=code), *fragments)


# --- train, status, show
# --------------------------------------------------------------------------------------------------


def test_train_with_nothing_to_do_says_so(trained):
    one_line(rnnctl("train", cwd=trained, check=3), "nothing to do: 4 done")


def test_status_and_show_as_json(trained):
    status = json.loads(rnnctl("status", "--json", cwd=trained, check=0).stdout)
    assert status["counts"]["done"] == 4
    shown = json.loads(rnnctl("show", "omega=1.0 seed=1", "--json", cwd=trained, check=0).stdout)
    assert shown["outcome"] == "budget"
    assert [check["step"] for check in shown["checks"]] == [20, 40, 60, 80, 100, 120]
    assert shown["attempts"][0]["environment"]["bits"]["threads"] == 1
    assert shown["attempts"][0]["ended_as"] == "done"
    prefix = json.loads(rnnctl("show", shown["run_id"][:8], "--json", cwd=trained, check=0).stdout)
    assert prefix["run_id"] == shown["run_id"]


def test_show_prints_spec_environment_attempts_and_checks(trained):
    shown = rnnctl("show", "omega=1.0 seed=1", cwd=trained, check=0).stdout
    for part in ("spec", "attempts", "environment", "checkpoints", "last 6 checks", "valid_loss", '"mkl_cbwr"'):
        assert part in shown


@pytest.mark.parametrize("command", ["show", "retry", "cancel"])
def test_an_unknown_run_is_told_with_what_comes_near(trained, command):
    one_line(rnnctl(command, "omega=1.0 seed=3", cwd=trained, check=3), "omega=1.0 seed=3", "did you mean")


def test_a_name_that_is_not_utf_8_is_told(trained):
    one_line(rnnctl("show", "\udcff", cwd=trained, check=2), r"'\udcff' is not valid UTF-8")


def test_an_ambiguous_run_is_told(trained):
    one_line(rnnctl("show", "r1-", cwd=trained, check=3), "could be 4 runs")


def test_a_plan_for_a_card_says_which_card_it_assumes(tmp_path):
    done = rnnctl("plan", "quickstart", "--device", "cuda", cwd=tmp_path, check=0, CUDA_VISIBLE_DEVICES="")
    assert "on RTX 3090: roughly " in done.stdout
    assert "an estimate that tells minutes from hours" in done.stdout
    assert "launches an update: " in done.stdout
    assert "on RTX 3090" not in rnnctl("plan", "quickstart", "--device", "cpu", cwd=tmp_path, check=0).stdout
    one_line(rnnctl("plan", "quickstart", "--device", "cuda:0,cuda:1", cwd=tmp_path, check=2), "--device", "2 cards")


def test_device_cuda_without_a_gpu_is_refused_in_one_line(tmp_path):
    folder = workspace(tmp_path / "w")
    one_line(rnnctl("train", "--device", "cuda", cwd=folder, check=2, CUDA_VISIBLE_DEVICES=""), "--device cuda", "cpu")
    one_line(rnnctl("train", "--device", "cuda:7", cwd=folder, check=2, CUDA_VISIBLE_DEVICES=""), "--device cuda:7")
    assert counts(folder)["queued"] == 4


@pytest.mark.parametrize("name", ["cuda", "cuda:7", "cuda:0,cuda:1", "gpu:1", ""])
def test_bench_refuses_a_card_that_is_absent_in_one_line(tmp_path, name):
    one_line(rnnctl("bench", "--device", name, cwd=tmp_path, check=2, CUDA_VISIBLE_DEVICES=""), "--device", name)


def test_pack_bounds_how_many_runs_train_together(tmp_path):
    folder = workspace(tmp_path / "w")
    rnnctl("train", "--pack", 3, cwd=folder, check=0)
    events = map(json.loads, (folder / "logs" / "events.jsonl").read_text().splitlines())
    assert [len(event["runs"]) for event in events if event["event"] == "claimed"] == [3, 1]


@pytest.mark.parametrize(
    "args",
    [
        ["--workers", "0"],
        ["--device", ""],
        ["--device", "tpu"],
        ["--device", "cuda:0,cuda:0"],
        ["--lease", "-1"],
        ["--checkpoint-updates", "0"],
        ["--pack", "0"],
    ],
)
def test_train_refuses_nonsense(tmp_path, args):
    folder = workspace(tmp_path / "w")
    done = rnnctl("train", *args, cwd=folder, check=2)
    one_line(done, args[0])
    assert not any(words in done.stderr for words in ("Value error", "Input should"))  # pydantic's own


# --- manage
# ---------------------------------------------------------------------------------------------------------------


def test_cancelled_runs_are_not_trained_and_can_come_back(tmp_path):
    folder = workspace(tmp_path / "w")
    one_line(rnnctl("cancel", "omega=1.0 seed=1", cwd=folder, check=2), "--yes")
    rnnctl("cancel", "omega=1.0 seed=1", "--yes", cwd=folder, check=0)
    rnnctl("train", cwd=folder, check=0)
    assert counts(folder) == {**dict.fromkeys(counts(folder), 0), "done": 3, "cancelled": 1}
    rnnctl("retry", "--study", "tiny", cwd=folder, check=0)
    rnnctl("train", cwd=folder, check=0)
    assert counts(folder)["done"] == 4


def test_retry_needs_something_to_retry(trained):
    one_line(rnnctl("retry", "--failed", cwd=trained, check=3), "nothing to retry")
    one_line(rnnctl("retry", cwd=trained, check=2), "--failed")


def test_doctor_finds_a_sound_workspace_sound(trained):
    done = rnnctl("doctor", cwd=trained, check=0)
    for part in ("journal", "file system", "torch", "numba", "whole"):
        assert part in done.stdout
    assert json.loads(rnnctl("doctor", "--json", cwd=trained, check=0).stdout)["wrong"] == []


def test_doctor_finds_orphans_and_sets_them_aside(tmp_path):
    folder = workspace(tmp_path / "w")
    stray = folder / "checkpoints" / "r1-nobody" / "a1-s5.pt"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"x")
    assert str(stray) in rnnctl("doctor", cwd=folder, check=0).stdout
    told = rnnctl("doctor", "--repair", "--yes", cwd=folder, check=0).stderr
    assert told == f"1 file moved into {folder}/set-aside; delete it if no database misses them\n"
    assert not stray.exists()
    assert (folder / "set-aside" / "r1-nobody" / "a1-s5.pt").read_bytes() == b"x"


def test_an_empty_database_is_refused_by_every_command_and_costs_no_checkpoint(tmp_path):
    folder = workspace(tmp_path / "w")
    rnnctl("train", cwd=folder, check=0)
    (folder / "rnnctl.db").write_bytes(b"")
    files = sorted((folder / "checkpoints").rglob("*.ckpt"))
    assert files
    for command in (
        ["doctor"], ["doctor", "--repair", "--yes"], ["train"], ["status"], ["examine"], ["backup", tmp_path / "copy"],
    ):  # fmt: skip
        one_line(
            rnnctl(*command, cwd=folder, check=1),
            "rnnctl.db is empty: what was in it is lost; restore it from a backup",
        )
    one_line(rnnctl("init", cwd=folder, check=1), "rnnctl.db is empty, but ", f"has {len(files)} checkpoints of runs")
    assert (folder / "rnnctl.db").read_bytes() == b""
    assert sorted((folder / "checkpoints").rglob("*.ckpt")) == files
    assert not (tmp_path / "copy").exists()


def test_a_backup_is_a_workspace_with_the_same_bits(trained, tmp_path):
    rnnctl("backup", tmp_path / "copy", cwd=trained, check=0)
    assert bits(tmp_path / "copy") == bits(trained)
    one_line(rnnctl("backup", tmp_path / "copy", cwd=trained, check=1), "exists already")


def test_a_backup_with_a_damaged_checkpoint_is_made_and_is_not_called_verified(trained, tmp_path):
    rnnctl("backup", tmp_path / "sound", cwd=trained, check=0)
    files = sorted((tmp_path / "sound" / "checkpoints").rglob("*.ckpt"))
    content = bytearray(files[0].read_bytes())
    content[len(content) // 2] ^= 1
    files[0].write_bytes(content)
    done = rnnctl("backup", tmp_path / "copy", cwd=tmp_path / "sound", check=1)
    made, damaged, hint, restore = done.stderr.splitlines()
    assert "&& rm -f rnnctl.db rnnctl.db-journal rnnctl.db-wal rnnctl.db-shm &&" in restore
    assert made == f"{tmp_path / 'copy'}: database and {len(files) - 1} checkpoints, verified"
    assert damaged == f"damaged: {files[0].relative_to(tmp_path / 'sound')}: its content has changed (sha256 differs)"
    assert "except for 1 damaged checkpoint" in hint
    assert (tmp_path / "copy" / files[0].relative_to(tmp_path / "sound")).exists()


# --- workspaces in trouble
# ------------------------------------------------------------------------------------------------


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
    folder = workspace(tmp_path / "w")
    harmed(folder, "UPDATE studies SET name = '../../x'")
    for command in [*EVERY_KIND[2:], ["backup", tmp_path / "copy"]]:
        one_line(rnnctl(*command, cwd=folder, check=1), "has the study name '../../x', which rnnctl never writes")
    found = rnnctl("doctor", cwd=folder, check=1).stdout
    assert "wrong: database rnnctl.db: has the study name '../../x', which is not allowed" in found
    assert sorted(path.name for path in tmp_path.iterdir()) == ["w"]


def test_a_checkpoint_that_is_another_file_is_not_removed_by_train_and_not_copied_by_backup(tmp_path):
    folder = workspace(tmp_path / "w")
    rnnctl("train", cwd=folder, check=0)
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
    assert f"wrong: checkpoint {thesis}: " in rnnctl("doctor", cwd=folder, check=1).stdout
    told = rnnctl("train", cwd=folder, check=1).stderr.splitlines()
    assert any(all(fragment in line for fragment in fragments) for line in told)
    assert thesis.read_text() == "years of work"
    assert not (tmp_path / "copy").exists()


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
        "import rnnctl.cli.progress, rnnctl.lab.maintain, rnnctl.report.cost, rnnctl.study.loading, jobs.pool, psutil\n"
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
    rnnctl("train", cwd=folder, check=0)
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
