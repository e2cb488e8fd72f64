"""Every mistake in a study file is answered in one line: file, line, key, what is wrong, what is allowed."""

from __future__ import annotations

import pytest

from rnnctl.spec.errors import SpecError
from rnnctl.spec.study import read_study

HEAD = "study: s\nbase:\n  task: {name: temporal_order, min_length: 20, max_length: 50}\n"  # three lines


def bad(name: str, text: str, line: int | None, key: str | None, *fragments: str):
    return pytest.param(text, line, key, fragments, id=name)


YAML = [
    bad("empty file", "", 1, None, "is empty", "study: NAME"),
    bad("only a comment", "# nothing\n", 1, None, "is empty"),
    bad("list at the top", "- study: s\n", 1, None, "top level must be a mapping", "a list"),
    bad("word at the top", "study\n", 1, None, "top level must be a mapping", '"study"'),
    bad("not YAML", "study: s\nbase: {task: [\n", 3, None, "not valid YAML"),
    bad("colon too many", "study: s\nabout: a: b\n", 2, None, "a colon where none can stand"),
    bad("tab", "study: s\nbase:\n\ttask: temporal_order\n", 3, None, "has a tab", "spaces"),
    bad("two documents", "study: s\n---\nstudy: t\n", 2, None, "second document"),
    bad("duplicate section", HEAD + "base: {seed: 1}\n", 4, "base", "written twice, first in line 2"),
    bad("duplicate key", HEAD + "  train:\n    lr: 0.1\n    lr: 0.2\n", 6, "base.train.lr", "twice", "line 5"),
    bad("empty value", HEAD + "  train:\n", 4, "base.train", "is empty"),
    bad("empty item", HEAD + "seeds: [1, , 2]\n", 4, None, "not valid YAML"),
    bad("empty dash", HEAD + "seeds:\n- 1\n-\n", 6, "seeds[2]", "is empty"),
    bad("empty text for a key", HEAD + "cases:\n  '': {}\n", 5, "cases", "name is missing"),
    bad("list for a key", HEAD + "cases:\n  [a]: {seed: 1}\n", 5, "cases", "must be a plain word"),
    bad("merge key", HEAD + "cases:\n  A: &a {seed: 1}\n  B: {<<: *a}\n", 6, "cases.B", "merge keys"),
    bad("tag", HEAD + "seeds: [!!int '1']\n", 4, "seeds[1]", "tags such as !!"),
    bad("python tag", "study: !!python/object/apply:os.getcwd []\n", 1, "study", "tags such as !!"),
    bad("unknown alias", HEAD + "seeds: *s\n", 4, "seeds", "alias *s is not defined"),
    bad("alias to itself", HEAD + "exclude: &e [*e]\n", 4, "exclude[1]", "inside itself"),
    bad("leading zero", HEAD + "  seed: 012\n", 4, "base.seed", "starts with a zero"),
    bad("huge integer", HEAD + "  seed: 1" + "0" * 5000 + "\n", 4, "base.seed", "too large a number"),
    bad("huge float", HEAD + "  train: {lr: 1e999}\n", 4, "base.train.lr", "1e999 is too large a number"),
    bad("nested too deep", "study: s\nbase: " + "[" * 5000 + "\n", 2, None, "nested more than 32 levels"),
    bad(
        "deep through aliases",
        "study: s\na: &a " + "[" * 20 + "]" * 20 + "\nb: " + "[" * 20 + "*a" + "]" * 20 + "\n",
        3,
        None,
        "nested more than 32 levels",
    ),
    bad(
        "billion laughs",
        "study: s\na: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
        6,
        None,
        "more than 100,000 values",
    ),
]

