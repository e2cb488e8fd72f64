"""Exports as their readers use them: course plotting code, a table reader, a shell, TensorBoard."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from rnnctl.study.run import RunSpec
from rnnctl.training.checks import validation_set
from rnnctl.weight_files import read_weights
from store import Store, checkpoints, history, queries
from tests.cli.command_line import PATIENCE, TINY, environment, in_a_process, one_line, rnnctl, workspace
from tests.cli.studies import CELLS, CELLS_CHECKS

STUDY, UPDATES = CELLS, CELLS_CHECKS


@pytest.fixture(scope="module")
def folder(cells):
    """A workspace with trained runs. Tests only read it."""
    return cells


@pytest.fixture(scope="module")
def exported(folder):
    """What `--format npz` and `--best` wrote of the whole study: the file's name to its arrays."""
    named = [
        rnnctl("export", "cells", "--format", "npz", *best, cwd=folder, check=0).stdout.splitlines()
        for best in ([], ["--best"])
    ]
    assert [os.path.dirname(name) for names in named for name in names] == [str(folder / "exports" / "cells")] * 12
    return {os.path.basename(name): np.load(name, allow_pickle=False) for names in named for name in names}


@pytest.fixture(scope="module")
def queued(tmp_path_factory):
    """A workspace with nothing trained, whose study `tiny` is also the label of a run of another study."""
    folder = workspace(tmp_path_factory.mktemp("queued") / "w", TINY)
    (folder / "other.yaml").write_text(
        "study: other\nbase: {task: temporal_order}\ncases: {tiny: {seed: 9}, lone: {}}\n"
    )
    rnnctl("init", "other.yaml", cwd=folder, check=0)
    return folder


def runs(folder, traces=True):
    """Every run with its history, by label."""
    with Store.open(folder, readonly=True) as store:
        rows = queries.runs_of(store)
        past = history.read(store, [row.run_id for row in rows], traces)
        return {row.label: (row, past[row.run_id]) for row in rows}


# --- npz
# ------------------------------------------------------------------------------------------------------------------


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def last_hidden(d, symbols):
    """h_T by the equations of the course: row vectors, one-hot inputs."""
    u = np.eye(6)[symbols]
    h = c = np.zeros((symbols.shape[1], d["W_hh"].shape[0]))
    branch = lambda x, h, name, bias: x @ d[f"W_u{name}"] + h @ d[f"W_h{name}"] + d[bias]  # noqa: E731
    for x in u:
        if d["model_type"] == "rnn":
            h = np.tanh(branch(x, h, "h", "b_hh"))
        elif d["model_type"] == "gru":
            z, r = (sigmoid(branch(x, h, gate, f"b_{gate}")) for gate in "zr")
            h = (1 - z) * h + z * np.tanh(branch(x, r * h, "h", "b_h"))
        else:
            i, f, o = (sigmoid(branch(x, h, gate, f"b_{gate}")) for gate in "ifo")
            c = f * c + i * np.tanh(branch(x, h, "h", "b_hh"))
            h = o * np.tanh(c)
    return h


def validation_loss(d, spec):
    """The mean cross-entropy over the frozen validation set of a network made of the file's weights."""
    spec = RunSpec.model_validate(spec)
    bias, total = d["b_y"] if d["model_type"] == "gru" else d["b_hy"], []
    for batch in validation_set(spec.task.make(), spec.check):
        y = last_hidden(d, batch.inputs) @ d["W_hy"] + bias
        total.append(np.log(np.exp(y).sum(1)) - y[np.arange(len(y)), batch.targets])
    return np.concatenate(total).mean()


@pytest.mark.parametrize("cell", ["RNN", "GRU", "LSTM"])
def test_the_weights_in_the_file_have_the_loss_in_the_file(folder, exported, cell):
    row, past = runs(folder)[f"{cell} seed=1"]
    final, best = (exported[f"{cell}_seed=1_{which}_state.npz"] for which in ("final", "best"))
    assert final["diag_loss"][-1] == past.scalars["valid_loss"][-1]
    assert validation_loss(final, row.spec) == pytest.approx(final["diag_loss"][-1], abs=1e-5)
    assert final["weights_at"] == 70
    after_updates = past.scalars["valid_loss"][1:]
    assert validation_loss(best, row.spec) == pytest.approx(after_updates.min(), abs=1e-5)
    assert best["weights_at"] == UPDATES[1:][after_updates.argmin()]
    np.testing.assert_array_equal(best["train_nll"], final["train_nll"])


