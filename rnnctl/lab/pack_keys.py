"""Pack keys of runs that an earlier version has registered: what may train together is decided by this version."""

from __future__ import annotations

from pydantic import ValidationError

from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec
from store import Store, queries, registry


def refresh_pack_keys(store: Store) -> list[str]:
    """Give each run that waits without a pack key its own, and return the ids of the runs that have got one.

    Version 0.1 grouped runs by a list of keys that had forgotten the optimizer; after an upgrade such runs are trained
    alone until this is called. A run whose spec this version cannot read stays as it is: its worker says what is wrong.
    """
    keys: dict[str, str] = {}
    for run_id, text, spec in queries.keys_to_check(store):
        if _is_key(text):
            continue
        try:
            keys[run_id] = PackKey.of(RunSpec.model_validate(spec)).text
        except ValidationError:
            continue
    return registry.rekey(store, keys) if keys else []


def _is_key(text: str) -> bool:
    try:
        PackKey.read(text)
    except ValueError:
        return False
    return True