SECTIONS = [
    bad("no study", "base: {task: temporal_order}\n", 1, "study", "is missing"),
    bad("number for a name", "study: 5\nbase: {task: temporal_order}\n", 1, "study", "must be text, not 5"),
    bad("true for a name", "study: true\n", 1, "study", "must be text, not true"),
    bad("slash in the name", "study: a/b\n", 1, "study", '"a/b" is not a name', "letters, digits"),
    bad("blank in the name", "study: a b\n", 1, "study", '"a b" is not a name'),
    bad("escape in the name", 'study: "a\\e[1mb"\n', 1, "study", "a\\x1b[1mb", "is not a name"),
    bad("name too long", f"study: {'a' * 65}\n", 1, "study", "is not a name", "at most 64"),
    bad("number for about", "study: s\nabout: 3\n", 2, "about", "must be text"),
    bad(
        "unknown section",
        HEAD + "case: {A: {}}\n",
        4,
        "case",
        "no such section",
        "allowed: study,",
        "did you mean cases?",
    ),
    bad("run's section at the top", HEAD + "train: {lr: 1}\n", 4, "train", "did you mean base: {train: ...}?"),
    bad("dotted key at the top", HEAD + "train.lr: 1\n", 4, "train.lr", "did you mean base: {train.lr: ...}?"),
    bad("list for base", "study: s\nbase: [1]\n", 2, "base", "must be a mapping, not a list"),
    bad("empty mapping for a grid", HEAD + "grid: {}\n", 4, "grid", "is empty"),
    bad("null for exclude", HEAD + "exclude: null\n", 4, "exclude", "must be a list, not null"),
]

KEYS = [
    bad("unknown key in base", HEAD + "  tran: {lr: 1}\n", 4, "base.tran", "no key tran", "did you mean train?"),
    bad(
        "unknown key in a section", HEAD + "  train: {lrr: 1}\n", 4, "base.train.lrr", "under train", "did you mean lr?"
    ),
    bad("unknown key far down", HEAD + "  model: {init: {nam: x}}\n", 4, "base.model.init.nam", "did you mean name?"),
    bad("key of another section", HEAD + "  lr: 1\n", 4, "base.lr", "did you mean train.lr?", "allowed: task, model"),
    bad("unknown dotted key", HEAD + "  train.clip.cut: 1\n", 4, "base.train.clip.cut", "did you mean cutoff?"),
    bad("key below a value", HEAD + "  train.lr.x: 1\n", 4, "base.train.lr.x", "no key x under train.lr"),
    bad("double dot", HEAD + "  train..lr: 1\n", 4, "base.train..lr", "no key (empty) under train"),
    bad("unknown key in a case", HEAD + "cases:\n  A: {model.hiden: 5}\n", 5, "cases.A.model.hiden", "mean hidden?"),
    bad("unknown key in a grid", HEAD + "grid:\n  lr: [1]\n", 5, "grid.lr", "did you mean train.lr?"),
    bad(
        "unknown key in a zip", HEAD + "zip:\n  g:\n  - {trian.lr: 1}\n", 6, "zip.g[1].trian.lr", "did you mean train?"
    ),
    bad("unknown key in random", HEAD + "random:\n  n: 3\n  l: {choice: [1]}\n", 6, "random.l", "there is no key l"),
    bad("unknown key in exclude", HEAD + "exclude:\n- {hidden: 3}\n", 5, "exclude[1].hidden", "mean model.hidden?"),
    bad("unknown key in when", HEAD + "when: {lr: {seed: 1}}\n", 4, "when.lr", "did you mean train.lr?"),
    bad("unknown key in a condition", HEAD + "when:\n  train.lr:\n    sed: 1\n", 6, "when.train.lr.sed", "mean seed?"),
    bad(
        "key of another variant",
        HEAD + "  model:\n    init:\n      name: smart_tanh\n      gain: 2\n",
        7,
        "base.model.init.gain",
        "has no meaning where model.init is smart_tanh",
        "allowed: name, std, connections, spectral_radius",
    ),
    bad(
        "key below another short form",
        HEAD + "  train: {clip: none}\ncases:\n  A: {train.clip.cutoff: 2}\n",
        6,
        "cases.A.train.clip.cutoff",
        "has no meaning where train.clip is none",
    ),
    bad(
        "set plainly and dotted",
        HEAD + "  seed: 1\n  train: {lr: 1}\n  train.lr: 2\n",
        6,
        "base.train.lr",
        "set twice, first in line 5",
    ),
    bad("no task", "study: s\n\nbase:\n  seed: 1\n", 3, "base.task", "is missing", "temporal_order"),
    bad("no task and no base", "study: s\nseeds: [1]\n", 1, "base.task", "is missing"),
    bad("task without a name", "study: s\nbase:\n  task:\n    min_length: 20\n", 3, "base.task.name", "is missing"),
]

