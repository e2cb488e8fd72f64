"""Pack keys of runs that an earlier version has registered: what may train together is decided by this version."""

from __future__ import annotations

from pydantic import ValidationError

from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec
from store import Store, queries, registry


def refresh_pack_keys(store: Store) -> list[str]:
    """Give each run that waits the pack key that this version computes, and return the ids of the runs that it changed.

    An earlier version may have computed other keys: version 0.1 forgot the optimizer. A run whose spec this version
    cannot read stays as it is: its worker says what is wrong.
    """
    keys: dict[str, str] = {}
    for run in queries.keys_to_check(store):
        try:
            text = PackKey.of(RunSpec.model_validate(run.spec)).text
        except ValidationError:
            continue
        if text != run.shape:
            keys[run.run_id] = text
    return registry.rekey(store, keys) if keys else []
