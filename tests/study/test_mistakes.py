"""The mistakes of new users: what they write, and the one line that answers it.

Each file in the folder `mistakes` has many. A block is a name, a study, and after `---` the place of the mistake and
texts that the line must contain. `accepted` in front of the place: the study is read, and the line is a warning.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from rnnctl.study.errors import SpecError
from rnnctl.study.loading import read_study

FOLDER = Path(__file__).parent / "mistakes"


class Mistake(NamedTuple):
    study: str
    accepted: bool
    place: str
    fragments: list[str]


def mistakes() -> list:
    """Return the mistakes of all files as parameters of a test, under their names."""
    parameters = []
    for path in sorted(FOLDER.glob("*.txt")):
        for block in path.read_text().split("=== ")[1:]:
            name, rest = block.split("\n", 1)
            study, answer = rest.split("\n---\n")
            place, *fragments = answer.splitlines()
            accepted = place.startswith("accepted")
            mistake = Mistake(study + "\n", accepted, place.removeprefix("accepted").strip(), fragments)
            parameters.append(pytest.param(mistake, id=f"{path.stem}: {name}"))
    return parameters


MISTAKES = mistakes()


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_new_user_is_told_what_is_wrong_and_what_is_right(mistake: Mistake):
    if mistake.accepted:
        lines = list(read_study(mistake.study, "s.yaml").warnings)
    else:
        with pytest.raises(SpecError) as caught:
            read_study(mistake.study, "s.yaml")
        lines = [str(caught.value)]
    if not mistake.place:
        assert lines == []
        return
    (answer,) = (line for line in lines if line.startswith(f"s.yaml:{mistake.place}: "))
    assert answer.isprintable(), "one line, no control characters"
    assert [fragment for fragment in mistake.fragments if fragment not in answer] == [], answer


def test_there_are_more_than_ninety_of_them():
    assert len({parameter.id for parameter in MISTAKES}) == len(MISTAKES) > 300
