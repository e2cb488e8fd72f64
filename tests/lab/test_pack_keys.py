"""Runs that an earlier version has registered get their pack keys before they are trained."""

from __future__ import annotations

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
