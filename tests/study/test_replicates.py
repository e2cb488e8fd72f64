"""Other seeds for a study: its text changes in that and nothing else."""

import pytest

from rnnctl.study import yaml
from rnnctl.study.errors import SpecError
from rnnctl.study.loading import load_study
from rnnctl.study.replicates import with_seeds

HEAD = "study: s\nbase:\n  task: temporal_order  # a comment\n  seed: 7\n"
TAIL = "\n# about what follows\nexclude:\n  - {seed: 3}\n"


@pytest.mark.parametrize(
    ("before", "own", "after", "expected"),
    [
        (HEAD, "", "", HEAD + "seeds: [4, 5]\n"),
        (HEAD[:-1], "", "", HEAD + "seeds: [4, 5]\n"),
        (HEAD, "seeds: [1, 2]\n", "", HEAD + "seeds: [4, 5]\n"),
        (HEAD, "seeds: [1, 2]\n", TAIL, HEAD + "seeds: [4, 5]\n" + TAIL),
        (HEAD, "seeds:\n  - 1\n  # not in the next\n  - 2\n", TAIL, HEAD + "seeds: [4, 5]\n" + TAIL),
        (HEAD, "seeds:\n  range:\n    [1,\n    8]", "", HEAD + "seeds: [4, 5]\n"),
    ],
)
def test_only_the_section_changes(before, own, after, expected):
    assert with_seeds(before + own + after, [4, 5]) == expected


@pytest.mark.parametrize("name", ["quickstart", "temporal-order-ec", "temporal-order-short", "text-truncation"])
def test_a_packaged_study_takes_other_seeds(name):
    before, after = load_study(name), load_study(name, [11, 12])
    assert {run.spec.seed for run in after.runs} == {11, 12}
    configurations = {run.spec.config_id for run in before.runs}
    assert {run.spec.config_id for run in after.runs} == configurations
    assert len(after.runs) == 2 * len(configurations)
    assert after.about == before.about
    assert (after.recipe is None) == (before.recipe is None)


@pytest.mark.parametrize(
    "text",
    [
        "{study: s, base: {task: addition}}",
        "{study: s,\nseeds: [1],\nbase: {task: addition}}",
        "study: s\nseeds: &own [1, 2]\ngrid: {train.lr: *own}\n",
    ],
)
def test_a_text_that_cannot_take_them_is_refused(text):
    yaml.parse(text)
    with pytest.raises(SpecError, match="sections begin on lines of their own"):
        with_seeds(text, [4, 5])