VALUES = [
    bad("text for a number", HEAD + "  train: {lr: fast}\n",
        4, "base.train.lr", 'must be a number, not the text "fast"'),
    bad("quoted number", HEAD + "  train: {lr: '0.1'}\n", 4, "base.train.lr", "must be a number", "did you mean 0.1?"),
    bad("underscores", HEAD + "  train: {updates: 50_000}\n", 4, "base.train.updates", "did you mean 50000?"),
    bad("float for a count", HEAD + "  train: {batch: 2e1}\n", 4, "base.train.batch", "whole number", "mean 20?"),
    bad("boolean for a number", HEAD + "  train: {lr: true}\n", 4, "base.train.lr", "must be a number, not true"),
    bad("boolean for a count", HEAD + "  seed: false\n", 4, "base.seed", "must be a whole number, not false"),
    bad("null for a number", HEAD + "  train: {lr: ~}\n", 4, "base.train.lr", "must be a number, not null"),
    bad("list for a number", HEAD + "  train: {lr: [1]}\n", 4, "base.train.lr", "must be a number, not a list"),
    bad("mapping for a number", HEAD + "  train: {lr: {a: 1}}\n",
        4, "base.train.lr", "must be a number, not a mapping"),
    bad("number for a section", HEAD + "  train: 3\n", 4, "base.train", "must be a mapping, not 3"),
    bad("list for a section", HEAD + "  model: []\n", 4, "base.model", "must be a name or a mapping, not a list"),
    bad("empty section", HEAD + "  train: {}\n", 4, "base.train", "is an empty section"),
    bad("nan", HEAD + "  train: {lr: .nan}\n", 4, "base.train.lr", "finite number, not nan"),
    bad("infinity", HEAD + "  train:\n    clip: .inf\n", 5, "base.train.clip", "finite number, not inf"),
    bad("hidden 0", HEAD + "  model: {hidden: 0}\n", 4, "base.model.hidden", "must be at least 1, not 0"),
    bad("clip 0", HEAD + "  train: {clip: 0}\n", 4, "base.train.clip", "must be above 0, not 0"),
    bad("clip below 0", HEAD + "  train: {clip: -1.0}\n", 4, "base.train.clip", "must be above 0, not -1.0"),
    bad("clip a wrong word", HEAD + "  train: {clip: nothing}\n", 4, "base.train.clip", "allowed: rescale, none"),
    bad("clip true", HEAD + "  train: {clip: on}\n",
        4, "base.train.clip", 'cannot be the text "on"', "none, a number"),
    bad("omega below 0", HEAD + "  train: {omega: -0.5}\n", 4, "base.train.omega", "must be at least 0"),
    bad("omega a word", HEAD + "  train: {omega: big}\n", 4, "base.train.omega", "must be a number or a mapping"),
    bad("seed negative", HEAD + "  seed: -1\n", 4, "base.seed", "must be at least 0, not -1"),
    bad("saturation 1", HEAD + "  check: {saturation: 1}\n", 4, "base.check.saturation", "must be below 1, not 1"),
    bad(
        "unknown task",
        "study: s\nbase:\n  task: temporal_oder\n",
        3,
        "base.task",
        'cannot be the text "temporal_oder"',
        "allowed: temporal_order, temporal_order_3",
        "did you mean temporal_order?",
    ),
    bad("unknown init", HEAD + "  model: {init: smart_tahn}\n", 4, "base.model.init", "did you mean smart_tanh?"),
    bad("unknown model", HEAD + "  model: gur\n", 4, "base.model", "allowed: rnn, gru, lstm", "did you mean gru?"),
    bad("init of another model", HEAD + "  model: {name: gru, init: smart_tanh}\n", 4, "base.model.init",
        "allowed: course, orthogonal, xavier"),
    bad("option of another model", HEAD + "  model: {name: lstm, update_bias: 1}\n", 4, "base.model.update_bias",
        "has no meaning where model is lstm", "forget_bias"),
    bad("omega with a gated cell", HEAD + "  model: gru\n  train: {lr: 1, omega: 0.5}\n", 5, "base.train.omega",
        "train.omega.alpha 0.5 has no meaning for gru: Omega is the vanilla RNN's"),
    bad("omega with a gated cell of a case", HEAD + "cases:\n  A: {model: lstm, train.omega.alpha: 2}\n", 5,
        "cases.A.train.omega.alpha", "has no meaning for lstm"),
    bad("unknown init by name", HEAD + "  model.init.name: ortho\n", 4, "base.model.init.name", "mean orthogonal?"),
    bad("unknown activation", HEAD + "  model: {activation: tan}\n", 4, "base.model.activation", "did you mean tanh?"),
    bad(
        "length under 10", "study: s\nbase:\n  task:\n    name: temporal_order\n    min_length: 9\n", 5,
        "base.task.min_length", "must be at least 10, not 9",
    ),
    bad(
        "max below min in one section",
        "study: s\nbase:\n  task:\n    name: temporal_order\n    min_length: 90\n    max_length: 80\n",
        6,
        "base.task.max_length",
        "max_length 80 is below min_length 90",
    ),
    bad(
        "max below min through a case",
        HEAD + "cases:\n  A: {}\n  B:\n    task.min_length: 60\n",
        7,
        "cases.B.task.min_length",
        "max_length 50 is below min_length 60",
    ),
    bad("default max below min", "study: s\nbase:\n  task: {name: temporal_order, min_length: 300}\n", 3,
        "base.task.min_length", "max_length 200 is below min_length 300"),
    bad("chunk", HEAD + "  check: {chunk: 300}\n",
        4, "base.check.chunk", "samples 10000 is not a multiple of chunk 300"),
    bad("connections over hidden", HEAD + "  model: {hidden: 10}\n",
        4, "base.model.hidden", "init.connections 15 is more"),
    bad("connections a share above 1", HEAD + "  model.init: {connections: 1.5}\n", 4, "base.model.init.connections",
        "connections 1.5 is neither a count"),
    bad("bad value in a case", HEAD + "cases:\n  A: {}\n  B:\n    train.lr: x\n",
        7, "cases.B.train.lr", "must be a number"),
    bad("bad value that a grid covers", HEAD + "  train: {lr: x}\ngrid: {train.lr: [1]}\n",
        4, "base.train.lr", "number"),
    bad("bad value in exclude", HEAD + "exclude:\n- train.lr: 0.1\n- train.lr: '0.1'\n",
        6, "exclude[2].train.lr", "mean 0.1?"),
    bad("bad word in exclude", HEAD + "exclude: [{model.init: smart}]\n", 4, "exclude[1].model.init", "smart_tanh?"),
]  # fmt: skip

