"""Figures as files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.figure import Figure

    from rnnctl.report.results import Result
    from store import Store

DPI = 130


def safe_name(label: str) -> str:
    """A label as part of a file's name, on any file system."""
    return re.sub(r"[^A-Za-z0-9._+=-]+", "-", label)[:100].strip("-")


def save(figure: Figure, path: Path) -> None:
    """Write a figure in the format that the path's suffix names. Raises StoreError if it cannot be written."""
    from store.files import write_whole

    write_whole(path, lambda file: figure.savefig(file, dpi=DPI, format=path.suffix[1:]), durable=False)


def figures_of(store: Store, study: str | None, results: Sequence[Result]) -> tuple[str, Path]:
    """What these runs are called together, and the folder for their figures."""
    title = study or (results[0].study if len({run.study for run in results}) == 1 else "all studies")
    return title, store.workspace.figures / title.replace(" ", "-")
