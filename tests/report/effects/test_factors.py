"""Hyper-parameters are named by the keys that a study sets, and what follows from them is told apart."""

from rnnctl.report.effects.factors import varied
from rnnctl.report.effects.written import written_columns
from rnnctl.report.parameters import parameters
from rnnctl.report.results import Result
from rnnctl.study.loading import read_study, written_keys
from rnnctl.study.written import WrittenKeys
from tests.report.rows import row

BASE = """\
study: s
base:
  task: {name: temporal_order, min_length: 10, max_length: 14}
"""


def names_of(*sources, complete=True):
    """Return what varies over the configurations of these studies together."""
    specs = {run.spec.config_id: run.spec for source in sources for run in read_study(source, "f.yaml").runs}
    results = [Result.of(row(config=config, spec=spec.canonical())) for config, spec in specs.items()]
    keys = WrittenKeys.together(written_keys(source, "f.yaml") for source in sources)
    flat = [parameters(spec) for spec in specs.values()]
    return varied(flat, written_columns(results, keys), complete=complete)


def test_a_grid_over_cells_is_named_by_its_key_and_what_follows_is_told_with_its_values():
    actual = names_of(BASE + "grid: {model.name: [rnn, gru, lstm]}\nseeds: [1, 2]\n")
    (factor,) = actual.factors
    assert (factor.name, factor.values) == ("model.name", ["rnn", "gru", "lstm"])
    remarks = [follower.remark for follower in actual.followers]
    assert "model.init follows model.name: gru course, lstm orthogonal, rnn smart_tanh" in remarks
    assert "model.forget_bias follows model.name: lstm 1" in remarks
    assert not actual.together


def test_cases_are_named_by_the_keys_in_which_they_differ():
    cases = "cases: {A1: {}, A2: {train.clip: 0.05}, A4: {model: {name: gru, hidden: 50}}}\n"
    actual = names_of(BASE + "  model: {hidden: 50}\n" + cases)
    assert [factor.name for factor in actual.factors] == ["train.clip", "model.name"]


def test_the_columns_of_a_zip_and_random_keys_have_their_names_and_the_first_of_equals_stands_for_all():
    zipped = "zip: {lengths: [{task.max_length: 20, train.updates: 5}, {task.max_length: 30, train.updates: 6}]}\n"
    drawn = "random: {n: 30, seed: 1, train.lr: {loguniform: [0.001, 0.1]}}\n"
    actual = names_of(BASE + zipped + drawn)
    assert [(factor.name, factor.follow) for factor in actual.factors] == [
        ("task.max_length", ("train.updates",)),
        ("train.lr", ()),
    ]
    assert actual.followers[0].remark == "train.updates follows task.max_length: 20 5, 30 6"


def test_a_section_is_shown_as_it_is_written():
    options = "[adam, {name: adam, beta1: 0.8}, sgd]"
    actual = names_of(BASE + f"grid: {{train.optimizer: {options}, train.lr: [0.1, 0.2]}}\n")
    assert [factor.name for factor in actual.factors] == ["train.optimizer", "train.lr"]
    assert actual.factors[0].values[::2] == ["adam", "adam(beta1=0.8)", "sgd"]


def test_what_several_keys_decide_together_follows_from_them():
    flat = [{"a": a, "b": b, "sum": a + 10 * b, "a.twice": 2 * a} for a in (1, 2) for b in (1, 2)]
    written = {"a": [1.0, 1.0, 2.0, 2.0], "b": [1.0, 2.0, 1.0, 2.0]}
    actual = varied(flat, written, complete=True)
    assert [(factor.name, factor.follow) for factor in actual.factors] == [("a", ("a.twice",)), ("b", ())]
    assert [follower.remark for follower in actual.together] == ["sum follows a and b together"]


def test_what_differs_between_studies_stands_beside_the_keys_that_they_set():
    small = BASE + "  model: {hidden: 20}\ngrid: {train.lr: [0.01, 0.2]}\n"
    large = BASE + "  model: {hidden: 30}\ngrid: {train.clip: [1.0, none]}\n"
    actual = names_of(small, large, complete=False)
    assert [factor.name for factor in actual.factors] == ["train.lr", "train.clip", "model.hidden"]


def test_a_seed_is_never_a_hyper_parameter():
    assert names_of(BASE + "cases: {A: {seed: 1}, B: {seed: 2}}\n").factors == []
