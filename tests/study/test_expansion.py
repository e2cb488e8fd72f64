from __future__ import annotations

import pytest

from rnnctl.cells.base.inits import OrthogonalInit, XavierInit
from rnnctl.cells.rnn.section import SmartTanhInit
from rnnctl.study.errors import SpecError
from rnnctl.study.loading import read_study
from tests.study.studies import labels, specs, study


def test_base_alone_is_one_run():
    assert labels() == ["base"]
    assert study().varied == ()


def test_cases_are_laid_over_base_one_by_one():
    a, b = specs("cases:\n  A: {}\n  B: {model.hidden: 99, train: {lr: 0.5}}\n", "model: {hidden: 70}")
    assert (a.model.hidden, a.train.lr) == (70, 0.01)
    assert (b.model.hidden, b.train.lr) == (99, 0.5)


def test_everything_is_crossed_with_everything_the_last_axis_fastest():
    result = labels(
        "cases: {A: {}, B: {train.omega: 1}}\n"
        "seeds: [1, 2]\n"
        "grid: {train.lr: [0.1, 0.2], train.batch: [5]}\n"
        "zip: {g: [{model.hidden: 30, train.updates: 10}, {model.hidden: 40, train.updates: 20}]}\n"
    )
    assert len(result) == 2 * 2 * 2 * 2
    assert result[:5] == [
        "A hidden=30 updates=10 lr=0.1 batch=5 seed=1",
        "A hidden=30 updates=10 lr=0.1 batch=5 seed=2",
        "A hidden=30 updates=10 lr=0.2 batch=5 seed=1",
        "A hidden=30 updates=10 lr=0.2 batch=5 seed=2",
        "A hidden=40 updates=20 lr=0.1 batch=5 seed=1",
    ]


def test_a_default_that_was_added_later_is_told_like_the_other_values():
    text = "grid:\n  train.optimizer.beta1: [0.8, 0.9]\n  train.rate: [constant, {name: 1/t, period: 10}]\n"
    result = study(text, "train.optimizer: adam")
    assert [run.label for run in result.runs] == [
        "beta1=0.8 rate=constant",
        "beta1=0.8 rate=1/t(period=10)",
        "beta1=0.9 rate=constant",
        "beta1=0.9 rate=1/t(period=10)",
    ]
    assert result.runs[2].differences == {"train.optimizer.beta1": 0.9, "train.rate": "constant"}
    assert "beta1" not in result.runs[2].spec.canonical()["train"]["optimizer"]  # so that ids stay


def test_a_dotted_key_below_a_short_form_writes_it_out():
    (result,) = specs("cases: {A: {model.init.connections: 0.3}}\n", "model: {init: smart_tanh}")
    assert result.model.init == SmartTanhInit(connections=0.3)
    (result,) = specs("cases: {A: {train.omega.decay: 1/t}}\n", "train: {omega: 0.5}")
    assert (result.train.omega.alpha, result.train.omega.decay) == (0.5, "1/t")
    (result,) = specs("cases: {A: {train.clip.cutoff: 3}}\n", "train: {clip: 0.5}")
    assert result.train.clip.cutoff == 3.0


def test_a_dotted_key_below_a_default_keeps_the_default():
    (result,) = specs("cases: {A: {model.init.connections: 0.3}}\n")
    assert result.model.init == SmartTanhInit(connections=0.3)
    (result,) = specs("cases: {A: {train.clip.cutoff: 3}}\n")
    assert result.train.clip.cutoff == 3.0


def test_a_short_form_replaces_the_whole_section():
    (result,) = specs("cases: {A: {model.init: smart_tanh}}\n", "model.init: {std: 0.5, connections: 3}")
    assert result.model.init == SmartTanhInit()


def test_a_mapping_that_names_another_variant_replaces_the_section():
    (result,) = specs("cases: {A: {model: {init: {name: orthogonal, gain: 2}}}}\n", "model.init: {connections: 3}")
    assert result.model.init == OrthogonalInit(gain=2.0)


@pytest.mark.parametrize("change", ["{std: 0.5}", "{name: smart_tanh, std: 0.5}"])
def test_any_other_mapping_changes_only_what_it_names(change):
    (result,) = specs(f"cases: {{A: {{model.init: {change}}}}}\n", "model.init: {connections: 3}")
    assert result.model.init == SmartTanhInit(connections=3, std=0.5)


