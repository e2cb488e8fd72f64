"""What goes into the figures, on histories made by hand."""

import re
import subprocess
import sys

import numpy as np
import pytest

from rnnctl.diagnostics.histogram import LOG10_EDGES
from rnnctl.report.figures import EXAMINED, KINDS, NothingToDraw, Runs, choose, examination
from rnnctl.report.results import Result
from rnnctl.study.run import RunSpec
from store.history import History
from tests.report.rows import row

CHECKS, STEPS, BATCH = 4, 6, 5
CELLS = ("rnn", "gru", "lstm", "gated")
SMALL, ORDINARY = (int(np.searchsorted(LOG10_EDGES, log10)) for log10 in (-11.0, -3.0))


def spec(model="rnn", task="temporal_order", **more):
    """A spec; of the gated cell with all its gates."""
    every_gate = {"input_gate": True, "output_gate": True} if model == "gated" else {}
    sections = {"task": {"name": task}, "model": {"name": model, **every_gate}, "check": {"diagnostic_batch": BATCH}}
    return RunSpec.model_validate({**sections, **more}).canonical()


def gates_of(model):
    return RunSpec.model_validate(spec(model)).model.gates


def history(model="rnn", diagnosed=(0, 1, 2, 3), zero_share=0.0, finite=STEPS * BATCH, small=0):
    """Of so many finite positive gradients, `small` are vanishing."""
    there = np.isin(np.arange(CHECKS), diagnosed)
    always = ("valid_loss", "valid_error", "train_loss", "train_error", "grad_norm", "grad_norm_clipped",
              "grad_norm_max", "clip_share", "guard_share")  # fmt: skip
    once = ["reach", "rho", "sigma_max", "saturation", "saturation_p10", "saturation_p90", "saturated_units",
            "saturated_steps"]  # fmt: skip
    counts = np.zeros(len(LOG10_EDGES) - 1, dtype=np.uint32)
    counts[[SMALL, ORDINARY]] = small, finite - small
    traces = {
        "grad_time": np.full(STEPS, 1e-3),
        "grad_hist": counts,
        "saturation_time": np.full(STEPS, 0.5),
        "saturation_hist": np.arange(50),
    }
    for gate in gates_of(model):
        once += [f"gate_{gate}{rest}" for rest in ("", "_distance", "_distance_p10", "_distance_p90",
                                                   "_saturated_units", "_saturated_steps")]  # fmt: skip
        traces |= {f"gate_{gate}_time": np.full(STEPS, 0.25), f"gate_{gate}_hist": np.arange(50)[::-1]}
    if model == "rnn":
        once.append("omega")
    return History(
        steps=np.arange(1, CHECKS + 1) * 10,
        scalars={
            **dict.fromkeys(always, np.ones(CHECKS)),
            "rate": np.geomspace(1, 0.1, CHECKS),
            **{name: np.where(there, 0.5, np.nan) for name in once},
            "grad_zero_share": np.where(there, zero_share, np.nan),
        },
        traces={name: [trace if seen else None for seen in there] for name, trace in traces.items()},
    )


def runs(rows, histories, specs=None, **options):
    """options: of Runs. A history is read only through what the figure asks for."""

    def read(run_ids, traces):
        actual = {run: histories[run] for run in run_ids if run in histories}
        return actual if traces else {run: History(h.steps, h.scalars, {}) for run, h in actual.items()}

    for one, of in zip(rows, specs or [spec()] * len(rows), strict=True):
        one.spec = {**of, "seed": one.spec["seed"]}
    return Runs([Result.of(one) for one in rows], read, **{"title": "t", **options})


def one_of_each(**options):
    rows = [row(model, model) for model in CELLS]
    return runs(rows, {f"r1-{model}": history(model) for model in CELLS}, [spec(model) for model in CELLS], **options)


def lines(figure, axes=0):
    return [line.get_xdata().tolist() for line in figure.axes[axes].get_lines() if len(line.get_xdata()) > 2]


def titles(figure):
    return [axes.get_title(loc="left") for axes in figure.axes if axes.get_label() != "<colorbar>"]


# --- which figures there are


