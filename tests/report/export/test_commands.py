"""The script that makes all runs again."""

import os
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest

from rnnctl.report.export import commands
from rnnctl.report.export.commands import script
from rnnctl.study.former import with_former_names
from rnnctl.study.loading import read_study
from rnnctl.tasks import text as text_task
from tests.report.export.runs import row, spec

TEXT = """\
study: s
base:
  task: {name: temporal_order, min_length: 10, max_length: 12}
  model: {hidden: 4, init: orthogonal}
seeds: [1, 2]
"""


def study(source=TEXT, name="s"):
    return SimpleNamespace(name=name, source=source, created=0.0, updated=0.0)


def runs_of(source, **more):
    return [row(run.label, run.spec, **more) for run in read_study(source, "x").runs]


def made_by(lines):
    """Run ids that the study files in a script register, by file."""
    lines, actual = list(lines), {}
    for i, line in enumerate(lines):
        if line.startswith("cat > "):
            end = line.partition("<<")[2].strip("'")
            text = "\n".join(lines[i + 1 : lines.index(end, i)])
            actual[line.split()[2]] = [run.spec.run_id for run in read_study(text, "x").runs]
    return actual


def told(studies):
    rows = [one for _, of_study in studies for one in of_study]
    return list(script(studies, {one.run_id: [] for one in rows}))


def test_a_name_from_outside_is_a_word_of_the_script_and_no_command(tmp_path):
    text = TEXT.replace("study: s", "study: 'x'")
    name = "x; touch harm\n touch harm; $(touch harm)"
    rows = runs_of(text, status="cancelled")
    rows[0].run_id = "r1-a; touch harm"
    lines = told([(study(text, name), rows)])
    for command in ("rnnctl", "cat"):
        (tmp_path / command).write_text("#!/bin/sh\n")
        (tmp_path / command).chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run(["sh", "-c", "\n".join(lines)], check=True, cwd=tmp_path, env=environment)
    assert not any(path.name == "harm" for path in tmp_path.iterdir())


def test_a_studys_own_text_is_what_makes_it_again():
    rows = runs_of(TEXT)
    lines = told([(study(), rows)])
    assert made_by(lines) == {"s.yaml": [one.run_id for one in rows]}
    assert TEXT in "\n".join(lines)
    assert "rnnctl init s.yaml" in lines
    assert [line for line in lines if line.startswith("rnnctl train")] == ["rnnctl train --workers 1"]


def test_runs_of_an_earlier_text_are_written_out_in_full():
    earlier = TEXT.replace("hidden: 4", "hidden: 5").replace(
        "seeds: [1, 2]", "seeds: [1, 2]\ngrid: {train.clip: [none, 2.0]}"
    )
    rows = [*runs_of(earlier), *runs_of(TEXT)]
    lines = told([(study(), rows), (study(TEXT.replace("study: s", "study: s-more-1"), "s-more-1"), [])])
    made = made_by(lines)
    assert made["s.yaml"] == [one.run_id for one in rows[4:]]
    assert made["s-more-2.yaml"] == [one.run_id for one in rows[:4]], "and not under the name of another study"
    assert "rnnctl init s.yaml s-more-2.yaml" in lines


@pytest.mark.parametrize("source", ["study: [", TEXT.replace("[1, 2]", "[1, 2, 3]")])
def test_a_text_that_cannot_be_read_or_names_other_runs_is_not_used(source):
    rows = runs_of(TEXT)
    assert made_by(told([(study(source), rows)])) == {"s.yaml": [one.run_id for one in rows]}


