"""Print a page into a PDF with a browser that is installed: Chromium, Chrome or Edge."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from rnnctl.errors import Failed, InvalidArgument, NotFound
from rnnctl.words import one_line, shortened

SECONDS = 180  # after which a browser is given up; it prints a page of 10 MB in about ten
NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "microsoft-edge-stable",
    "msedge",
)
MAC_PLACES = (
    "Chromium.app/Contents/MacOS/Chromium",
    "Google Chrome.app/Contents/MacOS/Google Chrome",
    "Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
WINDOWS_PLACES = (
    "Chromium/Application/chrome.exe",
    "Google/Chrome/Application/chrome.exe",
    "Microsoft/Edge/Application/msedge.exe",
)
WINDOWS_FOLDERS = ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")
MOST_MESSAGES = 100_000  # bytes that are read of what a browser says
SNAPS = Path("/snap/bin")  # Ubuntu's browsers, and those in /usr/bin that only start them
# No window, no questions, nothing sent or fetched besides the page; no date and no address at the edges of the paper.
OPTIONS = (
    "--headless",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-pdf-header-footer",
    "--print-to-pdf-no-header",
)


def find_browser(named: str | None = None) -> Path:
    """Return the program of a browser: the one that is named, by its path or its name, or one that is installed.

    Raises InvalidArgument if the one that is named is no program, and NotFound if none is installed.
    """
    if named is not None:
        try:
            program = shutil.which(Path(named).expanduser())
        except RuntimeError:  # ~NAME of a user that there is not
            program = None
        if program is None:
            raise InvalidArgument(f"{named}: there is no such program; a path or a name of Chromium, Chrome or Edge")
        return Path(program).absolute()
    for place in _usual_places(sys.platform, os.environ):
        program = shutil.which(place)
        if program is not None:
            return Path(program).absolute()
    raise NotFound(
        "no Chromium, Chrome or Edge was found to write a PDF with: write the page (-o report.html), open it in a "
        "browser and print it into a file, or name a browser (--browser PATH)"
    )


def _usual_places(platform: str, variables: Mapping[str, str]) -> Iterator[str]:
    """Yield names and paths of browsers, the most usual first."""
    yield from NAMES
    if platform == "darwin":
        folders = [Path("/Applications"), *(home / "Applications" for home in _homes())]
        places = MAC_PLACES
    elif platform == "win32":
        folders = [Path(variables[name]) for name in WINDOWS_FOLDERS if variables.get(name)]
        places = WINDOWS_PLACES
    else:
        return
    for folder in folders:
        yield from (str(folder / place) for place in places)


def printed(html: str, browser: Path, *, seconds: float = SECONDS) -> bytes:
    """Return a page as the bytes of a PDF.

    The browser gets a folder of its own, for the page and for its settings, so that it neither meets nor changes a
    browser that is open. Raises Failed if it does not start, needs more than `seconds`, or writes no PDF.
    """
    with tempfile.TemporaryDirectory(prefix="rnnctl-", dir=_folder(browser), ignore_cleanup_errors=True) as folder:
        page, pdf = Path(folder, "report.html"), Path(folder, "report.pdf")
        page.write_text(html, encoding="utf-8")
        options = [*OPTIONS, f"--user-data-dir={Path(folder, 'settings')}", f"--print-to-pdf={pdf}"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            options.append("--no-sandbox")  # Chromium refuses to start as root with its sandbox
        status, messages = _run([str(browser), *options, page.as_uri()], seconds, Path(folder, "messages"))
        content = pdf.read_bytes() if pdf.is_file() else b""
    if not content.startswith(b"%PDF-"):
        lines = [line for line in messages.splitlines() if line.strip()]
        ended = f": {shortened(one_line(lines[-1].strip()))}" if lines else ""
        raise Failed(f"{browser} wrote no PDF and ended with status {status}{ended}")
    return content


def _folder(browser: Path) -> str | None:
    """Return the folder for temporary files, None for the usual one. A snap cannot read that one."""
    launcher = SNAPS / browser.name.removesuffix("-browser")
    shared = [home / "snap" / launcher.name / "common" for home in _homes() if launcher.exists()]
    return next((str(folder) for folder in shared if folder.is_dir()), None)


def _homes() -> list[Path]:
    """Return the home of the user; nothing if there is none, as with a number that is no user of the system."""
    with suppress(RuntimeError):
        return [Path.home()]
    return []


def _run(command: list[str], seconds: float, messages: Path) -> tuple[int, str]:
    """Run a browser to its end, and return its exit status and what it wrote to stderr.

    stderr goes into a file: helpers of the browser that outlive it would keep a pipe open.
    """
    with messages.open("wb") as file:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=file,
                start_new_session=True,  # so that its helpers can be ended with it
            )
        except OSError as error:
            raise Failed(f"{command[0]} does not start: {error.strerror}") from None
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"{command[0]} wrote no PDF within {seconds:g} s and was ended") from None
        finally:
            _end(process)
    return status, _end_of(messages)


def _end_of(messages: Path) -> str:
    """Return the last messages, of which there can be any number."""
    with messages.open("rb") as file:
        file.seek(max(0, messages.stat().st_size - MOST_MESSAGES))
        return file.read(MOST_MESSAGES).decode(errors="replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a browser, if it still runs, and its helpers."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):  # all have ended
            os.killpg(process.pid, signal.SIGKILL)
    elif process.poll() is None:
        process.kill()
    process.wait()
