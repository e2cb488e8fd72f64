"""Whatever ends on a cluster, each run is done once and ends with the bits of a training that nobody disturbed."""

from __future__ import annotations

import signal
import time

import pytest

from tests.cli.command_line import counts, rnnctl, rows, train_here, wait_until, workspace
from tests.cli.survival import assert_unbroken
from tests.slow.bounds import bounded
from tests.slow.cluster.machines import SHORT_LEASE, STUDY, UPDATES, Training, actors, attempts, send
from tests.slow.undisturbed import assert_sound


@pytest.fixture
def folder(tmp_path, cluster, undisturbed):
    """A workspace whose four runs two nodes of one slot will train, in the end with the bits of an undisturbed one."""
    folder = workspace(tmp_path / "w", STUDY)
    with bounded():
        yield folder
    assert_unbroken(folder, undisturbed, UPDATES)
    assert_sound(folder)
    assert wait_until(lambda: not actors("Trainer") and not actors("Ledger"), "no actor is left")


def ends(folder):
    """How attempts ended, and how many did."""
    names = [attempt.ended_as for attempt in attempts(folder)]
    return {name: names.count(name) for name in names}


def test_a_node_that_is_gone_is_no_strike(cluster, folder):
    cluster.only()
    nodes = [cluster.add(), cluster.add()]
    training = Training(folder, cluster.address)
    worker = training.busy_worker()
    (its,) = (node for node in nodes if node.node_id.startswith(worker.node))
    cluster.end(its)
    training.wait(0)
    assert f"node {worker.node} is gone" in training.said
    ended = ends(folder)
    assert ended.pop("done") == 4
    assert ended  # attempts at the runs that it had
    assert "crashed" not in ended
    assert all(attempt.exact for attempt in attempts(folder))


def test_a_worker_that_is_killed_is_started_again(cluster, folder):
    cluster.one_with_two_slots()
    training = Training(folder, cluster.address)
    worker = training.busy_worker()
    assert not any("torch" in mapped.path for mapped in training.ledger().memory_maps())  # seconds, and 250 MB
    send(worker.pid, signal.SIGKILL)
    training.wait(0)
    ended = ends(folder)
    assert (ended.pop("done"), list(ended)) == (4, ["crashed"])
    assert "crashed" in training.said


def test_the_driver_may_die(cluster, folder):
    cluster.one_with_two_slots()
    training = Training(folder, cluster.address)
    training.busy_worker()
    training.kill()
    wait_until(lambda: not actors("Trainer"), "workers end with their driver")
    assert counts(folder)["done"] < 4
    train_here(folder)  # without the cluster


def test_the_ledger_may_die(cluster, folder):
    cluster.one_with_two_slots()
    training = Training(folder, cluster.address, *SHORT_LEASE)
    training.busy_worker()
    send(training.ledger().pid, signal.SIGKILL)
    training.wait(1)
    assert "ledger" in training.said
    train_here(folder)


def test_a_worker_that_sleeps_past_its_lease_writes_nothing_when_it_wakes(cluster, folder):
    cluster.one_with_two_slots()
    training = Training(folder, cluster.address, *SHORT_LEASE)
    worker = training.busy_worker()
    send(worker.pid, signal.SIGSTOP)
    held = {row.run_id for row in rows(folder) if row.worker == worker.id}
    training.wait_until(lambda: all(row.worker != worker.id for row in rows(folder)), "its lease ends")
    assert held
    time.sleep(1.0)
    send(worker.pid, signal.SIGCONT)
    training.wait(0)


def test_a_drained_training_releases_everything(cluster, folder):
    cluster.one_with_two_slots()
    training = Training(folder, cluster.address)
    training.busy_worker()
    training.interrupt()
    training.wait(130)
    assert counts(folder)["running"] == 0
    assert counts(folder)["done"] < 4
    assert {row.strikes for row in rows(folder)} == {0}
    train_here(folder)


def test_a_second_interrupt_leaves_at_once(cluster, folder):
    cluster.one_with_two_slots()
    training = Training(folder, cluster.address)
    worker = training.busy_worker()
    send(worker.pid, signal.SIGSTOP)  # it cannot drain
    training.interrupt()
    time.sleep(1.0)
    training.interrupt()
    training.wait(130)
    assert counts(folder)["running"] == 0
    assert {row.strikes for row in rows(folder)} == {0}
    train_here(folder)


def test_clusters_and_a_local_pool_share_a_workspace(cluster, folder):
    cluster.one_with_two_slots()
    trainings = [Training(folder, cluster.address, "--pack", 1, slots=1) for _ in range(2)]
    trainings[0].busy_worker()
    done = rnnctl("train", "--workers", 1, "--pack", 1, cwd=folder)
    assert done.returncode in (0, 3), done.stderr
    for training in trainings:
        training.wait(0)
    assert ends(folder) == {"done": 4}
