"""Checkpoints that are damaged, and files that killed attempts have left."""

import pytest

from tests.jobs import toy
from tests.jobs.toy import add_runs, assert_finished_once, run_record


def damage_flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def damage_truncate(path):
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("damage", [damage_flip, damage_truncate, lambda path: path.unlink()])
@pytest.mark.parametrize(("how_many", "resumed"), [(1, [10]), (2, [])])
def test_an_unsound_checkpoint_is_passed_over_and_the_end_is_the_same(bench, damage, how_many, resumed):
    run = run_record("one", trouble="raise", at=16)
    add_runs(bench.workspace, run)
    with bench.worker() as worker:
        worker.run_once(bench.now)
    assert bench.run("one").step == 15
    for path in bench.files("one")[-how_many:]:
        damage(path)

    def without_trouble(session):
        session.claims[0].spec["trouble"] = None
        toy.execute(session)

    with bench.worker(without_trouble) as worker:
        bench.finish(worker)
    assert len(bench.heard("checkpoint_unsound")) == how_many
    assert [event["step"] for event in bench.heard("resumed")] == resumed
    assert_finished_once(bench.workspace, run)


def test_what_killed_attempts_left_is_swept_away(bench):
    add_runs(bench.workspace, run_record("one"))
    folder = bench.workspace / "checkpoints" / "one"
    folder.mkdir(parents=True)
    bench.dead()  # whose attempt is the first
    unfinished, finished = "attempt-0001-step-000000005-5f3a09bc.ckpt", "attempt-0001-step-000000005-0d4e7f21.ckpt"
    for name in (f"{unfinished}.uncommitted", f"{unfinished}.0a1b2c3d.tmp", f"{finished}.uncommitted", finished):
        (folder / name).touch()
    with bench.worker() as worker:
        bench.finish(worker)
    assert len(bench.files("one")) == 2
    assert all(path.stat().st_size for path in bench.files("one"))
