"""Names, labels, descriptions and errors that look like orders to a terminal or like markup are shown as they are."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from rnnctl.cli.progress import Progress
from rnnctl.cli.screen import Bars, replaced
from tests.cli.command_line import PATIENCE, environment, rnnctl, rows, workspace
from tests.cli.studies import write_study_of_folders

# Markup of rich, an order to a terminal, an emoji's name; mathtext, XML, no glyph, a turn of direction, a line break.
FOLDERS = ["a[/b]\x1b[31m:smile:", '$x^2$ $ & <c>"模\u202e\n\x7f\x9b2J --x']
SHOWN = [r"a[/b]\x1b[31m:smile:", r'$x^2$ $ & <c>"模\u202e\n\x7f\x9b2J --x']
NAMES = list(zip(FOLDERS, SHOWN, strict=True))
FAILURE = "Traceback\x1b[31m\n  [/b]\x07\nValueError: \x9b2J[/b]\rx"


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained workspace whose labels are made of such names."""
    folder = tmp_path_factory.mktemp("odd") / "w"
    write_study_of_folders(folder, "odd", r"red \e[31m text\nsecond \u202e line [/b]", FOLDERS)
    told = [rnnctl("init", "odd.yaml", cwd=folder, check=0), rnnctl("train", cwd=folder, check=0)]
    assert_harmless(*(done.stdout + done.stderr for done in told))
    assert all(name in told[1].stderr for name in SHOWN)
    return folder


def a_run(folder: Path) -> str:
    return rows(folder)[0].run_id


def assert_harmless(*printed: str) -> None:
    """Only printable characters and line breaks."""
    for text in printed:
        assert text.replace("\n", "").isprintable(), [c for c in text if not c.isprintable() and c != "\n"]


@pytest.mark.parametrize(
    "line",
    [
        ["plan", "odd.yaml"],
        ["plan", "odd.yaml", "--json"],
        ["corpus", FOLDERS[0]],
        ["corpus", FOLDERS[1], "--json"],
        ["status"],
        ["status", "--json"],
        ["status", "--watch"],
        ["examine"],
        ["examine", "--csv"],
        ["examine", "--json"],
        ["effects"],
        ["evaluate", "odd", "--lengths", "8"],
        ["export", "odd", "--format", "csv"],
        ["export", "odd", "--format", "jsonl"],
        ["export", "--commands"],
        ["doctor"],
    ],
)
def test_no_command_prints_what_a_terminal_obeys(odd: Path, line: list[str]) -> None:
    done = rnnctl(*line, cwd=odd, check=0)
    assert done.stdout
    assert_harmless(done.stdout, done.stderr)
    if "--json" in line:
        json.loads(done.stdout)


@pytest.mark.parametrize("extra", [[], ["--json"]])
def test_a_run_is_shown_without_them_too(odd: Path, extra: list[str]) -> None:
    assert_harmless(rnnctl("show", a_run(odd), *extra, cwd=odd, check=0).stdout)


def test_a_generated_text_keeps_its_line_breaks_and_nothing_else(odd: Path) -> None:
    done = rnnctl("probe", a_run(odd), "generate", "--prompt", "\x07\u202e", cwd=odd, check=0)
    assert done.stdout.startswith(r"\x07\u202e")
    assert_harmless(done.stdout, done.stderr)


@pytest.mark.parametrize("words", [["--split", "\x1b[31m\n"], ["--no\x1b[31m\nsuch"], ["a", "b\x1b[31m\n\udcff"]])
def test_an_error_of_the_command_line_is_one_line(odd: Path, words: list[str]) -> None:
    done = rnnctl("corpus", *words, cwd=odd, check=2)
    assert_harmless(done.stderr)
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("kind", ["loss", "hyperparameters", "gradient", "gradient_image", "saturation_histogram"])
def test_figures_with_such_labels_are_whole(odd: Path, kind: str, tmp_path: Path) -> None:
    """Warnings, of glyphs that are missing for example, are errors in tests."""
    rnnctl("plot", "odd", kind, "--out", tmp_path / "figure.svg", cwd=odd, check=0)
    ElementTree.parse(tmp_path / "figure.svg")


def test_figures_of_a_run_have_plain_names(odd: Path) -> None:
    (path,) = rnnctl("plot", a_run(odd), "loss", cwd=odd, check=0).stdout.splitlines()
    assert Path(path).exists()
    assert Path(path).name.isascii()
    assert Path(path).parent == odd / "figures"


# --- on terminals


class Terminal(io.StringIO):
    """What is written to a terminal."""

    def isatty(self) -> bool:
        return True


def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Make stdout and stderr a terminal that knows neither colours nor the cursor, so that what it shows is text."""
    made = Terminal()
    for name, value in {"TERM": "dumb", "COLUMNS": "200", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", made)
    monkeypatch.setattr(sys, "stderr", made)
    return made


def claimed(label: str) -> dict[str, object]:
    return {"event": "claimed", "worker": "w", "runs": [{"run": "a", "label": label, "step": 0, "total": 10}]}


@pytest.mark.parametrize(("name", "shown"), NAMES)
def test_bars_show_labels_as_they_are(monkeypatch: pytest.MonkeyPatch, name: str, shown: str) -> None:
    terminal = on_a_terminal(monkeypatch)
    with Progress(lambda besides: None) as progress:
        assert isinstance(progress.view, Bars)
        progress.take({"event": "pool_started", "worker": None, "workers": 1})
        progress.take(claimed(name))
        progress.take({"event": "failed", "worker": "w", "run": "a", "error": FAILURE, "status": "failed"})
        progress.take(claimed(name))
        bars = progress.view.rich.get_renderable()
        progress.view.rich.console.print(bars)
    assert_harmless(terminal.getvalue())
    assert f"claimed 1 run: {shown}" in terminal.getvalue()
    assert r"ValueError: \x9b2J[/b]" in terminal.getvalue()


@pytest.mark.parametrize(("name", "shown"), NAMES)
def test_what_is_watched_is_shown_as_it_is(monkeypatch: pytest.MonkeyPatch, name: str, shown: str) -> None:
    terminal = on_a_terminal(monkeypatch)
    with replaced() as show:
        show(["first", f"{name} second"])
    assert_harmless(terminal.getvalue())
    assert f"{shown} second" in terminal.getvalue()


# --- status --watch into a pipe


def test_what_is_watched_into_a_pipe_ends_when_all_runs_have_ended(odd: Path) -> None:
    printed = rnnctl("status", "--watch", cwd=odd, check=0).stdout.splitlines()
    assert printed[0].startswith("at 20")
    assert printed[1].split() == ["study", "runs", "done"]


def test_watching_into_a_pipe_ends_with_its_reader(tmp_path: Path) -> None:
    """There are queued runs, so that it would go on; in a process that is less patient than a user's."""
    folder = workspace(tmp_path / "w")
    code = "from rnnctl.cli import status; status.PRINT_EVERY = status.LOOK_EVERY = 0.05\n"
    code += "import sys; sys.argv = ['rnnctl', 'status', '--watch']\nfrom rnnctl.cli.app import main; main()"
    watching = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment(PYTHONPATH=os.pathsep.join(sys.path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    assert watching.stderr is not None
    with watching:
        first = [watching.stdout.readline() for _ in range(6)]
        watching.stdout.close()
        assert watching.wait(PATIENCE) == 0
        assert watching.stderr.read() == ""
    assert [line for line in first if line.startswith("tiny")]
    assert first[0].startswith("at 20")
    assert first[4] == "\n"
