"""Figures without a command line."""

from math import inf

import pytest
from PIL import Image

from rnnctl.lab.errors import Code, LabError
from rnnctl.lab.plot import _best, draw, kinds, plot
from rnnctl.lab.register import register
from rnnctl.lab.workspaces import runs_named, runs_together
from rnnctl.probes.catalogue import PROBES
from rnnctl.weights import BEST
from store import answers, queries
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
        ({"kind": "memry"}, Code.USAGE, "did you mean memory?"),
        ({"kind": "loss", "weights": "last"}, Code.USAGE, "^weights: loss is not about weights of a name"),
        ({"kind": "memory", "weights": "lst"}, Code.USAGE, "^weights: .* allowed: best, last, or"),
        ({"kind": "memory", "weights": 0.5}, Code.USAGE, "^weights: .* allowed: best, last, or"),
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


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"layout": "panels"}, "tiny-loss-panels.png"),
        ({"layout": "overlay"}, "tiny-loss-overlay.png"),
        ({"linear": True, "each": True}, "tiny-loss-each-linear.png"),
        ({"width": 3.3, "height": 2}, "tiny-loss-width=3.3-height=2.png"),
    ],
)
def test_a_figure_that_is_drawn_otherwise_never_replaces_the_usual_one(finished, tmp_path, options, name):
    runs = runs_named(finished, "tiny")
    (usual,) = plot(finished, runs, "loss").files
    before = usual.read_bytes()
    (path,) = plot(finished, runs, "loss", **options).files
    assert path == finished.workspace.figures / name
    assert usual.read_bytes() == before
    (path,) = plot(finished, runs, "loss", out=f"{tmp_path}/", **options).files
    assert path == tmp_path / name


def test_of_all_figures_those_that_an_option_changes_have_names_of_their_own(finished, tmp_path):
    every = plot(finished, runs_named(finished, "tiny"), "all", linear=True, at=[0, inf], out=f"{tmp_path}/")
    names = {path.name for path in every.files}
    assert "tiny-loss-linear.png" in names
    assert "tiny-loss.png" not in names
    of_curves = {f"tiny-{name}-linear.png" for name, kind in kinds().items() if kind.curves}
    assert {name for name in names if "linear" in name} == names & of_curves


# --- answers of probes -----------------------------------------------------------------------------------------------

REACH = {"lags": 3, "length": 20, "samples": 100, "seed": 1}  # what the probe asks the longest sequences of tiny


def keep(store, probe, *asked_and_answers, step=100, labels=None):
    """Keep answers about the weights of runs that `finish` left: the best ones have had 100 updates, the last 120."""
    rows = [row for row in queries.runs_of(store, "tiny") if labels is None or row.label in labels]
    kept = [answers.Answer(row.run_id, probe, step, asked, said) for row in rows for asked, said in asked_and_answers]
    answers.add(store, kept, 1.0)


def at_length(length, samples=1000):
    said = {"loss": 0.1, "error": 0.5 / length, "floor": 1.4, "chance_error": 0.75, "bytes_per_answer": None}
    return {"length": length, "samples": samples, "seed": 1}, said


def test_every_probe_with_a_figure_is_a_kind():
    with_figures = [probe for probe in PROBES if probe.figure is not None]
    names = [probe.model_fields["name"].default for probe in with_figures]
    assert [name for name, kind in kinds().items() if kind.weights] == names
    assert kinds()["lengths"].about == "probe: loss and errors at each of several lengths"


def test_kept_answers_of_a_probe_are_drawn(finished):
    keep(finished, "gradient-horizon", (REACH, {"norms": [1.0, 0.5, 0.2, 0.1]}))
    plotted = plot(finished, runs_named(finished, "tiny/omega=1.0 seed=1"), "gradient-horizon")
    assert plotted.files == [finished.workspace.figures / "tiny-omega=1.0-seed=1-gradient-horizon.png"]
    assert plotted.notes == []
    # Two of the four runs have no weights yet.
    plotted = plot(finished, runs_named(finished, "tiny"), "gradient-horizon")
    assert plotted.notes == ["gradient-horizon: 2 of 4 runs have no such answers and are left out"]


