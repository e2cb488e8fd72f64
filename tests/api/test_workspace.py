"""A workspace from Python is the one of the commands, and says what they say."""

from __future__ import annotations

import json
from typing import get_args

import numpy as np
import pytest
import torch

import rnnctl
from rnnctl.api import exporting
from rnnctl.cli import export
from rnnctl.lab.records import plain
from rnnctl.weight_files import read_weights
from store import Store, history, queries
from store.encoding import finite
from tests.cli.command_line import TINY
from tests.cli.command_line import rnnctl as command

BASE = {
    "task": {"name": "temporal_order", "min_length": 10, "max_length": 20},
    "model": {"hidden": 12, "init": "orthogonal"},
    "train": {"updates": 120, "batch": np.int64(10), "lr": 0.05},
    "check": {"every": 20, "samples": 100, "chunk": 50, "diagnostic_batch": 5},
    "stop": {"solved": "never"},
}
TINY_MAPPING = {
    "study": "tiny",
    "about": 'Four "runs": <b>a test</b> # can wait\nfor.',
    "base": BASE,
    "grid": {"train.omega": (0, np.float64(1.0))},
    "seeds": range(1, 3),
}


def printed(lab, *args):
    """What a command prints as JSON."""
    return json.loads(command(*args, "--json", cwd=lab.folder, check=0).stdout)


def as_json(value):
    return json.loads(json.dumps(finite(plain(value))))


