"""A limit on the size of files that grows step by step: one clear line at each step, and in the end nothing is lost."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from tests.cli.command_line import bits, in_a_process, rnnctl
from tests.slow.forked import Task, events_of, forks
from tests.slow.kinds import study_of_every_cell
from tests.slow.undisturbed import assert_as_undisturbed, assert_sound

UPDATES, EVERY = 60, 10
SMALLEST, LARGEST, GROWTH = 2048, 2**21, 1.2  # bytes of the largest file


def test_more_room_at_each_step_of_a_ladder_gets_further_and_ends_with_the_same_bits(tmp_path, figure):
    study = tmp_path / "study.yaml"
    study.write_text(study_of_every_cell(UPDATES, EVERY, seeds=1, hidden=12, samples=20))
    options = {"checkpoint_seconds": 1e9, "checkpoint_updates": 10}
    stages = dict.fromkeys(("init", "registration of a worker", "checkpoint", "commit"), 0)
    with forks() as server:
        quiet = Task(str(tmp_path / "quiet"), str(study), options, str(tmp_path / "quiet.events"))
        ladder = Task(str(tmp_path / "ladder"), str(study), options, str(tmp_path / "ladder.events"))
        for task in (quiet, ladder):
            Path(task.folder).mkdir()
        server.warm_up(quiet)
        undisturbed = bits(Path(quiet.folder))
        size, status = float(SMALLEST), 1
        while status:
            assert size < LARGEST
            known = len(events_of(Path(ladder.events)))
            status = server.run(replace(ladder, file_size=int(size)))
            if status:
                stages[stage_of(events_of(Path(ladder.events))[known:])] += 1
            size *= GROWTH
    assert_as_undisturbed(Path(ladder.folder), undisturbed, UPDATES, EVERY)
    assert_sound(Path(ladder.folder))
    for stage, number in stages.items():
        figure(f"steps that ended at {stage}:", number)
    assert stages["init"]
    assert stages["checkpoint"] + stages["commit"]


def stage_of(events) -> str:
    """Return what there was no room for, after making sure that this was told in one line."""
    last = events[-1]
    said = last["said"] if last["event"] == "init" else last["error"]
    assert "no room left to write" in said, last
    assert len(said.strip().splitlines()) == 1, last
    if last["event"] == "init":
        return "init"
    if not any(event["event"] == "worker_started" for event in events):
        return "registration of a worker"
    return "checkpoint" if ".ckpt" in said else "commit"


def test_logs_that_have_no_room_left_stop_no_training(tmp_path):
    study = study_of_every_cell(UPDATES, EVERY, seeds=1, hidden=12, samples=20)
    folders = [tmp_path / name for name in ("quiet", "full")]
    for folder in folders:
        folder.mkdir()
        (folder / "study.yaml").write_text(study)
        rnnctl("init", "study.yaml", cwd=folder, check=0)
    rnnctl("train", cwd=folders[0], check=0)
    full = folders[1]
    (full / "logs").mkdir()
    log = full / "logs" / "events.jsonl"
    log.write_bytes(b"\n" * LARGEST)
    limited = f"ulimit -f {LARGEST // 1024}; exec '{sys.executable}' -m rnnctl train"
    in_a_process("bash", "-c", limited, cwd=full, check=0)
    assert log.stat().st_size == LARGEST, "nothing was added"
    assert_as_undisturbed(full, bits(folders[0]), UPDATES, EVERY)
