"""History and checkpoints land together or not at all; history is only ever added to, save for a rewind."""

import numpy as np
import pytest

from store import Conflict, DiskFull, answers, checkpoints, commits, history, queries, queue
from store.answers import Answer
from store.checkpoints import Resumption
from tests.checks import CheckRow


def rows(*steps):
    return [CheckRow(step, {"nll": step / 10}) for step in steps]


def steps_of(lab, claim):
    kept = history.read(lab.store, [claim.run_id])
    return list(kept[claim.run_id].steps) if kept else []


def test_what_was_committed_comes_back(lab, held):
    trace = np.linspace(0, 1, 7, dtype=np.float32)
    row = CheckRow(10, {"nll": 1.5, "samples": 1000, "rho": float("nan")}, {"g": trace})
    lab.commit(held, 10, [CheckRow(0, {"nll": float("inf")}), row])
    kept = history.read(lab.store, [held.run_id], traces=True)[held.run_id]
    assert kept.steps.tolist() == [0, 10]
    np.testing.assert_array_equal(kept.scalars["nll"], [np.nan, 1.5])
    np.testing.assert_array_equal(kept.scalars["samples"], [np.nan, 1000.0])
    np.testing.assert_array_equal(kept.scalars["rho"], [np.nan, np.nan])
    assert kept.traces["g"][0] is None
    assert kept.traces["g"][1].tobytes() == trace.tobytes()
    assert history.read(lab.store, [held.run_id])[held.run_id].traces == {}
    (run,) = queries.runs_of(lab.store)
    assert (run.step, run.summary) == (10, {"step": 10})


def test_arrays_are_packed_before_anybody_has_to_wait_for_the_transaction(lab, held, monkeypatch):
    packing, packed = history.pack_arrays, []

    def pack(arrays):
        assert not lab.store._connection.in_transaction
        packed.append(list(arrays))
        return packing(arrays)

    monkeypatch.setattr(history, "pack_arrays", pack)
    lab.commit(held, 10, [CheckRow(10, {}, {"g": np.ones(3)})])
    assert packed == [["g"]]
    assert history.read(lab.store, [held.run_id], traces=True)[held.run_id].traces["g"][0].tolist() == [1.0] * 3


def test_numbers_that_are_not_finite_are_kept_as_null(lab, held):
    checkpoint = lab.write(held, 10)
    row = CheckRow(10, {"nll": np.float32("inf"), "error": None, "n": np.int64(3)})
    commits.commit(lab.store, held, checkpoint, [row], {"nll": float("nan"), "best": [np.float64(1)]}, 20.0)
    assert lab.store.value("SELECT scalars FROM history") == '{"error":null,"n":3,"nll":null}'
    assert queries.runs_of(lab.store)[0].summary == {"nll": None, "best": [1.0]}


def test_a_step_that_history_has_cannot_be_committed_again_and_nothing_of_it_lands(lab, held):
    lab.commit(held, 20, rows(0, 10, 20))
    checkpoint = lab.write(held, 40)
    before = lab.everything()
    with pytest.raises(Conflict, match="already goes up to step 20: no row can be added for 20"):
        commits.commit(lab.store, held, checkpoint, rows(20, 30), {}, 30.0)
    assert lab.everything() == before


@pytest.mark.parametrize("steps", [(30, 30), (40, 30), (5,)])
def test_history_only_grows_forward(lab, held, steps):
    lab.commit(held, 20, rows(0, 10, 20))
    with pytest.raises(Conflict, match="no row can be added"):
        lab.commit(held, 50, rows(*steps))
    assert steps_of(lab, held) == [0, 10, 20]


def test_the_database_itself_refuses_double_rows_and_changed_rows(lab, held):
    lab.commit(held, 10, rows(10))
    with pytest.raises(Conflict, match="UNIQUE constraint failed"), lab.store.transaction():
        lab.store.execute(
            """INSERT INTO history (run_id, step, attempt, at, scalars)
               SELECT run_id, step, attempt, at, scalars FROM history"""
        )
    with pytest.raises(Conflict, match="history is append-only"), lab.store.transaction():
        lab.store.execute("UPDATE history SET step = 11")


def test_history_beyond_its_checkpoint_is_refused(lab, held):
    with pytest.raises(AssertionError, match="history beyond the checkpoint"):
        lab.commit(held, 10, rows(11))


def test_a_commit_that_does_not_fit_on_the_disk_leaves_the_one_before_and_can_be_tried_again(lab, held):
    lab.commit(held, 10, rows(10))
    checkpoint = lab.write(held, 20)
    before = lab.everything()
    big = CheckRow(20, {}, {"noise": np.random.default_rng(0).random(500_000)})
    pages = lab.store.value("PRAGMA page_count")
    lab.store.rows(f"PRAGMA max_page_count = {pages + 10}")
    with pytest.raises(DiskFull, match="no room left to write .*rnnctl.db"):
        commits.commit(lab.store, held, checkpoint, [big], {}, 30.0)
    assert lab.everything() == before
    lab.store.rows("PRAGMA max_page_count = 1000000")
    commits.commit(lab.store, held, checkpoint, [big], {}, 30.0)
    assert steps_of(lab, held) == [10, 20]