@pytest.mark.parametrize("which", ["final", "best"])
def test_safetensors_have_the_weights_of_the_npz(folder, exported, which):
    best = ["--best"] if which == "best" else []
    done = rnnctl("export", "cells", "--format", "safetensors", *best, cwd=folder, check=0)
    paths = [Path(line) for line in done.stdout.splitlines()]
    assert len(paths) == 6
    for path in paths:
        state = exported[path.name.replace("_weights.safetensors", "_state.npz")]
        weights = read_weights(str(path))
        assert weights.keys() == {name for name in state.files if name.startswith(("W_", "b_"))}
        for name, weight in weights.items():
            assert weight.dtype == state[name].dtype
            np.testing.assert_array_equal(weight, state[name])
        content = path.read_bytes()
        metadata = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
        assert metadata == {key: str(state[key]) for key in ("label", "run_id", "model_type", "weights_at")}


def test_spectral_radius_and_regulariser_are_those_of_the_run(folder, exported):
    _, past = runs(folder)["RNN seed=2"]
    d = exported["RNN_seed=2_final_state.npz"]
    assert d["rho_Whh"][-1] == pytest.approx(np.abs(np.linalg.eigvals(d["W_hh"].astype(float))).max(), rel=1e-4)
    np.testing.assert_array_equal(d["Omega"], past.scalars["train_omega"])
    assert np.isfinite(d["diag_omega"]).tolist() == [True, False, True, False, True]


@pytest.mark.parametrize("cell", ["RNN", "GRU", "LSTM"])
def test_a_students_plots_can_be_drawn(exported, cell):
    d = exported[f"{cell}_seed=2_final_state.npz"]
    figure = Figure()
    gradient, saturation, error, gates = figure.subplots(4)
    g = d["grad_time"][-1]
    g = np.log10(g[np.isfinite(g)] + 1e-12)
    assert gradient.hist(g, bins=60)[0].sum() == 20, "one a step of the longest sequence"
    assert (g > -11).all(), "the gradient comes back through time"
    s = d["sat_time"][-1]
    assert saturation.hist(s[np.isfinite(s)], bins=60, range=(0, 1))[0].sum() == 20
    ok = d["valid_error"] >= 0
    (line,) = error.plot(d["updates"][ok], d["valid_error"][ok])
    assert line.get_xdata().tolist() == UPDATES
    assert 1 < line.get_ydata().max() <= 100
    for key in ("gate_z_sat_time", "gate_r_sat_time"):
        v = d[key][-1]
        v = v[np.isfinite(v)]
        assert gates.hist(v, bins=60, range=(0, 0.5))[0].sum() == (20 if cell == "GRU" else 0)
    figure.savefig(io.BytesIO())


