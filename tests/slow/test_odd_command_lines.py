"""Hundreds of random command lines: each ends with a known status and says why; what only reads writes nothing.

Words are odd in every way: orders to terminals, markup, thousands of digits, paths that are too long, bytes that are no
UTF-8. Nothing that a command prints may be obeyed by a terminal.
"""

from __future__ import annotations

import random
import shlex
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from rnnctl.cli.app import app
from tests.cli.command_line import TINY, Done, rnnctl, workspace
from tests.cli.studies import write_study_of_folders
from tests.slow.bounds import bounded

LINES = 500
FOLDERS = ["a[/b]\x1b[31m", "$x^2$ <c>\u202e\n\x7f"]
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
# These compute for minutes.
LEFT_OUT = {"bench", "gradcheck"}
# Those that take seconds are drawn less often: one reads all packaged studies, the other runs in a process of its own.
SELDOM = {"studies": 0.1, "train": 0.3}
# They change the files of a shell, or ask which one it is.
OPTIONS_LEFT_OUT = {"--install-completion", "--show-completion"}
READ = {
    "studies",
    "plan",
    "corpus",
    "grammar",
    "status",
    "runs",
    "examine",
    "effects",
    "plot",
    "report",
    "show",
    "diff",
    "export",
}
OUT = [
    "out", "out/x.csv", "out.png", "out/\x1b[31m.csv", "out/[/b].svg", "out/\udcff.png", f"out/{'x' * 300}.png",
    "out/$x$.svg", "/dev/null", "/dev/full",
]  # fmt: skip
OUTPUT = {"figures", "exports", "reports", "out", "out.png"}  # what reading commands write
RUNS = ["tiny/omega=1.0 seed=1", "rnn", "letters/gru", "r1-", "omega=0.0 seed=2"]
STUDIES = ["tiny", "letters", "outside"]
FILES = ["study.yaml", "letters.yaml", "outside.yaml"]
WRONG = ["tinny", "quickstart", "nosuch", "all", *FOLDERS]
# Values that make sense, by the metavar of an argument, or by the name of an option.
FITTING = {
    "[STUDY]": STUDIES, "[STUDY...]": STUDIES, "[STUDY]...": FILES, "STUDY": STUDIES, "STUDY...": FILES,
    "RUN": RUNS, "[RUN]...": RUNS, "RUN|STUDY": RUNS + STUDIES, "STUDY|RUN": RUNS + STUDIES,
    "KIND": ["loss", "gradient", "hyperparameters"],
    "RUN|STUDY...": RUNS + STUDIES, "--budget": ["5s", "1h30m"],
    "FILE|FOLDER|stdlib": ["corpus.txt", *FOLDERS], "DIR": ["copy"], "LEXICON": ["lab", "elman"],
    "STUDY|RUN...": RUNS + STUDIES, "TAG": ["good"], "[TEXT]": ["a note"], "[FILE]": ["copy.yaml"],
    "--at": ["0,end", "20"], "--below": ["2", "0"], "--best": ["1", "50%"], "--by": ["loss", "error"],
    "--browser": ["nosuch"],
    "--context": ["0,1"], "--copy": ["quickstart"], "--set": ["train.lr=0.1", "model.hidden=9"],
    "--device": ["cpu"], "--format": ["npz", "csv", "jsonl", "log"], "--height": ["5"], "--last": ["3"],
    "--lengths": ["8,12"], "--level": ["bytes", "chars"], "--name": ["new"], "--out": OUT, "--pack": ["2"],
    "--prompt": ["1", "\x07\u202e"], "--rows": ["2", "0"], "--samples": ["10"], "--seed": ["3"], "--seeds": ["1,2"],
    "--sort": ["loss", "omega"], "--split": ["0.8,0.1,0.1", "test"], "--study": STUDIES, "--symbols": ["5"],
    "--temperature": ["0.5"], "--top": ["1"], "--where": ["omega=1", "seed=1,2", "loss<2"], "--width": ["5"],
    "--workspace": ["."],
}  # fmt: skip
ODD = [
    "", " ", "-1", "0", "1", "2", "5", "0.5", "nan", "inf", "1e999", "1,2", "1,x", "x=y", "omega=1", "lr", "50%", ".",
    "loss", "last_loss", "npz", "csv", "jsonl", "0,end", "é", "a\nb", "\t", "{", "'", "--", "-", "=", ",,", "٣",
    "1_000", "\x1b[31m", "\x1b]0;title\x07", "\x9b2J", "\x7f", "\r", "\u202e", "\u2028", "\udcff", "\U0001f600", "[/b]",
    "[red]x",
    "$x^2$", "%s{0}", "9" * 5000, "-" + "9" * 5000, "1," + "9" * 5000, f"omega={'9' * 5000}", "9" * 5000 + "%",
    "cuda:" + "9" * 5000, "x" * 300, "x" * 5000, "/".join(["x" * 200] * 30), "[" * 5000, '{"workspace": 1}',
]  # fmt: skip


