"""Histories as rows of a table: CSV, or JSON lines.

A row is one check: `step`, the updates done, and all scalars under their own names. In the tidy table of many runs,
columns that identify the run come first. Missing and non-finite values are None: empty in CSV, null in JSON. Numbers
are written with all their digits, so that reading them back gives the same floats. In CSV, which people look at in
terminals, characters of labels and names that cannot be printed are escaped; JSON keeps them, in its own notation.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnctl.report.parameters import varying
from rnnctl.report.specs import read_parameters
from rnnctl.words import one_line

if TYPE_CHECKING:
    from store.history import History
    from store.queries import RunRow


def identities(rows: Sequence[RunRow]) -> list[dict[str, Any]]:
    """Return study, label, run, seed of each run, and the hyper-parameters in which these runs differ."""
    flat = [read_parameters(row.spec) for row in rows]
    names = varying(flat)
    return [
        {
            "study": row.study,
            "label": row.label,
            "run": row.run_id,
            "seed": row.spec["seed"],
            **{name: settings.get(name) for name in names},
        }
        for row, settings in zip(rows, flat, strict=True)
    ]


def check_rows(history: History, identity: Mapping[str, Any], traces: bool = False) -> Iterator[dict[str, Any]]:
    """Yield a row for each check, oldest first.

    identity: the first columns. traces: whether rows have `traces`, the arrays of the check by name, as nested lists.
    """
    columns = {name: _plain(values) for name, values in history.scalars.items()}
    for i, step in enumerate(history.steps.tolist()):
        row = {**identity, "step": step, **{name: values[i] for name, values in columns.items()}}
        if traces:
            row["traces"] = {
                name: _plain(array) for name, arrays in history.traces.items() if (array := arrays[i]) is not None
            }
        yield row


def _plain(array: np.ndarray) -> list[Any]:
    values = array.astype(object)
    values[~np.isfinite(array)] = None
    plain: list[Any] = values.tolist()
    return plain


def csv_lines(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a header and a line for each row, without line ends. Keys that are not columns are left out."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="")

    def line(values: Iterable[Any]) -> str:
        writer.writerow([one_line(value) if isinstance(value, str) else value for value in values])
        written = text.getvalue()
        text.seek(0)
        text.truncate()
        return written

    yield line(columns)
    for row in rows:
        yield line(map(row.get, columns))


def json_lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a JSON object for each row, without line ends."""
    return map(json.JSONEncoder(allow_nan=False).encode, rows)