AXES = [
    bad("grid over nothing", HEAD + "grid:\n  train.lr: []\n",
        5, "grid.train.lr", "is an empty list"),
    bad("grid over a number", HEAD + "grid:\n  train.lr: 3\n",
        5, "grid.train.lr", "list of values", "allowed: linspace"),
    bad("bad value in a grid", HEAD + "grid:\n  train.lr:\n  - 0.1\n  - x\n", 7, "grid.train.lr", "must be a number"),
    bad("only one combination is bad",
        HEAD + "grid:\n  model.hidden: [50, 20]\n  model.init.connections: [10,\n    30]\n",
        7, "grid.model.init.connections", "init.connections 30 is more than hidden 20"),
    bad("unknown spacing", HEAD + "grid:\n  train.lr: {lospace: [1, 2, 3]}\n",
        5, "grid.train.lr.lospace", "mean logspace?"),
    bad("two spacings", HEAD + "grid:\n  train.lr: {range: [1, 2], linspace: [1, 2, 3]}\n",
        5, "grid.train.lr", "list of"),
    bad("logspace of 0 points", HEAD + "grid:\n  train.lr: {logspace: [1, 2, 0]}\n", 5, "grid.train.lr.logspace",
        "number of values must be a whole number from 1"),
    bad("logspace from 0", HEAD + "grid:\n  train.lr: {logspace: [0, 1, 3]}\n", 5, "grid.train.lr.logspace", "above 0"),
    bad("logspace without points", HEAD + "grid:\n  train.lr: {logspace: [1, 2]}\n", 5, "grid.train.lr.logspace",
        "must be [first, last, number of values]"),
    bad("linspace of words", HEAD + "grid:\n  train.lr: {linspace: [a, 2, 3]}\n", 5, "grid.train.lr.linspace", '"a"'),
    bad("linspace to infinity", HEAD + "grid:\n  train.lr: {linspace: [1, .inf, 3]}\n", 5, "grid.train.lr.linspace",
        "last must be a finite number, not inf"),
    bad("linspace of fractions for a count", HEAD + "grid:\n  model.hidden: {linspace: [20, 30.5, 3]}\n", 5,
        "grid.model.hidden.linspace", "must be a whole number"),
    bad("linspace below the limit", HEAD + "grid:\n  model.hidden: {linspace: [0, 20, 3]}\n", 5,
        "grid.model.hidden.linspace", "must be at least 1, not 0"),
    bad("range backwards", HEAD + "grid:\n  seed: {range: [5, 1]}\n", 5, "grid.seed.range", "there are not 1 to"),
    bad("range without a step", HEAD + "grid:\n  seed: {range: [1, 5, 0]}\n", 5, "grid.seed.range", "steps of 0"),
    bad("zip of unequal rows", HEAD + "zip:\n  g:\n  - {seed: 1, train.lr: 0.1}\n  - {seed: 2}\n", 7, "zip.g[2]",
        "rows must name the same keys", "train.lr"),
    bad("zip of no rows", HEAD + "zip: {g: []}\n", 4, "zip.g", "must be a list of rows"),
    bad("zip without a group", HEAD + "zip:\n- {seed: 1}\n", 5, "zip", "must be a mapping, not a list"),
    bad("zip with an empty row", HEAD + "zip:\n  g:\n  - {seed: 1}\n  - {}\n", 7, "zip.g[2]", "must be a row of keys"),
    bad("varied twice", HEAD + "zip:\n  g: [{seed: 1}]\nseeds: [1, 2]\n",
        6, "seeds", "seed is varied twice", "zip.g in line 5"),
    bad("random without n", HEAD + "random: {train.lr: {uniform: [0.1, 1]}}\n", 4, "random.n", "is missing"),
    bad("random of nothing", HEAD + "random: {n: 3}\n", 4, "random", "draws nothing"),
    bad("random n 0", HEAD + "random: {n: 0, train.lr: {uniform: [0.1, 1]}}\n", 4, "random.n", "whole number from 1"),
    bad("random n true", HEAD + "random: {n: yes, train.lr: {uniform: [0.1, 1]}}\n", 4, "random.n", '"yes"'),
    bad("random seed", HEAD + "random:\n  n: 3\n  seed: -1\n  train.lr: {uniform: [0.1, 1]}\n",
        6, "random.seed", "from 0"),
    bad("loguniform from 0", HEAD + "random:\n  n: 3\n  train.lr: {loguniform: [0, 1]}\n",
        6, "random.train.lr.loguniform",
        "bounds above 0 (they are values, not exponents)"),
    bad("uniform upside down", HEAD + "random:\n  n: 3\n  train.lr: {uniform: [1, 0.1]}\n",
        6, "random.train.lr.uniform",
        "low 1 must be below high 0.1"),
    bad("uniform for a count", HEAD + "random:\n  n: 3\n  model.hidden: {loguniform: [16, 64]}\n", 6,
        "random.model.hidden.loguniform", "use int_loguniform"),
    bad("int_uniform of fractions", HEAD + "random:\n  n: 3\n  model.hidden: {int_uniform: [16, 64.5]}\n", 6,
        "random.model.hidden.int_uniform", "bounds must be whole numbers"),
    bad("unknown distribution", HEAD + "random:\n  n: 3\n  train.lr: {normal: [0, 1]}\n", 6, "random.train.lr.normal",
        "no such distribution", "loguniform"),
    bad("bound that no run could take", HEAD + "random:\n  n: 1\n  train.lr: {uniform: [-1, 1]}\n", 6,
        "random.train.lr.uniform", "must be above 0, not -1.0"),
    bad("choice of nothing", HEAD + "random:\n  n: 1\n  train.lr: {choice: []}\n",
        6, "random.train.lr.choice", "empty list"),
    bad("seeds no list", HEAD + "seeds: 3\n", 4, "seeds", "must be a list of values"),
    bad("seeds not whole", HEAD + "seeds: [1, 1.5]\n", 4, "seeds", "must be a whole number, not 1.5"),
    bad("seeds no numbers", HEAD + "seeds:\n- 1\n- two\n", 6, "seeds", 'must be a whole number, not the text "two"'),
    bad("seeds below 0", HEAD + "seeds: [-3]\n", 4, "seeds", "must be at least 0, not -3"),
    bad("too many runs", HEAD + "grid:\n  seed: {range: [1, 2000]}\n  train.batch: {range: [1, 501]}\n", 5, "grid.seed",
        "1,002,000 runs, more than 100,000"),
]  # fmt: skip