def test_another_task_of_the_same_family_keeps_the_lengths():
    (result,) = specs("cases: {A: {task: {name: temporal_order_3}}}\n")
    assert (result.task.name, result.task.min_length, result.task.max_length) == ("temporal_order_3", 20, 50)


def test_sections_are_set_before_the_keys_inside_them_whatever_their_order():
    one = specs("grid: {model.init.std: [0.5], model.init: [smart_tanh, orthogonal, xavier]}\n"
                "when: {model.init.std: {model.init: smart_tanh}}\n")  # fmt: skip
    assert [spec.model.init for spec in one] == [SmartTanhInit(std=0.5), OrthogonalInit(), XavierInit()]
    (two,) = specs("cases: {A: {model.init.std: 0.5, model: {init: {name: smart_tanh}}}}\n", "model.init: xavier")
    assert two.model.init == SmartTanhInit(std=0.5)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("train.lr: {logspace: [1e-4, 1e-1, 4]}", [0.0001, 0.001, 0.01, 0.1]),
        ("train.lr: {linspace: [1, 2, 5]}", [1.0, 1.25, 1.5, 1.75, 2.0]),
        ("train.lr: {linspace: [0.3, 0.1, 3]}", [0.3, 0.2, 0.1]),
        ("train.lr: {range: [0.1, 0.3, 0.1]}", [0.1, 0.2, 0.3]),
        ("train.lr: {logspace: [0.5, 2, 1]}", [0.5]),
        ("model.hidden: {logspace: [16, 256, 5]}", [16, 32, 64, 128, 256]),
        ("model.hidden: {logspace: [20, 200, 4]}", [20, 43, 93, 200]),
        ("model.hidden: {linspace: [20, 22, 9]}", [20, 21, 22]),
        ("model.hidden: {range: [20, 50, 10]}", [20, 30, 40, 50]),
        ("model.hidden: {range: [50, 45, -2]}", [50, 48, 46]),
        ("seed: {range: [3, 5]}", [3, 4, 5]),
        ("model.init.connections: {linspace: [1, 9, 3]}", [1, 5, 9]),
        ("model.init.connections: {linspace: [0.5, 1.0, 2]}", [0.5, 1.0]),
    ],
)
def test_spaced_values_are_round_and_whole_where_the_key_is(values, expected):
    key = values.split(":")[0]
    result = study(f"grid: {{{values}}}\n")
    assert len(result.runs) == len(expected)
    got = expected if len(expected) == 1 else [run.differences[key] for run in result.runs]
    assert got == expected
    assert [type(value) for value in got] == [type(value) for value in expected]


def random_rates(n, seed, *more):
    result = specs(f"random: {{n: {n}, seed: {seed}, train.lr: {{loguniform: [1e-5, 1]}}{''.join(more)}}}\n")
    return [spec.train.lr for spec in result]


def test_random_draws_are_pinned():
    assert random_rates(3, 7) == [7.6087e-05, 0.138867, 0.000428367]


def test_more_draws_and_other_keys_leave_earlier_draws_as_they_are():
    few = random_rates(5, 7)
    assert random_rates(40, 7)[:5] == few
    assert random_rates(5, 7, ", model.hidden: {int_uniform: [16, 64]}") == few
    assert random_rates(5, 8) != few


def test_random_draws_stay_in_their_bounds_and_reach_all_of_them():
    result = specs(
        "random:\n  n: 400\n  train.lr: {uniform: [0.1, 0.2]}\n  model.hidden: {int_uniform: [20, 23]}\n"
        "  train.batch: {int_loguniform: [1, 8]}\n  model.init: {choice: [smart_tanh, orthogonal]}\n"
    )
    assert all(0.1 <= spec.train.lr <= 0.2 for spec in result)
    assert {spec.model.hidden for spec in result} == {20, 21, 22, 23}
    assert {spec.train.batch for spec in result} == set(range(1, 9))
    assert {spec.model.init.name for spec in result} == {"smart_tanh", "orthogonal"}
    ones = sum(spec.train.batch == 1 for spec in result)
    assert 80 <= ones <= 175, "equal ratios: ln 2 / ln 9 = 32 % of draws are 1"


@pytest.mark.parametrize(
    ("spacing", "ends"), [([1e-20, 1e20], [1e-20, 1e-10, 1.0]), ([1e20, 1e-20], [1e20, 1e10, 1.0])]
)
def test_equal_ratios_over_many_powers_of_ten_are_exact(spacing, ends):
    assert [spec.train.lr for spec in specs(f"grid: {{train.lr: {{logspace: {[*spacing, 5]}}}}}\n")][:3] == ends