def test_a_damaged_checkpoint_is_passed_over_and_without_any_the_tables_still_come(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    with Store.open(copy, readonly=True) as store:
        (row, *_) = queries.runs_of(store)
        newest, older = (copy / one.path for one in checkpoints.live(store, row.run_id))
    newest.write_bytes(b"rot")
    done = rnnctl("export", row.label, "--format", "npz", "--out", tmp_path / "x.npz", cwd=copy, check=0)
    assert done.stderr.startswith(f"note: checkpoints/{row.run_id}/{newest.name} has 3 bytes instead of ")
    d = np.load(tmp_path / "x.npz")
    assert (d["weights_at"], d["updates"][-1]) == (60, 70)
    assert validation_loss(d, row.spec) == pytest.approx(d["diag_loss"][-2], abs=1e-5)
    older.unlink()
    done = rnnctl("export", row.label, "--format", "npz", "--out", tmp_path / "y.npz", cwd=copy, check=1)
    assert done.stderr.splitlines()[-1].startswith(f"rnnctl: run cells/{row.label}: it has no sound checkpoint")
    assert not (tmp_path / "y.npz").exists()
    assert rnnctl("export", row.label, "--format", "csv", cwd=copy, check=0).stdout.startswith("step,")


# --- tables
# ---------------------------------------------------------------------------------------------------------------


def table(text):
    return list(csv.DictReader(io.StringIO(text)))


def floats(rows, name):
    return [float(row[name]) if row[name] else float("nan") for row in rows]


def test_a_runs_csv_is_its_history(folder):
    _, past = runs(folder)["GRU seed=2"]
    actual = table(rnnctl("export", "GRU seed=2", "--format", "csv", cwd=folder, check=0).stdout)
    assert [int(row["step"]) for row in actual] == UPDATES
    assert list(actual[0]) == ["step", *past.scalars]
    for name, values in past.scalars.items():
        np.testing.assert_array_equal(floats(actual, name), values)


def test_a_studys_csv_is_tidy(folder):
    known = runs(folder)
    actual = table(rnnctl("export", "cells", "--format", "csv", cwd=folder, check=0).stdout)
    assert len(actual) == 6 * len(UPDATES)
    assert {"study", "label", "run", "seed", "step", "model", "train.omega", "valid_loss", "gate_z"} <= set(actual[0])
    assert "train.lr" not in actual[0], "the same in all runs"
    for label, (row, past) in known.items():
        own = [one for one in actual if one["label"] == label]
        assert {(one["study"], one["run"], one["seed"]) for one in own} == {("cells", row.run_id, label[-1])}
        assert [int(one["step"]) for one in own] == UPDATES
        np.testing.assert_array_equal(floats(own, "valid_loss"), past.scalars["valid_loss"])
        assert any(one["gate_z"] for one in own) == label.startswith("GRU")


def test_json_lines_have_the_traces_that_are_asked_for(folder):
    _, past = runs(folder)["LSTM seed=1"]
    plain = rnnctl("export", "LSTM seed=1", "--format", "jsonl", cwd=folder, check=0).stdout
    whole = rnnctl("export", "LSTM seed=1", "--format", "jsonl", "--traces", cwd=folder, check=0).stdout
    rows = [json.loads(line) for line in whole.splitlines()]
    assert [row["step"] for row in rows] == UPDATES
    assert rows[1]["traces"] == {}
    for name, arrays in past.traces.items():
        assert rows[2]["traces"][name] == arrays[2].tolist()
    without = [{key: value for key, value in row.items() if key != "traces"} for row in rows]
    assert [json.loads(line) for line in plain.splitlines()] == without
    tidy = rnnctl("export", "cells", "--format", "jsonl", cwd=folder, check=0).stdout.splitlines()
    assert len(tidy) == 6 * len(UPDATES)
    assert {json.loads(line)["seed"] for line in tidy} == {1, 2}


def test_a_file_is_replaced_whole_and_a_folder_gets_one_of_its_own_name(folder, tmp_path):
    (tmp_path / "x.csv").write_text("old\n" * 10_000)
    (tmp_path / "link.csv").symlink_to(tmp_path / "x.csv")
    text = rnnctl("export", "cells", "--format", "csv", cwd=folder, check=0).stdout
    for out in ("x.csv", "link.csv", "new/deep/y.csv", "new/"):
        done = rnnctl("export", "cells", "--format", "csv", "--out", f"{tmp_path}/{out}", cwd=folder, check=0)
        assert (done.stdout.strip(), done.stderr) == (f"{tmp_path}/{out.replace('new/', 'new/cells.csv')}"
                if out == "new/" else f"{tmp_path}/{out}", "")  # fmt: skip
    assert (tmp_path / "link.csv").is_symlink()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in files} == {"x.csv", "link.csv", "y.csv", "cells.csv"}, "nothing unfinished"
    assert all(path.read_text() == text for path in files)


def test_what_cannot_be_written_is_told_and_leaves_what_was_there(folder, tmp_path):
    code = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000));"
        "from rnnctl.cli.app import main; import sys;"
        f"sys.argv = ['rnnctl', 'export', 'RNN seed=1', '-f', 'npz', '-o', {str(tmp_path / 'x.npz')!r}]; main()"
    )
    (tmp_path / "x.npz").write_bytes(b"old")
    done = in_a_process(sys.executable, "-c", code, cwd=folder, check=1)
    one_line(done, "no room left", "x.npz")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]
    one_line(rnnctl("export", "cells", "-f", "csv", "-o", f"{tmp_path}/x.npz/y", cwd=folder, check=1), "x.npz/y")


