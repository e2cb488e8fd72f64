"""`report` as a command: what it prints, and how it ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from rnnctl.cli import report as command
from tests.cli.command_line import PATIENCE, TINY, environment, rnnctl, wait_until, workspace


@pytest.fixture
def untrained(tmp_path):
    """A workspace whose runs wait: its pages have no figures."""
    return workspace(tmp_path / "w", TINY)


def test_the_path_is_printed(untrained):
    done = rnnctl("report", "tiny", cwd=untrained, check=0)
    assert done.stdout == f"{untrained / 'reports' / 'tiny.html'}\n"
    assert "No run has been checked yet" in (untrained / "reports" / "tiny.html").read_text()


def test_watching_writes_again_until_it_is_interrupted(untrained, monkeypatch):
    pauses = []

    def pause(seconds):
        pauses.append(seconds)
        text = (untrained / "live.html").read_text()
        assert '<meta http-equiv="refresh" content="5">' in text
        if len(pauses) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", pause)
    monkeypatch.setattr(command, "SHARE", 1e9)  # however long a page takes
    done = rnnctl("report", "tiny", "-o", "live.html", "--watch", cwd=untrained, check=130)
    assert (done.stdout, done.stderr) == ("live.html\n", "")
    assert all(0 <= seconds <= command.REFRESH for seconds in pauses)
    assert 'http-equiv="refresh"' not in (untrained / "live.html").read_text()


@pytest.mark.parametrize("clock", ["monotonic", "process_time"])
def test_watching_writes_less_often_if_pages_take_work_not_if_they_wait(untrained, monkeypatch, clock):
    """Each look at the clock is 10 s later than the one before: a page takes as long, in waiting or in work."""
    pauses, looks = [], iter(range(0, 1000, 10))

    def pause(seconds):
        pauses.append(seconds)
        if len(pauses) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", pause)
    monkeypatch.setattr(time, clock, lambda: next(looks))
    rnnctl("report", "tiny", "-o", "live.html", "--watch", cwd=untrained, check=130)
    assert all(seconds > 40 for seconds in pauses) if clock == "process_time" else pauses == [command.LEAST] * 2


@pytest.mark.parametrize("removed", ["database", "workspace"])
def test_watching_ends_with_a_workspace_that_goes_away(untrained, monkeypatch, removed, tmp_path):
    live = tmp_path / "live.html" if removed == "database" else untrained / "reports" / "tiny.html"

    def pause(_):
        if removed == "database":
            (untrained / "rnnctl.db").unlink()
        else:
            shutil.rmtree(untrained)

    monkeypatch.setattr(time, "sleep", pause)
    where = ["-o", live] if removed == "database" else []
    done = rnnctl("report", "tiny", "--watch", "--workspace", untrained, *where, cwd=tmp_path)
    assert done.returncode in (1, 3)
    assert len(done.stderr.splitlines()) == 1
    if removed == "database":
        assert 'http-equiv="refresh"' not in live.read_text()
    else:
        assert not untrained.exists()


def test_watching_ends_when_no_run_is_left(untrained):
    rnnctl("cancel", "--study", "tiny", "--yes", cwd=untrained, check=0)
    done = rnnctl("report", "tiny", "-o", "live.html", "--watch", cwd=untrained, check=0)
    assert "all runs have ended" in done.stderr
    assert 'http-equiv="refresh"' not in (untrained / "live.html").read_text()


def test_an_index_of_all_studies(untrained):
    done = rnnctl("report", "--all", "-o", "out/", cwd=untrained, check=0)
    assert done.stdout.splitlines() == ["out/tiny.html", "out/index.html"]
    assert 'href="tiny.html"' in (untrained / "out" / "index.html").read_text()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 2, "name a study or a run"),
        (["tiny", "--all"], 2, "--all is about every study"),
        (["--all", "--watch"], 2, "--all is about every study"),
        (["--all", "-o", "index.html"], 2, "--out index.html: an index with its pages needs a folder"),
        (["tiny", "-o", "r.txt"], 2, "--out r.txt: a report is a .html or a .pdf"),
        (["tiny", "--watch", "--browser", "chromium"], 2, "--browser chromium: only a .pdf is printed by a browser"),
        (["tiny", "-o", "r.pdf", "--watch"], 2, "--out r.pdf: a .pdf does not reload itself"),
        (["tiny", "-o", "r.pdf", "--browser", "/nosuch"], 2, "--browser: /nosuch: there is no such program"),
        (["nosuch"], 3, "there is no study or run 'nosuch'"),
        (["tiny", "-o", "/proc/r.html"], 1, "/proc/r.html"),
    ],
)
def test_mistakes_are_told_in_a_line(untrained, words, code, message):
    done = rnnctl("report", *words, cwd=untrained, check=code)
    assert message in done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_browser_ends_with_the_command_that_started_it(untrained, tmp_path, number):
    browser, told, temporary = tmp_path / "browser", tmp_path / "told", tmp_path / "temporary"
    browser.write_text(f"#!/bin/sh\necho $$ > {told}.new && mv {told}.new {told}\nsleep 1000\n")
    browser.chmod(0o755)
    temporary.mkdir()
    command = [sys.executable, "-m", "rnnctl", "report", "tiny", "-o", "r.pdf", "--browser", str(browser)]
    options = {"cwd": untrained, "env": environment(TMPDIR=str(temporary)), "stderr": subprocess.PIPE, "text": True}

    def heeds_it():
        signal.signal(number, signal.SIG_DFL)  # tests that were started by nohup ignore SIGHUP, and so would it

    with subprocess.Popen(command, preexec_fn=heeds_it, **options) as process:
        wait_until(told.exists, "the browser")
        process.send_signal(number)
        time.sleep(0.05)
        process.send_signal(number)  # a second one, which does not end the clean-up
        _, stderr = process.communicate(timeout=PATIENCE)
    # A second signal that comes when all has been cleaned up ends the process as it ends any other.
    assert process.returncode in (128 + number, -number)
    assert stderr.strip() == ""
    with pytest.raises(ProcessLookupError):
        os.kill(int(told.read_text()), 0)
    assert not list(temporary.iterdir())
    assert not (untrained / "r.pdf").exists()