@pytest.mark.parametrize("form", ["mapping", "YAML", "path", "name of a file"])
def test_a_study_is_the_same_in_every_form(tmp_path, form, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(TINY)
    forms = {"mapping": TINY_MAPPING, "YAML": TINY, "path": tmp_path / "tiny.yaml", "name of a file": "tiny.yaml"}
    study = rnnctl.Workspace("lab").add(forms[form])
    assert study == rnnctl.Workspace("lab", create=False)["tiny"]
    command("init", "../tiny.yaml", cwd=tmp_path / "lab", check=0)
    assert [run.id for run in study] == [row["run"] for row in printed(rnnctl.Workspace("lab"), "runs")]
    assert study.labels == ["omega=0.0 seed=1", "omega=0.0 seed=2", "omega=1.0 seed=1", "omega=1.0 seed=2"]


def test_the_text_of_a_mapping_says_what_the_mapping_says(tmp_path):
    study = rnnctl.Workspace(tmp_path).add(TINY_MAPPING)
    assert study.about == TINY_MAPPING["about"]
    (tmp_path / "again.yaml").write_text(study.text)
    assert rnnctl.Workspace(tmp_path / "other").add(tmp_path / "again.yaml").labels == study.labels
    assert rnnctl.plan(TINY_MAPPING).updates == 480


def test_settings_and_seeds_are_laid_over_a_study(tmp_path):
    lab = rnnctl.Workspace(tmp_path)
    study = lab.add(TINY_MAPPING, seeds=[7], settings={"train.lr": 0.5, "model.init": {"name": "orthogonal"}})
    assert [run.spec["seed"] for run in study] == [7, 7]
    assert {run.parameters["train.lr"] for run in study} == {0.5}
    study = lab.add(TINY_MAPPING, seeds=[8], settings=["train.lr=0.5"])
    assert len(study) == 4
    with pytest.warns(rnnctl.Note, match="seeds sets it in every run"):
        assert len(lab.add({**TINY_MAPPING, "base": {**BASE, "seed": 3}}, replace=True)) == 4
    assert len(lab.results(hidden=True)) == 4


def test_tables_have_the_numbers_of_the_commands(lab):
    study = lab["cells"]
    examined = printed(lab, "examine", "cells", "--no-figures")
    assert as_json(study.examine()) == examined
    board = study.leaderboard()
    assert board.column("loss") == [each["loss"]["mean"] for each in examined["configurations"]]
    assert board.column("loss_sd") == [each["loss"]["sd"] for each in examined["configurations"]]
    assert board.column("floor") == [each["floor"] for each in examined["configurations"]]
    assert board.column("model.name") == [each["parameters"]["model.name"] for each in examined["configurations"]]
    results = as_json(study.results())
    assert [{key: row[key] for key in each} for row, each in zip(results, examined["runs"], strict=True)] == (
        examined["runs"]
    )
    assert as_json(lab.results()) == results
    assert as_json(lab.studies()) == printed(lab, "studies", "--here")
    assert as_json(study.effects()) == printed(lab, "effects", "cells", "--no-figures")


def test_a_run_is_what_show_says(lab):
    run = lab["cells"]["GRU seed=2"]
    shown = printed(lab, "show", run.id)
    assert as_json(run.show()) == shown
    assert (run.status, run.outcome, run.step, run.spec) == ("done", "budget", 70, shown["spec"])
    assert run == lab.run("GRU seed=2") == lab.run(run.id[:10]) == lab.run("cells/GRU seed=2")
    assert run.result.loss == shown["summary"]["best_loss"]
    assert as_json(run.diff("GRU seed=1")) == printed(lab, "diff", run.id, "GRU seed=1")


def test_a_history_is_the_rows_of_the_database(lab):
    run = lab["cells"]["LSTM seed=1"]
    with Store.open(lab.folder, readonly=True) as store:
        kept = history.read(store, [run.id], traces=True)[run.id]
    past, traces = run.history, run.traces
    assert list(past) == ["step", *kept.scalars]
    assert past["step"].tolist() == past.steps.tolist() == kept.steps.tolist() == [0, 20, 40, 60, 70]
    for name, values in kept.scalars.items():
        assert past[name].tobytes() == values.tobytes()
    assert np.isnan(past["rho"]).tolist() == [False, True, False, True, False]  # a diagnosis at every second check
    assert set(traces) == set(kept.traces)
    for name, arrays in kept.traces.items():
        there = [array for array in arrays if array is not None]
        assert traces[name].tobytes() == np.stack(there).tobytes()
        assert traces.steps(name).tolist() == [0, 40, 70]
    assert traces["gradient"].shape == (3, 20)
    assert traces["gradient"] is not None
    assert np.array_equal(traces["gradient"], traces["grad_time"])
    assert np.array_equal(traces["gate_f"], traces["gate_f_time"])


def test_exports_are_those_of_the_command(lab, tmp_path):
    study = lab["cells"]
    (made,) = study.export("csv", tmp_path / "mine.csv")
    theirs = command("export", "cells", "--format", "csv", cwd=lab.folder, check=0).stdout
    assert made.read_text() == theirs
    head, *lines = theirs.splitlines()
    rows = study.checks()
    assert len(rows) == len(lines)
    assert set(rows.columns) == set(head.split(","))
    (log,) = study["GRU seed=1"].export("log", f"{tmp_path}/")
    assert log.suffix == ".log"
    assert "GRU seed=1" in log.read_text()
    assert len(study.export("log", f"{tmp_path}/logs/")) == 6
    run = study["RNN seed=1"]
    (file,) = run.export("npz", f"{tmp_path}/run.npz", best=True)
    with np.load(file) as arrays:
        for name, weight in run.weights().items():
            assert arrays[name].tobytes() == weight.tobytes()
    assert run.history.rows().column("valid_loss") == run.history["valid_loss"].tolist()
    assert (
        command("export", "--commands", cwd=lab.folder, check=0).stdout.splitlines()[2:]
        == (lab.script().splitlines()[2:])
    )


def test_a_run_begins_with_exported_weights(lab, tmp_path):
    run = lab["cells"]["LSTM seed=1"]
    (file,) = run.export("safetensors", f"{tmp_path}/", best=True)
    assert file.name == "LSTM_seed=1_best_weights.safetensors"
    for name, weight in read_weights(str(file)).items():
        assert weight.tobytes() == run.weights()[name].tobytes()
    model = {**run.spec["model"], "init": {"name": "from", "file": str(file)}}
    one = {"train": {**run.spec["train"], "updates": 1}, "check": {**run.spec["check"], "every": 1}}
    trained = rnnctl.train({**run.spec, "model": model, **one}, progress=False)
    best = np.nanmin(run.history["valid_loss"][1:])
    assert trained.history["valid_loss"][0] == pytest.approx(best, rel=1e-6)


def test_formats_of_exports_are_those_of_the_command():
    assert set(get_args(exporting.Format)) == {str(each) for each in export.Format}


def test_a_run_becomes_a_layer_of_torch(lab):
    for label, kind in (("RNN seed=1", torch.nn.RNN), ("LSTM seed=1", torch.nn.LSTM)):
        run = lab["cells"][label]
        network = run.to_torch()
        assert isinstance(network.rnn, kind)
        inputs = torch.arange(12).view(4, 3) % 6
        with torch.no_grad():
            outputs, _ = network(inputs)
        torch.testing.assert_close(outputs, run.model().unroll(inputs).outputs.detach(), rtol=1e-5, atol=1e-6)
    with pytest.raises(rnnctl.Failed, match="reset"):
        lab["cells"]["GRU seed=1"].to_torch("last")
    with pytest.raises(rnnctl.NotTrained, match="no weights after 7 updates"):
        lab["cells"]["RNN seed=1"].to_torch(7)


def test_figures_are_those_of_the_command(lab):
    run = lab["cells"]["RNN seed=1"]
    figure = run.plot("gradient", at=[0, 40])
    norms = [line.get_ydata() for axes in figure.axes for line in axes.get_lines()]
    assert any(np.allclose(np.log10(run.traces["gradient"][1]), y) for y in norms if len(y) == 20)
    assert len(lab["cells"].plot("loss", where=["model=gru"]).axes) >= 1
    assert lab.plot(["GRU seed=1", "RNN seed=1"], "gradient", width=4).get_figwidth() == 4
    assert "gradient" in rnnctl.kinds().column("kind")


def test_answers_are_those_of_the_command(own):
    run = own["cells"]["LSTM seed=1"]
    answers = run.answer("lengths", lengths=[10, 20], samples=100)
    theirs = printed(own, "probe", "LSTM seed=1", "lengths", "--lengths", "10,20", "--samples", "100")
    assert as_json(answers) == theirs
    assert answers.column("length") == [10, 20]
    assert answers.figure() is not None
    assert len(own["cells"].answer("lengths", lengths=(10,), samples=100, weights="last")) == 6


def test_a_study_can_be_refined(own):
    study = own["cells"]
    recipe = own.folder / "recipe.yaml"
    recipe.write_text("refine: {best: 1, variants: {more: {train.updates: 140}}}\n")
    assert study.refine(recipe=recipe, dry_run=True).new == 2
    assert "cells-refined" not in own
    refined = study.refine(recipe=recipe, name="finer")
    assert refined in list(own)
    assert [run.spec["train"]["updates"] for run in refined] == [140, 140]


def test_runs_are_marked_cancelled_retried_and_deleted(own):
    study = own.add({**TINY_MAPPING, "study": "late"})
    run = study["omega=0.0 seed=1"]
    assert study.cancel() == 4
    assert run.status == "cancelled"
    run.retry()
    assert (run.status, own.status().counts["queued"]) == ("queued", 1)
    assert own.retry("late/omega=0.0 seed=2") == 1
    run.cancel()
    assert study.retry() == 3
    run.tag("odd")
    study.tag("new")
    run.note("why?")
    assert run.tags == ("new", "odd")
    assert own.results(where=["tag=odd"]).column("run") == [run.id]
    run.tag("odd", remove=True)
    study.note("mine")
    assert own.studies().column("note") == ["", "mine"]
    assert "why?" in run._repr_html_()
    study.archive()
    assert own.studies().column("study") == ["cells"]
    study.archive(undo=True)
    assert len(run.delete(dry_run=True).runs) == 1
    run.delete()
    assert len(study.delete().runs) == 3
    assert [each.name for each in own] == ["cells"]


def test_a_workspace_is_backed_up_merged_and_checked(own, tmp_path):
    made = own.backup(tmp_path / "copy")
    assert (made.checkpoints, made.damaged) == (12, [])
    other = rnnctl.Workspace(tmp_path / "other")
    assert len(other.merge(own).new) == 6
    for run in own["cells"]:
        past = other.run(run.id).history
        assert all(past[name].tobytes() == values.tobytes() for name, values in run.history.items())
    assert other.doctor().wrong == []
    stray = next((other.folder / "checkpoints").rglob("*.ckpt"))
    (stray.parent / "a1-s999.ckpt").write_bytes(stray.read_bytes())
    assert len(other.doctor().orphans) == 1
    assert other.doctor(repair=True).orphans == []


def test_a_notebook_shows_tables_with_everything_escaped(own):
    study = own.add(TINY_MAPPING)
    html = study._repr_html_()
    assert "&lt;b&gt;a test&lt;/b&gt;" in html
    assert "<b>a test" not in html
    board = own["cells"].leaderboard()._repr_html_()
    assert board.startswith("<table>")
    assert board.count("<tr>") == 4
    for label in ("RNN", "GRU", "LSTM"):
        assert label in board
    run = own["cells"]["GRU seed=1"]
    assert f"{run.result.loss:.4g}" in run._repr_html_()
    assert "tiny" in own._repr_html_()
    assert run.history._repr_html_().count("<tr>") == 6


def test_what_a_call_returns_is_shown_in_a_few_words(own):
    own.add(TINY_MAPPING)
    study = own["cells"]
    assert repr(study.examine()) == "Examination(3 configurations, 6 runs, by loss)"
    assert repr(study.effects()) == "Effects(on loss of train.omega, model.name, over 6 runs)"
    heads, *rows = repr(study.leaderboard()).splitlines()
    assert heads.split()[:2] == ["label", "runs"]
    assert sorted(row.split()[0] for row in rows) == ["GRU", "LSTM", "RNN"]
    assert {row[: heads.index("runs") + 4].split()[1] for row in rows} == {"2"}
    assert repr(own.status()).startswith("Status(")
    assert repr(own.status()).endswith("; 0 workers)")


def test_only_the_runs_of_a_study_are_in_it(own):
    study = own.add({**TINY_MAPPING, "study": "late"})
    assert "omega=0.0 seed=1" in study
    assert "GRU seed=1" not in study
    assert own["cells"]["GRU seed=1"].id not in study
    assert 3 not in study
    assert "late" in own
    assert "later" not in own
    with Store.open(own.folder, readonly=True) as store:
        assert [run.id for run in study.runs] == [row.run_id for row in queries.runs_of(store, "late")]
