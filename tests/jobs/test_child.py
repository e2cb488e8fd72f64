import os
import threading

from jobs import child
from jobs.child import EventPipe
from jobs.events import decode, event
from tests.jobs.waiting import until


def said(number):
    return event("check", float(number), "w", text="x" * 1000)


def read_all(fd):
    with os.fdopen(fd, "rb") as lines:
        return [decode(line)["at"] for line in lines]


def test_events_come_out_in_order_before_close_returns():
    out, into = os.pipe()
    pipe = EventPipe(into, on_broken=lambda: None)
    for number in range(20):
        pipe.send(said(number))
    pipe.close()
    os.close(into)
    assert read_all(out) == list(range(20))


def test_a_reader_that_sleeps_holds_nothing_up(monkeypatch):
    monkeypatch.setattr(child, "FLUSH", 0.05)
    out, into = os.pipe()
    pipe = EventPipe(into, on_broken=lambda: None)
    sent = 2 * child.WAITING_EVENTS  # of 1 kB each; a pipe holds 64 kB
    for number in range(sent):
        pipe.send(said(number))
    pipe.close()
    heard = []
    reader = threading.Thread(target=lambda: heard.extend(read_all(out)))
    reader.start()
    until(pipe._waiting.empty, "all waiting events to be taken")
    pipe.send(None)
    pipe._thread.join()
    os.close(into)
    reader.join()
    assert child.WAITING_EVENTS <= len(heard) < sent
    assert heard[: child.WAITING_EVENTS] == list(range(child.WAITING_EVENTS))


def test_a_reader_that_is_gone_is_noticed():
    out, into = os.pipe()
    os.close(out)
    broken = threading.Event()
    pipe = EventPipe(into, on_broken=broken.set)
    pipe.send(said(1))
    assert broken.wait(30)
    pipe.close()
    os.close(into)