def test_every_section_of_a_spec_survives_being_written_out():
    cases = [
        {"model": {"name": "lstm", "hidden": 4}, "stop": {"solved": "never", "patience": 3, "min_delta": 1e-7}},
        {"train": {"clip": "none", "lr": 1e-5, "omega": {"alpha": 0.5, "decay": "1/t", "period": 7}}},
        {"check": {"every": 5, "samples": 200, "chunk": 100, "screen": 100, "diagnose_every": 10}},
        {"model": {"name": "rnn", "hidden": 40, "init": {"name": "smart_tanh", "connections": 0.25}}},
        {"model": {"name": "rnn", "hidden": 40, "init": "sigmoid"}, "task": "temporal_order_3"},
    ]
    rows = [row(f"r{i}", spec(**({"model": {"name": "rnn", "hidden": 40}} | one))) for i, one in enumerate(cases)]
    assert made_by(told([(study("study: ["), rows)])) == {"s.yaml": [one.run_id for one in rows]}


def test_runs_with_former_names_of_keys_are_written_out_under_the_current_ones():
    (earlier, *others) = runs_of(TEXT.replace("model:", "train: {rate: {name: 1/t, period: 7}}\n  model:"))
    earlier.spec = with_former_names(earlier.spec)
    assert "lr_decay" in earlier.spec["train"]
    runs = [earlier, *others]
    assert made_by(told([(study("study: ["), runs)])) == {"s.yaml": [run.run_id for run in runs]}


def test_more_runs_than_a_study_file_should_hold_are_several_files(monkeypatch):
    monkeypatch.setattr(commands, "RUNS_A_FILE", 5)
    rows = [row(f"r{seed}", spec(seed=seed)) for seed in range(12)]
    made = made_by(told([(study("study: ["), rows)]))
    assert [len(ids) for ids in made.values()] == [5, 5, 2]
    assert [one for ids in made.values() for one in ids] == [one.run_id for one in rows]


def test_a_text_that_holds_the_end_of_a_here_document_does_not_end_it():
    source = f'{TEXT}about: "This is\\nEND\\nEND_\\nno end."\\n'.replace("\\n", "\n")
    assert "\nEND\n" in source
    lines = told([(study(source), runs_of(TEXT))])
    assert made_by(lines) == {"s.yaml": [one.run_id for one in runs_of(TEXT)]}
    assert "rnnctl init s.yaml" in lines


OF_TEXTS = """\
study: s
about: The words of corpus words, {of_a}.  # corpus: words
base: {task: {name: text, corpus: words, window: 9}}
cases:
  words: {}
  b: {task.corpus: 'more/words'}
  c: {task: {name: text, corpus: stdlib, window: 9}}
grid: {task.window: [9, 10]}
refine: {variants: {other: {task.corpus: words}}}
"""


@pytest.fixture
def of_texts(tmp_path, monkeypatch):
    """(source) -> its runs, registered in a folder of two texts which is then left."""

    def registered(source):
        monkeypatch.chdir(tmp_path)
        text_task.identify.cache_clear()  # its names are those of another folder
        rows = runs_of(source)
        monkeypatch.chdir("/")
        text_task.identify.cache_clear()
        return rows

    (tmp_path / "more").mkdir()
    for n, name in enumerate(["words", "other", "more/words"]):
        (tmp_path / name).write_bytes(f"{n} to be or not to be. ".encode() * 90)
    return registered


def test_a_relative_corpus_has_its_place_in_the_text_and_nothing_else_is_touched(of_texts, tmp_path):
    source = OF_TEXTS.replace("corpus: words, window", "corpus: other, window")
    rows = of_texts(source)
    lines = told([(study(source), rows)])
    expected = source.replace("corpus: other, window", f'corpus: "{tmp_path}/other", window')
    assert expected.replace("'more/words'", f'"{tmp_path}/more/words"') in "\n".join(lines)
    assert made_by(lines) == {"s.yaml": [one.run_id for one in rows]}
    shas = {f"{one.spec['task']['corpus']}, sha256 {one.spec['task']['sha256']}" for one in rows}
    assert {line.removeprefix("# its data: ") for line in lines if line.startswith("# its data")} == shas
    assert len(shas) == 3