def test_of_several_settings_those_that_most_runs_have_are_drawn_else_the_newest(finished):
    newer = REACH | {"lags": 2}
    one, other = "omega=0.0 seed=1", "omega=1.0 seed=1"
    keep(finished, "gradient-horizon", (REACH, {"norms": [1.0, 0.5, 0.2, 0.1]}))
    keep(finished, "gradient-horizon", (newer, {"norms": [1.0, 0.5, 0.2]}), labels=[one])
    notes = plot(finished, runs_named(finished, f"tiny/{one}"), "gradient-horizon").notes
    assert notes == ["gradient-horizon: these are the answers with lags=2; there are some with other settings"]
    (note, _) = plot(finished, runs_named(finished, "tiny"), "gradient-horizon").notes
    assert note == "gradient-horizon: these are the answers with lags=3; there are some with other settings"
    assert plot(finished, runs_named(finished, f"tiny/{other}"), "gradient-horizon").notes == []


def test_all_lengths_that_were_asked_alike_are_drawn_together(finished):
    keep(finished, "lengths", at_length(20), at_length(10, samples=5))
    keep(finished, "lengths", at_length(15), at_length(200))
    drawing = draw(finished, runs_named(finished, "tiny/omega=1.0 seed=1"), "lengths")
    ((_, figure),) = drawing.figures
    (axes,) = figure.axes
    assert [line.get_xdata().tolist() for line in axes.lines if len(line.get_xdata()) == 3][0] == [15, 20, 200]
    assert drawing.notes == ["lengths: these are the answers with lengths=200, samples=1000; "
                             "there are some with other settings"]  # fmt: skip


def test_answers_about_other_weights_are_drawn_where_they_are_asked_for(finished):
    keep(finished, "gradient-horizon", (REACH, {"norms": [1.0, 0.5, 0.2, 0.1]}), step=120)
    runs = runs_named(finished, "tiny/omega=1.0 seed=1")
    with pytest.raises(LabError, match="not been asked about best weights"):
        plot(finished, runs, "gradient-horizon")
    (path,) = plot(finished, runs, "gradient-horizon", weights="last").files
    assert path.name == "tiny-omega=1.0-seed=1-gradient-horizon-last.png"
    assert plot(finished, runs, "gradient-horizon", weights=120, width=5).files[0].name.endswith("-120-width=5.png")
    with pytest.raises(LabError, match="tiny gradient-horizon --weights 7$"):
        plot(finished, runs_named(finished, "tiny"), "gradient-horizon", weights=7)


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("tiny", "lengths", "tiny: no lengths: the probe has not been asked about best weights; "
                            "ask it with rnnctl probe tiny lengths --lengths 50,100,200"),
        ("tiny", "internals", "ask it with rnnctl probe 'tiny/omega=0.0 seed=1' internals"),
        ("tiny/omega=1.0 seed=1", "hidden-state", "ask it with rnnctl probe 'tiny/omega=1.0 seed=1' hidden-state"),
        ("tiny", "my_lab:Norms", "there is no module my_lab"),
    ],
)  # fmt: skip
def test_without_answers_the_command_is_told_that_asks(finished, name, kind, message):
    with pytest.raises(LabError) as error:
        plot(finished, runs_named(finished, name), kind)
    assert message in str(error.value)


def test_all_has_the_probes_that_have_answered(finished):
    runs = runs_named(finished, "tiny/omega=1.0 seed=1")
    assert not {kind for kind, _ in draw(finished, runs, "all").figures} & set(PROBES.names)
    keep(finished, "lengths", at_length(10), at_length(20))
    keep(finished, "gradient-horizon", (REACH, {"norms": [1.0, 0.5, 0.2, 0.1]}), step=120)
    drawn = {weights: [kind for kind, _ in draw(finished, runs, "all", weights=weights).figures]
             for weights in (BEST, "last")}  # fmt: skip
    assert [name for name in drawn[BEST] if name in PROBES.names] == ["lengths"]
    assert [name for name in drawn["last"] if name in PROBES.names] == ["gradient-horizon"]