def test_an_examination_draws_what_it_names_in_order():
    drawn = dict(examination(one_of_each(below=1.5)))
    assert tuple(drawn) == EXAMINED
    assert {"loss", "gradient_histogram", "gate_histogram", "clip_share"} <= set(EXAMINED)


def test_an_examination_leaves_out_what_does_not_apply():
    unclipped = spec(train={"clip": "none"})
    actual = dict(examination(runs([row()], {"r1-a seed=1": history()}, [unclipped])))
    left_out = {"gate_histogram", "gate_saturation", "clip_share", "hyperparameters", "hyperparameters_below"}
    assert set(EXAMINED) - set(actual) == left_out


def test_every_kind_can_be_drawn_and_laid_out_and_is_said_in_a_line():
    for name, kind in KINDS.items():
        for layout in ("overlay", "panels") if kind.layouts else (None,):
            figure = kind.draw(one_of_each(below=1.5, layout=layout, at=[0, np.inf] if kind.at else None))
            figure.canvas.draw()
            assert figure.get_suptitle().startswith("t: "), name
        assert "\n" not in kind.about
        assert kind.name == name


@pytest.mark.parametrize(
    ("kind", "model", "reason"),
    [
        ("gate_histogram", "rnn", "cells of these runs have no gates"),
        ("gate_image", "rnn", "cells of these runs have no gates"),
        ("gates", "rnn", "cells of these runs have no gates"),
        ("omega", "gru", "Omega is not defined for the cells"),
        ("hyperparameters", "rnn", "only one run, and nothing to compare it with"),
    ],
)
def test_a_kind_that_does_not_apply_says_why(kind, model, reason):
    with pytest.raises(NothingToDraw, match=reason):
        KINDS[kind].draw(runs([row()], {"r1-a seed=1": history(model)}, [spec(model)]))


def test_a_learning_rate_that_stays_the_same_is_not_drawn():
    past = history()
    past.scalars["rate"] = np.full(CHECKS, 0.1)
    with pytest.raises(NothingToDraw, match="constant"):
        KINDS["rate"].draw(runs([row()], {"r1-a seed=1": past}))


def test_traces_that_an_earlier_version_did_not_keep_are_named():
    old = history("gru")
    for name in [name for name in old.traces if name.endswith("_hist") and name != "grad_hist"]:
        del old.traces[name]
    of_old = {"rows": [row()], "histories": {"r1-a seed=1": old}, "specs": [spec("gru")]}
    with pytest.raises(NothingToDraw, match="has kept saturation_hist"):
        KINDS["saturation_histogram"].draw(runs(**of_old))
    with pytest.raises(NothingToDraw, match="has kept its gates"):
        KINDS["gate_histogram"].draw(runs(**of_old))


def test_checks_without_any_diagnosis_leave_what_needs_none():
    bare = history()
    for name in [
        name for name in bare.scalars if not name.startswith(("valid", "train", "rate", "grad_norm", "clip", "guard"))
    ]:
        del bare.scalars[name]
    bare.traces.clear()
    rows = [row("a", "a"), row("b", "b")]
    drawn = dict(examination(runs(rows, {one.run_id: bare for one in rows})))
    assert set(drawn) == {"loss", "error", "train_loss", "hyperparameters", "clip_share"}
    with pytest.raises(NothingToDraw, match="no check of these runs has made a diagnosis"):
        KINDS["spectrum"].draw(runs(rows, {one.run_id: bare for one in rows}))


def test_without_a_run_that_was_checked_there_is_nothing_to_examine():
    assert dict(examination(runs([row(loss=None)], {}))) == {}


# --- which runs


def test_a_run_that_diverged_at_its_first_check_is_drawn():
    one = row(loss=float("nan"), best_loss=None, last={"valid_loss": None, "valid_error": None})
    past = history()
    past.scalars["valid_loss"][:] = np.nan
    assert [10, 20, 30, 40] in lines(KINDS["spectrum"].draw(runs([one], {one.run_id: past})))


def test_labels_over_several_studies_say_which():
    rows = [row("base", study="one"), row("base", study="two", config="c2")]
    rows[1].run_id = "r1-other"
    drawn = KINDS["gradient"].draw(runs(rows, {one.run_id: history() for one in rows}))
    assert titles(drawn) == ["one/base", "two/base"]