def test_runs_are_written_out_where_it_is_not_plain_which_text_is_meant(of_texts):
    rows = of_texts(OF_TEXTS)
    lines = told([(study(OF_TEXTS), rows)])
    assert "about: Runs of s in full." in lines
    assert made_by(lines) == {"s.yaml": [one.run_id for one in rows]}


def attempt(worker, started, ended, **more):
    fields = {"attempt": 1, "worker": worker, "started": started, "ended": ended, "ended_as": ended and "done"}
    fields |= {"host": "h", "device": "cpu", "start_step": 0, "end_step": ended and 50, "environment": {}}
    return SimpleNamespace(**fields | more)


def test_a_run_is_told_with_its_attempts_and_where_they_were():
    (one, two) = runs_of(TEXT, status="done", outcome="solved", step=60)
    environment = {"bits": {"torch": "2.13.0", "threads": 1}, "python": "3.11.7", "git": None}
    of_one = [attempt("w", 0.0, 86_400.0, host="a\nb", environment=environment), attempt("w", 86_401.0, None)]
    lines = list(script([(study(), [one, two])], {one.run_id: of_one, two.run_id: []}))
    at = lines.index(f"# seed=1: run {one.run_id}, seed 1, done: solved, 60 of 100 updates")
    assert lines[at + 1] == (
        "#   attempt 1: 1970-01-01T00:00:00Z to 1970-01-02T00:00:00Z, done, updates 0 to 50, host a\\nb, cpu; "
        "torch 2.13.0, python 3.11.7"
    )
    assert "not ended, updates 0 to ?" in lines[at + 2]
    assert lines[at + 3].startswith(f"# seed=2: run {two.run_id}")


def test_workers_are_as_many_as_trained_at_one_time():
    rng = np.random.default_rng(1)
    (one, *_) = rows = runs_of(TEXT)
    for _ in range(50):
        starts = rng.integers(0, 20, size=6)
        lives = [(f"w{i}", float(s), float(s + rng.integers(1, 8))) for i, s in enumerate(starts)]
        # What a worker did in two attempts is one life of it.
        parts = [attempt(w, s, s + 0.5) for w, s, _ in lives] + [attempt(w, s + 0.5, e) for w, s, e in lives]
        last = list(script([(study(), rows)], {one.run_id: parts, rows[1].run_id: []}))[-1]
        most = max(sum(s <= at < e for _, s, e in lives) for at in np.arange(0, 30, 0.25))
        assert last == f"rnnctl train --workers {most} --device cpu"


def test_runs_on_several_devices_ask_for_none():
    (one, two) = rows = runs_of(TEXT)
    tried = {one.run_id: [attempt("v", 0.0, 1.0)], two.run_id: [attempt("w", 2.0, 3.0, device="cuda")]}
    assert list(script([(study(), rows)], tried))[-1] == "rnnctl train --workers 1"


def test_runs_on_several_cards_ask_for_them():
    (one, two) = rows = runs_of(TEXT)
    tried = {run.run_id: [attempt("w", 0.0, 1.0, device=f"cuda:{n}")] for n, run in ((1, one), (0, two))}
    assert list(script([(study(), rows)], tried))[-1] == "rnnctl train --workers 1 --device cuda:0,cuda:1"


def test_cancelled_runs_are_cancelled_again():
    one, two = runs_of(TEXT)
    two.status = "cancelled"
    lines = told([(study(), [one, two])])
    assert lines[-2:] == [f"rnnctl cancel --yes {two.run_id}", "rnnctl train --workers 1"]
    one.status = "cancelled"
    assert not any(line.startswith("rnnctl train") for line in told([(study(), [one, two])]))


def test_a_study_with_marks_that_turn_the_direction_of_writing_is_written_out_in_full():
    source = "study: s\nabout: \u202e\nbase: {task: temporal_order}\n"
    run = row(of=read_study(source, "s").runs[0].spec)
    lines = list(script([(SimpleNamespace(name="s", source=source, created=0, updated=0), [run])], {run.run_id: []}))
    assert "about: Runs of s in full." in lines
    assert all(line.isprintable() for line in lines)
