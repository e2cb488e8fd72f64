"""What goes into exports, on rows and histories made by hand."""

import csv
import io
import json
import math
import os
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml

from rnnctl.diagnostics.histogram import LOG10_EDGES, log10_histogram
from rnnctl.report.export import commands
from rnnctl.report.export.commands import script
from rnnctl.report.export.names import file_names
from rnnctl.report.export.npz import final_state
from rnnctl.report.export.places import quoted, with_places
from rnnctl.report.export.table import check_rows, csv_lines, identities, json_lines
from rnnctl.report.export.tensorboard import GRADIENT, write_events
from rnnctl.study.former import with_former_names
from rnnctl.study.loading import read_study
from rnnctl.study.run import RunSpec
from rnnctl.tasks import text as text_task
from rnnctl.training.member import begin, network_of
from rnnctl.training.trained import Trained
from store.history import History

STEPS = 12  # of the longest sequence
TASK = {"name": "temporal_order", "min_length": 10, "max_length": STEPS}
nan = np.nan


def spec(seed=1, **sections):
    plain = {"task": TASK, "model": {"name": "gru", "hidden": 3}, "check": {"every": 50}, "seed": seed, **sections}
    return RunSpec.model_validate(plain)


def row(label="a seed=1", of=None, **more):
    of = spec() if of is None else of
    fields = {"study": "s", "label": label, "run_id": of.run_id, "spec": of.canonical()}
    return SimpleNamespace(**fields, **{"status": "queued", "outcome": None, "step": 0, "total": 100, **more})


def state_of(of, step=0, best_step=0):
    """A checkpoint whose weights are 1, 2, 3, ... and whose best weights are their negatives."""
    task = of.task.make()
    member, flat_N = begin(of.run_id, of, task, network_of(of.model, task))
    weights = torch.arange(1.0, len(flat_N) + 1)
    member.step, member.best.step, member.best_weights = step, best_step, -weights
    member.best.loss = 1.25
    return member.state(weights)


def trained(of, **steps):
    """The network of `state_of`."""
    return Trained.from_state(state_of(of, **steps), of.run_id, of)


GATED = History(
    steps=np.array([50, 100, 150]),
    scalars={
        "valid_loss": np.array([1.4, 1.2, nan]),
        "valid_error": np.array([0.75, 0.5, 0.125]),
        "train_loss": np.array([1.5, 1.3, 1.1]),
        "grad_norm": np.array([3.0, 2.0, 1.0]),
        "rho": np.array([nan, 0.9, 1.1]),
        "reach": np.array([nan, 1.0, 0.5]),
    },
    traces={
        "grad_time": [None, np.geomspace(1e-60, 1, STEPS), np.zeros(STEPS)],
        "saturation_time": [None, np.full(STEPS, 0.5, np.float32), np.full(STEPS, 0.25, np.float32)],
        "gate_z_time": [None, np.full(STEPS, 0.125, np.float32), np.full(STEPS - 2, 0.25, np.float32)],
        "gate_r_time": [None, np.full(STEPS, 0.375, np.float32), None],
    },
)


# --- npz
# ------------------------------------------------------------------------------------------------------------------


def test_a_grus_arrays_have_the_conventions_names_units_and_shapes():
    of = spec()
    actual = final_state(row(of=of), GATED, trained(of, step=150))
    assert actual["updates"].tolist() == [50, 100, 150]
    assert actual["valid_error"].tolist() == [75, 50, 12.5]
    assert actual["diag_err"].tolist() == [0.75, 0.5, 0.125]
    assert actual["train_nll"].tolist() == [1.5, 1.3, 1.1]
    assert actual["gradient_norm"].tolist() == [3, 2, 1]
    np.testing.assert_array_equal(actual["diag_loss"], [1.4, 1.2, nan])
    np.testing.assert_array_equal(actual["rho_Whh"], [nan, 0.9, 1.1])
    np.testing.assert_array_equal(actual["steps_in_past"], [nan, 1, 0.5])
    assert np.isnan(actual["Omega"]).all()
    traces = ("grad_time", "act_time", "sat_time", "gate_z_sat_time", "gate_r_sat_time")
    assert {actual[name].shape for name in traces} == {(3, STEPS)}
    assert actual["grad_time"][1, 0] == 1e-60, "float32 would have lost it"
    assert np.isnan(actual["act_time"]).all(), "no one slope in a gated cell"
    words = {name: str(actual[name]) for name in ("act_name", "classif_type", "model_type", "init", "label", "run_id")}
    assert words == {"act_name": "tanh", "classif_type": "lastSoftmax", "model_type": "gru", "init": "course",
                     "label": "a seed=1", "run_id": of.run_id}  # fmt: skip
    assert [int(actual[name]) for name in ("diag_len", "diag_bs", "checkFreq")] == [STEPS, 20, 50]