def test_a_closed_pipe_is_no_error(folder):
    command = f"{sys.executable} -m rnnctl export cells --format jsonl --traces | head -c 10"
    assert in_a_process("bash", "-o", "pipefail", "-c", command, cwd=folder).stderr == ""


# --- names and mistakes
# ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "code", "fragments"),
    [
        ([], 2, ["name a study or a run"]),
        (["cells"], 2, ["--format", "npz, safetensors, csv, jsonl, tensorboard, log"]),
        (["cells", "--format", "npy"], 2, ["--format", "'npy'", "npz"]),
        (["cells", "--format", "csv", "--best"], 2, ["--best", "npz", "not to csv"]),
        (["cells", "--format", "npz", "--traces"], 2, ["--traces", "jsonl", "not to npz"]),
        (["--commands", "--format", "csv"], 2, ["--commands", "--format"]),
        (["--commands", "cels"], 3, ["no study 'cels'", "did you mean cells?"]),
        (["cels", "--format", "csv"], 3, ["no study or run 'cels'", "did you mean cells?"]),
        (["cells/GRU seed=3", "--format", "csv"], 3, ["no study or run", "did you mean cells/GRU seed="]),
        (["r1-", "--format", "csv"], 3, ["could be 6 runs", "cells/RNN seed=1"]),
    ],
)
def test_mistakes_are_answered_in_one_line(folder, args, code, fragments):
    one_line(rnnctl("export", *args, cwd=folder, check=code), *fragments)


@pytest.mark.parametrize("format_", ["npz", "csv"])
def test_a_run_that_was_not_checked_yet_is_told(queued, format_):
    done = rnnctl("export", "other/lone", "--format", format_, cwd=queued, check=3)
    one_line(done, "run other/lone has not been checked yet")
    assert not (queued / "exports").exists()


def test_a_study_goes_before_a_run_of_its_name_and_says_how_to_mean_the_run(queued):
    done = rnnctl("export", "tiny", "--format", "csv", cwd=queued, check=3)
    note, error = done.stderr.splitlines()
    assert "'tiny' is taken for the study" in note
    assert "other/tiny" in note
    assert "study tiny has not been checked yet" in error
    one_line(rnnctl("export", "other/tiny", "--format", "csv", cwd=queued, check=3), "run other/tiny")


def test_runs_not_checked_yet_are_left_out_of_a_study(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "study.yaml").write_text(STUDY.replace("seeds: [1, 2]", "seeds: [1, 2, 3]"))
    rnnctl("init", "study.yaml", cwd=copy, check=0)
    done = rnnctl("export", "cells", "--format", "jsonl", cwd=copy, check=0)
    assert done.stderr == "note: 3 runs not checked yet, left out\n"
    assert len(done.stdout.splitlines()) == 6 * len(UPDATES)


