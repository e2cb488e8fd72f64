"""`plot` as a user types it, right and wrong."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import matplotlib.image
import pytest

from rnnctl.probes.catalogue import PROBES
from rnnctl.report.figures import KINDS
from tests.cli.command_line import one_line, rnnctl, train_here, workspace

CELLS = """\
study: cells
base:
  task: {name: temporal_order, min_length: 10, max_length: 20}
  train: {updates: 60, batch: 10}
  check: {every: 20, samples: 100, chunk: 50, diagnostic_batch: 5}
cases:
  rnn: {model: {name: rnn, hidden: 16}, train.clip: none}
  gru: {model: {name: gru, hidden: 16}}
seeds: [1, 2]
"""
WAITING = "study: waiting\nbase: {task: {name: temporal_order}}\ncases: {late: {}, waiting: {train.lr: 0.1}}\n"
NAMES = [name for name, kind in KINDS.items() if kind.plotted]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A workspace with a study that is done and one that waits. Tests add figures only."""
    folder = workspace(tmp_path_factory.mktemp("trained") / "w", CELLS)
    train_here(folder)
    (folder / "waiting.yaml").write_text(WAITING)
    rnnctl("init", "waiting.yaml", cwd=folder, check=0)
    return folder


def plotted(*args, cwd):
    """The figures that a command made, as it names them on stdout."""
    return [Path(line) for line in rnnctl("plot", *args, cwd=cwd, check=0).stdout.splitlines()]


def test_a_figure_of_a_study_lies_in_the_figures_folder_and_is_named(trained):
    (path,) = plotted("cells", "loss", cwd=trained)
    assert path == trained / "figures" / "cells-loss.png"
    assert matplotlib.image.imread(path).shape[1] == 9.5 * 130
    assert not [*path.parent.glob(".*"), *path.parent.glob("*.tmp")], "nothing unfinished is left"


@pytest.mark.parametrize("name", ["gru seed=1", "cells/gru seed=1"])
def test_a_figure_of_a_run_has_a_safe_name(trained, name):
    (path,) = plotted(name, "gate_histogram", "--at", "0,end", cwd=trained)
    assert path.name == "cells-gru-seed=1-gate_histogram-at_0_end.png"
    assert path.exists()


def test_all_kinds_are_drawn_but_those_that_do_not_apply(trained):
    done = rnnctl("plot", "cells", "all", cwd=trained, check=0)
    assert [Path(line).name for line in done.stdout.splitlines()] == [
        f"cells-{name}.png" for name in NAMES if name != "rate"
    ]
    assert done.stderr == "note: no rate: the learning rate of each run is constant, and stands in its spec\n"
    of_rnn = rnnctl("plot", "rnn seed=1", "all", "--out", "some/", cwd=trained, check=0)
    drawn = {Path(line).name.rpartition("-")[2] for line in of_rnn.stdout.splitlines()}
    assert drawn == {path.name.rpartition("-")[2] for path in (trained / "some").iterdir()}
    left_out = set(NAMES) - {name.removesuffix(".png") for name in drawn}
    assert left_out == {"hyperparameters", "clip_share", "rate", *(name for name in NAMES if name.startswith("gate"))}
    for name in left_out:
        assert f"no {name}: " in of_rnn.stderr


def test_the_suffix_decides_the_format_and_a_folder_takes_the_usual_name(trained, tmp_path):
    for suffix, begins in ((".svg", b"<?xml"), (".pdf", b"%PDF"), (".png", b"\x89PNG")):
        file = tmp_path / "new" / f"f{suffix}"
        assert plotted("cells", "error", "--out", file, cwd=trained) == [file]
        assert file.read_bytes().startswith(begins)
    assert plotted("cells", "error", "-o", tmp_path, cwd=trained) == [tmp_path / "cells-error.png"]


