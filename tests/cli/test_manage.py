"""`cancel`, `retry`, `doctor` and `backup`."""

import json

from tests.cli.command_line import bits, counts, one_line, rnnctl, train_here, workspace


def test_cancelled_runs_are_not_trained_and_can_come_back(tmp_path):
    folder = workspace(tmp_path / "w")
    one_line(rnnctl("cancel", "omega=1.0 seed=1", cwd=folder, check=2), "--yes")
    rnnctl("cancel", "omega=1.0 seed=1", "--yes", cwd=folder, check=0)
    train_here(folder)
    assert counts(folder) == {**dict.fromkeys(counts(folder), 0), "done": 3, "cancelled": 1}
    rnnctl("retry", "--study", "tiny", cwd=folder, check=0)
    train_here(folder)
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
    train_here(folder)
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
    made, studies, damaged, hint, restore = done.stderr.splitlines()
    assert "&& rm -f rnnctl.db rnnctl.db-journal rnnctl.db-wal rnnctl.db-shm &&" in restore
    assert made == f"{tmp_path / 'copy'}: database and {len(files) - 1} checkpoints, verified"
    assert damaged == f"damaged: {files[0].relative_to(tmp_path / 'sound')}: its content has changed (sha256 differs)"
    assert studies == f"1 study file in {tmp_path / 'copy' / 'studies'}"
    assert "except for 1 damaged checkpoint" in hint
    assert (tmp_path / "copy" / files[0].relative_to(tmp_path / "sound")).exists()
