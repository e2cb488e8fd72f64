"""Reports of studies and runs as pages."""

from __future__ import annotations

from pathlib import Path

from rnnctl.api.border import opened, tell


def reported(folder: Path, name: str, path: str | Path | None, browser: str | None) -> Path:
    """Write the report of the runs that a name stands for, and return the file; see `Study.report`."""
    from rnnctl.lab.report import report

    target = None if path is None else str(path) + ("/" if isinstance(path, Path) and not path.suffix else "")
    with opened(folder) as store:
        written = report(store, [name], out=target, browser=browser)
    tell(written.notes)
    return written.file