def words(dice: random.Random) -> list[str]:
    """Return a random command line, more often than not of a known command with its own options."""
    command: Any = typer.main.get_command(app)
    line: list[str] = []
    while hasattr(command, "commands"):
        names = [name for name in command.commands if name not in LEFT_OUT]
        (name,) = dice.choices(names, [SELDOM.get(name, 1.0) for name in names])
        if dice.random() < 0.03:
            name = dice.choice(ODD)
        line += arguments(command, dice) if line else []
        line.append(name)
        if name not in command.commands:
            return line
        command = command.commands[name]
    line += arguments(command, dice)
    options = [option for option in parameters(command, "option") if not OPTIONS_LEFT_OUT & set(option.opts)]
    for option in dice.sample(options, k=min(len(options), dice.choice([0, 0, 1, 1, 2, 3]))):
        line.append(dice.choice(option.opts))
        if not option.is_flag:
            line.append(value(option.opts[0], dice))
    if dice.random() < 0.1:
        line.insert(dice.randint(1, len(line)), dice.choice([*ODD, "--nosuch"]))
    return line


def arguments(command: Any, dice: random.Random) -> list[str]:
    """Return values for the arguments of a command, now and then too few or too many."""
    wanted = [value(argument.metavar, dice) for argument in parameters(command, "argument")]
    return dice.choice([*[wanted] * 8, wanted[:-1], [*wanted, dice.choice(ODD)]])


def value(what: str, dice: random.Random) -> str:
    """Return a value for an argument or option: mostly one that fits, else an odd one."""
    return dice.choice(FITTING[what]) if what in FITTING and dice.random() < 0.75 else dice.choice(ODD + WRONG)


def parameters(command: Any, kind: str) -> list[Any]:
    """Return the arguments or the options of a command."""
    return [each for each in command.get_params(typer.Context(command)) if each.param_type_name == kind]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of three studies that are done."""
    folder = workspace(tmp_path_factory.mktemp("odd") / "w", TINY)
    (folder / "corpus.txt").write_text("".join(f"{n} cafés, {n * n} más; " for n in range(400)))
    (folder / "letters.yaml").write_text(LETTERS)
    write_study_of_folders(folder, "outside", r"\e[31m\n[/b]", FOLDERS)
    rnnctl("init", "letters.yaml", "outside.yaml", cwd=folder, check=0)
    rnnctl("train", cwd=folder, check=0)
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
    if line[0] == "studies":
        return "--copy" not in line
    return line[0] in READ or (line[0] in ("refine", "delete", "merge") and "--dry-run" in line)


def complaints(line: list[str], done: Done) -> Iterator[str]:
    """Yield what is wrong with what a command printed, and with its exit status."""
    if done.returncode not in (0, 1, 2, 3, 4) or "RNNCTL_DEBUG" in done.stderr:
        yield f"ends with {done.returncode}: {done.stderr}"
    # `doctor` prints what is wrong as data, and `backup` goes on to its end.
    last = (done.stderr.splitlines() or [""])[-1]
    if done.returncode in (1, 2) and line[0] not in ("doctor", "backup") and not last.startswith("rnnctl: "):
        yield f"its error is not one line: {done.stderr}"
    if not (done.stdout + done.stderr).replace("\n", "").isprintable():
        yield f"it prints what a terminal obeys: {done.stdout + done.stderr!r}"


def test_random_command_lines_end_well_and_reading_writes_nothing(
    trained: Path, tmp_path: Path, figure: Callable[[str, object], None]
) -> None:
    dice = random.Random(6)
    ends: Counter[int] = Counter()
    known = kept(trained)
    folder, fresh = tmp_path / "w", False
    compared = 0
    wrong = []
    for _ in range(LINES):
        if not fresh:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(trained, folder)
        line = words(dice)
        shown = shlex.join(word if len(word) < 100 else f"{word[:50]}...{len(word)}" for word in line)
        try:
            with bounded():
                done = rnnctl(*line, cwd=folder, RNNCTL_CACHE=str(tmp_path / "cache"))
        except BaseException as error:
            raise AssertionError(shown) from error
        ends[done.returncode] += 1
        wrong += [f"{shown}: {what}" for what in complaints(line, done)]
        fresh = only_reads(line)
        if fresh:
            compared += 1
            if kept(folder) != known:
                wrong.append(f"{shown}: changes the workspace")
                fresh = False
    for code, count in sorted(ends.items()):
        figure(f"exit status {code}:", count)
    figure("commands that only read:", compared)
    assert not wrong, ascii("\n".join(wrong))
    assert ends[0] > LINES / 10
