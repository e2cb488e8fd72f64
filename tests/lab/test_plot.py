"""Figures without a command line."""

import pytest
from PIL import Image

from rnnctl.lab.errors import Code, LabError
from rnnctl.lab.plot import _best, kinds, plot
from rnnctl.lab.register import register
from rnnctl.lab.workspaces import runs_named, runs_together
from tests.lab.studies import STUDY
from tests.lab.trained import finish


@pytest.fixture
def finished(store):
    finish(store, {"omega=0.0 seed=1": 1.5, "omega=1.0 seed=1": 0.5})
    return store


def test_a_figure_is_written_where_it_is_wanted(finished, tmp_path):
    runs = runs_named(finished, "tiny")
    assert plot(finished, runs, "loss").files == [finished.workspace.figures / "tiny-loss.png"]
    file = tmp_path / "mine.svg"
    assert plot(finished, runs, "loss", width=5, out=str(file)).files == [file]
    assert file.read_text().startswith("<?xml")


def test_figures_with_runs_that_the_file_no_longer_names_do_not_replace_those_without(finished):
    plain, every = (plot(finished, runs_named(finished, "tiny", hidden), "loss").files[0] for hidden in (False, True))
    assert every == finished.workspace.figures / "tiny" / "all" / "tiny-loss.png"
    assert plain != every
    assert plain.exists()
    assert every.exists()


def test_files_tell_study_and_run(finished, tmp_path):
    run_id = runs_named(finished, "omega=1.0 seed=1").runs[0].run_id
    for name, words, run in (
        ("tiny", "tiny: ", ""),
        (run_id[:9], "tiny/omega=1.0 seed=1: ", f", run {run_id}"),
    ):
        (path,) = plot(finished, runs_named(finished, name), "loss").files
        assert path.name == ("tiny-omega=1.0-seed=1-loss.png" if run else "tiny-loss.png")
        with Image.open(path) as image:
            text = image.text
        assert text["Title"] == f"{words}{path.stem}"
        assert text["Keywords"] == f"study tiny{run}"
        for form in ("svg", "pdf"):
            (path,) = plot(finished, runs_named(finished, name), "loss", out=f"{tmp_path}/figure.{form}").files
            assert b"study tiny" + run.encode() in path.read_bytes()


def test_a_figure_has_the_width_that_is_wanted(finished, tmp_path):
    (path,) = plot(finished, runs_named(finished, "tiny"), "loss", width=3.3).files
    with Image.open(path) as image:
        assert image.width == 990  # 300 dots per inch in a column of a paper


def test_all_figures_leave_out_what_does_not_apply(finished, tmp_path):
    plotted = plot(finished, runs_named(finished, "tiny"), "all", out=f"{tmp_path}/new/")
    assert "tiny-loss.png" in {path.name for path in plotted.files}
    assert any(note.startswith("no gates: ") for note in plotted.notes)
    assert len(plotted.files) < len(kinds())


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ({"kind": "los"}, Code.USAGE, "no kind of figure 'los'; allowed: .*did you mean loss?"),
        ({"kind": "gates"}, Code.NOTHING, "tiny: no gates: "),
        ({"kind": "loss", "at": [0]}, Code.USAGE, "^at: loss shows all checks"),
        ({"kind": "gate_image", "layout": "panels"}, Code.USAGE, "^panels: gate_image has one layout"),
        ({"kind": "gradient", "each": True}, Code.USAGE, "^each: gradient has no curves of runs"),
        ({"kind": "gradient", "linear": True}, Code.USAGE, "^linear: gradient has no curves of runs"),
        ({"kind": "all", "out": "f.png"}, Code.USAGE, "^out f.png: all figures need a folder"),
        ({"kind": "loss", "out": "f.jpeg"}, Code.USAGE, "^out f.jpeg: figures are .png"),
    ],
)
def test_what_cannot_be_drawn_is_an_error(finished, arguments, code, message):
    with pytest.raises(LabError, match=message) as error:
        plot(finished, runs_named(finished, "tiny"), **arguments)
    assert error.value.code is code


def test_runs_that_were_not_checked_have_no_figures(store):
    with pytest.raises(LabError, match="tiny/omega=1.0 seed=1: it has not been checked yet"):
        plot(store, runs_named(store, "tiny/omega=1.0 seed=1"), "loss")


def test_a_selection_is_drawn_beside_the_whole_and_never_over_it(finished, tmp_path):
    figures = finished.workspace.figures
    some = runs_together(finished, ["tiny"], ["omega>0", "seed=1,2"])
    assert [row.label for row in some.runs] == ["omega=1.0 seed=1", "omega=1.0 seed=2"]
    (file,) = plot(finished, some, "loss").files
    assert file == figures / "tiny" / "omega-gt-0_seed=1-2" / "tiny-loss.png"
    (file,) = plot(finished, some, "loss", out=f"{tmp_path}/mine/").files
    assert file.name == "tiny-omega-gt-0_seed=1-2-loss.png"
    (file,) = plot(finished, runs_named(finished, "tiny"), "loss", top=1).files
    assert file == figures / "tiny" / "top=1" / "tiny-loss.png"
    with pytest.raises(LabError, match="no run matches omega>1; train.omega is 0, 1"):
        runs_together(finished, ["tiny"], ["omega>1"])


def test_the_best_configurations_are_those_of_the_smallest_losses(finished):
    best = _best(runs_named(finished, "tiny"), 1)
    assert {row.label for row in best.runs} == {"omega=1.0 seed=1", "omega=1.0 seed=2"}


def test_runs_of_several_studies_are_drawn_together(finished):
    root = finished.workspace.root
    (root / "other.yaml").write_text(STUDY.replace("study: tiny", "study: other").replace("lr: 0.05", "lr: 0.1"))
    register(root, [root / "other.yaml"])
    both = runs_together(finished, ["other", "tiny", "tiny/omega=0.0 seed=1"])
    assert (len(both.runs), both.title) == (8, "other, tiny, tiny/omega=0.0 seed=1")
    both = runs_together(finished, ["other", "tiny"])
    assert plot(finished, both, "loss").files == [finished.workspace.figures / "other-tiny-loss.png"]
    some = runs_together(finished, ["other", "tiny"], ["omega>0"])
    (file,) = plot(finished, some, "loss").files
    assert file == finished.workspace.figures / "other+tiny" / "omega-gt-0" / "other-tiny-loss.png"
