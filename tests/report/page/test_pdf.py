"""Printing a page: which browser is taken, and what is said where one is missing or fails."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from rnnctl.errors import Failed, InvalidArgument, NotFound
from rnnctl.report.page import pdf

PRINTS = """
for option; do case $option in --print-to-pdf=*) target=${option#*=};; esac; page=${option#file://}; done
{ printf '%%PDF-1.4 '; cat "$page"; for option; do echo "$option"; done; } > "$target"
"""


def browser(folder: Path, script: str, name: str = "chromium") -> Path:
    """Write a program that is started in the place of a browser."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}")
    path.chmod(0o755)
    return path


def test_what_the_browser_wrote_is_returned(tmp_path):
    content = pdf.printed("<p>größer</p>", browser(tmp_path, PRINTS)).decode()
    assert content.startswith("%PDF-1.4 <p>größer</p>")


def test_its_settings_and_its_files_are_its_own_and_go_away(tmp_path):
    content = pdf.printed("", browser(tmp_path, PRINTS)).decode().split()
    settings = Path(next(word for word in content if word.startswith("--user-data-dir=")).partition("=")[2])
    assert not settings.parent.exists()


@pytest.mark.parametrize(("user", "wanted"), [(0, True), (1000, False)])
def test_only_root_gives_up_the_sandbox(tmp_path, monkeypatch, user, wanted):
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert (b"--no-sandbox" in pdf.printed("", browser(tmp_path, PRINTS))) is wanted


def test_a_browser_that_fails_is_named_with_the_end_of_what_it_said(tmp_path):
    failing = browser(tmp_path, "echo first >&2; printf 'no \\033[31mdisplay\\n\\n' >&2; exit 7")
    with pytest.raises(Failed) as error:
        pdf.printed("", failing)
    assert str(error.value) == f"{failing} wrote no PDF and ended with status 7: no \\x1b[31mdisplay"


@pytest.mark.parametrize("script", ["exit 0", PRINTS.replace("%%PDF-1.4 ", "")])
def test_a_browser_that_writes_something_else_has_failed(tmp_path, script):
    with pytest.raises(Failed, match="wrote no PDF and ended with status 0$"):
        pdf.printed("", browser(tmp_path, script))


def test_of_endless_messages_the_end_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(pdf, "MOST_MESSAGES", 20)
    with pytest.raises(Failed, match=r"status 1: the end$"):
        pdf.printed("", browser(tmp_path, "yes | head -c 100000 >&2; echo >&2; echo 'the end' >&2; exit 1"))


def test_a_user_without_a_home_can_print(tmp_path, monkeypatch):
    def nowhere():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    monkeypatch.setattr(pdf, "SNAPS", tmp_path / "snaps")
    chromium = browser(tmp_path, PRINTS)
    browser(tmp_path / "snaps", "")
    assert pdf.printed("<p>text</p>", chromium).startswith(b"%PDF-1.4 <p>text</p>")
    assert "/Applications/Chromium.app/Contents/MacOS/Chromium" in list(pdf._usual_places("darwin", {}))


def test_an_interrupt_ends_the_browser_and_leaves_no_file(tmp_path, monkeypatch):
    """As does any other way out: what waits for the browser raises."""
    ended, folders = tmp_path / "ended", tmp_path / "folders"
    folders.mkdir()
    monkeypatch.setattr(pdf, "_folder", lambda browser: str(folders))

    def interrupted(self, timeout=None):
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pdf.printed("", browser(tmp_path, f"sleep 1; echo > {ended}"))
    time.sleep(1.2)
    assert not ended.exists()
    assert list(folders.iterdir()) == []


def test_a_file_that_does_not_start_is_named(tmp_path):
    path = browser(tmp_path, "")
    path.write_text("neither a script nor a program")
    with pytest.raises(Failed, match=r"chromium does not start: Exec format error$"):
        pdf.printed("", path)


def test_a_browser_that_hangs_is_ended_with_its_helpers(tmp_path):
    helper = tmp_path / "helper"
    hanging = browser(tmp_path, f"sleep 60 & echo $! > {helper}; wait")
    with pytest.raises(Failed, match=r"chromium wrote no PDF within 0\.3 s and was ended$"):
        pdf.printed("", hanging, seconds=0.3)
    process = Path("/proc", helper.read_text().strip(), "stat")
    for _ in range(100):
        if not process.exists() or process.read_text().split()[2] == "Z":
            return
        time.sleep(0.01)
    pytest.fail("a helper of the browser still runs")


def test_the_usual_names_are_looked_for_in_order(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    edge = browser(tmp_path, "", "microsoft-edge")
    assert pdf.find_browser() == edge
    chrome = browser(tmp_path, "", "google-chrome")
    assert pdf.find_browser() == chrome


def test_the_usual_folders_of_other_systems_are_looked_into(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    mac = list(pdf._usual_places("darwin", {}))
    assert "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" in mac
    assert f"{tmp_path}/Applications/Chromium.app/Contents/MacOS/Chromium" in mac
    windows = list(pdf._usual_places("win32", {"PROGRAMFILES": "/P", "LOCALAPPDATA": ""}))
    assert "/P/Microsoft/Edge/Application/msedge.exe" in windows
    assert set(windows) - set(pdf.NAMES) == {f"/P/{place}" for place in pdf.WINDOWS_PLACES}


def test_where_none_is_installed_the_way_to_print_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(pdf, "_usual_places", lambda *_: ["chromium", "/nowhere/msedge.exe"])
    with pytest.raises(NotFound, match=r"^no Chromium, Chrome or Edge .*open it in a browser and print it.*--browser"):
        pdf.find_browser()


def test_a_browser_is_named_by_its_path_or_by_its_name(tmp_path, monkeypatch):
    mine = browser(tmp_path / "bin", "", "mine")
    assert pdf.find_browser(str(mine)) == mine
    monkeypatch.setenv("PATH", str(mine.parent))
    assert pdf.find_browser("mine") == mine
    monkeypatch.setenv("HOME", str(tmp_path))
    assert pdf.find_browser("~/bin/mine") == mine
    monkeypatch.chdir(tmp_path)
    assert pdf.find_browser("bin/mine") == mine


@pytest.mark.parametrize("name", ["other", "", ".", "/nowhere/chromium", "plain", "~no-such-user/chromium", "a\0b"])
def test_what_is_no_program_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain").write_text("")
    with pytest.raises(InvalidArgument, match=r": there is no such program; a path or a name of Chromium"):
        pdf.find_browser(name)


def test_a_snap_gets_files_where_it_can_read_them(tmp_path, monkeypatch):
    shared = tmp_path / "snap" / "chromium" / "common"
    shared.mkdir(parents=True)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(pdf, "SNAPS", tmp_path / "snaps")
    for name in ("chromium", "chromium-browser"):
        assert pdf._folder(Path("/usr/bin", name)) is None
    browser(tmp_path / "snaps", "")
    for name in ("chromium", "chromium-browser"):
        assert pdf._folder(Path("/usr/bin", name)) == str(shared)
    assert pdf._folder(Path("/usr/bin/google-chrome")) is None