def test_a_check_without_a_diagnosis_is_a_row_of_nans_and_a_short_trace_is_padded_at_its_end():
    actual = final_state(row(), GATED, trained(spec()))
    for name in ("grad_time", "sat_time", "gate_z_sat_time", "gate_r_sat_time"):
        assert np.isnan(actual[name][0]).all()
    assert actual["gate_z_sat_time"][2].tolist()[:-2] == [0.25] * (STEPS - 2)
    assert np.isnan(actual["gate_z_sat_time"][2, -2:]).all()
    assert np.isnan(actual["gate_r_sat_time"][2]).all()
    assert actual["gate_r_sat_time"][1].tolist() == [0.375] * STEPS


@pytest.mark.parametrize(
    ("cell", "biases", "gates"),
    [
        ("rnn", {"b_hh", "b_hy"}, {"z", "r"}),
        ("gru", {"b_z", "b_r", "b_h", "b_y"}, {"z", "r"}),
        ("lstm", {"b_i", "b_f", "b_o", "b_hh", "b_hy"}, {"z", "r", "i", "f", "o"}),
    ],
)
def test_weights_have_their_names_and_every_number_of_the_checkpoint_is_there_once(cell, biases, gates):
    of = spec(model={"name": cell, "hidden": 4, "init": "orthogonal"})
    network = trained(of, step=150, best_step=100)
    actual = final_state(row(of=of), GATED, network)
    weights = {name: value for name, value in actual.items() if name.startswith(("W_", "b_"))}
    assert {name for name in weights if name.startswith("b_")} == biases
    assert weights["W_uh"].shape == (6, 4)
    assert weights["W_hh"].shape == (4, 4)
    assert weights["W_hy"].shape == (4, 4)
    together = np.concatenate([value.ravel() for value in weights.values()])
    assert sorted(together.tolist()) == network.weights["last"].flat_N.tolist()
    assert {name[5:-9] for name in actual if name.startswith("gate_")} == gates
    assert actual["weights_at"] == 150
    best = final_state(row(of=of), GATED, network, "best")
    assert best["weights_at"] == 100
    assert all((best[name] == -weights[name]).all() for name in weights)


@pytest.mark.parametrize(
    ("flags", "gates"),
    [
        ({}, "zf"),
        ({"forget_gate": False, "output_gate": True}, "zg"),
        ({"input_gate": True, "output_gate": True}, "abzfg"),
    ],
)
def test_a_layered_run_has_an_array_for_each_gate_of_its_flags(flags, gates):
    of = spec(model={"name": "gated", "hidden": 4, **flags})
    measured = {f"gate_{gate}_time": [np.full(STEPS, i / 10)] for i, gate in enumerate(gates)}
    arrays = final_state(row(of=of), History(np.array([50]), {"valid_error": np.ones(1)}, measured), trained(of))
    assert {name[5:-9] for name in arrays if name.startswith("gate_")} == {*gates, "z", "r"}
    for i, gate in enumerate(gates):
        assert arrays[f"gate_{gate}_sat_time"].tolist() == [[i / 10] * STEPS]
    assert np.isnan(arrays["gate_r_sat_time"]).all()


@pytest.mark.parametrize(
    ("task", "kind"),
    [
        (TASK, "lastSoftmax"),
        ({"name": "addition", "min_length": 10, "max_length": 12}, "lastLinear"),
        ({"name": "memorization", "min_length": 10, "max_length": 12, "positions": 2}, "softmax"),
        ({"name": "permutation", "min_length": 10, "max_length": 12, "predict": "every"}, "softmax"),
    ],
)
def test_a_tasks_head_has_the_conventions_name(task, kind):
    of = spec(task=task)
    actual = final_state(row(of=of), History(np.array([50]), {"valid_error": np.ones(1)}, {}), trained(of))
    assert str(actual["classif_type"]) == kind
    assert actual["grad_time"].shape == (1, of.task.make().max_steps)