def test_runs_are_counted_before_a_value_is_drawn(monkeypatch):
    def draw(generator):
        raise AssertionError("a value is drawn")

    monkeypatch.setattr("rnnctl.study.values._uniform", draw)
    keys = "train.lr: {uniform: [0.1, 1]}, model.hidden: {int_uniform: [20, 90]}, train.batch: {choice: [1, 2]}"
    with pytest.raises(SpecError, match=r"random: the study would have 200,000 runs, more than 100,000"):
        study(f"random: {{n: 100000, {keys}}}\nseeds: [1, 2]\n")


def test_excluded_runs_are_left_out():
    result = labels(
        "grid: {train.lr: [0.1, 0.2], train.clip: [none, 1.0, 2.0]}\n"
        "exclude:\n- {train.lr: 0.2, train.clip: [none, 2]}\n- {train.clip: {cutoff: 1}, train.lr: 0.1}\n"
    )
    assert result == ["lr=0.1 clip=none", "lr=0.1 clip=2.0", "lr=0.2 clip=1.0"]


def test_exclude_matches_values_that_only_defaults_give():
    assert labels("grid: {model.init: [sigmoid, smart_tanh]}\nexclude: [{model.activation: sigmoid}]\n") == [
        "init=smart_tanh"
    ]


@pytest.mark.parametrize(
    ("key", "default", "other"),
    [
        ("train.bptt", "full", "5"),
        ("check.screen", "null", "1000"),
        ("train.rate", "constant", "{name: 1/t, period: 5}"),
        ("train.optimizer", "{name: adam, beta1: 0.9}", "{name: adam, beta1: 0.5}"),
    ],
)
def test_conditions_match_the_default_of_a_key_that_was_added_later(key, default, other):
    head = "study: s\nbase: {task: {name: permutation, predict: every}}\n"
    grid = f"grid: {{{key}: [{default}, {other}], seed: [1, 2]}}\n"
    everything = read_study(head + grid, "s.yaml")
    left = read_study(f"{head}{grid}exclude: [{{{key}: {default}}}]\n", "s.yaml")
    assert [run.spec for run in left.runs] == [run.spec for run in everything.runs][2:]
    assert "is in no run: `exclude` removes them all" in left.warnings[0]
    dropped = read_study(f"{head}{grid}when: {{seed: {{{key}: {default}}}}}\n", "s.yaml")
    assert len(dropped.runs) == 3


def test_a_share_of_one_is_not_a_count_of_one():
    result = labels("grid: {model.init.connections: [1, 1.0]}\nexclude: [{model.init.connections: 1.0}]\n")
    assert result == ["connections=1"]


def test_when_drops_a_key_and_merges_what_is_equal_then():
    result = study(
        "grid: {model.init: [smart_tanh, orthogonal], model.init.connections: [5, 10]}\n"
        "when: {model.init.connections: {model.init: smart_tanh}}\n"
    )
    assert [run.label for run in result.runs] == [
        "init=smart_tanh connections=5",
        "init=smart_tanh connections=10",
        "init=orthogonal",
    ]
    assert result.runs[2].differences == {"model.init": "orthogonal"}
    assert result.warnings == ()


def test_when_drops_a_key_that_only_some_variants_require():
    result = study(
        "grid: {train.rate.name: [constant, 1/t], train.rate.period: [10, 20]}\n"
        "when: {train.rate.period: {train.rate.name: 1/t}}\n"
    )
    rates = [(rate.name, getattr(rate, "period", None)) for rate in (run.spec.train.rate for run in result.runs)]
    assert rates == [("constant", None), ("1/t", 10), ("1/t", 20)]


def test_rules_are_judged_in_the_order_of_what_they_depend_on():
    result = study(
        "grid: {train.omega: [0, 0.5], train.omega.decay: [1/t], train.omega.period: [10]}\n"
        "when:\n"
        "  train.omega.period: {train.omega.decay: 1/t}\n"
        "  train.omega.decay: {train.omega.alpha: 0.5}\n"
    )
    off, on = (run.spec.train.omega for run in result.runs)
    assert (off.alpha, off.decay, off.period) == (0.0, "constant", 1)
    assert (on.alpha, on.decay, on.period) == (0.5, "1/t", 10)


def test_a_rule_is_judged_even_where_the_run_without_its_key_could_not_be():
    result = specs(
        "grid: {model.hidden: [10, 50]}\nwhen: {model.init.connections: {model.hidden: 10}}\n",
        "model.init.connections: 5",
    )
    assert [spec.model.init.connections for spec in result] == [5, 15]


