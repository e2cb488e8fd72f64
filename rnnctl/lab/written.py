"""The keys that registered studies set, by which their runs are shown."""

from __future__ import annotations

from collections.abc import Iterable

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
