from __future__ import annotations

import itertools
from functools import cache

import pytest

from rnnctl.study.loading import load_study
from rnnctl.study.packaged import INDEX, indexed, packaged_studies


@cache
def packaged(name):
    return load_study(name)


def runs(name):
    return {run.label: run.spec for run in packaged(name).runs}


def test_these_studies_come_with_rnnctl():
    assert list(packaged_studies()) == [
        "assignment",
        "assignment-screened",
        "gated-exploration",
        "gated-exploration-32",
        "gated-exploration-small",
        "lab-01-initialisation",
        "lab-02-hidden-size",
        "lab-03-truncation",
        "lab-04-activation",
        "lab-05-clipping",
        "lab-06-teacher-forcing",
        "lab-07-reservoir",
        "lab-08-novel-word",
        "lab-09-learning-rate",
        "lab-10-design",
        "paper-one-model",
        "paper-one-model-small",
        "paper-other-tasks",
        "paper-other-tasks-small",
        "paper-temporal-order",
        "paper-temporal-order-small",
        "quickstart",
        "relational-memory-farthest",
        "relational-memory-pairs",
        "relational-memory-tracking",
        "temporal-order-alpha",
        "temporal-order-capacity",
        "temporal-order-ec",
        "temporal-order-ec-decay",
        "temporal-order-ec-screened",
        "temporal-order-ingredients",
        "temporal-order-short",
        "text-levels",
        "text-truncation",
    ]


@pytest.mark.parametrize("name", packaged_studies())
def test_a_packaged_study_has_its_file_name_says_what_is_claimed_and_warns_of_nothing(name):
    study = packaged(name)
    assert study.name == name
    sources = [
        "Pascanu",
        "Santoro",
        "course",
        "RNN Dynamics",
        "RNN Experiments Lab",
        *(other for other in packaged_studies() if other != name),
    ]
    assert any(source in study.about for source in sources)
    assert max(map(len, study.about.splitlines())) <= 90
    odd = {note for run in study.runs for note in run.spec.oddities}
    assert len(study.warnings) == len(odd) <= 2
    assert odd == set() or name.startswith("gated")


@pytest.mark.parametrize("name", ["tracking", "pairs", "farthest"])
def test_cells_with_and_without_memory_have_as_many_weights_and_the_same_tuning(name):
    study = packaged(f"relational-memory-{name}")
    specs = [run.spec for run in study.runs]
    counts = {spec.parameter_count for spec in specs}
    assert max(counts) <= 1.04 * min(counts)
    assert all(f"{count:,}" in " ".join(study.about.split()) for count in counts)
    tuned = {
        cell: sorted((spec.train.lr, spec.seed, spec.train.updates) for spec in specs if spec.model.name == cell)
        for cell in {spec.model.name for spec in specs}
    }
    assert len(tuned) == 3
    assert len({tuple(settings) for settings in tuned.values()}) == 1


@pytest.mark.parametrize("name", packaged_studies())
def test_the_index_says_of_a_packaged_study_what_it_is(name):
    study, entry = packaged(name), indexed().get(name)
    assert entry is not None, "the index is out of date: run `python -m rnnctl.docs`"
    assert (entry.about, entry.runs) == (study.about, len(study.runs))
    assert set(entry.packages) == {package for run in study.runs for package in run.spec.task.packages}


def test_an_entry_of_a_file_that_has_changed_does_not_count(tmp_path, monkeypatch):
    for path in (INDEX, *packaged_studies().values()):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr("rnnctl.study.packaged.FOLDER", tmp_path)
    with open(tmp_path / "quickstart.yaml", "a") as file:
        file.write("# edited\n")
    assert set(packaged_studies()) - set(indexed()) == {"quickstart"}
    (tmp_path / "mine.yaml").write_text("study: mine\nbase: {task: xor}\nseeds: [1, 2]\n")
    monkeypatch.setattr("rnnctl.study.packaged.INDEX", tmp_path / "none.json")
    assert indexed() == {}


