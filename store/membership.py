"""Which runs belong to a study now, and which are shown and trained unless more is asked for: conditions of SQL.

A run that the file of its study no longer names stays in the workspace, with its label, and so do the runs of an
archived study. Both are left out of listings, and workers do not take them.
"""

from __future__ import annotations

# Of a row of labels: the study's file names the run.
NAMED = "NOT EXISTS (SELECT 1 FROM unnamed WHERE unnamed.run_id = labels.run_id AND unnamed.study = labels.study)"

# Of a row of labels: that, and the study is not archived.
SHOWN = f"labels.study NOT IN (SELECT study FROM archived) AND {NAMED}"


def shown(run_id: str) -> str:
    """Return the condition that some study shows a run. run_id: an expression of SQL."""
    return f"EXISTS (SELECT 1 FROM labels WHERE labels.run_id = {run_id} AND {SHOWN})"