def test_size_is_in_inches(trained, tmp_path):
    file = tmp_path / "f.svg"
    plotted("cells", "loss", "--out", file, "--width", 6, "--height", 3, cwd=trained)
    svg = ElementTree.parse(file).getroot()
    assert (svg.get("width"), svg.get("height")) == ("432pt", "216pt")


def test_layouts_differ(trained, tmp_path):
    shape = {}
    for option in ("--overlay", "--panels"):
        (path,) = plotted("cells", "gradient", option, "--out", tmp_path / f"{option}.png", cwd=trained)
        shape[option] = matplotlib.image.imread(path).shape[0]
    assert shape["--panels"] > shape["--overlay"], "four runs take two rows, one panel one"


def test_a_figure_takes_the_place_of_an_older_one(trained):
    (path,) = plotted("cells", "reach", cwd=trained)
    path.write_text("old")
    assert plotted("cells", "reach", cwd=trained) == [path]
    assert path.read_bytes().startswith(b"\x89PNG")


def test_kinds_are_listed_without_a_workspace(tmp_path):
    listed = rnnctl("plot", "--kinds", cwd=tmp_path, check=0).stdout.splitlines()
    with_figures = [probe.model_fields["name"].default for probe in PROBES if probe.figure is not None]
    assert [line.split("  ")[0] for line in listed[2:]] == [*NAMES, *with_figures]
    assert all(len(line) <= 120 for line in listed)


def test_a_study_goes_before_a_run_of_that_label_and_this_is_said(trained):
    done = rnnctl("plot", "waiting", "loss", cwd=trained, check=3)
    note, error = done.stderr.splitlines()
    assert "taken for the study" in note
    assert "waiting/waiting" in note
    assert error == "rnnctl: waiting: no run of it has been checked yet: there is nothing to draw"


def test_a_name_that_could_be_several_runs_is_told(trained):
    one_line(rnnctl("plot", "r1-", "loss", cwd=trained, check=3), "could be 6 runs")


@pytest.mark.parametrize(
    ("args", "code", "fragments"),
    [
        ([], 2, ["name a study or a run", "--kinds"]),
        (["cells"], 2, ["name a study or a run", "--kinds"]),
        (["cells", "gradiant"], 2, ["gradiant", "did you mean gradient?", "gate_image", "all"]),
        (["cells", "hyperparameters_below"], 2, ["no kind of figure", "did you mean hyperparameters?"]),
        (["cels", "loss"], 3, ["cels", "did you mean cells?"]),
        (["gru seed=3", "loss"], 3, ["gru seed=3", "did you mean"]),
        (["rnn seed=1", "gates"], 3, ["cells/rnn seed=1", "no gates", "cells of these runs have no gates"]),
        (["rnn seed=1", "clip_share"], 3, ["train.clip is none"]),
        (["waiting/late", "all"], 3, ["waiting/late", "it has not been checked yet"]),
        (["cells", "gradient", "--at", "soon"], 2, ["--at soon", "0,1000,end"]),
        (["cells", "gradient", "--at", "-5"], 2, ["--at -5", "0 and more"]),
        (["cells", "loss", "--at", "end"], 2, ["--at", "loss shows all checks", "gradient_histogram"]),
        (["cells", "gate_image", "--overlay"], 2, ["--overlay", "gate_image has one layout"]),
        (["cells", "gradient", "--overlay", "--panels"], 2, ["exclude each other"]),
        (["cells", "loss", "--out", "f.jpeg"], 2, ["f.jpeg", ".png, .svg, .pdf"]),
        (["cells", "all", "--out", "f.png"], 2, ["f.png", "need a folder"]),
        (["cells", "loss", "--width", "0"], 2, ["--width", "must be at least 2"]),
        (["cells", "gate_image", "--height", "1"], 2, ["gate_image", "no room", "by 1 inches"]),
        (["cells", "loss", "--out", "study.yaml/f.png"], 1, ["study.yaml"]),
    ],
)
def test_mistakes_are_answered_in_one_line(trained, args, code, fragments):
    one_line(rnnctl("plot", *args, cwd=trained, check=code), *fragments)
