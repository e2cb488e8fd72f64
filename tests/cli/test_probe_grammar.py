"""Probes of runs of a grammar on the command line: tables, figures, numbers, and mistakes."""

import json
import sys

import pytest

from rnnctl.probes.catalogue import PROBES
from tests.cli.command_line import TINY, one_line, rnnctl, train_here

SENTENCES = """\
study: sentences
base:
  task: {name: grammar, sentences: 800, window: 25, state: carried}
  model: {hidden: 16}
  train: {updates: 200, batch: 4, lr: 0.05}
  check: {every: 100, samples: 50, chunk: 50, diagnostic_batch: 5, snapshots: [0]}
  stop: {solved: never}
cases:
  rnn: {model.init: orthogonal}
  gru: {model.name: gru}
seeds: [1, 2]
"""
RUN = "sentences/rnn seed=1"
# Each probe with a question that is answered soon, and some of its headline numbers.
ASKED = {
    "generate": (["--symbols", 80], ["real_words", "surprisal", "impossible", "entropy"]),
    "exposure": (["--symbols", 12, "--samples", 20], ["free_surprise", "forced_surprise_train", "growth", "recovered"]),
    "categories": (["--symbols", 3000], ["silhouette", "accuracy", "chance", "accuracy_space", "accuracy_kinds_space"]),
    "novel-word": (["--symbols", 3000], ["similarity", "same_word", "unrelated", "rank", "similarity_space_lion"]),
}
PROBE = pytest.mark.parametrize("probe", ASKED)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A workspace with four runs of a grammar that are done, and four of another task. Tests only read it."""
    folder = tmp_path_factory.mktemp("grammar") / "w"
    folder.mkdir()
    (folder / "sentences.yaml").write_text(SENTENCES)
    rnnctl("init", "sentences.yaml", cwd=folder, check=0)
    train_here(folder)
    (folder / "tiny.yaml").write_text(TINY)
    rnnctl("init", "tiny.yaml", cwd=folder, check=0)
    return folder


def asked(folder, *args, check=0):
    return rnnctl("probe", *args, cwd=folder, check=check)


@PROBE
def test_a_study_has_means_over_seeds_a_figure_and_a_record_a_run(trained, probe):
    args, numbers = ASKED[probe]
    done = asked(trained, "sentences", probe, *args)
    rows = [line.split() for line in done.stdout.splitlines()]
    assert any(row[:2] == ["rnn", "2"] and "±" in row for row in rows)
    assert any(row[:2] == ["gru", "2"] and "±" in row for row in rows)
    assert (trained / "figures" / f"sentences-{PROBES[probe].figure}.png").stat().st_size > 5_000
    records = json.loads(asked(trained, "sentences", probe, *args, "--json").stdout)
    assert [record["label"] for record in records] == ["rnn seed=1", "rnn seed=2", "gru seed=1", "gru seed=2"]
    assert set(numbers) <= set(PROBES[probe]().numbers({}, records[0]))


@PROBE
def test_what_was_asked_before_is_not_computed_again(trained, monkeypatch, probe):
    args = (RUN, probe, *ASKED[probe][0], "--json")
    first = asked(trained, *args)
    monkeypatch.setattr("rnnctl.probes.stepper.Stepper.step", None)
    monkeypatch.setattr("rnnctl.probes.stream.Stream.hidden", None)
    assert asked(trained, *args).stdout == first.stdout


def test_a_run_writes_sentences_from_their_beginning_or_on_from_a_prompt(trained):
    done = asked(trained, RUN, "generate", "--prompt", "the man ", "--symbols", 30)
    text, *others = done.stdout.split("\n\n")
    assert text.startswith("the man ")
    assert len(text) == 8 + 30
    assert "entropy 0.322" in others[1]
    assert asked(trained, RUN, "generate", "--symbols", 30, "--temperature", 0).stdout[:1] != " "
    record = json.loads(asked(trained, RUN, "generate", "--prompt", "the man ", "--symbols", 30, "--json").stdout)
    assert record["text"] == text


def test_several_weights_are_asked_one_after_the_other(trained):
    args = (RUN, "generate", "--symbols", 20)
    both = json.loads(asked(trained, *args, "--weights", "0, best", "--json").stdout)
    alone = [json.loads(asked(trained, *args, "--weights", name, "--json").stdout) for name in ("0", "best")]
    assert both == alone
    assert [record["step"] for record in both] == [0, alone[1]["step"]]
    shown = asked(trained, *args, "--weights", "0,best").stdout
    first, second = shown.index("weights after 0 updates:"), shown.index("best weights:")
    assert first < shown.index(both[0]["text"]) < second < shown.index(both[1]["text"])


@pytest.mark.parametrize(
    ("args", "fragments"),
    [
        (["tiny", "exposure"], ["tiny", "temporal_order", "has no grammar"]),
        (["tiny", "categories"], ["tiny", "temporal_order", "has no grammar"]),
        (["tiny", "novel-word"], ["tiny", "temporal_order", "has no grammar"]),
        (["tiny", "generate"], ["tiny", "temporal_order", "is not text"]),
        (
            [RUN, "hidden-state", "--weights", "best,bset"],
            ["--weights", "'bset'", "neither best nor last nor an update"],
        ),
        ([RUN, "generate", "--weights", "best,"], ["--weights", "''", "neither best nor last nor an update"]),
        ([RUN, "generate", "--prompt", "The man"], ["--prompt", "character 1, 'T'", "a to z"]),
        ([RUN, "novel-word", "--novel", "zög"], ["--novel", "character 2, 'ö'", "a to z"]),
        ([RUN, "novel-word", "--novel", "zog zog"], ["--novel", "one word"]),
        ([RUN, "novel-word", "--novel", ""], ["--novel", "one word"]),
        ([RUN, "novel-word", "--novel", "cat"], ["--novel", "cat is a word of grammar lab"]),
        ([RUN, "novel-word", "--word", "mam"], ["--word", "'mam'", "grammar lab", "did you mean man?"]),
        ([RUN, "novel-word", "--word", "sleep"], ["--word", "'sleep'", "did you mean sleeps?"]),
        ([RUN, "novel-word", "--word", "the"], ["--word", "the is in no category"]),
        ([RUN, "novel-word", "--word", "man,"], ["--word", "''"]),
        ([RUN, "exposure", "--samples", "1000", "--symbols", "1000"], ["--samples", "2,200 are needed"]),
        ([RUN, "exposure", "--margin", "0"], ["--margin", "greater than 0"]),
        ([RUN, "exposure", "--margin", "1.5"], ["--margin"]),
        ([RUN, "exposure", "--symbols", "3"], ["--symbols"]),
        ([RUN, "categories", "--split", "tests"], ["--split", "did you mean test?"]),
        ([RUN, "categories", "--symbols", "10"], ["--symbols"]),
    ],
)
def test_mistakes_get_one_line(trained, args, fragments):
    one_line(asked(trained, *args, check=2), *fragments)


def test_without_scikit_learn_it_says_how_to_install_it(trained, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    done = asked(trained, RUN, "categories", "--symbols", 2500, check=2)
    one_line(done, "scikit-learn", "pip install 'rnnctl[effects]'")
