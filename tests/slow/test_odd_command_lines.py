"""Hundreds of random command lines: each ends with a known status and says why; what only reads writes nothing."""

from __future__ import annotations

import random
import shlex
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from rnnctl.cli.app import app
from tests.cli.command_line import STARTS_PROCESSES, TINY, rnnctl, workspace
from tests.slow.bounds import bounded

LINES = 300
LETTERS = """\
study: letters
base:
  task: {name: text, corpus: corpus.txt, level: chars, window: 12}
  model: {hidden: 16}
  train: {updates: 40, batch: 10, lr: 0.05}
  check: {every: 20, samples: 50, chunk: 50, diagnostic_batch: 5}
  stop: {solved: never}
cases: {rnn: {model.init: orthogonal}, gru: {model.name: gru}}
"""
LEFT_OUT = {*STARTS_PROCESSES, "worker"}
ENDLESS = {"--watch", "--install-completion", "--show-completion"}
READ = {"studies", "plan", "corpus", "status", "examine", "effects", "plot", "show", "export"}
OUT = ["out", "out/x.csv", "out.png"]
OUTPUT = {"figures", "exports", "out", "out.png"}  # what reading commands write
NAMES = [
    "tiny", "letters", "tiny/omega=1.0 seed=1", "rnn", "letters/gru", "r1-", "tinny", "study.yaml", "letters.yaml",
    "quickstart", "corpus.txt", "nosuch", "loss", "gradient", "all",
]  # fmt: skip
ODD = [
    "", " ", "-1", "0", "1", "2", "5", "0.5", "nan", "inf", "1,2", "1,x", "x=y", "omega=1", "lr", "50%", ".",
    "loss", "last_loss", "npz", "csv", "jsonl", "0,end", "é", "a\nb", "\x1b[31m", "{", "'", "x" * 300, "--", "-",
]  # fmt: skip


def words(dice: random.Random) -> list[str]:
    """Return a random command line, more often than not of a known command with its own options."""
    command: Any = typer.main.get_command(app)
    line: list[str] = []
    while hasattr(command, "commands"):
        names = [name for name in command.commands if name not in LEFT_OUT]
        name = dice.choice(names) if dice.random() < 0.97 else dice.choice(ODD)
        line += arguments(command, dice) if line else []
        line.append(name)
        if name not in command.commands:
            return line
        command = command.commands[name]
    line += arguments(command, dice)
    for option in dice.sample(options := list(own_options(command)), k=min(len(options), dice.randint(0, 3))):
        line.append(dice.choice(option.opts))
        if not option.is_flag:
            line.append(dice.choice(OUT if "--out" in option.opts else ODD + NAMES))
    if dice.random() < 0.1:
        line.insert(dice.randint(1, len(line)), dice.choice([*ODD, "--nosuch"]))
    return line


def arguments(command: Any, dice: random.Random) -> list[str]:
    """Return values for the arguments of a command, now and then too few or too many."""
    wanted = sum(parameter.param_type_name == "argument" for parameter in command.params)
    count = max(0, wanted + dice.choice([0, 0, 0, 0, 0, 0, -1, 1]))
    return [dice.choice(NAMES) if dice.random() < 0.85 else dice.choice(ODD) for _ in range(count)]


def own_options(command: Any) -> Iterator[Any]:
    for parameter in command.params:
        if parameter.param_type_name == "option" and not ENDLESS & set(parameter.opts):
            yield parameter


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A workspace of two studies that are done."""
    folder = workspace(tmp_path_factory.mktemp("odd") / "w", TINY)
    (folder / "corpus.txt").write_text("".join(f"{n} cafés, {n * n} más; " for n in range(400)))
    (folder / "letters.yaml").write_text(LETTERS)
    rnnctl("init", "letters.yaml", cwd=folder, check=0)
    rnnctl("train", "--workers", 2, cwd=folder, check=0)
    return folder


def kept(folder: Path) -> tuple[list[str], dict[str, int]]:
    """Return every row of the database, and the time of change of every other file that is no output."""
    connection = sqlite3.connect(f"file:{folder / 'rnnctl.db'}?mode=ro", uri=True)
    try:
        rows = list(connection.iterdump())
    finally:
        connection.close()
    files = {
        name: path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file() and (name := str(path.relative_to(folder))).split("/")[0] not in OUTPUT
    }
    return rows, files


def only_reads(line: list[str]) -> bool:
    """Whether a command line promises to leave the workspace as it is."""
    if line[0] == "doctor":
        return "--repair" not in line
    return line[0] in READ or (line[0] == "refine" and "--dry-run" in line)


def test_random_command_lines_end_well_and_reading_writes_nothing(trained, tmp_path, figure):
    dice = random.Random(6)
    ends: Counter[int] = Counter()
    compared = 0
    wrong = []
    for number in range(LINES):
        folder = tmp_path / str(number)
        shutil.copytree(trained, folder)
        line = words(dice)
        shown = shlex.join(line)
        before = kept(folder)
        try:
            with bounded():
                done = rnnctl(*line, cwd=folder, RNNCTL_CACHE=str(tmp_path / "cache"))
        except BaseException as error:
            raise AssertionError(shown) from error
        ends[done.returncode] += 1
        if done.returncode not in (0, 1, 2, 3, 4) or "RNNCTL_DEBUG" in done.stderr:
            wrong.append(f"{shown}: ends with {done.returncode}: {done.stderr}")
        elif done.returncode in (1, 2) and not done.stderr.splitlines()[-1].startswith("rnnctl: "):
            wrong.append(f"{shown}: its error is not one line: {done.stderr}")
        if only_reads(line):
            compared += 1
            if kept(folder) != before:
                wrong.append(f"{shown}: changes the workspace")
        shutil.rmtree(folder)
    for code, count in sorted(ends.items()):
        figure(f"exit status {code}:", count)
    figure("commands that only read:", compared)
    assert not wrong, "\n".join(wrong)
    assert ends[0] > LINES / 10
