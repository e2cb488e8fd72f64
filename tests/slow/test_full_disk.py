"""A limit on the size of files that grows step by step: one clear line at each step, and in the end nothing is lost."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from store.workspace import DATABASE
from tests.cli.command_line import bits, in_a_process, rnnctl
from tests.slow.forked import Task, events_of, forks
from tests.slow.kinds import study_of_every_cell
from tests.slow.undisturbed import assert_as_undisturbed, assert_sound

UPDATES, EVERY = 60, 10
SMALLEST, PAGE = 2048, 4096  # bytes
LIMIT = 2**21  # bytes, for a training whose logs are larger already


def larger(size: int, database: int) -> int:
    """Return the next step of the ladder: page by page where the database, of so many bytes at first, just fits."""
    return size + PAGE if size < database + 12 * PAGE else int(size * 1.2)


def test_more_room_at_each_step_of_a_ladder_gets_further_and_ends_with_the_same_bits(tmp_path, figure):
    study = tmp_path / "study.yaml"
    study.write_text(study_of_every_cell(UPDATES, EVERY, seeds=1, hidden=48, samples=20))
    options = {"checkpoint_seconds": 1e9, "checkpoint_updates": 10}
    stages = dict.fromkeys(("init", "checkpoint", "database"), 0)
    with forks() as server:
        quiet = Task(str(tmp_path / "quiet"), str(study), options, str(tmp_path / "quiet.events"))
        ladder = Task(str(tmp_path / "ladder"), str(study), options, str(tmp_path / "ladder.events"))
        for task in (quiet, ladder):
            Path(task.folder).mkdir()
        server.warm_up(quiet)
        undisturbed = bits(Path(quiet.folder))
        size = SMALLEST
        while server.run(replace(ladder, options=None, file_size=size)):
            assert stage_of(events_of(Path(ladder.events))) == "init"
            stages["init"] += 1
            size = int(size * 1.7)
        size = database = (Path(ladder.folder) / DATABASE).stat().st_size
        known = len(events_of(Path(ladder.events)))
        while server.run(replace(ladder, study=None, file_size=size)):
            events = events_of(Path(ladder.events))
            stages[stage_of(events[known:])] += 1
            known, size = len(events), larger(size, database)
    assert_as_undisturbed(Path(ladder.folder), undisturbed, UPDATES, EVERY)
    assert_sound(Path(ladder.folder))
    for stage, number in stages.items():
        figure(f"steps that ended at {stage}:", number)
    assert all(stages.values())


def stage_of(events) -> str:
    """Return what there was no room for, after making sure that this was told in one line."""
    last = events[-1]
    said = last["said"] if last["event"] == "init" else last["error"]
    assert "no room left to write" in said, last
    assert len(said.strip().splitlines()) == 1, last
    if last["event"] == "init":
        return "init"
    return "checkpoint" if ".ckpt" in said else "database"


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
    log.write_bytes(b"\n" * LIMIT)
    limited = f"ulimit -f {LIMIT // 1024}; exec '{sys.executable}' -m rnnctl train"
    in_a_process("bash", "-c", limited, cwd=full, check=0)
    assert log.stat().st_size == LIMIT, "nothing was added"
    assert_as_undisturbed(full, bits(folders[0]), UPDATES, EVERY)
