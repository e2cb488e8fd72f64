"""`report`: everything about studies or runs as one page, or as a PDF."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from rnnctl.cli.options import AllowCodeOption, WhereOption, WorkspaceOption, opened, path_text
from rnnctl.cli.output import UserError, notes, out, say
from rnnctl.words import counted

if TYPE_CHECKING:
    from pathlib import Path

    from rnnctl.lab.report import Reported

REFRESH = 5  # seconds; pages that take long to write are written less often, so that training keeps its cores
SHARE = 0.2  # of a core
LEAST = 1.0  # seconds between two pages, however long the first one took


def report(
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="STUDY|RUN", help="Studies, or single runs.", show_default=False),
    ] = None,
    out_: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            callback=path_text,
            metavar="FILE|DIR",
            help="A .html, a .pdf or a folder. Default: the workspace's folder reports.",
            show_default=False,
        ),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Write the page again every few seconds until training ends.")
    ] = False,
    every: Annotated[
        bool, typer.Option("--all", help="Write a page of each study, and an index of them.", show_default=False)
    ] = False,
    where: WhereOption = None,
    browser: Annotated[
        str | None,
        typer.Option(
            "--browser",
            metavar="PROGRAM",
            help="The Chromium, Chrome or Edge that prints a .pdf.",
            show_default="one that is installed",
        ),
    ] = None,
    allow_code: AllowCodeOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Write a page about studies or runs: what was asked, the answer, leaderboard, figures, every run. It is one file,
    which opens without a network.

    With --watch the page reloads itself in the browser while training goes on, and Ctrl-C ends the command. Answers of
    probes are shown if they are kept; rnnctl answers and rnnctl probe ask them. A .pdf is printed by a browser that is
    installed.
    """
    from rnnctl.lab import report as lab

    if every:
        if what or watch or where or browser is not None:
            raise UserError("--all is about every study: neither names, --watch, --where nor --browser apply")
        with opened(workspace, readonly=True) as store:
            index = lab.report_all(store, out_, lambda path: out(str(path), whole=True))
        notes(index.notes)
        out(str(index.file), whole=True)
        return
    if not what:
        raise UserError("name a study or a run (rnnctl studies --here lists the studies)")
    if watch:
        _watch(workspace, what, where or [], out_, browser)
        return
    with opened(workspace, readonly=True) as store:
        written = lab.report(store, what, where=where or [], out=out_, browser=browser)
    _tell(written)


def _tell(written: Reported) -> None:
    notes(written.notes)
    out(str(written.file), whole=True)


def _watch(workspace: Path | None, what: list[str], where: list[str], out_: str | None, browser: str | None) -> None:
    from rnnctl.lab import report as lab

    refresh, written = REFRESH, None
    try:
        while True:
            began, worked_before = time.monotonic(), time.process_time()
            with opened(workspace, readonly=True) as store:
                again = lab.report(store, what, where=where, out=out_, browser=browser, refresh=refresh)
            if written is None:
                out(str(again.file), whole=True)
            written = again
            # Waiting for a lock of the database takes no core from training.
            refresh = max(REFRESH, round((time.process_time() - worked_before) / SHARE))
            if not written.unfinished:
                break
            time.sleep(max(LEAST, refresh - (time.monotonic() - began)))
    except BaseException:
        if written is not None and written.file.exists():  # else its folder was removed, and is not made again
            lab.settled(written)
        raise
    lab.settled(written)
    notes(written.notes)
    say(f"all runs have ended; {counted(len(written.page.runs), 'run')} in the page")
