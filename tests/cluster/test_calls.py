"""The ledger of a cluster: answers that get lost, calls that come together, and workers that its pool looks after."""

from __future__ import annotations

import inspect
import json
import pickle
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from jobs import identity
from jobs.ledger import Ledger, Save
from jobs.load import Meter, loads
from jobs.store_ledger import StoreLedger
from rnnctl.cluster import ledger as client
from rnnctl.cluster import service as service_module
from rnnctl.cluster.calls import Answer, Call, Resumed
from rnnctl.cluster.clock import LedgerClock
from rnnctl.cluster.ledger import ClusterLedger
from rnnctl.cluster.service import Service
from store import Conflict, LeaseLost, Store, StoreError, errors, queries
from store import history as history_module
from store.errors import Busy, Damaged, NotFound
from store.history import encode
from store.queue import Claim
from tests.checks import CheckRow
from tests.cluster.transports import SETTINGS, Losing, Pickling, record
from tests.jobs.toy import add_runs, run_record

# What is no call: it stays on the worker's machine.
LOCAL = {"another"}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    add_runs(tmp_path, *(run_record(name, "a") for name in ("one", "two", "three")))
    running = Service(tmp_path, logs=tmp_path)
    yield running
    running.close()


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PAUSE", 0.001)


def ledger_of(transport: Pickling, timeout: float = 30.0, worker: str = "w") -> ClusterLedger:
    """A ledger with a registered worker."""
    ledger = ClusterLedger(transport, LedgerClock(), timeout).__enter__()
    ledger.start(record(worker), {"test": 1}, 0.0)
    return ledger


def claim(ledger: ClusterLedger, most: int = 1, worker: str = "w") -> list[Claim]:
    return ledger.claim(worker, 0.0, SETTINGS, lambda shape: most, 1)


def commit(ledger: ClusterLedger, held: Claim, step: int = 5, content: bytes = b"state") -> None:
    ledger.commit(held, step, lambda file: file.write(content) and None, [CheckRow(step, {"x": 1.0})], {}, 1.0, None)


def test_the_ledger_of_a_cluster_has_every_method_of_a_ledger_and_the_service_does_each(service: Service) -> None:
    for name, method in inspect.getmembers(Ledger, inspect.isfunction):
        if name.startswith("_") and name not in ("__enter__", "__exit__"):
            continue
        same = inspect.signature(getattr(ClusterLedger, name))
        assert list(same.parameters.values()) == list(inspect.signature(method).parameters.values()), name
        if not name.startswith("_") and name not in LOCAL:
            assert name in service._methods or name == "commit", name


@pytest.mark.parametrize("lost", [1, 3])
def test_a_commit_whose_answer_is_lost_is_kept_once(service: Service, tmp_path: Path, lost: int) -> None:
    ledger = ledger_of(Losing(service, "commit", lost))
    [held] = claim(ledger)
    commit(ledger, held)
    with Store.open(tmp_path, readonly=True) as store:
        assert [row.step for row in queries.checkpoints_of(store, "one")] == [5]


