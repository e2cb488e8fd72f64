"""`probe` as a user types it: text written, state taken away, and mistakes."""

import json
import re
import subprocess
import sys

import pytest

from tests.cli.command_line import TINY, environment, one_line, rnnctl, train_here

LETTERS = """\
study: letters
base:
  task: {name: text, corpus: corpus.txt, level: chars, window: 12}
  model: {hidden: 16}
  train: {updates: 40, batch: 10, lr: 0.05}
  check: {every: 20, samples: 50, chunk: 50, diagnostic_batch: 5}
  stop: {solved: never}
cases:
  rnn: {model.init: orthogonal}
  gated: {model.name: gated, model.layers: 1}
  bytes: {model.name: gru, task.level: bytes, task.window: 9}
"""
RUN = "letters/rnn"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A workspace with three runs of text, and four of another task, all done. Tests only read it."""
    folder = tmp_path_factory.mktemp("probed") / "w"
    folder.mkdir()
    (folder / "corpus.txt").write_text("".join(f"{n} cafés, {n * n} más; " for n in range(400)))
    (folder / "letters.yaml").write_text(LETTERS)
    (folder / "tiny.yaml").write_text(TINY)
    rnnctl("init", "letters.yaml", cwd=folder, check=0)
    rnnctl("init", "tiny.yaml", cwd=folder, check=0)
    train_here(folder)
    return folder


def asked(folder, *args, check=0):
    return rnnctl("probe", *args, cwd=folder, check=check)


# --- generate
# -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("run", ["letters/rnn", "letters/gated", "letters/bytes"])
def test_a_run_writes_on_from_a_prompt_the_same_by_the_seed(trained, run):
    args = (run, "generate", "--prompt", "12 cafés", "--symbols", 60)
    first, again, other = (asked(trained, *args, "--seed", seed).stdout for seed in (3, 3, 4))
    assert first == again != other
    assert first.startswith("12 cafés")
    if run != "letters/bytes":
        assert len(first.removesuffix("\n")) == 8 + 60


def test_without_a_prompt_it_begins_by_itself(trained):
    texts = {asked(trained, RUN, "generate", "--symbols", 30, "--seed", seed).stdout for seed in (1, 2)}
    assert {len(text.removesuffix("\n")) for text in texts} == {30}
    assert len(texts) == 2


def test_at_temperature_0_the_seed_decides_nothing(trained):
    args = (RUN, "generate", "--prompt", "1", "--temperature", 0, "--json")
    actual = [json.loads(asked(trained, *args, "--seed", seed).stdout) for seed in (1, 2)]
    assert actual[0]["text"] == actual[1]["text"]
    assert (actual[0]["label"], actual[0]["temperature"], actual[0]["seed"]) == ("rnn", 0, 1)


def test_bytes_that_are_no_text_come_in_and_out_replaced(trained):
    command = [sys.executable, "-m", "rnnctl", "probe", "letters/bytes", "generate", "--temperature", "5", "--prompt"]
    done = subprocess.run([*command, b"\xff1"], cwd=trained, env=environment(), capture_output=True, check=True)
    assert done.stdout.decode().startswith("\N{REPLACEMENT CHARACTER}1")
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("before", "after", "variable", "code"),
    [("w", None, "nowhere", 0), ("nowhere", "w", "nowhere", 0), ("nowhere", None, "w", 3)],
)
def test_a_workspace_before_the_run_gives_way_to_one_after_it_alone(trained, before, after, variable, code):
    last = () if after is None else ("-w", after)
    args = ("probe", "-w", before, RUN, "generate", "--symbols", 3, *last)
    done = rnnctl(*args, cwd=trained.parent, check=code, RNNCTL_WORKSPACE=variable)
    assert ("no workspace in" in done.stderr) == (code == 3)


def test_of_a_study_the_beginnings_of_all_texts_and_the_share_of_words_that_the_training_text_has(trained):
    done = asked(trained, "letters", "generate", "--symbols", 60)
    for label in ("rnn", "gated", "bytes"):
        assert sum(line.startswith(f"{label}: ") for line in done.stdout.splitlines()) == 1
    assert "known words" in done.stdout
    assert (trained / "figures" / "letters-texts.png").stat().st_size > 5_000
    records = json.loads(asked(trained, "letters", "generate", "--symbols", 60, "--json").stdout)
    assert [record["label"] for record in records] == ["rnn", "gated", "bytes"]
    assert all(0 <= record["known_words"] <= 1 for record in records)


def test_beam_search_finds_a_text_that_is_no_less_probable_the_more_beams_it_has(trained):
    args = (RUN, "generate", "--prompt", "12 ", "--symbols", 6, "--json")
    found = [json.loads(asked(trained, *args, "--beams", n).stdout) for n in (1, 40)]
    greedy = json.loads(asked(trained, *args, "--temperature", 0).stdout)
    assert found[0]["text"] == greedy["text"]
    assert found[0]["log_probability"] <= found[1]["log_probability"]
    ended = json.loads(asked(trained, *args, "--beams", 5, "--until", " ", "--length-penalty", 1).stdout)
    assert ended["text"][3:].endswith(" ") or len(ended["text"]) == 9
    assert ended["score"] == pytest.approx(ended["log_probability"] * 6 / (5 + len(ended["text"]) - 3))


def test_an_answer_of_an_earlier_version_stays_valid(trained):
    """It has the same question, and no scores."""
    from rnnctl.lab.workspaces import runs_named
    from store import Store, answers

    question = {"prompt": "1", "symbols": 7, "temperature": 1.0, "seed": 77}
    asked(trained, RUN, "generate", "--prompt", 1, "--symbols", 7)
    with Store.open(trained) as store:
        (row,) = runs_named(store, RUN).runs
        step = answers.of_runs(store, [row.run_id], "generate")[0].step
        answers.add(store, [answers.Answer(row.run_id, "generate", step, question, {"text": "1 as before"})], 0.0)
    assert asked(trained, RUN, "generate", "--prompt", 1, "--symbols", 7, "--seed", 77).stdout == "1 as before\n"


# --- state-ablation
# -----------------------------------------------------------------------------------------------------------------


def test_a_study_has_a_row_a_run_in_every_table_and_a_figure(trained):
    done = asked(trained, "letters", "state-ablation", "--samples", 50)
    for label in ("rnn", "gated", "bytes"):
        assert sum(line.split()[:1] == [label] for line in done.stdout.splitlines()) == 5
        assert f"{label}: " in done.stderr
    for words in (
        "nats as trained",
        "bits per byte zeroed",
        "error % shuffled",
        "bigram",
        "zeroing costs",
        "test split",
    ):
        assert words in done.stdout
    assert (trained / "figures" / "letters-state-ablation.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    "args", [("letters", "state-ablation", "--samples", 30), (RUN, "generate", "--symbols", 20, "--seed", 9)]
)
def test_what_was_asked_before_is_not_computed_again(trained, monkeypatch, args):
    first = asked(trained, *args)
    monkeypatch.setattr("rnnctl.probes.stepper.Stepper.step", None)
    again = asked(trained, *args)
    assert (again.stdout, again.stderr) == (first.stdout, "")


def test_the_weights_that_are_looked_at_stand_in_table_and_figure(trained):
    done = asked(trained, "letters", "state-ablation", "--samples", 30, "--weights", "last")
    assert "last weights of" in done.stdout
    assert all(f"{label}  40" in re.sub(" +", "  ", done.stdout) for label in ("rnn", "gated", "bytes"))
    assert (trained / "figures" / "letters-state-ablation-last.png").is_file()


def test_json_has_every_figure(trained):
    args = ("state-ablation", "--samples", 40, "--context", "4,0,2", "--split", "validation", "--json")
    (actual,) = json.loads(asked(trained, RUN, *args).stdout)
    assert [each["context"] for each in actual["contexts"]] == [0, 2, 4]
    assert (actual["split"], actual["window"], actual["samples"], actual["label"]) == ("validation", 12, 40, "rnn")
    assert actual["steps"] == list(range(4, 12))
    assert actual["everywhere"]["targets"] == 40 * 12
    zero = actual["contexts"][0]
    assert zero == {"context": 0, **actual["late"]["zeroed"]}
    assert zero["cost"] == pytest.approx(zero["nats"] - actual["late"]["carried"]["nats"])
    assert json.loads(asked(trained, RUN, *args).stdout) == [actual]


def test_costs_stand_by_context_with_the_least_that_is_enough(trained):
    """Of a run asked for contexts that are, and for such that are not, enough: in its row, its line and in JSON."""
    for contexts in ("0", "0,1,2,4,8"):
        args = ("letters", "state-ablation", "--samples", 50, "--seed", 2, "--context", contexts)
        done = asked(trained, *args, "--no-figures")
        wanted = [int(k) for k in contexts.split(",")]
        columns, _, *rows = done.stdout.split("\n\n")[-1].splitlines()
        assert columns.split() == ["label", *contexts.split(","), "context", "that", "is", "used"]
        for row, actual in zip(rows, json.loads(asked(trained, *args, "--json").stdout), strict=True):
            costs = {each["context"]: each["cost"] for each in actual["contexts"]}
            enough = [k for k in wanted if costs[k] < 0.01]
            assert actual["context_used"] == (enough[0] if enough else None)
            used = str(enough[0]) if enough else f"more than {wanted[-1]}"
            label, *cells = re.split("  +", row)
            assert (label, cells[-1]) == (actual["label"], used)
            errors = [each["cost_se"] for each in actual["contexts"]]
            assert cells[:-1] == [f"{costs[k]:z.4f} ± {se:.4f}" for k, se in zip(wanted, errors, strict=True)]
            assert re.search(f"^{label}: .*, context that is used: {used}$", done.stderr, re.MULTILINE)


def test_as_trained_and_bigram_are_what_evaluate_says(trained):
    (actual,) = json.loads(asked(trained, RUN, "state-ablation", "--samples", 50, "--json").stdout)
    args = ("evaluate", RUN, "--lengths", "12", "--samples", 50, "--json")
    (known,) = json.loads(rnnctl(*args, cwd=trained, check=0).stdout)
    assert actual["everywhere"]["carried"]["nats"] == pytest.approx(known["loss"], rel=1e-5)
    assert actual["everywhere"]["bigram"]["nats"] == pytest.approx(known["floor"])


# --- gradient horizon
# -----------------------------------------------------------------------------------------------------------------


def test_a_gradient_horizon_is_told_tabulated_drawn_and_the_same_in_json(trained):
    done = asked(trained, "letters", "gradient-horizon", "--samples", 10, "--lags", 20)
    rnn, gated, bytes_ = json.loads(
        asked(trained, "letters", "gradient-horizon", "--samples", 10, "--lags", 20, "--json").stdout
    )
    assert [each["label"] for each in (rnn, gated, bytes_)] == ["rnn", "gated", "bytes"]
    assert (rnn["lags"], rnn["length"], len(rnn["norms"])) == (20, 32, 21)
    assert rnn["share_5"] == pytest.approx(rnn["norms"][5] / rnn["norms"][0])
    assert "lag at 1/10  lag at 1/20  share at 5  share at 10" in done.stdout
    assert f"rnn: the gradient falls to a tenth at lag {rnn['tenth']:.3g}" in done.stderr
    assert (trained / "figures" / "letters-gradient-horizon.png").exists()


def test_replicates_are_one_row_with_their_spread(trained):
    done = asked(trained, "tiny", "gradient-horizon", "--samples", 10, "--no-figures")
    rows = [line for line in done.stdout.splitlines() if line.startswith("omega=")]
    assert [row.split()[:2] for row in rows] == [["omega=0.0", "2"], ["omega=1.0", "2"]]
    assert all("±" in row for row in rows)


def test_hidden_states_are_tabulated_drawn_and_the_same_in_json(trained):
    done = asked(trained, "letters", "hidden-state", "--samples", 10)
    rnn, gated, _ = json.loads(asked(trained, "letters", "hidden-state", "--samples", 10, "--json").stdout)
    assert (rnn["length"], len(rnn["rms"]), len(rnn["percentiles"])) == (12, 12, 101)
    assert (gated["slope"], rnn["dead"], rnn["growth"]) == (None, None, None)
    assert f"rnn: mean {rnn['mean']:.3g}, std {rnn['std']:.3g}" in done.stderr
    assert (trained / "figures" / "letters-hidden-state.png").exists()


def test_memory_is_tabulated_by_bins_and_of_one_configuration_by_lag(trained):
    done = asked(trained, RUN, "memory", "--lags", 7, "--states", 200)
    actual, *_ = json.loads(asked(trained, RUN, "memory", "--lags", 7, "--states", 200, "--json").stdout)
    assert (actual["lags"], actual["states"], actual["margin"], len(actual["accuracy"])) == (7, 200, 0.05, 8)
    assert actual["accuracy_4_7"] == pytest.approx(sum(actual["accuracy"][4:]) / 4)
    heading, bins, by_lag, *_ = done.stdout.split("\n\n")
    assert bins.splitlines()[0].split()[-2:] == ["1-3", "4-7"]
    assert [line.split("  ")[0] for line in bins.splitlines()[-2:]] == ["present character", "majority"]
    assert [line.split()[0] for line in by_lag.splitlines()[2:10]] == [str(lag) for lag in range(8)]
    assert f"rnn: memory horizon {actual['horizon']}; accuracy at lags 1-3 " in done.stderr
    done = asked(trained, "letters", "memory", "--lags", 7, "--states", 200, "--no-figures")
    assert "majority" not in done.stdout  # it is another one for bytes


def test_internals_of_a_text_are_a_table_a_figure_and_all_arrays_in_json(trained):
    done = asked(trained, RUN, "internals", "--text", "12 cafés")
    actual = json.loads(asked(trained, RUN, "internals", "--text", "12 cafés", "--json").stdout)
    assert (actual["label"], actual["text"]) == ("rnn", "12 cafés")
    assert "".join(actual["characters"]) == "12␣cafés"
    assert (len(actual["h"]), len(actual["h"][0]), len(actual["network"]), len(actual["gradient"])) == (8, 16, 8, 7)
    _, _, *rows = done.stdout.split("\n\n")[0].splitlines()
    assert [row.split()[1] for row in rows] == actual["characters"]
    assert (trained / "figures" / "letters-rnn-internals.png").exists()


# --- mistakes
# -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "code", "fragments"),
    [
        ([], 2, ["RUN|STUDY"]),
        ([RUN], 2, ["generate", "state-ablation"]),
        ([RUN, "genrate"], 2, ["genrate", "generate"]),
        ([RUN, "ablation"], 2, ["ablation", "state-ablation"]),
        ([RUN, "hidden_state"], 2, ["there is no probe hidden_state", "did you mean hidden-state?"]),
        (["generate", RUN], 2, ["there is no probe letters/rnn", "the run comes first: rnnctl probe RUN PROBE"]),
        (["letters/rn", "generate"], 3, ["letters/rn", "did you mean letters/rnn?"]),
        ([RUN, "generate", "--until", "1"], 2, ["--until", "--beams"]),
        ([RUN, "generate", "--beams", "2", "--length-penalty", "1"], 2, ["--length-penalty", "--until"]),
        ([RUN, "generate", "--beams", "2", "--until", "¿"], 2, ["--until", "¿", "U+00BF"]),
        ([RUN, "generate", "--beams", "-1"], 2, ["--beams"]),
        (["tiny", "state-ablation"], 2, ["tiny", "temporal_order", "text"]),
        (["tiny/omega=0.0 seed=1", "generate"], 2, ["temporal_order", "text"]),
        ([RUN, "generate", "--prompt", "12 ¿"], 2, ["--prompt", "¿", "U+00BF"]),
        ([RUN, "generate", "--prompt", "12\x07"], 2, ["--prompt", "U+0007"]),
        ([RUN, "generate", "--temperature", "-1"], 2, ["--temperature", "must be at least 0"]),
        ([RUN, "generate", "--temperature", "nan"], 2, ["--temperature", "must be at least 0"]),
        ([RUN, "generate", "--temperature", "inf"], 2, ["--temperature inf", "finite"]),
        ([RUN, "generate", "--temperature", "x"], 2, ["--temperature", "must be a number"]),
        ([RUN, "generate", "--symbols", "0"], 2, ["--symbols"]),
        ([RUN, "state-ablation", "--context", "0,12"], 2, ["--context: rnn", "12 symbols", "up to 11, not 12"]),
        (["letters", "state-ablation", "--context", "10"], 2, ["--context: bytes", "up to 8, not 10"]),
        ([RUN, "state-ablation", "--context", "1,x"], 2, ["--context", "whole numbers"]),
        ([RUN, "state-ablation", "--context", "-1"], 2, ["--context", "from 0"]),
        ([RUN, "state-ablation", "--samples", "1500"], 2, ["--samples", "1,000"]),
        ([RUN, "state-ablation", "--samples", "1"], 2, ["--samples"]),
        ([RUN, "state-ablation", "--split", "tests"], 2, ["--split", "did you mean test?"]),
        ([RUN, "state-ablation", "--prompt", "x"], 2, ["--prompt"]),
        ([RUN, "gradient-horizon", "--lags", "0"], 2, ["--lags"]),
        (["letters", "gradient-horizon", "--lags", "2000"], 2, ["--lags", "test split", "symbols"]),
        (
            ["tiny", "hidden-state", "--length", "3"],
            2,
            ["--length", "omega=0.0 seed=1", "temporal_order have", "steps"],
        ),
        (["letters", "hidden-state", "--length", "2000"], 2, ["--length", "test split", "symbols"]),
        (["letters", "internals"], 2, ["letters", "3 runs", "gated"]),
        ([RUN, "internals", "--text", "12 ¿"], 2, ["--text", "¿", "U+00BF"]),
        ([RUN, "internals", "--text", "1"], 2, ["--text", "2 to 200 symbols, not 1"]),
        (["tiny/omega=0.0 seed=1", "internals"], 2, ["temporal_order", "text"]),
        (["tiny", "memory"], 2, ["memory does not apply", "temporal_order", "text"]),
        ([RUN, "memory", "--lags", "0"], 2, ["--lags"]),
        ([RUN, "memory", "--lags", "201"], 2, ["--lags"]),
        ([RUN, "memory", "--margin", "1"], 2, ["--margin"]),
        ([RUN, "memory", "--states", "10"], 2, ["--states"]),
        (["tiny", "gradient-horizon", "--lags", "900"], 2, ["--lags", "omega=0.0 seed=1", "steps have lags up to"]),
        ([RUN, "generate", "--weights", "beast"], 2, ["--weights", "beast", "neither best nor last nor an update"]),
        ([RUN, "generate", "--weights", "1000"], 3, [RUN, "no weights after 1,000 updates", "last (update 40)"]),
    ],
)
def test_mistakes_get_one_line(trained, args, code, fragments):
    one_line(asked(trained, *args, check=code), *fragments)


@pytest.mark.parametrize("probe", ["generate", "state-ablation"])
def test_a_run_without_a_checkpoint_is_told(trained, tmp_path, probe):
    (tmp_path / "corpus.txt").write_bytes((trained / "corpus.txt").read_bytes())
    (tmp_path / "letters.yaml").write_text(LETTERS)
    rnnctl("init", "letters.yaml", cwd=tmp_path, check=0)
    one_line(asked(tmp_path, RUN, probe, check=3), RUN, "no run has a checkpoint yet")


def test_a_corpus_that_is_not_as_it_was_is_told(tmp_path):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("abcd" * 200)
    one = LETTERS.replace("updates: 40", "updates: 4").split("cases:")[0].replace("every: 20", "every: 4")
    (tmp_path / "letters.yaml").write_text(one)
    rnnctl("init", "letters.yaml", cwd=tmp_path, check=0)
    train_here(tmp_path)
    corpus.write_text("dcba" * 200)
    one_line(asked(tmp_path, "letters", "generate", check=1), "corpus.txt", "another than the run's")
    corpus.unlink()
    one_line(asked(tmp_path, "letters", "state-ablation", check=1), "corpus.txt", "no such file")


def test_each_probe_has_help(tmp_path):
    for probe in ("generate", "state-ablation"):
        assert f"{probe} [OPTIONS]" in asked(tmp_path, "any", probe, "--help").stdout
