"""Settings that are given beside a study."""

import pytest

from rnnctl.study.errors import SpecError
from rnnctl.study.loading import load_study, read_study
from rnnctl.study.settings import read_settings

TEXT = """\
study: tiny
about: Four runs.
base:
  task: {name: temporal_order, min_length: 10, max_length: 20}  # a comment
  model: {hidden: 12, init: orthogonal}
  train: {updates: 120, batch: 10, optimizer: adam}
  train.lr: 0.05
  check: {every: 20, samples: 100, chunk: 50}

# what varies
grid: {train.omega: [0, 1.0]}
seeds: [1, 2]
"""


@pytest.fixture
def load(tmp_path):
    file = tmp_path / "tiny.yaml"
    file.write_text(TEXT)
    return lambda *settings: load_study(file, None, read_settings(settings))


def test_a_setting_is_laid_over_the_base_and_the_text_says_so(load):
    study = load("train.lr=0.1", "train.optimizer.beta1=0.5", "model={hidden: 30, init: smart_tanh}", "check.seed=7")
    assert {run.spec.train.lr for run in study.runs} == {0.1}
    assert {run.spec.model.hidden for run in study.runs} == {30}
    assert {run.spec.train.optimizer.beta1 for run in study.runs} == {0.5}
    again = read_study(study.source, "tiny")
    assert [run.spec.run_id for run in again.runs] == [run.spec.run_id for run in study.runs]
    assert [run.label for run in study.runs] == [run.label for run in load().runs]
    head = "base:  # with --set train.lr=0.1 --set train.optimizer.beta1=0.5 --set model={hidden: 30, init: smart_tanh}"
    assert f"\n{head} --set check.seed=7\n" in study.source
    assert study.source.endswith("\n# what varies\ngrid: {train.omega: [0, 1.0]}\nseeds: [1, 2]\n")


def test_a_study_without_a_base_gets_one(tmp_path):
    file = tmp_path / "bare.yaml"
    file.write_text("study: bare\ncases:\n  A: {task: temporal_order}\n")
    study = load_study(file, None, read_settings(["train.lr=0.5"]))
    assert study.runs[0].spec.train.lr == 0.5
    assert [run.spec for run in read_study(study.source, "bare").runs] == [run.spec for run in study.runs]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("train.lr", "--set train.lr: is not of the form KEY=VALUE, such as train.lr=0.1"),
        ("=1", "--set =1: is not of the form KEY=VALUE, such as train.lr=0.1"),
        ("train.lrr=1", "did you mean lr?"),
        (
            "lr=1",
            "--set lr=1: there is no key lr; allowed: task, model, train, check, stop, seed; did you mean train.lr?",
        ),
        ("train.lr=-1", "--set train.lr=-1: must be above 0, not -1"),
        ("train.lr=[1", "--set train.lr=[1: the [ that opens here is never closed by ]"),
        ("train.lr=1\ntrain.clip: 2", "is not of the form KEY=VALUE"),
        ("check.samples=99", "tiny.yaml: --set check.samples=99: samples 99 is not a multiple of chunk 50"),
    ],
)
def test_a_mistake_names_the_option_as_its_place(load, setting, message):
    with pytest.raises(SpecError) as caught:
        load(setting)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.line is None


def test_a_mistake_of_the_file_is_told_at_its_own_place(tmp_path):
    file = tmp_path / "tiny.yaml"
    file.write_text(TEXT.replace("hidden: 12", "hiden: 12"))
    with pytest.raises(SpecError, match=r"tiny\.yaml:5: base\.model\.hiden"):
        load_study(file, None, read_settings(["train.lr=0.1"]))


def test_a_setting_that_changes_no_run_is_a_warning(load):
    (warning,) = load("train.omega=3").warnings
    assert warning.endswith("tiny.yaml: --set train.omega=3 changes no run: all set it anew")
    assert load("train.lr=0.05").warnings == load().warnings
