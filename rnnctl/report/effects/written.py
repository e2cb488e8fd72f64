"""The hyper-parameters of runs under the keys that their studies set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from plots.values import NOT_SET, plain

if TYPE_CHECKING:
    from rnnctl.report.results import Result
    from rnnctl.study.written import WrittenKeys


def written_columns(runs: Sequence[Result], keys: WrittenKeys) -> dict[str, list[float | str]]:
    """Return the values of these runs at each written key but the seed: numbers as floats, everything else as words."""
    from rnnctl.study.labels import text

    rows = [keys.values(run.spec) for run in runs]
    return {
        ".".join(path): [
            plain(text(value) if isinstance(value, dict | list) else value)
            for value in (row.get(path, NOT_SET) for row in rows)
        ]
        for path in keys.paths
        if path != ("seed",)
    }