def test_it_is_read_back_without_pickle(tmp_path):
    actual = final_state(row(), GATED, trained(spec()))
    np.savez(tmp_path / "x.npz", **actual)
    with np.load(tmp_path / "x.npz", allow_pickle=False) as read:
        assert list(read) == list(actual)
        for name in read:
            np.testing.assert_array_equal(read[name], actual[name])
            assert read[name].dtype.kind in "iufU"


def test_weights_that_a_run_does_not_have_are_refused():
    of = spec()
    state = state_of(of)
    state["best"]["loss"] = math.inf
    with pytest.raises(ValueError, match="no best weights"):
        final_state(row(of=of), GATED, Trained.from_state(state, of.run_id, of), "best")


# --- tables
# ---------------------------------------------------------------------------------------------------------------


def test_csv_read_back_has_the_same_floats_and_nothing_where_nothing_was():
    history = History(np.array([1, 2]), {"a": np.array([0.1, 1 / 3]), "b": np.array([nan, 1e-300])}, {})
    rows = list(csv.DictReader(io.StringIO("\n".join(csv_lines(["step", "a", "b"], check_rows(history, {}))))))
    assert [row["step"] for row in rows] == ["1", "2"]
    assert [float(row["a"]) for row in rows] == [0.1, 1 / 3]
    assert rows[0]["b"] == ""
    assert float(rows[1]["b"]) == 1e-300


def test_csv_quotes_what_has_a_comma():
    lines = list(csv_lines(["label"], [{"label": "init=smart_tanh(std=1,connections=3)", "other": 1}]))
    assert next(csv.reader(lines[1:])) == ["init=smart_tanh(std=1,connections=3)"]


def test_json_lines_have_traces_where_there_are_some_and_null_for_what_is_no_number():
    traces = {"g": [None, np.array([1.0, nan, np.inf])], "n": [np.array([[1, 2]], np.uint32), None]}
    history = History(np.array([1, 2]), {"a": np.array([nan, 2.0])}, traces)
    first, second = map(json.loads, json_lines(check_rows(history, {"label": "x"}, traces=True)))
    assert first == {"label": "x", "step": 1, "a": None, "traces": {"n": [[1, 2]]}}
    assert second == {"label": "x", "step": 2, "a": 2.0, "traces": {"g": [1.0, None, None]}}
    assert "traces" not in next(check_rows(history, {}))


def test_who_a_row_belongs_to_is_told_by_what_varies():
    runs = [
        row("lr=0.1 seed=1", spec(train={"lr": 0.1})),
        row("lr=0.2 seed=7", spec(seed=7, train={"lr": 0.2})),
        row("none", spec(train={"lr": 0.2, "clip": "none"})),
    ]
    assert [list(one) for one in identities(runs)] == [["study", "label", "run", "seed", "train.lr", "train.clip"]] * 3
    assert identities(runs)[1] == {"study": "s", "label": "lr=0.2 seed=7", "run": runs[1].run_id, "seed": 7,
                                   "train.lr": 0.2, "train.clip": 1.0}  # fmt: skip
    assert identities(runs)[2]["train.clip"] == "none"


def test_a_default_that_specs_leave_out_has_its_value_in_exports():
    runs = [row(f"{b}", spec(train={"optimizer": {"name": "adam", "beta1": b}})) for b in (0.9, 0.95)]
    assert "beta1" not in runs[0].spec["train"]["optimizer"]
    assert [one["train.optimizer.beta1"] for one in identities(runs)] == [0.9, 0.95]


# --- names
# ----------------------------------------------------------------------------------------------------------------


def test_file_names_are_safe_and_no_two_are_the_same():
    labels = [
        "EC7 seed=1",
        "init=smart_tanh(connections=5) lr=1e-05",
        "a/../b",
        "x" * 300,
        "twice",
        "twice",
        "ec7 seed=1",
    ]
    names = file_names([SimpleNamespace(label=label, run_id=f"r{i}") for i, label in enumerate(labels)])
    assert names["r1"] == "init=smart_tanh_connections=5_lr=1e-05"
    assert names["r4"] == "twice_r4"
    assert names["r5"] == "twice_r5"
    assert len({name.casefold() for name in names.values()}) == len(labels), "also where case does not count"
    assert all("/" not in name and " " not in name and len(name) < 200 for name in names.values())