def test_long_labels_are_cut_in_the_middle_and_have_an_id():
    names = [f"{'a' * 40} lr={rate} {'b' * 40}" for rate in (1, 2)]
    rows = [row(name, f"c{i}-0123456789") for i, name in enumerate(names)]
    for i, one in enumerate(rows):
        one.run_id = f"r1-{i}23456789abc"
    drawn = KINDS["gradient"].draw(runs(rows, {one.run_id: history() for one in rows}))
    assert titles(drawn) == [f"{'a' * 10}…{'b' * 10} r1-{i}23456" for i in (0, 1)]
    legend = KINDS["loss"].draw(runs(rows, {one.run_id: history() for one in rows})).legends[0]
    assert [text.get_text()[-9:] for text in legend.get_texts()] == ["c0-012345", "c1-012345"]


def test_the_first_replicate_of_each_configuration_is_chosen_first():
    rows = [row(f"{config} seed={seed}", config, seed) for config in "abc" for seed in (1, 2, 3)]
    chosen = choose([Result.of(one) for one in rows], 4)
    assert [run.label for run in chosen] == ["a seed=1", "a seed=2", "b seed=1", "c seed=1"]


def test_panels_cover_the_hyper_parameters_of_more_configurations_than_fit():
    grid = [(size, rate) for size in (16, 32, 64) for rate in (0.1, 0.2, 0.3)]
    rows = [row(f"{size} {rate}", f"{size} {rate}") for size, rate in grid]
    for one, (size, rate) in zip(rows, grid, strict=True):
        one.spec = spec(train={"lr": rate})
        one.spec["model"]["hidden"] = size
    shown = [run.label.split() for run in choose([Result.of(one) for one in rows], 3)]
    assert sorted(size for size, _ in shown) == ["16", "32", "64"]
    assert sorted(rate for _, rate in shown) == ["0.1", "0.2", "0.3"]


def test_all_432_curves_are_drawn():
    rows = [row(f"run{i}", f"c{i}") for i in range(432)]
    past = history()
    drawn = KINDS["train_loss"].draw(runs(rows, {one.run_id: past for one in rows}))
    assert sum(line.get_gid() == "run" for line in drawn.axes[0].get_lines()) == 432
    assert "of" not in drawn.get_suptitle()


def test_gates_are_those_of_gated_runs_a_row_a_run():
    drawn = KINDS["gate_histogram"].draw(one_of_each())
    assert titles(drawn) == [
        *("gru\ngate z", "gate r"),
        *("lstm\ngate i", "gate f", "gate o"),
        *("gated\ngate a", "gate b", "gate z", "gate f", "gate g"),
    ]
    assert drawn.get_suptitle() == "t: gates over units, steps and sequences"
    over_training = KINDS["gate_saturation"].draw(one_of_each())
    assert titles(over_training) == [f"gate {gate}" for gate in "zrifoabg"]
    assert len(lines(over_training, axes=0)) == 2  # z of two cells


@pytest.mark.parametrize("kind", [name for name in KINDS if name.startswith("gate")])
@pytest.mark.parametrize("flags", [{}, {"forget_gate": False}, {"output_gate": True}, {"input_gate": True}])
def test_every_figure_of_gates_shows_those_that_a_layered_run_has(kind, flags):
    of = RunSpec.model_validate({"task": "temporal_order", "model": {"name": "gated", **flags}})
    drawn = KINDS[kind].draw(runs([row()], {"r1-a seed=1": history("gated")}, [of.canonical()]))
    letters = [letter for title in titles(drawn) for letter in re.findall(r"gate (\w)", title)]
    assert set(letters) == set(of.model.gates)
    assert len(of.model.gates) == {"input_gate": 4, "forget_gate": 1, "output_gate": 3}.get(next(iter(flags), ""), 2)


def test_clipping_is_shown_of_the_runs_that_clip():
    rows = [row("clipped", "a"), row("free", "b")]
    specs = [spec(train={"clip": 0.05}), spec(train={"clip": "none"})]
    drawn = KINDS["clip_share"].draw(runs(rows, {one.run_id: history() for one in rows}, specs))
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == ["clipped"]


