"""One bit flipped in the database or in a checkpoint, hundreds of times: no command gives other results unnoticed."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.command_line import Done, rnnctl, rows, start_train, wait_until, workspace
from tests.slow.bounds import bounded

FLIPS = int(os.environ.get("RNNCTL_FLIPS", 300))
STUDY = """\
study: {name}
about: A small study of two cells.
base:
  task: {{name: temporal_order, min_length: 10, max_length: 20}}
  model: {{hidden: 10, init: orthogonal}}
  train: {{updates: {updates}, batch: 10, lr: 0.05}}
  check: {{every: 20, samples: 100, chunk: 50, diagnostic_batch: 5}}
  stop: {{solved: never}}
cases: {cases}
"""
FINISHED = STUDY.format(name="finished", updates=100, cases="{RNN: {}, GRU: {model: {name: gru, hidden: 10}}}")
UNFINISHED = STUDY.format(name="unfinished", updates=1_000_000, cases="{RNN: {}}")
COMMANDS = [
    ["status", "--json"],
    ["examine", "--json", "--no-figures"],
    ["show", "finished/GRU", "--json"],
    ["show", "unfinished/RNN", "--json"],
    ["export", "finished", "--format", "jsonl", "--traces"],
    ["export", "GRU", "--format", "csv"],
    ["export", "finished/RNN", "--format", "npz"],
    ["evaluate", "finished", "--lengths", "10,20", "--samples", "50", "--json", "--no-figures"],
    ["doctor", "--json"],
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with finished runs of two cells, their answers, and a run that was interrupted."""
    folder = workspace(tmp_path_factory.mktemp("flips") / "w", FINISHED)
    rnnctl("train", "--checkpoint-updates", 40, cwd=folder, check=0)
    rnnctl("evaluate", "finished", "--lengths", "10,20", "--samples", 50, "--no-figures", cwd=folder, check=0)
    (folder / "unfinished.yaml").write_text(UNFINISHED)
    rnnctl("init", "unfinished.yaml", cwd=folder, check=0)
    training = start_train(folder, "--checkpoint-updates", 40)
    wait_until(lambda: any(row.study == "unfinished" and row.step > 200 for row in rows(folder)), "a checkpoint")
    training.send_signal(signal.SIGINT)
    training.wait()
    return folder


def results(done: Done, folder: Path) -> object:
    """Return what a command says of the workspace, without what differs from one call to the next."""
    with suppress(ValueError):
        record = json.loads(done.stdout)
        if isinstance(record, dict):
            record = {name: value for name, value in record.items() if name not in ("at", "facts", "workspace")}
        return done.returncode, record
    written = [path for path in (folder / line for line in done.stdout.splitlines()) if path.suffix == ".npz"]
    return done.returncode, [] if written else done.stdout, [path.read_bytes() for path in written]


def verdict(done: Done, folder: Path, sound: object) -> str:
    """Return how a command took the damage: it does not matter, or is noticed; silent and unexpected are faults."""
    lines = done.stderr.splitlines()
    if "RNNCTL_DEBUG" in done.stderr or any("unexpected" in line for line in lines):
        return "unexpected"
    if done.returncode == 0 and results(done, folder) == sound:
        return "the same"
    if done.returncode != 0 or any(word in done.stderr for word in ("damaged", "checkpoint")):
        return "noticed"
    return "silent"


def flip(path: Path, dice: random.Random) -> str:
    """Flip a bit of a file; return which one."""
    byte, bit = dice.randrange(path.stat().st_size), dice.randrange(8)
    with path.open("r+b") as file:
        file.seek(byte)
        (value,) = file.read(1)
        file.seek(byte)
        file.write(bytes([value ^ 1 << bit]))
    return f"bit {bit} of byte {byte} of {path.name}"


def test_no_flipped_bit_changes_results_unnoticed(trained: Path, tmp_path: Path, figure) -> None:
    dice = random.Random(int(os.environ.get("RNNCTL_FLIP_SEED", 12)))
    sound = {}
    for command in COMMANDS:
        with bounded():
            sound[tuple(command)] = results(rnnctl(*command, cwd=trained, check=0), trained)
    files = sorted(path.relative_to(trained) for path in trained.glob("checkpoints/*/*.ckpt"))
    told: Counter[str] = Counter()
    noticed = 0
    wrong = []
    for number in range(FLIPS):
        folder = tmp_path / str(number)
        shutil.copytree(trained, folder, ignore=shutil.ignore_patterns("figures", "exports", "logs"))
        place = flip(folder / ("rnnctl.db" if dice.random() < 0.9 else dice.choice(files)), dice)
        verdicts = []
        for command in COMMANDS:
            with bounded():
                done = rnnctl(*command, cwd=folder)
            verdicts.append(verdict(done, folder, sound[tuple(command)]))
            told[verdicts[-1]] += 1
            if verdicts[-1] in ("silent", "unexpected"):
                wrong.append(f"{place}: {command}: {verdicts[-1]}: {done.returncode} {done.stderr}")
        noticed += any(verdict != "the same" for verdict in verdicts)
        shutil.rmtree(folder)
    figure("flips:", FLIPS)
    figure("flips that some command notices:", noticed)
    for name, count in sorted(told.items()):
        figure(f"answers that are {name}:", count)
    assert not wrong, "\n".join(wrong)