def test_the_newest_two_checkpoints_are_kept_and_older_files_go_after_the_commit(lab, held):
    first, second, third = (lab.commit(held, step) for step in (10, 20, 30))
    assert checkpoints.live(lab.store, held.run_id) == [third, second]
    assert lab.everything()[1].keys() == {str(lab.folder / kept.path) for kept in (second, third)}
    assert [row.status for row in queries.checkpoints_of(lab.store, held.run_id)] == ["removed", "live", "live"]


def test_a_second_checkpoint_of_one_step_stands_beside_the_first(lab, held):
    first, second = lab.commit(held, 10, content=b"before"), lab.commit(held, 10, content=b"after")
    assert checkpoints.live(lab.store, held.run_id) == [second, first]
    assert checkpoints.newest_sound(lab.store, held.run_id).checkpoint == second


def test_a_rewind_takes_history_back_to_the_checkpoint_that_is_used(lab, held):
    older = lab.commit(held, 10, rows(0, 10))
    newer = lab.commit(held, 20, rows(20))
    queue.release(lab.store, held, 30.0)
    (again,) = lab.claim("w", now=30.0)
    lab.folder.joinpath(newer.path).unlink()
    actual = checkpoints.newest_sound(lab.store, again.run_id)
    commits.rewind(lab.store, again, actual)
    assert steps_of(lab, again) == [0, 10]
    assert checkpoints.live(lab.store, again.run_id) == [older]
    unsound = queries.checkpoints_of(lab.store, again.run_id)[1]
    assert (unsound.status, unsound.reason) == ("unsound", "is missing")
    assert lab.job(again.run_id)["step"] == lab.attempt(again.run_id, 2)["start_step"] == 10
    lab.commit(again, 20, rows(20), now=40.0)
    assert steps_of(lab, again) == [0, 10, 20]


def test_a_rewind_to_the_beginning_clears_history_with_step_zero_included(lab, held):
    lab.commit(held, 10, rows(0, 10))
    lab.folder.joinpath(checkpoints.live(lab.store)[0].path).write_bytes(b"")
    commits.rewind(lab.store, held, checkpoints.newest_sound(lab.store, held.run_id))
    assert steps_of(lab, held) == []
    assert checkpoints.newest_sound(lab.store, held.run_id) == Resumption(None, [])
    lab.commit(held, 10, rows(0, 10))
    assert steps_of(lab, held) == [0, 10]


def test_a_rewind_removes_what_probes_say_of_later_weights_of_the_run(lab, held):
    lab.register("b", *lab.runs(1, start=1))
    given = [
        Answer(run_id, probe, step, {}, {"loss": 0.5})
        for run_id in ("r1-s00000", "r1-s00001")
        for probe in ("lengths", "memory")
        for step in (0, 10, 11, 20)
    ]
    answers.add(lab.store, given, 15.0)
    commits.rewind(lab.store, held, Resumption(lab.commit(held, 10), []))
    kept = [answer for answer in given if answer.run_id == "r1-s00001" or answer.step <= 10]
    assert answers.of_runs(lab.store, ["r1-s00000", "r1-s00001"]) == kept


def test_a_rewind_asks_again_whether_the_bits_are_the_same(lab):
    lab.register("a", *lab.runs(1))
    for worker, threads in (("one", 1), ("two", 2)):
        lab.start(worker, {"bits": {"threads": threads}})
    for worker, step in (("one", 10), ("two", 20)):
        (claim,) = lab.claim(worker)
        newest = lab.commit(claim, step)
        queue.release(lab.store, claim, 20.0)
    (claim,) = lab.claim("two", now=20.0)
    assert claim.exact
    lab.folder.joinpath(newest.path).unlink()
    commits.rewind(lab.store, claim, checkpoints.newest_sound(lab.store, claim.run_id))
    assert lab.attempt(claim.run_id, claim.attempt)["exact"] == 0


def test_a_file_found_unsound_is_removed_once_a_newer_checkpoint_is_there(lab, held):
    damaged = lab.commit(held, 10)
    lab.folder.joinpath(damaged.path).write_bytes(b"Weights")
    commits.rewind(lab.store, held, checkpoints.newest_sound(lab.store, held.run_id))
    assert lab.folder.joinpath(damaged.path).exists()
    fresh = lab.commit(held, 10)
    assert lab.everything()[1].keys() == {str(lab.folder / fresh.path)}
    assert queries.checkpoints_of(lab.store, held.run_id)[0].reason == "its content has changed (sha256 differs)"


def test_a_checkpoint_of_another_attempt_is_never_committed(lab, held):
    theirs = lab.write(held, 10)
    lab.rescue(1000.0)
    (again,) = lab.claim("w", now=1000.0)
    with pytest.raises(AssertionError, match="a checkpoint of another attempt"):
        commits.commit(lab.store, again, theirs, [], {}, 1000.0)
