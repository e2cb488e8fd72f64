"""The names of exported files."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.queries import RunRow

LONGEST = 100  # characters of a label; file systems allow names of 255 bytes
_UNSAFE = re.compile(r"[^A-Za-z0-9._+=,-]+")  # characters that a shell or another file system may not take


def file_names(rows: Sequence[RunRow]) -> dict[str, str]:
    """Return a file name for each run by run id, made of its label: `EC7_seed=1`.

    rows: all runs of a study, so that the name of a run does not depend on what else is exported. Labels that are too
    long, or that give no name or the same name on a file system that ignores case, are followed by the run's id. A
    study that was registered again with another text can have two runs of one label.
    """
    short = {row.run_id: _UNSAFE.sub("_", row.label).strip("._") for row in rows}
    times = Counter(name.casefold() for name in short.values())
    return {
        run_id: name if name and len(name) <= LONGEST and times[name.casefold()] == 1 else f"{name[:LONGEST]}_{run_id}"
        for run_id, name in short.items()
    }
