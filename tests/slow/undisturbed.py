"""What every campaign compares with: a workspace that nobody disturbed."""

from __future__ import annotations

from pathlib import Path

from store import Store, history, integrity, queries
from tests.cli.command_line import bits, rnnctl
from tests.cli.survival import Bits


def assert_as_undisturbed(folder: Path, undisturbed: Bits, updates: int, every: int) -> None:
    """Each run is done once, its history has every check once, and all bits are those of the undisturbed workspace.

    updates: of each run. every: updates between two checks; the first is at update 0.
    """
    with Store.open(folder, readonly=True) as store:
        rows = queries.runs_of(store)
        assert {row.run_id for row in rows} == undisturbed.keys()
        assert {(row.status, row.step) for row in rows} == {("done", updates)}
        for row in rows:
            ends = [attempt.ended_as for attempt in queries.attempts(store, row.run_id)]
            assert ends.count("done") == 1
            steps = history.read(store, [row.run_id])[row.run_id].steps.tolist()
            assert steps == list(range(0, updates + 1, every)), "no gap and no double"
    results = bits(folder)
    for run_id, expected in undisturbed.items():
        assert {"weights", "best_weights"} <= expected["state"].keys()
        for key, value in expected.items():
            assert results[run_id][key] == value, (run_id, key)


def assert_sound(folder: Path) -> None:
    """`doctor` finds nothing wrong, and no files but those that the database knows.

    A worker that is killed between the commit that ends a run and the removal of the checkpoint that it replaces leaves
    that file.
    """
    done = rnnctl("doctor", cwd=folder, check=0)
    assert "wrong:" not in done.stdout, done.stdout
    with Store.open(folder, readonly=True) as store:
        replaced = store.rows("SELECT path FROM checkpoints WHERE status = 'removed'")
        left = integrity.orphans(store)
        assert set(left) <= {store.workspace.root / row["path"] for row in replaced}, done.stdout
    assert len({path.parent for path in left}) == len(left), "each commit replaces one"
