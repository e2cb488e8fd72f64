"""Toy training: runs that count and mix numbers, with checkpoints as JSON. Also the program of the processes in tests.

A run's value after each update follows from the one before, so that a run that was interrupted and resumed wrongly
shows it. `toy.py child WORKSPACE OPTIONS` is a worker process, `toy.py parent WORKSPACE OPTIONS` a pool of two of them.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

from jobs.child import abandon, serve
from jobs.config import Settings
from jobs.launcher import LocalLauncher
from jobs.pool import Pool, signals_to
from jobs.store_ledger import StoreLedger
from jobs.worker import Worker
from store import Store, history, queries
from store.registry import RunRecord, StudyRecord, register
from tests.checks import CheckRow

ROOT = Path(__file__).parents[2]
CHECK_EVERY = 5
QUICK = {"lease": 30.0, "beat": 0.5, "rescue_every": 0.2, "backoff": 0.0}  # settings for tests with real processes


def mixed(value: int, seed: int) -> int:
    """Return the value after one more update."""
    return (value * 6364136223846793005 + seed) % 2**61


def run_record(name: str, shape: str = "a", updates: int = 20, **spec) -> RunRecord:
    """Return a run. Its spec may change: `seed`; `save`, the updates between commits; `pause`, the seconds that each
    update takes while the file `pause_while` exists (always if None); `trouble`, and the update `at` which it comes.
    """
    spec = {"seed": sum(name.encode()), "save": 5, "pause": 0.0, "pause_while": None, "trouble": None, "at": 1, **spec}
    return RunRecord(name, name, shape, spec, name, updates)


def add_runs(workspace: Path, *runs: RunRecord) -> None:
    """Register runs, in a new workspace if there is none."""
    with Store.create(workspace) as store:
        register(store, [StudyRecord("toys", "", "", list(runs))], 0.0)


def write_nothing(file) -> None:
    """Write a checkpoint that holds nothing."""
    file.write(b"nothing")


def execute(session) -> None:
    """Train a pack in lockstep: one update of every run, then checks and commits, then a look at `draining`."""
    states = {}
    for claim in session.claims:
        path = session.resume(claim.run_id)
        state = {"step": 0, "value": claim.spec["seed"]} if path is None else json.loads(path.read_bytes())
        states[claim.run_id] = (claim, state, [])
    while states:
        for run_id, (claim, state, rows) in list(states.items()):
            if not session.held(run_id) or _update(session, claim, state, rows):
                del states[run_id]
        if session.draining:
            for run_id, (_, state, rows) in states.items():
                _save(session, run_id, state, rows)
            return


def _update(session, claim, state, rows) -> bool:
    """Do one update of one run; return whether the run has ended."""
    spec, run_id = claim.spec, claim.run_id
    if spec["pause_while"] is None or os.path.exists(spec["pause_while"]):
        time.sleep(spec["pause"])
    state["step"] += 1
    state["value"] = mixed(state["value"], spec["seed"])
    session.progress(run_id, state["step"])
    if spec["trouble"] and state["step"] == spec["at"]:
        trouble(spec["trouble"])
    if state["step"] % CHECK_EVERY == 0:
        rows.append(CheckRow(state["step"], {"value": float(state["value"])}))
    outcome = "budget" if state["step"] == claim.total else None
    if outcome or state["step"] % spec["save"] == 0:
        return not _save(session, run_id, state, rows, outcome) or outcome is not None
    return False


def _save(session, run_id, state, rows, outcome=None) -> bool:
    def write(file):
        file.write(json.dumps(state).encode())

    saved = session.commit(run_id, state["step"], write, rows, {"value": state["value"]}, outcome)
    rows.clear()
    return saved


def trouble(kind: str) -> None:
    """Do what a run in trouble does to its worker."""
    if kind == "raise":
        raise ArithmeticError("this run never works")
    if kind == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "exit":
        sys.exit(0)
    if kind == "hang":
        time.sleep(3600)
    if kind == "chatter":
        print("a library that prints", flush=True)


def assert_finished_once(workspace: Path, *runs: RunRecord) -> None:
    """Assert that every run is done, by one attempt, with the history and value of a run that was never interrupted."""
    with Store.open(workspace, readonly=True) as store:
        rows = {row.run_id: row for row in queries.runs_of(store)}
        kept = history.read(store, rows)
        for run in runs:
            assert (rows[run.run_id].status, rows[run.run_id].outcome) == ("done", "budget")
            values = [run.spec["seed"]]
            for _ in range(run.total):
                values.append(mixed(values[-1], run.spec["seed"]))
            assert rows[run.run_id].summary == {"value": values[-1]}
            assert kept[run.run_id].steps.tolist() == list(range(CHECK_EVERY, run.total + 1, CHECK_EVERY))
            expected = [float(value) for value in values[CHECK_EVERY::CHECK_EVERY]]
            assert kept[run.run_id].scalars["value"].tolist() == expected
            ends = [attempt.ended_as for attempt in queries.attempts(store, run.run_id)]
            assert ends.count("done") == 1, ends
            assert ends[-1] == "done", ends


def command(workspace: Path, role: str = "child", packs: int = 1, settings: dict | None = None) -> list[str]:
    """Return the command line that starts this script."""
    options = {"packs": packs, "settings": {**QUICK, **(settings or {})}}
    return [sys.executable, __file__, role, str(workspace), json.dumps(options)]


def pool_of(workspace, workers, on_event, role="child", packs=1, settings=None) -> Pool:
    """Return a pool of worker processes that run this script."""
    worker = command(workspace, role, packs, settings)
    launcher = LocalLauncher(lambda slot: worker, environment(), workspace / "logs")
    settings = Settings(**{**QUICK, **(settings or {})})
    return Pool(launcher, StoreLedger(workspace), workers, on_event, settings, workspace / "logs" / "events.jsonl")


def environment() -> dict[str, str]:
    """Return what this script needs in its environment."""
    return {"PYTHONPATH": str(ROOT)}


def _child(workspace: Path, options: dict) -> int:
    def build(emit, stop):
        return Worker(
            StoreLedger(workspace),
            execute,
            Settings(**options["settings"]),
            max_pack=lambda shape, claims: options["packs"],
            environment={"toy": 1},
            device="cpu",
            events=emit,
            stop=stop,
            abandon=abandon,
        )

    return serve(build)


def _unbuilt(workspace: Path, options: dict) -> int:
    def build(emit, stop):
        import no_such_module  # noqa: F401

    return serve(build)


def _parent(workspace: Path, options: dict) -> int:
    """A pool of two whose events go to stdout; exit status 130 after a drain, 9 after a kill."""
    pool = pool_of(workspace, 2, lambda event: print(json.dumps(event), flush=True), **options)
    with signals_to(pool):
        end = pool.run()
    return 9 if end.killed else 130 if end.drained else 0


if __name__ == "__main__":
    main = {"child": _child, "unbuilt": _unbuilt, "parent": _parent}[sys.argv[1]]
    sys.exit(main(Path(sys.argv[2]), json.loads(sys.argv[3])))