def test_a_configuration_has_one_colour_in_all_figures():
    loss = KINDS["loss"].draw(one_of_each())
    gates = KINDS["gates"].draw(one_of_each())
    colour = {line.get_label(): line.get_color() for line in loss.axes[0].get_lines()}
    assert gates.axes[0].get_lines()[0].get_color() == colour["gru"]
    assert gates.axes[2].get_lines()[0].get_color() == colour["lstm"]


# --- which values


def test_figures_of_diagnoses_use_the_checks_that_made_one():
    of_one = runs([row()], {"r1-a seed=1": history("gru", diagnosed=(1, 2, 3))}, [spec("gru")])
    assert [10, 20, 30, 40] in lines(KINDS["loss"].draw(of_one))
    for name in ("spectrum", "saturation", "gates", "saturated"):
        actual = lines(KINDS[name].draw(of_one))
        assert [20, 30, 40] in actual
        assert not any(10 in xs for xs in actual)


def test_the_share_of_exact_zeros_and_of_what_is_no_number_reach_the_histogram():
    past = history(zero_share=0.2, finite=15)  # of 30: 6 are zero, so 9 are no numbers
    drawn = KINDS["gradient_histogram"].draw(runs([row()], {"r1-a seed=1": past}))
    bars = {patch.get_gid(): patch.get_height() for patch in drawn.axes[0].patches if patch.get_gid() != "check"}
    assert bars["zero"] == pytest.approx(0.2)
    assert bars["overflow"] == pytest.approx(0.3)


def test_the_verdict_on_the_last_check_stands_in_the_image():
    past = history(zero_share=0.2, finite=24, small=12)  # of 30
    drawn = KINDS["gradient_histogram_image"].draw(runs([row()], {"r1-a seed=1": past}))
    words = [text.get_text() for text in drawn.axes[0].texts]
    assert words == ["vanished below 1e-8: 40 %, exact zeros 20 %\nexploded from 1e2: 0 %"]


def test_counts_of_distances_become_shares_up_to_the_limit_of_the_units():
    sigmoid = spec()
    sigmoid["model"]["activation"] = "sigmoid"
    for one, limit in ((spec(), 1.0), (sigmoid, 0.5)):
        drawn = KINDS["saturation_histogram"].draw(runs([row()], {"r1-a seed=1": history()}, [one], at=[np.inf]))
        (outline,) = [patch for patch in drawn.axes[0].patches if patch.get_gid() == "check"]
        values, edges, _ = outline.get_data()
        np.testing.assert_allclose(values, np.arange(1, 50) / np.arange(50).sum())
        np.testing.assert_allclose(edges, np.linspace(0, limit, 51)[1:])
    gates = KINDS["gate_histogram"].draw(runs([row()], {"r1-a seed=1": history("gru")}, [spec("gru")], at=[0]))
    assert gates.axes[0].get_xticks()[-1] == 0.5
    assert gates.axes[0].get_xlabel() == "distance min(v, 1 \N{MINUS SIGN} v)"


def test_chosen_checks_and_layouts_reach_the_figures():
    drawn = KINDS["gradient"].draw(one_of_each(at=[0, 21, np.inf]))
    labels = [line.get_label() for line in drawn.axes[0].get_lines()]
    assert labels == ["update 10", "update 20", "update 40"]
    assert titles(KINDS["gradient"].draw(one_of_each(layout="overlay"))) == ["update 40"]
    assert titles(KINDS["loss"].draw(one_of_each(layout="panels"))) == list(CELLS)


# --- floors and units