def test_gated_exploration_has_the_432_configurations_of_its_author():
    flags = list(itertools.product([False, True], repeat=7))
    keys = ("input_gate", "state_gate", "forget_gate", "output_gate", "new_state", "old_state", "residual")
    expected = {
        (*flag, layers, hidden)
        for flag, layers, hidden in itertools.product(flags, (1, 2, 3), (32, 256))
        if (flag[4] or flag[5]) and (hidden == 256 or flag[6])
    }
    models = [spec.model for spec in runs("gated-exploration").values()]
    result = [(*(getattr(m, key) for key in keys), m.layers, m.hidden) for m in models]
    assert len(result) == 432
    assert set(result) == expected
    assert len(runs("gated-exploration-small")) == 96 * 2 * 4
    whole = {spec.run_id for spec in runs("gated-exploration").values() if spec.model.hidden == 32}
    assert {spec.run_id for spec in runs("gated-exploration-32").values()} == whole


def test_a_label_tells_a_text_by_what_was_written_and_not_by_its_hash(tmp_path):
    corpus, study = tmp_path / "text", tmp_path / "study.yaml"
    corpus.write_bytes(b"to be or not to be, that is the question. " * 90)
    study.write_text(
        "study: s\nbase: {train: {clip: none}}\ngrid:\n  task:\n    - {name: text, window: 9}\n"
        f"    - {{name: text, window: 9, corpus: {corpus}, level: bpe, vocabulary: 260}}\n"
    )
    assert [run.label for run in load_study(str(study)).runs] == [
        "task=text(window=9)",
        f"task=text(corpus={corpus},level=bpe,vocabulary=260,window=9)",
    ]


def test_quickstart_compares_three_methods_over_two_seeds():
    result = runs("quickstart")
    assert list(result) == [f"{method} seed={seed}" for method in ("SGD", "SGD-C", "SGD-CR") for seed in (1, 2)]
    methods = {label.split()[0]: (spec.train.clip.style, spec.train.omega.alpha) for label, spec in result.items()}
    assert methods == {"SGD": ("none", 0.0), "SGD-C": ("rescale", 0.0), "SGD-CR": ("rescale", 0.5)}
    assert {(spec.task.min_length, spec.task.max_length, spec.model.hidden) for spec in result.values()} == {
        (20, 50, 100)
    }


def test_temporal_order_ec_has_the_settings_of_the_published_table():
    table = {  # hidden, batch, lr, cutoff, alpha, lengths, updates
        "EC1": (50, 20, 0.01, 1.0, 0.5, 50, 200, 50_000),
        "EC2": (50, 20, 0.01, 1.0, 1.0, 50, 200, 50_000),
        "EC3": (50, 20, 0.01, 0.5, 0.5, 50, 200, 50_000),
        "EC4": (50, 20, 0.01, 1.0, 2.0, 50, 200, 50_000),
        "EC5": (100, 20, 0.01, 1.0, 0.5, 50, 200, 100_000),
        "EC6": (200, 20, 0.01, 1.0, 0.5, 50, 200, 100_000),
        "EC7": (100, 20, 0.01, 1.0, 0.5, 20, 50, 100_000),
        "EC8": (100, 20, 0.05, 1.0, 1.0, 50, 200, 100_000),
        "EC9": (500, 200, 0.01, 1.0, 0.5, 50, 200, 200_000),
    }
    result = {
        label: (
            s.model.hidden, s.train.batch, s.train.lr, s.train.clip.cutoff, s.train.omega.alpha,
            s.task.min_length, s.task.max_length, s.train.updates,
        )
        for label, s in runs("temporal-order-ec").items()
    }  # fmt: skip
    assert result == table
    assert {spec.seed for spec in runs("temporal-order-ec").values()} == {42}


def test_temporal_order_short_is_ec7_over_five_seeds():
    result = runs("temporal-order-short")
    assert [spec.seed for spec in result.values()] == [42, 1, 2, 3, 4]
    ec7 = runs("temporal-order-ec")["EC7"]
    assert result["EC7 seed=42"].model_copy(update={"train": ec7.train}) == ec7