def test_an_old_runs_file_keeps_apart_from_a_new_ones_of_the_same_label(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    shutil.rmtree(copy / "exports", ignore_errors=True)
    (copy / "study.yaml").write_text(STUDY.replace("lr: 0.1", "lr: 0.2"))
    rnnctl("init", "study.yaml", cwd=copy, check=0)
    row, _ = runs(folder)["RNN seed=1"]
    done = rnnctl("export", row.run_id, "--format", "npz", cwd=copy, check=0)
    assert done.stdout == f"{copy}/exports/cells/RNN_seed=1_lr=0.1_final_state.npz\n"


# --- commands
# -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def shell(tmp_path):
    """Runs a script in an empty folder, with `rnnctl` on the path, and returns the folder."""
    tools, empty = tmp_path / "bin", tmp_path / "empty"
    tools.mkdir()
    empty.mkdir()
    (tools / "rnnctl").write_text(f'#!/bin/sh\nexec {sys.executable} -m rnnctl "$@"\n')
    (tools / "rnnctl").chmod(0o755)

    def run(script):
        path = f"{tools}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["sh"],
            input=script,
            cwd=empty,
            env=environment(PATH=path, RNNCTL_WORKSPACE=str(tmp_path / "elsewhere")),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stderr
        return empty

    return run


def test_the_command_log_makes_the_same_runs_with_the_same_bits(folder, shell):
    script = rnnctl("export", "--commands", cwd=folder, check=0).stdout
    assert STUDY in script
    assert "rnnctl train --workers 1 --device cpu" in script
    again = shell(script)
    # With run ids, and every digit of every figure and trace.
    first, second = (
        rnnctl("export", "cells", "--format", "jsonl", "--traces", cwd=where, check=0).stdout
        for where in (folder, again)
    )
    assert first == second
    assert len(first.splitlines()) == 6 * len(UPDATES)


@pytest.mark.parametrize(("options", "count"), [([], 6), (["--all"], 10)])
def test_the_command_log_knows_what_the_text_no_longer_names_if_asked(queued, tmp_path, shell, options, count):
    copy = shutil.copytree(queued, tmp_path / "copy")
    (copy / "study.yaml").write_text(TINY.replace("hidden: 12", "hidden: 9"))
    rnnctl("init", "study.yaml", cwd=copy, check=0)
    rnnctl("export", "--commands", *options, "--out", "log.sh", cwd=copy, check=0)
    script = (copy / "log.sh").read_text()
    again = shell(script.replace("\nrnnctl train", "\n: rnnctl train"))
    ids = {}
    for where in (copy, again):
        with Store.open(where, readonly=True) as store:
            ids[where] = {row.run_id: row.spec for row in queries.runs_of(store, hidden=bool(options))}
    assert len(ids[copy]) == count
    assert ids[again] == ids[copy]
    only = rnnctl("export", "--commands", "other", cwd=copy, check=0).stdout
    assert "study tiny" not in only
    assert "study other: 2 runs" in only


# --- tensorboard
# ----------------------------------------------------------------------------------------------------------


def test_without_tensorboard_it_is_told_how_to_get_it(folder):
    code = (
        "import sys; sys.modules['tensorboard'] = None; sys.argv = ['rnnctl', 'export', 'cells', '-f', 'tensorboard'];"
        "from rnnctl.cli.app import main; main()"
    )
    done = in_a_process(sys.executable, "-c", code, cwd=folder, check=1)
    one_line(done, "pip install 'rnnctl[tensorboard]'")


def test_tensorboard_reads_what_was_exported(folder, tmp_path):
    for _ in range(2):  # a second export takes the place of the first
        done = rnnctl("export", "cells", "--format", "tensorboard", "--out", tmp_path, cwd=folder, check=0)
    row, past = runs(folder)["GRU seed=1"]
    events = tmp_path / "GRU_seed=1"
    assert str(events / f"events.out.tfevents.{row.run_id}") in done.stdout.splitlines()
    assert len(list(events.iterdir())) == 1
    code = (
        "import json, sys\n"
        "from tensorboard.backend.event_processing.event_accumulator import EventAccumulator\n"
        "read = EventAccumulator(sys.argv[1], size_guidance={'tensors': 0, 'scalars': 0}).Reload()\n"
        "tags = read.Tags()\n"
        "print(json.dumps({tag: [[e.step, e.value] for e in read.Scalars(tag)] for tag in tags['scalars']}))\n"
        "print(json.dumps(tags['histograms']))\n"
    )
    done = in_a_process(sys.executable, "-c", code, events, cwd=tmp_path, check=0)
    scalars, histograms = map(json.loads, done.stdout.splitlines())
    for name, values in past.scalars.items():
        there = np.isfinite(values)
        steps, actual = np.array(scalars[name]).T
        assert steps.tolist() == past.steps[there].tolist()
        np.testing.assert_array_equal(actual.astype(np.float32), values[there].astype(np.float32))
    assert histograms == ["log10_gradient_through_time"]
    file = tmp_path / "file"
    file.write_text("x")
    one_line(
        rnnctl("export", "GRU seed=1", "--format", "tensorboard", "--out", file, cwd=folder, check=2),
        "tensorboard reads folders",
    )


def test_the_script_of_a_workspace_whose_studies_are_all_archived_says_so(tmp_path):
    folder = workspace(tmp_path / "w")
    rnnctl("archive", "tiny", cwd=folder, check=0)
    one_line(rnnctl("export", "--commands", cwd=folder, check=3), "1 study is archived", "--all shows it")
