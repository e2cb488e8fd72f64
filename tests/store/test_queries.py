import pytest

from store import NotFound, Store, history, naming, packs, queries, queue, workers
from tests.checks import CheckRow


@pytest.fixture
def shared(lab):
    """Studies a (runs 0 to 2) and b (runs 2 and 3); run 0 done, run 1 running, run 2 failed, run 3 queued."""
    lab.register("a", *lab.runs(3))
    lab.register("b", *lab.runs(2, start=2))
    lab.start("w")
    first, _, third = lab.claim("w", pack=3)
    lab.commit(first, 100, outcome="solved")
    queue.fail(lab.store, third, "ValueError: no\n", 20.0, 1, lambda strikes: 0.0)
    return lab


def ids(rows):
    return [row.run_id[-1] for row in rows]


def test_runs_are_read_by_study_status_and_id_each_once(shared):
    store = shared.store
    assert ids(queries.runs_of(store)) == ["0", "1", "2", "3"]
    assert ids(queries.runs_of(store, "b")) == ["2", "3"]
    assert ids(queries.runs_of(store, statuses=["failed", "done"])) == ["0", "2"]
    assert ids(queries.runs_of(store, "b", ["failed", "done"])) == ["2"]
    assert ids(queries.runs_of(store, run_ids=["r1-s00003", "r1-s00001"])) == ["1", "3"]
    assert queries.runs_of(store, "c") == queries.runs_of(store, statuses=[]) == []


def test_a_run_tells_how_its_job_stands(shared):
    done, running, failed, queued = queries.runs_of(shared.store)
    assert (done.status, done.outcome, done.step, done.summary) == ("done", "solved", 100, {"step": 100})
    assert (running.status, running.worker, running.lease_until, running.attempt) == ("running", "w", 70.0, 1)
    assert (failed.status, failed.error, failed.strikes) == ("failed", "ValueError: no\n", 1)
    assert (queued.attempt, queued.worker, queued.summary, queued.exact) == (0, None, {}, True)


def test_a_shared_run_is_counted_in_each_study_and_once_in_all(shared):
    assert queries.counts(shared.store) == {
        "queued": 1,
        "running": 1,
        "done": 1,
        "failed": 1,
        "quarantined": 0,
        "cancelled": 0,
    }
    by_study = queries.counts_by_study(shared.store)
    assert list(by_study) == ["a", "b"]
    some = {study: {status: n for status, n in of.items() if n} for study, of in by_study.items()}
    assert some == {"a": {"running": 1, "done": 1, "failed": 1}, "b": {"queued": 1, "failed": 1}}


def test_a_study_without_runs_counts_nothing(lab):
    lab.register("empty")
    assert set(queries.counts_by_study(lab.store)["empty"].values()) == {0}
    assert [study.runs for study in queries.studies(lab.store)] == [0]


def test_attempts_tell_where_and_how_long(shared):
    (attempt,) = queries.attempts(shared.store, "r1-s00002")
    assert (attempt.host, attempt.device, attempt.environment) == ("host", "cpu", {"bits": {"threads": 1}})
    assert (attempt.started, attempt.ended, attempt.ended_as) == (10.0, 20.0, "failed")


def test_checkpoints_of_a_run_are_listed_with_their_size(shared):
    (row,) = queries.checkpoints_of(shared.store, "r1-s00000")
    assert (row.attempt, row.step, row.size, row.at, row.status) == (1, 100, len(b"weights"), 20.0, "live")


def test_workers_are_listed_until_they_end_with_what_they_hold(shared):
    shared.start("idle", now=2.0)
    assert [(worker.id, worker.running) for worker in workers.current(shared.store)] == [("w", 1), ("idle", 0)]
    workers.end(shared.store, "idle", 30.0)
    assert [worker.id for worker in workers.current(shared.store)] == ["w"]


@pytest.mark.parametrize(
    ("word", "actual"),
    [
        ("r1-s00001", ["1"]),
        ("a/S1", ["1"]),
        ("b/S2", ["2"]),
        ("S3", ["3"]),
        ("r1-s0000", ["0", "1", "2", "3"]),
    ],
)
def test_a_run_is_found_by_id_label_study_and_label_or_the_beginning_of_its_id(shared, word, actual):
    assert [run_id[-1] for run_id in naming.resolve_runs(shared.store, word)] == actual