@pytest.fixture
def _no_second_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call whose answer is lost ends as Busy at once, if its ledger has no time."""
    monkeypatch.setattr(client, "PAUSE", 60.0)


@pytest.mark.usefixtures("_no_second_try")
def test_a_commit_that_ended_as_busy_goes_on_as_the_same_call(service: Service) -> None:
    ledger = ledger_of(Losing(service, "commit", 1), timeout=0.0)
    [held] = claim(ledger)
    with pytest.raises(Busy, match="the ledger of this training does not answer"):
        commit(ledger, held)
    ledger.beat("w", [(held, 5)], 1.0, 60.0, True)  # other calls may come between
    commit(ledger, held)
    with pytest.raises(Conflict):  # a new call with the same history is a mistake, as it is in the store
        commit(ledger, held)


@pytest.mark.usefixtures("_no_second_try")
def test_a_claim_whose_answer_is_lost_is_not_lost(service: Service) -> None:
    ledger = ledger_of(Losing(service, "claim", 2), timeout=0.0)
    names: list[str] = []
    for _ in range(6):
        try:
            names += [held.run_id for held in claim(ledger)]
        except Busy:
            ledger.beat("w", [], 1.0, 60.0, False)
    assert names == ["one", "two", "three"]


@pytest.mark.usefixtures("_no_second_try")
def test_a_claim_in_two_calls_whose_second_answer_is_lost_is_not_lost(service: Service) -> None:
    """The first call is answered: the ledger wants to know how many runs of a shape fit."""
    ledger = ledger_of(Losing(service, "claim", 1, after=1), timeout=0.0)
    with pytest.raises(Busy):
        claim(ledger)
    assert [held.run_id for held in claim(ledger)] == ["one"]
    assert [held.run_id for held in claim(ledger)] == ["two"]


def test_a_call_is_done_although_nobody_waits_for_its_answer_any_more(service: Service) -> None:
    assert not service.submit(Call("1", "hello", ())).cancel()
    assert service.submit(Call("2", "hello", ())).result(10.0).error is None


def test_a_ledger_that_is_gone_is_one_line(service: Service) -> None:
    transport = Losing(service, "commit", 0)
    ledger = ledger_of(transport)
    transport.gone = True
    with pytest.raises(StoreError, match="has ended; rnnctl train goes on from the last checkpoints"):
        ledger.pending()


def test_how_many_runs_fit_is_found_out_where_the_worker_is(service: Service) -> None:
    transport = Pickling(service)
    ledger = ledger_of(transport)
    asked: list[str] = []

    def most(shape: str) -> int:
        asked.append(shape)
        return 2

    first = ledger.claim("w", 0.0, SETTINGS, most, 1)
    assert ([held.run_id for held in first], asked, transport.sent["claim"]) == (["one", "two"], ["a"], 2)
    second = ledger.claim("w", 0.0, SETTINGS, most, 1)
    assert ([held.run_id for held in second], asked, transport.sent["claim"]) == (["three"], ["a", "a"], 3)


def test_checkpoints_become_files_of_this_machine_that_go_with_the_ledger(service: Service) -> None:
    ledger = ledger_of(Pickling(service))
    [held] = claim(ledger)
    commit(ledger, held, content=b"the state")
    file = ledger.resume(held, 1.0).checkpoint
    assert file is not None
    assert file.read_bytes() == b"the state"
    assert service._ledger._workspace not in file.parents
    commit(ledger, held, step=6)
    assert not file.exists(), "the run has a newer one"
    again = ledger.resume(held, 1.0).checkpoint
    assert again is not None
    assert again.exists()
    ledger.__exit__(None, None, None)
    assert not again.parent.exists()


def test_commits_that_come_together_share_a_transaction_and_each_is_kept_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_runs(tmp_path, *(run_record(name, "a") for name in ("one", "two", "three")))
    with StoreLedger(tmp_path) as ledger:
        ledger.start(record("w"), {}, 0.0)
        held = ledger.claim("w", 0.0, SETTINGS, lambda shape: 3, 1)
        ledger.release(held[1], 0.0)
        ledger.commit(held[2], 5, lambda file: None, [CheckRow(5, {})], {}, 0.0, None)
        began: list[str] = []
        begin = ledger._store._turns.begin
        monkeypatch.setattr(ledger._store._turns, "begin", lambda: (began.append("a transaction"), begin())[1])

        def save(claim: Claim, outcome: str | None = None) -> Save:
            return Save(claim, 10, lambda file: file.write(b"x") and None, encode([CheckRow(5, {})]), {}, 1.0, outcome)

        refusals = ledger.commit_all([save(held[0], "budget"), save(held[1]), save(held[2])])
    assert [type(refusal) for refusal in refusals] == [type(None), LeaseLost, Conflict]
    assert began == ["a transaction"]
    with Store.open(tmp_path, readonly=True) as store:
        rows = {row.run_id: (row.status, row.step) for row in queries.runs_of(store)}
    assert rows == {"one": ("done", 10), "two": ("queued", 0), "three": ("running", 5)}
    assert sorted(path.parent.name for path in (tmp_path / "checkpoints").glob("*/*.ckpt")) == ["one", "three", "three"]


def test_workers_pack_their_arrays_themselves(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    packing, packed_by = history_module.pack_arrays, []

    def pack(arrays: dict[str, np.ndarray]) -> bytes | None:
        packed_by.append(threading.current_thread())
        return packing(arrays)

    monkeypatch.setattr(history_module, "pack_arrays", pack)
    ledger = ledger_of(Pickling(service))
    [held] = claim(ledger)
    ledger.commit(held, 5, lambda file: None, [CheckRow(5, {}, {"g": np.arange(4.0)})], {}, 1.0, None)
    assert packed_by == [threading.current_thread()]
    with Store.open(service._ledger._workspace, readonly=True) as store:
        kept = history_module.read(store, [held.run_id], traces=True)[held.run_id]
    assert kept.traces["g"][0].tolist() == [0.0, 1.0, 2.0, 3.0]


def test_beats_that_come_with_commits_are_done_first(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = ledger_of(Pickling(service))
    held = claim(ledger, most=3)
    stopped, release, done = threading.Event(), threading.Event(), []
    hello = service._methods["hello"]

    def stop() -> None:
        stopped.set()
        release.wait()

    def noted(name: str, method: Callable[..., object]) -> Callable[..., object]:
        return lambda *arguments: (done.append(name), method(*arguments))[1]

    monkeypatch.setitem(service._methods, "hello", stop)
    monkeypatch.setitem(service._methods, "beat", noted("beat", service._methods["beat"]))
    monkeypatch.setattr(service._ledger, "commit_all", noted("commits", service._ledger.commit_all))
    waiting: list[Future[Answer]] = [service.submit(Call("0", "hello", ()))]
    stopped.wait()
    for run in held:
        waiting.append(service.submit(Call(f"c{run.run_id}", "commit", (run, 5, b"x", [], {}, 1.0, None))))
    waiting.append(service.submit(Call("b", "beat", ("w", [], 1.0, 60.0, True))))
    release.set()
    assert [future.result().error for future in waiting] == [None] * 5
    assert done == ["beat", "commits"]
    assert hello() is None


def test_a_worker_of_this_training_is_dead_when_its_pool_says_so(service: Service) -> None:
    ledger = ledger_of(Pickling(service))
    [held] = claim(ledger)
    assert ledger.rescue(["w"], 1.0, SETTINGS) == []
    assert ledger.release_from(["w"], 1.0) == []
    assert ledger.beat("w", [(held, 1)], 1.0, 60.0, True) == {"one"}
    assert ledger.is_ours(ledger.workers()[0])


def test_dead_workers_of_others_are_rescued(service: Service, tmp_path: Path) -> None:
    with StoreLedger(tmp_path) as other:
        other.start(record("other"), {}, 0.0)
        other.claim("other", 0.0, SETTINGS, lambda shape: 1, 1)
    ledger = ledger_of(Pickling(service))
    assert not any(ledger.is_ours(row) for row in ledger.workers() if row.id == "other")
    assert [run.run_id for run in ledger.rescue(["other", "w"], 1.0, SETTINGS)] == ["one"]


def test_leases_that_have_ended_are_looked_for_once_for_all_workers(service: Service) -> None:
    ledger = ledger_of(Pickling(service))
    claim(ledger)
    assert ledger.rescue([], 1.0, SETTINGS) == []
    assert ledger.rescue([], 1000.0, SETTINGS) == []  # another worker has just looked
    service._rescued_at -= 1.0
    assert [run.ended_as for run in ledger.rescue([], 1000.0, SETTINGS)] == ["lost"]


def test_a_machine_with_the_name_of_the_ledgers_is_told_from_it(service: Service) -> None:
    """Otherwise its workers would seem to have ended with an earlier boot of the ledger's machine."""
    ledger = ledger_of(Pickling(service))
    ledger.start(record("far", boot_id="another"), {"node": "n1"}, 0.0)
    rows = {row.id: row for row in ledger.workers()}
    assert identity.alive(rows["w"]) is True
    assert identity.alive(rows["far"]) is None
    assert rows["far"].host == f"{identity.host()} (n1)"
    assert (rows["far"].node, rows["w"].node) == ("n1", None)


def test_a_mistake_of_the_program_is_answered_and_the_next_call_is_done(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = ledger_of(Pickling(service))
    with pytest.raises(StoreError, match="the ledger failed: AttributeError"):
        ledger.due_shapes(1.0, None, 8)  # type: ignore[arg-type]
    assert ledger.pending()
    assert "Traceback" in capsys.readouterr().err


def test_content_that_cannot_be_fetched_is_refused_alone(service: Service) -> None:
    class Lost:
        size = 1

        def read(self) -> bytes:
            raise OSError("its worker has died")

    ledger = ledger_of(Pickling(service))
    first, second = claim(ledger, most=2)
    lost = service.submit(Call("1", "commit", (first, 5, Lost(), [], {}, 1.0, None)))
    kept = service.submit(Call("2", "commit", (second, 5, b"x", [], {}, 1.0, None)))
    assert "its worker has died" in str(lost.result().error)
    assert kept.result().error is None


def test_every_call_is_answered_where_there_is_no_workspace(tmp_path: Path) -> None:
    service = Service(tmp_path / "nowhere")
    with pytest.raises(StoreError, match="no workspace"):
        ClusterLedger(Pickling(service), LedgerClock()).__enter__()
    service.close()


def test_every_error_of_the_store_arrives_as_it_was_raised() -> None:
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, StoreError) and kind not in (Damaged, NotFound):
            assert type(pickle.loads(pickle.dumps(kind("why")))) is kind
    damaged = pickle.loads(pickle.dumps(Damaged("why", "r1")))
    assert (str(damaged), damaged.run_id) == ("why", "r1")
    missing = pickle.loads(pickle.dumps(NotFound("study", "a", ["b"])))
    assert (str(missing), missing.kind, missing.name, missing.known) == ("there is no study 'a'", "study", "a", ["b"])


def test_how_busy_the_ledger_is_can_be_read_while_it_runs(tmp_path: Path) -> None:
    add_runs(tmp_path, run_record("one", "a"))
    service = Service(tmp_path, logs=tmp_path)
    ledger = ledger_of(Pickling(service))
    [held] = claim(ledger)
    commit(ledger, held)
    service._measured = 0.0
    ledger.workers()
    ledger.workers()  # by now the turn before is over
    [load] = loads(tmp_path)
    assert (load.commits, load.pid, load.waiting, load.behind) == (1, identity.here().pid, 0, False)
    assert 0 < load.busy <= 1
    assert (load.silent_for(load.at + 5.0), load.silent_for(load.at + 60.0)) == (0.0, 60.0)
    service.close()
    assert list(loads(tmp_path)) == []


def test_what_a_killed_ledger_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    add_runs(tmp_path, run_record("one", "a"))
    mine = json.loads(json.dumps({"process": asdict(identity.here()), "load": asdict(Meter(0.0).load(1.0, 0))}))
    dead = {**mine, "process": {**mine["process"], "pid_started": 1.0}}
    elsewhere = {**mine, "process": {**mine["process"], "host": "another"}}
    for pid, content in enumerate((dead, elsewhere)):
        (tmp_path / f"ledger-{pid}.json").write_text(json.dumps(content))
    Service(tmp_path, logs=tmp_path).close()
    assert [file.name for file in tmp_path.glob("ledger-*.json")] == ["ledger-1.json"]


def test_workers_that_counted_at_the_same_time_get_equal_packs(tmp_path: Path) -> None:
    """Each has counted the other as one that has no runs."""
    add_runs(tmp_path, *(run_record(str(number), "a") for number in range(8)))
    service = Service(tmp_path, peers=2)
    ledgers = {name: ledger_of(Pickling(service), worker=name) for name in ("first", "second")}
    packs = [len(ledger.claim(name, 0.0, SETTINGS, lambda shape: 16, 2)) for name, ledger in ledgers.items()]
    service.close()
    assert packs == [4, 4]


def test_answers_that_may_be_large_are_not_kept(service: Service) -> None:
    ledger = ledger_of(Pickling(service))
    [held] = claim(ledger)
    commit(ledger, held)
    ledger.resume(held, 1.0)
    ledger.workers()
    ledger.pending()
    kept = [answer.result() for answer in service._calls.values()]
    assert len(kept) == 4  # start, two tries of the claim, commit
    assert not any(isinstance(answer.value, Resumed) for answer in kept)


def test_only_some_of_the_latest_answers_are_kept(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnnctl.cluster.service.REMEMBERED", 3)
    ledger = ledger_of(Pickling(service))
    for _ in range(10):
        ledger.end("nobody", 1.0)
    assert len(service._calls) <= 4


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [
        ([], []),
        ([10], [[10]]),
        ([3, 3, 3, 3], [[3, 3, 3], [3]]),
        ([6, 6, 1], [[6], [6, 1]]),
        ([99, 1, 99], [[99], [1], [99]]),
        ([1] * 9, [[1] * 4, [1] * 4, [1]]),
    ],
)
def test_commits_share_a_transaction_up_to_a_number_and_a_size(
    sizes: list[int], parts: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "MOST_COMMITS", 4)
    monkeypatch.setattr(service_module, "MOST_BYTES", 10)
    commits = [service_module._Waiting(Call("", "commit", (None, 1, b"x" * size)), Future(), 0.0) for size in sizes]
    together = service_module._in_parts(commits)
    assert [[len(waiting.call.arguments[2]) for waiting in part] for part in together] == parts