def test_runs_that_cannot_be_compared_have_panels_with_their_own_floor_and_unit():
    rows = [row("A1", "a", floor=0.096), row("B1", "b", floor=0.0486), row("A2", "c", floor=0.096)]
    specs = [spec(task="memorization"), spec(task="multiplication"), spec(task="memorization", train={"lr": 0.5})]
    of_three = runs(rows, {one.run_id: history() for one in rows}, specs)
    drawn = KINDS["loss"].draw(of_three)
    assert titles(drawn) == ["memorization", "multiplication"]
    assert drawn.axes[0].get_ylabel().startswith("validation loss\n(nats")
    assert drawn.axes[1].get_ylabel().startswith("validation loss\n(mean squared error")
    floors = [[line.get_ydata()[0] for line in axes.get_lines() if line.get_label().startswith("floor")]
              for axes in drawn.axes]  # fmt: skip
    assert floors == [[0.096], [0.0486]]
    assert [len(lines(drawn, panel)) for panel in (0, 1)] == [2, 1]
    scatter = KINDS["hyperparameters"].draw(of_three)
    assert titles(scatter) == ["memorization: train.lr"]  # nothing varies within multiplication
    assert scatter.axes[0].get_ylabel().startswith("best validation loss\n(nats")
    floors = [line.get_ydata()[0] for line in scatter.axes[0].get_lines() if line.get_label().startswith("floor")]
    assert floors == [0.096]


def test_too_many_floors_leave_a_panel_for_each_unit_and_no_floor():
    rows = [row(f"m{i}", f"c{i}", floor=0.1 + i) for i in range(8)]
    drawn = KINDS["loss"].draw(runs(rows, {one.run_id: history() for one in rows}, [spec(task="memorization")] * 8))
    assert titles(drawn) == [""]
    assert not any(line.get_label().startswith("floor") for line in drawn.axes[0].get_lines())


def test_plateaus_are_those_of_the_one_task():
    drawn = KINDS["loss"].draw(runs([row()], {"r1-a seed=1": history()}))
    heights = [line.get_ydata()[0] for line in drawn.axes[0].get_lines() if "symbols known" in line.get_label()]
    assert heights == pytest.approx([np.log(2)])


def of_text(folder, **task):
    (folder / "words").write_text("".join(f"{n} bottles, {n * n} squares; " for n in range(300)))
    task = {"name": "text", "corpus": str(folder / "words"), "window": 12, **task}
    return RunSpec.model_validate({"task": task, "check": {"diagnostic_batch": BATCH}}).identified().canonical()


def meaningful(drawn):
    """The labels of the lines across a panel that are no floor."""
    labels = [line.get_label() for line in drawn.axes[0].get_lines()]
    return [label for label in labels if "uniform" in label or "unigram" in label]


def test_plateaus_of_text_are_what_is_reached_without_memory(tmp_path):
    shown = runs([row(floor=9.0)], {"r1-a seed=1": history()}, [of_text(tmp_path)])
    assert len(meaningful(KINDS["loss"].draw(shown))) == 2
    assert shown.notes == []


@pytest.mark.parametrize("harm", ["gone", "changed"])
def test_without_its_text_a_figure_has_all_but_the_lines_that_need_it(tmp_path, harm):
    shown = runs([row(floor=9.0)], {"r1-a seed=1": history()}, [of_text(tmp_path)])
    words = tmp_path / "words"
    words.unlink() if harm == "gone" else words.write_text("other words " * 500)
    drawn = dict(examination(shown))
    assert {"loss", "train_loss", "error"} <= set(drawn)
    assert meaningful(drawn["loss"]) == []
    assert len(lines(drawn["loss"])) == 1
    assert drawn["loss"].axes[0].get_ylabel().startswith("validation loss (nats")
    (note,) = shown.notes
    assert str(words) in note
    assert {"gone": "no such file", "changed": "another than the run's"}[harm] in note


@pytest.mark.parametrize("harm", ["cache", "package"])
def test_without_its_vocabulary_likewise(tmp_path, monkeypatch, harm):
    monkeypatch.setenv("RNNCTL_CACHE", str(tmp_path / "cache"))
    shown = runs([row(floor=9.0)], {"r1-a seed=1": history()}, [of_text(tmp_path, level="bpe", vocabulary=300)])
    if harm == "cache":
        monkeypatch.setenv("RNNCTL_CACHE", str(tmp_path / "words"))  # no folder
    else:
        monkeypatch.setitem(sys.modules, "tokenizers", None)
    assert meaningful(KINDS["loss"].draw(shown)) == []
    (note,) = shown.notes
    assert {"cache": "RNNCTL_CACHE", "package": "rnnctl[bpe]"}[harm] in note


def test_drawing_loads_no_torch():
    code = (
        "import sys\n"
        "import tests.report.test_figures as t\n"
        "dict(t.examination(t.one_of_each(below=1.5)))\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr
