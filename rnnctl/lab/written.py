"""What decides how the runs of a study are shown: the keys that it sets, and all of its configurations."""

from __future__ import annotations

from collections.abc import Iterable

from rnnctl.report.results import group_label
from rnnctl.study.errors import SpecError
from rnnctl.study.loading import written_keys
from rnnctl.study.written import WrittenKeys
from store import Store, queries


def keys_of(store: Store, studies: Iterable[str]) -> WrittenKeys | None:
    """Return the keys that these studies set together.

    None if this version cannot read the text of any of them. Hyper-parameters are then named as in specs.
    """
    wanted, keys = set(studies), []
    for study in queries.studies(store):
        if study.name in wanted:
            try:
                keys.append(written_keys(study.source, study.name))
            except SpecError:
                continue
    return WrittenKeys.together(keys) if keys else None


def configurations_of(store: Store, studies: Iterable[str]) -> dict[tuple[str, str], str]:
    """Return the names of all configurations of these studies, by study and id, in the order of registration."""
    return {
        (row.study, row.config_id): group_label(row.label)
        for row in queries.configurations(store, dict.fromkeys(studies))
    }
