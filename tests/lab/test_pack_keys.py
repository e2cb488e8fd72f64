"""Runs that an earlier version has registered get their pack keys before they are trained."""

from __future__ import annotations

import json

from rnnctl.lab.pack_keys import refresh_pack_keys
from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec
from store import queries, registry


def shapes(store):
    return {run_id: text for run_id, text, _ in queries.keys_to_check(store)}


def test_runs_without_a_key_get_their_own(store):
    before = shapes(store)
    registry.rekey(store, {run_id: run_id for run_id in before})  # as the upgrade of an old workspace leaves them
    assert sorted(refresh_pack_keys(store)) == sorted(before)
    assert shapes(store) == before
    for run_id, text, spec in queries.keys_to_check(store):
        assert PackKey.of(RunSpec.model_validate(spec)).text == text, run_id
    assert refresh_pack_keys(store) == []


def test_a_key_that_an_earlier_version_computed_otherwise_is_replaced(store):
    before = shapes(store)
    stale = {}
    for run_id, text in before.items():
        sections = json.loads(text)
        del sections["train"]["batch"]  # as if that version had forgotten the batch size
        stale[run_id] = json.dumps(sections, sort_keys=True, separators=(",", ":"))
    registry.rekey(store, stale)
    assert sorted(refresh_pack_keys(store)) == sorted(before)
    assert shapes(store) == before
