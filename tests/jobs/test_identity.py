import dataclasses
import subprocess
import sys

import pytest

from jobs import identity
from tests.jobs.waiting import until


@pytest.fixture
def process():
    """A process that waits for the end of its stdin, and its identity."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        yield child, dataclasses.replace(identity.here(), pid=child.pid, pid_started=identity.started(child.pid))
        child.kill()


def test_a_running_process_is_alive(process):
    assert identity.alive(process[1]) is True
    assert identity.alive(identity.here()) is True


def test_a_killed_process_is_dead_before_and_after_its_parent_waits(process):
    child, worker = process
    child.kill()
    until(lambda: identity.alive(worker) is False, "the end of the process")
    child.wait()
    assert identity.alive(worker) is False


def test_a_pid_used_again_is_not_the_same_process(process):
    assert identity.alive(dataclasses.replace(process[1], pid_started=process[1].pid_started - 1)) is False


def test_a_process_of_another_boot_is_dead(process):
    assert identity.alive(dataclasses.replace(process[1], boot_id="another")) is False


def test_a_process_of_another_boot_ended_with_its_machine(process):
    assert identity.rebooted_since(dataclasses.replace(process[1], boot_id="another"))
    assert not identity.rebooted_since(dataclasses.replace(process[1], boot_id="another", host="another"))
    assert not identity.rebooted_since(process[1])


def test_nothing_is_known_of_other_hosts(process):
    assert identity.alive(dataclasses.replace(process[1], host="another")) is None


def test_siblings_have_one_parent(process):
    child, worker = process
    me = identity.here()
    assert identity.sibling(me)
    assert not identity.sibling(worker)  # a child
    assert not identity.sibling(dataclasses.replace(me, host="another"))
    child.kill()
    child.wait()
    assert not identity.sibling(worker)


def test_start_times_tell_processes_apart_and_do_not_move(process):
    child, worker = process
    assert identity.started(child.pid) == worker.pid_started
    assert worker.pid_started >= identity.here().pid_started


def test_a_hidden_process_of_another_user_may_be_alive(process, monkeypatch):
    def forbidden(pid, signal):
        raise PermissionError

    monkeypatch.setattr(identity, "started", lambda pid: None)
    assert identity.alive(process[1]) is False
    monkeypatch.setattr(identity.os, "kill", forbidden)
    assert identity.alive(process[1]) is None


def test_containers_with_one_name_are_different_hosts(monkeypatch):
    monkeypatch.setattr(identity.os, "readlink", lambda path: identity.FIRST_PID_NAMESPACE)
    outside = identity.host()
    monkeypatch.setattr(identity.os, "readlink", lambda path: "pid:[4026532000]")
    assert identity.host() != outside


def test_where_there_is_no_proc_the_start_time_is_the_systems(process, monkeypatch):
    child, _ = process
    monkeypatch.setattr(identity.Path, "exists", lambda path: False)
    assert identity.started(child.pid) > 1e9  # seconds since 1970
    child.kill()
    child.wait()
    assert identity.started(child.pid) is None
