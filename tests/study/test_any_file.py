"""Whatever a file says, the answer is a study or one line with a place in the file."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from rnnctl.study.errors import SpecError
from rnnctl.study.loading import Study, read_study
from rnnctl.study.schema import KEYS

WORDS = [".".join(path) for path in KEYS] + ["lr", "n", "seed", "A", "name", "none", "smart_tanh", "temporal_order"]
WORDS += ["logspace", "linspace", "range", "choice", "uniform", "loguniform", "int_uniform", "cutoff", ""]
WORDS += ["ask", "measure", "where", "expect", "lowest", "order", "value", "ratio", "of", "rho@20"]
WORDS += ["best", "below", "by", "variants", "if", "10%", "loss"]
SECTIONS = ["base", "cases", "grid", "zip", "random", "exclude", "when", "seeds", "refine", "questions"]
SCALARS = st.sampled_from(WORDS) | st.integers(-2, 70) | st.floats(-2, 2) | st.booleans() | st.none()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=3),
    max_leaves=8,
)
GOOD = {
    "base": {"task": "temporal_order", "train": {"clip": 1.0}},
    "cases": {"A": {}, "B": {"train.lr": 0.1}},
    "grid": {"model.hidden": [20, 30], "model.init": ["smart_tanh", "orthogonal"]},
    "zip": {"g": [{"train.batch": 1}, {"train.batch": 2}]},
    "random": {"n": 2, "train.omega": {"uniform": [0.1, 1]}},
    "exclude": [{"model.hidden": 20, "train.batch": 1}],
    "when": {"train.omega": {"model.init": "smart_tanh"}},
    "seeds": [1, 2],
    "questions": [{"ask": "Which is best?", "claim": "None.", "measure": "loss"}],
    "refine": {"best": "10%", "variants": {"A": {"train.updates": 9, "if": {"model.hidden": 20}}}},
}


@given(
    st.dictionaries(st.sampled_from(SECTIONS), VALUES, max_size=4),
    st.sets(st.sampled_from(SECTIONS)),
    st.sampled_from([None, 1]),
)
def test_any_values_in_any_section_give_a_study_or_one_line(replaced, kept, indent):
    content = {"study": "s", **{name: GOOD[name] for name in kept | {"base"}}, **replaced}
    text = json.dumps(content, indent=indent)
    try:
        result = read_study(text, "s.yaml")
    except SpecError as error:
        result = error
    if isinstance(result, Study):
        assert result.runs
        assert len({run.label for run in result.runs}) == len(result.runs)
    else:
        assert str(result).isprintable()
        assert 1 <= result.line <= text.count("\n") + 1
        assert result.key