def test_when_takes_a_key_of_base_away_too():
    result = specs(
        "grid: {model.init: [{name: smart_tanh}, {name: orthogonal}]}\n"
        "when: {model.activation: {model.init: smart_tanh}}\n",
        "model: {activation: relu}",
    )
    assert [spec.model.activation for spec in result] == ["relu", "tanh"]


def test_labels_use_the_shortest_tail_that_only_one_key_has():
    result = labels("grid: {check.seed: [5], model.init.name: [xavier], task.name: [temporal_order], seed: [7]}\n")
    assert result == ["check.seed=5 init.name=xavier task.name=temporal_order seed=7"]


def test_a_key_keeps_its_label_when_another_one_with_its_last_name_is_added():
    assert labels("grid: {train.omega.decay: [1/t], stop.min_delta: [0.5]}\n") == ["decay=1/t min_delta=0.5"]
    assert labels("grid: {train.rate: [plateau], train.rate.patience: [3]}\n") == ["rate=plateau rate.patience=3"]


def test_labels_write_values_as_a_person_does():
    result = labels(
        "grid:\n  train.lr: [1e-2, 0.00001, 1]\n  model.init: [{name: smart_tanh, std: 0.5, connections: 3}]\n"
        "  stop.patience: [null]\n"
    )
    assert [label.split()[0] for label in result] == ["lr=0.01", "lr=1e-05", "lr=1.0"]
    assert result[0].split()[1:] == ["init=smart_tanh(std=0.5,connections=3)", "patience=null"]


def test_differences_are_the_values_of_all_keys_that_vary_and_of_no_others():
    result = study(
        "cases:\n  A: {train.clip: none, model.hidden: 50}\n  B: {train.omega: {alpha: 0.5, decay: 1/t}}\nseeds: [1]\n"
    )
    assert result.varied == ("train.clip", "train.omega.alpha", "train.omega.decay")
    a, b = result.runs
    assert a.differences == {"train.clip": "none", "train.omega.alpha": 0.0, "train.omega.decay": "constant"}
    assert b.differences == {"train.clip": 1.0, "train.omega.alpha": 0.5, "train.omega.decay": "1/t"}
    assert (a.case, a.label) == ("A", "A seed=1")


@pytest.mark.parametrize(
    "values",
    [
        "train.bptt: [full, 5]",
        "check.screen: [null, 1000]",
        "train.rate: [constant, {name: 1/t, period: 5}]",
        "train.optimizer: [{name: adam, beta1: 0.9}, {name: adam, beta1: 0.5}]",
    ],
)
def test_a_key_that_was_added_later_can_be_varied_around_its_default(values):
    base = "base: {task: {name: permutation, predict: every}}\n"
    result = read_study(f"study: s\n{base}grid: {{{values}}}\n", "s.yaml")
    assert len({run.spec.run_id for run in result.runs}) == len({run.label for run in result.runs}) == 2


@pytest.mark.parametrize("model", ["model: [rnn, gru]", "model.name: [rnn, gru]"])
@pytest.mark.parametrize("init", ["model.init: [smart_tanh, orthogonal]", "model.init.name: [smart_tanh, orthogonal]"])
@pytest.mark.parametrize("excluded", ["model.init: smart_tanh", "model.init.name: smart_tanh"])
def test_exclude_leaves_out_what_could_not_be_a_run_in_whatever_form_it_is_written(model, init, excluded):
    runs = study(f"grid:\n  {model}\n  {init}\nexclude: [{{model.name: gru, {excluded}}}]\n").runs
    assert [(run.spec.model.name, run.spec.model.init.name) for run in runs] == [
        ("rnn", "smart_tanh"),
        ("rnn", "orthogonal"),
        ("gru", "orthogonal"),
    ]


def test_nested_keys_of_a_grid_and_of_random_draws_are_the_dotted_ones():
    dotted = "grid: {train.lr: [0.1, 0.2], train.clip: {linspace: [1, 2, 2]}}\n"
    nested = "grid: {train: {lr: [0.1, 0.2], clip: {linspace: [1, 2, 2]}}}\n"
    assert study(nested).runs == study(dotted).runs
    draws = "{loguniform: [0.01, 1]}"
    assert (
        study(f"random: {{n: 3, train: {{lr: {draws}}}}}\n").runs
        == study(f"random: {{n: 3, train.lr: {draws}}}\n").runs
    )
