"""What the files of an export are called."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.queries import RunRow

LONGEST = 100  # characters of a label; file systems take names of 255 bytes
_UNSAFE = re.compile(r"[^A-Za-z0-9._+=,-]+")  # what a shell or another file system could stumble over


def file_names(rows: Sequence[RunRow]) -> dict[str, str]:
    """Run id -> the run's label as a file name: `EC7_seed=1`.

    rows: all runs of a study, so that a run's name does not depend on what else is exported. Labels that are too long,
    or that come to the same name on a file system that ignores case, are followed by the run's id. A study that was
    registered again under other text can have two runs of one label.
    """
    short = {row.run_id: _UNSAFE.sub("_", row.label).strip("_") for row in rows}
    times = Counter(name.casefold() for name in short.values())
    return {
        run_id: name if len(name) <= LONGEST and times[name.casefold()] == 1 else f"{name[:LONGEST]}_{run_id}"
        for run_id, name in short.items()
    }