def test_a_label_goes_before_the_beginning_of_an_id(lab):
    from dataclasses import replace

    one, other = lab.runs(2)
    lab.register("a", one, replace(other, label="r1-s"))
    assert naming.resolve_runs(lab.store, "r1-s") == [other.run_id]


@pytest.mark.parametrize("word", ["", "b/S0", "S9", "%", "r1-t"])
def test_an_unknown_run_is_told_in_one_line(shared, word):
    with pytest.raises(NotFound) as caught:
        naming.resolve_runs(shared.store, word)
    assert str(caught.value) == f"there is no run {word!r}"


def test_an_unknown_name_is_answered_with_the_names_that_there_are(shared):
    with pytest.raises(NotFound) as caught:
        naming.resolve_runs(shared.store, "b/S4")
    assert (caught.value.kind, caught.value.name) == ("run", "b/S4")
    assert sorted(caught.value.known) == sorted(
        [f"S{i}" for i in range(4)] + [f"r1-s0000{i}" for i in range(4)] + ["a/S0", "a/S1", "a/S2", "b/S2", "b/S3"]
    )
    shared.register("temporal-order")
    assert naming.resolve_study(shared.store, "temporal-order") == "temporal-order"
    with pytest.raises(NotFound, match="^there is no study 'temporal-oder'$") as caught:
        naming.resolve_study(shared.store, "temporal-oder")
    assert caught.value.known == ["a", "b", "temporal-order"]


def test_one_index_answers_a_claim_however_long_the_queue_is(lab):
    lab.register("a", *lab.runs(50))
    for condition, index in (("", "jobs_queued"), ("AND strikes < 2 AND shape = 's'", "jobs_packable")):
        plan = lab.store.rows(
            f"""EXPLAIN QUERY PLAN SELECT run_id FROM jobs
                WHERE status = 'queued' {condition} AND {packs.DUE} ORDER BY seq LIMIT 1""",
            {"now": 1.0, "longest_wait": 60.0},
        )
        (step,) = [row["detail"] for row in plan]  # one step: nothing is sorted
        assert f"USING INDEX {index}" in step


@pytest.fixture
def plans(monkeypatch):
    """How the engine answers each query that is asked of a store from now on, one text for each step."""
    steps = []
    real = Store.rows

    def explained(store, sql, parameters=()):
        steps.extend(row["detail"] for row in real(store, f"EXPLAIN QUERY PLAN {sql}", parameters))
        return real(store, sql, parameters)

    monkeypatch.setattr(Store, "rows", explained)
    return steps


def test_whether_anything_is_left_is_answered_without_reading_the_finished_runs(lab, plans):
    assert queue.pending(lab.store) is False
    read = [step for step in plans if "jobs" in step]
    assert len(read) == 2
    assert all("INDEX jobs_queued" in step or "INDEX jobs_running" in step for step in read)


def test_the_share_of_checks_below_a_limit_counts_all_checks(lab):
    lab.register("a", *lab.runs(2))
    lab.start("w")
    first, second = lab.claim("w", pack=2)
    losses = [0.5, None, 1.5, 0.9]  # None: not finite
    lab.commit(first, 40, [CheckRow(10 * (i + 1), {"valid_loss": loss}) for i, loss in enumerate(losses)])
    lab.commit(second, 10, [])
    shares = history.shares_below(lab.store, "valid_loss", {first.run_id: 1.0, second.run_id: 1.0, "unknown": 1.0})
    assert shares == {first.run_id: 0.5}


def test_configurations_are_listed_in_the_order_of_registration_once_for_each_study(shared):
    rows = queries.configurations(shared.store, ["a", "b"])
    first = {
        (run.study, run.config_id): run.label
        for study in "ba"
        for run in reversed(queries.runs_of(shared.store, study))
    }
    assert [(row.study, row.config_id) for row in rows] == list(reversed(first))
    assert {(row.study, row.config_id): row.label for row in rows} == first
    assert queries.configurations(shared.store, ["none"]) == []