CASES_AND_CONDITIONS = [
    bad("case without a label", HEAD + "cases:\n- {seed: 1}\n", 5, "cases", "must be a mapping, not a list"),
    bad("label twice", HEAD + "cases:\n  A: {}\n  A: {seed: 2}\n", 6, "cases.A", "written twice, first in line 5"),
    bad("blank in a label", HEAD + "cases:\n  A B: {}\n", 5, "cases.A B", "is not a name"),
    bad("equals sign in a label", HEAD + "cases: {lr=1: {}}\n", 4, "cases.lr=1", "is not a name"),
    bad("case left empty", HEAD + "cases:\n  A:\n", 5, "cases.A", "is empty", "{} for an empty mapping"),
    bad("null for a case", HEAD + "cases: {A: ~}\n", 4, "cases.A", "must be a mapping of changes to base"),
    bad("empty condition", HEAD + "exclude: [{}]\n", 4, "exclude[1]", "is empty"),
    bad("word for a condition", HEAD + "exclude: [a]\n", 4, "exclude[1]", "must be a mapping of keys to values"),
    bad("condition on nothing", HEAD + "exclude: [{seed: []}]\n", 4, "exclude[1].seed", "matches nothing"),
    bad("everything excluded", HEAD + "seeds: [1, 2]\nexclude:\n- {seed: [1, 2]}\n",
        6, "exclude", "leaves no run: all 2"),
    bad("when drops the task", HEAD + "when: {task: {seed: 1}}\n", 4, "when.task", "every run needs it"),
    bad("when on itself", HEAD + "when:\n  train.lr: {train.lr: 1}\n",
        5, "when.train.lr", "in a circle"),
    bad("when in a circle", HEAD + "when:\n  train.lr: {train.batch: 1}\n  train.batch: {train.lr: 1}\n", 5,
        "when.train.lr", "in a circle"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line", "key", "fragments"), YAML + SECTIONS + KEYS + VALUES + AXES + CASES_AND_CONDITIONS
)
def test_a_mistake_is_answered_with_its_place_and_what_is_right(text, line, key, fragments):
    with pytest.raises(SpecError) as caught:
        read_study(text, "studies/s.yaml")
    message = str(caught.value)
    assert (caught.value.line, caught.value.key) == (line, key), message
    assert message.startswith(f"studies/s.yaml:{line}: "), message
    assert message.isprintable(), "one line, no control characters"
    for fragment in fragments:
        assert fragment in message
