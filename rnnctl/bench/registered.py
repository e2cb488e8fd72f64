"""Workspaces with runs of one shape, for comparisons that train as `rnnctl train` does."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec
from store import Store, registry
from store.registry import RunRecord, StudyRecord


def register(folder: Path, specs: Iterable[RunSpec], updates: int) -> None:
    """Make a workspace in a folder, with these runs in its queue. updates: of each run, in place of its own."""
    records = []
    for given in specs:
        plain = given.canonical()
        spec = RunSpec.model_validate({**plain, "train": {**plain["train"], "updates": updates}})
        key = PackKey.of(spec).text
        records.append(RunRecord(spec.run_id, spec.config_id, key, spec.canonical(), f"seed={spec.seed}", updates))
    with Store.create(folder) as store:
        registry.register(store, [StudyRecord("bench", "", "", records)], time.time())