# --- commands
# -------------------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("named", "places", "placed"),
    [
        ("[x/words, stdlib, words2]", {"/a/x/words", "stdlib", "/a/words2"}, '["/a/x/words", stdlib, "/a/words2"]'),
        ("[../words]", {"/a/words", "/a/words2"}, '["/a/words"]'),
        ("[linked]", {"/data/text"}, '["/data/text"]'),
        ("[linked]", {"/data/text", "/data/more"}, None),
        ("[~/words, /a/words]", {"/home/words"}, "[~/words, /a/words]"),
        ("[words]", set(), None),
    ],
)
def test_which_place_a_relative_corpus_stands_for(named, places, placed):
    source = "study: s\nbase: {task: text}\ngrid: {task.corpus: %s}\n"
    assert with_places(source % named, places) == (placed and source % placed)


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


# --- tensorboard
# ----------------------------------------------------------------------------------------------------------


class Writer:
    """Takes down what it is given."""

    def __init__(self):
        self.scalars, self.histograms, self.texts = {}, {}, {}

    def add_scalar(self, tag, value, step):
        self.scalars.setdefault(tag, []).append((step, value))

    def add_text(self, tag, text):
        self.texts[tag] = text

    def add_histogram_raw(self, tag, **actual):
        self.histograms.setdefault(tag, []).append(actual)


def test_tensorboard_gets_every_finite_scalar_and_the_gradients_histogram():
    rng = np.random.default_rng(2)
    norms = 10.0 ** rng.uniform(-9, -4, size=1000)
    history = History(
        np.array([10, 20, 30]),
        {"valid_loss": np.array([1.5, nan, 0.5])},
        {"grad_hist": [None, log10_histogram(norms), np.zeros(len(LOG10_EDGES) - 1, np.uint32)]},
    )
    writer, one = Writer(), row()
    write_events(writer, one, history)
    assert writer.scalars == {"valid_loss": [(10, 1.5), (30, 0.5)]}
    shown = json.loads(writer.texts["spec"].strip("`"))
    assert shown == RunSpec.model_validate(one.spec).written_out()
    assert shown["train"]["bptt"] == "full"  # which the store leaves out
    (actual,) = writer.histograms[GRADIENT]
    logs = np.log10(norms)
    assert actual["global_step"] == 20
    assert actual["num"] == 1000 == sum(actual["bucket_counts"])
    assert actual["min"] <= logs.min() <= actual["min"] + 0.5
    assert actual["max"] - 0.5 <= logs.max() <= actual["max"]
    assert actual["sum"] / 1000 == pytest.approx(logs.mean(), abs=0.05)
    assert actual["sum_squares"] / 1000 == pytest.approx((logs**2).mean(), rel=0.02)
    edges = [actual["min"], *actual["bucket_limits"]]
    assert actual["bucket_counts"] == np.histogram(logs, edges)[0].tolist()


# --- texts from outside
# ---------------------------------------------------------------------------------------------------------

ODD = '\x1b[31m\x7f\n\u202e"'


def test_csv_has_no_character_that_a_terminal_obeys():
    text = "\n".join(csv_lines(["label", ODD], [{"label": ODD, ODD: 1.5}]))
    assert text.replace("\n", "").isprintable()
    assert list(csv.reader(io.StringIO(text))) == [
        ["label", r'\x1b[31m\x7f\n\u202e"'],
        [r'\x1b[31m\x7f\n\u202e"', "1.5"],
    ]


@pytest.mark.parametrize("name", [ODD, "\U0001f600 \U000e0001", "plain \\ name", "é"])
def test_what_is_quoted_for_a_study_file_is_printable_and_read_as_the_same(name):
    assert quoted({"corpus": name}).isprintable()
    assert yaml.safe_load(quoted({"corpus": name})) == {"corpus": name}


def test_a_study_with_marks_that_turn_the_direction_of_writing_is_written_out_in_full():
    source = "study: s\nabout: \u202e\nbase: {task: temporal_order}\n"
    run = row(of=read_study(source, "s").runs[0].spec)
    lines = list(script([(SimpleNamespace(name="s", source=source, created=0, updated=0), [run])], {run.run_id: []}))
    assert "about: Runs of s in full." in lines
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize("label", ["", "..", "模", "/", "../.."])
def test_a_label_without_safe_characters_has_a_file_name_all_the_same(label):
    odd = row(label)
    assert file_names([odd]) == {odd.run_id: f"_{odd.run_id}"}
