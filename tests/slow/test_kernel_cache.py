"""Trouble with the files of compiled kernels is no fault of the runs: all end, with the same bits and without a strike.

And kernels of every cell have the same bits just compiled and loaded from disk.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from store import Store, queries
from tests.cli.command_line import bits, environment, in_a_process, rnnctl, rows, workspace

ROOT = Path(__file__).parents[2]
PROGRAM = """\
import hashlib
from rnnctl.study.run import RunSpec
from tests.training.memory import train

for cell in ("rnn", "gru", "lstm", "gated"):
    for optimizer in ("sgd", "adam"):
        spec = RunSpec.model_validate(
            {
                "task": {"name": "memorization", "min_length": 6, "max_length": 9},
                "model": {"name": cell, "hidden": 9, **({"init": "orthogonal"} if cell == "rnn" else {})},
                "train": {"updates": 8, "batch": 5, "lr": 0.05, "optimizer": optimizer},
                "check": {"every": 4, "samples": 10, "chunk": 10, "diagnostic_batch": 3},
                "stop": {"solved": "never"},
            }
        )
        weights = train({"a": spec}).state("a")["weights"]
        print(cell, optimizer, hashlib.sha256(weights.numpy().tobytes()).hexdigest())
"""


def test_the_first_process_of_a_machine_trains_the_same_bits_as_the_next(tmp_path):
    cache = {"RNNCTL_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}
    compiled, loaded = (in_a_process(sys.executable, "-c", PROGRAM, cwd=ROOT, check=0, **cache) for _ in range(2))
    assert list((tmp_path / "cache").rglob("*.kernel"))
    assert len(compiled.stdout.splitlines()) == 8
    assert compiled.stdout == loaded.stdout


STUDY = """\
study: few-kernels
base:
  task: {name: temporal_order, min_length: 10, max_length: 20}
  model: {hidden: 12, init: orthogonal}
  train: {updates: 40, batch: 10, lr: 0.05}
  check: {every: 20, samples: 100, chunk: 50, diagnostic_batch: 5}
  stop: {solved: never}
seeds: [1, 2]
"""


def trained(folder: Path, **variables: str) -> tuple[dict, list[str]]:
    """Train a new workspace. Return the bits of its runs, and what was said of compiled kernels."""
    workspace(folder, STUDY)
    done = rnnctl("train", cwd=folder, check=0, **variables)
    for row in rows(folder):
        assert (row.status, row.outcome, row.strikes) == ("done", "budget", 0)
    with Store.open(folder, readonly=True) as store:
        assert all(len(queries.attempts(store, row.run_id)) == 1 for row in queries.runs_of(store))
    return bits(folder), [line for line in done.stderr.splitlines() if "compiled kernel" in line]


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The bits of the study with a cache that works, and that cache."""
    folder = tmp_path_factory.mktemp("sound")
    expected, said = trained(folder / "workspace", RNNCTL_CACHE=str(folder / "cache"))
    assert said == []
    assert len(files(folder / "cache")) >= 4
    return expected, folder / "cache"


def files(cache: Path) -> list[Path]:
    return sorted((cache / "kernels").glob("*.kernel"))


def emptied(content: bytes) -> bytes:
    return b""


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("harm", [emptied, flipped])
def test_damaged_kernels_are_compiled_again(harm, sound, tmp_path):
    expected, cache = sound
    copies = tmp_path / "cache" / "kernels"
    copies.mkdir(parents=True)
    for path in files(cache):
        (copies / path.name).write_bytes(harm(path.read_bytes()))
    variables = {"RNNCTL_CACHE": str(tmp_path / "cache")}
    actual, (line,) = trained(tmp_path / "workspace", **variables)
    assert actual == expected
    assert line.startswith(f"compiled kernels in {copies} cannot be used and are compiled again, first rnnctl.")
    assert line.endswith(": its checksum is wrong")
    again, said = trained(tmp_path / "again", **variables)
    assert (again, said) == (expected, [])


def test_a_home_that_cannot_be_written_is_told_and_a_temporary_folder_used(sound, tmp_path):
    expected, _ = sound
    (tmp_path / "tmp").mkdir()
    nowhere = {"XDG_CACHE_HOME": os.devnull, "TMPDIR": str(tmp_path / "tmp")}
    actual, (line,) = trained(tmp_path / "workspace", **nowhere)
    assert actual == expected
    assert line.startswith("compiled kernels cannot be kept in /dev/null/rnnctl/kernels: Not a directory; ")
    again, said = trained(tmp_path / "again", **nowhere)
    assert again == expected
    assert len(said) <= 1  # where all kernels are loaded from the temporary folder, nothing is slower


def test_without_any_folder_each_worker_compiles_its_kernels(sound, tmp_path):
    expected, _ = sound
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp" / f"rnnctl-kernels-{os.getuid()}").write_text("")
    nowhere = {"XDG_CACHE_HOME": os.devnull, "TMPDIR": str(tmp_path / "tmp")}
    actual, (line,) = trained(tmp_path / "workspace", **nowhere)
    assert actual == expected
    assert line.startswith("compiled kernels cannot be kept, so each worker compiles them anew")
    doctor = [sys.executable, "-m", "rnnctl", "doctor"]
    told = in_a_process(*doctor, cwd=tmp_path / "workspace", check=0, **nowhere).stdout
    assert "/dev/null/rnnctl/kernels: cannot be used: Not a directory" in told
    assert "each worker compiles its kernels anew" in told


TOGETHER = """\
import sys
import numpy as np
from rnnctl.kernels.tiled import add_product
from rnnctl.kernels.heads import transpose

sys.stdin.readline()
kind = np.dtype(sys.argv[1])
a = np.arange(60, dtype=kind).reshape(6, 10)
turned, c = np.zeros((10, 6), kind), np.ones((6, 6), kind)
transpose(a, turned)
add_product(a, turned, c)
assert (c == 1 + a @ a.T).all()
print(*(sum(kernel.stats.cache_misses.values()) for kernel in (transpose, add_product)))
"""


def test_processes_that_compile_at_once_for_other_types_and_processors_do_not_mix_them_up(tmp_path):
    generic = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    kinds = [("float32", {}), ("float32", {}), ("float64", {}), ("float32", generic)]
    for misses in ("1 1", "0 0"):
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", TOGETHER, kind],
                env=environment(RNNCTL_CACHE=str(tmp_path), **processor),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for kind, processor in kinds
        ]
        for process in processes:  # all are started before any goes on
            process.stdin.write("go\n")
            process.stdin.flush()
        ends = [process.communicate(timeout=300)[0].strip() for process in processes]
        assert [process.returncode for process in processes] == [0] * 4
        if misses == "0 0":
            assert set(ends) == {misses}
        else:
            assert "1 1" in ends
